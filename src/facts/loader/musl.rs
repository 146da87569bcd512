//! Where musl's loader looks for libraries.
//!
//! musl, ldso/dynlink.c (`load_library`, `path_open`, `fixup_rpath`). Not here: the walk over the objects (`link`).

use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::loader::Loaded;
use crate::facts::loader::link::Linker;
use crate::facts::loader::link::Loader;
use crate::facts::loader::link::PROGRAM;
use crate::facts::loader::link::Search;
use crate::facts::loader::link::Sought;
use crate::facts::loader::link::Tried;
use crate::facts::loader::link::in_directory;
use crate::facts::process::ProcessContext;
use crate::facts::shell::OPEN;
use crate::limits;
use crate::model::finding::Undecided;
use crate::model::path;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The default directories.
const DEFAULTS: &[u8] = b"/lib:/usr/local/lib:/usr/lib";
/// Prefixes of the libraries that are part of the loader itself.
const OWN: [&[u8]; 7] = [b"libc.", b"libpthread.", b"librt.", b"libm.", b"libdl.", b"libutil.", b"libxnet."];

/// Loads everything that a program needs. Like musl, ignores versions.
pub fn load<'g, 'a>(mut linker: Linker<'g, 'a>, path: &[u8], interpreter: NodeId) -> Loaded {
    let own = linker.own(interpreter, path);
    let variable = |name: &str| linker.process.variables.get(name).filter(|_| !linker.secure).unwrap_or_default();
    let (environment, preload) = (variable("LD_LIBRARY_PATH").to_string(), variable("LD_PRELOAD"));
    let musl = Musl { own, environment, system: system(linker.process, path), paths: RefCell::default() };
    for name in preload.split(|c: char| c.is_ascii_whitespace() || c == ':').filter(|name| !name.is_empty()) {
        // musl silently skips missing files.
        if let Sought::File(node, path) = musl.find(&mut linker, PROGRAM, name.as_bytes(), &mut Search::default()) {
            linker.add(PROGRAM, name.as_bytes(), node, path, false);
        }
    }
    linker.gather(&musl, false);
    linker.loaded
}

struct Musl {
    /// The loader's own index in the objects.
    own: usize,
    environment: String,
    /// The system's library directories.
    system: Result<Vec<u8>, Undecided>,
    /// The expanded search paths of objects, computed once; `None` if an object has none that is used.
    paths: RefCell<HashMap<usize, Option<Rc<[u8]>>>>,
}

impl Musl {
    /// Looks in the directories of one list; `None` if the search goes on.
    fn try_list(&self, linker: &mut Linker<'_, '_>, list: &[u8], name: &[u8], search: &mut Search) -> Option<Sought> {
        for directory in list.split(|b| b":\n".contains(b)).filter(|directory| !directory.is_empty()) {
            if !linker.spend(name, search) {
                return Some(Sought::Nowhere);
            }
            let sought = self.try_path(linker, in_directory(directory, name), search);
            if sought.is_some() {
                return sought;
            }
        }
        None
    }

    /// Takes the first file that can be opened, whatever it is.
    fn try_path(&self, linker: &mut Linker<'_, '_>, path: Vec<u8>, search: &mut Search) -> Option<Sought> {
        match linker.open(&path, search) {
            Tried::Elf(node, true) => Some(Sought::File(node, path)),
            Tried::Elf(node, false) => {
                let why = search.passed.pop().map_or(String::new(), |(.., why)| why);
                Some(Sought::Unusable(node, format!("{} {why}", linker.process.name(node))))
            }
            Tried::Absent => None,
            Tried::NoLibrary(node, what) => Some(Sought::Unusable(node, what)),
        }
    }

    /// An object's own search path.
    fn path(&self, linker: &Linker<'_, '_>, object: usize) -> Option<Rc<[u8]>> {
        let mut paths = self.paths.borrow_mut();
        paths.entry(object).or_insert_with(|| rpath(linker, object).map(Rc::from)).clone()
    }
}

impl<'g, 'a> Loader<'g, 'a> for Musl {
    fn find(&self, linker: &mut Linker<'g, 'a>, asker: usize, name: &[u8], search: &mut Search) -> Sought {
        if OWN.iter().any(|own| name.starts_with(own)) {
            return Sought::Loaded(self.own);
        }
        if let Some(index) = linker.known(name) {
            return Sought::Loaded(index);
        }
        if name.contains(&b'/') {
            return self.try_path(linker, name.to_vec(), search).unwrap_or(Sought::Nowhere);
        }
        if self.environment.contains(OPEN) {
            search.doubts.push(Undecided::unknowable("LD_LIBRARY_PATH", "the variable's value is unknown"));
        } else if let Some(sought) = self.try_list(linker, self.environment.as_bytes(), name, search) {
            return sought;
        }
        let mut next = Some(asker);
        while let Some(at) = next {
            let path = self.path(linker, at);
            if let Some(sought) = path.and_then(|path| self.try_list(linker, &path, name, search)) {
                return sought;
            }
            next = linker.objects[at].loader;
        }
        match &self.system {
            Ok(list) => self.try_list(linker, list, name, search).unwrap_or(Sought::Nowhere),
            Err(doubt) => {
                search.doubts.push(doubt.clone());
                Sought::Nowhere
            }
        }
    }
}

/// An object's own search path: RUNPATH if it has one, else RPATH, with `$ORIGIN` expanded. `None` if it has another
/// `$`, or becomes longer than [`limits::HEAD_BYTES`].
fn rpath(linker: &Linker<'_, '_>, object: usize) -> Option<Vec<u8>> {
    let linking = linker.objects[object].linking()?;
    let list = linking.runpath.as_deref().or(linking.rpath.as_deref())?;
    let mut out = Vec::new();
    let mut rest = list;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'$' {
            out.push(byte);
            rest = after;
            continue;
        }
        rest = after.strip_prefix(b"ORIGIN").or_else(|| after.strip_prefix(b"{ORIGIN}"))?;
        let path = &linker.objects[object].path;
        if linker.secure && (object == PROGRAM || !path.starts_with(b"/")) || out.len() > limits::HEAD_BYTES {
            return None;
        }
        out.extend_from_slice(if path.contains(&b'/') { path::parent(path) } else { b"." });
    }
    Some(out)
}

/// The directories in `etc/ld-musl-ARCH.path` beside the loader's directory, else the default ones.
fn system(process: &ProcessContext<'_>, loader: &[u8]) -> Result<Vec<u8>, Undecided> {
    let name = path::base(loader);
    let arch = name.strip_prefix(b"ld-musl-").and_then(|rest| rest.strip_suffix(b".so.1")).unwrap_or_default();
    let prefix = path::parent(path::parent(loader));
    let file = [prefix, b"/etc/ld-musl-", arch, b".path"].concat();
    match process.reach(&file) {
        Reach::Found(node) => match access::access(process.view, node, &process.actor, Want::Read) {
            Access::Yes => Ok(process.facts.content(node)?.split(|&b| b == 0).next().unwrap_or_default().to_vec()),
            Access::No => Ok(Vec::new()),
            Access::Unknown => Err(process.unknown_rights(node)),
        },
        Reach::Missing(_) => Ok(DEFAULTS.to_vec()),
        Reach::Unknown(doubt) => Err(process.unknown_reach(shown_bytes(&file), doubt)),
        Reach::Loop | Reach::NotDirectory | Reach::TooLong | Reach::Blocked(_) => Ok(Vec::new()),
    }
}
