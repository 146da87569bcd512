//! A Python interpreter as it was invoked: its version, its standard library, its virtual environment.
//!
//! CPython's documentation, "The initialization of the sys.path module search path"; PEP 405; Modules/getpath.py, which
//! is the specification since 3.11. A virtual environment is found by the path as it was invoked, without following
//! links; the standard library by `home` in pyvenv.cfg or by the real file. Before 3.11 `home` only counted for copied
//! interpreters. Not here: what is imported (`import`).

pub mod call;
pub mod import;
mod miss;
mod paths;
pub mod scripts;
pub mod stdlib;
#[cfg(test)]
mod tests;

use crate::facts::access::Reach;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang::python::call::Flags;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::program::Dynamic;
use crate::model::program::Head;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;

/// A Python interpreter, and where it looks for modules.
#[derive(Clone, Debug)]
pub struct Python {
    /// The path by which it was invoked.
    pub invoked: Vec<u8>,
    /// The interpreter's file.
    pub program: NodeId,
    /// `3.13`, `3.13t`.
    pub version: String,
    /// The virtual environment's directory, if it is in one.
    #[cfg_attr(not(feature = "internals"), allow(dead_code, reason = "only tests read it"))]
    pub venv: Option<Vec<u8>>,
    /// Directories on `sys.path` after those of the program, absolute, whether they exist or not.
    paths: Vec<SearchPath>,
    /// Why there is no user site, or where it is.
    user_site: UserSite,
    /// `.cpython-313-x86_64-linux-gnu.so`, where the standard library shows it.
    extension: Option<Vec<u8>>,
    /// Why it may look elsewhere too, so that a module that isn't found may exist.
    doubts: Vec<Undecided>,
}

/// A place on `sys.path`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SearchPath {
    path: Vec<u8>,
    /// `.pth` files in it are read.
    is_site: bool,
}

/// The user's own site-packages (site's documentation, `USER_SITE`).
#[derive(Clone, Debug, PartialEq, Eq)]
enum UserSite {
    /// This directory.
    On(Vec<u8>),
    /// None; why, a fragment.
    Off(&'static str),
}

/// The contents of pyvenv.cfg.
struct Venv {
    directory: Vec<u8>,
    home: Option<Vec<u8>>,
    /// `include-system-site-packages`.
    shares: bool,
}

/// Where the standard library is.
struct Base {
    prefix: Vec<u8>,
    /// `lib` or `lib64`.
    libdir: &'static str,
    version: String,
}

impl Python {
    /// The interpreter at `invoked`, an absolute path whose links were not followed; `flags` are its options.
    pub fn of(process: &ProcessContext<'_>, invoked: &[u8], flags: Flags) -> Result<Python, Undecided> {
        let open = |reason: &str| Undecided::unknowable(shown_bytes(invoked), reason);
        let Resolved::Found(program) = process.view.resolve(invoked, true) else {
            return Err(open("it is not in the image"));
        };
        let name = process.view.name(program);
        if !name.starts_with(b"python") || name.starts_with(b"python2") {
            return Err(open("it is an unknown kind of Python"));
        }
        let mut doubts = Vec::new();
        for variable in ["PYTHONHOME", "PYTHONPLATLIBDIR"] {
            if !flags.ignores_environment && process.variables.get(variable).is_some_and(|value| !value.is_empty()) {
                return Err(open(&format!("{variable} moves its standard library")));
            }
        }
        let venv = venv(process, invoked)?;
        let version = version_of(process, program);
        let real = [b"/", path::parent(&process.view.path(program))].concat();
        let home = venv.as_ref().and_then(|venv| venv.home.clone()).filter(|_| {
            let is_copy = venv.as_ref().is_some_and(|venv| real.starts_with(&venv.directory));
            version.as_deref().and_then(minor).is_none_or(|minor| minor >= 11) || is_copy
        });
        let base = match home.as_deref().map(|home| (home, base(process, home, version.as_deref()))) {
            Some((_, Some(base))) => Some(base),
            Some((home, None)) => {
                let reason = format!("its home {} (pyvenv.cfg) has no standard library", shown_bytes(home));
                doubts.push(open(&reason));
                base(process, &real, version.as_deref())
            }
            None => base(process, &real, version.as_deref()),
        };
        let base = base.ok_or_else(|| open("its standard library was not found"))?;
        let mut python = Python {
            invoked: invoked.to_vec(),
            program,
            version: base.version.clone(),
            venv: venv.as_ref().map(|venv| venv.directory.clone()),
            paths: Vec::new(),
            user_site: UserSite::Off(""),
            extension: None,
            doubts,
        };
        python.fill_paths(process, &base, venv.as_ref(), flags);
        Ok(python)
    }

