//! The pipeline: from references and a policy to a report.

use crate::examine;
use crate::examine::Examined;
use crate::examine::Options;
use crate::facts::Facts;
use crate::image::Listing;
use crate::image::NonImage;
use crate::image::error::ImageError;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Undecided;
use crate::model::image::Image;
use crate::model::layer_facts::Compression;
use crate::model::text::shown;
use crate::policy::Policy;
use crate::rules;
use crate::rules::Out;
use crate::verdict;
use crate::verdict::Evidence;
use crate::verdict::FailOn;
use crate::verdict::ImageReport;
use crate::verdict::ImageSizes;
use crate::verdict::InputError;
use crate::verdict::LayerReport;
use crate::verdict::NotExamined;
use crate::verdict::Report;
use crate::view::View;

/// What to audit, and how.
#[derive(Clone, Debug)]
pub struct AuditRequest {
    /// What the user typed.
    pub references: Vec<String>,
    /// What to hold the images to.
    pub policy: Policy,
    /// From which level on a finding fails.
    pub fail_on: FailOn,
    /// Only images of this platform.
    pub platform: Option<String>,
    /// The base image's reference: its layers are the base's, the others the image's own.
    pub base: Option<String>,
    /// Threads that read layers.
    pub threads: usize,
}

/// Audits every image of every reference. Inputs that cannot be read are in the report's errors.
pub fn run(request: &AuditRequest) -> Report {
    let mut report = Report {
        policies: request.policy.names.clone(),
        fail_on: request.fail_on,
        images: Vec::new(),
        errors: Vec::new(),
    };
    let base = match request.base.as_deref().map(|text| (text, examine::open(text, None))) {
        None => None,
        Some((_, Ok(opened))) => Some(opened.listing),
        Some((text, Err(error))) => {
            report.errors.push(input_error(text, &error));
            None
        }
    };
    for reference in &request.references {
        match examine::open(reference, request.platform.as_deref()) {
            Ok(opened) => input(reference, opened.listing, base.as_ref(), request, &mut report),
            Err(error) => report.errors.push(input_error(reference, &error)),
        }
    }
    report
}

/// An input's error as the report has it.
pub fn input_error(reference: &str, error: &ImageError) -> InputError {
    InputError { reference: reference.to_string(), message: error.to_string(), hint: error.hint() }
}

fn input(reference: &str, mut listing: Listing, base: Option<&Listing>, request: &AuditRequest, report: &mut Report) {
    report.errors.extend(listing.broken.iter().map(|error| input_error(reference, error)));
    let options = Options { threads: request.threads, sha256: false };
    for candidate in &mut listing.images {
        if let Some(base) = base {
            candidate.image.base_layers = base_layers(&candidate.image, base);
        }
    }
    let claimed: Vec<Option<String>> = listing.images.iter().map(|c| c.index_platform.clone()).collect();
    let examined = examine::examine(std::mem::take(&mut listing.images), &options);
    for (examined, claimed) in examined.into_iter().zip(claimed) {
        let mut judged = judge(examined, base.is_some(), request);
        judged.evidence = evidence(&listing.non_images, &judged.image);
        judged.not_examined.extend(absent(&listing));
        if let Some(claimed) = claimed.filter(|claimed| !same_platform(claimed, &judged.image.platform)) {
            judged.undecided.push((
                "platform",
                Undecided::unknowable(
                    "platform",
                    format!("the index says {}, the config says {}", shown(&claimed), shown(&judged.image.platform)),
                ),
            ));
        }
        report.images.push(judged);
    }
}

/// An index may leave the variant out, and configs often do.
fn same_platform(a: &str, b: &str) -> bool {
    let first_two = |text: &str| text.split('/').take(2).map(str::to_string).collect::<Vec<_>>();
    first_two(a) == first_two(b)
}

/// How many of the image's lowest layers are all of a base's; the longest base counts, and an image is not its own base.
fn base_layers(image: &Image, base: &Listing) -> Option<usize> {
    let layers = &image.config.diff_ids;
    base.images
        .iter()
        .map(|candidate| &candidate.image.config.diff_ids)
        .filter(|ids| !ids.is_empty() && ids.len() < layers.len() && layers.starts_with(ids))
        .map(Vec::len)
        .max()
}

