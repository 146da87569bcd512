//! Report writers: a pure function to bytes for each format.
//!
//! In: a [`Report`]. Out: bytes, the same for the same report. Not here: where they go and whether a terminal takes
//! colours (`cli`); what they say (`verdict`).

pub mod json;
mod sizes;
pub mod table;
pub mod wrap;

#[cfg(test)]
mod sample;

use crate::verdict::Report;
use std::io;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a person at a terminal.
    Table,
    /// For programs: version 1, `docs/report.schema.json`.
    Json,
}

impl Format {
    /// All formats, the default one first.
    pub const ALL: [Format; 2] = [Format::Table, Format::Json];

    /// The word that the command line uses.
    pub fn name(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Json => "json",
        }
    }

    /// Reads the word that the command line uses.
    pub fn parse(text: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == text)
    }
}

/// What a format for people must know of the place where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Columns to write within.
    pub width: usize,
    /// Whether escape sequences for colours are understood.
    pub color: bool,
    /// Whether the table tells of inputs that could not be read; where standard error tells of them, it need not.
    pub errors: bool,
}

/// Writes a report.
pub fn write(report: &Report, format: Format, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        Format::Table => table::write(report, options, out),
        Format::Json => json::write(report, out),
    }
}
