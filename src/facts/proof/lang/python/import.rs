//! Whether a module can be imported, and a program run with `-m`.
//!
//! The Python Language Reference, "The import system"; PEP 420 for packages that are only folders; importlib's
//! FileFinder: a folder on the path must be one that may be listed, else it is passed over in silence; in it a package
//! comes before a module, a compiled module before a source, a source before a `.pyc`. What is found and may not be
//! read ends the import. Not here: which folders there are (`paths`), and how a miss is told (`miss`).

use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Doubt;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::ground::Ground;
use crate::facts::ground::Lack;
use crate::facts::ground::Need;
use crate::facts::proof::lang::python::Python;
use crate::facts::proof::lang::python::stdlib;
use crate::limits;
use crate::model::bytes;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::text::shown;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;

/// What a name is in one folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A folder with an `__init__`.
    Package {
        /// The folder.
        folder: NodeId,
        /// The file.
        init: NodeId,
    },
    /// A file.
    Module(NodeId),
    /// A folder without: part of a namespace package.
    Portion(NodeId),
}

impl Item {
    pub(super) fn node(self) -> NodeId {
        match self {
            Item::Package { folder, .. } | Item::Portion(folder) => folder,
            Item::Module(file) => file,
        }
    }
}

/// Something that would have been found, had it been in reach.
pub(super) struct Passed {
    pub(super) item: NodeId,
    /// Why it was passed over, a clause.
    pub(super) why: String,
    pub(super) place: NodeId,
}

/// What a search over several folders came to.
#[derive(Default)]
pub(super) struct Search {
    pub(super) hit: Option<Item>,
    /// Folders that together are a namespace package.
    pub(super) portions: Vec<NodeId>,
    pub(super) passed: Option<Passed>,
    pub(super) doubts: Vec<Undecided>,
}

impl Search {
    fn pass(&mut self, ground: &Ground<'_>, item: Item, verb: &str, place: NodeId) {
        let why = || format!("{} may not {verb} {}", ground.who(), ground.describe(place));
        self.passed.get_or_insert_with(|| Passed { item: item.node(), why: why(), place });
    }
}

/// A module that was found.
struct Imported {
    /// The file that is read, or the folder of a namespace package.
    node: NodeId,
    item: Option<Item>,
}

impl Python {
    /// Whether a module can be imported. `first`: folders that come before all others on `sys.path`, absolute.
    pub fn module(&self, ground: &Ground<'_>, dotted: &str, first: &[Vec<u8>]) -> Need {
        self.import(ground, dotted, first).map_or_else(|need| need, |imported| Need::Met(imported.node))
    }

    /// Whether `python -m name` finds something to run: a module, or a package with `__main__`.
    pub fn runnable(&self, ground: &Ground<'_>, name: &str, first: &[Vec<u8>]) -> Need {
        let is_package = |imported: &Imported| matches!(imported.item, Some(Item::Package { .. } | Item::Portion(_)));
        let imported = match self.import(ground, name, first) {
            Ok(imported) if is_package(&imported) && !name.ends_with(".__main__") => {
                self.import(ground, &format!("{name}.__main__"), first)
            }
            other => other,
        };
        match imported {
            Err(need) => need,
            Ok(imported) if is_package(&imported) => {
                let subject = shown(name);
                let what = format!("{} is a folder, and -m {subject} wants a file", ground.name(imported.node));
                Need::Unmet(Lack { subject, what, place: Some(imported.node) })
            }
            Ok(imported) => Need::Met(imported.node),
        }
    }

    fn import(&self, ground: &Ground<'_>, dotted: &str, first: &[Vec<u8>]) -> Result<Imported, Need> {
        let parts: Vec<&str> = dotted.split('.').collect();
        if parts.len() > limits::MODULE_DEPTH {
            let reason = "its name has more parts than the limit (module depth)";
            return Err(Need::Open(Undecided::denied(shown(dotted), reason)));
        }
        if parts.iter().any(|part| part.is_empty() || part.contains('/')) {
            let what = format!("{} is no name of a module", shown(dotted));
            return Err(Need::Unmet(Lack { subject: shown(dotted), what, place: None }));
        }
        if stdlib::is_core(parts[0]) {
            return match parts.len() {
                1 => Ok(Imported { node: self.program, item: None }),
                _ => Err(Need::Open(Undecided::unknowable(shown(dotted), "it is part of the interpreter"))),
            };
        }
        let mut name = parts[0].to_string();
        let mut search = self.everywhere(ground, parts[0], first);
        let mut at = 0;
        let mut is_package = true;
        loop {
            let item = match (search.hit, search.portions.first()) {
                (Some(item), _) => item,
                (None, Some(&portion)) => Item::Portion(portion),
                (None, None) if at == 0 => return Err(self.nowhere(ground, &name, search, first)),
                (None, None) => return Err(missing_part(ground, &name, is_package, search)),
            };
            let node = self.readable(ground, &name, item)?;
            at += 1;
            let Some(part) = parts.get(at) else { return Ok(Imported { node, item: Some(item) }) };
            let mut inner = Search::default();
            is_package = !matches!(item, Item::Module(_));
            let folders = match item {
                Item::Package { folder, .. } => vec![folder],
                Item::Portion(_) => search.portions,
                Item::Module(_) => Vec::new(),
            };
            for folder in folders {
                self.look(ground, Gate::of(ground, folder), folder, part, &mut inner);
            }
            // Only what is not found depends on what the code does.
            if inner.hit.is_none() && inner.portions.is_empty() {
                inner.doubts.extend(doubt(ground, item));
            }
            search = inner;
            name = format!("{name}.{part}");
        }
    }

