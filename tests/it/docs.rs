//! Generated pages and the generated parts of other pages are up to date. `PLIMSOLL_BLESS=1 cargo test` rewrites them.
//!
//! In a hand-written page, a comment marks a generated part: `printed by`, with a command line and its exit code,
//! before a fenced block; `printed from`, with a file, before a fenced block; `printed from src/limits.rs`, up to a
//! comment `end`.

use crate::support::Run;
use plimsoll::policy::builtin;
use plimsoll::rules;
use plimsoll::rules::page;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Width of the output shown in pages.
const COLUMNS: &str = "100";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn blessing() -> bool {
    std::env::var_os("PLIMSOLL_BLESS").is_some()
}

fn directory() -> PathBuf {
    root().join("docs/rules")
}

/// What each rule page should contain, by file name.
fn expected() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut rows = Vec::new();
    for rule in rules::ALL {
        let levels = builtin::levels(rule.id, rules::ALL).unwrap_or_else(|error| panic!("{error}"));
        pages.insert(format!("{}.md", rule.id), page::source_note(rule) + &page::markdown(rule, &levels));
        rows.push((*rule, levels));
    }
    pages.insert("README.md".to_string(), page::index(&rows));
    pages
}

/// The rule pages on disk, by file name.
fn found() -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(directory()) else { return BTreeMap::new() };
    entries
        .map(|entry| {
            let entry = entry.expect("a readable directory");
            let text = fs::read_to_string(entry.path()).expect("a page");
            (entry.file_name().into_string().expect("UTF-8"), text)
        })
        .collect()
}

#[test]
fn rule_pages_are_up_to_date() {
    let expected = expected();
    if blessing() {
        fs::create_dir_all(directory()).expect("docs can be written");
        for name in found().keys().filter(|name| !expected.contains_key(*name)) {
            fs::remove_file(directory().join(name)).expect("a stale page can be removed");
        }
        for (name, text) in &expected {
            fs::write(directory().join(name), text).expect("docs can be written");
        }
    }
    let found = found();
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "docs/rules: PLIMSOLL_BLESS=1 cargo test");
    for (name, text) in &expected {
        assert!(found[name] == *text, "docs/rules/{name} is stale: PLIMSOLL_BLESS=1 cargo test");
    }
}

/// The hand-written pages: those in the root and in `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for directory in [root().to_path_buf(), root().join("docs")] {
        let paths = fs::read_dir(directory).expect("a readable directory").map(|entry| entry.expect("an entry").path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages.sort();
    pages
}

/// The output of a command line, standard output before standard error.
fn printed(command: &str) -> String {
    let (line, code) = command.split_once("`, exit ").expect("`plimsoll …`, exit N");
    let args = line.strip_prefix("plimsoll ").expect("the command is plimsoll").split_whitespace();
    let output = Run::new(args).directory(root()).env("COLUMNS", COLUMNS).run();
    output.exits(code.parse().expect("an exit code")).printed()
}

/// The page with its generated parts rewritten.
fn fresh(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let mark = line.strip_prefix("<!-- printed ").and_then(|rest| rest.strip_suffix(" -->"));
        match mark.map(|mark| mark.split_once('`').unwrap_or((mark, ""))) {
            None => {}
            Some(("by ", command)) => {
                assert_eq!(lines.next(), Some("```text"), "a block of text follows {line}");
                assert!(lines.any(|line| line == "```"), "the block has no end: {line}");
                out.push_str(&format!("```text\n{}\n```\n", printed(command).trim_end()));
            }
            Some(("from src/limits.rs", _)) => {
                assert!(lines.any(|line| line == "<!-- end -->"), "the table has no end: {line}");
                out.push_str(&format!("{}<!-- end -->\n", limits()));
            }
            Some((from, _)) => {
                let file = from.strip_prefix("from ").expect("a mark is `printed by` or `printed from`");
                let fence = lines.next().filter(|line| line.starts_with("```")).expect("a block follows");
                assert!(lines.any(|line| line == "```"), "the block has no end: {line}");
                let text = fs::read_to_string(root().join(file)).expect("the file exists");
                out.push_str(&format!("{fence}\n{}\n```\n", text.trim_end()));
            }
        }
    }
    out
}

#[test]
fn printed_parts_are_up_to_date() {
    let mut shown = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        shown += text.matches("<!-- printed by").count();
        let fresh = fresh(&text);
        if blessing() && fresh != text {
            fs::write(&page, &fresh).expect("a page can be written");
        } else {
            let first = text.lines().zip(fresh.lines()).find(|(old, new)| old != new);
            assert!(fresh == text, "{} is stale: PLIMSOLL_BLESS=1 cargo test\n{first:?}", page.display());
        }
    }
    assert!(shown > 0 && fs::read_to_string(root().join("README.md")).expect("a page").contains("<!-- printed by"));
}

