//! Inputs that no honest tool writes. For all of them, plimsoll stays within its time and memory limits, doesn't crash,
//! and gives no verdict that the bytes don't support.
//!
//! The tables are in `hostile_documents` (archives, layouts, JSON, configs) and `hostile_layers` (compression, tar,
//! whiteouts, links, accounts). `PLIMSOLL_HOSTILE` names a directory with a larger generator and its own runner.

use crate::hello;
use crate::hostile_documents;
use crate::hostile_layers;
use crate::image;
use crate::image::Files;
use crate::image::Image;
use crate::image::Layer;
use crate::support;
use crate::support::Output;
use crate::support::Run;
use crate::support::ScratchDir;
use crate::tarball;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;
use serde_json::json;
use std::process::Command;
use std::time::Duration;

const PEAK_MIB_MAX: u64 = 256;
const SECONDS_MAX: u64 = 60;

/// The allowed results for an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Exit code 2.
    Error,
    /// Judged: exit code 0 or 1.
    Accept,
    /// Judged, and root was found: exit code 1.
    Finding,
    /// Never a pass: exit code 1 or 2.
    NotPass,
    /// Any exit code, within the limits.
    Any,
}

/// The bytes of an input.
pub enum Form {
    File(Vec<u8>),
    Directory(Files, Vec<Special>),
}

