//! Shell builtins and their effects on what follows.
//!
//! POSIX.1-2024, Shell Command Language, section 2.15, and bash(1), "Shell Builtin Commands". Not here: programs
//! (`launch`).

use super::Run;
use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::known;
use crate::facts::proof::Fault;
use crate::facts::proof::Proof;
use crate::facts::proof::flow::Outcome;
use crate::facts::proof::quoted;
use crate::facts::proof::script::Shell;
use crate::facts::shell;
use crate::facts::shell::OPEN_TEXT;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::text::shown;

impl Run<'_, '_> {
    /// Proves a builtin; `None` for a program. `assigned` are the assignments before it.
    pub(super) fn builtin(
        &mut self,
        assigned: &[String],
        name: &str,
        words: &[String],
        is_conditional: bool,
    ) -> Option<Outcome> {
        if self.shell == Shell::Dash && known::NOT_IN_DASH.contains(&name) && !self.functions.contains(name) {
            return None;
        }
        Some(match name {
            "exit" | "return" => match words.first().map(String::as_str) {
                None => Outcome::ANY.ending(),
                Some("0") => Outcome::SUCCEEDS.ending(),
                Some(status) if status.bytes().all(|b| b.is_ascii_digit()) => Outcome::FAILS.ending(),
                Some(_) => Outcome::ANY.ending(),
            },
            "exec" => {
                let words = match words.first().map(String::as_str) {
                    Some("-a") => words.get(2..).unwrap_or(&[]),
                    Some("--" | "-c" | "-l") => &words[1..],
                    // An option that came with the arguments, and that exec rejects.
                    Some(option) if option.starts_with('-') => {
                        self.doubts("exec is given an unknown option");
                        return Some(Outcome::ANY.ending());
                    }
                    _ => words,
                };
                match words.is_empty() {
                    true => Outcome::SUCCEEDS,
                    false => self.program(assigned, words).ending(),
                }
            }
            "command" => {
                let again = words.iter().take_while(|word| *word == "command").count();
                self.behind_command(assigned, &words[again..], is_conditional)
            }
            "." | "source" | "eval" | "alias" | "builtin" | "enable" => {
                self.doubts(&format!("{} runs first and may change what follows", quoted(name)));
                Outcome::ANY.ending_perhaps()
            }
            "shopt" if words.iter().any(|word| word == "execfail") => {
                self.doubts("with execfail set, a failed exec doesn't end the shell");
                Outcome::ANY
            }
            // The trap may end the text successfully.
            "trap" if words.len() > 1 && words[0] != "-" && !words[0].is_empty() => {
                self.doubts("a trap is set first");
                Outcome::ANY
            }
            "cd" => self.cd(words, is_conditional),
            "pushd" | "popd" => {
                self.doubts("the directory it changes to is unknown");
                Outcome::ANY
            }
            "set" => {
                self.set(words, is_conditional);
                Outcome::SUCCEEDS
            }
            "shift" => {
                self.shifted = true;
                self.is_other |= !is_conditional;
                Outcome::ANY
            }
            "export" | "readonly" | "declare" | "typeset" | "local" => {
                for word in words.iter().filter(|word| !word.starts_with('-')) {
                    match shell::is_decided(word.split('=').next().unwrap_or(word)) {
                        true => self.assign(word, is_conditional),
                        false => self.doubts("it sets variables whose names are unknown"),
                    }
                }
                Outcome::ANY
            }
            "read" | "mapfile" | "readarray" | "printf" | "getopts" | "unset" | "let" => {
                let is_name = |word: &&String| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                let is_read = name != "printf" || words.first().is_some_and(|word| word.starts_with("-v"));
                for word in words.iter().filter(|_| is_read).filter(is_name) {
                    self.process.variables.set(word, OPEN_TEXT);
                }
                Outcome::ANY
            }
            "true" | ":" => Outcome::SUCCEEDS,
            "false" => Outcome::FAILS,
            _ if self.functions.contains(name) => {
                self.doubts(&format!("the function {} runs first", quoted(name)));
                Outcome::ANY.ending_perhaps()
            }
            _ if known::BUILTINS.contains(&name) => Outcome::ANY,
            _ => return None,
        })
    }

