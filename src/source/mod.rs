//! Opens an input, detects its layout from its content and finds blobs in it. Reads no layer.
//!
//! In: a [`Reference`]. Out: a [`Source`] whose members are ranges of files. Nothing outside the named input is opened.
//! Not here: parsing manifests (`image`).

pub mod archive;
pub mod directory;
pub mod error;
pub mod reference;

use crate::model::digest::Digest;
use crate::source::archive::Archive;
use crate::source::directory::Directory;
use crate::source::error::SourceError;
use crate::source::reference::Location;
use crate::source::reference::Reference;
use crate::source::reference::Transport;
use crate::stream::blob::Blob;

/// The layout of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `index.json` and `blobs/` (image-spec, image-layout.md).
    Oci,
    /// `manifest.json` with a list of images (`docker save`).
    Docker,
    /// `manifest.json` with one manifest, and blobs named by their hex digests in the same directory (skopeo's `dir:`).
    Dir,
}

/// An opened input.
pub struct Source {
    /// The reference as the user typed it.
    pub reference: Reference,
    /// Its layout; two where an archive is both an OCI layout and a docker archive.
    pub layouts: Vec<Layout>,
    store: Store,
}

enum Store {
    Directory(Directory),
    Archive(Archive),
}

impl Source {
    /// Opens an input. A compressed archive, or one from standard input, is decoded once into an unlinked temporary
    /// file.
    pub fn open(reference: Reference) -> Result<Source, SourceError> {
        let store = match &reference.location {
            Location::Stdin => Store::Archive(Archive::from_stdin()?),
            Location::Path(path) => {
                let metadata = std::fs::metadata(path).map_err(|source| SourceError::open(path, source))?;
                if metadata.is_dir() {
                    Store::Directory(Directory::open(path)?)
                } else {
                    Store::Archive(Archive::from_file(path)?)
                }
            }
        };
        let mut source = Source { reference, layouts: Vec::new(), store };
        source.layouts = source.detect()?;
        Ok(source)
    }

    /// The member with this name, or `None` if there is none. Two members with the same name and different content are
    /// an error.
    pub fn member(&self, name: &str) -> Result<Option<Blob>, SourceError> {
        match &self.store {
            Store::Directory(directory) => directory.member(name),
            Store::Archive(archive) => archive.member(name),
        }
    }

    /// The blob with this digest, named as the layout requires, or `None` if there is none.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Blob>, SourceError> {
        if self.layouts.contains(&Layout::Dir) {
            let manifest = self.member(&format!("{}.manifest.json", digest.hex()))?;
            return match manifest {
                Some(blob) => Ok(Some(blob)),
                None => self.member(digest.hex()),
            };
        }
        let (algorithm, hex) = digest.as_str().split_once(':').unwrap_or(("", ""));
        self.member(&format!("blobs/{algorithm}/{hex}"))
    }

    /// Whether any member is at or below this path.
    fn has_path(&self, name: &str) -> bool {
        match &self.store {
            Store::Directory(directory) => directory.has_path(name),
            Store::Archive(archive) => archive.has_path(name),
        }
    }

    fn detect(&self) -> Result<Vec<Layout>, SourceError> {
        let mut layouts = Vec::new();
        if self.member("index.json")?.is_some() {
            layouts.push(Layout::Oci);
        }
        if let Some(blob) = self.member("manifest.json")? {
            layouts.push(match first_byte(&blob)? {
                Some(b'{') if layouts.is_empty() && self.looks_like_dir()? => Layout::Dir,
                _ => Layout::Docker,
            });
        }
        let expected = match self.reference.transport {
            Transport::Oci | Transport::OciArchive => Some(Layout::Oci),
            Transport::DockerArchive => Some(Layout::Docker),
            Transport::Dir => Some(Layout::Dir),
            Transport::Any => None,
        };
        match expected {
            Some(layout) if !layouts.contains(&layout) && !layouts.is_empty() => {
                Err(SourceError::WrongLayout { expected: self.reference.transport.name(), found: names(&layouts) })
            }
            _ if !layouts.is_empty() => Ok(layouts),
            _ => Err(self.no_image()),
        }
    }

    /// Whether a directory whose manifest.json is an object is skopeo's `dir:`. It isn't if it has `blobs/` and no
    /// `version` file, unless the reference says `dir:`.
    fn looks_like_dir(&self) -> Result<bool, SourceError> {
        if matches!(self.store, Store::Archive(_)) {
            return Ok(false);
        }
        Ok(self.reference.transport == Transport::Dir || self.member("version")?.is_some() || !self.has_path("blobs"))
    }

    fn no_image(&self) -> SourceError {
        if let Store::Archive(archive) = &self.store
            && archive.is_empty()
        {
            return SourceError::Empty;
        }
        let system = ["etc", "usr", "bin"].iter().filter(|name| self.has_path(name)).count();
        if system >= 2 {
            return SourceError::RootFilesystem;
        }
        if self.has_path("repositories") {
            return SourceError::OldDockerArchive;
        }
        SourceError::NoManifest { directory: matches!(self.store, Store::Directory(_)) }
    }
}

fn first_byte(blob: &Blob) -> Result<Option<u8>, SourceError> {
    let mut head = [0; 64];
    let n =
        blob.read_at(&mut head, 0).map_err(|fault| SourceError::Read { name: "manifest.json".to_string(), fault })?;
    Ok(head[..n].iter().copied().find(|b| !b.is_ascii_whitespace()))
}

fn names(layouts: &[Layout]) -> String {
    let name = |layout: &Layout| match layout {
        Layout::Oci => "an OCI layout",
        Layout::Docker => "a docker archive",
        Layout::Dir => "a dir: directory",
    };
    layouts.iter().map(name).collect::<Vec<_>>().join(" and ")
}
