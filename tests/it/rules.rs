//! Rules on images written as text: the findings on `testdata/rules/RULE/*.image` are exactly those marked in the
//! files.
//!
//! A case begins with comments: `row B4, breaks` or `row B4, keeps` (one or more), `policy NAME` if it isn't
//! `baseline`, and `with KEY = VALUE`, a further line of the policy's `[rules]`. The rule is at level `error` unless
//! such a line sets it. The wording of messages isn't compared.

use crate::notation;
use crate::notation::Mark;
use crate::notation::Parsed;
use crate::notation::Place;
use crate::support;
use plimsoll::model::finding::Level;
use plimsoll::policy::builtin;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// The rows of the specification that need a breaking and a keeping case.
const ROWS: [&str; 21] = [
    "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "F4", "F5", "F6", "F7", "F8", "E1", "E3", "S1", "S3",
    "S4", "O4", "G5",
];

struct Case {
    name: String,
    rule: String,
    rows: BTreeSet<String>,
    breaks: bool,
    policy: String,
    lines: Vec<String>,
    parsed: Parsed,
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rules");
    let sorted = |directory: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let mut cases = Vec::new();
    for directory in sorted(&root) {
        let rule = directory.file_name().unwrap().to_str().unwrap().to_string();
        for file in sorted(&directory) {
            let name = format!("{rule}/{}", file.file_name().unwrap().to_str().unwrap());
            assert!(name.ends_with(".image"), "testdata/rules/{name} is not an .image file");
            cases.push(case(name, &rule, &std::fs::read_to_string(&file).unwrap()));
        }
    }
    cases
}

fn case(name: String, rule: &str, text: &str) -> Case {
    let parsed = notation::read(text);
    let mut case = Case {
        name,
        rule: rule.to_string(),
        rows: BTreeSet::new(),
        breaks: false,
        policy: "baseline".to_string(),
        lines: Vec::new(),
        parsed,
    };
    let mut has_row = false;
    for line in case.parsed.head.clone() {
        if let Some((row, what)) = line.strip_prefix("row ").and_then(|rest| rest.split_once(", ")) {
            assert!(what == "breaks" || what == "keeps", "{}: `row ROW, breaks` or `keeps`, not {line}", case.name);
            case.rows.insert(row.to_string());
            case.breaks = what == "breaks";
            has_row = true;
        } else if let Some(policy) = line.strip_prefix("policy ") {
            case.policy = policy.to_string();
        } else if let Some(line) = line.strip_prefix("with ") {
            case.lines.push(line.to_string());
        }
    }
    assert!(has_row, "{}: the first lines have no `row ROW, breaks` or `row ROW, keeps`", case.name);
    let marked = case.parsed.marks.iter().any(|mark| !mark.undecided);
    assert_eq!(marked, case.breaks, "{}: a case that breaks a row has marks, one that keeps it has none", case.name);
    if !case.lines.iter().any(|line| line.split(['=', ' ']).next() == Some(rule)) {
        // The floors of the built-in policies would want larger files than a case needs to have.
        let floors = match rule {
            "package-cache-left" => ", ignore-below = 0",
            "wasted-space" => ", ignore-below = 0, bookkeeping-over = 0",
            _ => "",
        };
        case.lines.push(format!("{rule} = {{ level = \"error\"{floors} }}"));
    }
    case
}

