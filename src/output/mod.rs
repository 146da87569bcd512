//! Writers: a pure function from a report to bytes for each format.
//!
//! In: a [`Report`]. Out: bytes, the same for the same report. Not here: where they go and whether a terminal takes
//! colours (`cli`); what they say (`report`).

pub mod harmless;
pub mod json;
pub mod sizes;
pub mod table;
pub mod wrap;

#[cfg(test)]
mod sample;

use crate::report::Report;
use std::io;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// For a person at a terminal.
    Table,
    /// For programs: version 1, `docs/report.schema.json`.
    Json,
}

impl ReportFormat {
    /// All formats, the default one first.
    pub const ALL: [ReportFormat; 2] = [ReportFormat::Table, ReportFormat::Json];

    /// The word that the command line uses.
    pub fn name(self) -> &'static str {
        match self {
            ReportFormat::Table => "table",
            ReportFormat::Json => "json",
        }
    }

    /// Reads the word that the command line uses.
    pub fn parse(text: &str) -> Option<ReportFormat> {
        ReportFormat::ALL.into_iter().find(|format| format.name() == text)
    }
}

/// How much a report for people shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The verdict line.
    Quiet,
    /// The verdict line and what to do.
    Summary,
    /// All findings, notes on one line each.
    #[default]
    Normal,
    /// Every note, place and layer.
    Verbose,
}

/// How a format for people is written; formats for programs show everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Columns to write within.
    pub width: usize,
    /// Whether escape sequences for colours are understood.
    pub color: bool,
    /// Whether the report lists inputs that could not be read; it need not where standard error does.
    pub errors: bool,
    /// How much to show.
    pub detail: Detail,
    /// Whether to show sizes.
    pub sizes: bool,
}

/// Writes a report.
pub fn write(report: &Report, format: ReportFormat, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        ReportFormat::Table => table::write(report, options, out),
        ReportFormat::Json => json::write(report, out),
    }
}
