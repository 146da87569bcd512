//! Shells and what they are given to read: the text behind `-c`, a script, an entry script that ends in `exec "$@"`.
//!
//! In: a shell's words. Out: what becomes of the commands in its text. A command that cannot run is a fault where the text
//! cannot end well without it. What a text does on the way counts too: a folder it changes to, a PATH it sets, files it may
//! bring. Not here: taking a text apart (`shell`), which of its commands are reached (`flow`).

use crate::facts::proof::Fault;
use crate::facts::proof::Proof;
use crate::facts::proof::flow;
use crate::facts::proof::flow::Outcome;
use crate::facts::proof::flow::Switches;
use crate::facts::proof::ground::Ground;
use crate::facts::proof::ground::Need;
use crate::facts::proof::launch::Prover;
use crate::facts::proof::lookup::By;
use crate::facts::proof::quoted;
use crate::facts::shell;
use crate::facts::shell::ARGUMENTS;
use crate::facts::shell::OPEN;
use crate::facts::shell::Simple;
use crate::facts::start;
use crate::facts::start::file_name;
use crate::model::finding::Undecided;
use std::cell::Cell;

/// Options of a shell that matter here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Those that a text can change.
    pub switches: Switches,
    /// `-l`: it reads profiles first.
    pub login: bool,
}

/// What a shell of these words runs: `sh [options] [-c text [name [argument]…] | script [argument]…]` (sh(1)).
pub fn shell(prover: &Prover, ground: &Ground<'_>, argv: &[String], proof: &mut Proof) {
    let mut options = Options::default();
    let mut is_text = false;
    let mut at = 1;
    while let Some(word) = argv.get(at) {
        let is_option = word.len() > 1 && word.starts_with(['-', '+']) && word != "--";
        if !is_option {
            at += usize::from(word == "--" || word == "-");
            break;
        }
        at += 1;
        if let Some(long) = word.strip_prefix("--") {
            options.login |= long == "login";
            at += usize::from(long == "rcfile" || long == "init-file");
            continue;
        }
        let letters = &word[1..];
        if word.starts_with('-') {
            is_text |= letters.contains('c');
            options.switches.errexit |= letters.contains('e');
            options.login |= letters.contains('l');
        }
        if letters.ends_with(['o', 'O']) {
            let name = argv.get(at).map_or("", String::as_str);
            options.switches.errexit |= name == "errexit";
            options.switches.pipefail |= name == "pipefail";
            at += 1;
        }
    }
    let Some(operand) = argv.get(at) else { return };
    if is_text {
        let arguments = argv.get(at + 2..).unwrap_or(&[]);
        text(prover, ground, operand, arguments, options, proof);
    } else {
        file(prover, ground, operand.as_bytes(), &argv[at + 1..], options, proof);
    }
}

/// What a shell does with a script.
pub fn file(
    prover: &Prover,
    ground: &Ground<'_>,
    path: &[u8],
    arguments: &[String],
    options: Options,
    proof: &mut Proof,
) {
    if !shell::is_decided(&String::from_utf8_lossy(path)) {
        let reason = "which script it is depends on what the config does not set";
        return proof.open(Undecided::unknowable(quoted(&String::from_utf8_lossy(path)), reason));
    }
    let need = ground.readable(path, "the script");
    let Need::Met(node) = need else { return proof.need(ground, "script", need) };
    proof.code.push(node);
    match ground.facts.content(node) {
        Ok(bytes) => text(prover, ground, &String::from_utf8_lossy(bytes), arguments, options, proof),
        Err(question) => proof.open(question),
    }
}

/// A text on its way.
struct Run<'r, 'a> {
    prover: &'r Prover,
    ground: Ground<'a>,
    functions: &'r std::collections::HashSet<String>,
    arguments: &'r [String],
    switches: &'r Cell<Switches>,
    /// Why what comes may differ from what is known: a file that may have been brought, a variable.
    doubt: Option<String>,
    /// A program ran that is not known here.
    is_likely: bool,
    /// The arguments were changed, or may have been.
    shifted: bool,
    /// They are handed on as a command, here or in a way that is not known.
    hands_on: bool,
    /// They were handed on for certain.
    handed: bool,
    /// Proofs of the commands that were reached.
    inner: Vec<Proof>,
}

/// What becomes of a text.
fn text(prover: &Prover, ground: &Ground<'_>, text: &str, arguments: &[String], options: Options, proof: &mut Proof) {
    let text = shell::read(text.strip_prefix('\u{feff}').unwrap_or(text), &ground.variables);
    let switches = Cell::new(options.switches);
    let mut run = Run {
        prover,
        ground: ground.clone(),
        functions: &text.functions,
        arguments,
        switches: &switches,
        doubt: options.login.then(|| "a login shell reads its profiles first".to_string()),
        is_likely: false,
        shifted: false,
        hands_on: false,
        handed: false,
        inner: Vec::new(),
    };
    let can_succeed = flow::can_succeed(&text.commands, |command| run.command(command), || switches.get());
    let is_open = run.hands_on && !run.handed;
    let inner = run.inner;
    for inner in inner {
        match can_succeed {
            true => proof.nest_harmless(inner),
            false => proof.nest(inner),
        }
    }
    if is_open && !arguments.is_empty() && !proof.fails() {
        let reason = "whether and how the script hands on to it is its own affair";
        proof.open(Undecided::unknowable(quoted(&arguments[0]), reason));
    }
}

