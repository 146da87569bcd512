//! `setuid-program`: a setuid or setgid program is not owned by a package.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::State;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::program::Head;
use crate::model::text;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::group::Causes;
use crate::view::NodeId;
use crate::view::Stat;
use crate::view::View;

/// The rule.
pub const RULE: Rule = Rule {
    id: "setuid-program",
    topic: Topic::Permissions,
    title: "a setuid or setgid program is not owned by a package",
    rows: &["S3"],
    params: &[],
    docs: Docs {
        why: "The program runs with the privileges of its owner or group, whoever runs it. A vulnerable one lets a \
              non-root user become root.",
        checks: "The mode bits 04000 and 02000 of ELF programs in the merged filesystem, where execve(2) honours them: not \
                 on data and scripts, and the group's bit only where the group can execute the file. A program that a dpkg \
                 or apk package owns is skipped, unless a layer above the package's own contains it again.",
        limits: "A bit set in the layer that installed the package. The rpm database is not read, so in rpm-based \
                 images every such program is reported.",
        fix: "Clear the bits in the layer that adds the file (`COPY --chmod=0755 …`, `RUN chmod u-s,g-s FILE`), or \
              leave the program out.",
        before: "FROM debian:13-slim\n\
                 COPY --chmod=4755 backup /usr/local/bin/backup",
        after: "FROM debian:13-slim\n\
                COPY --chmod=0755 backup /usr/local/bin/backup",
        breaks: "layer COPY tool /usr/local/bin/\n  e 04755 0:0 usr/local/bin/tool   #! setuid-program",
        satisfies: "layer COPY tool /usr/local/bin/\n  e 0755 0:0 usr/local/bin/tool",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    let mut causes = Causes::default();
    for (node, stat) in view.walk().filter(|(_, stat)| stat.kind == Kind::File && stat.mode & 0o6000 != 0) {
        let privileges = privileges(view, node, &stat);
        let layer = stat.layer.unwrap_or(0);
        if privileges.is_empty() || is_packaged(facts, node, layer)? {
            continue;
        }
        let location = Location::path(&view.path(node), stat.layer, State::Visible);
        let location = location.detail(format!("mode {:04o}", stat.mode));
        causes.places_of((layer, privileges)).add(&view.path(node), false, [location]);
    }
    for ((_, privileges), places) in causes {
        let (verb, files) = match places.count() {
            1 => ("is", "it"),
            _ => ("are", "them"),
        };
        let message = format!("{} {verb} {}", places.describe("programs"), text::list(&privileges));
        let advice =
            format!("Clear the bit when you add {files} (`COPY --chmod=0755`, `chmod u-s,g-s`), or leave {files} out");
        // The privileges distinguish two groups of one directory.
        let subject = format!("{} {}", places.directory(), privileges.join(" "));
        out.report(Found::new(subject, message).fix(advice).at_places(places));
    }
    Ok(())
}

/// Whether a package owns the file, and no later layer changed it.
fn is_packaged(facts: &Facts<'_>, node: NodeId, layer: usize) -> Result<bool, Undecided> {
    Ok(facts.packages()?.owners(node).any(|package| layer <= package.layer))
}

/// The privileges that executing the file grants (execve(2)): none for a script or for data, and those of its group
/// only if the group can execute it.
fn privileges(view: &View, node: NodeId, stat: &Stat<'_>) -> Vec<String> {
    // Without a head the file is neither a script nor ELF; an unread one may be a program.
    let is_program = matches!(view.head(node), Some(Head::Elf(_) | Head::BrokenElf(_) | Head::Unread(_)));
    if !is_program || stat.mode & 0o111 == 0 {
        return Vec::new();
    }
    let name = |id: u32| if id == 0 { "root".to_string() } else { id.to_string() };
    let mut privileges = Vec::new();
    if stat.mode & 0o4000 != 0 {
        privileges.push(format!("setuid {}", name(stat.uid)));
    }
    if stat.mode & 0o2010 == 0o2010 {
        privileges.push(format!("setgid {}", name(stat.gid)));
    }
    privileges
}
