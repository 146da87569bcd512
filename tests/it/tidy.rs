//! Project rules that the compiler doesn't check: which module may import which, what pure modules must not do, how
//! long a file may be.
//!
//! The table of allowed imports is in docs/architecture.md.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

const LINES_MAX: usize = 600;
/// Modules whose results depend only on their arguments.
const PURE: [&str; 8] = ["model", "view", "facts", "rules", "policy", "verdict", "report", "output"];
const IMPURE: [&str; 13] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::os",
    "Instant",
    "SystemTime",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "stdout()",
    "stderr()",
];

struct Source {
    path: String,
    module: String,
    text: String,
}

impl Source {
    /// Whether the file contains only its module's tests.
    fn is_tests(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(directory: &str) -> Vec<Source> {
    fn walk(directory: &Path, out: &mut Vec<PathBuf>) {
        let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                out.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(directory), &mut paths);
    let source = |path: &PathBuf| {
        let short = path.strip_prefix(root()).unwrap();
        let first = short.components().nth(1).unwrap().as_os_str().to_str().unwrap();
        Source {
            path: short.to_str().unwrap().to_string(),
            module: first.trim_end_matches(".rs").to_string(),
            text: std::fs::read_to_string(path).unwrap(),
        }
    };
    paths.iter().map(source).collect()
}

/// The lines of code before a file's own tests, with their numbers and without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"));
    lines.map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn assert_none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn every_file_begins_with_a_module_comment() {
    let all = ["src", "tests", "benches"].into_iter().flat_map(sources);
    assert_none(
        all.filter(|file| !file.text.starts_with("//! "))
            .map(|file| format!("{}: no `//!` comment", file.path))
            .collect(),
    );
}

#[test]
fn no_file_is_too_long() {
    let all = ["src", "tests", "benches"].into_iter().flat_map(sources);
    let long = all.filter(|file| file.text.lines().count() > LINES_MAX);
    assert_none(
        long.map(|file| format!("{}: {} lines, at most {LINES_MAX}", file.path, file.text.lines().count())).collect(),
    );
}

/// The rows `| module | may import |` of docs/architecture.md, in order.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md exists");
    let rows = text.lines().skip_while(|line| !line.replace(' ', "").starts_with("|module|mayimport|")).skip(2);
    let words = |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_string).collect() };
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let module = words(cells[0]).pop_first().expect("a row names its module");
        (module, words(cells.get(1).copied().unwrap_or_default()))
    };
    rows.take_while(|line| line.starts_with('|')).map(row).collect()
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let table = table();
    assert!(!table.is_empty(), "docs/architecture.md has no table `| module | may import |`");
    let mut above = BTreeSet::new();
    let mut breaches = Vec::new();
    for (module, allowed) in &table {
        for name in allowed.difference(&above) {
            breaches.push(format!("docs/architecture.md: {module} names {name}, which no row above it defines"));
        }
        above.insert(module.clone());
    }
    let allowed: BTreeMap<_, _> = table.into_iter().collect();
    for file in sources("src") {
        if file.module == "lib" || file.module == "main" {
            continue;
        }
        let Some(allowed) = allowed.get(&file.module) else {
            breaches.push(format!("{}: docs/architecture.md has no row for `{}`", file.path, file.module));
            continue;
        };
        for (number, line) in code(&file.text) {
            if line.contains("crate::{") || line.contains("super::super") {
                breaches.push(format!("{}:{number}: write `use crate::module::Name;`", file.path));
            }
            for used in line.split("crate::").skip(1) {
                let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !name.is_empty() && name != file.module && !allowed.contains(&name) {
                    breaches.push(format!("{}:{number}: {} must not import {name}", file.path, file.module));
                }
            }
        }
    }
    assert_none(breaches);
}

#[test]
fn pure_modules_read_nothing_and_print_nothing() {
    let mut breaches = Vec::new();
    for file in sources("src").iter().filter(|file| PURE.contains(&file.module.as_str()) && !file.is_tests()) {
        for (number, line) in code(&file.text) {
            for word in IMPURE.iter().filter(|word| names(line, word)) {
                breaches.push(format!("{}:{number}: {word} in {}", file.path, file.module));
            }
        }
    }
    assert_none(breaches);
}

