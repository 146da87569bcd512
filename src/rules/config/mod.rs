//! Rules about the config document itself.

pub mod ambiguous_config;
