//! Policy files through the program: what a wrong one is told, how policies are laid over each other, which findings fail.
//!
//! Not here: the loader without the program (`src/policy/tests.rs`), what single rules say (`rules`).

use crate::image::Image;
use crate::notation;
use crate::support::Desk;
use crate::support::Ran;
use crate::support::Run;
use serde_json::Value;
use std::collections::BTreeMap;

/// One finding each of root-user, unexpected-port (with a policy that wants none) and shell-form-command.
fn app() -> Image {
    notation::image(
        "name app:1.0\nconfig user=root expose=22/tcp shell-cmd=\"serve\" healthcheck=[\"NONE\"]\n\
         layer COPY . .\n f 0644 0:0 etc/passwd \"root:x:0:0::/root:/bin/sh\\n\"\n",
    )
}

/// A directory with the image as `app.tar`, where the program is run.
struct Bench {
    desk: Desk,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench { desk: Desk::new() };
        bench.desk.file("app.tar", crate::image::docker_archive(&[app()]));
        bench
    }

    fn file(&self, name: &str, text: &str) -> &Bench {
        self.desk.file(name, text);
        self
    }

    fn audit(&self, args: &[&str]) -> Ran {
        Run::new([&["audit", "app.tar"], args].concat()).directory(self.desk.directory()).run()
    }

    /// The level of each rule that found something, under these policies.
    fn levels(&self, policies: &[&str]) -> BTreeMap<String, String> {
        let ran = self.audit(&[&args(policies)[..], &["--format", "json"]].concat());
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.told());
        let report = ran.json();
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

/// Nothing on standard output, exit code 2, and this on standard error.
#[track_caller]
fn refused(ran: Ran, expected: &str) {
    let ran = ran.exits(2);
    assert_eq!(ran.err().trim_end(), expected.trim_matches('\n'), "{}", ran.told());
    assert!(ran.stdout.is_empty(), "{}", ran.told());
}

