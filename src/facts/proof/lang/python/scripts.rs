//! Python scripts: the file that is run, and the modules that it imports first.
//!
//! The Python Language Reference, "Lexical analysis" and "The import statement"; packaging.python.org, "Entry points
//! specification" for the scripts that installers write. Not here: whether the modules exist (`import`).

use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang;
use crate::facts::proof::lang::python::stdlib;
use crate::model::layer_facts::Kind;
use std::collections::HashSet;

/// The file that `python script` reads; for a directory, its `__main__`.
pub fn script(process: &ProcessContext<'_>, path: &[u8]) -> Need {
    let need = lang::file(process, &String::from_utf8_lossy(path), "the script");
    let Need::Met(node) = need else { return need };
    if process.view.stat(node).is_none_or(|stat| stat.kind != Kind::Dir) {
        return need;
    }
    for name in ["__main__.py", "__main__.pyc"] {
        if process.view.child(node, name.as_bytes()).is_some() {
            return process
                .readable(&[b"/", &process.view.path(node)[..], b"/", name.as_bytes()].concat(), "the script");
        }
    }
    let subject = process.name(node);
    let what = format!("{subject} is a directory without __main__.py, so Python can't run it");
    Need::Unmet(Missing { subject, what, place: Some(node) })
}

/// The modules that a script certainly imports before its other code runs: those of its first statements, up to the
/// first one outside the standard library, whose code may change where the rest is found.
pub fn console_script_imports(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    while let Some(line) = lines.next() {
        let quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| line.starts_with(quotes));
        if let Some(quotes) = quotes {
            // A docstring; nothing may follow it on its last line.
            let mut rest = &line[3..];
            while !rest.contains(quotes) {
                let Some(next) = lines.next() else { return out };
                rest = next;
            }
            if !rest.trim_end().ends_with(quotes) {
                return out;
            }
            continue;
        }
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let code = line.split('#').next().unwrap_or(line);
        let Some(modules) = imported(code) else { return out };
        for module in modules {
            let is_standard = stdlib::is_standard(module.split('.').next().unwrap_or(module));
            if seen.insert(module) {
                out.push(module.to_string());
            }
            if !is_standard {
                return out;
            }
        }
        if code.trim_end().ends_with('\\') {
            return out;
        }
        // The names in parentheses don't matter.
        if code.contains('(') && !code.contains(')') && !lines.any(|line| line.contains(')')) {
            return out;
        }
    }
    out
}

/// Whether a script is the entry point that installers write for a command of this package: it imports from the package
/// and calls `sys.exit`.
pub fn is_entry_point_of(text: &str, package: &str) -> bool {
    let imports = console_script_imports(text);
    imports.last().is_some_and(|module| module.split('.').next() == Some(package)) && text.contains("sys.exit(")
}

/// The modules of an import statement that is alone on its line; `None` for anything else.
fn imported(code: &str) -> Option<Vec<&str>> {
    let is_name = |name: &&str| {
        !name.is_empty()
            && name.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    if code.contains(';') {
        return None;
    }
    if let Some(rest) = code.strip_prefix("from ") {
        let (module, _) = rest.trim_start().split_once(" import")?;
        return Some(module.trim()).filter(is_name).map(|module| vec![module]);
    }
    let rest = code.strip_prefix("import ")?;
    rest.split(',').map(|part| part.split_whitespace().next().filter(is_name)).collect()
}
