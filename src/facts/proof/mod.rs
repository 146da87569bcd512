//! The proof that what the config names can run: each step from a word to a program, its interpreter and its libraries.
//!
//! In: the config and the merged view. Out: the steps that were taken, what is certainly wrong, what stays open. Not here:
//! which of it matters (`rules`).

pub mod ground;
pub mod lang;
