//! `world-writable`: any process in the container may change it.

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

/// The rule.
pub const RULE: Rule = Rule {
    id: "world-writable",
    title: "a file or directory that every user may change",
    rows: &["S3"],
    params: &[],
    docs: Docs {
        why: "A process that was taken over may replace what others run or read. In a directory without the sticky bit it may also delete and rename other users' files.",
        evidence: "The mode bit 00002 of regular files in the merged view, and of directories that lack the sticky bit (01000). `/proc`, `/sys` and `/dev` are left out: the runtime mounts over them.",
        blind: "Access control lists, and volumes that are mounted at run time.",
        fix: "Give it to the user who needs it: `COPY --chown=app:app --chmod=0644 …` in place of `chmod 777`. A shared directory wants `chmod 1777`.",
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
