//! The merged filesystem: what a container made from the image sees, and how each path came to be so.
//!
//! In: the facts of the layers, from the bottom up. Out: per path what is there now, who put it there, and what became
//! of what was there before. The rules are image-spec's (layer.md): a layer's whiteouts and opaque markers speak of the
//! layers below it, wherever they stand in its tar; then its entries are placed in their order. Not here: judging.

mod links;
mod merge;
mod place;
pub mod waste;
mod whiteouts;

pub use crate::view::links::Followed;
pub use crate::view::links::Resolved;

use crate::model::layer_facts::Entry;
use crate::model::layer_facts::Kept;
use crate::model::layer_facts::Kind;
use crate::model::layer_facts::LayerFacts;
use crate::model::layer_facts::NONE;
use crate::model::layer_facts::Xattr;
use crate::model::path::PathId;
use crate::model::path::PathTable;
use crate::model::program::Head;
use crate::view::waste::Hidden;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

/// A path that some layer has spoken of. It need not be there any more.
pub type NodeId = PathId;

/// The merged view of an image's layers.
pub struct View {
    layers: Vec<Arc<LayerFacts>>,
    paths: PathTable,
    nodes: Vec<Node>,
    inodes: Vec<Inode>,
    events: Vec<Event>,
    hidden: Vec<Hidden>,
    /// Path components that may still be walked while links are followed.
    steps: Cell<u64>,
    /// Files that a second reading brought, by layer and entry.
    brought: HashMap<(usize, u32), Kept>,
    /// Places where the layers do not fit together, as messages for people.
    pub faults: Vec<String>,
    /// Places that unpackers read differently; of very many only the first.
    pub differences: Vec<Difference>,
}

/// More of them tell nothing new.
const DIFFERENCES_LISTED: usize = 1000;

/// A place that unpackers read differently. The view follows the image specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose entry it is.
    pub layer: usize,
    /// The entry's path.
    pub path: Vec<u8>,
    /// How they differ.
    pub kind: DifferenceKind,
}

/// How unpackers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The way to an entry leads through a symbolic link of a lower layer. It is followed here; overlay drivers unpack
    /// each layer alone and put a directory in the link's place.
    ThroughLink,
    /// A hardlink to a file of a lower layer. It shares that file here; overlay drivers refuse the layer.
    LowerHardlink,
    /// A whiteout behind the layer's own entry of that name. The entry stays here; others delete it.
    LateWhiteout,
    /// A whiteout and a directory of the same name. What lay below in the directory is gone here; overlay drivers show
    /// it.
    WhiteoutAndDirectory,
    /// An opaque marker for the root. Everything below is gone here; overlay drivers ignore it.
    OpaqueRoot,
    /// The same path twice in one layer. The later entry counts here; docker refuses the layer.
    Twice,
}

/// What stands at a path.
struct Node {
    /// `NONE` where nothing is there now.
    inode: u32,
    /// The layer that last put or touched what is there.
    put_by: u32,
    first_child: NodeId,
    next_sibling: NodeId,
    /// Whether it is in its parent's list of children; what has gone may linger there.
    listed: bool,
    last_event: u32,
}

/// A directory, or a file that may have several names.
struct Inode {
    kind: Kind,
    mode: u16,
    uid: u32,
    gid: u32,
    /// The layer whose entry it is; for an implied directory the one that implied it.
    layer: u32,
    /// `NONE` for an implied directory.
    entry: u32,
    /// Where it was placed first.
    node: NodeId,
    names: u32,
    hidden: bool,
}

/// Something that happened to a path.
struct Event {
    layer: u32,
    inode: u32,
    previous: u32,
}

/// What is at a path.
#[derive(Clone, Copy, Debug)]
pub struct Stat<'a> {
    /// What it is; a hardlink is the file it names.
    pub kind: Kind,
    /// 07777.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes, for files.
    pub size: u64,
    /// Target of a symbolic link, `major:minor` of a device.
    pub text: &'a [u8],
    /// The layer that shipped it; `None` for the root where no layer has an entry for it.
    pub layer: Option<usize>,
    /// No layer has an entry for it: a directory that paths below it imply.
    pub implied: bool,
    /// Tells names of one file apart from equal files.
    pub inode: u32,
    /// How many names the file has.
    pub names: u32,
}

/// One of the things that a path has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// By this layer.
    pub layer: usize,
    /// Bytes, for files.
    pub size: u64,
    /// Whether it is what is there now.
    pub visible: bool,
}

impl View {
    /// Merges layers, the lowest first.
    pub fn new(layers: Vec<Arc<LayerFacts>>) -> View {
        merge::merge(layers)
    }

    /// Whether the bound on following links was hit ([`crate::limits::LINK_STEPS`]): some path was then taken for a
    /// loop.
    pub fn is_exhausted(&self) -> bool {
        self.steps.get() == 0
    }

