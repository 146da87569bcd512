//! Compares the start proofs of real images with what happened when the images ran (`reality.json`) and with an oracle
//! that resolves the first program (`truth`, `commands`).
//!
//! `rules` and `reality` cover images that are built to fail in one way.

use crate::corpus;
use crate::support;
use plimsoll::examine;
use plimsoll::examine::Examined;
use plimsoll::facts::Facts;
use plimsoll::facts::access::Capabilities;
use plimsoll::facts::health::Health;
use plimsoll::facts::proof::Proof;
use plimsoll::model::finding::Undecided;
use serde_json::Value;
use std::path::Path;

fn examined(reference: &str) -> Examined {
    let listing = examine::open(reference, None).unwrap_or_else(|error| panic!("{reference}: {error}")).listing;
    let options = examine::Options { threads: 2, sha256: false };
    let examined = examine::examine(listing.images, &options).remove(0);
    assert!(examined.faults.is_empty(), "{reference}: {:?}", examined.faults);
    examined
}

/// The proofs of an image's command and of its health check.
fn proofs(examined: &Examined, capabilities: Capabilities) -> (Proof, Option<Proof>) {
    let facts = Facts::new(&examined.image, examined.view.as_ref().ok_or(Undecided::denied("view", "there is none")));
    let start = facts.start_proof(capabilities).unwrap();
    let health = match facts.health() {
        Health::Check(check) => Some(facts.health_proof(&check, capabilities).unwrap()),
        _ => None,
    };
    (start.clone(), health.cloned())
}

/// `runs`, `fails`, `overridden` or `undecided`.
fn verdict(proof: &Proof) -> &'static str {
    if proof.fails() {
        "fails"
    } else if !proof.faults.is_empty() {
        "overridden"
    } else if !proof.open.is_empty() {
        "undecided"
    } else {
        "runs"
    }
}

fn reference(corpus: &Path, name: &str) -> String {
    match name {
        "tiny:1.0" => corpus.join("formats/docker-26.1-save.tar").display().to_string(),
        _ => format!("oci:{}:{name}", corpus.join("apps").display()),
    }
}

#[test]
fn proofs_match_what_happened_when_the_images_ran() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "proofs_match_what_happened_when_the_images_ran")
    else {
        return;
    };
    let reality: Value = serde_json::from_slice(&std::fs::read(corpus.join("reality.json")).unwrap()).unwrap();
    let mut seen = Vec::new();
    for (name, image) in reality["images"].as_object().unwrap() {
        let real = &image["reality"];
        let (start, health) = proofs(&examined(&reference(&corpus, name)), Capabilities::Docker);
        let ran = real["status_after_8s"] == "running" || real["exit_code"] == 0;
        let predicted = verdict(&start);
        assert!(
            if ran { predicted != "fails" } else { predicted != "runs" },
            "{name}: predicted {predicted}, ran {ran}: {start:#?}"
        );
        let health = health.map(|proof| {
            let predicted = verdict(&proof);
            // A check that could not reach its server still ran.
            let text = |field: &str| real[field].to_string();
            let refused = ["not found", "Permission denied"];
            let failed = refused.iter().any(|word| text("healthcheck_alone").contains(word));
            assert_eq!(predicted == "fails", failed, "{name}: {proof:#?}");
            predicted
        });
        seen.push(format!("{name} {predicted} {}", health.unwrap_or("-")));
    }
    seen.sort();
    let expected = [
        "alpine:3.20 runs -",
        "app:1.0 runs runs",
        "app:1.1 runs runs",
        "app:1.2 runs runs",
        "backend-bad:latest runs -",
        "backend-good:1.0 runs runs",
        "backend-spec:1.0 fails fails",
        "debian:trixie-slim runs -",
        "distroless:nonroot runs -",
        "frontend-bad:latest runs -",
        "frontend-good:1.0 runs runs",
        "frontend-spec:1.0 runs runs",
        "node:20-alpine runs -",
        "python:3.13-slim runs -",
        "root-bin:1.0 overridden -",
        "rpm-like:9 runs -",
        "scratch-go:1.0 runs runs",
        "tiny:1.0 undecided runs",
    ];
    assert_eq!(seen, expected);
    let backend = examined(&reference(&corpus, "backend-spec:1.0"));
    let (start, health) = proofs(&backend, Capabilities::Docker);
    let faults = |proof: &Proof| proof.faults.iter().map(|fault| fault.what.clone()).collect::<Vec<_>>().join("\n");
    assert!(
        faults(&start).contains("/root/.local/bin/uvicorn: it can't traverse /root (mode 0700, owner 0:0)"),
        "{start:#?}"
    );
    let health = faults(&health.unwrap());
    assert!(health.contains("`curl`") && health.contains("is not on PATH (/root/.local/bin, "), "{health}");
    // Without capabilities, the runtime can't reach the program either.
    let root_bin = examined(&reference(&corpus, "root-bin:1.0"));
    assert_eq!(verdict(&proofs(&root_bin, Capabilities::None).0), "fails");
}

/// The oracle ignores capabilities and stops at the first program.
#[test]
fn the_first_program_matches_the_oracle() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "the_first_program_matches_the_oracle") else { return };
    let mut compared = 0;
    for specimen in corpus::specimens(&corpus).iter().filter(|specimen| specimen.args.len() == 1) {
        let examined = examined(&specimen.args[0]);
        let (start, health) = proofs(&examined, Capabilities::None);
        let commands = &specimen.truth["commands"];
        for (truth, proof) in [(&commands["entrypoint"], Some(start)), (&commands["healthcheck"], health)] {
            let (Some(outcome), Some(proof)) = (truth["outcome"].as_str(), proof) else { continue };
            let steps = truth["steps"].as_array().unwrap();
            let result = |step: &Value| step["result"].as_str().unwrap_or_default().to_string();
            let program = steps
                .iter()
                .rev()
                .map(result)
                .find_map(|result| Some(result.strip_prefix("ELF: ")?.split(", mode").next()?.to_string()));
            let first = proof.started.first().map(|started| {
                let view = examined.view.as_ref().unwrap();
                format!("/{}", String::from_utf8_lossy(&view.path(started.program)))
            });
            let expected = if outcome == "runs" { program } else { None };
            assert_eq!(first, expected, "{}: {outcome} {truth:#}", specimen.name);
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}
