//! A naive model of the merged view: a map from path to node, with every operation a walk over the whole map.
//!
//! It follows the image specification: a layer's whiteouts and opaque markers apply to the lower layers first, wherever
//! they are in the tar; then the entries are placed in order, each replacing what exists unless both are directories.
//! It is slow and obvious on purpose, and shares no code with plimsoll. It returns the lines of the listing, or the
//! first entry that can't be placed (a link to nothing, a name below a file).

use crate::image;
use crate::image::Entry;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const LINKS_MAX: usize = 40;

type Path = Vec<u8>;

/// What all hard links of one file share.
#[derive(Clone, Debug)]
struct Inode {
    kind: u8,
    mode: u32,
    uid: u64,
    gid: u64,
    data: Vec<u8>,
    target: Vec<u8>,
    device: (u64, u64),
}

/// The view so far, by real path; the root's path is empty.
struct View {
    nodes: BTreeMap<Path, usize>,
    inodes: Vec<Inode>,
}

/// The layer and the entry that can't be placed.
pub type Misplaced = (usize, usize);

/// The listing of the merged view.
pub fn listing(layers: &[Vec<Entry>]) -> Result<Vec<String>, Misplaced> {
    let mut view = View { nodes: BTreeMap::new(), inodes: Vec::new() };
    view.directory(b"");
    for (index, entries) in layers.iter().enumerate() {
        let rescued = view.hide(entries);
        for (at, entry) in entries.iter().enumerate() {
            if marker(&entry.path).is_none() {
                view.place(entry, &rescued).ok_or((index, at))?;
            }
        }
    }
    Ok(view.lines())
}

enum Marker {
    Whiteout(Path),
    Opaque,
}

fn marker(path: &[u8]) -> Option<(Path, Marker)> {
    let (directory, name) = split(path);
    if name == b".wh..wh..opq" {
        return Some((directory.to_vec(), Marker::Opaque));
    }
    name.strip_prefix(b".wh.").map(|hidden| (directory.to_vec(), Marker::Whiteout(hidden.to_vec())))
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

fn join(directory: &[u8], name: &[u8]) -> Path {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

fn parts(path: &[u8]) -> Vec<Path> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec).collect()
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path != directory && (directory.is_empty() || path.starts_with(&join(directory, b"")))
}

impl View {
    fn directory(&mut self, path: &[u8]) {
        self.inodes.push(Inode {
            kind: b'd',
            mode: 0o755,
            uid: 0,
            gid: 0,
            data: vec![],
            target: vec![],
            device: (0, 0),
        });
        self.nodes.insert(path.to_vec(), self.inodes.len() - 1);
    }

    fn at(&self, path: &[u8]) -> Option<&Inode> {
        self.nodes.get(path).map(|&inode| &self.inodes[inode])
    }

    fn remove(&mut self, path: &[u8]) {
        self.nodes.retain(|other, _| other != path && !is_below(other, path));
    }

    /// The real path of an entry's directory. Follows links inside the image and creates missing directories if `make`
    /// is set.
    fn resolve(&mut self, directory: &[u8], make: bool) -> Option<Path> {
        let mut todo = parts(directory);
        let mut at: Path = Vec::new();
        let mut hops = 0;
        while !todo.is_empty() {
            let name = todo.remove(0);
            if name == b".." {
                at = split(&at).0.to_vec();
                continue;
            }
            let next = join(&at, &name);
            if make && self.at(&next).is_none() {
                self.directory(&next);
            }
            let node = self.at(&next)?;
            match node.kind {
                b'd' => at = next,
                b'l' => {
                    hops += 1;
                    if hops > LINKS_MAX {
                        return None;
                    }
                    let target = node.target.clone();
                    if target.starts_with(b"/") {
                        at = Vec::new();
                    }
                    todo.splice(0..0, parts(&target));
                }
                _ => return None,
            }
        }
        Some(at)
    }

    /// The directory of the lower layers that a marker refers to. Follows a link only if the layer itself doesn't
    /// replace it.
    fn lower(&mut self, directory: &[u8], own: &BTreeSet<Path>) -> Option<Path> {
        let (mut at, mut lexical): (Path, Path) = (Vec::new(), Vec::new());
        for name in parts(directory) {
            lexical = join(&lexical, &name);
            let next = join(&at, &name);
            let node = self.at(&next)?;
            match node.kind {
                b'd' => at = next,
                b'l' if !own.contains(&lexical) => {
                    let target = node.target.clone();
                    let target = if target.starts_with(b"/") { target } else { join(&at, &target) };
                    at = self.resolve(&target, false)?;
                }
                _ => return None,
            }
        }
        Some(at)
    }

