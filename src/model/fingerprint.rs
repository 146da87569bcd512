//! A finding's identity across rebuilds, which waivers and dashboards refer to.
//!
//! Computed from the rule, the subject and the primary location (a path or a config field), never from digests, layer
//! numbers, sizes or messages.

use crate::model::digest::hex;
use crate::model::finding::Group;
use crate::model::finding::Location;
use sha2::Digest as _;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;

/// Bytes of the hash to use.
const HASH_BYTES: usize = 16;

/// A finding's identity: 32 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Computes the fingerprints of one image's findings, in the order in which the rules report them. The order
/// distinguishes findings that are otherwise the same.
#[derive(Debug, Default)]
pub struct Fingerprints {
    seen: BTreeMap<[u8; 32], u64>,
}

impl Fingerprints {
    /// The fingerprint of the next finding. For a group it depends on the directory, so that one more file doesn't
    /// change it.
    pub fn next(
        &mut self,
        rule: &str,
        subject: &str,
        primary: Option<&Location>,
        group: Option<&Group>,
    ) -> Fingerprint {
        let (kind, place): (&[u8], &[u8]) = match (group, primary) {
            (Some(group), _) => (b"path", &group.directory),
            (None, Some(Location { path: Some(path), .. })) => (b"path", path),
            (None, Some(Location { config: Some(config), .. })) => (b"config", config.as_bytes()),
            _ => (b"image", b""),
        };
        let parts = [rule.as_bytes(), subject.as_bytes(), kind, place];
        let nth = self.seen.entry(hash(&parts)).or_insert(0);
        *nth += 1;
        let hash = match *nth {
            1 => hash(&parts),
            nth => hash(&[&parts[..], &[nth.to_string().as_bytes()]].concat()),
        };
        Fingerprint(hex(&hash[..HASH_BYTES]))
    }
}

/// SHA-256 over the parts, each preceded by its length (eight bytes, least significant first).
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::State;

    fn one(rule: &str, subject: &str, place: &Location) -> String {
        Fingerprints::default().next(rule, subject, Some(place), None).to_string()
    }

    #[test]
    fn does_not_depend_on_layers() {
        let high = Location::path(b"x", Some(9), State::Shipped).detail("17 B");
        let low = Location::path(b"x", Some(1), State::Visible);
        assert_eq!(one("a", "b", &high), one("a", "b", &low));
    }

    #[test]
    fn the_format_is_fixed() {
        assert_eq!(one("root-user", "User", &Location::config("config.User")), "886c9641e258164696ce0bc506851e43");
    }

    #[test]
    fn does_not_depend_on_the_members_of_a_group() {
        let group = |count| Group { directory: b"app".to_vec(), count };
        let member = |path: &[u8]| Location::path(path, Some(1), State::Visible);
        let of = |location: &Location, group: &Group| {
            Fingerprints::default().next("world-writable", "", Some(location), Some(group))
        };
        assert_eq!(of(&member(b"app/a"), &group(1)), of(&member(b"app/0"), &group(2)));
    }

    #[test]
    fn depends_on_rule_subject_and_location() {
        let mut prints = Fingerprints::default();
        let config = |field: &str| Location::config(field);
        let all = [
            ("ab", "c", config("x")),
            ("a", "bc", config("x")),
            ("ab", "c", config("y")),
            ("ab", "c", Location::path(b"x", None, State::Visible)),
            ("ab", "c", Location::default()),
            ("ab", "c", config("x")),
            ("ab", "c", config("x")),
        ];
        let mut found: Vec<Fingerprint> =
            all.iter().map(|(rule, subject, place)| prints.next(rule, subject, Some(place), None)).collect();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), all.len());
        assert!(found.iter().all(|print| print.as_str().len() == 32));
    }
}
