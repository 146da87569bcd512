//! Compares the start proof of a command with running it: unpacks small images on top of a real Alpine and executes
//! their commands in them by chroot(1) as the image's user.
//!
//! Needs `PLIMSOLL_CORPUS` (for Alpine's layer), root and chroot; otherwise it is skipped and says so. A user's
//! command has no capabilities here, so the proof assumes none. Runtimes aren't covered.

use crate::image::Layer;
use crate::notation;
use crate::support;
use plimsoll::examine;
use plimsoll::facts::Facts;
use plimsoll::facts::access::Capabilities;
use plimsoll::model::finding::Undecided;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// Layers on top of Alpine, separated by blank lines: `config …`, then entries. The content `BUSYBOX` is replaced by
/// the real program, `BUSYBOX-WORD` by a damaged one.
const CASES: &str = r##"
config cmd=["true"]

config cmd=["nope"]

config user=1000 cmd=["/w/true"]
f 0755 0:0 w/true "BUSYBOX"

config user=1000 cmd=["/w/true"]
f 0644 0:0 w/true "BUSYBOX"

config user=1000 cmd=["/w/true"]
f 0700 0:0 w/true "BUSYBOX"

config user=1000 cmd=["/w/true"]
f 0100 1000:0 w/true "BUSYBOX"

config user=1000 cmd=["/w/true"]
f 0077 1000:0 w/true "BUSYBOX"

config user=1000:1000 cmd=["/w/true"]
f 0705 0:1000 w/true "BUSYBOX"

config user=1000:2000 cmd=["/w/true"]
f 0710 0:2000 w/true "BUSYBOX"

config user=app cmd=["/w/true"]
f 0644 0:0 etc/passwd "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"
f 0644 0:0 etc/group "root:x:0:\nstaff:x:3000:app\n"
f 0710 0:3000 w/true "BUSYBOX"

config user=0 cmd=["/w/true"]
f 0600 0:0 w/true "BUSYBOX"

config user=1000 env=PATH=/closed/bin:/bin cmd=["true"]
d 0700 0:0 closed
f 0755 0:0 closed/bin/true "BUSYBOX"

config user=1000 env=PATH=/closed/bin:/w cmd=["true"]
d 0700 0:0 closed
f 0755 0:0 closed/bin/true "BUSYBOX"
d 0755 0:0 w

config user=1000 cmd=["/closed/bin/true"]
d 0750 0:0 closed
f 0755 0:0 closed/bin/true "BUSYBOX"

config user=1000 cmd=["/link/true"]
d 0700 0:0 closed
f 0755 0:0 closed/bin/true "BUSYBOX"
l link -> closed/bin

config user=1000 env=PATH=/w:/bin cmd=["true"]
f 0644 0:0 w/true "BUSYBOX"

config user=1000 env=PATH=/w:/bin cmd=["true"]
l w/true -> nowhere

config env=PATH=/w cmd=["true"]
l w/true -> nowhere

config cmd=["/w/true"]
l w/true -> other
l w/other -> true

config cmd=["/w/true"]
l w/true -> ../../../../bin/busybox

config cmd=["/w/true/"]
f 0755 0:0 w/true "BUSYBOX"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "#!/bin/sh\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0711 0:0 w/run "#!/bin/sh\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "#!/bin/sh\r\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "#!/bin/bash\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "#! /bin/busybox sh\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "#!/usr/bin/env sh\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "#!/usr/bin/env bash\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "#!/usr/bin/env sh\r\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "#!sh\nexit 0\n"

config user=1000 workdir=/bin cmd=["/w/run"]
f 0755 0:0 w/run "#!sh\nexit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run "exit 0\n"

config user=1000 cmd=["/w/run"]
f 0755 0:0 w/run ""

config user=1000 cmd=["/bin/sh","-c","/w/run"]
f 0755 0:0 w/run "exit 0\n"

config user=1000 cmd=["/w/s5"]
f 0755 0:0 w/s1 "#!/bin/sh\nexit 0\n"
f 0755 0:0 w/s2 "#!/w/s1\n"
f 0755 0:0 w/s3 "#!/w/s2\n"
f 0755 0:0 w/s4 "#!/w/s3\n"
f 0755 0:0 w/s5 "#!/w/s4\n"

