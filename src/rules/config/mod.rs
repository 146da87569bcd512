//! Rules about ambiguities in the image's format.

pub mod ambiguous_config;
pub mod ambiguous_layer;
