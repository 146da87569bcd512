//! `bad-env-value`: an environment variable has a value that the policy doesn't allow.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::secret;
use crate::model::text;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "bad-env-value",
    topic: Topic::Runtime,
    title: "an environment variable has a value that the policy doesn't allow",
    rows: &["E3"],
    params: &[
        Param {
            name: "one-of",
            kind: ParamKind::StringLists,
            about: "Variables and their allowed values, compared exactly: `{ LOG_LEVEL = [\"DEBUG\", \"INFO\"] }`. \
                    Default: none.",
        },
        Param {
            name: "url",
            kind: ParamKind::Strings,
            about: "Variables whose value must be a URL or empty. Default: none.",
        },
    ],
    docs: Docs {
        why: "A program that doesn't recognise a value may fail at startup or silently fall back to a default.",
        checks: "The values that the config's `Env` sets; if a name occurs twice, the last value counts. Unset \
                 variables are not checked.",
        limits: "Values that are set when the container starts. A URL that contains `${…}` is undecided.",
        fix: "Set the variable to an allowed value (`ENV NAME=VALUE`), or remove it from ENV and set it when the \
              container starts.",
        before: "FROM python:3.13-slim\n\
                 ENV LOG_LEVEL=verbose",
        after: "FROM python:3.13-slim\n\
                ENV LOG_LEVEL=INFO",
        breaks: "config env=LOG_LEVEL=verbose   #! bad-env-value",
        satisfies: "config env=LOG_LEVEL=INFO",
    },
    check,
};

/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 40;

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let run = &facts.image().config.run;
    for (name, allowed) in settings.string_lists("one-of").into_iter().flatten() {
        let Some(value) = run.env_value(name) else { continue };
        if allowed.iter().any(|one| one == value) {
            continue;
        }
        let shown_allowed: Vec<String> = allowed.iter().map(|one| text::shown(one)).collect();
        let place = place(name);
        let message =
            format!("{} is {}; the policy allows {}", text::shown(name), shown(name, value), shown_allowed.join(", "));
        out.report(Found::new(text::shown(name), message).at(Location::config(place)));
    }
    for name in settings.strings("url").into_iter().flatten() {
        let Some(value) = run.env_value(name).filter(|value| !value.is_empty()) else { continue };
        if value.contains("${") {
            out.undecided(Undecided::unknowable(
                place(name),
                "it contains a `${…}` reference that the program may expand",
            ));
        } else if let Some(why) = url_problem(value) {
            let message = format!("{} is not a URL: {why}", text::shown(name));
            out.report(Found::new(text::shown(name), message).at(Location::config(place(name))));
        }
    }
    Ok(())
}

fn place(name: &str) -> String {
    format!("config.Env[{}]", text::shown(name))
}

/// How a message shows a value: in full if it is short and not a secret.
fn shown(name: &str, value: &str) -> String {
    if value.is_empty() {
        return "empty".to_string();
    }
    if secret::in_pair(name, value).is_some() || value.chars().nth(VALUE_CHARS_MAX).is_some() {
        return format!("{} long", text::count(value.chars().count() as u64, "character"));
    }
    format!("`{}`", text::shown(&secret::redact_text(value)))
}

/// Why a value is not a URL (RFC 3986, section 3; for http, section 3.2), without the value itself.
fn url_problem(value: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = value.split_once("://") else { return Some("it has no scheme://") };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme {
        return Some("its scheme has characters other than letters, digits, +, - and .");
    }
    if value.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("it contains white space");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_web = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https" | "ws" | "wss");
    if is_web && (host.is_empty() || host.starts_with(':')) {
        return Some("it has no host");
    }
    let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
    if is_web && port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
        return Some("its port is not a number up to 65535");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::ParamValue;
    use crate::rules::testing;
    use std::collections::BTreeMap;

    fn run(env: &[&str]) -> (Vec<String>, usize) {
        let mut image = testing::image();
        env.iter().for_each(|pair| testing::env(&mut image, pair));
        let levels = ["DEBUG", "INFO", "WARNING", "ERROR"].map(String::from).to_vec();
        let settings = testing::settings(&[
            ("one-of", ParamValue::StringLists(BTreeMap::from([("LOG_LEVEL".to_string(), levels)]))),
            ("url", testing::strings(&["DATABASE_URL", "FRONTEND_URL"])),
        ]);
        let (findings, undecided) = testing::run(&RULE, &image, &settings);
        (findings.into_iter().map(|finding| finding.message).collect(), undecided.len())
    }

    #[test]
    fn reports_values_that_are_not_in_the_list() {
        let allowed = "; the policy allows DEBUG, INFO, WARNING, ERROR";
        assert_eq!(run(&["LOG_LEVEL=info"]).0, [format!("LOG_LEVEL is `info`{allowed}")]);
        assert_eq!(run(&["LOG_LEVEL="]).0, [format!("LOG_LEVEL is empty{allowed}")]);
        let secret = "LOG_LEVEL=ghp_yMSi3sec1NKL4vTT6YSXeMZgpRH59kMZtgWa";
        assert_eq!(run(&[secret]).0, [format!("LOG_LEVEL is 40 characters long{allowed}")]);
        assert_eq!(run(&["LOG_LEVEL=x", "LOG_LEVEL=INFO"]).0, [""; 0]);
        assert_eq!(run(&["OTHER=x"]).0, [""; 0]);
    }

    #[test]
    fn reports_invalid_urls_without_showing_them() {
        for bad in ["db:5432/app", "postgres:/secret1", "http://", "http://:80/", "http://a:b/", "http://a b/", "1://x"]
        {
            let (found, _) = run(&[&format!("DATABASE_URL={bad}")]);
            assert_eq!(found.len(), 1, "{bad}");
            assert!(!found[0].contains("secret1"));
        }
        for good in ["", "postgresql://u:p@db:5432/app", "sqlite:///./x.db", "http://[::1]:80", "https://a.b/c?d#e"] {
            assert_eq!(run(&[&format!("FRONTEND_URL={good}")]), (vec![], 0), "{good}");
        }
        assert_eq!(run(&["DATABASE_URL=${PG_URL}"]), (vec![], 1));
    }
}