config user=1000 cmd=["/w/s6"]
f 0755 0:0 w/s1 "#!/bin/sh\nexit 0\n"
f 0755 0:0 w/s2 "#!/w/s1\n"
f 0755 0:0 w/s3 "#!/w/s2\n"
f 0755 0:0 w/s4 "#!/w/s3\n"
f 0755 0:0 w/s5 "#!/w/s4\n"
f 0755 0:0 w/s6 "#!/w/s5\n"

config user=1000 cmd=["/w/true"]
f 0755 0:0 w/true "BUSYBOX-loader"

config user=1000 cmd=["/w/true"]
f 0755 0:0 w/true "BUSYBOX-library"

config user=1000 cmd=["/w/true"]
f 0755 0:0 w/true "BUSYBOX-machine"

config user=1000 cmd=["/bin/sh","-c","nope"]

config user=1000 cmd=["/bin/sh","-c","nope || true"]

config user=1000 cmd=["/bin/sh","-c","nope; true"]

config user=1000 cmd=["/bin/sh","-c","set -e; nope; true"]

config user=1000 cmd=["/bin/sh","-c","true | nope"]

config user=1000 cmd=["/bin/sh","-c","nope | true"]

config user=1000 cmd=["/bin/ash","-o","pipefail","-c","nope | true"]

config user=1000 cmd=["/bin/sh","-ec","nope & true"]

config user=1000 cmd=["/bin/sh","-c","! nope"]

config user=1000 cmd=["/bin/sh","-c","set -e; log () { echo x; }; log; true"]

config user=1000 cmd=["/bin/sh","-c","log () { nope; }; true"]

config user=1000 cmd=["/bin/sh","-c","set -e; function g { nope; }; true"]

config user=1000 cmd=["/bin/sh","-c","PATH=/nowhere exec true"]

config user=1000 cmd=["/bin/sh","-c","PATH=/bin exec true"]

config user=1000 cmd=["/bin/sh","-c","PATH=/nowhere:$PATH; true; ls"]

config user=1000 cmd=["/bin/sh","-c","PATH=/nowhere; ls"]

config user=1000 cmd=["/bin/sh","-c","set -e; x=$(case a in b) nope;; c|d) nope;; esac); true"]

config user=1000 cmd=["/bin/sh","-c","nope | grep -q x"]

config user=1000 cmd=["/bin/sh","-c","nope | grep -vq x; true"]

config user=1000 cmd=["/bin/sh","-c","nope 2>&1 | grep -q nope"]

config user=1000 cmd=["/bin/sh","-c","nope | sort | grep x"]

config user=1000 cmd=["/bin/sh","-c","nope | tr a b | sort"]

config user=1000 cmd=["/bin/sh","-c","cd /root && true & true"]

config user=1000 cmd=["/bin/sh","-c","cd /bin && true & ./ls"]

config user=1000 cmd=["/bin/sh","-c",": </dev/tcp/127.0.0.1/9"]

config user=1000 cmd=["/bin/sh","-c","set -e; cd /root; true"]

config user=1000 cmd=["/bin/sh","-c","set -e; cd /proc; true"]

config user=1000 cmd=["/bin/sh","-c","set -e; nope || for i in 1; do :; done; true"]

config user=1000 cmd=["/bin/sh","-c","set -e; command cd /bin; ./ls"]

config user=1000 cmd=["/bin/sh","-c","set -e; command -p ls; true"]

config user=1000 cmd=["/bin/sh","-c","case $NOPE in \"\") true;; *) nope;; esac"]

config user=1000 cmd=["/bin/sh","-c","if nope; then set -e; fi; nope; true"]

config user=1000 cmd=["/bin/sh","-c","[ \"$(nope)\" = 200 ]"]

config user=1000 cmd=["/bin/sh","-c","[ \"$(nope)\" != 200 ]"]

config user=1000 cmd=["/bin/sh","-c","test 200 -eq `nope`"]

config user=1000 cmd=["/bin/sh","-c","[ $(nope) = 200 ]"]

