//! Plain data that every stage shares: no I/O, no decisions.

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
