//! Rules about the program that is started.

pub mod binds_to_loopback;
pub mod missing_init;
pub mod shell_form_command;
