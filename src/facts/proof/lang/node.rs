//! Node.js: the file that it runs, and what it loads before.
//!
//! Node.js documentation, "Command-line API" (options, `NODE_OPTIONS`), "Modules: CommonJS modules" (how a path becomes
//! a file: itself, with `.js`, `.json`, `.node`, then as a folder), "Modules: ECMAScript modules" (`--import` takes
//! paths as they are). Not here: package managers (`packages`).

use crate::facts::access::Reach;
use crate::facts::ground::Ground;
use crate::facts::ground::Lack;
use crate::facts::ground::Need;
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

/// Options that take the next word for a value, where none is glued to them.
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
/// How options without a value begin; those of the list above are not among them.
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
    /// A file or a folder.
    Entry(String),
    /// Nothing from the image: code of the command line, standard input, its own test runner, its version.
    Nothing,
    /// It is not certain what.
    Open,
}

/// Node's command line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCall<'w> {
    /// What it runs.
    pub runs: Runs,
    /// What `--require` and `--import` load before, in order.
    pub preloads: Vec<Preload>,
    /// Files of variables that must be there.
    pub env_files: Vec<String>,
    /// The program's own words.
    pub rest: &'w [String],
}

/// A module that is loaded before the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preload {
    /// As it was named.
    pub name: String,
    /// By `--import` or a loader: a path is then taken as it is.
    pub is_import: bool,
}