    /// Applies a layer's markers and returns the inodes that they removed, for hard links to them.
    fn hide(&mut self, entries: &[Entry]) -> BTreeMap<Path, usize> {
        let own: BTreeSet<Path> =
            entries.iter().filter(|entry| marker(&entry.path).is_none()).map(|entry| entry.path.clone()).collect();
        let (mut gone, mut opaque) = (BTreeSet::new(), BTreeSet::new());
        for (directory, what) in entries.iter().filter_map(|entry| marker(&entry.path)) {
            let Some(real) = self.lower(&directory, &own) else { continue };
            match what {
                Marker::Whiteout(name) => drop(gone.insert(join(&real, &name))),
                Marker::Opaque => drop(opaque.insert(real)),
            }
        }
        let mut rescued = BTreeMap::new();
        for path in self.nodes.keys().cloned().collect::<Vec<_>>() {
            let mut here: &[u8] = &path;
            let mut hidden = false;
            while !here.is_empty() {
                hidden |= gone.contains(here) || opaque.contains(split(here).0);
                here = split(here).0;
            }
            if hidden {
                let inode = self.nodes.remove(&path).unwrap();
                if self.inodes[inode].kind != b'd' {
                    rescued.insert(path, inode);
                }
            }
        }
        rescued
    }

    fn place(&mut self, entry: &Entry, rescued: &BTreeMap<Path, usize>) -> Option<()> {
        let (directory, name) = split(&entry.path);
        let directory = self.resolve(directory, true)?;
        let real = join(&directory, name);
        let existing = self.at(&real).map(|node| node.kind);
        if entry.kind == b'd' {
            if existing != Some(b'd') {
                self.remove(&real);
                self.directory(&real);
            }
            let node = &mut self.inodes[self.nodes[&real]];
            (node.mode, node.uid, node.gid) = (entry.mode, entry.uid, entry.gid);
            return Some(());
        }
        let inode = if entry.kind == b'h' { self.linked(entry, &real, rescued)? } else { self.fresh(entry) };
        self.remove(&real);
        self.nodes.insert(real, inode);
        Some(())
    }

    fn fresh(&mut self, entry: &Entry) -> usize {
        self.inodes.push(Inode {
            kind: entry.kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            data: entry.data.clone(),
            target: entry.target.clone(),
            device: entry.device,
        });
        self.inodes.len() - 1
    }

    /// The inode that a hard link refers to, updated with the attributes of the link's entry.
    fn linked(&mut self, entry: &Entry, real: &[u8], rescued: &BTreeMap<Path, usize>) -> Option<usize> {
        let (directory, name) = split(&entry.target);
        let found = self.resolve(directory, false).map(|directory| join(&directory, name));
        let inode = match found.as_ref().and_then(|path| self.nodes.get(path)) {
            Some(_) if found.as_deref() == Some(real) => return None,
            Some(&inode) => inode,
            // A link to itself refers to nothing, even if a whiteout removed a file there.
            None if entry.target == real => return None,
            None => *rescued.get(&entry.target)?,
        };
        let node = &mut self.inodes[inode];
        match node.kind {
            b'd' => return None,
            b'l' => {}
            _ => (node.mode, node.uid, node.gid) = (entry.mode, entry.uid, entry.gid),
        }
        Some(inode)
    }

    fn lines(&self) -> Vec<String> {
        let mut first: BTreeMap<usize, &Path> = BTreeMap::new();
        for (path, &inode) in &self.nodes {
            first.entry(inode).or_insert(path);
        }
        self.nodes.iter().map(|(path, &inode)| self.line(path, inode, first[&inode])).collect()
    }

    fn line(&self, path: &[u8], inode: usize, first: &[u8]) -> String {
        let node = &self.inodes[inode];
        let rooted = |path: &[u8]| escape(&[b"/", path].concat());
        let link = match node.kind {
            b'l' if node.target == b"-" => "\\x2d".to_string(),
            b'l' => escape(&node.target),
            b'c' => format!("{}:{}", node.device.0, node.device.1),
            b'f' if first != path => rooted(first),
            _ => "-".to_string(),
        };
        let (size, content) = match node.kind {
            b'f' => (node.data.len(), image::sha256(&node.data)),
            _ => (0, "-".to_string()),
        };
        let mode = if node.kind == b'l' { 0o777 } else { node.mode };
        let (kind, path) = (char::from(node.kind), rooted(path));
        format!("{kind} {mode:04o} {} {} {size} {path} {link} {content}", node.uid, node.gid)
    }
}

/// Bytes as the listing writes them: printable ASCII except blank and backslash is kept, any other byte is `\xHH`.
fn escape(bytes: &[u8]) -> String {
    let one = |&byte: &u8| match byte {
        0x21..=0x7e if byte != b'\\' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(one).collect()
}
