//! Runs plimsoll as a child process with a cleared environment and a time limit, measures its memory and reads its
//! output.

use crate::image;
use crate::image::Image;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Read;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_plimsoll");
/// Output beyond this many bytes is cut off.
const OUTPUT_BYTES_MAX: u64 = 64 << 20;

/// The result of a run.
pub struct Output {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub timed_out: bool,
    pub peak_kib: u64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|why| panic!("not JSON ({why}): {}", self.describe()))
    }

    /// The whole result, for messages of failing tests.
    pub fn describe(&self) -> String {
        format!(
            "exit {:?}, signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.signal,
            self.out(),
            self.err()
        )
    }

    /// Standard output, then standard error.
    pub fn printed(&self) -> String {
        self.out() + &self.err()
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Output {
        assert!(self.code == Some(code), "expected exit code {code}: {}", self.describe());
        self
    }

    /// The first thing in the output that no input may cause: signs of a crash, raw control characters, invalid UTF-8.
    pub fn unsafe_text(&self) -> Option<String> {
        const CRASH: [&str; 9] = [
            "panicked at",
            "stack backtrace",
            "overflowed its stack",
            "RUST_BACKTRACE",
            "memory allocation of",
            "capacity overflow",
            "index out of bounds",
            "attempt to ",
            "unreachable code",
        ];
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let Ok(text) = std::str::from_utf8(bytes) else { return Some(format!("{name} is not UTF-8")) };
            if let Some(crash) = CRASH.iter().find(|crash| text.contains(**crash)) {
                return Some(format!("{name} looks like a crash ({crash})"));
            }
            let raw = |c: &char| {
                (c.is_control() && !matches!(c, '\n' | '\t'))
                    || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            if let Some(c) = text.chars().find(raw) {
                return Some(format!("{name} contains the raw character U+{:04X}", c as u32));
            }
        }
        None
    }
}

/// A run to be started.
pub struct Run {
    command: Command,
    stdin: Option<Vec<u8>>,
    limit: Duration,
}

impl Run {
    pub fn new<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Run {
        let mut command = Command::new(PROGRAM);
        command.args(args).env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        Run { command, stdin: None, limit: Duration::from_secs(60) }
    }

    pub fn env(mut self, name: &str, value: &str) -> Run {
        self.command.env(name, value);
        self
    }

    pub fn directory(mut self, directory: &Path) -> Run {
        self.command.current_dir(directory);
        self
    }

    pub fn stdin(mut self, bytes: Vec<u8>) -> Run {
        self.stdin = Some(bytes);
        self
    }

    pub fn limit(mut self, limit: Duration) -> Run {
        self.limit = limit;
        self
    }

    pub fn run(mut self) -> Output {
        let input = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = self.command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let (Some(bytes), Some(mut pipe)) = (self.stdin.take(), child.stdin.take()) {
            std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let drain = |pipe: Option<Box<dyn Read + Send>>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Some(pipe) = pipe {
                    drop(pipe.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes));
                }
                bytes
            })
        };
        let out = drain(child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
        let err = drain(child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
        let (status, peak_kib, timed_out) = watch(&mut child, self.limit);
        let (stdout, stderr) = (out.join().unwrap(), err.join().unwrap());
        Output { code: status.code(), signal: status.signal(), timed_out, peak_kib, stdout, stderr }
    }
}

/// Waits until the child exits or the time limit passes; returns its status, its peak memory in KiB, and whether it
/// timed out.
fn watch(child: &mut Child, limit: Duration) -> (std::process::ExitStatus, u64, bool) {
    let start = Instant::now();
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        peak = peak.max(peak_memory_kib(&status_file));
        if let Some(status) = child.try_wait().unwrap() {
            return (status, peak, false);
        }
        if start.elapsed() > limit {
            child.kill().unwrap();
            return (child.wait().unwrap(), peak, true);
        }
        std::thread::sleep(Duration::from_millis(if start.elapsed() < Duration::from_secs(1) { 1 } else { 10 }));
    }
}

fn peak_memory_kib(status_file: &str) -> u64 {
    let text = std::fs::read_to_string(status_file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// Runs plimsoll with these arguments.
pub fn plimsoll(args: &[&str]) -> Output {
    Run::new(args).run()
}

/// A temporary directory for the files of one test.
pub struct ScratchDir {
    directory: TempDir,
}

impl ScratchDir {
    pub fn new() -> ScratchDir {
        ScratchDir { directory: tempfile::tempdir().unwrap() }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file and returns its path as text.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_string()
    }

    /// Writes a directory of files and returns its path as text.
    pub fn files(&self, name: &str, files: &image::Files) -> String {
        for (inner, bytes) in files {
            self.file(&format!("{name}/{inner}"), bytes);
        }
        self.path(name)
    }

    /// A path in the directory, as text.
    pub fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_string()
    }

    /// Writes one image as a docker archive.
    pub fn archive(&self, image: &Image) -> String {
        self.file("image.tar", image::docker_archive(std::slice::from_ref(image)))
    }

    /// Writes a policy that extends another (or none, if empty) and has these lines in `[rules]`.
    pub fn policy(&self, extends: &str, rules: &str) -> String {
        let extends = if extends.is_empty() { String::new() } else { format!("extends = [\"{extends}\"]\n") };
        self.file("policy.toml", format!("schema = 1\n{extends}\n[rules]\n{rules}\n"))
    }
}

/// Audits one image under a policy and returns its part of the report.
pub fn audit(image: &Image, extends: &str, rules: &str) -> Value {
    let scratch = ScratchDir::new();
    let (archive, policy) = (scratch.archive(image), scratch.policy(extends, rules));
    let output = plimsoll(&["audit", &archive, "--policy", &policy, "--format", "json"]);
    assert!(matches!(output.code, Some(0..=2)), "{}", output.describe());
    let report = output.json();
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 1, "expected one image: {}", output.describe());
    images[0].clone()
}

/// The findings of one rule.
pub fn findings<'a>(image: &'a Value, rule: &str) -> Vec<&'a Value> {
    image["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == rule).collect()
}

/// All findings as `rule: message`.
pub fn messages(image: &Value) -> Vec<String> {
    let text = |finding: &Value| format!("{}: {}", finding["rule"].as_str().unwrap(), finding["message"]);
    image["findings"].as_array().unwrap().iter().map(text).collect()
}

/// The paths of all places of a finding, without leading slashes.
pub fn paths(finding: &Value) -> Vec<String> {
    let places = finding["locations"].as_array().unwrap().iter();
    places.filter_map(|place| place["path"].as_str()).map(|path| path.trim_start_matches('/').to_string()).collect()
}

/// The directory that an environment variable names; without the variable, says on standard error that the test is
/// skipped.
pub fn external_dir(variable: &str, test: &str) -> Option<PathBuf> {
    match std::env::var_os(variable) {
        Some(directory) if Path::new(&directory).is_dir() => Some(PathBuf::from(directory)),
        Some(directory) => panic!("{variable} is {}: no such directory", directory.display()),
        None => {
            // `eprintln!` would be captured by the test harness.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: set {variable} to run it");
            None
        }
    }
}
