//! The pipeline: from references and a policy to a report.

use crate::examine;
use crate::examine::Options;
use crate::image::Listing;
use crate::image::error::ImageError;
use crate::limits;
use crate::model::finding::Level;
use crate::model::image::Image;
use crate::model::text::shown;
use crate::platform::Platform;
use crate::policy;
use crate::policy::Policy;
use crate::policy::PolicyError;
use crate::report::InputError;
use crate::report::Report;
use crate::report::build;
use crate::report::build::Criteria;
use crate::rules;
use crate::verdict::FailOn;
use std::io;
use std::io::Read;
use std::path::Path;

/// An audit: the policy to check images against, and how to read them.
#[derive(Clone, Debug)]
pub struct Audit {
    policy: Policy,
    fail_on: FailOn,
    platform: Option<Platform>,
    base: Option<String>,
    threads: usize,
}

impl Audit {
    /// An audit of all platforms against a policy. Findings at [`Level::Error`] fail an image.
    pub fn new(policy: Policy) -> Audit {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        Audit { policy, fail_on: FailOn::Level(Level::Error), platform: None, base: None, threads }
    }

    /// Audits only images of this platform, such as `linux/amd64`.
    ///
    /// # Errors
    ///
    /// The text is not a platform.
    pub fn platform<P: TryInto<Platform>>(mut self, platform: P) -> Result<Audit, P::Error> {
        self.platform = Some(platform.try_into()?);
        Ok(self)
    }

    /// Names the base image of the audited images, so that the report can tell its layers from theirs. A base image
    /// that can't be read is listed in the report's errors.
    pub fn base(mut self, reference: impl Into<String>) -> Audit {
        self.base = Some(reference.into());
        self
    }

    /// Sets the lowest level at which a finding fails an image.
    pub fn fail_on(mut self, fail_on: FailOn) -> Audit {
        self.fail_on = fail_on;
        self
    }

    /// Sets how many threads read layers; 0 counts as 1. The default is one per core.
    pub fn threads(mut self, threads: usize) -> Audit {
        self.threads = threads.max(1);
        self
    }

    /// Audits every image in every input: `app.tar`, `oci:DIR[:TAG]`, or `-` for standard input. Inputs that can't be
    /// read are listed in the report's errors.
    pub fn run<R: Into<String>>(&self, references: impl IntoIterator<Item = R>) -> Report {
        let mut report = Report {
            policies: self.policy.names.clone(),
            rules: build::checked_rules(&self.policy),
            fail_on: self.fail_on,
            images: Vec::new(),
            errors: Vec::new(),
        };
        let base = match self.base.as_deref().map(|text| (text, examine::open(text, None))) {
            None => None,
            Some((_, Ok(opened))) => Some(opened.listing),
            Some((text, Err(error))) => {
                report.errors.push(input_error(text, &error));
                None
            }
        };
        for reference in references.into_iter().map(Into::into) {
            match examine::open(&reference, self.platform.as_ref().map(Platform::as_str)) {
                Ok(opened) => self.audit_input(&reference, opened.listing, base.as_ref(), &mut report),
                Err(error) => report.errors.push(input_error(&reference, &error)),
            }
        }
        report
    }

    fn audit_input(&self, reference: &str, mut listing: Listing, base: Option<&Listing>, report: &mut Report) {
        report.errors.extend(listing.broken.iter().map(|error| input_error(reference, error)));
        let mut candidates = std::mem::take(&mut listing.images);
        for candidate in &mut candidates {
            candidate.image.base_layers = base.and_then(|base| base_layers(&candidate.image, base));
        }
        let index_platforms: Vec<Option<String>> = candidates.iter().map(|c| c.index_platform.clone()).collect();
        let examined = examine::examine(candidates, &Options { threads: self.threads, sha256: false });
        let criteria = Criteria { policy: &self.policy, fail_on: self.fail_on, has_base: base.is_some() };
        for (examined, index_platform) in examined.into_iter().zip(index_platforms) {
            report.images.push(build::image_report(examined, index_platform.as_deref(), &listing, criteria));
        }
    }
}

impl Policy {
    /// The policy in a file, with the policies that it extends.
    ///
    /// # Errors
    ///
    /// The file can't be read or is invalid. The error contains every problem, with its line.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Policy, PolicyError> {
        // Only a slash (or `.toml`) distinguishes a path from the name of a built-in policy.
        let path = path.as_ref();
        let path = if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_path_buf() };
        policy::load(&path.to_string_lossy(), rules::ALL, &read_policy)
    }
}

/// Reads a policy file, at most one byte over the limit: that is enough to reject it.
pub fn read_policy(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limits::POLICY_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An input's error as it appears in the report.
pub fn input_error(reference: &str, error: &ImageError) -> InputError {
    let message = error.to_string();
    // The message is always shown after the reference, so it shouldn't repeat it.
    let rest = message.strip_prefix(reference).map(|rest| rest.trim_start_matches([':', ' ']));
    let message = match error.open_failure() {
        Some((path, source)) if reference.contains(path) => {
            let why = source.to_string();
            format!("cannot open it: {}", why.split(" (os error").next().unwrap_or(&why).to_lowercase())
        }
        _ => rest.filter(|rest| !rest.is_empty()).unwrap_or(&message).to_string(),
    };
    let is_not_found = error.open_failure().is_some_and(|(_, source)| source.kind() == io::ErrorKind::NotFound);
    let hint = if is_not_found && is_image_name(reference) {
        Some(format!(
            "plimsoll reads files; to audit an image that docker has, run `docker save {} | plimsoll audit -`",
            shown(reference)
        ))
    } else {
        error.hint()
    };
    InputError { reference: reference.to_string(), message, hint }
}

/// Whether a reference that is not a file looks like the name of an image: `nginx:latest`, `registry/app`.
fn is_image_name(reference: &str) -> bool {
    let is_path = reference.starts_with(['/', '.']) || reference.contains("..") || reference.ends_with('/');
    let last = reference.rsplit('/').next().unwrap_or(reference);
    let is_file = [".tar", ".tgz", ".gz", ".zst", ".xz", ".bz2"].iter().any(|extension| last.ends_with(extension));
    let is_name_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/:@".contains(&b);
    !is_path
        && !is_file
        && last.split(':').next().is_some_and(|name| name.bytes().all(is_name_byte) && !name.is_empty())
}

/// How many of the image's lowest layers are the layers of a base image. The base with the most layers counts; an image
/// is not its own base.
fn base_layers(image: &Image, base: &Listing) -> Option<usize> {
    let layers = &image.config.diff_ids;
    base.images
        .iter()
        .map(|candidate| &candidate.image.config.diff_ids)
        .filter(|ids| !ids.is_empty() && ids.len() < layers.len() && layers.starts_with(ids))
        .map(Vec::len)
        .max()
}
