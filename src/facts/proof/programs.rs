//! Programs that are known by name, and what each needs besides its libraries: modules, scripts, build results.
//!
//! In: a program that was executed. Out: its needs, in the proof. Not here: what a language needs (`lang`), programs
//! that start other programs (`wrappers`).

use crate::facts::known;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::Proof;
use crate::facts::proof::Started;
use crate::facts::proof::lang::apps;
use crate::facts::proof::lang::interpreters;
use crate::facts::proof::lang::java;
use crate::facts::proof::lang::next;
use crate::facts::proof::lang::node;
use crate::facts::proof::lang::packages;
use crate::facts::proof::lang::python;
use crate::facts::proof::lang::python::Python;
use crate::facts::proof::lang::python::call::Runs;
use crate::facts::proof::launch::Prover;
use crate::facts::proof::lookup::By;
use crate::facts::proof::shortened;
use crate::facts::shell;
use crate::facts::start::file_name;
use crate::model::bytes;
use crate::model::text::shown;
use crate::view::Resolved;

/// Adds what a program needs, and what it starts in turn. `argv` are its words, starting with the name that decides its
/// role.
pub fn needs(prover: &Prover, process: &ProcessContext<'_>, started: &Started, argv: &[String], proof: &mut Proof) {
    let name = file_name(&argv[0]);
    let words = &argv[1..];
    if is_python(name) {
        return python(process, started, proof);
    }
    let needs = match name {
        "node" | "nodejs" => return node(prover, process, argv, proof),
        "java" => java::needs(process, words),
        _ if scripts(prover, process, name, words, proof) => return,
        _ => interpreters::needs(process, name, words),
    };
    for need in needs {
        proof.need(process, "file", need);
    }
}

/// Node.js with a script: a package manager, a known tool, or the image's own program.
fn node(prover: &Prover, process: &ProcessContext<'_>, argv: &[String], proof: &mut Proof) {
    let call = node::command(process, argv);
    if !proof.fails() {
        for need in call.needs(process) {
            proof.need(process, "script", need);
        }
    }
    let node::Runs::Entry(word) = &call.runs else { return };
    let program = file_name(word);
    if proof.fails() || scripts(prover, process, program, call.rest, proof) {
        return;
    }
    if program == "next" {
        for need in next::needs(process, call.rest) {
            proof.need(process, "build", need);
        }
    }
}

/// Whether a variable or an npmrc of the project, the user or the system may set the shell for scripts (npm's config,
/// "script-shell", and "npmrc Files").
fn may_name_shell(process: &ProcessContext<'_>) -> bool {
    let home = format!("{}/.npmrc", process.variables.get("HOME").unwrap_or_default());
    let files = [".npmrc", &home, "/usr/local/etc/npmrc", "/usr/etc/npmrc", "/etc/npmrc"];
    let says = |file: &&str| match process.readable(file.as_bytes(), "the file") {
        Need::Met(node) => process.facts.content(node).map_or(true, |text| bytes::contains(text, b"script-shell")),
        Need::Unmet(_) => false,
        Need::Undecided(_) => true,
    };
    let variables = ["npm_config_script_shell", "NPM_CONFIG_SCRIPT_SHELL"];
    variables.iter().any(|name| process.variables.get(name).is_some()) || files.iter().any(says)
}

/// The length of the start of a script that is searched for secrets before it is shown.
const FRONT_CHARS: usize = 4096;

