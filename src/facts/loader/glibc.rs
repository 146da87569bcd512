//! Where glibc's ld.so looks for libraries.
//!
//! ld.so(8); glibc, elf/dl-load.c (`_dl_map_object`, `open_path`, `fillin_rpath`). Not here: the walk over the objects
//! (`link`), versions (`versions`).

use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::loader::Loaded;
use crate::facts::loader::cache::Cache;
use crate::facts::loader::link::Linker;
use crate::facts::loader::link::Loader;
use crate::facts::loader::link::PATH_MAX;
use crate::facts::loader::link::PROGRAM;
use crate::facts::loader::link::Search;
use crate::facts::loader::link::Sought;
use crate::facts::loader::link::Tried;
use crate::facts::loader::link::in_directory;
use crate::facts::loader::versions;
use crate::facts::process::ProcessContext;
use crate::facts::shell::OPEN;
use crate::limits;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;

/// Loads everything that a program needs.
pub fn load<'g, 'a>(mut linker: Linker<'g, 'a>, path: &[u8], interpreter: NodeId) -> Loaded {
    let own = linker.own(interpreter, path);
    linker.soname(own);
    linker.soname(PROGRAM);
    let glibc = Glibc::new(&linker, interpreter);
    glibc.preload(&mut linker);
    linker.gather(&glibc, true);
    versions::check(&mut linker);
    linker.loaded
}

/// What one process's ld.so looks at.
struct Glibc<'a> {
    defaults: Defaults,
    /// `LD_LIBRARY_PATH`.
    environment: String,
    cache: Result<Option<Cache<'a>>, Undecided>,
}

/// A list of directories, unexpanded.
struct List<'a> {
    text: &'a [u8],
    separators: &'static [u8],
    /// The object that `$ORIGIN` refers to.
    object: usize,
}

/// The directories that are built into a loader.
struct Defaults {
    directories: Vec<Vec<u8>>,
    /// Directories of other builds, whose loader may be installed at the same path.
    perhaps: Vec<Vec<u8>>,
    /// `$LIB`.
    lib: Option<Vec<u8>>,
}

