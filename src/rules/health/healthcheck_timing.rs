//! `healthcheck-timing`: the health check's timing or retries differ from the policy's.

use crate::facts::Facts;
use crate::facts::health::Health;
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
    id: "healthcheck-timing",
    topic: Topic::Health,
    title: "the health check's timing or retries differ from the policy's",
    rows: &["B5", "F6"],
    params: &[
        Param { name: "interval", kind: ParamKind::Duration, about: "Time between two probes. Default: any." },
        Param {
            name: "timeout",
            kind: ParamKind::Duration,
            about: "Time after which a probe counts as failed. Default: any.",
        },
        Param {
            name: "start-period",
            kind: ParamKind::Duration,
            about: "Time after the start during which failures don't count. Default: any.",
        },
        Param {
            name: "retries",
            kind: ParamKind::Count,
            about: "Consecutive failures until the container is unhealthy. Default: any.",
        },
    ],
    docs: Docs {
        why: "These values decide how soon a hung server is noticed, and whether a server that starts slowly is \
              killed.",
        checks: "The config's `Healthcheck`. An unset or zero value counts as Docker's default: interval 30s, timeout \
                 30s, start period 0s, retries 3 (moby, daemon/health.go).",
        limits: "Values that a runtime sets when it starts the container. For an image without a health check, see \
                 `missing-healthcheck`.",
        fix: "Set the options in the Dockerfile: `HEALTHCHECK --interval=… --timeout=… --start-period=… --retries=… \
              CMD …`.",
        before: "FROM python:3.13-alpine\n\
                 HEALTHCHECK --interval=10s \\\n    \
                 CMD wget -q -O /dev/null http://127.0.0.1:8000/health",
        after: "FROM python:3.13-alpine\n\
                HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \\\n    \
                CMD wget -q -O /dev/null http://127.0.0.1:8000/health",
        breaks: "config healthcheck=[\"CMD\",\"/h\"] interval=10s timeout=3s start-period=5s retries=3   #! healthcheck-timing",
        satisfies: "config healthcheck=[\"CMD\",\"/h\"] interval=30s timeout=3s start-period=5s retries=3",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Health::Check(check) = facts.health() else { return Ok(()) };
    let timing = check.timing;
    let is_set = |value: Option<i64>| value.is_some_and(|n| n > 0);
    let durations = [
        ("interval", "Interval", timing.interval(), is_set(timing.interval)),
        ("timeout", "Timeout", timing.timeout(), is_set(timing.timeout)),
        ("start-period", "StartPeriod", timing.start_period(), is_set(timing.start_period)),
    ];
    let mut differences = Vec::new();
    for (name, field, value, is_set) in durations {
        if let Some(wanted) = settings.duration(name).filter(|&wanted| wanted != value) {
            differences.push(difference(name, field, &text::duration(value), is_set, &text::duration(wanted)));
        }
    }
    if let Some(wanted) = settings.count("retries").filter(|&wanted| i64::try_from(wanted) != Ok(timing.retries())) {
        let value = timing.retries().to_string();
        differences.push(difference("retries", "Retries", &value, is_set(timing.retries), &wanted.to_string()));
    }
    if differences.is_empty() {
        return Ok(());
    }
    let clauses: Vec<String> = differences.iter().map(|difference| difference.clause.clone()).collect();
    let options: Vec<&str> = differences.iter().map(|difference| difference.option.as_str()).collect();
    let found = Found::new("Healthcheck", format!("the health check's {}", clauses.join("; its ")))
        .fix(format!("Set {} in HEALTHCHECK", options.join(" ")));
    out.report(differences.iter().map(|difference| Location::config(&difference.field)).fold(found, Found::at));
    Ok(())
}

/// A duration or number that differs from the policy's.
struct Difference {
    /// `timeout is 30s, not 3s`.
    clause: String,
    /// `--timeout=3s`.
    option: String,
    field: String,
}

fn difference(name: &str, field: &str, value: &str, is_set: bool, wanted: &str) -> Difference {
    let words = name.replace('-', " ");
    let default = if is_set { "" } else { " by default" };
    Difference {
        clause: format!("{words} {} {value}{default}, not {wanted}", if name == "retries" { "are" } else { "is" }),
        option: format!("--{name}={wanted}"),
        field: format!("config.Healthcheck.{field}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::Healthcheck;
    use crate::model::finding::Fix;
    use crate::rules::ParamValue;
    use crate::rules::testing;
    use std::time::Duration;

    fn settings() -> Settings {
        let seconds = |n| ParamValue::Duration(Duration::from_secs(n));
        testing::settings(&[
            ("interval", seconds(30)),
            ("timeout", seconds(3)),
            ("start-period", seconds(5)),
            ("retries", ParamValue::Count(3)),
        ])
    }

    #[test]
    fn unset_values_are_docker_s_defaults() {
        let mut image = testing::image();
        assert!(testing::findings(&RULE, &image, &settings()).is_empty(), "missing-healthcheck reports this");
        testing::health(&mut image, &["CMD", "/h"]);
        let found = testing::findings(&RULE, &image, &settings());
        assert_eq!(found.len(), 1, "one cause");
        assert_eq!(
            found[0].message,
            "the health check's timeout is 30s by default, not 3s; its start period is 0s by default, not 5s"
        );
        assert!(testing::findings(&RULE, &image, &Settings::default()).is_empty());
        image.config.run.healthcheck = Some(Healthcheck {
            test: vec!["CMD".into(), "/h".into()],
            interval: Some(10_000_000_000),
            timeout: Some(3_000_000_000),
            start_period: Some(5_000_000_000),
            retries: Some(5),
        });
        let found = testing::findings(&RULE, &image, &settings());
        assert_eq!(found[0].message, "the health check's interval is 10s, not 30s; its retries are 5, not 3");
        assert_eq!(found[0].fix, Fix::new("Set --interval=30s --retries=3 in HEALTHCHECK"));
        assert_eq!(found[0].locations[1].config.as_deref(), Some("config.Healthcheck.Retries"));
    }

    #[test]
    fn accepts_the_policy_s_values() {
        let mut image = testing::image();
        image.config.run.healthcheck = Some(Healthcheck {
            test: vec!["CMD".into(), "/h".into()],
            interval: None,
            timeout: Some(3_000_000_000),
            start_period: Some(5_000_000_000),
            retries: Some(0),
        });
        assert!(testing::findings(&RULE, &image, &settings()).is_empty());
    }
}
