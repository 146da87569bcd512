//! Applies a layer to the view of the layers below it: first its whiteouts (`whiteouts`), then its entries (`place`).
//! Finally records which files it has hidden.

use crate::limits;
use crate::model::fault::ImageFault;
use crate::model::fault::LayerFault;
use crate::model::layer_facts::Entry;
use crate::model::layer_facts::Kind;
use crate::model::layer_facts::LayerFacts;
use crate::model::layer_facts::NONE;
use crate::model::path::PathId;
use crate::model::path::PathTable;
use crate::model::path::TooManyPaths;
use crate::view::DIFFERENCES_LISTED;
use crate::view::Difference;
use crate::view::DifferenceKind;
use crate::view::Event;
use crate::view::Inode;
use crate::view::Node;
use crate::view::NodeId;
use crate::view::View;
use crate::view::waste::Cause;
use crate::view::waste::Changed;
use crate::view::waste::Hidden;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

/// How many faults are listed.
const FAULTS_LISTED: usize = 50;

/// Merges layers, from the bottom up.
pub fn merge(layers: Vec<Arc<LayerFacts>>) -> View {
    let mut view = View {
        layers: Vec::new(),
        paths: PathTable::default(),
        nodes: Vec::new(),
        inodes: Vec::new(),
        events: Vec::new(),
        hidden: Vec::new(),
        steps: Cell::new(limits::LINK_STEPS),
        fetched: HashMap::new(),
        faults: Vec::new(),
        differences: Vec::new(),
    };
    view.add_missing_nodes();
    let root = view.new_directory(NONE, PathTable::ROOT);
    view.nodes[PathTable::ROOT as usize].inode = root;
    let entries: u64 = layers.iter().map(|facts| facts.entries.len() as u64).sum();
    if entries > limits::IMAGE_ENTRIES {
        view.faults.push(ImageFault::Limit(format!(
            "its layers have {entries} entries in total, over the limit of {} (image entries)",
            limits::IMAGE_ENTRIES
        )));
        return view;
    }
    for (index, facts) in layers.into_iter().enumerate() {
        view.layers.push(facts.clone());
        let mut layer = Layer {
            index: index as u32,
            own_entries: vec![None; facts.paths.len()],
            known_nodes: vec![NONE; facts.paths.len()],
            facts: &facts,
            lost_names: Vec::new(),
            whited_out: HashMap::new(),
            aufs_files: HashMap::new(),
        };
        if view.apply(&mut layer).is_err() {
            view.record_fault(index as u32, b"", "more paths than the limit (paths)");
            break;
        }
    }
    view
}

/// The layer being applied.
pub(super) struct Layer<'a> {
    pub(super) index: u32,
    pub(super) facts: &'a LayerFacts,
    /// For each of the layer's paths, the kind of its last entry and the index of its first; `None` if it has no entry.
    pub(super) own_entries: Vec<Option<(Kind, u32)>>,
    /// For each of the layer's paths, the node of the same path in the view once it has been looked up.
    pub(super) known_nodes: Vec<NodeId>,
    /// Names that this layer removes from files.
    pub(super) lost_names: Vec<LostName>,
    /// Files that a whiteout of this layer removed; a hard link in the same layer may still refer to them.
    pub(super) whited_out: HashMap<NodeId, u32>,
    /// Files in AUFS metadata by their path in the layer; hard links may refer to them.
    pub(super) aufs_files: HashMap<PathId, u32>,
}

/// A name that a file has lost.
pub(super) struct LostName {
    pub(super) inode: u32,
    pub(super) node: NodeId,
    pub(super) cause: Cause,
}

/// Why an entry can't be placed.
pub(super) enum PlaceError {
    /// The entry is invalid; the others can still be placed.
    Unplaceable(String),
    /// A limit was hit.
    TooManyPaths,
}

impl From<TooManyPaths> for PlaceError {
    fn from(_: TooManyPaths) -> PlaceError {
        PlaceError::TooManyPaths
    }
}

