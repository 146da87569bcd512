//! Rules about the config document itself.

pub mod ambiguous_config;
pub mod ambiguous_layer;
