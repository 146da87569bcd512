//! Python's application servers: which module or file each of them loads before it serves.
//!
//! uvicorn: "Settings", `UVICORN_…` variables. gunicorn: "Running Gunicorn" and "Settings" (`chdir`, `pythonpath`,
//! `worker_class`, `wsgi_app`, `GUNICORN_CMD_ARGS`). hypercorn: "How to configure". daphne: its README. granian: its
//! README. waitress: "waitress-serve". Flask: "Application Discovery". FastAPI CLI: "FastAPI CLI". Celery: "Command
//! Line Interface". Not here: where they listen (`servers`), and their own modules.

use crate::facts::access::Reach;
use crate::facts::options::Order;
use crate::facts::options::ParsedOptions;
use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang;
use crate::facts::proof::lang::python::Python;
use crate::facts::shell;
use crate::limits;
use crate::model::bytes;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::text::shown;
use crate::view::Resolved;

#[cfg(test)]
mod tests;

// Each server's options without a value.
const UVICORN: &str = "\
    --reload --http2 --access-log --no-access-log --use-colors --no-use-colors --proxy-headers --no-proxy-headers \
    --server-header --no-server-header --date-header --no-date-header --reset-contextvars --factory";
const GUNICORN: &str = "\
    --reload --spew --check-config --print-config --preload --no-sendfile --reuse-port -D --daemon --initgroups \
    --disable-redirect-access-to-syslog --capture-output --log-syslog -R --enable-stdio-inheritance \
    --enable-backlog-metric --suppress-ragged-eofs --do-handshake-on-connect --permit-obsolete-folding \
    --strip-header-spaces --permit-unconventional-http-method --permit-unconventional-http-version \
    --casefold-http-method --no-control-socket";
const GRANIAN: &str = "\
    --ws --no-ws --http1-keep-alive --no-http1-keep-alive --http1-pipeline-flush --no-http1-pipeline-flush \
    --http2-adaptive-window --no-http2-adaptive-window --log --no-log --access-log --no-access-log \
    --ssl-client-verify --no-ssl-client-verify --respawn-failed-workers --no-respawn-failed-workers --factory \
    --no-factory --metrics --no-metrics --reload --no-reload --reload-ignore-worker-failure \
    --no-reload-ignore-worker-failure";
const HYPERCORN: &str = "-D --daemon --debug --reload";
const DAPHNE: &str = "--proxy-headers --no-server-name";
const WAITRESS: &str = "\
    --call --ipv4 --no-ipv4 --ipv6 --no-ipv6 --log-untrusted-proxy-headers --no-log-untrusted-proxy-headers \
    --clear-untrusted-proxy-headers --no-clear-untrusted-proxy-headers --log-socket-errors --no-log-socket-errors \
    --expose-tracebacks --no-expose-tracebacks --asyncore-use-poll --no-asyncore-use-poll";
const FASTAPI: &str = "--reload --no-reload --proxy-headers --no-proxy-headers --verbose -v";

/// A server about to load an application.
struct Server<'g, 'a> {
    process: &'g ProcessContext<'a>,
    python: &'g Python,
    /// The first directories on `sys.path`.
    first: Vec<Vec<u8>>,
    name: &'static str,
}

/// What an application server loads according to its arguments; nothing for unknown programs. `program`: its name as a
/// command or after `-m`; `words`: its arguments; `first`: the first directories on `sys.path` when it starts.
pub fn needs(
    process: &ProcessContext<'_>,
    python: &Python,
    first: &[Vec<u8>],
    program: &str,
    words: &[String],
) -> Vec<Need> {
    // It prints its help or version, and exits.
    if words.iter().any(|word| matches!(word.as_str(), "--help" | "--version")) {
        return Vec::new();
    }
    let mut server = Server { process, python, first: first.to_vec(), name: "" };
    let (name, read) = match program {
        "uvicorn" => ("uvicorn", Server::uvicorn as Reader<'_, '_>),
        "gunicorn" => ("gunicorn", Server::gunicorn as _),
        "hypercorn" => ("hypercorn", Server::hypercorn as _),
        "daphne" => ("daphne", Server::daphne as _),
        "granian" => ("granian", Server::granian as _),
        "waitress" | "waitress-serve" => ("waitress", Server::waitress as _),
        "flask" => ("flask", Server::flask as _),
        "fastapi" => ("fastapi", Server::fastapi as _),
        "celery" => ("celery", Server::celery as _),
        _ => return Vec::new(),
    };
    server.name = name;
    read(&mut server, words)
}

