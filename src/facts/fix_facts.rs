//! Facts that fixes are built from: the image's accounts, and its programs that create accounts, install packages or
//! request a health page.
//!
//! They ensure that no fix needs anything that the image lacks. Not here: the wording of fixes.

use crate::facts::Facts;
use crate::facts::access::Capabilities;
use crate::facts::health::Health;
use crate::facts::process::DEFAULT_PATH;
use crate::facts::process::ProcessContext;
use crate::facts::servers::Listens;
use crate::facts::start::file_name;
use crate::limits;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;
use std::collections::HashSet;
use strsim::jaro_winkler;

/// An account of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name, harmless to show.
    pub name: String,
    /// Its uid.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
}

/// Uids that `useradd` gives to people and services by default (login.defs(5), `UID_MIN` to `UID_MAX`).
const REGULAR_UIDS: std::ops::RangeInclusive<i64> = 1000..=60000;
/// Usual names of service accounts that aren't named after their program.
const SERVICE_NAMES: [&str; 2] = ["nonroot", "app"];
/// The uid and gid of an account that a fix creates, unless they are taken.
const PREFERRED_ID: u32 = 10001;
/// Names less similar than this are not suggested (Jaro-Winkler similarity, 0 to 1).
const SIMILARITY_MIN: f64 = 0.88;
/// How many programs with the same name are listed.
const PROGRAMS_LISTED: usize = 3;

impl<'a> Facts<'a> {
    /// The account that the image's service should run as, if the image has one: one named after the program, else one
    /// with a usual service name, else the first with a regular uid.
    pub fn service_account(&self) -> Result<Option<Account>, Undecided> {
        let program = self.command().programs.last().and_then(|words| words.first()).cloned().unwrap_or_default();
        let accounts = self.accounts()?;
        let named = |name: &str| accounts.iter().find(|account| account.uid != 0 && account.name == name);
        let by_name = std::iter::once(file_name(&program)).chain(SERVICE_NAMES).find_map(named);
        let regular = accounts.iter().find(|account| REGULAR_UIDS.contains(&i64::from(account.uid)));
        Ok(by_name.or(regular).cloned())
    }

    /// A number that no account has as its uid or primary gid.
    pub fn unused_id(&self) -> Result<u32, Undecided> {
        let accounts = self.accounts()?;
        let used: HashSet<u32> = accounts.iter().flat_map(|account| [account.uid, account.gid]).collect();
        Ok((PREFERRED_ID..).find(|id| !used.contains(id)).unwrap_or(PREFERRED_ID))
    }

    /// The command for a RUN instruction that creates the group and the account `app` with this id, if the image has
    /// programs that can.
    pub fn account_command(&self, id: u32) -> Option<String> {
        self.on_default_path("sh")?;
        let is_busybox = |node: NodeId| self.busybox(node).is_some();
        if self.on_default_path("useradd").is_some() && self.on_default_path("groupadd").is_some() {
            return Some(format!("groupadd --gid {id} app && useradd --uid {id} --gid {id} --no-create-home app"));
        }
        let (adduser, addgroup) = (self.on_default_path("adduser")?, self.on_default_path("addgroup")?);
        (is_busybox(adduser) && is_busybox(addgroup))
            .then(|| format!("addgroup -g {id} app && adduser -D -H -u {id} -G app app"))
    }

    /// The command for a RUN instruction that installs a package, if the image has a known package manager.
    pub fn install_command(&self, package: &str) -> Option<String> {
        self.on_default_path("sh")?;
        if self.on_default_path("apk").is_some() {
            return Some(format!("apk add --no-cache {package}"));
        }
        if self.on_default_path("apt-get").is_some() {
            return Some(format!(
                "apt-get update && apt-get install -y --no-install-recommends {package} && rm -rf /var/lib/apt/lists/*"
            ));
        }
        ["microdnf", "dnf"]
            .into_iter()
            .find(|manager| self.on_default_path(manager).is_some())
            .map(|manager| format!("{manager} install -y {package} && {manager} clean all"))
    }

    /// The words of a health check that requests a page from the container itself, if the image has a program that can.
    pub fn probe_command(&self, port: u16, path: &str) -> Option<Vec<String>> {
        let process = ProcessContext::of(self, Capabilities::Docker).ok()?;
        let url = format!("http://127.0.0.1:{port}{path}");
        let has = |name: &&str| process.program(name).is_some();
        let words = |words: &[&str]| Some(words.iter().map(|word| word.to_string()).collect());
        let python = format!("import urllib.request as u; u.urlopen('{url}')");
        // An error event that nobody handles ends node with status 1.
        let node = format!("require('http').get('{url}', r => process.exit(+(r.statusCode >= 400)))");
        match ["curl", "wget", "python3", "python", "node"].into_iter().find(has)? {
            "curl" => words(&["curl", "-fsS", &url]),
            "wget" => words(&["wget", "-q", "-O", "/dev/null", &url]),
            "node" => words(&["node", "-e", &node]),
            name => words(&[name, "-c", &python]),
        }
    }

