//! `context-file-left`: development files were copied into the image.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::State;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path;
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
use crate::rules::group::Causes;
use crate::rules::group::Places;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;
use globset::GlobBuilder;
use globset::GlobSet;
use globset::GlobSetBuilder;

/// The rule.
pub const RULE: Rule = Rule {
    id: "context-file-left",
    topic: Topic::Contents,
    title: "development files were copied into the image",
    rows: &["B11", "F2", "F9", "O3"],
    params: &[Param {
        name: "names",
        kind: ParamKind::Strings,
        about: "Names of files and directories that don't belong in an image, as glob patterns without slashes. \
                Default: none.",
    }],
    docs: Docs {
        why: "Version control data, environment files and notes tell strangers more than they need to know, and every \
              pull downloads them.",
        checks: "Files and directories whose name is in the policy's list, in the merged filesystem under WORKDIR, \
                 from layers made by COPY or ADD. Dependency trees (`node_modules`, `site-packages`, `dist-packages`, \
                 `vendor`) and build output (`.next`, `dist`, `build` and the like) are skipped; if WORKDIR is `/`, so are \
                 the system directories. What one COPY brought in is one finding.",
        limits: "Files with other names. Only the build history shows that COPY or ADD created a layer, so a finding \
                 is only likely; without history the question is undecided.",
        fix: "Add the name to .dockerignore, or copy only the files that the program needs, for example `COPY main.py \
              ./`.",
        before: "FROM python:3.13-slim\n\
                 WORKDIR /app\n\
                 COPY . .\n\
                 CMD [\"python\", \"main.py\"]",
        after: "FROM python:3.13-slim\n\
                WORKDIR /app\n\
                COPY main.py ./\n\
                CMD [\"python\", \"main.py\"]",
        breaks: "config workdir=/app\nlayer COPY . .\n  f 0644 0:0 app/.env \"A=b\"   #! context-file-left",
        satisfies: "config workdir=/app\nlayer COPY main.py .\n  f 0644 0:0 app/main.py \"print(1)\"",
    },
    check,
};

/// Directories that package managers and builds fill, where these names are expected.
const SKIPPED: [&[u8]; 13] = [
    b"node_modules",
    b"site-packages",
    b"dist-packages",
    b"vendor",
    b".next",
    b".nuxt",
    b".output",
    b".svelte-kit",
    b".turbo",
    b"build",
    b"dist",
    b"out",
    b"target",
];

/// System directories, skipped if the working directory is the root.
const SYSTEM: [&[u8]; 14] = [
    b"bin", b"boot", b"dev", b"etc", b"lib", b"lib32", b"lib64", b"libx32", b"proc", b"run", b"sbin", b"sys", b"usr",
    b"var",
];

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Some(names) = settings.strings("names") else { return Ok(()) };
    let names = patterns(names);
    let view = facts.view()?;
    let (workdir, _) = path::clean(facts.image().config.run.working_dir.as_bytes());
    let Resolved::Found(top) = view.resolve(&workdir, true) else { return Ok(()) };
    let mut unknown = Vec::new();
    let mut causes = Causes::default();
    let mut todo: Vec<NodeId> = match top {
        PathTable::ROOT => view.children(top).filter(|&node| !SYSTEM.contains(&view.name(node))).collect(),
        top => view.children(top).collect(),
    };
    while let Some(node) = todo.pop() {
        let Some(stat) = view.stat(node) else { continue };
        let name = view.name(node);
        if matches!(stat.kind, Kind::File | Kind::Dir) && names.is_match(&*String::from_utf8_lossy(name)) {
            let contents = Contents::of(view, node);
            if contents.files > 0 {
                match origin(facts, &contents) {
                    Origin::Copied(layer) => add(view, node, stat.kind, &contents, causes.places_of(layer)),
                    Origin::Unknown => unknown.push(view.path(node)),
                    Origin::Generated => {}
                }
                continue;
            }
        }
        if stat.kind == Kind::Dir && !SKIPPED.contains(&name) {
            todo.extend(view.children(node));
        }
    }
    for (layer, places) in causes {
        report(facts, layer, places, out);
    }
    unknown.sort();
    if let Some(first) = unknown.first() {
        let others = match unknown.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        out.undecided(Undecided::unknowable(
            format!("/{}{others}", shown_bytes(first)),
            "the build history doesn't show which instruction made its layer",
        ));
    }
    Ok(())
}

