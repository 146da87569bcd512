//! `healthcheck-cannot-run`: the health check's program does not run in this image, so the check never passes.

use crate::facts::Facts;
use crate::facts::health::Health;
use crate::model::finding::Undecided;
use crate::rules::Docs;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::faults;
use crate::rules::faults::Told;

/// The rule.
pub const RULE: Rule = Rule {
    id: "healthcheck-cannot-run",
    title: "the health check can never pass",
    rows: &["B6", "F6"],
    params: &[faults::WITHOUT_CAPABILITIES],
    docs: Docs {
        why: "A container whose check cannot run counts as unhealthy however well it works, and is restarted or taken \
              out of service for it. Slim images have no curl.",
        evidence: "The command of the config's Healthcheck, followed as for `command-cannot-run`: its program on PATH, \
                   the rights of the config's user, interpreter and libraries. In a text for a shell, a program that \
                   cannot run counts where the text cannot end with status 0 without it: `curl … || exit 1` does not \
                   pass without curl, `curl … || wget …` may.",
        blind: "Whether the server answers. What a variable that Env does not set would name is undecided.",
        fix: "Use what the image has: HEALTHCHECK CMD [\"python\", \"-c\", \"import urllib.request as u; \
              u.urlopen('http://127.0.0.1:8000/health', timeout=2)\"] in Python images, wget in Alpine, or install \
              curl.",
        breaks: "config cmd=[\"/server\"] healthcheck=[\"CMD-SHELL\",\"curl -f http://127.0.0.1/\"]   \
                 #! healthcheck-cannot-run\nlayer COPY server sh /\n  e 0755 0:0 server\n  e 0755 0:0 bin/sh",
        keeps: "config cmd=[\"/server\"] healthcheck=[\"CMD\",\"/server\",\"-check\"]\nlayer COPY server /\n  e 0755 0:0 server",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Health::Check(check) = facts.health() else { return Ok(()) };
    let proof = facts.health_proof(&check, faults::capabilities(settings))?;
    let told = Told { fails: "the health check can never pass", may_fail: "the health check ends in an error" };
    faults::report(facts, proof, &told, |_| "config.Healthcheck.Test".to_string(), out);
    Ok(())
}