    /// Takes one step of the bound; false if none is left.
    fn step(&self) -> bool {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(1));
        left > 1
    }

    /// The layers that were merged.
    pub fn layers(&self) -> &[Arc<LayerFacts>] {
        &self.layers
    }

    /// How many paths the layers have spoken of: what a walk looks at.
    pub fn places(&self) -> usize {
        self.nodes.len()
    }

    /// Everything that is there, the root included, in no order that means anything.
    pub fn walk(&self) -> impl Iterator<Item = (NodeId, Stat<'_>)> {
        (0..self.nodes.len() as NodeId).filter_map(|node| Some((node, self.stat(node)?)))
    }

    /// Everything that is there, sorted by the bytes of its path.
    pub fn sorted(&self) -> Vec<NodeId> {
        // A directory stands at its own name, what lies in it at that name and a slash: `a`, `a-b`, `a/c`.
        let mut out = vec![PathTable::ROOT];
        let mut todo = vec![(PathTable::ROOT, true)];
        while let Some((node, inside)) = todo.pop() {
            if !inside {
                out.push(node);
                continue;
            }
            let mut places: Vec<(Vec<u8>, NodeId, bool)> = Vec::new();
            for child in self.children(node) {
                let name = self.name(child);
                places.push((name.to_vec(), child, false));
                if self.nodes[child as usize].first_child != NONE {
                    places.push(([name, b"/"].concat(), child, true));
                }
            }
            places.sort_unstable();
            todo.extend(places.into_iter().rev().map(|(_, child, inside)| (child, inside)));
        }
        out
    }

    /// What is at a node; `None` where nothing is.
    pub fn stat(&self, node: NodeId) -> Option<Stat<'_>> {
        let index = self.nodes.get(node as usize)?.inode;
        let inode = self.inodes.get(index as usize)?;
        let entry = self.entry_of(inode);
        let text = entry.map_or(&b""[..], |entry| self.layers[inode.layer as usize].text(entry));
        Some(Stat {
            kind: inode.kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            size: entry.map_or(0, |entry| entry.size),
            text,
            layer: (inode.layer != NONE).then_some(inode.layer as usize),
            implied: inode.entry == NONE,
            inode: index,
            names: inode.names,
        })
    }

    /// A node's path.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        self.paths.path(node)
    }

    /// A node's last component.
    pub fn name(&self, node: NodeId) -> &[u8] {
        self.paths.name(node)
    }

    /// The directory a node lies in.
    pub fn parent(&self, node: NodeId) -> NodeId {
        self.paths.parent(node)
    }

    /// The node at exactly this path, if something is there. No link is followed.
    pub fn at(&self, path: &[u8]) -> Option<NodeId> {
        self.paths.find(path).filter(|&node| self.nodes[node as usize].inode != NONE)
    }

    /// What is in a directory under this name.
    pub fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        self.paths.find_child(directory, name).filter(|&node| self.nodes[node as usize].inode != NONE)
    }

    /// What is in a directory now, in no order that means anything.
    pub fn children(&self, directory: NodeId) -> impl Iterator<Item = NodeId> {
        let mut next = self.nodes[directory as usize].first_child;
        std::iter::from_fn(move || {
            while next != NONE {
                let here = next;
                next = self.nodes[here as usize].next_sibling;
                if self.nodes[here as usize].inode != NONE {
                    return Some(here);
                }
            }
            None
        })
    }

    /// Everything that any layer shipped at a node's path, the lowest layer first. A layer that only touched a
    /// directory counts.
    pub fn shipped(&self, node: NodeId) -> Vec<Shipped> {
        let here = &self.nodes[node as usize];
        let mut out = Vec::new();
        let mut at = here.last_event;
        while let Some(event) = self.events.get(at as usize) {
            let inode = &self.inodes[event.inode as usize];
            out.push(Shipped {
                layer: event.layer as usize,
                size: self.entry_of(inode).map_or(0, |entry| entry.size),
                visible: event.inode == here.inode,
            });
            at = event.previous;
        }
        out.reverse();
        out
    }

    /// The versions of a file that the layers shipped, the lowest first, with their content where it was kept.
    pub fn versions(&self, node: NodeId) -> Vec<(usize, Option<&Kept>)> {
        let mut out = Vec::new();
        let mut at = self.nodes[node as usize].last_event;
        while let Some(event) = self.events.get(at as usize) {
            let inode = &self.inodes[event.inode as usize];
            let layer = inode.layer as usize;
            let kept = self.layers.get(layer).and_then(|facts| facts.kept.get(&inode.entry));
            out.push((event.layer as usize, kept.or_else(|| self.brought.get(&(layer, inode.entry)))));
            at = event.previous;
        }
        out.reverse();
        out
    }

    /// The whole content of a file, if it was kept.
    pub fn content(&self, node: NodeId) -> Option<&Kept> {
        let (layer, entry) = self.entry_at(node)?;
        self.layers[layer].kept.get(&entry).or_else(|| self.brought.get(&(layer, entry)))
    }

    /// What the first bytes of a regular file say about executing it; `None` for one that is neither a script with a
    /// `#!` line nor an ELF file.
    pub fn head(&self, node: NodeId) -> Option<&Head> {
        let (layer, entry) = self.entry_at(node)?;
        self.layers[layer].heads.get(&entry)
    }

    /// Hands in a file that a second reading kept.
    pub fn bring(&mut self, layer: usize, entry: u32, kept: Kept) {
        self.brought.insert((layer, entry), kept);
    }

    /// Which layer's entry a node's content is.
    pub fn entry_at(&self, node: NodeId) -> Option<(usize, u32)> {
        let inode = self.inodes.get(self.nodes.get(node as usize)?.inode as usize)?;
        (inode.entry != NONE).then_some((inode.layer as usize, inode.entry))
    }

    /// SHA-256 of a file's content, where the pass took it.
    pub fn content_digest(&self, node: NodeId) -> Option<[u8; 32]> {
        let (layer, entry) = self.entry_at(node)?;
        self.layers[layer].content_digest(&self.layers[layer].entries[entry as usize])
    }

    /// Extended attributes of what is at a node.
    pub fn xattrs(&self, node: NodeId) -> &[Xattr] {
        self.entry_at(node).and_then(|(layer, entry)| self.layers[layer].xattrs.get(&entry)).map_or(&[], |list| list)
    }

    fn entry_of(&self, inode: &Inode) -> Option<&Entry> {
        self.layers.get(inode.layer as usize)?.entries.get(inode.entry as usize)
    }
}