type Reader<'g, 'a> = fn(&mut Server<'g, 'a>, &[String]) -> Vec<Need>;

impl<'g> Server<'g, '_> {
    fn open(&self, reason: &str) -> Need {
        Need::Undecided(Undecided::unknowable(self.name, reason))
    }

    fn lack(&self, what: String) -> Need {
        Need::Unmet(Missing { subject: self.name.to_string(), what, place: None })
    }

    fn variable(&self, name: &str) -> Option<&'g str> {
        self.process.variables.get(name).filter(|value| !value.is_empty())
    }

    /// Puts a directory first on `sys.path`.
    fn put_first(&mut self, directory: Vec<u8>) {
        self.first.insert(0, directory);
    }

    fn module(&self, name: &str) -> Need {
        match shell::is_decided(name) {
            true => self.python.module(self.process, name, &self.first),
            false => self.open("its application is only known when the container starts"),
        }
    }

    /// The module of `module:attribute`.
    fn with_attribute(&self, app: &str) -> Need {
        match app.split_once(':') {
            Some((module, attribute)) if !module.is_empty() && !attribute.is_empty() => self.module(module),
            _ if !shell::is_decided(app) => self.module(app),
            _ => self.lack(format!("{} expects its application as module:attribute, not {}", self.name, shown(app))),
        }
    }

    /// The one word that names the application.
    fn only<'w>(&self, options: &ParsedOptions<'w>) -> Result<&'w str, Need> {
        match options.rest[..] {
            [app] => Ok(app),
            [] if !options.consumed_words => {
                Err(self.lack(format!("{} is not given an application to run", self.name)))
            }
            _ => Err(self.open("it is unclear which of its arguments names the application")),
        }
    }

    fn uvicorn(&mut self, words: &[String]) -> Vec<Need> {
        let options = ParsedOptions::parse(words, UVICORN, Order::Mixed);
        let app = match self.variable("UVICORN_APP").filter(|_| options.rest.is_empty()) {
            Some(app) => app,
            None => match self.only(&options) {
                Ok(app) => app,
                Err(need) => return vec![need],
            },
        };
        let directory = options.last(&["--app-dir"]).or(self.variable("UVICORN_APP_DIR")).unwrap_or("");
        if !shell::is_decided(directory) {
            return vec![self.open("the directory of its application is only known when the container starts")];
        }
        let mut needs = Vec::new();
        for (option, variable, what) in [
            ("--env-file", "UVICORN_ENV_FILE", "the --env-file"),
            ("--log-config", "UVICORN_LOG_CONFIG", "the --log-config file"),
        ] {
            if let Some(path) = options.last(&[option]).or(self.variable(variable)) {
                needs.push(lang::file(self.process, path, what));
            }
        }
        self.put_first(in_directory(self.process, directory));
        needs.push(self.with_attribute(app));
        needs
    }

    fn gunicorn(&mut self, words: &[String]) -> Vec<Need> {
        let variable = self.variable("GUNICORN_CMD_ARGS").unwrap_or("");
        if variable.contains(['\'', '"', '\\', shell::OPEN]) {
            return vec![self.open("GUNICORN_CMD_ARGS has quotes, which plimsoll doesn't parse")];
        }
        let more: Vec<String> = variable.split_whitespace().map(str::to_string).collect();
        let (own, more) =
            (ParsedOptions::parse(words, GUNICORN, Order::Mixed), ParsedOptions::parse(&more, GUNICORN, Order::Mixed));
        let long = ["--config", "--chdir", "--pythonpath", "--paste", "--paster", "--worker-class"];
        // Some options have an optional value, so it is unclear which word is the application.
        let is_unclear = |options: &ParsedOptions<'_>| {
            options.has_abbreviation_of(&long) || options.has(&["--paste", "--paster", "--proxy-protocol"])
        };
        if is_unclear(&own) || is_unclear(&more) {
            return vec![self.open("its options don't determine which application it runs")];
        }
        let option = |names: &[&str]| own.last(names).or(more.last(names)).map(str::to_string);
        let directories = [option(&["--chdir"]), option(&["--pythonpath"])];
        if directories.iter().flatten().any(|directory| !shell::is_decided(directory)) {
            return vec![self.open("the directory of its application is only known when the container starts")];
        }
        let mut needs = Vec::new();
        let [directory, paths] = directories;
        let mut process = self.process.clone();
        if let Some(directory) = directory {
            process.cwd = process.absolute(directory.as_bytes());
            if process.cwd_node().is_none() {
                needs.push(self.lack(format!("the --chdir directory {} doesn't exist", shown(&directory))));
                return needs;
            }
        }
        self.put_first(process.cwd.clone());
        let paths: Vec<&str> = paths.iter().flat_map(|paths| paths.split(',')).collect();
        if paths.len() > limits::SEARCH_PATHS {
            let reason = "--pythonpath has more directories than the limit (search paths)";
            return vec![Need::Undecided(Undecided::denied(self.name, reason))];
        }
        for directory in paths {
            self.put_first(process.absolute(directory.as_bytes()));
        }
        let doubt = self.gunicorn_config(option(&["-c", "--config"]), &mut needs);
        let soften = |need: Need| match (need, &doubt) {
            (Need::Unmet(_), Some(doubt)) => Need::Undecided(doubt.clone()),
            (need, _) => need,
        };
        if let Some(class) = option(&["-k", "--worker-class"]) {
            needs.extend(self.worker(&class).map(soften));
        }
        needs.push(soften(match self.only(&own) {
            // Without a colon, the attribute is `application`.
            Ok(app) => self.module(app.split_once(':').map_or(app, |(module, _)| module)),
            Err(need) => need,
        }));
        needs
    }

    /// Adds the need for gunicorn's configuration file if it is named; returns why the file may change the application.
    fn gunicorn_config(&self, named: Option<String>, needs: &mut Vec<Need>) -> Option<Undecided> {
        let open = || Undecided::unknowable(self.name, "its configuration file may change which application it runs");
        let (node, named) = match named.as_deref() {
            Some(module) if module.starts_with("python:") => {
                needs.push(self.module(&module["python:".len()..]));
                return Some(open());
            }
            Some(file) => (
                None,
                Some(lang::file(self.process, file.strip_prefix("file:").unwrap_or(file), "its configuration file")),
            ),
            None => match self.process.reach(b"gunicorn.conf.py") {
                Reach::Found(node) => (Some(node), None),
                _ => return None,
            },
        };
        let node = match named {
            Some(Need::Met(node)) => Some(node),
            _ => node,
        };
        needs.extend(named);
        let says = |code: &[u8], word: &str| bytes::contains(code, word.as_bytes());
        match self.process.facts.content(node?) {
            Ok(code)
                if !["chdir", "path", "wsgi_app", "paste", "exec", "import *"].iter().any(|word| says(code, word)) =>
            {
                None
            }
            Ok(_) => Some(open()),
            Err(undecided) => Some(undecided),
        }
    }

    /// The module of a worker class, which gunicorn loads before any worker starts.
    fn worker(&self, class: &str) -> Option<Need> {
        match class {
            "gevent" | "gevent_wsgi" | "gevent_pywsgi" => Some(self.module("gevent")),
            "eventlet" | "tornado" => Some(self.module(class)),
            class if class.starts_with("egg:") => None,
            class => class.rsplit_once('.').map(|(module, _)| self.module(module)),
        }
    }

    fn hypercorn(&mut self, words: &[String]) -> Vec<Need> {
        let options = ParsedOptions::parse(words, HYPERCORN, Order::Mixed);
        let mut needs = Vec::new();
        match options.last(&["-c", "--config"]) {
            Some(module) if module.starts_with("python:") => {}
            Some(file) => {
                needs.push(lang::file(
                    self.process,
                    file.strip_prefix("file:").unwrap_or(file),
                    "its configuration file",
                ));
            }
            None => {}
        }
        let app = match self.only(&options) {
            Ok(app) => app,
            Err(need) => return vec![need],
        };
        let app = if app.matches(':').count() == 2 { app.split_once(':').map_or(app, |(_, app)| app) } else { app };
        let module = app.split_once(':').map_or(app, |(module, _)| module);
        if !shell::is_decided(module) {
            needs.push(self.module(module));
            return needs;
        }
        // A path: its directory comes first, and its name is the module.
        let real = real_path(self.process, &in_directory(self.process, module));
        let name = String::from_utf8_lossy(path::base(&real)).into_owned();
        let is_file = self.process.view.at(&real[1..]).and_then(|node| self.process.view.stat(node));
        let name = match name.rsplit_once('.') {
            Some((stem, _)) if is_file.is_some_and(|stat| stat.kind == Kind::File) => stem.to_string(),
            _ => name,
        };
        self.put_first(path::parent(&real).to_vec());
        needs.push(self.module(&name));
        needs
    }

    fn daphne(&mut self, words: &[String]) -> Vec<Need> {
        let options = ParsedOptions::parse(words, DAPHNE, Order::Mixed);
        self.put_first(self.process.cwd.clone());
        vec![self.only(&options).map_or_else(|need| need, |app| self.with_attribute(app))]
    }

    fn waitress(&mut self, words: &[String]) -> Vec<Need> {
        let options = ParsedOptions::parse(words, WAITRESS, Order::OptionsFirst);
        self.put_first(self.process.cwd.clone());
        let module = |app: &str| match app.split_once(':') {
            Some((module, _)) => self.module(module),
            // How much of the dotted name is a module only shows on import.
            None => self.module(app.split('.').next().unwrap_or(app)),
        };
        vec![self.only(&options).map_or_else(|need| need, module)]
    }

    fn granian(&mut self, words: &[String]) -> Vec<Need> {
        let options = ParsedOptions::parse(words, GRANIAN, Order::Mixed);
        let app = match self.only(&options) {
            Ok(app) => app,
            Err(need) => return vec![need],
        };
        let directory = options.last(&["--working-dir"]).or(self.variable("GRANIAN_WORKING_DIR"));
        let directory = in_directory(self.process, directory.unwrap_or(""));
        self.put_first(directory);
        vec![self.by_path(app)]
    }

    fn flask(&mut self, words: &[String]) -> Vec<Need> {
        let options = ParsedOptions::parse(words, "--debug --no-debug", Order::OptionsFirst);
        if options.rest.first() != Some(&"run") {
            return Vec::new();
        }
        if let Some(app) = options.last(&["-A", "--app"]).or(self.variable("FLASK_APP")) {
            return vec![self.by_path(app)];
        }
        if options.has(&["-e", "--env-file"]) || self.has_dotenv() {
            return vec![self.open("an env file may set which application it runs")];
        }
        let [wsgi, app] = ["wsgi.py", "app.py"].map(|file| self.by_path(file));
        match (wsgi, app) {
            (met @ Need::Met(_), _) | (Need::Unmet(_), met @ Need::Met(_)) => vec![met],
            (open @ Need::Undecided(_), _) | (_, open @ Need::Undecided(_)) => vec![open],
            _ => {
                let directory = shown(&String::from_utf8_lossy(&self.process.cwd));
                vec![
                    self.lack(format!(
                        "flask finds no application: there is neither wsgi.py nor app.py in {directory}"
                    )),
                ]
            }
        }
    }

    /// Whether the working directory or a parent has a `.env` or `.flaskenv`.
    fn has_dotenv(&self) -> bool {
        let mut directory = &self.process.cwd[..];
        loop {
            directory = directory.strip_suffix(b"/").unwrap_or(directory);
            let is_there = |name: &[u8]| self.process.view.resolve(&[directory, b"/", name].concat(), true);
            if [&b".env"[..], b".flaskenv"].iter().any(|name| matches!(is_there(name), Resolved::Found(_))) {
                return true;
            }
            if directory.is_empty() {
                return false;
            }
            directory = path::parent(directory);
        }
    }

    /// An application given by path or dotted name, as for Flask and granian: the parent of the outermost package comes
    /// first.
    fn by_path(&mut self, app: &str) -> Need {
        if !shell::is_decided(app) {
            return self.module(app);
        }
        let module = app.split_once(':').map_or(app, |(module, _)| module);
        let mut real = real_path(self.process, &in_directory(self.process, module));
        if let Some(stem) = real.strip_suffix(b".py") {
            real = stem.to_vec();
        }
        if path::base(&real) == b"__init__" {
            real = path::parent(&real).to_vec();
        }
        let mut names = Vec::new();
        let mut directory = &real[..];
        for _ in 0..limits::MODULE_DEPTH {
            names.push(String::from_utf8_lossy(path::base(directory)).into_owned());
            directory = path::parent(directory);
            let is_package = matches!(self.process.reach(&[directory, b"/__init__.py"].concat()), Reach::Found(_));
            if directory.is_empty() || !is_package {
                break;
            }
        }
        names.reverse();
        let directory = if directory.is_empty() { b"/".to_vec() } else { directory.to_vec() };
        self.put_first(directory);
        self.module(&names.join("."))
    }

    fn fastapi(&mut self, words: &[String]) -> Vec<Need> {
        let Some((verb, words)) = words.split_first().filter(|(verb, _)| matches!(verb.as_str(), "run" | "dev")) else {
            return Vec::new();
        };
        let options = ParsedOptions::parse(words, FASTAPI, Order::Mixed);
        // The command needs both; installing `fastapi` alone doesn't install them.
        let mut needs = vec![self.module("fastapi_cli"), self.module("uvicorn")];
        self.name = if verb == "run" { "fastapi run" } else { "fastapi dev" };
        if let Some(entry) = options.last(&["-e", "--entrypoint"]) {
            self.put_first(self.process.cwd.clone());
            needs.push(self.with_attribute(entry));
            return needs;
        }
        if let [file] = options.rest[..] {
            needs.push(lang::file(self.process, file, "the application"));
            return needs;
        }
        let known = "--host --port --workers --root-path --app --forwarded-allow-ips --reload-dir";
        match self.fastapi_default() {
            Need::Unmet(_) if !options.only_has(&format!("{known} {FASTAPI}")) => {
                needs.push(self.open("it is unclear which of its arguments names the application"));
            }
            need => needs.push(need),
        }
        needs
    }

    /// The application that `fastapi run` finds by default: the one in pyproject.toml, or the first of six files.
    fn fastapi_default(&self) -> Need {
        if let Reach::Found(project) = self.process.reach(b"pyproject.toml") {
            match self.process.facts.content(project) {
                Ok(content) if !bytes::contains(content, b"tool.fastapi") => {}
                Ok(_) => return self.open("pyproject.toml sets its application"),
                Err(undecided) => return Need::Undecided(undecided),
            }
        }
        let files = ["main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py"];
        let found = files.iter().find(|file| matches!(self.process.reach(file.as_bytes()), Reach::Found(_)));
        match found {
            Some(file) => lang::file(self.process, file, "the application"),
            None => {
                let directory = shown(&String::from_utf8_lossy(&self.process.cwd));
                self.lack(format!(
                    "{} finds no application in {directory}: none of {} exists",
                    self.name,
                    files.join(", ")
                ))
            }
        }
    }

    fn celery(&mut self, words: &[String]) -> Vec<Need> {
        let options = ParsedOptions::parse(words, "-C --no-color -q --quiet --skip-checks", Order::OptionsFirst);
        let Some(app) = options.last(&["-A", "--app"]).or(self.variable("APP")) else { return Vec::new() };
        let directory = options.last(&["--workdir"]).unwrap_or("");
        if !shell::is_decided(directory) {
            return vec![self.open("the directory of its application is only known when the container starts")];
        }
        // The last part of a dotted name may be an attribute.
        let module = app.split_once(':').or_else(|| app.rsplit_once('.')).map_or(app, |(module, _)| module);
        self.put_first(in_directory(self.process, directory));
        vec![self.module(module)]
    }
}

/// A path relative to the working directory; an empty path is the working directory.
fn in_directory(process: &ProcessContext<'_>, path: &str) -> Vec<u8> {
    if path.is_empty() { process.cwd.clone() } else { process.absolute(path.as_bytes()) }
}

/// An absolute path with symbolic links followed as far as they lead, without dots.
fn real_path(process: &ProcessContext<'_>, path: &[u8]) -> Vec<u8> {
    let clean = path::clean(path).0;
    let real = |path: &[u8]| match process.view.resolve(path, true) {
        Resolved::Found(node) => Some([b"/", &process.view.path(node)[..]].concat()),
        _ => None,
    };
    real(&clean).unwrap_or_else(|| match real(path::parent(&clean)) {
        Some(directory) => [directory.strip_suffix(b"/").unwrap_or(&directory), b"/", path::base(&clean)].concat(),
        None => [b"/", &clean[..]].concat(),
    })
}
