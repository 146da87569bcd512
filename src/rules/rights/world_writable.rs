//! `world-writable`: a file or directory is world-writable.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::State;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::text::shown_bytes;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "world-writable",
    topic: Topic::Rights,
    title: "a file or directory is world-writable",
    rows: &["S3"],
    params: &[],
    docs: Docs {
        why: "A compromised process can replace what other users run or read. In a directory without the sticky bit, \
              it can also delete and rename their files.",
        checks: "The mode bit 00002 of regular files in the merged filesystem, and of directories without the sticky \
                 bit (01000). `/proc`, `/sys` and `/dev` are skipped: the runtime mounts over them.",
        limits: "Access control lists, and volumes mounted at run time.",
        fix: "Give the file to the user that needs it: `COPY --chown=app:app --chmod=0644 …` instead of `chmod 777`. \
              For a shared directory, use `chmod 1777`.",
        before: "FROM python:3.13-slim\n\
                 RUN mkdir /srv/uploads && chmod 777 /srv/uploads\n\
                 USER 10001",
        after: "FROM python:3.13-slim\n\
                RUN mkdir /srv/uploads && chown 10001 /srv/uploads\n\
                USER 10001",
        breaks: "layer RUN chmod 777 /srv\n  d 0777 0:0 srv   #! world-writable",
        keeps: "layer RUN chmod 1777 /srv\n  d 01777 0:0 srv",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    for (node, stat) in view.walk() {
        let open = match stat.kind {
            Kind::File => stat.mode & 0o002 != 0,
            Kind::Dir => stat.mode & 0o1002 == 0o002,
            _ => false,
        };
        if !open {
            continue;
        }
        let path = view.path(node);
        if matches!(path.split(|&b| b == b'/').next(), Some(b"proc" | b"sys" | b"dev")) {
            continue;
        }
        let shown = shown_bytes(&path);
        let message = match stat.kind {
            Kind::Dir => format!(
                "in /{shown} every user may add, delete and rename files (mode {:04o}, no sticky bit)",
                stat.mode
            ),
            _ => format!("/{shown} may be changed by every user (mode {:04o})", stat.mode),
        };
        out.report(Found::new(shown, message).at(Location::path(&path, stat.layer, State::Visible)));
    }
    Ok(())
}
