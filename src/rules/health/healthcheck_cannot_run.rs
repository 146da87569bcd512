//! `healthcheck-cannot-run`: the health check can never pass.

use crate::facts::Facts;
use crate::facts::health::Health;
use crate::model::finding::Fix;
use crate::model::finding::Undecided;
use crate::rules::Docs;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::faults;
use crate::rules::faults::Wording;
use crate::rules::health::missing_healthcheck;

/// The rule.
pub const RULE: Rule = Rule {
    id: "healthcheck-cannot-run",
    topic: Topic::Health,
    title: "the health check can never pass",
    rows: &["B6", "F6"],
    params: &[faults::WITHOUT_CAPABILITIES],
    docs: Docs {
        why: "A container whose health check can't run is unhealthy however well it works, and is restarted or taken \
              out of service. A common cause: slim images have no curl.",
        checks: "The command of the config's `Healthcheck`, followed as in `command-cannot-run`: its program on PATH, \
                 the permissions of the image's user, the interpreter and the libraries. In a shell command, a program \
                 that can't run is a finding only if the command can't exit with status 0 without it: `curl … || exit \
                 1` fails without curl, `curl … || wget …` may pass.",
        limits: "Whether the server answers. A program named by a variable that Env doesn't set is undecided.",
        fix: "Use a program that is in the image: wget on Alpine, Python in Python images (`HEALTHCHECK CMD \
              [\"python\", \"-c\", \"import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', \
              timeout=2)\"]`), or install curl.",
        before: "FROM python:3.13-slim\n\
                 HEALTHCHECK CMD curl -f http://127.0.0.1:8000/health || exit 1",
        after: "FROM python:3.13-slim\n\
                HEALTHCHECK CMD [\"python\", \"-c\", \"import urllib.request as u; \\\n\
                u.urlopen('http://127.0.0.1:8000/health', timeout=2)\"]",
        breaks: "config cmd=[\"/server\"] healthcheck=[\"CMD-SHELL\",\"curl -f http://127.0.0.1/\"]   \
                 #! healthcheck-cannot-run\nlayer COPY server sh /\n  e 0755 0:0 server\n  e 0755 0:0 bin/sh",
        satisfies: "config cmd=[\"/server\"] healthcheck=[\"CMD\",\"/server\",\"-check\"]\nlayer COPY server /\
                    \n  e 0755 0:0 server",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Health::Check(check) = facts.health() else { return Ok(()) };
    let proof = facts.health_proof(&check, faults::capabilities(settings))?;
    let wording = Wording {
        fails: "the health check can never pass",
        likely_fails: "the health check fails",
        fix: |facts, fault| fault.missing_program.as_ref().and_then(|_| probe(facts)),
    };
    faults::report(facts, proof, &wording, |_| "config.Healthcheck.Test".to_string(), out);
    Ok(())
}

/// Requests the same URL with a program that the image has.
fn probe(facts: &Facts<'_>) -> Option<Fix> {
    let (port, path) = facts.requested_page()?;
    let words = facts.probe_command(port, &path)?;
    let advice = format!("Use {} in the health check: the image has it", words[0]);
    Some(missing_healthcheck::lines(Fix::new(advice), &words))
}
