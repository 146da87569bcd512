//! Where known servers listen, according to their options and documentation.
//!
//! uvicorn: settings, "Socket binding", and `UVICORN_…` variables (`127.0.0.1`, 8000). gunicorn: settings, "bind"
//! (`0.0.0.0:$PORT` where PORT is set, else `127.0.0.1:8000`), `GUNICORN_CMD_ARGS`, `gunicorn.conf.py`. hypercorn:
//! "Configuring" (`127.0.0.1:8000`). daphne: `-b`, `-p` (`127.0.0.1`, 8000). Flask: `flask run --host --port`,
//! `FLASK_RUN_…`, `.flaskenv` (`127.0.0.1`, 5000). FastAPI CLI: `run` (`0.0.0.0`), `dev` (`127.0.0.1`), 8000, `PORT`
//! since 2025. Django: `runserver [address:]port` (`127.0.0.1:8000`). granian: `--host`, `--port`, `GRANIAN_…`
//! (`127.0.0.1`, 8000). waitress: `--host`, `--port`, `--listen` (`0.0.0.0`, 8080). Next.js CLI: `-H`, `-p`, `PORT`
//! (all, 3000). Python's http.server: `--bind`, a port (all, 8000). PHP: `-S address:port`.
//!
//! In: the words of a command, the image's variables. Out: the sockets. Not here: whether those are right.

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
    /// Its name: `uvicorn`, `fastapi dev`.
    pub name: &'static str,
    /// Where it listens over TCP.
    pub listens: Listens,
    /// The socket files it creates.
    pub files: Vec<String>,
}

/// Where a server listens over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listens {
    /// On these sockets; none if it listens on a socket file or an inherited descriptor.
    On(Vec<Socket>),
    /// The config doesn't determine it; the reason, as a fragment.
    Unknown(&'static str),
}

/// A socket that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its address or name, without brackets; `*` for all addresses of all families.
    pub host: Setting<String>,
    /// Its port.
    pub port: Setting<u16>,
}

/// A setting of a server: its value, and what set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value, or the reason why it is unknown, as a fragment.
    pub value: Result<T, &'static str>,
    /// What set it.
    pub source: Source,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A word of the command.
    Command,
    /// An environment variable.
    Variable(&'static str),
    /// The server's default.
    Default,
}

impl Socket {
    /// Whether it can only be reached from inside the container.
    pub fn is_loopback(&self) -> Result<bool, &'static str> {
        self.host.value.as_deref().map(is_loopback).map_err(|why| *why)
    }

    /// Whether it accepts connections over IPv6; `None` for names and for `*`.
    pub fn takes_ipv6(&self) -> Option<bool> {
        let address: core::net::IpAddr = self.host.value.as_ref().ok()?.parse().ok()?;
        Some(address.is_ipv6())
    }
}

const SET_AT_START: &str = "it is set when the program starts";
const SET_BY_FILE: &str = "a file that the program reads may set it";
const UNPARSED: &str = "its options are written in a form that plimsoll doesn't parse";
const NO_PORT: &str = "it is not a port number";

