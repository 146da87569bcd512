//! What the kernel does with a file that is executed: `#!` lines, then an ELF program.
//!
//! execve(2), "Interpreter scripts"; fs/binfmt_script.c: the line ends within 256 bytes, everything after the
//! interpreter is one argument, and up to five scripts may be chained. The kernel opens all of them as the process that
//! calls execve; the interpreter then opens its script again, as the user. Not here: what the program does.

use crate::facts::access::Actor;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::Fault;
use crate::facts::proof::Proof;
use crate::facts::proof::Sort;
use crate::facts::proof::Started;
use crate::facts::proof::lookup;
use crate::facts::proof::lookup::Miss;
use crate::facts::proof::lookup::Program;
use crate::facts::proof::quoted;
use crate::facts::shell::OPEN;
use crate::model::finding::Fix;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::program::Head;
use crate::model::program::SCRIPT_HEAD_BYTES;
use crate::model::text::shown;
use crate::view::NodeId;

/// The longest chain of scripts that Linux executes (fs/exec.c, `exec_binprm`).
const SCRIPTS: usize = 5;

/// The result of executing a file.
pub enum Executed {
    /// This program runs.
    Started(Started),
    /// The file is neither a script with a `#!` line nor an ELF file: the kernel rejects it, a shell reads it as a
    /// script.
    Plain(NodeId),
    /// The interpreter runs but can't open its script; the proof says why.
    Unread(Started),
    /// It doesn't run, or that is undecided; the proof says why.
    Stopped,
}

/// Executes a file. `kernel` is the process that calls execve, [`ProcessContext::actor`] the process that then runs.
pub fn exec(
    process: &ProcessContext<'_>,
    kernel: &Actor,
    program: Program,
    argv: &[String],
    proof: &mut Proof,
) -> Executed {
    let word = argv.first().cloned().unwrap_or_default();
    let mut current = program;
    let mut argv = argv.to_vec();
    let mut scripts: Vec<Program> = Vec::new();
    loop {
        overridden(process, kernel, &word, &current, proof);
        let layer = process.view.stat(current.node).and_then(|stat| stat.layer);
        let broken = |what: String, node| Fault::new(shown(&word), what, Some(node));
        match process.view.head(current.node) {
            None if scripts.is_empty() => return Executed::Plain(current.node),
            None => {
                let what = format!("the interpreter {} is not a program", process.name(current.node));
                proof.fault(process, broken(what, current.node));
                return Executed::Stopped;
            }
            Some(Head::Unread(why)) => {
                proof.open(Undecided::denied(process.name(current.node), *why));
                return Executed::Stopped;
            }
            Some(Head::BrokenElf(why)) => {
                let what = format!("{} is a broken ELF file: {why}", process.name(current.node));
                proof.fault(process, broken(what, current.node));
                return Executed::Stopped;
            }
            Some(Head::Elf(_)) => {
                proof.step(format!("{} → {}", quoted(&current.path), process.name(current.node)), layer);
                if let Some(script) = scripts.last() {
                    let need = process.readable(script.path.as_bytes(), "the script");
                    if let Need::Unmet(lack) = need {
                        let what = format!("{}, and {} must read it as that user", lack.what, quoted(&current.path));
                        // The runtime's capabilities don't help here.
                        proof.faults.retain(|fault| !fault.is_overridden);
                        proof.steps.retain(|step| step.sort != Sort::Overridden);
                        let place = lack.place.unwrap_or(script.node);
                        let is_directory = process.view.stat(place).is_some_and(|stat| stat.kind == Kind::Dir);
                        let fix =
                            is_directory.then(|| Box::new(lookup::enter(process, place, Some(&current.path)).into()));
                        proof.fault(process, Fault { what, fix, ..broken(String::new(), place) });
                        return Executed::Unread(Started { argv, path: current.path, program: current.node });
                    } else if let Need::Undecided(question) = need {
                        proof.open(question);
                    }
                }
                return Executed::Started(Started { argv, path: current.path, program: current.node });
            }
            Some(Head::Script(head)) => {
                let line = match interpreter(head) {
                    Ok(line) => line,
                    Err(Bad::Refused(what)) => {
                        let what = format!("the #! line of {} {what}", process.name(current.node));
                        proof.fault(process, broken(what, current.node));
                        return Executed::Stopped;
                    }
                    Err(Bad::NoText) => {
                        let reason = "the interpreter in its #! line is not valid UTF-8";
                        proof.open(Undecided::unknowable(process.name(current.node), reason));
                        return Executed::Stopped;
                    }
                };
                let shown_line = shown(&format!("#!{} {}", line.program, line.argument.as_deref().unwrap_or("")));
                proof.step(
                    format!("{} → {}: {}", quoted(&current.path), process.name(current.node), shown_line.trim_end()),
                    layer,
                );
                if scripts.len() == SCRIPTS {
                    let what = format!(
                        "{} is the sixth script in a chain of #! lines; Linux allows five",
                        process.name(current.node)
                    );
                    proof.fault(process, broken(what, current.node));
                    return Executed::Stopped;
                }
                argv[0] = current.path.clone();
                argv.splice(0..0, line.argument.clone());
                argv.insert(0, line.program.clone());
                let found = lookup::file(process, kernel, &line.program, &line.program);
                scripts.push(current);
                current = match found {
                    Ok(program) => program,
                    Err(Miss::Open(question)) => {
                        proof.open(question);
                        return Executed::Stopped;
                    }
                    Err(Miss::Fault(fault)) => {
                        let script = scripts.last().map_or(0, |script| script.node);
                        let what = format!("the interpreter of {} can't be run: {}", process.name(script), fault.what);
                        let has_cr = line.program.ends_with('\r');
                        let fix = has_cr.then(|| {
                            let line = format!("RUN sed -i 's/\\r$//' {}", process.name(script));
                            Box::new(Fix::new("Save the script with LF line endings, or convert it").line(line))
                        });
                        let missing_program = fault.missing_program.filter(|_| fix.is_none());
                        proof.fault(process, Fault { what, fix, missing_program, ..broken(String::new(), script) });
                        return Executed::Stopped;
                    }
                };
            }
        }
    }
}

