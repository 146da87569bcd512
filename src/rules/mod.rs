//! The rules: what a good image keeps, each one value in one file, its documentation beside its check.
//!
//! A rule asks [`Facts`] and says what it found through [`Out`]. It has three answers: broken (a finding), kept
//! (nothing), undecided (`Err`, or [`Out::undecided`] for one of many questions). Levels are the policy's, not the
//! rule's. Not here: reading the image (`pass`, `view`), deciding what a finding means for the verdict (`verdict`).

pub mod base;
pub mod config;
pub mod env;
mod faults;
pub mod group;
pub mod health;
pub mod leftovers;
pub mod page;
pub mod ports;
pub mod rights;
pub mod secrets;
pub mod size;
pub mod start;
#[cfg(test)]
pub mod testing;
pub mod user;

use crate::facts::Facts;
use crate::limits;
use crate::model::finding::Confidence;
use crate::model::finding::Finding;
use crate::model::finding::Fix;
use crate::model::finding::Group;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Question;
use crate::model::finding::RuleId;
use crate::model::finding::Scope;
use crate::model::finding::State;
use crate::model::finding::Undecided;
use crate::model::fingerprint::Fingerprints;
use crate::model::secret;
use crate::model::text;
use crate::rules::group::Places;
use crate::view::NodeId;
use crate::view::View;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::time::Duration;

/// One rule. Everything about it stands in its own file.
pub struct Rule {
    /// Names the bad state, in words joined by hyphens; the file has the same name.
    pub id: &'static str,
    /// What it is about.
    pub topic: Topic,
    /// The bad state as a sentence without its full stop.
    pub title: &'static str,
    /// Rows of the specification it answers.
    pub rows: &'static [&'static str],
    /// What a policy may set.
    pub params: &'static [Param],
    /// Its page.
    pub docs: Docs,
    /// The check itself.
    pub check: fn(&Facts<'_>, &Settings, &mut Out<'_>) -> Result<(), Undecided>,
}

/// The texts of a rule's page. Blank lines separate paragraphs.
pub struct Docs {
    /// Why it matters: the consequences.
    pub why: &'static str,
    /// What in the image it checks.
    pub checks: &'static str,
    /// What it can't see.
    pub limits: &'static str,
    /// What to do, with the Dockerfile line; also the fix of a finding that has none of its own.
    pub fix: &'static str,
    /// A Dockerfile that breaks the rule, or a command (after `$ `) and its output.
    pub before: &'static str,
    /// The same, fixed.
    pub after: &'static str,
    /// The smallest image that breaks it, in the notation of the tests.
    #[cfg_attr(not(feature = "internals"), allow(dead_code, reason = "only tests read it"))]
    pub breaks: &'static str,
    /// The smallest image that keeps it.
    #[cfg_attr(not(feature = "internals"), allow(dead_code, reason = "only tests read it"))]
    pub keeps: &'static str,
}

/// Something about a rule that a policy may set.
pub struct Param {
    /// Its key.
    pub name: &'static str,
    /// What its value is.
    pub kind: ParamKind,
    /// What it does, and what holds where it is not set.
    pub about: &'static str,
}

/// The kinds of parameter values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// `"30s"`, `"1m30s"`, `"500ms"`.
    Duration,
    /// A whole number.
    Count,
    /// `"20 MB"`, or a number of bytes.
    Bytes,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A table of lists of texts.
    Lists,
    /// `true` or `false`.
    Flag,
}

/// A parameter's value, as a policy set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    /// For [`ParamKind::Duration`].
    Duration(Duration),
    /// For [`ParamKind::Count`].
    Count(u64),
    /// For [`ParamKind::Bytes`].
    Bytes(u64),
    /// For [`ParamKind::Text`].
    Text(String),
    /// For [`ParamKind::Texts`].
    Texts(Vec<String>),
    /// For [`ParamKind::Lists`].
    Lists(BTreeMap<String, Vec<String>>),
    /// For [`ParamKind::Flag`].
    Flag(bool),
}

/// What a policy says about one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The parameters that are set.
    pub values: BTreeMap<String, ParamValue>,
}

impl Settings {
    /// A duration, if it is set.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.values.get(name) {
            Some(ParamValue::Duration(value)) => Some(*value),
            _ => None,
        }
    }

    /// A whole number, if it is set.
    pub fn count(&self, name: &str) -> Option<u64> {
        match self.values.get(name) {
            Some(ParamValue::Count(value)) => Some(*value),
            _ => None,
        }
    }

    /// A number of bytes, if it is set.
    pub fn bytes(&self, name: &str) -> Option<u64> {
        match self.values.get(name) {
            Some(ParamValue::Bytes(value)) => Some(*value),
            _ => None,
        }
    }

    /// A text, if it is set.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(ParamValue::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// A list of texts, if it is set.
    pub fn texts(&self, name: &str) -> Option<&[String]> {
        match self.values.get(name) {
            Some(ParamValue::Texts(value)) => Some(value),
            _ => None,
        }
    }

    /// Whether a flag is set, and to `true`.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(ParamValue::Flag(true)))
    }

    /// A table of lists, if it is set.
    pub fn lists(&self, name: &str) -> Option<&BTreeMap<String, Vec<String>>> {
        match self.values.get(name) {
            Some(ParamValue::Lists(value)) => Some(value),
            _ => None,
        }
    }
}

