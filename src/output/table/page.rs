//! Writes lines of a given width, with or without colours.
//!
//! The text must be harmless already ([`crate::model::text::shown`]).

use crate::model::finding::Level;
use crate::output::wrap;
use crate::verdict::Verdict;
use anstyle::AnsiColor;
use anstyle::Style;
use std::io;

/// The minimum width.
pub const WIDTH_MIN: usize = 40;

/// A part of a line and its style.
pub type Span<'a> = (&'a str, Style);

/// Where lines go, how wide they are, and whether they are coloured.
pub struct Page<'a> {
    out: &'a mut dyn io::Write,
    /// Columns.
    pub width: usize,
    color: bool,
}

impl<'a> Page<'a> {
    /// A page of at least [`WIDTH_MIN`] columns.
    pub fn new(out: &'a mut dyn io::Write, width: usize, color: bool) -> Page<'a> {
        Page { out, width: width.max(WIDTH_MIN), color }
    }

    /// Writes a line as it is.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", text.trim_end())
    }

    /// Writes several lines as they are.
    pub fn block(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// Wraps text: the first line begins at column `first`, the others at `rest`.
    pub fn text(&mut self, first: usize, rest: usize, text: &str) -> io::Result<()> {
        self.flow(first, rest, &[(text, plain())])
    }

    /// Writes a label, and wraps text after it.
    pub fn labelled(&mut self, indent: usize, label: Span<'_>, text: &str) -> io::Result<()> {
        let padded = format!("{:<4}", label.0);
        let text_at = indent + 5;
        self.flow(indent, text_at, &[(&padded, label.1), (text, plain())])
    }

    /// Writes a label, and after it a line that never wraps.
    pub fn unbroken(&mut self, indent: usize, label: Span<'_>, text: &str) -> io::Result<()> {
        write!(self.out, "{}", " ".repeat(indent))?;
        self.styled(label.0, label.1)?;
        let space = " ".repeat(5_usize.saturating_sub(wrap::width(label.0)));
        writeln!(self.out, "{space}{text}")
    }

    /// Wraps spans between words, separated by spaces.
    pub fn flow(&mut self, first: usize, rest: usize, spans: &[Span<'_>]) -> io::Result<()> {
        // Limit the indentation on narrow terminals.
        let (first, rest) = (first.min(self.width / 4), rest.min(self.width / 4));
        write!(self.out, "{}", " ".repeat(first))?;
        let mut column = first;
        let mut is_at_start = true;
        for (text, style) in spans.iter().filter(|(text, _)| !text.is_empty()) {
            for word in text.split(' ') {
                for part in wrap::lines(word, self.width - rest) {
                    let width = wrap::width(&part);
                    let space = usize::from(!is_at_start);
                    let is_break = !is_at_start && column + space + width > self.width;
                    if is_break && part.is_empty() {
                        continue;
                    }
                    if is_break {
                        writeln!(self.out)?;
                        write!(self.out, "{}", " ".repeat(rest))?;
                        column = rest;
                    } else if space == 1 {
                        write!(self.out, " ")?;
                        column += 1;
                    }
                    self.styled(&part, *style)?;
                    column += width;
                    is_at_start = false;
                }
            }
        }
        writeln!(self.out)
    }

    fn styled(&mut self, text: &str, style: Style) -> io::Result<()> {
        if self.color && style != plain() {
            write!(self.out, "{style}{text}{style:#}")
        } else {
            write!(self.out, "{text}")
        }
    }
}

/// The style of text.
pub fn plain() -> Style {
    Style::new()
}

/// The style of titles and rule ids.
pub fn heading() -> Style {
    Style::new().bold()
}

/// The style of labels and less important text.
pub fn faint() -> Style {
    Style::new().dimmed()
}

/// The style of the label of a fix.
pub fn fix() -> Style {
    AnsiColor::Green.on_default()
}

/// The style of a level's name.
pub fn level(level: Level) -> Style {
    match level {
        Level::Error => AnsiColor::Red.on_default().bold(),
        Level::Warn => AnsiColor::Yellow.on_default().bold(),
        Level::Note | Level::Off => AnsiColor::Blue.on_default().bold(),
    }
}

/// The style of a verdict's name.
pub fn verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => AnsiColor::Green.on_default().bold(),
        Verdict::Fail => AnsiColor::Red.on_default().bold(),
        Verdict::Unjudged => AnsiColor::Magenta.on_default().bold(),
    }
}
