//! The integration tests, in one binary. They run the command line on images that they build, or on images in a
//! directory outside the project (`PLIMSOLL_CORPUS`, `PLIMSOLL_HOSTILE`). Unit tests are next to their code.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod cli;
mod corpus;
mod corpus_facts;
mod corpus_lang;
mod corpus_rules;
mod corpus_start;
mod docs;
mod elf;
mod examples;
mod fixes;
mod formats;
mod hello;
mod hostile;
mod hostile_documents;
mod hostile_layers;
mod image;
mod judged;
mod lang_reality;
mod loader;
mod loader_reality;
mod model;
mod notation;
mod peers;
mod policy;
mod readers;
mod reality;
mod rules;
mod shapes;
mod sources;
mod streams;
mod support;
mod tarball;
mod tidy;
mod view_model;
