//! Decompresses stored bytes into a tar: uncompressed, gzip (all members) or zstd (all frames).
//!
//! The stored bytes are read once, in chunks. Each chunk is decoded and then passed on, so the bytes that are hashed
//! are the bytes that were decoded. Bytes after the end of the compressed stream are read too, because they are part of
//! the blob's digest. The first bytes decide the compression, not the media type.

use crate::limits;
use crate::model::layer_facts::Compression;
use crate::stream::blob::Blob;
use crate::stream::fault::Fault;
use std::io;
use std::io::BufRead;
use std::io::Read;
use std::sync::Mutex;
use std::sync::MutexGuard;
use zstd::stream::raw::Operation;

/// Supplies empty buffers and accepts filled ones. One is used for the stored bytes, one for the decoded bytes.
pub trait Buffers {
    /// A buffer to fill with up to [`limits::CHUNK_BYTES`].
    fn take_empty(&mut self) -> Vec<u8>;
    /// Accepts a filled buffer.
    fn put_full(&mut self, buffer: Vec<u8>) -> Result<(), Fault>;
}

/// The result of decoding a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// As detected from the first bytes.
    pub compression: Compression,
    /// Size of the tar, in bytes.
    pub tar: u64,
    /// Stored bytes after the end of the compressed stream.
    pub after_stream: u64,
}

/// Detects the compression from the first bytes of a stream.
pub fn sniff(head: &[u8]) -> Result<Compression, Fault> {
    Ok(match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Err(Fault::Compression("bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => return Err(Fault::Compression("xz")),
        _ => Compression::None,
    })
}

/// Detects the compression of a blob.
pub fn sniff_blob(blob: &Blob) -> Result<Compression, Fault> {
    let mut head = [0; 6];
    let n = blob.read_at(&mut head, 0)?;
    sniff(&head[..n])
}

/// Reads a whole blob. Each stored chunk goes to `stored` once it has been decoded, each decoded chunk goes to `tar`.
/// An uncompressed blob goes to `tar` only, because its stored bytes are the tar.
pub fn decode(blob: &Blob, stored: &mut dyn Buffers, tar: &mut dyn Buffers) -> Result<Decoded, Fault> {
    let compression = sniff_blob(blob)?;
    let mut output = Output { tar, blob_len: blob.len(), total: 0, buffer: Vec::new(), filled: 0 };
    if compression == Compression::None {
        copy(blob, &mut output)?;
        return Ok(Decoded { compression, tar: output.total, after_stream: 0 });
    }
    let mut input = Input::new(blob, stored);
    match compression {
        Compression::Gzip => gzip(&mut input, &mut output)?,
        _ => zstd(&mut input, &mut output)?,
    }
    let after_stream = input.drain()?;
    Ok(Decoded { compression, tar: output.total, after_stream })
}

/// Decodes a stream chunk by chunk until it ends or `tar` returns false. Used for whole archives that are compressed or
/// come through a pipe.
pub fn decode_reader(reader: impl Read, mut tar: impl FnMut(&[u8]) -> io::Result<bool>) -> io::Result<()> {
    let mut input = io::BufReader::with_capacity(limits::CHUNK_BYTES, reader);
    let head = input.fill_buf()?;
    let compression = sniff(head).map_err(|fault| io::Error::new(io::ErrorKind::Unsupported, fault.to_string()))?;
    let mut decoder: Box<dyn Read + '_> = match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    };
    let mut buffer = vec![0; limits::CHUNK_BYTES];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                if !tar(&buffer[..n])? {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if compression == Compression::None => return Err(error),
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("corrupt {} stream: {error}", compression.name())));
            }
        }
    }
}

/// Fills buffers, passes them on when full and enforces the size limits.
struct Output<'a> {
    tar: &'a mut dyn Buffers,
    blob_len: u64,
    total: u64,
    buffer: Vec<u8>,
    filled: usize,
}

impl Output<'_> {
    /// Free space for the next bytes; never empty.
    fn room(&mut self) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = self.tar.take_empty();
            self.buffer.resize(limits::CHUNK_BYTES, 0);
        }
        &mut self.buffer[self.filled..]
    }

    /// Marks `n` bytes of the free space as filled.
    fn advance(&mut self, n: usize) -> Result<(), Fault> {
        self.filled += n;
        if self.filled < self.buffer.len() { Ok(()) } else { self.flush() }
    }

    /// Passes on the current buffer.
    fn flush(&mut self) -> Result<(), Fault> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.truncate(std::mem::take(&mut self.filled));
        self.total += buffer.len() as u64;
        if self.total > limits::LAYER_BYTES {
            return Err(Fault::TooLarge);
        }
        if self.total > limits::RATIO_FROM_BYTES && self.total / limits::RATIO > self.blob_len {
            return Err(Fault::Ratio);
        }
        self.tar.put_full(buffer)
    }
}

