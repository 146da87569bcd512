//! Where a program is started: the process it runs as, its working directory, its variables.
//!
//! Not here: which program.

use crate::facts::Facts;
use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Actor;
use crate::facts::access::Capabilities;
use crate::facts::access::Doubt;
use crate::facts::access::Reach;
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
use crate::view::View;

/// Where a program is started.
#[derive(Clone)]
pub struct ProcessContext<'a> {
    /// The image.
    pub facts: &'a Facts<'a>,
    /// Its files.
    pub view: &'a View,
    /// The process.
    pub actor: Actor,
    /// Its user's name in passwd.
    pub user: Option<String>,
    /// The working directory, as a path with a leading slash.
    pub cwd: Vec<u8>,
    /// What it sees of variables; `PATH` and `HOME` are always among them.
    pub variables: Variables,
}

/// Something that a program needs before it can do its work: a module, a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is there and may be read.
    Met(NodeId),
    /// It is not.
    Unmet(Missing),
    /// The bytes do not say.
    Open(Undecided),
}

/// What is missing or out of reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The thing, harmless to show, for the finding's subject: a path, a module.
    pub subject: String,
    /// The fact, a clause harmless to show: `there is no module main in /app`.
    pub what: String,
    /// What blocks or lies wrong, if something does.
    pub place: Option<NodeId>,
}

/// What runtimes set where the image does not (moby, `oci/defaults.go`).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A user's home; open where only the account files could tell, and they were denied.
pub fn home(user: &User) -> String {
    user.home.clone().unwrap_or_else(|| shell::OPEN.to_string())
}

impl<'a> Facts<'a> {
    /// Where the image's commands start; an error where no container does.
    pub fn process(&'a self, capabilities: Capabilities) -> Result<ProcessContext<'a>, Undecided> {
        let never = |field: &str, why: &str| Undecided::unknowable(field, format!("no container starts: {why}"));
        let run = &self.image().config.run;
        if run.working_dir.len() > limits::LINK_BYTES {
            return Err(never("config.WorkingDir", "the path is longer than any that Linux takes"));
        }
        if !fits(&run.env) {
            return Err(never("config.Env", "the variables are longer than Linux hands to a program"));
        }
        ProcessContext::of(self, capabilities).map_err(|problem| match problem {
            UserProblem::Undecided(question) => question,
            UserProblem::Unknown(why) => never("config.User", &why),
        })
    }
}

/// Whether Linux hands these texts to a program (execve(2), "Limits on size of arguments and environment").
pub fn fits(texts: &[String]) -> bool {
    texts.iter().all(|text| text.len() < limits::ARGUMENT_BYTES)
        && texts.iter().map(|text| text.len() + 1 + size_of::<usize>()).sum::<usize>() <= limits::ARGUMENTS_BYTES
}

impl<'a> ProcessContext<'a> {
    /// Where the config's command and its health check start.
    pub fn of(facts: &'a Facts<'a>, capabilities: Capabilities) -> Result<ProcessContext<'a>, UserProblem> {
        Ok(ProcessContext::as_user(facts, facts.view()?, &facts.user()?, capabilities))
    }

    /// The same where the user is not root; `None` for root, and for a user that no container starts with.
    pub fn of_plain_user(facts: &'a Facts<'a>) -> Result<Option<ProcessContext<'a>>, Undecided> {
        let view = facts.view()?;
        Ok(facts.plain_user()?.map(|user| ProcessContext::as_user(facts, view, &user, Capabilities::Docker)))
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

    /// The working directory's node; `None` where the image has none, and the runtime makes an empty one.
    pub fn cwd_node(&self) -> Option<NodeId> {
        match self.view.resolve(&self.cwd, true) {
            crate::view::Resolved::Found(node) => Some(node),
            _ => None,
        }
    }

    /// Follows a path, from the working directory where it has no leading slash.
    pub fn reach(&self, path: &[u8]) -> Reach {
        self.reach_as(&self.actor, path)
    }

    /// Follows a path as another process would.
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

