//! Writers: a pure function from a report to bytes for each format.
//!
//! In: a [`Report`]. Out: bytes, the same for the same report. Not here: where they go and whether to use colours
//! (`cli`); the contents of the report (`report`).

pub mod harmless;
pub mod json;
pub mod sizes;
pub mod table;
pub mod wrap;

#[cfg(test)]
mod sample;

use crate::report::Report;
use std::io;

/// The output format of a report.
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

/// How much the table shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The verdict line.
    Quiet,
    /// The verdict line and what to do.
    Summary,
    /// All findings, notes on one line each.
    #[default]
    Normal,
    /// Every note, location and layer.
    Verbose,
}

/// How the table is written; JSON always contains everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Columns to write within.
    pub width: usize,
    /// Whether to use colours.
    pub color: bool,
    /// Whether to list inputs that could not be read; not needed if standard error does.
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
