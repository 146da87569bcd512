//! Rules about secrets.

pub mod secret_in_env;
