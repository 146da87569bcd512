//! Loading policies: how they combine, and their error messages.

use crate::model::finding::Level;
use crate::policy::Policy;
use crate::policy::PolicyError;
use crate::policy::load;
use crate::policy::load_all;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Loads `a.toml` from files held in memory.
fn load_from(files: &[(&str, &str)]) -> Result<Policy, PolicyError> {
    let read = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    load(files[0].0, crate::rules::ALL, &read)
}

fn error_of(text: &str) -> String {
    load_from(&[("a.toml", text)]).expect_err("a problem").render(false)
}

fn check(text: &str, expected: &str) {
    let got = error_of(text);
    assert_eq!(got.trim_end(), expected.trim_matches('\n'), "\n{got}");
}

#[test]
fn later_policies_win_and_parameters_merge_by_key() {
    let policy = load_from(&[
        (
            "dir/a.toml",
            "schema = 1\nextends = [\"backend\", \"./b.toml\"]\n[rules]\n\
             healthcheck-timing = { timeout = \"1m30s\" }\nroot-user = \"note\"\nwasted-space.warn-over = 5",
        ),
        (
            "dir/b.toml",
            "schema = 1\n[rules]\nhealthcheck-timing = { level = \"warn\", retries = 5 }\nroot-user = \"off\"",
        ),
    ])
    .expect("valid");
    let timing = &policy.rules["healthcheck-timing"];
    assert_eq!(timing.level, Level::Warn);
    assert_eq!(timing.settings.duration("timeout"), Some(Duration::from_secs(90)));
    assert_eq!(timing.settings.duration("interval"), Some(Duration::from_secs(30)));
    assert_eq!(timing.settings.count("retries"), Some(5));
    assert_eq!(policy.level("root-user"), Level::Note);
    assert_eq!(policy.rules["wasted-space"].settings.bytes("warn-over"), Some(5));
    let names: Vec<&str> = policy.names.iter().map(|name| name.name.as_str()).collect();
    assert_eq!(names, ["dir/a.toml", "backend", "baseline", "dir/b.toml"]);
    assert!(policy.names.iter().all(|name| name.sha256.len() == 64));
}

#[test]
fn a_policy_reached_twice_counts_the_first_time() {
    let no_files = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
    let policy = load_all(&["backend", "baseline"], crate::rules::ALL, &no_files).expect("valid");
    assert_eq!(policy.level("missing-healthcheck"), Level::Error);
    assert_eq!(policy.names.len(), 2);
}

#[test]
fn reports_all_problems_of_a_file() {
    check(
        r#"schema = 2
extnds = ["baseline"]
[rules]
root-usr = "error"
unknown-user = "eror"
healthcheck-timing = { level = "warn", intervall = "30s", timeout = 3 }
unexpected-port = { level = "error", ports = "8000/tcp" }
floating-tag = true
bad-env-value = { level = "note", one-of = { LOG = [1] } }
wasted-space = { level = "note", warn-over = "20 mb" }
"#,
        r#"
error: unknown schema 2
 --> a.toml:1:10
  |
1 | schema = 2
  |          ^ this version supports `schema = 1`

error: unknown key `extnds`
 --> a.toml:2:1
  |
2 | extnds = ["baseline"]
  | ^^^^^^ did you mean `extends`?

error: unknown rule `root-usr`
 --> a.toml:4:1
  |
4 | root-usr = "error"
  | ^^^^^^^^ did you mean `root-user`?

error: unknown level `eror`
 --> a.toml:5:16
  |
5 | unknown-user = "eror"
  |                ^^^^^^ did you mean `error`?

error: `healthcheck-timing` has no parameter `intervall`
 --> a.toml:6:40
  |
6 | healthcheck-timing = { level = "warn", intervall = "30s", timeout = 3 }
  |                                        ^^^^^^^^^ did you mean `interval`?

error: `timeout` must be a duration such as `"30s"`, not a whole number
 --> a.toml:6:69
  |
6 | healthcheck-timing = { level = "warn", intervall = "30s", timeout = 3 }
  |                                                                     ^

error: `ports` must be a list of strings, not a string
 --> a.toml:7:46
  |
7 | unexpected-port = { level = "error", ports = "8000/tcp" }
  |                                              ^^^^^^^^^^

error: a rule must be a level or a table, not a boolean
 --> a.toml:8:16
  |
8 | floating-tag = true
  |                ^^^^ write `"warn"` or `{ level = "warn", … }`

error: `one-of` must be a table of string lists, but this is a whole number
 --> a.toml:9:53
  |
9 | bad-env-value = { level = "note", one-of = { LOG = [1] } }
  |                                                     ^

error: `warn-over` must be a size such as `"20 MB"`, or a number of bytes
  --> a.toml:10:46
   |
10 | wasted-space = { level = "note", warn-over = "20 mb" }
   |                                              ^^^^^^^ a size is written as `20 MB`, `400 kB` or `1 GiB`
"#,
    );
}

#[test]
fn reports_syntax_errors_and_unknown_names_together() {
    check(
        "schema = 1\n[rules]\nroot-user = \nfloating-tg = \"warn\"\n",
        r#"
error: string values must be quoted, expected literal string
 --> a.toml:3:13
  |
3 | root-user = 
  |             ^

error: unknown rule `floating-tg`
 --> a.toml:4:1
  |
4 | floating-tg = "warn"
  | ^^^^^^^^^^^ did you mean `floating-tag`?
"#,
    );
}

