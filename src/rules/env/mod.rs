//! Rules about environment variables.

pub mod bad_env_value;
