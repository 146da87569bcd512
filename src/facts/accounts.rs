//! The image's users and groups, and which of them the config's `User` selects.
//!
//! Follows runc (libcontainer/user, `GetExecUser`), which Docker, containerd and Podman use or imitate: the first line
//! with a name wins; a number needs no entry; a name must have one.

use crate::facts::Facts;
use crate::facts::fix_facts::Account;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::text::shown;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;

/// The largest uid or gid that runc accepts.
const ID_MAX: i64 = (1 << 31) - 1;

/// Who a container runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The supplementary groups: those that list the user's name. Empty if the config names a group.
    pub groups: Vec<u32>,
    /// The name in passwd, escaped for display.
    pub name: Option<String>,
    /// The home directory in passwd, else `/`; `None` if passwd could not be read.
    pub home: Option<String>,
    /// Why the groups are unknown: the user is given by number, and passwd could not be read.
    pub groups_unknown: Option<Undecided>,
}

/// Why a user or group can't be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserProblem {
    /// It doesn't exist or is invalid, so no container can start; the reason, as a fragment.
    Unknown(String),
    /// An account file could not be read.
    Undecided(Undecided),
}

impl From<Undecided> for UserProblem {
    fn from(undecided: Undecided) -> UserProblem {
        UserProblem::Undecided(undecided)
    }
}

impl Facts<'_> {
    /// The uid of the config's `User`. Reads passwd only if it is given by name.
    pub fn uid(&self) -> Result<u32, UserProblem> {
        self.uid_of(&self.image().config.run.user)
    }

    fn uid_of(&self, spec: &str) -> Result<u32, UserProblem> {
        let (user, _) = split(spec);
        match number(user) {
            _ if user.is_empty() => Ok(0),
            Some(uid) => id(uid, "uid"),
            None => id(self.entry(user)?.uid, "passwd's uid"),
        }
    }

    /// The gid of the group in the config's `User`, if there is one. Reads the group file only if it is given by name.
    pub fn named_group(&self) -> Result<Option<u32>, UserProblem> {
        match split(&self.image().config.run.user).1 {
            "" => Ok(None),
            group => self.gid_of(group).map(Some),
        }
    }

    /// The config's `User`.
    pub fn user(&self) -> Result<User, UserProblem> {
        self.user_of(&self.image().config.run.user)
    }

    /// The user that `spec` selects, in the syntax of the config's `User`: `name`, `uid`, `name:group`.
    pub fn user_of(&self, spec: &str) -> Result<User, UserProblem> {
        let (user, group) = split(spec);
        let mut out = User {
            uid: self.uid_of(spec)?,
            gid: 0,
            groups: Vec::new(),
            name: None,
            home: Some("/".to_string()),
            groups_unknown: None,
        };
        let entry = match number(user) {
            None if !user.is_empty() => Some(self.entry(user)?),
            _ => match self.account_lines(b"etc/passwd") {
                Ok(lines) => lines.into_iter().map(Entry::of).find(|entry| entry.uid == i64::from(out.uid)),
                Err(undecided) => {
                    out.home = None;
                    out.groups_unknown = group.is_empty().then_some(undecided);
                    None
                }
            },
        };
        if let Some(entry) = &entry {
            (out.gid, out.name) = (id(entry.gid, "passwd's gid")?, Some(shown_bytes(&entry.name)));
            if let Some(home) = std::str::from_utf8(&entry.home).ok().filter(|home| !home.is_empty()) {
                out.home = Some(home.to_string());
            }
        }
        if !group.is_empty() {
            out.gid = self.gid_of(group)?;
        } else if let Some(entry) = entry {
            for line in self.account_lines(b"etc/group")? {
                let fields: Vec<&[u8]> = line.split(|&b| b == b':').collect();
                let members = fields.get(3).copied().unwrap_or(b"");
                if members.split(|&b| b == b',').any(|member| member == &entry.name[..]) {
                    out.groups.push(id(id_field(&fields, 2), "the group file's gid")?);
                }
            }
        }
        Ok(out)
    }

    /// The config's user if it is not root; `None` for root, and for a user that doesn't exist.
    pub fn non_root_user(&self) -> Result<Option<User>, Undecided> {
        match self.user() {
            Ok(user) => Ok(Some(user).filter(|user| user.uid != 0)),
            Err(UserProblem::Unknown(_)) => Ok(None),
            Err(UserProblem::Undecided(undecided)) => Err(undecided),
        }
    }

    /// The user in the config's `User`, if it is given by name.
    pub fn named_user(&self) -> Option<&str> {
        let (user, _) = split(&self.image().config.run.user);
        (!user.is_empty() && number(user).is_none()).then_some(user)
    }

    /// The accounts in passwd, in its order. Entries with ids that no runtime accepts are left out.
    pub fn accounts(&self) -> Result<Vec<Account>, Undecided> {
        let of = |entry: Entry| {
            let id = |id: i64| u32::try_from(id).ok().filter(|id| i64::from(*id) <= ID_MAX);
            Some(Account { name: shown_bytes(&entry.name), uid: id(entry.uid)?, gid: id(entry.gid)? })
        };
        Ok(self.account_lines(b"etc/passwd")?.into_iter().map(Entry::of).filter_map(of).collect())
    }

    /// The first name in the group file for a gid, escaped for display.
    pub fn group_name(&self, gid: u32) -> Result<Option<String>, Undecided> {
        let lines = self.account_lines(b"etc/group")?;
        let mut fields = lines.iter().map(|line| line.split(|&b| b == b':').collect::<Vec<_>>());
        Ok(fields.find(|fields| id_field(fields, 2) == i64::from(gid)).map(|fields| shown_bytes(fields[0])))
    }

    /// The gid of a group given by name or number.
    pub fn gid_of(&self, group: &str) -> Result<u32, UserProblem> {
        if let Some(gid) = number(group) {
            return id(gid, "gid");
        }
        let lines = self.account_lines(b"etc/group")?;
        let found = lines
            .iter()
            .map(|line| line.split(|&b| b == b':').collect::<Vec<_>>())
            .find(|fields| fields[0] == group.as_bytes());
        match found {
            Some(fields) => id(id_field(&fields, 2), "the group file's gid"),
            None => Err(UserProblem::Unknown(format!(
                "no group {:?} in /etc/group{}",
                shown(group),
                self.missing_reason(b"etc/group")
            ))),
        }
    }

    /// The first entry in passwd with this name.
    fn entry(&self, name: &str) -> Result<Entry, UserProblem> {
        let lines = self.account_lines(b"etc/passwd")?;
        match lines.into_iter().map(Entry::of).find(|entry| entry.name == name.as_bytes()) {
            Some(entry) => Ok(entry),
            None => Err(UserProblem::Unknown(format!(
                "no user {:?} in /etc/passwd{}",
                shown(name),
                self.missing_reason(b"etc/passwd")
            ))),
        }
    }

    /// The lines of an account file as runc reads them: trimmed, without empty ones. None if the path is missing or not
    /// a regular file.
    fn account_lines(&self, path: &[u8]) -> Result<Vec<&[u8]>, Undecided> {
        let view = self.view()?;
        let Some(node) = regular_file(view, path) else { return Ok(Vec::new()) };
        let bytes = self.content(node)?;
        Ok(bytes.split(|&b| b == b'\n').map(go_trim).filter(|line| !line.is_empty()).collect())
    }

    /// Why an account file has no lines, as the end of a sentence; empty if it was read.
    fn missing_reason(&self, path: &[u8]) -> &'static str {
        let Ok(view) = self.view() else { return "" };
        match view.resolve(path, true) {
            Resolved::Missing | Resolved::NotDirectory => ", which doesn't exist",
            Resolved::Loop => ", which is a loop of symbolic links",
            Resolved::Found(node) if view.stat(node).is_some_and(|stat| stat.kind != Kind::File) => {
                ", which is not a regular file"
            }
            Resolved::Found(_) | Resolved::Exhausted => "",
        }
    }
}

