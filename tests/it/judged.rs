//! Reports on real images, judged by hand. `testdata/judged/*.txt` lists every finding and undecided question of an
//! image; lines that begin with `#` say for each group whether it is true and how that was verified.
//!
//! Needs `PLIMSOLL_CORPUS`, the directory with the images. `PLIMSOLL_BLESS=1` rewrites the findings and keeps the
//! judgement of every group that remains; a new group without a judgement fails.

use crate::corpus;
use crate::support;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The distinct images, and the policy for each.
const JUDGED: [(&str, &str); 26] = [
    ("apps/alpine_3.20", "baseline"),
    ("apps/app_1.0", "baseline"),
    ("apps/app_1.1", "baseline"),
    ("apps/app_1.2", "baseline"),
    ("apps/backend-bad_latest", "backend"),
    ("apps/backend-good_1.0", "backend"),
    ("apps/backend-spec_1.0", "backend"),
    ("apps/debian_trixie-slim", "baseline"),
    ("apps/distroless_nonroot", "baseline"),
    ("apps/frontend-bad_latest", "frontend"),
    ("apps/frontend-good_1.0", "frontend"),
    ("apps/frontend-spec_1.0", "frontend"),
    ("apps/node_20-alpine", "baseline"),
    ("apps/python_3.13-slim", "baseline"),
    ("apps/root-bin_1.0", "baseline"),
    ("apps/rpm-like_9", "baseline"),
    ("apps/scratch-go_1.0", "baseline"),
    ("full/backend-good_1.0", "backend"),
    ("full/frontend-good_1.0", "frontend"),
    ("formats/docker-20.10-save.tar", "baseline"),
    ("formats/buildkit-oci.tar", "baseline"),
    ("formats/skopeo-oci", "baseline"),
    ("formats/umoci-oci@tiny-umoci", "baseline"),
    ("formats/umoci-oci@empty", "baseline"),
    ("formats/multi-platform-oci@linux-amd64", "baseline"),
    ("formats/multi-platform-oci@linux-arm64-v8", "baseline"),
];

#[test]
fn every_finding_on_real_images_has_a_judgement() {
    let Some(directory) = support::external_dir("PLIMSOLL_CORPUS", "every_finding_on_real_images_has_a_judgement")
    else {
        return;
    };
    let specimens = corpus::specimens(&directory);
    let mut wrong = Vec::new();
    for (name, policy) in JUDGED {
        let specimen = specimens.iter().find(|specimen| specimen.name == name).expect(name);
        let image = specimen.audit(&["--policy", policy]);
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/judged")
            .join(format!("{}.txt", name.replace(['/', '@'], "-")));
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        let fresh = page(name, policy, &image, &judgements(&known));
        if std::env::var_os("PLIMSOLL_BLESS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &fresh).unwrap();
        } else if fresh != known {
            wrong.push(format!("{}: does not match the report", file.display()));
        }
        if fresh.contains("# not judged") {
            wrong.push(format!("{}: a group without a judgement", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The longest reports at 100 columns, in lines.
const LINES_MAX: [(&str, &str, usize); 2] =
    [("apps/backend-bad_latest", "backend", 60), ("apps/backend-spec_1.0", "backend", 40)];

#[test]
fn reports_on_real_images_stay_short() {
    let Some(directory) = support::external_dir("PLIMSOLL_CORPUS", "reports_on_real_images_stay_short") else { return };
    let specimens = corpus::specimens(&directory);
    for (name, policy, lines_max) in LINES_MAX {
        let specimen = specimens.iter().find(|specimen| specimen.name == name).expect(name);
        let output = specimen.run("audit", &["--policy", policy]).exits(1);
        let lines = output.out().lines().count();
        assert!(lines <= lines_max, "{name}: {lines} lines, at most {lines_max}\n{}", output.out());
    }
}

/// The judgement of each group, by the group's heading.
fn judgements(page: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut head = String::new();
    for line in page.lines() {
        if let Some(words) = line.strip_prefix("# ") {
            let text = found.entry(head.clone()).or_default();
            text.push_str("# ");
            text.push_str(words);
            text.push('\n');
        } else if !line.starts_with(' ') {
            head = line.to_string();
        }
    }
    found.retain(|_, text| !text.contains("not judged"));
    found
}

fn page(name: &str, policy: &str, image: &Value, judgements: &BTreeMap<String, String>) -> String {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in image["findings"].as_array().unwrap() {
        let text = |key: &str| finding[key].as_str().unwrap_or_default();
        let head = format!("{} {}", text("level"), text("rule"));
        let confidence = if text("confidence") == "likely" { " (likely)" } else { "" };
        groups.entry(head).or_default().push(format!("{}{confidence}", text("message")));
    }
    for question in image["undecided"].as_array().unwrap() {
        let text = |key: &str| question[key].as_str().unwrap_or_default();
        let line = format!("{}: {}", text("subject"), text("reason"));
        groups.entry(format!("undecided {}", text("rule"))).or_default().push(line);
    }
    let mut out = format!("{name}, policy {policy}: {}\n", image["verdict"].as_str().unwrap());
    for (head, lines) in groups {
        out.push_str(&format!("\n{head}\n"));
        out.push_str(judgements.get(&head).map_or("# not judged\n", |text| text));
        for line in lines {
            out.push_str(&format!("    {line}\n"));
        }
    }
    out
}
