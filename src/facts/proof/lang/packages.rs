//! Scripts of package.json: what `npm start` and similar run, in which directory, with which PATH.
//!
//! npm documentation, "npm run", "scripts" (pre and post scripts, `node server.js` as the default for start),
//! "directories" and "config" (`prefix`: the nearest directory with package.json or node_modules); Yarn 1, "yarn run";
//! pnpm, "pnpm run"; Bun, "bun run". Later versions of Yarn are detected by their files, and only what they have in
//! common with Yarn 1 is used. Not here: the shell text itself.

use crate::facts::access::Reach;
use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang;
use crate::facts::proof::lang::node;
use crate::facts::shell;
use crate::limits;
use crate::model::finding::Undecided;
use crate::model::text::shown;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use serde_json::Value;

#[cfg(test)]
mod tests;

/// What a package manager runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRun {
    /// The package.json that has the scripts; `None` for a program in node_modules.
    pub package: Option<NodeId>,
    /// The directory it runs in, an absolute path.
    pub directory: Vec<u8>,
    /// What runs, in order, each with `sh -c`.
    pub scripts: Vec<PackageScript>,
    /// The directories put before PATH.
    pub path: Vec<Vec<u8>>,
}

/// One script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageScript {
    /// `prestart`.
    pub name: String,
    /// The shell text, with the arguments appended.
    pub text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manager {
    Npm,
    Yarn,
    Pnpm,
    Bun,
}

/// What a package manager is asked to run.
struct Asked {
    manager: Manager,
    /// The directory given by an option, if any.
    directory: Option<String>,
    /// The script, or the program.
    name: String,
    /// It is certainly a script, not a program in node_modules.
    is_script: bool,
    /// It is certainly a program in node_modules.
    is_program: bool,
    /// The arguments for the script.
    args: Vec<String>,
    /// A missing script is not an error.
    if_present: bool,
    /// Without pre and post scripts.
    alone: bool,
}

/// What a package manager's command runs; `None` if it runs neither a script nor a program of a package. `program`: the
/// name of the command; `words`: its arguments.
pub fn run(process: &ProcessContext<'_>, program: &str, words: &[String]) -> Option<Result<PackageRun, Need>> {
    let asked = match program {
        "npm" => npm(words),
        "npx" | "bunx" => npx(words).map(Some),
        "yarn" | "yarnpkg" => yarn(words),
        "pnpm" => pnpm(words),
        "bun" => bun(words),
        _ => return None,
    };
    match asked {
        Ok(asked) => asked.map(|asked| asked.run(process)),
        Err(reason) => Some(Err(open(program, reason))),
    }
}

fn open(subject: &str, reason: &str) -> Need {
    Need::Undecided(Undecided::unknowable(subject, reason))
}

const ELSEWHERE: &str = "it is not in any node_modules/.bin, and would be looked up elsewhere";
const UNCLEAR: &str = "its options don't determine which script it runs";
/// Options, of any of them, that only affect verbosity or installing.
const QUIET: &str = " -s --silent -q --quiet -d --verbose --no-fund --no-audit --no-update-notifier --no-progress \
    --no-color --color --production --prod --offline --prefer-offline --non-interactive --frozen-lockfile --foreground-scripts \
    --no-workspaces ";

fn is_quiet(word: &str) -> bool {
    QUIET.contains(&format!(" {word} ")) || word.starts_with("--loglevel=") || word.starts_with("--omit=")
}

/// The value of an option, after `=` or as the next word.
fn value<'w>(word: &'w str, names: &[&str], words: &mut impl Iterator<Item = &'w String>) -> Option<Option<&'w str>> {
    let (name, glued) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    names.contains(&name).then(|| glued.or_else(|| words.next().map(String::as_str)))
}

type Read = Result<Option<Asked>, &'static str>;

fn asked(manager: Manager, name: &str, args: Vec<String>) -> Asked {
    Asked {
        manager,
        directory: None,
        name: name.to_string(),
        is_script: false,
        is_program: false,
        args,
        if_present: false,
        alone: false,
    }
}