impl Run<'_, '_> {
    /// What a command that is reached does.
    fn command(&mut self, command: &Simple) -> Outcome {
        let words = self.words(command);
        let assignments = words.iter().take_while(|word| start::is_assignment(word)).count();
        let (assigned, words) = words.split_at(assignments);
        let outcome = match words.first() {
            None => {
                assigned.iter().for_each(|pair| self.assign(pair));
                Outcome::ANY
            }
            Some(_) if command.depth > 0 => {
                self.nested(words);
                Outcome::ANY
            }
            Some(name) => match self.builtin(name, &words[1..]) {
                Some(outcome) => outcome,
                None => self.program(assigned, words),
            },
        };
        if command.writes {
            self.doubt.get_or_insert(format!("{} writes a file before", quoted(words.first().map_or("", |word| word))));
        }
        outcome
    }

    /// A command's words, `"$@"` put in.
    fn words(&mut self, command: &Simple) -> Vec<String> {
        let mut words = Vec::new();
        let is_all = |word: &String| *word == ARGUMENTS.to_string();
        let first = start::unwrapped(&command.words).first();
        self.hands_on |=
            first.is_some_and(|word| is_all(word) || self.functions.contains(word) && command.words.iter().any(is_all));
        self.handed |= command.depth == 0 && first.is_some_and(is_all);
        for word in &command.words {
            if is_all(word) {
                words.extend_from_slice(self.arguments);
            } else {
                words.push(word.replace(ARGUMENTS, &OPEN.to_string()));
            }
        }
        words
    }

    fn assign(&mut self, pair: &str) {
        if let Some((name, value)) = pair.split_once('=') {
            self.ground.variables.set(name, value);
        }
    }

    /// A command inside a compound one: it may run or not.
    fn nested(&mut self, words: &[String]) {
        match words[0].as_str() {
            "set" if words.iter().any(|word| word == "--") => self.shifted = true,
            "shift" => self.shifted = true,
            "exit" | "return" | "exec" => {}
            _ => {
                let before = self.doubt.clone();
                let saved = self.ground.clone();
                match self.builtin(&words[0], &words[1..]) {
                    Some(_) if self.ground.cwd != saved.cwd => {
                        self.doubt = before.or(Some("it may change its folder before".into()))
                    }
                    Some(_) => {}
                    None => self.passes(words),
                }
                self.ground = saved;
            }
        }
        for pair in words.iter().filter(|word| word.starts_with("PATH=")) {
            self.doubt.get_or_insert(format!("it may set {} before", quoted(pair)));
        }
    }

    /// What a command that the shell itself has does; `None` for a program.
    fn builtin(&mut self, name: &str, words: &[String]) -> Option<Outcome> {
        Some(match name {
            "exit" | "return" => match words.first().map(String::as_str) {
                None => Outcome::ANY.ending(),
                Some("0") => Outcome::SUCCEEDS.ending(),
                Some(status) if status.bytes().all(|b| b.is_ascii_digit()) => Outcome::FAILS.ending(),
                Some(_) => Outcome::ANY.ending(),
            },
            "exec" => {
                let words = start::behind(&[&["exec".to_string()], words].concat()).unwrap_or(&[]).to_vec();
                match words.is_empty() {
                    true => Outcome::SUCCEEDS,
                    false => self.program(&[], &words).ending(),
                }
            }
            "command" if words.first().is_some_and(|word| word.starts_with('-') && word != "-p") => Outcome::ANY,
            "command" => self.program(&[], words),
            "." | "source" | "eval" => {
                self.doubt.get_or_insert(format!("{} runs before, and may change what follows", quoted(name)));
                Outcome::ANY
            }
            "cd" | "pushd" => {
                match words.first().filter(|word| shell::is_decided(word) && !word.starts_with('-')) {
                    Some(folder) => self.ground.cwd = self.ground.absolute(folder.as_bytes()),
                    None => _ = self.doubt.get_or_insert("the folder it changes to is not known here".to_string()),
                }
                Outcome::ANY
            }
            "set" => {
                let mut switches = self.switches.get();
                for (at, word) in words.iter().enumerate() {
                    let name = words.get(at + 1).map_or("", String::as_str);
                    match word.as_str() {
                        "--" => {
                            self.shifted = true;
                            break;
                        }
                        "+e" => switches.errexit = false,
                        option if option.starts_with('-') => {
                            switches.errexit |= option.contains('e') || option.ends_with('o') && name == "errexit";
                            switches.pipefail |= option.ends_with('o') && name == "pipefail";
                        }
                        _ => {}
                    }
                }
                self.switches.set(switches);
                Outcome::SUCCEEDS
            }
            "shift" => {
                self.shifted = true;
                Outcome::ANY
            }
            "export" | "readonly" | "declare" | "typeset" | "local" => {
                words.iter().for_each(|pair| self.assign(pair));
                Outcome::ANY
            }
            "true" | ":" => Outcome::SUCCEEDS,
            "false" => Outcome::FAILS,
            _ if BUILTINS.contains(&name) || self.functions.contains(name) => {
                if self.functions.contains(name) {
                    self.doubt.get_or_insert(format!("the function {} runs before", quoted(name)));
                }
                Outcome::ANY
            }
            _ => return None,
        })
    }

