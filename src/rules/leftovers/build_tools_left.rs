//! `build-tools-left`: build tools are left in the image.

use crate::facts::Facts;
use crate::facts::packages::Package;
use crate::model::finding::Location;
use crate::model::finding::State;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::group::Causes;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The rule.
pub const RULE: Rule = Rule {
    id: "build-tools-left",
    topic: Topic::Contents,
    title: "build tools are left in the image",
    rows: &["B2", "B3", "F2", "O2"],
    params: &[],
    docs: Docs {
        why: "A compiler makes the image larger and is useful to an intruder. A running service doesn't need one.",
        checks: "Installed dpkg and apk packages that build software, such as gcc, make and musl-dev. Also \
                 executables in `bin` and `sbin` of `/`, `/usr` and `/usr/local` that have the name of a build tool \
                 and aren't owned by such a package; the compiler's own programs cc1, cc1plus, collect2 and lto1 \
                 count in any directory.",
        limits: "Tools with other names or in other directories, and interpreters that also build software (Python, \
                 Node).",
        fix: "Build in a separate stage and copy the result: `COPY --from=build …`. Or install, build and remove the \
              tools in one RUN.",
        before: "FROM python:3.13-slim\n\
                 RUN apt-get update && apt-get install -y gcc\n\
                 COPY requirements.txt .\n\
                 RUN pip install -r requirements.txt",
        after: "FROM python:3.13-slim AS build\n\
                RUN apt-get update && apt-get install -y gcc\n\
                COPY requirements.txt .\n\
                RUN python -m venv /opt/venv && /opt/venv/bin/pip install -r requirements.txt\n\
                FROM python:3.13-slim\n\
                COPY --from=build /opt/venv /opt/venv\n\
                ENV PATH=/opt/venv/bin:$PATH",
        breaks: "layer COPY toolchain /\n  f 0755 0:0 usr/bin/gcc \"x\"   #! build-tools-left",
        satisfies: "layer COPY app /usr/bin/\n  f 0755 0:0 usr/bin/app \"x\"",
    },
    check,
};

/// Programs that build software, with or without a target prefix and a version.
static PROGRAMS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?-u)^(?:(?:[a-z0-9_]+-(?:[a-z0-9_]+-)?linux-(?:gnu|musl|gnueabihf)-)?",
        r"(?:gcc|g\+\+|cc|c\+\+|cpp|ld|as|c\+\+filt|ld\.bfd|ld\.gold)(?:-[0-9.]+)?",
        r"|make|gmake|cmake|ninja|meson|clang(?:\+\+)?(?:-[0-9.]+)?|tcc|rustc|cargo|go|gofmt|javac|mvn|gradle|dpkg-buildpackage)$"
    ))
    .expect("a pattern that a test compiles")
});

/// Packages that build software.
static PACKAGES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?-u)^(?:build-essential|build-base",
        r"|(?:(?:gcc|g\+\+|cpp|clang|gfortran)(?:-[0-9.]+)?|binutils)(?:-[a-z0-9]+(?:-[0-9]+)?-linux-(?:gnu|musl|gnueabihf))?",
        r"|make|cmake|ninja-build|meson|libc6-dev|libc-dev|musl-dev|linux-libc-dev|linux-headers|dpkg-dev",
        r"|libstdc\+\+-[0-9]+-dev|libgcc-[0-9]+-dev|rust|rustc|cargo|go|golang(?:-go)?|openjdk-.*-jdk(?:-headless)?",
        r"|autoconf|automake|python3-dev|python3\.[0-9]+-dev)$"
    ))
    .expect("a pattern that a test compiles")
});

/// Directories that are usually on PATH.
const PROGRAM_DIRECTORIES: [&[u8]; 6] = [b"bin", b"sbin", b"usr/bin", b"usr/sbin", b"usr/local/bin", b"usr/local/sbin"];

