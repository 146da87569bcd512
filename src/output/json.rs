//! The report as JSON, version 1. It has its own structs, so that changes elsewhere don't change the format unnoticed.
//!
//! Changes within a version only add. Strings are exact: control characters, C1, bidi overrides and invisible
//! characters are written as `\uXXXX`. Bytes that are not UTF-8 are written by [`exact_bytes`].

use crate::model::fault::ImageFault;
use crate::model::fault::Offset;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Scope;
use crate::model::image::Image;
use crate::model::layer_facts::Compression;
use crate::model::text::exact_bytes;
use crate::output::harmless::write_value;
use crate::report::ImageReport;
use crate::report::Report;
use serde::Serialize;
use std::io;

/// The version of the format.
pub const VERSION: u32 = 1;

/// Writes the report.
pub fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    write_value(report, out)
}

/// The report as version 1 of its JSON.
impl Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document::of(self).serialize(serializer)
    }
}

/// One run of plimsoll.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Document<'a> {
    /// The version of this format. Changes within a version only add.
    version: u32,
    /// Which program wrote this.
    tool: Tool,
    /// The policies that applied, each followed by those that it extends.
    policies: Vec<Policy<'a>>,
    /// Every rule that was checked, sorted by id, whether or not it found anything.
    rules: Vec<CheckedRule<'a>>,
    /// The worst verdict of all images; `unjudged` if there are errors.
    #[cfg_attr(test, schemars(extend("enum" = ["pass", "fail", "unjudged"])))]
    verdict: &'static str,
    /// Every image, in the order of the inputs.
    images: Vec<ImageEntry<'a>>,
    /// Inputs that could not be read at all.
    errors: Vec<InputError<'a>>,
}

/// The program.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Tool {
    /// Its name.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// A policy.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Policy<'a> {
    /// The name of a built-in policy, or the file's path as given.
    name: &'a str,
    /// SHA-256 of the policy's text, as hex.
    sha256: &'a str,
}

/// A rule that was checked.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckedRule<'a> {
    /// The rule's id.
    id: &'a str,
    /// The policy's level for it.
    #[cfg_attr(test, schemars(extend("enum" = ["error", "warn", "note"])))]
    level: &'static str,
}

/// An input that could not be read at all.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct InputError<'a> {
    /// As given.
    reference: &'a str,
    /// What went wrong and where.
    message: &'a str,
    /// What to do about it.
    hint: Option<&'a str>,
}

/// One image.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Image"))]
struct ImageEntry<'a> {
    /// As given, or the part of it that picks this image.
    reference: &'a str,
    /// The image's names in the input.
    names: &'a [String],
    /// Digest of the manifest; null if the input has none.
    manifest_digest: Option<&'a str>,
    /// Digest of the config: Docker's image ID.
    config_digest: &'a str,
    /// `os/architecture[/variant]`, from the config.
    platform: &'a str,
    /// Whether it is fit to ship.
    #[cfg_attr(test, schemars(extend("enum" = ["pass", "fail", "unjudged"])))]
    verdict: &'static str,
    /// Why it could not be judged, as sentences; `layers[0]` is the bottom layer.
    faults: Vec<String>,
    /// The same faults, with their locations.
    fault_details: Vec<FaultEntry<'a>>,
    /// The number of findings at each level; a finding counts once, however many places it has.
    counts: Counts,
    /// Sums over the layers; null if the layers could not be read.
    sizes: Option<Sizes>,
    /// The layers, the bottom one first.
    layers: Vec<Layer<'a>>,
    /// Sorted by level, rule, primary path, subject.
    findings: Vec<FindingEntry<'a>>,
    /// Questions that could not be decided.
    undecided: Vec<Undecided<'a>>,
    /// What was not checked.
    not_examined: Vec<NotExamined<'a>>,
    /// Attestations and artifacts next to the image, which are not judged.
    evidence: Vec<Evidence<'a>>,
}

/// Why an image could not be judged.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Fault"))]
struct FaultEntry<'a> {
    /// What is wrong.
    message: String,
    /// The layer it is in, 0 for the bottom layer; null if it is in none.
    layer: Option<usize>,
    /// That layer's digest, if known.
    digest: Option<&'a str>,
    /// The offset in the layer's stored bytes, if the fault has one.
    stored_offset: Option<u64>,
    /// The offset in the layer's tar, if the fault has one.
    tar_offset: Option<u64>,
}

/// Numbers of findings.
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Counts {
    /// At `error`.
    error: u64,
    /// At `warn`.
    warn: u64,
    /// At `note`.
    note: u64,
    /// Accepted by a waiver of the policy; not counted at a level.
    waived: u64,
}

