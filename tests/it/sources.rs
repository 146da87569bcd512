//! Every shape that tools write and every way to name an image: what is found, and that the shape doesn't change the
//! findings.
//!
//! `shapes` and `image` build the archives. `formats` covers the output of real tools, `hostile` damaged inputs.

use crate::image;
use crate::image::Compression;
use crate::image::Files;
use crate::image::Image;
use crate::notation;
use crate::shapes;
use crate::shapes::Repeated;
use crate::support;
use crate::support::Output;
use crate::support::Run;
use crate::support::ScratchDir;
use crate::tarball;
use serde_json::Value;
use serde_json::json;

/// Four layers, the last one identical to the second, with findings for most kinds of rules.
const APP: &str = "\
name app:1.0
config user=root workdir=/app env=DB_PASSWORD=hunter2hunter2 expose=8000/tcp
config shell-cmd=\"serve --host 127.0.0.1\"
config healthcheck=[\"CMD\",\"/app/check\"] interval=30s timeout=3s start-period=5s retries=3
layer ADD base.tar /
  d 0755 0:0 etc
  f 0644 0:0 etc/passwd \"root:x:0:0::/root:/bin/sh\\n\"
  f 4755 0:0 usr/bin/own \"#!/bin/sh\\n\"
  f 0644 0:0 var/lib/apt/lists/lock =3000
layer RUN make
  d 0755 0:0 app
  f 0666 0:0 app/data =30000
layer RUN rm -r /app
  w app
layer RUN make
  d 0755 0:0 app
  f 0666 0:0 app/data =30000
";

fn app() -> Image {
    notation::image(APP)
}

fn other() -> Image {
    notation::image("name other:2.0\nconfig user=1000\nlayer COPY . .\n f 0644 0:0 srv/x \"x\"\n")
}

/// The items that aren't about the image's name, which some shapes don't store in full.
fn without_names(list: &Value) -> Vec<Value> {
    list.as_array().unwrap().iter().filter(|item| item["rule"] != "floating-tag").cloned().collect()
}

/// The part of the report that must not depend on the image's shape.
fn comparable(image: &Value) -> Value {
    let diff_ids: Vec<&Value> = image["layers"].as_array().unwrap().iter().map(|layer| &layer["diff_id"]).collect();
    json!({
        "platform": image["platform"], "config": image["config_digest"], "verdict": image["verdict"],
        "faults": image["faults"], "diff_ids": diff_ids,
        "findings": without_names(&image["findings"]), "undecided": without_names(&image["undecided"]),
        "sizes": [image["sizes"]["uncompressed"], image["sizes"]["visible"], image["sizes"]["wasted"]],
    })
}

fn audit(reference: &str, more: &[&str]) -> Output {
    support::plimsoll(&[&["audit", reference, "--format", "json"], more].concat())
}

/// The images of an input, all of which must be judged.
#[track_caller]
fn images(output: &Output) -> Vec<Value> {
    assert!(matches!(output.code, Some(0 | 1)), "{}", output.describe());
    output.json()["images"].as_array().unwrap().clone()
}

#[track_caller]
fn only(output: &Output) -> Value {
    let mut images = images(output);
    assert_eq!(images.len(), 1, "{}", output.describe());
    images.remove(0)
}

/// The report on an image's minimal docker archive.
fn reference_report(image: &Image) -> Value {
    let scratch = ScratchDir::new();
    let found = comparable(&only(&audit(&scratch.archive(image), &[])));
    let (diff_ids, config) = shapes::digests(image);
    assert_eq!(found["diff_ids"], json!(diff_ids));
    assert_eq!(found["config"], json!(config));
    assert!(!image.layers.is_empty() && !found["findings"].as_array().unwrap().is_empty());
    found
}

/// Asserts that this reference contains exactly `image`, and returns its part of the report.
#[track_caller]
fn contains_image(reference: &str, image: &Image) -> Value {
    reports_image(&audit(reference, &[]), image)
}

#[track_caller]
fn reports_image(output: &Output, image: &Image) -> Value {
    let found = only(output);
    assert_eq!(comparable(&found), reference_report(image), "{}", output.describe());
    assert_eq!(found["layers"].as_array().unwrap().len(), image.layers.len());
    found
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

/// The `media_type` of every layer, and whether `compressed` is a number.
fn stored(image: &Value) -> Vec<(Option<&str>, bool)> {
    let layers = image["layers"].as_array().unwrap().iter();
    layers.map(|layer| (layer["media_type"].as_str(), layer["compressed"].is_u64())).collect()
}

#[test]
fn reads_docker_before_25_with_repeated_layers() {
    let scratch = ScratchDir::new();
    for repeated in [Repeated::Symlink, Repeated::Hardlink] {
        let file = scratch.file("app.tar", shapes::docker_before_25(&app(), repeated));
        let found = contains_image(&file, &app());
        assert_eq!(texts(&found["names"]), ["app:1.0"]);
        assert!(found["manifest_digest"].is_null(), "{repeated:?}: such an archive has no manifest");
        assert_eq!(stored(&found), [(None, false); 4]);
        assert!(found["sizes"]["compressed"].is_null());
        assert_eq!(found["layers"][1]["digest"], found["layers"][3]["digest"]);
    }
}

#[test]
fn reads_docker_since_25_as_one_image() {
    let scratch = ScratchDir::new();
    for (compression, packed) in [(Compression::Plain, false), (Compression::Gzip, true)] {
        let files = shapes::docker_since_25(&[app()], compression);
        let file = scratch.file("app.tar", image::tar_of(&files));
        for reference in [file.clone(), format!("oci-archive:{file}"), format!("docker-archive:{file}:app:1.0")] {
            let found = contains_image(&reference, &app());
            assert!(texts(&found["names"]).contains(&"app:1.0"), "{reference}: {}", found["names"]);
            assert!(found["manifest_digest"].is_string());
            assert!(
                stored(&found)
                    .iter()
                    .all(|(media_type, is_compressed)| media_type.is_some() && *is_compressed == packed),
                "{reference}"
            );
        }
        let directory = scratch.files(&format!("{compression:?}"), &files);
        contains_image(&directory, &app());
    }
}

#[test]
fn reads_kaniko_and_crane_archives() {
    let scratch = ScratchDir::new();
    let file = scratch.file("app.tar", shapes::crane(&app()));
    let found = contains_image(&file, &app());
    assert_eq!(texts(&found["names"]), ["app:1.0"]);
    assert_eq!(stored(&found), [(None, true); 4]);
    let packed = image::digest(&image::gzip(&app().layers[0].bytes()));
    assert_eq!(found["layers"][0]["digest"], json!(packed));
    contains_image(&format!("docker-archive:{file}:app:1.0"), &app());
}

#[test]
fn reads_nix_archives() {
    let scratch = ScratchDir::new();
    let mut image = app();
    image.top.insert("created".into(), json!("1970-01-01T00:00:01+00:00"));
    let found = contains_image(&scratch.file("app.tar", shapes::nix(&image)), &image);
    assert_eq!(texts(&found["names"]), ["app:1.0"]);
    assert!(found["manifest_digest"].is_null());
}

/// Streamed nix layers name files from the root, other tools from `.`: the same files all the same.
#[test]
fn names_inside_a_layer_may_begin_with_a_slash_or_a_dot() {
    let places = |image: &Image| {
        let mut found = comparable(&only(&audit(&ScratchDir::new().archive(image), &[])));
        for list in found["findings"].as_array_mut().unwrap() {
            for place in list["locations"].as_array_mut().unwrap() {
                place["diff_id"].take();
            }
        }
        [found["findings"].clone(), found["undecided"].clone(), found["sizes"].clone(), found["verdict"].clone()]
    };
    let plain = places(&app());
    for prefix in ["/", "./"] {
        let mut image = app();
        for entry in image.layers.iter_mut().flat_map(|layer| &mut layer.entries) {
            entry.path.splice(0..0, prefix.bytes());
        }
        assert_ne!(image.layers[0].bytes(), app().layers[0].bytes());
        assert_eq!(places(&image), plain, "{prefix}");
    }
}

#[test]
fn reads_podman_and_skopeo_archives() {
    let scratch = ScratchDir::new();
    let mut image = app();
    image.names = vec![["docker", ".io/library/app:1.0"].concat()];
    let found = contains_image(&scratch.file("app.tar", shapes::podman(&image)), &app());
    assert_eq!(texts(&found["names"]), ["app:1.0"]);
    assert_eq!(stored(&found), [(None, false); 4]);
}

#[test]
fn reads_archives_whose_names_begin_with_a_dot() {
    let scratch = ScratchDir::new();
    let layout = image::oci_layout_files(&[app()], Compression::Gzip);
    let both = shapes::docker_since_25(&[app()], Compression::Plain);
    for files in [layout, both] {
        let file = scratch.file("app.tar", shapes::dotted_tar_of(&files));
        let found = contains_image(&file, &app());
        assert!(texts(&found["names"]).contains(&"app:1.0"));
        assert!(found["manifest_digest"].is_string());
    }
}

#[test]
fn reads_oci_layouts_and_skopeo_directories() {
    let scratch = ScratchDir::new();
    for (name, compression) in [("plain", Compression::Plain), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)]
    {
        let packed = compression != Compression::Plain;
        let layout = image::oci_layout_files(&[app()], compression);
        let directory = scratch.files(name, &layout);
        let file = scratch.file(&format!("{name}.tar"), image::tar_of(&layout));
        for reference in [
            directory.clone(),
            format!("oci:{directory}"),
            format!("oci:{directory}:app:1.0"),
            format!("oci:{directory}:1.0"),
            file.clone(),
            format!("oci-archive:{file}"),
            format!("oci-archive:{file}:app:1.0"),
        ] {
            let found = contains_image(&reference, &app());
            assert_eq!(texts(&found["names"]), ["app:1.0"], "{reference}");
            assert_eq!(found["reference"], json!(reference));
            assert!(stored(&found).iter().all(|(_, is_compressed)| *is_compressed == packed), "{reference}");
        }
        let dir = scratch.files(&format!("dir-{name}"), &image::dir_layout(&app(), compression));
        for reference in [dir.clone(), format!("dir:{dir}")] {
            let found = contains_image(&reference, &app());
            assert_eq!(texts(&found["names"]), Vec::<&str>::new(), "a dir: directory has no names");
            assert!(found["manifest_digest"].is_string());
        }
    }
}

#[test]
fn a_digest_selects_a_manifest_or_a_config() {
    let scratch = ScratchDir::new();
    let directory = scratch.files("two", &image::oci_layout_files(&[app(), other()], Compression::Gzip));
    for image in [app(), other()] {
        let mut files = Files::new();
        let entry = image::put_image(&mut files, &image, Compression::Gzip);
        let manifest = entry["digest"].as_str().unwrap();
        let (_, config) = shapes::digests(&image);
        for digest in [manifest, &config] {
            let found = contains_image(&format!("oci:{directory}@{digest}"), &image);
            assert_eq!(found["manifest_digest"], entry["digest"]);
        }
    }
    let unknown = format!("oci:{directory}@sha256:{}", "0".repeat(64));
    let output = audit(&unknown, &[]).exits(2);
    assert!(output.err().contains("the input has app:1.0, other:2.0"), "{}", output.describe());
    audit(&format!("oci:{directory}@sha256:00"), &[]).exits(2);
}

#[test]
fn reads_two_images_in_one_archive() {
    let scratch = ScratchDir::new();
    let both = [app(), other()];
    let old = scratch.file("old.tar", image::docker_archive(&both));
    let new = scratch.file("new.tar", image::tar_of(&shapes::docker_since_25(&both, Compression::Gzip)));
    for file in [old, new] {
        let all = images(&audit(&file, &[]));
        assert_eq!(
            all.iter().map(comparable).collect::<Vec<_>>(),
            [reference_report(&app()), reference_report(&other())]
        );
        for (name, image) in [("app:1.0", app()), ("1.0", app()), ("other:2.0", other()), ("2.0", other())] {
            let found = contains_image(&format!("docker-archive:{file}:{name}"), &image);
            assert!(texts(&found["names"]).iter().any(|known| *known == image.names[0]), "{}", found["names"]);
        }
        let output = audit(&format!("docker-archive:{file}:app:3.0"), &[]).exits(2);
        assert!(output.err().contains("app:3.0") && output.err().contains("other:2.0"), "{}", output.describe());
    }
}

#[test]
fn one_image_with_two_names_is_one_image() {
    let scratch = ScratchDir::new();
    let image = app().named("app:stable");
    let one = std::slice::from_ref(&image);
    for file in [image::docker_archive(one), image::oci_archive(one, Compression::Gzip)] {
        let file = scratch.file("app.tar", file);
        let found = contains_image(&file, &image);
        assert_eq!(texts(&found["names"]), ["app:1.0", "app:stable"]);
    }
}

/// What BuildKit writes beside an image: a manifest with an image's config whose layers are attestations.
fn attestation(files: &mut Files) -> Value {
    let statement = image::put(files, br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#.to_vec());
    let statement = image::descriptor("application/vnd.in-toto+json", &statement);
    let rootfs = json!({"type": "layers", "diff_ids": [statement["digest"]]});
    let config = json!({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": rootfs});
    let config = image::put(files, config.to_string().into_bytes());
    let config = image::descriptor("application/vnd.oci.image.config.v1+json", &config);
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [statement]});
    let manifest = image::put(files, manifest.to_string().into_bytes());
    image::descriptor(media_type, &manifest)
}

#[test]
fn audits_an_image_that_claims_to_be_an_attestation() {
    let scratch = ScratchDir::new();
    for (key, value) in [
        ("annotations", json!({"vnd.docker.reference.type": "attestation-manifest"})),
        ("platform", json!({"architecture": "unknown", "os": "unknown"})),
        ("mediaType", json!("application/vnd.example.unknown")),
    ] {
        let mut files = Files::new();
        let honest = image::put_image(&mut files, &for_arm(), Compression::Gzip);
        let mut hidden = image::put_image(&mut files, &app(), Compression::Gzip);
        hidden[key] = value;
        image::seal(&mut files, &[honest, hidden]);
        let output = Run::new(["audit", &scratch.files(key, &files), "--format", "json"]).run();
        let report = output.json();
        let both = report["images"].as_array().unwrap().len() == 2;
        assert!(both || !report["errors"].as_array().unwrap().is_empty(), "{key}: {}", output.describe());
    }
}

/// A nested index with two platforms and an attestation before them; returns the files and the attested digest.
fn nested(arm: &Image, amd: &Image) -> (Files, String) {
    let mut files = Files::new();
    let attested = image::put_image(&mut files, amd, Compression::Gzip);
    let mut attestation = attestation(&mut files);
    let about = attested["digest"].as_str().unwrap().to_string();
    attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    attestation["annotations"] =
        json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about});
    let second = image::put_image(&mut files, arm, Compression::Zstd);
    let inner = json!({
        "schemaVersion": 2, "mediaType": image::INDEX_TYPE, "manifests": [attestation, attested, second],
    });
    let inner = image::put(&mut files, inner.to_string().into_bytes());
    let mut entry = image::descriptor(image::INDEX_TYPE, &inner);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "app:1.0"});
    image::seal(&mut files, &[entry]);
    (files, about)
}

