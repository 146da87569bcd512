//! Servers whose options say where they listen, each as its own documentation has it.
//!
//! uvicorn: settings, "Socket binding", and `UVICORN_…` variables (`127.0.0.1`, 8000). gunicorn: settings, "bind"
//! (`0.0.0.0:$PORT` where PORT is set, else `127.0.0.1:8000`), `GUNICORN_CMD_ARGS`, `gunicorn.conf.py`. hypercorn:
//! "Configuring" (`127.0.0.1:8000`). daphne: `-b`, `-p` (`127.0.0.1`, 8000). Flask: `flask run --host --port`,
//! `FLASK_RUN_…`, `.flaskenv` (`127.0.0.1`, 5000). FastAPI CLI: `run` (`0.0.0.0`), `dev` (`127.0.0.1`), 8000, `PORT` since
//! 2025. Django: `runserver [address:]port` (`127.0.0.1:8000`). granian: `--host`, `--port`, `GRANIAN_…` (`127.0.0.1`,
//! 8000). waitress: `--host`, `--port`, `--listen` (`0.0.0.0`, 8080). Next.js CLI: `-H`, `-p`, `PORT` (all, 3000). Python's
//! http.server: `--bind`, a port (all, 8000). PHP: `-S address:port`.
//!
//! In: the words of a command, the image's variables. Out: the sockets. Not here: whether they are the right ones.

use crate::facts::Facts;
use crate::facts::health::is_loopback;
use crate::facts::known;
use crate::facts::options::Options;
use crate::facts::shell;
use crate::facts::shell::Variables;
use crate::facts::start::Command;
use crate::facts::start::file_name;
use crate::limits;
use crate::view::Resolved;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A server that a command starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What it is called: `uvicorn`, `fastapi dev`.
    pub name: &'static str,
    /// Where it listens over TCP.
    pub listens: Listens,
    /// Socket files that it makes.
    pub files: Vec<String>,
}

/// Where a server listens over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listens {
    /// On these sockets; on none where it listens on a file or on a descriptor that it was handed.
    On(Vec<Socket>),
    /// The config does not say; the reason as a fragment.
    Open(&'static str),
}

/// A socket that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its address or name, without brackets; `*` for all addresses of all families that there are.
    pub host: Setting<String>,
    /// Its port.
    pub port: Setting<u16>,
}

/// A value, or why it cannot be told, as a fragment; and who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: Result<T, &'static str>,
    /// Who set it.
    pub told: Told,
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
}

impl Socket {
    /// Whether nobody outside the container reaches it.
    pub fn is_loopback(&self) -> Result<bool, &'static str> {
        self.host.value.as_deref().map(is_loopback).map_err(|why| *why)
    }

    /// Whether it takes connections over IPv6; `None` for names and for `*`.
    pub fn takes_ipv6(&self) -> Option<bool> {
        let address: core::net::IpAddr = self.host.value.as_ref().ok()?.parse().ok()?;
        Some(address.is_ipv6())
    }
}

const AT_START: &str = "it is set when the program starts";
const BY_FILE: &str = "a file that the program reads may set it";
const HIDDEN: &str = "its options are written in a form that is not read here";
const NO_PORT: &str = "it is no port number";

impl Facts<'_> {
    /// The server that each of a command's programs is; `None` for programs that are not known here.
    pub fn servers(&self, command: &Command) -> Vec<Option<Server>> {
        let variables = &command.variables;
        let moves = command.moves();
        // Asked once for each name: a text may start one server very often.
        let asked: RefCell<BTreeMap<&'static str, bool>> = RefCell::default();
        let may_find = |name| moves || *asked.borrow_mut().entry(name).or_insert_with(|| self.may_find(name));
        command.programs.iter().map(|words| server(words, variables, &may_find)).collect()
    }

    /// Whether a file of this name may lie in the working directory or above it.
    fn may_find(&self, name: &str) -> bool {
        let Ok(view) = self.view() else { return true };
        let mut directory = self.image().config.run.working_dir.trim_end_matches('/');
        // Linux takes no longer path.
        while directory.len() <= limits::LINK_BYTES {
            if !matches!(view.resolve(format!("{directory}/{name}").as_bytes(), true), Resolved::Missing) {
                return true;
            }
            match directory.rsplit_once('/') {
                Some((above, _)) => directory = above,
                None => return false,
            }
        }
        true
    }
}

