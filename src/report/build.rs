//! Builds the report on one image: checks the rules, judges the image, and adds up the sizes.

use crate::examine::Examined;
use crate::facts::Facts;
use crate::image::Listing;
use crate::image::MissingImage;
use crate::image::NonImage;
use crate::model::fault::ImageFault;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Question;
use crate::model::finding::RuleId;
use crate::model::finding::Undecided;
use crate::model::image::Image;
use crate::model::layer_facts::Compression;
use crate::model::layer_facts::LayerFacts;
use crate::model::text::shown;
use crate::policy::Policy;
use crate::report::CheckedRule;
use crate::report::Evidence;
use crate::report::ImageReport;
use crate::report::ImageSizes;
use crate::report::LayerReport;
use crate::report::NotExamined;
use crate::rules;
use crate::rules::Out;
use crate::verdict;
use crate::verdict::FailOn;
use crate::view::View;
use std::sync::Arc;

/// The criteria for judging an image.
#[derive(Clone, Copy)]
pub struct Criteria<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The lowest level at which a finding fails.
    pub fail_on: FailOn,
    /// Whether the user named a base image.
    pub has_base: bool,
}

/// The rules that a policy checks, sorted by id.
pub fn checked_rules(policy: &Policy) -> Vec<CheckedRule> {
    let checked = rules::ALL.iter().map(|rule| CheckedRule { id: RuleId::new(rule.id), level: policy.level(rule.id) });
    checked.filter(|rule| rule.level != Level::Off).collect()
}

/// Judges an examined image. `index_platform` is its platform according to the index.
pub fn image_report(
    examined: Examined,
    index_platform: Option<&str>,
    listing: &Listing,
    criteria: Criteria<'_>,
) -> ImageReport {
    let Examined { image, view, mut faults } = examined;
    let denied = Undecided::denied("the merged filesystem", "not every layer could be read");
    let facts = Facts::new(&image, view.as_ref().ok_or(denied));
    let (mut findings, mut undecided) = check_rules(&facts, criteria.policy);
    undecided.extend(image_questions(&image, index_platform, criteria.has_base));
    drop(facts);
    if view.as_ref().is_some_and(View::is_exhausted) {
        let limit = "resolving its paths follows more links than the limit (link steps)";
        faults.push(ImageFault::Limit(limit.to_string()));
    }
    let mut not_examined = Vec::new();
    let (mut layers, mut sizes) = (Vec::new(), None);
    match &view {
        Some(view) => {
            not_examined.extend(trailers(view));
            undecided.extend(reader_differences(view));
            layers = view.layers().iter().map(layer_report).collect();
            sizes = Some(image_sizes(view));
        }
        None if image.layers.is_empty() => {}
        None => not_examined.push(NotExamined {
            kind: "layer".to_string(),
            count: image.layers.len() as u64,
            bytes: None,
            layer: None,
            reason: "the image is damaged or foreign, so its files were not checked".to_string(),
        }),
    }
    not_examined.extend(listing.missing.iter().map(missing_image));
    sort_findings(&mut findings);
    let level_of = |rule: &str| criteria.policy.level(rule);
    let verdict = verdict::judge(&faults, &findings, &undecided, criteria.fail_on, level_of);
    let evidence = evidence(&listing.non_images, &image);
    ImageReport { image, verdict, faults, sizes, layers, findings, undecided, not_examined, evidence }
}

/// Reports on an image without checking any rules.
pub fn report_without_rules(examined: Examined, listing: &Listing) -> ImageReport {
    let policy = Policy::default();
    let criteria = Criteria { policy: &policy, fail_on: FailOn::Never, has_base: false };
    image_report(examined, None, listing, criteria)
}

fn check_rules(facts: &Facts<'_>, policy: &Policy) -> (Vec<Finding>, Vec<Question>) {
    let (mut findings, mut undecided) = (Vec::new(), Vec::new());
    for rule in rules::ALL.iter().copied() {
        let Some(configured) = policy.rules.get(rule.id).filter(|configured| configured.level != Level::Off) else {
            continue;
        };
        let mut out = Out::new(rule, configured.level, facts);
        if let Err(question) = (rule.check)(facts, &configured.settings, &mut out) {
            out.undecided(question);
        }
        let (found, questions) = out.finish();
        findings.extend(found);
        undecided.extend(questions);
    }
    (findings, undecided)
}

