//! From findings and open questions to pass, fail or unjudged, and the report that carries all of it.
//!
//! Nothing here reads an image or prints. In: what the rules said, what could not be read. Out: [`Report`].

use crate::model::digest::Digest;
use crate::model::finding::Cause;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Undecided;
use crate::model::image::Image;
use crate::model::layer_facts::Compression;
use crate::policy::PolicyName;

/// May it ship?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No finding at the level that fails.
    Pass,
    /// At least one.
    Fail,
    /// Something that decides was denied by damage or a limit.
    Unjudged,
}

impl Verdict {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Unjudged => "unjudged",
        }
    }

    /// 0 pass, 1 fail, 2 unjudged.
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

/// From which level on a finding fails the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// This level and above.
    Level(Level),
    /// Report only.
    Never,
}

/// What one run says.
pub struct Report {
    /// The policies that judged.
    pub policies: Vec<PolicyName>,
    /// From which level on a finding fails.
    pub fail_on: FailOn,
    /// Every image, in the order of the inputs.
    pub images: Vec<ImageReport>,
    /// Inputs that could not be read at all, as messages for people.
    pub errors: Vec<InputError>,
}

/// An input that could not be read at all.
#[derive(Clone, Debug)]
pub struct InputError {
    /// As the user typed it.
    pub reference: String,
    /// What went wrong and where, harmless to show.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What is said of one image.
pub struct ImageReport {
    /// What it is.
    pub image: Image,
    /// May it ship?
    pub verdict: Verdict,
    /// Why it could not be judged; empty unless something is damaged or a limit was hit.
    pub faults: Vec<String>,
    /// Bytes; `None` where the layers could not be read.
    pub sizes: Option<ImageSizes>,
    /// What each layer holds; empty where the layers could not be read.
    pub layers: Vec<LayerReport>,
    /// Sorted: level, rule, primary path, subject.
    pub findings: Vec<Finding>,
    /// Open questions with the rule that asked.
    pub undecided: Vec<(&'static str, Undecided)>,
    /// What was not looked at.
    pub not_examined: Vec<NotExamined>,
    /// Attestations and artifacts beside the image.
    pub evidence: Vec<Evidence>,
}

/// Sums over the layers, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageSizes {
    /// Stored bytes of all layers; `None` where any layer is stored plain.
    pub compressed: Option<u64>,
    /// Bytes of the tars.
    pub uncompressed: u64,
    /// Regular files of the merged view, each inode once.
    pub visible: u64,
    /// Regular files that were shipped and can no longer be seen.
    pub wasted: u64,
}

/// What one layer holds.
pub struct LayerReport {
    /// Digest of the stored bytes.
    pub digest: Digest,
    /// Told by the first bytes.
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

/// Something that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotExamined {
    /// `platform`, `layer`, `tar trailer`, …
    pub kind: String,
    /// How many.
    pub count: u64,
    /// How many bytes, where that is known.
    pub bytes: Option<u64>,
    /// Why.
    pub reason: String,
}

/// A manifest beside the image that is no image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// `attestation`, `artifact`.
    pub kind: String,
    /// Its manifest.
    pub digest: String,
    /// The type it claims.
    pub media_type: String,
    /// The manifest it speaks of, where it says so.
    pub subject: Option<String>,
}

impl Report {
    /// The worst of all: 2 where anything could not be judged, else 1 where an image fails, else 0.
    pub fn verdict(&self) -> Verdict {
        let worst = self.images.iter().map(|image| image.verdict).max();
        match worst {
            _ if !self.errors.is_empty() => Verdict::Unjudged,
            Some(verdict) => verdict,
            None => Verdict::Unjudged,
        }
    }
}

/// Judges one image. `levels` gives the level at which the policy holds a rule.
pub fn judge(
    faults: &[String],
    findings: &[Finding],
    undecided: &[(&'static str, Undecided)],
    fail_on: FailOn,
    level_of: impl Fn(&str) -> Level,
) -> Verdict {
    let decides = |level: Level| match fail_on {
        FailOn::Level(line) => level >= line && level != Level::Off,
        FailOn::Never => false,
    };
    let denied = undecided.iter().any(|(rule, question)| question.cause == Cause::Denied && decides(level_of(rule)));
    if !faults.is_empty() || denied {
        Verdict::Unjudged
    } else if findings.iter().any(|finding| decides(finding.level)) {
        Verdict::Fail
    } else {
        Verdict::Pass
    }
}

/// Puts findings into the order that every report has.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let place = |f: &Finding| f.locations.first().and_then(|l| l.path.clone());
        b.level
            .cmp(&a.level)
            .then_with(|| a.rule.cmp(b.rule))
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| a.subject.cmp(&b.subject))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_question_counts_only_where_it_decides() {
        let open = [("root-user", Undecided::denied("User", "too large"))];
        let at = |level| move |_: &str| level;
        let error = FailOn::Level(Level::Error);
        assert_eq!(judge(&[], &[], &open, error, at(Level::Error)), Verdict::Unjudged);
        assert_eq!(judge(&[], &[], &open, error, at(Level::Warn)), Verdict::Pass);
        assert_eq!(judge(&[], &[], &open, FailOn::Level(Level::Warn), at(Level::Warn)), Verdict::Unjudged);
        let unknowable = [("root-user", Undecided::unknowable("User", "a variable"))];
        assert_eq!(judge(&[], &[], &unknowable, error, at(Level::Error)), Verdict::Pass);
        assert_eq!(judge(&["x".to_string()], &[], &[], FailOn::Never, at(Level::Off)), Verdict::Unjudged);
    }
}
