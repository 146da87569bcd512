//! `secret-in-env`: an environment variable or label contains a secret.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::secret;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::shown;
use std::collections::HashSet;

/// The rule.
pub const RULE: Rule = Rule {
    id: "secret-in-env",
    topic: Topic::Secrets,
    title: "an environment variable or label contains a secret",
    rows: &["E1", "E5"],
    params: &[],
    docs: Docs {
        why: "Env and labels are part of the image config: anyone who can pull the image can read them, and every \
              process in the container inherits the variables.",
        checks: "The config's `Env` and `Labels`: a provider's token, a private key, a JSON Web Token, a URL with a \
                 password, or a plausible secret under a name that suggests one. A finding shows only the kind of \
                 secret, the provider's public prefix and the length, never the value.",
        limits: "A secret without a known format under a name that doesn't suggest one, and whether a secret is still \
                 valid. Placeholders, paths, references to variables and published samples are ignored. For \
                 NEXT_PUBLIC_ names, only provider formats and URL passwords count.",
        fix: "Remove the value from ENV or LABEL, pass it when the container starts (a platform secret, `--env-file`), \
              and revoke the one that was shipped: every copy of the image contains it.",
        before: "FROM python:3.13-slim\n\
                 ENV DB_PASSWORD=hunter2hunter2",
        after: "FROM python:3.13-slim\n\
                ENV DB_PASSWORD_FILE=/run/secrets/db_password",
        breaks: "config env=DB_PASSWORD=hunter2hunter2   #! secret-in-env",
        satisfies: "config env=DB_PASSWORD_FILE=/run/secrets/db",
    },
    check,
};

const FIX_ENV: &str = "Rotate the secrets in ENV, and pass them at run time instead";
const FIX_LABEL: &str = "Rotate the secret, and remove it from LABEL";

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let run = &facts.image().config.run;
    let mut seen = HashSet::new();
    // Check every entry, because one that a later entry overrides still ships.
    for pair in &run.env {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        if let Some(spot) = secret::in_pair(name, value)
            && seen.insert(name)
        {
            let name = shown(name);
            let message = format!("{name} contains a secret ({})", spot.secret);
            out.report(
                Found::new(name.as_str(), message).at(Location::config(format!("config.Env[{name}]"))).fix(FIX_ENV),
            );
        }
    }
    for (key, value) in &run.labels {
        if let Some(spot) = secret::in_pair(key, value) {
            let key = shown(key);
            let message = format!("label {key} contains a secret ({})", spot.secret);
            out.report(
                Found::new(format!("label {key}"), message)
                    .at(Location::config(format!("config.Labels[{key}]")))
                    .fix(FIX_LABEL),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    fn messages(env: &[&str], labels: &[(&str, &str)]) -> Vec<String> {
        let mut image = testing::image();
        env.iter().for_each(|pair| testing::env(&mut image, pair));
        image.config.run.labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        testing::findings(&RULE, &image, &Settings::default()).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn reports_each_secret_once() {
        let found = messages(
            &[
                "PATH=/usr/local/bin:/usr/bin",
                "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
                "PYTHON_SHA256=93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640",
                "OPENAI_API_KEY=sk-proj-wSyTZGP9QTp4grdZ05fMVT7TO6lBSZf9vEn91EGz4H94V8NwBszZXQurEDebesCUHTvDVsn",
                "DATABASE_URL=postgresql://app:bwjQ09ajDIoetJkSp1@db.internal.example:5432/app",
                "BETTER_AUTH_SECRET=8eaE9gB9BeiF0W1RAAPh8aSXGKlhSodC",
                "AWS_ACCESS_KEY_ID=AKIAMECHQMGH3VMNUNQG",
                "AWS_SECRET_ACCESS_KEY=vasZYOI/+eMs/92mohD6QdpXt8Wv7+xxSNrVLSRA",
                "DEBUG=1",
                "DB_PASSWORD=firstone1",
                "DB_PASSWORD=",
                "NEXT_PUBLIC_API_BASE_URL=https://api.example.invalid",
                "NPM_TOKEN=npm_irgeHpcjT18mi5PVNOCZcMsnhRq4aDSxzsmh",
            ],
            &[("t", "ghp_yMSi3sec1NKL4vTT6YSXeMZgpRH59kMZtgWa"), ("title", "app")],
        );
        assert_eq!(
            found,
            [
                "OPENAI_API_KEY contains a secret (OpenAI key sk-proj-…, 79 characters)",
                "DATABASE_URL contains a secret (password in a URL, 18 characters)",
                "BETTER_AUTH_SECRET contains a secret (recognized by name, 32 characters)",
                "AWS_ACCESS_KEY_ID contains a secret (AWS access key id AKIA…, 20 characters)",
                "AWS_SECRET_ACCESS_KEY contains a secret (recognized by name, 40 characters)",
                "DB_PASSWORD contains a secret (recognized by name, 9 characters)",
                "NPM_TOKEN contains a secret (npm token npm_…, 40 characters)",
                "label t contains a secret (GitHub token ghp_…, 40 characters)",
            ]
        );
    }

    #[test]
    fn never_shows_values_or_harmful_names() {
        let mut image = testing::image();
        testing::env(&mut image, "DB_PASSWORD=abc=topsecretrest");
        testing::env(&mut image, "ACCESS_LOG=x");
        testing::env(&mut image, "ghp_yMSi3sec1NKL4vTT6YSXeMZgpRH59kMZtgWa");
        testing::env(&mut image, "A\u{1b}[2J_TOKEN=topsecret99");
        let findings = testing::findings(&RULE, &image, &Settings::default());
        assert_eq!(findings.len(), 3);
        let all = format!("{findings:?}");
        for part in ["topsecret", "abc=", "yMSi", "\u{1b}"] {
            assert!(!all.contains(part), "{all}");
        }
        assert_eq!(findings[0].locations[0].config.as_deref(), Some("config.Env[DB_PASSWORD]"));
    }
}
