//! Bytes that were shipped and can no longer be seen, by cause.

use crate::view::NodeId;
use crate::view::View;

/// Why a file can no longer be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The layer has the same content there again, with another mode, owner, time or attribute.
    MetadataOnly,
    /// The layer has other content there.
    Replaced,
    /// The layer has something there that is no file, or made a directory above it something else.
    TypeChange,
    /// A whiteout of exactly this path.
    Deleted,
    /// An opaque marker on a directory above it.
    Opaque,
    /// A whiteout of a directory above it.
    AncestorDeleted,
    /// It could not be placed at all.
    Unplaceable,
}

impl Cause {
    /// In the order of reports.
    pub const ALL: [Cause; 7] = [
        Cause::MetadataOnly,
        Cause::Replaced,
        Cause::TypeChange,
        Cause::Deleted,
        Cause::Opaque,
        Cause::AncestorDeleted,
        Cause::Unplaceable,
    ];
}

/// What differs between a file and its copy with the same content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Permission bits.
    pub mode: bool,
    /// Owner or group.
    pub owner: bool,
}

/// A file that can no longer be seen.
#[derive(Clone, Copy, Debug)]
pub struct Hidden {
    /// The path that was taken from it last.
    pub node: NodeId,
    /// Bytes.
    pub size: u64,
    /// The layer that shipped it.
    pub layer: usize,
    /// The layer that hid it.
    pub by: usize,
    /// How.
    pub cause: Cause,
    /// For [`Cause::MetadataOnly`].
    pub changed: Changed,
}

impl View {
    /// Every regular file that was shipped and can no longer be seen, in the order in which they were hidden.
    pub fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }

    /// Bytes of the regular files that can be seen, each file once however many names it has.
    pub fn visible_bytes(&self) -> u64 {
        let shipped: u64 = self.layers.iter().map(|layer| layer.sizes.regular).sum();
        shipped.saturating_sub(self.wasted_bytes())
    }

    /// Bytes of the regular files that can no longer be seen.
    pub fn wasted_bytes(&self) -> u64 {
        self.hidden.iter().map(|hidden| hidden.size).sum()
    }
}
