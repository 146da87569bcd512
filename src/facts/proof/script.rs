//! What shells run: the text of `-c`, a script, an entry script that ends in `exec "$@"`.
//!
//! In: a shell's words. Out: the proofs of the commands in its text. A command that cannot run is a fault if the text
//! can't succeed without it. What a text does on the way counts too: directories it changes to, a PATH it sets, files
//! it may write. Not here: parsing a text (`shell`), which of its commands are reached (`flow`).

mod builtins;

use crate::facts::access::Reach;
use crate::facts::known;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::Fault;
use crate::facts::proof::Proof;
use crate::facts::proof::flow;
use crate::facts::proof::flow::Outcome;
use crate::facts::proof::flow::Switches;
use crate::facts::proof::launch::Prover;
use crate::facts::proof::lookup::By;
use crate::facts::proof::quoted;
use crate::facts::shell;
use crate::facts::shell::ARGUMENTS;
use crate::facts::shell::Call;
use crate::facts::shell::Join;
use crate::facts::shell::OPEN_TEXT;
use crate::facts::shell::PATH;
use crate::facts::shell::Simple;
use crate::facts::start;
use crate::facts::start::file_name;
use crate::limits;
use crate::model::finding::Undecided;
use crate::model::text::shown;
use crate::view::NodeId;
use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

/// The options of a shell that affect the proof.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Options that a text can change.
    pub switches: Switches,
    /// Why it may run something else than the text: it reads profiles first.
    pub doubt: Option<&'static str>,
    /// Which shell it is.
    pub shell: Shell,
}

/// The kinds of shells that differ in the syntax they support.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// dash, which has none of bash's own commands.
    Dash,
    /// busybox ash.
    Busybox,
    /// bash, or an unknown shell.
    #[default]
    Other,
}

/// Proves what a shell with these words runs.
pub fn shell(prover: &Prover, process: &ProcessContext<'_>, program: NodeId, argv: &[String], proof: &mut Proof) {
    let call = Call::of(argv);
    let reads_env =
        file_name(&argv[0]) == "bash" && process.variables.get("BASH_ENV").is_some_and(|file| !file.is_empty());
    let options = Options {
        switches: Switches { errexit: call.errexit, pipefail: call.pipefail },
        doubt: match () {
            () if reads_env => Some("bash first reads the file that BASH_ENV names"),
            () if call.reads_profiles => Some("a login or interactive shell first reads its profiles"),
            () => None,
        },
        shell: match process.view.name(program) {
            b"dash" => Shell::Dash,
            b"busybox" => Shell::Busybox,
            _ => Shell::Other,
        },
    };
    let Some(operand) = argv.get(call.operand) else { return };
    if call.is_text {
        let arguments = argv.get(call.operand + 2..).unwrap_or(&[]);
        text(prover, process, operand, arguments, options, proof);
    } else {
        let path = script_path(process, &argv[0], operand);
        file(prover, process, path.as_bytes(), &argv[call.operand + 1..], options, proof);
    }
}

/// The path of the script that a shell reads; bash looks on PATH if it is not in the working directory (bash(1),
/// "Arguments").
fn script_path(process: &ProcessContext<'_>, shell: &str, operand: &str) -> String {
    let is_there = |path: &str| matches!(process.reach(path.as_bytes()), Reach::Found(_));
    if file_name(shell) != "bash" || operand.contains('/') || is_there(operand) {
        return operand.to_string();
    }
    let directories = process.variables.get("PATH").unwrap_or_default().split(':');
    let mut candidates = directories.map(|directory| format!("{}/{operand}", directory.trim_end_matches('/')));
    candidates.find(|path| is_there(path)).unwrap_or_else(|| operand.to_string())
}

