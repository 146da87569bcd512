//! Node.js: the file that it runs, and what it loads first.
//!
//! Node.js documentation, "Command-line API" (options, `NODE_OPTIONS`), "Modules: CommonJS modules" (how a path becomes
//! a file: itself, with `.js`, `.json`, `.node`, then as a directory), "Modules: ECMAScript modules" (`--import` needs
//! full file names). Not here: package managers (`packages`).

use crate::facts::access::Reach;
use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang;
use crate::facts::proof::lang::json;
use crate::facts::proof::lang::json::Json;
use crate::facts::shell;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::text::shown;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;

#[cfg(test)]
mod tests;

/// Options that take the next word as their value, unless it is given with `=`.
const VALUED: &str = " --allow-fs-read --allow-fs-write --build-snapshot-config --conditions --cpu-prof-dir \
    --cpu-prof-interval --cpu-prof-name --debug-port --diagnostic-dir --disable-proto --disable-warning --dns-result-order \
    --env-file --env-file-if-exists --experimental-config-file --experimental-default-type --experimental-loader \
    --experimental-policy --experimental-specifier-resolution --heap-prof-dir --heap-prof-interval --heap-prof-name \
    --heapsnapshot-near-heap-limit --heapsnapshot-signal --icu-data-dir --import --input-type --inspect-port \
    --inspect-publish-uid --loader --localstorage-file --max-http-header-size \
    --network-family-autoselection-attempt-timeout --openssl-config --policy-integrity --redirect-warnings --report-dir \
    --report-directory --report-filename --report-signal --require --secure-heap --secure-heap-min --snapshot-blob --title \
    --tls-cipher-list --tls-keylog --trace-event-categories --trace-event-file-pattern --trace-require-module \
    --unhandled-rejections --use-largepages --v8-pool-size --watch-path ";
/// Prefixes of options without a value, except for those in the list above.
const FLAGS: [&str; 18] = [
    "--abort-",
    "--allow-",
    "--cpu-prof",
    "--enable-",
    "--experimental-",
    "--expose-",
    "--force-",
    "--frozen-intrinsics",
    "--harmony",
    "--heap-prof",
    "--insecure-http-parser",
    "--inspect",
    "--no-",
    "--pending-deprecation",
    "--preserve-symlinks",
    "--throw-deprecation",
    "--trace-",
    "--use-",
];

/// What Node.js runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// A file or a directory.
    Entry(String),
    /// Nothing in the image: code on the command line, standard input, its own test runner, its version.
    Nothing,
    /// Undecided.
    Open,
}

/// Node's command line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCall<'w> {
    /// What it runs.
    pub runs: Runs,
    /// What `--require` and `--import` load first, in order.
    pub preloads: Vec<Preload>,
    /// Env files that must exist.
    pub env_files: Vec<String>,
    /// The program's own arguments.
    pub rest: &'w [String],
}

/// A module that is loaded first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preload {
    /// As given.
    pub name: String,
    /// Given by `--import` or a loader option, which need full file names.
    pub is_import: bool,
}

/// Reads the words of a Node.js command; the first is the interpreter.
pub fn command<'w>(process: &ProcessContext<'_>, words: &'w [String]) -> NodeCall<'w> {
    let mut call = NodeCall { runs: Runs::Nothing, preloads: Vec::new(), env_files: Vec::new(), rest: &[] };
    let options = process.variables.get("NODE_OPTIONS").unwrap_or("");
    if options.contains(['"', '\\', shell::OPEN]) {
        return NodeCall { runs: Runs::Open, ..call };
    }
    let options: Vec<String> = options.split_whitespace().map(str::to_string).collect();
    // NODE_OPTIONS can't name what is run.
    if call.read(&options).is_some() {
        return NodeCall { runs: Runs::Open, ..call };
    }
    let own = words.get(1..).unwrap_or(&[]);
    match call.read(own) {
        Some((runs, at)) => NodeCall { runs, rest: own.get(at..).unwrap_or(&[]), ..call },
        None => call,
    }
}