    /// Looks for a top-level name on the whole path.
    fn everywhere(&self, ground: &Ground<'_>, name: &str, first: &[Vec<u8>]) -> Search {
        let mut search = Search::default();
        let paths = first.iter().chain(self.paths.iter().map(|path| &path.path));
        for path in paths {
            self.look_at(ground, path, name, &mut search);
            if search.hit.is_some() {
                return search;
            }
        }
        let added = self.added(ground, name);
        search.doubts.extend(added.doubts);
        for path in &added.paths {
            self.look_at(ground, path, name, &mut search);
        }
        search
    }

    /// Looks for a name at one place of the path.
    pub(super) fn look_at(&self, ground: &Ground<'_>, path: &[u8], name: &str, search: &mut Search) {
        let Resolved::Found(node) = ground.view.resolve(path, true) else { return };
        match ground.view.stat(node).map(|stat| stat.kind) {
            Some(Kind::Dir) => {
                let gate = match ground.reach(path) {
                    Reach::Found(folder) => Gate::of(ground, folder),
                    Reach::Closed(folder) => Gate::Closed("enter", folder),
                    Reach::Open(doubt) => Gate::Unknown(doubt),
                    _ => return,
                };
                self.look(ground, gate, node, name, search);
            }
            Some(Kind::File) if search.hit.is_none() => {
                let reason = format!("the archive {} is not looked into", shown_bytes(path));
                search.doubts.push(Undecided::unknowable(shown(name), reason));
            }
            _ => {}
        }
    }

    /// Looks for a name in one folder.
    fn look(&self, ground: &Ground<'_>, gate: Gate, folder: NodeId, name: &str, search: &mut Search) {
        // Without a known ending every name in the folder is looked at.
        let names = if self.extension.is_none() { ground.view.children(folder).count() } else { 1 };
        if let Err(question) = ground.facts.spend(names) {
            return search.doubts.push(question);
        }
        let Some((item, file)) = self.find(ground.view, folder, name).filter(|_| search.hit.is_none()) else { return };
        match gate {
            Gate::Open => {}
            Gate::Closed(verb, place) => return search.pass(ground, item, verb, place),
            Gate::Unknown(doubt) => return search.doubts.push(ground.doubt(shown(name), doubt)),
        }
        match (access::reach(ground.view, &ground.actor, folder, &file), item) {
            (Reach::Found(_), Item::Portion(portion)) => search.portions.push(portion),
            (Reach::Found(_), item) => search.hit = Some(item),
            // Its `__init__` cannot be seen: to Python it is a folder like others.
            (Reach::Closed(place), Item::Package { folder, .. }) if place == folder => {
                search.pass(ground, item, "enter", place);
                search.portions.push(folder);
            }
            (Reach::Closed(place), _) => search.pass(ground, item, "enter", place),
            (Reach::Open(doubt), _) => search.doubts.push(ground.doubt(shown(name), doubt)),
            _ => {}
        }
    }

    /// What a name is in a folder for somebody who may see everything, and the path from the folder that must be in
    /// reach.
    fn find(&self, view: &View, folder: NodeId, name: &str) -> Option<(Item, Vec<u8>)> {
        let follow = |from, name: &[u8], kind| match view.follow(from, name, true, |_| true).end {
            Ok(Resolved::Found(node)) if view.stat(node).is_some_and(|stat| stat.kind == kind) => Some(node),
            _ => None,
        };
        let package = follow(folder, name.as_bytes(), Kind::Dir);
        if let Some(package) = package
            && let Some(init) = self.file_names(view, package, "__init__").find_map(|file| {
                let node = follow(package, &file, Kind::File)?;
                Some((Item::Package { folder: package, init: node }, [name.as_bytes(), b"/", &file].concat()))
            })
        {
            return Some(init);
        }
        let module = self.file_names(view, folder, name).find_map(|file| {
            let node = follow(folder, &file, Kind::File)?;
            Some((Item::Module(node), file))
        });
        module.or(package.map(|package| (Item::Portion(package), name.as_bytes().to_vec())))
    }

