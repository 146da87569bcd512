//! Proves whether the command and the health check can run: each step from a word to a program, its interpreter and its
//! libraries.
//!
//! In: the config and the merged view. Out: the steps, what is certainly wrong, what is undecided. Not here: which of
//! it matters (`rules`).

mod exec;
mod flow;
pub mod lang;
mod launch;
mod lookup;
mod programs;
mod script;
#[cfg(test)]
mod tests;
mod wrappers;

use crate::facts::Facts;
use crate::facts::access::Capabilities;
use crate::facts::health::Check;
use crate::facts::health::Probe;
use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::launch::Prover;
use crate::facts::proof::lookup::By;
use crate::facts::shell::ARGUMENTS;
use crate::facts::shell::OPEN;
use crate::facts::shell::PATH;
use crate::model::finding::Fix;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::text::shown;
use crate::view::NodeId;
use crate::view::Resolved;

/// The proof of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// What was checked, in order.
    pub steps: Vec<Step>,
    /// What certainly keeps it from running.
    pub faults: Vec<Fault>,
    /// What could not be decided.
    pub open: Vec<Undecided>,
    /// The programs that are executed, in order.
    pub started: Vec<Started>,
}

/// Something that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The nesting depth: 0 for the command itself, more for a program that a wrapper starts or a command in a script.
    pub depth: usize,
    /// What was found, escaped for display.
    pub text: String,
    /// The layer of the file it is about.
    pub layer: Option<usize>,
    /// What it means.
    pub sort: Sort,
}

/// What a step means for the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// It works.
    Sound,
    /// It cannot run.
    Fault,
    /// It cannot run, but the command works without it.
    Spare,
    /// It runs only with the runtime's capabilities.
    Overridden,
    /// Undecided.
    Open,
}

/// Something that keeps a command from running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The program, file or module, escaped for display; the same in every build.
    pub subject: String,
    /// The problem as a clause, escaped for display.
    pub what: String,
    /// The file or directory that blocks, if there is one.
    pub place: Option<NodeId>,
    /// It does run if the runtime executes it with root's capabilities, but not from a shell or without them.
    pub is_overridden: bool,
    /// An unknown program runs first, and may provide what is missing.
    pub is_likely: bool,
    /// How to fix it in the Dockerfile, if that is clear.
    pub fix: Option<Box<Fix>>,
    /// The program that is missing, as the command names it, if that is the problem.
    pub missing_program: Option<String>,
}

/// A program that is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Its words, including a script's interpreter and path.
    pub argv: Vec<String>,
    /// The path at which it was found.
    pub path: String,
    /// The file.
    pub program: NodeId,
}

impl Fault {
    fn new(subject: impl Into<String>, what: impl Into<String>, place: Option<NodeId>) -> Fault {
        let (subject, what) = (subject.into(), what.into());
        Fault { subject, what, place, is_overridden: false, is_likely: false, fix: None, missing_program: None }
    }

    fn fix(self, fix: impl Into<Fix>) -> Fault {
        Fault { fix: Some(Box::new(fix.into())), ..self }
    }
}

impl Proof {
    /// Adds a step. This and the methods below escape what they quote for display.
    fn step(&mut self, text: impl AsRef<str>, layer: Option<usize>) {
        self.steps.push(Step { depth: 0, text: shown(text.as_ref()), layer, sort: Sort::Sound });
    }

    /// Adds a fault and its step.
    fn fault(&mut self, process: &ProcessContext<'_>, fault: Fault) {
        let fault = Fault { subject: shown(&fault.subject), what: shown(&fault.what), ..fault };
        let sort = if fault.is_overridden { Sort::Overridden } else { Sort::Fault };
        let layer = fault.place.and_then(|place| process.view.stat(place)?.layer);
        self.steps.push(Step { depth: 0, text: fault.what.clone(), layer, sort });
        self.faults.push(fault);
    }

    /// Adds an undecided question and its step.
    pub fn open(&mut self, question: Undecided) {
        let question = Undecided { subject: shown(&question.subject), reason: shown(&question.reason), ..question };
        let text = format!("{}: {}", question.subject, question.reason);
        self.steps.push(Step { depth: 0, text, layer: None, sort: Sort::Open });
        self.open.push(question);
    }

    /// Adds what a program needs; `what` names it in the step.
    fn need(&mut self, process: &ProcessContext<'_>, what: &str, need: Need) {
        match need {
            Need::Met(node) => {
                let layer = process.view.stat(node).and_then(|stat| stat.layer);
                self.step(format!("{what}: {}", process.name(node)), layer);
            }
            Need::Unmet(Missing { subject, what, place }) => {
                self.fault(process, Fault::new(subject, what, place));
            }
            Need::Undecided(question) => self.open(question),
        }
    }

    /// Adds the proof of a command that this one starts.
    fn nest(&mut self, inner: Proof) {
        self.steps.extend(inner.steps.into_iter().map(|step| Step { depth: step.depth + 1, ..step }));
        self.faults.extend(inner.faults);
        self.open.extend(inner.open);
        self.started.extend(inner.started);
    }

