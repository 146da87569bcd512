//! Rules about permissions and ownership.

pub mod code_writable_by_user;
pub mod needs_writable_root;
pub mod setuid_program;
pub mod workdir_owner;
pub mod world_writable;