impl View {
    fn apply(&mut self, layer: &mut Layer<'_>) -> Result<(), TooManyPaths> {
        for (index, entry) in layer.facts.entries.iter().enumerate() {
            if !matches!(entry.kind, Kind::Whiteout | Kind::Opaque | Kind::Aufs | Kind::Other) {
                let before = layer.own_entries[entry.path as usize];
                if before.is_some() && entry.path != PathTable::ROOT {
                    self.record_difference(layer, entry.path, DifferenceKind::Duplicate);
                }
                let first = before.map_or(index as u32, |(_, first)| first);
                layer.own_entries[entry.path as usize] = Some((entry.kind, first));
            }
        }
        self.apply_whiteouts(layer)?;
        for (index, entry) in layer.facts.entries.iter().enumerate() {
            let index = index as u32;
            match entry.kind {
                Kind::Whiteout | Kind::Opaque | Kind::Other => continue,
                Kind::Aufs => {
                    if entry.content != NONE {
                        let inode = self.new_inode(layer.index, index, entry, PathTable::ROOT);
                        if let Some(before) =
                            layer.aufs_files.insert(entry.path, inode).filter(|&i| self.inodes[i as usize].names == 0)
                        {
                            self.hide(layer.index, before, PathTable::ROOT, Cause::Unplaceable, Changed::default());
                        }
                    }
                    continue;
                }
                _ => {}
            }
            match self.place(layer, index, entry) {
                Ok(()) => {}
                Err(PlaceError::TooManyPaths) => return Err(TooManyPaths),
                Err(PlaceError::Unplaceable(why)) => {
                    let path = layer.facts.paths.path(entry.path);
                    self.record_fault(layer.index, &path, &why);
                    if entry.kind == Kind::File {
                        let inode = self.new_inode(layer.index, index, entry, PathTable::ROOT);
                        self.hide(layer.index, inode, PathTable::ROOT, Cause::Unplaceable, Changed::default());
                    }
                }
            }
        }
        // AUFS metadata that no hard link refers to ships, but is never visible.
        for inode in layer.aufs_files.values().copied().collect::<std::collections::BTreeSet<_>>() {
            if self.inodes[inode as usize].names == 0 {
                self.hide(layer.index, inode, PathTable::ROOT, Cause::Unplaceable, Changed::default());
            }
        }
        self.record_hidden(layer);
        Ok(())
    }

    pub(super) fn record_difference(&mut self, layer: &Layer<'_>, path: PathId, kind: DifferenceKind) {
        if self.differences.len() < DIFFERENCES_LISTED {
            let path = layer.facts.paths.path(path);
            self.differences.push(Difference { layer: layer.index as usize, path, kind });
        }
    }

    fn record_fault(&mut self, layer: u32, path: &[u8], why: &str) {
        if self.faults.len() < FAULTS_LISTED {
            let fault = LayerFault::Entry { path: path.to_vec(), what: why.to_string() };
            let digest = self.layers.get(layer as usize).map(|facts| facts.digest.clone());
            self.faults.push(ImageFault::Layer { index: layer as usize, digest, fault });
        }
    }

    // ---- nodes and inodes

    /// Adds nodes for new paths in the table.
    fn add_missing_nodes(&mut self) {
        while self.nodes.len() < self.paths.len() {
            self.nodes.push(Node {
                inode: NONE,
                last_layer: NONE,
                first_child: NONE,
                next_sibling: NONE,
                listed: false,
                last_event: NONE,
            });
        }
    }

    pub(super) fn make_child(&mut self, directory: NodeId, name: &[u8]) -> Result<NodeId, TooManyPaths> {
        let child = self.paths.child(directory, name)?;
        self.add_missing_nodes();
        Ok(child)
    }

    pub(super) fn new_directory(&mut self, layer: u32, node: NodeId) -> u32 {
        self.inodes.push(Inode {
            kind: Kind::Dir,
            mode: 0o755,
            uid: 0,
            gid: 0,
            layer,
            entry: NONE,
            node,
            names: 1,
            hidden: false,
        });
        (self.inodes.len() - 1) as u32
    }

    pub(super) fn new_inode(&mut self, layer: u32, index: u32, entry: &Entry, node: NodeId) -> u32 {
        self.inodes.push(Inode {
            kind: if entry.kind == Kind::Aufs { Kind::File } else { entry.kind },
            // The mode of a symbolic link is ignored; Linux shows 0777.
            mode: if entry.kind == Kind::Symlink { 0o777 } else { entry.mode },
            uid: entry.uid,
            gid: entry.gid,
            layer,
            entry: index,
            node,
            names: 0,
            hidden: false,
        });
        (self.inodes.len() - 1) as u32
    }

    pub(super) fn kind(&self, node: NodeId) -> Option<Kind> {
        self.inodes.get(self.nodes[node as usize].inode as usize).map(|inode| inode.kind)
    }

    pub(super) fn is_directory(&self, node: NodeId) -> bool {
        self.kind(node) == Some(Kind::Dir)
    }

    /// Puts a file or directory at an empty node.
    pub(super) fn attach(&mut self, node: NodeId, inode: u32, layer: u32) {
        let parent = self.paths.parent(node);
        self.inodes[inode as usize].names += u32::from(self.inodes[inode as usize].kind != Kind::Dir);
        self.nodes[node as usize].inode = inode;
        if !self.nodes[node as usize].listed && node != PathTable::ROOT {
            self.nodes[node as usize].listed = true;
            self.nodes[node as usize].next_sibling = self.nodes[parent as usize].first_child;
            self.nodes[parent as usize].first_child = node;
        }
        self.record_event(node, inode, layer);
    }

