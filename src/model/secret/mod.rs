//! What a secret looks like, and how it is kept out of every output.
//!
//! Three ways tell a secret: a provider's form (`forms`), a password inside a URL (`forms`), and a name that says
//! "secret" before a value that can be one (`name`, `pair`). [`Redactor`] and [`redact_text`] put a mark in a secret's
//! place (`redact`). No function here hands out a character of a secret beyond the provider's public prefix.
//!
//! In: text. Out: where secrets stand, and of what kind. Not here: reading files or layers. Every scan is linear in its
//! text.

mod forms;
mod name;
mod pair;
mod redact;

pub use pair::in_pair;
pub use redact::Redactor;
pub use redact::redact_text;

use std::fmt;
use std::ops::Range;

/// What may be said of a secret: its kind, its provider's public prefix, its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    /// In human words: `GitHub token`, `password in a URL`.
    pub kind: &'static str,
    /// What every secret of this kind begins with, such as `ghp_`; empty where there is no such thing.
    pub prefix: &'static str,
    /// In characters, prefix included.
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

/// A secret and the bytes of the text that it takes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spotted {
    /// What it is.
    pub secret: Secret,
    /// Where it stands; on character boundaries.
    pub range: Range<usize>,
}

/// A secret at a range of a text.
fn spotted(text: &str, kind: &'static str, prefix: &'static str, range: Range<usize>) -> Spotted {
    let length = text.get(range.clone()).map_or(0, |part| part.chars().count());
    Spotted { secret: Secret { kind, prefix, length }, range }
}
