//! What can be wrong with a byte stream, and at which offset.

use crate::limits;
use crate::model::fault::LayerFault;
use crate::model::fault::Offset;
use crate::model::text::bytes;
use std::io;

/// Why a blob or a tar could not be read to its end. `stored` is an offset in the blob, `at` an offset in the
/// uncompressed tar, both in bytes.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The read failed.
    #[error("read error at byte {stored}: {source}")]
    Io {
        /// Offset in the stored bytes.
        stored: u64,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The blob is shorter than when it was opened, or than the archive's index says.
    #[error("unexpected end at byte {stored}: truncated")]
    Short {
        /// Offset in the stored bytes.
        stored: u64,
    },
    /// A gzip stream that violates RFC 1952.
    #[error("corrupt gzip stream near byte {stored}: {what}")]
    Gzip {
        /// Offset in the stored bytes.
        stored: u64,
        /// The decoder's message.
        what: String,
    },
    /// A zstd stream that violates RFC 8878.
    #[error("corrupt zstd frame near byte {stored}: {what}")]
    Zstd {
        /// Offset in the stored bytes.
        stored: u64,
        /// The decoder's message.
        what: String,
    },
    /// A zstd window that would take too much memory.
    #[error("zstd frame at byte {stored} needs a window of {window} bytes, over the limit of {} (zstd window)", 1u64 << limits::ZSTD_WINDOW_LOG)]
    ZstdWindow {
        /// Offset in the stored bytes.
        stored: u64,
        /// Window size in bytes.
        window: u64,
    },
    /// A compression that the image specifications don't define.
    #[error("{0} compression is unsupported: expected an uncompressed, gzip or zstd tar")]
    Compression(&'static str),
    /// Over [`limits::LAYER_BYTES`].
    #[error("decompresses to more than {}, the limit for one layer (layer bytes)", bytes(limits::LAYER_BYTES))]
    TooLarge,
    /// Over both [`limits::RATIO_FROM_BYTES`] and [`limits::RATIO`].
    #[error(
        "decompresses to more than {} at a ratio above {}:1, the limit (decompression bomb)",
        bytes(limits::RATIO_FROM_BYTES),
        limits::RATIO
    )]
    Ratio,
    /// A tar that Go's archive/tar rejects as well.
    #[error("tar: {what} (at byte {at} of the tar)")]
    Tar {
        /// Offset in the uncompressed tar.
        at: u64,
        /// What is wrong at that offset.
        what: TarFault,
    },
    /// The consumer stopped reading and keeps the reason.
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
    /// The header's checksum doesn't match its bytes.
    #[error("header checksum mismatch")]
    Checksum,
    /// Not octal, negative or longer than 63 bits.
    #[error("invalid number in the header field {0}")]
    Number(&'static str),
    /// A record whose length, syntax or value is wrong.
    #[error("malformed PAX extension header record{0}")]
    Pax(&'static str),
    /// Over [`limits::EXTENSION_BYTES`].
    #[error("extension header of {size} bytes, over the limit of {} (extension header)", limits::EXTENSION_BYTES)]
    ExtensionTooLarge {
        /// Size in its header, in bytes.
        size: u64,
    },
    /// One zero block, then a block that is not zero.
    #[error("invalid header: a single zero block before further entries")]
    LoneZeroBlock,
    /// The tar ends inside a header.
    #[error("truncated inside a header")]
    TruncatedHeader,
    /// The tar ends inside an entry's data.
    #[error("truncated inside the data of an entry")]
    TruncatedData,
    /// Extents that overlap, are out of order or exceed the file.
    #[error("invalid sparse file map")]
    Sparse,
    /// Over [`limits::SPARSE_EXTENTS`].
    #[error("sparse file map has more than {} extents, the limit (sparse extents)", limits::SPARSE_EXTENTS)]
    SparseTooLarge,
    /// Over [`limits::PATH_BYTES`].
    #[error("name of {len} bytes, over the limit of {} (path bytes)", limits::PATH_BYTES)]
    NameTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Over [`limits::LAYER_ENTRIES`].
    #[error("more than {} entries, the limit for one layer (layer entries)", limits::LAYER_ENTRIES)]
    TooManyEntries,
    /// Over [`limits::PATHS`] or [`limits::NAME_BYTES`].
    #[error("paths or names exceed the limit for one layer (paths, name bytes)")]
    TooManyPaths,
}