/// Undecided questions about the image as a whole, which belong to no rule.
fn image_questions(image: &Image, index_platform: Option<&str>, has_base: bool) -> Vec<Question> {
    let question =
        |rule, subject: &str, reason: String| Question::new(RuleId::new(rule), Undecided::unknowable(subject, reason));
    let mut questions = Vec::new();
    if has_base && image.base_layers.is_none() {
        let reason = "the image isn't built on the one that --base names, so its base layers are unknown";
        questions.push(question("scope", "base", reason.to_string()));
    }
    if let Some(mismatch) = &image.history_mismatch {
        questions.push(question("instructions", "history", mismatch.clone()));
    }
    if let Some(claimed) = index_platform.filter(|claimed| !same_platform(claimed, &image.platform)) {
        let reason = format!("the index says {}, the config says {}", shown(claimed), shown(&image.platform));
        questions.push(question("platform", "platform", reason));
    }
    questions
}

/// Compares platforms without the variant, which indexes may omit and configs often do.
fn same_platform(a: &str, b: &str) -> bool {
    a.split('/').take(2).eq(b.split('/').take(2))
}

/// Sorts findings into the order of every report.
fn sort_findings(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let place = |f: &Finding| f.locations.first().and_then(|l| l.path.clone());
        b.level
            .cmp(&a.level)
            .then_with(|| a.rule.cmp(&b.rule))
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| a.subject.cmp(&b.subject))
    });
}

fn evidence(non_images: &[NonImage], image: &Image) -> Vec<Evidence> {
    let own = image.manifest_digest.as_ref().map(|digest| digest.as_str());
    non_images
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

fn missing_image(missing: &MissingImage) -> NotExamined {
    let platform = match missing.platform.as_str() {
        "" => "an image without a platform".to_string(),
        platform => shown(platform),
    };
    let reason = format!("{platform}: its manifest {} is not in the input", missing.digest);
    NotExamined { kind: "platform".to_string(), count: 1, bytes: None, layer: None, reason }
}

/// Bytes that no runtime unpacks. They are part of the digests, but are not checked.
fn trailers(view: &View) -> Vec<NotExamined> {
    let mut trailers = Vec::new();
    for (index, layer) in view.layers().iter().enumerate() {
        let places = [
            (layer.sizes.after_end, "bytes after the end of its tar, which no runtime unpacks"),
            (layer.sizes.after_stream, "bytes after the end of its compressed stream, which no runtime unpacks"),
        ];
        for (bytes, reason) in places.into_iter().filter(|(bytes, _)| *bytes > 0) {
            trailers.push(NotExamined {
                kind: "trailer".to_string(),
                count: 1,
                bytes: Some(bytes),
                layer: Some(index),
                reason: reason.to_string(),
            });
        }
    }
    trailers
}

/// Parts of a layer's tar that readers interpret differently. plimsoll reads them as Docker does.
fn reader_differences(view: &View) -> Vec<Question> {
    let of_layer = |(index, layer): (usize, &Arc<LayerFacts>)| {
        let question = |difference: &String| Question {
            rule: RuleId::new("layers"),
            undecided: Undecided::unknowable("its tar", difference.clone()),
            layer: Some(index),
        };
        layer.reader_differences.iter().map(question).collect::<Vec<_>>()
    };
    view.layers().iter().enumerate().flat_map(of_layer).collect()
}

fn layer_report(layer: &Arc<LayerFacts>) -> LayerReport {
    LayerReport {
        digest: layer.digest.clone(),
        compression: layer.compression,
        stored: layer.sizes.stored,
        uncompressed: layer.sizes.tar,
        entries: layer.counts.entries(),
        whiteouts: layer.counts.whiteouts + layer.counts.opaque,
    }
}

/// Sums over the layers.
pub fn image_sizes(view: &View) -> ImageSizes {
    let plain = view.layers().iter().any(|layer| layer.compression == Compression::None);
    ImageSizes {
        compressed: (!plain).then(|| view.layers().iter().map(|layer| layer.sizes.stored).sum()),
        uncompressed: view.layers().iter().map(|layer| layer.sizes.tar).sum(),
        visible: view.visible_bytes(),
        wasted: view.wasted_bytes(),
    }
}
