//! The single pass over a layer: decompress it, hash the stored bytes and the tar, read the entries, collect facts.
//!
//! In: a blob. Out: [`LayerFacts`], whose digests are computed from the bytes that were read; the caller verifies them.
//! A layer can be read on one thread or on two, where one decodes and the other hashes and reads entries. The result is
//! the same.

use crate::collect::CollectOptions;
use crate::collect::Collector;
use crate::limits;
use crate::model::digest::Algorithm;
use crate::model::digest::Digest;
use crate::model::layer_facts::Compression;
use crate::model::layer_facts::LayerFacts;
use crate::stream::blob::Blob;
use crate::stream::decompress;
use crate::stream::decompress::Buffers;
use crate::stream::decompress::Decoded;
use crate::stream::fault::Fault;
use crate::stream::hash::Hasher;
use crate::stream::tar::TarReader;
use std::sync::mpsc;

/// How to read a layer.
#[derive(Clone, Debug)]
pub struct Request {
    /// Algorithm of the stored bytes' digest.
    pub blob_algorithm: Algorithm,
    /// Algorithm of the tar's digest.
    pub diff_algorithm: Algorithm,
    /// What to collect of the content.
    pub collect: CollectOptions,
    /// Whether to use a second thread.
    pub two_threads: bool,
}

/// Reads a layer.
pub fn read(blob: &Blob, request: &Request) -> Result<LayerFacts, Fault> {
    let mut consumer = Consumer::new(request);
    let decoded = if request.two_threads {
        read_on_two_threads(blob, &mut consumer)?
    } else {
        let mut hasher = Hasher::new(request.blob_algorithm);
        let decoded = {
            let mut stored = SingleBuffer {
                buffer: Vec::new(),
                consume: |bytes: &[u8]| {
                    hasher.update(bytes);
                    Ok(())
                },
            };
            let mut tar = SingleBuffer { buffer: Vec::new(), consume: |bytes: &[u8]| consumer.push_tar(bytes) };
            decompress::decode(blob, &mut stored, &mut tar)?
        };
        consumer.stored = hasher;
        decoded
    };
    consumer.finish(blob, decoded, request)
}

/// Reuses one buffer and consumes it on the same thread.
struct SingleBuffer<F> {
    buffer: Vec<u8>,
    consume: F,
}

impl<F: FnMut(&[u8]) -> Result<(), Fault>> Buffers for SingleBuffer<F> {
    fn take_empty(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    fn put_full(&mut self, buffer: Vec<u8>) -> Result<(), Fault> {
        (self.consume)(&buffer)?;
        self.buffer = buffer;
        Ok(())
    }
}

/// A filled buffer for the consuming thread.
enum Chunk {
    Stored(Vec<u8>),
    Tar(Vec<u8>),
}

/// Sends filled buffers to the consuming thread and reuses the ones that come back. Hashes them first if it has a
/// hasher.
struct ChunkSender {
    hasher: Option<Hasher>,
    full: mpsc::SyncSender<Chunk>,
    used: mpsc::Receiver<Vec<u8>>,
    allocated: usize,
    wrap: fn(Vec<u8>) -> Chunk,
}

impl Buffers for ChunkSender {
    fn take_empty(&mut self) -> Vec<u8> {
        match self.used.try_recv() {
            Ok(buffer) => buffer,
            Err(_) if self.allocated < limits::CHUNKS_IN_FLIGHT + 2 => {
                self.allocated += 1;
                Vec::new()
            }
            // The consumer returns every buffer; if it has stopped, the next send fails.
            Err(_) => self.used.recv().unwrap_or_default(),
        }
    }

    fn put_full(&mut self, buffer: Vec<u8>) -> Result<(), Fault> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer);
        }
        self.full.send((self.wrap)(buffer)).map_err(|_| Fault::Stopped)
    }
}

