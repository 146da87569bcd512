//! Rules about the image's size.

pub mod wasted_space;
