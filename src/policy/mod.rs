//! Policies: the level and the parameters of each rule.
//!
//! A rule that no policy names is off.

pub mod builtin;
mod document;
pub mod error;
pub mod file;
mod value;

#[cfg(test)]
mod tests;

pub use crate::policy::error::PolicyError;
pub use crate::policy::file::load;
pub use crate::policy::file::load_all;

use crate::model::finding::Level;
use crate::rules;
use crate::rules::Settings;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A policy with `extends` resolved and every value checked.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The policy itself first, then those it extends, in the order they were read.
    pub names: Vec<PolicyName>,
    /// By rule id.
    pub rules: BTreeMap<String, RulePolicy>,
}

/// The level and the parameters of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePolicy {
    /// Its level.
    pub level: Level,
    /// Its parameters.
    pub settings: Settings,
}

impl Policy {
    /// A built-in policy: `baseline`, `backend` or `frontend`.
    ///
    /// # Errors
    ///
    /// There is no policy of that name; the error names the nearest.
    pub fn builtin(name: &str) -> Result<Policy, PolicyError> {
        // A file's path would have a slash.
        load(&name.replace('/', " "), rules::ALL, &no_files)
    }

    /// A policy from TOML text, which may extend built-in policies. `name` is what messages and reports call it.
    ///
    /// # Errors
    ///
    /// Something in the text is wrong: every problem, with its line.
    ///
    /// ```
    /// let policy = plimsoll::Policy::parse("release", "schema = 1\nextends = [\"baseline\"]\n")?;
    /// assert_eq!(policy.names[1].name, "baseline");
    /// # Ok::<(), plimsoll::PolicyError>(())
    /// ```
    pub fn parse(name: &str, text: &str) -> Result<Policy, PolicyError> {
        let path = format!("./{}", name.replace('/', " "));
        // The loader asks for the path without its `./`.
        let read = |asked: &Path| match asked.strip_prefix(".").unwrap_or(asked) == Path::new(&path[2..]) {
            true => Ok(text.as_bytes().to_vec()),
            false => no_files(asked),
        };
        load(&path, rules::ALL, &read)
    }

    /// The level of a rule.
    pub fn level(&self, rule: &str) -> Level {
        self.rules.get(rule).map_or(Level::Off, |policy| policy.level)
    }
}

/// Identifies a policy by its name and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyName {
    /// `baseline`, or the file's path as given.
    pub name: String,
    /// SHA-256 of the policy file's bytes, as hex.
    pub sha256: String,
}

fn no_files(_: &Path) -> io::Result<Vec<u8>> {
    Err(io::Error::new(io::ErrorKind::NotFound, "a policy given as text can only extend built-in policies"))
}
