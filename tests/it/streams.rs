//! plimsoll as a process: streams, exit codes, environment.

use snapbox::cmd::Command;
use snapbox::cmd::cargo_bin;

fn plimsoll() -> Command {
    Command::new(cargo_bin!("plimsoll")).env_clear()
}

#[test]
fn help_goes_to_standard_output_without_colours() {
    let output = plimsoll().arg("--help").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.starts_with("Audit built container images") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn colours_can_be_forced_and_disabled() {
    let output = plimsoll().arg("--help").env("CLICOLOR_FORCE", "1").output().expect("it runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains('\u{1b}'));
    let refused = plimsoll().arg("--help").env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().expect("it runs");
    assert!(!String::from_utf8_lossy(&refused.stdout).contains('\u{1b}'));
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let output = plimsoll().arg("audti").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("audit"), "a similar command is offered");
}

#[cfg(target_os = "linux")]
#[test]
fn reports_a_full_disk() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full exists on Linux");
    let output = std::process::Command::new(cargo_bin!("plimsoll"))
        .args(["audit", "testdata/hello.tar", "--policy", "tests/it/empty.toml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(full)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("error: cannot write to standard output"), "{text}");
}

#[test]
fn reports_a_temporary_file_that_cannot_grow() {
    // `ulimit -f` counts blocks of 512 or 1024 bytes; 16 of either are less than the archive needs.
    let archive =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/hello.tar")).expect("the sample image exists");
    let mut child = std::process::Command::new("sh")
        .args(["-c", "ulimit -f 16 && exec \"$0\" audit -", &cargo_bin!("plimsoll").to_string_lossy()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it runs");
    // plimsoll may stop reading at any time.
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("piped"), &archive);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("error: -: cannot write the temporary file: "), "{text}");
}
