//! Places where one reader of an image sees other files or another config than the next: none of them may pass as if there
//! were nothing to see.

use crate::image;
use crate::image::Image;
use crate::notation;
use crate::support::Desk;
use crate::support::Ran;
use crate::support::Run;
use crate::tarball;
use plimsoll::collect::CollectOptions;
use plimsoll::limits;
use plimsoll::model::digest::Algorithm;
use plimsoll::pass::Request;
use plimsoll::stream::blob::Blob;
use plimsoll::view::View;
use std::sync::Arc;

fn audit(path: &str) -> Ran {
    Run::new(["audit", path, "--format", "json"]).run()
}

/// The image as a docker archive cannot be judged, and one of the words says why.
#[track_caller]
fn unjudged(text: &str, word: &str) {
    let desk = Desk::new();
    let ran = audit(&desk.archive(&notation::image(text)));
    assert!(ran.code == Some(2) && ran.out().contains(word), "no word of {word}: {}", ran.told());
}

#[test]
fn what_only_overlayfs_obeys() {
    let base = "config user=1000\nlayer COPY a /\n f 0644 0:0 etc/a \"a\"\nlayer COPY b /\n";
    let redirect = "6576696c"; // "evil"
    unjudged(&format!("{base} d 0755 0:0 etc\n x trusted.overlay.redirect={redirect}\n"), "reserved for overlayfs");
    unjudged(&format!("{base} d 0755 0:0 etc\n x trusted.overlay.opaque=79\n"), "reserved for overlayfs");
    unjudged(&format!("{base} c 0644 0:0 etc/a 0:0\n"), "character device 0:0");
}

#[test]
fn names_that_aufs_never_wrote() {
    unjudged("config user=1000\nlayer COPY a /\n f 4755 0:0 .wh..wh.x/su \"x\"\n", "unpackers handle differently");
}

#[test]
fn a_link_with_an_impossible_target() {
    let target = "a/".repeat(3000);
    unjudged(&format!("config user=1000\nlayer COPY a /\n l app/l -> {target}\n"), "longer target");
}

fn small(user: &str) -> Image {
    notation::image(&format!("name app:1.0\nconfig user={user}\nlayer COPY . .\n f 0644 0:0 app/a \"a\"\n"))
}

#[test]
fn an_archive_that_unpacks_to_another_one() {
    let desk = Desk::new();
    let whole = image::docker_archive(&[small("1000")]);
    let body = &whole[..whole.len() - tarball::END.len()];
    // Who unpacks it writes through the link; who indexes it sees two names.
    let tar = [body, &tarball::symlink("d", "."), &tarball::file("d/manifest.json", "[]"), &tarball::END].concat();
    let ran = audit(&desk.file("through.tar", tar));
    assert!(ran.code == Some(2) && ran.out().contains("below an entry that is not a directory"), "{}", ran.told());
    // The last of two entries is a link to something else.
    let tar =
        [body, &tarball::file("other.json", "[]"), &tarball::symlink("manifest.json", "other.json"), &tarball::END];
    let ran = audit(&desk.file("twice.tar", tar.concat()));
    assert!(ran.code == Some(2) && ran.out().contains("twice with different content"), "{}", ran.told());
}

#[test]
fn many_copies_of_one_member_are_compared_once() {
    let desk = Desk::new();
    let entries = image::docker_entries(&[small("1000")]);
    let mut tar = Vec::new();
    for _ in 0..20 {
        tar.extend(entries.iter().flat_map(|(name, bytes)| tarball::file(name, bytes)));
    }
    tar.extend(tarball::END);
    assert_eq!(audit(&desk.file("copies.tar", tar)).code, Some(0));
}

#[test]
fn a_layer_that_is_listed_too_often() {
    let desk = Desk::new();
    let mut tar: Vec<u8> = (0..1000).flat_map(|i| tarball::file(format!("a/{i}"), "")).collect();
    tar.extend(tarball::END);
    let file = std::fs::File::open(desk.file("layer.tar", &tar)).unwrap();
    let request = Request {
        blob_algorithm: Algorithm::Sha256,
        diff_algorithm: Algorithm::Sha256,
        collect: CollectOptions::default(),
        two_threads: false,
    };
    let facts = Arc::new(plimsoll::pass::read(&Blob::new(Arc::new(file), 0, tar.len() as u64), &request).unwrap());
    let often = limits::IMAGE_ENTRIES as usize / 1000 + 1;
    assert_eq!(View::new(vec![facts.clone(); 3]).faults, Vec::<String>::new());
    let faults = View::new(vec![facts; often]).faults;
    assert!(faults.iter().any(|fault| fault.contains("(image entries)")), "{faults:?}");
}

#[test]
fn indexes_that_name_the_next_a_thousand_times_each() {
    let desk = Desk::new();
    let mut files = image::Files::new();
    let mut entry = image::put_image(&mut files, &small("1000"), image::Compression::Plain);
    for _ in 0..6 {
        let index =
            serde_json::json!({"schemaVersion": 2, "mediaType": image::INDEX_TYPE, "manifests": vec![entry; 1000]});
        let blob = image::put(&mut files, index.to_string().into_bytes());
        entry = image::descriptor(image::INDEX_TYPE, &blob);
    }
    image::seal(&mut files, &[entry]);
    let ran = audit(&desk.files("layout", &files));
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    assert_eq!(ran.json()["images"].as_array().unwrap().len(), 1);
}
