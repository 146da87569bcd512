//! `root-user`: the program starts as uid 0, by number, by name or because nobody said otherwise.

use crate::facts::accounts::UserProblem;
use crate::model::finding::Location;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Rule;

/// The rule.
pub const RULE: Rule = Rule {
    id: "root-user",
    title: "the image starts as root",
    rows: &["B4", "F5", "S1"],
    params: &[],
    docs: Docs {
        why: "Whoever takes over the process holds uid 0 inside the container, and with it every file of the image and every weakness of the runtime.",
        evidence: "The config's `User`, as the runtime reads it: a number by its value (`0`, `00`, `0:0`), a name through `/etc/passwd` of the merged view, where any name may have uid 0. Unset means root.",
        blind: "A runtime may still choose another user (`docker run --user`, `runAsUser`); the image cannot tell.",
        fix: "Make an account in the build and name it with USER: `RUN useradd --uid 10001 --no-create-home app` and `USER 10001:10001`.",
        breaks: "config user=0:0   #! root-user",
        keeps: "config user=1000",
    },
    check: |facts, _, out| {
        let user = &facts.image().config.run.user;
        let uid = match facts.uid() {
            Ok(uid) => uid,
            // Nobody's name: `unknown-user` says so.
            Err(UserProblem::Unknown(_)) => return Ok(()),
            Err(UserProblem::Undecided(question)) => return Err(question),
        };
        if uid != 0 {
            return Ok(());
        }
        let field = Location::config("config.User");
        let name = user.split(':').next().unwrap_or("");
        let message = match name {
            "" if user.is_empty() => "USER is not set, so the program starts as root (uid 0)".to_string(),
            "" => format!("USER {:?} names no user, so the program starts as root (uid 0)", shown(user)),
            "root" => format!("USER {:?} is root (uid 0)", shown(user)),
            name if name.bytes().all(|b| b.is_ascii_digit() || b == b'+' || b == b'-') => {
                format!("USER {:?} is root (uid 0)", shown(user))
            }
            name => format!("USER {:?} is root: /etc/passwd gives {:?} uid 0", shown(user), shown(name)),
        };
        out.report(Found::new("User", message).at(field));
        Ok(())
    },
};
