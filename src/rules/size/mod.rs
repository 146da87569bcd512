//! What the image weighs.

pub mod wasted_space;
