//! `non-numeric-user`: Kubernetes cannot check that the user is not root, for the image gives its name.

use crate::facts::accounts::UserProblem;
use crate::model::finding::Location;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Rule;

/// The rule.
pub const RULE: Rule = Rule {
    id: "non-numeric-user",
    title: "the user is given by name",
    rows: &["G5"],
    params: &[],
    docs: Docs {
        why: "Kubernetes does not read the image's `/etc/passwd`: with `runAsNonRoot: true` it refuses a container whose image names its user by a word, unless `runAsUser` gives a number.",
        evidence: "The config's `User`: what stands before the colon is no number. The group may have a name.",
        blind: "A number that the pod's `runAsUser` gives.",
        fix: "Write the number: `USER 10001`, or `USER 10001:10001` where a group is named.",
        breaks: "config user=app   #! non-numeric-user\nlayer RUN useradd app\n  f 0644 0:0 etc/passwd \"app:x:10001:10001::/app:/bin/false\\n\"",
        keeps: "config user=10001:10001",
    },
    check: |facts, _, out| {
        let Some(name) = facts.named_user() else { return Ok(()) };
        let user = match facts.user() {
            Ok(user) => user,
            // Nobody's name: `unknown-user` says so.
            Err(UserProblem::Unknown(_)) => return Ok(()),
            Err(UserProblem::Undecided(question)) => return Err(question),
        };
        // No number makes root anybody else: `root-user` says so.
        if user.uid == 0 {
            return Ok(());
        }
        // A group that is named takes the others away; none is named where there was none.
        let number = match facts.image().config.run.user.contains(':') {
            true => format!("{}:{}", user.uid, user.gid),
            false => user.uid.to_string(),
        };
        out.report(
            Found::new(
                "User",
                format!("USER {:?} is a name, and Kubernetes cannot tell whether it is root", shown(name)),
            )
            .at(Location::config("config.User"))
            .fix(format!("Write the number that /etc/passwd has for it: USER {number}")),
        );
        Ok(())
    },
};