config user=1000 cmd=["/bin/sh","-c","[[ $(nope) == 200 ]]"]

config user=1000 cmd=["/bin/sh","-c","x=$(nope) && true"]

config user=1000 cmd=["/bin/sh","-c","x=$(nope); true"]

config user=1000 cmd=["/bin/sh","-c","x=$(nope)"]

config user=1000 cmd=["/bin/sh","-c","x=$(true)$(nope)"]

config user=1000 cmd=["/bin/sh","-c","x=$(nope)$(true)"]

config user=1000 cmd=["/bin/sh","-c","[ \"$(sh -c \"echo 200; nope\")\" = 200 ]"]

config user=1000 cmd=["/bin/sh","-c","[ \"$(echo 200; nope)\" = 200 ]"]

config user=1000 cmd=["/bin/sh","-c","[ \"a$(nope)\" = a ]"]

config user=1000 workdir=/w cmd=["/bin/sh","-c","cd sub && ./run"]
f 0755 0:0 w/sub/run "#!/bin/sh\n"

config user=1000 workdir=/w cmd=["/bin/sh","-c","cd .. && ./run"]
f 0755 0:0 w/run "#!/bin/sh\n"

config user=1000 cmd=["/bin/sh","/w/run"]
f 0644 0:0 w/run "exec true\n"

config user=1000 cmd=["/bin/sh","/w/run"]
f 0600 0:0 w/run "exec true\n"

config user=1000 cmd=["/bin/sh","/w/run","true"]
f 0644 0:0 w/run "#!/bin/sh\nset -e\nexec \"$@\"\n"

config user=1000 cmd=["/bin/sh","/w/run","nope"]
f 0644 0:0 w/run "#!/bin/sh\nset -e\nexec \"$@\"\n"

config user=1000 cmd=["/usr/bin/env","A=b","true"]

config user=1000 cmd=["/usr/bin/env","A=b","nope"]

config user=1000 cmd=["/usr/bin/env","PATH=/w","true"]
f 0755 0:0 w/run ""

config user=1000 cmd=["nice","-n","5","nope"]

config user=1000 cmd=["timeout","5","true"]

config user=1000 cmd=["timeout","5","nope"]

config user=1000 cmd=["nohup","/w/true"]
f 0644 0:0 w/true "BUSYBOX"
"##;

