//! The directories on `sys.path`, and the `.pth` files that add to them.
//!
//! CPython's documentation of `sys.path` and of the site module; Debian's Python policy, 2.5 ("dist-packages");
//! Fedora's change "Making sudo pip safe" (`/usr/local` beside `/usr`). Directories that the program itself puts first
//! are not included. Not here: what is in the directories (`import`).

use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang::python::Base;
use crate::facts::proof::lang::python::Python;
use crate::facts::proof::lang::python::SearchPath;
use crate::facts::proof::lang::python::UserSite;
use crate::facts::proof::lang::python::Venv;
use crate::facts::proof::lang::python::call::Flags;
use crate::facts::shell;
use crate::limits;
use crate::model::bytes;
use crate::model::finding::Undecided;
use crate::model::path;
use crate::view::Resolved;
use std::collections::BTreeSet;

/// The directories that `.pth` files add, and why they may add more.
#[derive(Default)]
pub struct Added {
    /// Absolute paths, in order.
    pub paths: Vec<Vec<u8>>,
    /// Why they may add more.
    pub doubts: Vec<Undecided>,
}

impl Python {
    /// Fills in `sys.path` as it is before `.pth` files are read.
    pub(super) fn fill_paths(&mut self, process: &ProcessContext<'_>, base: &Base, venv: Option<&Venv>, flags: Flags) {
        let variable = |name: &str| match flags.ignores_environment {
            true => None,
            false => process.variables.get(name).filter(|value| !value.is_empty()),
        };
        if let Some(value) = variable("PYTHONPATH") {
            if !shell::is_decided(value) {
                self.doubts
                    .push(Undecided::unknowable("PYTHONPATH", "its value is only known when the container starts"));
            }
            if value.split(':').count() > limits::SEARCH_PATHS {
                self.doubts
                    .push(Undecided::denied("PYTHONPATH", "it has more directories than the limit (search paths)"));
            }
            for entry in value.split(':').take(limits::SEARCH_PATHS) {
                self.add(process.absolute(entry.as_bytes()), false);
            }
        }
        let version = format!("python{}", base.version);
        let at = |prefix: &[u8], parts: &[&str]| {
            parts.iter().fold(prefix.to_vec(), |path, part| [&path[..], b"/", part.as_bytes()].concat())
        };
        let stdlib = at(&base.prefix, &[base.libdir, &version]);
        self.add(at(&base.prefix, &[base.libdir, &format!("python{}.zip", base.version.replace('.', ""))]), false);
        self.add(stdlib.clone(), false);
        // Fedora and Debian use the same directory for compiled modules.
        self.add(at(&stdlib, &["lib-dynload"]), false);
        self.extension = extension(process, &at(&stdlib, &["lib-dynload"]), &base.version);
        self.user_site = match () {
            () if flags.no_site => UserSite::Off("-S turns off the site module"),
            () if flags.no_user_site => UserSite::Off("-s or -I turns off the user site"),
            () if venv.is_some_and(|venv| !venv.shares) => UserSite::Off("a virtual environment has no user site"),
            () if variable("PYTHONNOUSERSITE").is_some_and(|value| value.parse::<i64>() != Ok(0)) => {
                UserSite::Off("PYTHONNOUSERSITE turns off the user site")
            }
            () => {
                let home = process.variables.get("HOME").unwrap_or("/");
                let directory = match variable("PYTHONUSERBASE") {
                    Some(directory) => process.absolute(directory.as_bytes()),
                    None => process.absolute(&at(home.trim_end_matches('/').as_bytes(), &[".local"])),
                };
                if !shell::is_decided(&String::from_utf8_lossy(&directory)) {
                    self.doubts
                        .push(Undecided::unknowable("HOME", "its value is only known when the container starts"));
                }
                UserSite::On(at(&directory, &["lib", &version, "site-packages"]))
            }
        };
        if flags.no_site {
            return;
        }
        let libdirs: &[&str] = if base.libdir == "lib64" { &["lib64", "lib"] } else { &["lib"] };
        if let Some(venv) = venv {
            for libdir in libdirs {
                self.add(at(&venv.directory, &[libdir, &version, "site-packages"]), true);
            }
        }
        if let UserSite::On(directory) = &self.user_site {
            self.add(directory.clone(), true);
        }
        if venv.is_some_and(|venv| !venv.shares) {
            return;
        }
        let debian = [at(b"/usr/local/lib", &[&version, "dist-packages"]), b"/usr/lib/python3/dist-packages".to_vec()];
        let is_debian = base.prefix == b"/usr"
            && debian.iter().any(|directory| matches!(process.view.resolve(directory, true), Resolved::Found(_)));
        if is_debian {
            // Only a virtual environment sees Debian's site-packages.
            if venv.is_some() {
                self.add(at(&base.prefix, &["lib", &version, "site-packages"]), true);
            }
            for directory in debian {
                self.add(directory, true);
            }
            self.add(at(&base.prefix, &["lib", &version, "dist-packages"]), true);
            return;
        }
        let prefixes: &[&[u8]] =
            if base.prefix == b"/usr" && base.libdir == "lib64" { &[b"/usr/local", b"/usr"] } else { &[&base.prefix] };
        for prefix in prefixes {
            for libdir in libdirs {
                self.add(at(prefix, &[libdir, &version, "site-packages"]), true);
            }
        }
    }