/// One finding as a rule words it.
pub struct Found {
    subject: String,
    message: String,
    locations: Vec<Location>,
    group: Option<Group>,
    confidence: Confidence,
    at_most: Level,
    fix: Option<Fix>,
    scope: Option<Scope>,
}

impl Found {
    /// `subject` is what is broken (a path, a variable, a port): with the rule's id it identifies the finding across
    /// rebuilds, so it holds no digests, layer numbers or sizes. `message` states the fact in one sentence that is
    /// harmless to show (texts from the image go through [`crate::model::text::shown`]) and names no layer by number,
    /// because reports count layers differently.
    pub fn new(subject: impl Into<String>, message: impl Into<String>) -> Found {
        Found {
            subject: subject.into(),
            message: message.into(),
            locations: Vec::new(),
            group: None,
            confidence: Confidence::Certain,
            at_most: Level::Error,
            fix: None,
            scope: None,
        }
    }

    /// Adds a place; the first is the primary one.
    pub fn at(mut self, location: Location) -> Found {
        self.locations.push(location);
        self
    }

    /// Adds the places that one cause put at fault.
    pub fn at_all(mut self, places: Places) -> Found {
        let (group, locations) = places.finish();
        self.locations.extend(locations);
        self.group = Some(group);
        self
    }

    /// History text or a label is the only witness.
    pub fn likely(mut self) -> Found {
        self.confidence = Confidence::Likely;
        self
    }

    /// Caps the level, whatever the policy says of the rule.
    pub fn at_most(mut self, level: Level) -> Found {
        self.at_most = level;
        self
    }

    /// A fix for this image, in place of the rule's general one.
    pub fn fix(mut self, fix: impl Into<Fix>) -> Found {
        self.fix = Some(fix.into());
        self
    }

    /// Whose it is, where the primary place does not tell.
    pub fn scope(mut self, scope: Scope) -> Found {
        self.scope = Some(scope);
        self
    }
}

/// A text from the image as a message may quote it: without what looks secret, and harmless.
pub fn shown(text: &str) -> String {
    text::shown(&secret::redact_text(text))
}

/// The place of something that is seen in a container.
pub fn seen(view: &View, node: NodeId) -> Location {
    let layer = view.stat(node).and_then(|stat| stat.layer);
    Location::path(&view.path(node), layer, State::Visible)
}

/// Takes what one rule says of one image.
pub struct Out<'a> {
    rule: &'static Rule,
    level: Level,
    facts: &'a Facts<'a>,
    findings: Vec<Finding>,
    fingerprints: Fingerprints,
    omitted: u64,
    /// The highest level among those that were only counted.
    omitted_level: Level,
    undecided: Vec<Undecided>,
    /// The questions so far, so that none is listed twice.
    asked: HashSet<Undecided>,
}