#[test]
fn findings_match_the_marks() {
    let mut wrong = Vec::new();
    for case in cases() {
        let image = support::audit(&case.parsed.image, &case.policy, &case.lines.join("\n"));
        let problems = compare(&case, &image);
        if !problems.is_empty() {
            wrong.push(format!("testdata/rules/{}\n  {}", case.name, problems.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{} cases are wrong\n{}", wrong.len(), wrong.join("\n"));
}

fn compare(case: &Case, image: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if !image["faults"].as_array().is_none_or(Vec::is_empty) {
        problems.push(format!("not judged: {}", image["faults"]));
    }
    let mut unmatched: Vec<&Mark> =
        case.parsed.marks.iter().filter(|mark| mark.rule == case.rule && !mark.undecided).collect();
    for finding in support::findings(image, &case.rule) {
        for place in marked_places(finding) {
            match unmatched.iter().position(|mark| fits(mark, place, &case.parsed.fields)) {
                Some(at) => drop(unmatched.remove(at)),
                None => problems.push(format!("unexpected: {} at {place}", finding["message"])),
            }
        }
    }
    for mark in unmatched {
        problems.push(format!("line {}: expected, but not found", mark.line));
    }
    let expected = case.parsed.marks.iter().any(|mark| mark.undecided && mark.rule == case.rule);
    let undecided =
        image["undecided"].as_array().unwrap().iter().any(|question| question["rule"] == case.rule.as_str());
    if expected != undecided {
        problems.push(format!("undecided: expected {expected}, found {}", image["undecided"]));
    }
    problems
}

/// The places of a finding that want a mark each: every place that its cause put at fault, where the rule gathers them,
/// with the layer that shipped it first; else the first place.
fn marked_places(finding: &Value) -> Vec<&Value> {
    let places = finding["locations"].as_array().unwrap();
    let mut marked: Vec<&Value> = Vec::new();
    // A package's files are its own: the database that lists it is the place.
    let is_of_packages = finding["rule"] == "build-tools-left" && !places[0]["detail"].is_null();
    if finding["directory"].is_null() || is_of_packages {
        return places.iter().take(1).collect();
    }
    for place in places {
        if marked.iter().all(|known| known["path"] != place["path"]) {
            marked.push(place);
        }
    }
    marked
}

/// Whether a place is the one that the marked line describes. A config field that a line sets must be marked on that
/// line; any mark fits a field that no line sets.
fn fits(mark: &Mark, place: &Value, fields: &[String]) -> bool {
    let shipped = place["state"] == "shipped";
    match (&mark.place, place["path"].as_str()) {
        (Place::Path(path), Some(found)) => {
            let found = found.trim_matches('/');
            found == spelled(path) && shipped == mark.shipped
        }
        (Place::Layer(layer), _) => place["layer"].as_u64() == Some(*layer as u64),
        (Place::Config(own), None) if place["layer"].is_null() => {
            let Some(field) = place["config"].as_str() else { return true };
            let about = |own: &String| field == own || field.starts_with(own.as_str()) || own.starts_with(field);
            own.is_empty() || own.iter().any(about) || !fields.iter().any(about)
        }
        _ => false,
    }
}

/// A path as the report's JSON writes it.
fn spelled(path: &[u8]) -> String {
    plimsoll::model::text::exact_bytes(path).trim_matches('/').to_string()
}

/// Checks the example images of each rule, under the policy `backend` if it enables the rule.
#[test]
fn examples_on_rule_pages_break_and_keep_the_rule() {
    let mut wrong = Vec::new();
    for rule in plimsoll::rules::ALL {
        for (what, text) in [("breaks", rule.docs.breaks), ("keeps", rule.docs.satisfies)] {
            let text = format!("# row {}, {what}\n{text}\n", rule.rows[0]);
            let mut case = case(format!("{}: what {what} it", rule.id), rule.id, &text);
            if levels(rule.id)["backend"] != Level::Off {
                (case.policy, case.lines) = ("backend".to_string(), Vec::new());
            }
            let image = support::audit(&case.parsed.image, &case.policy, &case.lines.join("\n"));
            wrong.extend(compare(&case, &image).into_iter().map(|problem| format!("{}: {problem}", case.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn levels(rule: &str) -> BTreeMap<&'static str, Level> {
    builtin::levels(rule, plimsoll::rules::ALL).unwrap().into_iter().collect()
}

#[test]
fn every_row_has_a_breaking_and_a_keeping_case() {
    let cases = cases();
    let rows = |breaks: bool| -> BTreeSet<String> {
        cases.iter().filter(|case| case.breaks == breaks).flat_map(|case| case.rows.clone()).collect()
    };
    let (broken, kept) = (rows(true), rows(false));
    for row in ROWS {
        assert!(broken.contains(row), "no case breaks row {row}");
        assert!(kept.contains(row), "no case keeps row {row}");
    }
}

#[test]
fn every_rule_has_a_breaking_and_a_keeping_case() {
    let mut seen: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for case in cases() {
        let (breaks, keeps) = seen.entry(case.rule).or_default();
        *breaks |= case.breaks;
        *keeps |= !case.breaks;
    }
    let rules = support::plimsoll(&["rules", "--format", "json"]).exits(0).json();
    let list = rules.as_array().or_else(|| rules["rules"].as_array()).expect("`rules` lists rules");
    assert!(!list.is_empty());
    let mut missing = Vec::new();
    for rule in list {
        let id = rule["id"].as_str().or_else(|| rule["rule"].as_str()).expect("a rule has an id");
        match seen.remove(id) {
            Some((true, true)) => {}
            Some((breaks, _)) => {
                missing.push(format!("{id} has no case that {} it", if breaks { "keeps" } else { "breaks" }))
            }
            None => missing.push(format!("{id} has no cases")),
        }
    }
    missing.extend(seen.keys().map(|rule| format!("testdata/rules/{rule} belongs to no rule")));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