/// Sizes in bytes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Sizes {
    /// Stored bytes of all layers; null if any layer is stored uncompressed.
    compressed: Option<u64>,
    /// Bytes of the layers' tars.
    uncompressed: u64,
    /// Regular files of the merged view, each inode once.
    visible: u64,
    /// Regular files that ship but are hidden.
    wasted: u64,
}

/// A layer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Layer<'a> {
    /// 0 for the bottom layer.
    index: usize,
    /// Digest of the tar.
    diff_id: &'a str,
    /// Digest of the stored bytes; null if unknown.
    digest: Option<&'a str>,
    /// According to the manifest; null if it has none.
    media_type: Option<&'a str>,
    /// Stored bytes; null if the layer is stored uncompressed or could not be read.
    compressed: Option<u64>,
    /// Bytes of the tar; null if the layer could not be read.
    uncompressed: Option<u64>,
    /// Entries without whiteouts and opaque markers; null if the layer could not be read.
    entries: Option<u64>,
    /// Whiteouts and opaque markers; null if the layer could not be read.
    whiteouts: Option<u64>,
    /// The instruction that made it, as close to the Dockerfile as the history allows.
    instruction: Option<&'a str>,
    /// The history entry that made it, as the builder wrote it; secrets are redacted.
    created_by: Option<&'a str>,
    /// Whether it belongs to the base image.
    #[cfg_attr(test, schemars(extend("enum" = ["own", "base", "unknown"])))]
    scope: &'static str,
}

/// A broken rule: one cause and its places.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Finding"))]
struct FindingEntry<'a> {
    /// The rule's id.
    rule: &'a str,
    /// Its level.
    #[cfg_attr(test, schemars(extend("enum" = ["error", "warn", "note"])))]
    level: &'static str,
    /// How certain it is.
    #[cfg_attr(test, schemars(extend("enum" = ["certain", "likely"])))]
    confidence: &'static str,
    /// The fact, as one sentence.
    message: &'a str,
    /// Whether it belongs to the base image.
    #[cfg_attr(test, schemars(extend("enum" = ["own", "base", "unknown"])))]
    scope: &'static str,
    /// Identifies the finding across rebuilds.
    fingerprint: &'a str,
    /// What to do.
    fix: &'a str,
    /// Dockerfile lines that do it; empty if a few lines can't.
    fix_lines: &'a [String],
    /// Why the policy accepts it; null without a waiver.
    waiver: Option<&'a str>,
    /// The lowest directory that contains all places of this cause; null if the rule doesn't group places.
    directory: Option<String>,
    /// The number of places; `locations` may list fewer, and lists a place once for each layer that ships it.
    place_count: u64,
    /// The first is the primary one.
    locations: Vec<Place<'a>>,
}

/// Where a finding applies.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Location"))]
struct Place<'a> {
    /// An absolute path in the image. If it is not UTF-8, each invalid byte is `\xHH` and each backslash `\x5c`.
    path: Option<String>,
    /// The layer, 0 for the bottom layer.
    layer: Option<usize>,
    /// The digest of that layer's tar.
    diff_id: Option<&'a str>,
    /// The instruction that made that layer.
    instruction: Option<&'a str>,
    /// A field of the config.
    config: Option<&'a str>,
    /// `visible`, or `shipped`: hidden by a later layer, but still in the image.
    #[cfg_attr(test, schemars(extend("enum" = ["visible", "shipped", null])))]
    state: Option<&'static str>,
    /// What is there, in a few words.
    detail: Option<&'a str>,
}

/// A question that could not be decided.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Undecided<'a> {
    /// The rule's id, or the name of one of plimsoll's own checks.
    rule: &'a str,
    /// What the question is about.
    subject: &'a str,
    /// Why it is undecided.
    reason: &'a str,
    /// The layer it is about, 0 for the bottom layer; null if it is about none.
    layer: Option<usize>,
}

/// Something that was not checked.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NotExamined<'a> {
    /// What it is.
    kind: &'a str,
    /// How many.
    count: u64,
    /// How many bytes, if known.
    bytes: Option<u64>,
    /// The layer it is in, 0 for the bottom layer; null if it is in none.
    layer: Option<usize>,
    /// Why.
    reason: &'a str,
}

