//! The command that the config starts: Entrypoint and Cmd, the shell around them, the programs inside.
//!
//! Docker starts Entrypoint followed by Cmd (Dockerfile reference, "Understand how CMD and ENTRYPOINT interact"). Shell
//! form is stored as `["/bin/sh", "-c", text]`; after such an Entrypoint, the words of Cmd are only the shell's
//! positional parameters. Not here: whether the program exists in the image.

use crate::facts::Facts;
use crate::facts::shell;
use crate::facts::shell::Call;
use crate::facts::shell::Variables;

/// The command that a container starts.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Entrypoint followed by Cmd, as the runtime gets them.
    pub argv: Vec<String>,
    /// The shell between the runtime and the program, if there is one.
    pub shell_form: Option<ShellForm>,
    /// The commands that run, each split into words, without inits, `exec`, `env`, assignments and similar. Words that
    /// only a running shell knows contain [`shell::OPEN`].
    pub programs: Vec<Vec<String>>,
    /// The init that is the first process, if any.
    pub init: Option<String>,
    /// The entrypoint script that gets `programs` as arguments; whether it starts them is unknown.
    pub handed_by: Option<String>,
    /// The field that names the program: `config.Entrypoint` or `config.Cmd`.
    pub field: &'static str,
    /// The programs' environment variables; undecided if a shell text sets them.
    pub variables: Variables,
}

/// A command in shell form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellForm {
    /// `/bin/sh`.
    pub shell: String,
    /// The text after `-c`.
    pub text: String,
    /// Whether the shell replaces itself with the last program (`exec`).
    pub execs: bool,
}

impl Command {
    /// Whether the shell may change its directory, so that relative paths need not start at the working directory.
    pub fn moves(&self) -> bool {
        self.shell_form.as_ref().is_some_and(|form| {
            form.text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "cd" || word == "pushd")
        })
    }
}

impl Facts<'_> {
    /// The command that the config starts.
    pub fn command(&self) -> Command {
        let run = &self.image().config.run;
        let mut variables = Variables::new(run);
        let argv: Vec<String> = run.entrypoint.iter().chain(&run.cmd).cloned().collect();
        let mut words: &[String] = unwrapped(&argv);
        let entry_words = words.len().saturating_sub(run.cmd.len());
        let mut handed_by = None;
        if entry_words == 1 && is_entry_script(&words[0]) && run.cmd.first().is_some_and(|word| !word.starts_with('-'))
        {
            handed_by = Some(words[0].clone());
            words = unwrapped(&words[1..]);
        }
        // The program is named in Cmd if nothing of Entrypoint is left.
        let field = if words.len() > run.cmd.len() || run.cmd.is_empty() { "config.Entrypoint" } else { "config.Cmd" };
        let init = init_of(&argv, words);
        // `env A=b program`.
        let front = &argv[..argv.len() - words.len()];
        for (name, value) in front.iter().filter(|word| is_assignment(word)).filter_map(|word| word.split_once('=')) {
            variables.set(name, value);
        }
        let Some((name, text)) = shell_text(words) else {
            let programs = if words.is_empty() { Vec::new() } else { vec![words.to_vec()] };
            return Command { programs, init, handed_by, field, argv, variables, shell_form: None };
        };
        let commands = shell::commands(text, &variables);
        let execs = commands.last().is_some_and(|words| words[0] == "exec");
        let shell_form = Some(ShellForm { shell: name.to_string(), text: text.to_string(), execs });
        let programs =
            commands.iter().map(|words| unwrapped(words).to_vec()).filter(|words| !words.is_empty()).collect();
        let init =
            init.or_else(|| commands.last().filter(|_| execs).and_then(|words| init_of(words, unwrapped(words))));
        variables.open(text);
        Command { shell_form, programs, init, handed_by, field, argv, variables }
    }
}

/// The last component of a path.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a program is a shell that accepts `-c`.
pub fn is_shell(program: &str) -> bool {
    matches!(file_name(program), "sh" | "ash" | "bash" | "dash" | "zsh" | "ksh")
}

