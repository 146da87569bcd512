//! Lines of a certain width, with or without colours.
//!
//! The texts are harmless already ([`crate::model::text::shown`]).

use crate::model::finding::Level;
use crate::output::wrap;
use crate::verdict::Verdict;
use anstyle::AnsiColor;
use anstyle::Style;
use std::io;

/// Columns below which nothing can be laid out.
pub const WIDTH_MIN: usize = 40;

/// A piece of a line and how it looks.
pub type Span<'a> = (&'a str, Style);

/// Where lines go, how wide they are, and whether they are coloured.
pub struct Page<'a> {
    out: &'a mut dyn io::Write,
    /// Columns.
    pub width: usize,
    color: bool,
}

impl<'a> Page<'a> {
    /// A page; narrow ones are at least [`WIDTH_MIN`] columns wide.
    pub fn new(out: &'a mut dyn io::Write, width: usize, color: bool) -> Page<'a> {
        Page { out, width: width.max(WIDTH_MIN), color }
    }

    /// A line as it is.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", text.trim_end())
    }

    /// Several lines as they are.
    pub fn block(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// Text that wraps: the first line begins at column `first`, the others at `rest`.
    pub fn text(&mut self, first: usize, rest: usize, text: &str) -> io::Result<()> {
        self.flow(first, rest, &[(text, plain())])
    }

    /// A label and text that wraps beside it.
    pub fn labelled(&mut self, indent: usize, label: Span<'_>, text: &str) -> io::Result<()> {
        let padded = format!("{:<4}", label.0);
        let text_at = indent + 5;
        self.flow(indent, text_at, &[(&padded, label.1), (text, plain())])
    }

    /// A label and a line beside it that is not broken, however long it is.
    pub fn unbroken(&mut self, indent: usize, label: Span<'_>, text: &str) -> io::Result<()> {
        write!(self.out, "{}", " ".repeat(indent))?;
        self.styled(label.0, label.1)?;
        let space = " ".repeat(5_usize.saturating_sub(wrap::width(label.0)));
        writeln!(self.out, "{space}{text}")
    }

    /// Spans that wrap between words, a blank between two spans.
    pub fn flow(&mut self, first: usize, rest: usize, spans: &[Span<'_>]) -> io::Result<()> {
        // Narrow terminals keep most of their columns for the text.
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
        match self.color && style != plain() {
            true => write!(self.out, "{style}{text}{style:#}"),
            false => write!(self.out, "{text}"),
        }
    }
}

/// For text.
pub fn plain() -> Style {
    Style::new()
}

/// For titles and rules.
pub fn heading() -> Style {
    Style::new().bold()
}

/// For labels and what matters less.
pub fn faint() -> Style {
    Style::new().dimmed()
}

/// For what to do.
pub fn fix() -> Style {
    AnsiColor::Green.on_default()
}

/// For the word of a level.
pub fn level(level: Level) -> Style {
    match level {
        Level::Error => AnsiColor::Red.on_default().bold(),
        Level::Warn => AnsiColor::Yellow.on_default().bold(),
        Level::Note | Level::Off => AnsiColor::Blue.on_default().bold(),
    }
}

/// For the word of a verdict.
pub fn verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => AnsiColor::Green.on_default().bold(),
        Verdict::Fail => AnsiColor::Red.on_default().bold(),
        Verdict::Unjudged => AnsiColor::Magenta.on_default().bold(),
    }
}