    fn add(&mut self, path: Vec<u8>, is_site: bool) {
        self.paths.push(SearchPath { path, is_site });
    }

    /// What the `.pth` files in its site directories add. `name` is the top-level module to find: some files only
    /// matter for a few modules.
    pub(super) fn added(&self, process: &ProcessContext<'_>, name: &str) -> Added {
        let mut added = Added::default();
        let mut files = limits::PTH_FILES;
        for site in self.paths.iter().filter(|path| path.is_site) {
            let Reach::Found(directory) = process.reach(&site.path) else { continue };
            if access::access(process.view, directory, &process.actor, Want::Read) == Access::No {
                continue;
            }
            let mut names: Vec<&[u8]> =
                process.view.children(directory).map(|child| process.view.name(child)).collect();
            if let Err(question) = process.facts.spend(names.len()) {
                added.doubts.push(question);
                return added;
            }
            names.retain(|name| name.ends_with(b".pth"));
            names.sort_unstable();
            for file in names {
                files = files.saturating_sub(1);
                if files == 0 {
                    let reason = "there are too many .pth files in its directories (limit: .pth files)";
                    added.doubts.push(Undecided::denied(self.name(), reason));
                    return added;
                }
                added.read(process, &site.path, file, name);
            }
        }
        added
    }
}

impl Added {
    fn read(&mut self, process: &ProcessContext<'_>, directory: &[u8], file: &[u8], name: &str) {
        let Reach::Found(node) = process.reach(&[directory, b"/", file].concat()) else { return };
        // Python skips unreadable files.
        match access::access(process.view, node, &process.actor, Want::Read) {
            Access::Yes => {}
            Access::No => return,
            Access::Unknown => return self.doubts.push(process.unknown_rights(node)),
        }
        let content = match process.facts.content(node) {
            Ok(content) => content,
            Err(undecided) => return self.doubts.push(undecided),
        };
        if let Err(question) = process.facts.spend(content.len()) {
            return self.doubts.push(question);
        }
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        for (number, line) in content.split(|&b| b == b'\n' || b == b'\r').enumerate() {
            if number >= limits::PTH_LINES {
                let reason = "it has too many lines (limit: lines of a .pth file)";
                return self.doubts.push(Undecided::denied(process.name(node), reason));
            }
            if line.starts_with(b"#") || line.trim_ascii().is_empty() {
                continue;
            }
            if line.starts_with(b"import ") || line.starts_with(b"import\t") {
                if may_matter(line, name) {
                    let reason = format!("the code in {} may change where modules are found", process.name(node));
                    return self.doubts.push(Undecided::unknowable(name, reason));
                }
                continue;
            }
            let line = line.trim_ascii_end();
            let path = if line.starts_with(b"/") { line.to_vec() } else { [directory, b"/", line].concat() };
            if let Err(question) = process.facts.spend(path.len()) {
                return self.doubts.push(question);
            }
            self.paths.push([b"/", &path::clean(&path).0[..]].concat());
        }
    }
}

/// Whether a line of code in a `.pth` file may make a module importable. Known lines that don't, or only for one
/// module: setuptools' replacement for distutils, its namespace packages (which are also found as directories) and
/// easy-install's sorting, virtualenv's patch of distutils, coverage's hooks.
fn may_matter(line: &[u8], name: &str) -> bool {
    let says = |word: &str| bytes::contains(line, word.as_bytes());
    if says("_distutils_hack") {
        return name == "distutils";
    }
    if says("_getframe(1).f_locals['sitedir']") {
        return says(&format!("'{name}'"));
    }
    let is_known = says("sys.__plen")
        || line.trim_ascii_end() == b"import _virtualenv"
        || says("COVERAGE_PROCESS_")
        || says("coverage.process_startup")
        || says("COV_CORE_SOURCE");
    !is_known
}

/// The file name ending of the interpreter's own compiled modules.
fn extension(process: &ProcessContext<'_>, directory: &[u8], version: &str) -> Option<Vec<u8>> {
    let Reach::Found(directory) = process.reach(directory) else { return None };
    let tag = format!(".cpython-{}-", version.replace('.', ""));
    let names = process.view.children(directory).map(|child| process.view.name(child));
    let ends = names.filter_map(|name| {
        let at = name.iter().position(|&b| b == b'.')?;
        (name[at..].starts_with(tag.as_bytes()) && name.ends_with(b".so")).then(|| name[at..].to_vec())
    });
    let ends: BTreeSet<Vec<u8>> = ends.collect();
    ends.first().filter(|_| ends.len() == 1).cloned()
}
