//! Rules about the command.

pub mod binds_to_loopback;
pub mod command_cannot_run;
pub mod missing_init;
pub mod shell_form_command;
