//! Shell commands that are known by name: builtins, programs that write files, programs that only read.
//!
//! dash(1), bash(1), busybox ash; POSIX.1-2024, "Utilities". A command that isn't listed may do anything. Not here:
//! what the commands do to a script (`script`).

use crate::facts::shell;
use crate::facts::start;
use crate::facts::start::file_name;

/// Whether a command is known to end by itself, so that it can't be a server.
pub fn ends_by_itself(name: &str) -> bool {
    let starts_others = matches!(name, "env" | "nc" | "xargs");
    !starts_others && [BUILTINS, FILE_WRITERS, HARMLESS].iter().any(|list| list.contains(&name))
        || matches!(
            name,
            "exit" | "return" | "cd" | "set" | "shift" | "export" | "trap" | "." | "source" | "true" | ":"
        )
}

/// Whether a command may create or change files that a later one needs.
pub fn may_write_files(words: &[String]) -> bool {
    let Some(name) = words.first().map(|word| file_name(word)) else { return false };
    let has = |options: &[&str]| words.iter().any(|word| options.iter().any(|option| word.starts_with(option)));
    let is_word = |texts: &[&str]| words.iter().any(|word| texts.contains(&word.as_str()));
    match name {
        "curl" | "wget" => {
            has(&["-o", "-O", "-P", "--output", "--remote-name"])
                && !has(&["-O/dev/", "-o/dev/"])
                && !is_word(&["/dev/null", "-"])
        }
        "find" => has(&["-exec", "-ok", "-delete", "-fprint", "-fls"]),
        "npm" | "pnpm" | "yarn" => has(&["ci", "i", "install", "add", "link"]),
        // Code on the command line may do anything.
        _ if is_interpreter(name) => has(&["-c", "-e", "-m"]) && !is_word(&["--version"]),
        _ => {
            FILE_WRITERS.contains(&name)
                || BUILD_TOOLS.contains(&name)
                || name.ends_with(".sh")
                || start::is_shell(name)
                || name == "xargs"
                || !shell::is_decided(name)
        }
    }
}

/// Whether a filter succeeds on empty input, on which it also writes nothing. `None` for other commands: those that
/// read files, and those that write something anyway.
pub fn status_on_empty_input(words: &[String]) -> Option<bool> {
    let (first, rest) = words.split_first()?;
    let (options, operands): (Vec<&String>, Vec<&String>) = rest.iter().partition(|word| word.starts_with('-'));
    match file_name(first) {
        "grep" | "egrep" | "fgrep" => {
            let is_plain = |word: &&String| word[1..].bytes().all(|b| b"EFPiqswxo".contains(&b));
            (operands.len() == 1 && options.iter().all(is_plain)).then_some(false)
        }
        "cut" | "sort" | "uniq" if operands.is_empty() => Some(true),
        "tr" => Some(true),
        "cat" | "head" | "tail" if rest.is_empty() => Some(true),
        _ => None,
    }
}

fn is_interpreter(name: &str) -> bool {
    matches!(name, "node" | "nodejs" | "perl" | "ruby" | "php") || name.starts_with("python")
}

/// Builtins that only change the state of the shell.
pub const SHELL_STATE_BUILTINS: &[&str] = &[
    "cd",
    "pushd",
    "popd",
    "set",
    "shift",
    "export",
    "readonly",
    "declare",
    "typeset",
    "local",
    "read",
    "mapfile",
    "readarray",
    "alias",
    "trap",
    "unset",
    "getopts",
];

/// Builtins of bash that dash doesn't have; dash looks for programs with these names.
pub const NOT_IN_DASH: &[&str] = &[
    "[[",
    "builtin",
    "caller",
    "compgen",
    "complete",
    "compopt",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "enable",
    "help",
    "history",
    "let",
    "logout",
    "mapfile",
    "popd",
    "pushd",
    "readarray",
    "shopt",
    "source",
    "suspend",
    "typeset",
];

/// Builtins with no further effect on the analysis (dash(1), bash(1), busybox ash).
pub const BUILTINS: &[&str] = &[
    "[",
    "[[",
    "]]",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "dirs",
    "disown",
    "echo",
    "enable",
    "false",
    "fc",
    "fg",
    "getopts",
    "hash",
    "help",
    "history",
    "jobs",
    "kill",
    "let",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pwd",
    "read",
    "readarray",
    "shopt",
    "suspend",
    "test",
    "time",
    "times",
    "trap",
    "type",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

/// Programs that create or change files, and end.
const FILE_WRITERS: &[&str] = &[
    "apk", "apt", "apt-get", "chgrp", "chmod", "chown", "cp", "dd", "dnf", "dpkg", "gem", "git", "install", "ln",
    "microdnf", "mkdir", "mount", "mv", "patch", "pip", "pip3", "rm", "rpm", "rsync", "sed", "tar", "tee", "touch",
    "unzip", "useradd", "adduser", "usermod", "corepack", "yum", "zypper",
];

/// Programs that may create files too, and may start whatever a project defines.
const BUILD_TOOLS: &[&str] = &[
    "bundle", "bun", "cargo", "composer", "go", "gradle", "hatch", "make", "mvn", "pdm", "pipenv", "pipx", "pixi",
    "poetry", "rye", "tsc", "uv",
];

/// Programs that only read or wait.
pub const HARMLESS: &[&str] = &[
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
