//! Puts one layer on top of what the lower ones left.

use crate::limits;
use crate::model::layer_facts::Entry;
use crate::model::layer_facts::Kind;
use crate::model::layer_facts::LayerFacts;
use crate::model::layer_facts::NONE;
use crate::model::path;
use crate::model::path::PathId;
use crate::model::path::PathTable;
use crate::model::path::TooManyPaths;
use crate::model::text::shown_bytes;
use crate::view::Event;
use crate::view::Inode;
use crate::view::Node;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;
use crate::view::waste::Cause;
use crate::view::waste::Changed;
use crate::view::waste::Hidden;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

/// Faults that are listed; the first few tell the story.
const FAULTS_LISTED: usize = 50;

/// Merges layers, the lowest first.
pub fn merge(layers: Vec<Arc<LayerFacts>>) -> View {
    let mut view = View {
        layers: Vec::new(),
        paths: PathTable::default(),
        nodes: Vec::new(),
        inodes: Vec::new(),
        events: Vec::new(),
        hidden: Vec::new(),
        brought: HashMap::new(),
        faults: Vec::new(),
    };
    view.grow();
    let root = view.new_folder(NONE, PathTable::ROOT);
    view.nodes[PathTable::ROOT as usize].inode = root;
    for (index, facts) in layers.into_iter().enumerate() {
        view.layers.push(facts.clone());
        let mut layer = Layer {
            index: index as u32,
            own: vec![None; facts.paths.len()],
            known: vec![NONE; facts.paths.len()],
            facts: &facts,
            lost: Vec::new(),
            rescued: HashMap::new(),
            aside: HashMap::new(),
        };
        if view.apply(&mut layer).is_err() {
            view.fault(index as u32, b"", "more paths than the limit (paths)");
            break;
        }
    }
    view
}

/// The layer being applied.
struct Layer<'a> {
    index: u32,
    facts: &'a LayerFacts,
    /// What kind of entry the layer has at each of its paths, if any: the last one counts.
    own: Vec<Option<Kind>>,
    /// For each of the layer's paths the node of the same name in the view, once it has been looked up.
    known: Vec<NodeId>,
    /// Names that were taken from files.
    lost: Vec<Lost>,
    /// Files that a whiteout of this layer took away: a hardlink of the same layer may still name them.
    rescued: HashMap<NodeId, u32>,
    /// Files among AUFS metadata, which hardlinks may name: by the layer's path.
    aside: HashMap<PathId, u32>,
}

struct Lost {
    inode: u32,
    node: NodeId,
    cause: Cause,
}

/// Why one entry cannot be placed.
enum Refusal {
    /// Said of the entry; the walk goes on.
    Unplaceable(String),
    /// A bound.
    TooManyPaths,
}

impl From<TooManyPaths> for Refusal {
    fn from(_: TooManyPaths) -> Refusal {
        Refusal::TooManyPaths
    }
}

impl View {
    fn apply(&mut self, layer: &mut Layer<'_>) -> Result<(), TooManyPaths> {
        for entry in &layer.facts.entries {
            if !matches!(entry.kind, Kind::Whiteout | Kind::Opaque | Kind::Aufs | Kind::Other) {
                layer.own[entry.path as usize] = Some(entry.kind);
            }
        }
        self.take_away(layer)?;
        for (index, entry) in layer.facts.entries.iter().enumerate() {
            let index = index as u32;
            match entry.kind {
                Kind::Whiteout | Kind::Opaque | Kind::Other => continue,
                Kind::Aufs => {
                    if entry.content != NONE {
                        let inode = self.new_inode(layer.index, index, entry, PathTable::ROOT);
                        layer.aside.insert(entry.path, inode);
                    }
                    continue;
                }
                _ => {}
            }
            match self.place(layer, index, entry) {
                Ok(()) => {}
                Err(Refusal::TooManyPaths) => return Err(TooManyPaths),
                Err(Refusal::Unplaceable(why)) => {
                    let path = layer.facts.paths.path(entry.path);
                    self.fault(layer.index, &path, &why);
                    if entry.kind == Kind::File {
                        let inode = self.new_inode(layer.index, index, entry, PathTable::ROOT);
                        self.hide(layer.index, inode, PathTable::ROOT, Cause::Unplaceable, Changed::default());
                    }
                }
            }
        }
        // AUFS metadata that nothing names is shipped and never seen.
        for inode in layer.aside.values().copied().collect::<std::collections::BTreeSet<_>>() {
            if self.inodes[inode as usize].names == 0 {
                self.hide(layer.index, inode, PathTable::ROOT, Cause::Unplaceable, Changed::default());
            }
        }
        self.settle(layer);
        Ok(())
    }