/// The account files and package databases in the merged view; their contents are always kept.
pub fn database_files(view: &View) -> Vec<NodeId> {
    [&b"etc/passwd"[..], b"etc/group", b"var/lib/dpkg/status", b"var/lib/dpkg/diversions", b"lib/apk/db/installed"]
        .iter()
        .filter_map(|path| regular_file(view, path))
        .collect()
}

/// The regular file that a path leads to.
pub fn regular_file(view: &View, path: &[u8]) -> Option<NodeId> {
    match view.resolve(path, true) {
        Resolved::Found(node) => view.stat(node).filter(|stat| stat.kind == Kind::File).map(|_| node),
        _ => None,
    }
}

/// Go's `bytes.TrimSpace`, which runc calls on each line: it trims Unicode white space.
fn go_trim(mut line: &[u8]) -> &[u8] {
    let blank = |bytes: &[u8]| {
        std::str::from_utf8(bytes).is_ok_and(|text| {
            let mut chars = text.chars();
            chars.next().is_some_and(char::is_whitespace) && chars.next().is_none()
        })
    };
    while let Some(n) = (1..=line.len().min(4)).find(|&n| blank(&line[..n])) {
        line = &line[n..];
    }
    while let Some(n) = (1..=line.len().min(4)).find(|&n| blank(&line[line.len() - n..])) {
        line = &line[..line.len() - n];
    }
    line
}

/// A line of passwd.
struct Entry {
    name: Vec<u8>,
    uid: i64,
    gid: i64,
    home: Vec<u8>,
}

impl Entry {
    fn of(line: &[u8]) -> Entry {
        let fields: Vec<&[u8]> = line.split(|&b| b == b':').collect();
        Entry {
            name: fields[0].to_vec(),
            uid: id_field(&fields, 2),
            gid: id_field(&fields, 3),
            home: fields.get(5).unwrap_or(&&b""[..]).to_vec(),
        }
    }
}

/// A numeric field; 0 if it is missing or not a number, as in runc.
fn id_field(fields: &[&[u8]], at: usize) -> i64 {
    let text = fields.get(at).and_then(|field| std::str::from_utf8(field).ok()).unwrap_or("");
    number(text).unwrap_or(0)
}

/// Checks that a uid or gid is in range; `what` names it in the error.
fn id(number: i64, what: &str) -> Result<u32, UserProblem> {
    match u32::try_from(number).ok().filter(|_| number <= ID_MAX) {
        Some(id) => Ok(id),
        None => Err(UserProblem::Unknown(format!("{what} {number} is outside 0 to {ID_MAX}"))),
    }
}

/// Splits `user[:group]`; anything after a second colon is ignored.
fn split(spec: &str) -> (&str, &str) {
    let mut parts = spec.split(':');
    (parts.next().unwrap_or(""), parts.next().unwrap_or(""))
}

/// Go's `strconv.Atoi`: ASCII digits with an optional sign.
fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // A number that doesn't fit is still a number, and out of every range.
    Some(text.parse().unwrap_or(i64::MAX))
}
