//! Rules about leftovers of the build.

pub mod build_tools_left;
pub mod context_file_left;
pub mod package_cache_left;
