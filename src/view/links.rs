//! Symbolic links, followed inside the image only.

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
    /// Through something that is no folder.
    NotFolder,
}

impl View {
    /// Follows a path from the root, with its links; `follow_last`: also one that stands last. `..` stays inside the
    /// root, as it does for a process whose root this is (path_resolution(7)).
    pub fn resolve(&self, path: &[u8], follow_last: bool) -> Resolved {
        let mut todo: Vec<&[u8]> = path.rsplit(|&b| b == b'/').collect();
        let mut at = PathTable::ROOT;
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if !self.step() {
                return Resolved::Loop;
            }
            let Some(here) = self.stat(at) else { return Resolved::Missing };
            if here.kind != Kind::Dir {
                // A trailing slash or dot asks for a folder too.
                return Resolved::NotFolder;
            }
            match name {
                b"" | b"." => continue,
                b".." => {
                    at = self.parent(at);
                    continue;
                }
                _ => {}
            }
            let child = self.paths.find_child(at, name).and_then(|child| Some((child, self.stat(child)?)));
            let Some((child, stat)) = child else { return Resolved::Missing };
            // A trailing slash or dot behind a link asks for what the link leads to.
            if stat.kind == Kind::Symlink && (follow_last || !todo.is_empty()) {
                links += 1;
                if links > limits::SYMLINKS {
                    return Resolved::Loop;
                }
                if stat.text.starts_with(b"/") {
                    at = PathTable::ROOT;
                }
                todo.extend(stat.text.rsplit(|&b| b == b'/'));
                continue;
            }
            at = child;
        }
        Resolved::Found(at)
    }
}
