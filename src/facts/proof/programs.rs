//! Programs that are known by name, and what each needs beside its libraries: modules, scripts, build results.
//!
//! In: a program that was executed. Out: its needs, in the proof. Not here: what a language asks for (`lang`), programs that
//! start others (`wrappers`).

use crate::facts::proof::Proof;
use crate::facts::proof::Started;
use crate::facts::proof::ground::Ground;
use crate::facts::proof::ground::Need;
use crate::facts::proof::lang::apps;
use crate::facts::proof::lang::python;
use crate::facts::proof::lang::python::Python;
use crate::facts::proof::lang::python::call::Runs;
use crate::facts::start::file_name;
use crate::view::Resolved;

/// Notes what a program needs.
pub fn needs(ground: &Ground<'_>, started: &Started, proof: &mut Proof) {
    if is_python(file_name(&started.argv[0])) {
        python(ground, started, proof);
    }
}

fn is_python(name: &str) -> bool {
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    version.is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

fn python(ground: &Ground<'_>, started: &Started, proof: &mut Proof) {
    let call = python::call::command(&started.argv);
    if matches!(call.runs, Runs::Interactive | Runs::Nothing) {
        return;
    }
    let interpreter = match Python::of(ground, &ground.absolute(started.path.as_bytes()), call.flags) {
        Ok(interpreter) => interpreter,
        Err(_) if proof.fails() => return,
        Err(question) => return proof.open(question),
    };
    let first = call.first(ground);
    let imports = |text: &str, proof: &mut Proof| {
        for module in python::scripts::console_script_imports(text) {
            let need = interpreter.module(ground, &module, &first);
            let is_standard = python::stdlib::is_standard(module.split('.').next().unwrap_or(&module));
            // Of the standard library only what is missing is worth a word.
            if !(is_standard && matches!(need, Need::Met(_))) {
                proof.need(ground, &format!("module {module}"), need);
            }
        }
    };
    let program = match &call.runs {
        Runs::Module(name) => {
            proof.need(ground, &format!("module {name}"), interpreter.runnable(ground, name, &first));
            name.as_str()
        }
        Runs::Script(path) => {
            if !proof.fails() {
                proof.need(ground, "script", python::scripts::script(ground, path.as_bytes()));
            }
            if let Resolved::Found(script) = ground.view.resolve(&ground.absolute(path.as_bytes()), true)
                && let Ok(text) = ground.facts.content(script)
            {
                imports(&String::from_utf8_lossy(text), proof);
            }
            file_name(path)
        }
        Runs::Code(code) => return imports(&leading_imports(code), proof),
        Runs::Interactive | Runs::Nothing | Runs::Open => return,
    };
    if proof.fails() {
        return;
    }
    for need in apps::needs(ground, &interpreter, &first, program, call.rest) {
        proof.need(ground, "application", need);
    }
}

/// The import statements that a text for `-c` begins with, a line each.
fn leading_imports(code: &str) -> String {
    let statements = code.split([';', '\n']).map(str::trim);
    let imports = statements.take_while(|statement| statement.starts_with("import ") || statement.starts_with("from "));
    imports.map(|statement| format!("{statement}\n")).collect()
}
