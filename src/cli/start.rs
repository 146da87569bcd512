//! `plimsoll inspect --start`: how the command and the health check would start, step by step.
//!
//! In: examined images. Out: a table or JSON. Not here: the proof itself (`facts::proof`).

use crate::cli::args::ListFormat;
use crate::examine::Examined;
use crate::facts::Facts;
use crate::facts::access::Capabilities;
use crate::facts::health::Health;
use crate::facts::health::Probe;
use crate::facts::proof::Proof;
use crate::facts::proof::Sort;
use crate::model::finding::Undecided;
use crate::model::text::shown;
use crate::output::harmless;
use crate::output::table::fault_text;
use crate::output::wrap;
use serde::Serialize;
use std::io;
use std::io::Write;

/// The output of `inspect --start --format json`, version 1.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    reference: &'a str,
    images: Vec<ImageDocument>,
}

#[derive(Serialize)]
struct ImageDocument {
    names: Vec<String>,
    platform: String,
    config_digest: String,
    user: Option<UserDocument>,
    working_dir: String,
    start: Section,
    health: Option<Section>,
    errors: Vec<String>,
}

#[derive(Serialize)]
struct UserDocument {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    name: Option<String>,
}

#[derive(Serialize)]
struct Section {
    /// The command in the config.
    command: Vec<String>,
    /// `yes`, `no`, `by-capabilities` or `undecided`.
    runs: &'static str,
    steps: Vec<StepDocument>,
}

#[derive(Serialize)]
struct StepDocument {
    depth: usize,
    sort: &'static str,
    text: String,
    layer: Option<usize>,
}

/// Writes how the command and the health check of each image start.
pub fn write(
    reference: &str,
    images: &[Examined],
    format: ListFormat,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let document = Document { version: 1, reference, images: images.iter().map(image).collect() };
    match format {
        ListFormat::Json => harmless::write_value(&document, out),
        ListFormat::Table => {
            for (at, (document, examined)) in document.images.iter().zip(images).enumerate() {
                if at > 0 {
                    writeln!(out)?;
                }
                text(document, examined, width, out)?;
            }
            Ok(())
        }
    }
}

fn image(examined: &Examined) -> ImageDocument {
    let denied = Undecided::denied("the merged filesystem", "not every layer could be read");
    let image = &examined.image;
    let facts = Facts::new(image, examined.view.as_ref().ok_or(denied));
    let run = &image.config.run;
    let command: Vec<String> = run.entrypoint.iter().chain(&run.cmd).cloned().collect();
    let health = match facts.health() {
        Health::Check(check) => {
            let command = match check.probe {
                Probe::Exec(words) => words.to_vec(),
                Probe::Shell(text) => vec![text.to_string()],
            };
            Some(section(&facts, command, facts.health_proof(&check, Capabilities::Docker)))
        }
        _ => None,
    };
    ImageDocument {
        names: image.names.clone(),
        platform: image.platform.clone(),
        config_digest: image.config_digest.as_str().to_string(),
        user: facts.user().ok().map(|user| UserDocument {
            uid: user.uid,
            gid: user.gid,
            groups: user.groups,
            name: user.name.map(|name| image.redactor.redact(&name)),
        }),
        working_dir: match run.working_dir.as_str() {
            "" => "/".to_string(),
            directory => image.redactor.redact(directory),
        },
        start: section(&facts, command, facts.start_proof(Capabilities::Docker)),
        health,
        errors: examined.faults.iter().map(|fault| fault_text(fault, image.layers.len())).collect(),
    }
}

fn section(facts: &Facts<'_>, command: Vec<String>, proof: Result<&Proof, Undecided>) -> Section {
    let harmless = |text: &str| facts.image().redactor.redact_sentence(text);
    let redactor = &facts.image().redactor;
    // The option before a word may make it a secret.
    let word = |at: usize| {
        let option = at.checked_sub(1).map_or(String::new(), |before| format!("{} ", command[before]));
        let both = redactor.redact(&format!("{option}{}", command[at]));
        both.strip_prefix(&option).map_or_else(|| redactor.redact(&command[at]), str::to_string)
    };
    let command = (0..command.len()).map(word).collect();
    let mut denied = Proof::default();
    let proof = proof.unwrap_or_else(|question| {
        denied.open(question);
        &denied
    });
    let is_overridden = proof.faults.iter().any(|fault| fault.is_overridden);
    let runs = if proof.fails() {
        "no"
    } else if is_overridden {
        "by-capabilities"
    } else if !proof.open.is_empty() {
        "undecided"
    } else {
        "yes"
    };
    let steps = proof.steps.iter().map(|step| StepDocument {
        depth: step.depth,
        sort: match step.sort {
            Sort::Sound => "sound",
            Sort::Spare => "spare",
            Sort::Fault => "fault",
            Sort::Overridden => "overridden",
            Sort::Open => "undecided",
        },
        text: harmless(&step.text),
        layer: step.layer,
    });
    Section { command, runs, steps: steps.collect() }
}

