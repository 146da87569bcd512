//! The merged filesystem.

/// The merged view.
pub struct View {}