    fn fault(&mut self, layer: u32, path: &[u8], why: &str) {
        if self.faults.len() < FAULTS_LISTED {
            self.faults.push(format!("layer {layer}: /{}: {why}", shown_bytes(path)));
        }
    }

    // ---- nodes and inodes

    /// Nodes for all paths that the table has.
    fn grow(&mut self) {
        while self.nodes.len() < self.paths.len() {
            self.nodes.push(Node {
                inode: NONE,
                put_by: NONE,
                first_child: NONE,
                next_sibling: NONE,
                listed: false,
                last_event: NONE,
            });
        }
    }

    fn make_child(&mut self, folder: NodeId, name: &[u8]) -> Result<NodeId, TooManyPaths> {
        let child = self.paths.child(folder, name)?;
        self.grow();
        Ok(child)
    }

    fn new_folder(&mut self, layer: u32, node: NodeId) -> u32 {
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

    fn new_inode(&mut self, layer: u32, index: u32, entry: &Entry, node: NodeId) -> u32 {
        self.inodes.push(Inode {
            kind: if entry.kind == Kind::Aufs { Kind::File } else { entry.kind },
            // A link's own bits mean nothing; every system shows 0777.
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

    fn kind(&self, node: NodeId) -> Option<Kind> {
        self.inodes.get(self.nodes[node as usize].inode as usize).map(|inode| inode.kind)
    }

    fn is_folder(&self, node: NodeId) -> bool {
        self.kind(node) == Some(Kind::Dir)
    }

    /// Gives a file or folder the name of a node, at which nothing is.
    fn bind(&mut self, node: NodeId, inode: u32, layer: u32) {
        let parent = self.paths.parent(node);
        self.inodes[inode as usize].names += u32::from(self.inodes[inode as usize].kind != Kind::Dir);
        self.nodes[node as usize].inode = inode;
        if !self.nodes[node as usize].listed && node != PathTable::ROOT {
            self.nodes[node as usize].listed = true;
            self.nodes[node as usize].next_sibling = self.nodes[parent as usize].first_child;
            self.nodes[parent as usize].first_child = node;
        }
        self.put(node, inode, layer);
    }

    /// Remembers that a layer put or touched what is at a node.
    fn put(&mut self, node: NodeId, inode: u32, layer: u32) {
        self.events.push(Event { layer, inode, previous: self.nodes[node as usize].last_event });
        let here = &mut self.nodes[node as usize];
        here.last_event = (self.events.len() - 1) as u32;
        here.put_by = layer;
    }

    /// Takes away what is at a node, and everything below it. `cause_below` says why a child goes, given why its folder
    /// goes.
    fn remove(
        &mut self,
        top: NodeId,
        cause: Cause,
        lost: &mut Vec<Lost>,
        mut cause_below: impl FnMut(NodeId, NodeId, Cause) -> Cause,
        mut taken: impl FnMut(NodeId, u32),
    ) {
        let mut todo = vec![(top, cause)];
        while let Some((node, cause)) = todo.pop() {
            let inode = std::mem::replace(&mut self.nodes[node as usize].inode, NONE);
            if inode == NONE {
                continue;
            }
            if self.inodes[inode as usize].kind == Kind::Dir {
                for child in self.take_children(node) {
                    todo.push((child, cause_below(node, child, cause)));
                }
            } else {
                self.inodes[inode as usize].names -= 1;
                taken(node, inode);
                lost.push(Lost { inode, node, cause });
            }
        }
    }

    /// Empties a folder's list of children, so that what has gone is not met again; returns those that were there.
    fn take_children(&mut self, folder: NodeId) -> Vec<NodeId> {
        let mut there = Vec::new();
        let mut next = std::mem::replace(&mut self.nodes[folder as usize].first_child, NONE);
        while next != NONE {
            let here = &mut self.nodes[next as usize];
            here.listed = false;
            if here.inode != NONE {
                there.push(next);
            }
            next = std::mem::replace(&mut here.next_sibling, NONE);
        }
        there
    }

    // ---- what a layer takes away

    /// Whiteouts and opaque markers, on what the lower layers left.
    fn take_away(&mut self, layer: &mut Layer<'_>) -> Result<(), TooManyPaths> {
        if layer.facts.counts.whiteouts + layer.facts.counts.opaque == 0 {
            return Ok(());
        }
        let mut gone: HashSet<NodeId> = HashSet::new();
        let mut opaque: HashSet<NodeId> = HashSet::new();
        let mut order = Vec::new();
        for entry in &layer.facts.entries {
            match entry.kind {
                Kind::Opaque => {
                    if let Some(folder) = self.lower_folder(layer, entry.path)
                        && opaque.insert(folder)
                    {
                        order.push((folder, true));
                    }
                }
                Kind::Whiteout => {
                    let (folder, name) = (layer.facts.paths.parent(entry.path), layer.facts.paths.name(entry.path));
                    let hidden =
                        self.lower_folder(layer, folder).and_then(|folder| self.paths.find_child(folder, name));
                    if let Some(node) = hidden
                        && gone.insert(node)
                    {
                        order.push((node, false));
                    }
                }
                _ => {}
            }
        }
        let rescue = layer.facts.counts.hardlink > 0;
        for (node, is_opaque) in order {
            let tops: Vec<(NodeId, Cause)> = match is_opaque {
                true => self
                    .take_children(node)
                    .into_iter()
                    .map(|child| (child, if gone.contains(&child) { Cause::Deleted } else { Cause::Opaque }))
                    .collect(),
                false => vec![(node, Cause::Deleted)],
            };
            for (top, cause) in tops {
                let below = |folder: NodeId, child: NodeId, inherited: Cause| {
                    if gone.contains(&child) {
                        Cause::Deleted
                    } else if opaque.contains(&folder) {
                        Cause::Opaque
                    } else if matches!(inherited, Cause::Deleted | Cause::AncestorDeleted) {
                        Cause::AncestorDeleted
                    } else {
                        inherited
                    }
                };
                let rescued = &mut layer.rescued;
                let taken = |node, inode| {
                    if rescue {
                        rescued.insert(node, inode);
                    }
                };
                self.remove(top, cause, &mut layer.lost, below, taken);
            }
        }
        Ok(())
    }

    /// The folder of the lower layers that a marker speaks of. A link on the way is followed only where this layer puts
    /// nothing there itself.
    fn lower_folder(&self, layer: &Layer<'_>, path: PathId) -> Option<NodeId> {
        let mut chain = Vec::new();
        let mut at = path;
        while at != PathTable::ROOT {
            chain.push(at);
            at = layer.facts.paths.parent(at);
        }
        let mut node = PathTable::ROOT;
        for &step in chain.iter().rev() {
            let child = self.paths.find_child(node, layer.facts.paths.name(step))?;
            match self.kind(child)? {
                Kind::Dir => node = child,
                Kind::Symlink if layer.own[step as usize].is_none() => {
                    let target = self.stat(child)?.text.to_vec();
                    let target = match target.starts_with(b"/") {
                        true => target,
                        false => path::join(&self.path(node), &target),
                    };
                    match self.resolve(&target, true) {
                        Resolved::Found(found) if self.is_folder(found) => node = found,
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        Some(node)
    }

    // ---- what a layer puts there

    fn place(&mut self, layer: &mut Layer<'_>, index: u32, entry: &Entry) -> Result<(), Refusal> {
        if entry.path == PathTable::ROOT {
            if entry.kind != Kind::Dir {
                return Err(Refusal::Unplaceable("an entry for the root that is not a folder".to_string()));
            }
            let root = self.nodes[PathTable::ROOT as usize].inode;
            self.touch(root, layer.index, index, entry);
            self.put(PathTable::ROOT, root, layer.index);
            return Ok(());
        }
        let folder = self.folder_for(layer, entry.path)?;
        let node = self.make_child(folder, layer.facts.paths.name(entry.path))?;
        let there = self.nodes[node as usize].inode;
        if entry.kind == Kind::Dir {
            if self.is_folder(node) {
                self.touch(there, layer.index, index, entry);
                self.put(node, there, layer.index);
                return Ok(());
            }
            self.replace(layer, node);
            let inode = self.new_inode(layer.index, index, entry, node);
            self.inodes[inode as usize].names = 1;
            self.bind(node, inode, layer.index);
            return Ok(());
        }
        if entry.kind == Kind::Hardlink {
            let inode = self.link_target(layer, entry, node)?;
            self.replace(layer, node);
            let target = &mut self.inodes[inode as usize];
            if target.kind != Kind::Symlink && target.entry != NONE {
                // Runtimes set the link entry's mode and owner on the file that both names share.
                (target.mode, target.uid, target.gid) = (entry.mode, entry.uid, entry.gid);
            }
            self.bind(node, inode, layer.index);
            return Ok(());
        }
        self.replace(layer, node);
        let inode = self.new_inode(layer.index, index, entry, node);
        self.bind(node, inode, layer.index);
        Ok(())
    }

    /// A folder's entry over a folder: new attributes, the same children.
    fn touch(&mut self, inode: u32, layer: u32, index: u32, entry: &Entry) {
        let inode = &mut self.inodes[inode as usize];
        (inode.mode, inode.uid, inode.gid) = (entry.mode, entry.uid, entry.gid);
        (inode.layer, inode.entry) = (layer, index);
    }

    fn replace(&mut self, layer: &mut Layer<'_>, node: NodeId) {
        if self.nodes[node as usize].inode != NONE {
            self.remove(node, Cause::Replaced, &mut layer.lost, |_, _, _| Cause::TypeChange, |_, _| {});
        }
    }

    /// What a hardlink names: a file of this layer or of one below. The last component's link is not followed (link(2)).
    fn link_target(&self, layer: &Layer<'_>, entry: &Entry, node: NodeId) -> Result<u32, Refusal> {
        let (target, _) = path::clean(layer.facts.text(entry));
        let unplaceable = |why: &str| Err(Refusal::Unplaceable(format!("{why} (/{})", shown_bytes(&target))));
        if let Some(&inode) = layer.facts.paths.find(&target).and_then(|path| layer.aside.get(&path)) {
            return Ok(inode);
        }
        let inode = match self.resolve(&target, false) {
            Resolved::Found(found) if found == node => return unplaceable("a hardlink to itself"),
            Resolved::Found(found) => self.nodes[found as usize].inode,
            _ => match self.paths.find(&target).and_then(|node| layer.rescued.get(&node)) {
                Some(&inode) => inode,
                None => return unplaceable("a hardlink to nothing"),
            },
        };
        if self.inodes[inode as usize].kind == Kind::Dir {
            return unplaceable("a hardlink to a directory");
        }
        Ok(inode)
    }

    /// The folder that an entry goes into: links on the way followed inside the image, missing folders made.
    fn folder_for(&mut self, layer: &mut Layer<'_>, path: PathId) -> Result<NodeId, Refusal> {
        let parent = layer.facts.paths.parent(path);
        // What is there has only folders above it, so a folder at the same name is the one.
        if let Some(node) = self.same_name(layer, parent)
            && self.is_folder(node)
        {
            return Ok(node);
        }
        let names = layer.facts.paths.path(parent);
        let mut todo: Vec<Vec<u8>> = names.rsplit(|&b| b == b'/').map(<[u8]>::to_vec).collect();
        let mut at = PathTable::ROOT;
        let mut links = 0;
        while let Some(name) = todo.pop() {
            match &name[..] {
                b"" | b"." => continue,
                b".." => {
                    at = self.paths.parent(at);
                    continue;
                }
                _ => {}
            }
            let child = self.make_child(at, &name)?;
            match self.kind(child) {
                None => {
                    let inode = self.new_folder(layer.index, child);
                    self.bind(child, inode, layer.index);
                    at = child;
                }
                Some(Kind::Dir) => at = child,
                Some(Kind::Symlink) => {
                    links += 1;
                    if links > limits::SYMLINKS {
                        return Err(Refusal::Unplaceable("a loop of symbolic links on the way to it".to_string()));
                    }
                    let target = self.stat(child).map_or(Vec::new(), |stat| stat.text.to_vec());
                    if target.starts_with(b"/") {
                        at = PathTable::ROOT;
                    }
                    todo.extend(target.rsplit(|&b| b == b'/').map(<[u8]>::to_vec));
                }
                Some(_) => {
                    let place = shown_bytes(&self.path(child));
                    return Err(Refusal::Unplaceable(format!("/{place} on the way to it is not a directory")));
                }
            }
        }
        Ok(at)
    }

    /// The node of the same name in the view, if any path has been there.
    fn same_name(&self, layer: &mut Layer<'_>, path: PathId) -> Option<NodeId> {
        if path == PathTable::ROOT {
            return Some(PathTable::ROOT);
        }
        // Upwards to the nearest path whose node is known, then down again.
        let mut chain = Vec::new();
        let mut at = path;
        while at != PathTable::ROOT && layer.known[at as usize] == NONE {
            chain.push(at);
            at = layer.facts.paths.parent(at);
        }
        let mut node = if at == PathTable::ROOT { PathTable::ROOT } else { layer.known[at as usize] };
        for step in chain.into_iter().rev() {
            node = self.paths.find_child(node, layer.facts.paths.name(step))?;
            layer.known[step as usize] = node;
        }
        Some(node)
    }

    // ---- what has become of what was there

    /// Files that lost their last name in this layer, and why.
    fn settle(&mut self, layer: &mut Layer<'_>) {
        let mut last: HashMap<u32, Lost> = HashMap::new();
        let mut order = Vec::new();
        for lost in std::mem::take(&mut layer.lost) {
            let inode = &self.inodes[lost.inode as usize];
            if inode.kind != Kind::File || inode.names > 0 || inode.hidden {
                continue;
            }
            match last.get_mut(&lost.inode) {
                None => {
                    order.push(lost.inode);
                    last.insert(lost.inode, lost);
                }
                // Of several names the first one it had counts, else the smallest.
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

    fn cause(&self, layer: u32, lost: &Lost) -> (Cause, Changed) {
        let here = &self.nodes[lost.node as usize];
        let Some(new) = self.inodes.get(here.inode as usize).filter(|_| here.put_by == layer) else {
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
