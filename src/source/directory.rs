//! A directory as a store of blobs. No link leads out of it, and only regular files are opened.

use crate::source::error::SourceError;
use crate::stream::blob::Blob;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// An opened directory.
pub struct Directory {
    /// Without symbolic links, so that what lies in it can be told from what does not.
    root: PathBuf,
}

impl Directory {
    /// Opens a directory.
    pub fn open(path: &Path) -> Result<Directory, SourceError> {
        let root = path.canonicalize().map_err(|source| SourceError::open(path, source))?;
        Ok(Directory { root })
    }

    /// A member by its path in the directory; `None` if there is none.
    pub fn member(&self, name: &str) -> Result<Option<Blob>, SourceError> {
        let refused = |what| SourceError::NotAFile { name: name.to_string(), what };
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
            return Err(refused("a symbolic link out of the directory"));
        }
        // Looked at before it is opened: opening a pipe waits for its writer.
        let before = real.metadata().map_err(|source| SourceError::open(&real, source))?;
        if before.is_dir() {
            return Err(refused("a directory"));
        }
        if !before.is_file() {
            return Err(refused("a pipe, socket or device"));
        }
        let file = File::open(&real).map_err(|source| SourceError::open(&real, source))?;
        let length = file.metadata().map_err(|source| SourceError::open(&real, source))?.len();
        Ok(Some(Blob::new(Arc::new(file), 0, length)))
    }

    /// Whether there is anything at this path.
    pub fn has_directory(&self, name: &str) -> bool {
        self.root.join(name).symlink_metadata().is_ok()
    }
}
