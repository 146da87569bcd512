//! Linux's permission checks for one process, along whole paths.
//!
//! path_resolution(7), "Permissions": only one class applies, the owner's, else the group's, else the others'. A
//! process with CAP_DAC_OVERRIDE (capabilities(7)) passes every check, but can only execute files that have an x bit.
//! Access control lists aren't read: they make the answer unknown. Not here: who the process is (`accounts`).

use crate::facts::accounts::User;
use crate::limits;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;

/// The capabilities that a container gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capabilities {
    /// Docker's defaults: root overrides permissions, and so does the runtime until it has started the program.
    #[default]
    Docker,
    /// None, as Kubernetes' restricted profile requires: not even root overrides permissions.
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
    /// Whether it may be in groups that aren't in `groups`.
    pub has_unknown_groups: bool,
    /// Whether it has CAP_DAC_OVERRIDE.
    pub overrides: bool,
}

impl Actor {
    /// A process that runs as `user`.
    pub fn of(user: &User, capabilities: Capabilities) -> Actor {
        let overrides = user.uid == 0 && capabilities == Capabilities::Docker;
        Actor {
            uid: user.uid,
            gid: user.gid,
            groups: user.groups.clone(),
            has_unknown_groups: user.groups_unknown.is_some(),
            overrides,
        }
    }

    /// The same process while it still holds root's capabilities.
    pub fn overriding(&self) -> Actor {
        Actor { overrides: true, ..self.clone() }
    }
}

/// The access that a process wants. The value is its bit within one class of the mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Read a file, or list a directory.
    Read = 4,
    /// Change a file, or the entries of a directory.
    Write = 2,
    /// Execute a file, or traverse a directory.
    Execute = 1,
}

/// Whether access is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Allowed.
    Yes,
    /// Denied.
    No,
    /// It depends on an access control list or on unknown groups.
    Unknown,
}

/// Whether `actor` has the access `want` to a node.
pub fn access(view: &View, node: NodeId, actor: &Actor, want: Want) -> Access {
    let Some(stat) = view.stat(node) else { return Access::No };
    if actor.overrides {
        let needs_bit = want == Want::Execute && stat.kind != Kind::Dir;
        return if needs_bit && stat.mode & 0o111 == 0 { Access::No } else { Access::Yes };
    }
    let shift = if stat.uid == actor.uid {
        6
    } else if view.xattrs(node).iter().any(|xattr| &xattr.name[..] == b"system.posix_acl_access") {
        // The list never overrides the owner's bits (acl(5)).
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

/// Where a path leads for one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To this node; the process can traverse every directory on the way. Says nothing about access to the node itself.
    Found(NodeId),
    /// To nothing. The node is the last symbolic link on the way, if any.
    Missing(Option<NodeId>),
    /// Through a loop of symbolic links, or more links than Linux follows.
    Loop,
    /// Through something that is not a directory.
    NotDirectory,
    /// The path is longer than Linux accepts.
    TooLong,
    /// The process can't traverse this directory.
    Blocked(NodeId),
    /// Unknown.
    Unknown(Uncertainty),
}

/// Why it is unknown where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncertainty {
    /// Traversing this directory depends on an access control list or on unknown groups.
    Permissions(NodeId),
    /// The path is in a directory that the runtime mounts over: `/proc`, `/sys`, `/dev`.
    RuntimeMount,
    /// It goes through more links than the limit ([`limits::LINK_STEPS`]).
    LinkLimit,
}

/// Follows a path as `actor`. A relative path starts at the directory `from`.
pub fn reach(view: &View, actor: &Actor, from: NodeId, path: &[u8]) -> Reach {
    if path.len() > limits::LINK_BYTES {
        return Reach::TooLong;
    }
    let mut stop = Reach::Loop;
    let followed = view.follow(from, path, true, |directory| {
        if is_mounted(view, directory) {
            stop = Reach::Unknown(Uncertainty::RuntimeMount);
            return false;
        }
        match access(view, directory, actor, Want::Execute) {
            Access::Yes => return true,
            Access::No => stop = Reach::Blocked(directory),
            Access::Unknown => stop = Reach::Unknown(Uncertainty::Permissions(directory)),
        }
        false
    });
    match followed.end {
        Ok(Resolved::Found(node)) => Reach::Found(node),
        Ok(Resolved::Missing) => Reach::Missing(followed.link),
        Ok(Resolved::Loop) => Reach::Loop,
        Ok(Resolved::Exhausted) => Reach::Unknown(Uncertainty::LinkLimit),
        Ok(Resolved::NotDirectory) => Reach::NotDirectory,
        Err(_) => stop,
    }
}

/// Whether a runtime mounts a filesystem over this top-level directory (runtime-spec, config-linux.md, "Default
/// Filesystems").
pub fn is_mounted(view: &View, directory: NodeId) -> bool {
    view.parent(directory) == PathTable::ROOT && matches!(view.name(directory), b"proc" | b"sys" | b"dev")
}
