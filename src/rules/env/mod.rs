//! Rules about environment variables.

pub mod bad_env_value;
pub mod unusable_path_entry;