/// The table of all limits.
fn limits() -> String {
    let source = fs::read_to_string(root().join("src/limits.rs")).expect("src/limits.rs exists");
    let mut out = String::from("| limit | value | of what, and why |\n| --- | --- | --- |\n");
    let mut about: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            about.push(text);
        } else if let Some(item) = line.strip_prefix("pub const ") {
            let (name, rest) = item.split_once(": ").expect("a name and a type");
            let (_, value) = rest.trim_end_matches(';').split_once(" = ").expect("a value");
            let about = std::mem::take(&mut about).join(" ").replace("[`", "`").replace("`]", "`");
            out.push_str(&format!("| `{name}` | {} | {about} |\n", value_of(name, value)));
        }
    }
    assert_eq!(out.lines().count(), 2 + source.matches("pub const ").count(), "a limit spans several lines");
    out
}

/// `8 << 20` as `8 MiB` if the name ends in `_BYTES`; other numbers with thousands separators.
fn value_of(name: &str, value: &str) -> String {
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().expect("a number");
    let value = match value.split_once("<<") {
        Some((base, shift)) => number(base) << number(shift),
        None => number(value),
    };
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "bytes")];
    if name.ends_with("_BYTES") {
        let (shift, unit) = units.into_iter().find(|(shift, _)| value.is_multiple_of(1 << shift)).expect("bytes fit");
        return format!("{} {unit}", value >> shift);
    }
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}

#[test]
fn links_between_pages_resolve() {
    let mut dead = Vec::new();
    let rules = found().into_keys().map(|name| directory().join(name));
    for page in pages().into_iter().chain(rules) {
        let text = fs::read_to_string(&page).expect("a page");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let (file, _) = target.split_once('#').unwrap_or((target, ""));
            let exists = file.is_empty() || page.parent().expect("a directory").join(file).exists();
            if !target.contains("://") && !exists {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn output_page_names_every_field() {
    fn fields(value: &serde_json::Value, out: &mut BTreeSet<String>) {
        if let Some(properties) = value.get("properties").and_then(serde_json::Value::as_object) {
            out.extend(properties.keys().cloned());
        }
        if let Some(object) = value.as_object() {
            object.values().for_each(|inner| fields(inner, out));
        }
    }
    let schema = fs::read_to_string(root().join("docs/report.schema.json")).expect("the schema exists");
    let page = fs::read_to_string(root().join("docs/output.md")).expect("the page exists");
    let mut names = BTreeSet::new();
    fields(&serde_json::from_str(&schema).expect("JSON"), &mut names);
    assert!(names.contains("fingerprint"));
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/output.md does not name {missing:?}");
}

/// Every command and every flag of `audit` is on some hand-written page.
#[test]
fn pages_name_every_command_and_flag() {
    let text: String = pages().iter().map(|page| fs::read_to_string(page).expect("a page")).collect();
    let help = |args: &[&str]| Run::new(args).run().exits(0).out();
    let commands = help(&["--help"]);
    let commands =
        commands.split_once("Commands:\n").expect("a list of commands").1.split("\n\n").next().expect("a list");
    let commands = commands.lines().filter_map(|line| line.split_whitespace().next()).filter(|word| *word != "help");
    let mut missing: Vec<String> = commands.map(|word| format!("`plimsoll {word}")).collect();
    let flags = help(&["audit", "--help"]);
    let flags = flags.split_whitespace().filter(|word| word.starts_with("--"));
    missing.extend(flags.filter(|flag| !["--help", "--version"].contains(flag)).map(|flag| format!("`{flag}")));
    missing.retain(|expected| !text.contains(expected.as_str()));
    assert!(missing.is_empty(), "no page names {missing:?}");
}

#[test]
fn specification_and_rules_refer_to_each_other() {
    let text = fs::read_to_string(root().join("docs/specification.md")).unwrap();
    let mut written = BTreeSet::new();
    for line in
        text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row") && !line.starts_with("| --"))
    {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        for rule in cells.last().unwrap().split('`').skip(1).step_by(2) {
            written.insert((cells[0].to_string(), rule.to_string()));
        }
    }
    let declared =
        rules::ALL.iter().flat_map(|rule| rule.rows.iter().map(|row| (row.to_string(), rule.id.to_string())));
    assert_eq!(written, declared.collect());
}