    /// The port that the image serves: its server's, else the only one that it exposes, else the one that its health
    /// check requests.
    pub fn served_port(&self) -> Option<u16> {
        let command = self.serving();
        let listens = self.servers(command).into_iter().flatten().find_map(|server| match server.listens {
            Listens::On(sockets) => sockets.iter().find_map(|socket| socket.port.value.ok()),
            Listens::Unknown(_) => None,
        });
        let exposed = || match &self.image().config.run.exposed_ports[..] {
            [only] => only.split('/').next().and_then(|port| port.parse().ok()),
            _ => None,
        };
        listens.or_else(exposed).or_else(|| self.requested_page().map(|(port, _)| port))
    }

    /// The port and the path that the health check requests from the container itself.
    pub fn requested_page(&self) -> Option<(u16, String)> {
        let Health::Check(check) = self.health() else { return None };
        let url = self.health_urls(&check).into_iter().find(|url| url.is_loopback() == Some(true))?;
        Some((url.port?, url.path?))
    }

    /// The first few executable files with this name, in any directory, harmless to show.
    pub fn programs_named(&self, name: &str) -> Vec<String> {
        let Ok(view) = self.view() else { return Vec::new() };
        let is_program = |node: &NodeId| self.is_program(*node);
        let named = view.walk().map(|(node, _)| node).filter(|node| view.name(*node) == name.as_bytes());
        let mut paths: Vec<Vec<u8>> = named.filter(is_program).map(|node| view.path(node)).collect();
        paths.sort();
        paths.iter().take(PROGRAMS_LISTED).map(|path| format!("/{}", shown_bytes(path))).collect()
    }

    /// The program on the process's PATH whose name is most similar to this one, harmless to show.
    pub fn nearest_program(&self, name: &str) -> Option<String> {
        if name.len() > limits::SUGGESTION_NAME_BYTES {
            return None;
        }
        let process = ProcessContext::of(self, Capabilities::Docker).ok()?;
        let view = process.view;
        let directories = process.variables.get("PATH").unwrap_or_default().split(':');
        let directories = directories.filter_map(|directory| match view.resolve(directory.as_bytes(), true) {
            Resolved::Found(node) => Some(node),
            _ => None,
        });
        let mut nearest: Option<(f64, String)> = None;
        let candidates = directories.flat_map(|directory| view.children(directory)).take(limits::SUGGESTION_CANDIDATES);
        for node in candidates.filter(|&node| view.name(node).len() <= 2 * limits::SUGGESTION_NAME_BYTES) {
            let known = shown_bytes(view.name(node));
            let similarity = jaro_winkler(name, &known);
            let is_better = nearest.as_ref().is_none_or(|(best, best_name)| (similarity, &known) > (*best, best_name));
            if similarity >= SIMILARITY_MIN && is_better && process.program(&known).is_some() {
                nearest = Some((similarity, known));
            }
        }
        nearest.map(|(_, name)| name)
    }

    /// A program on the image's PATH or, if the image sets none, on the runtime's default PATH. RUN instructions search
    /// the same directories.
    fn on_default_path(&self, name: &str) -> Option<NodeId> {
        let view = self.view().ok()?;
        let path = self.image().config.run.env_value("PATH").unwrap_or(DEFAULT_PATH);
        path.split(':').filter(|directory| directory.starts_with('/')).find_map(|directory| {
            match view.resolve(format!("{directory}/{name}").as_bytes(), true) {
                Resolved::Found(node) if self.is_program(node) => Some(node),
                _ => None,
            }
        })
    }

    /// Whether a path leads to a regular file that somebody can execute.
    fn is_program(&self, node: NodeId) -> bool {
        let Ok(view) = self.view() else { return false };
        let Resolved::Found(target) = view.resolve(&view.path(node), true) else { return false };
        view.stat(target).is_some_and(|stat| stat.kind == Kind::File && stat.mode & 0o111 != 0 && stat.size > 0)
    }

    /// The busybox binary that a program is, if it is one: by its name or because it is a hard link to one.
    pub fn busybox(&self, program: NodeId) -> Option<NodeId> {
        let view = self.view().ok()?;
        if view.name(program).starts_with(b"busybox") {
            return Some(program);
        }
        let inode = view.stat(program)?.inode;
        let known = [&b"bin/busybox"[..], b"usr/bin/busybox", b"sbin/busybox", b"usr/sbin/busybox"];
        let resolved = known.iter().filter_map(|path| match view.resolve(path, true) {
            Resolved::Found(node) => Some(node),
            _ => None,
        });
        resolved.into_iter().find(|&node| view.stat(node).is_some_and(|stat| stat.inode == inode))
    }
}
