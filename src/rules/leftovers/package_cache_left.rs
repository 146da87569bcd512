//! `package-cache-left`: package lists or package manager caches are left in the image.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::State;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::model::text::bytes;
use crate::model::text::count;
use crate::model::text::shown_bytes;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::view::NodeId;
use crate::view::View;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

/// The rule.
pub const RULE: Rule = Rule {
    id: "package-cache-left",
    topic: Topic::Contents,
    title: "package lists or package manager caches are left in the image",
    rows: &["B10", "F2"],
    params: &[Param {
        name: "ignore-below",
        kind: ParamKind::Bytes,
        about: "Caches smaller than this are not reported. Default: `0`.",
    }],
    docs: Docs {
        why: "Every pull downloads the files and nothing uses them. Stale package lists also make a later install \
              fetch old versions.",
        checks: "Regular files in the merged filesystem under the cache directories of apt, apk, dnf and yum, pip, \
                 npm, yarn, uv, Poetry, Go and Cargo, and under `.next/cache`. Empty files and apt's lock and release \
                 files don't count. The text of a RUN instruction isn't considered, because it proves nothing: a \
                 cache mount, for example, leaves no files.",
        limits: "Caches that are configured to be in other directories. For caches that a later layer deletes, see \
                 `wasted-space`.",
        fix: "Delete the cache in the RUN that creates it (`rm -rf /var/lib/apt/lists/*`, `npm cache clean --force`), \
              don't create it (`pip install --no-cache-dir`, `apk add --no-cache`), or mount it: `RUN \
              --mount=type=cache,target=/var/cache/apt …`.",
        before: "FROM debian:13-slim\n\
                 RUN apt-get update && apt-get install -y curl",
        after: "FROM debian:13-slim\n\
                RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
        breaks: "layer RUN apt-get update\n  d 0755 0:0 var/lib/apt/lists   #! package-cache-left\n  f 0644 0:0 var/lib/apt/lists/deb_Packages =20000",
        satisfies: "layer RUN apt-get update && rm -rf /var/lib/apt/lists/*\n  d 0755 0:0 var/lib/apt/lists",
    },
    check,
};

/// A kind of cache: its name and the fix.
struct Cache {
    what: &'static str,
    fix: &'static str,
}

const APT_LISTS: Cache =
    Cache { what: "apt package lists", fix: "End the RUN that calls apt-get with `rm -rf /var/lib/apt/lists/*`" };
const APT: Cache = Cache { what: "apt's cache", fix: "End the RUN that calls apt-get with `apt-get clean`" };
const APK: Cache = Cache { what: "apk's cache", fix: "Install with `apk add --no-cache`" };
const DNF: Cache = Cache { what: "dnf's or yum's cache", fix: "End the RUN that calls it with `dnf clean all`" };
const PIP: Cache = Cache { what: "pip's cache", fix: "Install with `pip install --no-cache-dir`" };
const NPM: Cache =
    Cache { what: "npm's cache", fix: "End the RUN that calls npm with `rm -rf ~/.npm`, or use a cache mount" };
const YARN: Cache = Cache { what: "yarn's cache", fix: "End the RUN that calls yarn with `yarn cache clean`" };
const UV: Cache = Cache { what: "uv's cache", fix: "Install with `uv sync --no-cache`, or mount the cache" };
const POETRY: Cache = Cache { what: "Poetry's cache", fix: "Install with `poetry install --no-cache`" };
const GO: Cache =
    Cache { what: "Go's build or module cache", fix: "Build in a separate stage and `COPY --from` the program" };
const CARGO: Cache =
    Cache { what: "Cargo's registry cache", fix: "Build in a separate stage and `COPY --from` the program" };

const NEXT: Cache = Cache {
    what: "Next.js's build cache",
    fix: "Run `rm -rf .next/cache` at the end of the build stage, or copy the standalone output",
};