#[test]
fn reports_missing_keys() {
    check(
        "[rules]\nroot-user = {}\n",
        r#"
error: missing key `schema`
 --> a.toml:1:1
  |
1 | [rules]
  | ^^^^^^^ begin with `schema = 1`

error: no level here or in a policy that this one extends
 --> a.toml:2:1
  |
2 | root-user = {}
  | ^^^^^^^^^ write `{ level = "warn", … }`
"#,
    );
    assert!(error_of("").contains("missing key `schema`"));
}

#[test]
fn rejects_missing_and_recursive_extends() {
    check(
        "schema = 1\nextends = [\"./a.toml\", \"beckend\", \"sub/none.toml\"]\n",
        r#"
error: `./a.toml` extends itself, directly or through other policies
 --> a.toml:2:12
  |
2 | extends = ["./a.toml", "beckend", "sub/none.toml"]
  |            ^^^^^^^^^^

error: unknown policy `beckend`
 --> a.toml:2:24
  |
2 | extends = ["./a.toml", "beckend", "sub/none.toml"]
  |                        ^^^^^^^^^ did you mean `backend`? (the path of a policy file contains a `/` or ends in `.toml`)

error: cannot read the policy `sub/none.toml`: entity not found
 --> a.toml:2:35
  |
2 | extends = ["./a.toml", "beckend", "sub/none.toml"]
  |                                   ^^^^^^^^^^^^^^^
"#,
    );
}

#[test]
fn rejects_endless_chains() {
    let read = |path: &Path| {
        let depth = path.components().count();
        Ok(format!("schema = 1\nextends = [\"x{depth}/a.toml\"]").into_bytes())
    };
    let error = load("a.toml", crate::rules::ALL, &read).expect_err("too deep").render(false);
    assert!(error.starts_with("error: `extends` is nested more than 8 levels deep"), "{error}");
    let wide = |path: &Path| {
        if path != Path::new("a.toml") {
            return Ok(b"schema = 1".to_vec());
        }
        let list: Vec<String> = (0..200).map(|n| format!("\"./{n}.toml\"")).collect();
        Ok(format!("schema = 1\nextends = [{}]", list.join(",")).into_bytes())
    };
    let error = load("a.toml", crate::rules::ALL, &wide).expect_err("too many").render(false);
    assert!(error.contains("more than 64 policies are combined"), "{error}");
    assert!(error.len() < 100_000);
}

#[test]
fn rejects_unknown_names_and_missing_files() {
    let no_files = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
    let error = load("bakend", crate::rules::ALL, &no_files).expect_err("unknown").render(false);
    assert_eq!(
        error,
        "error: unknown policy `bakend`\n |\n = help: did you mean `backend`? (the path of a policy file contains a `/` or ends in `.toml`)\n"
    );
    let error = load("./no.toml", crate::rules::ALL, &no_files).expect_err("absent").render(false);
    assert_eq!(error, "error: cannot read the policy `no.toml`: entity not found\n");
}

#[test]
fn hostile_files_give_harmless_errors() {
    let control = error_of("schema = 1\n\"a\\u001b[2J\" = 1 # \u{202e}\n");
    assert!(control.contains("unknown key `a\\x1b[2J`"), "{control}");
    assert!(!control.contains('\u{1b}') && !control.contains('\u{202e}'));
    let binary = |_: &Path| Ok(b"schema = 1\n\xff\xfe\n".to_vec());
    let error = load("a.toml", crate::rules::ALL, &binary).expect_err("no text").render(false);
    assert!(error.starts_with("error: the file is not valid UTF-8\n --> a.toml:2:1"), "{error}");
    let large = |_: &Path| Ok(vec![b'#'; (1 << 20) + 1]);
    let error = load("a.toml", crate::rules::ALL, &large).expect_err("too large").render(false);
    assert!(error.contains("larger than 1048576 bytes"), "{error}");
    let deep = format!("schema = 1\nextends = {}", "[".repeat(100_000));
    assert!(error_of(&deep).contains("error: "));
    let many = "x = 1\n".repeat(100_000);
    assert!(error_of(&many).len() < 100_000);
}

#[test]
fn uses_colours_only_on_request() {
    let error = load_from(&[("a.toml", "schema = 3")]).expect_err("a problem");
    assert!(error.render(true).contains("\u{1b}["));
    assert!(!error.render(false).contains('\u{1b}'));
}

proptest::proptest! {
    #[test]
    fn any_text_gives_a_policy_or_harmless_errors(text in "(schema|extends|rules|root-user|level|[\\[\\]{}=\"'#., \n\t\r]|1|x|\u{1b}|\u{202e}|é|\\PC){0,60}") {
        if let Err(error) = load_from(&[("a.toml", &text)]) {
            let rendered = error.render(false);
            proptest::prop_assert!(rendered.chars().all(|c| c == '\n' || !crate::model::text::is_harmful(c)), "{rendered:?}");
            error.render(true);
        }
    }

    #[test]
    fn any_bytes_give_a_policy_or_an_error(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let read = |_: &Path| Ok(bytes.clone());
        if let Err(error) = load("a.toml", crate::rules::ALL, &read) {
            error.render(false);
        }
    }
}
