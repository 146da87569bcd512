//! All integration tests, in one program.

mod cli;
mod docs;
