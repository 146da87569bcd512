//! Real images against an oracle that shares no code: `PLIMSOLL_CORPUS` names a directory with the images (`apps`, `full`,
//! `formats`) and one JSON of facts for each (`truth`).
//!
//! Compared here: layers, sizes, the listing of the merged view, exit codes. Rules: `corpus_rules`.

use crate::support;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::path::PathBuf;

/// One image of the corpus.
pub struct Specimen {
    /// Its file of facts, below `truth`.
    pub name: String,
    /// As the program is asked for it.
    pub args: Vec<String>,
    /// The facts.
    pub truth: Value,
}

impl Specimen {
    /// Runs the program on it.
    pub fn run(&self, command: &str, more: &[&str]) -> support::Ran {
        let mut args = vec![command.to_string()];
        args.extend(self.args.clone());
        args.extend(more.iter().map(|text| text.to_string()));
        support::Run::new(args).limit(std::time::Duration::from_secs(300)).run()
    }

    /// Its part of the report.
    pub fn audit(&self, more: &[&str]) -> Value {
        let ran = self.run("audit", &[&["--format", "json"], more].concat());
        assert!(matches!(ran.code, Some(0 | 1)), "{}: {}", self.name, ran.told());
        let report = ran.json();
        let images = report["images"].as_array().unwrap();
        assert_eq!(images.len(), 1, "{}: one image was asked for", self.name);
        images[0].clone()
    }
}

/// All images of the corpus that can be read.
pub fn specimens(corpus: &Path) -> Vec<Specimen> {
    let mut found = Vec::new();
    for directory in ["apps", "full", "formats"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(corpus.join("truth").join(directory))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let truth: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let stem = file.file_name().unwrap().to_str().unwrap().trim_end_matches(".json").to_string();
            if truth.get("error").is_none() {
                let args = args(corpus, directory, &stem, &truth);
                found.push(Specimen { name: format!("{directory}/{stem}"), args, truth });
            }
        }
    }
    assert!(!found.is_empty(), "{} holds no facts", corpus.display());
    found
}

/// From the name of a file of facts to the reference: `NAME_TAG` in one layout, `FILE`, `FILE@TAG`, `FILE@OS-ARCH`.
fn args(corpus: &Path, directory: &str, stem: &str, truth: &Value) -> Vec<String> {
    let base = corpus.join(directory);
    if directory != "formats" {
        let (name, tag) = stem.rsplit_once('_').unwrap();
        return vec![format!("oci:{}:{name}:{tag}", base.display())];
    }
    let Some((file, which)) = stem.split_once('@') else {
        let path = base.join(stem).display().to_string();
        let chosen = stem.contains("missing").then(|| truth["image"]["platform"].as_str().unwrap().to_string());
        return match chosen {
            Some(platform) => vec![path, "--platform".into(), platform],
            None => vec![path],
        };
    };
    let path = base.join(file).display().to_string();
    if which.starts_with("linux-") {
        return vec![path, "--platform".into(), which.replace('-', "/")];
    }
    if file.ends_with(".tar") {
        let names = truth["image"]["names"].as_array().unwrap().iter().filter_map(Value::as_str);
        let name = names.filter(|name| name.ends_with(&format!(":{which}"))).min_by_key(|name| name.len()).unwrap();
        return vec![format!("docker-archive:{path}:{name}")];
    }
    vec![format!("oci:{path}:{which}")]
}

/// The differences between two values that ought to be equal.
fn differ(what: &str, found: &Value, wanted: &Value, out: &mut Vec<String>) {
    if found != wanted {
        out.push(format!("{what}: {found}, the oracle says {wanted}"));
    }
}

fn compare_layers(found: &Value, truth: &Value, out: &mut Vec<String>) {
    let (layers, wanted) = (found["layers"].as_array().unwrap(), truth["layers"].as_array().unwrap());
    differ("layers", &json!(layers.len()), &json!(wanted.len()), out);
    for (at, (layer, wanted)) in layers.iter().zip(wanted).enumerate() {
        let mut check = |key: &str, wanted: &Value| differ(&format!("layer {at}, {key}"), &layer[key], wanted, out);
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        let entries: u64 = wanted["entries"].as_object().unwrap().values().map(count).sum();
        check("index", &wanted["index"]);
        check("diff_id", &wanted["diff_id"]);
        check("digest", &wanted["blob_digest"]);
        check("compressed", &wanted["compressed_bytes"]);
        check("uncompressed", &wanted["tar_bytes"]);
        check("entries", &json!(entries));
        check("whiteouts", &json!(count(&wanted["whiteouts"]) + count(&wanted["opaque"])));
    }
}

fn compare_image(found: &Value, truth: &Value) -> Vec<String> {
    let mut out = Vec::new();
    compare_layers(found, truth, &mut out);
    let (image, sizes) = (&truth["image"], &found["sizes"]);
    for key in ["config_digest", "manifest_digest"] {
        if !image[key].is_null() {
            differ(key, &found[key], &image[key], &mut out);
        }
    }
    differ("platform", &found["platform"], &image["platform"], &mut out);
    differ("uncompressed", &sizes["uncompressed"], &image["tar_bytes"], &mut out);
    differ("visible", &sizes["visible"], &truth["view"]["visible_bytes"], &mut out);
    differ("wasted", &sizes["wasted"], &truth["waste"]["wasted_bytes"], &mut out);
    let plain = truth["layers"].as_array().unwrap().iter().any(|layer| layer["compressed_bytes"].is_null());
    let stored = if plain { Value::Null } else { image["blob_bytes"].clone() };
    differ("compressed", &sizes["compressed"], &stored, &mut out);
    out
}

#[test]
fn layers_and_sizes_agree_with_the_oracle() {
    let Some(corpus) = support::outside("PLIMSOLL_CORPUS", "layers_and_sizes_agree_with_the_oracle") else { return };
    let mut wrong = Vec::new();
    for specimen in specimens(&corpus) {
        let problems = compare_image(&specimen.audit(&[]), &specimen.truth);
        wrong.extend(problems.into_iter().map(|problem| format!("{}: {problem}", specimen.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn listings_agree_with_the_oracle() {
    let Some(corpus) = support::outside("PLIMSOLL_CORPUS", "listings_agree_with_the_oracle") else { return };
    let mut wrong = Vec::new();
    for specimen in specimens(&corpus) {
        let ran = specimen.run("tree", &["--plain", "--sha256"]);
        let wanted = specimen.truth["view"]["listing_sha256"].as_str().unwrap();
        if ran.code != Some(0) {
            wrong.push(format!("{}: {}", specimen.name, ran.told()));
        } else if crate::image::sha256(&ran.stdout) != wanted {
            wrong.push(format!("{}: the listing has another digest than {wanted}", specimen.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_platform_whose_blobs_are_absent() {
    let Some(corpus) = support::outside("PLIMSOLL_CORPUS", "a_platform_whose_blobs_are_absent") else { return };
    let layout = corpus.join("formats/multi-platform-oci-missing-arm64").display().to_string();
    let all = support::plimsoll(&["audit", &layout, "--format", "json"]);
    assert!(matches!(all.code, Some(0 | 1)), "{}", all.told());
    assert!(all.out().contains("arm64"), "the absent platform is not listed: {}", all.told());
    let asked = support::plimsoll(&["audit", &layout, "--platform", "linux/arm64/v8"]).exits(2);
    assert!(format!("{}{}", asked.out(), asked.err()).contains("sha256:"), "which blob? {}", asked.told());
}
