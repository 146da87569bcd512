//! Pages that are printed from values are fresh: `PLIMSOLL_BLESS=1 cargo test` writes them anew.

use plimsoll::policy::builtin;
use plimsoll::rules;
use plimsoll::rules::page;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules")
}

/// Every page by its file name.
fn wanted() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut rows = Vec::new();
    for rule in rules::ALL {
        let levels = builtin::levels(rule.id, rules::ALL).unwrap_or_else(|error| panic!("{error}"));
        pages.insert(format!("{}.md", rule.id), page::source_note(rule) + &page::page(rule, &levels));
        rows.push((*rule, levels));
    }
    pages.insert("README.md".to_string(), page::index(&rows));
    pages
}

/// The pages in the folder, by file name.
fn found() -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(folder()) else { return BTreeMap::new() };
    entries
        .map(|entry| {
            let entry = entry.expect("a folder that can be read");
            let text = fs::read_to_string(entry.path()).expect("a page");
            (entry.file_name().into_string().expect("UTF-8"), text)
        })
        .collect()
}

#[test]
fn the_rules_pages_are_fresh() {
    let wanted = wanted();
    if std::env::var_os("PLIMSOLL_BLESS").is_some() {
        fs::create_dir_all(folder()).expect("docs can be written");
        for name in found().keys().filter(|name| !wanted.contains_key(*name)) {
            fs::remove_file(folder().join(name)).expect("a stale page can be removed");
        }
        for (name, text) in &wanted {
            fs::write(folder().join(name), text).expect("docs can be written");
        }
    }
    let found = found();
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&wanted), "docs/rules: PLIMSOLL_BLESS=1 cargo test");
    for (name, text) in &wanted {
        assert!(found[name] == *text, "docs/rules/{name} is stale: PLIMSOLL_BLESS=1 cargo test");
    }
}
