//! A module that isn't found: whether that is certain, and the message.
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
            return Need::Undecided(doubt);
        }
        let subject = shown(name);
        if stdlib::is_compiled(name) {
            return Need::Undecided(Undecided::unknowable(subject, "it may be built into the interpreter"));
        }
        let (what, place) = if let Some(passed) = search.passed {
            let item = process.name(passed.item);
            (format!("the module {subject} is unreachable: {item} exists, but {}", passed.why), Some(passed.place))
        } else if let Some(item) = elsewhere(process, name) {
            let (why, place) = self.why_not(process, item);
            let item = process.name(item);
            (format!("there is no module {subject} on sys.path: {item} exists, but {why}"), Some(place))
        } else {
            let python = self.name();
            let first = first.first().map_or(String::new(), |directory| format!(" in {} or", shown_bytes(directory)));
            (format!("there is no module {subject}{first} anywhere {python} looks for modules"), None)
        };
        Need::Unmet(Missing { subject, what, place })
    }

    /// Why a module in some site-packages isn't found, and the file or directory responsible.
    fn why_not(&self, process: &ProcessContext<'_>, item: NodeId) -> (String, NodeId) {
        let path = process.view.path(item);
        let (who, python) = (process.who(), self.name());
        let is_user_site = bytes::contains(&path, b"/.local/lib/");
        let absolute = [b"/", &path[..]].concat();
        let closed = match access::reach(process.view, &process.actor, PathTable::ROOT, &absolute) {
            Reach::Blocked(directory) => Some(directory),
            _ => None,
        };
        let blocked = closed.map(|directory| format!("can't traverse {}", process.describe(directory)));
        let why = match (&self.user_site, blocked) {
            (UserSite::On(_), blocked) if is_user_site => {
                let (name, directory) = match process.variables.get("PYTHONUSERBASE").filter(|value| !value.is_empty())
                {
                    Some(base) => ("PYTHONUSERBASE", base),
                    None => ("HOME", process.variables.get("HOME").unwrap_or("/")),
                };
                let also = blocked.map_or(String::new(), |blocked| format!(" and who {blocked}"));
                format!("it is not on the sys.path of {who}, whose {name} is {}{also}", shown(directory))
            }
            (UserSite::Off(why), None) if is_user_site => why.to_string(),
            (UserSite::Off(why), Some(blocked)) if is_user_site => format!("{why}, and {who} {blocked}"),
            (_, None) => format!("{python} doesn't look there"),
            (_, Some(blocked)) => format!("{python} doesn't look there, and {who} {blocked}"),
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
                // Debian's own only installs a crash reporter.
                Ok(code) if is_harmless(code) => {}
                Ok(_) => return open(file),
                Err(undecided) => return Some(undecided),
            }
        }
        None
    }
}

/// Whether code mentions nothing that changes where modules are found: `sys.path`, `sys.modules`, finders, other code.
fn is_harmless(code: &[u8]) -> bool {
    let words: [&[u8]; 6] = [b"path", b"modules", b"site", b"exec", b"eval", b"__import__"];
    !words.iter().any(|word| bytes::contains(code, word))
}

/// The module in any site-packages directory; the first by path.
fn elsewhere(process: &ProcessContext<'_>, name: &str) -> Option<NodeId> {
    // An explanation must not use up the whole work limit.
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
