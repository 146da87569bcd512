//! Opens what the user named and finds blobs in it. Decides by content what shape it has; reads no layer.
//!
//! In: a [`Reference`]. Out: a [`Source`] whose members are ranges of files. Nothing outside the named input is ever
//! opened. Not here: what the manifests say (`image`).

pub mod archive;
pub mod directory;
pub mod error;
pub mod reference;

use crate::model::digest::Digest;
use crate::source::archive::Archive;
use crate::source::directory::Directory;
use crate::source::error::SourceError;
use crate::source::reference::Place;
use crate::source::reference::Reference;
use crate::source::reference::Transport;
use crate::stream::blob::Blob;

/// How an input is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `index.json` and `blobs/` (image-spec, image-layout.md).
    Oci,
    /// `manifest.json`, a list of images (docker save).
    Docker,
    /// `manifest.json`, one manifest, blobs beside it by their hex digests (skopeo's `dir:`).
    Dir,
}

/// An opened input.
pub struct Source {
    /// What the user typed.
    pub reference: Reference,
    /// How it is laid out: one shape, or OCI and Docker in one archive.
    pub shapes: Vec<Shape>,
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
        let store = match &reference.place {
            Place::Stdin => Store::Archive(Archive::from_stdin()?),
            Place::Path(path) => {
                let kind = std::fs::metadata(path).map_err(|source| SourceError::open(path, source))?;
                match kind.is_dir() {
                    true => Store::Directory(Directory::open(path)?),
                    false => Store::Archive(Archive::from_file(path)?),
                }
            }
        };
        let mut source = Source { reference, shapes: Vec::new(), store };
        source.shapes = source.detect()?;
        Ok(source)
    }

    /// A member by its name in the input; `None` if there is none. A name that an archive holds twice with different
    /// content is an error.
    pub fn member(&self, name: &str) -> Result<Option<Blob>, SourceError> {
        match &self.store {
            Store::Directory(directory) => directory.member(name),
            Store::Archive(archive) => archive.member(name),
        }
    }

    /// A blob by its digest, where the shape says how blobs are named; `None` if there is none.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Blob>, SourceError> {
        if self.shapes.contains(&Shape::Dir) {
            let manifest = self.member(&format!("{}.manifest.json", digest.hex()))?;
            return match manifest {
                Some(blob) => Ok(Some(blob)),
                None => self.member(digest.hex()),
            };
        }
        let (algorithm, hex) = digest.as_str().split_once(':').unwrap_or(("", ""));
        self.member(&format!("blobs/{algorithm}/{hex}"))
    }

    /// Whether any member lies at or below this path.
    fn has_directory(&self, name: &str) -> bool {
        match &self.store {
            Store::Directory(directory) => directory.has_directory(name),
            Store::Archive(archive) => archive.has_directory(name),
        }
    }

    fn detect(&self) -> Result<Vec<Shape>, SourceError> {
        let mut shapes = Vec::new();
        if self.member("index.json")?.is_some() {
            shapes.push(Shape::Oci);
        }
        if let Some(blob) = self.member("manifest.json")? {
            shapes.push(match first_byte(&blob)? {
                Some(b'{') if shapes.is_empty() && self.looks_like_dir()? => Shape::Dir,
                _ => Shape::Docker,
            });
        }
        let wanted = match self.reference.transport {
            Transport::Oci | Transport::OciArchive => Some(Shape::Oci),
            Transport::DockerArchive => Some(Shape::Docker),
            Transport::Dir => Some(Shape::Dir),
            Transport::Any => None,
        };
        match wanted {
            Some(shape) if !shapes.contains(&shape) && !shapes.is_empty() => {
                Err(SourceError::OtherShape { wanted: self.reference.transport.name(), found: names(&shapes) })
            }
            _ if !shapes.is_empty() => Ok(shapes),
            _ => Err(self.no_image()),
        }
    }

    /// skopeo's `dir:` holds one manifest; a docker archive's list is an array, so an object is a mistake unless it
    /// carries a schema version.
    fn looks_like_dir(&self) -> Result<bool, SourceError> {
        if matches!(self.store, Store::Archive(_)) {
            return Ok(false);
        }
        Ok(self.reference.transport == Transport::Dir
            || self.member("version")?.is_some()
            || !self.has_directory("blobs"))
    }

    fn no_image(&self) -> SourceError {
        if let Store::Archive(archive) = &self.store
            && archive.is_empty()
        {
            return SourceError::Empty;
        }
        let system = ["etc", "usr", "bin"].iter().filter(|name| self.has_directory(name)).count();
        if system >= 2 {
            return SourceError::RootFilesystem;
        }
        if self.has_directory("repositories") {
            return SourceError::AncientArchive;
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

fn names(shapes: &[Shape]) -> String {
    let name = |shape: &Shape| match shape {
        Shape::Oci => "an OCI layout",
        Shape::Docker => "a docker archive",
        Shape::Dir => "a dir: directory",
    };
    shapes.iter().map(name).collect::<Vec<_>>().join(" and ")
}
