//! `wasted-space`: files hidden by a later layer still ship.

use crate::facts::Facts;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Scope;
use crate::model::finding::State;
use crate::model::finding::Undecided;
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
use crate::view::waste::Cause;
use crate::view::waste::Hidden;
use std::collections::BTreeMap;

/// The rule.
pub const RULE: Rule = Rule {
    id: "wasted-space",
    topic: Topic::Contents,
    title: "files hidden by a later layer still ship",
    rows: &["B10", "B12", "O5"],
    params: &[Param {
        name: "warn-over",
        kind: ParamKind::Bytes,
        about: "Total size of hidden files up to which findings are notes. Default: every finding has the rule's \
                severity.",
    }],
    docs: Docs {
        why: "A layer can only add: a file that it deletes, replaces or chmods stays in the layer below, where every \
              pull downloads it and anyone can read it.",
        checks: "Regular files of each layer that are hidden in the merged filesystem, by the layer that hides them \
                 and by cause. A file with several names counts once.",
        limits: "Identical files at different paths. Only `--base` tells which layers belong to the base image; \
                 without it every finding is a note.",
        fix: "Make the change in the layer that adds the files: delete in the same RUN, use `COPY --chown=… \
              --chmod=…`, or `COPY --from` a stage that never had them.",
        before: "FROM python:3.13-slim\n\
                 COPY . /app\n\
                 RUN chown -R 10001 /app",
        after: "FROM python:3.13-slim\n\
                COPY --chown=10001 . /app",
        breaks: "layer COPY data /data\n  f 0644 0:0 data/a =1000\nlayer RUN rm -r /data #! wasted-space\n  w data",
        keeps: "layer COPY data /data\n  f 0644 0:0 data/a =1000",
    },
    check,
};

/// Places that one finding names.
const PLACES: usize = 3;

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    let mut by_layer: BTreeMap<usize, Vec<Hidden>> = BTreeMap::new();
    for hidden in view.hidden().iter().filter(|hidden| hidden.size > 0 && facts.scope(hidden.by) != Scope::Base) {
        by_layer.entry(hidden.by).or_default().push(*hidden);
    }
    let total: u64 = by_layer.values().map(|hidden| sum(hidden)).sum();
    let within = settings.bytes("warn-over").is_some_and(|bound| total <= bound);
    let mut say = |layers: &[usize], hidden: Vec<Hidden>| {
        let mut found = finding(facts, layers, hidden);
        if within || layers.iter().all(|&layer| facts.scope(layer) == Scope::Unknown) {
            found = found.at_most(Level::Note);
        }
        out.report(found);
    };
    // Nearly every layer replaces a few kilobytes of accounts and databases: those are told in one sentence.
    let small: Vec<usize> =
        by_layer.iter().filter(|(_, hidden)| sum(hidden) < SMALL_BYTES).map(|(&layer, _)| layer).collect();
    if small.len() > 1 {
        let hidden = small.iter().filter_map(|layer| by_layer.remove(layer)).flatten().collect();
        say(&small, hidden);
    }
    by_layer.into_iter().for_each(|(layer, hidden)| say(&[layer], hidden));
    Ok(())
}

/// Less than this is no finding of its own where several layers hide so little.
const SMALL_BYTES: u64 = 100_000;

fn sum(hidden: &[Hidden]) -> u64 {
    hidden.iter().map(|h| h.size).sum()
}

/// One finding for one layer, or for several that hide little.
fn finding(facts: &Facts<'_>, layers: &[usize], mut hidden: Vec<Hidden>) -> Found {
    let path = |h: &Hidden| facts.view().map_or_else(|_| Vec::new(), |view| view.path(h.node));
    hidden.sort_by_cached_key(|h| (std::cmp::Reverse(h.size), h.layer, path(h)));
    let who = match layers {
        [layer] => format!("layer {layer} hides"),
        several => format!("{} layers that hide little hide together", several.len()),
    };
    let message = format!("{who} {} that it or lower layers shipped: {}", bytes(sum(&hidden)), causes(&hidden));
    // An instruction survives a rebuild; a layer's number may not.
    let subject = match layers {
        [layer] => facts.instruction(*layer).map_or("a layer without history", |instruction| &instruction.text),
        _ => "several layers",
    };
    let mut found = Found::new(subject, message).fix(fix(&hidden));
    for &layer in layers {
        found = found.at(Location { layer: Some(layer), ..Location::default() });
    }
    for h in hidden.iter().take(PLACES) {
        found = found.at(Location::path(&path(h), Some(h.layer), State::Shipped));
    }
    found
}

/// `2 files deleted, 7 files replaced (1.1 MB)`: the bytes only where there are several causes.
fn causes(hidden: &[Hidden]) -> String {
    let mut parts = Vec::new();
    for (causes, words) in GROUPS {
        let of: Vec<Hidden> = hidden.iter().filter(|h| causes.contains(&h.cause)).copied().collect();
        if !of.is_empty() {
            parts.push((format!("{} {words}", count(of.len() as u64, "file")), bytes(sum(&of))));
        }
    }
    match parts.as_slice() {
        [(only, _)] => only.clone(),
        _ => parts.iter().map(|(what, size)| format!("{what} ({size})")).collect::<Vec<_>>().join(", "),
    }
}

const GROUPS: [(&[Cause], &str); 4] = [
    (&[Cause::Deleted, Cause::AncestorDeleted, Cause::Opaque], "deleted"),
    (&[Cause::Replaced, Cause::TypeChange], "replaced"),
    (&[Cause::MetadataOnly], "shipped again with the same content"),
    (&[Cause::Unplaceable], "that nothing can reach"),
];

/// What to do about the cause that weighs most.
fn fix(hidden: &[Hidden]) -> String {
    let weight = |causes: &[Cause]| hidden.iter().filter(|h| causes.contains(&h.cause)).map(|h| h.size).sum::<u64>();
    let heaviest = (0..GROUPS.len()).max_by_key(|&i| weight(GROUPS[i].0)).map_or(Cause::Replaced, |i| GROUPS[i].0[0]);
    let metadata = hidden.iter().filter(|h| h.cause == Cause::MetadataOnly);
    let (mode, owner) =
        metadata.fold((false, false), |(mode, owner), h| (mode | h.changed.mode, owner | h.changed.owner));
    match heaviest {
        Cause::Deleted => "delete it in the RUN that made it, or COPY from a stage that never had it".to_string(),
        Cause::MetadataOnly if mode && owner => {
            "set mode and owner where the files come in: `COPY --chown=… --chmod=…`, in place of chmod and chown later"
                .to_string()
        }
        Cause::MetadataOnly if owner => {
            "set the owner where the files come in: `COPY --chown=…`, in place of chown in a later RUN".to_string()
        }
        Cause::MetadataOnly if mode => {
            "set the mode where the files come in: `COPY --chmod=…`, in place of chmod in a later RUN".to_string()
        }
        Cause::MetadataOnly => "copy or install the files once: the same content is shipped twice".to_string(),
        _ => "write the files once, in the layer that brings them".to_string(),
    }
}