impl NodeCall<'_> {
    /// Reads options up to what is run; returns that and the index of the next word.
    fn read(&mut self, words: &[String]) -> Option<(Runs, usize)> {
        let mut at = 0;
        while let Some(word) = words.get(at) {
            at += 1;
            if !word.starts_with('-') {
                return Some((entry_word(word), at));
            }
            let (name, glued) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_string())),
                _ => (word.as_str(), None),
            };
            let name = name.replace('_', "-");
            let name = match name.as_str() {
                "-r" => "--require",
                "-C" => "--conditions",
                "--" => return words.get(at).map(|word| (entry_word(word), at + 1)),
                "-" | "-e" | "--eval" | "-p" | "-pe" | "--print" | "-v" | "--version" | "-h" | "--help" | "--test"
                | "-i" | "--interactive" => return Some((Runs::Nothing, words.len())),
                "-c" | "--check" => continue,
                "--run" => return Some((Runs::Open, words.len())),
                name => name,
            };
            if VALUED.contains(&format!(" {name} ")) {
                let value = match glued {
                    Some(value) => value,
                    None => {
                        at += 1;
                        words.get(at - 1).cloned().unwrap_or_default()
                    }
                };
                match name {
                    "--require" => self.preloads.push(Preload { name: value, is_import: false }),
                    "--import" | "--loader" | "--experimental-loader" => {
                        self.preloads.push(Preload { name: value, is_import: true });
                    }
                    "--env-file" => self.env_files.push(value),
                    _ => {}
                }
                continue;
            }
            let is_flag = FLAGS.iter().any(|front| name.starts_with(front)) || name == "--watch";
            if glued.is_none() && !is_flag || !shell::is_decided(name) {
                return Some((Runs::Open, words.len()));
            }
        }
        None
    }

    /// What it needs, in the order in which Node.js loads it.
    pub fn needs(&self, process: &ProcessContext<'_>) -> Vec<Need> {
        let files = self.env_files.iter().map(|file| lang::file(process, file, "the --env-file"));
        let preloads = self.preloads.iter().map(|preload| preload.need(process));
        let mut needs: Vec<Need> = files.chain(preloads).collect();
        match &self.runs {
            Runs::Entry(word) => needs.push(entry(process, word)),
            Runs::Nothing => {}
            Runs::Open => {
                needs.push(Need::Undecided(Undecided::unknowable("node", "its arguments don't determine what it runs")))
            }
        }
        needs
    }
}

fn entry_word(word: &str) -> Runs {
    match word {
        // `node inspect` debugs what follows.
        "inspect" | "debug" => Runs::Open,
        word => Runs::Entry(word.to_string()),
    }
}

/// The file that `node word` runs.
pub fn entry(process: &ProcessContext<'_>, word: &str) -> Need {
    match lang::undecided(word) {
        Some(undecided) => Need::Undecided(undecided),
        None => file_of(process, &lang::path_of(process, word), "the script"),
    }
}

impl Preload {
    fn need(&self, process: &ProcessContext<'_>) -> Need {
        let name = &self.name;
        if let Some(undecided) = lang::undecided(name) {
            return Need::Undecided(undecided);
        }
        let is_path = name.starts_with(['/', '.']);
        if !is_path {
            return self.package(process);
        }
        if !self.is_import {
            return file_of(process, &lang::path_of(process, name), "the --require module");
        }
        // --import takes URLs.
        if name.contains(['%', '#', '?']) {
            return Need::Undecided(Undecided::unknowable(shown(name), "it is a URL"));
        }
        process.readable(&lang::path_of(process, name), "the --import module")
    }

    /// A package, which must be in `node_modules` of the working directory or of a parent. What the package loads isn't
    /// checked.
    fn package(&self, process: &ProcessContext<'_>) -> Need {
        let mut parts = self.name.split('/');
        let first = parts.next().unwrap_or_default();
        let package = match parts.next() {
            Some(second) if first.starts_with('@') => format!("{first}/{second}"),
            _ => first.to_string(),
        };
        let subject = shown(&self.name);
        // Node's own modules, URLs, and directories outside the project.
        if package.contains(':') || is_own(&package) || process.variables.get("NODE_PATH").is_some() {
            return Need::Undecided(Undecided::unknowable(subject, "it may be outside the project"));
        }
        let is_there = |path: &[u8]| matches!(process.view.resolve(path, true), Resolved::Found(_));
        let mut closed = None;
        for directory in upwards(&real_cwd(process)) {
            let place = [directory, b"/node_modules/", package.as_bytes()].concat();
            // `--require x` also takes a file.
            for end in ["", ".js", ".json", ".node"] {
                let path = [&place[..], end.as_bytes()].concat();
                match process.reach(&path) {
                    Reach::Found(node) => return Need::Met(node),
                    Reach::Unknown(doubt) => return Need::Undecided(process.unknown_reach(subject, doubt)),
                    Reach::Blocked(directory) if is_there(&path) => closed = Some(directory),
                    _ => {}
                }
            }
        }
        let home = process.variables.get("HOME").unwrap_or("/").trim_end_matches('/');
        let others = [format!("{home}/.node_modules"), format!("{home}/.node_libraries")];
        let others = others.iter().map(String::as_str).chain(["/usr/lib/node", "/usr/local/lib/node"]);
        if others.map(str::as_bytes).any(|directory| matches!(process.reach(directory), Reach::Found(_))) {
            return Need::Undecided(Undecided::unknowable(subject, "it may be outside the project"));
        }
        let cwd = shown_bytes(&process.cwd);
        let what = match closed {
            Some(directory) => {
                let blocking = process.describe(directory);
                format!("{} can't reach the package {subject}: it can't traverse {blocking}", process.who())
            }
            None => format!("there is no package {subject} in node_modules of {cwd} or of a parent directory"),
        };
        Need::Unmet(Missing { subject, what, place: closed })
    }
}