    /// The names of the files in a folder that are this module, the first that counts first.
    fn file_names(&self, view: &View, folder: NodeId, module: &str) -> impl Iterator<Item = Vec<u8>> + use<> {
        let plain = [".py", ".pyc"].map(|end| format!("{module}{end}").into_bytes());
        let mut names: Vec<Vec<u8>> = match &self.extension {
            Some(own) => [&own[..], b".abi3.so", b".so"].map(|end| [module.as_bytes(), end].concat()).to_vec(),
            None => {
                let tag = format!(".cpython-{}", self.version.replace('.', "")).into_bytes();
                let is_compiled = |rest: &[u8]| {
                    matches!(rest, b".so" | b".abi3.so") || rest.starts_with(&tag) && rest.ends_with(b".so")
                };
                let names = view.children(folder).map(|child| view.name(child));
                names
                    .filter(|file| file.strip_prefix(module.as_bytes()).is_some_and(is_compiled))
                    .map(<[u8]>::to_vec)
                    .collect()
            }
        };
        names.extend(plain);
        names.into_iter()
    }

    /// The file of a module that was found, if it may be read.
    fn readable(&self, ground: &Ground<'_>, name: &str, item: Item) -> Result<NodeId, Need> {
        let file = match item {
            Item::Package { init, .. } => init,
            Item::Module(file) => file,
            Item::Portion(folder) => return Ok(folder),
        };
        match access::access(ground.view, file, &ground.actor, Want::Read) {
            Access::Yes => return Ok(file),
            Access::Unknown => return Err(Need::Open(ground.unknown_rights(file))),
            Access::No if self.is_cached(ground, file) => {
                let reason = "its source may not be read, but a compiled copy of it may serve";
                return Err(Need::Open(Undecided::unknowable(shown(name), reason)));
            }
            Access::No => {}
        }
        let what =
            format!("the module {} is {}, which {} may not read", shown(name), ground.describe(file), ground.who());
        Err(Need::Unmet(Lack { subject: shown(name), what, place: Some(file) }))
    }

    /// Whether Python may have a compiled copy that spares it the source.
    fn is_cached(&self, ground: &Ground<'_>, source: NodeId) -> bool {
        if ground.variables.get("PYTHONPYCACHEPREFIX").is_some() {
            return true;
        }
        let Some(stem) = ground.view.name(source).strip_suffix(b".py") else { return false };
        let cache = ground.view.child(ground.view.parent(source), b"__pycache__");
        let start = [stem, b".cpython-", self.version.replace('.', "").as_bytes()].concat();
        cache.is_some_and(|cache| ground.view.children(cache).any(|file| ground.view.name(file).starts_with(&start)))
    }
}

/// Whether a folder's names may be read.
enum Gate {
    Open,
    /// What may not be done with which folder.
    Closed(&'static str, NodeId),
    Unknown(Doubt),
}

impl Gate {
    /// The gate of a folder that was reached.
    fn of(ground: &Ground<'_>, folder: NodeId) -> Gate {
        for (want, verb) in [(Want::Read, "list"), (Want::Execute, "enter")] {
            match access::access(ground.view, folder, &ground.actor, want) {
                Access::Yes => {}
                Access::No => return Gate::Closed(verb, folder),
                Access::Unknown => return Gate::Unknown(Doubt::Rights(folder)),
            }
        }
        Gate::Open
    }
}

/// What is missing inside a package that was found.
fn missing_part(ground: &Ground<'_>, name: &str, is_package: bool, search: Search) -> Need {
    if let Some(doubt) = search.doubts.into_iter().next() {
        return Need::Open(doubt);
    }
    let subject = shown(name);
    let (package, part) = subject.rsplit_once('.').unwrap_or(("", &subject));
    let what = match &search.passed {
        Some(passed) => {
            let item = ground.name(passed.item);
            format!("there is no module {subject} to be seen: {item} is there, but {}", passed.why)
        }
        None if !is_package => format!("there is no module {subject}: {package} is a module, and no package"),
        None => format!("there is no module {subject}: {package} is there, and holds no {part}"),
    };
    let place = search.passed.map(|passed| passed.place);
    Need::Unmet(Lack { what, place, subject })
}

/// Why a part that is not there may be importable all the same: the code of what it is part of can say where its parts
/// are, or be them.
fn doubt(ground: &Ground<'_>, item: Item) -> Option<Undecided> {
    let file = match item {
        Item::Package { init, .. } => init,
        Item::Module(file) => file,
        Item::Portion(_) => return None,
    };
    let size = ground.view.stat(file).map_or(0, |stat| stat.size);
    if size == 0 {
        return None;
    }
    let open = || Undecided::unknowable(ground.name(file), "its code may say where its modules lie");
    if size > limits::INIT_BYTES || !ground.view.name(file).ends_with(b".py") {
        return Some(open());
    }
    match ground.facts.content(file) {
        Ok(content) if is_inert(content) => None,
        Ok(_) => Some(open()),
        Err(undecided) => Some(undecided),
    }
}

/// Whether code neither imports nor calls anything: it cannot change where modules are found then.
fn is_inert(code: &[u8]) -> bool {
    let says = |word: &[u8]| bytes::contains(code, word);
    !code.contains(&b'(') && !says(b"import") && !says(b"__path__")
}