    /// Its name in messages: `/usr/local/bin/python3.13`.
    pub fn name(&self) -> String {
        shown_bytes(&self.invoked)
    }
}

/// The 13 of `3.13t`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("3.")?.trim_end_matches('t').parse().ok()
}

/// The version at the start of a text: `3.13t` of `3.13t.so.1.0`.
fn version_at(text: &[u8]) -> Option<String> {
    let digits = text.strip_prefix(b"3.")?.iter().take_while(|b| b.is_ascii_digit()).count();
    let is_threaded = text.get(2 + digits) == Some(&b't');
    let version = String::from_utf8(text[..2 + digits + usize::from(is_threaded)].to_vec()).ok()?;
    (1..=3).contains(&digits).then_some(version)
}

/// The version of the interpreter, from its file name or the library it needs.
fn version_of(process: &ProcessContext<'_>, program: NodeId) -> Option<String> {
    if let Some(version) = process.view.name(program).strip_prefix(b"python").and_then(version_at) {
        return Some(version);
    }
    let Some(Head::Elf(elf)) = process.view.head(program) else { return None };
    let Dynamic::Read(linking) = &elf.dynamic else { return None };
    linking.needed.iter().find_map(|library| library.strip_prefix(b"libpython").and_then(version_at))
}

/// Reads pyvenv.cfg, in the interpreter's directory or its parent.
fn venv(process: &ProcessContext<'_>, invoked: &[u8]) -> Result<Option<Venv>, Undecided> {
    let bin = path::parent(invoked);
    let directory = path::parent(bin);
    for place in [directory, bin] {
        let Reach::Found(node) = process.reach(&[place, b"/pyvenv.cfg"].concat()) else { continue };
        let content = process.facts.content(node)?;
        process.facts.spend(content.len())?;
        // Without the key, site includes the system's packages.
        let mut venv = Venv { directory: directory.to_vec(), home: None, shares: true };
        for line in content.split(|&b| b == b'\n') {
            let Some(at) = line.iter().position(|&b| b == b'=') else { continue };
            let (key, value) = (line[..at].trim_ascii(), line[at + 1..].trim_ascii());
            match &key.to_ascii_lowercase()[..] {
                b"home" if venv.home.is_none() => venv.home = Some(value.to_vec()),
                b"include-system-site-packages" => venv.shares = value.eq_ignore_ascii_case(b"true"),
                _ => {}
            }
        }
        return Ok(Some(venv));
    }
    Ok(None)
}

/// Looks for a standard library in a directory and its parents except the root, as getpath does.
fn base(process: &ProcessContext<'_>, from: &[u8], version: Option<&str>) -> Option<Base> {
    let mut prefix = from.strip_suffix(b"/").unwrap_or(from);
    while !prefix.is_empty() {
        for libdir in ["lib", "lib64"] {
            let directory = [prefix, b"/", libdir.as_bytes()].concat();
            let found = match version {
                Some(version) => has_stdlib(process, &directory, version).then(|| version.to_string()),
                None => only_version(process, &directory),
            };
            if let Some(version) = found {
                return Some(Base { prefix: prefix.to_vec(), libdir, version });
            }
        }
        prefix = path::parent(prefix);
    }
    None
}

/// Whether a directory has the landmark file of this version's library, or the library as an archive.
fn has_stdlib(process: &ProcessContext<'_>, directory: &[u8], version: &str) -> bool {
    let zip = version.replace('.', "");
    [format!("python{version}/os.py"), format!("python{version}/os.pyc"), format!("python{zip}.zip")].iter().any(
        |name| {
            let Reach::Found(node) = process.reach(&[directory, b"/", name.as_bytes()].concat()) else { return false };
            process.view.stat(node).is_some_and(|stat| stat.kind == Kind::File)
        },
    )
}

/// The version whose library is in a directory, if there is exactly one.
fn only_version(process: &ProcessContext<'_>, directory: &[u8]) -> Option<String> {
    let Reach::Found(node) = process.reach(directory) else { return None };
    let names = process.view.children(node).map(|child| process.view.name(child));
    let mut versions: Vec<String> = names
        .filter_map(|name| name.strip_prefix(b"python"))
        .filter_map(|rest| version_at(rest).filter(|version| version.len() == rest.len()))
        .filter(|version| has_stdlib(process, directory, version))
        .collect();
    let version = versions.pop()?;
    versions.is_empty().then_some(version)
}
