//! The rules. Each is one value in its own file, with its documentation and its check.
//!
//! A rule queries [`Facts`] and reports to [`Out`]. It has three results: broken (a finding), satisfied (nothing), or
//! undecided (`Err`, or [`Out::undecided`] for one of several questions). The policy sets the levels. Not here: reading
//! the image (`pass`, `view`), the verdict (`verdict`).

pub mod base;
pub mod config;
pub mod env;
mod faults;
pub mod group;
pub mod health;
pub mod leftovers;
pub mod page;
pub mod permissions;
pub mod ports;
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

/// One rule.
pub struct Rule {
    /// Names the problem, in words joined by hyphens; the file has the same name, with underscores.
    pub id: &'static str,
    /// What it is about.
    pub topic: Topic,
    /// The problem as a sentence without a full stop.
    pub title: &'static str,
    /// Rows of the specification that it covers.
    pub rows: &'static [&'static str],
    /// The parameters that a policy may set.
    pub params: &'static [Param],
    /// Its documentation.
    pub docs: Docs,
    /// The check.
    pub check: fn(&Facts<'_>, &Settings, &mut Out<'_>) -> Result<(), Undecided>,
}

/// The texts of a rule's page. Blank lines separate paragraphs.
pub struct Docs {
    /// Why it matters: the consequences.
    pub why: &'static str,
    /// What it checks in the image.
    pub checks: &'static str,
    /// What it can't see.
    pub limits: &'static str,
    /// How to fix it, with the Dockerfile line. Findings without a fix of their own use it too.
    pub fix: &'static str,
    /// A Dockerfile that breaks the rule, or a command (after `$ `) and its output.
    pub before: &'static str,
    /// The same, fixed.
    pub after: &'static str,
    /// A minimal image that breaks it, in the notation of the tests.
    #[cfg_attr(not(feature = "internals"), allow(dead_code, reason = "only tests read it"))]
    pub breaks: &'static str,
    /// A minimal image that satisfies it.
    #[cfg_attr(not(feature = "internals"), allow(dead_code, reason = "only tests read it"))]
    pub satisfies: &'static str,
}

/// A parameter of a rule, which a policy may set.
pub struct Param {
    /// Its key.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: ParamKind,
    /// What it does, and its default.
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
    /// A string.
    String,
    /// A list of strings.
    Strings,
    /// A table of string lists.
    StringLists,
    /// `true` or `false`.
    Flag,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    /// For [`ParamKind::Duration`].
    Duration(Duration),
    /// For [`ParamKind::Count`].
    Count(u64),
    /// For [`ParamKind::Bytes`].
    Bytes(u64),
    /// For [`ParamKind::String`].
    String(String),
    /// For [`ParamKind::Strings`].
    Strings(Vec<String>),
    /// For [`ParamKind::StringLists`].
    StringLists(BTreeMap<String, Vec<String>>),
    /// For [`ParamKind::Flag`].
    Flag(bool),
}

/// The parameters of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The parameters that the policy sets.
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

    /// A string, if it is set.
    pub fn string(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(ParamValue::String(value)) => Some(value),
            _ => None,
        }
    }

    /// A list of strings, if it is set.
    pub fn strings(&self, name: &str) -> Option<&[String]> {
        match self.values.get(name) {
            Some(ParamValue::Strings(value)) => Some(value),
            _ => None,
        }
    }

    /// Whether a flag is set to `true`.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(ParamValue::Flag(true)))
    }

    /// A table of string lists, if it is set.
    pub fn string_lists(&self, name: &str) -> Option<&BTreeMap<String, Vec<String>>> {
        match self.values.get(name) {
            Some(ParamValue::StringLists(value)) => Some(value),
            _ => None,
        }
    }
}

/// A finding as a rule reports it.
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
    /// rebuilds, so it must not contain digests, layer numbers or sizes. `message` states the problem in one sentence.
    /// It must be harmless to show (pass text from the image through [`crate::model::text::shown`]) and contain no
    /// layer numbers, because report formats count layers differently.
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

    /// Adds the places of one cause.
    pub fn at_places(mut self, places: Places) -> Found {
        let (group, locations) = places.finish();
        self.locations.extend(locations);
        self.group = Some(group);
        self
    }

    /// Marks the finding as likely rather than certain.
    pub fn likely(mut self) -> Found {
        self.confidence = Confidence::Likely;
        self
    }

    /// Caps the level: the finding gets at most this one, even if the policy sets a higher one.
    pub fn at_most(mut self, level: Level) -> Found {
        self.at_most = level;
        self
    }

    /// Sets a fix for this image, in place of the rule's general one.
    pub fn fix(mut self, fix: impl Into<Fix>) -> Found {
        self.fix = Some(fix.into());
        self
    }

    /// Sets the scope, for findings whose primary location doesn't determine it.
    pub fn scope(mut self, scope: Scope) -> Found {
        self.scope = Some(scope);
        self
    }
}

