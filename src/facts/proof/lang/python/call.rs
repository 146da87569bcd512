//! Python's command line: what it runs, and how it looks for modules.
//!
//! "Command line and environment" of CPython's documentation: options end at `-c`, `-m`, `-` or the first word that is
//! not an option. Not here: whether what it runs exists.

use crate::facts::process::ProcessContext;
use crate::facts::shell;
use crate::model::layer_facts::Kind;
use crate::view::Resolved;

/// Options that change where modules are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `-E`, `-I`: variables whose names start with `PYTHON` are ignored.
    pub ignores_environment: bool,
    /// `-s`, `-I`: no user site.
    pub no_user_site: bool,
    /// `-S`: no site-packages at all.
    pub no_site: bool,
    /// `-P`, `-I`: neither the script's directory nor the working directory comes first.
    pub safe_path: bool,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// `-m name`.
    Module(String),
    /// `-c code`.
    Code(String),
    /// A script, a directory or an archive with `__main__`.
    Script(String),
    /// Standard input.
    Interactive,
    /// Nothing: it prints its version or help, or rejects an option.
    Nothing,
    /// Only a running shell knows.
    Open,
}

/// Python's command line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonCall<'w> {
    /// Its options.
    pub flags: Flags,
    /// What it runs.
    pub runs: Runs,
    /// The program's own arguments.
    pub rest: &'w [String],
}

/// Reads the words of a Python command; the first is the interpreter.
pub fn command(words: &[String]) -> PythonCall<'_> {
    let mut call = PythonCall { flags: Flags::default(), runs: Runs::Interactive, rest: &[] };
    let mut at = 1;
    while let Some(word) = words.get(at) {
        let rest = &words[at + 1..];
        if word == "-" {
            return PythonCall { rest, ..call };
        }
        let Some(letters) = word.strip_prefix('-') else {
            return PythonCall { runs: script(word), rest, ..call };
        };
        if let Some(long) = letters.strip_prefix('-') {
            match long {
                "check-hash-based-pycs" => at += 2,
                "" => {
                    // `--` ends the options (getopt).
                    let Some((word, rest)) = rest.split_first() else { return call };
                    return PythonCall { runs: script(word), rest, ..call };
                }
                _ => return PythonCall { runs: Runs::Nothing, rest, ..call },
            }
            continue;
        }
        match cluster(letters, rest, &mut call.flags) {
            Cluster::Options(skip) => at += 1 + skip,
            Cluster::Ends(runs, used) => return PythonCall { runs, rest: rest.get(used..).unwrap_or(&[]), ..call },
        }
    }
    call
}

fn script(word: &str) -> Runs {
    if shell::is_decided(word) { Runs::Script(word.to_string()) } else { Runs::Open }
}

enum Cluster {
    /// Options; this many of the next words are their values.
    Options(usize),
    /// This is run; this many of the next words are used.
    Ends(Runs, usize),
}

/// Reads the letters after a single dash.
fn cluster(letters: &str, rest: &[String], flags: &mut Flags) -> Cluster {
    let value = |tail: &str| if tail.is_empty() { rest.first().cloned() } else { Some(tail.to_string()) };
    for (at, letter) in letters.char_indices() {
        let tail = &letters[at + letter.len_utf8()..];
        let used = usize::from(tail.is_empty());
        match letter {
            'E' => flags.ignores_environment = true,
            's' => flags.no_user_site = true,
            'S' => flags.no_site = true,
            'P' => flags.safe_path = true,
            'I' => {
                *flags = Flags { ignores_environment: true, no_user_site: true, safe_path: true, ..*flags };
            }
            'b' | 'B' | 'd' | 'i' | 'O' | 'q' | 'R' | 't' | 'u' | 'v' | 'x' => {}
            'W' | 'X' => return Cluster::Options(used),
            'm' | 'c' => {
                let Some(value) = value(tail) else { return Cluster::Ends(Runs::Nothing, 0) };
                let runs = match letter {
                    'c' => Runs::Code(value),
                    _ if shell::is_decided(&value) => Runs::Module(value),
                    _ => Runs::Open,
                };
                return Cluster::Ends(runs, used);
            }
            shell::OPEN => return Cluster::Ends(Runs::Open, 0),
            _ => return Cluster::Ends(Runs::Nothing, 0),
        }
    }
    Cluster::Options(0)
}

impl PythonCall<'_> {
    /// The first directories on `sys.path`: the script's, with links followed, or the working directory.
    pub fn first(&self, process: &ProcessContext<'_>) -> Vec<Vec<u8>> {
        let by_variable = process.variables.get("PYTHONSAFEPATH").is_some_and(|value| !value.is_empty());
        if self.flags.safe_path || by_variable && !self.flags.ignores_environment {
            return Vec::new();
        }
        match &self.runs {
            Runs::Script(script) => script_directory(process, script.as_bytes()).into_iter().collect(),
            _ => vec![process.cwd.clone()],
        }
    }
}

/// The directory of a script, with links followed; for a directory that is run, the directory itself.
fn script_directory(process: &ProcessContext<'_>, script: &[u8]) -> Option<Vec<u8>> {
    let Resolved::Found(node) = process.view.resolve(&process.absolute(script), true) else { return None };
    let is_directory = process.view.stat(node).is_some_and(|stat| stat.kind == Kind::Dir);
    let directory = if is_directory { node } else { process.view.parent(node) };
    Some([b"/", &process.view.path(directory)[..]].concat())
}
