//! Paths followed through symbolic links, inside the image only.

use crate::limits;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::view::NodeId;
use crate::view::View;

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// To something that is there.
    Found(NodeId),
    /// To nothing.
    Missing,
    /// Round in circles, or through more links than Linux follows.
    Loop,
    /// Through something that is no directory.
    NotDirectory,
    /// Nobody knows: the bound on following links was hit ([`limits::LINK_STEPS`]).
    Exhausted,
}

/// Where a path leads for somebody who may not enter every directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Its end, or the directory that was refused.
    pub end: Result<Resolved, NodeId>,
    /// The last symbolic link on the way.
    pub link: Option<NodeId>,
}

impl View {
    /// Follows a path from the root, with its links; `follow_last`: also one that stands last. `..` stays inside the
    /// root, as it does for a process whose root this is (path_resolution(7)).
    pub fn resolve(&self, path: &[u8], follow_last: bool) -> Resolved {
        self.follow(PathTable::ROOT, path, follow_last, |_| true).end.unwrap_or(Resolved::Missing)
    }

    /// The same from any directory `from` (a path with a leading slash starts at the root all the same). `enter` says
    /// of each directory whether a name may be looked up in it; the way ends where it says no.
    pub fn follow(
        &self,
        from: NodeId,
        path: &[u8],
        follow_last: bool,
        mut enter: impl FnMut(NodeId) -> bool,
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
                // A trailing slash or dot asks for a directory too.
                return end(Ok(Resolved::NotDirectory), link);
            }
            if name.is_empty() {
                continue;
            }
            if !enter(at) {
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
            // A trailing slash or dot behind a link asks for what the link leads to.
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
