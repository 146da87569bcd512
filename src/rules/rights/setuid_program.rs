//! `setuid-program`: a setuid or setgid program is not owned by a package.

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
use crate::view::NodeId;
use crate::view::Stat;

/// The rule.
pub const RULE: Rule = Rule {
    id: "setuid-program",
    topic: Topic::Rights,
    title: "a setuid or setgid program is not owned by a package",
    rows: &["S3"],
    params: &[],
    docs: Docs {
        why: "The program runs with the privileges of its owner or group, whoever calls it. A careless one undoes a \
              non-root USER.",
        checks: "The mode bits 04000 and 02000 of regular files in the merged filesystem. A file that a dpkg or apk \
                 package owns is skipped, unless a layer above the package's own contains the file again.",
        limits: "A bit set in the layer that installed the package. The rpm database is not read, so in rpm-based \
                 images every such program is reported.",
        fix: "Clear the bits in the layer that adds the file (`COPY --chmod=0755 …`, `RUN chmod u-s,g-s FILE`), or \
              leave the program out.",
        before: "FROM debian:13-slim\n\
                 COPY --chmod=4755 backup /usr/local/bin/backup",
        after: "FROM debian:13-slim\n\
                COPY --chmod=0755 backup /usr/local/bin/backup",
        breaks: "layer COPY tool /usr/local/bin/\n  f 04755 0:0 usr/local/bin/tool \"x\"   #! setuid-program",
        keeps: "layer COPY tool /usr/local/bin/\n  f 0755 0:0 usr/local/bin/tool \"x\"",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    for (node, stat) in view.walk().filter(|(_, stat)| stat.kind == Kind::File && stat.mode & 0o6000 != 0) {
        let layer = stat.layer.unwrap_or(0);
        if is_distributions(facts, node, layer)? {
            continue;
        }
        let path = view.path(node);
        let message = format!("/{} {}", shown_bytes(&path), describe(&stat));
        out.report(Found::new(shown_bytes(&path), message).at(Location::path(&path, stat.layer, State::Visible)));
    }
    Ok(())
}

/// A package owns it, and no later layer touched it.
fn is_distributions(facts: &Facts<'_>, node: NodeId, layer: usize) -> Result<bool, Undecided> {
    Ok(facts.packages()?.owners(node).any(|package| layer <= package.layer))
}

fn describe(stat: &Stat<'_>) -> String {
    let mut whose = Vec::new();
    if stat.mode & 0o4000 != 0 {
        whose.push(format!("user {}", stat.uid));
    }
    if stat.mode & 0o2000 != 0 {
        whose.push(format!("group {}", stat.gid));
    }
    let unused = if stat.mode & 0o111 == 0 { ", once anybody may execute it" } else { "" };
    format!("runs with the rights of {} (mode {:04o}){unused}", whose.join(" and "), stat.mode)
}
