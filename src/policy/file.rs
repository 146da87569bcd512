//! Loads policies from TOML files, follows `extends` and combines them.
//!
//! ```toml
//! schema  = 1
//! extends = ["baseline", "./other.toml"]
//!
//! [rules]
//! root-user          = "error"
//! healthcheck-timing = { level = "warn", interval = "30s" }
//! ```
//!
//! The extended policies apply in their order, then the file itself. A level or a parameter replaces an earlier one; a
//! policy that is reached twice counts only the first time. In: a name or a path, and a function that reads files. Out:
//! a checked [`Policy`], or all problems. Not here: the contents of one file (`policy::document`).

use crate::limits;
use crate::model::digest::hex;
use crate::model::finding::Level;
use crate::model::text::shown;
use crate::policy::Policy;
use crate::policy::PolicyName;
use crate::policy::RulePolicy;
use crate::policy::builtin;
use crate::policy::document;
use crate::policy::document::Document;
use crate::policy::error::Place;
use crate::policy::error::PolicyError;
use crate::policy::error::Problem;
use crate::policy::error::Source;
use crate::rules::ParamValue;
use crate::rules::Rule;
use crate::rules::Settings;
use sha2::Digest as _;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;

/// Reads a policy file.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// Loads a built-in policy by its name, or a file: anything that contains a `/` or ends in `.toml`.
pub fn load(name_or_path: &str, rules: &[&Rule], read: ReadFile<'_>) -> Result<Policy, PolicyError> {
    load_all(&[name_or_path], rules, read)
}

/// Loads several policies and combines them; later ones win.
pub fn load_all(names_or_paths: &[&str], rules: &[&Rule], read: ReadFile<'_>) -> Result<Policy, PolicyError> {
    let mut loader =
        Loader { rules, read, problems: Vec::new(), names: Vec::new(), known: Vec::new(), merged: BTreeMap::new() };
    for name in names_or_paths {
        loader.add(name, None, &mut Vec::new());
    }
    loader.finish()
}

/// What a name in `extends` or on the command line refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PolicyRef {
    Builtin(&'static str),
    File(PathBuf),
}

/// Where a file names another policy.
struct Reference<'a> {
    source: &'a Rc<Source>,
    span: Range<usize>,
    directory: Option<&'a Path>,
}

#[derive(Default)]
struct MergedRule {
    level: Option<Level>,
    values: BTreeMap<String, ParamValue>,
}

struct Loader<'a> {
    rules: &'a [&'a Rule],
    read: ReadFile<'a>,
    problems: Vec<Problem>,
    names: Vec<PolicyName>,
    /// Policies that were read or are being read.
    known: Vec<PolicyRef>,
    merged: BTreeMap<String, MergedRule>,
}

