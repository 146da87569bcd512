//! Detects and redacts secrets.
//!
//! A secret is detected in three ways: by a provider's token format (`formats`), as a password in a URL (`formats`), or
//! by a name that suggests a secret and a value that can be one (`name`, `pair`). [`Redactor`] and [`redact_text`]
//! replace secrets with a placeholder (`redact`). No function here returns a character of a secret beyond the
//! provider's public prefix.
//!
//! In: text. Out: the ranges and kinds of secrets. Not here: reading files or layers. Every scan takes linear time.

mod formats;
mod name;
mod pair;
mod redact;

pub use pair::in_pair;
pub use redact::Redactor;
pub use redact::redact_text;

use std::fmt;
use std::ops::Range;

/// A description of a secret that is safe to display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The kind of secret: `GitHub token`, `password in a URL`.
    pub kind: &'static str,
    /// The public prefix of all secrets of this kind, such as `ghp_`; empty if there is none.
    pub prefix: &'static str,
    /// Length in characters, including the prefix.
    pub length: usize,
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        if !self.prefix.is_empty() {
            write!(f, " {}…", self.prefix)?;
        }
        write!(f, ", {} character{}", self.length, if self.length == 1 { "" } else { "s" })
    }
}

/// A secret found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSecret {
    /// Its description.
    pub secret: Secret,
    /// Its range of bytes in the text, on character boundaries.
    pub range: Range<usize>,
}

/// Describes the secret at a range of a text.
fn found_secret(text: &str, kind: &'static str, prefix: &'static str, range: Range<usize>) -> FoundSecret {
    let length = text.get(range.clone()).map_or(0, |part| part.chars().count());
    FoundSecret { secret: Secret { kind, prefix, length }, range }
}
