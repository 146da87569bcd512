//! Constructs in which readers of an image see different files or a different config: none of them passes unnoticed.

use crate::image;
use crate::image::Image;
use crate::notation;
use crate::support::Output;
use crate::support::Run;
use crate::support::ScratchDir;
use crate::tarball;
use plimsoll::collect::CollectOptions;
use plimsoll::limits;
use plimsoll::model::digest::Algorithm;
use plimsoll::pass::Request;
use plimsoll::stream::blob::Blob;
use plimsoll::view::View;
use std::sync::Arc;

fn audit(path: &str) -> Output {
    Run::new(["audit", path, "--format", "json"]).run()
}

/// Asserts that the image is unjudged as a docker archive, and that the output contains `word`.
#[track_caller]
fn unjudged(text: &str, word: &str) {
    let scratch = ScratchDir::new();
    let output = audit(&scratch.archive(&notation::image(text)));
    assert!(output.code == Some(2) && output.out().contains(word), "{word} is not mentioned: {}", output.describe());
}

#[test]
fn rejects_attributes_that_only_overlayfs_interprets() {
    let base = "config user=1000\nlayer COPY a /\n f 0644 0:0 etc/a \"a\"\nlayer COPY b /\n";
    let redirect = "6576696c"; // "evil"
    unjudged(&format!("{base} d 0755 0:0 etc\n x trusted.overlay.redirect={redirect}\n"), "reserved for overlayfs");
    unjudged(&format!("{base} d 0755 0:0 etc\n x trusted.overlay.opaque=79\n"), "reserved for overlayfs");
    unjudged(&format!("{base} c 0644 0:0 etc/a 0:0\n"), "character device 0:0");
}

#[test]
fn rejects_unknown_aufs_names() {
    unjudged("config user=1000\nlayer COPY a /\n f 4755 0:0 .wh..wh.x/su \"x\"\n", "unpackers handle differently");
}

#[test]
fn rejects_a_link_whose_target_is_too_long() {
    let target = "a/".repeat(3000);
    unjudged(&format!("config user=1000\nlayer COPY a /\n l app/l -> {target}\n"), "longer target");
}

fn small(user: &str) -> Image {
    notation::image(&format!("name app:1.0\nconfig user={user}\nlayer COPY . .\n f 0644 0:0 app/a \"a\"\n"))
}

#[test]
fn rejects_an_archive_that_unpacks_differently() {
    let scratch = ScratchDir::new();
    let whole = image::docker_archive(&[small("1000")]);
    let body = &whole[..whole.len() - tarball::END.len()];
    // Unpacking writes through the link; indexing sees two names.
    let tar = [body, &tarball::symlink("d", "."), &tarball::file("d/manifest.json", "[]"), &tarball::END].concat();
    let output = audit(&scratch.file("through.tar", tar));
    assert!(
        output.code == Some(2) && output.out().contains("below an entry that is not a directory"),
        "{}",
        output.describe()
    );
    // The last of two entries is a link to something else.
    let tar =
        [body, &tarball::file("other.json", "[]"), &tarball::symlink("manifest.json", "other.json"), &tarball::END];
    let output = audit(&scratch.file("twice.tar", tar.concat()));
    assert!(output.code == Some(2) && output.out().contains("twice with different content"), "{}", output.describe());
}

#[test]
fn accepts_many_identical_copies_of_a_member() {
    let scratch = ScratchDir::new();
    let entries = image::docker_entries(&[small("1000")]);
    let mut tar = Vec::new();
    for _ in 0..20 {
        tar.extend(entries.iter().flat_map(|(name, bytes)| tarball::file(name, bytes)));
    }
    tar.extend(tarball::END);
    assert_eq!(audit(&scratch.file("copies.tar", tar)).code, Some(0));
}

#[test]
fn counts_a_repeated_layer_towards_the_entry_limit() {
    let scratch = ScratchDir::new();
    let mut tar: Vec<u8> = (0..1000).flat_map(|i| tarball::file(format!("a/{i}"), "")).collect();
    tar.extend(tarball::END);
    let file = std::fs::File::open(scratch.file("layer.tar", &tar)).unwrap();
    let request = Request {
        blob_algorithm: Algorithm::Sha256,
        diff_algorithm: Algorithm::Sha256,
        collect: CollectOptions::default(),
        two_threads: false,
    };
    let facts = Arc::new(plimsoll::pass::read(&Blob::new(Arc::new(file), 0, tar.len() as u64), &request).unwrap());
    let repetitions = limits::IMAGE_ENTRIES as usize / 1000 + 1;
    assert_eq!(View::new(vec![facts.clone(); 3]).faults, []);
    let faults = View::new(vec![facts; repetitions]).faults;
    assert!(faults.iter().any(|fault| fault.to_string().contains("(image entries)")), "{faults:?}");
}

#[test]
fn reads_an_index_once_however_often_it_is_named() {
    let scratch = ScratchDir::new();
    let mut files = image::Files::new();
    let mut entry = image::put_image(&mut files, &small("1000"), image::Compression::Plain);
    for _ in 0..6 {
        let index =
            serde_json::json!({"schemaVersion": 2, "mediaType": image::INDEX_TYPE, "manifests": vec![entry; 1000]});
        let blob = image::put(&mut files, index.to_string().into_bytes());
        entry = image::descriptor(image::INDEX_TYPE, &blob);
    }
    image::seal(&mut files, &[entry]);
    let output = audit(&scratch.files("layout", &files));
    assert_eq!(output.code, Some(0), "{}", output.describe());
    assert_eq!(output.json()["images"].as_array().unwrap().len(), 1);
}
