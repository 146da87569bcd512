//! Rules on the real images of `PLIMSOLL_CORPUS`: findings are at the places in the oracle's lists of facts, narrowed
//! as each rule's page documents.

use crate::corpus;
use crate::corpus::Specimen;
use crate::support;
use crate::support::ScratchDir;
use serde_json::Value;
use std::collections::BTreeSet;

type Paths = BTreeSet<String>;

/// The places of a rule's findings, with only that rule enabled.
fn found(specimen: &Specimen, extends: &str, rule: &str) -> Paths {
    let scratch = ScratchDir::new();
    let policy = scratch.policy(extends, &format!("{rule} = \"note\""));
    let image = specimen.audit(&["--policy", &policy]);
    support::findings(&image, rule).into_iter().flat_map(support::paths).collect()
}

/// The paths in one of the oracle's lists, and whether the list is complete.
fn listed(facts: &Value, key: &str, keep: impl Fn(&Value) -> bool) -> (Paths, bool) {
    let list = facts[key].as_array().unwrap();
    let path = |item: &Value| item["path"].as_str().unwrap().trim_start_matches('/').to_string();
    (list.iter().filter(|item| keep(item)).map(path).collect(), facts.get(format!("{key}_total")).is_none())
}

/// Runs a check on every image and collects the problems it returns.
fn each(test: &str, check: impl Fn(&Specimen) -> Vec<String>) {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", test) else { return };
    let mut wrong = Vec::new();
    for specimen in corpus::specimens(&corpus) {
        wrong.extend(check(&specimen).into_iter().map(|problem| format!("{}: {problem}", specimen.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything in `must` has to be found, and nothing outside `may`, if `may` is given.
fn between(found: &Paths, must: &Paths, may: Option<&Paths>) -> Vec<String> {
    let mut out: Vec<String> = must.difference(found).map(|path| format!("not found: {path}")).collect();
    if let Some(may) = may {
        out.extend(found.difference(may).map(|path| format!("should not be found: {path}")));
    }
    out
}

#[test]
fn world_writable_paths_match_the_oracle() {
    each("world_writable_paths_match_the_oracle", |specimen| {
        let facts = &specimen.truth["findings_facts"];
        let (files, all_files) = listed(facts, "world_writable_files", |_| true);
        let (directories, all_directories) = listed(facts, "world_writable_dirs", |_| true);
        let all: Paths = files.union(&directories).cloned().collect();
        between(&found(specimen, "", "world-writable"), &all, (all_files && all_directories).then_some(&all))
    });
}

#[test]
fn setuid_programs_match_the_oracle() {
    each("setuid_programs_match_the_oracle", |specimen| {
        let facts = &specimen.truth["findings_facts"];
        // A file that a package owns is reported only if a later layer changed it, which the oracle doesn't record.
        let (unowned, _) = listed(facts, "setuid", |item| item["packages"].as_array().unwrap().is_empty());
        let (all, whole) = listed(facts, "setuid", |_| true);
        between(&found(specimen, "", "setuid-program"), &unowned, whole.then_some(&all))
    });
}

/// Whether only the files that `apt-get dist-clean` leaves are there; those aren't a cache.
fn only_release_files(specimen: &Specimen, directory: &str) -> bool {
    let listing = specimen.run("tree", &["--plain"]).exits(0).out();
    let prefix = format!("/{directory}/");
    let mut files = listing.lines().filter(|line| line.starts_with("f ")).filter_map(|line| line.split(' ').nth(5));
    files.all(|path| {
        !path.starts_with(&prefix)
            || ["InRelease", "Release", "Release.gpg", "lock"].iter().any(|end| path.ends_with(end))
    })
}

#[test]
fn package_caches_match_the_oracle() {
    each("package_caches_match_the_oracle", |specimen| {
        let facts = &specimen.truth["findings_facts"];
        let is_cache = |item: &Value| {
            let kind = item["kind"].as_str().unwrap();
            kind.ends_with("_cache") || kind == "apt_lists"
        };
        let (mut caches, whole) = listed(facts, "leftovers", is_cache);
        if caches.contains("var/lib/apt/lists") && only_release_files(specimen, "var/lib/apt/lists") {
            caches.remove("var/lib/apt/lists");
        }
        let found = found(specimen, "", "package-cache-left");
        let mut out: Vec<String> =
            caches.iter().filter(|path| !found.contains(*path)).map(|path| format!("not found: {path}")).collect();
        // The rule may know more caches (a bundler's) than the oracle; package managers' caches must match.
        let managers = ["apt", "apk", "pip", ".npm", "yarn"];
        let extra = found.iter().filter(|path| !caches.contains(*path));
        let extra = extra.filter(|path| whole && path.split('/').any(|part| managers.contains(&part)));
        out.extend(extra.map(|path| format!("should not be found: {path}")));
        out
    });
}

#[test]
fn files_of_the_build_context_match_the_oracle() {
    each("files_of_the_build_context_match_the_oracle", |specimen| {
        let workdir = specimen.truth["config"]["WorkingDir"].as_str().unwrap_or("/").trim_matches('/').to_string();
        if workdir.is_empty() {
            return Vec::new();
        }
        let facts = &specimen.truth["findings_facts"];
        let kinds = ["vcs", "env_file", "dockerfile", "compose_file", "agent_notes", "readme"];
        let vendor = ["node_modules", "site-packages", "dist-packages"];
        let (listed, _) = listed(facts, "leftovers", |item| {
            let path = item["path"].as_str().unwrap();
            kinds.contains(&item["kind"].as_str().unwrap())
                && path.starts_with(&format!("/{workdir}/"))
                && !path.split('/').any(|part| vendor.contains(&part))
        });
        let found = found(specimen, "backend", "context-file-left");
        let covered = |path: &String| {
            found.iter().any(|found| path == found || path.starts_with(&format!("{}/", found.trim_end_matches('/'))))
        };
        listed.iter().filter(|path| !covered(path)).map(|path| format!("not found: {path}")).collect()
    });
}

#[test]
fn build_tools_match_the_oracle() {
    each("build_tools_match_the_oracle", |specimen| {
        let tools = &specimen.truth["findings_facts"]["build_tools"];
        let names =
            |key: &str| -> Vec<&str> { tools[key].as_array().unwrap().iter().filter_map(Value::as_str).collect() };
        let scratch = ScratchDir::new();
        let image = specimen.audit(&["--policy", &scratch.policy("", "build-tools-left = \"note\"")]);
        let findings = support::findings(&image, "build-tools-left");
        let nothing = names("files").is_empty() && names("packages").is_empty();
        let mut out = Vec::new();
        if nothing != findings.is_empty() {
            out.push(format!("{} findings, the oracle has {tools}", findings.len()));
        }
        let text: String = findings.iter().map(|finding| finding.to_string()).collect();
        out.extend(
            names("packages")
                .iter()
                .filter(|name| !text.contains(**name))
                .map(|name| format!("{name} is not mentioned")),
        );
        out
    });
}

#[test]
fn users_match_the_oracle() {
    each("users_match_the_oracle", |specimen| {
        let user = &specimen.truth["accounts"]["user"];
        let scratch = ScratchDir::new();
        let image = specimen.audit(&["--policy", &scratch.policy("", "root-user = \"note\"\nunknown-user = \"note\"")]);
        let is_reported = |rule: &str| !support::findings(&image, rule).is_empty();
        let mut out = Vec::new();
        if is_reported("root-user") != (user["uid"] == 0) || is_reported("unknown-user") == user["error"].is_null() {
            out.push(format!("{:?}, the oracle has {user}", support::messages(&image)));
        }
        out
    });
}