fn text(document: &ImageDocument, examined: &Examined, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let names = match document.names.len() {
        0 => "(no name)".to_string(),
        _ => document.names.join(", "),
    };
    writeln!(out, "{}  {}", shown(&names), shown(&document.platform))?;
    if let Some(user) = &document.user {
        let name = user.name.as_ref().map_or(String::new(), |name| format!(" ({})", shown(name)));
        let groups: Vec<String> = user.groups.iter().map(u32::to_string).collect();
        let groups = if groups.is_empty() { String::new() } else { format!(", groups {}", groups.join(" ")) };
        let line = format!("as uid {}{name}, gid {}{groups}, in {}", user.uid, user.gid, shown(&document.working_dir));
        wrapped("", &line, width, out)?;
    }
    for error in &document.errors {
        wrapped("", &shown(error), width, out)?;
    }
    writeln!(out)?;
    if document.start.command.is_empty() {
        writeln!(out, "start: the image has no command")?;
    } else {
        part("start", &document.start, examined, width, out)?;
    }
    match &document.health {
        Some(health) => {
            writeln!(out)?;
            part("health check", health, examined, width, out)
        }
        None => writeln!(out, "\nhealth check: none"),
    }
}

fn part(title: &str, section: &Section, examined: &Examined, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let command: Vec<String> = section.command.iter().take(WORDS_SHOWN).map(|word| quote(word)).collect();
    let more = if section.command.len() > WORDS_SHOWN { " …" } else { "" };
    wrapped("", &format!("{title}: {}{more}", command.join(" ")), width, out)?;
    let mut named_layers = std::collections::HashSet::new();
    for step in &section.steps {
        let mark = match step.sort {
            "sound" => "ok",
            "fault" => "no",
            "spare" => "--",
            "overridden" => "!!",
            _ => "??",
        };
        let instruction = step.layer.and_then(|layer| examined.image.instruction(layer));
        let by = match (step.layer, instruction) {
            // Show each instruction once.
            (Some(layer), Some(instruction)) if named_layers.insert(layer) => {
                let text = instruction.text.split_whitespace().collect::<Vec<_>>().join(" ");
                format!(" [layer {}: {}]", layer + 1, wrap::shorten(&shown(&text), INSTRUCTION_COLUMNS))
            }
            (Some(layer), _) => format!(" [layer {}]", layer + 1),
            (None, _) => String::new(),
        };
        wrapped(
            &format!("{}{mark}  ", "  ".repeat(step.depth + 1)),
            &format!("{}{by}", shown(&step.text)),
            width,
            out,
        )?;
    }
    let verdict = match section.runs {
        "yes" => "it can run",
        "no" => "it cannot run",
        "by-capabilities" => {
            "it runs only if the runtime executes it with root's capabilities, as Docker 24 and later do; it doesn't \
             run from a shell or a script, or with all capabilities dropped"
        }
        _ => "undecided",
    };
    wrapped("  → ", verdict, width, out)
}

/// Words of a command that the table shows, and columns of each; JSON has them in full.
const WORDS_SHOWN: usize = 100;
const WORD_COLUMNS: usize = 2000;

/// Columns of an instruction after a step.
const INSTRUCTION_COLUMNS: usize = 40;

/// Writes text after `lead` and indents the following lines to match.
fn wrapped(lead: &str, text: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let indent = wrap::width(lead);
    for (at, line) in wrap::lines(text, width.saturating_sub(indent).max(20)).iter().enumerate() {
        match at {
            0 => writeln!(out, "{lead}{line}")?,
            _ => writeln!(out, "{}{line}", " ".repeat(indent))?,
        }
    }
    Ok(())
}

/// Quotes a word for a shell.
fn quote(word: &str) -> String {
    let word = wrap::shorten(&shown(word), WORD_COLUMNS);
    if word.is_empty() || word.contains([' ', '\'', '"', '$', '|', '&', ';']) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word
    }
}
