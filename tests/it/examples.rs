//! The programs in `examples/` run, and say what their pages promise.
//!
//! `cargo test` builds them; `cargo test --test it` alone does not, and then they are skipped.

use crate::hello;
use crate::support;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// What an example prints about the bundled sample image, and its exit code.
fn run(name: &str) -> Option<(String, Option<i32>)> {
    let program = Path::new(support::PROGRAM).with_file_name("examples").join(name);
    if !program.exists() {
        // Past the test harness, which would capture what `eprintln!` prints while the test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: the example {name} is not built: run `cargo test`");
        return None;
    }
    let output = Command::new(program).arg(hello::archive()).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Some((String::from_utf8(output.stdout).unwrap(), output.status.code()))
}

#[test]
fn the_audit_example_prints_errors_and_exits_with_the_verdict() {
    let Some((text, code)) = run("audit") else { return };
    assert_eq!(code, Some(1));
    assert!(text.starts_with("hello:latest is judged: fail\n  command-cannot-run: "), "{text}");
}

#[test]
fn the_policy_example_writes_the_report_as_json() {
    let Some((text, code)) = run("own_policy") else { return };
    assert_eq!(code, Some(0));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["policies"][0]["name"], "ours");
    let level =
        |rule: &str| report["rules"].as_array().unwrap().iter().find(|r| r["id"] == rule).unwrap()["level"].clone();
    assert_eq!((level("floating-tag"), level("root-user")), ("error".into(), "error".into()));
}

#[test]
fn the_facts_example_says_whether_the_image_can_start() {
    let Some((text, code)) = run("facts") else { return };
    assert_eq!(code, Some(0));
    assert!(text.contains("runs as uid 1000\n") && text.contains("its command can't start: "), "{text}");
}