fn judge(examined: Examined, base_given: bool, request: &AuditRequest) -> ImageReport {
    let Examined { image, view, mut faults } = examined;
    let denied = Undecided::denied("the merged filesystem", "not every layer could be read");
    let facts = Facts::new(&image, view.as_ref().ok_or(denied));
    let (mut findings, mut undecided) = check(&facts, &request.policy);
    if base_given && image.base_layers.is_none() {
        let reason = "the base given with --base does not lie below this image: no layer is known to be the base's";
        undecided.push(("scope", Undecided::unknowable("base", reason)));
    }
    if let Some(mismatch) = &image.history_mismatch {
        undecided.push(("instructions", Undecided::unknowable("history", mismatch.clone())));
    }
    drop(facts);
    if view.as_ref().is_some_and(View::is_exhausted) {
        faults.push("its paths lead through more links than the limit (link steps)".to_string());
    }
    let mut not_examined = Vec::new();
    let mut layers = Vec::new();
    let mut sizes = None;
    if view.is_none() && !image.layers.is_empty() {
        not_examined.push(NotExamined {
            kind: "layer".to_string(),
            count: image.layers.len() as u64,
            bytes: None,
            reason: "the image is damaged or foreign, so its files were not looked at".to_string(),
        });
    }
    if let Some(view) = &view {
        not_examined.extend(trailers(view));
        undecided.extend(oddities(view));
        layers = layer_reports(view);
        sizes = Some(image_sizes(view));
    }
    verdict::sort(&mut findings);
    let level_of = |rule: &str| request.policy.level(rule);
    let verdict = verdict::judge(&faults, &findings, &undecided, request.fail_on, level_of);
    ImageReport { image, verdict, faults, sizes, layers, findings, undecided, not_examined, evidence: Vec::new() }
}

fn check(facts: &Facts<'_>, policy: &Policy) -> (Vec<Finding>, Vec<(&'static str, Undecided)>) {
    let (mut findings, mut undecided) = (Vec::new(), Vec::new());
    for rule in rules::ALL.iter().copied() {
        let Some(held) = policy.rules.get(rule.id).filter(|held| held.level != Level::Off) else { continue };
        let mut out = Out::new(rule, held.level, facts);
        if let Err(question) = (rule.check)(facts, &held.settings, &mut out) {
            out.undecided(question);
        }
        let (mut found, open) = out.finish();
        findings.append(&mut found);
        undecided.extend(open.into_iter().map(|question| (rule.id, question)));
    }
    (findings, undecided)
}

fn evidence(beside: &[NonImage], image: &Image) -> Vec<Evidence> {
    let own = image.manifest_digest.as_ref().map(|digest| digest.as_str());
    beside
        .iter()
        .filter(|item| item.subject.is_none() || item.subject.as_deref() == own)
        .map(|item| Evidence {
            kind: item.kind.to_string(),
            digest: item.digest.clone(),
            media_type: item.media_type.clone(),
            subject: item.subject.clone(),
        })
        .collect()
}

fn absent(listing: &Listing) -> Vec<NotExamined> {
    let of = |absent: &crate::image::MissingImage| NotExamined {
        kind: "platform".to_string(),
        count: 1,
        bytes: None,
        reason: format!(
            "{}: its manifest {} is not in the input",
            if absent.platform.is_empty() {
                "an image without a platform".to_string()
            } else {
                shown(&absent.platform)
            },
            absent.digest
        ),
    };
    listing.missing.iter().map(of).collect()
}

/// Bytes that no reader unpacks: they are part of the digests, and nobody looked into them.
fn trailers(view: &View) -> Vec<NotExamined> {
    let mut out = Vec::new();
    for (index, layer) in view.layers().iter().enumerate() {
        let mut of = |bytes: u64, what: &str| {
            if bytes > 0 {
                let reason = format!("layer {index}: {what}");
                out.push(NotExamined { kind: "trailer".to_string(), count: 1, bytes: Some(bytes), reason });
            }
        };
        of(layer.sizes.after_end, "bytes behind the end of its tar, which no runtime unpacks");
        of(layer.sizes.after_stream, "bytes behind the end of its compressed stream, which no runtime unpacks");
    }
    out
}

fn oddities(view: &View) -> Vec<(&'static str, Undecided)> {
    let layers = view.layers().iter().enumerate();
    layers
        .flat_map(|(index, layer)| {
            layer
                .reader_differences
                .iter()
                .map(move |odd| ("layers", Undecided::unknowable(format!("layer {index}"), odd.clone())))
        })
        .collect()
}

fn layer_reports(view: &View) -> Vec<LayerReport> {
    let of = |layer: &std::sync::Arc<crate::model::layer_facts::LayerFacts>| LayerReport {
        digest: layer.digest.clone(),
        compression: layer.compression,
        stored: layer.sizes.stored,
        uncompressed: layer.sizes.tar,
        entries: layer.counts.entries(),
        whiteouts: layer.counts.whiteouts + layer.counts.opaque,
    };
    view.layers().iter().map(of).collect()
}

fn image_sizes(view: &View) -> ImageSizes {
    let plain = view.layers().iter().any(|layer| layer.compression == Compression::None);
    ImageSizes {
        compressed: (!plain).then(|| view.layers().iter().map(|layer| layer.sizes.stored).sum()),
        uncompressed: view.layers().iter().map(|layer| layer.sizes.tar).sum(),
        visible: view.visible_bytes(),
        wasted: view.wasted_bytes(),
    }
}