#[test]
fn predicts_whether_commands_run() {
    let test = "predicts_whether_commands_run";
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", test) else { return };
    let root = support::ScratchDir::new();
    let probe = Command::new("chroot").args(["--userspec=1000:1000", "/", "/bin/true"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: it needs root and chroot");
        return;
    }
    let alpine = alpine(&corpus);
    unpack(&alpine, &root.directory().join("alpine"));
    let busybox = std::fs::read(root.directory().join("alpine/bin/busybox")).unwrap();
    let (mut ran, mut failed, mut wrong) = (0, 0, Vec::new());
    for (number, case) in CASES.trim().split("\n\n").enumerate() {
        let (config, entries) = case.split_once('\n').unwrap_or((case, ""));
        let mut image = notation::image(&format!("{config}\nlayer x\n{entries}"));
        for entry in &mut image.layers[0].entries {
            if let Some(damage) = entry.data.strip_prefix(b"BUSYBOX") {
                entry.data = damaged(&busybox, damage);
            }
        }
        let own = image.layers[0].bytes();
        image.layers.insert(0, Layer { tar: Some(alpine.clone()), ..Layer::default() });
        let directory = root.directory().join(number.to_string());
        succeeds(Command::new("cp").arg("-a").arg(root.directory().join("alpine")).arg(&directory));
        unpack(&own, &directory);
        let actual = run(&directory, &image);
        let predicted = predict(&root.archive(&image));
        if actual {
            ran += 1;
        } else {
            failed += 1;
        }
        if predicted != Ok(actual) {
            wrong.push(format!("{case}\n  predicted {predicted:?}, actual {actual}"));
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    let _ = writeln!(std::io::stderr(), "{ran} ran, {failed} failed");
    assert!(ran > 20 && failed > 20, "{ran} ran, {failed} failed");
}

/// Whether the command runs according to the proof; an error if that is undecided.
fn predict(archive: &str) -> Result<bool, String> {
    let listing = examine::open(archive, None).unwrap().listing;
    let options = examine::Options { threads: 1, sha256: false };
    let examined = examine::examine(listing.images, &options).remove(0);
    assert!(examined.faults.is_empty(), "{:?}", examined.faults);
    let facts = Facts::new(&examined.image, examined.view.as_ref().ok_or(Undecided::denied("view", "none")));
    let proof = facts.start_proof(Capabilities::None).unwrap();
    if proof.open.is_empty() || proof.fails() { Ok(!proof.fails()) } else { Err(format!("{:?}", proof.open)) }
}

/// Whether the command runs, by running it as the image's user. busybox's `env` executes it as a runtime would: a file
/// that isn't a program isn't passed to a shell.
fn run(directory: &Path, image: &crate::image::Image) -> bool {
    let text = |field: &str| image.run.get(field).and_then(|value| value.as_str()).unwrap_or_default().to_string();
    let list = |field: &str| -> Vec<String> {
        let values = image.run.get(field).and_then(|value| value.as_array()).cloned().unwrap_or_default();
        values.iter().map(|value| value.as_str().unwrap().to_string()).collect()
    };
    let (user, groups) = match text("User").as_str() {
        "" | "0" => ("0:0".to_string(), ""),
        "app" => ("1000:1000".to_string(), "3000"),
        user if user.contains(':') => (user.to_string(), ""),
        user => (format!("{user}:0"), ""),
    };
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_string();
    let env = if list("Env").is_empty() { vec![path] } else { list("Env") };
    let workdir = if text("WorkingDir").is_empty() { "/".to_string() } else { text("WorkingDir") };
    // Root keeps its capabilities here: cases that run as root must not depend on them.
    let status = Command::new("chroot")
        .arg(format!("--userspec={user}"))
        .arg(format!("--groups={groups}"))
        .arg(directory)
        .args(["/bin/sh", "-c", "cd \"$0\" && exec /usr/bin/env -i \"$@\"", &workdir])
        .args(env)
        .args(list("Cmd"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    status.success()
}

/// The program with one part changed.
fn damaged(busybox: &[u8], damage: &[u8]) -> Vec<u8> {
    let mut bytes = busybox.to_vec();
    let mut replace = |from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|window| window == from).expect("not in this busybox");
        bytes[at..at + to.len()].copy_from_slice(to);
    };
    match damage {
        b"" => {}
        b"-loader" => replace(b"/lib/ld-musl-x86_64.so.1\0", b"/lib/ld-musl-x86_64.so.9\0"),
        b"-library" => replace(b"\0libc.musl-x86_64.so.1\0", b"\0libX.musl-x86_64.so.1\0"),
        b"-machine" => bytes[18..20].copy_from_slice(&183u16.to_le_bytes()),
        other => panic!("{}", String::from_utf8_lossy(other)),
    }
    bytes
}

/// The tar of Alpine's one layer.
fn alpine(corpus: &Path) -> Vec<u8> {
    let read = |digest: &str| std::fs::read(corpus.join("apps/blobs").join(digest.replace(':', "/"))).unwrap();
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let index = json(&std::fs::read(corpus.join("apps/index.json")).unwrap());
    let named = |manifest: &&serde_json::Value| {
        manifest["annotations"]["org.opencontainers.image.ref.name"].as_str() == Some("alpine:3.20")
    };
    let manifest = index["manifests"].as_array().unwrap().iter().find(named).expect("alpine:3.20");
    let manifest = json(&read(manifest["digest"].as_str().unwrap()));
    let mut tar = Vec::new();
    let layer = read(manifest["layers"][0]["digest"].as_str().unwrap());
    flate2::read::MultiGzDecoder::new(&layer[..]).read_to_end(&mut tar).unwrap();
    tar
}

fn unpack(tar: &[u8], directory: &Path) {
    std::fs::create_dir_all(directory).unwrap();
    let mut child = Command::new("tar")
        .args(["-xp", "--numeric-owner", "--same-owner", "-C"])
        .arg(directory)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(tar).unwrap();
    assert!(child.wait().unwrap().success());
}

fn succeeds(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}
