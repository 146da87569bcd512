//! `unknown-user`: no container starts, for the user or group is nowhere to be found.

use crate::facts::accounts::UserProblem;
use crate::model::finding::Location;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Rule;

/// The rule.
pub const RULE: Rule = Rule {
    id: "unknown-user",
    title: "the user does not exist in the image",
    rows: &["B4"],
    params: &[],
    docs: Docs {
        why: "The runtime looks the name up in the image's own `/etc/passwd` and `/etc/group`. If it is not there, the container does not start at all.",
        evidence: "The config's `User` against `/etc/passwd` and `/etc/group` of the merged view. A number needs no entry, but it must lie within 0 to 2147483647.",
        blind: "Files that are mounted over `/etc` at run time.",
        fix: "Add the account in the final stage (`RUN adduser …`), or use a number: `USER 10001:10001`.",
        breaks: "config user=ghost   #! unknown-user",
        keeps: "config user=1000",
    },
    check: |facts, _, out| match facts.uid().and_then(|_| facts.named_group()) {
        Ok(_) => Ok(()),
        Err(UserProblem::Undecided(question)) => Err(question),
        Err(UserProblem::Unknown(why)) => {
            let user = shown(&facts.image().config.run.user);
            let message = format!("no container starts with USER {user:?}: {why}");
            out.report(Found::new("User", message).at(Location::config("config.User")));
            Ok(())
        }
    },
};