    /// Changes the working directory, if the new one is certain.
    fn cd(&mut self, words: &[String], is_conditional: bool) -> Outcome {
        let options = words.iter().take_while(|word| matches!(word.as_str(), "-P" | "-L" | "--")).count();
        let directory = words.get(options).filter(|word| shell::is_decided(word) && !word.starts_with(['-', '~']));
        let searched = self.process.variables.get("CDPATH").is_some_and(|path| !path.is_empty());
        let Some(directory) =
            directory.filter(|directory| !is_conditional && (!searched || directory.starts_with(['/', '.'])))
        else {
            self.doubts("the directory it changes to is unknown");
            return Outcome::ANY;
        };
        let view = self.process.view;
        let enters = match self.process.reach(directory.as_bytes()) {
            Reach::Found(node) if view.stat(node).is_some_and(|stat| stat.kind == Kind::Dir) => {
                access::access(view, node, &self.process.actor, Want::Execute)
            }
            // The runtime creates these, or mounts something there.
            Reach::Missing(_) if self.is_made_by_runtime(directory) => Access::Yes,
            Reach::Unknown(_) => Access::Unknown,
            _ => Access::No,
        };
        match enters {
            Access::Yes => {
                self.process.cwd = self.process.absolute(directory.as_bytes());
                Outcome::ANY
            }
            // The directory stays the same, unless something has created the new one by now.
            Access::No if self.doubt.is_none() && !self.is_likely => {
                let mut inner = Proof::default();
                let what = format!("{} can't cd to {}", self.process.who(), quoted(directory));
                inner.fault(&self.process, Fault::new(shown(directory), what, None));
                self.inner.push(inner);
                Outcome::FAILS
            }
            _ => {
                self.doubts("the directory it changes to is unknown");
                Outcome::ANY
            }
        }
    }

    /// Whether a directory is in a volume, or is the working directory or one of its parents.
    fn is_made_by_runtime(&self, directory: &str) -> bool {
        let absolute = |path: &[u8]| path::clean(&self.process.absolute(path)).0;
        let directory = absolute(directory.as_bytes());
        let lies_in = |inner: &[u8], outer: &[u8]| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let run = &self.process.facts.image().config.run;
        let workdir = path::clean(run.working_dir.as_bytes()).0;
        lies_in(&workdir, &directory)
            || run.volumes.iter().any(|volume| lies_in(&directory, &path::clean(volume.as_bytes()).0))
    }

    /// `command NAME …` skips functions; with options it may only say where something is.
    fn behind_command(&mut self, assigned: &[String], words: &[String], is_conditional: bool) -> Outcome {
        let Some(name) = words.first() else { return Outcome::SUCCEEDS };
        if name.starts_with('-') {
            self.passes(words.iter().position(|word| !word.starts_with('-')).map_or(&[], |at| &words[at..]));
            return Outcome::ANY;
        }
        let own = match self.functions.contains(name) {
            true => None,
            false => self.builtin(assigned, name, &words[1..], is_conditional),
        };
        own.unwrap_or_else(|| self.program(assigned, words))
    }

    /// If `set` may run or not, it only turns options off.
    fn set(&mut self, words: &[String], is_conditional: bool) {
        let mut switches = self.switches.get();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let name = words.get(at + 1).map_or("", String::as_str);
            at += 1;
            match word.as_str() {
                option if option.len() > 1 && option.starts_with(['-', '+']) && option != "--" => {
                    let is_on = option.starts_with('-');
                    let may_switch = !is_on || !is_conditional;
                    if option.contains('e') && may_switch {
                        switches.errexit = is_on;
                    }
                    if option.ends_with('o') {
                        at += 1;
                        match name {
                            "errexit" if may_switch => switches.errexit = is_on,
                            "pipefail" if may_switch => switches.pipefail = is_on,
                            _ => {}
                        }
                    }
                }
                // The remaining words replace the arguments.
                _ => {
                    self.shifted = true;
                    self.is_other |= !is_conditional;
                    break;
                }
            }
        }
        self.switches.set(switches);
    }
}