/// Reads the words of a Node.js command; the first is the interpreter.
pub fn command<'w>(ground: &Ground<'_>, words: &'w [String]) -> NodeCall<'w> {
    let mut call = NodeCall { runs: Runs::Nothing, preloads: Vec::new(), env_files: Vec::new(), rest: &[] };
    let options = ground.variables.get("NODE_OPTIONS").unwrap_or("");
    if options.contains(['"', '\\', shell::OPEN]) {
        return NodeCall { runs: Runs::Open, ..call };
    }
    let options: Vec<String> = options.split_whitespace().map(str::to_string).collect();
    // Variables cannot name what is run.
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
    /// Reads options up to what is run, and where the words behind it begin.
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

    /// What it needs of the image, in the order in which it is asked for.
    pub fn needs(&self, ground: &Ground<'_>) -> Vec<Need> {
        let files = self.env_files.iter().map(|file| lang::file(ground, file, "the file of --env-file"));
        let preloads = self.preloads.iter().map(|preload| preload.need(ground));
        let mut needs: Vec<Need> = files.chain(preloads).collect();
        match &self.runs {
            Runs::Entry(word) => needs.push(entry(ground, word)),
            Runs::Nothing => {}
            Runs::Open => needs.push(Need::Open(Undecided::unknowable("node", "its words do not tell what it runs"))),
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
pub fn entry(ground: &Ground<'_>, word: &str) -> Need {
    match lang::undecided(word) {
        Some(undecided) => Need::Open(undecided),
        None => file_of(ground, &lang::path_of(ground, word), "the script"),
    }
}

impl Preload {
    fn need(&self, ground: &Ground<'_>) -> Need {
        let name = &self.name;
        if let Some(undecided) = lang::undecided(name) {
            return Need::Open(undecided);
        }
        let is_path = name.starts_with(['/', '.']);
        if !is_path {
            return self.package(ground);
        }
        if !self.is_import {
            return file_of(ground, &lang::path_of(ground, name), "the module of --require");
        }
        // A path is part of an address there.
        if name.contains(['%', '#', '?']) {
            return Need::Open(Undecided::unknowable(shown(name), "it is an address"));
        }
        ground.readable(&lang::path_of(ground, name), "the module of --import")
    }

    /// A package, which a `node_modules` folder of the working folder or above it must hold. What the package loads is
    /// its own affair.
    fn package(&self, ground: &Ground<'_>) -> Need {
        let mut parts = self.name.split('/');
        let first = parts.next().unwrap_or_default();
        let package = match parts.next() {
            Some(second) if first.starts_with('@') => format!("{first}/{second}"),
            _ => first.to_string(),
        };
        let subject = shown(&self.name);
        // Node's own modules, addresses, and folders beyond the project.
        if package.contains(':') || is_own(&package) || ground.variables.get("NODE_PATH").is_some() {
            return Need::Open(Undecided::unknowable(subject, "it may lie outside of the project"));
        }
        let is_there = |path: &[u8]| matches!(ground.view.resolve(path, true), Resolved::Found(_));
        let mut closed = None;
        for folder in upwards(&real_cwd(ground)) {
            let place = [folder, b"/node_modules/", package.as_bytes()].concat();
            // `--require x` also takes a file.
            for end in ["", ".js", ".json", ".node"] {
                let path = [&place[..], end.as_bytes()].concat();
                match ground.reach(&path) {
                    Reach::Found(node) => return Need::Met(node),
                    Reach::Open(doubt) => return Need::Open(ground.doubt(subject, doubt)),
                    Reach::Closed(folder) if is_there(&path) => closed = Some(folder),
                    _ => {}
                }
            }
        }
        let home = ground.variables.get("HOME").unwrap_or("/").trim_end_matches('/');
        let others = [format!("{home}/.node_modules"), format!("{home}/.node_libraries")];
        let others = others.iter().map(String::as_str).chain(["/usr/lib/node", "/usr/local/lib/node"]);
        if others.map(str::as_bytes).any(|folder| matches!(ground.reach(folder), Reach::Found(_))) {
            return Need::Open(Undecided::unknowable(subject, "it may lie outside of the project"));
        }
        let cwd = shown_bytes(&ground.cwd);
        let what = match closed {
            Some(folder) => {
                let closed = ground.describe(folder);
                format!("the package {subject} is out of reach: {} may not enter {closed}", ground.who())
            }
            None => format!("there is no package {subject} in node_modules of {cwd} or above"),
        };
        Need::Unmet(Lack { subject, what, place: closed })
    }
}

/// Node's own modules (`module.builtinModules` of Node.js 20 and 24, parts of them left out).
fn is_own(name: &str) -> bool {
    const OWN: &str = " assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel \
        dns domain events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline \
        repl stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib ";
    OWN.contains(&format!(" {name} "))
}

/// The working folder, links followed, as a process sees it.
pub fn real_cwd(ground: &Ground<'_>) -> Vec<u8> {
    match ground.view.resolve(&ground.cwd, true) {
        Resolved::Found(node) => [b"/", &ground.view.path(node)[..]].concat(),
        _ => [b"/", &path::clean(&ground.cwd).0[..]].concat(),
    }
}

/// A folder and those above it, down to the root, which is the empty path.
pub fn upwards(folder: &[u8]) -> impl Iterator<Item = &[u8]> {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    std::iter::successors(Some(folder), |folder| (!folder.is_empty()).then(|| path::parent(folder)))
}

/// The file that a path means to `require`: itself, with an extension, or what its folder names.
fn file_of(ground: &Ground<'_>, path: &[u8], what: &str) -> Need {
    let is_file = |path: &[u8]| kind(ground, path) == Some(Kind::File);
    if !path.ends_with(b"/") {
        if is_file(path) {
            return ground.readable(path, what);
        }
        if let Some(path) = with_extension(ground, path) {
            return ground.readable(&path, what);
        }
    }
    if kind(ground, path) != Some(Kind::Dir) {
        return ground.readable(path, what);
    }
    let folder = path.strip_suffix(b"/").unwrap_or(path);
    let inside = |name: &str| [folder, b"/", name.as_bytes()].concat();
    if is_file(&inside("package.json")) {
        let main = match package(ground, &inside("package.json")) {
            Ok((_, package)) => package.get("main").and_then(|main| main.as_str()).map(inside),
            Err(need) => return need,
        };
        if let Some(main) = main {
            let index = [&main[..], b"/index"].concat();
            let found = is_file(&main).then(|| main.clone());
            let found = found.or_else(|| with_extension(ground, &main)).or_else(|| with_extension(ground, &index));
            if let Some(file) = found {
                return ground.readable(&file, what);
            }
        }
    }
    if let Some(file) = with_extension(ground, &inside("index")) {
        return ground.readable(&file, what);
    }
    let subject = shown_bytes(&ground.absolute(folder));
    let what = format!("{what} {subject} is a folder with neither index.js nor a package.json that names a file in it");
    Need::Unmet(Lack { subject, what, place: None })
}

fn kind(ground: &Ground<'_>, path: &[u8]) -> Option<Kind> {
    let Reach::Found(node) = ground.reach(path) else { return None };
    ground.view.stat(node).map(|stat| stat.kind)
}

fn with_extension(ground: &Ground<'_>, path: &[u8]) -> Option<Vec<u8>> {
    let paths = [".js", ".json", ".node"].map(|end| [path, end.as_bytes()].concat());
    paths.into_iter().find(|path| kind(ground, path) == Some(Kind::File))
}

/// A package.json that is there, and its value.
pub fn package(ground: &Ground<'_>, path: &[u8]) -> Result<(NodeId, serde_json::Value), Need> {
    let node = match ground.readable(path, "the file") {
        Need::Met(node) => node,
        need => return Err(need),
    };
    let content = ground.facts.content(node).map_err(Need::Open)?;
    ground.facts.spend(content.len()).map_err(Need::Open)?;
    match json::read(content) {
        Json::Value(value) => Ok((node, value)),
        Json::Invalid => {
            let subject = ground.name(node);
            let what = format!("{subject} is not valid JSON");
            Err(Need::Unmet(Lack { subject, what, place: Some(node) }))
        }
        Json::Unread => Err(Need::Open(Undecided::unknowable(ground.name(node), "it is not read here"))),
    }
}