/// npm accepts its own options anywhere before `--`.
fn npm(words: &[String]) -> Read {
    let (mut directory, mut plain, mut args): (Option<&str>, Vec<&str>, Vec<String>) = (None, Vec::new(), Vec::new());
    let (mut if_present, mut alone) = (false, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            args.extend(words.by_ref().cloned());
        } else if !word.starts_with('-') {
            plain.push(word);
        } else if let Some(value) = value(word, &["--prefix", "-C"], &mut words) {
            directory = Some(value.ok_or(UNCLEAR)?);
        } else if value(word, &["--loglevel", "--omit"], &mut words).is_some() || is_quiet(word) {
        } else if word == "--if-present" {
            if_present = true;
        } else if word == "--ignore-scripts" {
            alone = true;
        } else if plain.is_empty()
            || matches!(plain[..], ["run" | "run-script" | "rum" | "urn" | "exec" | "x"])
            || is_npms(word)
        {
            return Err(UNCLEAR);
        } else {
            // npm takes this as an option of its own, perhaps with a value.
            args.push(shell::OPEN.to_string());
        }
    }
    let (name, rest) = match plain[..] {
        ["start" | "stop" | "restart" | "test" | "t" | "tst", ..] => {
            let name = if matches!(plain[0], "t" | "tst") { "test" } else { plain[0] };
            (name, &plain[1..])
        }
        ["run" | "run-script" | "rum" | "urn", name, ..] => (name, &plain[2..]),
        ["exec" | "x", name, ..] => {
            let args = plain[2..].iter().map(|word| word.to_string()).chain(args).collect();
            let directory = directory.map(str::to_string);
            return Ok(Some(Asked { directory, is_program: true, ..asked(Manager::Npm, name, args) }));
        }
        _ => return Ok(None),
    };
    let args = rest.iter().map(|word| word.to_string()).chain(args).collect();
    let directory = directory.map(str::to_string);
    Ok(Some(Asked { directory, is_script: true, if_present, alone, ..asked(Manager::Npm, name, args) }))
}

/// Options that make npm run something else or elsewhere.
fn is_npms(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    matches!(
        name,
        "-w" | "-ws" | "--workspace" | "--workspaces" | "--include-workspace-root" | "-iwr" | "--script-shell"
    ) || matches!(
        name,
        "-g" | "--global" | "--location" | "--userconfig" | "--globalconfig" | "-p" | "--package" | "-c"
    )
}

fn npx(words: &[String]) -> Result<Asked, &'static str> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-y" | "--yes" | "--no" | "--no-install" | "-q" | "--quiet" | "--" => {}
            word if word.starts_with('-') => return Err(UNCLEAR),
            word => return Ok(Asked { is_program: true, ..asked(Manager::Npm, word, words.cloned().collect()) }),
        }
    }
    Err(UNCLEAR)
}

/// Yarn's own commands, which take precedence over scripts.
const YARN: &str = " add audit autoclean bin cache check config constraints create dedupe dlx explain generate-lock-entry \
    global help import info init install licenses link list login logout node npm outdated owner pack patch plugin policies \
    publish rebuild remove search set stage tag team unlink unplug up upgrade upgrade-interactive version versions why \
    workspace workspaces ";

fn yarn(words: &[String]) -> Read {
    let mut directory = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(value) = value(word, &["--cwd"], &mut words) {
            directory = Some(value.ok_or(UNCLEAR)?.to_string());
            continue;
        }
        if is_quiet(word) {
            continue;
        }
        if word.starts_with('-') {
            return Err(UNCLEAR);
        }
        let verb = word.as_str();
        let name = match verb {
            "run" | "exec" => loop {
                match words.next() {
                    Some(word) if is_quiet(word) || word == "--" && verb == "exec" => {}
                    Some(word) if word.starts_with('-') => return Err(UNCLEAR),
                    Some(word) => break word.as_str(),
                    None => return Ok(None),
                }
            },
            verb if YARN.contains(&format!(" {verb} ")) => return Ok(None),
            verb => verb,
        };
        let asked = asked(Manager::Yarn, name, words.cloned().collect());
        return Ok(Some(Asked { directory, is_program: verb == "exec", ..asked }));
    }
    Ok(None)
}

/// pnpm's own commands, which take precedence over scripts.
const PNPM: &str = " add approve-builds audit bin c cache cat-file cat-index ci config create dedupe deploy dlx doctor env \
    fetch find-hash help i ignored-builds import info init install install-test it la licenses link list ll ln login logout ls \
    outdated pack patch patch-commit patch-remove prune publish rb rebuild recursive remove rm root s se search self-update \
    server setup store un uninstall unlink up update upgrade view why whoami ";

fn pnpm(words: &[String]) -> Read {
    let mut directory = None;
    let mut if_present = false;
    let mut verb = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(value) = value(word, &["-C", "--dir"], &mut words) {
            directory = Some(value.ok_or(UNCLEAR)?.to_string());
        } else if word == "--if-present" {
            if_present = true;
        } else if is_quiet(word) {
        } else if word.starts_with('-') {
            return Err(UNCLEAR);
        } else if verb.is_none() && matches!(word.as_str(), "run" | "run-script" | "exec") {
            verb = Some(word.as_str());
        } else if verb.is_none() && PNPM.contains(&format!(" {word} ")) {
            return Ok(None);
        } else {
            let name = match word.as_str() {
                "t" | "tst" if verb.is_none() => "test",
                name => name,
            };
            let is_script = matches!(verb, Some("run" | "run-script"))
                || verb.is_none() && matches!(name, "start" | "stop" | "test" | "restart");
            let asked = asked(Manager::Pnpm, name, words.cloned().collect());
            return Ok(Some(Asked { directory, if_present, is_script, is_program: verb == Some("exec"), ..asked }));
        }
    }
    Ok(None)
}

