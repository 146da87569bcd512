//! Compares the library's facts with the oracle's: configs, every number of every layer, waste by cause, packages and
//! the files they own.

use crate::corpus;
use crate::corpus::Specimen;
use crate::support;
use plimsoll::examine;
use plimsoll::examine::Examined;
use plimsoll::facts::Facts;
use plimsoll::facts::packages::Manager;
use plimsoll::image::Candidate;
use plimsoll::model::layer_facts::Kind;
use plimsoll::view::View;
use plimsoll::view::waste::Cause;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use std::collections::BTreeMap;

/// The one image that a specimen's arguments name, without reading its layers.
fn candidate(specimen: &Specimen) -> Candidate {
    let platform = specimen.args.iter().position(|arg| arg == "--platform").map(|at| specimen.args[at + 1].clone());
    let opened = examine::open(&specimen.args[0], platform.as_deref()).unwrap();
    let mut images = opened.listing.images;
    assert_eq!(images.len(), 1, "{}", specimen.name);
    images.remove(0)
}

fn list(texts: &[String]) -> Value {
    if texts.is_empty() { Value::Null } else { json!(texts) }
}

/// Treats missing and empty as equal; the oracle distinguishes them.
fn same(ours: Value, theirs: &Value) -> bool {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    ours == *theirs || empty(&ours) && empty(theirs)
}

#[test]
fn configs_match_the_oracle() {
    let Some(directory) = support::external_dir("PLIMSOLL_CORPUS", "configs_match_the_oracle") else { return };
    for specimen in corpus::specimens(&directory) {
        let image = candidate(&specimen).image;
        let (run, truth) = (&image.config.run, &specimen.truth["config"]);
        let health = run.healthcheck.as_ref().map(|check| {
            let mut fields = json!({"Test": check.test});
            let numbers = [
                ("Interval", check.interval),
                ("Timeout", check.timeout),
                ("StartPeriod", check.start_period),
                ("Retries", check.retries),
            ];
            for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
                fields[name] = json!(number);
            }
            fields
        });
        // The corpus omits the default registry's host from labels.
        let labels: BTreeMap<&String, String> =
            run.labels.iter().map(|(key, value)| (key, value.replace(concat!("docker", ".io/"), ""))).collect();
        let fields = [
            ("User", json!(run.user)),
            ("Env", list(&run.env)),
            ("Entrypoint", list(&run.entrypoint)),
            ("Cmd", list(&run.cmd)),
            ("Healthcheck", json!(health)),
            ("ExposedPorts", list(&run.exposed_ports)),
            ("Volumes", list(&run.volumes)),
            ("WorkingDir", json!(run.working_dir)),
            ("Labels", json!(labels)),
            ("StopSignal", json!(run.stop_signal)),
            ("Shell", list(&run.shell)),
            ("OnBuild", list(&run.on_build)),
        ];
        for (name, ours) in fields {
            assert!(same(ours.clone(), &truth[name]), "{}: {name}: {ours} and {}", specimen.name, truth[name]);
        }
        let facts = &specimen.truth["image"];
        assert_eq!(json!(image.config_digest.as_str()), facts["config_digest"], "{}", specimen.name);
        assert_eq!(json!(image.platform), facts["platform"], "{}", specimen.name);
        let manifest = image.manifest_digest.as_ref().map(|digest| digest.as_str());
        assert_eq!(json!(manifest), facts["manifest_digest"], "{}", specimen.name);
        let paired: Vec<Value> = image.instructions.iter().map(|made| json!(made.layer)).collect();
        let history = specimen.truth["history"].as_array().cloned().unwrap_or_default();
        let theirs: Vec<Value> = history.iter().map(|entry| entry["layer"].clone()).collect();
        assert_eq!(paired, theirs, "{}: which instruction created which layer", specimen.name);
    }
}

fn examined(specimen: &Specimen) -> Examined {
    let options = examine::Options { threads: 2, sha256: false };
    let mut examined = examine::examine(vec![candidate(specimen)], &options);
    examined.remove(0)
}

fn layers(view: &View) -> Value {
    let layer = |facts: &std::sync::Arc<plimsoll::model::layer_facts::LayerFacts>| {
        let (counts, sizes) = (&facts.counts, &facts.sizes);
        json!({
            "diff_id": facts.diff_id.as_str(), "blob_digest": facts.digest.as_str(), "tar_bytes": sizes.tar,
            "entries": {
                "file": counts.file, "dir": counts.dir, "symlink": counts.symlink, "hardlink": counts.hardlink,
                "char": counts.char, "block": counts.block, "fifo": counts.fifo, "other": counts.other,
            },
            "whiteouts": counts.whiteouts, "opaque": counts.opaque, "aufs_meta": counts.aufs,
            "regular_bytes": sizes.regular, "sparse_delta_bytes": sizes.sparse_delta,
            "other_payload_bytes": sizes.other_payload, "header_bytes": sizes.header, "padding_bytes": sizes.padding,
            "trailing_bytes": sizes.trailing, "after_end_bytes": sizes.after_end,
        })
    };
    view.layers().iter().map(layer).collect()
}

