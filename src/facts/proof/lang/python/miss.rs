//! A module that is nowhere on the path: whether that is certain, and what is said of it.
//!
//! The site module's documentation for `sitecustomize`. Not here: the search (`import`).

use crate::facts::access;
use crate::facts::access::Reach;
use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang::python::Python;
use crate::facts::proof::lang::python::UserSite;
use crate::facts::proof::lang::python::import::Item;
use crate::facts::proof::lang::python::import::Search;
use crate::facts::proof::lang::python::stdlib;
use crate::model::bytes;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::model::text::shown;
use crate::model::text::shown_bytes;
use crate::view::NodeId;

impl Python {
    /// A top-level module that was not found.
    pub(super) fn nowhere(&self, process: &ProcessContext<'_>, name: &str, search: Search, first: &[Vec<u8>]) -> Need {
        let doubt = self.doubts.iter().cloned().chain(search.doubts).next().or_else(|| self.customized(process));
        if let Some(doubt) = doubt {
            return Need::Open(doubt);
        }
        let subject = shown(name);
        if stdlib::is_compiled(name) {
            return Need::Open(Undecided::unknowable(subject, "it may be built into the interpreter"));
        }
        let (what, place) = if let Some(passed) = search.passed {
            let item = process.name(passed.item);
            (
                format!("there is no module {subject} to be seen: {item} is there, but {}", passed.why),
                Some(passed.place),
            )
        } else if let Some(item) = elsewhere(process, name) {
            let (why, place) = self.why_not(process, item);
            let item = process.name(item);
            (format!("there is no module {subject} on sys.path: {item} is there, but {why}"), Some(place))
        } else {
            let python = self.name();
            let first = first.first().map_or(String::new(), |directory| format!(" in {}, nor", shown_bytes(directory)));
            (format!("there is no module {subject}{first} where {python} looks for modules"), None)
        };
        Need::Unmet(Missing { subject, what, place })
    }

    /// Why a module that some site-packages holds is not found, and what is to blame.
    fn why_not(&self, process: &ProcessContext<'_>, item: NodeId) -> (String, NodeId) {
        let path = process.view.path(item);
        let (who, python) = (process.who(), self.name());
        let is_user_site = bytes::contains(&path, b"/.local/lib/");
        let absolute = [b"/", &path[..]].concat();
        let closed = match access::reach(process.view, &process.actor, PathTable::ROOT, &absolute) {
            Reach::Closed(directory) => Some(directory),
            _ => None,
        };
        let may_not = closed.map(|directory| format!("may not enter {}", process.describe(directory)));
        let why = match (&self.user_site, may_not) {
            (UserSite::On(_), may_not) if is_user_site => {
                let (name, directory) = match process.variables.get("PYTHONUSERBASE").filter(|value| !value.is_empty())
                {
                    Some(base) => ("PYTHONUSERBASE", base),
                    None => ("HOME", process.variables.get("HOME").unwrap_or("/")),
                };
                let also = may_not.map_or(String::new(), |may_not| format!(" and who {may_not}"));
                format!("that is not on sys.path of {who}, whose {name} is {}{also}", shown(directory))
            }
            (UserSite::Off(why), None) if is_user_site => why.to_string(),
            (UserSite::Off(why), Some(may_not)) if is_user_site => format!("{why}, and {who} {may_not}"),
            (_, None) => format!("{python} does not look there"),
            (_, Some(may_not)) => format!("{python} does not look there, and {who} {may_not}"),
        };
        (why, closed.unwrap_or(item))
    }

    /// Whether code that the site module runs may change where modules are found.
    fn customized(&self, process: &ProcessContext<'_>) -> Option<Undecided> {
        for name in ["sitecustomize", "usercustomize"] {
            let mut search = Search::default();
            if self.paths.iter().any(|path| path.is_site) {
                for path in &self.paths {
                    self.look_at(process, &path.path, name, &mut search);
                }
            }
            let Some(item) = search.hit else { continue };
            let open = |node| {
                let reason = format!("the code in {} may change where modules are found", process.name(node));
                Some(Undecided::unknowable(name, reason))
            };
            let Item::Module(file) = item else { return open(item.node()) };
            match process.facts.content(file) {
                // Debian's own only asks for a hook that reports crashes.
                Ok(code) if is_harmless(code) => {}
                Ok(_) => return open(file),
                Err(undecided) => return Some(undecided),
            }
        }
        None
    }
}

/// Whether code says nothing of what tells where modules are: `sys.path`, `sys.modules`, finders, other code.
fn is_harmless(code: &[u8]) -> bool {
    let words: [&[u8]; 6] = [b"path", b"modules", b"site", b"exec", b"eval", b"__import__"];
    !words.iter().any(|word| bytes::contains(code, word))
}

/// The module in the site-packages of whomever, the first by its path.
fn elsewhere(process: &ProcessContext<'_>, name: &str) -> Option<NodeId> {
    // An explanation is not worth the whole budget.
    process.facts.spend(process.view.node_count()).ok()?;
    let file = format!("{name}.py");
    let is_it = |node: NodeId, kind| match kind {
        Kind::Dir => process.view.name(node) == name.as_bytes(),
        Kind::File => process.view.name(node) == file.as_bytes(),
        _ => false,
    };
    let in_site = |node| matches!(process.view.name(process.view.parent(node)), b"site-packages" | b"dist-packages");
    let found = process.view.walk().filter(|(node, stat)| is_it(*node, stat.kind) && in_site(*node));
    found.map(|(node, _)| (process.view.path(node), node)).min().map(|(_, node)| node)
}