/// Bun's own commands, which take precedence over scripts.
const BUN: &str = " a add audit build c ci completions create discord exec feedback getcompletes help i info init install link \
    outdated patch patch-commit pm publish remove repl rm test unlink update upgrade why ";

/// Bun also runs files, which are not scripts of a package.
fn bun(words: &[String]) -> Read {
    let (mut directory, mut verb) = (None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(value) = value(word, &["--cwd"], &mut words) {
            directory = Some(value.ok_or(UNCLEAR)?.to_string());
        } else if is_quiet(word) || matches!(word.as_str(), "--watch" | "--hot" | "--smol" | "--bun" | "-b") {
        } else if word.starts_with('-') {
            return Err(UNCLEAR);
        } else if verb.is_none() && matches!(word.as_str(), "run" | "x") {
            verb = Some(word.as_str());
        } else if verb.is_none() && BUN.contains(&format!(" {word} ")) || word.contains(['.', '/']) {
            return Ok(None);
        } else {
            let asked = asked(Manager::Bun, word, words.cloned().collect());
            return Ok(Some(Asked { directory, is_program: verb == Some("x"), ..asked }));
        }
    }
    Ok(None)
}

impl Asked {
    fn run(&self, process: &ProcessContext<'_>) -> Result<PackageRun, Need> {
        let named = [Some(&self.name), self.directory.as_ref()];
        if let Some(undecided) = named.into_iter().flatten().find_map(|word| lang::undecided(word)) {
            return Err(Need::Undecided(undecided));
        }
        let mut process = process.clone();
        if let Some(directory) = &self.directory {
            process.cwd = process.absolute(directory.as_bytes());
        }
        let cwd = node::real_cwd(&process);
        let directory = self.package_directory(&process, &cwd);
        let path = node::upwards(&directory).map(|directory| [directory, b"/node_modules/.bin"].concat()).collect();
        let mut run = PackageRun { package: None, directory: directory.clone(), scripts: Vec::new(), path };
        if run.directory.is_empty() {
            run.directory.push(b'/');
        }
        if self.is_program {
            // A program runs in the working directory.
            run.directory = cwd;
            return self.program(&process, run);
        }
        let file = [&directory[..], b"/package.json"].concat();
        let (node, package) = match node::package(&process, &file) {
            Ok(package) => package,
            Err(Need::Unmet(_)) if self.manager == Manager::Bun => return Err(open(&self.name, ELSEWHERE)),
            Err(Need::Unmet(lack)) if self.manager == Manager::Pnpm && self.has_other_form(&process, &directory) => {
                return Err(open(&lack.subject, "the package is described in another format"));
            }
            Err(Need::Unmet(lack)) if matches!(process.reach(&file), Reach::Missing(_)) => {
                let what = format!("there is no package.json in {}", shown_bytes(&run.directory));
                return Err(Need::Unmet(Missing { what, ..lack }));
            }
            Err(need) => return Err(need),
        };
        run.package = Some(node);
        let scripts = package.get("scripts");
        let script = |name: &str| scripts.and_then(|scripts| scripts.get(name)).and_then(Value::as_str);
        let berry = self.manager == Manager::Yarn && is_later_yarn(&process, &directory, &package);
        let main = match (script(&self.name), self.name.as_str()) {
            (Some(text), _) if !text.trim().is_empty() => text,
            (None, "start")
                if self.manager != Manager::Bun
                    && !berry
                    && is_file(&process, &[&directory[..], b"/server.js"].concat()) =>
            {
                "node server.js"
            }
            (None, "restart") if self.manager == Manager::Npm => "npm stop --if-present && npm start",
            (Some(_), _) => return Err(open(&self.name, "the script is empty")),
            _ if self.manager != Manager::Npm && scripts.is_some_and(|scripts| scripts.get(&self.name).is_some()) => {
                return Err(open(&self.name, "the script is not a string"));
            }
            _ if !self.is_script => return self.program(&process, run).map_err(|need| self.soften(need, berry)),
            _ if self.if_present => return Err(open(&self.name, "it runs only if it exists (--if-present)")),
            _ => return Err(self.soften(self.missing(&process, node, scripts), berry)),
        };
        // Whether pnpm and later versions of Yarn run pre and post scripts depends on their version and settings.
        let surrounds = !self.alone && self.manager != Manager::Pnpm && !berry;
        let around = |front: &str| {
            let name = format!("{front}{}", self.name);
            let text = script(&name).filter(|text| surrounds && !text.is_empty())?.to_string();
            Some(PackageScript { name, text })
        };
        run.scripts.extend(around("pre"));
        run.scripts.push(PackageScript { name: self.name.clone(), text: self.with_args(main) });
        run.scripts.extend(around("post"));
        Ok(run)
    }

