//! Policy files on the command line: error messages, how policies combine, which findings fail.
//!
//! `src/policy/tests.rs` covers the loader, `rules` the findings of single rules.

use crate::image::Image;
use crate::notation;
use crate::support::Output;
use crate::support::Run;
use crate::support::ScratchDir;
use serde_json::Value;
use std::collections::BTreeMap;

/// Breaks root-user, unexpected-port (under a policy that allows no port) and shell-form-command once each.
fn app() -> Image {
    notation::image(
        "name app:1.0\nconfig user=root expose=22/tcp shell-cmd=\"serve\" healthcheck=[\"NONE\"]\n\
         layer COPY . .\n f 0644 0:0 etc/passwd \"root:x:0:0::/root:/bin/sh\\n\"\n",
    )
}

/// A working directory that contains the image as `app.tar`.
struct Fixture {
    scratch: ScratchDir,
}

impl Fixture {
    fn new() -> Fixture {
        let fixture = Fixture { scratch: ScratchDir::new() };
        fixture.scratch.file("app.tar", crate::image::docker_archive(&[app()]));
        fixture
    }

    fn file(&self, name: &str, text: &str) -> &Fixture {
        self.scratch.file(name, text);
        self
    }

    fn audit(&self, args: &[&str]) -> Output {
        Run::new([&["audit", "app.tar"], args].concat()).directory(self.scratch.directory()).run()
    }

    /// The level of each rule with findings under these policies.
    fn levels(&self, policies: &[&str]) -> BTreeMap<String, String> {
        let output = self.audit(&[&args(policies)[..], &["--format", "json"]].concat());
        assert!(matches!(output.code, Some(0 | 1)), "{}", output.describe());
        let report = output.json();
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_string();
        let findings = report["images"][0]["findings"].as_array().unwrap();
        findings.iter().map(|finding| (text(finding, "rule"), text(finding, "level"))).collect()
    }
}

fn args<'a>(policies: &[&'a str]) -> Vec<&'a str> {
    policies.iter().flat_map(|policy| ["--policy", policy]).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(rule, level)| (rule.to_string(), level.to_string())).collect()
}

/// Asserts exit code 2, nothing on standard output, and this text on standard error.
#[track_caller]
fn rejected(output: Output, expected: &str) {
    let output = output.exits(2);
    assert_eq!(output.err().trim_end(), expected.trim_matches('\n'), "{}", output.describe());
    assert!(output.stdout.is_empty(), "{}", output.describe());
}

#[test]
fn reports_all_problems_of_a_file_with_their_lines() {
    let fixture = Fixture::new();
    fixture.file(
        "p.toml",
        "schema = 1\nextend = [\"baseline\"]\n\n[rules]\nroot-usr = \"error\"\nwasted-space = { level = \"wran\" }\n\
         healthcheck-timing = { level = \"warn\", interva = \"30s\", timeout = \"3\" }\n",
    );
    let expected = r#"
error: unknown key `extend`
 --> p.toml:2:1
  |
2 | extend = ["baseline"]
  | ^^^^^^ did you mean `extends`?

error: unknown rule `root-usr`
 --> p.toml:5:1
  |
5 | root-usr = "error"
  | ^^^^^^^^ did you mean `root-user`?

error: unknown level `wran`
 --> p.toml:6:26
  |
6 | wasted-space = { level = "wran" }
  |                          ^^^^^^ did you mean `warn`?

error: `healthcheck-timing` has no parameter `interva`
 --> p.toml:7:40
  |
7 | healthcheck-timing = { level = "warn", interva = "30s", timeout = "3" }
  |                                        ^^^^^^^ did you mean `interval`?

error: `timeout` must be a duration such as `"30s"`
 --> p.toml:7:67
  |
7 | healthcheck-timing = { level = "warn", interva = "30s", timeout = "3" }
  |                                                                   ^^^ a duration is written as `30s`, `1m30s` or `500ms`
"#;
    rejected(fixture.audit(&["--policy", "./p.toml"]), expected);
    rejected(fixture.audit(&["--policy", "p.toml", "--format", "json"]), expected);
}

/// A policy that this version can't apply in full is rejected.
#[test]
fn rejects_tables_that_are_not_supported_yet() {
    let fixture = Fixture::new();
    for (key, body) in [("waive", "rule = \"root-user\""), ("check", "id = \"x\"")] {
        fixture.file("p.toml", &format!("schema = 1\nextends = [\"baseline\"]\n[[{key}]]\n{body}\n"));
        let output = fixture.audit(&["--policy", "p.toml"]).exits(2);
        assert!(output.err().contains(&format!("unknown key `{key}`")), "{}", output.describe());
        assert!(output.err().contains("p.toml:3:"), "{}", output.describe());
    }
}

#[test]
fn rejects_missing_policies_and_unknown_schemas() {
    let fixture = Fixture::new();
    let output = fixture.audit(&["--policy", "bakend"]).exits(2);
    assert!(
        output.err().contains("unknown policy `bakend`") && output.err().contains("`backend`"),
        "{}",
        output.describe()
    );
    let output = fixture.audit(&["--policy", "no/such.toml"]).exits(2);
    assert!(output.err().contains("cannot read the policy `no/such.toml`"), "{}", output.describe());
    fixture.file("p.toml", "schema = 1\nextends = [\"./none.toml\"]\n");
    let output = fixture.audit(&["--policy", "p.toml"]).exits(2);
    assert!(output.err().contains("`none.toml`") && output.err().contains("p.toml:2:12"), "{}", output.describe());
    fixture.file("p.toml", "schema = 2\n");
    let output = fixture.audit(&["--policy", "p.toml"]).exits(2);
    assert!(output.err().contains("p.toml:1:10") && output.err().contains("schema = 1"), "{}", output.describe());
}

