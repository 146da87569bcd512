//! Servers whose options say on which address they listen, each as its own documentation has it.
//!
//! uvicorn: settings, "Socket binding", and `UVICORN_…` variables. gunicorn: settings, "bind" (`0.0.0.0:$PORT` where PORT
//! is set, else `127.0.0.1:8000`), `GUNICORN_CMD_ARGS`. hypercorn: "Configuring" (`127.0.0.1:8000`). daphne: `-b`
//! (`127.0.0.1`). Flask: `flask run --host`, `FLASK_RUN_HOST` (`127.0.0.1`). FastAPI CLI: `run` (`0.0.0.0`), `dev`
//! (`127.0.0.1`). Django: `runserver [address:]port` (`127.0.0.1`). granian: `--host`, `GRANIAN_HOST` (`127.0.0.1`).
//! waitress: `--host`, `--listen` (`0.0.0.0`). Next.js CLI: `-H` (`0.0.0.0`). Python's http.server: `--bind` (all).

use crate::facts::health::is_loopback;
use crate::facts::shell;
use crate::facts::shell::Variables;
use crate::facts::start::file_name;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listens {
    /// Only on the loopback interface: the address, and where it was told so.
    Loopback(String, Told),
    /// Elsewhere too, or on a socket file.
    Elsewhere,
    /// The config does not say; the reason as a fragment.
    Open(&'static str),
}

/// Who told a server where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A word of the command.
    Command,
    /// A variable.
    Variable(&'static str),
    /// Nobody: its default.
    Default,
    /// Nobody in the config; a file that it reads by itself may.
    DefaultUnlessFile,
}

/// A server and the words behind its name.
struct Call<'a> {
    name: &'static str,
    words: &'a [String],
}

/// The server that a command starts and where it listens; `None` for programs that are not known here.
pub fn listens(words: &[String], variables: &Variables) -> Option<(&'static str, Listens)> {
    let call = call(words)?;
    let options = Options { words: call.words };
    let answer = match call.name {
        "uvicorn" if options.has(&["--uds", "--fd"]) => Listens::Elsewhere,
        "uvicorn" => by_host(options.last(&["--host"]), variables, Some("UVICORN_HOST"), Told::Default),
        "granian" if options.has(&["--uds"]) => Listens::Elsewhere,
        "granian" => by_host(options.last(&["--host"]), variables, Some("GRANIAN_HOST"), Told::Default),
        "flask" => by_host(options.last(&["--host", "-h"]), variables, Some("FLASK_RUN_HOST"), Told::DefaultUnlessFile),
        "fastapi dev" => by_host(options.last(&["--host"]), variables, None, Told::Default),
        "daphne" if options.has(&["-u", "--unix-socket", "-e", "--endpoint", "--fd"]) => Listens::Elsewhere,
        "daphne" => by_host(options.last(&["-b", "--bind"]), variables, None, Told::Default),
        "gunicorn" => gunicorn(&options, variables),
        "hypercorn" => match options.all(&["-b", "--bind"]) {
            binds if !binds.is_empty() => by_binds(&binds, Told::Command),
            _ if options.has(&["-c", "--config"]) => Listens::Open("its configuration file may set where it listens"),
            _ => Listens::Loopback("127.0.0.1".to_string(), Told::Default),
        },
        "runserver" => match call.words.iter().find(|word| !word.starts_with('-')) {
            Some(word) if !shell::is_decided(word) => Listens::Open("its address is set when it starts"),
            Some(word) if !word.bytes().all(|b| b.is_ascii_digit()) => by_binds(&[word.as_str()], Told::Command),
            _ => Listens::Loopback("127.0.0.1".to_string(), Told::Default),
        },
        // These listen everywhere unless they are told otherwise.
        "waitress-serve" => match options.all(&["--listen"]) {
            binds if !binds.is_empty() => by_binds(&binds, Told::Command),
            _ => if_told(options.last(&["--host"])),
        },
        "next" => if_told(options.last(&["-H", "--hostname"])),
        "http.server" => if_told(options.last(&["-b", "--bind"])),
        "php" => options.last(&["-S"]).map_or(Listens::Elsewhere, |bind| by_binds(&[bind], Told::Command)),
        _ => if_told(options.last(&["--host"])),
    };
    Some((call.name, answer))
}

fn call(words: &[String]) -> Option<Call<'_>> {
    let (program, rest) = words.split_first()?;
    let name = file_name(program);
    if name == "python" || name.starts_with("python3") {
        let at = rest.iter().position(|word| word == "-m" || !word.starts_with('-'))?;
        if rest[at] == "-m" {
            return named(rest.get(at + 1)?, &rest[at + 2..]);
        }
        let is_django = file_name(&rest[at]) == "manage.py" && rest.get(at + 1).is_some_and(|word| word == "runserver");
        return is_django.then(|| Call { name: "runserver", words: &rest[at + 2..] });
    }
    if matches!(name, "manage.py" | "django-admin") && rest.first().is_some_and(|word| word == "runserver") {
        return Some(Call { name: "runserver", words: &rest[1..] });
    }
    named(name, rest)
}