/// Parts of a compiler, which are in other directories.
const PARTS: [&[u8]; 4] = [b"cc1", b"cc1plus", b"collect2", b"lto1"];

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    let packages = facts.packages()?;
    let mut tools: Vec<(Vec<u8>, NodeId)> = view
        .walk()
        .filter(|(_, stat)| stat.kind != Kind::Dir)
        .filter(|(node, _)| PARTS.contains(&view.name(*node)) || PROGRAMS.is_match(view.name(*node)))
        .map(|(node, _)| (view.path(node), node))
        .filter(|(path, node)| PROGRAM_DIRECTORIES.contains(&path::parent(path)) || PARTS.contains(&view.name(*node)))
        .collect();
    tools.sort();
    // A package installed for two architectures counts once.
    let mut installed: BTreeMap<(&str, &str), Installed<'_>> = BTreeMap::new();
    for package in packages.list.iter().filter(|package| PACKAGES.is_match(package.name.as_bytes())) {
        installed.entry(key(package)).or_insert(Installed { package, paths: Vec::new() });
    }
    let mut others = Vec::new();
    for (path, node) in tools {
        // A link such as Debian's /usr/bin/cc belongs to the package that owns its target.
        let Some(program) = program(view, &path) else { continue };
        let owner = packages.owners(node).chain(packages.owners(program)).find(|p| installed.contains_key(&key(p)));
        match owner.and_then(|package| installed.get_mut(&key(package))) {
            Some(installed) => installed.paths.push(path),
            None => others.push((path, node)),
        }
    }
    let mut causes = Causes::default();
    for Installed { package, paths } in installed.values() {
        let record = Location::path(&view.path(package.record), Some(package.layer), State::Visible);
        let mut locations = vec![record.detail(format!("{} {}", package.name, package.version))];
        locations
            .extend(paths.iter().take(PLACES).map(|path| Location::path(path, Some(package.layer), State::Visible)));
        causes.places_of(package.layer).add(&view.path(package.record), false, locations);
    }
    for (layer, places) in causes {
        let names: Vec<&str> =
            installed.values().map(|i| i.package).filter(|p| p.layer == layer).map(|p| p.name.as_str()).collect();
        let message = match names[..] {
            [name] => format!("a package that builds software is installed: {name}"),
            _ => format!("{} packages that build software are installed: {}", names.len(), first_few(&names)),
        };
        // Installing one more package in the same instruction must not change the fingerprint.
        out.report(Found::new("packages", message).fix(FIX).at_places(places));
    }
    let mut causes = Causes::default();
    for (path, node) in others {
        causes.places_of(view.stat(node).and_then(|stat| stat.layer)).add_visible(
            &path,
            false,
            view.stat(node).and_then(|stat| stat.layer),
        );
    }
    for (_, places) in causes {
        let message = match places.count() {
            1 => format!("{} is a build tool, judging by its name", places.describe("")),
            _ => format!("{}, judging by their names", places.describe("build tools")),
        };
        out.report(Found::new(places.directory(), message).fix(FIX).at_places(places));
    }
    Ok(())
}

const FIX: &str = "Leave build tools in a build stage, and `COPY --from` only the result";

/// The first few names.
fn first_few(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    match names.len() {
        0..=SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}

/// Programs of one package that a finding names.
const PLACES: usize = 3;

/// A package that builds software, and its programs.
struct Installed<'a> {
    package: &'a Package,
    paths: Vec<Vec<u8>>,
}

fn key(package: &Package) -> (&str, &str) {
    (&package.name, &package.version)
}

/// The regular file that a path resolves to, if it is executable and not empty.
fn program(view: &View, path: &[u8]) -> Option<NodeId> {
    let Resolved::Found(node) = view.resolve(path, true) else { return None };
    let stat = view.stat(node)?;
    (stat.kind == Kind::File && stat.mode & 0o111 != 0 && stat.size > 0).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_names() {
        for name in ["gcc", "gcc-14", "x86_64-linux-gnu-gcc-14", "ld.bfd", "cmake", "go"] {
            assert!(PROGRAMS.is_match(name.as_bytes()), "{name}");
        }
        for name in ["gccgraph", "gcc-14-base", "ldd", "asd", "gopher", "makeinfo"] {
            assert!(!PROGRAMS.is_match(name.as_bytes()), "{name}");
        }
        assert!(
            PACKAGES.is_match(b"libc6-dev")
                && PACKAGES.is_match(b"binutils-x86-64-linux-gnu")
                && !PACKAGES.is_match(b"gcc-14-base")
                && !PACKAGES.is_match(b"libgcc-s1")
        );
    }
}
