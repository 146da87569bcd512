//! The pass: one reading of one layer. Decompress, digest the stored bytes and the tar, walk the entries, collect.
//!
//! In: a blob. Out: [`LayerFacts`], with both digests computed from the very bytes that were read; whoever calls compares
//! them. A layer can be read on one thread, or split over two: one decodes, the other digests and walks. The result is
//! the same.

use crate::collect::Collector;
use crate::collect::Wants;
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
use crate::stream::frames::Framer;
use crate::stream::hash::Hasher;
use std::sync::mpsc;

/// What is asked of a pass.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of the stored bytes' digest.
    pub blob_algorithm: Algorithm,
    /// Of the tar's digest.
    pub diff_algorithm: Algorithm,
    /// Content to take.
    pub wants: Wants,
    /// Use a second thread.
    pub split: bool,
}

/// Reads a layer.
pub fn read(blob: &Blob, request: &Request) -> Result<LayerFacts, Fault> {
    let mut body = Body::new(request);
    let decoded = match request.split {
        false => {
            let mut hasher = Hasher::new(request.blob_algorithm);
            let decoded = {
                let mut stored = Inline {
                    spare: Vec::new(),
                    take: |bytes: &[u8]| {
                        hasher.update(bytes);
                        Ok(())
                    },
                };
                let mut tar = Inline { spare: Vec::new(), take: |bytes: &[u8]| body.tar(bytes) };
                decompress::decode(blob, &mut stored, &mut tar)?
            };
            body.stored = hasher;
            decoded
        }
        true => split(blob, &mut body)?,
    };
    body.finish(blob, decoded, request)
}

/// One buffer that goes round.
struct Inline<F> {
    spare: Vec<u8>,
    take: F,
}

impl<F: FnMut(&[u8]) -> Result<(), Fault>> Buffers for Inline<F> {
    fn empty(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    fn full(&mut self, buffer: Vec<u8>) -> Result<(), Fault> {
        (self.take)(&buffer)?;
        self.spare = buffer;
        Ok(())
    }
}

enum Piece {
    Stored(Vec<u8>),
    Tar(Vec<u8>),
}

/// Sends full buffers to the other thread and takes used ones back; digests them first where that is its task.
struct Sender {
    hasher: Option<Hasher>,
    full: mpsc::SyncSender<Piece>,
    used: mpsc::Receiver<Vec<u8>>,
    made: usize,
    piece: fn(Vec<u8>) -> Piece,
}

impl Buffers for Sender {
    fn empty(&mut self) -> Vec<u8> {
        match self.used.try_recv() {
            Ok(buffer) => buffer,
            Err(_) if self.made < limits::CHUNKS_IN_FLIGHT + 2 => {
                self.made += 1;
                Vec::new()
            }
            // The other side gives every buffer back; where it has ended, the next send says so.
            Err(_) => self.used.recv().unwrap_or_default(),
        }
    }

    fn full(&mut self, buffer: Vec<u8>) -> Result<(), Fault> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer);
        }
        self.full.send((self.piece)(buffer)).map_err(|_| Fault::Stopped)
    }
}

fn split(blob: &Blob, body: &mut Body<'_>) -> Result<Decoded, Fault> {
    // Decoding outweighs all else; where there is nothing to decode, the digest does.
    let hasher = match decompress::sniff_blob(blob)? {
        Compression::None => body.tar.take(),
        _ => None,
    };
    std::thread::scope(|scope| {
        let (full, pieces) = mpsc::sync_channel(limits::CHUNKS_IN_FLIGHT);
        let (stored_back, stored_used) = mpsc::channel();
        let (tar_back, tar_used) = mpsc::channel();
        let decoder = scope.spawn(move || {
            let mut stored =
                Sender { hasher: None, full: full.clone(), used: stored_used, made: 0, piece: Piece::Stored };
            let mut tar = Sender { hasher, full, used: tar_used, made: 0, piece: Piece::Tar };
            let decoded = decompress::decode(blob, &mut stored, &mut tar);
            (decoded, tar.hasher)
        });
        let mut walked = Ok(());
        for piece in pieces {
            let back = match piece {
                Piece::Stored(bytes) => {
                    body.stored.update(&bytes);
                    stored_back.send(bytes)
                }
                Piece::Tar(bytes) => {
                    walked = body.tar(&bytes);
                    tar_back.send(bytes)
                }
            };
            // A decoder that has ended needs no buffers.
            let _ = back;
            if walked.is_err() {
                break;
            }
        }
        drop((stored_back, tar_back));
        let (decoded, hasher) = decoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if hasher.is_some() {
            body.tar = hasher;
        }
        walked.and(decoded)
    })
}

/// Everything that happens to decoded bytes.
struct Body<'a> {
    stored: Hasher,
    /// `None` while the other thread has it.
    tar: Option<Hasher>,
    framer: Framer,
    collector: Collector<'a>,
}

impl<'a> Body<'a> {
    fn new(request: &'a Request) -> Body<'a> {
        Body {
            stored: Hasher::new(request.blob_algorithm),
            tar: Some(Hasher::new(request.diff_algorithm)),
            framer: Framer::default(),
            collector: Collector::new(&request.wants),
        }
    }

    fn tar(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(hasher) = &mut self.tar {
            hasher.update(bytes);
        }
        self.framer.push(bytes, &mut self.collector)
    }

    fn finish(self, blob: &Blob, decoded: Decoded, request: &Request) -> Result<LayerFacts, Fault> {
        let rest = self.framer.finish()?;
        let diff_id = self.tar.ok_or(Fault::Stopped)?.finish();
        let digest = match decoded.compression {
            // The stored bytes are the tar: one digest answers for both.
            Compression::None if request.blob_algorithm == request.diff_algorithm => diff_id.clone(),
            Compression::None => whole_digest(blob, request.blob_algorithm)?,
            _ => self.stored.finish(),
        };
        let collected = self.collector.finish();
        let mut sizes = collected.sizes;
        sizes.stored = blob.len();
        sizes.tar = decoded.tar;
        sizes.padding = rest.padding;
        sizes.trailing = rest.trailing;
        sizes.after_end = rest.after_end;
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
            odd: collected.odd,
        })
    }
}

/// A second digest of a plain blob whose descriptor and diff_id use different algorithms.
fn whole_digest(blob: &Blob, algorithm: Algorithm) -> Result<Digest, Fault> {
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