    /// Adds the proof of a command that need not run; its faults become spare steps.
    fn nest_harmless(&mut self, mut inner: Proof) {
        inner.faults.clear();
        for step in inner.steps.iter_mut().filter(|step| matches!(step.sort, Sort::Fault | Sort::Overridden)) {
            step.sort = Sort::Spare;
        }
        self.nest(inner);
    }

    /// Turns a fault into an undecided question, for the reason `why`.
    fn soften(&mut self, fault: Fault, why: &str) {
        // The question adds a step of its own.
        if let Some(at) = self.steps.iter().rposition(|step| step.text == fault.what) {
            self.steps.remove(at);
        }
        self.open(Undecided::unknowable(fault.subject, format!("{}; but {why}", fault.what)));
    }

    /// Turns all faults into undecided questions, for the reason `why`; faults that the runtime overrides stay.
    fn soften_all(&mut self, why: &str) {
        let (kept, softened) = std::mem::take(&mut self.faults).into_iter().partition(|fault| fault.is_overridden);
        self.faults = kept;
        let softened: Vec<Fault> = softened;
        softened.into_iter().for_each(|fault| self.soften(fault, why));
    }

    /// Whether it certainly cannot run.
    pub fn fails(&self) -> bool {
        self.faults.iter().any(|fault| !fault.is_overridden)
    }
}

impl<'a> Facts<'a> {
    /// The proof of Entrypoint and Cmd; empty if both are empty.
    pub fn start_proof(&'a self, capabilities: Capabilities) -> Result<&'a Proof, Undecided> {
        let proof = self.start_proofs[capabilities as usize].get_or_init(|| self.prove_start(capabilities));
        proof.as_ref().map_err(Undecided::clone)
    }

    /// The proof of the health check.
    pub fn health_proof(&'a self, check: &Check<'_>, capabilities: Capabilities) -> Result<&'a Proof, Undecided> {
        let proof = self.health_proofs[capabilities as usize].get_or_init(|| self.prove_health(check, capabilities));
        proof.as_ref().map_err(Undecided::clone)
    }

    fn prove_start(&'a self, capabilities: Capabilities) -> Result<Proof, Undecided> {
        self.reset_work();
        let process = self.process(capabilities)?;
        let run = &self.image().config.run;
        let argv: Vec<String> = run.entrypoint.iter().chain(&run.cmd).cloned().collect();
        if argv.is_empty() {
            return Ok(Proof::default());
        }
        if let Some(fault) = workdir_fault(&process) {
            let mut proof = Proof::default();
            proof.fault(&process, fault);
            return Ok(proof);
        }
        Ok(Prover::new(capabilities).launch(&process, &argv, By::Runtime))
    }

    fn prove_health(&'a self, check: &Check<'_>, capabilities: Capabilities) -> Result<Proof, Undecided> {
        self.reset_work();
        let process = self.process(capabilities)?;
        let argv = match check.probe {
            Probe::Exec(words) => words.to_vec(),
            Probe::Shell(text) => {
                let shell = &self.image().config.run.shell;
                let default = || ["/bin/sh", "-c"].map(String::from).to_vec();
                let mut argv = if shell.is_empty() { default() } else { shell.clone() };
                argv.push(text.to_string());
                argv
            }
        };
        let mut proof = Prover::new(capabilities).launch(&process, &argv, By::Runtime);
        // The check runs beside the command, which may have created what it needs.
        for fault in std::mem::take(&mut proof.faults) {
            match self.start_may_bring(&fault.subject) {
                true if !fault.is_overridden => proof.soften(fault, "the command names it too, and may create it"),
                _ => proof.faults.push(fault),
            }
        }
        Ok(proof)
    }
}

/// The fault of a WORKDIR that can't be used. A missing one is not a fault: the runtime creates it.
fn workdir_fault(process: &ProcessContext<'_>) -> Option<Fault> {
    let workdir = format!("WORKDIR {}", shown(&String::from_utf8_lossy(&process.cwd)));
    let (what, place) = match process.view.resolve(&process.cwd, true) {
        Resolved::Found(node) if process.view.stat(node)?.kind != Kind::Dir => ("is not a directory", Some(node)),
        Resolved::NotDirectory => ("leads through something that is not a directory", None),
        Resolved::Loop => ("is a loop of symbolic links", None),
        _ => return None,
    };
    let what = format!("{workdir} {what}");
    Some(Fault::new(workdir, what, place))
}

/// A word for a message, in backquotes; undecided parts become `…`.
fn quoted(word: &str) -> String {
    format!("`{}`", shortened(word))
}

/// A text for a message, escaped and shortened.
fn shortened(text: &str) -> String {
    let mut shown = shown(text).replace([OPEN, ARGUMENTS, PATH], "…");
    if let Some((end, _)) = shown.char_indices().nth(QUOTED_CHARS) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// The longest text that a message quotes in full.
const QUOTED_CHARS: usize = 200;