/// Steps before a server starts that end by themselves, and open no port.
pub fn opens_no_port(words: &[String]) -> bool {
    let name = file_name(&words[0]);
    let is_django = words.iter().take(3).any(|word| file_name(word) == "manage.py");
    let has = |verbs: &[&str]| words.iter().any(|word| verbs.contains(&word.as_str()));
    known::is_passing(name)
        || call(words).is_some_and(|(_, words)| ends_at_once(words))
        || is_django && has(&["migrate", "collectstatic", "check", "loaddata", "createsuperuser", "compilemessages"])
        || name == "alembic"
        || name == "flask" && has(&["db"])
        || name == "prisma" && has(&["migrate", "generate", "db"])
}

/// `may_find`: whether a file that the server looks for may lie in its working directory or above it.
fn server(words: &[String], variables: &Variables, may_find: &dyn Fn(&'static str) -> bool) -> Option<Server> {
    let (name, words) = call(words).filter(|(_, words)| !ends_at_once(words))?;
    let options = Options(words);
    let told = Reader { options, variables };
    let socket =
        |host, port| Some(Server { name, listens: Listens::On(vec![Socket { host, port }]), files: Vec::new() });
    let open = |why| Some(Server { name, listens: Listens::Open(why), files: Vec::new() });
    let no_tcp = |file: Option<String>| {
        Some(Server { name, listens: Listens::On(Vec::new()), files: file.into_iter().collect() })
    };
    let on_file = |file: Result<String, _>| file.map_or_else(open, |file| no_tcp(Some(file)));
    match name {
        "uvicorn" | "granian" => {
            let (host, port, file, descriptor) = match name {
                "uvicorn" => ("UVICORN_HOST", "UVICORN_PORT", "UVICORN_UDS", "UVICORN_FD"),
                _ => ("GRANIAN_HOST", "GRANIAN_PORT", "GRANIAN_UDS", ""),
            };
            if let Some((file, _)) = told.text(&["--uds"], Some(file)) {
                return on_file(file);
            }
            if name == "uvicorn"
                && let Some((descriptor, _)) = told.text(&["--fd"], Some(descriptor))
            {
                return descriptor.map_or_else(open, |_| no_tcp(None));
            }
            socket(told.host(&["--host"], Some(host), "127.0.0.1"), told.port(&["--port"], Some(port), 8000))
        }
        "fastapi run" | "fastapi dev" => {
            let host = if name == "fastapi run" { "0.0.0.0" } else { "127.0.0.1" };
            let mut port = told.port(&["--port"], None, 8000);
            if port.told == Told::Default && variables.get("PORT").is_some_and(|text| text != "8000") {
                port.value = Err("whether it reads PORT depends on its version");
            }
            socket(told.host(&["--host"], None, host), port)
        }
        "flask" => {
            let mut host = told.host(&["--host", "-h"], Some("FLASK_RUN_HOST"), "127.0.0.1");
            let mut port = told.port(&["--port", "-p"], Some("FLASK_RUN_PORT"), 5000);
            if let Ok(Some(file)) = host.value.as_ref().map(|host| host.strip_prefix("unix://")) {
                return no_tcp(Some(file.to_string()));
            }
            if [".flaskenv", ".env"].iter().any(|file| may_find(file)) {
                host = host.unless_file();
                port = port.unless_file();
            }
            socket(host, port)
        }
        "daphne" if options.has(&["-e", "--endpoint"]) => open("its endpoint is not read here"),
        "daphne" if options.has(&["--fd"]) => no_tcp(None),
        "daphne" => match told.text(&["-u", "--unix-socket"], None) {
            Some((file, _)) => on_file(file),
            None => socket(told.host(&["-b", "--bind"], None, "127.0.0.1"), told.port(&["-p", "--port"], None, 8000)),
        },
        "gunicorn" => gunicorn(name, &told, may_find),
        "hypercorn" => {
            let names = ["-b", "--bind", "--insecure-bind"];
            let binds = options.all(&names);
            if options.hides(&names) {
                return open(HIDDEN);
            }
            match binds.is_empty() {
                false => Some(bound(name, options, &binds, 8000, Told::Command)),
                true if options.has(&["-c", "--config"]) => open(BY_FILE),
                true => socket(told.default("127.0.0.1"), told.default(8000u16)),
            }
        }
        "runserver" => {
            let host = if options.has(&["-6", "--ipv6"]) { "::1" } else { "127.0.0.1" };
            match options.positional(&["--settings", "--pythonpath", "-v", "--verbosity"]) {
                Some(word) if word.bytes().all(|b| b.is_ascii_digit()) => {
                    socket(told.default(host), port_of(word, Told::Command))
                }
                Some(word) => Some(bound(name, options, &[(usize::MAX, word)], 8000, Told::Command)),
                None => socket(told.default(host), told.default(8000u16)),
            }
        }
        "waitress-serve" => {
            let binds = options.all(&["--listen"]);
            if let Some((file, _)) = told.text(&["--unix-socket"], None) {
                return on_file(file);
            }
            match binds.is_empty() {
                false => Some(bound(name, options, &binds, 8080, Told::Command)),
                true => socket(told.host(&["--host"], None, "0.0.0.0"), told.port(&["--port"], None, 8080)),
            }
        }
        "next" => socket(told.host(&["-H", "--hostname"], None, "*"), told.port(&["-p", "--port"], Some("PORT"), 3000)),
        "http.server" => {
            let host = told.host(&["-b", "--bind"], None, "*");
            let port = options.positional(&["-b", "--bind", "-d", "--directory", "-p", "--protocol"]);
            socket(host, port.map_or_else(|| told.default(8000u16), |word| port_of(word, Told::Command)))
        }
        // The other things that PHP does are no server.
        _ => {
            let (at, bind) = options.last(&["-S"])?;
            Some(bound(name, options, &[(at, bind)], 80, Told::Command))
        }
    }
}

/// Whether a server is only asked for its help, its version, or what it thinks of its settings.
fn ends_at_once(words: &[String]) -> bool {
    words.iter().any(|word| matches!(word.as_str(), "--help" | "--version" | "--check-config" | "--print-config"))
}

/// The server and the words behind its name.
pub fn call(words: &[String]) -> Option<(&'static str, &[String])> {
    let (program, rest) = words.split_first()?;
    let name = file_name(program);
    if name == "python" || name.starts_with("python3") {
        let at = rest.iter().position(|word| word == "-m" || !word.starts_with('-'))?;
        if rest[at] == "-m" {
            return named(rest.get(at + 1)?, &rest[at + 2..]);
        }
        let is_django = file_name(&rest[at]) == "manage.py" && rest.get(at + 1).is_some_and(|word| word == "runserver");
        return is_django.then(|| ("runserver", &rest[at + 2..]));
    }
    if matches!(name, "manage.py" | "django-admin") && rest.first().is_some_and(|word| word == "runserver") {
        return Some(("runserver", &rest[1..]));
    }
    named(name, rest)
}

fn named<'a>(name: &str, words: &'a [String]) -> Option<(&'static str, &'a [String])> {
    const SERVERS: &[&str] =
        &["uvicorn", "gunicorn", "hypercorn", "daphne", "granian", "waitress-serve", "http.server", "php"];
    if let Some(&name) = SERVERS.iter().find(|server| **server == name) {
        return Some((name, words));
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
        "waitress" => return Some(("waitress-serve", words)),
        _ => return None,
    };
    Some((name, &words[at + 1..]))
}