/// Proves what a shell does with a script.
pub fn file(
    prover: &Prover,
    process: &ProcessContext<'_>,
    path: &[u8],
    arguments: &[String],
    options: Options,
    proof: &mut Proof,
) {
    if !shell::is_decided(&String::from_utf8_lossy(path)) {
        let reason = "which script it is depends on something the config doesn't set";
        return proof.open(Undecided::unknowable(quoted(&String::from_utf8_lossy(path)), reason));
    }
    let need = process.readable(path, "the script");
    let Need::Met(node) = need else { return proof.need(process, "script", need) };
    match process.facts.content(node) {
        Ok(bytes) => text(prover, process, &String::from_utf8_lossy(bytes), arguments, options, proof),
        Err(question) => proof.open(question),
    }
}

/// The state of a text while its commands are followed.
struct Run<'r, 'a> {
    prover: &'r Prover,
    process: ProcessContext<'a>,
    functions: &'r HashSet<String>,
    arguments: &'r [String],
    switches: &'r Cell<Switches>,
    shell: Shell,
    /// Why later commands are uncertain: a file that may have been written, a directory, a variable.
    doubt: Option<Rc<str>>,
    /// An unknown program ran.
    is_likely: bool,
    /// The arguments were changed, or may have been.
    shifted: bool,
    /// They were changed for certain.
    is_other: bool,
    /// They are run as a command, here or in an unknown way.
    hands_on: bool,
    /// They were run as a command for certain.
    handed: bool,
    /// The previous command wrote nothing, because it did not run.
    is_silent: bool,
    /// Proofs of the commands that were reached.
    inner: Vec<Proof>,
}

/// Proves a text.
fn text(
    prover: &Prover,
    process: &ProcessContext<'_>,
    text: &str,
    arguments: &[String],
    options: Options,
    proof: &mut Proof,
) {
    if text.len() > limits::SCRIPT_BYTES {
        return proof.open(Undecided::denied("script", "it is larger than the limit (script)"));
    }
    if let Err(question) = process.facts.spend(text.len()) {
        return proof.open(question);
    }
    let text = shell::read(text.strip_prefix('\u{feff}').unwrap_or(text), &process.variables);
    if let Err(question) = process.facts.spend(text.bytes()) {
        return proof.open(question);
    }
    if text.is_cut {
        return proof
            .open(Undecided::denied("script", "it has more commands than the limit (shell commands, shell nesting)"));
    }
    let switches = Cell::new(options.switches);
    let mut run = Run {
        prover,
        process: process.clone(),
        functions: &text.functions,
        arguments,
        switches: &switches,
        shell: options.shell,
        doubt: options.doubt.map(Rc::from),
        is_likely: false,
        shifted: false,
        is_other: false,
        hands_on: false,
        handed: false,
        is_silent: false,
        inner: Vec::new(),
    };
    if text.functions.iter().any(|name| name.starts_with("command_not_found")) {
        run.doubts("a function handles missing commands");
    }
    let can_succeed =
        flow::can_succeed(&text.commands, |command, piped| run.command(command, piped), || switches.get());
    let is_open = run.hands_on && (!run.handed || run.is_other);
    let inner = run.inner;
    for inner in inner {
        match can_succeed {
            true => proof.nest_harmless(inner),
            false => proof.nest(inner),
        }
    }
    if is_open && !arguments.is_empty() && !proof.fails() {
        let reason = "whether and how the script runs it is unknown";
        proof.open(Undecided::unknowable(quoted(&arguments[0]), reason));
    }
}

impl Run<'_, '_> {
    /// From here on, missing files may exist after all.
    fn doubts(&mut self, why: &str) {
        self.doubt.get_or_insert_with(|| why.into());
    }

