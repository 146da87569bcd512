//! `unusable-path-entry`: the user can't traverse a directory on PATH.

use crate::facts::Facts;
use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Uncertainty;
use crate::facts::access::Want;
use crate::facts::process::ProcessContext;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::visible_location;
use crate::view::NodeId;
use std::collections::BTreeSet;

/// The rule.
pub const RULE: Rule = Rule {
    id: "unusable-path-entry",
    topic: Topic::Runtime,
    title: "the user can't traverse a directory on PATH",
    rows: &["B9"],
    params: &[],
    docs: Docs {
        why: "The user can't run the programs in that directory. A shell that looks there reports \"Permission \
              denied\" instead of \"not found\", which points people to the wrong place.",
        checks: "Each directory on the PATH that `Env` sets, as the image's user sees it: the user must be able to \
                 traverse it and every directory above it (the x bit that applies to the user). An entry that is not \
                 a directory is reported too; a missing one is normal.",
        limits: "Directories with access control lists are undecided. Relative and empty entries, which mean the \
                 working directory, and entries in `/proc`, `/sys` and `/dev` are skipped. Root can traverse every \
                 directory unless its capabilities are dropped.",
        fix: "Install into a directory that every user can traverse, such as /usr/local/bin or /opt/venv, and put that \
              on PATH: `ENV PATH=/opt/venv/bin:$PATH`. `pip install --user` as root installs into /root.",
        before: "FROM python:3.13-slim\n\
                 RUN pip install --user uvicorn\n\
                 ENV PATH=/root/.local/bin:$PATH\n\
                 USER 10001",
        after: "FROM python:3.13-slim\n\
                RUN python -m venv /opt/venv && /opt/venv/bin/pip install uvicorn\n\
                ENV PATH=/opt/venv/bin:$PATH\n\
                USER 10001",
        breaks: "config user=1000 env=PATH=/root/.local/bin:/usr/bin\nlayer COPY --from=build /root/.local /root/.local\n  \
                 d 0700 0:0 root   #! unusable-path-entry\n  d 0755 0:0 root/.local/bin",
        satisfies: "config user=1000 env=PATH=/opt/venv/bin:/usr/bin\nlayer COPY --from=build /opt/venv /opt/venv\
                    \n  d 0755 0:0 opt/venv/bin",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Some(path) = facts.image().config.run.env_value("PATH") else { return Ok(()) };
    let Some(process) = ProcessContext::of_non_root_user(facts)? else { return Ok(()) };
    let mut checked = BTreeSet::new();
    for entry in path.split(':').filter(|entry| entry.starts_with('/')) {
        if !checked.insert(entry.trim_end_matches('/')) {
            continue;
        }
        let (node, message) = match process.reach(entry.as_bytes()) {
            Reach::Found(node) => {
                let is_directory = process.view.stat(node).is_some_and(|stat| stat.kind == Kind::Dir);
                match access::access(process.view, node, &process.actor, Want::Execute) {
                    _ if !is_directory => (Some(node), "is not a directory".to_string()),
                    Access::Yes => continue,
                    Access::No => (Some(node), cannot_search(&process, node, entry)),
                    Access::Unknown => {
                        out.undecided(process.unknown_rights(node));
                        continue;
                    }
                }
            }
            Reach::Blocked(node) => (Some(node), cannot_search(&process, node, entry)),
            Reach::NotDirectory => (None, "leads through something that is not a directory".to_string()),
            Reach::TooLong => (None, "is longer than Linux allows".to_string()),
            Reach::Unknown(Uncertainty::RuntimeMount) | Reach::Missing(_) | Reach::Loop => continue,
            Reach::Unknown(why) => {
                out.undecided(process.unknown_reach(shown(entry), why));
                continue;
            }
        };
        let mut found = Found::new(shown(entry), format!("{} on PATH {message}", shown(entry)));
        if let Some(node) = node {
            found = found.at(visible_location(process.view, node));
        }
        let fix = format!("Install into a directory that {} can traverse, such as /opt, and set PATH", process.who());
        out.report(found.at(Location::config("config.Env[PATH]")).fix(fix));
    }
    Ok(())
}

fn cannot_search(process: &ProcessContext<'_>, node: NodeId, entry: &str) -> String {
    let directory = process.describe(node);
    let problem = if process.name(node) == shown(entry.trim_end_matches('/')) { "unusable" } else { "unreachable" };
    format!("is {problem}: {} can't traverse {directory}", process.who())
}