/// Compiles the patterns. Invalid ones match nothing.
fn patterns(names: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for name in names {
        if let Ok(glob) = GlobBuilder::new(name).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_else(|_| GlobSet::empty())
}

/// The regular files at or below a node.
struct Contents {
    files: u64,
    bytes: u64,
    /// The layers that ship any version of them, each with whether one of its versions is visible.
    layers: std::collections::BTreeMap<usize, bool>,
}

impl Contents {
    fn of(view: &View, top: NodeId) -> Contents {
        let mut contents = Contents { files: 0, bytes: 0, layers: std::collections::BTreeMap::new() };
        let mut todo = vec![top];
        while let Some(node) = todo.pop() {
            match view.stat(node) {
                Some(stat) if stat.kind == Kind::File => {
                    contents.files += 1;
                    contents.bytes += stat.size;
                    for shipped in view.shipped(node) {
                        *contents.layers.entry(shipped.layer).or_default() |= shipped.visible;
                    }
                }
                Some(stat) if stat.kind == Kind::Dir => todo.extend(view.children(node)),
                _ => {}
            }
        }
        contents
    }
}

enum Origin {
    /// The first layer that ships it and was made by COPY or ADD.
    Copied(usize),
    /// Other instructions made all its layers.
    Generated,
    /// The history doesn't show it.
    Unknown,
}

fn origin(facts: &Facts<'_>, contents: &Contents) -> Origin {
    let keyword = |layer: usize| facts.instruction(layer).map_or("", |instruction| instruction.keyword.as_str());
    let mut layers = contents.layers.keys().copied();
    if let Some(layer) = layers.clone().find(|&layer| matches!(keyword(layer), "COPY" | "ADD")) {
        Origin::Copied(layer)
    } else if layers.any(|layer| keyword(layer).is_empty()) {
        Origin::Unknown
    } else {
        Origin::Generated
    }
}

fn add(view: &View, node: NodeId, kind: Kind, contents: &Contents, places: &mut Places) {
    let path = view.path(node);
    let size = match kind {
        Kind::Dir => format!("{}, {}", count(contents.files, "file"), bytes(contents.bytes)),
        _ => bytes(contents.bytes),
    };
    let location = |(&layer, &visible): (&usize, &bool)| {
        Location::path(&path, Some(layer), if visible { State::Visible } else { State::Shipped }).detail(size.as_str())
    };
    // The lowest layer is the primary location.
    places.add(&path, kind == Kind::Dir, contents.layers.iter().map(location));
}

fn report(facts: &Facts<'_>, layer: usize, places: Places, out: &mut Out<'_>) {
    let what = match places.count() {
        1 => format!("{} was", places.describe("")),
        _ => format!("{} were", places.describe("paths")),
    };
    // A source with a leading slash may be in another stage: builders leave `--from` out of the history.
    let made = facts.instruction(layer).map_or("", |made| made.text.as_str());
    let may_be_another_stage = made.split_ascii_whitespace().nth(1).is_some_and(|source| source.starts_with('/'));
    let (message, fix) = if may_be_another_stage {
        (format!("{what} copied into the image"), format!("Leave out {} when copying", places.file_names()))
    } else {
        (format!("{what} copied in from the build context"), format!("Add {} to .dockerignore", places.file_names()))
    };
    out.report(Found::new(places.directory(), message).likely().fix(fix).at_places(places));
}
