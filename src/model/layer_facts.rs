//! What one layer gave: a pure function of its bytes, so that it can be computed in any order and kept by digest.
//!
//! Not here: what the layer means on top of others (`view`).

use crate::model::digest::Digest;
use crate::model::path::{PathId, PathTable};
use crate::model::program::Head;
use std::collections::BTreeMap;

/// How a layer's tar is stored, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// A plain tar.
    None,
    /// One or more gzip members (RFC 1952).
    Gzip,
    /// One or more zstd frames (RFC 8878).
    Zstd,
}

impl Compression {
    /// `plain`, `gzip`, `zstd`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "plain",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// Another name for a file that came before or lies below.
    Hardlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// `.wh.NAME`: NAME of the layers below is gone. The entry's path is the path it hides.
    Whiteout,
    /// `.wh..wh..opq`: everything of the layers below in this directory is gone. The entry's path is the directory.
    Opaque,
    /// Metadata of AUFS (`.wh..wh.*`), which no runtime shows. Files among it may be what a hardlink names.
    Aufs,
    /// A type that no reader unpacks.
    Other,
}

/// One entry of a layer, in the order of the tar.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it lies; for whiteouts, what it hides.
    pub path: PathId,
    /// What it is.
    pub kind: Kind,
    /// Permission bits and setuid, setgid, sticky (07777).
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970; 0 where the header's own value makes no sense.
    pub mtime: i64,
    /// Bytes of content; for sparse files with the holes.
    pub size: u64,
    /// Index into [`LayerFacts::texts`]: the target of a link, or `major:minor` of a device.
    pub text: u32,
    /// Index into [`LayerFacts::content_hashes`], for regular files.
    pub content: u32,
}

/// No text, no content.
pub const NONE: u32 = u32::MAX;

/// Counts of a layer's entries by kind. Whiteouts, opaque markers and AUFS metadata stand apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Regular files.
    pub file: u64,
    /// Directories.
    pub dir: u64,
    /// Symbolic links.
    pub symlink: u64,
    /// Hardlinks.
    pub hardlink: u64,
    /// Character devices.
    pub char: u64,
    /// Block devices.
    pub block: u64,
    /// Named pipes.
    pub fifo: u64,
    /// Types that no reader unpacks.
    pub other: u64,
    /// Whiteouts, the malformed ones included.
    pub whiteouts: u64,
    /// Opaque markers.
    pub opaque: u64,
    /// AUFS metadata.
    pub aufs: u64,
}

impl Counts {
    /// All entries but whiteouts, opaque markers and AUFS metadata.
    pub fn entries(&self) -> u64 {
        self.file + self.dir + self.symlink + self.hardlink + self.char + self.block + self.fifo + self.other
    }
}

/// Where a layer's bytes went. All in bytes; the parts of the tar add up to [`Sizes::tar`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// As stored in the input.
    pub stored: u64,
    /// Uncompressed.
    pub tar: u64,
    /// Logical sizes of regular files, holes of sparse files included.
    pub regular: u64,
    /// Of those, bytes that are not stored: the holes, less the maps.
    pub sparse_delta: i64,
    /// Stored content of entries that are no regular files.
    pub other_payload: u64,
    /// Headers, with the extension headers and their padding.
    pub header: u64,
    /// Zeros that round content up to 512.
    pub padding: u64,
    /// Everything behind the last entry.
    pub trailing: u64,
    /// Part of `trailing`: from the first block that is not zeros.
    pub after_end: u64,
    /// Stored bytes behind the end of the compressed stream.
    pub after_stream: u64,
}

/// A file kept whole because a rule reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Its bytes.
    Whole(Box<[u8]>),
    /// Larger than the bound, in bytes; nothing was kept.
    TooLarge(u64),
}

/// A place where the layer is broken although its bytes are the ones that the digests name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where, as the archive spells it.
    pub path: Vec<u8>,
    /// What is wrong, a fragment for people.
    pub what: String,
}

/// An extended attribute that changes what a file may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xattr {
    /// Its name, such as `security.capability`.
    pub name: Box<[u8]>,
    /// Its raw value.
    pub value: Box<[u8]>,
}

/// Everything that was taken from one layer.
pub struct LayerFacts {
    /// Digest of the uncompressed tar, computed.
    pub diff_id: Digest,
    /// Digest of the stored bytes, computed.
    pub digest: Digest,
    /// Told by the first bytes.
    pub compression: Compression,
    /// Where the bytes went.
    pub sizes: Sizes,
    /// Entries by kind.
    pub counts: Counts,
    /// All paths of the layer.
    pub paths: PathTable,
    /// The entries, in the order of the tar.
    pub entries: Vec<Entry>,
    /// Link targets and device numbers.
    pub texts: Vec<Box<[u8]>>,
    /// XXH3-128 of each regular file's content: tells "same bytes" apart from "other bytes", not meant against forgers.
    pub content_hashes: Vec<u128>,
    /// SHA-256 of each regular file's content, where it was asked for; `None` for sparse files with larger holes than
    /// [`crate::limits::HASHED_HOLE_BYTES`].
    pub content_digests: Option<Vec<Option<[u8; 32]>>>,
    /// Files kept whole, by entry.
    pub kept: BTreeMap<u32, Kept>,
    /// The beginnings of programs, scripts and libraries, by entry.
    pub heads: BTreeMap<u32, Head>,
    /// Extended attributes that matter, by entry.
    pub xattrs: BTreeMap<u32, Vec<Xattr>>,
    /// Places that are broken.
    pub malformed: Vec<Malformed>,
    /// Things that readers treat differently and that were read as Go's archive/tar does, as fragments for people.
    pub odd: Vec<String>,
}

impl LayerFacts {
    /// The target of a link, or `major:minor` of a device; empty for others.
    pub fn text(&self, entry: &Entry) -> &[u8] {
        self.texts.get(entry.text as usize).map_or(b"", |text| text)
    }

    /// The content hash of a regular file.
    pub fn content_hash(&self, entry: &Entry) -> Option<u128> {
        self.content_hashes.get(entry.content as usize).copied()
    }

    /// The SHA-256 of a regular file's content, where it was asked for.
    pub fn content_digest(&self, entry: &Entry) -> Option<[u8; 32]> {
        self.content_digests.as_ref()?.get(entry.content as usize).copied().flatten()
    }
}
