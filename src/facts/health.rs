//! The health check of the config: what it runs, and which addresses it asks.
//!
//! `Test` is read as dockerd reads it (moby `daemon/health.go`, `getProbe`): `NONE` switches off, `CMD` runs words,
//! `CMD-SHELL` runs a text in a shell, anything else is ignored. Not here: whether its program exists.

use crate::facts::Facts;
use crate::facts::shell;
use crate::facts::shell::Variables;
use crate::facts::start::file_name;
use crate::facts::start::shell_text;
use crate::model::config::Healthcheck;

/// What the config says about health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health<'a> {
    /// No field.
    None,
    /// `HEALTHCHECK NONE`.
    Disabled,
    /// A field without a command: Docker runs nothing.
    Empty,
    /// A first word that Docker does not know; it ignores such a check.
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
    /// A text for the image's shell.
    Shell(&'a str),
}

/// An address that a health check asks. What only a running container knows is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeUrl {
    /// Without brackets and user.
    pub host: Option<String>,
    /// The scheme's where none is given.
    pub port: Option<u16>,
    /// Without query and fragment; `/` where none is given.
    pub path: Option<String>,
}

impl ProbeUrl {
    /// Whether it asks the container itself. `0.0.0.0` reaches it too.
    pub fn is_loopback(&self) -> Option<bool> {
        self.host.as_deref().map(is_loopback_or_any)
    }
}

/// Whether a host names the machine itself: `localhost`, `127.…`, `::1`.
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
    /// What the config says about health.
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

    /// The commands of a health check, each as its words.
    pub fn health_commands(&self, check: &Check<'_>) -> Vec<Vec<String>> {
        let variables = Variables::new(&self.image().config.run);
        match check.probe {
            Probe::Shell(text) => shell::commands(text, &variables),
            // `["CMD", "sh", "-c", text]` is a shell's text all the same.
            Probe::Exec(words) => match shell_text(words) {
                Some((_, text)) => shell::commands(text, &variables),
                None => vec![words.to_vec()],
            },
        }
    }

    /// The addresses that a health check asks, in order.
    pub fn health_urls(&self, check: &Check<'_>) -> Vec<ProbeUrl> {
        self.health_commands(check).iter().flat_map(|words| urls(words)).collect()
    }

    /// The commands of a health check that ask addresses, each with the addresses.
    pub fn health_asks(&self, check: &Check<'_>) -> Vec<(Vec<String>, Vec<ProbeUrl>)> {
        let asks = self.health_commands(check).into_iter().map(|words| (urls(&words), words));
        asks.filter(|(urls, _)| !urls.is_empty()).map(|(urls, words)| (words, urls)).collect()
    }
}

/// The addresses in the words of one command.
fn urls(words: &[String]) -> Vec<ProbeUrl> {
    let mut found = Vec::new();
    let program = words.first().map_or("", |word| file_name(word));
    let bare = matches!(program, "curl" | "wget" | "http" | "xh");
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
                found.push(url(&tail[..end], default, tail[end..].starts_with(['\'', '"'])));
            }
            rest = &tail[end..];
        }
        if found.len() == before && bare && looks_like_address(word) {
            found.push(url(word, 80, false));
        }
    }
    found
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || "\"'`<>\\|;),".contains(c)
}

/// `localhost:8000/health`: curl and wget take an address without a scheme.
fn looks_like_address(word: &str) -> bool {
    let host = word.split(['/', ':']).next().unwrap_or("");
    !word.starts_with(['-', '/', ':']) && (is_loopback(host) || host == "0.0.0.0" || word.starts_with("[::1]"))
}

/// Reads what stands behind `://`. Code may go on behind a quote (`'http://localhost:' + port`): an end that is empty
/// is open then.
fn url(text: &str, default: u16, in_code: bool) -> ProbeUrl {
    let open = |text: &str| !shell::is_decided(text) || text.contains(['{', '}', '$', '%']);
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
        host: (!open(host) && !host.is_empty()).then(|| host.to_string()),
        port: match port {
            Some(port) => port.parse().ok(),
            None if open(host) || host.is_empty() => None,
            None => Some(default),
        },
        path: match path {
            "" if cut && port == Some("") || host.is_empty() => None,
            "" => (!open(authority) || port.is_some()).then(|| "/".to_string()),
            path => (!open(path)).then(|| path.to_string()),
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
    fn addresses_are_found_in_commands_and_in_code() {
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
    fn tests_are_read_as_docker_reads_them() {
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
