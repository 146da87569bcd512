//! The config's health check: what it runs, and which URLs it requests.
//!
//! `Test` is read as dockerd reads it (moby `daemon/health.go`, `getProbe`): `NONE` turns the check off, `CMD` runs a
//! program, `CMD-SHELL` runs a shell command, anything else is ignored. Not here: whether its program exists.

use crate::facts::Facts;
use crate::facts::shell;
use crate::facts::shell::Variables;
use crate::facts::start::file_name;
use crate::facts::start::shell_text;
use crate::model::config::Healthcheck;

/// The config's `Healthcheck`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health<'a> {
    /// Not set.
    None,
    /// `HEALTHCHECK NONE`.
    Disabled,
    /// Set, but without a command: Docker runs nothing.
    Empty,
    /// Its first word is unknown to Docker, which ignores such a check.
    Unknown(&'a str),
    /// A check that Docker runs.
    Check(Check<'a>),
}

/// A health check that Docker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check<'a> {
    /// What it runs.
    pub probe: Probe<'a>,
    /// Its durations and retries.
    pub timing: &'a Healthcheck,
}

/// What a health check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe<'a> {
    /// A program and its arguments.
    Exec(&'a [String]),
    /// A command for the image's shell.
    Shell(&'a str),
}

/// A URL that a health check requests. Parts that are only known in a running container are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeUrl {
    /// The host, without brackets and user.
    pub host: Option<String>,
    /// The port; the scheme's default if none is given.
    pub port: Option<u16>,
    /// The path without query and fragment; `/` if none is given.
    pub path: Option<String>,
}

impl ProbeUrl {
    /// Whether it points at the container itself; `0.0.0.0` does too.
    pub fn is_loopback(&self) -> Option<bool> {
        self.host.as_deref().map(is_loopback_or_any)
    }
}

/// Whether a host is loopback: `localhost`, `127.…`, `::1`.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    matches!(host.as_str(), "localhost" | "ip6-localhost" | "ip6-loopback" | "localhost.localdomain")
        || host.ends_with(".localhost")
        || host.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_loopback_or_any(host: &str) -> bool {
    is_loopback(host) || matches!(host, "0.0.0.0" | "::" | "0" | "127.1")
}

impl<'a> Facts<'a> {
    /// The config's health check.
    pub fn health(&self) -> Health<'a> {
        let Some(check) = &self.image().config.run.healthcheck else { return Health::None };
        let Some((kind, words)) = check.test.split_first() else { return Health::Empty };
        let probe = match kind.as_str() {
            "NONE" => return Health::Disabled,
            "CMD" => Probe::Exec(words),
            "CMD-SHELL" => Probe::Shell(words.first().map_or("", String::as_str)),
            other => return Health::Unknown(other),
        };
        match probe {
            Probe::Exec(words) if words.first().is_none_or(|word| word.is_empty()) => Health::Empty,
            Probe::Shell(text) if text.trim().is_empty() => Health::Empty,
            probe => Health::Check(Check { probe, timing: check }),
        }
    }

    /// The commands that a health check runs, each split into words.
    pub fn health_commands(&self, check: &Check<'_>) -> Vec<Vec<String>> {
        let variables = Variables::new(&self.image().config.run);
        match check.probe {
            Probe::Shell(text) => shell::commands(text, &variables),
            // `["CMD", "sh", "-c", text]` is a shell command too.
            Probe::Exec(words) => match shell_text(words) {
                Some((_, text)) => shell::commands(text, &variables),
                None => vec![words.to_vec()],
            },
        }
    }

    /// The URLs that a health check requests, in order.
    pub fn health_urls(&self, check: &Check<'_>) -> Vec<ProbeUrl> {
        self.health_commands(check).iter().flat_map(|words| urls_in(words)).collect()
    }

    /// The commands of a health check that request URLs, each with its URLs.
    pub fn health_requests(&self, check: &Check<'_>) -> Vec<(Vec<String>, Vec<ProbeUrl>)> {
        let requests = self.health_commands(check).into_iter().map(|words| (urls_in(&words), words));
        requests.filter(|(urls, _)| !urls.is_empty()).map(|(urls, words)| (words, urls)).collect()
    }
}

/// The URLs in the words of one command.
fn urls_in(words: &[String]) -> Vec<ProbeUrl> {
    let mut found = Vec::new();
    let program = words.first().map_or("", |word| file_name(word));
    let takes_bare_hosts = matches!(program, "curl" | "wget" | "http" | "xh");
    for word in words.iter().skip(1) {
        let before = found.len();
        let mut rest = word.as_str();
        while let Some(at) = rest.find("://") {
            let (scheme, tail) = (&rest[..at], &rest[at + 3..]);
            let end = tail.find(ends_url).unwrap_or(tail.len());
            let default = if scheme.ends_with("https") {
                Some(443)
            } else if scheme.ends_with("http") {
                Some(80)
            } else {
                None
            };
            if let Some(default) = default {
                found.push(parse_url(&tail[..end], default, tail[end..].starts_with(['\'', '"'])));
            }
            rest = &tail[end..];
        }
        if found.len() == before && takes_bare_hosts && looks_like_host(word) {
            found.push(parse_url(word, 80, false));
        }
    }
    found
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || "\"'`<>\\|;),".contains(c)
}

