//! The merged filesystem: what a container created from the image sees, and which layers each path comes from.
//!
//! In: the facts of the layers, from the bottom up. Out: for each path, what it is now, which layer it comes from, and
//! what it was before. Follows the image specification (layer.md): a layer's whiteouts apply to the layers below it,
//! whatever their order in the tar; then its entries are placed in order. Not here: judging.

mod links;
mod merge;
mod place;
pub mod waste;
mod whiteouts;

pub use crate::view::links::Resolved;

use crate::model::fault::ImageFault;
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

/// A path that some layer mentions. It may no longer exist.
pub type NodeId = PathId;

/// The merged view of an image's layers.
pub struct View {
    layers: Vec<Arc<LayerFacts>>,
    paths: PathTable,
    nodes: Vec<Node>,
    inodes: Vec<Inode>,
    events: Vec<Event>,
    hidden: Vec<Hidden>,
    /// How many path components may still be resolved.
    steps: Cell<u64>,
    /// Content fetched by a second read, by layer and entry.
    fetched: HashMap<(usize, u32), Kept>,
    /// Why entries could not be placed.
    pub faults: Vec<ImageFault>,
    /// Entries that unpackers handle differently, up to a limit.
    pub differences: Vec<Difference>,
}

/// How many differences are listed.
const DIFFERENCES_LISTED: usize = 1000;

/// An entry that unpackers handle differently. The view follows the image specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The layer of the entry.
    pub layer: usize,
    /// The entry's path.
    pub path: Vec<u8>,
    /// How unpackers differ.
    pub kind: DifferenceKind,
}

/// How unpackers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// A symbolic link of a lower layer is part of the entry's path. The view follows it; overlay drivers unpack each
    /// layer alone and put a directory in its place.
    ThroughLink,
    /// A hardlink to a file of a lower layer. In the view they share that file; overlay drivers reject the layer.
    LowerHardlink,
    /// A whiteout after the layer's own entry of that name. The view keeps the entry; others delete it.
    LateWhiteout,
    /// A whiteout and a directory of the same name. The view hides the directory's lower content; overlay drivers show
    /// it.
    WhiteoutAndDirectory,
    /// An opaque whiteout of the root. The view hides all lower layers; overlay drivers ignore it.
    OpaqueRoot,
    /// The same path twice in one layer. The view uses the later entry; docker rejects the layer.
    Duplicate,
}

/// The state of a path.
struct Node {
    /// `NONE` if the path doesn't exist now.
    inode: u32,
    /// The layer that last created or changed it.
    last_layer: u32,
    first_child: NodeId,
    next_sibling: NodeId,
    /// Whether it is in its parent's list of children, where removed nodes may remain.
    listed: bool,
    last_event: u32,
}

/// A directory, or a file that may have several names.
struct Inode {
    kind: Kind,
    mode: u16,
    uid: u32,
    gid: u32,
    /// The layer of its entry; for an implied directory, the layer that implied it.
    layer: u32,
    /// `NONE` for an implied directory.
    entry: u32,
    /// Its first name.
    node: NodeId,
    names: u32,
    hidden: bool,
}

/// A layer's creation or change of a path.
struct Event {
    layer: u32,
    inode: u32,
    previous: u32,
}

/// The metadata of a path.
#[derive(Clone, Copy, Debug)]
pub struct Stat<'a> {
    /// What it is; for a hardlink, that of its target.
    pub kind: Kind,
    /// Permission bits, setuid, setgid and sticky (07777).
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes; 0 unless it is a file.
    pub size: u64,
    /// The target of a symbolic link, or `major:minor` of a device.
    pub text: &'a [u8],
    /// The layer that shipped it; `None` for the root if no layer has an entry for it.
    pub layer: Option<usize>,
    /// The same for all names of one file.
    pub inode: u32,
    /// The number of names of the file.
    pub names: u32,
}

/// One version of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// The layer that shipped it.
    pub layer: usize,
    /// Size in bytes; 0 unless it is a file.
    pub size: u64,
    /// Whether it is the current version.
    pub visible: bool,
}

impl View {
    /// Merges layers, from the bottom up.
    pub fn new(layers: Vec<Arc<LayerFacts>>) -> View {
        merge::merge(layers)
    }