/// A manifest next to the image that is not an image.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Evidence<'a> {
    /// `attestation`, `artifact`.
    kind: &'a str,
    /// The digest of its manifest.
    digest: &'a str,
    /// The type it claims.
    media_type: &'a str,
    /// The digest of the manifest it is about, if it names one.
    subject: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn of(report: &'a Report) -> Document<'a> {
        Document {
            version: VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            policies: report.policies.iter().map(|p| Policy { name: &p.name, sha256: &p.sha256 }).collect(),
            rules: report
                .rules
                .iter()
                .map(|rule| CheckedRule { id: rule.id.as_str(), level: rule.level.name() })
                .collect(),
            verdict: report.verdict().name(),
            images: report.images.iter().map(image).collect(),
            errors: report
                .errors
                .iter()
                .map(|e| InputError { reference: &e.reference, message: &e.message, hint: e.hint.as_deref() })
                .collect(),
        }
    }
}

fn image(report: &ImageReport) -> ImageEntry<'_> {
    let image = &report.image;
    let sizes = report.sizes.map(|sizes| Sizes {
        compressed: sizes.compressed,
        uncompressed: sizes.uncompressed,
        visible: sizes.visible,
        wasted: sizes.wasted,
    });
    ImageEntry {
        reference: &image.reference,
        names: &image.names,
        manifest_digest: image.manifest_digest.as_ref().map(|digest| digest.as_str()),
        config_digest: image.config_digest.as_str(),
        platform: &image.platform,
        verdict: report.verdict.name(),
        faults: report.faults.iter().map(fault).collect(),
        fault_details: report.faults.iter().map(fault_entry).collect(),
        counts: counts(&report.findings),
        sizes,
        layers: (0..image.layers.len()).map(|index| layer(report, index)).collect(),
        findings: report.findings.iter().map(|found| finding(image, found)).collect(),
        undecided: report
            .undecided
            .iter()
            .map(|question| Undecided {
                rule: question.rule.as_str(),
                subject: &question.undecided.subject,
                reason: &question.undecided.reason,
                layer: question.layer,
            })
            .collect(),
        not_examined: report
            .not_examined
            .iter()
            .map(|n| NotExamined { kind: &n.kind, count: n.count, bytes: n.bytes, layer: n.layer, reason: &n.reason })
            .collect(),
        evidence: report
            .evidence
            .iter()
            .map(|e| Evidence {
                kind: &e.kind,
                digest: &e.digest,
                media_type: &e.media_type,
                subject: e.subject.as_deref(),
            })
            .collect(),
    }
}

/// A fault as a sentence, with layers counted from 0 like everywhere in the JSON.
pub fn fault(fault: &ImageFault) -> String {
    match fault.layer() {
        Some((index, Some(digest))) => format!("layers[{index}] ({digest}): {fault}"),
        Some((index, None)) => format!("layers[{index}]: {fault}"),
        None => fault.to_string(),
    }
}

fn fault_entry(fault: &ImageFault) -> FaultEntry<'_> {
    let layer = fault.layer();
    let (stored_offset, tar_offset) = match fault.offset() {
        Some(Offset::Stored(at)) => (Some(at), None),
        Some(Offset::Tar(at)) => (None, Some(at)),
        None => (None, None),
    };
    FaultEntry {
        message: fault.to_string(),
        layer: layer.map(|(index, _)| index),
        digest: layer.and_then(|(_, digest)| digest).map(|digest| digest.as_str()),
        stored_offset,
        tar_offset,
    }
}

fn counts(findings: &[Finding]) -> Counts {
    let mut counts = Counts::default();
    for finding in findings {
        if finding.waiver.is_some() {
            counts.waived += 1;
            continue;
        }
        match finding.level {
            Level::Error => counts.error += 1,
            Level::Warn => counts.warn += 1,
            Level::Note => counts.note += 1,
            Level::Off => {}
        }
    }
    counts
}

fn layer(report: &ImageReport, index: usize) -> Layer<'_> {
    let described = &report.image.layers[index];
    let read = report.layers.get(index);
    let digest = read.map(|layer| &layer.digest).or(described.digest.as_ref());
    Layer {
        index,
        diff_id: described.diff_id.as_str(),
        digest: digest.map(|digest| digest.as_str()),
        media_type: described.media_type.as_deref(),
        compressed: read.filter(|layer| layer.compression != Compression::None).map(|layer| layer.stored),
        uncompressed: read.map(|layer| layer.uncompressed),
        entries: read.map(|layer| layer.entries),
        whiteouts: read.map(|layer| layer.whiteouts),
        instruction: report.image.instruction(index).map(|instruction| instruction.text.as_str()),
        created_by: report.image.instruction(index).map(|instruction| instruction.raw.as_str()),
        scope: match report.image.base_layers {
            Some(count) if index < count => Scope::Base,
            Some(_) => Scope::Own,
            None => Scope::Unknown,
        }
        .name(),
    }
}