impl Loader<'_> {
    fn finish(self) -> Result<Policy, PolicyError> {
        if !self.problems.is_empty() {
            return Err(PolicyError { problems: self.problems });
        }
        let ready = |(id, merged): (String, MergedRule)| {
            let level = merged.level.unwrap_or(Level::Off);
            (id, RulePolicy { level, settings: Settings { values: merged.values } })
        };
        Ok(Policy { names: self.names, rules: self.merged.into_iter().map(ready).collect() })
    }

    /// Reads a policy and those it extends, and applies them. `chain` lists the policies that led here.
    fn add(&mut self, name: &str, at: Option<Reference<'_>>, chain: &mut Vec<PolicyRef>) {
        let Some(policy_ref) = self.policy_ref(name, at.as_ref()) else { return };
        if chain.contains(&policy_ref) {
            return self
                .reject(at.as_ref(), format!("`{}` extends itself, directly or through other policies", shown(name)));
        }
        if self.known.contains(&policy_ref) {
            return;
        }
        if chain.len() >= limits::POLICY_DEPTH {
            let what = format!("`extends` is nested more than {} levels deep", limits::POLICY_DEPTH);
            return self.reject(at.as_ref(), what);
        }
        if self.known.len() >= limits::POLICIES {
            return self.reject(at.as_ref(), format!("more than {} policies are combined", limits::POLICIES));
        }
        self.known.push(policy_ref.clone());
        let Some(source) = self.source(&policy_ref, at.as_ref()) else { return };
        let (document, problems) = document::read(&source, self.rules);
        self.problems.extend(problems);
        let before = self.problems.len();
        let directory = match &policy_ref {
            PolicyRef::Builtin(_) => None,
            PolicyRef::File(path) => Some(path.parent().unwrap_or(Path::new("")).to_path_buf()),
        };
        chain.push(policy_ref);
        for (name, span) in &document.extends {
            let at = Reference { source: &source, span: span.clone(), directory: directory.as_deref() };
            self.add(name, Some(at), chain);
        }
        chain.pop();
        let extended_all = self.problems.len() == before;
        self.apply(&source, document, extended_all);
    }

    fn apply(&mut self, source: &Rc<Source>, document: Document, extended_all: bool) {
        for (id, entry) in document.rules {
            let merged = self.merged.entry(id).or_default();
            merged.level = entry.level.or(merged.level);
            merged.values.extend(entry.values);
            // An extended policy that couldn't be used may be the one that sets the level.
            if merged.level.is_none() && extended_all {
                let problem = Problem::at(source, entry.span, "no level here or in a policy that this one extends");
                self.problems.push(problem.hint("write `{ level = \"warn\", … }`"));
                merged.level = Some(Level::Off);
            }
        }
    }

    fn reject(&mut self, at: Option<&Reference<'_>>, what: String) {
        self.problems.push(problem(at, what));
    }

    fn policy_ref(&mut self, name: &str, at: Option<&Reference<'_>>) -> Option<PolicyRef> {
        if let Some((known, _)) = builtin::ALL.iter().find(|(known, _)| *known == name) {
            return Some(PolicyRef::Builtin(known));
        }
        if name.contains('/') || name.ends_with(".toml") {
            let path = match at.and_then(|at| at.directory) {
                Some(directory) => directory.join(name),
                None => PathBuf::from(name),
            };
            return Some(PolicyRef::File(normalized(&path)));
        }
        let what = format!("unknown policy `{}`", shown(name));
        let problem = problem(at, what).did_you_mean(name, builtin::ALL.iter().map(|(known, _)| *known));
        let hint = problem.hint.clone().unwrap_or_default();
        self.problems
            .push(problem.hint(format!("{hint} (the path of a policy file contains a `/` or ends in `.toml`)")));
        None
    }

    fn source(&mut self, policy_ref: &PolicyRef, at: Option<&Reference<'_>>) -> Option<Rc<Source>> {
        let (name, bytes) = match policy_ref {
            PolicyRef::Builtin(name) => (name.to_string(), builtin::find(name)?.as_bytes().to_vec()),
            PolicyRef::File(path) => {
                let name = path.to_string_lossy().into_owned();
                match (self.read)(path) {
                    Ok(bytes) => (name, bytes),
                    Err(error) => {
                        self.reject(at, format!("cannot read the policy `{}`: {error}", shown(&name)));
                        return None;
                    }
                }
            }
        };
        if bytes.len() as u64 > limits::POLICY_BYTES {
            let what = format!("the policy is larger than {} bytes", limits::POLICY_BYTES);
            self.problems.push(Problem { what, hint: None, place: Place::File(name) });
            return None;
        }
        self.names.push(PolicyName { name: name.clone(), sha256: hex(&Sha256::digest(&bytes)) });
        match String::from_utf8(bytes) {
            Ok(text) => Some(Rc::new(Source { name, text })),
            Err(error) => {
                let start = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let source = Rc::new(Source { name, text });
                // The lossy text is exact up to here, where U+FFFD (three bytes) replaces the invalid bytes.
                self.problems.push(Problem::at(&source, start..start + 3, "the file is not valid UTF-8"));
                None
            }
        }
    }
}

fn problem(at: Option<&Reference<'_>>, what: String) -> Problem {
    match at {
        Some(at) => Problem::at(at.source, at.span.clone(), what),
        None => Problem { what, hint: None, place: Place::Name },
    }
}

/// Removes `.`, and `..` after a name, so that one file has one path.
fn normalized(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}
