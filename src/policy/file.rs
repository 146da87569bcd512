//! Policies as TOML files: `extends` followed, later layers laid over earlier ones.
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
//! Over each other lie, from the bottom up: the extended policies in their order, then the file itself. A level or a
//! parameter that a later one sets replaces the earlier; a policy that is reached twice counts where it came first.
//! In: a name or a path, and how to read a file. Out: a [`Policy`] that can be trusted, or every problem. Not here: what
//! one file may say (`policy::document`).

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

/// How a policy file is read.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// The policy with this name, or in this file: a name without `/` that does not end in `.toml` is a built-in one's.
pub fn load(name_or_path: &str, rules: &[&Rule], read: ReadFile<'_>) -> Result<Policy, PolicyError> {
    load_all(&[name_or_path], rules, read)
}

/// Several policies laid over each other, the first at the bottom.
pub fn load_all(names_or_paths: &[&str], rules: &[&Rule], read: ReadFile<'_>) -> Result<Policy, PolicyError> {
    let mut loader =
        Loader { rules, read, problems: Vec::new(), names: Vec::new(), known: Vec::new(), layered: BTreeMap::new() };
    for name in names_or_paths {
        loader.add(name, None, &mut Vec::new());
    }
    loader.finish()
}

/// Which policy: what `extends` and the command line name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    Builtin(&'static str),
    File(PathBuf),
}

/// A file that names another, and where it does.
struct NamedAt<'a> {
    source: &'a Rc<Source>,
    span: Range<usize>,
    directory: Option<&'a Path>,
}

#[derive(Default)]
struct Layered {
    level: Option<Level>,
    values: BTreeMap<String, ParamValue>,
}

struct Loader<'a> {
    rules: &'a [&'a Rule],
    read: ReadFile<'a>,
    problems: Vec<Problem>,
    names: Vec<PolicyName>,
    /// Policies that were read, or are being read.
    known: Vec<Which>,
    layered: BTreeMap<String, Layered>,
}

impl Loader<'_> {
    fn finish(self) -> Result<Policy, PolicyError> {
        if !self.problems.is_empty() {
            return Err(PolicyError { problems: self.problems });
        }
        let ready = |(id, layered): (String, Layered)| {
            let level = layered.level.unwrap_or(Level::Off);
            (id, RulePolicy { level, settings: Settings { values: layered.values } })
        };
        Ok(Policy { names: self.names, rules: self.layered.into_iter().map(ready).collect() })
    }

    /// Lays a policy over what is there. `open` are the policies that led here.
    fn add(&mut self, name: &str, at: Option<NamedAt<'_>>, open: &mut Vec<Which>) {
        let Some(which) = self.which(name, at.as_ref()) else { return };
        if open.contains(&which) {
            return self.refuse(at.as_ref(), format!("`{}` extends itself, by way of others or directly", shown(name)));
        }
        if self.known.contains(&which) {
            return;
        }
        if open.len() >= limits::POLICY_DEPTH {
            let what = format!("policies extend policies more than {} levels deep", limits::POLICY_DEPTH);
            return self.refuse(at.as_ref(), what);
        }
        if self.known.len() >= limits::POLICIES {
            return self.refuse(at.as_ref(), format!("more than {} policies in one", limits::POLICIES));
        }
        self.known.push(which.clone());
        let Some(source) = self.source(&which, at.as_ref()) else { return };
        let (document, problems) = document::read(&source, self.rules);
        self.problems.extend(problems);
        let before = self.problems.len();
        let directory = match &which {
            Which::Builtin(_) => None,
            Which::File(path) => Some(path.parent().unwrap_or(Path::new("")).to_path_buf()),
        };
        open.push(which);
        for (name, span) in &document.extends {
            let at = NamedAt { source: &source, span: span.clone(), directory: directory.as_deref() };
            self.add(name, Some(at), open);
        }
        open.pop();
        let extended_all = self.problems.len() == before;
        self.lay(&source, document, extended_all);
    }

    fn lay(&mut self, source: &Rc<Source>, document: Document, extended_all: bool) {
        for (id, entry) in document.rules {
            let layered = self.layered.entry(id).or_default();
            layered.level = entry.level.or(layered.level);
            layered.values.extend(entry.values);
            // Where an extended policy could not be used, it may have been the one that gives the level.
            if layered.level.is_none() && extended_all {
                let problem =
                    Problem::at(source, entry.span, "no level here and none in a policy that this one extends");
                self.problems.push(problem.hint("write `{ level = \"warn\", … }`"));
                layered.level = Some(Level::Off);
            }
        }
    }

    fn refuse(&mut self, at: Option<&NamedAt<'_>>, what: String) {
        self.problems.push(problem(at, what));
    }

    fn which(&mut self, name: &str, at: Option<&NamedAt<'_>>) -> Option<Which> {
        if let Some((known, _)) = builtin::ALL.iter().find(|(known, _)| *known == name) {
            return Some(Which::Builtin(known));
        }
        if name.contains('/') || name.ends_with(".toml") {
            let path = match at.and_then(|at| at.directory) {
                Some(directory) => directory.join(name),
                None => PathBuf::from(name),
            };
            return Some(Which::File(plain(&path)));
        }
        let what = format!("there is no policy `{}`", shown(name));
        let problem = problem(at, what).did_you_mean(name, builtin::ALL.iter().map(|(known, _)| *known));
        let hint = problem.hint.clone().unwrap_or_default();
        self.problems.push(problem.hint(format!("{hint} (a file's path holds a `/` or ends in `.toml`)")));
        None
    }

    fn source(&mut self, which: &Which, at: Option<&NamedAt<'_>>) -> Option<Rc<Source>> {
        let (name, bytes) = match which {
            Which::Builtin(name) => (name.to_string(), builtin::find(name)?.as_bytes().to_vec()),
            Which::File(path) => {
                let name = path.to_string_lossy().into_owned();
                match (self.read)(path) {
                    Ok(bytes) => (name, bytes),
                    Err(error) => {
                        self.refuse(at, format!("cannot read the policy `{}`: {error}", shown(&name)));
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
                // Up to here the lossy text is the file's own; the bytes that follow became one character.
                self.problems.push(Problem::at(&source, start..start + 3, "the file is not UTF-8 text"));
                None
            }
        }
    }
}

fn problem(at: Option<&NamedAt<'_>>, what: String) -> Problem {
    match at {
        Some(at) => Problem::at(at.source, at.span.clone(), what),
        None => Problem { what, hint: None, place: Place::Name },
    }
}

/// The path without `.` and, where a name goes before it, without `..`, so that one file has one name.
fn plain(path: &Path) -> PathBuf {
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