fn copy(blob: &Blob, output: &mut Output<'_>) -> Result<(), Fault> {
    let mut at = 0;
    while at < blob.len() {
        let n = blob.read_at(output.room(), at)?;
        at += n as u64;
        output.advance(n)?;
    }
    output.flush()
}

fn gzip(input: &mut Input<'_>, output: &mut Output<'_>) -> Result<(), Fault> {
    loop {
        let mut member = flate2::bufread::GzDecoder::new(&mut *input);
        loop {
            match member.read(output.room()) {
                Ok(0) => break,
                Ok(n) => output.advance(n)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(input.fault(|stored| Fault::Gzip { stored, what: gzip_message(&error) })),
            }
        }
        // A stream may have several members (RFC 1952, section 2.2). Other bytes after a member are not decoded.
        if input.peek(2)? != [0x1f, 0x8b] {
            return output.flush();
        }
    }
}

fn gzip_message(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "unexpected end of data, truncated".to_string(),
        _ => format!("invalid data ({error})"),
    }
}

fn zstd(input: &mut Input<'_>, output: &mut Output<'_>) -> Result<(), Fault> {
    let message = |error: io::Error| error.to_string();
    let mut decoder = zstd::stream::raw::Decoder::new().map_err(|e| Fault::Zstd { stored: 0, what: message(e) })?;
    decoder
        .set_parameter(zstd::stream::raw::DParameter::WindowLogMax(limits::ZSTD_WINDOW_LOG))
        .map_err(|e| Fault::Zstd { stored: 0, what: message(e) })?;
    let mut large: Option<MutexGuard<'static, ()>> = None;
    loop {
        let stored = input.stored();
        match frame(&input.peek(18)?) {
            Frame::Skippable(len) => {
                input.skip(len).map_err(|_| Fault::Zstd { stored, what: "truncated skippable frame".to_string() })?;
                continue;
            }
            Frame::Data(window) if window > 1 << limits::ZSTD_WINDOW_LOG => {
                return Err(Fault::ZstdWindow { stored, window });
            }
            Frame::Data(window) => {
                if window > limits::ZSTD_SHARED_WINDOW_BYTES && large.is_none() {
                    large = Some(LARGE_WINDOW.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
                }
            }
            Frame::None => return output.flush(),
        }
        decoder.reinit().map_err(|e| Fault::Zstd { stored, what: message(e) })?;
        loop {
            if input.fill_buf().is_err() {
                return Err(input.fault(|stored| Fault::Short { stored }));
            }
            let chunk = input.left();
            if chunk.is_empty() {
                return Err(Fault::Zstd { stored: input.stored(), what: "incomplete frame, truncated".to_string() });
            }
            let status = match decoder.run_on_buffers(chunk, output.room()) {
                Ok(status) => status,
                Err(error) => return Err(Fault::Zstd { stored: input.stored(), what: message(error) }),
            };
            input.consume(status.bytes_read);
            output.advance(status.bytes_written)?;
            if status.remaining == 0 {
                break;
            }
        }
    }
}

/// Locked while a frame with a large window is decoded, so that only one is decoded at a time.
static LARGE_WINDOW: Mutex<()> = Mutex::new(());

enum Frame {
    /// A frame with data and its window size in bytes.
    Data(u64),
    /// A skippable frame and its size in bytes, header included.
    Skippable(u64),
    /// Not a frame.
    None,
}

/// Parses a frame's header (RFC 8878, sections 3.1.1.1 and 3.1.2).
fn frame(head: &[u8]) -> Frame {
    match head {
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, ..] => {
            Frame::Skippable(8 + u64::from(u32::from_le_bytes([*a, *b, *c, *d])))
        }
        [0x28, 0xb5, 0x2f, 0xfd, descriptor, rest @ ..] => {
            let single_segment = descriptor & 0x20 != 0;
            if !single_segment {
                let window = rest.first().copied().unwrap_or(0);
                let base = 1u64 << (10 + (window >> 3));
                return Frame::Data(base + base / 8 * u64::from(window & 7));
            }
            let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
            let size: &[u8] = rest.get(dictionary..).unwrap_or(&[]);
            let width = [1, 2, 4, 8][usize::from(descriptor >> 6)];
            let mut raw = [0; 8];
            for (to, from) in raw.iter_mut().zip(size.iter().take(width)) {
                *to = *from;
            }
            Frame::Data(u64::from_le_bytes(raw).saturating_add(if width == 2 { 256 } else { 0 }))
        }
        _ => Frame::None,
    }
}