    /// Proves a command that is reached. Changes to the shell's own state are lost in a pipe and in the background.
    fn command(&mut self, command: &Simple, is_piped: bool) -> Outcome {
        if self.prover.is_exhausted() {
            return Outcome::ANY;
        }
        let words = self.words(command);
        let lacks_output = self.lacks_output(command, &words);
        let lacks_input = std::mem::take(&mut self.is_silent) && command.join == Join::Pipe && !command.is_fed;
        if command.connects && command.depth == 0 && self.shell != Shell::Other {
            let mut inner = Proof::default();
            let shell = if self.shell == Shell::Dash { "dash" } else { "busybox" };
            let what = format!("only bash supports /dev/tcp, and this shell is {shell}");
            inner.fault(&self.process, Fault::new("/dev/tcp", what, None));
            self.inner.push(inner);
            self.is_silent = !command.merges;
            return Outcome::FAILS;
        }
        for inner in &command.substitutions {
            self.substitutes(&inner.text, limits::SHELL_DEPTH);
        }
        let assignments = words.iter().take_while(|word| start::is_assignment(word)).count();
        let (assigned, words) = words.split_at(assignments);
        let is_lost = is_piped || command.is_background;
        // It may run or not, and what follows runs either way.
        let is_conditional = command.depth > 0 || matches!(command.join, Join::And | Join::Or);
        let outcome = match words.first() {
            None => {
                assigned.iter().filter(|_| !is_lost).for_each(|pair| self.assign(pair, is_conditional));
                Outcome::ANY
            }
            Some(_) if command.depth > 0 => self.nested(words),
            // Its changes are lost with its subshell.
            Some(name) if is_lost && known::SHELL_STATE_BUILTINS.contains(&name.as_str()) => Outcome::ANY,
            Some(name) => match self.builtin(assigned, name, &words[1..], is_conditional) {
                Some(outcome) => outcome,
                None => self.program(assigned, words),
            },
        };
        if command.writes {
            self.doubts(&format!("{} writes a file first", quoted(words.first().map_or("a command", |word| word))));
        }
        self.is_silent = match known::status_on_empty_input(words) {
            Some(_) if lacks_input => true,
            _ => self.is_silent && !command.merges,
        };
        let finds_nothing = lacks_input && known::status_on_empty_input(words) == Some(false);
        if lacks_output || finds_nothing { Outcome::FAILS } else { outcome }
    }

