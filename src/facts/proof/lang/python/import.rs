//! Whether a module can be imported, or run with `-m`.
//!
//! The Python Language Reference, "The import system"; PEP 420 for packages that are only directories; importlib's
//! FileFinder: it silently skips directories that it can't list; in a directory, a package comes before a module, a
//! compiled module before a source, a source before a `.pyc`. A file that is found but unreadable ends the import. Not
//! here: which directories there are (`paths`), and the messages for missing modules (`miss`).

use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Uncertainty;
use crate::facts::access::Want;
use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
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

/// What a name is in one directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A directory with an `__init__`.
    Package {
        /// The directory.
        directory: NodeId,
        /// The file.
        init: NodeId,
    },
    /// A file.
    Module(NodeId),
    /// A directory without `__init__`: part of a namespace package.
    Portion(NodeId),
}

impl Item {
    pub(super) fn node(self) -> NodeId {
        match self {
            Item::Package { directory, .. } | Item::Portion(directory) => directory,
            Item::Module(file) => file,
        }
    }
}

/// A module that would have been found if it were reachable.
pub(super) struct Passed {
    pub(super) item: NodeId,
    /// Why it was skipped, as a clause.
    pub(super) why: String,
    pub(super) place: NodeId,
}

/// The result of a search over several directories.
#[derive(Default)]
pub(super) struct Search {
    pub(super) hit: Option<Item>,
    /// The directories that together are a namespace package.
    pub(super) portions: Vec<NodeId>,
    pub(super) passed: Option<Passed>,
    pub(super) doubts: Vec<Undecided>,
}

impl Search {
    fn pass(&mut self, process: &ProcessContext<'_>, item: Item, verb: &str, place: NodeId) {
        let why = || format!("{} can't {verb} {}", process.who(), process.describe(place));
        self.passed.get_or_insert_with(|| Passed { item: item.node(), why: why(), place });
    }
}

/// A module that was found.
struct Imported {
    /// The file that is read, or the directory of a namespace package.
    node: NodeId,
    item: Option<Item>,
}

impl Python {
    /// Whether a module can be imported. `first`: directories that come before all others on `sys.path`, absolute.
    pub fn module(&self, process: &ProcessContext<'_>, dotted: &str, first: &[Vec<u8>]) -> Need {
        self.import(process, dotted, first).map_or_else(|need| need, |imported| Need::Met(imported.node))
    }

    /// Whether `python -m name` finds something to run: a module, or a package with `__main__`.
    pub fn runnable(&self, process: &ProcessContext<'_>, name: &str, first: &[Vec<u8>]) -> Need {
        let is_package = |imported: &Imported| matches!(imported.item, Some(Item::Package { .. } | Item::Portion(_)));
        let imported = match self.import(process, name, first) {
            Ok(imported) if is_package(&imported) && !name.ends_with(".__main__") => {
                self.import(process, &format!("{name}.__main__"), first)
            }
            other => other,
        };
        match imported {
            Err(need) => need,
            Ok(imported) if is_package(&imported) => {
                let subject = shown(name);
                let what = format!("{} is a directory, but -m {subject} needs a file", process.name(imported.node));
                Need::Unmet(Missing { subject, what, place: Some(imported.node) })
            }
            Ok(imported) => Need::Met(imported.node),
        }
    }

    fn import(&self, process: &ProcessContext<'_>, dotted: &str, first: &[Vec<u8>]) -> Result<Imported, Need> {
        let parts: Vec<&str> = dotted.split('.').collect();
        if parts.len() > limits::MODULE_DEPTH {
            let reason = "its name has more parts than the limit (module depth)";
            return Err(Need::Undecided(Undecided::denied(shown(dotted), reason)));
        }
        if parts.iter().any(|part| part.is_empty() || part.contains('/')) {
            let what = format!("{} is not a module name", shown(dotted));
            return Err(Need::Unmet(Missing { subject: shown(dotted), what, place: None }));
        }
        if stdlib::is_core(parts[0]) {
            return match parts.len() {
                1 => Ok(Imported { node: self.program, item: None }),
                _ => Err(Need::Undecided(Undecided::unknowable(shown(dotted), "it is part of the interpreter"))),
            };
        }
        let mut name = parts[0].to_string();
        let mut search = self.everywhere(process, parts[0], first);
        let mut at = 0;
        let mut is_package = true;
        loop {
            let item = match (search.hit, search.portions.first()) {
                (Some(item), _) => item,
                (None, Some(&portion)) => Item::Portion(portion),
                (None, None) if at == 0 => return Err(self.nowhere(process, &name, search, first)),
                (None, None) => return Err(missing_part(process, &name, is_package, search)),
            };
            let node = self.readable(process, &name, item)?;
            at += 1;
            let Some(part) = parts.get(at) else { return Ok(Imported { node, item: Some(item) }) };
            let mut inner = Search::default();
            is_package = !matches!(item, Item::Module(_));
            let directories = match item {
                Item::Package { directory, .. } => vec![directory],
                Item::Portion(_) => search.portions,
                Item::Module(_) => Vec::new(),
            };
            for directory in directories {
                self.look(process, Gate::of(process, directory), directory, part, &mut inner);
            }
            // The code only matters if the part isn't found.
            if inner.hit.is_none() && inner.portions.is_empty() {
                inner.doubts.extend(doubt(process, item));
            }
            search = inner;
            name = format!("{name}.{part}");
        }
    }

