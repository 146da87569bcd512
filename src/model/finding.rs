//! What a rule says: findings, and questions that the bytes cannot answer.

use std::fmt;

/// How much a finding weighs. `Off` silences a rule in a policy; no finding carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Not asked.
    Off,
    /// Worth knowing.
    Note,
    /// Worth mending.
    Warn,
    /// Not to be shipped.
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
}

impl Location {
    /// A field of the config.
    pub fn config(field: impl Into<String>) -> Location {
        Location { config: Some(field.into()), ..Location::default() }
    }

    /// A path as some layer shipped it.
    pub fn path(path: &[u8], layer: Option<usize>, state: State) -> Location {
        Location { path: Some(path.to_vec()), layer, config: None, state: Some(state) }
    }
}

/// A rule broken at a place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// From the policy.
    pub level: Level,
    /// How sure.
    pub confidence: Confidence,
    /// What is broken, without digests and sizes: with the rule it identifies the finding across rebuilds.
    pub subject: String,
    /// One sentence that says the fact.
    pub message: String,
    /// What to do, in Dockerfile words.
    pub fix: String,
    /// The first is the primary one.
    pub locations: Vec<Location>,
    /// Whose layer.
    pub scope: Scope,
}

/// Why a question stays open.
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
