//! The merged filesystem: what a container made from the image sees, and how each path came to be so.
//!
//! In: the facts of the layers, from the bottom up. Out: per path what is there now, who put it there, and what became
//! of what was there before. The rules are image-spec's (layer.md): a layer's whiteouts and opaque markers speak of the
//! layers below it, wherever they stand in its tar; then its entries are placed in their order. Not here: judging.

mod links;
mod merge;
pub mod waste;

pub use crate::view::links::Resolved;

use crate::model::layer_facts::Entry;
use crate::model::layer_facts::Kept;
use crate::model::layer_facts::Kind;
use crate::model::layer_facts::LayerFacts;
use crate::model::layer_facts::NONE;
use crate::model::layer_facts::Xattr;
use crate::model::path::PathId;
use crate::model::path::PathTable;
use crate::view::waste::Hidden;
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
    /// Files that a second reading brought, by layer and entry.
    brought: HashMap<(usize, u32), Kept>,
    /// Places where the layers do not fit together, as messages for people.
    pub faults: Vec<String>,
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

/// A folder, or a file that may have several names.
struct Inode {
    kind: Kind,
    mode: u16,
    uid: u32,
    gid: u32,
    /// The layer whose entry it is; for an implied folder the one that implied it.
    layer: u32,
    /// `NONE` for an implied folder.
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
    /// No layer has an entry for it: a folder that paths below it imply.
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

    /// The layers that were merged.
    pub fn layers(&self) -> &[Arc<LayerFacts>] {
        &self.layers
    }

    /// Everything that is there, the root included, in no order that means anything.
    pub fn walk(&self) -> impl Iterator<Item = (NodeId, Stat<'_>)> {
        (0..self.nodes.len() as NodeId).filter_map(|node| Some((node, self.stat(node)?)))
    }

    /// Everything that is there, sorted by the bytes of its path.
    pub fn sorted(&self) -> Vec<(Vec<u8>, NodeId)> {
        let mut all: Vec<_> = self.walk().map(|(node, _)| (self.path(node), node)).collect();
        // A slash sorts where it stands; the root comes first.
        all.sort();
        all
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

    /// The folder a node lies in.
    pub fn parent(&self, node: NodeId) -> NodeId {
        self.paths.parent(node)
    }

    /// The node at exactly this path, if something is there. No link is followed.
    pub fn at(&self, path: &[u8]) -> Option<NodeId> {
        self.paths.find(path).filter(|&node| self.nodes[node as usize].inode != NONE)
    }

    /// What is in a folder under this name.
    pub fn child(&self, folder: NodeId, name: &[u8]) -> Option<NodeId> {
        self.paths.find_child(folder, name).filter(|&node| self.nodes[node as usize].inode != NONE)
    }

    /// What is in a folder now, in no order that means anything.
    pub fn children(&self, folder: NodeId) -> impl Iterator<Item = NodeId> {
        let mut next = self.nodes[folder as usize].first_child;
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

    /// Everything that any layer shipped at a node's path, the lowest layer first. A layer that only touched a folder
    /// counts.
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
