//! Who may do what: Linux's permission check for one process, walked along whole paths.
//!
//! path_resolution(7), "Permissions": one class alone counts, the owner's, then the group's, then the others'; a process
//! that may override them (CAP_DAC_OVERRIDE, capabilities(7)) passes everywhere, but executes only what has an x bit. What
//! an access control list grants is not read: undecided. Not here: who the process is (`accounts`).

use crate::facts::accounts::User;
use crate::limits;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;

/// The capabilities that containers get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capabilities {
    /// Docker's defaults: root, and the runtime until it has started the program, override permissions.
    #[default]
    Docker,
    /// None at all, as Kubernetes' restricted profile asks: nobody overrides permissions, root neither.
    None,
}

impl Capabilities {
    /// Every value, in the order of the discriminants.
    pub const ALL: [Capabilities; 2] = [Capabilities::Docker, Capabilities::None];
}

/// A process, as the kernel's permission check sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Its user.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its other groups.
    pub groups: Vec<u32>,
    /// Which groups it is in is not known.
    pub has_unknown_groups: bool,
    /// It holds CAP_DAC_OVERRIDE.
    pub overrides: bool,
}

impl Actor {
    /// A process that runs as this user.
    pub fn of(user: &User, capabilities: Capabilities) -> Actor {
        let overrides = user.uid == 0 && capabilities == Capabilities::Docker;
        Actor {
            uid: user.uid,
            gid: user.gid,
            groups: user.groups.clone(),
            has_unknown_groups: user.groups_denied.is_some(),
            overrides,
        }
    }

    /// The same process while it still holds root's capabilities.
    pub fn overriding(&self) -> Actor {
        Actor { overrides: true, ..self.clone() }
    }
}

/// What is asked for, as the bit of a class in a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Its bytes, or a directory's names.
    Read = 4,
    /// To change it; in a directory, its names.
    Write = 2,
    /// To execute it; for a directory, to enter it.
    Execute = 1,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Allowed.
    Yes,
    /// Refused.
    No,
    /// An access control list decides, or groups that are not known.
    Unknown,
}

/// Whether the actor may do this to what is at a node.
pub fn access(view: &View, node: NodeId, actor: &Actor, want: Want) -> Access {
    let Some(stat) = view.stat(node) else { return Access::No };
    if actor.overrides {
        let needs_bit = want == Want::Execute && stat.kind != Kind::Dir;
        return if needs_bit && stat.mode & 0o111 == 0 { Access::No } else { Access::Yes };
    }
    let shift = if stat.uid == actor.uid {
        6
    } else if view.xattrs(node).iter().any(|xattr| &xattr.name[..] == b"system.posix_acl_access") {
        // The owner's bits stand whatever the list says (acl(5)).
        return Access::Unknown;
    } else if actor.has_unknown_groups && (stat.mode >> 3) & want as u16 != stat.mode & want as u16 {
        return Access::Unknown;
    } else if stat.gid == actor.gid || actor.groups.contains(&stat.gid) {
        3
    } else {
        0
    };
    if (stat.mode >> shift) & want as u16 != 0 { Access::Yes } else { Access::No }
}

/// Where a path leads for one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To this, by directories that may be entered. What may be done with it is another question.
    Found(NodeId),
    /// To nothing; behind this symbolic link, if one was the last.
    Missing(Option<NodeId>),
    /// Round in circles, or through more links than Linux follows.
    Loop,
    /// Through something that is no directory.
    NotDirectory,
    /// Longer than any path that Linux takes.
    TooLong,
    /// To this directory, which the actor may not enter.
    Closed(NodeId),
    /// Not known here.
    Open(Doubt),
}

/// Why it is not known where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The access control list of this directory decides, or groups that are not known.
    Rights(NodeId),
    /// It lies in a directory that the runtime mounts over: `/proc`, `/sys`, `/dev`.
    Mounted,
    /// The bound on following links was hit ([`limits::LINK_STEPS`]).
    Exhausted,
}

/// Follows a path for one actor, from the directory `from` where it has no leading slash.
pub fn reach(view: &View, actor: &Actor, from: NodeId, path: &[u8]) -> Reach {
    if path.len() > limits::LINK_BYTES {
        return Reach::TooLong;
    }
    let mut why = Reach::Loop;
    let followed = view.follow(from, path, true, |directory| {
        if is_mounted(view, directory) {
            why = Reach::Open(Doubt::Mounted);
            return false;
        }
        match access(view, directory, actor, Want::Execute) {
            Access::Yes => return true,
            Access::No => why = Reach::Closed(directory),
            Access::Unknown => why = Reach::Open(Doubt::Rights(directory)),
        }
        false
    });
    match followed.end {
        Ok(Resolved::Found(node)) => Reach::Found(node),
        Ok(Resolved::Missing) => Reach::Missing(followed.link),
        Ok(Resolved::Loop) => Reach::Loop,
        Ok(Resolved::Exhausted) => Reach::Open(Doubt::Exhausted),
        Ok(Resolved::NotDirectory) => Reach::NotDirectory,
        Err(_) => why,
    }
}

/// Whether a runtime mounts its own over this directory, or over one above it (runtime-spec, config-linux.md, "Default
/// Filesystems").
pub fn is_mounted(view: &View, directory: NodeId) -> bool {
    view.parent(directory) == PathTable::ROOT && matches!(view.name(directory), b"proc" | b"sys" | b"dev")
}