/// The command's binds come before those of `GUNICORN_CMD_ARGS`, those before a file's, and `PORT` is the last to be asked.
fn gunicorn(name: &'static str, told: &Reader<'_>, may_find: &dyn Fn(&'static str) -> bool) -> Option<Server> {
    let names = ["-b", "--bind"];
    let open = |why| Some(Server { name, listens: Listens::Open(why), files: Vec::new() });
    let binds = told.options.all(&names);
    if told.options.hides(&names) {
        return open(HIDDEN);
    }
    if !binds.is_empty() {
        return Some(bound(name, told.options, &binds, 8000, Told::Command));
    }
    let variable = "GUNICORN_CMD_ARGS";
    let words: Vec<String> =
        told.variables.get(variable).unwrap_or("").split_whitespace().map(str::to_string).collect();
    let inner = Options(&words);
    let binds = inner.all(&names);
    if inner.hides(&names) {
        return open(HIDDEN);
    }
    if !binds.is_empty() {
        return Some(bound(name, inner, &binds, 8000, Told::Variable(variable)));
    }
    let reads = told.options.has(&["-c", "--config"]) || inner.has(&["-c", "--config"]) || may_find("gunicorn.conf.py");
    let (host, port) = match told.variables.get("PORT") {
        Some(port) => (told.default("0.0.0.0"), port_of(port, Told::Variable("PORT"))),
        None => (told.default("127.0.0.1"), told.default(8000u16)),
    };
    if reads {
        return open(BY_FILE);
    }
    Some(Server { name, listens: Listens::On(vec![Socket { host, port }]), files: Vec::new() })
}

/// Sockets from `host:port` texts, each with the place where it stands.
fn bound(name: &'static str, options: Options<'_>, binds: &[(usize, &str)], port: u16, by: Told) -> Server {
    let mut server = Server { name, listens: Listens::Open(AT_START), files: Vec::new() };
    // Words that only the start decides may hold further binds.
    if options.last_open().is_some_and(|open| binds.iter().all(|(at, _)| open > *at)) {
        return server;
    }
    let mut sockets = Vec::new();
    for (_, text) in binds {
        if let Some(file) = text.strip_prefix("unix:") {
            server.files.push(file.strip_prefix("//").unwrap_or(file).to_string());
        } else if !text.starts_with("fd://") {
            sockets.push(bind(text.strip_prefix("tcp://").unwrap_or(text), port, by));
        }
    }
    server.listens = Listens::On(sockets);
    server
}

fn bind(text: &str, default_port: u16, told: Told) -> Socket {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port_of(port, told)),
        _ if !shell::is_decided(text) => (text, Setting { value: Err(AT_START), told }),
        _ => (text, Setting { value: Ok(default_port), told: Told::Default }),
    };
    Socket { host: host_of(host, told), port }
}