#[test]
fn a_rule_that_no_policy_names_is_off() {
    let fixture = Fixture::new();
    fixture.file("none.toml", "schema = 1\n");
    let output = fixture.audit(&["--policy", "none.toml", "--fail-on", "note"]).exits(0);
    assert!(output.out().starts_with("PASS  app:1.0"), "{}", output.describe());
    assert_eq!(fixture.levels(&["none.toml"]), map(&[]));
    fixture.file("one.toml", "schema = 1\n[rules]\nroot-user = \"warn\"\n");
    assert_eq!(fixture.levels(&["one.toml"]), map(&[("root-user", "warn")]));
    // `off` also overrides an earlier policy.
    fixture.file("off.toml", "schema = 1\nextends = [\"baseline\"]\n[rules]\nroot-user = \"off\"\n");
    assert!(!fixture.levels(&["off.toml"]).contains_key("root-user"));
    assert!(fixture.levels(&["baseline"]).contains_key("root-user"));
}

#[test]
fn extends_is_relative_to_the_file() {
    let fixture = Fixture::new();
    fixture.file("team/ports.toml", "schema = 1\n[rules]\nunexpected-port = { level = \"note\", ports = [] }\n");
    fixture.file(
        "team/release.toml",
        "schema = 1\nextends = [\"./ports.toml\"]\n[rules]\nroot-user = \"error\"\nunexpected-port = { level = \"warn\" }\n",
    );
    let expected = map(&[("root-user", "error"), ("unexpected-port", "warn")]);
    assert_eq!(fixture.levels(&["team/release.toml"]), expected, "the level is replaced and the parameter stays");
    let report = fixture.audit(&["--policy", "team/release.toml", "--format", "json"]).exits(1).json();
    let names: Vec<&str> =
        report["policies"].as_array().unwrap().iter().map(|policy| policy["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["team/release.toml", "team/ports.toml"]);
    assert!(report["policies"].as_array().unwrap().iter().all(|policy| policy["sha256"].as_str().unwrap().len() == 64));
    fixture.file("loop.toml", "schema = 1\nextends = [\"./loop.toml\"]\n");
    let output = fixture.audit(&["--policy", "loop.toml"]).exits(2);
    assert!(output.err().contains("extends itself"), "{}", output.describe());
}

#[test]
fn the_last_policy_wins() {
    let fixture = Fixture::new();
    fixture.file(
        "a.toml",
        "schema = 1\n[rules]\nroot-user = \"warn\"\nunexpected-port = { level = \"note\", ports = [] }\n",
    );
    fixture.file("b.toml", "schema = 1\n[rules]\nroot-user = \"note\"\n");
    let levels = |policies: &[&str]| fixture.levels(policies);
    assert_eq!(levels(&["a.toml", "b.toml"]), map(&[("root-user", "note"), ("unexpected-port", "note")]));
    assert_eq!(levels(&["b.toml", "a.toml"]), map(&[("root-user", "warn"), ("unexpected-port", "note")]));
    let combined = levels(&["baseline", "b.toml"]);
    assert_eq!(combined["root-user"], "note");
    assert_eq!(combined["missing-healthcheck"], "note", "rules that only baseline names stay");
    // A list is replaced as a whole.
    fixture.file("c.toml", "schema = 1\n[rules]\nunexpected-port = { ports = [\"22/tcp\"] }\n");
    assert_eq!(levels(&["a.toml", "c.toml"]), map(&[("root-user", "warn")]));
    // Without a level, the policy needs an earlier one that sets it.
    let output = fixture.audit(&["--policy", "c.toml"]).exits(2);
    assert!(output.err().contains("no level here") && output.err().contains("c.toml:3:1"), "{}", output.describe());
}

#[test]
fn fail_on_sets_the_failing_level() {
    let fixture = Fixture::new();
    for (level, failing) in
        [("error", &["error", "warn", "note"][..]), ("warn", &["warn", "note"]), ("note", &["note"]), ("off", &[])]
    {
        fixture.file("p.toml", &format!("schema = 1\n[rules]\nroot-user = \"{level}\"\n"));
        for fail_on in ["error", "warn", "note", "never"] {
            let fails = failing.contains(&fail_on);
            let output = fixture.audit(&["--policy", "p.toml", "--fail-on", fail_on, "--format", "json"]);
            let output = output.exits(i32::from(fails));
            let report = output.json();
            let verdict = if fails { "fail" } else { "pass" };
            assert_eq!((&report["verdict"], &report["images"][0]["verdict"]), (&verdict.into(), &verdict.into()));
            let found = report["images"][0]["findings"].as_array().unwrap().len();
            assert_eq!(found, usize::from(level != "off"), "--fail-on {fail_on} hides nothing");
        }
    }
    let output = fixture.audit(&["--policy", "baseline"]).exits(1);
    assert!(output.out().starts_with("FAIL  app:1.0"), "`error` is the default: {}", output.describe());
}

/// `--fail-on never` judges no findings, but an image that cannot be judged stays unjudged.
#[test]
fn fail_on_never_does_not_pass_unreadable_inputs() {
    let fixture = Fixture::new();
    let whole = crate::image::docker_archive(&[app()]);
    fixture.scratch.file("cut.tar", &whole[..whole.len() / 2]);
    let output = fixture.audit(&["cut.tar", "--fail-on", "never", "--format", "json"]).exits(2);
    let report = output.json();
    assert_eq!(report["verdict"], "unjudged");
    assert_eq!(report["images"][0]["verdict"], "pass");
    assert_eq!(report["errors"][0]["reference"], "cut.tar");
}
