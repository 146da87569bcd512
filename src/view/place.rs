//! Places a layer's entries in the view.

use crate::limits;
use crate::model::layer_facts::Entry;
use crate::model::layer_facts::Kind;
use crate::model::layer_facts::NONE;
use crate::model::path;
use crate::model::path::PathId;
use crate::model::path::PathTable;
use crate::model::text::shown_bytes;
use crate::view::DifferenceKind;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;
use crate::view::merge::Layer;
use crate::view::merge::PlaceError;
use crate::view::waste::Cause;

impl View {
    /// Places one entry.
    pub(super) fn place(&mut self, layer: &mut Layer<'_>, index: u32, entry: &Entry) -> Result<(), PlaceError> {
        if entry.path == PathTable::ROOT {
            if entry.kind != Kind::Dir {
                return Err(PlaceError::Unplaceable("an entry for the root that is not a directory".to_string()));
            }
            let root = self.nodes[PathTable::ROOT as usize].inode;
            self.update_directory(root, layer.index, index, entry);
            self.record_event(PathTable::ROOT, root, layer.index);
            return Ok(());
        }
        let directory = self.directory_for(layer, entry.path)?;
        let node = self.make_child(directory, layer.facts.paths.name(entry.path))?;
        let existing = self.nodes[node as usize].inode;
        if entry.kind == Kind::Dir {
            if self.is_directory(node) {
                self.update_directory(existing, layer.index, index, entry);
                self.record_event(node, existing, layer.index);
                return Ok(());
            }
            self.replace(layer, node);
            let inode = self.new_inode(layer.index, index, entry, node);
            self.inodes[inode as usize].names = 1;
            self.attach(node, inode, layer.index);
            return Ok(());
        }
        if entry.kind == Kind::Hardlink {
            let inode = self.link_target(layer, entry, node)?;
            if self.inodes[inode as usize].layer != layer.index {
                self.record_difference(layer, entry.path, DifferenceKind::LowerHardlink);
            }
            self.replace(layer, node);
            let target = &mut self.inodes[inode as usize];
            if target.kind != Kind::Symlink && target.entry != NONE {
                // Runtimes apply the hardlink entry's mode and owner to the shared file.
                (target.mode, target.uid, target.gid) = (entry.mode, entry.uid, entry.gid);
            }
            self.attach(node, inode, layer.index);
            return Ok(());
        }
        self.replace(layer, node);
        let inode = self.new_inode(layer.index, index, entry, node);
        self.attach(node, inode, layer.index);
        Ok(())
    }

    /// Applies an entry for an existing directory: new attributes, same children.
    fn update_directory(&mut self, inode: u32, layer: u32, index: u32, entry: &Entry) {
        let inode = &mut self.inodes[inode as usize];
        (inode.mode, inode.uid, inode.gid) = (entry.mode, entry.uid, entry.gid);
        (inode.layer, inode.entry) = (layer, index);
    }

    fn replace(&mut self, layer: &mut Layer<'_>, node: NodeId) {
        if self.nodes[node as usize].inode != NONE {
            self.remove(node, Cause::Replaced, &mut layer.lost_names, |_, _, _| Cause::TypeChange, |_, _| {});
        }
    }

    /// The file that a hardlink refers to, in this layer or below. A symbolic link as last component isn't followed
    /// (link(2)).
    fn link_target(&self, layer: &Layer<'_>, entry: &Entry, node: NodeId) -> Result<u32, PlaceError> {
        let (target, _) = path::clean(layer.facts.text(entry));
        let unplaceable = |why: &str| Err(PlaceError::Unplaceable(format!("{why} (/{})", shown_bytes(&target))));
        if let Some(&inode) = layer.facts.paths.find(&target).and_then(|path| layer.aufs_files.get(&path)) {
            return Ok(inode);
        }
        let inode = match self.resolve(&target, false) {
            Resolved::Found(found) if found == node => return unplaceable("a hardlink to itself"),
            Resolved::Found(found) => self.nodes[found as usize].inode,
            _ => match self
                .paths
                .find(&target)
                .filter(|&other| other != node)
                .and_then(|other| layer.whited_out.get(&other))
            {
                Some(&inode) => inode,
                None => return unplaceable("a hardlink to a missing file"),
            },
        };
        if self.inodes[inode as usize].kind == Kind::Dir {
            return unplaceable("a hardlink to a directory");
        }
        Ok(inode)
    }

    /// The directory to place an entry in. Follows links inside the image and creates missing directories.
    fn directory_for(&mut self, layer: &mut Layer<'_>, path: PathId) -> Result<NodeId, PlaceError> {
        let parent = layer.facts.paths.parent(path);
        // Existing nodes have only directories above them, so a directory at the same path needs no resolving.
        if let Some(node) = self.same_name(layer, parent)
            && self.is_directory(node)
        {
            return Ok(node);
        }
        let names = layer.facts.paths.path(parent);
        let mut todo: Vec<Vec<u8>> = names.rsplit(|&b| b == b'/').map(<[u8]>::to_vec).collect();
        let mut at = PathTable::ROOT;
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if !self.step() {
                return Err(PlaceError::Unplaceable(
                    "more path components to resolve than the limit (link steps)".to_string(),
                ));
            }
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
                    let inode = self.new_directory(layer.index, child);
                    self.attach(child, inode, layer.index);
                    at = child;
                }
                Some(Kind::Dir) => at = child,
                Some(Kind::Symlink) => {
                    links += 1;
                    if links > limits::SYMLINKS {
                        return Err(PlaceError::Unplaceable("its path has a loop of symbolic links".to_string()));
                    }
                    if self.nodes[child as usize].last_layer != layer.index {
                        self.record_difference(layer, path, DifferenceKind::ThroughLink);
                    }
                    let target = self.stat(child).map_or(Vec::new(), |stat| stat.text.to_vec());
                    if target.starts_with(b"/") {
                        at = PathTable::ROOT;
                    }
                    todo.extend(target.rsplit(|&b| b == b'/').map(<[u8]>::to_vec));
                }
                Some(_) => {
                    let place = shown_bytes(&self.path(child));
                    return Err(PlaceError::Unplaceable(format!("/{place} is not a directory")));
                }
            }
        }
        Ok(at)
    }

    /// The node of the same path in the view, if there is one.
    fn same_name(&self, layer: &mut Layer<'_>, path: PathId) -> Option<NodeId> {
        if path == PathTable::ROOT {
            return Some(PathTable::ROOT);
        }
        // Find the nearest ancestor whose node is known, then descend from it.
        let mut chain = Vec::new();
        let mut at = path;
        while at != PathTable::ROOT && layer.known_nodes[at as usize] == NONE {
            chain.push(at);
            at = layer.facts.paths.parent(at);
        }
        let mut node = if at == PathTable::ROOT { PathTable::ROOT } else { layer.known_nodes[at as usize] };
        for step in chain.into_iter().rev() {
            node = self.paths.find_child(node, layer.facts.paths.name(step))?;
            layer.known_nodes[step as usize] = node;
        }
        Some(node)
    }
}
