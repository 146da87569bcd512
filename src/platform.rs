//! Platforms as they are named on the command line and in indexes: `linux/arm64/v8`.

use std::fmt;
use std::str::FromStr;

/// `os/architecture` or `os/architecture/variant`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Platform(String);

/// A text that is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected OS/ARCH[/VARIANT], such as linux/amd64 or linux/arm/v7")]
pub struct InvalidPlatform;

impl Platform {
    /// The platform as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Platform, InvalidPlatform> {
        let is_word = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        match (2..=3).contains(&text.split('/').count()) && text.split('/').all(is_word) {
            true => Ok(Platform(text.to_string())),
            false => Err(InvalidPlatform),
        }
    }
}

impl TryFrom<&str> for Platform {
    type Error = InvalidPlatform;

    fn try_from(text: &str) -> Result<Platform, InvalidPlatform> {
        text.parse()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_has_two_or_three_parts() {
        for good in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(good.parse::<Platform>().map(|platform| platform.to_string()), Ok(good.to_string()));
        }
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/ar m", "linux/\u{1b}"] {
            assert_eq!(bad.parse::<Platform>(), Err(InvalidPlatform), "{bad}");
        }
    }
}
