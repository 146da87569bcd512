//! Data types shared by all stages, without I/O.

pub mod bytes;
pub mod config;
pub mod digest;
pub mod fault;
pub mod finding;
pub mod fingerprint;
pub mod image;
pub mod layer_facts;
pub mod path;
pub mod program;
pub mod secret;
pub mod text;
