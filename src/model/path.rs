//! Paths inside an image: normalized byte strings relative to the image's root.
//!
//! A path has no leading slash and no `.`, `..` or empty components; the root is the empty path. [`PathTable`] stores a
//! tree of paths by component, so that a million paths take little memory.

use crate::limits;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Normalizes a name from an archive as Go's `path.Clean` does, relative to the root: `a//b/../c/` becomes `a/c`.
///
/// Returns the path and whether a `..` would have left the root. Such a `..` stays in the root, as in a chroot.
pub fn clean(name: &[u8]) -> (Vec<u8>, bool) {
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut left_root = false;
    for part in name.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => left_root |= parts.pop().is_none(),
            _ => parts.push(part),
        }
    }
    (parts.join(&b'/'), left_root)
}

/// The parent directory of a path; the root's is the root.
pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&b| b == b'/').map_or(b"", |at| &path[..at])
}

/// The last component of a path.
pub fn base(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&b| b == b'/').map_or(path, |at| &path[at + 1..])
}

/// `directory/name`, or `name` in the root.
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        return name.to_vec();
    }
    let mut out = Vec::with_capacity(directory.len() + 1 + name.len());
    out.extend_from_slice(directory);
    out.push(b'/');
    out.extend_from_slice(name);
    out
}

/// A path in a [`PathTable`]. [`PathTable::ROOT`] is the root.
pub type PathId = u32;

struct PathNode {
    parent: PathId,
    name_at: u32,
    name_len: u32,
}

/// A tree of paths, each component stored once under its parent.
pub struct PathTable {
    nodes: Vec<PathNode>,
    names: Vec<u8>,
    table: HashTable<PathId>,
    /// Random for each table, so that an image can't choose names that collide. The output doesn't depend on it.
    seed: u64,
}

/// A limit was hit ([`limits::PATHS`] or [`limits::NAME_BYTES`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPaths;

impl Default for PathTable {
    fn default() -> Self {
        PathTable {
            nodes: vec![PathNode { parent: 0, name_at: 0, name_len: 0 }],
            names: Vec::new(),
            table: HashTable::new(),
            seed: std::hash::RandomState::new().hash_one(0u64),
        }
    }
}

impl PathTable {
    /// The root of every table.
    pub const ROOT: PathId = 0;

    /// The child of `parent` with this name, added if missing.
    pub fn child(&mut self, parent: PathId, name: &[u8]) -> Result<PathId, TooManyPaths> {
        let seed = self.seed;
        let hash = hash(seed, parent, name);
        let (nodes, names) = (&self.nodes, &self.names);
        if let Some(&found) = self.table.find(hash, |&id| is(nodes, names, id, parent, name)) {
            return Ok(found);
        }
        if self.nodes.len() >= limits::PATHS || self.names.len() + name.len() > limits::NAME_BYTES {
            return Err(TooManyPaths);
        }
        let id = self.nodes.len() as PathId;
        self.nodes.push(PathNode { parent, name_at: self.names.len() as u32, name_len: name.len() as u32 });
        self.names.extend_from_slice(name);
        let (nodes, names) = (&self.nodes, &self.names);
        self.table.insert_unique(hash, id, |&other| {
            let node = &nodes[other as usize];
            self::hash(seed, node.parent, slice(names, node))
        });
        Ok(id)
    }

    /// The child of `parent` with this name, if it is in the table.
    pub fn find_child(&self, parent: PathId, name: &[u8]) -> Option<PathId> {
        self.table.find(hash(self.seed, parent, name), |&id| is(&self.nodes, &self.names, id, parent, name)).copied()
    }

    /// The ID of a normalized path, added if missing.
    pub fn insert(&mut self, path: &[u8]) -> Result<PathId, TooManyPaths> {
        let mut at = Self::ROOT;
        for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
            at = self.child(at, name)?;
        }
        Ok(at)
    }

    /// The ID of a normalized path, if it is in the table.
    pub fn find(&self, path: &[u8]) -> Option<PathId> {
        path.split(|&b| b == b'/')
            .filter(|name| !name.is_empty())
            .try_fold(Self::ROOT, |at, name| self.find_child(at, name))
    }

    /// The parent directory of a path; the root's is the root.
    pub fn parent(&self, id: PathId) -> PathId {
        self.nodes[id as usize].parent
    }

    /// The last component; empty for the root.
    pub fn name(&self, id: PathId) -> &[u8] {
        slice(&self.names, &self.nodes[id as usize])
    }

    /// The whole path.
    pub fn path(&self, id: PathId) -> Vec<u8> {
        let mut chain = Vec::new();
        let mut at = id;
        while at != Self::ROOT {
            chain.push(at);
            at = self.parent(at);
        }
        let mut out = Vec::new();
        for (i, &id) in chain.iter().rev().enumerate() {
            if i > 0 {
                out.push(b'/');
            }
            out.extend_from_slice(self.name(id));
        }
        out
    }

    /// The number of paths in the table, including the root.
    #[allow(clippy::len_without_is_empty, reason = "it always has the root")]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Frees unused capacity.
    pub fn shrink_to_fit(&mut self) {
        self.nodes.shrink_to_fit();
        self.names.shrink_to_fit();
    }
}

fn slice<'a>(names: &'a [u8], node: &PathNode) -> &'a [u8] {
    &names[node.name_at as usize..][..node.name_len as usize]
}

fn is(nodes: &[PathNode], names: &[u8], id: PathId, parent: PathId, name: &[u8]) -> bool {
    let node = &nodes[id as usize];
    node.parent == parent && slice(names, node) == name
}

fn hash(seed: u64, parent: PathId, name: &[u8]) -> u64 {
    xxh3_64_with_seed(name, seed ^ (u64::from(parent).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_names_inside_the_root() {
        assert_eq!(clean(b"./a//b/../c/"), (b"a/c".to_vec(), false));
        assert_eq!(clean(b"/etc/passwd"), (b"etc/passwd".to_vec(), false));
        assert_eq!(clean(b"../../etc/passwd"), (b"etc/passwd".to_vec(), true));
        assert_eq!(clean(b"./"), (b"".to_vec(), false));
    }

    #[test]
    fn finds_inserted_paths() {
        let mut table = PathTable::default();
        let long = table.insert(b"usr/lib/x").expect("room");
        assert_eq!(table.insert(b"usr/lib/x").expect("room"), long);
        assert_eq!(table.path(long), b"usr/lib/x");
        assert_eq!(table.find(b"usr/lib"), Some(table.parent(long)));
        assert_eq!(table.find(b"usr/bin"), None);
        assert_eq!(table.find(b""), Some(PathTable::ROOT));
    }
}
