//! Hashes the content of regular files while it is read.

use crate::limits;
use sha2::Digest;
use sha2::Sha256;
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh3::xxh3_128;

/// The hashes of a layer's files, and of the file being read.
pub struct Content {
    /// XXH3-128 of each regular file, in order.
    pub hashes: Vec<u128>,
    /// SHA-256 of each, if requested.
    pub digests: Option<Vec<Option<[u8; 32]>>>,
    size: u64,
    whole: Option<u128>,
    running: Xxh3,
    started: bool,
    sha256: Option<Sha256>,
    hole_bytes: u64,
}

impl Content {
    /// `sha256`: whether to compute SHA-256 too.
    pub fn new(sha256: bool) -> Content {
        Content {
            hashes: Vec::new(),
            digests: sha256.then(Vec::new),
            size: 0,
            whole: None,
            running: Xxh3::new(),
            started: false,
            sha256: None,
            hole_bytes: 0,
        }
    }

    /// Starts a file of `size` bytes. Returns its index in [`Content::hashes`].
    pub fn begin(&mut self, size: u64) -> u32 {
        self.size = size;
        self.whole = None;
        self.started = false;
        self.sha256 = self.digests.is_some().then(Sha256::new);
        self.hashes.len() as u32
    }

    /// Adds bytes.
    pub fn data(&mut self, bytes: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        // Most files arrive in one piece, and one-shot hashing is much cheaper than streaming.
        if !self.started && bytes.len() as u64 == self.size {
            self.whole = Some(xxh3_128(bytes));
            return;
        }
        self.start();
        self.running.update(bytes);
    }

    /// Adds a hole of zeros. The hash covers only its length, which costs nothing, so a sparse file differs from one
    /// that stores its zeros. The digest covers the zeros, up to [`limits::HASHED_HOLE_BYTES`].
    pub fn hole(&mut self, bytes: u64) {
        self.start();
        self.running.update(b"hole");
        self.running.update(&bytes.to_le_bytes());
        let Some(sha256) = &mut self.sha256 else { return };
        self.hole_bytes = self.hole_bytes.saturating_add(bytes);
        if self.hole_bytes > limits::HASHED_HOLE_BYTES {
            self.sha256 = None;
            return;
        }
        let zeros = [0; 4096];
        let mut left = bytes;
        while left > 0 {
            let step = left.min(zeros.len() as u64);
            sha256.update(&zeros[..step as usize]);
            left -= step;
        }
    }

    /// Ends the file.
    pub fn end(&mut self) {
        let hash = match self.whole {
            Some(hash) => hash,
            None if self.started => self.running.digest128(),
            None => xxh3_128(b""),
        };
        self.hashes.push(hash);
        if let Some(digests) = &mut self.digests {
            digests.push(self.sha256.take().map(|sha256| sha256.finalize().into()));
        }
    }

    fn start(&mut self) {
        if !self.started {
            self.started = true;
            self.running.reset();
        }
    }
}