fn for_arm() -> Image {
    let mut image = app();
    image.top.insert("architecture".into(), json!("arm64"));
    image.top.insert("variant".into(), json!("v8"));
    image
}

#[test]
fn reads_nested_indexes_with_attestations() {
    let scratch = ScratchDir::new();
    let (files, about) = nested(&for_arm(), &app());
    let directory = scratch.files("layout", &files);
    let file = scratch.file("layout.tar", image::tar_of(&files));
    for reference in [directory.clone(), file, format!("oci:{directory}:app:1.0")] {
        let all = images(&audit(&reference, &[]));
        assert_eq!(
            all.iter().map(comparable).collect::<Vec<_>>(),
            [reference_report(&app()), reference_report(&for_arm())]
        );
        let platforms: Vec<&Value> = all.iter().map(|image| &image["platform"]).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64/v8"]);
        assert!(all.iter().all(|image| texts(&image["names"]) == ["app:1.0"]));
        assert_eq!(all[0]["evidence"][0]["kind"], "attestation");
        assert_eq!(all[0]["evidence"][0]["subject"], json!(about));
        assert_eq!(all[1]["evidence"], json!([]), "the attestation is about the other platform");
    }
    for (platform, image) in [("linux/amd64", app()), ("linux/arm64", for_arm()), ("linux/arm64/v8", for_arm())] {
        reports_image(&audit(&directory, &["--platform", platform]), &image);
    }
    let output = audit(&directory, &["--platform", "linux/s390x"]).exits(2);
    assert!(output.err().contains("linux/s390x") && output.err().contains("linux/arm64/v8"), "{}", output.describe());
}

