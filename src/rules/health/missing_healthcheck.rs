//! `missing-healthcheck`: the image has no health check.

use crate::facts::Facts;
use crate::facts::health::Health;
use crate::model::finding::Fix;
use crate::model::finding::Level;
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

/// The rule.
pub const RULE: Rule = Rule {
    id: "missing-healthcheck",
    topic: Topic::Health,
    title: "the image has no health check",
    rows: &["B5", "F6"],
    params: &[Param {
        name: "without-port",
        kind: ParamKind::String,
        about: "Highest level for an image that exposes no port: `error`, `warn`, `note` or `off`. Default: the \
                rule's level.",
    }],
    docs: Docs {
        why: "Without a health check, a runtime knows that the process is running but not whether it answers: a hung \
              server keeps receiving requests.",
        checks: "The config's `Healthcheck`: whether it is missing, null, NONE, without a command, or of a type that \
                 Docker ignores.",
        limits: "Kubernetes probes: they are in the deployment's manifests, and Kubernetes ignores this field. Tools \
                 that write OCI configs may have dropped the field; build history can show that one was set.",
        fix: "Add a health check that runs a program in the image: `HEALTHCHECK --interval=30s --timeout=3s \
              --start-period=5s --retries=3 CMD [\"…\"]`.",
        before: "FROM node:22-alpine\n\
                 COPY server.js .\n\
                 EXPOSE 3000\n\
                 CMD [\"node\", \"server.js\"]",
        after: "FROM node:22-alpine\n\
                COPY server.js .\n\
                EXPOSE 3000\n\
                HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \\\n    \
                CMD wget -q -O /dev/null http://127.0.0.1:3000/health\n\
                CMD [\"node\", \"server.js\"]",
        breaks: "config expose=8000/tcp   #! missing-healthcheck",
        satisfies: "config expose=8000/tcp healthcheck=[\"CMD\",\"/health\"]",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let image = facts.image();
    let (message, fix) = match facts.health() {
        Health::Check(_) => return Ok(()),
        Health::None => match lost(facts) {
            Some(instruction) => (
                format!(
                    "the config has no health check; history shows that one was set (`{}`) and lost in a \
                     conversion to OCI",
                    text::shown(instruction)
                ),
                Fix::new(
                    "Build or convert with a tool that keeps health checks. These do: docker buildx, podman or buildah \
                     with `--format docker`, and skopeo copy with `--format v2s2`",
                ),
            ),
            None => ("the config has no health check".to_string(), add(facts)),
        },
        Health::Disabled => ("the health check is disabled (NONE)".to_string(), add(facts)),
        Health::Empty => ("the health check has no command, so it never runs".to_string(), add(facts)),
        Health::Unknown(word) => (
            format!("the health check begins with `{}`, not CMD or CMD-SHELL, so Docker ignores it", text::shown(word)),
            Fix::new("Begin the health check with CMD (arguments) or CMD-SHELL (one string)"),
        ),
    };
    let mut found = Found::new("Healthcheck", message).fix(fix).at(Location::config("config.Healthcheck"));
    if image.config.run.exposed_ports.is_empty()
        && let Some(level) = settings.string("without-port").and_then(Level::parse)
    {
        if level == Level::Off {
            return Ok(());
        }
        found = found.at_most(level);
    }
    out.report(found);
    Ok(())
}

/// A health check of the served port, with a program that the image has.
fn add(facts: &Facts<'_>) -> Fix {
    let port = facts.served_port();
    match port.and_then(|port| Some((port, facts.probe_command(port, "/health")?))) {
        Some((port, words)) => {
            let advice = format!("Add a health check with {} on port {port} (its path is a guess)", words[0]);
            lines(Fix::new(advice), &words)
        }
        None => match port {
            Some(port) => Fix::new(format!(
                "Add a HEALTHCHECK in which the program checks port {port} itself. The image has no curl, wget, python \
                 or node to do it"
            )),
            None => Fix::new("Add a HEALTHCHECK that tests whether the program works"),
        },
    }
}

/// Adds the Dockerfile lines of a health check in exec form.
pub fn lines(fix: Fix, words: &[String]) -> Fix {
    let words: Vec<String> =
        words.iter().map(|word| format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    fix.line("HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \\")
        .line(format!("    CMD [{}]", words.join(", ")))
}

/// The health check that history shows but the config lacks: the last HEALTHCHECK, unless it is NONE.
fn lost<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    let last = facts.image().instructions.iter().rev().find(|instruction| instruction.keyword == "HEALTHCHECK")?;
    (!last.text.trim_end().ends_with("HEALTHCHECK NONE")).then_some(last.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::ParamValue;
    use crate::rules::testing;

    #[test]
    fn a_check_in_the_config_is_enough_whatever_the_history() {
        let mut image = testing::image();
        testing::health(&mut image, &["CMD", "/app/h"]);
        assert_eq!(testing::subjects(&RULE, &image, &Settings::default()), [""; 0]);
        for (keyword, text) in [("HEALTHCHECK", "HEALTHCHECK CMD /app/h"), ("USER", "USER app"), ("RUN", "RUN x")] {
            testing::instruction(&mut image, keyword, text);
        }
        assert_eq!(testing::subjects(&RULE, &image, &Settings::default()), [""; 0]);
    }

    #[test]
    fn reports_disabled_empty_and_unknown_checks() {
        for (test, message) in [
            (&["NONE"][..], "the health check is disabled (NONE)"),
            (&[], "the health check has no command, so it never runs"),
            (&["CMD"], "the health check has no command, so it never runs"),
            (&["curl", "x"], "the health check begins with `curl`, not CMD or CMD-SHELL, so Docker ignores it"),
        ] {
            let mut image = testing::image();
            testing::health(&mut image, test);
            let with_history = {
                let mut image = image.clone();
                testing::instruction(&mut image, "HEALTHCHECK", "HEALTHCHECK NONE");
                image
            };
            for image in [image, with_history] {
                let findings = testing::findings(&RULE, &image, &Settings::default());
                assert_eq!(findings.iter().map(|f| f.message.as_str()).collect::<Vec<_>>(), [message]);
            }
        }
    }

    #[test]
    fn reports_a_check_that_a_conversion_lost() {
        let mut image = testing::image();
        testing::instruction(&mut image, "HEALTHCHECK", "HEALTHCHECK --interval=5s CMD wget x");
        let findings = testing::findings(&RULE, &image, &Settings::default());
        assert_eq!(
            findings[0].message,
            "the config has no health check; history shows that one was set (`HEALTHCHECK --interval=5s CMD wget x`) and \
             lost in a conversion to OCI"
        );
        testing::instruction(&mut image, "HEALTHCHECK", "HEALTHCHECK NONE");
        let findings = testing::findings(&RULE, &image, &Settings::default());
        assert_eq!(findings[0].message, "the config has no health check");
    }

    #[test]
    fn without_port_caps_the_level() {
        let mut image = testing::image();
        let settings = |level: &str| testing::settings(&[("without-port", ParamValue::String(level.to_string()))]);
        assert_eq!(testing::findings(&RULE, &image, &settings("note"))[0].level, Level::Note);
        assert!(testing::findings(&RULE, &image, &settings("off")).is_empty());
        image.config.run.exposed_ports.push("80/tcp".to_string());
        assert_eq!(testing::findings(&RULE, &image, &settings("note"))[0].level, Level::Error);
    }
}