fn cause(name: &str) -> Cause {
    match name {
        "metadata_only" => Cause::MetadataOnly,
        "replaced" => Cause::Replaced,
        "type_change" => Cause::TypeChange,
        "deleted" => Cause::Deleted,
        "opaque" => Cause::Opaque,
        "ancestor_deleted" => Cause::AncestorDeleted,
        _ => Cause::Unplaceable,
    }
}

/// A path as the listing writes it.
fn spelled(path: &[u8]) -> String {
    let byte = |&b: &u8| match b {
        0x21..=0x7e if b != b'\\' => char::from(b).to_string(),
        _ => format!("\\x{b:02x}"),
    };
    path.iter().map(byte).collect()
}

/// One line for each path that packages own: the path and the packages' names.
fn ownership(facts: &Facts<'_>) -> String {
    let view = facts.view().unwrap();
    let mut owned: Vec<(Vec<u8>, Vec<String>)> = Vec::new();
    for (node, owners) in facts.packages().unwrap().owned() {
        let mut names: Vec<String> = owners.iter().map(|package| package.name.clone()).collect();
        names.sort();
        names.dedup();
        owned.push((view.path(node), names));
    }
    owned.sort();
    owned.iter().map(|(path, names)| format!("/{}\t{}\n", spelled(path), names.join(","))).collect()
}

#[test]
fn layers_waste_and_packages_match_the_oracle() {
    let Some(directory) = support::external_dir("PLIMSOLL_CORPUS", "layers_waste_and_packages_match_the_oracle") else {
        return;
    };
    for specimen in corpus::specimens(&directory) {
        let examined = examined(&specimen);
        let (name, truth) = (&specimen.name, &specimen.truth);
        assert_eq!(examined.faults, [], "{name}");
        let view = examined.view.as_ref().unwrap();
        let ours = layers(view);
        for (index, layer) in ours.as_array().unwrap().iter().enumerate() {
            for (key, value) in layer.as_object().unwrap() {
                assert_eq!(value, &truth["layers"][index][key], "{name}: layer {index}: {key}");
            }
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, stat) in view.walk() {
            let kind = match stat.kind {
                Kind::Dir => "dir",
                Kind::Symlink => "symlink",
                Kind::Char => "char",
                Kind::Block => "block",
                Kind::Fifo => "fifo",
                _ => "file",
            };
            *counts.entry(kind).or_default() += 1;
        }
        for (kind, count) in truth["view"]["counts"].as_object().unwrap() {
            assert_eq!(counts.get(kind.as_str()).copied().unwrap_or(0), count.as_u64().unwrap(), "{name}: {kind}");
        }
        assert_eq!(json!(view.visible_bytes()), truth["waste"]["visible_bytes"], "{name}");
        for (key, value) in truth["waste"]["by_cause"].as_object().unwrap() {
            let of: Vec<u64> = view.hidden().iter().filter(|h| h.cause == cause(key)).map(|h| h.size).collect();
            assert_eq!(json!({"files": of.len(), "bytes": of.iter().sum::<u64>()}), *value, "{name}: {key}");
        }
        let mut pairs: BTreeMap<(u64, u64, String), (u64, u64)> = BTreeMap::new();
        for row in truth["waste"]["by_layers"].as_array().unwrap() {
            let number = |key: &str| row[key].as_u64().unwrap();
            let key = (number("layer"), number("hidden_by"), format!("{:?}", cause(row["cause"].as_str().unwrap())));
            pairs.insert(key, (number("files"), number("bytes")));
        }
        let mut mine: BTreeMap<(u64, u64, String), (u64, u64)> = BTreeMap::new();
        for h in view.hidden() {
            let sum = mine.entry((h.layer as u64, h.by as u64, format!("{:?}", h.cause))).or_default();
            *sum = (sum.0 + 1, sum.1 + h.size);
        }
        assert_eq!(mine, pairs, "{name}: waste by layers");

        let facts = Facts::new(&examined.image, Ok(view));
        let packages = facts.packages().unwrap();
        for (key, manager) in [("dpkg", Manager::Dpkg), ("apk", Manager::Apk)] {
            let of = |list: &mut Vec<(String, String, u64)>| list.sort();
            let mut ours: Vec<(String, String, u64)> = packages
                .list
                .iter()
                .filter(|package| package.manager == manager)
                .map(|package| (package.name.clone(), package.version.clone(), package.layer as u64))
                .collect();
            let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_string();
            let rows = truth["packages"][key]["packages"].as_array().unwrap();
            let mut theirs: Vec<(String, String, u64)> = rows
                .iter()
                .map(|row| (text(row, "name"), text(row, "version"), row["layer"].as_u64().unwrap()))
                .collect();
            of(&mut ours);
            of(&mut theirs);
            assert_eq!(ours, theirs, "{name}: {key}");
        }
        let lines = ownership(&facts);
        let digest = sha2::Sha256::digest(lines.as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(json!(hex), truth["packages"]["ownership"]["lines_sha256"], "{name}: ownership");
    }
}