/// Whether a name is one of Node's own modules (`module.builtinModules` of Node.js 20 and 24, without submodules).
fn is_own(name: &str) -> bool {
    const OWN: &str = " assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel \
        dns domain events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline \
        repl stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib ";
    OWN.contains(&format!(" {name} "))
}

/// The working directory with symbolic links followed, as a process sees it.
pub fn real_cwd(process: &ProcessContext<'_>) -> Vec<u8> {
    match process.view.resolve(&process.cwd, true) {
        Resolved::Found(node) => [b"/", &process.view.path(node)[..]].concat(),
        _ => [b"/", &path::clean(&process.cwd).0[..]].concat(),
    }
}

/// A directory and its parents, up to the root, which is the empty path.
pub fn upwards(directory: &[u8]) -> impl Iterator<Item = &[u8]> {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    std::iter::successors(Some(directory), |directory| (!directory.is_empty()).then(|| path::parent(directory)))
}

/// The file that `require` loads for a path: the file itself, the path with an extension, or the directory's main file.
fn file_of(process: &ProcessContext<'_>, path: &[u8], what: &str) -> Need {
    let is_file = |path: &[u8]| kind(process, path) == Some(Kind::File);
    if !path.ends_with(b"/") {
        if is_file(path) {
            return process.readable(path, what);
        }
        if let Some(path) = with_extension(process, path) {
            return process.readable(&path, what);
        }
    }
    if kind(process, path) != Some(Kind::Dir) {
        return process.readable(path, what);
    }
    let directory = path.strip_suffix(b"/").unwrap_or(path);
    let inside = |name: &str| [directory, b"/", name.as_bytes()].concat();
    if is_file(&inside("package.json")) {
        let main = match package(process, &inside("package.json")) {
            Ok((_, package)) => package.get("main").and_then(|main| main.as_str()).map(inside),
            Err(need) => return need,
        };
        if let Some(main) = main {
            let index = [&main[..], b"/index"].concat();
            let found = is_file(&main).then(|| main.clone());
            let found = found.or_else(|| with_extension(process, &main)).or_else(|| with_extension(process, &index));
            if let Some(file) = found {
                return process.readable(&file, what);
            }
        }
    }
    if let Some(file) = with_extension(process, &inside("index")) {
        return process.readable(&file, what);
    }
    let subject = shown_bytes(&process.absolute(directory));
    let what =
        format!("{what} {subject} is a directory with neither index.js nor a package.json that names a file in it");
    Need::Unmet(Missing { subject, what, place: None })
}

fn kind(process: &ProcessContext<'_>, path: &[u8]) -> Option<Kind> {
    let Reach::Found(node) = process.reach(path) else { return None };
    process.view.stat(node).map(|stat| stat.kind)
}

fn with_extension(process: &ProcessContext<'_>, path: &[u8]) -> Option<Vec<u8>> {
    let paths = [".js", ".json", ".node"].map(|end| [path, end.as_bytes()].concat());
    paths.into_iter().find(|path| kind(process, path) == Some(Kind::File))
}

/// The node and value of a package.json.
pub fn package(process: &ProcessContext<'_>, path: &[u8]) -> Result<(NodeId, serde_json::Value), Need> {
    let node = match process.readable(path, "the file") {
        Need::Met(node) => node,
        need => return Err(need),
    };
    let content = process.facts.content(node).map_err(Need::Undecided)?;
    process.facts.spend(content.len()).map_err(Need::Undecided)?;
    match json::read(content) {
        Json::Value(value) => Ok((node, value)),
        Json::Invalid => {
            let subject = process.name(node);
            let what = format!("{subject} is not valid JSON");
            Err(Need::Unmet(Missing { subject, what, place: Some(node) }))
        }
        Json::Unread => {
            Err(Need::Undecided(Undecided::unknowable(process.name(node), "plimsoll can't parse this JSON")))
        }
    }
}