impl<'a> Out<'a> {
    /// For one rule at one level; `level` is not `Off`.
    pub fn new(rule: &'static Rule, level: Level, facts: &'a Facts<'a>) -> Out<'a> {
        Out {
            rule,
            level,
            facts,
            findings: Vec::new(),
            fingerprints: Fingerprints::default(),
            omitted: 0,
            omitted_level: Level::Off,
            undecided: Vec::new(),
            asked: HashSet::new(),
        }
    }

    /// Takes a finding. Beyond [`limits::FINDINGS_PER_RULE`] they are only counted.
    pub fn report(&mut self, found: Found) {
        if self.findings.len() >= limits::FINDINGS_PER_RULE {
            self.omitted += 1;
            self.omitted_level = self.omitted_level.max(self.level.min(found.at_most));
            return;
        }
        let fix = found.fix.clone().unwrap_or_else(|| Fix::new(self.rule.docs.fix));
        let level = self.level.min(found.at_most);
        let finding = self.finding(found, fix, level);
        self.findings.push(finding);
    }

    fn finding(&mut self, found: Found, fix: Fix, level: Level) -> Finding {
        let scope = found.scope.unwrap_or_else(|| match found.locations.first().and_then(|location| location.layer) {
            Some(layer) => self.facts.scope(layer),
            None => Scope::Own,
        });
        // Texts may quote a command or a variable: whatever the image keeps secret stays out of them.
        let redactor = &self.facts.image().redactor;
        let redact = |text: &str| redactor.redact_sentence(text);
        let subject = redact(&found.subject);
        let fingerprint = self.fingerprints.next(self.rule.id, &subject, found.locations.first(), found.group.as_ref());
        Finding {
            rule: RuleId::new(self.rule.id),
            level,
            confidence: found.confidence,
            message: redact(&found.message),
            fix: Fix { advice: redact(&fix.advice), lines: fix.lines.iter().map(|line| redact(line)).collect() },
            locations: found.locations,
            group: found.group,
            scope,
            fingerprint,
            waiver: None,
            subject,
        }
    }

    /// Takes one of several questions that are undecided.
    pub fn undecided(&mut self, question: Undecided) {
        let redactor = &self.facts.image().redactor;
        let (subject, reason) =
            (redactor.redact_sentence(&question.subject), redactor.redact_sentence(&question.reason));
        let question = Undecided { subject, reason, ..question };
        if self.asked.insert(question.clone()) {
            self.undecided.push(question);
        }
    }

    /// What was taken.
    pub fn finish(mut self) -> (Vec<Finding>, Vec<Question>) {
        if self.omitted > 0 {
            let message = format!("{} more findings of this rule are not listed one by one", self.omitted);
            let more = Found::new(MORE, message).scope(Scope::Unknown);
            let finding = self.finding(more, Fix::new(self.rule.docs.fix), self.omitted_level);
            self.findings.push(finding);
        }
        let id = || RuleId::new(self.rule.id);
        (self.findings, self.undecided.into_iter().map(|undecided| Question::new(id(), undecided)).collect())
    }
}

/// What a rule is about, the most urgent first: reports list findings of one level in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Whether the container starts.
    Start,
    /// Secrets.
    Secrets,
    /// Who runs in it.
    User,
    /// Its health check.
    Health,
    /// Who may change or execute what.
    Rights,
    /// What it listens on and what it is told.
    Network,
    /// What it need not contain.
    Contents,
    /// What it is called and how it can be read.
    Identity,
}

/// What the rule with this id is about.
pub fn topic(id: &str) -> Topic {
    find(id).map_or(Topic::Identity, |rule| rule.topic)
}

/// The subject of the finding that counts those beyond [`limits::FINDINGS_PER_RULE`].
pub const MORE: &str = "(more)";

/// All rules, sorted by id.
pub const ALL: &[&Rule] = &[
    &config::ambiguous_config::RULE,
    &config::ambiguous_layer::RULE,
    &env::bad_env_value::RULE,
    &start::binds_to_loopback::RULE,
    &leftovers::build_tools_left::RULE,
    &rights::code_writable_by_user::RULE,
    &start::command_cannot_run::RULE,
    &leftovers::context_file_left::RULE,
    &base::floating_tag::RULE,
    &health::healthcheck_cannot_run::RULE,
    &health::healthcheck_localhost::RULE,
    &health::healthcheck_target::RULE,
    &health::healthcheck_timing::RULE,
    &health::missing_healthcheck::RULE,
    &start::missing_init::RULE,
    &rights::needs_writable_root::RULE,
    &user::non_numeric_user::RULE,
    &leftovers::package_cache_left::RULE,
    &ports::port_mismatch::RULE,
    &user::root_user::RULE,
    &secrets::secret_in_env::RULE,
    &rights::setuid_program::RULE,
    &start::shell_form_command::RULE,
    &ports::unexpected_port::RULE,
    &user::unknown_user::RULE,
    &env::unusable_path_entry::RULE,
    &user::user_outside_group::RULE,
    &size::wasted_space::RULE,
    &rights::workdir_owner::RULE,
    &rights::world_writable::RULE,
];

/// The rule with this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_unique_and_documented() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
        for rule in ALL {
            let docs = &rule.docs;
            let texts = [
                rule.title,
                docs.why,
                docs.checks,
                docs.limits,
                docs.fix,
                docs.before,
                docs.after,
                docs.breaks,
                docs.keeps,
            ];
            assert!(texts.iter().all(|text| !text.is_empty()) && !rule.rows.is_empty(), "{}", rule.id);
            assert!(docs.breaks.contains(&format!("#! {}", rule.id)), "{}", rule.id);
            assert!(find(rule.id).is_some());
        }
    }

    /// A terminal page indents them by two columns.
    #[test]
    fn examples_are_short_and_differ() {
        for rule in ALL {
            let (before, after) = (rule.docs.before, rule.docs.after);
            assert_ne!(before, after, "{}", rule.id);
            for example in [before, after] {
                assert!(example.starts_with("FROM ") || example.starts_with("$ "), "{}", rule.id);
                assert!(example.lines().count() <= 8, "{}", rule.id);
                assert!(example.lines().all(|line| line.len() <= 78), "{}", rule.id);
            }
        }
    }
}
