//! A tar as a store of blobs. It is indexed once; then every blob is a range of a file.
//!
//! An uncompressed file is indexed in place, skipping the data of its entries. A compressed file, or standard input, is
//! decoded once into an unlinked temporary file and indexed at the same time.

use crate::limits;
use crate::model::layer_facts::Compression;
use crate::model::path;
use crate::model::text::shown_bytes;
use crate::source::error::SourceError;
use crate::stream::blob::Blob;
use crate::stream::decompress;
use crate::stream::fault::Fault;
use crate::stream::tar::Header;
use crate::stream::tar::Sink;
use crate::stream::tar::TarReader;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// An indexed archive.
pub struct Archive {
    whole: Blob,
    members: HashMap<Vec<u8>, Vec<Member>>,
    /// Names whose entries have been compared and have the same content.
    compared: RefCell<HashSet<Vec<u8>>>,
}

#[derive(Clone, Debug)]
enum Member {
    File {
        offset: u64,
        len: u64,
    },
    /// A link to another member, by its path from the archive's root.
    Link(Vec<u8>),
    Directory,
    Other(&'static str),
}

impl Archive {
    /// Opens a file. Decodes it first if it is compressed.
    pub fn from_file(path: &Path) -> Result<Archive, SourceError> {
        let open_error = |source| SourceError::open(path, source);
        let file = File::open(path).map_err(open_error)?;
        let metadata = file.metadata().map_err(open_error)?;
        if !metadata.is_file() {
            return Archive::spool(file);
        }
        let blob = Blob::new(Arc::new(file), 0, metadata.len());
        match decompress::sniff_blob(&blob).map_err(SourceError::Archive)? {
            Compression::None => Archive::in_place(blob),
            _ => Archive::spool(blob.reader()),
        }
    }

    /// Reads an archive from standard input.
    pub fn from_stdin() -> Result<Archive, SourceError> {
        Archive::spool(io::stdin().lock())
    }

    fn in_place(blob: Blob) -> Result<Archive, SourceError> {
        let mut index = Index::default();
        let mut reader = TarReader::default();
        let mut buffer = [0; 16 << 10];
        let mut at = 0;
        while at < blob.len() && !reader.at_end() {
            // Only headers and bytes near them are read; the rest of the data is skipped.
            let n = blob.read_at(&mut buffer, at).map_err(SourceError::Archive)?;
            let mut taken = 0;
            while taken < n && reader.skippable() == 0 && !reader.at_end() {
                let step = (n - taken).min(512 - (at as usize + taken) % 512);
                reader.push(&buffer[taken..taken + step], &mut index).map_err(|fault| index.error(fault))?;
                taken += step;
            }
            at += taken as u64;
            let skip = reader.skippable();
            if skip > 0 {
                if at.checked_add(skip).is_none_or(|end| end > blob.len()) {
                    return Err(SourceError::Archive(Fault::Short { stored: blob.len() }));
                }
                reader.skip(&mut index);
                at += skip;
            }
        }
        if !reader.at_end() {
            reader.finish().map_err(|fault| index.error(fault))?;
        }
        Archive::new(blob, index)
    }

