//! A directory as a store of blobs. Only regular files inside it are opened; links out of it are rejected.

use crate::source::error::SourceError;
use crate::stream::blob::Blob;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// An opened directory.
pub struct Directory {
    /// Canonical, so that paths inside it can be distinguished from paths outside.
    root: PathBuf,
}

impl Directory {
    /// Opens a directory.
    pub fn open(path: &Path) -> Result<Directory, SourceError> {
        let root = path.canonicalize().map_err(|source| SourceError::open(path, source))?;
        Ok(Directory { root })
    }

    /// The file with this path in the directory, or `None` if there is none.
    pub fn member(&self, name: &str) -> Result<Option<Blob>, SourceError> {
        let not_a_file = |what| SourceError::NotAFile { name: name.to_string(), what };
        if name.split('/').any(|part| part.is_empty() || part == "." || part == "..") || name.contains('\0') {
            return Ok(None);
        }
        let path = self.root.join(name);
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(SourceError::open(&path, error)),
        };
        if !real.starts_with(&self.root) {
            return Err(not_a_file("a symbolic link out of the directory"));
        }
        // Checked before opening, because opening a pipe blocks until it has a writer.
        let metadata = real.metadata().map_err(|source| SourceError::open(&real, source))?;
        if metadata.is_dir() {
            return Err(not_a_file("a directory"));
        }
        if !metadata.is_file() {
            return Err(not_a_file("a pipe, socket or device"));
        }
        let file = File::open(&real).map_err(|source| SourceError::open(&real, source))?;
        let length = file.metadata().map_err(|source| SourceError::open(&real, source))?.len();
        Ok(Some(Blob::new(Arc::new(file), 0, length)))
    }

    /// Whether anything is at this path.
    pub fn has_path(&self, name: &str) -> bool {
        self.root.join(name).symlink_metadata().is_ok()
    }
}
