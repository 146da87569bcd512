//! Files that ship but are hidden, by cause.

use crate::view::NodeId;
use crate::view::View;

/// Why a file is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The layer has the same content at its path again, with a different mode, owner, time or attribute.
    MetadataOnly,
    /// The layer has different content at its path.
    Replaced,
    /// The layer replaced it with something other than a file, or replaced a directory above it.
    TypeChange,
    /// A whiteout of its path.
    Deleted,
    /// An opaque whiteout on a directory above it.
    Opaque,
    /// A whiteout of a directory above it.
    AncestorDeleted,
    /// Its entry could not be placed.
    Unplaceable,
}

/// What differs between a file and its copy with the same content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Permission bits.
    pub mode: bool,
    /// Owner or group.
    pub owner: bool,
}

/// A hidden file.
#[derive(Clone, Copy, Debug)]
pub struct Hidden {
    /// The last name that it lost.
    pub node: NodeId,
    /// Size in bytes.
    pub size: u64,
    /// The layer that shipped it.
    pub layer: usize,
    /// The layer that hid it.
    pub by: usize,
    /// Why.
    pub cause: Cause,
    /// What changed, for [`Cause::MetadataOnly`].
    pub changed: Changed,
}

impl View {
    /// The hidden regular files, in the order in which they were hidden.
    pub fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }

    /// Total size of the visible regular files, in bytes. A file with several names counts once.
    pub fn visible_bytes(&self) -> u64 {
        let shipped: u64 = self.layers.iter().map(|layer| layer.sizes.regular).sum();
        shipped.saturating_sub(self.wasted_bytes())
    }

    /// Total size of the hidden regular files, in bytes.
    pub fn wasted_bytes(&self) -> u64 {
        self.hidden.iter().map(|hidden| hidden.size).sum()
    }
}
