//! Programs that start another program: inits, `env`, `gosu` and similar.
//!
//! In: the words of such a program. Out: the words it executes, and their context. Not here: shells (`script`).

use crate::facts::access::Actor;
use crate::facts::access::Capabilities;
use crate::facts::accounts::UserProblem;
use crate::facts::process;
use crate::facts::process::ProcessContext;
use crate::facts::proof::Fault;
use crate::facts::proof::quoted;
use crate::facts::shell;
use crate::facts::shell::Variables;
use crate::facts::start;
use crate::facts::start::file_name;
use crate::model::finding::Undecided;
use crate::model::text::shown;
use crate::view::NodeId;
use crate::view::Resolved;
use std::collections::VecDeque;

/// What a program starts.
pub enum Next<'a> {
    /// Nothing that is known.
    None,
    /// A command.
    Command { process: ProcessContext<'a>, words: Vec<String> },
    /// It fails.
    Fault(Fault),
    /// Undecided.
    Open(Undecided),
}

/// What the program of these words starts.
pub fn next<'a>(process: &ProcessContext<'a>, program: NodeId, argv: &[String]) -> Next<'a> {
    let rest = &argv[1..];
    match file_name(&argv[0]) {
        "env" => env(process, rest),
        "gosu" | "su-exec" => as_user(process, program, argv),
        // They look for programs in node_modules; see `programs`.
        "npx" | "bunx" | "pnpm" | "yarn" => Next::None,
        "uv" | "poetry" | "pipenv" | "pdm" | "hatch" | "rye" | "pixi" | "conda" | "mamba" | "micromamba" => Next::Open(
            Undecided::unknowable(quoted(&argv[0]), "it runs its command in an environment that it creates or finds"),
        ),
        "su" | "runuser" | "sudo" | "doas" | "setpriv" | "chpst" | "s6-setuidgid" | "unshare" | "nsenter"
        | "chroot" => Next::Open(Undecided::unknowable(
            quoted(&argv[0]),
            "it runs its command in another environment or as another user",
        )),
        _ => match start::behind(argv) {
            Some([]) | None => Next::None,
            Some(words) => Next::Command { process: process.clone(), words: words.to_vec() },
        },
    }
}

/// `env [-i] [-u NAME] [-C DIR] [-S TEXT] [NAME=VALUE]… [COMMAND]` (env(1) of coreutils; busybox knows the first two).
fn env<'a>(process: &ProcessContext<'a>, words: &[String]) -> Next<'a> {
    let mut process = process.clone();
    let mut words: VecDeque<String> = words.iter().cloned().collect();
    while let Some(word) = words.pop_front() {
        // The value of an option, in the same word or the next one.
        let mut value = |short: &str, long: &str| {
            if word == short || word == long {
                return words.pop_front();
            }
            let glued = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
            glued.or_else(|| word.strip_prefix(short)).map(str::to_string)
        };
        if let Some(text) = value("-S", "--split-string").or_else(|| value("-vS", "--split-string")) {
            let inner = shell::commands(&text, &process.variables).into_iter().next().unwrap_or_default();
            inner.into_iter().rev().for_each(|word| words.push_front(word));
        } else if let Some(name) = value("-u", "--unset") {
            match name.as_str() {
                "PATH" => process.variables.set("PATH", UNSET_PATH),
                name => process.variables.unset(name),
            }
        } else if let Some(directory) = value("-C", "--chdir") {
            process.cwd = process.absolute(directory.as_bytes());
        } else if matches!(word.as_str(), "-" | "-i" | "--ignore-environment") {
            process.variables = Variables::default();
            process.variables.set("PATH", UNSET_PATH);
        } else if word == "--" {
            break;
        } else if let Some((name, value)) = word.split_once('=').filter(|_| !word.starts_with('-')) {
            process.variables.set(name, value);
        } else if !word.starts_with('-') {
            words.push_front(word);
            break;
        }
    }
    match words.is_empty() {
        true => Next::None,
        false => Next::Command { process, words: words.into() },
    }
}

/// Where execvp(3) looks without a PATH: glibc and musl have these two directories in common.
const UNSET_PATH: &str = "/bin:/usr/bin:\u{fffc}";

/// `gosu USER COMMAND`: runs the command as the user in passwd, with its groups.
fn as_user<'a>(process: &ProcessContext<'a>, file: NodeId, argv: &[String]) -> Next<'a> {
    let [program, user, words @ ..] = argv else { return Next::None };
    if words.is_empty() {
        return Next::None;
    }
    if process.actor.uid != 0 {
        if process.view.stat(file).is_some_and(|stat| stat.mode & 0o4000 != 0) {
            return Next::Open(Undecided::unknowable(quoted(program), "its file is setuid, so it may change the user"));
        }
        let what = format!("{} can't change the user: {} is not root", quoted(program), process.who());
        let fix = "Start the command directly: USER already sets the user.";
        return Next::Fault(Fault::new(shown(program), what, None).fix(fix));
    }
    if !shell::is_decided(user) {
        return Next::Open(Undecided::unknowable(quoted(program), "the user it runs its command as is unknown"));
    }
    let accounts = ["/etc/passwd", "/etc/group"].map(|path| match process.view.resolve(path.as_bytes(), true) {
        Resolved::Found(node) => process.view.stat(node).map_or(0, |stat| stat.size as usize),
        _ => 0,
    });
    if let Err(question) = process.facts.spend(accounts.iter().sum()) {
        return Next::Open(question);
    }
    match process.facts.user_of(user) {
        Ok(found) => {
            let capabilities = if process.actor.overrides { Capabilities::Docker } else { Capabilities::None };
            let home = process::home(&found);
            let mut process =
                ProcessContext { actor: Actor::of(&found, capabilities), user: found.name, ..process.clone() };
            process.variables.set("HOME", &home);
            Next::Command { process, words: words.to_vec() }
        }
        Err(UserProblem::Undecided(question)) => Next::Open(question),
        Err(UserProblem::Unknown(why)) => {
            Next::Fault(Fault::new(shown(user), format!("{} finds {why}", quoted(program)), None))
        }
    }
}