#[test]
fn lists_a_platform_that_is_missing_from_the_input() {
    let scratch = ScratchDir::new();
    let mut files = Files::new();
    let here = image::put_image(&mut files, &app(), Compression::Gzip);
    let mut elsewhere = Files::new();
    let absent = image::put_image(&mut elsewhere, &for_arm(), Compression::Gzip);
    image::seal(&mut files, &[here, absent.clone()]);
    let directory = scratch.files("layout", &files);
    let found = contains_image(&directory, &app());
    let left = &found["not_examined"][0];
    assert_eq!(left["kind"], "platform");
    let reason = left["reason"].as_str().unwrap();
    let digest = absent["digest"].as_str().unwrap();
    assert!(reason.contains("linux/arm64/v8") && reason.contains(digest), "{reason}");
    reports_image(&audit(&directory, &["--platform", "linux/amd64"]), &app());
    let output = audit(&directory, &["--platform", "linux/arm64"]).exits(2);
    assert!(output.err().contains(digest) && output.err().contains("skopeo copy --all"), "{}", output.describe());
}

#[test]
fn rejects_an_input_with_only_artifacts() {
    let scratch = ScratchDir::new();
    let mut files = Files::new();
    let empty = image::put(&mut files, b"{}".to_vec());
    let chart = image::put(&mut files, b"a chart".to_vec());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": image::MANIFEST_TYPE, "artifactType": "application/vnd.example.chart",
        "config": image::descriptor("application/vnd.oci.empty.v1+json", &empty),
        "layers": [image::descriptor("application/vnd.example.chart.layer", &chart)],
    });
    let manifest = image::put(&mut files, manifest.to_string().into_bytes());
    let artifact = image::descriptor(image::MANIFEST_TYPE, &manifest);
    image::seal(&mut files, std::slice::from_ref(&artifact));
    let output = audit(&scratch.files("chart", &files), &[]).exits(2);
    assert!(output.err().contains("artifact"), "{}", output.describe());
    assert_eq!(output.json()["images"], json!([]));
    // Beside an image, an artifact is evidence.
    let app_entry = image::put_image(&mut files, &app(), Compression::Gzip);
    image::seal(&mut files, &[artifact, app_entry]);
    let found = contains_image(&scratch.files("both", &files), &app());
    assert_eq!(found["evidence"][0]["kind"], "artifact");
    assert_eq!(found["evidence"][0]["media_type"], "application/vnd.example.chart");
}

