//! Streaming digests.

use crate::model::digest::Algorithm;
use crate::model::digest::Digest;
use sha2::Digest as _;
use sha2::Sha256;
use sha2::Sha512;

/// A digest in progress. SHA-256 uses the CPU's SHA instructions where available.
pub enum Hasher {
    /// `sha256`.
    Sha256(Sha256),
    /// `sha512`.
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// An empty digest.
    pub fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Box::new(Sha512::new())),
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all bytes added.
    pub fn finish(self) -> Digest {
        match self {
            Hasher::Sha256(hasher) => Digest::from_bytes(Algorithm::Sha256, &hasher.finalize()),
            Hasher::Sha512(hasher) => Digest::from_bytes(Algorithm::Sha512, &hasher.finalize()),
        }
    }
}

/// The digest of bytes in memory.
pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}