impl Facts<'_> {
    /// For each program of a command: the server it is; `None` for unknown programs.
    pub fn servers(&self, command: &Command) -> Vec<Option<Server>> {
        let variables = &command.variables;
        let moves = command.moves();
        // Looked up once per name: a script may start one server many times.
        let found: RefCell<BTreeMap<&'static str, bool>> = RefCell::default();
        let may_find = |name| moves || *found.borrow_mut().entry(name).or_insert_with(|| self.may_find(name));
        command.programs.iter().map(|words| server(words, variables, &may_find)).collect()
    }

    /// Whether a file with this name may be in the working directory or one of its parents.
    fn may_find(&self, name: &str) -> bool {
        let Ok(view) = self.view() else { return true };
        let mut directory = self.image().config.run.working_dir.trim_end_matches('/');
        // Linux accepts no longer path.
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

/// Whether a command ends by itself and opens no port, like the steps that prepare a server's start.
pub fn opens_no_port(words: &[String]) -> bool {
    let name = file_name(&words[0]);
    let is_django = words.iter().take(3).any(|word| file_name(word) == "manage.py");
    let has = |verbs: &[&str]| words.iter().any(|word| verbs.contains(&word.as_str()));
    known::ends_by_itself(name)
        || call(words).is_some_and(|(_, words)| exits_immediately(words))
        || is_django && has(&["migrate", "collectstatic", "check", "loaddata", "createsuperuser", "compilemessages"])
        || name == "alembic"
        || name == "flask" && has(&["db"])
        || name == "prisma" && has(&["migrate", "generate", "db"])
}

/// `may_find` says whether a file that the server looks for may be in its working directory or one of its parents.
fn server(words: &[String], variables: &Variables, may_find: &dyn Fn(&'static str) -> bool) -> Option<Server> {
    let (name, words) = call(words).filter(|(_, words)| !exits_immediately(words))?;
    let options = Options(words);
    let reader = Reader { options, variables };
    let socket =
        |host, port| Some(Server { name, listens: Listens::On(vec![Socket { host, port }]), files: Vec::new() });
    let unknown = |why| Some(Server { name, listens: Listens::Unknown(why), files: Vec::new() });
    let no_tcp = |file: Option<String>| {
        Some(Server { name, listens: Listens::On(Vec::new()), files: file.into_iter().collect() })
    };
    let on_file = |file: Result<String, _>| file.map_or_else(unknown, |file| no_tcp(Some(file)));
    match name {
        "uvicorn" | "granian" => {
            let (host, port, file, descriptor) = match name {
                "uvicorn" => ("UVICORN_HOST", "UVICORN_PORT", "UVICORN_UDS", "UVICORN_FD"),
                _ => ("GRANIAN_HOST", "GRANIAN_PORT", "GRANIAN_UDS", ""),
            };
            if let Some((file, _)) = reader.text(&["--uds"], Some(file)) {
                return on_file(file);
            }
            if name == "uvicorn"
                && let Some((descriptor, _)) = reader.text(&["--fd"], Some(descriptor))
            {
                return descriptor.map_or_else(unknown, |_| no_tcp(None));
            }
            socket(reader.host(&["--host"], Some(host), "127.0.0.1"), reader.port(&["--port"], Some(port), 8000))
        }
        "fastapi run" | "fastapi dev" => {
            let host = if name == "fastapi run" { "0.0.0.0" } else { "127.0.0.1" };
            let mut port = reader.port(&["--port"], None, 8000);
            if port.source == Source::Default && variables.get("PORT").is_some_and(|text| text != "8000") {
                port.value = Err("whether it reads PORT depends on its version");
            }
            socket(reader.host(&["--host"], None, host), port)
        }
        "flask" => {
            let mut host = reader.host(&["--host", "-h"], Some("FLASK_RUN_HOST"), "127.0.0.1");
            let mut port = reader.port(&["--port", "-p"], Some("FLASK_RUN_PORT"), 5000);
            if let Ok(Some(file)) = host.value.as_ref().map(|host| host.strip_prefix("unix://")) {
                return no_tcp(Some(file.to_string()));
            }
            if [".flaskenv", ".env"].iter().any(|file| may_find(file)) {
                host = host.unless_set_by_file();
                port = port.unless_set_by_file();
            }
            socket(host, port)
        }
        "daphne" if options.has(&["-e", "--endpoint"]) => unknown("plimsoll doesn't parse its endpoint"),
        "daphne" if options.has(&["--fd"]) => no_tcp(None),
        "daphne" => match reader.text(&["-u", "--unix-socket"], None) {
            Some((file, _)) => on_file(file),
            None => {
                socket(reader.host(&["-b", "--bind"], None, "127.0.0.1"), reader.port(&["-p", "--port"], None, 8000))
            }
        },
        "gunicorn" => gunicorn(name, &reader, may_find),
        "hypercorn" => {
            let names = ["-b", "--bind", "--insecure-bind"];
            let binds = options.all(&names);
            if options.may_hide(&names) {
                return unknown(UNPARSED);
            }
            if !binds.is_empty() {
                Some(bound_server(name, options, &binds, 8000, Source::Command))
            } else if options.has(&["-c", "--config"]) {
                unknown(SET_BY_FILE)
            } else {
                socket(reader.default("127.0.0.1"), reader.default(8000u16))
            }
        }
        "runserver" => {
            let host = if options.has(&["-6", "--ipv6"]) { "::1" } else { "127.0.0.1" };
            match options.positional(&["--settings", "--pythonpath", "-v", "--verbosity"]) {
                Some(word) if word.bytes().all(|b| b.is_ascii_digit()) => {
                    socket(reader.default(host), parse_port(word, Source::Command))
                }
                Some(word) => Some(bound_server(name, options, &[(usize::MAX, word)], 8000, Source::Command)),
                None => socket(reader.default(host), reader.default(8000u16)),
            }
        }
        "waitress-serve" => {
            let binds = options.all(&["--listen"]);
            if let Some((file, _)) = reader.text(&["--unix-socket"], None) {
                return on_file(file);
            }
            if binds.is_empty() {
                socket(reader.host(&["--host"], None, "0.0.0.0"), reader.port(&["--port"], None, 8080))
            } else {
                Some(bound_server(name, options, &binds, 8080, Source::Command))
            }
        }
        "next" => {
            socket(reader.host(&["-H", "--hostname"], None, "*"), reader.port(&["-p", "--port"], Some("PORT"), 3000))
        }
        "http.server" => {
            let host = reader.host(&["-b", "--bind"], None, "*");
            let port = options.positional(&["-b", "--bind", "-d", "--directory", "-p", "--protocol"]);
            socket(host, port.map_or_else(|| reader.default(8000u16), |word| parse_port(word, Source::Command)))
        }
        // PHP is a server only with -S.
        _ => {
            let (at, bind) = options.last(&["-S"])?;
            Some(bound_server(name, options, &[(at, bind)], 80, Source::Command))
        }
    }
}

/// Whether a server only prints its help or version, or checks its settings.
fn exits_immediately(words: &[String]) -> bool {
    words.iter().any(|word| matches!(word.as_str(), "--help" | "--version" | "--check-config" | "--print-config"))
}

/// The server that a command starts, and the words after its name.
pub fn call(words: &[String]) -> Option<(&'static str, &[String])> {
    let (program, rest) = words.split_first()?;
    let name = file_name(program);
    if name == "python" || name.starts_with("python3") {
        let at = rest.iter().position(|word| word == "-m" || !word.starts_with('-'))?;
        if rest[at] == "-m" {
            return server_named(rest.get(at + 1)?, &rest[at + 2..]);
        }
        let is_django = file_name(&rest[at]) == "manage.py" && rest.get(at + 1).is_some_and(|word| word == "runserver");
        return is_django.then(|| ("runserver", &rest[at + 2..]));
    }
    if matches!(name, "manage.py" | "django-admin") && rest.first().is_some_and(|word| word == "runserver") {
        return Some(("runserver", &rest[1..]));
    }
    server_named(name, rest)
}

fn server_named<'a>(name: &str, words: &'a [String]) -> Option<(&'static str, &'a [String])> {
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

/// The command's binds take precedence over those of `GUNICORN_CMD_ARGS`, then a file's; `PORT` comes last.
fn gunicorn(name: &'static str, reader: &Reader<'_>, may_find: &dyn Fn(&'static str) -> bool) -> Option<Server> {
    let names = ["-b", "--bind"];
    let unknown = |why| Some(Server { name, listens: Listens::Unknown(why), files: Vec::new() });
    let binds = reader.options.all(&names);
    if reader.options.may_hide(&names) {
        return unknown(UNPARSED);
    }
    if !binds.is_empty() {
        return Some(bound_server(name, reader.options, &binds, 8000, Source::Command));
    }
    let variable = "GUNICORN_CMD_ARGS";
    let words: Vec<String> =
        reader.variables.get(variable).unwrap_or("").split_whitespace().map(str::to_string).collect();
    let inner = Options(&words);
    let binds = inner.all(&names);
    if inner.may_hide(&names) {
        return unknown(UNPARSED);
    }
    if !binds.is_empty() {
        return Some(bound_server(name, inner, &binds, 8000, Source::Variable(variable)));
    }
    let reads =
        reader.options.has(&["-c", "--config"]) || inner.has(&["-c", "--config"]) || may_find("gunicorn.conf.py");
    let (host, port) = match reader.variables.get("PORT") {
        Some(port) => (reader.default("0.0.0.0"), parse_port(port, Source::Variable("PORT"))),
        None => (reader.default("127.0.0.1"), reader.default(8000u16)),
    };
    if reads {
        return unknown(SET_BY_FILE);
    }
    Some(Server { name, listens: Listens::On(vec![Socket { host, port }]), files: Vec::new() })
}

/// The server bound to `host:port` strings, each with its index among the words.
fn bound_server(
    name: &'static str,
    options: Options<'_>,
    binds: &[(usize, &str)],
    port: u16,
    source: Source,
) -> Server {
    let mut server = Server { name, listens: Listens::Unknown(SET_AT_START), files: Vec::new() };
    // Words that are only known at start may contain more binds.
    if options.last_undecided().is_some_and(|undecided| binds.iter().all(|(at, _)| undecided > *at)) {
        return server;
    }
    let mut sockets = Vec::new();
    for (_, text) in binds {
        if let Some(file) = text.strip_prefix("unix:") {
            server.files.push(file.strip_prefix("//").unwrap_or(file).to_string());
        } else if !text.starts_with("fd://") {
            sockets.push(parse_bind(text.strip_prefix("tcp://").unwrap_or(text), port, source));
        }
    }
    server.listens = Listens::On(sockets);
    server
}

fn parse_bind(text: &str, default_port: u16, source: Source) -> Socket {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, parse_port(port, source)),
        _ if !shell::is_decided(text) => (text, Setting { value: Err(SET_AT_START), source }),
        _ => (text, Setting { value: Ok(default_port), source: Source::Default }),
    };
    Socket { host: parse_host(host, source), port }
}

/// Parses an address or a name; an empty one means every IPv4 address, and so does `0`.
fn parse_host(text: &str, source: Source) -> Setting<String> {
    let host = match text.trim_start_matches('[').trim_end_matches(']') {
        "" | "0" => "0.0.0.0",
        host => host,
    };
    Setting { value: if shell::is_decided(host) { Ok(host.to_string()) } else { Err(SET_AT_START) }, source }
}

/// Parses a port; 0 means any free port.
fn parse_port(text: &str, source: Source) -> Setting<u16> {
    let value = match text.parse() {
        _ if !shell::is_decided(text) => Err(SET_AT_START),
        Ok(0) => Err(SET_AT_START),
        Ok(port) => Ok(port),
        Err(_) => Err(NO_PORT),
    };
    Setting { value, source }
}

impl<T> Setting<T> {
    /// Makes a default unknown, because a file may replace it.
    fn unless_set_by_file(mut self) -> Setting<T> {
        if self.source == Source::Default {
            self.value = Err(SET_BY_FILE);
        }
        self
    }
}

/// Reads settings from options and variables.
struct Reader<'a> {
    options: Options<'a>,
    variables: &'a Variables,
}

