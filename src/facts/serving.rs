//! The programs that the config's command finally starts: those in shell commands, entrypoint scripts and package.json
//! scripts.
//!
//! In: the config's command. Out: the same command with the programs that run, as far as that is certain. Not here:
//! which of them are servers and where those listen (`servers`), or whether they can run (`proof`).

use crate::facts::Facts;
use crate::facts::access::Capabilities;
use crate::facts::known;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang::packages;
use crate::facts::servers;
use crate::facts::shell;
use crate::facts::shell::Join;
use crate::facts::shell::Simple;
use crate::facts::shell::Variables;
use crate::facts::start;
use crate::facts::start::Command;
use crate::facts::start::file_name;
use crate::limits;

impl<'a> Facts<'a> {
    /// The config's command ([`Facts::command`]), with the programs that an entrypoint script starts first, and with
    /// package managers replaced by the commands of the scripts they run. Servers that may run or not are undecided.
    pub fn serving(&'a self) -> &'a Command {
        self.serving.get_or_init(|| self.read_serving())
    }

    fn read_serving(&'a self) -> Command {
        self.reset_work();
        let mut command = self.command();
        let Ok(process) = self.process(Capabilities::Docker) else { return command };
        if let Some(form) = &command.shell_form {
            command.programs = programs(&form.text, &process.variables);
        }
        if let Some(text) = command.handed_by.as_ref().and_then(|script| self.script(&process, script)) {
            command.variables.open(&text);
            command.programs.splice(0..0, programs(&text, &process.variables));
        }
        // A text may call a package manager many times; each call reads package.json.
        let mut left = limits::PACKAGE_SCRIPTS;
        let mut inner = Vec::new();
        for words in std::mem::take(&mut command.programs) {
            let manager = file_name(&words[0]);
            let is_manager = matches!(manager, "npm" | "yarn" | "pnpm" | "bun");
            match is_manager.then(|| packages::run(&process, manager, &words[1..])).flatten() {
                Some(Ok(run)) if left > 0 => {
                    left -= 1;
                    for script in run.scripts {
                        command.variables.open(&script.text);
                        inner.extend(programs(&script.text, &process.variables));
                    }
                }
                _ => inner.push(words),
            }
        }
        command.programs = inner;
        command
    }

    /// Whether a text that the command runs mentions `subject` and may write files.
    pub fn start_may_bring(&'a self, subject: &str) -> bool {
        let command = self.command();
        let process = self.process(Capabilities::Docker).ok();
        let script =
            process.zip(command.handed_by.as_ref()).and_then(|(process, script)| self.script(&process, script));
        let texts = command.shell_form.into_iter().map(|form| form.text).chain(script);
        texts.filter(|text| text.contains(subject)).any(|text| {
            let commands = shell::read(&text, &command.variables).commands;
            commands.iter().any(|command| command.writes || known::may_write_files(&command.words))
        })
    }

    /// The text of an entrypoint script.
    fn script(&self, process: &ProcessContext<'_>, word: &str) -> Option<String> {
        let node = process.program(word)?;
        let bytes = self.content(node).ok().filter(|bytes| bytes.len() <= limits::SCRIPT_BYTES)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// The programs of a shell text. A server that may run or not is undecided, and so are functions; what `"$@"` runs is
/// not included.
fn programs(text: &str, variables: &Variables) -> Vec<Vec<String>> {
    let text = shell::read(text, variables);
    let is_server = |words: &[String]| servers::call(words).is_some();
    let servers = text.commands.iter().filter(|command| is_server(start::unwrapped(&command.words))).count();
    let mut words = Vec::new();
    let mut choice = Choice::default();
    for command in &text.commands {
        let is_chosen = choice.chooses(command, servers > 1);
        let program = start::unwrapped(&command.words);
        let Some(first) = program.first() else { continue };
        if first.contains(shell::ARGUMENTS) {
            // `"$@" --host 0.0.0.0`: the command gets more arguments.
            words.extend((program.len() > 1).then(open));
            continue;
        }
        let sets_arguments = first == "set" && program.get(1).is_some_and(|word| word == "--");
        if command.depth == 0 && (sets_arguments || first == "shift") {
            words.push(open());
            continue;
        }
        match text.functions.contains(first) || is_chosen && is_server(program) {
            true => words.push(open()),
            false => words.push(program.to_vec()),
        }
    }
    if text.is_cut {
        // What follows the last command that was read is unknown.
        words.push(open());
    }
    words
}

/// An unknown program.
fn open() -> Vec<String> {
    vec![shell::OPEN.to_string()]
}

/// The current and-or list of a text.
#[derive(Default)]
struct Choice {
    /// One of its commands is a test.
    asks: bool,
}

impl Choice {
    /// Whether this command may run or not: in a compound command, after `||`, after a test, or after `&&` if another
    /// server may run instead.
    fn chooses(&mut self, command: &Simple, has_others: bool) -> bool {
        if command.join == Join::Then {
            self.asks = false;
        }
        let is_chosen = match command.join {
            Join::And => self.asks || has_others,
            Join::Or => true,
            Join::Then | Join::Pipe => false,
        };
        self.asks |= command.words.first().is_some_and(|word| QUESTIONS.contains(&file_name(word)));
        command.depth > 0 || is_chosen
    }
}

/// Commands that test something and answer with their status.
const QUESTIONS: &[&str] = &["[", "[[", "test", "command", "false", "grep", "hash", "pgrep", "type", "which"];

#[cfg(test)]
mod tests {
    use crate::facts::shell::OPEN;
    use crate::facts::testing::TestImage;

    /// The programs of a shell-form command, then a bar and the variable PORT.
    fn told(made: TestImage, text: &str) -> String {
        let made = made.cmd(&["/bin/sh", "-c", text]);
        let facts = made.facts();
        let command = facts.serving();
        let programs: Vec<String> = command.programs.iter().map(|words| words.join(" ")).collect();
        let port = command.variables.get("PORT").unwrap_or("-");
        format!("{} | {port}", programs.join("; ")).replace(OPEN, "?")
    }

    #[test]
    fn conditional_servers_are_undecided() {
        for (text, expected) in [
            ("cd /x && exec flask run", "cd /x; flask run | -"),
            ("[ -n \"$D\" ] && exec flask run; gunicorn m:a", "[ -n ? ]; ?; gunicorn m:a | -"),
            ("a && flask run; gunicorn m:a", "a; ?; gunicorn m:a | -"),
            ("a || flask run", "a; ? | -"),
            ("if a; then flask run; fi", "a; ? | -"),
            ("command -v flask || exit 1; flask run", "exit 1; flask run | -"),
            ("f() { flask run; }; f", "? | -"),
            ("PORT=4 flask run", "flask run | ?"),
            ("export $(cat .env) && flask run -p $PORT", "export ?; flask run -p ? | ?"),
            (". venv/bin/activate && flask run", ". venv/bin/activate; flask run | -"),
            (". ./env && flask run", ". ./env; flask run | ?"),
            ("for PORT in 1 2; do :; done; flask run", ":; flask run | ?"),
            ("exec \"$@\"", " | -"),
            ("exec \"$@\" --host ::", "? | -"),
            ("set -e; set -- \"$@\" -x; exec \"$@\"", "set -e; ? | -"),
        ] {
            assert_eq!(told(TestImage::new("e 0755 0:0 bin/sh"), text), expected, "{text}");
        }
    }

    #[test]
    fn reads_package_json_scripts() {
        let image = "e 0755 0:0 bin/sh\nf 0644 0:0 package.json \"{\\\"scripts\\\":{\\\"start\\\":\\\"PORT=4 next start\\\"}}\"";
        assert_eq!(told(TestImage::new(image), "npm start"), "next start | ?");
        assert_eq!(told(TestImage::new(image), "npm test"), "npm test | -");
    }
}