impl<'a> Glibc<'a> {
    fn new(linker: &Linker<'_, 'a>, interpreter: NodeId) -> Glibc<'a> {
        let process = linker.process;
        let variable = process.variables.get("LD_LIBRARY_PATH").filter(|_| !linker.secure);
        let is_big_endian = linker.objects[PROGRAM].elf.is_big_endian;
        Glibc {
            defaults: Defaults::of(process, interpreter),
            environment: variable.unwrap_or_default().to_string(),
            cache: content(process, b"/etc/ld.so.cache").map(|bytes| Cache::read(bytes?, is_big_endian)),
        }
    }

    /// `LD_PRELOAD` and `/etc/ld.so.preload`. ld.so warns about missing files and skips them; loaded ones can satisfy
    /// what a library needs later.
    fn preload(&self, linker: &mut Linker<'_, 'a>) {
        let process = linker.process;
        let variable = process.variables.get("LD_PRELOAD").filter(|_| !linker.secure).unwrap_or_default();
        let file = match content(process, b"/etc/ld.so.preload") {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(question) => return linker.loaded.open.push(question),
        };
        let names = variable.as_bytes().split(|b| b" :".contains(b));
        let names = names.chain(file.split(|b| b" :\t\n".contains(b)));
        for name in names.filter(|name| !name.is_empty()) {
            if let Sought::File(node, path) = self.find(linker, PROGRAM, name, &mut Search::default()) {
                linker.add(PROGRAM, name, node, path, true);
            }
        }
    }

    /// Expands `$ORIGIN`, `$LIB` and `$PLATFORM` (ld.so(8), "Dynamic string tokens"); `None` if ld.so skips the
    /// directory.
    fn expand(&self, linker: &Linker<'_, '_>, object: usize, text: &[u8]) -> Result<Option<Vec<u8>>, Undecided> {
        if text.len() >= PATH_MAX {
            return Ok(None);
        }
        let unknown = |why: &str| Err(Undecided::unknowable(shown_bytes(text), why));
        if std::str::from_utf8(text).is_ok_and(|text| text.contains(OPEN)) {
            return unknown("the variable's value is unknown");
        }
        let mut out = Vec::new();
        let mut must_be_trusted = false;
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            let Some((token, after)) = (byte == b'$').then(|| token(after)).flatten() else {
                out.push(byte);
                continue;
            };
            rest = after;
            // No longer path can be opened.
            if out.len() > PATH_MAX {
                return Ok(None);
            }
            match token {
                b"ORIGIN" => {
                    let path = linker.process.absolute(&linker.objects[object].path);
                    let directory = path::parent(&path);
                    out.extend_from_slice(if directory.is_empty() { b"/" } else { directory });
                    must_be_trusted = linker.secure && object == PROGRAM;
                }
                b"LIB" => match &self.defaults.lib {
                    Some(lib) => out.extend_from_slice(lib),
                    None => return unknown("what this loader substitutes for $LIB is unknown"),
                },
                _ => return unknown("what a loader substitutes for $PLATFORM depends on the CPU"),
            }
        }
        // `is_trusted_path_normalize`
        let is_trusted = || {
            let clean = [b"/", &path::clean(&out).0[..], b"/"].concat();
            self.defaults.directories.iter().any(|directory| clean.starts_with(&in_directory(directory, b"")))
        };
        Ok((!must_be_trusted || is_trusted()).then_some(out))
    }

    /// Looks in the directories of a list; `None` if the search goes on.
    fn try_list(
        &self,
        linker: &mut Linker<'_, 'a>,
        list: &List<'_>,
        name: &[u8],
        search: &mut Search,
    ) -> Option<Sought> {
        if list.text.is_empty() {
            return None;
        }
        for part in list.text.split(|b| list.separators.contains(b)) {
            if !linker.spend(name, search) {
                return Some(Sought::Nowhere);
            }
            let sought = match self.expand(linker, list.object, part) {
                Ok(directory) => directory.and_then(|directory| self.try_directory(linker, &directory, name, search)),
                Err(doubt) => {
                    search.doubts.push(doubt);
                    None
                }
            };
            if sought.is_some() {
                return sought;
            }
        }
        None
    }

    fn try_directory(
        &self,
        linker: &mut Linker<'_, 'a>,
        directory: &[u8],
        name: &[u8],
        search: &mut Search,
    ) -> Option<Sought> {
        // Subdirectories for CPUs with more than the baseline come first (ld.so(8), "glibc-hwcaps").
        if let Reach::Found(node) = linker.process.reach(&in_directory(directory, b"glibc-hwcaps")) {
            let view = linker.process.view;
            if let Err(question) = linker.process.facts.spend(view.children(node).count()) {
                search.doubts.push(question);
                return None;
            }
            let has = |child: &NodeId| view.child(*child, name).is_some();
            if let Some(child) = view.children(node).filter(has).min() {
                let directory = linker.process.name(child);
                search.doubts.push(Undecided::unknowable(directory, "only some CPUs use the libraries in it"));
            }
        }
        self.try_path(linker, in_directory(directory, name), search)
    }

    fn try_path(&self, linker: &mut Linker<'_, 'a>, path: Vec<u8>, search: &mut Search) -> Option<Sought> {
        match linker.open(&path, search) {
            Tried::Elf(node, true) => Some(Sought::File(node, path)),
            // Of another class or for another machine: skipped (`open_verify`).
            Tried::Elf(_, false) | Tried::Absent => None,
            Tried::NoLibrary(node, what) => Some(Sought::Unusable(node, what)),
        }
    }

    fn try_cache(
        &self,
        linker: &mut Linker<'_, 'a>,
        name: &[u8],
        no_default: bool,
        search: &mut Search,
    ) -> Option<Sought> {
        let cache = match &self.cache {
            Ok(cache) => cache.as_ref()?,
            Err(doubt) => {
                search.doubts.push(doubt.clone());
                return None;
            }
        };
        let found = cache.find(name);
        if found.len() == limits::CACHE_ENTRIES {
            let reason = "ld.so.cache has more entries of that name than the limit (cache entries)";
            search.doubts.push(Undecided::denied(shown_bytes(name), reason));
        }
        for listed in found {
            let in_default = |directory: &Vec<u8>| listed.path.starts_with(&in_directory(directory, b""));
            if no_default && self.defaults.directories.iter().any(in_default) {
                continue;
            }
            if listed.is_for_some_cpus {
                if let Reach::Found(_) = linker.process.reach(listed.path) {
                    let path = shown_bytes(listed.path);
                    search.doubts.push(Undecided::unknowable(path, "only some CPUs use this library"));
                }
                continue;
            }
            let sought = self.try_path(linker, listed.path.to_vec(), search);
            if sought.is_some() {
                return sought;
            }
        }
        None
    }
}