/// Whether the line contains the word, and not only as part of a longer one.
fn names(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let after = line[at + word.len()..].chars().next();
        let continues = word.ends_with(part) && after.is_some_and(part);
        !continues && !line[..at].ends_with(part)
    })
}

#[test]
fn every_read_to_the_end_is_bounded() {
    let mut breaches = Vec::new();
    for file in sources("src").iter().filter(|file| !file.is_tests()) {
        let lines: Vec<(usize, &str)> = code(&file.text).collect();
        for (at, (number, line)) in lines.iter().enumerate() {
            let ends = ["read_to_end(", "read_to_string(", "fs::read("].iter().any(|call| line.contains(call));
            let near = &lines[at.saturating_sub(3)..=at];
            if ends && !near.iter().any(|(_, line)| line.contains(".take(")) {
                breaches.push(format!("{}:{number}: reads to the end without `.take(…)`", file.path));
            }
        }
    }
    assert_none(breaches);
}

#[test]
fn every_rule_file_is_listed() {
    let list = std::fs::read_to_string(root().join("src/rules/mod.rs")).unwrap();
    let list = list.split("pub const ALL").nth(1).expect("src/rules/mod.rs has `pub const ALL`");
    let mut breaches = Vec::new();
    for file in sources("src").iter().filter(|file| file.path.starts_with("src/rules/")) {
        if !file.text.contains("pub const RULE: Rule") {
            continue;
        }
        let stem = Path::new(&file.path).file_stem().unwrap().to_str().unwrap();
        if !list.contains(&format!("{stem}::RULE")) {
            breaches.push(format!("{}: not in rules::ALL", file.path));
        }
        if !file.text.contains(&format!("id: \"{}\"", stem.replace('_', "-"))) {
            breaches.push(format!("{}: its id does not match its file name", file.path));
        }
    }
    assert_none(breaches);
}

/// Turns of phrase that readers had to read twice, and what to write instead.
const PHRASES: [(&str, &str); 27] = [
    ("hangs on", "depends on"),
    ("own affair", "unknown to us"),
    ("lies behind", "is unreachable"),
    ("may not enter", "can't traverse"),
    ("may not be searched", "can't traverse"),
    ("no directory of PATH", "is not on PATH"),
    ("no folder", "not a directory"),
    ("folder", "directory"),
    ("is no directory", "is not a directory"),
    ("is no file", "is not a file"),
    ("is no regular file", "is not a regular file"),
    ("is no port", "is not a port"),
    ("is no init", "is not an init"),
    ("is no URL", "is not a URL"),
    ("to mend", "to fix"),
    ("shipped again", "added again"),
    ("of the build context lies", "was copied in from the build context"),
    ("lies in the image", "is in the image"),
    ("gets to, such as", "can reach"),
    ("would do too", "also works"),
    ("for the eyes of", "as … would"),
    ("laid over each other", "combined"),
    ("what becomes of", "how … would start"),
    ("wants `chmod", "use `chmod"),
    ("asks no network", "needs no network"),
    ("may the image ship", "is it fit to ship"),
    ("its letters", "its case"),
];

#[test]
fn texts_use_plain_english() {
    let mut breaches = Vec::new();
    let mut check = |path: &str, text: &str| {
        for (number, line) in text.lines().enumerate() {
            // Names in capitals are data.
            let words = line.char_indices().map(|(at, c)| if at == 0 { c.to_ascii_lowercase() } else { c });
            let text: String = words.collect();
            for (phrase, instead) in PHRASES.iter().filter(|(phrase, _)| text.contains(phrase)) {
                breaches.push(format!("{path}:{}: `{phrase}`; write: {instead}", number + 1));
            }
        }
    };
    for file in ["src", "tests", "benches", "examples"].into_iter().flat_map(sources) {
        if !file.path.ends_with("tidy.rs") {
            check(&file.path, &file.text);
        }
    }
    for directory in ["", "docs", "docs/rules", "policies", "testdata/policies", "testdata/reports"] {
        for entry in std::fs::read_dir(root().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let is_prose = path.extension().is_some_and(|end| ["md", "toml", "txt"].iter().any(|known| end == *known));
            if is_prose {
                check(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert_none(breaches);
}