/// Adds what a package manager runs; false for any other program.
fn scripts(prover: &Prover, process: &ProcessContext<'_>, program: &str, words: &[String], proof: &mut Proof) -> bool {
    let run = match packages::run(process, program, words) {
        None => return false,
        Some(Err(need)) => {
            proof.need(process, "package.json", need);
            return true;
        }
        Some(Ok(run)) => run,
    };
    if let Some(package) = run.package {
        proof.need(process, "package.json", Need::Met(package));
    }
    let mut inner = ProcessContext { cwd: run.directory, ..process.clone() };
    let mut path: Vec<String> =
        run.path.iter().map(|directory| String::from_utf8_lossy(directory).into_owned()).collect();
    path.extend(inner.variables.get("PATH").map(str::to_string));
    inner.variables.set("PATH", &path.join(":"));
    let mut doubt: Option<String> = None;
    for script in &run.scripts {
        // A secret that is cut off at the end of the front is beyond what is shown.
        let front = script.text.char_indices().nth(FRONT_CHARS).map_or(&script.text[..], |(at, _)| &script.text[..at]);
        let text = process.facts.image().redactor.redact(front);
        proof.step(format!("script {}: {}", shown(&script.name), shortened(&text)), None);
        let argv = ["sh", "-c", &script.text].map(String::from);
        let mut found = prover.launch(&inner, &argv, By::Program);
        if found.fails() && may_name_shell(&inner) {
            found.soften_all("the package manager may be configured with another shell (script-shell)");
        }
        // A script that runs after the server has ended can't keep it from starting.
        let is_after = script.name.strip_prefix("post").is_some_and(|name| run.scripts.iter().any(|s| s.name == name));
        match (is_after, &doubt) {
            (true, _) => proof.nest_harmless(found),
            (false, None) => proof.nest(found),
            (false, Some(doubt)) => {
                found.soften_all(doubt);
                proof.nest(found);
            }
        }
        if proof.fails() {
            break;
        }
        let mut commands = shell::commands(&script.text, &inner.variables).into_iter();
        if commands.any(|words| {
            words.first().is_some_and(|word| !known::ends_by_itself(word) || known::may_write_files(&words))
        }) {
            doubt.get_or_insert_with(|| format!("the script {} runs first and may change files", shown(&script.name)));
        }
    }
    true
}

fn is_python(name: &str) -> bool {
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    version.is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

fn python(process: &ProcessContext<'_>, started: &Started, proof: &mut Proof) {
    let call = python::call::command(&started.argv);
    if matches!(call.runs, Runs::Interactive | Runs::Nothing) {
        return;
    }
    let interpreter = match Python::of(process, &process.absolute(started.path.as_bytes()), call.flags) {
        Ok(interpreter) => interpreter,
        Err(_) if proof.fails() => return,
        Err(question) => return proof.open(question),
    };
    let first = call.first(process);
    let imports = |text: &str, proof: &mut Proof| {
        for module in python::scripts::console_script_imports(text) {
            let need = interpreter.module(process, &module, &first);
            let is_standard = python::stdlib::is_standard(module.split('.').next().unwrap_or(&module));
            // Standard library modules are only worth a step if they are missing.
            if !(is_standard && matches!(need, Need::Met(_))) {
                proof.need(process, &format!("module {}", shown(&module)), need);
            }
        }
    };
    let program = match &call.runs {
        Runs::Module(name) => {
            proof.need(process, &format!("module {}", shown(name)), interpreter.runnable(process, name, &first));
            name.as_str()
        }
        Runs::Script(path) => {
            if !proof.fails() {
                proof.need(process, "script", python::scripts::script(process, path.as_bytes()));
            }
            let Resolved::Found(script) = process.view.resolve(&process.absolute(path.as_bytes()), true) else {
                return;
            };
            let Ok(text) = process.facts.content(script) else { return };
            let text = String::from_utf8_lossy(text);
            imports(&text, proof);
            let name = file_name(path);
            // Another script may have the same name.
            if !python::scripts::is_entry_point_of(&text, name.trim_end_matches("-serve")) {
                return;
            }
            name
        }
        Runs::Code(code) => return imports(&leading_imports(code), proof),
        Runs::Interactive | Runs::Nothing | Runs::Open => return,
    };
    if proof.fails() {
        return;
    }
    for need in apps::needs(process, &interpreter, &first, program, call.rest) {
        proof.need(process, "application", need);
    }
}

/// The import statements at the start of code for `-c`, one per line.
fn leading_imports(code: &str) -> String {
    let statements = code.split([';', '\n']).map(str::trim);
    let imports = statements.take_while(|statement| statement.starts_with("import ") || statement.starts_with("from "));
    imports.map(|statement| format!("{statement}\n")).collect()
}
