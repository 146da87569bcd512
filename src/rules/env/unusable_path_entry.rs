//! `unusable-path-entry`: PATH names a folder in which the user may not look anything up.

use crate::facts::Facts;
use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Doubt;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::ground::Ground;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::seen;
use crate::view::NodeId;
use std::collections::BTreeSet;

/// The rule.
pub const RULE: Rule = Rule {
    id: "unusable-path-entry",
    title: "PATH names a folder that the user may not search",
    rows: &["B9"],
    params: &[],
    docs: Docs {
        why: "The programs in such a folder do not exist for the user. A shell that comes across it says \"Permission denied\" \
              in place of \"not found\", which sends people looking in the wrong place.",
        evidence: "Each folder of the PATH that Env sets, followed through the merged view as the config's `User`: whether it \
                   and each folder above it may be searched (the x bit of the user's class). An entry that is no folder is \
                   told too; one that does not exist is normal.",
        blind: "Access control lists are undecided. Relative and empty entries mean the working folder, and are left out, as is \
                what lies in `/proc`, `/sys` and `/dev`. Root may search every folder, unless its capabilities are taken away.",
        fix: "Install into a folder that everybody may enter, such as /usr/local/bin or a virtual environment in /opt/venv, and \
              name that in ENV PATH. `pip install --user` as root ends in /root.",
        breaks: "config user=1000 env=PATH=/root/.local/bin:/usr/bin\nlayer COPY --from=build /root/.local /root/.local\n  \
                 d 0700 0:0 root   #! unusable-path-entry\n  d 0755 0:0 root/.local/bin",
        keeps: "config user=1000 env=PATH=/opt/venv/bin:/usr/bin\nlayer COPY --from=build /opt/venv /opt/venv\n  d 0755 0:0 opt/venv/bin",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Some(path) = facts.image().config.run.env_value("PATH") else { return Ok(()) };
    let Some(ground) = Ground::of_plain_user(facts)? else { return Ok(()) };
    let mut asked = BTreeSet::new();
    for entry in path.split(':').filter(|entry| entry.starts_with('/')) {
        if !asked.insert(entry.trim_end_matches('/')) {
            continue;
        }
        let (node, message) = match ground.reach(entry.as_bytes()) {
            Reach::Found(node) => {
                let is_folder = ground.view.stat(node).is_some_and(|stat| stat.kind == Kind::Dir);
                match access::access(ground.view, node, &ground.actor, Want::Execute) {
                    _ if !is_folder => (Some(node), "is no folder".to_string()),
                    Access::Yes => continue,
                    Access::No => (Some(node), cannot_search(&ground, node, entry)),
                    Access::Unknown => {
                        out.undecided(ground.unknown_rights(node));
                        continue;
                    }
                }
            }
            Reach::Closed(node) => (Some(node), cannot_search(&ground, node, entry)),
            Reach::NotFolder => (None, "leads through something that is no folder".to_string()),
            Reach::TooLong => (None, "is a longer path than Linux takes".to_string()),
            Reach::Open(Doubt::Mounted) | Reach::Missing(_) | Reach::Loop => continue,
            Reach::Open(doubt) => {
                out.undecided(ground.doubt(shown(entry), doubt));
                continue;
            }
        };
        let mut found = Found::new(shown(entry), format!("{} in PATH {message}", shown(entry)));
        if let Some(node) = node {
            found = found.at(seen(ground.view, node));
        }
        out.report(found.at(Location::config("config.Env[PATH]")));
    }
    Ok(())
}

fn cannot_search(ground: &Ground<'_>, node: NodeId, entry: &str) -> String {
    let folder = ground.describe(node);
    match ground.name(node) == shown(entry.trim_end_matches('/')) {
        true => format!("may not be searched by {}: {folder}", ground.who()),
        false => format!("lies behind {folder}, which {} may not search", ground.who()),
    }
}
