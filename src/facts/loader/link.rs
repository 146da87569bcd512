//! The objects of a process as its loader gathers them: breadth first, each once.
//!
//! Shared by both loaders. Not here: where they look (`glibc`, `musl`), why something was not found (`why`).

use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::loader::Loaded;
use crate::facts::loader::fits;
use crate::facts::loader::machine_name;
use crate::facts::loader::why;
use crate::facts::process::Missing;
use crate::facts::process::ProcessContext;
use crate::limits;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::program::Dynamic;
use crate::model::program::Elf;
use crate::model::program::Head;
use crate::model::program::Linking;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;
use std::collections::HashMap;
use std::collections::HashSet;

/// The program, or a library.
pub struct Object<'a> {
    pub node: NodeId,
    /// The path with which the loader opened it; `$ORIGIN` is its directory.
    pub path: Vec<u8>,
    pub elf: &'a Elf,
    /// The object that needed it first; `None` for the program.
    pub loader: Option<usize>,
}

impl<'a> Object<'a> {
    /// Its dynamic section, if it has one that was read.
    pub fn linking(&self) -> Option<&'a Linking> {
        match &self.elf.dynamic {
            Dynamic::Read(linking) => Some(linking),
            _ => None,
        }
    }
}

/// The longest path that open(2) accepts, including its NUL.
pub const PATH_MAX: usize = 4096;
/// The number of missing libraries that are searched for elsewhere in the image, which takes a walk over all of it.
const EXPLAINED: usize = 8;

/// The program's place in [`Linker::objects`].
pub const PROGRAM: usize = 0;

/// What has been loaded so far.
pub struct Linker<'g, 'a> {
    pub process: &'g ProcessContext<'a>,
    pub secure: bool,
    pub objects: Vec<Object<'a>>,
    pub loaded: Loaded,
    names: HashMap<Vec<u8>, usize>,
    inodes: HashMap<u32, usize>,
    /// Names that were not found, so that each is reported once.
    failed: HashSet<Vec<u8>>,
    /// Libraries that are already in `loaded`.
    told: HashSet<NodeId>,
    /// The loader's own file, which needs nothing.
    own: Option<usize>,
    tries: usize,
}

/// What the search for one name came across.
#[derive(Default)]
pub struct Search {
    /// Why it may exist after all.
    pub doubts: Vec<Undecided>,
    /// Files with that name that were skipped: path, file or directory responsible, reason (a predicate).
    pub passed: Vec<(Vec<u8>, NodeId, String)>,
}

/// The result of a search.
pub enum Sought {
    /// It is already loaded.
    Loaded(usize),
    /// This file, under this path.
    File(NodeId, Vec<u8>),
    /// A file that ends the search but can't be used; the reason as a clause.
    Unusable(NodeId, String),
    /// Not found.
    Nowhere,
}

/// The result of opening a path.
pub enum Tried {
    /// A readable ELF file, and whether it is for this machine.
    Elf(NodeId, bool),
    /// Nothing readable; the search goes on.
    Absent,
    /// A file that is not a library; the reason as a clause.
    NoLibrary(NodeId, String),
}

/// Where one loader looks.
pub trait Loader<'g, 'a> {
    /// Finds a name that an object needs.
    fn find(&self, linker: &mut Linker<'g, 'a>, asker: usize, name: &[u8], search: &mut Search) -> Sought;
}

impl<'g, 'a> Linker<'g, 'a> {
    /// A linker that has loaded only the program.
    pub fn new(
        process: &'g ProcessContext<'a>,
        secure: bool,
        loaded: Loaded,
        program: NodeId,
        elf: &'a Elf,
    ) -> Linker<'g, 'a> {
        let mut linker = Linker {
            process,
            secure,
            objects: Vec::new(),
            loaded,
            names: HashMap::new(),
            inodes: HashMap::new(),
            failed: HashSet::new(),
            told: HashSet::new(),
            own: None,
            tries: 0,
        };
        let path = [b"/", &process.view.path(program)[..]].concat();
        linker.push(Object { node: program, path, elf, loader: None });
        linker
    }