/// Whether a program is an init, by its name: one that reaps orphans and forwards stop signals to what it started.
/// tini, dumb-init, catatonit, Phusion's my_init, s6 (also as s6-overlay's `/init`), runit, systemd, busybox and others
/// as `init`, and supervisord, which reaps every child although its manual says that it is not a substitute for an
/// init.
pub fn is_init(program: &str) -> bool {
    let name = file_name(program);
    let is = |known: &str| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']));
    is("tini")
        || is("dumb-init")
        || matches!(
            name,
            "docker-init"
                | "podman-init"
                | "catatonit"
                | "init"
                | "my_init"
                | "s6-svscan"
                | "runit"
                | "runit-init"
                | "systemd"
                | "supervisord"
        )
}

/// The init among the words that were unwrapped from a command, or its program, also as the script of an interpreter
/// (`python3 /usr/bin/supervisord`).
fn init_of(words: &[String], unwrapped: &[String]) -> Option<String> {
    let taken = words.len() - unwrapped.len();
    let interprets = unwrapped.first().is_some_and(|word| is_shell(word) || file_name(word).starts_with("python"));
    let program = unwrapped.iter().take(if interprets { 2 } else { 1 });
    words[..taken].iter().chain(program).find(|word| is_init(word)).cloned()
}

/// The shell and the text of `/bin/bash -o pipefail -c text`.
pub fn shell_text(words: &[String]) -> Option<(&str, &str)> {
    let program = words.first().filter(|program| is_shell(program))?;
    Some((program, Call::of(words).text(words)?))
}

/// Whether a program is an entrypoint script, which usually ends in `exec "$@"`.
pub fn is_entry_script(program: &str) -> bool {
    let name = file_name(program);
    name.ends_with(".sh") || name.contains("entrypoint")
}

/// A command without the wrappers that start it.
pub fn unwrapped(mut words: &[String]) -> &[String] {
    while let Some(inner) = behind(words) {
        words = inner;
    }
    words
}

/// The command that a wrapper starts; `None` for any other program.
pub fn behind(words: &[String]) -> Option<&[String]> {
    let (first, rest) = words.split_first()?;
    let behind_options = |takes: &[&str]| skip_options(rest, takes);
    Some(match file_name(first) {
        "exec" => skip_options(rest, &["-a"]),
        "docker-init" | "podman-init" | "catatonit" => behind_options(&["-p", "-e"]),
        name if name.starts_with("dumb-init") && is_init(name) => behind_options(&["-r", "--rewrite"]),
        name if name.starts_with("tini") && is_init(name) => behind_options(&["-p", "-e"]),
        // `command -v x` only says where x is.
        "command" if rest.first().is_some_and(|word| word.starts_with("-v") || word.starts_with("-V")) => &[],
        "nohup" | "command" | "setsid" | "stdbuf" => behind_options(&["-i", "-o", "-e"]),
        "nice" | "ionice" => behind_options(&["-n", "-c"]),
        "timeout" => behind_options(&["-k", "-s", "--kill-after", "--signal"]).get(1..).unwrap_or(&[]),
        "env" => skip_assignments(behind_options(&["-u", "-C", "--unset", "--chdir"])),
        "gosu" | "su-exec" => rest.get(1..).unwrap_or(&[]),
        "npx" | "bunx" => behind_options(&["-p", "--package"]),
        "poetry" | "pipenv" | "uv" | "pdm" | "hatch" if rest.first().is_some_and(|word| word == "run") => {
            skip_options(&rest[1..], &["--with", "--extra", "--group", "--python", "-p"])
        }
        "pnpm" | "yarn" if rest.first().is_some_and(|word| word == "exec") => skip_options(&rest[1..], &[]),
        _ if is_assignment(first) => rest,
        _ => return None,
    })
}

fn skip_assignments(words: &[String]) -> &[String] {
    &words[words.iter().take_while(|word| is_assignment(word)).count()..]
}

