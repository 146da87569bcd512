//! Looks up programs on PATH, as runtimes, shells and execvp(3) do.
//!
//! A name with a slash is a path. Any other is tried in each directory in turn; a file that can't be executed is
//! skipped but remembered, because the error will be about it. Not here: executing what was found.

use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Actor;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::Fault;
use crate::facts::proof::quoted;
use crate::facts::shell;
use crate::facts::start::file_name;
use crate::model::finding::Fix;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::text::shown;
use crate::view::NodeId;
use crate::view::Resolved;
use std::collections::HashSet;

/// Who executes a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The runtime (runc, `libcontainer/standard_init_linux.go`), while it still has its capabilities.
    Runtime,
    /// A shell, which reads a file that is not a program as a script.
    Shell,
    /// Another program, with execvp(3) or similar.
    Program,
}

/// A program's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The path that is executed.
    pub path: String,
    /// Where it leads.
    pub node: NodeId,
}

/// Why no program was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Certainly none.
    Fault(Fault),
    /// Undecided.
    Open(Undecided),
}

/// The most directories that a message lists.
const DIRECTORIES_SHOWN: usize = 8;

impl ProcessContext<'_> {
    /// The program that a command's first word names, if the process can execute it.
    pub fn program(&self, word: &str) -> Option<NodeId> {
        Some(find(self, &self.actor, word, By::Program).ok()?.node)
    }
}

/// Finds the program that a word names, as `actor`.
pub fn find(process: &ProcessContext<'_>, actor: &Actor, word: &str, by: By) -> Result<Program, Miss> {
    if !shell::is_decided(word) {
        let reason = "which program it is depends on something the config doesn't set";
        return Err(Miss::Open(Undecided::unknowable(quoted(word), reason)));
    }
    if by == By::Shell
        && (word.starts_with('~') || word.contains(['*', '?', '{']) || word.contains('[') && word.contains(']'))
    {
        return Err(Miss::Open(Undecided::unknowable(quoted(word), "the shell expands it")));
    }
    if word.is_empty() {
        return Err(Miss::Fault(fault(word, "the program's name is empty".to_string(), None)));
    }
    if word.contains('/') {
        return file(process, actor, word, word);
    }
    let path = process.variables.get("PATH").unwrap_or_default();
    process.facts.spend(path.len() + path.matches(':').count() * word.len()).map_err(Miss::Open)?;
    let mut closed: Vec<(String, NodeId)> = Vec::new();
    let mut refused: Option<Fault> = None;
    let mut open: Option<Undecided> = None;
    for directory in path.split(':') {
        if directory.is_empty() && path.is_empty() && by == By::Runtime {
            continue;
        }
        // bash expands a tilde to the home directory.
        if !shell::is_decided(directory) || directory.starts_with('~') {
            open.get_or_insert(Undecided::unknowable("PATH", "a script sets it to an unknown value"));
            continue;
        }
        let candidate =
            if directory.is_empty() { word.to_string() } else { format!("{}/{word}", directory.trim_end_matches('/')) };
        match process.reach_as(actor, candidate.as_bytes()) {
            Reach::Found(_) if by == By::Runtime && !directory.starts_with('/') => {
                let reason = format!(
                    "PATH finds it as {}, and not every runtime accepts a relative directory",
                    quoted(&candidate)
                );
                return Err(Miss::Open(Undecided::unknowable(quoted(word), reason)));
            }
            Reach::Found(_) => match file(process, actor, word, &candidate) {
                Ok(program) => return Ok(program),
                Err(Miss::Fault(fault)) => _ = refused.get_or_insert(fault),
                Err(Miss::Open(question)) => _ = open.get_or_insert(question),
            },
            Reach::Blocked(blocking) => closed.push((directory.to_string(), blocking)),
            Reach::Unknown(doubt) => _ = open.get_or_insert(process.unknown_reach(quoted(&candidate), doubt)),
            Reach::Missing(Some(link)) if process.view.name(link) == word.as_bytes() => {
                if let Err(Miss::Fault(fault)) = file(process, actor, word, &candidate) {
                    refused.get_or_insert(fault);
                }
            }
            Reach::Missing(_) | Reach::Loop | Reach::NotDirectory | Reach::TooLong => {}
        }
    }
    if let Some(question) = open {
        return Err(Miss::Open(question));
    }
    // Ignore permissions, as root would.
    let lies_in = |directory: &str| {
        let path = format!("{}/{word}", directory.trim_end_matches('/'));
        matches!(process.view.resolve(path.as_bytes(), true), Resolved::Found(_))
    };
    let mut passed = String::new();
    let is_hidden = |(directory, _): &&(String, NodeId)| lies_in(directory);
    for (directory, blocking) in closed.iter().filter(is_hidden).take(DIRECTORIES_SHOWN) {
        let (directory, who, blocking) = (shown(directory), process.who(), process.describe(*blocking));
        passed.push_str(&format!("; {directory} has it, but {who} can't traverse {blocking}"));
    }
    if let Some(mut fault) = refused {
        fault.what.push_str(&passed);
        return Err(Miss::Fault(fault));
    }
    let passed_over: HashSet<&str> = closed.iter().filter(is_hidden).map(|(directory, _)| directory.as_str()).collect();
    let directories: Vec<&str> = unique(path.split(':').filter(|directory| !passed_over.contains(directory)));
    let mut listed =
        directories.iter().take(DIRECTORIES_SHOWN).map(|directory| shown(directory)).collect::<Vec<_>>().join(", ");
    if directories.len() > DIRECTORIES_SHOWN {
        listed.push_str(", …");
    }
    let hidden = closed.iter().find(is_hidden);
    if !listed.is_empty() {
        listed = format!(" ({listed})");
    }
    let place = hidden.map(|(_, blocking)| *blocking);
    let fault = fault(word, format!("{} is not on PATH{listed}{passed}", quoted(word)), place);
    Err(Miss::Fault(match hidden {
        Some((_, blocking)) => fault.fix(enter(process, *blocking, None)),
        None => Fault { missing_program: Some(word.to_string()), ..fault },
    }))
}