    /// Looks for a top-level name on the whole path.
    fn everywhere(&self, process: &ProcessContext<'_>, name: &str, first: &[Vec<u8>]) -> Search {
        let mut search = Search::default();
        let paths = first.iter().chain(self.paths.iter().map(|path| &path.path));
        for path in paths {
            self.look_at(process, path, name, &mut search);
            if search.hit.is_some() {
                return search;
            }
        }
        let added = self.added(process, name);
        search.doubts.extend(added.doubts);
        for path in &added.paths {
            self.look_at(process, path, name, &mut search);
        }
        search
    }

    /// Looks for a name at one entry of the path.
    pub(super) fn look_at(&self, process: &ProcessContext<'_>, path: &[u8], name: &str, search: &mut Search) {
        let Resolved::Found(node) = process.view.resolve(path, true) else { return };
        match process.view.stat(node).map(|stat| stat.kind) {
            Some(Kind::Dir) => {
                let gate = match process.reach(path) {
                    Reach::Found(directory) => Gate::of(process, directory),
                    Reach::Blocked(directory) => Gate::Closed("traverse", directory),
                    Reach::Unknown(doubt) => Gate::Unknown(doubt),
                    _ => return,
                };
                self.look(process, gate, node, name, search);
            }
            Some(Kind::File) if search.hit.is_none() => {
                let reason = format!("plimsoll doesn't search the archive {}", shown_bytes(path));
                search.doubts.push(Undecided::unknowable(shown(name), reason));
            }
            _ => {}
        }
    }

    /// Looks for a name in one directory.
    fn look(&self, process: &ProcessContext<'_>, gate: Gate, directory: NodeId, name: &str, search: &mut Search) {
        // Without a known file name ending, every name in the directory is examined.
        let names = if self.extension.is_none() { process.view.children(directory).count() } else { 1 };
        if let Err(question) = process.facts.spend(names) {
            return search.doubts.push(question);
        }
        let Some((item, file)) = self.find(process.view, directory, name).filter(|_| search.hit.is_none()) else {
            return;
        };
        match gate {
            Gate::Open => {}
            Gate::Closed(verb, place) => return search.pass(process, item, verb, place),
            Gate::Unknown(doubt) => return search.doubts.push(process.unknown_reach(shown(name), doubt)),
        }
        match (access::reach(process.view, &process.actor, directory, &file), item) {
            (Reach::Found(_), Item::Portion(portion)) => search.portions.push(portion),
            (Reach::Found(_), item) => search.hit = Some(item),
            // Python can't see its `__init__`, so it is a plain directory.
            (Reach::Blocked(place), Item::Package { directory, .. }) if place == directory => {
                search.pass(process, item, "traverse", place);
                search.portions.push(directory);
            }
            (Reach::Blocked(place), _) => search.pass(process, item, "traverse", place),
            (Reach::Unknown(doubt), _) => search.doubts.push(process.unknown_reach(shown(name), doubt)),
            _ => {}
        }
    }

    /// What a name is in a directory, ignoring permissions, and the path from the directory that must be reachable.
    fn find(&self, view: &View, directory: NodeId, name: &str) -> Option<(Item, Vec<u8>)> {
        let follow = |from, name: &[u8], kind| match view.follow(from, name, true, |_| true).end {
            Ok(Resolved::Found(node)) if view.stat(node).is_some_and(|stat| stat.kind == kind) => Some(node),
            _ => None,
        };
        let package = follow(directory, name.as_bytes(), Kind::Dir);
        if let Some(package) = package
            && let Some(init) = self.file_names(view, package, "__init__").find_map(|file| {
                let node = follow(package, &file, Kind::File)?;
                Some((Item::Package { directory: package, init: node }, [name.as_bytes(), b"/", &file].concat()))
            })
        {
            return Some(init);
        }
        let module = self.file_names(view, directory, name).find_map(|file| {
            let node = follow(directory, &file, Kind::File)?;
            Some((Item::Module(node), file))
        });
        module.or(package.map(|package| (Item::Portion(package), name.as_bytes().to_vec())))
    }