    /// A command's words, with `"$@"` expanded.
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
                let word = word.replace(ARGUMENTS, OPEN_TEXT);
                let path = self.process.variables.get("PATH").filter(|_| word.contains(PATH)).unwrap_or_default();
                let cost = path.len() * word.matches(PATH).count();
                words.push(match self.process.facts.spend(cost) {
                    Ok(()) => word.replace(PATH, path),
                    Err(_) => OPEN_TEXT.to_string(),
                });
            }
        }
        words
    }

    /// Whether a command fails because its command substitution fails: an assignment has the substitution's status
    /// (POSIX.1-2024, Shell Command Language, section 2.9.1), and an empty output doesn't equal a word.
    fn lacks_output(&mut self, command: &Simple, words: &[String]) -> bool {
        let is_certain = self.doubt.is_none() && !self.is_likely && !self.shifted && self.functions.is_empty();
        let Some(last) = command.substitutions.last().filter(|last| last.is_value && command.depth == 0 && is_certain)
        else {
            return false;
        };
        let assigns = words.iter().all(|word| start::is_assignment(word));
        let is_one =
            || shell::commands(&last.text, &self.process.variables).len() == 1 && command.substitutions.len() == 1;
        if !(assigns || compares(words) && is_one()) {
            return false;
        }
        let switches = Switches { errexit: false, ..self.switches.get() };
        let options = Options { switches, doubt: None, shell: self.shell };
        let mut inner = Proof::default();
        let is_deep = self.prover.deeper(|| {
            self::text(self.prover, &self.process, &last.text, self.arguments, options, &mut inner);
        });
        if is_deep {
            return false;
        }
        // What started may have written something before it failed.
        let lacks = inner.fails() && (assigns || inner.started.is_empty());
        if lacks {
            self.inner.push(inner);
        }
        lacks
    }

    /// Notes the effects of the commands in a substitution.
    fn substitutes(&mut self, text: &str, depth: usize) {
        if self.process.facts.spend(text.len()).is_err() {
            return self.doubts("what runs first takes more work than the limit (proof work)");
        }
        let text = shell::read(text, &self.process.variables);
        // If this exceeds the limit, the next call reports it.
        let _ = self.process.facts.spend(text.bytes());
        if text.is_cut {
            self.doubts("a substitution before it has more commands than the limit (shell commands, shell nesting)");
        }
        for command in &text.commands {
            self.passes(&command.words);
            if command.writes {
                self.doubts("a substitution writes a file first");
            }
            for inner in command.substitutions.iter().filter(|_| depth > 0) {
                self.substitutes(&inner.text, depth - 1);
            }
        }
    }

    /// `NAME=value`, `NAME+=value`, `NAME[0]=value`.
    fn assign(&mut self, pair: &str, is_conditional: bool) {
        let Some((target, value)) = pair.split_once('=') else { return };
        let name = target.split(['[', '+']).next().unwrap_or(target);
        let is_plain = name == target && !is_conditional;
        self.process.variables.set(name, if is_plain { value } else { OPEN_TEXT });
    }

    /// A command inside a compound command: it and what follows may run or not.
    fn nested(&mut self, words: &[String]) -> Outcome {
        let name = words[0].as_str();
        match name {
            "exit" | "return" => {
                let fails =
                    words.get(1).is_some_and(|status| status.bytes().all(|b| b.is_ascii_digit()) && status != "0");
                return if fails { Outcome::ANY } else { Outcome::ANY.ending() };
            }
            "exec" if words.len() > 1 => return Outcome::ANY.ending(),
            "cd" | "pushd" | "popd" => self.doubts("the script may change its directory first"),
            _ => match self.builtin(&[], name, &words[1..], true) {
                Some(outcome) => return Outcome { ends: outcome.ends && outcome.succeeds, ..Outcome::ANY },
                None => self.passes(words),
            },
        }
        Outcome::ANY
    }

    /// Proves a program that the shell starts.
    fn program(&mut self, assigned: &[String], words: &[String]) -> Outcome {
        let mut inner = if assigned.is_empty() {
            self.prover.launch(&self.process, words, By::Shell)
        } else {
            let mut process = self.process.clone();
            for (name, value) in assigned.iter().filter_map(|pair| pair.split_once('=')) {
                process.variables.set(name, value);
            }
            self.prover.launch(&process, words, By::Shell)
        };
        let doubt = match self.shifted && self.handed {
            true => Some("the script may change its arguments".into()),
            false => self.doubt.clone(),
        };
        for mut fault in std::mem::take(&mut inner.faults) {
            // A program may just have written the file, so it need not be in the image.
            let is_program =
                words.first().is_some_and(|word| shown(word) == fault.subject) && !fault.subject.contains('/');
            let may_be_made = self.is_likely && fault.place.is_none() && !is_program;
            match (&doubt, may_be_made) {
                (Some(doubt), _) if !fault.is_overridden => inner.soften(fault, doubt),
                (None, true) => inner.soften(fault, "an unknown program runs first"),
                _ => {
                    fault.is_likely |= self.is_likely;
                    inner.faults.push(fault);
                }
            }
        }
        let fails = inner.fails();
        self.is_silent = fails && inner.started.is_empty();
        self.inner.push(inner);
        self.passes(words);
        if fails { Outcome::FAILS } else { Outcome::ANY }
    }

    /// Notes what a program that ran may have changed.
    fn passes(&mut self, words: &[String]) {
        let Some(name) = words.first().map(|word| file_name(word)) else { return };
        if known::may_write_files(words) {
            self.doubts(&format!("{} runs first and may change files", quoted(&words[0])));
        }
        self.is_likely |= !known::HARMLESS.contains(&name) && !known::BUILTINS.contains(&name);
    }
}

/// `[ "$(…)" = word ]`, either way round.
fn compares(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (left, operator, right) = match words[..] {
        ["[", left, operator, right, "]"] | ["test", left, operator, right] => (left, operator, right),
        ["[[", left, operator @ ("=" | "=="), right, "]]"] => (left, operator, right),
        _ => return false,
    };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_output = |word: &str| word == OPEN_TEXT;
    matches!(operator, "=" | "==" | "-eq") && (is_output(left) && is_word(right) || is_word(left) && is_output(right))
}