/// Something in a directory that isn't a regular file.
pub enum Special {
    Link(String, &'static str),
    Fifo(String),
}

/// One input.
pub struct Input {
    pub name: &'static str,
    pub expect: Expect,
    pub form: Form,
}

/// Accounts of a clean image.
pub const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin\napp:x:1000:1000:app:/home/app:/sbin/nologin\n";
/// Accounts in which `app` is uid 0.
pub const PASSWD_BAD: &str = "root:x:0:0:root:/root:/sbin/nologin\napp:x:0:0:app:/home/app:/sbin/nologin\n";

/// The entries of a clean base layer.
pub fn base() -> Vec<u8> {
    [
        tarball::directory("etc/"),
        tarball::file("etc/passwd", PASSWD),
        tarball::file("etc/group", "root:x:0:\napp:x:1000:\n"),
        tarball::directory("app/"),
        tarball::Header::new("app/server").mode(0o755).with("#!/app/server\n"),
    ]
    .concat()
}

/// A clean image. Its user is a name, so the result depends on the accounts.
pub fn clean() -> Image {
    with_layers(&[])
}

/// The clean base with further layers of tar entries on top.
pub fn with_layers(layers: &[&[u8]]) -> Image {
    let base = base();
    let all: Vec<&[u8]> = std::iter::once(base.as_slice()).chain(layers.iter().copied()).collect();
    Image::of_tars(&all).with("User", json!("app")).with("Cmd", json!(["/app/server"]))
}

/// The clean base with one more layer that consists of exactly these bytes.
pub fn with_raw_layer(tar: Vec<u8>) -> Image {
    let mut image = clean();
    image.layers.push(Layer { tar: Some(tar), ..Layer::default() });
    image
}

/// One image as a docker archive.
pub fn archive(image: &Image) -> Form {
    Form::File(image::docker_archive(std::slice::from_ref(image)))
}

fn write_input(scratch: &ScratchDir, input: &Input) -> String {
    let (files, specials) = match &input.form {
        Form::File(bytes) => return scratch.file(input.name, bytes),
        Form::Directory(files, specials) => (files, specials),
    };
    let directory = scratch.files(input.name, files);
    for special in specials {
        let path = |name: &str| scratch.directory().join(input.name).join(name);
        match special {
            Special::Link(name, target) => std::os::unix::fs::symlink(target, path(name)).unwrap(),
            Special::Fifo(name) => assert!(Command::new("mkfifo").arg(path(name)).status().unwrap().success()),
        }
    }
    directory
}

fn problem(input: &Input, output: &Output) -> Option<String> {
    let codes: &[i32] = match input.expect {
        Expect::Error => &[2],
        Expect::Accept => &[0, 1],
        Expect::Finding => &[1],
        Expect::NotPass => &[1, 2],
        Expect::Any => &[0, 1, 2],
    };
    if output.timed_out {
        return Some(format!("ran over {SECONDS_MAX} s"));
    }
    if output.peak_kib > PEAK_MIB_MAX * 1024 {
        return Some(format!("peak memory {} MiB", output.peak_kib / 1024));
    }
    if !output.code.is_some_and(|code| codes.contains(&code)) {
        return Some(format!("expected {:?}: {}", input.expect, output.describe()));
    }
    if output.out().contains("root:x:0:0:root:/root:/bin/bash") || output.out().contains("environment-of-the-host") {
        return Some("the output contains data of the host".to_string());
    }
    if output.code == Some(2) && output.stdout.is_empty() && output.stderr.is_empty() {
        return Some("exit 2 without a message".to_string());
    }
    output.unsafe_text()
}

fn run_all(inputs: Vec<Input>) {
    let scratch = ScratchDir::new();
    let policy = scratch.policy("baseline", "root-user = \"error\"\nunknown-user = \"error\"");
    let mut wrong = Vec::new();
    for input in &inputs {
        let path = write_input(&scratch, input);
        for format in ["json", "table"] {
            let run = Run::new(["audit", &path, "--policy", &policy, "--format", format])
                .env("CANARY", "environment-of-the-host")
                .limit(Duration::from_secs(SECONDS_MAX));
            if let Some(why) = problem(input, &run.run()) {
                wrong.push(format!("{} ({format}): {why}", input.name));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} inputs\n{}", wrong.len(), inputs.len(), wrong.join("\n"));
}

#[test]
fn survives_hostile_archives() {
    run_all(hostile_documents::archives());
}

#[test]
fn survives_hostile_layouts() {
    run_all(hostile_documents::layouts());
}

#[test]
fn survives_hostile_configs() {
    run_all(hostile_documents::configs());
}

#[test]
fn survives_hostile_compression() {
    run_all(hostile_layers::compression());
}

#[test]
fn survives_hostile_tar_headers() {
    run_all(hostile_layers::headers());
}

#[test]
fn survives_hostile_names_and_sparse_files() {
    run_all(hostile_layers::names());
}

#[test]
fn survives_hostile_whiteouts_links_and_accounts() {
    run_all(hostile_layers::tree());
}

#[test]
fn a_truncated_archive_never_passes() {
    let scratch = ScratchDir::new();
    let whole = image::docker_archive(&[clean()]);
    let content = whole.len() - tarball::END.len();
    for cut in (1..48).map(|part| content * part / 48) {
        let path = scratch.file("cut.tar", &whole[..cut]);
        let output = Run::new(["audit", &path, "--format", "json"]).run();
        assert!(output.code == Some(2) && output.unsafe_text().is_none(), "cut at {cut}: {}", output.describe());
    }
}

#[test]
fn random_changes_end_in_a_verdict_or_an_error() {
    let scratch = ScratchDir::new();
    let whole = std::fs::read(hello::archive()).unwrap();
    let change = (0..whole.len(), prop::collection::vec(any::<u8>(), 1..16), any::<bool>());
    let strategy = prop::collection::vec(change, 1..6);
    let mut runner =
        TestRunner::new(Config { cases: 64, failure_persistence: None, max_shrink_iters: 100, ..Config::default() });
    let run = runner.run(&strategy, |changes| {
        let mut bytes = whole.clone();
        for (at, patch, insert) in changes {
            let at = at.min(bytes.len());
            let end = if insert { at } else { (at + patch.len()).min(bytes.len()) };
            bytes.splice(at..end, patch);
        }
        let output = Run::new(["audit", &scratch.file("changed.tar", &bytes), "--format", "json"]).run();
        prop_assert!(matches!(output.code, Some(0..=2)) && !output.timed_out, "{}", output.describe());
        prop_assert_eq!(output.unsafe_text(), None);
        Ok(())
    });
    if let Err(why) = run {
        panic!("{why}");
    }
}

#[test]
fn survives_the_external_generator() {
    let Some(directory) = support::external_dir("PLIMSOLL_HOSTILE", "survives_the_external_generator") else { return };
    let scratch = ScratchDir::new();
    let inputs = scratch.path("inputs");
    let made = Command::new("python3").arg(directory.join("make_hostile.py")).arg(&inputs).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let output = Command::new("python3")
        .arg(directory.join("run_hostile.py"))
        .args(["--slack", "6", "--files-args", "tree {input} --plain", &inputs, support::PROGRAM])
        .args(["--", "audit", "{input}"])
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&printed));
}