    /// The possible file names of a module in a directory, in order of precedence.
    fn file_names(&self, view: &View, directory: NodeId, module: &str) -> impl Iterator<Item = Vec<u8>> + use<> {
        let plain = [".py", ".pyc"].map(|end| format!("{module}{end}").into_bytes());
        let mut names: Vec<Vec<u8>> = match &self.extension {
            Some(own) => [&own[..], b".abi3.so", b".so"].map(|end| [module.as_bytes(), end].concat()).to_vec(),
            None => {
                let tag = format!(".cpython-{}", self.version.replace('.', "")).into_bytes();
                let is_compiled = |rest: &[u8]| {
                    matches!(rest, b".so" | b".abi3.so") || rest.starts_with(&tag) && rest.ends_with(b".so")
                };
                let names = view.children(directory).map(|child| view.name(child));
                names
                    .filter(|file| file.strip_prefix(module.as_bytes()).is_some_and(is_compiled))
                    .map(<[u8]>::to_vec)
                    .collect()
            }
        };
        names.extend(plain);
        names.into_iter()
    }

    /// The file of a module that was found, if it can be read.
    fn readable(&self, process: &ProcessContext<'_>, name: &str, item: Item) -> Result<NodeId, Need> {
        let file = match item {
            Item::Package { init, .. } => init,
            Item::Module(file) => file,
            Item::Portion(directory) => return Ok(directory),
        };
        match access::access(process.view, file, &process.actor, Want::Read) {
            Access::Yes => return Ok(file),
            Access::Unknown => return Err(Need::Undecided(process.unknown_rights(file))),
            Access::No if self.is_cached(process, file) => {
                let reason = "its source can't be read, but Python may use a compiled copy";
                return Err(Need::Undecided(Undecided::unknowable(shown(name), reason)));
            }
            Access::No => {}
        }
        let what = format!("{} can't read the module {}: {}", process.who(), shown(name), process.describe(file));
        Err(Need::Unmet(Missing { subject: shown(name), what, place: Some(file) }))
    }

    /// Whether Python may use a compiled copy instead of the source.
    fn is_cached(&self, process: &ProcessContext<'_>, source: NodeId) -> bool {
        if process.variables.get("PYTHONPYCACHEPREFIX").is_some() {
            return true;
        }
        let Some(stem) = process.view.name(source).strip_suffix(b".py") else { return false };
        let cache = process.view.child(process.view.parent(source), b"__pycache__");
        let start = [stem, b".cpython-", self.version.replace('.', "").as_bytes()].concat();
        cache.is_some_and(|cache| process.view.children(cache).any(|file| process.view.name(file).starts_with(&start)))
    }
}

/// Whether a directory can be searched.
enum Gate {
    Open,
    /// What the process can't do, and with which directory.
    Closed(&'static str, NodeId),
    Unknown(Uncertainty),
}

impl Gate {
    /// The gate of a directory that was reached.
    fn of(process: &ProcessContext<'_>, directory: NodeId) -> Gate {
        for (want, verb) in [(Want::Read, "list"), (Want::Execute, "traverse")] {
            match access::access(process.view, directory, &process.actor, want) {
                Access::Yes => {}
                Access::No => return Gate::Closed(verb, directory),
                Access::Unknown => return Gate::Unknown(Uncertainty::Permissions(directory)),
            }
        }
        Gate::Open
    }
}

/// The missing part of a package that was found.
fn missing_part(process: &ProcessContext<'_>, name: &str, is_package: bool, search: Search) -> Need {
    if let Some(doubt) = search.doubts.into_iter().next() {
        return Need::Undecided(doubt);
    }
    let subject = shown(name);
    let (package, part) = subject.rsplit_once('.').unwrap_or(("", &subject));
    let what = match &search.passed {
        Some(passed) => {
            let item = process.name(passed.item);
            format!("the module {subject} is unreachable: {item} exists, but {}", passed.why)
        }
        None if !is_package => format!("there is no module {subject}: {package} is a module, not a package"),
        None => format!("there is no module {subject}: {package} exists, but has no {part}"),
    };
    let place = search.passed.map(|passed| passed.place);
    Need::Unmet(Missing { what, place, subject })
}

/// Why a missing part of a package or module may be importable anyway: the code of its parent may define it or change
/// where it is found.
fn doubt(process: &ProcessContext<'_>, item: Item) -> Option<Undecided> {
    let file = match item {
        Item::Package { init, .. } => init,
        Item::Module(file) => file,
        Item::Portion(_) => return None,
    };
    let size = process.view.stat(file).map_or(0, |stat| stat.size);
    if size == 0 {
        return None;
    }
    let open = || Undecided::unknowable(process.name(file), "its code may change where its modules are found");
    if size > limits::INIT_BYTES || !process.view.name(file).ends_with(b".py") {
        return Some(open());
    }
    match process.facts.content(file) {
        Ok(content) if is_inert(content) => None,
        Ok(_) => Some(open()),
        Err(undecided) => Some(undecided),
    }
}

/// Whether code neither imports nor calls anything, so that it can't change where modules are found.
fn is_inert(code: &[u8]) -> bool {
    let says = |word: &[u8]| bytes::contains(code, word);
    !code.contains(&b'(') && !says(b"import") && !says(b"__path__")
}