    /// A path with a leading slash.
    pub fn absolute(&self, path: &[u8]) -> Vec<u8> {
        if path.starts_with(b"/") {
            return path.to_vec();
        }
        [&self.cwd[..], if self.cwd.ends_with(b"/") { b"" } else { b"/" }, path].concat()
    }

    /// What lies at a path, as another process reaches it; `name` begins the clause that says why nothing does.
    pub fn find_as(&self, actor: &Actor, path: &[u8], name: &str) -> Need {
        let subject = format!("/{}", shown_bytes(self.absolute(path).strip_prefix(b"/").unwrap_or_default()));
        let (what, place) = match self.reach_as(actor, path) {
            Reach::Found(node) => return Need::Met(node),
            Reach::Open(doubt) => return Need::Open(self.doubt(subject, doubt)),
            Reach::Closed(directory) => {
                let closed = self.describe(directory);
                (format!("lies behind {closed}, which {} may not enter", self.who()), Some(directory))
            }
            Reach::Missing(Some(link)) => {
                let text = shown_bytes(self.view.stat(link).map_or(b"", |stat| stat.text));
                (format!("leads through the link {} to {text}, which is not there", self.name(link)), Some(link))
            }
            Reach::Missing(None) => ("does not exist".to_string(), None),
            Reach::Loop => ("is a loop of symbolic links".to_string(), None),
            Reach::NotDirectory => ("leads through something that is no directory".to_string(), None),
            Reach::TooLong => ("is a longer path than Linux takes".to_string(), None),
        };
        Need::Unmet(Missing { subject, what: format!("{name} {what}"), place })
    }

    /// Whether a file at a path is there and may be read; `what` names it in the clause that says it is not.
    pub fn readable(&self, path: &[u8], what: &str) -> Need {
        let subject = format!("/{}", shown_bytes(self.absolute(path).strip_prefix(b"/").unwrap_or_default()));
        let name = format!("{what} {subject}");
        let need = self.find_as(&self.actor, path, &name);
        let Need::Met(node) = need else { return need };
        match access::access(self.view, node, &self.actor, Want::Read) {
            Access::Yes => Need::Met(node),
            Access::No => {
                let what = format!("{name} may not be read by {}", self.who());
                Need::Unmet(Missing { subject, what, place: Some(node) })
            }
            Access::Unknown => Need::Open(self.unknown_rights(node)),
        }
    }

    /// The process in words: `uid 1000 (app)`.
    pub fn who(&self) -> String {
        match &self.user {
            Some(name) => format!("uid {} ({name})", self.actor.uid),
            None => format!("uid {}", self.actor.uid),
        }
    }

    /// A node's path in words, with a leading slash.
    pub fn name(&self, node: NodeId) -> String {
        format!("/{}", shown_bytes(&self.view.path(node)))
    }

    /// A node in words, with mode and owner: `/root (mode 0700, owner 0:0)`.
    pub fn describe(&self, node: NodeId) -> String {
        match self.view.stat(node) {
            Some(stat) => format!("{} (mode {:04o}, owner {}:{})", self.name(node), stat.mode, stat.uid, stat.gid),
            None => self.name(node),
        }
    }

    /// The question that is left open by a path that leads nobody knows where.
    pub fn doubt(&self, subject: impl Into<String>, doubt: Doubt) -> Undecided {
        match doubt {
            Doubt::Rights(node) => self.unknown_rights(node),
            Doubt::Mounted => Undecided::unknowable(subject, "the runtime mounts its own files there"),
            Doubt::Exhausted => {
                Undecided::denied(subject, "its path leads through more links than the limit (link steps)")
            }
        }
    }

    /// The question that an access control list leaves open.
    pub fn unknown_rights(&self, node: NodeId) -> Undecided {
        let reason = match self.actor.has_unknown_groups {
            true => "which groups the user is in decides who may use it, and /etc/passwd could not be read",
            false => "an access control list decides who may use it, and it is not read here",
        };
        Undecided::unknowable(self.name(node), reason)
    }
}
