//! A content digest and its text form (image-spec, descriptor.md, "Digests").

use std::fmt;

/// The supported algorithms. Digests with others are rejected when parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// `sha256:`, which nearly every image uses.
    Sha256,
    /// `sha512:`, which the image specification registers.
    Sha512,
}

/// A valid digest: a supported algorithm and the right number of lower-case hex digits. Safe to use in a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    text: Box<str>,
}

/// Why a text is not a supported digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no colon.
    #[error("digest {0:?} has no algorithm")]
    NoAlgorithm(String),
    /// The algorithm is unsupported.
    #[error("digest {0:?}: unsupported algorithm (expected sha256 or sha512)")]
    UnknownAlgorithm(String),
    /// The length is wrong, or a character is not a lower-case hex digit.
    #[error("digest {0:?} is invalid: expected {1} lower-case hex digits")]
    BadHex(String, usize),
}

impl Digest {
    /// Parses `algorithm:hex`.
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

    /// A digest from the output of a hash function.
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

    /// The hex digits after the colon.
    pub fn hex(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The first twelve hex digits, for display.
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

/// Bytes as lower-case hex digits.
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
    fn rejects_invalid_digests() {
        let good = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(Digest::parse(&good).expect("valid").as_str(), good);
        for bad in ["", "ab", "md5:00", "sha256:", "sha256:../../etc/passwd", "sha256:AB"] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
        assert!(Digest::parse(&good.to_uppercase()).is_err());
        assert!(Digest::parse(&format!("sha512:{}", "ab".repeat(32))).is_err());
    }
}
