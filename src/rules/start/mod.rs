//! Rules about the program that is started.

pub mod binds_to_loopback;
pub mod shell_form_command;