    /// The loader's own file is loaded from the start.
    pub fn own(&mut self, node: NodeId, path: &[u8]) -> usize {
        let index = match self.process.view.head(node) {
            Some(Head::Elf(elf)) => self.push(Object { node, path: path.to_vec(), elf, loader: None }),
            _ => PROGRAM,
        };
        self.own = Some(index);
        self.names.insert(path.to_vec(), index);
        index
    }

    fn push(&mut self, object: Object<'a>) -> usize {
        let index = self.objects.len();
        if let Some(stat) = self.process.view.stat(object.node) {
            self.inodes.entry(stat.inode).or_insert(index);
        }
        self.objects.push(object);
        index
    }

    /// Makes an object known under its `DT_SONAME`.
    pub fn soname(&mut self, index: usize) {
        if let Some(soname) = self.objects[index].linking().and_then(|linking| linking.soname.as_ref()) {
            self.names.entry(soname.to_vec()).or_insert(index);
        }
    }

    /// The object with a name.
    pub fn known(&self, name: &[u8]) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Loads what the program needs, and what that needs.
    pub fn gather(&mut self, loader: &impl Loader<'g, 'a>, by_soname: bool) {
        let mut at = 0;
        while at < self.objects.len() {
            let object = &self.objects[at];
            match &object.elf.dynamic {
                _ if self.own == Some(at) => {}
                Dynamic::Read(linking) => {
                    for name in &linking.needed {
                        self.need(loader, at, name, by_soname);
                    }
                }
                Dynamic::Broken(why) => {
                    let name = self.process.name(object.node);
                    self.loaded
                        .open
                        .push(Undecided::unknowable(name, format!("the libraries it needs are unknown: {why}")));
                }
                Dynamic::Unread(why) => {
                    let name = self.process.name(object.node);
                    self.loaded
                        .open
                        .push(Undecided::denied(name, format!("the libraries it needs are unknown: {why}")));
                }
                Dynamic::None => {}
            }
            at += 1;
        }
    }

    fn need(&mut self, loader: &impl Loader<'g, 'a>, asker: usize, name: &[u8], by_soname: bool) {
        if self.failed.contains(name) {
            return;
        }
        let mut search = Search::default();
        let sought = match self.spend(name, &mut search) {
            true => loader.find(self, asker, name, &mut search),
            false => Sought::Nowhere,
        };
        match sought {
            Sought::Loaded(index) => self.tell(name, index),
            Sought::File(node, path) => {
                self.add(asker, name, node, path, by_soname);
            }
            Sought::Unusable(place, what) => {
                let what = format!("{what}; {} needs it", self.process.name(self.objects[asker].node));
                self.lack(name, what, Some(place));
            }
            Sought::Nowhere => match search.doubts.into_iter().next() {
                Some(doubt) => {
                    self.failed.insert(name.to_vec());
                    let reason = format!(
                        "the location of {} is unknown: {}: {}",
                        shown_bytes(name),
                        doubt.subject,
                        doubt.reason
                    );
                    let asker = self.process.name(self.objects[asker].node);
                    self.loaded.open.push(Undecided { subject: asker, reason, cause: doubt.cause });
                }
                None => {
                    let explains = self.loaded.lacks.len() < EXPLAINED;
                    let (what, place) = why::nowhere(self, asker, name, &search.passed, explains);
                    self.lack(name, what, place);
                }
            },
        }
    }

    fn lack(&mut self, name: &[u8], what: String, place: Option<NodeId>) {
        self.failed.insert(name.to_vec());
        self.loaded.lacks.push(Missing { subject: shown_bytes(name), what, place });
    }

