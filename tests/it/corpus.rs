//! Compares real images with an oracle that shares no code with plimsoll. `PLIMSOLL_CORPUS` names a directory with the
//! images (`apps`, `full`, `formats`) and a JSON file of facts for each (`truth`).
//!
//! Covers layers, sizes, the listing of the merged view and exit codes. `corpus_rules` covers the rules.

use crate::support;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::path::PathBuf;

/// One image of the corpus.
pub struct Specimen {
    /// Its file of facts, relative to `truth`, without the extension.
    pub name: String,
    /// The command-line arguments that name it.
    pub args: Vec<String>,
    /// The oracle's facts.
    pub truth: Value,
}

impl Specimen {
    /// Runs plimsoll on it.
    pub fn run(&self, command: &str, more: &[&str]) -> support::Output {
        let mut args = vec![command.to_string()];
        args.extend(self.args.clone());
        args.extend(more.iter().map(|text| text.to_string()));
        support::Run::new(args).limit(std::time::Duration::from_secs(300)).run()
    }

    /// Its part of the report.
    pub fn audit(&self, more: &[&str]) -> Value {
        let output = self.run("audit", &[&["--format", "json"], more].concat());
        assert!(matches!(output.code, Some(0 | 1)), "{}: {}", self.name, output.describe());
        let report = output.json();
        let images = report["images"].as_array().unwrap();
        assert_eq!(images.len(), 1, "{}: expected one image", self.name);
        images[0].clone()
    }
}

/// All images of the corpus that are readable.
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
    assert!(!found.is_empty(), "{} contains no facts", corpus.display());
    found
}

/// The arguments for a file of facts, by its name: `NAME_TAG` in one layout, `FILE`, `FILE@TAG`, `FILE@OS-ARCH`.
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

/// Reports a difference between two values that should be equal.
fn push_difference(what: &str, found: &Value, expected: &Value, out: &mut Vec<String>) {
    if found != expected {
        out.push(format!("{what}: {found}, the oracle says {expected}"));
    }
}

fn compare_layers(found: &Value, truth: &Value, out: &mut Vec<String>) {
    let (layers, expected) = (found["layers"].as_array().unwrap(), truth["layers"].as_array().unwrap());
    push_difference("layers", &json!(layers.len()), &json!(expected.len()), out);
    for (at, (layer, expected)) in layers.iter().zip(expected).enumerate() {
        let mut check =
            |key: &str, expected: &Value| push_difference(&format!("layer {at}, {key}"), &layer[key], expected, out);
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        let entries: u64 = expected["entries"].as_object().unwrap().values().map(count).sum();
        check("index", &expected["index"]);
        check("diff_id", &expected["diff_id"]);
        check("digest", &expected["blob_digest"]);
        check("compressed", &expected["compressed_bytes"]);
        check("uncompressed", &expected["tar_bytes"]);
        check("entries", &json!(entries));
        check("whiteouts", &json!(count(&expected["whiteouts"]) + count(&expected["opaque"])));
    }
}

fn compare_image(found: &Value, truth: &Value) -> Vec<String> {
    let mut out = Vec::new();
    compare_layers(found, truth, &mut out);
    let (image, sizes) = (&truth["image"], &found["sizes"]);
    for key in ["config_digest", "manifest_digest"] {
        if !image[key].is_null() {
            push_difference(key, &found[key], &image[key], &mut out);
        }
    }
    push_difference("platform", &found["platform"], &image["platform"], &mut out);
    push_difference("uncompressed", &sizes["uncompressed"], &image["tar_bytes"], &mut out);
    push_difference("visible", &sizes["visible"], &truth["view"]["visible_bytes"], &mut out);
    push_difference("wasted", &sizes["wasted"], &truth["waste"]["wasted_bytes"], &mut out);
    let plain = truth["layers"].as_array().unwrap().iter().any(|layer| layer["compressed_bytes"].is_null());
    let stored = if plain { Value::Null } else { image["blob_bytes"].clone() };
    push_difference("compressed", &sizes["compressed"], &stored, &mut out);
    out
}

#[test]
fn layers_and_sizes_match_the_oracle() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "layers_and_sizes_match_the_oracle") else { return };
    let mut wrong = Vec::new();
    for specimen in specimens(&corpus) {
        let problems = compare_image(&specimen.audit(&[]), &specimen.truth);
        wrong.extend(problems.into_iter().map(|problem| format!("{}: {problem}", specimen.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn listings_match_the_oracle() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "listings_match_the_oracle") else { return };
    let mut wrong = Vec::new();
    for specimen in specimens(&corpus) {
        let output = specimen.run("tree", &["--plain", "--sha256"]);
        let expected = specimen.truth["view"]["listing_sha256"].as_str().unwrap();
        if output.code != Some(0) {
            wrong.push(format!("{}: {}", specimen.name, output.describe()));
        } else if crate::image::sha256(&output.stdout) != expected {
            wrong.push(format!("{}: the listing has another digest than {expected}", specimen.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn reports_a_platform_whose_blobs_are_missing() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "reports_a_platform_whose_blobs_are_missing") else {
        return;
    };
    let layout = corpus.join("formats/multi-platform-oci-missing-arm64").display().to_string();
    let all = support::plimsoll(&["audit", &layout, "--format", "json"]);
    assert!(matches!(all.code, Some(0 | 1)), "{}", all.describe());
    assert!(all.out().contains("arm64"), "the missing platform is not listed: {}", all.describe());
    let asked = support::plimsoll(&["audit", &layout, "--platform", "linux/arm64/v8"]).exits(2);
    assert!(
        format!("{}{}", asked.out(), asked.err()).contains("sha256:"),
        "the blob is not named: {}",
        asked.describe()
    );
}
