//! The report as JSON, version 1: structs of its own, so that no change elsewhere changes it unseen.
//!
//! Changes are additive; anything else is a new version. Every text is exact: control characters, C1, bidi overrides and
//! characters that cannot be seen stand as `\uXXXX`. Bytes that are no UTF-8 stand as [`exact_bytes`] writes them.

use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Scope;
use crate::model::fingerprint::fingerprints;
use crate::model::image::Image;
use crate::model::layer_facts::Compression;
use crate::model::text::exact_bytes;
use crate::model::text::is_harmful;
use crate::verdict::ImageReport;
use crate::verdict::Report;
use serde::Serialize;
use serde_json::ser::CharEscape;
use serde_json::ser::Formatter;
use serde_json::ser::PrettyFormatter;
use std::io;

/// The version of the format.
pub const VERSION: u32 = 1;

/// Writes the report.
pub fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    write_value(&Document::of(report), out)
}

/// Writes any value as indented JSON that is harmless on a terminal, and a line break.
pub fn write_value(value: &impl Serialize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Harmless(PrettyFormatter::new()));
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// One run of plimsoll.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Document<'a> {
    /// The version of this format. Changes within a version only add.
    version: u32,
    /// Which program wrote this.
    tool: Tool,
    /// The policies that judged, laid over each other: each is followed by those that it extends.
    policies: Vec<Policy<'a>>,
    /// The worst of all images and errors.
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
    /// Names that the input gives the image.
    names: &'a [String],
    /// Digest of the manifest; null where the input has none.
    manifest_digest: Option<&'a str>,
    /// Digest of the config: Docker's image id.
    config_digest: &'a str,
    /// `os/architecture[/variant]`, from the config.
    platform: &'a str,
    /// May it ship?
    #[cfg_attr(test, schemars(extend("enum" = ["pass", "fail", "unjudged"])))]
    verdict: &'static str,
    /// Why it could not be judged.
    faults: &'a [String],
    /// How many findings there are at each level.
    counts: Counts,
    /// Sums over the layers; null where the layers could not be read.
    sizes: Option<Sizes>,
    /// The layers, the bottom one first.
    layers: Vec<Layer<'a>>,
    /// Sorted by level, rule, primary path, subject.
    findings: Vec<FindingEntry<'a>>,
    /// Questions that the image's bytes cannot answer.
    undecided: Vec<Undecided<'a>>,
    /// What was not looked at.
    not_examined: Vec<NotExamined<'a>>,
    /// Attestations and artifacts beside the image, listed and not judged.
    evidence: Vec<Evidence<'a>>,
}

/// How many findings there are.
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Counts {
    /// At `error`.
    error: u64,
    /// At `warn`.
    warn: u64,
    /// At `note`.
    note: u64,
    /// Waived by the policy; not counted at a level.
    waived: u64,
}

/// Bytes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Sizes {
    /// Stored bytes of all layers; null where any layer is stored plain.
    compressed: Option<u64>,
    /// Bytes of the layers' tars.
    uncompressed: u64,
    /// Regular files of the merged view, each inode once.
    visible: u64,
    /// Regular files that are shipped and can no longer be seen.
    wasted: u64,
}

/// A layer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Layer<'a> {
    /// From the bottom, 0 first.
    index: usize,
    /// Digest of the tar.
    diff_id: &'a str,
    /// Digest of the stored bytes; null where it is not known.
    digest: Option<&'a str>,
    /// As the manifest says; null where it does not.
    media_type: Option<&'a str>,
    /// Stored bytes; null where the layer is stored plain or could not be read.
    compressed: Option<u64>,
    /// Bytes of the tar; null where the layer could not be read.
    uncompressed: Option<u64>,
    /// Entries without whiteouts and opaque markers; null where the layer could not be read.
    entries: Option<u64>,
    /// Whiteouts and opaque markers; null where the layer could not be read.
    whiteouts: Option<u64>,
    /// The instruction that made it, as near to what the author wrote as history allows.
    instruction: Option<&'a str>,
    /// The history entry that made it, as the builder wrote it; secrets are struck.
    created_by: Option<&'a str>,
    /// Whose it is.
    #[cfg_attr(test, schemars(extend("enum" = ["own", "base", "unknown"])))]
    scope: &'static str,
}

/// A rule broken at a place.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Finding"))]
struct FindingEntry<'a> {
    /// The rule's id.
    rule: &'static str,
    /// How much it weighs.
    #[cfg_attr(test, schemars(extend("enum" = ["error", "warn", "note"])))]
    level: &'static str,
    /// How sure it is.
    #[cfg_attr(test, schemars(extend("enum" = ["certain", "likely"])))]
    confidence: &'static str,
    /// One sentence that says the fact.
    message: &'a str,
    /// Whose it is.
    #[cfg_attr(test, schemars(extend("enum" = ["own", "base", "unknown"])))]
    scope: &'static str,
    /// Names the finding across rebuilds.
    fingerprint: String,
    /// What to do.
    fix: &'a str,
    /// The waiver that holds it; null where there is none.
    waiver: Option<&'a str>,
    /// The first is the primary one.
    locations: Vec<Place<'a>>,
}

