//! A finding's name that survives a rebuild: what waivers and dashboards hold on to.
//!
//! Made of the rule, the subject and the primary place (a path or a field of the config), never of digests, layer
//! indexes, sizes or texts that are worded for people.

use crate::model::digest::hex;
use crate::model::finding::Finding;
use sha2::Digest as _;
use sha2::Sha256;
use std::collections::BTreeMap;

/// Bytes of the hash that are kept.
const KEPT_BYTES: usize = 16;

/// The fingerprints of one image's findings, in their order. Findings that agree in everything that counts are told
/// apart by their order.
pub fn fingerprints(findings: &[Finding]) -> Vec<String> {
    let mut seen: BTreeMap<[u8; 32], u64> = BTreeMap::new();
    findings
        .iter()
        .map(|finding| {
            let parts = parts(finding);
            let nth = seen.entry(hash(&parts)).or_insert(0);
            *nth += 1;
            let hash = match *nth {
                1 => hash(&parts),
                nth => {
                    let ordinal = nth.to_string();
                    hash(&[&parts[..], &[ordinal.as_bytes()]].concat())
                }
            };
            hex(&hash[..KEPT_BYTES])
        })
        .collect()
}

fn parts(finding: &Finding) -> [&[u8]; 4] {
    let first = finding.locations.first();
    let (kind, place): (&[u8], &[u8]) = match first.map(|location| (&location.path, &location.config)) {
        Some((Some(path), _)) => (b"path", path),
        Some((None, Some(config))) => (b"config", config.as_bytes()),
        _ => (b"image", b""),
    };
    [finding.rule.as_bytes(), finding.subject.as_bytes(), kind, place]
}

/// SHA-256 over the parts, each behind its length (eight bytes, the least significant first).
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
    use crate::model::finding::Confidence;
    use crate::model::finding::Level;
    use crate::model::finding::Location;
    use crate::model::finding::Scope;
    use crate::model::finding::State;

    fn finding(rule: &'static str, subject: &str, location: Location) -> Finding {
        Finding {
            rule,
            level: Level::Error,
            confidence: Confidence::Certain,
            subject: subject.to_string(),
            message: "said of it".to_string(),
            fix: "mend it".to_string(),
            locations: vec![location],
            scope: Scope::Own,
        }
    }

    #[test]
    fn layers_levels_and_words_do_not_count() {
        let mut other = finding("a", "b", Location::path(b"x", Some(9), State::Shipped));
        other.level = Level::Note;
        other.message = "in other words".to_string();
        let one = finding("a", "b", Location::path(b"x", Some(1), State::Visible));
        assert_eq!(fingerprints(&[one]), fingerprints(&[other]));
    }

    #[test]
    fn the_format_is_fixed() {
        let one = finding("root-user", "User", Location::config("config.User"));
        assert_eq!(fingerprints(&[one]), ["886c9641e258164696ce0bc506851e43"]);
    }

    #[test]
    fn rule_subject_and_place_count_and_do_not_run_together() {
        let all = [
            finding("ab", "c", Location::config("x")),
            finding("a", "bc", Location::config("x")),
            finding("ab", "c", Location::config("y")),
            finding("ab", "c", Location::path(b"x", None, State::Visible)),
            finding("ab", "c", Location::default()),
            finding("ab", "c", Location::config("x")),
            finding("ab", "c", Location::config("x")),
        ];
        let mut prints = fingerprints(&all);
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), all.len());
        assert!(prints.iter().all(|print| print.len() == 32));
    }
}
