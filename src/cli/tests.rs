//! Command lines from end to end, within the test process.

use super::*;

struct Ran {
    code: u8,
    out: String,
    err: String,
}

fn plimsoll(args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let options = Options { width: 80, color: false, errors: true, detail: Detail::Normal, sizes: true };
    let mut console = Console { out: &mut out, options, err: &mut err, err_color: false };
    let code = run(["plimsoll"].iter().chain(args).map(OsString::from), &mut console);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { code, out: text(out), err: text(err) }
}

/// Fails every write with this error.
struct FailingWriter(io::ErrorKind);

impl Write for FailingWriter {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::from(self.0))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn plimsoll_into(out: &mut dyn Write, args: &[&str]) -> (u8, String) {
    let mut err = Vec::new();
    let options = Options { width: 80, color: false, errors: true, detail: Detail::Normal, sizes: true };
    let mut console = Console { out, options, err: &mut err, err_color: false };
    let code = run(["plimsoll"].iter().chain(args).map(OsString::from), &mut console);
    (code, String::from_utf8(err).expect("UTF-8"))
}

/// A policy without rules.
fn empty_policy(directory: &tempfile::TempDir) -> String {
    let path = directory.path().join("policy.toml");
    std::fs::write(&path, "schema = 1\n").expect("a file");
    path.to_str().expect("UTF-8").to_string()
}

#[test]
fn reports_wrong_command_lines_on_standard_error() {
    for args in [
        &[][..],
        &["audti", "x"],
        &["audit"],
        &["audit", "x", "--format", "yaml"],
        &["audit", "x", "--fail-on", "off"],
        &["audit", "x", "--threads", "0"],
        &["audit", "x", "--platform", "linux"],
        &["explain"],
    ] {
        let ran = plimsoll(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(!ran.err.is_empty() && !ran.err.contains('\u{1b}'), "{args:?}");
    }
}

#[test]
fn help_and_version_exit_with_zero() {
    for args in [&["--help"][..], &["--version"], &["audit", "--help"], &["help", "explain"]] {
        let ran = plimsoll(args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        assert!(!ran.out.is_empty());
    }
    assert!(plimsoll(&["audit", "--help"]).out.contains("Examples:"));
}

#[test]
fn reports_a_wrong_policy_with_its_location() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("p.toml");
    std::fs::write(&path, "schema = 1\nextend = []\n").expect("a file");
    let ran = plimsoll(&["audit", "x.tar", "--policy", path.to_str().expect("UTF-8")]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("unknown key `extend`") && ran.err.contains("p.toml:2:1"), "{}", ran.err);
    let ran = plimsoll(&["audit", "x.tar", "--policy", "bakend"]);
    assert!(ran.code == 2 && ran.err.contains("did you mean `backend`?"), "{}", ran.err);
}

#[test]
fn rejects_an_unknown_rule() {
    let ran = plimsoll(&["explain", "no\u{1b}-such"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.err, "error: unknown rule `no\\x1b-such`\nhint: `plimsoll rules` lists all rules\n");
}

#[test]
fn reports_a_missing_image() {
    let directory = tempfile::tempdir().expect("a directory");
    let absent = directory.path().join("absent.tar");
    let absent = absent.to_str().expect("UTF-8");
    let ran = plimsoll(&["audit", absent, "--policy", &empty_policy(&directory), "--format", "json"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("error: ") && ran.err.contains("absent.tar: cannot open"), "{}", ran.err);
    let value: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(value["verdict"], "unjudged");
    assert_eq!(value["errors"][0]["reference"], absent);
}

#[test]
fn writes_the_report_to_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let policy = empty_policy(&directory);
    let file = directory.path().join("report.txt");
    let ran = plimsoll(&["audit", "absent.tar", "--policy", &policy, "--output", file.to_str().expect("UTF-8")]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.starts_with("error: absent.tar: "), "{}", ran.err);
    let bytes = std::fs::read(&file).expect("written");
    assert!(bytes.starts_with(b"UNJUDGED  absent.tar"));

    let unwritable = directory.path().join("no/such/report.txt");
    let ran = plimsoll(&["audit", "absent.tar", "--policy", &policy, "--output", unwritable.to_str().expect("UTF-8")]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("error: cannot write ") && ran.err.contains("no/such/report.txt"), "{}", ran.err);
}

#[test]
fn exits_quietly_on_a_closed_pipe_but_not_on_a_full_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    let policy = empty_policy(&directory);
    let args = ["audit", "testdata/hello.tar", "--policy", &policy];
    assert_eq!(plimsoll_into(&mut FailingWriter(io::ErrorKind::BrokenPipe), &args), (141, String::new()));
    assert_eq!(plimsoll_into(&mut FailingWriter(io::ErrorKind::BrokenPipe), &["--help"]), (141, String::new()));
    let (code, err) = plimsoll_into(&mut FailingWriter(io::ErrorKind::StorageFull), &args);
    assert_eq!(code, 2);
    assert!(err.starts_with("error: cannot write to standard output: "), "{err}");
    // The same if the output is flushed only at the end.
    let mut late = io::BufWriter::with_capacity(1 << 20, FailingWriter(io::ErrorKind::BrokenPipe));
    assert_eq!(plimsoll_into(&mut late, &args), (141, String::new()));
}
