//! `non-numeric-user`: the user is set by name, not by number.

use crate::facts::accounts::UserProblem;
use crate::model::finding::Fix;
use crate::model::finding::Location;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Rule;
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "non-numeric-user",
    topic: Topic::User,
    title: "the user is set by name, not by number",
    rows: &["G5"],
    params: &[],
    docs: Docs {
        why: "Kubernetes doesn't read the image's `/etc/passwd`. With `runAsNonRoot: true` it refuses to start a \
              container whose image sets its user by name, unless `runAsUser` gives a number.",
        checks: "The config's `User`: whether the part before the colon is a number. The group may be a name.",
        limits: "A `runAsUser` set on the pod.",
        fix: "Use the number: `USER 10001`, or `USER 10001:10001` to set the group as well.",
        before: "FROM python:3.13-slim\n\
                 RUN useradd --uid 10001 app\n\
                 USER app",
        after: "FROM python:3.13-slim\n\
                RUN useradd --uid 10001 app\n\
                USER 10001",
        breaks: "config user=app   #! non-numeric-user\nlayer RUN useradd app\n  f 0644 0:0 etc/passwd \"app:x:10001:10001::/app:/bin/false\\n\"",
        satisfies: "config user=10001:10001",
    },
    check: |facts, _, out| {
        let Some(name) = facts.named_user() else { return Ok(()) };
        let user = match facts.user() {
            Ok(user) => user,
            // `unknown-user` reports this.
            Err(UserProblem::Unknown(_)) => return Ok(()),
            Err(UserProblem::Undecided(question)) => return Err(question),
        };
        // `root-user` reports this.
        if user.uid == 0 {
            return Ok(());
        }
        // A named group replaces all others, so don't add one.
        let number = if facts.image().config.run.user.contains(':') {
            format!("{}:{}", user.uid, user.gid)
        } else {
            user.uid.to_string()
        };
        out.report(
            Found::new(
                "User",
                format!("USER {:?} is a name, so Kubernetes can't tell whether it is root", shown(name)),
            )
            .at(Location::config("config.User"))
            .fix(Fix::new("Use its uid from /etc/passwd").line(format!("USER {number}"))),
        );
        Ok(())
    },
};
