//! Who the program runs as.

pub mod root_user;
pub mod unknown_user;
