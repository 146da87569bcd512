//! The built-in policies.

use crate::model::finding::Level;
use crate::policy::PolicyError;
use crate::policy::load;
use crate::rules::Rule;
use std::io;

/// The name and text of each, the most general first.
pub const ALL: &[(&str, &str)] = &[
    ("baseline", include_str!("../../policies/baseline.toml")),
    ("backend", include_str!("../../policies/backend.toml")),
    ("frontend", include_str!("../../policies/frontend.toml")),
];

/// The text of the built-in policy with this name.
pub fn find(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The level of a rule in each built-in policy.
pub fn levels(rule: &str, rules: &[&Rule]) -> Result<Vec<(&'static str, Level)>, PolicyError> {
    let no_files = |_: &std::path::Path| Err(io::Error::from(io::ErrorKind::NotFound));
    ALL.iter().map(|(name, _)| Ok((*name, load(name, rules, &no_files)?.level(rule)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    fn load_builtin(name: &str, rules: &[&Rule]) -> crate::policy::Policy {
        let no_files = |_: &std::path::Path| Err(io::Error::from(io::ErrorKind::NotFound));
        load(name, rules, &no_files).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_builtin_policy_is_valid() {
        for (name, _) in ALL {
            load_builtin(name, rules::ALL);
        }
    }

    #[test]
    fn levels_match_the_specification() {
        // Rule, then its level in baseline, backend, frontend.
        let table = "
            root-user e e e            unknown-user e e e         missing-healthcheck n e e
            healthcheck-timing - e e   healthcheck-target - e e   unexpected-port - e e
            shell-form-command n w w   binds-to-loopback w w w    secret-in-env e e e
            bad-env-value - e w        context-file-left n e e    package-cache-left w e e
            build-tools-left n e e     setuid-program w e e       world-writable w e e
            wasted-space n w w         floating-tag w w w         ambiguous-config w w w
            ambiguous-layer w w w      port-mismatch w e e        healthcheck-localhost w w w
            missing-init - - e         user-outside-group - - w   unusable-path-entry w w w
            workdir-owner n w w        non-numeric-user - - -     code-writable-by-user n w w
            needs-writable-root - n n  command-cannot-run e e e   healthcheck-cannot-run e e e";
        let words: Vec<&str> = table.split_whitespace().collect();
        let rules = rules::ALL;
        for (column, (name, _)) in ALL.iter().enumerate() {
            let policy = load_builtin(name, rules);
            for row in words.chunks(4) {
                let level = match row[column + 1] {
                    "e" => Level::Error,
                    "w" => Level::Warn,
                    "n" => Level::Note,
                    _ => Level::Off,
                };
                assert_eq!(policy.level(row[0]), level, "{} in {name}", row[0]);
            }
            assert!(policy.rules.keys().all(|id| words.contains(&id.as_str())));
        }
    }

    #[test]
    fn parameters_match_the_specification() {
        let rules = rules::ALL;
        let policy = load_builtin("frontend", rules);
        let of = |rule: &str| &policy.rules[rule].settings;
        assert_eq!(of("unexpected-port").strings("ports"), Some(&["3000/tcp".to_string()][..]));
        assert_eq!(of("healthcheck-target").count("port"), Some(3000));
        assert_eq!(of("healthcheck-timing").duration("timeout"), Some(std::time::Duration::from_secs(3)));
        assert_eq!(of("user-outside-group").string("group"), Some("nodejs"));
        assert_eq!(of("wasted-space").bytes("warn-over"), Some(20_000_000));
        let baseline = load_builtin("baseline", rules);
        let general = baseline.rules["context-file-left"].settings.strings("names").expect("set");
        let special = of("context-file-left").strings("names").expect("set");
        assert!(general.iter().all(|name| special.contains(name)), "frontend's list extends baseline's");
        assert!(special.contains(&"*.py".to_string()) && !general.contains(&"*.py".to_string()));
    }

    #[test]
    fn every_setting_has_a_comment() {
        for (name, text) in ALL {
            for line in text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
                let starts_key = !line.starts_with(' ') && !line.starts_with("schema") && !line.starts_with("extends");
                assert!(!starts_key || line.contains('#'), "{name}: {line}");
            }
        }
    }
}
