//! The context that a program starts in: the process, its working directory, its environment variables.
//!
//! Not here: which program starts.

use crate::facts::Facts;
use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Actor;
use crate::facts::access::Capabilities;
use crate::facts::access::Reach;
use crate::facts::access::Uncertainty;
use crate::facts::access::Want;
use crate::facts::accounts::User;
use crate::facts::accounts::UserProblem;
use crate::facts::shell;
use crate::facts::shell::Variables;
use crate::limits;
use crate::model::finding::Undecided;
use crate::model::path::PathTable;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;

/// The context that a program starts in.
#[derive(Clone)]
pub struct ProcessContext<'a> {
    /// The image.
    pub facts: &'a Facts<'a>,
    /// The merged filesystem.
    pub view: &'a View,
    /// The process.
    pub actor: Actor,
    /// The user's name in passwd.
    pub user: Option<String>,
    /// The working directory, an absolute path.
    pub cwd: Vec<u8>,
    /// The environment variables; `PATH` and `HOME` are always set.
    pub variables: Variables,
}

/// Something that a program needs to do its work: a module, a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// It exists and can be read.
    Met(NodeId),
    /// It is missing or unreachable.
    Unmet(Missing),
    /// It can't be decided.
    Undecided(Undecided),
}

/// Something that is missing or unreachable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its path or module name, escaped for display: the finding's subject.
    pub subject: String,
    /// The problem as a clause, escaped for display: `there is no module main in /app`.
    pub what: String,
    /// The file or directory that causes it, if any.
    pub place: Option<NodeId>,
}

/// The PATH that runtimes set if the image doesn't (moby, `oci/defaults.go`).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A user's home directory; undecided if the account files could not be read.
pub fn home(user: &User) -> String {
    user.home.clone().unwrap_or_else(|| shell::OPEN.to_string())
}

impl<'a> Facts<'a> {
    /// The context of the image's commands; an error if no container can start.
    pub fn process(&'a self, capabilities: Capabilities) -> Result<ProcessContext<'a>, Undecided> {
        let cannot_start =
            |field: &str, why: &str| Undecided::unknowable(field, format!("no container can start: {why}"));
        let run = &self.image().config.run;
        if run.working_dir.len() > limits::LINK_BYTES {
            return Err(cannot_start("config.WorkingDir", "the path is longer than Linux accepts"));
        }
        if !fits_argument_limits(&run.env) {
            return Err(cannot_start("config.Env", "the variables are larger than Linux passes to a program"));
        }
        ProcessContext::of(self, capabilities).map_err(|problem| match problem {
            UserProblem::Undecided(undecided) => undecided,
            UserProblem::Unknown(why) => cannot_start("config.User", &why),
        })
    }
}

/// Whether Linux passes these strings to a program (execve(2), "Limits on size of arguments and environment").
pub fn fits_argument_limits(texts: &[String]) -> bool {
    texts.iter().all(|text| text.len() < limits::ARGUMENT_BYTES)
        && texts.iter().map(|text| text.len() + 1 + size_of::<usize>()).sum::<usize>() <= limits::ARGUMENTS_BYTES
}

impl<'a> ProcessContext<'a> {
    /// The context of the config's command and health check.
    pub fn of(facts: &'a Facts<'a>, capabilities: Capabilities) -> Result<ProcessContext<'a>, UserProblem> {
        Ok(ProcessContext::as_user(facts, facts.view()?, &facts.user()?, capabilities))
    }

