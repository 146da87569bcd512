//! Rules about names and tags.

pub mod floating_tag;
