//! Why an input could not be opened, and what to do about it.

use crate::limits;
use crate::model::text::shown;
use crate::stream::fault::Fault;
use std::io;
use std::path::Path;

/// Why an input could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text names no transport and no path.
    #[error("{0}")]
    Reference(String),
    /// A transport that would need a network or a daemon.
    #[error("{0}: reads from a registry or a daemon, and this program asks neither")]
    Remote(String),
    /// The operating system refused.
    #[error("cannot open {path}: {source}")]
    Open {
        /// Which file or directory.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// Neither a directory nor a regular file nor a pipe.
    #[error("{0} is not a regular file or directory")]
    NotRegular(String),
    /// No bytes, or no entries.
    #[error("the archive is empty: it holds no image (no manifest.json, no index.json)")]
    Empty,
    /// `docker export`, or a tarred root.
    #[error(
        "this is the tar of a root filesystem, as `docker export` writes it, not an image: it has no manifest.json or index.json and no config to judge"
    )]
    RootFilesystem,
    /// `docker save` before 1.10.
    #[error(
        "this archive has `repositories` but no manifest.json: it was written by docker before 1.10 and is not supported"
    )]
    AncientArchive,
    /// Nothing that says which images there are.
    #[error("no image in it: neither index.json (OCI layout) nor manifest.json (docker archive) was found")]
    NoManifest {
        /// Whether it is a directory.
        directory: bool,
    },
    /// The transport in the reference does not fit.
    #[error("{wanted} was asked for, but this is {found}")]
    OtherShape {
        /// The transport's name.
        wanted: &'static str,
        /// What there is.
        found: String,
    },
    /// The outer archive is no tar, or is cut off.
    #[error("not a readable archive: {0}")]
    Archive(Fault),
    /// The compressed stream around the archive.
    #[error("not a readable archive: {0}")]
    Stream(io::Error),
    /// Past [`limits::ARCHIVE_ENTRIES`].
    #[error("the archive has more than {} entries, the limit (archive entries)", limits::ARCHIVE_ENTRIES)]
    TooManyEntries,
    /// Past [`limits::ARCHIVE_DEPTH`] or [`limits::ARCHIVE_NAME_BYTES`].
    #[error(
        "the archive's entries lie deeper than {} directories, or have names of more than {} bytes together (archive depth, archive name bytes)",
        limits::ARCHIVE_DEPTH,
        limits::ARCHIVE_NAME_BYTES
    )]
    Names,
    /// Past [`limits::SPOOL_BYTES`].
    #[error(
        "the archive unpacks to more than {} bytes, the limit for the temporary file (spool bytes)",
        limits::SPOOL_BYTES
    )]
    SpoolTooLarge,
    /// The temporary file could not be made or written.
    #[error("cannot write the temporary file: {0}")]
    Spool(io::Error),
    /// A document's header announces too much.
    #[error("{name} has {size} bytes, over the limit of {} (document bytes)", limits::DOCUMENT_BYTES)]
    DocumentTooLarge {
        /// Which.
        name: String,
        /// In bytes.
        size: u64,
    },
    /// Two entries under one name.
    #[error("{0} is in the archive twice with different content: readers differ on which counts")]
    Duplicate(String),
    /// An entry whose directory is a link or a file.
    #[error("{0} lies below an entry that is no directory: whoever unpacks the archive writes it elsewhere")]
    BelowNonDirectory(String),
    /// A member could not be read.
    #[error("cannot read {name}: {fault}")]
    Read {
        /// Which.
        name: String,
        /// Why.
        fault: Fault,
    },
    /// A link, a device, a pipe, a directory.
    #[error("{name} is {what}, not a regular file inside the input")]
    NotAFile {
        /// Which.
        name: String,
        /// What it is.
        what: &'static str,
    },
}

impl SourceError {
    /// A path could not be opened.
    pub fn open(path: &Path, source: io::Error) -> SourceError {
        SourceError::Open { path: shown(&path.to_string_lossy()), source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            SourceError::Reference(_) => {
                "name an OCI layout or an archive: oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE[:NAME:TAG], dir:DIR, a path, or - for standard input"
            }
            SourceError::Remote(_) => {
                "save the image first: `docker save NAME | plimsoll audit -`, or `skopeo copy docker://NAME oci:DIR:TAG`"
            }
            SourceError::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => "check the path",
            SourceError::RootFilesystem => "use `docker save IMAGE`, which keeps the config and the layers",
            SourceError::AncientArchive => "load it into a current docker and save it again",
            SourceError::NoManifest { directory: true } => {
                "name the directory that holds index.json, or manifest.json for dir:"
            }
            SourceError::NoManifest { directory: false } | SourceError::Empty => {
                "write it with `docker save` or `skopeo copy … docker-archive:FILE`"
            }
            SourceError::OtherShape { .. } => "leave the transport out: a bare path is recognised by its content",
            SourceError::SpoolTooLarge | SourceError::Spool(_) => {
                "decompress the archive to a file first, or set TMPDIR to a place with room"
            }
            SourceError::Archive(Fault::Compression(_)) => "decompress it first, or compress it with gzip or zstd",
            SourceError::Archive(_) | SourceError::Stream(_) => {
                "fetch or save the image again; the file may be cut off"
            }
            _ => return None,
        })
    }
}