    /// Loads a file that was found.
    pub fn add(&mut self, asker: usize, name: &[u8], node: NodeId, path: Vec<u8>, by_soname: bool) {
        let inode = self.process.view.stat(node).map(|stat| stat.inode);
        let index = match (inode.and_then(|inode| self.inodes.get(&inode)), self.process.view.head(node)) {
            (Some(&index), _) => index,
            (None, Some(Head::Elf(elf))) => {
                let index = self.push(Object { node, path, elf, loader: Some(asker) });
                if by_soname {
                    self.soname(index);
                }
                index
            }
            _ => return,
        };
        self.names.entry(name.to_vec()).or_insert(index);
        self.tell(name, index);
    }

    fn tell(&mut self, name: &[u8], index: usize) {
        let node = self.objects[index].node;
        if index != PROGRAM && self.told.insert(node) {
            self.loaded.libraries.push((name.to_vec(), node));
        }
    }

    /// Counts one step towards the limit; beyond it, the search becomes undecided.
    pub fn spend(&mut self, what: &[u8], search: &mut Search) -> bool {
        self.tries += 1;
        let is_left = self.tries <= limits::LOADER_TRIES && self.objects.len() <= limits::LOADER_OBJECTS;
        if !is_left {
            search.doubts.push(Undecided::denied(
                shown_bytes(what),
                "the search is over the limit (loader tries, loader objects)",
            ));
        }
        is_left
    }

    /// Opens a path as the process.
    pub fn open(&mut self, path: &[u8], search: &mut Search) -> Tried {
        let process = self.process;
        let subject = || shown_bytes(path);
        if !self.spend(path, search) || path.len() >= PATH_MAX {
            return Tried::Absent;
        }
        let node = match process.reach(path) {
            Reach::Found(node) => node,
            Reach::Unknown(doubt) => {
                search.doubts.push(process.unknown_reach(subject(), doubt));
                return Tried::Absent;
            }
            Reach::Blocked(directory) => {
                // Ignore permissions, as root would, to see whether it exists.
                if let Resolved::Found(_) = process.view.resolve(&process.absolute(path), true) {
                    let why =
                        format!("is unreachable: {} can't traverse {}", process.who(), process.describe(directory));
                    search.passed.push((path.to_vec(), directory, why));
                }
                return Tried::Absent;
            }
            Reach::Missing(_) | Reach::Loop | Reach::NotDirectory | Reach::TooLong => return Tried::Absent,
        };
        match access::access(process.view, node, &process.actor, Want::Read) {
            Access::Yes => {}
            Access::No => {
                let stat = process.view.stat(node);
                let mode = stat.map_or(0, |stat| stat.mode);
                let why = format!("can't be read by {} (mode {mode:04o})", process.who());
                search.passed.push((path.to_vec(), node, why));
                return Tried::Absent;
            }
            Access::Unknown => {
                search.doubts.push(process.unknown_rights(node));
                return Tried::Absent;
            }
        }
        let no_library = |what: &str| Tried::NoLibrary(node, format!("{} {what}", subject()));
        if process.view.stat(node).is_none_or(|stat| stat.kind != Kind::File) {
            return no_library("is not a regular file");
        }
        match process.view.head(node) {
            Some(Head::Elf(elf)) if !fits(self.objects[PROGRAM].elf, elf) => {
                search.passed.push((path.to_vec(), node, format!("is for {}", machine_name(elf))));
                Tried::Elf(node, false)
            }
            Some(Head::Elf(elf)) if elf.dynamic == Dynamic::None => no_library("is not a shared library"),
            Some(Head::Elf(_)) => Tried::Elf(node, true),
            Some(Head::BrokenElf(why)) => {
                // ld.so only ends the search if the header is intact enough to be for this machine.
                search.passed.push((path.to_vec(), node, format!("is a broken ELF file: {why}")));
                Tried::Absent
            }
            Some(Head::Script(_)) | None => no_library("is not an ELF file"),
            Some(Head::Unread(why)) => {
                search.doubts.push(Undecided::denied(subject(), *why));
                Tried::Absent
            }
        }
    }
}

/// `directory/name`, as loaders join them.
pub fn in_directory(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match directory {
        b"" => name.to_vec(),
        directory if directory.ends_with(b"/") => [directory, name].concat(),
        directory => [directory, b"/", name].concat(),
    }
}
