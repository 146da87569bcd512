//! The sample image `testdata/hello.tar`, built from the text `testdata/images/hello.image`.
//!
//! `PLIMSOLL_BLESS=1 cargo test` rewrites it.

use crate::image;
use crate::image::Compression;
use crate::image::Image;
use crate::notation;
use crate::support;
use crate::support::ScratchDir;
use serde_json::Value;
use std::path::Path;

/// The sample image's path.
pub fn archive() -> String {
    format!("{}/testdata/hello.tar", env!("CARGO_MANIFEST_DIR"))
}

/// The sample image.
pub fn hello() -> Image {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/images/hello.image");
    notation::image(&std::fs::read_to_string(text).unwrap())
}

#[test]
fn the_sample_image_is_up_to_date() {
    let bytes = image::docker_archive(&[hello()]);
    if std::env::var_os("PLIMSOLL_BLESS").is_some() {
        std::fs::write(archive(), &bytes).unwrap();
    }
    let found = std::fs::read(archive()).unwrap_or_default();
    assert!(found == bytes, "testdata/hello.tar does not match its text: PLIMSOLL_BLESS=1 cargo test");
    assert!(bytes.len() < 200_000);
}

/// The part of the report that must not depend on the image's shape.
fn comparable(report: &Value) -> Value {
    let image = &report["images"][0];
    serde_json::json!([
        image["findings"],
        image["undecided"],
        image["verdict"],
        image["sizes"]["visible"],
        image["config_digest"]
    ])
}

#[test]
fn every_shape_of_an_image_gets_the_same_findings() {
    let scratch = ScratchDir::new();
    let one = [hello()];
    let mut references = vec![archive(), scratch.file("again.tar", image::docker_archive(&one))];
    references.push(scratch.file("outer.tar.gz", image::gzip(&image::docker_archive(&one))));
    for (name, compression) in [("plain", Compression::Plain), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)]
    {
        references.push(scratch.files(name, &image::oci_layout_files(&one, compression)));
        references.push(scratch.file(&format!("{name}.tar"), image::oci_archive(&one, compression)));
    }
    let policy = scratch.policy("baseline", "floating-tag = \"off\"");
    let judge = |reference: &str| {
        comparable(&support::plimsoll(&["audit", reference, "--policy", &policy, "--format", "json"]).exits(1).json())
    };
    let first = judge(&references[0]);
    for reference in &references {
        assert_eq!(judge(reference), first, "{reference}");
    }
    let dir = format!("dir:{}", scratch.files("dir", &image::dir_layout(&hello(), Compression::Gzip)));
    assert_eq!(judge(&dir), first);
}
