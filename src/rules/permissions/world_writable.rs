//! `world-writable`: a file or directory is world-writable.

use crate::facts::Facts;
use crate::model::finding::Fix;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::group::Causes;
use crate::rules::group::Places;
use crate::rules::shown;
use crate::view::NodeId;
use crate::view::View;

/// The rule.
pub const RULE: Rule = Rule {
    id: "world-writable",
    topic: Topic::Permissions,
    title: "a file or directory is world-writable",
    rows: &["S3"],
    params: &[],
    docs: Docs {
        why: "A compromised process can replace what other users run or read. In a directory without the sticky bit, \
              it can also delete and rename their files.",
        checks: "The mode bit 00002 of regular files in the merged filesystem, and of directories without the sticky \
                 bit (01000). What one layer made world-writable is one finding. Skipped are `/proc`, `/sys` and `/dev`, \
                 because the runtime mounts over them, empty lock files, and what only root can reach.",
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
        satisfies: "layer RUN chmod 1777 /srv\n  d 01777 0:0 srv",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    let mut causes = Causes::default();
    for (node, stat) in view.walk() {
        let is_directory = stat.kind == Kind::Dir;
        let is_writable = match stat.kind {
            Kind::File => stat.mode & 0o002 != 0 && !is_lock_file(view.name(node), stat.size),
            Kind::Dir => stat.mode & 0o1002 == 0o002,
            _ => false,
        };
        if is_writable && is_reachable(view, node) {
            causes.places_of(stat.layer).add_visible(&view.path(node), is_directory, stat.layer);
        }
    }
    for (layer, places) in causes {
        let verb = if places.count() == 1 { "is" } else { "are" };
        let message = format!("{} {verb} world-writable", places.describe("paths"));
        let fix = fix(facts, layer, &places);
        out.report(Found::new(places.directory(), message).fix(fix).at_places(places));
    }
    Ok(())
}

/// The fix for the places that one layer made world-writable.
fn fix(facts: &Facts<'_>, layer: Option<usize>, places: &Places) -> Fix {
    let instruction =
        layer.and_then(|layer| facts.instruction(layer)).map_or("", |instruction| instruction.text.as_str());
    let account = facts.user().ok().map(|user| user.uid).filter(|uid| *uid != 0);
    let account = account.or_else(|| Some(facts.service_account().ok()??.uid));
    let owner = account.map_or("the user that writes there".to_string(), |uid| format!("uid {uid}"));
    let chmod = instruction.split(['&', ';', '|']).map(str::trim).find_map(|command| {
        let at = command.find("chmod ")?;
        Some(shown(&command[at..])).filter(|command| command.len() <= CHMOD_BYTES_MAX)
    });
    Fix::new(if let Some(chmod) = chmod {
        format!("Replace `{chmod}` with a chown to {owner}")
    } else if places.is_one_directory() {
        format!("Give {} to {owner}, or set the sticky bit with `chmod 1777`", places.directory())
    } else {
        format!("Add the files under {} without write access for others (`COPY --chmod=0644`)", places.directory())
    })
}

/// A longer command is not quoted.
const CHMOD_BYTES_MAX: usize = 40;

/// Whether it is an empty lock file, whose contents nobody reads. uv leaves one in each virtual environment.
fn is_lock_file(name: &[u8], size: u64) -> bool {
    size == 0 && (name.ends_with(b".lock") || name == b"lock")
}

/// Whether users other than root can reach it: `/proc`, `/sys` and `/dev` are mounted over, and a root-owned directory
/// that neither its group nor others can traverse protects everything below.
fn is_reachable(view: &View, node: NodeId) -> bool {
    let mut at = node;
    while at != PathTable::ROOT {
        let parent = view.parent(at);
        if parent == PathTable::ROOT && matches!(view.name(at), b"proc" | b"sys" | b"dev") {
            return false;
        }
        if view.stat(parent).is_some_and(|stat| stat.uid == 0 && stat.mode & 0o011 == 0) {
            return false;
        }
        at = parent;
    }
    true
}
