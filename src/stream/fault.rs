//! What can be wrong with a stream of bytes, and where in it.

use crate::limits;
use crate::model::fault::LayerFault;
use crate::model::fault::Offset;
use crate::model::text::bytes;
use std::io;

/// Why a blob or a tar could not be read to its end. Offsets are bytes from the start of the blob (`stored`) or of the
/// uncompressed tar (`at`).
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The operating system refused.
    #[error("read error at byte {stored}: {source}")]
    Io {
        /// Offset in the stored bytes.
        stored: u64,
        /// What it said.
        source: io::Error,
    },
    /// Shorter than it was when it was opened, or than the archive's index says.
    #[error("unexpected end at byte {stored}: truncated")]
    Short {
        /// Offset in the stored bytes.
        stored: u64,
    },
    /// A gzip stream that breaks RFC 1952.
    #[error("corrupt gzip stream near byte {stored}: {what}")]
    Gzip {
        /// Offset in the stored bytes.
        stored: u64,
        /// The decoder's words.
        what: String,
    },
    /// A zstd stream that breaks RFC 8878.
    #[error("corrupt zstd frame near byte {stored}: {what}")]
    Zstd {
        /// Offset in the stored bytes.
        stored: u64,
        /// The decoder's words.
        what: String,
    },
    /// A window that would take too much memory.
    #[error("zstd frame at byte {stored} wants a window of {window} bytes, over the limit of {} (zstd window)", 1u64 << limits::ZSTD_WINDOW_LOG)]
    ZstdWindow {
        /// Offset in the stored bytes.
        stored: u64,
        /// In bytes.
        window: u64,
    },
    /// A compression that no image specification names.
    #[error("{0} compression is unsupported: layers are tar, gzip or zstd")]
    Compression(&'static str),
    /// Past [`limits::LAYER_BYTES`].
    #[error("unpacks to more than {}, the limit for one layer (layer bytes)", bytes(limits::LAYER_BYTES))]
    TooLarge,
    /// Past [`limits::RATIO_FROM_BYTES`] and [`limits::RATIO`].
    #[error(
        "unpacks to over {} at more than {}:1, a ratio beyond the limit (decompression bomb)",
        bytes(limits::RATIO_FROM_BYTES),
        limits::RATIO
    )]
    Ratio,
    /// A tar that Go's archive/tar refuses too.
    #[error("tar: {what} (at byte {at} of the tar)")]
    Tar {
        /// Offset in the uncompressed tar.
        at: u64,
        /// What is wrong there.
        what: TarFault,
    },
    /// The consumer asked to stop; it holds the reason.
    #[error("stopped")]
    Stopped,
}

impl Fault {
    /// Where it is, if one place is to blame.
    pub fn offset(&self) -> Option<Offset> {
        match self {
            Fault::Io { stored, .. }
            | Fault::Short { stored }
            | Fault::Gzip { stored, .. }
            | Fault::Zstd { stored, .. }
            | Fault::ZstdWindow { stored, .. } => Some(Offset::Stored(*stored)),
            Fault::Tar { at, .. } => Some(Offset::Tar(*at)),
            Fault::Compression(_) | Fault::TooLarge | Fault::Ratio | Fault::Stopped => None,
        }
    }
}

impl From<&Fault> for LayerFault {
    fn from(fault: &Fault) -> LayerFault {
        LayerFault::Unreadable { offset: fault.offset(), what: fault.to_string() }
    }
}

/// What is wrong with a tar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TarFault {
    /// Sum of the header's bytes.
    #[error("header with a wrong checksum")]
    Checksum,
    /// Not octal, negative, or more than 63 bits.
    #[error("invalid number in the header field {0}")]
    Number(&'static str),
    /// The length prefix, the form or the value of a record.
    #[error("malformed PAX extension header record{0}")]
    Pax(&'static str),
    /// Past [`limits::EXTENSION_BYTES`].
    #[error("extension header of {size} bytes, over the limit of {} (extension header)", limits::EXTENSION_BYTES)]
    ExtensionTooLarge {
        /// Bytes that it claims.
        size: u64,
    },
    /// One zero block, then something else.
    #[error("invalid header: a lone zero block before further entries")]
    LoneZeroBlock,
    /// The end came inside a header.
    #[error("truncated inside a header")]
    CutHeader,
    /// The end came inside content.
    #[error("truncated inside the data of an entry")]
    CutBody,
    /// Offsets that overlap, go backwards or leave the file.
    #[error("invalid sparse file map")]
    Sparse,
    /// Past [`limits::SPARSE_EXTENTS`].
    #[error("sparse file map over the limit of {} extents (sparse extents)", limits::SPARSE_EXTENTS)]
    SparseTooLarge,
    /// Past [`limits::PATH_BYTES`].
    #[error("name of {len} bytes, over the limit of {} (path bytes)", limits::PATH_BYTES)]
    NameTooLong {
        /// Bytes that it has.
        len: usize,
    },
    /// Past [`limits::LAYER_ENTRIES`].
    #[error("more than {} entries, the limit for one layer (layer entries)", limits::LAYER_ENTRIES)]
    TooManyEntries,
    /// Past [`limits::PATHS`] or [`limits::NAME_BYTES`].
    #[error("more paths or longer names than one layer may hold (paths, name bytes)")]
    TooManyPaths,
}