fn named<'a>(name: &str, words: &'a [String]) -> Option<Call<'a>> {
    const SERVERS: &[&str] =
        &["uvicorn", "gunicorn", "hypercorn", "daphne", "granian", "waitress-serve", "http.server", "php"];
    if let Some(&name) = SERVERS.iter().find(|server| **server == name) {
        return Some(Call { name, words });
    }
    let verb = |verbs: &[&str]| words.iter().position(|word| verbs.contains(&word.as_str()));
    let (name, at) = match name {
        "flask" => ("flask", verb(&["run"])?),
        "fastapi" => match words.first()?.as_str() {
            "dev" => ("fastapi dev", 0),
            "run" => ("fastapi run", 0),
            _ => return None,
        },
        "next" => ("next", verb(&["start", "dev"]).filter(|&at| at == 0)?),
        "waitress" => return Some(Call { name: "waitress-serve", words }),
        _ => return None,
    };
    Some(Call { name, words: &words[at + 1..] })
}

/// gunicorn reads a gunicorn.conf.py in its working folder by itself.
fn gunicorn(options: &Options<'_>, variables: &Variables) -> Listens {
    let names = ["-b", "--bind"];
    let binds = options.all(&names);
    if !binds.is_empty() {
        return by_binds(&binds, Told::Command);
    }
    if let Some(arguments) = variables.get("GUNICORN_CMD_ARGS") {
        let words: Vec<String> = arguments.split_whitespace().map(str::to_string).collect();
        let binds: Vec<String> = Options { words: &words }.all(&names).iter().map(|bind| bind.to_string()).collect();
        if !binds.is_empty() {
            let binds: Vec<&str> = binds.iter().map(String::as_str).collect();
            return by_binds(&binds, Told::Variable("GUNICORN_CMD_ARGS"));
        }
    }
    if options.has(&["-c", "--config"]) {
        return Listens::Open("its configuration file may set where it listens");
    }
    match variables.get("PORT") {
        Some(_) => Listens::Elsewhere,
        None => Listens::Loopback("127.0.0.1:8000".to_string(), Told::DefaultUnlessFile),
    }
}

/// For servers that listen on 127.0.0.1 unless they are told otherwise.
fn by_host(option: Option<&str>, variables: &Variables, name: Option<&'static str>, default: Told) -> Listens {
    let variable = name.and_then(|name| Some((name, variables.get(name).filter(|value| !value.is_empty())?)));
    match (option, variable) {
        (Some(host), _) => by_binds(&[host], Told::Command),
        (None, Some((name, host))) => by_binds(&[host], Told::Variable(name)),
        (None, None) => Listens::Loopback("127.0.0.1".to_string(), default),
    }
}

/// For servers that listen everywhere unless they are told otherwise.
fn if_told(host: Option<&str>) -> Listens {
    host.map_or(Listens::Elsewhere, |host| by_binds(&[host], Told::Command))
}

/// Loopback only where every address is.
fn by_binds(binds: &[&str], told: Told) -> Listens {
    if binds.iter().any(|bind| !shell::is_decided(bind)) {
        return Listens::Open("its address is set when it starts");
    }
    let is_local = |bind: &&str| is_loopback(bind) || bind.rsplit_once(':').is_some_and(|(host, _)| is_loopback(host));
    match binds.first() {
        Some(first) if binds.iter().all(is_local) => Listens::Loopback(first.to_string(), told),
        _ => Listens::Elsewhere,
    }
}

struct Options<'a> {
    words: &'a [String],
}

impl<'a> Options<'a> {
    /// The values of an option, as `--name value`, `--name=value`, `-n value`, `-nvalue`.
    fn all(&self, names: &[&str]) -> Vec<&'a str> {
        let mut values = Vec::new();
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            if names.contains(&word.as_str()) {
                values.extend(words.next().map(String::as_str));
                continue;
            }
            let glued = names.iter().find_map(|name| {
                let rest = word.strip_prefix(name)?;
                if name.starts_with("--") {
                    rest.strip_prefix('=')
                } else {
                    Some(rest.strip_prefix('=').unwrap_or(rest))
                }
            });
            values.extend(glued);
        }
        values
    }

    fn last(&self, names: &[&str]) -> Option<&'a str> {
        self.all(names).pop()
    }

    fn has(&self, names: &[&str]) -> bool {
        self.words.iter().any(|word| {
            names.contains(&word.as_str()) || word.split_once('=').is_some_and(|(name, _)| names.contains(&name))
        })
    }
}
