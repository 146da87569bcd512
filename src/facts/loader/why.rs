//! The message for a library that was not found: files that were skipped, or a file with its name elsewhere.
//!
//! Not here: the search itself.

use crate::facts::loader::fits;
use crate::facts::loader::link::Linker;
use crate::facts::loader::link::PROGRAM;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::program::Head;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;

/// The most `ld.so.conf` files that are followed.
const INCLUDES: usize = 64;

/// The clause for a name that was not found, and the file or directory responsible.
pub fn nowhere(
    linker: &Linker<'_, '_>,
    asker: usize,
    name: &[u8],
    passed: &[(Vec<u8>, NodeId, String)],
    looks_elsewhere: bool,
) -> (String, Option<NodeId>) {
    let asker = linker.process.name(linker.objects[asker].node);
    let library = shown_bytes(name);
    let what = match name.contains(&b'/') {
        true => format!("{asker} needs {library}, which doesn't exist"),
        false => format!("{asker} needs {library}, which is not in any directory that its loader searches"),
    };
    // A blocked file explains more than one for another machine.
    let worst = passed.iter().find(|(.., why)| !why.starts_with("is for")).or(passed.first());
    if let Some((path, place, why)) = worst {
        return (format!("{what}; {} {why}", shown_bytes(path)), Some(*place));
    }
    let elsewhere = looks_elsewhere.then(|| elsewhere(linker, path::base(name))).flatten();
    let Some(elsewhere) = elsewhere else { return (what, None) };
    let place = linker.process.name(elsewhere);
    let directory = linker.process.view.parent(elsewhere);
    let why = if configured(linker, directory) {
        match linker.process.view.resolve(b"etc/ld.so.cache", true) {
            Resolved::Found(_) => {
                "the cache is stale: /etc/ld.so.cache doesn't list it, although ld.so.conf names its directory"
            }
            _ => "there is no /etc/ld.so.cache, although ld.so.conf names its directory",
        }
    } else {
        "the loader is not configured to search that directory"
    };
    (format!("{what}; {place} exists, but {why}"), Some(elsewhere))
}

/// A library with that name anywhere in the image; the first by path.
fn elsewhere(linker: &Linker<'_, '_>, name: &[u8]) -> Option<NodeId> {
    let view = linker.process.view;
    // An explanation must not use up the whole work limit.
    linker.process.facts.spend(view.node_count()).ok()?;
    let program = linker.objects[PROGRAM].elf;
    let is_library = |node: NodeId| matches!(view.head(node), Some(Head::Elf(elf)) if fits(program, elf));
    view.walk()
        .filter(|(node, stat)| matches!(stat.kind, Kind::File | Kind::Symlink) && view.name(*node) == name)
        .filter(|(node, _)| match view.resolve(&view.path(*node), true) {
            Resolved::Found(file) => is_library(file),
            _ => false,
        })
        .min_by_key(|(node, _)| view.path(*node))
        .map(|(node, _)| node)
}

/// Whether `/etc/ld.so.conf`, or a file that it includes, names a directory (ldconfig(8)).
fn configured(linker: &Linker<'_, '_>, directory: NodeId) -> bool {
    let view = linker.process.view;
    let mut todo = vec![b"etc/ld.so.conf".to_vec()];
    let mut read = 0;
    while let Some(file) = todo.pop().filter(|_| read < INCLUDES) {
        read += 1;
        let Resolved::Found(node) = view.resolve(&file, true) else { continue };
        let Ok(bytes) = linker.process.facts.content(node) else { continue };
        if linker.process.facts.spend(bytes.len()).is_err() {
            return false;
        }
        for line in bytes.split(|&b| b == b'\n') {
            let line = line.split(|&b| b == b'#').next().unwrap_or_default().trim_ascii();
            match line.strip_prefix(b"include").filter(|rest| rest.starts_with(b" ") || rest.starts_with(b"\t")) {
                // Only the explanation gets shorter.
                Some(_) if todo.len() >= INCLUDES => return false,
                Some(pattern) => {
                    let pattern = pattern.trim_ascii();
                    let at = if pattern.starts_with(b"/") { b"" } else { path::parent(&file) };
                    todo.extend(matching(linker, &path::join(at, pattern)));
                }
                None if line.is_empty() => {}
                None if view.resolve(line, true) == Resolved::Found(directory) => return true,
                None => {}
            }
        }
    }
    false
}

/// The files that match a pattern, whose last component may contain one `*`.
fn matching(linker: &Linker<'_, '_>, pattern: &[u8]) -> Vec<Vec<u8>> {
    let view = linker.process.view;
    let name = path::base(pattern);
    let Some(star) = name.iter().position(|&b| b == b'*') else { return vec![pattern.to_vec()] };
    let (start, end) = (&name[..star], &name[star + 1..]);
    let Resolved::Found(directory) = view.resolve(path::parent(pattern), true) else { return Vec::new() };
    let names: Vec<&[u8]> = view.children(directory).map(|child| view.name(child)).collect();
    if linker.process.facts.spend(names.len()).is_err() {
        return Vec::new();
    }
    let fits = |name: &&[u8]| name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end);
    let mut files: Vec<Vec<u8>> =
        names.into_iter().filter(fits).map(|name| path::join(path::parent(pattern), name)).collect();
    files.sort();
    files
}