    /// Records that a layer created or changed the file at a node.
    pub(super) fn record_event(&mut self, node: NodeId, inode: u32, layer: u32) {
        self.events.push(Event { layer, inode, previous: self.nodes[node as usize].last_event });
        let here = &mut self.nodes[node as usize];
        here.last_event = (self.events.len() - 1) as u32;
        here.last_layer = layer;
    }

    /// Removes what is at a node and everything below it. `cause_below` returns why a child is removed, given why its
    /// directory is removed; `removed` is called for each file.
    pub(super) fn remove(
        &mut self,
        top: NodeId,
        cause: Cause,
        lost_names: &mut Vec<LostName>,
        mut cause_below: impl FnMut(NodeId, NodeId, Cause) -> Cause,
        mut removed: impl FnMut(NodeId, u32),
    ) {
        let mut pending = vec![(top, cause)];
        while let Some((node, cause)) = pending.pop() {
            let inode = std::mem::replace(&mut self.nodes[node as usize].inode, NONE);
            if inode == NONE {
                continue;
            }
            if self.inodes[inode as usize].kind == Kind::Dir {
                for child in self.take_children(node) {
                    pending.push((child, cause_below(node, child, cause)));
                }
            } else {
                self.inodes[inode as usize].names -= 1;
                removed(node, inode);
                lost_names.push(LostName { inode, node, cause });
            }
        }
    }

    /// Empties a directory's list of children and returns those that exist.
    pub(super) fn take_children(&mut self, directory: NodeId) -> Vec<NodeId> {
        let mut existing = Vec::new();
        let mut next = std::mem::replace(&mut self.nodes[directory as usize].first_child, NONE);
        while next != NONE {
            let here = &mut self.nodes[next as usize];
            here.listed = false;
            if here.inode != NONE {
                existing.push(next);
            }
            next = std::mem::replace(&mut here.next_sibling, NONE);
        }
        existing
    }

    // ---- hidden files

    /// Records the files that lost their last name in this layer, and why.
    fn record_hidden(&mut self, layer: &mut Layer<'_>) {
        let mut last: HashMap<u32, LostName> = HashMap::new();
        let mut order = Vec::new();
        for lost in std::mem::take(&mut layer.lost_names) {
            let inode = &self.inodes[lost.inode as usize];
            if inode.kind != Kind::File || inode.names > 0 || inode.hidden {
                continue;
            }
            match last.get_mut(&lost.inode) {
                None => {
                    order.push(lost.inode);
                    last.insert(lost.inode, lost);
                }
                // Of several lost names, the file's original name is reported, else the one that sorts first.
                Some(known) => {
                    let first = inode.node;
                    if known.node != first && (lost.node == first || self.path(lost.node) < self.path(known.node)) {
                        *known = lost;
                    }
                }
            }
        }
        for inode in order {
            let Some(lost) = last.remove(&inode) else { continue };
            let (cause, changed) = self.cause(layer.index, &lost);
            self.hide(layer.index, inode, lost.node, cause, changed);
        }
    }

    fn cause(&self, layer: u32, lost: &LostName) -> (Cause, Changed) {
        let here = &self.nodes[lost.node as usize];
        let Some(new) = self.inodes.get(here.inode as usize).filter(|_| here.last_layer == layer) else {
            return (lost.cause, Changed::default());
        };
        if new.kind != Kind::File {
            return (Cause::TypeChange, Changed::default());
        }
        let old = &self.inodes[lost.inode as usize];
        let content = |inode: &Inode| {
            let entry = self.entry_of(inode)?;
            Some((entry.size, self.layers[inode.layer as usize].content_hash(entry)?))
        };
        if content(new) != content(old) {
            return (Cause::Replaced, Changed::default());
        }
        let changed = Changed { mode: new.mode != old.mode, owner: (new.uid, new.gid) != (old.uid, old.gid) };
        (Cause::MetadataOnly, changed)
    }

    fn hide(&mut self, by: u32, inode: u32, node: NodeId, cause: Cause, changed: Changed) {
        self.inodes[inode as usize].hidden = true;
        let hidden = &self.inodes[inode as usize];
        let (layer, size) = (hidden.layer as usize, self.entry_of(hidden).map_or(0, |entry| entry.size));
        self.hidden.push(Hidden { node, size, layer, by: by as usize, cause, changed });
    }
}