/// Whether a word of a shell command sets a variable.
pub fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(target, _)| {
        // bash's `A+=x` and `A[0]=x` too.
        let name = target.strip_suffix('+').unwrap_or(target);
        let name = name.split_once('[').filter(|(_, index)| index.ends_with(']')).map_or(name, |(name, _)| name);
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// The words after options and one `--`; `takes` lists the options whose value is the next word.
fn skip_options<'w>(words: &'w [String], takes: &[&str]) -> &'w [String] {
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.starts_with('-')) {
        at += if takes.contains(&word.as_str()) { 2 } else { 1 };
        if word == "--" {
            break;
        }
    }
    words.get(at..).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing;

    fn command(entrypoint: &[&str], cmd: &[&str], env: &[&str]) -> Command {
        let own = |words: &[&str]| words.iter().map(|word| word.to_string()).collect();
        let mut image = testing::image();
        image.config.run.entrypoint = own(entrypoint);
        image.config.run.cmd = own(cmd);
        image.config.run.env = own(env);
        testing::facts(&image).command()
    }

    fn programs(command: &Command) -> String {
        command.programs.iter().map(|words| words.join(" ")).collect::<Vec<_>>().join(" ; ")
    }

    #[test]
    fn unwraps_programs() {
        for (entrypoint, cmd, expected, is_shell) in [
            (&[][..], &["uvicorn", "main:app"][..], "uvicorn main:app", false),
            (&[], &["/bin/sh", "-c", "exec uvicorn main:app --port $PORT"], "uvicorn main:app --port 80", true),
            (&[], &["/bin/bash", "-eo", "pipefail", "-c", "a && HOST=x b"], "a ; b", true),
            (&["dumb-init", "--"], &["npm", "start"], "npm start", false),
            (&["/sbin/tini", "-g", "--", "sh", "-c"], &["node x"], "node x", true),
            (&["docker-entrypoint.sh"], &["node", "x"], "node x", false),
            (&["docker-entrypoint.sh"], &["/bin/sh", "-c", "node x"], "node x", true),
            (&["/bin/sh", "-c", "node x"], &["ignored"], "node x", true),
            (&["gunicorn"], &["main:app"], "gunicorn main:app", false),
            (&["uv", "run"], &["gosu", "app", "env", "A=b", "flask", "run"], "flask run", false),
            (&[], &["/bin/sh"], "/bin/sh", false),
            (&[], &["bash", "script.sh", "-c"], "bash script.sh -c", false),
            (&[], &["sh", "-c"], "sh -c", false),
            (&[], &[], "", false),
        ] {
            let command = command(entrypoint, cmd, &["PORT=80"]);
            assert_eq!(programs(&command), expected, "{entrypoint:?} {cmd:?}");
            assert_eq!(command.shell_form.is_some(), is_shell, "{entrypoint:?} {cmd:?}");
        }
    }

    #[test]
    fn recognises_inits() {
        let init = |entrypoint: &[&str], cmd: &[&str]| command(entrypoint, cmd, &[]).init.unwrap_or_default();
        assert_eq!(init(&["/usr/bin/dumb-init", "--"], &["npm", "start"]), "/usr/bin/dumb-init");
        assert_eq!(init(&["/tini-amd64", "-g", "--", "docker-entrypoint.sh"], &["node", "x"]), "/tini-amd64");
        assert_eq!(init(&["docker-entrypoint.sh"], &["tini", "--", "node", "x"]), "tini");
        assert_eq!(init(&["/init"], &["node", "x"]), "/init");
        assert_eq!(init(&["/usr/bin/python3", "/usr/bin/supervisord"], &[]), "/usr/bin/supervisord");
        assert_eq!(init(&[], &["sh", "-c", "a; exec tini -- b"]), "tini");
        assert_eq!(init(&[], &["sh", "-c", "tini -- b"]), "");
        assert_eq!(init(&["docker-entrypoint.sh"], &["node", "tini"]), "");
        assert_eq!(init(&[], &[]), "");
    }

    #[test]
    fn reports_the_config_field_and_the_entry_script() {
        assert_eq!(command(&["/e.sh"], &["node"], &[]).handed_by.as_deref(), Some("/e.sh"));
        assert_eq!(command(&["/e.sh"], &["node"], &[]).field, "config.Cmd");
        assert_eq!(command(&["node"], &["x"], &[]).field, "config.Entrypoint");
        assert!(command(&[], &["sh", "-c", "a; exec b"], &[]).shell_form.expect("a shell").execs);
        assert!(!command(&[], &["sh", "-c", "exec a; b"], &[]).shell_form.expect("a shell").execs);
    }
}