    /// Whether the limit on resolving paths was hit ([`crate::limits::LINK_STEPS`]), so that some paths are unknown.
    pub fn is_exhausted(&self) -> bool {
        self.steps.get() == 0
    }

    /// Counts one step against the limit; false if it was hit.
    fn step(&self) -> bool {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(1));
        left > 1
    }

    /// The layers that were merged.
    pub fn layers(&self) -> &[Arc<LayerFacts>] {
        &self.layers
    }

    /// The number of paths that the layers mention, and so of nodes that [`View::walk`] visits.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// All existing nodes, including the root, in no particular order.
    pub fn walk(&self) -> impl Iterator<Item = (NodeId, Stat<'_>)> {
        (0..self.nodes.len() as NodeId).filter_map(|node| Some((node, self.stat(node)?)))
    }

    /// All existing nodes, sorted by the bytes of their paths.
    pub fn sorted(&self) -> Vec<NodeId> {
        // A directory sorts by its name, its content by that name with a slash: `a`, `a-b`, `a/c`.
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

    /// The metadata of a node, or `None` if it doesn't exist.
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

    /// The parent directory of a node.
    pub fn parent(&self, node: NodeId) -> NodeId {
        self.paths.parent(node)
    }

    /// The node at this path, if it exists. Follows no links.
    pub fn at(&self, path: &[u8]) -> Option<NodeId> {
        self.paths.find(path).filter(|&node| self.nodes[node as usize].inode != NONE)
    }

    /// The child of a directory with this name, if it exists.
    pub fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        self.paths.find_child(directory, name).filter(|&node| self.nodes[node as usize].inode != NONE)
    }

    /// The existing children of a directory, in no particular order.
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

    /// All versions of a path that layers shipped, from the bottom up. A layer that only changed a directory's
    /// attributes counts.
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

    /// All versions of a file that layers shipped, from the bottom up, with their content if it was kept.
    pub fn versions(&self, node: NodeId) -> Vec<(usize, Option<&Kept>)> {
        let mut out = Vec::new();
        let mut at = self.nodes[node as usize].last_event;
        while let Some(event) = self.events.get(at as usize) {
            let inode = &self.inodes[event.inode as usize];
            let layer = inode.layer as usize;
            let kept = self.layers.get(layer).and_then(|facts| facts.kept.get(&inode.entry));
            out.push((event.layer as usize, kept.or_else(|| self.fetched.get(&(layer, inode.entry)))));
            at = event.previous;
        }
        out.reverse();
        out
    }

    /// The kept content of a file, if any.
    pub fn content(&self, node: NodeId) -> Option<&Kept> {
        let (layer, entry) = self.entry_at(node)?;
        self.layers[layer].kept.get(&entry).or_else(|| self.fetched.get(&(layer, entry)))
    }

    /// The head of a regular file, or `None` if it is neither a script with a `#!` line nor an ELF file.
    pub fn head(&self, node: NodeId) -> Option<&Head> {
        let (layer, entry) = self.entry_at(node)?;
        self.layers[layer].heads.get(&entry)
    }

    /// Adds content that a second read kept.
    pub fn add_content(&mut self, layer: usize, entry: u32, kept: Kept) {
        self.fetched.insert((layer, entry), kept);
    }

    /// The layer and index of the entry that a node comes from.
    pub fn entry_at(&self, node: NodeId) -> Option<(usize, u32)> {
        let inode = self.inodes.get(self.nodes.get(node as usize)?.inode as usize)?;
        (inode.entry != NONE).then_some((inode.layer as usize, inode.entry))
    }

    /// SHA-256 of a file's content, if it was computed.
    pub fn content_digest(&self, node: NodeId) -> Option<[u8; 32]> {
        let (layer, entry) = self.entry_at(node)?;
        self.layers[layer].content_digest(&self.layers[layer].entries[entry as usize])
    }

    /// The extended attributes of a node.
    pub fn xattrs(&self, node: NodeId) -> &[Xattr] {
        self.entry_at(node).and_then(|(layer, entry)| self.layers[layer].xattrs.get(&entry)).map_or(&[], |list| list)
    }

    fn entry_of(&self, inode: &Inode) -> Option<&Entry> {
        self.layers.get(inode.layer as usize)?.entries.get(inode.entry as usize)
    }
}
