//! Turns the faults of a start proof into findings, for the rules about the command and the health check.

use crate::facts::Facts;
use crate::facts::access::Capabilities;
use crate::facts::proof::Fault;
use crate::facts::proof::Proof;
use crate::facts::start::file_name;
use crate::limits;
use crate::model::finding::Fix;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::layer_facts::Kind;
use crate::model::text::shown;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Settings;
use crate::rules::visible_location;
use std::collections::HashSet;

/// The parameter of both rules.
pub const WITHOUT_CAPABILITIES: Param = Param {
    name: "without-capabilities",
    kind: ParamKind::Flag,
    about: "Assume that the container has no capabilities, as in Kubernetes' restricted profile: a program that only \
            the runtime's capabilities can reach can't run, and permissions apply to root too. Default: `false` \
            (Docker's default capabilities).",
};

/// The capabilities to assume.
pub fn capabilities(settings: &Settings) -> Capabilities {
    if settings.flag(WITHOUT_CAPABILITIES.name) { Capabilities::None } else { Capabilities::Docker }
}

/// The parts of a finding that depend on the rule.
pub struct Wording {
    /// The beginning of a message.
    pub fails: &'static str,
    /// The same for a fault that is only likely, because another program runs first.
    pub likely_fails: &'static str,
    /// A fix that only this rule can suggest.
    pub fix: fn(&Facts<'_>, &Fault) -> Option<Fix>,
}

/// Reports the faults and the undecided questions of a proof; `field` returns the config field that contains a word.
pub fn report(facts: &Facts<'_>, proof: &Proof, wording: &Wording, field: impl Fn(&str) -> String, out: &mut Out<'_>) {
    let mut reported = HashSet::new();
    let fails = proof.fails();
    let mut causes: Vec<(&Fault, Vec<&Fault>)> = Vec::new();
    for fault in &proof.faults {
        // A fault that the runtime overrides doesn't matter if the command fails anyway.
        if (fault.is_overridden && fails) || !reported.insert((fault.subject.clone(), fault.what.clone())) {
            continue;
        }
        match causes.iter_mut().find(|(first, _)| have_one_cause(facts, first, fault)) {
            Some((_, others)) => others.push(fault),
            None => causes.push((fault, Vec::new())),
        }
    }
    for (at, (fault, others)) in causes.into_iter().enumerate() {
        let message = if fault.is_overridden {
            format!(
                "{}; it starts only if the runtime executes it with root's capabilities, as Docker 24 and later do, but \
                 not from a shell or a script, or with all capabilities dropped",
                fault.what
            )
        } else if fault.is_likely {
            format!("{}: {}", wording.likely_fails, fault.what)
        } else {
            format!("{}: {}", wording.fails, fault.what)
        };
        let mut found = Found::new(fault.subject.clone(), message).at(Location::config(field(&fault.subject)));
        if let (Some(place), Ok(view)) = (fault.place, facts.view()) {
            found = found.at(visible_location(view, place));
        }
        for other in others {
            found = found.at(Location::config(field(&other.subject)).detail(other.what.clone()));
        }
        if fault.is_overridden {
            found = found.at_most(Level::Warn);
        }
        if fault.is_likely {
            found = found.likely();
        }
        // Each suggestion searches the whole image.
        let missing_word = fault.missing_program.as_deref().filter(|_| at < limits::SUGGESTIONS);
        let missing = || missing_word.map(|word| missing_program(facts, word));
        if let Some(fix) = fault.fix.as_deref().cloned().or_else(|| (wording.fix)(facts, fault)).or_else(missing) {
            found = found.fix(fix);
        }
        out.report(found);
    }
    proof.open.iter().for_each(|question| out.undecided(question.clone()));
}

/// Whether the same directory causes both faults.
fn have_one_cause(facts: &Facts<'_>, a: &Fault, b: &Fault) -> bool {
    let is_directory = |node| facts.view().is_ok_and(|view| view.stat(node).is_some_and(|stat| stat.kind == Kind::Dir));
    a.place == b.place
        && a.place.is_some_and(is_directory)
        && (a.is_overridden, a.is_likely) == (b.is_overridden, b.is_likely)
}

/// The fix for a missing program: use the one with that name elsewhere in the image, or one with a similar name, or
/// install it.
fn missing_program(facts: &Facts<'_>, word: &str) -> Fix {
    let name = file_name(word);
    let shown = shown(name);
    match &facts.programs_named(name)[..] {
        [] => {}
        [only] => return Fix::new(format!("Use {only}: the image has {shown} there, not {}", shown_place(word))),
        several => return Fix::new(format!("Use one of the files named {shown} in the image: {}", several.join(", "))),
    }
    if let Some(near) = facts.nearest_program(name) {
        return Fix::new(format!("Did you mean `{near}`? Otherwise install {shown} or copy it into the image"));
    }
    Fix::new(format!("Install {shown} or copy it into the image, or use a program that the image has"))
}

fn shown_place(word: &str) -> String {
    if word.contains('/') { format!("at {}", shown(word)) } else { "on PATH".to_string() }
}