/// Where a finding is true.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Location"))]
struct Place<'a> {
    /// A path in the image, from its root. In a path that is no UTF-8, each wrong byte is `\xHH` and each backslash `\x5c`.
    path: Option<String>,
    /// The layer, from the bottom, 0 first.
    layer: Option<usize>,
    /// That layer's tar.
    diff_id: Option<&'a str>,
    /// The instruction that made that layer.
    instruction: Option<&'a str>,
    /// A field of the config.
    config: Option<&'a str>,
    /// `visible`, or `shipped`: hidden by a later layer, but there to be read.
    #[cfg_attr(test, schemars(extend("enum" = ["visible", "shipped", null])))]
    state: Option<&'static str>,
}

/// A question that the image's bytes cannot answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Undecided<'a> {
    /// The rule that asked.
    rule: &'static str,
    /// What was asked about.
    subject: &'a str,
    /// Why there is no answer.
    reason: &'a str,
}

/// Something that was not looked at.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NotExamined<'a> {
    /// What it is.
    kind: &'a str,
    /// How many.
    count: u64,
    /// How many bytes, where that is known.
    bytes: Option<u64>,
    /// Why.
    reason: &'a str,
}

/// A manifest beside the image that is no image.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Evidence<'a> {
    /// `attestation`, `artifact`.
    kind: &'a str,
    /// Its manifest.
    digest: &'a str,
    /// The type it claims.
    media_type: &'a str,
    /// The manifest it speaks of, where it says so.
    subject: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn of(report: &'a Report) -> Document<'a> {
        Document {
            version: VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            policies: report.policies.iter().map(|p| Policy { name: &p.name, sha256: &p.sha256 }).collect(),
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
    let prints = fingerprints(&report.findings);
    ImageEntry {
        reference: &image.reference,
        names: &image.names,
        manifest_digest: image.manifest_digest.as_ref().map(|digest| digest.as_str()),
        config_digest: image.config_digest.as_str(),
        platform: &image.platform,
        verdict: report.verdict.name(),
        faults: &report.faults,
        counts: counts(&report.findings),
        sizes,
        layers: (0..image.layers.len()).map(|index| layer(report, index)).collect(),
        findings: report.findings.iter().zip(prints).map(|(found, print)| finding(image, found, print)).collect(),
        undecided: report
            .undecided
            .iter()
            .map(|(rule, question)| Undecided { rule, subject: &question.subject, reason: &question.reason })
            .collect(),
        not_examined: report
            .not_examined
            .iter()
            .map(|n| NotExamined { kind: &n.kind, count: n.count, bytes: n.bytes, reason: &n.reason })
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

fn counts(findings: &[Finding]) -> Counts {
    let mut counts = Counts::default();
    for finding in findings {
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
    let named = &report.image.layers[index];
    let read = report.layers.get(index);
    let digest = read.map(|layer| &layer.digest).or(named.digest.as_ref());
    Layer {
        index,
        diff_id: named.diff_id.as_str(),
        digest: digest.map(|digest| digest.as_str()),
        media_type: named.media_type.as_deref(),
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

fn finding<'a>(image: &'a Image, finding: &'a Finding, fingerprint: String) -> FindingEntry<'a> {
    FindingEntry {
        rule: finding.rule,
        level: finding.level.name(),
        confidence: finding.confidence.name(),
        message: &finding.message,
        scope: finding.scope.name(),
        fingerprint,
        fix: &finding.fix,
        waiver: None,
        locations: finding.locations.iter().map(|location| place(image, location)).collect(),
    }
}

fn place<'a>(image: &'a Image, location: &'a Location) -> Place<'a> {
    let layer = location.layer.and_then(|index| image.layers.get(index));
    Place {
        path: location.path.as_ref().map(|path| format!("/{}", exact_bytes(path))),
        layer: location.layer,
        diff_id: layer.map(|layer| layer.diff_id.as_str()),
        instruction: location.layer.and_then(|index| image.instruction(index)).map(|made| made.text.as_str()),
        config: location.config.as_deref(),
        state: location.state.map(|state| state.name()),
    }
}

/// Indented JSON in which every character that may harm a terminal or a reader's eye is `\uXXXX`.
struct Harmless(PrettyFormatter<'static>);

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut written = 0;
        for (at, c) in fragment.char_indices().filter(|&(_, c)| is_harmful(c)) {
            writer.write_all(&fragment.as_bytes()[written..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            written = at + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use schemars::generate::SchemaSettings;

    fn text(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, &mut out).expect("memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn the_sample_as_a_whole() {
        let value: serde_json::Value = serde_json::from_str(&text(&sample::bad())).expect("JSON");
        assert_eq!(value["version"], 1);
        assert_eq!(value["tool"]["name"], "plimsoll");
        assert_eq!(value["verdict"], "fail");
        let image = &value["images"][0];
        assert_eq!(image["counts"], serde_json::json!({"error": 4, "warn": 1, "note": 1, "waived": 0}));
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
    fn hostile_texts_are_exact_and_harmless() {
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
    fn the_schema_in_docs_is_fresh() {
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
