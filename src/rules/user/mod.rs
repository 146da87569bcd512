//! Rules about the image's user.

pub mod non_numeric_user;
pub mod root_user;
pub mod unknown_user;
pub mod user_outside_group;
