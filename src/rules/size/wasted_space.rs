//! `wasted-space`: files hidden by a later layer still ship.

use crate::facts::Facts;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Scope;
use crate::model::finding::State;
use crate::model::finding::Undecided;
use crate::model::text;
use crate::model::text::bytes;
use crate::model::text::count;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::view::View;
use crate::view::waste::Cause;
use crate::view::waste::Hidden;
use std::collections::BTreeMap;

/// The rule.
pub const RULE: Rule = Rule {
    id: "wasted-space",
    topic: Topic::Contents,
    title: "files hidden by a later layer still ship",
    rows: &["B10", "B12", "O5"],
    params: &[
        Param {
            name: "warn-over",
            kind: ParamKind::Bytes,
            about: "Findings are notes unless the total size of hidden files exceeds this. Default: every finding has \
                    the rule's level.",
        },
        Param {
            name: "ignore-below",
            kind: ParamKind::Bytes,
            about: "A layer that hides less than this is not reported. Default: `0`.",
        },
        Param {
            name: "bookkeeping-over",
            kind: ParamKind::Bytes,
            about: "Account files and package databases that later layers rewrite are reported together, as a note, \
                    if they exceed this. Default: `0`.",
        },
    ],
    docs: Docs {
        why: "A layer can't remove anything from the layers below it: a file that it deletes, replaces or chmods is \
              still in the lower layer, where every pull downloads it and anyone can read it.",
        checks: "Regular files that a later layer hides, totalled by that layer and by cause. A file with several \
                 names counts once.",
        limits: "Identical files at different paths. Account files rewritten by useradd and package databases \
                 rewritten by a package manager can hardly be avoided, so they count in the report's sizes but are \
                 only reported if they exceed `bookkeeping-over`. Which layers belong to the base image is known only \
                 with `--base`; without it every finding is a note.",
        fix: "Make the change in the layer that adds the files: delete in the same RUN, use `COPY --chown=… \
              --chmod=…`, or `COPY --from` a stage that never had them.",
        before: "FROM python:3.13-slim\n\
                 COPY . /app\n\
                 RUN chown -R 10001 /app",
        after: "FROM python:3.13-slim\n\
                COPY --chown=10001 . /app",
        breaks: "layer COPY data /data\n  f 0644 0:0 data/a =200000\nlayer RUN rm -r /data #! wasted-space\n  w data",
        satisfies: "layer COPY data /data\n  f 0644 0:0 data/a =1000",
    },
    check,
};

/// How many locations a finding lists.
const LOCATIONS_LISTED: usize = 3;

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    let bytes_of = |name: &str| settings.bytes(name).unwrap_or(0);
    let (mut by_layer, mut bookkeeping, mut within_base) =
        (BTreeMap::<usize, Vec<Hidden>>::new(), Vec::new(), Vec::new());
    for hidden in view.hidden().iter().filter(|hidden| hidden.size > 0) {
        if facts.scope(hidden.by) == Scope::Base {
            within_base.push(*hidden);
        } else if is_bookkeeping(&view.path(hidden.node), hidden.cause) {
            bookkeeping.push(*hidden);
        } else {
            by_layer.entry(hidden.by).or_default().push(*hidden);
        }
    }
    let total = by_layer.values().map(|hidden| total_size(hidden)).sum::<u64>();
    let is_within_limit = settings.bytes("warn-over").is_some_and(|limit| total <= limit);
    for (layer, mut hidden) in by_layer {
        if total_size(&hidden) < bytes_of("ignore-below") {
            continue;
        }
        let message =
            format!("{} of hidden files still ship: {}", bytes(total_size(&hidden)), describe_causes(&hidden));
        // The instruction is stable across rebuilds, unlike the layer's number.
        let subject = facts.instruction(layer).map_or("a layer without history".to_string(), |instruction| {
            instruction.text.split(' ').map(text::short_digest).collect::<Vec<_>>().join(" ")
        });
        let mut found = Found::new(subject, message).fix(fix(&hidden)).at(Location::layer(layer));
        if is_within_limit || facts.scope(layer) == Scope::Unknown {
            found = found.at_most(Level::Note);
        }
        out.report(add_largest(found, view, &mut hidden));
    }
    let minimum = bytes_of("bookkeeping-over");
    if !bookkeeping.is_empty() && total_size(&bookkeeping) >= minimum {
        let message = format!(
            "{} of account files and package databases still ship, rewritten by later layers",
            bytes(total_size(&bookkeeping))
        );
        let found = Found::new("bookkeeping", message)
            .at_most(Level::Note)
            .fix("Combine the RUN instructions that install packages or add users");
        out.report(add_largest(found, view, &mut bookkeeping));
    }
    if !within_base.is_empty() && total_size(&within_base) >= bytes_of("ignore-below") {
        let message = format!("{} of files hidden within the base image still ship", bytes(total_size(&within_base)));
        let found = Found::new("base", message)
            .at_most(Level::Note)
            .scope(Scope::Base)
            .fix("Use a base image that was squashed or built with fewer layers");
        out.report(add_largest(found, view, &mut within_base));
    }
    Ok(())
}