    /// The same if the user is not root; `None` for root, and for a user that doesn't exist.
    pub fn of_non_root_user(facts: &'a Facts<'a>) -> Result<Option<ProcessContext<'a>>, Undecided> {
        let view = facts.view()?;
        Ok(facts.non_root_user()?.map(|user| ProcessContext::as_user(facts, view, &user, Capabilities::Docker)))
    }

    fn as_user(facts: &'a Facts<'a>, view: &'a View, user: &User, capabilities: Capabilities) -> ProcessContext<'a> {
        let run = &facts.image().config.run;
        let mut variables = Variables::new(run);
        if variables.get("PATH").is_none() {
            variables.set("PATH", DEFAULT_PATH);
        }
        if variables.get("HOME").is_none_or(str::is_empty) {
            variables.set("HOME", &home(user));
        }
        let cwd = format!("/{}", run.working_dir.trim_start_matches('/')).into_bytes();
        ProcessContext { facts, view, actor: Actor::of(user, capabilities), user: user.name.clone(), cwd, variables }
    }

    /// The working directory's node; `None` if the image doesn't have it, so that the runtime creates it.
    pub fn cwd_node(&self) -> Option<NodeId> {
        match self.view.resolve(&self.cwd, true) {
            crate::view::Resolved::Found(node) => Some(node),
            _ => None,
        }
    }

    /// Follows a path; a relative one starts at the working directory.
    pub fn reach(&self, path: &[u8]) -> Reach {
        self.reach_as(&self.actor, path)
    }

    /// Follows a path as `actor`.
    pub fn reach_as(&self, actor: &Actor, path: &[u8]) -> Reach {
        if path.is_empty() {
            return Reach::Missing(None);
        }
        if path.starts_with(b"/") {
            return access::reach(self.view, actor, PathTable::ROOT, path);
        }
        match self.cwd_node() {
            Some(cwd) => access::reach(self.view, actor, cwd, path),
            None => Reach::Missing(None),
        }
    }

    /// Makes a path absolute.
    pub fn absolute(&self, path: &[u8]) -> Vec<u8> {
        if path.starts_with(b"/") {
            return path.to_vec();
        }
        [&self.cwd[..], if self.cwd.ends_with(b"/") { b"" } else { b"/" }, path].concat()
    }

    /// Finds what is at a path, as `actor`; `name` stands for it in the clause that says why it can't be reached.
    pub fn find_as(&self, actor: &Actor, path: &[u8], name: &str) -> Need {
        let subject = format!("/{}", shown_bytes(self.absolute(path).strip_prefix(b"/").unwrap_or_default()));
        let (what, place) = match self.reach_as(actor, path) {
            Reach::Found(node) => return Need::Met(node),
            Reach::Unknown(why) => return Need::Undecided(self.unknown_reach(subject, why)),
            Reach::Blocked(directory) => {
                let blocking = self.describe(directory);
                (format!("{} can't reach {name}: it can't traverse {blocking}", self.who()), Some(directory))
            }
            // A link that leads somewhere is not to blame: what is missing is behind it.
            Reach::Missing(Some(link))
                if matches!(self.view.resolve(&self.view.path(link), true), Resolved::Found(_)) =>
            {
                (format!("{name} doesn't exist"), None)
            }
            Reach::Missing(Some(link)) => {
                let text = shown_bytes(self.view.stat(link).map_or(b"", |stat| stat.text));
                let what = format!("{name} leads through the link {} to {text}, which doesn't exist", self.name(link));
                (what, Some(link))
            }
            Reach::Missing(None) => (format!("{name} doesn't exist"), None),
            Reach::Loop => (format!("{name} is a loop of symbolic links"), None),
            Reach::NotDirectory => (format!("{name} leads through something that is not a directory"), None),
            Reach::TooLong => (format!("{name} is a longer path than Linux accepts"), None),
        };
        Need::Unmet(Missing { subject, what, place })
    }

    /// Whether the file at a path exists and can be read; `what` names it in the clause that says why not.
    pub fn readable(&self, path: &[u8], what: &str) -> Need {
        let subject = format!("/{}", shown_bytes(self.absolute(path).strip_prefix(b"/").unwrap_or_default()));
        let name = format!("{what} {subject}");
        let need = self.find_as(&self.actor, path, &name);
        let Need::Met(node) = need else { return need };
        match access::access(self.view, node, &self.actor, Want::Read) {
            Access::Yes => Need::Met(node),
            Access::No => {
                let what = format!("{} can't read {name}", self.who());
                Need::Unmet(Missing { subject, what, place: Some(node) })
            }
            Access::Unknown => Need::Undecided(self.unknown_rights(node)),
        }
    }

    /// The user of the process, for messages: `uid 1000 (app)`.
    pub fn who(&self) -> String {
        match &self.user {
            Some(name) => format!("uid {} ({name})", self.actor.uid),
            None => format!("uid {}", self.actor.uid),
        }
    }

    /// A node's absolute path, for messages.
    pub fn name(&self, node: NodeId) -> String {
        format!("/{}", shown_bytes(&self.view.path(node)))
    }

    /// A node's path, mode and owner, for messages: `/root (mode 0700, owner 0:0)`.
    pub fn describe(&self, node: NodeId) -> String {
        match self.view.stat(node) {
            Some(stat) => format!("{} (mode {:04o}, owner {}:{})", self.name(node), stat.mode, stat.uid, stat.gid),
            None => self.name(node),
        }
    }

    /// The undecided question about a path that leads to an unknown place.
    pub fn unknown_reach(&self, subject: impl Into<String>, why: Uncertainty) -> Undecided {
        match why {
            Uncertainty::Permissions(node) => self.unknown_rights(node),
            Uncertainty::RuntimeMount => Undecided::unknowable(subject, "the runtime mounts its own files there"),
            Uncertainty::LinkLimit => {
                Undecided::denied(subject, "its path goes through more links than the limit (link steps)")
            }
        }
    }

    /// The undecided question about access that depends on an access control list or on unknown groups.
    pub fn unknown_rights(&self, node: NodeId) -> Undecided {
        let reason = if self.actor.has_unknown_groups {
            "access depends on the user's groups, and /etc/passwd could not be read"
        } else {
            "access depends on an access control list, which plimsoll doesn't read"
        };
        Undecided::unknowable(self.name(node), reason)
    }
}
