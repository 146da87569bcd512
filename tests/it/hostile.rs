//! Inputs that no honest tool writes. Whatever they are, the program ends in time, within its memory, without a crash,
//! and never with a verdict that the bytes do not bear out.
//!
//! The tables stand in `hostile_documents` (archives, layouts, JSON, configs) and `hostile_layers` (compression, tar,
//! whiteouts, links, accounts). `PLIMSOLL_HOSTILE` names a directory with a larger generator and its own runner.

use crate::hello;
use crate::hostile_documents;
use crate::hostile_layers;
use crate::image;
use crate::image::Files;
use crate::image::Image;
use crate::image::Layer;
use crate::support;
use crate::support::Desk;
use crate::support::Ran;
use crate::support::Run;
use crate::tarball;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;
use serde_json::json;
use std::process::Command;
use std::time::Duration;

const PEAK_MIB_MAX: u64 = 256;
const SECONDS_MAX: u64 = 60;

/// What may become of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Exit 2.
    Error,
    /// Judged: 0 or 1.
    Accept,
    /// Judged, and root was seen: 1.
    Finding,
    /// Never a pass: 1 or 2.
    NoPass,
    /// Only the limits count.
    Any,
}

/// The bytes of an input.
pub enum Form {
    File(Vec<u8>),
    Directory(Files, Vec<Special>),
}

/// Something in a directory that is no file.
pub enum Special {
    Link(String, &'static str),
    Fifo(String),
}

/// One input.
pub struct Input {
    pub name: &'static str,
    pub want: Want,
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

/// A clean image; its user is a name, so that the accounts count.
pub fn clean() -> Image {
    over(&[])
}

/// The clean base with more layers of tar entries over it.
pub fn over(layers: &[&[u8]]) -> Image {
    let base = base();
    let all: Vec<&[u8]> = std::iter::once(base.as_slice()).chain(layers.iter().copied()).collect();
    Image::of_tars(&all).with("User", json!("app")).with("Cmd", json!(["/app/server"]))
}

/// The clean base with one more layer whose tar is exactly this.
pub fn over_raw(tar: Vec<u8>) -> Image {
    let mut image = clean();
    image.layers.push(Layer { tar: Some(tar), ..Layer::default() });
    image
}

/// One image as a docker archive.
pub fn archive(image: &Image) -> Form {
    Form::File(image::docker_archive(std::slice::from_ref(image)))
}

fn set_down(desk: &Desk, input: &Input) -> String {
    let (files, specials) = match &input.form {
        Form::File(bytes) => return desk.file(input.name, bytes),
        Form::Directory(files, specials) => (files, specials),
    };
    let directory = desk.files(input.name, files);
    for special in specials {
        let path = |name: &str| desk.directory().join(input.name).join(name);
        match special {
            Special::Link(name, target) => std::os::unix::fs::symlink(target, path(name)).unwrap(),
            Special::Fifo(name) => assert!(Command::new("mkfifo").arg(path(name)).status().unwrap().success()),
        }
    }
    directory
}

fn judge(input: &Input, ran: &Ran) -> Option<String> {
    let codes: &[i32] = match input.want {
        Want::Error => &[2],
        Want::Accept => &[0, 1],
        Want::Finding => &[1],
        Want::NoPass => &[1, 2],
        Want::Any => &[0, 1, 2],
    };
    if ran.timed_out {
        return Some(format!("ran over {SECONDS_MAX} s"));
    }
    if ran.peak_kib > PEAK_MIB_MAX * 1024 {
        return Some(format!("peak memory {} MiB", ran.peak_kib / 1024));
    }
    if !ran.code.is_some_and(|code| codes.contains(&code)) {
        return Some(format!("want {:?}: {}", input.want, ran.told()));
    }
    if ran.out().contains("root:x:0:0:root:/root:/bin/bash") || ran.out().contains("environment-of-the-host") {
        return Some("the output holds what only the host could have told".to_string());
    }
    if ran.code == Some(2) && ran.stdout.is_empty() && ran.stderr.is_empty() {
        return Some("exit 2 without a word".to_string());
    }
    ran.dirt()
}

fn run_all(inputs: Vec<Input>) {
    let desk = Desk::new();
    let policy = desk.policy("baseline", "root-user = \"error\"\nunknown-user = \"error\"");
    let mut wrong = Vec::new();
    for input in &inputs {
        let path = set_down(&desk, input);
        for format in ["json", "table"] {
            let run = Run::new(["audit", &path, "--policy", &policy, "--format", format])
                .env("CANARY", "environment-of-the-host")
                .limit(Duration::from_secs(SECONDS_MAX));
            if let Some(why) = judge(input, &run.run()) {
                wrong.push(format!("{} ({format}): {why}", input.name));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} inputs\n{}", wrong.len(), inputs.len(), wrong.join("\n"));
}

#[test]
fn archives_and_layouts() {
    run_all(hostile_documents::archives());
}

#[test]
fn oci_documents() {
    run_all(hostile_documents::layouts());
}

#[test]
fn configs() {
    run_all(hostile_documents::configs());
}

#[test]
fn compression() {
    run_all(hostile_layers::compression());
}

#[test]
fn tar_headers() {
    run_all(hostile_layers::headers());
}

#[test]
fn tar_names_and_sparse_files() {
    run_all(hostile_layers::names());
}

#[test]
fn whiteouts_links_and_accounts() {
    run_all(hostile_layers::tree());
}

#[test]
fn a_cut_archive_never_passes() {
    let desk = Desk::new();
    let whole = image::docker_archive(&[clean()]);
    let content = whole.len() - tarball::END.len();
    for cut in (1..48).map(|part| content * part / 48) {
        let path = desk.file("cut.tar", &whole[..cut]);
        let ran = Run::new(["audit", &path, "--format", "json"]).run();
        assert!(ran.code == Some(2) && ran.dirt().is_none(), "cut at {cut}: {}", ran.told());
    }
}

#[test]
fn any_bytes_end_in_a_verdict_or_an_error() {
    let desk = Desk::new();
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
        let ran = Run::new(["audit", &desk.file("changed.tar", &bytes), "--format", "json"]).run();
        prop_assert!(matches!(ran.code, Some(0..=2)) && !ran.timed_out, "{}", ran.told());
        prop_assert_eq!(ran.dirt(), None);
        Ok(())
    });
    if let Err(why) = run {
        panic!("{why}");
    }
}

#[test]
fn the_larger_generators_inputs() {
    let Some(directory) = support::outside("PLIMSOLL_HOSTILE", "the_larger_generators_inputs") else { return };
    let desk = Desk::new();
    let inputs = desk.path("inputs");
    let made = Command::new("python3").arg(directory.join("make_hostile.py")).arg(&inputs).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let ran = Command::new("python3")
        .arg(directory.join("run_hostile.py"))
        .args(["--slack", "6", "--files-args", "tree {input} --plain", &inputs, support::PROGRAM])
        .args(["--", "audit", "{input}"])
        .output()
        .unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
}
