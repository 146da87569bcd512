//! A blob: a range of a regular file, read with positioned reads so that threads can share the file.

use crate::limits;
use crate::stream::fault::Fault;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A range of an open file. Its length is fixed at creation: a file that shrinks later is an error, and bytes appended
/// later are ignored.
#[derive(Clone, Debug)]
pub struct Blob {
    file: Arc<File>,
    offset: u64,
    len: u64,
}

impl Blob {
    /// The `len` bytes of `file` that start at `offset`.
    pub fn new(file: Arc<File>, offset: u64, len: u64) -> Blob {
        Blob { file, offset, len }
    }

    /// The `len` bytes of this blob that start at `offset`. Reading past its end fails as truncated.
    pub fn slice(&self, offset: u64, len: u64) -> Blob {
        Blob { file: self.file.clone(), offset: self.offset.saturating_add(offset), len }
    }

    /// A reader over all bytes, in order.
    pub fn reader(&self) -> impl io::Read + '_ {
        Reader { blob: self, at: 0 }
    }

    /// Length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "no caller needs it")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Its range in the file: offset and length in bytes.
    pub fn range(&self) -> (u64, u64) {
        (self.offset, self.len)
    }

    /// Fills `buffer` with the bytes that start at `at`. Returns the number of bytes read, which is less than the
    /// buffer's length only at the blob's end.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> Result<usize, Fault> {
        let want = self.len.saturating_sub(at).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < want {
            let from = at + done as u64;
            match self.file.read_at(&mut buffer[done..want], self.offset + from) {
                Ok(0) => return Err(Fault::Short { stored: from }),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Fault::Io { stored: from, source }),
            }
        }
        Ok(done)
    }

    /// All bytes of a small blob, or `None` if it is larger than [`limits::DOCUMENT_BYTES`].
    pub fn document(&self) -> Result<Option<Vec<u8>>, Fault> {
        if self.len > limits::DOCUMENT_BYTES {
            return Ok(None);
        }
        let mut bytes = vec![0; self.len as usize];
        self.read_at(&mut bytes, 0)?;
        Ok(Some(bytes))
    }

    /// Whether both blobs have the same content.
    pub fn same_bytes(&self, other: &Blob) -> Result<bool, Fault> {
        if self.len != other.len {
            return Ok(false);
        }
        let mut buffers = (vec![0; limits::CHUNK_BYTES], vec![0; limits::CHUNK_BYTES]);
        let mut at = 0;
        while at < self.len {
            let n = self.read_at(&mut buffers.0, at)?;
            other.read_at(&mut buffers.1, at)?;
            if buffers.0[..n] != buffers.1[..n] {
                return Ok(false);
            }
            at += n as u64;
        }
        Ok(true)
    }
}

struct Reader<'a> {
    blob: &'a Blob,
    at: u64,
}

impl io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.blob.read_at(buffer, self.at).map_err(|fault| match fault {
            Fault::Io { source, .. } => source,
            fault => io::Error::new(io::ErrorKind::UnexpectedEof, fault.to_string()),
        })?;
        self.at += n as u64;
        Ok(n)
    }
}