/// Whether useradd, dpkg, apk or rpm rewrites the file whenever it runs. Deleted files don't count.
fn is_bookkeeping(path: &[u8], cause: Cause) -> bool {
    const FILES: [&[u8]; 14] = [
        b"etc/passwd",
        b"etc/passwd-",
        b"etc/group",
        b"etc/group-",
        b"etc/shadow",
        b"etc/shadow-",
        b"etc/gshadow",
        b"etc/gshadow-",
        b"etc/subuid",
        b"etc/subuid-",
        b"etc/subgid",
        b"etc/subgid-",
        b"etc/ld.so.cache",
        b"var/cache/ldconfig/aux-cache",
    ];
    const DIRECTORIES: [&[u8]; 9] = [
        b"var/lib/dpkg/",
        b"var/lib/apt/",
        b"var/cache/debconf/",
        b"var/log/",
        b"lib/apk/db/",
        b"var/lib/rpm/",
        b"usr/lib/sysimage/rpm/",
        b"var/lib/dnf/",
        b"etc/apk/",
    ];
    matches!(cause, Cause::Replaced | Cause::MetadataOnly)
        && (FILES.contains(&path) || DIRECTORIES.iter().any(|directory| path.starts_with(directory)))
}

fn total_size(hidden: &[Hidden]) -> u64 {
    hidden.iter().map(|h| h.size).sum()
}

/// Adds the largest hidden files as locations.
fn add_largest(found: Found, view: &View, hidden: &mut [Hidden]) -> Found {
    hidden.sort_by_cached_key(|h| (std::cmp::Reverse(h.size), h.layer, view.path(h.node)));
    let location = |h: &Hidden| Location::path(&view.path(h.node), Some(h.layer), State::Shipped).detail(bytes(h.size));
    hidden.iter().take(LOCATIONS_LISTED).map(location).fold(found, Found::at)
}

/// `2 files deleted (3 kB), 7 files replaced (1.1 MB)`; without sizes if there is only one cause.
fn describe_causes(hidden: &[Hidden]) -> String {
    let mut parts = Vec::new();
    for (causes, words) in CAUSE_GROUPS {
        let of: Vec<Hidden> = hidden.iter().filter(|h| causes.contains(&h.cause)).copied().collect();
        if !of.is_empty() {
            parts.push((format!("{} {words}", count(of.len() as u64, "file")), bytes(total_size(&of))));
        }
    }
    match parts.as_slice() {
        [(only, _)] => only.clone(),
        _ => parts.iter().map(|(what, size)| format!("{what} ({size})")).collect::<Vec<_>>().join(", "),
    }
}

const CAUSE_GROUPS: [(&[Cause], &str); 4] = [
    (&[Cause::Deleted, Cause::AncestorDeleted, Cause::Opaque], "deleted"),
    (&[Cause::Replaced, Cause::TypeChange], "replaced"),
    (&[Cause::MetadataOnly], "added again with the same content"),
    (&[Cause::Unplaceable], "unreachable"),
];

/// The fix for the cause with the most bytes.
fn fix(hidden: &[Hidden]) -> &'static str {
    let weight = |causes: &[Cause]| hidden.iter().filter(|h| causes.contains(&h.cause)).map(|h| h.size).sum::<u64>();
    let largest_cause = (0..CAUSE_GROUPS.len())
        .max_by_key(|&i| weight(CAUSE_GROUPS[i].0))
        .map_or(Cause::Replaced, |i| CAUSE_GROUPS[i].0[0]);
    let metadata = hidden.iter().filter(|h| h.cause == Cause::MetadataOnly);
    let (mode, owner) =
        metadata.fold((false, false), |(mode, owner), h| (mode | h.changed.mode, owner | h.changed.owner));
    match largest_cause {
        Cause::Deleted => "Delete the files in the RUN that creates them, or copy from a stage without them",
        Cause::MetadataOnly if mode && owner => "Set owner and mode when adding the files (`COPY --chown=… --chmod=…`)",
        Cause::MetadataOnly if owner => "Set the owner when adding the files (`COPY --chown=…`)",
        Cause::MetadataOnly if mode => "Set the mode when adding the files (`COPY --chmod=…`)",
        Cause::MetadataOnly => "Copy or install the files once: they ship twice with the same content",
        _ => "Write the files once, in the layer that adds them",
    }
}