/// Whether a directory later on PATH than the one where a program was found has it too.
pub fn has_another(process: &ProcessContext<'_>, actor: &Actor, word: &str, found: &str) -> bool {
    let path = process.variables.get("PATH").filter(|_| !word.contains('/')).unwrap_or_default();
    let candidates = path.split(':').map(|directory| format!("{}/{word}", directory.trim_end_matches('/')));
    let mut behind = candidates.skip_while(|candidate| candidate != found).filter(|candidate| candidate != found);
    behind.any(|candidate| matches!(process.reach_as(actor, candidate.as_bytes()), Reach::Found(_)))
}

/// The program at a path, if `actor` can execute it.
pub fn file(process: &ProcessContext<'_>, actor: &Actor, word: &str, path: &str) -> Result<Program, Miss> {
    let lack = |what: String, place| Err(Miss::Fault(fault(word, what, place)));
    let kind = |node| process.view.stat(node).map(|stat| stat.kind);
    let node = match process.find_as(actor, path.as_bytes(), &quoted(path)) {
        Need::Met(node) => node,
        Need::Undecided(question) => return Err(Miss::Open(question)),
        Need::Unmet(Missing { what, place, .. }) => {
            let fault = fault(word, what, place);
            let closed = place.filter(|&place| kind(place) == Some(Kind::Dir));
            return Err(Miss::Fault(match closed {
                Some(directory) => fault.fix(enter(process, directory, None)),
                None => Fault { missing_program: Some(word.to_string()), ..fault },
            }));
        }
    };
    let kind = kind(node);
    if kind != Some(Kind::File) {
        let is = if kind == Some(Kind::Dir) { "a directory" } else { "not a regular file" };
        return lack(format!("{} is {is}", quoted(path)), Some(node));
    }
    match access::access(process.view, node, actor, Want::Execute) {
        Access::Yes => Ok(Program { path: path.to_string(), node }),
        Access::Unknown => Err(Miss::Open(process.unknown_rights(node))),
        Access::No => {
            let fault = fault(word, format!("{} can't execute {}", process.who(), process.describe(node)), Some(node));
            let name = process.name(node);
            let advice = format!("Make {name} executable, here or with `COPY --chmod=0755`");
            Err(Miss::Fault(fault.fix(Fix::new(advice).line(format!("RUN chmod 0755 {name}")))))
        }
    }
}

/// The fix for a directory that the process can't traverse on the way to a program, or to a script for this interpreter.
pub fn enter(process: &ProcessContext<'_>, directory: NodeId, interpreter: Option<&str>) -> String {
    let (who, directory) = (process.who(), process.name(directory));
    let what = if interpreter.is_some_and(|path| file_name(path).starts_with("python")) {
        "Install into a virtual environment in /opt, with its bin on PATH".to_string()
    } else {
        format!("Move what {who} needs out of {directory}, for example to /opt, and put that on PATH")
    };
    format!("{what}. `RUN chmod a+x {directory}` also works, but lets every user traverse it")
}

fn fault(word: &str, mut what: String, place: Option<NodeId>) -> Fault {
    if word.ends_with('\r') {
        what.push_str(": its lines end in CR LF, and the CR becomes part of the name");
    } else if word.contains(' ') {
        what.push_str(": it is one word that contains spaces, and no shell splits it");
    }
    Fault::new(shown(word), what, place)
}

/// Removes duplicates.
fn unique<'t>(directories: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let mut seen = HashSet::new();
    directories.filter(|directory| seen.insert(*directory)).collect()
}
