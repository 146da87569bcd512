//! The report: the results of one run, as data.
//!
//! Not here: building it from examined images (`report::build`), or writing it (`output`).

pub mod build;

use crate::model::digest::Digest;
use crate::model::fault::ImageFault;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Question;
use crate::model::finding::RuleId;
use crate::model::image::Image;
use crate::model::layer_facts::Compression;
use crate::policy::PolicyName;
use crate::verdict::FailOn;
use crate::verdict::Verdict;

/// The results of one run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The policies that applied.
    pub policies: Vec<PolicyName>,
    /// Every rule that was checked, sorted by id, whether or not it found anything.
    pub rules: Vec<CheckedRule>,
    /// The lowest level at which a finding fails.
    pub fail_on: FailOn,
    /// Every image, in the order of the inputs.
    pub images: Vec<ImageReport>,
    /// Inputs that could not be read at all.
    pub errors: Vec<InputError>,
}

/// A rule that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedRule {
    /// The rule's id.
    pub id: RuleId,
    /// The policy's level for it.
    pub level: Level,
}

/// An input that could not be read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputError {
    /// As the user typed it.
    pub reference: String,
    /// What went wrong and where, harmless to show; without the reference.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The report on one image.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImageReport {
    /// The image.
    pub(crate) image: Image,
    /// Whether it is fit to ship.
    pub verdict: Verdict,
    /// Why it could not be judged; empty unless something is damaged or a limit was reached.
    pub faults: Vec<ImageFault>,
    /// In bytes; `None` if the layers could not be read.
    pub sizes: Option<ImageSizes>,
    /// Each layer; empty if the layers could not be read.
    pub layers: Vec<LayerReport>,
    /// Sorted by level, rule, primary path and subject.
    pub findings: Vec<Finding>,
    /// Undecided questions.
    pub undecided: Vec<Question>,
    /// What was not checked.
    pub not_examined: Vec<NotExamined>,
    /// Attestations and artifacts next to the image.
    pub evidence: Vec<Evidence>,
}

/// Sums over the layers, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageSizes {
    /// Stored bytes of all layers; `None` if any layer is stored uncompressed.
    pub compressed: Option<u64>,
    /// Bytes of the tars.
    pub uncompressed: u64,
    /// Regular files of the merged view, each inode once.
    pub visible: u64,
    /// Regular files that ship but are hidden.
    pub wasted: u64,
}

/// The sizes and counts of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerReport {
    /// Digest of the stored bytes.
    pub digest: Digest,
    /// Detected from the first bytes.
    pub compression: Compression,
    /// Stored bytes.
    pub stored: u64,
    /// Bytes of the tar.
    pub uncompressed: u64,
    /// Entries without whiteouts and opaque markers.
    pub entries: u64,
    /// Whiteouts and opaque markers.
    pub whiteouts: u64,
}

/// Something that was not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotExamined {
    /// `platform`, `layer`, `trailer`.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// How many bytes, if known.
    pub bytes: Option<u64>,
    /// The layer it is in, if it is in one; 0 is the bottom layer.
    pub layer: Option<usize>,
    /// Why.
    pub reason: String,
}

/// A manifest next to the image that is not an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// `attestation`, `artifact`.
    pub kind: String,
    /// The digest of its manifest.
    pub digest: String,
    /// The type it claims.
    pub media_type: String,
    /// The digest of the manifest it is about, if it names one.
    pub subject: Option<String>,
}

impl ImageReport {
    /// The name to call the image by: its first name, or what the user typed.
    pub fn title(&self) -> &str {
        self.image.title()
    }

    /// The names that the input gives the image, sorted, as Docker shows them.
    pub fn names(&self) -> &[String] {
        &self.image.names
    }

    /// `linux/amd64`, from the config.
    pub fn platform(&self) -> &str {
        &self.image.platform
    }

    /// Digest of the manifest; `None` in a docker archive without one.
    pub fn manifest_digest(&self) -> Option<&Digest> {
        self.image.manifest_digest.as_ref()
    }

    /// Digest of the config: Docker's image id.
    pub fn config_digest(&self) -> &Digest {
        &self.image.config_digest
    }

    /// The instruction that made a layer, as near to what the author wrote as history allows; 0 is the bottom layer.
    pub fn instruction(&self, layer: usize) -> Option<&str> {
        self.image.instruction(layer).map(|instruction| instruction.text.as_str())
    }
}

impl Report {
    /// The worst verdict of all images; unjudged if an input could not be read or no image was given.
    pub fn verdict(&self) -> Verdict {
        match self.images.iter().map(|image| image.verdict).max() {
            Some(verdict) if self.errors.is_empty() => verdict,
            _ => Verdict::Unjudged,
        }
    }
}
