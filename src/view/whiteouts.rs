//! Whiteouts: how a layer removes files of the layers below it.
//!
//! `.wh.NAME` hides NAME; `.wh..wh..opq` hides all siblings. Both apply to lower layers only: entries of the same layer
//! stay, whatever their order in its tar (image-spec, layer.md, "Whiteouts", "Opaque Whiteout"). Not here: recording
//! hidden files (`merge`).

use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::path::PathId;
use crate::model::path::PathTable;
use crate::model::path::TooManyPaths;
use crate::view::DifferenceKind;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;
use crate::view::merge::Layer;
use crate::view::waste::Cause;
use std::collections::HashSet;

impl View {
    /// Applies whiteouts and opaque whiteouts to the lower layers.
    pub(super) fn apply_whiteouts(&mut self, layer: &mut Layer<'_>) -> Result<(), TooManyPaths> {
        if layer.facts.counts.whiteouts + layer.facts.counts.opaque == 0 {
            return Ok(());
        }
        let mut deleted: HashSet<NodeId> = HashSet::new();
        let mut opaque: HashSet<NodeId> = HashSet::new();
        let mut order = Vec::new();
        for (index, entry) in layer.facts.entries.iter().enumerate() {
            match entry.kind {
                Kind::Opaque => {
                    if entry.path == PathTable::ROOT {
                        self.record_difference(layer, entry.path, DifferenceKind::OpaqueRoot);
                    }
                    if let Some(directory) = self.lower_directory(layer, entry.path)
                        && opaque.insert(directory)
                    {
                        order.push((directory, true));
                    }
                }
                Kind::Whiteout => {
                    match layer.own_entries[entry.path as usize] {
                        Some((_, first)) if first < index as u32 => {
                            self.record_difference(layer, entry.path, DifferenceKind::LateWhiteout);
                        }
                        Some((Kind::Dir, _)) => {
                            self.record_difference(layer, entry.path, DifferenceKind::WhiteoutAndDirectory)
                        }
                        _ => {}
                    }
                    let (directory, name) = (layer.facts.paths.parent(entry.path), layer.facts.paths.name(entry.path));
                    let hidden = self
                        .lower_directory(layer, directory)
                        .and_then(|directory| self.paths.find_child(directory, name));
                    if let Some(node) = hidden
                        && deleted.insert(node)
                    {
                        order.push((node, false));
                    }
                }
                _ => {}
            }
        }
        let has_hardlinks = layer.facts.counts.hardlink > 0;
        for (node, is_opaque) in order {
            let tops: Vec<(NodeId, Cause)> = if is_opaque {
                self.take_children(node)
                    .into_iter()
                    .map(|child| (child, if deleted.contains(&child) { Cause::Deleted } else { Cause::Opaque }))
                    .collect()
            } else {
                vec![(node, Cause::Deleted)]
            };
            for (top, cause) in tops {
                let below = |directory: NodeId, child: NodeId, inherited: Cause| {
                    if deleted.contains(&child) {
                        Cause::Deleted
                    } else if opaque.contains(&directory) {
                        Cause::Opaque
                    } else if matches!(inherited, Cause::Deleted | Cause::AncestorDeleted) {
                        Cause::AncestorDeleted
                    } else {
                        inherited
                    }
                };
                let whited_out = &mut layer.whited_out;
                let removed = |node, inode| {
                    if has_hardlinks {
                        whited_out.insert(node, inode);
                    }
                };
                self.remove(top, cause, &mut layer.lost_names, below, removed);
            }
        }
        Ok(())
    }

    /// The directory of the lower layers that a whiteout applies to. A symbolic link in its path is followed only if
    /// this layer has no entry for it.
    fn lower_directory(&mut self, layer: &Layer<'_>, path: PathId) -> Option<NodeId> {
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
                Kind::Symlink if layer.own_entries[step as usize].is_none() => {
                    self.record_difference(layer, path, DifferenceKind::ThroughLink);
                    let target = self.stat(child)?.text.to_vec();
                    let target = if target.starts_with(b"/") { target } else { path::join(&self.path(node), &target) };
                    match self.resolve(&target, true) {
                        Resolved::Found(found) if self.is_directory(found) => node = found,
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        Some(node)
    }
}