impl Reader<'_> {
    /// The value of an option, else of a variable that is not empty; the last option counts.
    fn text(&self, names: &[&str], variable: Option<&'static str>) -> Option<(Result<String, &'static str>, Source)> {
        let option = self.options.last(names);
        if self.options.last_undecided().is_some_and(|undecided| option.is_none_or(|(at, _)| undecided > at)) {
            return option.map(|_| (Err(SET_AT_START), Source::Command));
        }
        if self.options.may_hide(names) {
            return Some((Err(UNPARSED), Source::Command));
        }
        let of_variable = || Some((variable?, self.variables.get(variable?).filter(|value| !value.is_empty())?));
        match option {
            Some((_, text)) => Some((Ok(text.to_string()), Source::Command)),
            None => of_variable().map(|(name, value)| (Ok(value.to_string()), Source::Variable(name))),
        }
    }

    fn host(&self, names: &[&str], variable: Option<&'static str>, default: &str) -> Setting<String> {
        match self.text(names, variable) {
            Some((Ok(text), source)) => parse_host(&text, source),
            Some((Err(why), source)) => Setting { value: Err(why), source },
            None => self.default(default),
        }
    }

    fn port(&self, names: &[&str], variable: Option<&'static str>, default: u16) -> Setting<u16> {
        match self.text(names, variable) {
            Some((Ok(text), source)) => parse_port(&text, source),
            Some((Err(why), source)) => Setting { value: Err(why), source },
            None => self.default(default),
        }
    }

    fn default<T>(&self, value: impl Into<T>) -> Setting<T> {
        let value = if self.options.last_undecided().is_some() { Err(SET_AT_START) } else { Ok(value.into()) };
        Setting { value, source: Source::Default }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name host:port …`, with `?` for unknown parts.
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
    fn reads_defaults_options_and_variables_as_each_server_does() {
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
    fn config_files_make_defaults_unknown() {
        assert_eq!(shown(&["gunicorn", "m:a"], &["PORT=80"], &["gunicorn.conf.py"]), "gunicorn ?");
        assert_eq!(shown(&["gunicorn", "m:a", "-b", ":80"], &[], &["gunicorn.conf.py"]), "gunicorn 0.0.0.0:80");
        assert_eq!(shown(&["flask", "run", "-p", "80"], &[], &[".env"]), "flask ?:80");
        assert_eq!(shown(&["hypercorn", "-c", "x.toml", "m:a"], &[], &[]), "hypercorn ?");
    }
}
