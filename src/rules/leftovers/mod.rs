//! What a build leaves behind.

pub mod build_tools_left;
pub mod context_file_left;
pub mod package_cache_left;