fn read_on_two_threads(blob: &Blob, consumer: &mut Consumer<'_>) -> Result<Decoded, Fault> {
    // Decoding costs the most, so it gets its own thread; an uncompressed tar is hashed there instead.
    let hasher = match decompress::sniff_blob(blob)? {
        Compression::None => consumer.tar.take(),
        _ => None,
    };
    std::thread::scope(|scope| {
        let (full, chunks) = mpsc::sync_channel(limits::CHUNKS_IN_FLIGHT);
        let (stored_back, stored_used) = mpsc::channel();
        let (tar_back, tar_used) = mpsc::channel();
        let decoder = scope.spawn(move || {
            let mut stored =
                ChunkSender { hasher: None, full: full.clone(), used: stored_used, allocated: 0, wrap: Chunk::Stored };
            let mut tar = ChunkSender { hasher, full, used: tar_used, allocated: 0, wrap: Chunk::Tar };
            let decoded = decompress::decode(blob, &mut stored, &mut tar);
            (decoded, tar.hasher)
        });
        let mut consumed = Ok(());
        for chunk in chunks {
            let returned = match chunk {
                Chunk::Stored(bytes) => {
                    consumer.stored.update(&bytes);
                    stored_back.send(bytes)
                }
                Chunk::Tar(bytes) => {
                    consumed = consumer.push_tar(&bytes);
                    tar_back.send(bytes)
                }
            };
            // A decoder that has finished needs no buffers.
            let _ = returned;
            if consumed.is_err() {
                break;
            }
        }
        drop((stored_back, tar_back));
        let (decoded, hasher) = decoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if hasher.is_some() {
            consumer.tar = hasher;
        }
        consumed.and(decoded)
    })
}

/// Hashes the decoded bytes and reads the entries in them.
struct Consumer<'a> {
    stored: Hasher,
    /// `None` while the decoding thread has it.
    tar: Option<Hasher>,
    reader: TarReader,
    collector: Collector<'a>,
}

impl<'a> Consumer<'a> {
    fn new(request: &'a Request) -> Consumer<'a> {
        Consumer {
            stored: Hasher::new(request.blob_algorithm),
            tar: Some(Hasher::new(request.diff_algorithm)),
            reader: TarReader::default(),
            collector: Collector::new(&request.collect),
        }
    }

    fn push_tar(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(hasher) = &mut self.tar {
            hasher.update(bytes);
        }
        self.reader.push(bytes, &mut self.collector)
    }

    fn finish(self, blob: &Blob, decoded: Decoded, request: &Request) -> Result<LayerFacts, Fault> {
        let overhead = self.reader.finish()?;
        let diff_id = self.tar.ok_or(Fault::Stopped)?.finish();
        let digest = match decoded.compression {
            // The stored bytes are the tar, so both digests are the same.
            Compression::None if request.blob_algorithm == request.diff_algorithm => diff_id.clone(),
            Compression::None => digest_of_blob(blob, request.blob_algorithm)?,
            _ => self.stored.finish(),
        };
        let collected = self.collector.finish();
        let mut sizes = collected.sizes;
        sizes.stored = blob.len();
        sizes.tar = decoded.tar;
        sizes.padding = overhead.padding;
        sizes.trailing = overhead.trailing;
        sizes.after_end = overhead.after_end;
        sizes.after_stream = decoded.after_stream;
        Ok(LayerFacts {
            diff_id,
            digest,
            compression: decoded.compression,
            sizes,
            counts: collected.counts,
            paths: collected.paths,
            entries: collected.entries,
            texts: collected.texts,
            content_hashes: collected.content.hashes,
            content_digests: collected.content.digests,
            kept: collected.kept,
            heads: collected.heads,
            xattrs: collected.xattrs,
            malformed: collected.malformed,
            reader_differences: collected.reader_differences,
        })
    }
}

/// Reads an uncompressed blob again if its descriptor and its diff_id use different algorithms.
fn digest_of_blob(blob: &Blob, algorithm: Algorithm) -> Result<Digest, Fault> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; limits::CHUNK_BYTES];
    let mut at = 0;
    while at < blob.len() {
        let n = blob.read_at(&mut buffer, at)?;
        hasher.update(&buffer[..n]);
        at += n as u64;
    }
    Ok(hasher.finish())
}
