//! Why an input could not be opened, and what to do about it.

use crate::limits;
use crate::model::text::shown;
use crate::stream::fault::Fault;
use std::io;
use std::path::Path;

/// Why an input could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The reference can't be parsed.
    #[error("{0}")]
    Reference(String),
    /// A transport that would need a network or a daemon.
    #[error("{0}: plimsoll can't pull from registries or daemons")]
    Remote(String),
    /// A file or directory could not be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The file or directory.
        path: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Neither a directory nor a regular file nor a pipe.
    #[error("{0} is not a regular file or directory")]
    NotRegular(String),
    /// An archive without bytes or entries.
    #[error("the archive is empty: it has no manifest.json or index.json")]
    Empty,
    /// The output of `docker export`, or the tar of a root directory.
    #[error(
        "the archive is a root filesystem (as written by `docker export`), not an image: it has no manifest.json or index.json, and no config"
    )]
    RootFilesystem,
    /// The output of `docker save` before 1.10.
    #[error(
        "the archive has `repositories` but no manifest.json: archives written by docker before 1.10 are unsupported"
    )]
    OldDockerArchive,
    /// Neither manifest was found.
    #[error("no image found: expected index.json (OCI layout) or manifest.json (docker archive)")]
    NoManifest {
        /// Whether the input is a directory.
        directory: bool,
    },
    /// The reference's transport doesn't match the input.
    #[error("expected {expected}, found {found}")]
    WrongLayout {
        /// The transport in the reference.
        expected: &'static str,
        /// The layout of the input.
        found: String,
    },
    /// The archive is not a tar, or is truncated.
    #[error("not a readable archive: {0}")]
    Archive(Fault),
    /// The stream of a compressed or piped archive could not be decoded.
    #[error("not a readable archive: {0}")]
    Stream(io::Error),
    /// Over [`limits::ARCHIVE_ENTRIES`].
    #[error("the archive has more than {} entries, the limit (archive entries)", limits::ARCHIVE_ENTRIES)]
    TooManyEntries,
    /// Over [`limits::ARCHIVE_DEPTH`] or [`limits::ARCHIVE_NAME_BYTES`].
    #[error(
        "the archive has entries more than {} directories deep, or more than {} bytes of names, the limits (archive depth, archive name bytes)",
        limits::ARCHIVE_DEPTH,
        limits::ARCHIVE_NAME_BYTES
    )]
    NamesTooLong,
    /// Over [`limits::SPOOL_BYTES`].
    #[error(
        "the archive decompresses to more than {} bytes, the limit for the temporary file (spool bytes)",
        limits::SPOOL_BYTES
    )]
    SpoolTooLarge,
    /// The temporary file could not be created or written.
    #[error("cannot write the temporary file: {0}")]
    Spool(io::Error),
    /// A document in the archive is over [`limits::DOCUMENT_BYTES`], by its header.
    #[error("{name} has {size} bytes, over the limit of {} (document bytes)", limits::DOCUMENT_BYTES)]
    DocumentTooLarge {
        /// Its name.
        name: String,
        /// Its size in bytes.
        size: u64,
    },
    /// Two entries with the same name.
    #[error("{0} is in the archive twice with different content: tools differ on which one they use")]
    Duplicate(String),
    /// An entry below a link or a file.
    #[error("{0} is below an entry that is not a directory: unpacking the archive would write it elsewhere")]
    BelowNonDirectory(String),
    /// A member could not be read.
    #[error("cannot read {name}: {fault}")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        fault: Fault,
    },
    /// A member is a link, a device, a pipe or a directory.
    #[error("{name} is {what}, not a regular file inside the input")]
    NotAFile {
        /// Its name.
        name: String,
        /// What it is.
        what: &'static str,
    },
}

impl SourceError {
    /// The error for a path that could not be opened.
    pub fn open(path: &Path, source: io::Error) -> SourceError {
        SourceError::Open { path: shown(&path.to_string_lossy()), source }
    }

    /// How to fix it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            SourceError::Reference(_) => {
                "use oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE[:NAME:TAG], dir:DIR, a path, or - for standard input"
            }
            SourceError::Remote(_) => {
                "save the image first: `docker save NAME | plimsoll audit -`, or `skopeo copy docker://NAME oci:DIR:TAG`"
            }
            SourceError::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => "check the path",
            SourceError::RootFilesystem => "use `docker save IMAGE`, which keeps the config and the layers",
            SourceError::OldDockerArchive => "load it into a current version of docker and save it again",
            SourceError::NoManifest { directory: true } => {
                "use the directory that contains index.json (or manifest.json, for dir:)"
            }
            SourceError::NoManifest { directory: false } | SourceError::Empty => {
                "create the archive with `docker save` or `skopeo copy … docker-archive:FILE`"
            }
            SourceError::WrongLayout { .. } => "omit the transport: plimsoll detects the layout of a bare path",
            SourceError::SpoolTooLarge | SourceError::Spool(_) => {
                "decompress the archive to a file first, or set TMPDIR to a directory with enough space"
            }
            SourceError::Archive(Fault::Compression(_)) => "decompress it first, or compress it with gzip or zstd",
            SourceError::Archive(_) | SourceError::Stream(_) => {
                "save or fetch the image again: the file may be truncated"
            }
            _ => return None,
        })
    }
}
