//! What the programs of each language need before they can do their work: modules, scripts, build results.
//!
//! Pure functions over [`ProcessContext`]; each module names the documentation it follows. Not here: which program
//! starts, and whether its interpreter can be executed.

pub mod apps;
pub mod interpreters;
pub mod java;
pub mod json;
pub mod next;
pub mod node;
pub mod packages;
pub mod python;

use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::shell;
use crate::model::finding::Undecided;
use crate::model::text::shown;

/// Why it is undecided which file a word names, if only a running shell knows.
pub fn undecided(word: &str) -> Option<Undecided> {
    if !shell::is_decided(word) {
        return Some(Undecided::unknowable("command", "the name of a file is only known when the container starts"));
    }
    // A shell expands these to existing names.
    let is_pattern = word.contains(['*', '?', '[']) || word.starts_with('~');
    is_pattern.then(|| Undecided::unknowable(shown(word), "a shell may expand it as a pattern"))
}

/// The need for a file that a word names: it must exist and be readable.
pub fn file(process: &ProcessContext<'_>, word: &str, what: &str) -> Need {
    undecided(word).map_or_else(|| process.readable(&path_of(process, word), what), Need::Undecided)
}

/// The absolute path that a word names, without a leading `./`.
pub fn path_of(process: &ProcessContext<'_>, word: &str) -> Vec<u8> {
    let mut word = word;
    while let Some(rest) = word.strip_prefix("./") {
        word = rest.trim_start_matches('/');
    }
    match word {
        "" | "." => process.cwd.clone(),
        word => process.absolute(word.as_bytes()),
    }
}