/// The kind of cache that a directory is, by its path.
fn cache(path: &[u8]) -> Option<&'static Cache> {
    match path {
        b"var/lib/apt/lists" => return Some(&APT_LISTS),
        b"var/cache/apt" => return Some(&APT),
        b"var/cache/apk" | b"etc/apk/cache" => return Some(&APK),
        b"var/cache/dnf" | b"var/cache/yum" | b"var/cache/libdnf5" => return Some(&DNF),
        b"usr/local/share/.cache/yarn" => return Some(&YARN),
        _ => {}
    }
    let mut parts = path.rsplit(|&b| b == b'/');
    let last = parts.next().unwrap_or(b"");
    let (second, third) = (parts.next().unwrap_or(b""), parts.next().unwrap_or(b""));
    match (third, second, last) {
        (_, b".next", b"cache") => Some(&NEXT),
        (_, b".cache", b"pip") => Some(&PIP),
        (_, b".cache", b"yarn") => Some(&YARN),
        (_, b".cache", b"uv") => Some(&UV),
        (_, b".cache", b"pypoetry") => Some(&POETRY),
        (_, b".cache", b"go-build") => Some(&GO),
        (_, _, b".npm") => Some(&NPM),
        (b"pkg", b"mod", b"cache") => Some(&GO),
        (b"cargo" | b".cargo", b"registry", b"cache") => Some(&CARGO),
        _ => None,
    }
}

/// Whether a file belongs in an empty cache: apt's lock, and the release files that `apt-get dist-clean` keeps, as in
/// the official images.
fn is_expected(kind: &Cache, name: &[u8]) -> bool {
    let apt = std::ptr::eq(kind, &APT_LISTS) || std::ptr::eq(kind, &APT);
    let released =
        name == b"InRelease" || name == b"Release" || name.ends_with(b"_InRelease") || name.ends_with(b"_Release");
    let signed = name == b"Release.gpg" || name.ends_with(b"_Release.gpg");
    apt && (name == b"lock" || released || signed)
}

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    let caches: HashMap<NodeId, &'static Cache> = view
        .walk()
        .filter(|(node, stat)| stat.kind == Kind::Dir && may_be_cache(view.name(*node)))
        .filter_map(|(node, _)| Some((node, cache(&view.path(node))?)))
        .collect();
    if caches.is_empty() {
        return Ok(());
    }
    let mut caches_with_files: BTreeMap<NodeId, Contents> = BTreeMap::new();
    for (node, stat) in view.walk().filter(|(_, stat)| stat.kind == Kind::File && stat.size > 0) {
        let Some((directory, kind)) = enclosing(view, node, &caches) else { continue };
        if !is_expected(kind, view.name(node)) {
            caches_with_files.entry(directory).or_default().add(stat.inode, stat.size, stat.layer.unwrap_or(0));
        }
    }
    let minimum = settings.bytes("ignore-below").unwrap_or(0);
    for (directory, contents) in caches_with_files.into_iter().filter(|(_, contents)| contents.bytes() >= minimum) {
        let Some(kind) = caches.get(&directory) else { continue };
        let path = view.path(directory);
        let message = format!(
            "/{} contains {} of {} ({})",
            shown_bytes(&path),
            bytes(contents.bytes()),
            kind.what,
            count(contents.inodes.len() as u64, "file")
        );
        let mut found = Found::new(shown_bytes(&path), message).fix(kind.fix);
        for layer in contents.layers() {
            found = found.at(Location::path(&path, Some(layer), State::Visible));
        }
        out.report(found);
    }
    Ok(())
}

/// Whether a cache directory can have this name. Building the path of every directory would be slow.
fn may_be_cache(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 13] = [
        b"lists",
        b"apt",
        b"apk",
        b"cache",
        b"dnf",
        b"yum",
        b"libdnf5",
        b"yarn",
        b"pip",
        b"uv",
        b"pypoetry",
        b"go-build",
        b".npm",
    ];
    NAMES.contains(&name)
}

fn enclosing(view: &View, node: NodeId, caches: &HashMap<NodeId, &'static Cache>) -> Option<(NodeId, &'static Cache)> {
    let mut at = node;
    while at != PathTable::ROOT {
        at = view.parent(at);
        if let Some(kind) = caches.get(&at) {
            return Some((at, kind));
        }
    }
    None
}

/// The files in one cache directory.
#[derive(Default)]
struct Contents {
    inodes: HashSet<u32>,
    by_layer: BTreeMap<usize, u64>,
}

impl Contents {
    fn add(&mut self, inode: u32, size: u64, layer: usize) {
        if self.inodes.insert(inode) {
            *self.by_layer.entry(layer).or_default() += size;
        }
    }

    fn bytes(&self) -> u64 {
        self.by_layer.values().sum()
    }

    /// The layers that ship it, the one with the most bytes first.
    fn layers(&self) -> Vec<usize> {
        let mut layers: Vec<(usize, u64)> = self.by_layer.iter().map(|(&layer, &bytes)| (layer, bytes)).collect();
        layers.sort_by_key(|&(layer, bytes)| (std::cmp::Reverse(bytes), layer));
        layers.into_iter().map(|(layer, _)| layer).collect()
    }
}
