//! The verdict: from findings, undecided questions and faults to pass, fail or unjudged.

use crate::model::fault::ImageFault;
use crate::model::finding::Cause;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Question;
use std::fmt;

/// Whether an image is fit to ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No finding at a level that fails.
    Pass,
    /// At least one finding at a level that fails.
    Fail,
    /// Damage or a limit prevented a check that decides the verdict.
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

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The lowest level at which a finding fails the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// This level and above.
    Level(Level),
    /// Findings never fail an image.
    Never,
}

impl FailOn {
    /// Whether a finding at this level fails the image.
    pub fn includes(self, level: Level) -> bool {
        match self {
            FailOn::Level(lowest) => level >= lowest && level != Level::Off,
            FailOn::Never => false,
        }
    }
}

/// Judges one image. `level_of` returns the level of a rule in the policy. Waived findings don't count.
pub fn judge(
    faults: &[ImageFault],
    findings: &[Finding],
    undecided: &[Question],
    fail_on: FailOn,
    level_of: impl Fn(&str) -> Level,
) -> Verdict {
    let is_denied = |question: &Question| {
        question.undecided.cause == Cause::Denied && fail_on.includes(level_of(question.rule.as_str()))
    };
    if !faults.is_empty() || undecided.iter().any(is_denied) {
        Verdict::Unjudged
    } else if findings.iter().any(|finding| finding.waiver.is_none() && fail_on.includes(finding.level)) {
        Verdict::Fail
    } else {
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::RuleId;
    use crate::model::finding::Undecided;

    fn question(undecided: Undecided) -> [Question; 1] {
        [Question::new(RuleId::new("root-user"), undecided)]
    }

    #[test]
    fn a_denied_question_counts_only_at_a_failing_level() {
        let denied = question(Undecided::denied("User", "too large"));
        let at = |level| move |_: &str| level;
        let error = FailOn::Level(Level::Error);
        assert_eq!(judge(&[], &[], &denied, error, at(Level::Error)), Verdict::Unjudged);
        assert_eq!(judge(&[], &[], &denied, error, at(Level::Warn)), Verdict::Pass);
        assert_eq!(judge(&[], &[], &denied, FailOn::Level(Level::Warn), at(Level::Warn)), Verdict::Unjudged);
    }

    #[test]
    fn an_unknowable_question_never_changes_the_verdict() {
        let unknowable = question(Undecided::unknowable("User", "a variable"));
        assert_eq!(judge(&[], &[], &unknowable, FailOn::Level(Level::Error), |_| Level::Error), Verdict::Pass);
    }

    #[test]
    fn a_fault_makes_an_image_unjudged_even_if_nothing_fails() {
        assert_eq!(judge(&[ImageFault::Windows], &[], &[], FailOn::Never, |_| Level::Off), Verdict::Unjudged);
    }
}
