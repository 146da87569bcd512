//! Programs whose work is to start another: inits, `env`, `gosu` and the like.
//!
//! In: the words of one. Out: the words that it executes, and where. Not here: shells (`script`).

use crate::facts::access::Actor;
use crate::facts::access::Capabilities;
use crate::facts::accounts::UserProblem;
use crate::facts::proof::Fault;
use crate::facts::proof::ground;
use crate::facts::proof::ground::Ground;
use crate::facts::proof::quoted;
use crate::facts::shell;
use crate::facts::start;
use crate::facts::start::file_name;
use crate::model::finding::Undecided;
use crate::model::text::shown;

/// What a program starts.
pub enum Next<'a> {
    /// Nothing, as far as is known here.
    None,
    /// A command.
    Command { ground: Ground<'a>, words: Vec<String> },
    /// It refuses.
    Fault(Fault),
    /// The bytes do not say.
    Open(Undecided),
}

/// What the program of these words starts.
pub fn next<'a>(ground: &Ground<'a>, argv: &[String]) -> Next<'a> {
    let rest = &argv[1..];
    match file_name(&argv[0]) {
        "env" => env(ground, rest),
        "gosu" | "su-exec" => as_user(ground, argv),
        "su" | "runuser" | "sudo" | "doas" | "setpriv" | "chpst" | "s6-setuidgid" | "unshare" | "nsenter"
        | "chroot" => Next::Open(Undecided::unknowable(
            quoted(&argv[0]),
            "it starts its command in another place or as somebody else",
        )),
        _ => match start::behind(argv) {
            Some([]) | None => Next::None,
            Some(words) => Next::Command { ground: ground.clone(), words: words.to_vec() },
        },
    }
}

/// `env [-i] [-u NAME] [-C DIR] [-S TEXT] [NAME=VALUE]… [COMMAND]` (env(1) of coreutils; busybox knows the first two).
fn env<'a>(ground: &Ground<'a>, words: &[String]) -> Next<'a> {
    let mut ground = ground.clone();
    let mut words = words.to_vec();
    while !words.is_empty() {
        let word = words.remove(0);
        let split = word
            .strip_prefix("-S")
            .or_else(|| word.strip_prefix("-vS"))
            .or_else(|| word.strip_prefix("--split-string="));
        if let Some(text) = split {
            let text = if text.is_empty() && !words.is_empty() { words.remove(0) } else { text.to_string() };
            let inner = shell::commands(&text, &ground.variables).into_iter().next().unwrap_or_default();
            words.splice(0..0, inner);
            continue;
        }
        match word.as_str() {
            "--" => break,
            "-" | "-i" | "--ignore-environment" => {
                let path = ground.variables.get("PATH").unwrap_or_default().to_string();
                ground.variables = Default::default();
                // The search uses the PATH that env itself has.
                ground.variables.set("PATH", &path);
            }
            "-u" | "--unset" if !words.is_empty() => _ = words.remove(0),
            "-C" | "--chdir" if !words.is_empty() => ground.cwd = ground.absolute(words.remove(0).as_bytes()),
            option if option.starts_with('-') => {}
            assignment => match assignment.split_once('=') {
                Some((name, value)) => ground.variables.set(name, value),
                None => {
                    words.insert(0, word);
                    break;
                }
            },
        }
    }
    match words.is_empty() {
        true => Next::None,
        false => Next::Command { ground, words },
    }
}

/// `gosu USER COMMAND`: the user of passwd, with its groups.
fn as_user<'a>(ground: &Ground<'a>, argv: &[String]) -> Next<'a> {
    let [program, user, words @ ..] = argv else { return Next::None };
    if words.is_empty() {
        return Next::None;
    }
    if !shell::is_decided(user) {
        return Next::Open(Undecided::unknowable(
            quoted(program),
            "as which user it starts its command is not known here",
        ));
    }
    match ground.facts.user_of(user) {
        Ok(found) => {
            let capabilities = if ground.actor.overrides { Capabilities::Docker } else { Capabilities::None };
            let home = ground::home(&found);
            let mut ground = Ground { actor: Actor::of(&found, capabilities), user: found.name, ..ground.clone() };
            ground.variables.set("HOME", &home);
            Next::Command { ground, words: words.to_vec() }
        }
        Err(UserProblem::Undecided(question)) => Next::Open(question),
        Err(UserProblem::Unknown(why)) => Next::Fault(Fault {
            subject: shown(user),
            what: format!("{} finds {why}", quoted(program)),
            place: None,
            is_graced: false,
            is_likely: false,
            fix: None,
        }),
    }
}
