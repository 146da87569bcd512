//! What rules report: findings and undecided questions.

use crate::model::fingerprint::Fingerprint;
use std::borrow::Cow;
use std::fmt;

/// The id of a rule, built in or defined by data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(Cow<'static, str>);

impl RuleId {
    /// The id of a built-in rule.
    pub const fn new(id: &'static str) -> RuleId {
        RuleId(Cow::Borrowed(id))
    }

    /// The id as written in policies and reports.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for RuleId {
    fn from(id: String) -> RuleId {
        RuleId(Cow::Owned(id))
    }
}

impl PartialEq<str> for RuleId {
    fn eq(&self, other: &str) -> bool {
        self.0 == *other
    }
}

impl PartialEq<&str> for RuleId {
    fn eq(&self, other: &&str) -> bool {
        self.0 == **other
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The level of a finding. `Off` turns a rule off in a policy; no finding has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The rule is not checked.
    Off,
    /// Worth knowing.
    Note,
    /// Worth fixing.
    Warn,
    /// The image must not ship.
    Error,
}

impl Level {
    /// The word that policies and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Note => "note",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }

    /// Parses the word that policies use.
    pub fn parse(text: &str) -> Option<Level> {
        [Level::Off, Level::Note, Level::Warn, Level::Error].into_iter().find(|level| level.name() == text)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How certain a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// The bytes prove it.
    Certain,
    /// Only build history or a label suggests it, or it has more than one interpretation.
    Likely,
}

impl Confidence {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Certain => "certain",
            Confidence::Likely => "likely",
        }
    }
}

/// Whether a layer belongs to the base image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It is above the base image.
    Own,
    /// It belongs to the base image.
    Base,
    /// The base image is unknown.
    Unknown,
}

impl Scope {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Own => "own",
            Scope::Base => "base",
            Scope::Unknown => "unknown",
        }
    }
}

/// Whether a path is visible in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the merged view.
    Visible,
    /// Hidden by a later layer, but still shipped.
    Shipped,
}

impl State {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            State::Visible => "visible",
            State::Shipped => "shipped",
        }
    }
}

/// Where a finding applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// A path in the image, without a leading slash.
    pub path: Option<Vec<u8>>,
    /// The layer that ships it; 0 is the bottom layer.
    pub layer: Option<usize>,
    /// A field of the config, such as `config.User` or `config.Env[DB_PASSWORD]`.
    pub config: Option<String>,
    /// For paths.
    pub state: Option<State>,
    /// What is there, in a few words that are harmless to show: `354 B`, `gcc 14.2.0`.
    pub detail: Option<String>,
}

impl Location {
    /// A field of the config.
    pub fn config(field: impl Into<String>) -> Location {
        Location { config: Some(field.into()), ..Location::default() }
    }

    /// A path in a layer.
    pub fn path(path: &[u8], layer: Option<usize>, state: State) -> Location {
        Location { path: Some(path.to_vec()), layer, state: Some(state), ..Location::default() }
    }

    /// A layer as a whole.
    pub fn layer(layer: usize) -> Location {
        Location { layer: Some(layer), ..Location::default() }
    }

    /// Adds a few words about what is there.
    pub fn detail(self, detail: impl Into<String>) -> Location {
        Location { detail: Some(detail.into()), ..self }
    }
}

/// What to do about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to do, as a short sentence without a full stop.
    pub advice: String,
    /// The Dockerfile lines that do it; empty if a few lines can't.
    pub lines: Vec<String>,
}

impl Fix {
    /// Advice without Dockerfile lines.
    pub fn new(advice: impl Into<String>) -> Fix {
        Fix { advice: advice.into(), lines: Vec::new() }
    }

    /// Adds a Dockerfile line.
    pub fn line(mut self, line: impl Into<String>) -> Fix {
        self.lines.push(line.into());
        self
    }
}

impl<T: Into<String>> From<T> for Fix {
    fn from(advice: T) -> Fix {
        Fix::new(advice)
    }
}

/// Why a finding is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The reason given in the policy.
    pub reason: String,
}

/// The places of one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The lowest directory that contains all of them, without a leading slash.
    pub directory: Vec<u8>,
    /// How many there are; a finding lists the locations of at most 500.
    pub count: u64,
}

/// A broken rule: one cause and its places.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule's id.
    pub rule: RuleId,
    /// From the policy.
    pub level: Level,
    /// How certain it is.
    pub confidence: Confidence,
    /// What is broken, without digests and sizes: identifies the finding across rebuilds, together with the rule.
    pub subject: String,
    /// The fact, as one sentence without a full stop.
    pub message: String,
    /// What to do.
    pub fix: Fix,
    /// Where; the first is the primary one.
    pub locations: Vec<Location>,
    /// The places of this cause, for a rule that groups them.
    pub group: Option<Group>,
    /// Whether it belongs to the base image.
    pub scope: Scope,
    /// Identifies the finding across rebuilds.
    pub fingerprint: Fingerprint,
    /// The waiver that accepts it.
    pub waiver: Option<Waiver>,
}

/// Why a question is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The image doesn't contain the answer (a shell variable, an ACL). Never makes an image unjudged.
    Unknowable,
    /// Damage or a limit prevents the answer. Makes the image unjudged if the rule is at a failing level.
    Denied,
}

/// An undecided question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Undecided {
    /// What it is about: a path, a variable, a field.
    pub subject: String,
    /// Why it is undecided, as a clause.
    pub reason: String,
    /// Whether the image lacks the answer, or damage or a limit prevents it.
    pub cause: Cause,
}

/// An undecided question and its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The rule's id, or the name of one of the program's own checks.
    pub rule: RuleId,
    /// What is undecided, and why.
    pub undecided: Undecided,
    /// The layer it is about, if it is about one; 0 is the bottom layer.
    pub layer: Option<usize>,
}

impl Question {
    /// A question that is not about one layer.
    pub fn new(rule: RuleId, undecided: Undecided) -> Question {
        Question { rule, undecided, layer: None }
    }
}

impl Undecided {
    /// The image doesn't contain the answer.
    pub fn unknowable(subject: impl Into<String>, reason: impl Into<String>) -> Undecided {
        Undecided { subject: subject.into(), reason: reason.into(), cause: Cause::Unknowable }
    }

    /// Damage or a limit prevents the answer.
    pub fn denied(subject: impl Into<String>, reason: impl Into<String>) -> Undecided {
        Undecided { subject: subject.into(), reason: reason.into(), cause: Cause::Denied }
    }
}
