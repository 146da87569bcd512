//! Why an image cannot be judged: damage, or a limit that was reached.
//!
//! Not here: faults of streams (`stream::fault`), or what a fault means for the verdict.

use crate::model::digest::Digest;
use crate::model::text::shown_bytes;
use std::fmt;

/// Why an image cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageFault {
    /// One of its layers cannot be used.
    Layer {
        /// 0 is the bottom layer.
        index: usize,
        /// The digest of its stored bytes, if the manifest names it.
        digest: Option<Digest>,
        /// What is wrong with it.
        fault: LayerFault,
    },
    /// The input contains two different descriptions of the image: how they differ, as a clause.
    Contradiction(String),
    /// A Windows image.
    Windows,
    /// A limit on the whole image was reached: which, as a clause.
    Limit(String),
}

/// What is wrong with a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerFault {
    /// Its bytes are missing: why, as a clause.
    Missing(String),
    /// Its bytes cannot be read to the end.
    Unreadable {
        /// Where, if at one offset.
        offset: Option<Offset>,
        /// What is wrong there, the offset included.
        what: String,
    },
    /// The stored bytes are not the ones that the manifest names.
    Digest {
        /// What the manifest says.
        named: Digest,
        /// What was computed.
        found: Digest,
    },
    /// The tar is not the one that the config names.
    DiffId {
        /// What the config says.
        named: Digest,
        /// What was computed.
        found: Digest,
    },
    /// An entry of the tar has no defined meaning.
    Entry {
        /// Its name, as bytes.
        path: Vec<u8>,
        /// What is wrong with it, as a clause.
        what: String,
    },
    /// It could be read once, but not a second time.
    Again(Box<LayerFault>),
}

/// A place in a layer, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// From the start of the stored bytes.
    Stored(u64),
    /// From the start of the uncompressed tar.
    Tar(u64),
}

impl ImageFault {
    /// The index of the layer it is about, 0 for the bottom layer, and that layer's digest.
    pub fn layer(&self) -> Option<(usize, Option<&Digest>)> {
        match self {
            ImageFault::Layer { index, digest, .. } => Some((*index, digest.as_ref())),
            _ => None,
        }
    }

    /// Where in the layer it is, if at one offset.
    pub fn offset(&self) -> Option<Offset> {
        match self {
            ImageFault::Layer { fault, .. } => fault.offset(),
            _ => None,
        }
    }
}

impl LayerFault {
    fn offset(&self) -> Option<Offset> {
        match self {
            LayerFault::Unreadable { offset, .. } => *offset,
            LayerFault::Again(fault) => fault.offset(),
            _ => None,
        }
    }
}

/// The fault as a clause that is harmless to show, without the layer, because report formats count layers differently.
impl fmt::Display for ImageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageFault::Layer { fault, .. } => write!(f, "{fault}"),
            ImageFault::Contradiction(how) => f.write_str(how),
            ImageFault::Windows => {
                f.write_str("a Windows image: plimsoll doesn't support Windows layers and permissions")
            }
            ImageFault::Limit(which) => f.write_str(which),
        }
    }
}

impl fmt::Display for LayerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayerFault::Missing(why) => f.write_str(why),
            LayerFault::Unreadable { what, .. } => f.write_str(what),
            LayerFault::Digest { named, found } => {
                write!(f, "digest mismatch: the manifest names {named}, but its bytes hash to {found}")
            }
            LayerFault::DiffId { named, found } => {
                write!(f, "diff_id mismatch: the config names {named}, but the layer's tar hashes to {found}")
            }
            LayerFault::Entry { path, what } => write!(f, "{}: {what}", shown_bytes(path)),
            LayerFault::Again(fault) => write!(f, "on a second read: {fault}"),
        }
    }
}
