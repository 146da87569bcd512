//! Resolves paths through symbolic links, inside the image only.

use crate::limits;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::view::NodeId;
use crate::view::View;

/// The result of resolving a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// It exists.
    Found(NodeId),
    /// It doesn't exist.
    Missing,
    /// It has a loop of links, or more links than Linux follows.
    Loop,
    /// A component of it is not a directory.
    NotDirectory,
    /// Unknown: the limit on resolving paths was hit ([`limits::LINK_STEPS`]).
    Exhausted,
}

/// The result of resolving a path for a process that can't traverse every directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The result, or the directory that can't be traversed.
    pub end: Result<Resolved, NodeId>,
    /// The last symbolic link that was followed.
    pub link: Option<NodeId>,
}

impl View {
    /// Resolves a path from the root. Follows symbolic links, including the last component's if `follow_last`. `..` in
    /// the root stays there, as it does for a process with this root (path_resolution(7)).
    pub fn resolve(&self, path: &[u8], follow_last: bool) -> Resolved {
        self.follow(PathTable::ROOT, path, follow_last, |_| true).end.unwrap_or(Resolved::Missing)
    }

    /// Resolves a path from the directory `from`; an absolute path starts at the root. `may_traverse` decides for each
    /// directory whether names in it may be looked up; the first one it refuses is returned as the error.
    pub fn follow(
        &self,
        from: NodeId,
        path: &[u8],
        follow_last: bool,
        mut may_traverse: impl FnMut(NodeId) -> bool,
    ) -> Followed {
        let mut todo: Vec<&[u8]> = path.rsplit(|&b| b == b'/').collect();
        let mut at = if path.starts_with(b"/") { PathTable::ROOT } else { from };
        let mut links = 0;
        let mut link = None;
        let end = |end, link| Followed { end, link };
        while let Some(name) = todo.pop() {
            if !self.step() {
                return end(Ok(Resolved::Exhausted), link);
            }
            let Some(here) = self.stat(at) else { return end(Ok(Resolved::Missing), link) };
            if here.kind != Kind::Dir {
                // A trailing slash or dot requires a directory too.
                return end(Ok(Resolved::NotDirectory), link);
            }
            if name.is_empty() {
                continue;
            }
            if !may_traverse(at) {
                return end(Err(at), link);
            }
            match name {
                b"." => continue,
                b".." => {
                    at = self.parent(at);
                    continue;
                }
                _ => {}
            }
            let child = self.paths.find_child(at, name).and_then(|child| Some((child, self.stat(child)?)));
            let Some((child, stat)) = child else { return end(Ok(Resolved::Missing), link) };
            // A trailing slash or dot after a link means its target.
            if stat.kind == Kind::Symlink && (follow_last || !todo.is_empty()) {
                links += 1;
                link = Some(child);
                if links > limits::SYMLINKS {
                    return end(Ok(Resolved::Loop), link);
                }
                if stat.text.starts_with(b"/") {
                    at = PathTable::ROOT;
                }
                todo.extend(stat.text.rsplit(|&b| b == b'/'));
                continue;
            }
            at = child;
        }
        end(Ok(Resolved::Found(at)), link)
    }
}
