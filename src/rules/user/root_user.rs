//! `root-user`: the image runs as root.

use crate::facts::Facts;
use crate::facts::accounts::UserProblem;
use crate::facts::fix_facts::Account;
use crate::model::finding::Fix;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Rule;
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "root-user",
    topic: Topic::User,
    title: "the image runs as root",
    rows: &["B4", "F5", "S1"],
    params: &[],
    docs: Docs {
        why: "An attacker who takes over the process is uid 0 inside the container: they can change every file in the \
              container and exploit runtime vulnerabilities that need root.",
        checks: "The config's `User`, as the runtime reads it: a number by its value (`0`, `00`, `0:0`), a name by \
                 its entry in `/etc/passwd` in the merged filesystem, where any name may have uid 0. If `User` is \
                 unset, the image runs as root.",
        limits: "Whether the runtime is given another user (`docker run --user`, `runAsUser`).",
        fix: "Create an account and switch to it: `RUN useradd --uid 10001 --no-create-home app` and `USER \
              10001:10001`.",
        before: "FROM python:3.13-slim\n\
                 COPY main.py .\n\
                 CMD [\"python\", \"main.py\"]",
        after: "FROM python:3.13-slim\n\
                RUN useradd --uid 10001 --no-create-home app\n\
                COPY main.py .\n\
                USER 10001:10001\n\
                CMD [\"python\", \"main.py\"]",
        breaks: "config user=0:0   #! root-user",
        satisfies: "config user=1000",
    },
    check: |facts, _, out| {
        let user = &facts.image().config.run.user;
        let uid = match facts.uid() {
            Ok(uid) => uid,
            // `unknown-user` reports this.
            Err(UserProblem::Unknown(_)) => return Ok(()),
            Err(UserProblem::Undecided(question)) => return Err(question),
        };
        if uid != 0 {
            return Ok(());
        }
        let field = Location::config("config.User");
        let name = user.split(':').next().unwrap_or("");
        let message = match name {
            "" if user.is_empty() => "USER is not set, so the container runs as root".to_string(),
            "" => format!("USER {:?} names no user, so the container runs as root", shown(user)),
            name if name == "root" || name.bytes().all(|b| b.is_ascii_digit() || b == b'+' || b == b'-') => {
                format!("the container runs as root: USER is {:?}", shown(user))
            }
            name => format!("the container runs as root: /etc/passwd gives {:?} uid 0", shown(name)),
        };
        out.report(Found::new("User", message).at(field).fix(fix(facts)?));
        Ok(())
    },
};

/// Suggests a service account of the image, an account that its programs can create, or a number.
fn fix(facts: &Facts<'_>) -> Result<Fix, Undecided> {
    if let Some(Account { name, uid, gid }) = facts.service_account()? {
        let advice = format!("Run as `{name}` (uid {uid}), which the image already has");
        return Ok(Fix::new(advice).line(format!("USER {uid}:{gid}")));
    }
    let id = facts.unused_id()?;
    let user = format!("USER {id}:{id}");
    Ok(match facts.account_command(id) {
        Some(command) => Fix::new("Add an unprivileged user and run as it").line(format!("RUN {command}")).line(user),
        None => Fix::new("Run as a numeric user, which needs no account").line(user),
    })
}