/// The stored bytes as a `BufRead`. Passes a chunk on once all of it has been decoded.
struct Input<'a> {
    blob: &'a Blob,
    sink: &'a mut dyn Buffers,
    chunk: Vec<u8>,
    pos: usize,
    /// The next chunk, if a peek reached past the current one.
    ahead: Option<Vec<u8>>,
    /// Offset of the next read.
    at: u64,
    /// The fault behind an `io::Error`, which can't carry it.
    fault: Option<Fault>,
}

impl<'a> Input<'a> {
    fn new(blob: &'a Blob, sink: &'a mut dyn Buffers) -> Input<'a> {
        Input { blob, sink, chunk: Vec::new(), pos: 0, ahead: None, at: 0, fault: None }
    }

    /// Offset of the next byte to decode.
    fn stored(&self) -> u64 {
        self.at - self.ahead.as_ref().map_or(0, |chunk| chunk.len() as u64) - (self.chunk.len() - self.pos) as u64
    }

    /// The fault that caused a decoder's error; `otherwise` if the decoder itself failed.
    fn fault(&mut self, otherwise: impl FnOnce(u64) -> Fault) -> Fault {
        let stored = self.stored();
        self.fault.take().unwrap_or_else(|| otherwise(stored))
    }

    /// The rest of the current chunk.
    fn left(&self) -> &[u8] {
        &self.chunk[self.pos..]
    }

    fn read_chunk(&mut self) -> Result<Vec<u8>, Fault> {
        let mut chunk = self.sink.take_empty();
        chunk.resize(limits::CHUNK_BYTES, 0);
        let n = self.blob.read_at(&mut chunk, self.at)?;
        chunk.truncate(n);
        self.at += n as u64;
        Ok(chunk)
    }

    fn refill(&mut self) -> Result<(), Fault> {
        if !self.chunk.is_empty() {
            self.sink.put_full(std::mem::take(&mut self.chunk))?;
        }
        self.pos = 0;
        self.chunk = match self.ahead.take() {
            Some(chunk) => chunk,
            None => self.read_chunk()?,
        };
        Ok(())
    }

    /// Up to `n` bytes, without consuming them.
    fn peek(&mut self, n: usize) -> Result<Vec<u8>, Fault> {
        if self.pos == self.chunk.len() {
            self.refill()?;
        }
        if self.chunk.len() - self.pos < n && self.ahead.is_none() && self.at < self.blob.len() {
            self.ahead = Some(self.read_chunk()?);
        }
        let ahead = self.ahead.as_deref().unwrap_or(&[]);
        Ok(self.chunk[self.pos..].iter().chain(ahead).take(n).copied().collect())
    }

    /// Skips `n` bytes; fails if there are fewer.
    fn skip(&mut self, mut n: u64) -> Result<(), Fault> {
        while n > 0 {
            if self.pos == self.chunk.len() {
                self.refill()?;
                if self.chunk.is_empty() {
                    return Err(Fault::Short { stored: self.at });
                }
            }
            let step = n.min((self.chunk.len() - self.pos) as u64);
            self.pos += step as usize;
            n -= step;
        }
        Ok(())
    }

    /// Reads the rest and returns its length in bytes.
    fn drain(&mut self) -> Result<u64, Fault> {
        let mut left = 0;
        loop {
            left += (self.chunk.len() - self.pos) as u64;
            self.pos = self.chunk.len();
            self.refill()?;
            if self.chunk.is_empty() {
                return Ok(left);
            }
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.chunk[self.pos..self.pos + n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.pos == self.chunk.len()
            && let Err(fault) = self.refill()
        {
            self.fault = Some(fault);
            return Err(io::Error::other("stopped"));
        }
        Ok(&self.chunk[self.pos..])
    }

    fn consume(&mut self, n: usize) {
        self.pos = (self.pos + n).min(self.chunk.len());
    }
}