/// `localhost:8000/health`: curl and wget accept a URL without a scheme.
fn looks_like_host(word: &str) -> bool {
    let host = word.split(['/', ':']).next().unwrap_or("");
    !word.starts_with(['-', '/', ':']) && (is_loopback(host) || host == "0.0.0.0" || word.starts_with("[::1]"))
}

/// Parses what follows `://`. If code may continue after a quote (`'http://localhost:' + port`), an empty last part is
/// unknown.
fn parse_url(text: &str, default: u16, in_code: bool) -> ProbeUrl {
    let is_unknown = |text: &str| !shell::is_decided(text) || text.contains(['{', '}', '$', '%']);
    let authority_end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (authority, rest) = text.split_at(authority_end);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let path = rest.split(['?', '#']).next().unwrap_or("");
    let cut = in_code && rest.is_empty();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ProbeUrl {
        host: (!is_unknown(host) && !host.is_empty()).then(|| host.to_string()),
        port: match port {
            Some(port) => port.parse().ok(),
            None if is_unknown(host) || host.is_empty() => None,
            None => Some(default),
        },
        path: match path {
            "" if cut && port == Some("") || host.is_empty() => None,
            "" => (!is_unknown(authority) || port.is_some()).then(|| "/".to_string()),
            path => (!is_unknown(path)).then(|| path.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing;

    fn found(test: &[&str], env: &[&str]) -> String {
        let mut image = testing::image();
        image.config.run.env = env.iter().map(|pair| pair.to_string()).collect();
        testing::health(&mut image, test);
        let facts = testing::facts(&image);
        let Health::Check(check) = facts.health() else { return "no check".to_string() };
        let part = |text: Option<String>| text.unwrap_or_else(|| "?".to_string());
        let urls = facts.health_urls(&check);
        let shown = urls.iter().map(|url| {
            format!("{} {} {}", part(url.host.clone()), part(url.port.map(|n| n.to_string())), part(url.path.clone()))
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn finds_urls_in_commands_and_code() {
        let shell = |text: &str, env: &[&str]| found(&["CMD-SHELL", text], env);
        assert_eq!(shell("curl -f http://localhost:8000/health || exit 1", &[]), "localhost 8000 /health");
        assert_eq!(
            shell("wget -q -O /dev/null http://127.0.0.1:${PORT}/health", &["PORT=3000"]),
            "127.0.0.1 3000 /health"
        );
        assert_eq!(shell("wget http://127.0.0.1:${PORT:-3000}/health?x=1", &[]), "127.0.0.1 3000 /health");
        assert_eq!(shell("wget \"http://[::1]:$PORT/health\"", &[]), "::1 ? /health");
        assert_eq!(shell("curl http://$(hostname):80/$P", &[]), "? 80 ?");
        assert_eq!(shell("curl -sf localhost:8000/health", &[]), "localhost 8000 /health");
        assert_eq!(shell("curl https://localhost", &[]), "localhost 443 /");
        assert_eq!(shell("pg_isready", &[]), "");
        let exec = |words: &[&str]| found(&[&["CMD"], words].concat(), &["PORT=3000"]);
        let python = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)";
        assert_eq!(exec(&["python", "-c", python]), "127.0.0.1 8000 /health");
        assert_eq!(exec(&["node", "-e", "get('http://localhost:' + process.env.PORT + '/health')"]), "localhost ? ?");
        assert_eq!(
            exec(&["node", "-e", "get(`http://localhost:${process.env.PORT || 3000}/health`)"]),
            "localhost ? /"
        );
        assert_eq!(exec(&["wget", "http://localhost:${PORT}/health"]), "localhost ? /health");
        assert_eq!(exec(&["sh", "-c", "curl http://localhost:$PORT/h"]), "localhost 3000 /h");
        assert_eq!(exec(&["/server", "-check"]), "");
    }

    #[test]
    fn reads_the_test_field_as_docker_does() {
        let mut image = testing::image();
        assert_eq!(testing::facts(&image).health(), Health::None);
        for (test, expected) in [
            (&["NONE"][..], Health::Disabled),
            (&[], Health::Empty),
            (&["CMD"], Health::Empty),
            (&["CMD-SHELL", " "], Health::Empty),
            (&["curl", "x"], Health::Unknown("curl")),
        ] {
            testing::health(&mut image, test);
            assert_eq!(testing::facts(&image).health(), expected);
        }
    }
}