impl<'g, 'a> Loader<'g, 'a> for Glibc<'a> {
    fn find(&self, linker: &mut Linker<'g, 'a>, asker: usize, name: &[u8], search: &mut Search) -> Sought {
        if let Some(index) = linker.known(name) {
            return Sought::Loaded(index);
        }
        if name.contains(&b'/') {
            let path = match self.expand(linker, asker, name) {
                Ok(Some(path)) => path,
                Ok(None) => return Sought::Nowhere,
                Err(doubt) => {
                    search.doubts.push(doubt);
                    return Sought::Nowhere;
                }
            };
            return self.try_path(linker, path, search).unwrap_or(Sought::Nowhere);
        }
        let asking = linker.objects[asker].linking();
        let no_default = asking.is_some_and(|linking| linking.no_default);
        let environment = List { text: self.environment.as_bytes(), separators: b":;", object: PROGRAM };
        let runpath = asking.and_then(|linking| linking.runpath.as_deref());
        let mut lists = Vec::new();
        if runpath.is_none() {
            // The RPATH of the object that needs it and of those that loaded it, except objects with a RUNPATH.
            let mut next = Some(asker);
            while let Some(object) = next {
                let linking = linker.objects[object].linking().filter(|linking| linking.runpath.is_none());
                let rpath = linking.and_then(|linking| linking.rpath.as_deref());
                lists.extend(rpath.map(|text| List { text, separators: b":", object }));
                next = linker.objects[object].loader;
            }
        }
        lists.push(environment);
        lists.extend(runpath.map(|text| List { text, separators: b":", object: asker }));
        for list in &lists {
            if let Some(sought) = self.try_list(linker, list, name, search) {
                return sought;
            }
        }
        if let Some(sought) = self.try_cache(linker, name, no_default, search) {
            return sought;
        }
        if no_default {
            return Sought::Nowhere;
        }
        for directory in &self.defaults.directories {
            if let Some(sought) = self.try_directory(linker, directory, name, search) {
                return sought;
            }
        }
        for directory in &self.defaults.perhaps {
            if let Tried::Elf(_, true) = linker.open(&in_directory(directory, name), search) {
                let why = "whether this loader searches it depends on how it was built";
                search.doubts.push(Undecided::unknowable(shown_bytes(directory), why));
            }
        }
        if self.defaults.directories.is_empty() {
            let why = "this loader's built-in directories are unknown";
            search.doubts.push(Undecided::unknowable("ld.so", why));
        }
        Sought::Nowhere
    }
}

impl Defaults {
    /// Derived from where the loader is: in a directory named after the machine on Debian and Ubuntu, in `lib64` on
    /// Fedora and SUSE, in `lib` on Arch.
    fn of(process: &ProcessContext<'_>, interpreter: NodeId) -> Defaults {
        let place = process.view.path(interpreter);
        let directory = path::parent(&place);
        let directory = directory.strip_prefix(b"usr/").unwrap_or(directory);
        let both = |name: &[u8]| [[b"/", name].concat(), [b"/usr/", name].concat()];
        let mut out = Defaults { directories: Vec::new(), perhaps: Vec::new(), lib: Some(directory.to_vec()) };
        match directory.strip_prefix(b"lib/") {
            Some(triplet) if is_triplet(triplet) => {
                out.directories.extend(both(directory));
                out.directories.extend(both(b"lib"));
                return out;
            }
            _ if directory == b"lib64" => out.directories.extend(both(b"lib64")),
            _ if directory == b"lib" => {
                out.directories.extend(both(b"lib"));
                out.directories.extend(both(b"lib64"));
                // On a 64-bit machine, this may be lib64 as well.
                out.lib = None;
            }
            _ => out.lib = None,
        }
        // A loader that was copied here on its own still looks in its distribution's directories.
        for lib in both(b"lib") {
            if let Resolved::Found(node) = process.view.resolve(&lib, true) {
                let names = process.view.children(node).map(|child| process.view.name(child));
                out.perhaps.extend(names.filter(|name| is_triplet(name)).map(|name| in_directory(&lib, name)));
            }
        }
        out.perhaps.sort();
        out
    }
}

/// `x86_64-linux-gnu`.
fn is_triplet(name: &[u8]) -> bool {
    !name.contains(&b'/') && name.windows(7).any(|part| part == b"-linux-")
}

/// The contents of a file, if the process can read it.
fn content<'a>(process: &ProcessContext<'a>, path: &[u8]) -> Result<Option<&'a [u8]>, Undecided> {
    match process.reach(path) {
        Reach::Found(node) if process.view.stat(node).is_some_and(|stat| stat.kind == Kind::File) => {
            match access::access(process.view, node, &process.actor, Want::Read) {
                Access::Yes => process.facts.content(node).map(Some),
                Access::No => Ok(None),
                Access::Unknown => Err(process.unknown_rights(node)),
            }
        }
        Reach::Unknown(doubt) => Err(process.unknown_reach(shown_bytes(path), doubt)),
        _ => Ok(None),
    }
}

/// The token after a `$`, and what follows it (glibc, `is_dst`).
fn token(text: &[u8]) -> Option<(&'static [u8], &[u8])> {
    const TOKENS: [&[u8]; 3] = [b"ORIGIN", b"PLATFORM", b"LIB"];
    let inner = text.strip_prefix(b"{");
    TOKENS.into_iter().find_map(|token| {
        let rest = inner.unwrap_or(text).strip_prefix(token)?;
        match inner {
            Some(_) => Some((token, rest.strip_prefix(b"}")?)),
            None => {
                let goes_on = rest.first().is_some_and(|&b| b.is_ascii_alphanumeric() || b == b'_');
                (!goes_on).then_some((token, rest))
            }
        }
    })
}
