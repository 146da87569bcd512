//! The pipeline: from references and a policy to a report.

use crate::examine;
use crate::examine::Options;
use crate::image::Listing;
use crate::image::error::ImageError;
use crate::model::image::Image;
use crate::model::text::shown;
use crate::policy::Policy;
use crate::report::InputError;
use crate::report::Report;
use crate::report::build;
use crate::report::build::Criteria;
use crate::verdict::FailOn;

/// What to audit, and how.
#[derive(Clone, Debug)]
pub struct AuditRequest {
    /// What the user typed.
    pub references: Vec<String>,
    /// What to hold the images to.
    pub policy: Policy,
    /// The lowest level at which a finding fails.
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
        rules: build::checked_rules(&request.policy),
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
    let message = error.to_string();
    // Whoever shows the message shows the reference before it.
    let rest = message.strip_prefix(reference).map(|rest| rest.trim_start_matches([':', ' ']));
    let message = rest.filter(|rest| !rest.is_empty()).unwrap_or(&message);
    let message = message.replace(&format!("cannot open {reference}: "), "cannot open it: ");
    let hint = match error.is_not_found() && is_image_name(reference) {
        true => Some(format!(
            "plimsoll reads files; to audit an image that docker has, run `docker save {} | plimsoll audit -`",
            shown(reference)
        )),
        false => error.hint(),
    };
    InputError { reference: reference.to_string(), message, hint }
}

/// Whether a reference that is not a file reads like the name of an image: `nginx:latest`, `registry/app`.
fn is_image_name(reference: &str) -> bool {
    let is_path = reference.starts_with(['/', '.']) || reference.contains("..") || reference.ends_with('/');
    let last = reference.rsplit('/').next().unwrap_or(reference);
    let is_file = [".tar", ".tgz", ".gz", ".zst", ".xz", ".bz2"].iter().any(|ending| last.ends_with(ending));
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/:@".contains(&b);
    !is_path && !is_file && last.split(':').next().is_some_and(|name| name.bytes().all(is_word) && !name.is_empty())
}

fn input(reference: &str, mut listing: Listing, base: Option<&Listing>, request: &AuditRequest, report: &mut Report) {
    report.errors.extend(listing.broken.iter().map(|error| input_error(reference, error)));
    let mut candidates = std::mem::take(&mut listing.images);
    for candidate in &mut candidates {
        candidate.image.base_layers = base.and_then(|base| base_layers(&candidate.image, base));
    }
    let claimed: Vec<Option<String>> = candidates.iter().map(|c| c.index_platform.clone()).collect();
    let examined = examine::examine(candidates, &Options { threads: request.threads, sha256: false });
    let criteria = Criteria { policy: &request.policy, fail_on: request.fail_on, has_base: base.is_some() };
    for (examined, claimed) in examined.into_iter().zip(claimed) {
        report.images.push(build::image_report(examined, claimed.as_deref(), &listing, criteria));
    }
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
