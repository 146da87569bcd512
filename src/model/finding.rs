//! What a rule says: findings, and questions that the bytes cannot answer.

use crate::model::fingerprint::Fingerprint;
use std::borrow::Cow;
use std::fmt;

/// The id of a rule: a built-in one's, or one that data defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(Cow<'static, str>);

impl RuleId {
    /// A built-in rule's id.
    pub const fn new(id: &'static str) -> RuleId {
        RuleId(Cow::Borrowed(id))
    }

    /// The id as policies and reports spell it.
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

/// The severity of a finding. `Off` silences a rule in a policy; no finding has it.
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

    /// Reads the word that policies use.
    pub fn parse(text: &str) -> Option<Level> {
        [Level::Off, Level::Note, Level::Warn, Level::Error].into_iter().find(|level| level.name() == text)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// The bytes prove it.
    Certain,
    /// History text or a label is the only witness, or a form may have two meanings.
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

/// Whose layer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Above the base.
    Own,
    /// The base image's.
    Base,
    /// Nobody said which layers are the base's.
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

/// Whether a place can still be seen in the finished root filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the merged view.
    Visible,
    /// Hidden by a later layer, but shipped.
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

/// Where a finding is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// A path in the image, without a leading slash.
    pub path: Option<Vec<u8>>,
    /// The layer it was shipped in, from the bottom, 0 first.
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

    /// A path as some layer shipped it.
    pub fn path(path: &[u8], layer: Option<usize>, state: State) -> Location {
        Location { path: Some(path.to_vec()), layer, state: Some(state), ..Location::default() }
    }

    /// A layer as a whole.
    pub fn layer(layer: usize) -> Location {
        Location { layer: Some(layer), ..Location::default() }
    }

    /// The same with a few words about what is there.
    pub fn detail(self, detail: impl Into<String>) -> Location {
        Location { detail: Some(detail.into()), ..self }
    }
}

/// What to do about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to do, as one short sentence without its full stop.
    pub advice: String,
    /// The Dockerfile lines that do it, if a few lines do.
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
    /// The reason that the policy gives.
    pub reason: String,
}

/// The places that one cause put at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The lowest directory that holds all of them, without a leading slash.
    pub directory: Vec<u8>,
    /// How many there are; a finding lists the locations of at most 500.
    pub count: u64,
}

/// A broken rule: one cause, and every place where it shows.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule's id.
    pub rule: RuleId,
    /// From the policy.
    pub level: Level,
    /// How sure.
    pub confidence: Confidence,
    /// What is broken, without digests and sizes: with the rule it identifies the finding across rebuilds.
    pub subject: String,
    /// The fact, as one sentence without its full stop.
    pub message: String,
    /// What to do.
    pub fix: Fix,
    /// Where; the first is the primary one.
    pub locations: Vec<Location>,
    /// The places that have this cause in common, for a rule that gathers them.
    pub group: Option<Group>,
    /// Whose layer.
    pub scope: Scope,
    /// Identifies the finding across rebuilds.
    pub fingerprint: Fingerprint,
    /// The waiver that accepts it.
    pub waiver: Option<Waiver>,
}

/// Why a question is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The bytes simply do not say (a shell variable, an ACL). Never makes an image unjudged.
    Unknowable,
    /// Damage or a limit denied it. Makes the image unjudged where a rule at `error` asked.
    Denied,
}

/// A question that the bytes cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Undecided {
    /// What was asked about: a path, a variable, a field.
    pub subject: String,
    /// Why there is no answer, a fragment.
    pub reason: String,
    /// Whether the image or its state is to blame.
    pub cause: Cause,
}

/// An undecided question and the rule that asked it.
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
    /// The bytes simply do not say.
    pub fn unknowable(subject: impl Into<String>, reason: impl Into<String>) -> Undecided {
        Undecided { subject: subject.into(), reason: reason.into(), cause: Cause::Unknowable }
    }

    /// Damage or a limit denied it.
    pub fn denied(subject: impl Into<String>, reason: impl Into<String>) -> Undecided {
        Undecided { subject: subject.into(), reason: reason.into(), cause: Cause::Denied }
    }
}