/// An address or a name; nothing at all means every IPv4 address, and so does `0`.
fn host_of(text: &str, told: Told) -> Setting<String> {
    let host = match text.trim_start_matches('[').trim_end_matches(']') {
        "" | "0" => "0.0.0.0",
        host => host,
    };
    Setting { value: if shell::is_decided(host) { Ok(host.to_string()) } else { Err(AT_START) }, told }
}

/// Port 0 means any that is free.
fn port_of(text: &str, told: Told) -> Setting<u16> {
    let value = match text.parse() {
        _ if !shell::is_decided(text) => Err(AT_START),
        Ok(0) => Err(AT_START),
        Ok(port) => Ok(port),
        Err(_) => Err(NO_PORT),
    };
    Setting { value, told }
}

impl<T> Setting<T> {
    /// A default that a file may replace.
    fn unless_file(mut self) -> Setting<T> {
        if self.told == Told::Default {
            self.value = Err(BY_FILE);
        }
        self
    }
}

/// Reads options and variables.
struct Reader<'a> {
    options: Options<'a>,
    variables: &'a Variables,
}

impl Reader<'_> {
    /// What an option says, or else a variable that is not empty; the last option counts.
    fn text(&self, names: &[&str], variable: Option<&'static str>) -> Option<(Result<String, &'static str>, Told)> {
        let option = self.options.last(names);
        if self.options.last_open().is_some_and(|open| option.is_none_or(|(at, _)| open > at)) {
            return option.map(|_| (Err(AT_START), Told::Command));
        }
        if self.options.hides(names) {
            return Some((Err(HIDDEN), Told::Command));
        }
        let of_variable = || Some((variable?, self.variables.get(variable?).filter(|value| !value.is_empty())?));
        match option {
            Some((_, text)) => Some((Ok(text.to_string()), Told::Command)),
            None => of_variable().map(|(name, value)| (Ok(value.to_string()), Told::Variable(name))),
        }
    }

    fn host(&self, names: &[&str], variable: Option<&'static str>, default: &str) -> Setting<String> {
        match self.text(names, variable) {
            Some((Ok(text), told)) => host_of(&text, told),
            Some((Err(why), told)) => Setting { value: Err(why), told },
            None => self.default(default),
        }
    }

    fn port(&self, names: &[&str], variable: Option<&'static str>, default: u16) -> Setting<u16> {
        match self.text(names, variable) {
            Some((Ok(text), told)) => port_of(&text, told),
            Some((Err(why), told)) => Setting { value: Err(why), told },
            None => self.default(default),
        }
    }

    fn default<T>(&self, value: impl Into<T>) -> Setting<T> {
        let value = if self.options.last_open().is_some() { Err(AT_START) } else { Ok(value.into()) };
        Setting { value, told: Told::Default }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name host:port …`, with `?` for what is open.
    fn shown(words: &[&str], env: &[&str], finds: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| word.replace('?', &shell::OPEN.to_string())).collect();
        let mut variables = Variables::default();
        env.iter().filter_map(|pair| pair.split_once('=')).for_each(|(name, value)| variables.set(name, value));
        let Some(server) = server(&words, &variables, &|name| finds.contains(&name)) else { return String::new() };
        let Listens::On(sockets) = server.listens else { return format!("{} ?", server.name) };
        let sockets = sockets.into_iter().map(|socket| {
            let port = socket.port.value.map_or("?".to_string(), |port| port.to_string());
            format!(" {}:{port}", socket.host.value.unwrap_or_else(|_| "?".to_string()))
        });
        let files = server.files.iter().map(|file| format!(" {file}"));
        format!("{}{}", server.name, sockets.chain(files).collect::<String>())
    }

    #[test]
    fn defaults_options_and_variables_are_read_as_each_server_does() {
        for (words, env, expected) in [
            (&["uvicorn", "m:a"][..], &[][..], "uvicorn 127.0.0.1:8000"),
            (&["uvicorn", "m:a", "--port=80"], &["UVICORN_PORT=90", "UVICORN_HOST=::", "PORT=1"], "uvicorn :::80"),
            (&["uvicorn", "m:a", "--uds", "/run/s"], &[], "uvicorn /run/s"),
            (&["uvicorn", "m:a", "--port", "0"], &[], "uvicorn 127.0.0.1:?"),
            (&["python3", "-m", "uvicorn", "m:a", "--port", "?"], &[], "uvicorn 127.0.0.1:?"),
            (&["uvicorn", "m:a", "?"], &[], "uvicorn ?:?"),
            (&["uvicorn", "?", "--port", "80"], &[], "uvicorn ?:80"),
            (&["granian", "m:a"], &["GRANIAN_PORT=90"], "granian 127.0.0.1:90"),
            (&["fastapi", "run"], &[], "fastapi run 0.0.0.0:8000"),
            (&["fastapi", "dev"], &["PORT=90"], "fastapi dev 127.0.0.1:?"),
            (&["flask", "--app", "x", "run", "-p", "80"], &["FLASK_RUN_HOST=0.0.0.0"], "flask 0.0.0.0:80"),
            (&["daphne", "-p", "80", "-b", "0.0.0.0", "m:a"], &[], "daphne 0.0.0.0:80"),
            (&["daphne", "-e", "tcp:80", "m:a"], &[], "daphne ?"),
            (&["gunicorn", "m:a"], &[], "gunicorn 127.0.0.1:8000"),
            (&["gunicorn", "m:a"], &["PORT=80"], "gunicorn 0.0.0.0:80"),
            (
                &["gunicorn", "m:a", "-b", ":80", "-b[::]:81", "--bind=unix:/s"],
                &["PORT=1"],
                "gunicorn 0.0.0.0:80 :::81 /s",
            ),
            (&["gunicorn", "m:a"], &["GUNICORN_CMD_ARGS=--bind=0.0.0.0 -w 2"], "gunicorn 0.0.0.0:8000"),
            (&["gunicorn", "m:a", "-b", "0.0.0.0:?"], &[], "gunicorn 0.0.0.0:?"),
            (&["gunicorn", "-Rb", "0.0.0.0:80", "m:a"], &[], "gunicorn ?"),
            (&["gunicorn", "--bin=0.0.0.0:80", "m:a"], &[], "gunicorn ?"),
            (&["gunicorn", "-w4", "m:a"], &["GUNICORN_CMD_ARGS=-Rb :80"], "gunicorn ?"),
            (&["uvicorn", "m:a", "--hos", "::"], &[], "uvicorn ?:8000"),
            (&["hypercorn", "-b", "fd://3", "m:a"], &[], "hypercorn"),
            (&["python", "manage.py", "runserver", "--settings", "x", "0:80"], &[], "runserver 0.0.0.0:80"),
            (&["python", "manage.py", "runserver", "80"], &[], "runserver 127.0.0.1:80"),
            (&["manage.py", "runserver", "?"], &[], "runserver ?:?"),
            (&["python", "manage.py", "migrate"], &[], ""),
            (&["waitress-serve", "--listen=*:80", "m:a"], &[], "waitress-serve *:80"),
            (&["waitress-serve", "m:a"], &[], "waitress-serve 0.0.0.0:8080"),
            (&["next", "start", "-p", "80"], &["PORT=90"], "next *:80"),
            (&["next", "start"], &["PORT=90"], "next *:90"),
            (&["next", "build"], &[], ""),
            (&["python", "-m", "http.server", "-d", "/srv", "80"], &[], "http.server *:80"),
            (&["php", "-S", "localhost:80"], &[], "php localhost:80"),
            (&["php", "x.php"], &[], ""),
            (&["node", "server.js"], &["PORT=80"], ""),
        ] {
            assert_eq!(shown(words, env, &[]), expected, "{words:?}");
        }
    }

    #[test]
    fn files_that_are_read_leave_defaults_open() {
        assert_eq!(shown(&["gunicorn", "m:a"], &["PORT=80"], &["gunicorn.conf.py"]), "gunicorn ?");
        assert_eq!(shown(&["gunicorn", "m:a", "-b", ":80"], &[], &["gunicorn.conf.py"]), "gunicorn 0.0.0.0:80");
        assert_eq!(shown(&["flask", "run", "-p", "80"], &[], &[".env"]), "flask ?:80");
        assert_eq!(shown(&["hypercorn", "-c", "x.toml", "m:a"], &[], &[]), "hypercorn ?");
    }
}
