//! What languages ask of an image before a program in them can do its work: modules, scripts, build results.
//!
//! Pure functions over [`Ground`](crate::facts::proof::ground::Ground); each module names the documentation it follows.
//! Not here: which program is started, and whether its interpreter can be executed.

pub mod apps;
pub mod options;
pub mod python;