#[test]
fn reads_compressed_archives() {
    let scratch = ScratchDir::new();
    let pack = |bytes: &[u8]| {
        [bytes.to_vec(), image::gzip(bytes), shapes::gzip_members(bytes, 5000), zstd::encode_all(bytes, 3).unwrap()]
    };
    let layout = image::oci_archive(&[app()], Compression::Gzip);
    for archive in [image::docker_archive(&[app()]), shapes::crane(&app()), layout] {
        for bytes in pack(&archive) {
            contains_image(&scratch.file("app", &bytes), &app());
            let piped = Run::new(["audit", "-", "--format", "json"]).stdin(bytes).run();
            let found = reports_image(&piped, &app());
            assert_eq!(found["reference"], "-");
        }
    }
    let old = image::gzip(&image::docker_archive(&[app()]));
    reports_image(&Run::new(["audit", "docker-archive:-", "--format", "json"]).stdin(old.clone()).run(), &app());
    let file = scratch.file("app.tar.gz", old);
    contains_image(&format!("docker-archive:{file}:app:1.0"), &app());
}

#[test]
fn reads_layers_of_several_gzip_members_or_zstd_frames() {
    let scratch = ScratchDir::new();
    type Pack = fn(&[u8]) -> Vec<u8>;
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
    let ways: [(&str, Pack); 4] = [
        (gzip, |tar| shapes::gzip_members(tar, 700)),
        (gzip, |tar| shapes::estargz(tar, 4096)),
        (zstd, |tar| shapes::zstd_frames(tar, 10_000)),
        (zstd, |tar| zstd::encode_all(tar, 19).unwrap()),
    ];
    for (media_type, pack) in ways {
        let files = shapes::layout_packed(&app(), media_type, pack);
        let found = contains_image(&scratch.file("app.tar", image::tar_of(&files)), &app());
        assert_eq!(stored(&found), [(Some(media_type), true); 4]);
        assert_eq!(found["layers"][0]["digest"], json!(image::digest(&pack(&app().layers[0].bytes()))));
        assert_eq!(found["not_examined"], json!([]), "all of it belongs to the stream");
    }
}