/// Text from the image for a message: redacted and harmless.
pub fn shown(text: &str) -> String {
    text::shown(&secret::redact_text(text))
}

/// The location of a path that is visible in a container.
pub fn visible_location(view: &View, node: NodeId) -> Location {
    let layer = view.stat(node).and_then(|stat| stat.layer);
    Location::path(&view.path(node), layer, State::Visible)
}

/// Collects the findings and undecided questions of one rule on one image.
pub struct Out<'a> {
    rule: &'static Rule,
    level: Level,
    facts: &'a Facts<'a>,
    findings: Vec<Finding>,
    fingerprints: Fingerprints,
    omitted: u64,
    /// The highest level among the omitted findings.
    omitted_level: Level,
    undecided: Vec<Undecided>,
    /// The questions so far, so that none is listed twice.
    known_questions: HashSet<Undecided>,
}

impl<'a> Out<'a> {
    /// Collects for one rule at one level, which is not `Off`.
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
            known_questions: HashSet::new(),
        }
    }

    /// Adds a finding. Beyond [`limits::FINDINGS_PER_RULE`], findings are only counted.
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
        // Messages may quote a command or a variable that contains a secret.
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

    /// Adds an undecided question, for a rule that asks several.
    pub fn undecided(&mut self, question: Undecided) {
        let redactor = &self.facts.image().redactor;
        let (subject, reason) =
            (redactor.redact_sentence(&question.subject), redactor.redact_sentence(&question.reason));
        let question = Undecided { subject, reason, ..question };
        if self.known_questions.insert(question.clone()) {
            self.undecided.push(question);
        }
    }

    /// The findings and the undecided questions.
    pub fn finish(mut self) -> (Vec<Finding>, Vec<Question>) {
        if self.omitted > 0 {
            let message = format!("{} more findings of this rule are not listed one by one", self.omitted);
            let more = Found::new(OMITTED_SUBJECT, message).scope(Scope::Unknown);
            let finding = self.finding(more, Fix::new(self.rule.docs.fix), self.omitted_level);
            self.findings.push(finding);
        }
        let id = || RuleId::new(self.rule.id);
        (self.findings, self.undecided.into_iter().map(|undecided| Question::new(id(), undecided)).collect())
    }
}

/// What a rule is about, the most urgent topic first: reports list findings of the same level in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Whether the container starts.
    Start,
    /// Secrets.
    Secrets,
    /// Which user it runs as.
    User,
    /// Its health check.
    Health,
    /// Who can change or execute which files.
    Permissions,
    /// How the container is started and stopped, what it listens on, which variables it gets.
    Runtime,
    /// Files that the image doesn't need.
    Contents,
    /// The image's name, and ambiguities in its format.
    Identity,
}

/// What the rule with this id is about.
pub fn topic(id: &str) -> Topic {
    find(id).map_or(Topic::Identity, |rule| rule.topic)
}

/// The subject of the finding that counts the findings beyond [`limits::FINDINGS_PER_RULE`].
pub const OMITTED_SUBJECT: &str = "(more)";

/// All rules, sorted by id.
pub const ALL: &[&Rule] = &[
    &config::ambiguous_config::RULE,
    &config::ambiguous_layer::RULE,
    &env::bad_env_value::RULE,
    &start::binds_to_loopback::RULE,
    &leftovers::build_tools_left::RULE,
    &permissions::code_writable_by_user::RULE,
    &start::command_cannot_run::RULE,
    &leftovers::context_file_left::RULE,
    &base::floating_tag::RULE,
    &health::healthcheck_cannot_run::RULE,
    &health::healthcheck_localhost::RULE,
    &health::healthcheck_target::RULE,
    &health::healthcheck_timing::RULE,
    &health::missing_healthcheck::RULE,
    &start::missing_init::RULE,
    &permissions::needs_writable_root::RULE,
    &user::non_numeric_user::RULE,
    &leftovers::package_cache_left::RULE,
    &ports::port_mismatch::RULE,
    &user::root_user::RULE,
    &secrets::secret_in_env::RULE,
    &permissions::setuid_program::RULE,
    &start::shell_form_command::RULE,
    &ports::unexpected_port::RULE,
    &user::unknown_user::RULE,
    &env::unusable_path_entry::RULE,
    &user::user_outside_group::RULE,
    &size::wasted_space::RULE,
    &permissions::workdir_owner::RULE,
    &permissions::world_writable::RULE,
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
                docs.satisfies,
            ];
            assert!(texts.iter().all(|text| !text.is_empty()) && !rule.rows.is_empty(), "{}", rule.id);
            assert!(docs.breaks.contains(&format!("#! {}", rule.id)), "{}", rule.id);
            assert!(find(rule.id).is_some());
        }
    }

    /// Terminal pages indent examples by two columns, so a line must not exceed 78.
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
