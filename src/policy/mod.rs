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
use crate::rules::Settings;
use std::collections::BTreeMap;

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
