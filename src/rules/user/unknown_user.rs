//! `unknown-user`: the user or group doesn't exist in the image.

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
    id: "unknown-user",
    topic: Topic::Start,
    title: "the user or group doesn't exist in the image",
    rows: &["B4"],
    params: &[],
    docs: Docs {
        why: "The runtime looks up the name in the image's own `/etc/passwd` and `/etc/group`. If it is missing, the \
              container doesn't start.",
        checks: "The config's `User` against `/etc/passwd` and `/etc/group` in the merged filesystem. A number needs \
                 no entry, but must be from 0 to 2147483647.",
        limits: "Files mounted over `/etc` at run time.",
        fix: "Create the account in the final stage (`RUN useradd …`, `RUN adduser …`), or use a number: `USER \
              10001:10001`.",
        before: "FROM python:3.13-slim AS build\n\
                 RUN useradd --uid 10001 app\n\
                 RUN pip install --no-cache-dir --target=/deps fastapi\n\
                 FROM python:3.13-slim\n\
                 COPY --from=build /deps /deps\n\
                 USER app",
        after: "FROM python:3.13-slim AS build\n\
                RUN pip install --no-cache-dir --target=/deps fastapi\n\
                FROM python:3.13-slim\n\
                RUN useradd --uid 10001 app\n\
                COPY --from=build /deps /deps\n\
                USER app",
        breaks: "config user=ghost   #! unknown-user",
        satisfies: "config user=1000",
    },
    check: |facts, _, out| match facts.uid().and_then(|_| facts.named_group()) {
        Ok(_) => Ok(()),
        Err(UserProblem::Undecided(question)) => Err(question),
        Err(UserProblem::Unknown(why)) => {
            let user = shown(&facts.image().config.run.user);
            let message = format!("the container can't start with USER {user:?}: {why}");
            let id = facts.unused_id()?;
            let user = format!("USER {id}:{id}");
            let fix = match facts.account_command(id) {
                Some(command) => Fix::new("Add the user in the final stage").line(format!("RUN {command}")).line(user),
                None => Fix::new("Use a number, which needs no account").line(user),
            };
            out.report(Found::new("User", message).at(Location::config("config.User")).fix(fix));
            Ok(())
        }
    },
};