/// Reports a file that only the runtime's capabilities can reach.
fn overridden(process: &ProcessContext<'_>, kernel: &Actor, word: &str, program: &Program, proof: &mut Proof) {
    if *kernel == process.actor {
        return;
    }
    match lookup::file(process, &process.actor, word, &program.path) {
        Err(Miss::Fault(fault)) => proof.fault(process, Fault { is_overridden: true, ..fault }),
        Err(Miss::Open(question)) => proof.open(question),
        Ok(_) => {}
    }
}

/// The interpreter of a `#!` line, and its one argument.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    program: String,
    argument: Option<String>,
}

/// Why a `#!` line has no interpreter to run.
#[derive(Debug, PartialEq, Eq)]
enum Bad {
    /// The kernel rejects it; a fragment that follows "the #! line of X".
    Refused(String),
    /// The name is not UTF-8; the kernel accepts any bytes, but words are strings here.
    NoText,
}

/// Reads a `#!` line as the kernel does.
fn interpreter(head: &[u8]) -> Result<Line, Bad> {
    let body = head.get(2..).unwrap_or_default();
    let end = body.iter().position(|&b| b == b'\n');
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let line = end.map_or(body, |end| &body[..end]);
    let start = line.iter().position(|b| !is_blank(b)).unwrap_or(line.len());
    let line = &line[start..];
    let name_end = line.iter().position(|b| is_blank(b) || *b == 0);
    // A name that doesn't fit into the 256 bytes is rejected; an argument is truncated.
    if end.is_none() && head.len() >= SCRIPT_HEAD_BYTES && name_end.is_none() {
        return Err(Bad::Refused(format!("is longer than the {SCRIPT_HEAD_BYTES} bytes that Linux reads")));
    }
    let (name, rest) = line.split_at(name_end.unwrap_or(line.len()));
    if name.is_empty() {
        return Err(Bad::Refused("doesn't name an interpreter".to_string()));
    }
    let rest = rest.split(|&b| b == 0).next().unwrap_or_default();
    let rest = &rest[rest.iter().position(|b| !is_blank(b)).unwrap_or(rest.len())..];
    let last = rest.iter().rposition(|b| !is_blank(b)).map_or(0, |last| last + 1);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    // The truncation may split a UTF-8 sequence.
    let argument = text(&rest[..last]).unwrap_or_else(|| OPEN.to_string());
    let program = text(name).ok_or(Bad::NoText)?;
    Ok(Line { program, argument: (!argument.is_empty()).then_some(argument) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_interpreter_lines_as_linux_does() {
        let read = |text: &[u8]| interpreter(text).map(|line| (line.program, line.argument.unwrap_or_default()));
        let ok = |program: &str, argument: &str| Ok((program.to_string(), argument.to_string()));
        assert_eq!(read(b"#!/bin/sh\n"), ok("/bin/sh", ""));
        assert_eq!(read(b"#! \t/bin/sh -e  -x \nmore"), ok("/bin/sh", "-e  -x"));
        assert_eq!(read(b"#!/bin/sh\r\n"), ok("/bin/sh\r", ""));
        assert_eq!(read(b"#!/usr/bin/env -S python3 -u\n"), ok("/usr/bin/env", "-S python3 -u"));
        assert_eq!(read(b"#!/bin/sh"), ok("/bin/sh", ""));
        assert!(read(b"#!\n").is_err());
        assert!(read(b"#!   ").is_err());
        assert_eq!(read(b"#!/bin/\xff\n"), Err(Bad::NoText));
        assert_eq!(read(b"#!/bin/sh \xff\n"), ok("/bin/sh", &OPEN.to_string()));
        let long = |length: usize| {
            [b"#!/", "a".repeat(length).as_bytes()].concat()[..SCRIPT_HEAD_BYTES.min(length + 3)].to_vec()
        };
        assert!(read(&long(300)).is_err());
        assert!(read(&long(200)).is_ok());
        let argument = [b"#!/bin/sh ", "x".repeat(300).as_bytes()].concat();
        assert_eq!(read(&argument[..SCRIPT_HEAD_BYTES]), ok("/bin/sh", &"x".repeat(246)));
    }
}