fn finding<'a>(image: &'a Image, finding: &'a Finding) -> FindingEntry<'a> {
    let group = finding.group.as_ref();
    FindingEntry {
        rule: finding.rule.as_str(),
        level: finding.level.name(),
        confidence: finding.confidence.name(),
        message: &finding.message,
        scope: finding.scope.name(),
        fingerprint: finding.fingerprint.as_str(),
        fix: &finding.fix.advice,
        fix_lines: &finding.fix.lines,
        waiver: finding.waiver.as_ref().map(|waiver| waiver.reason.as_str()),
        directory: group.map(|group| format!("/{}", exact_bytes(&group.directory))),
        place_count: group.map_or(finding.locations.len() as u64, |group| group.count),
        locations: finding.locations.iter().map(|location| place(image, location)).collect(),
    }
}

fn place<'a>(image: &'a Image, location: &'a Location) -> Place<'a> {
    let layer = location.layer.and_then(|index| image.layers.get(index));
    Place {
        path: location.path.as_ref().map(|path| format!("/{}", exact_bytes(path))),
        layer: location.layer,
        diff_id: layer.map(|layer| layer.diff_id.as_str()),
        instruction: location
            .layer
            .and_then(|index| image.instruction(index))
            .map(|instruction| instruction.text.as_str()),
        config: location.config.as_deref(),
        state: location.state.map(|state| state.name()),
        detail: location.detail.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::is_harmful;
    use crate::output::sample;
    use schemars::generate::SchemaSettings;

    fn text(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, &mut out).expect("memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn writes_the_sample() {
        let value: serde_json::Value = serde_json::from_str(&text(&sample::bad())).expect("JSON");
        assert_eq!(value["version"], 1);
        assert_eq!(value["tool"]["name"], "plimsoll");
        assert_eq!(value["verdict"], "fail");
        let image = &value["images"][0];
        assert_eq!(image["counts"], serde_json::json!({"error": 5, "warn": 1, "note": 1, "waived": 0}));
        assert_eq!(
            image["sizes"],
            serde_json::json!({"compressed": null, "uncompressed": 430000000, "visible": 400000000, "wasted": 30000000})
        );
        assert_eq!(image["layers"][1]["compressed"], 52_000_000);
        assert_eq!(image["layers"][2]["compressed"], serde_json::Value::Null);
        assert_eq!(image["layers"][0]["scope"], "base");
        let env = &image["findings"][0];
        assert_eq!(env["rule"], "context-file-left");
        let place = &env["locations"][0];
        assert_eq!(place["path"], "/app/.env");
        assert_eq!(place["layer"], 2);
        assert_eq!(place["diff_id"], image["layers"][2]["diff_id"]);
        assert_eq!(place["instruction"], "COPY . .");
        assert_eq!(place["state"], "visible");
        assert_eq!(env["waiver"], serde_json::Value::Null);
    }

    #[test]
    fn hostile_strings_are_exact_and_harmless() {
        let report = sample::hostile();
        let json = text(&report);
        assert!(json.chars().all(|c| c == '\n' || !is_harmful(c)), "{json}");
        assert!(json.contains("\\u001b[2J") && json.contains("\\u202e") && json.contains("\\u009b"));
        assert!(json.contains("\\udb40\\udc41"), "a surrogate pair");
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(value["images"][0]["reference"].as_str(), Some(report.images[0].image.reference.as_str()));
        assert_eq!(value["images"][0]["findings"][0]["locations"][0]["path"], "/caf\\xe9\\x5c");
    }

    #[test]
    fn an_unjudged_image_lists_its_layers_without_sizes() {
        let value: serde_json::Value = serde_json::from_str(&text(&sample::unjudged())).expect("JSON");
        let image = &value["images"][0];
        assert_eq!(image["verdict"], "unjudged");
        assert_eq!(image["sizes"], serde_json::Value::Null);
        assert_eq!(image["layers"][0]["uncompressed"], serde_json::Value::Null);
        assert_eq!(image["faults"].as_array().map(Vec::len), Some(1));
        assert_eq!(value["errors"][0]["reference"], "no-such.tar");
    }

    #[test]
    fn the_schema_in_docs_is_up_to_date() {
        let schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Document>();
        let mut wanted = serde_json::to_string_pretty(&schema).expect("a schema");
        wanted.push('\n');
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
        if std::env::var_os("PLIMSOLL_BLESS").is_some() {
            std::fs::write(path, &wanted).expect("docs can be written");
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == wanted, "docs/report.schema.json is stale: PLIMSOLL_BLESS=1 cargo test");
    }
}