    /// What a program that the shell starts does.
    fn program(&mut self, assigned: &[String], words: &[String]) -> Outcome {
        let mut ground = self.ground.clone();
        for (name, value) in assigned.iter().filter_map(|pair| pair.split_once('=')) {
            ground.variables.set(name, value);
        }
        let mut inner = self.prover.launch(&ground, words, By::Shell);
        let doubt = match self.shifted && self.handed {
            true => Some("the script may change its arguments".to_string()),
            false => self.doubt.clone(),
        };
        match doubt {
            Some(doubt) if inner.fails() => {
                for fault in std::mem::take(&mut inner.faults) {
                    inner.open(Undecided::unknowable(fault.subject, format!("{}; but {doubt}", fault.what)));
                }
            }
            _ => inner.faults.iter_mut().for_each(|fault: &mut Fault| fault.is_likely |= self.is_likely),
        }
        let fails = inner.fails();
        self.inner.push(inner);
        self.passes(words);
        if fails { Outcome::FAILS } else { Outcome::ANY }
    }

    /// What a program that ran may have changed.
    fn passes(&mut self, words: &[String]) {
        let name = file_name(&words[0]);
        let has = |options: &[&str]| words.iter().any(|word| options.iter().any(|option| word.starts_with(option)));
        let brings = match name {
            "curl" | "wget" => {
                has(&["-o", "-O", "-P", "--output", "--remote-name"])
                    && !has(&["-O/dev/", "-o/dev/"])
                    && !words.iter().any(|word| word == "/dev/null" || word == "-")
            }
            "python" | "python3" => has(&["pip", "venv", "ensurepip"]),
            "npm" | "pnpm" | "yarn" => has(&["ci", "i", "install", "add", "link"]),
            _ => BRINGERS.contains(&name) || name.ends_with(".sh") || start::is_shell(name) || !shell::is_decided(name),
        };
        if brings {
            self.doubt.get_or_insert(format!("{} runs before, and may change files", quoted(&words[0])));
        }
        self.is_likely |= !HARMLESS.contains(&name);
    }
}

/// Commands of shells without a meaning of their own here (dash(1), bash(1), busybox ash).
const BUILTINS: &[&str] = &[
    "[",
    "[[",
    "]]",
    "alias",
    "bg",
    "break",
    "builtin",
    "continue",
    "dirs",
    "disown",
    "echo",
    "enable",
    "false",
    "fg",
    "getopts",
    "hash",
    "history",
    "jobs",
    "kill",
    "let",
    "mapfile",
    "popd",
    "printf",
    "pwd",
    "read",
    "readarray",
    "shopt",
    "test",
    "times",
    "time",
    "trap",
    "type",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

/// Programs whose work is to bring, make or change files.
const BRINGERS: &[&str] = &[
    "apk", "apt", "apt-get", "bundle", "cargo", "chgrp", "chmod", "chown", "composer", "cp", "dd", "dnf", "dpkg",
    "gem", "git", "go", "install", "ln", "make", "microdnf", "mkdir", "mount", "mv", "patch", "pdm", "pip", "pip3",
    "pipx", "poetry", "rm", "rpm", "rsync", "sed", "tar", "tee", "touch", "unzip", "useradd", "adduser", "usermod",
    "uv", "yum", "zypper",
];

/// Programs that only look or wait.
const HARMLESS: &[&str] = &[
    "awk",
    "basename",
    "cat",
    "curl",
    "cut",
    "date",
    "df",
    "dirname",
    "env",
    "expr",
    "find",
    "getent",
    "grep",
    "head",
    "hostname",
    "id",
    "ls",
    "nc",
    "nproc",
    "pg_isready",
    "printenv",
    "ps",
    "pgrep",
    "readlink",
    "realpath",
    "seq",
    "sleep",
    "sort",
    "stat",
    "tail",
    "tr",
    "uname",
    "wc",
    "wget",
    "which",
    "whoami",
    "xargs",
];