    /// Decodes a stream into an unlinked temporary file and indexes it at the same time.
    fn spool(stream: impl Read) -> Result<Archive, SourceError> {
        let mut file = tempfile::tempfile().map_err(SourceError::Spool)?;
        let mut index = Index::default();
        let mut reader = TarReader::default();
        let mut failure = None;
        let (mut written, mut trailing) = (0u64, 0u64);
        let decoded = decompress::decode_reader(stream, |bytes| {
            if reader.at_end() {
                // Drain the writer's padding, so that it doesn't fail, up to a bound.
                trailing += bytes.len() as u64;
                return Ok(trailing <= limits::PIPE_DRAIN_BYTES);
            }
            written += bytes.len() as u64;
            let step = if written > limits::SPOOL_BYTES {
                Err(SourceError::SpoolTooLarge)
            } else {
                reader
                    .push(bytes, &mut index)
                    .map_err(|fault| index.error(fault))
                    .and_then(|()| file.write_all(bytes).map_err(SourceError::Spool))
            };
            failure = step.err();
            Ok(failure.is_none())
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        decoded.map_err(SourceError::Stream)?;
        if reader.in_padding() {
            return Err(SourceError::Archive(Fault::Short { stored: written }));
        }
        if !reader.at_end() {
            reader.finish().map_err(|fault| index.error(fault))?;
        }
        Archive::new(Blob::new(Arc::new(file), 0, written), index)
    }

    /// Rejects members below a member that is not a directory: unpacking would write them elsewhere.
    fn new(whole: Blob, index: Index) -> Result<Archive, SourceError> {
        for name in index.members.keys() {
            let mut directory = path::parent(name);
            while !directory.is_empty() {
                if index
                    .members
                    .get(directory)
                    .is_some_and(|at| at.iter().any(|member| !matches!(member, Member::Directory)))
                {
                    return Err(SourceError::BelowNonDirectory(shown_bytes(name)));
                }
                directory = path::parent(directory);
            }
        }
        Ok(Archive { whole, members: index.members, compared: RefCell::default() })
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The file with this name, or `None` if there is none. Links inside the archive are followed. Several members with
    /// the same name must have the same content.
    pub fn member(&self, name: &str) -> Result<Option<Blob>, SourceError> {
        let Some(members) = self.members.get(name.as_bytes()) else { return Ok(None) };
        let mut found: Option<Option<Blob>> = None;
        for member in members {
            let blob = self.file(name, member)?;
            if let Some(before) = &found {
                self.check_same_content(name, before.as_ref(), blob.as_ref())?;
            }
            found = Some(blob);
        }
        self.compared.borrow_mut().insert(name.as_bytes().to_vec());
        Ok(found.flatten())
    }

    /// The file that a member is or links to, or `None` for a dangling link.
    fn file(&self, name: &str, member: &Member) -> Result<Option<Blob>, SourceError> {
        let not_a_file = |what| SourceError::NotAFile { name: shown_bytes(name.as_bytes()), what };
        let mut member = member;
        for _ in 0..=limits::ARCHIVE_LINKS {
            match member {
                Member::File { offset, len } => return Ok(Some(self.whole.slice(*offset, *len))),
                Member::Directory => return Err(not_a_file("a directory")),
                Member::Other(what) => return Err(not_a_file(what)),
                Member::Link(target) => match self.members.get(target).map(Vec::as_slice) {
                    Some([only]) => member = only,
                    // The order of the entries decides which of them the link refers to.
                    Some(_) => return Err(SourceError::Duplicate(shown_bytes(target))),
                    None => return Ok(None),
                },
            }
        }
        Err(not_a_file("a loop of links"))
    }

    fn check_same_content(&self, name: &str, a: Option<&Blob>, b: Option<&Blob>) -> Result<(), SourceError> {
        if self.compared.borrow().contains(name.as_bytes()) {
            return Ok(());
        }
        let read = |fault| SourceError::Read { name: shown_bytes(name.as_bytes()), fault };
        let same = match (a, b) {
            (Some(a), Some(b)) => a.same_bytes(b).map_err(read)?,
            (None, None) => true,
            _ => false,
        };
        if same { Ok(()) } else { Err(SourceError::Duplicate(shown_bytes(name.as_bytes()))) }
    }

    /// Whether any member is at or below this path.
    pub fn has_path(&self, name: &str) -> bool {
        self.members
            .keys()
            .any(|key| key.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")))
    }
}

/// Collects the members of an archive while it is read.
#[derive(Default)]
struct Index {
    members: HashMap<Vec<u8>, Vec<Member>>,
    entries: usize,
    name_bytes: usize,
    error: Option<SourceError>,
}

impl Index {
    /// The index's own error, if that stopped the reader.
    fn error(&mut self, fault: Fault) -> SourceError {
        self.error.take().unwrap_or(SourceError::Archive(fault))
    }
}

/// Whether a member is a document. One that is too large is rejected by its header, before it is written to disk.
fn is_document(name: &[u8]) -> bool {
    matches!(name, b"manifest.json" | b"index.json" | b"oci-layout" | b"repositories")
}

impl Sink for Index {
    fn entry(&mut self, header: Header) -> Result<(), Fault> {
        self.entries += 1;
        if self.entries > limits::ARCHIVE_ENTRIES {
            self.error = Some(SourceError::TooManyEntries);
            return Err(Fault::Stopped);
        }
        let (name, _) = path::clean(&header.name);
        self.name_bytes += name.len() + header.link.len();
        let depth = name.iter().filter(|&&byte| byte == b'/').count();
        if depth > limits::ARCHIVE_DEPTH || self.name_bytes > limits::ARCHIVE_NAME_BYTES {
            self.error = Some(SourceError::NamesTooLong);
            return Err(Fault::Stopped);
        }
        if is_document(&name) && header.size > limits::DOCUMENT_BYTES {
            self.error = Some(SourceError::DocumentTooLarge { name: shown_bytes(&name), size: header.size });
            return Err(Fault::Stopped);
        }
        let member = match header.flag {
            b'0' | b'7' if !header.sparse => Member::File { offset: header.data_offset, len: header.size },
            b'0' | b'7' => Member::Other("a sparse file"),
            b'1' => Member::Link(path::clean(&header.link).0),
            b'2' if header.link.starts_with(b"/") => Member::Other("a symbolic link out of the archive"),
            b'2' => {
                let (target, left) = path::clean(&path::join(path::parent(&name), &header.link));
                if left { Member::Other("a symbolic link out of the archive") } else { Member::Link(target) }
            }
            b'5' => Member::Directory,
            _ => Member::Other("a device or pipe"),
        };
        self.members.entry(name).or_default().push(member);
        Ok(())
    }

    fn data(&mut self, _: &[u8]) {}

    fn hole(&mut self, _: u64) {}

    fn end(&mut self) {}
}
