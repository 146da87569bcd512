//! One image as written by many tools (`PLIMSOLL_CORPUS`, directory `formats`) has the same layers, files and findings,
//! byte for byte, except for what a format can't store.
//!
//! Not compared: names, digests and sizes of stored blobs, media types, and what a conversion to OCI drops from the
//! config (Healthcheck, OnBuild, Shell).

use crate::support;
use serde_json::Value;
use std::path::Path;

/// The files that contain the same image.
const SAME: [&str; 14] = [
    "docker-20.10-save.tar",
    "docker-archive:docker-20.10-save-multi.tar:tiny:1.0",
    "docker-26.1-save.tar",
    "docker-26.1-save-containerd.tar",
    "oci:skopeo-oci",
    "skopeo-oci-archive.tar",
    "dir:skopeo-dir",
    "dir:podman-docker-dir",
    "oci:buildah-oci",
    "oci:buildah-oci-zstd",
    "podman-docker-archive.tar",
    "podman-oci-archive.tar",
    "docker-archive:podman-docker-archive-multi.tar:localhost/tiny:1.0",
    "oci:umoci-oci:tiny-1.0",
];

/// Words in the ids of rules that check what a conversion drops, or the image's name.
const LOST: [&str; 4] = ["healthcheck", "onbuild", "shell-form", "floating"];

fn reference(formats: &Path, short: &str) -> String {
    match short.split_once(':') {
        Some((transport, rest)) => format!("{transport}:{}/{rest}", formats.display()),
        None => formats.join(short).display().to_string(),
    }
}

/// The part of the report that must not depend on the format.
fn comparable(mut image: Value) -> String {
    for key in ["reference", "names", "manifest_digest", "config_digest", "not_examined", "evidence", "counts"] {
        image.as_object_mut().unwrap().remove(key);
    }
    image["sizes"].as_object_mut().unwrap().remove("compressed");
    for layer in image["layers"].as_array_mut().unwrap() {
        for key in ["digest", "media_type", "compressed"] {
            layer.as_object_mut().unwrap().remove(key);
        }
    }
    for list in ["findings", "undecided"] {
        let lost = |item: &Value| LOST.iter().any(|word| item["rule"].as_str().unwrap_or_default().contains(word));
        image[list].as_array_mut().unwrap().retain(|item| !lost(item));
    }
    serde_json::to_string_pretty(&image).unwrap()
}

#[test]
fn the_same_image_in_every_format_has_the_same_findings() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "the_same_image_in_every_format_has_the_same_findings")
    else {
        return;
    };
    let formats = corpus.join("formats");
    let judge = |short: &str| {
        let output = support::plimsoll(&["audit", &reference(&formats, short), "--format", "json"]);
        assert!(matches!(output.code, Some(0 | 1)), "{short}: {}", output.describe());
        let report = output.json();
        assert_eq!(report["images"].as_array().unwrap().len(), 1, "{short}");
        comparable(report["images"][0].clone())
    };
    let first = judge(SAME[0]);
    for short in &SAME[1..] {
        let other = judge(short);
        let line = first.lines().zip(other.lines()).find(|(a, b)| a != b);
        assert!(first == other, "{short} differs from {}: {line:?}", SAME[0]);
    }
}
