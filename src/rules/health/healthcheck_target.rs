//! `healthcheck-target`: the health check doesn't request the policy's path or port.

use crate::facts::Facts;
use crate::facts::health::Health;
use crate::facts::health::ProbeUrl;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::shown;

/// The rule.
pub const RULE: Rule = Rule {
    id: "healthcheck-target",
    topic: Topic::Health,
    title: "the health check doesn't request the policy's path or port",
    rows: &["B5", "F6"],
    params: &[
        Param {
            name: "path",
            kind: ParamKind::String,
            about: "Path that the health check must request, such as `/health`. Default: any.",
        },
        Param { name: "port", kind: ParamKind::Count, about: "Port that the health check must request. Default: any." },
    ],
    docs: Docs {
        why: "A health check that requests another port or page shows nothing about the program's health.",
        checks: "The HTTP URLs in the command of the config's `Healthcheck`, including those in code for `python -c` \
                 and `node -e`, with variables expanded from Env. The host must be the container itself, such as \
                 127.0.0.1. If the command has several URLs, one that matches is enough.",
        limits: "Undecided: a program that names no URL (`/server -check`), and a variable that Env doesn't set and \
                 that has no default.",
        fix: "Request the policy's path and port on 127.0.0.1: `HEALTHCHECK CMD wget -q -O /dev/null \
              http://127.0.0.1:PORT/PATH`.",
        before: "FROM python:3.13-alpine\n\
                 HEALTHCHECK CMD wget -q -O /dev/null http://127.0.0.1:8000/",
        after: "FROM python:3.13-alpine\n\
                HEALTHCHECK CMD wget -q -O /dev/null http://127.0.0.1:8000/health",
        breaks: "config healthcheck=[\"CMD\",\"wget\",\"http://127.0.0.1:8000/\"]   #! healthcheck-target",
        satisfies: "config healthcheck=[\"CMD\",\"wget\",\"http://127.0.0.1:8000/health\"]",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let path = settings.string("path");
    let port = settings.count("port");
    let Health::Check(check) = facts.health() else { return Ok(()) };
    if path.is_none() && port.is_none() {
        return Ok(());
    }
    let urls = facts.health_urls(&check);
    let Some(first) = urls.first() else {
        return Err(Undecided::unknowable("config.Healthcheck", "its command contains no HTTP URL"));
    };
    // One URL that matches the policy is enough; one that may match it makes the question undecided.
    let differences: Vec<Vec<String>> = urls.iter().map(|url| differences_from(url, path, port)).collect();
    let may_match =
        |(url, differences): (&ProbeUrl, &Vec<String>)| differences.is_empty() && !is_known(url, path, port);
    if urls.iter().zip(&differences).any(|(url, differences)| differences.is_empty() && is_known(url, path, port)) {
        return Ok(());
    }
    if urls.iter().zip(&differences).any(may_match) {
        return Err(Undecided::unknowable("config.Healthcheck", "its URL depends on something the config doesn't set"));
    }
    let shown_port = first.port.map_or_else(|| "?".to_string(), |port| port.to_string());
    let subject = format!("{shown_port}{}", shown(first.path.as_deref().unwrap_or("?")));
    out.report(
        Found::new(subject, format!("the health check requests {}", text::list(&differences[0])))
            .at(Location::config("config.Healthcheck.Test"))
            .fix(fix(path, port)),
    );
    Ok(())
}

fn fix(path: Option<&str>, port: Option<u64>) -> String {
    let port = port.map_or_else(|| ":PORT".to_string(), |port| format!(":{port}"));
    format!("Request http://127.0.0.1{port}{} in HEALTHCHECK", text::shown(path.unwrap_or("/")))
}

/// How a URL certainly differs from the policy, as objects of "requests".
fn differences_from(url: &ProbeUrl, path: Option<&str>, port: Option<u64>) -> Vec<String> {
    let mut differences = Vec::new();
    if url.is_loopback() == Some(false) {
        differences.push(format!("host `{}` (not the container itself)", shown(url.host.as_deref().unwrap_or("?"))));
    }
    if let (Some(wanted), Some(is)) = (port, url.port)
        && u64::from(is) != wanted
    {
        differences.push(format!("port {is} (not {wanted})"));
    }
    if let (Some(wanted), Some(is)) = (path, url.path.as_deref())
        && is != wanted
    {
        differences.push(format!("path `{}` (not `{}`)", shown(is), text::shown(wanted)));
    }
    differences
}

/// Whether everything that the policy sets is known for a URL.
fn is_known(url: &ProbeUrl, path: Option<&str>, port: Option<u64>) -> bool {
    url.host.is_some() && (path.is_none() || url.path.is_some()) && (port.is_none() || url.port.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::ParamValue;
    use crate::rules::testing;

    fn results(test: &[&str], env: &[&str]) -> String {
        let mut image = testing::image();
        testing::health(&mut image, test);
        env.iter().for_each(|pair| testing::env(&mut image, pair));
        let settings =
            testing::settings(&[("path", ParamValue::String("/health".into())), ("port", ParamValue::Count(3000))]);
        let (findings, undecided) = testing::run(&RULE, &image, &settings);
        let messages =
            findings.into_iter().map(|f| f.message).chain(undecided.into_iter().map(|q| format!("? {}", q.reason)));
        messages.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn compares_path_and_port() {
        let shell = |text: &str| results(&["CMD-SHELL", text], &["PORT=3000"]);
        assert_eq!(shell("wget http://localhost:3000/health || exit 1"), "");
        assert_eq!(shell("wget -q -O /dev/null http://127.0.0.1:${PORT}/health || exit 1"), "");
        assert_eq!(shell("wget http://0.0.0.0:3000/health"), "");
        assert_eq!(
            shell("wget http://[::1]:8080/"),
            "the health check requests port 8080 (not 3000) and path `/` (not `/health`)"
        );
        assert_eq!(
            shell("curl http://other:3000/health"),
            "the health check requests host `other` (not the container itself)"
        );
        assert_eq!(shell("curl http://localhost:3000/x || curl http://localhost:3000/health"), "");
        let code = "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/health', timeout=2)";
        assert_eq!(results(&["CMD", "python", "-c", code], &[]), "");
    }

    #[test]
    fn unknown_paths_and_ports_are_undecided() {
        assert_eq!(results(&["CMD", "/server", "-check"], &[]), "? its command contains no HTTP URL");
        let undecided = "? its URL depends on something the config doesn't set";
        assert_eq!(results(&["CMD-SHELL", "wget http://localhost:$PORT/health"], &[]), undecided);
        assert_eq!(results(&["CMD-SHELL", "wget http://localhost:${PORT:-3000}/health"], &[]), "");
        // The path differs, whatever the port is.
        assert_ne!(results(&["CMD-SHELL", "wget http://localhost:$PORT/x"], &[]), undecided);
        assert_eq!(results(&["NONE"], &[]), "");
    }
}