    /// The package's directory: the nearest with a package.json or, for npm and pnpm, a node_modules directory; else
    /// the working directory.
    fn package_directory(&self, process: &ProcessContext<'_>, cwd: &[u8]) -> Vec<u8> {
        let own = cwd.strip_suffix(b"/").unwrap_or(cwd);
        if self.manager == Manager::Npm && self.directory.is_some() {
            return own.to_vec();
        }
        let is_it = |directory: &[u8]| {
            let there = |name: &[u8]| matches!(process.reach(&[directory, b"/", name].concat()), Reach::Found(_));
            let modules_count = matches!(self.manager, Manager::Npm | Manager::Pnpm);
            there(b"package.json") || modules_count && there(b"node_modules")
        };
        node::upwards(cwd).take(limits::PARENT_DIRECTORIES).find(|directory| is_it(directory)).unwrap_or(own).to_vec()
    }

    fn has_other_form(&self, process: &ProcessContext<'_>, directory: &[u8]) -> bool {
        ["package.yaml", "package.json5"]
            .iter()
            .any(|name| is_file(process, &[directory, b"/", name.as_bytes()].concat()))
    }

    /// Runs a program in node_modules.
    fn program(&self, process: &ProcessContext<'_>, mut run: PackageRun) -> Result<PackageRun, Need> {
        let name = &self.name;
        let is_here = run
            .path
            .iter()
            .any(|bin| matches!(process.reach(&[&bin[..], b"/", name.as_bytes()].concat()), Reach::Found(_)));
        if is_here {
            run.scripts.push(PackageScript { name: name.clone(), text: self.with_args(&quoted(name)) });
            return Ok(run);
        }
        if self.is_program
            || self.manager == Manager::Bun
            || process.variables.get("PATH").is_some_and(|path| on_path(process, path, name))
        {
            return Err(open(name, ELSEWHERE));
        }
        let what = format!("there is neither a script {} in package.json nor a program with that name", shown(name));
        Err(Need::Unmet(Missing { subject: shown(name), what, place: run.package }))
    }

    /// Nothing is certain about what later versions of Yarn find.
    fn soften(&self, need: Need, berry: bool) -> Need {
        match need {
            Need::Unmet(lack) if berry => open(&lack.subject, "this Yarn may find it elsewhere"),
            need => need,
        }
    }

    fn missing(&self, process: &ProcessContext<'_>, node: NodeId, scripts: Option<&Value>) -> Need {
        let names: Vec<String> = scripts
            .and_then(Value::as_object)
            .map(|scripts| scripts.iter().filter(|(_, text)| text.is_string()).map(|(name, _)| shown(name)).collect())
            .unwrap_or_default();
        let has = match names.len() {
            0 => "it has none".to_string(),
            count if count > limits::SCRIPTS_LISTED => {
                let rest = count - limits::SCRIPTS_LISTED;
                format!("it has {} and {rest} more", names[..limits::SCRIPTS_LISTED].join(", "))
            }
            _ => format!("it has {}", names.join(", ")),
        };
        let subject = process.name(node);
        let what = format!("{subject} has no script {}; {has}", shown(&self.name));
        Need::Unmet(Missing { subject, what, place: Some(node) })
    }

    fn with_args(&self, text: &str) -> String {
        self.args.iter().fold(text.to_string(), |text, word| format!("{text} {}", quoted(word)))
    }
}

fn is_file(process: &ProcessContext<'_>, path: &[u8]) -> bool {
    matches!(process.readable(path, ""), Need::Met(_))
}

/// Whether a program with this name may be on PATH.
fn on_path(process: &ProcessContext<'_>, path: &str, name: &str) -> bool {
    // Too many directories to check: one may have it.
    if path.split(':').count() > limits::SEARCH_PATHS {
        return true;
    }
    let mut directories = path.split(':');
    directories.any(|directory| !matches!(process.reach(format!("{directory}/{name}").as_bytes()), Reach::Missing(_)))
}

/// Whether the package uses Yarn 2 or later, by its files or its `packageManager`.
fn is_later_yarn(process: &ProcessContext<'_>, directory: &[u8], package: &Value) -> bool {
    let named = package.get("packageManager").and_then(Value::as_str).unwrap_or("");
    let is_named = named.starts_with("yarn@") && !named.starts_with("yarn@1.");
    let files = [".yarnrc.yml", ".pnp.cjs"];
    is_named
        || node::upwards(directory)
            .take(limits::PARENT_DIRECTORIES)
            .any(|directory| files.iter().any(|name| is_file(process, &[directory, b"/", name.as_bytes()].concat())))
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c) || c == shell::OPEN;
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