#[test]
fn all_problems_of_a_file_are_told_at_their_lines() {
    let bench = Bench::new();
    bench.file(
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

error: `timeout` is a duration such as `"30s"`
 --> p.toml:7:67
  |
7 | healthcheck-timing = { level = "warn", interva = "30s", timeout = "3" }
  |                                                                   ^^^ a duration is written as `30s`, `1m30s` or `500ms`
"#;
    refused(bench.audit(&["--policy", "./p.toml"]), expected);
    refused(bench.audit(&["--policy", "p.toml", "--format", "json"]), expected);
}

/// A policy that this version cannot hold anybody to is refused, not held in part.
#[test]
fn tables_that_are_not_built_yet_are_refused() {
    let bench = Bench::new();
    for (key, body) in [("waive", "rule = \"root-user\""), ("check", "id = \"x\"")] {
        bench.file("p.toml", &format!("schema = 1\nextends = [\"baseline\"]\n[[{key}]]\n{body}\n"));
        let ran = bench.audit(&["--policy", "p.toml"]).exits(2);
        assert!(ran.err().contains(&format!("unknown key `{key}`")), "{}", ran.told());
        assert!(ran.err().contains("p.toml:3:"), "{}", ran.told());
    }
}

#[test]
fn a_policy_that_is_not_there() {
    let bench = Bench::new();
    let ran = bench.audit(&["--policy", "bakend"]).exits(2);
    assert!(ran.err().contains("there is no policy `bakend`") && ran.err().contains("`backend`"), "{}", ran.told());
    let ran = bench.audit(&["--policy", "no/such.toml"]).exits(2);
    assert!(ran.err().contains("cannot read the policy `no/such.toml`"), "{}", ran.told());
    bench.file("p.toml", "schema = 1\nextends = [\"./none.toml\"]\n");
    let ran = bench.audit(&["--policy", "p.toml"]).exits(2);
    assert!(ran.err().contains("`none.toml`") && ran.err().contains("p.toml:2:12"), "{}", ran.told());
    bench.file("p.toml", "schema = 2\n");
    let ran = bench.audit(&["--policy", "p.toml"]).exits(2);
    assert!(ran.err().contains("p.toml:1:10") && ran.err().contains("schema = 1"), "{}", ran.told());
}

#[test]
fn a_rule_that_is_not_named_is_off() {
    let bench = Bench::new();
    bench.file("none.toml", "schema = 1\n");
    let ran = bench.audit(&["--policy", "none.toml", "--fail-on", "note"]).exits(0);
    assert!(ran.out().starts_with("PASS  app:1.0"), "{}", ran.told());
    assert_eq!(bench.levels(&["none.toml"]), map(&[]));
    bench.file("one.toml", "schema = 1\n[rules]\nroot-user = \"warn\"\n");
    assert_eq!(bench.levels(&["one.toml"]), map(&[("root-user", "warn")]));
    // Off is off too where a policy below says otherwise.
    bench.file("off.toml", "schema = 1\nextends = [\"baseline\"]\n[rules]\nroot-user = \"off\"\n");
    assert!(!bench.levels(&["off.toml"]).contains_key("root-user"));
    assert!(bench.levels(&["baseline"]).contains_key("root-user"));
}

#[test]
fn a_file_extends_others_from_its_own_directory() {
    let bench = Bench::new();
    bench.file("team/ports.toml", "schema = 1\n[rules]\nunexpected-port = { level = \"note\", ports = [] }\n");
    bench.file(
        "team/release.toml",
        "schema = 1\nextends = [\"./ports.toml\"]\n[rules]\nroot-user = \"error\"\nunexpected-port = { level = \"warn\" }\n",
    );
    let wanted = map(&[("root-user", "error"), ("unexpected-port", "warn")]);
    assert_eq!(bench.levels(&["team/release.toml"]), wanted, "the level is replaced, the parameter is kept");
    let report = bench.audit(&["--policy", "team/release.toml", "--format", "json"]).exits(1).json();
    let names: Vec<&str> =
        report["policies"].as_array().unwrap().iter().map(|policy| policy["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["team/release.toml", "team/ports.toml"]);
    assert!(report["policies"].as_array().unwrap().iter().all(|policy| policy["sha256"].as_str().unwrap().len() == 64));
    bench.file("loop.toml", "schema = 1\nextends = [\"./loop.toml\"]\n");
    let ran = bench.audit(&["--policy", "loop.toml"]).exits(2);
    assert!(ran.err().contains("extends itself"), "{}", ran.told());
}

#[test]
fn of_several_policies_the_last_one_wins() {
    let bench = Bench::new();
    bench.file(
        "a.toml",
        "schema = 1\n[rules]\nroot-user = \"warn\"\nunexpected-port = { level = \"note\", ports = [] }\n",
    );
    bench.file("b.toml", "schema = 1\n[rules]\nroot-user = \"note\"\n");
    let of = |policies: &[&str]| bench.levels(policies);
    assert_eq!(of(&["a.toml", "b.toml"]), map(&[("root-user", "note"), ("unexpected-port", "note")]));
    assert_eq!(of(&["b.toml", "a.toml"]), map(&[("root-user", "warn"), ("unexpected-port", "note")]));
    let over = of(&["baseline", "b.toml"]);
    assert_eq!(over["root-user"], "note");
    assert_eq!(over["missing-healthcheck"], "note", "what only baseline names stays");
    // A list is replaced as a whole.
    bench.file("c.toml", "schema = 1\n[rules]\nunexpected-port = { ports = [\"22/tcp\"] }\n");
    assert_eq!(of(&["a.toml", "c.toml"]), map(&[("root-user", "warn")]));
    // A policy that leaves the level out needs one below it.
    let ran = bench.audit(&["--policy", "c.toml"]).exits(2);
    assert!(ran.err().contains("no level here") && ran.err().contains("c.toml:3:1"), "{}", ran.told());
}

#[test]
fn the_level_from_which_a_finding_fails() {
    let bench = Bench::new();
    for (level, failing) in
        [("error", &["error", "warn", "note"][..]), ("warn", &["warn", "note"]), ("note", &["note"]), ("off", &[])]
    {
        bench.file("p.toml", &format!("schema = 1\n[rules]\nroot-user = \"{level}\"\n"));
        for line in ["error", "warn", "note", "never"] {
            let fails = failing.contains(&line);
            let ran = bench.audit(&["--policy", "p.toml", "--fail-on", line, "--format", "json"]);
            let ran = ran.exits(i32::from(fails));
            let report = ran.json();
            let verdict = if fails { "fail" } else { "pass" };
            assert_eq!((&report["verdict"], &report["images"][0]["verdict"]), (&verdict.into(), &verdict.into()));
            let found = report["images"][0]["findings"].as_array().unwrap().len();
            assert_eq!(found, usize::from(level != "off"), "--fail-on {line} hides nothing");
        }
    }
    let ran = bench.audit(&["--policy", "baseline"]).exits(1);
    assert!(ran.out().starts_with("FAIL  app:1.0"), "error is the line where none is given: {}", ran.told());
}

/// `--fail-on never` judges no findings, but an image that cannot be judged stays unjudged.
#[test]
fn never_is_no_pass_for_what_cannot_be_read() {
    let bench = Bench::new();
    let whole = crate::image::docker_archive(&[app()]);
    bench.desk.file("cut.tar", &whole[..whole.len() / 2]);
    let ran = bench.audit(&["cut.tar", "--fail-on", "never", "--format", "json"]).exits(2);
    let report = ran.json();
    assert_eq!(report["verdict"], "unjudged");
    assert_eq!(report["images"][0]["verdict"], "pass");
    assert_eq!(report["errors"][0]["reference"], "cut.tar");
}
