//! The facts of one layer. They depend only on its bytes, so layers can be read in any order.
//!
//! Not here: merging layers (`view`).

use crate::model::digest::Digest;
use crate::model::path::{PathId, PathTable};
use crate::model::program::Head;
use std::collections::BTreeMap;

/// The compression of a layer's tar, as detected from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Uncompressed.
    None,
    /// One or more gzip members (RFC 1952).
    Gzip,
    /// One or more zstd frames (RFC 8878).
    Zstd,
}

impl Compression {
    /// The name: `plain`, `gzip` or `zstd`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "plain",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// Another name for a file that comes earlier in the tar or is in a lower layer.
    Hardlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// `.wh.NAME`: hides NAME of the lower layers. The entry's path is the hidden path.
    Whiteout,
    /// `.wh..wh..opq`: hides everything of the lower layers in a directory. The entry's path is the directory.
    Opaque,
    /// AUFS metadata (`.wh..wh.*`), which no runtime shows. Hardlinks may refer to files in it.
    Aufs,
    /// A type that is not unpacked.
    Other,
}

/// One entry of a layer, in the order of the tar.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path; for whiteouts, the path that it hides.
    pub path: PathId,
    /// Its kind.
    pub kind: Kind,
    /// Permission bits and setuid, setgid, sticky (07777).
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size of the content in bytes, including the holes of a sparse file.
    pub size: u64,
    /// Index into [`LayerFacts::texts`], for links and devices.
    pub text: u32,
    /// Index into [`LayerFacts::content_hashes`], for regular files.
    pub content: u32,
}

/// The index of an entry without text or content.
pub const NONE: u32 = u32::MAX;

/// The number of entries of each kind.
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
    /// Types that are not unpacked.
    pub other: u64,
    /// Whiteouts, including malformed ones.
    pub whiteouts: u64,
    /// Opaque whiteouts.
    pub opaque: u64,
    /// AUFS metadata.
    pub aufs: u64,
}

impl Counts {
    /// All entries except whiteouts, opaque whiteouts and AUFS metadata.
    pub fn entries(&self) -> u64 {
        self.file + self.dir + self.symlink + self.hardlink + self.char + self.block + self.fifo + self.other
    }
}

/// How a layer's bytes are used, in bytes. The parts of the tar add up to [`Sizes::tar`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The blob as stored.
    pub stored: u64,
    /// The uncompressed tar.
    pub tar: u64,
    /// Regular files, including the holes of sparse files.
    pub regular: u64,
    /// The part of `regular` that is not stored: the holes of sparse files, minus their maps.
    pub sparse_delta: i64,
    /// Stored data of other entries.
    pub other_payload: u64,
    /// Headers, including extension headers and their padding.
    pub header: u64,
    /// Zeros that pad data to 512 bytes.
    pub padding: u64,
    /// Everything after the last entry.
    pub trailing: u64,
    /// The part of `trailing` that starts at the first nonzero block.
    pub after_end: u64,
    /// Stored bytes after the end of the compressed stream.
    pub after_stream: u64,
}

/// The kept contents of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The whole content.
    Whole(Box<[u8]>),
    /// Nothing was kept, because its size in bytes is over the limit.
    TooLarge(u64),
}

/// A malformed entry. Its layer's digests are correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its name as the archive spells it.
    pub path: Vec<u8>,
    /// What is wrong, as a message fragment.
    pub what: String,
}

/// An extended attribute that affects permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xattr {
    /// Its name, such as `security.capability`.
    pub name: Box<[u8]>,
    /// Its raw value.
    pub value: Box<[u8]>,
}

/// The facts of one layer.
pub struct LayerFacts {
    /// Computed digest of the uncompressed tar.
    pub diff_id: Digest,
    /// Computed digest of the stored bytes.
    pub digest: Digest,
    /// As detected from the first bytes.
    pub compression: Compression,
    /// How the bytes are used.
    pub sizes: Sizes,
    /// The number of entries of each kind.
    pub counts: Counts,
    /// All paths of the layer.
    pub paths: PathTable,
    /// The entries, in the order of the tar.
    pub entries: Vec<Entry>,
    /// Link targets, and device numbers as `major:minor`.
    pub texts: Vec<Box<[u8]>>,
    /// XXH3-128 of each regular file's content, to compare files. Not collision-resistant.
    pub content_hashes: Vec<u128>,
    /// SHA-256 of each regular file's content, if requested; `None` for sparse files whose holes exceed
    /// [`crate::limits::HASHED_HOLE_BYTES`].
    pub content_digests: Option<Vec<Option<[u8; 32]>>>,
    /// Files kept whole, by entry.
    pub kept: BTreeMap<u32, Kept>,
    /// Heads of programs, scripts and libraries, by entry.
    pub heads: BTreeMap<u32, Head>,
    /// Extended attributes that rules use, by entry.
    pub xattrs: BTreeMap<u32, Vec<Xattr>>,
    /// Malformed entries.
    pub malformed: Vec<Malformed>,
    /// What other readers handle differently than plimsoll, as message fragments.
    pub reader_differences: Vec<String>,
}

impl LayerFacts {
    /// The target of a link, or `major:minor` of a device; empty for other entries.
    pub fn text(&self, entry: &Entry) -> &[u8] {
        self.texts.get(entry.text as usize).map_or(b"", |text| text)
    }

    /// The content hash of a regular file.
    pub fn content_hash(&self, entry: &Entry) -> Option<u128> {
        self.content_hashes.get(entry.content as usize).copied()
    }

    /// The SHA-256 of a regular file's content, if computed.
    pub fn content_digest(&self, entry: &Entry) -> Option<[u8; 32]> {
        self.content_digests.as_ref()?.get(entry.content as usize).copied().flatten()
    }
}
