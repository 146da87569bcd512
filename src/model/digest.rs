//! A content digest and its text form (image-spec, descriptor.md, "Digests").

use std::fmt;

/// The algorithms that can be verified here. Others are refused where they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// `sha256:`, which nearly every image uses.
    Sha256,
    /// `sha512:`, registered by the image specification.
    Sha512,
}

/// A digest whose text form has been checked: a known algorithm and the right number of lower-case hex digits.
///
/// Only such a digest is ever joined to a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    text: Box<str>,
}

/// Why a text is no digest that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No colon between algorithm and value.
    #[error("digest {0:?} has no algorithm")]
    NoAlgorithm(String),
    /// Known to nobody here.
    #[error("digest {0:?}: unsupported algorithm (sha256 and sha512 can be verified)")]
    UnknownAlgorithm(String),
    /// Wrong length, upper-case or other characters.
    #[error("digest {0:?} is invalid: it must hold lower-case hex digits, {1} of them")]
    BadHex(String, usize),
}

impl Digest {
    /// Reads `algorithm:hex`.
    pub fn parse(text: &str) -> Result<Digest, DigestError> {
        let shown = || text.chars().take(160).collect::<String>();
        let (name, hex) = text.split_once(':').ok_or_else(|| DigestError::NoAlgorithm(shown()))?;
        let (algorithm, digits) = match name {
            "sha256" => (Algorithm::Sha256, 64),
            "sha512" => (Algorithm::Sha512, 128),
            _ => return Err(DigestError::UnknownAlgorithm(shown())),
        };
        if hex.len() != digits || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::BadHex(shown(), digits));
        }
        Ok(Digest { algorithm, text: text.into() })
    }

    /// A digest from the raw bytes a hash function gave.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let name = match algorithm {
            Algorithm::Sha256 => "sha256:",
            Algorithm::Sha512 => "sha512:",
        };
        Digest { algorithm, text: format!("{name}{}", hex(bytes)).into() }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part behind the colon.
    pub fn hex(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The first twelve hex digits, for people.
    pub fn short(&self) -> &str {
        self.hex().get(..12).unwrap_or("")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Lower-case hex digits of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_digests_are_taken() {
        let good = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(Digest::parse(&good).expect("valid").as_str(), good);
        for bad in ["", "ab", "md5:00", "sha256:", "sha256:../../etc/passwd", "sha256:AB"] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
        assert!(Digest::parse(&good.to_uppercase()).is_err());
        assert!(Digest::parse(&format!("sha512:{}", "ab".repeat(32))).is_err());
    }
}