#[test]
fn the_bytes_determine_the_compression_not_the_media_type() {
    let scratch = ScratchDir::new();
    for media_type in [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ] {
        for (pack, packed) in [(<[u8]>::to_vec as fn(&[u8]) -> Vec<u8>, false), (image::gzip, true)] {
            let files = shapes::layout_packed(&app(), media_type, pack);
            let found = contains_image(&scratch.file("app.tar", image::tar_of(&files)), &app());
            assert_eq!(stored(&found), [(Some(media_type), packed); 4]);
        }
    }
}

#[test]
fn reports_bytes_that_no_runtime_unpacks() {
    let scratch = ScratchDir::new();
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    let files = shapes::layout_packed(&app(), gzip, |tar| [image::gzip(tar), b"after the stream!".to_vec()].concat());
    let found = contains_image(&scratch.file("stream.tar", image::tar_of(&files)), &app());
    let left = found["not_examined"].as_array().unwrap();
    assert_eq!(left.len(), 4);
    assert_eq!((&left[0]["kind"], &left[0]["bytes"]), (&json!("trailer"), &json!(17)));

    let mut image = app();
    let tar = [image.layers[0].bytes(), tarball::file("etc/hidden", "x")].concat();
    image.layers[0].tar = Some(tar);
    let found = only(&audit(&scratch.archive(&image), &[]));
    assert_eq!(found["not_examined"][0]["kind"], "trailer");
    assert_eq!(found["not_examined"][0]["bytes"], json!(1024), "a header and a block of content");
}

#[test]
fn rejects_a_transport_of_another_shape() {
    let scratch = ScratchDir::new();
    let layout = scratch.files("layout", &image::oci_layout_files(&[app()], Compression::Gzip));
    let archive = scratch.archive(&app());
    let dir = scratch.files("dir", &image::dir_layout(&app(), Compression::Gzip));
    for (reference, found) in [
        (format!("oci:{archive}"), "a docker archive"),
        (format!("oci-archive:{archive}"), "a docker archive"),
        (format!("dir:{layout}"), "an OCI layout"),
        (format!("docker-archive:{layout}"), "an OCI layout"),
        (format!("oci:{dir}"), "dir"),
    ] {
        let output = audit(&reference, &[]).exits(2);
        assert!(output.err().contains(found), "{reference}: {}", output.describe());
    }
    for remote in ["docker://app:1.0", "docker-daemon:app:1.0", "containers-storage:app"] {
        let output = audit(remote, &[]).exits(2);
        assert!(output.err().contains("docker save"), "{}", output.describe());
    }
}
