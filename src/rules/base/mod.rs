//! Rules about names, tags and bases.

pub mod floating_tag;
