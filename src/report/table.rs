//! The report for a person at a terminal: verdict first, then what is broken, where, and what to do; then sizes; then
//! what was not looked at.
//!
//! Everything wraps at the width, nothing is cut but instructions, which the JSON has in full. All texts that an image
//! may have written go through [`shown`]. Layers are numbered from 0, the bottom one, as everywhere in the program.

use crate::limits;
use crate::model::finding::Cause;
use crate::model::finding::Confidence;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Scope;
use crate::model::finding::State;
use crate::model::image::Image;
use crate::model::text::count;
use crate::model::text::shown;
use crate::model::text::shown_bytes;
use crate::report::Options;
use crate::report::sizes;
use crate::report::wrap;
use crate::rules::MORE;
use crate::verdict::FailOn;
use crate::verdict::ImageReport;
use crate::verdict::Report;
use crate::verdict::Verdict;
use anstyle::AnsiColor;
use anstyle::Style;
use std::io;

/// Findings of one rule, and places of one finding, that are shown one by one.
const SHOWN_MAX: usize = 10;
/// Columns below which nothing can be laid out.
const WIDTH_MIN: usize = 40;
/// Columns that an instruction gets behind its place, at least.
const INSTRUCTION_MIN: usize = 16;

/// Writes the report.
pub fn write(report: &Report, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page { out, width: options.width.max(WIDTH_MIN), color: options.color };
    for (index, image) in report.images.iter().enumerate() {
        if index > 0 {
            page.line("")?;
            page.line(&"─".repeat(page.width))?;
            page.line("")?;
        }
        image_part(&mut page, report, image)?;
    }
    for (index, error) in report.errors.iter().enumerate().filter(|_| options.errors) {
        if index > 0 || !report.images.is_empty() {
            page.line("")?;
        }
        page.head(&[("UNJUDGED", verdict_style(Verdict::Unjudged)), (&shown(&error.reference), Style::new())])?;
        page.text(2, 2, &shown(&error.message))?;
        if let Some(hint) = &error.hint {
            page.text(2, 8, &format!("hint: {}", shown(hint)))?;
        }
    }
    if report.images.is_empty() && report.errors.is_empty() {
        page.head(&[("UNJUDGED", verdict_style(Verdict::Unjudged)), ("no image was given", Style::new())])?;
    }
    if report.images.len() + report.errors.len() > 1 {
        page.line("")?;
        page.head(&[("All images", heading())])?;
        page.block(&sizes::summary(report, page.width))?;
    }
    Ok(())
}

/// Where the lines go, and how wide and how coloured they may be.
struct Page<'a> {
    out: &'a mut dyn io::Write,
    width: usize,
    color: bool,
}

impl Page<'_> {
    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", text.trim_end())
    }

    fn block(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// A text that wraps: the first line starts at `first`, the others at `rest`.
    fn text(&mut self, first: usize, rest: usize, text: &str) -> io::Result<()> {
        // Narrow terminals keep most of their columns for the text.
        let (first, rest) = (first.min(self.width / 4), rest.min(self.width / 4));
        let lines = wrap::lines(text, self.width - first.max(rest));
        for (index, line) in lines.iter().enumerate() {
            self.line(&format!("{}{line}", " ".repeat(if index == 0 { first } else { rest })))?;
        }
        Ok(())
    }

    /// A head: parts two columns apart, broken between parts where they do not fit.
    fn head(&mut self, parts: &[(&str, Style)]) -> io::Result<()> {
        let mut column = 0;
        for (text, style) in parts.iter().filter(|(text, _)| !text.is_empty()) {
            let indent = if column == 0 { 0 } else { 2 };
            if column > 0 && column + 2 + wrap::width(text) > self.width {
                writeln!(self.out)?;
                column = 0;
            }
            let lines = wrap::lines(text, self.width - 2);
            for (index, line) in lines.iter().enumerate() {
                if index > 0 {
                    writeln!(self.out)?;
                    column = 0;
                }
                let space = if index > 0 { 2 } else { indent };
                write!(self.out, "{}", " ".repeat(space))?;
                self.styled(line, *style)?;
                column += space + wrap::width(line);
            }
        }
        writeln!(self.out)
    }

    fn styled(&mut self, text: &str, style: Style) -> io::Result<()> {
        match self.color {
            true => write!(self.out, "{style}{text}{style:#}"),
            false => write!(self.out, "{text}"),
        }
    }
}

fn heading() -> Style {
    Style::new().bold()
}

fn level_style(level: Level) -> Style {
    match level {
        Level::Error => AnsiColor::Red.on_default().bold(),
        Level::Warn => AnsiColor::Yellow.on_default().bold(),
        Level::Note | Level::Off => AnsiColor::Cyan.on_default().bold(),
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => AnsiColor::Green.on_default().bold(),
        Verdict::Fail => AnsiColor::Red.on_default().bold(),
        Verdict::Unjudged => AnsiColor::Magenta.on_default().bold(),
    }
}

fn image_part(page: &mut Page<'_>, report: &Report, image: &ImageReport) -> io::Result<()> {
    verdict_line(page, report, image)?;
    faults(page, image)?;
    findings(page, image)?;
    page.line("")?;
    page.head(&[("Sizes", heading())])?;
    page.block(&sizes::layers(image, page.width))?;
    if let Some(sums) = sizes::sums(image) {
        page.text(0, 0, &sums)?;
    }
    if image.findings.iter().any(|finding| finding.scope == Scope::Unknown) {
        page.text(0, 0, "Which layers are the base image's is not known: name it with --base.")?;
    }
    not_examined(page, image)?;
    undecided(page, image)?;
    evidence(page, image)
}

fn verdict_line(page: &mut Page<'_>, report: &Report, image: &ImageReport) -> io::Result<()> {
    let verdict = image.verdict.name().to_uppercase();
    let names: Vec<String> = report.policies.iter().map(|policy| shown(&policy.name)).collect();
    let policy = if names.is_empty() { String::new() } else { format!("policy {}", names.join(", ")) };
    let line = match report.fail_on {
        FailOn::Level(Level::Error) => "",
        FailOn::Level(Level::Warn) => "fails on warnings",
        FailOn::Level(_) => "fails on notes",
        FailOn::Never => "fails on nothing",
    };
    page.head(&[
        (&verdict, verdict_style(image.verdict)),
        (&shown(image.image.title()), heading()),
        (&shown(&image.image.platform), Style::new()),
        (&counts(&image.findings), Style::new()),
        (&policy, Style::new()),
        (line, Style::new()),
    ])
}

/// `3 errors, 2 warnings, 1 note`.
fn counts(findings: &[Finding]) -> String {
    let of = |level: Level| findings.iter().filter(|finding| finding.level == level).count() as u64;
    let parts: Vec<String> = [(Level::Error, "error"), (Level::Warn, "warning"), (Level::Note, "note")]
        .into_iter()
        .map(|(level, noun)| (of(level), noun))
        .filter(|(n, _)| *n > 0)
        .map(|(n, noun)| count(n, noun))
        .collect();
    if parts.is_empty() { "no findings".to_string() } else { parts.join(", ") }
}

fn faults(page: &mut Page<'_>, image: &ImageReport) -> io::Result<()> {
    let denied = image.undecided.iter().filter(|(_, question)| question.cause == Cause::Denied);
    let mut reasons: Vec<String> = image.faults.iter().map(|fault| shown(fault)).collect();
    if image.verdict == Verdict::Unjudged && reasons.is_empty() {
        let open = denied.map(|(rule, question)| {
            format!("{rule} could not look at {}: {}", shown(&question.subject), shown(&question.reason))
        });
        reasons.extend(open.take(SHOWN_MAX));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    page.line("")?;
    page.head(&[("Why it could not be judged", heading())])?;
    reasons.iter().try_for_each(|reason| page.text(2, 4, reason))
}

fn findings(page: &mut Page<'_>, image: &ImageReport) -> io::Result<()> {
    for level in [Level::Error, Level::Warn, Level::Note] {
        let mut rules: Vec<&str> = Vec::new();
        for finding in image.findings.iter().filter(|finding| finding.level == level) {
            if !rules.contains(&finding.rule) {
                rules.push(finding.rule);
            }
        }
        for rule in rules {
            let group: Vec<&Finding> =
                image.findings.iter().filter(|found| found.level == level && found.rule == rule).collect();
            page.line("")?;
            rule_group(page, image, &group)?;
        }
    }
    Ok(())
}

/// Findings of one rule at one level: what, where, and at the end what to do.
fn rule_group(page: &mut Page<'_>, image: &ImageReport, group: &[&Finding]) -> io::Result<()> {
    let is_more = |finding: &Finding| finding.subject == MORE && finding.locations.is_empty();
    let (more, listed): (Vec<&Finding>, Vec<&Finding>) = group.iter().copied().partition(|finding| is_more(finding));
    let first = group[0];
    let total = if listed.len() > 1 { count(listed.len() as u64, "finding") } else { String::new() };
    page.head(&[(first.level.name(), level_style(first.level)), (first.rule, heading()), (&total, Style::new())])?;
    let fix = &listed.first().unwrap_or(&first).fix;
    let mut last = None;
    let one_fix = listed.iter().all(|finding| finding.fix == *fix);
    for finding in listed.iter().take(SHOWN_MAX) {
        let doubt = if finding.confidence == Confidence::Likely { " (likely)" } else { "" };
        let base = if finding.scope == Scope::Base { " (base image)" } else { "" };
        page.text(2, 4, &format!("{}{doubt}{base}", shown(&finding.message)))?;
        places(page, &image.image, &finding.locations, &mut last)?;
        if !one_fix {
            page.text(4, 9, &format!("fix: {}", shown(&finding.fix)))?;
        }
    }
    if listed.len() > SHOWN_MAX {
        page.text(2, 4, &format!("and {} more (--format json lists all)", listed.len() - SHOWN_MAX))?;
    }
    more.iter().try_for_each(|finding| page.text(2, 4, &shown(&finding.message)))?;
    if one_fix {
        page.text(2, 7, &format!("fix: {}", shown(fix)))?;
    }
    Ok(())
}

/// The places of one finding. An instruction is written where its layer is first named in a group: `last` remembers it.
fn places(page: &mut Page<'_>, image: &Image, locations: &[Location], last: &mut Option<usize>) -> io::Result<()> {
    let mut path_above: Option<&[u8]> = None;
    for location in locations.iter().take(SHOWN_MAX) {
        let mut what = Vec::new();
        // A path in several layers is written once.
        let repeated = location.path.is_some() && location.path.as_deref() == path_above;
        if let Some(path) = location.path.as_ref().filter(|_| !repeated) {
            what.push(format!("/{}", shown_bytes(path)));
        }
        path_above = location.path.as_deref();
        what.extend(location.config.as_deref().map(shown));
        let hidden = if location.state == Some(State::Shipped) { ", hidden but shipped" } else { "" };
        let layer = location.layer.map(|index| format!("layer {index} of {}{hidden}", image.layers.len()));
        let named = std::mem::replace(last, location.layer.or(*last)) == location.layer;
        let made = location.layer.filter(|_| !named).and_then(|index| image.instruction(index)).map(sizes::instruction);
        let lines = place(&what.join("  "), layer.as_deref().unwrap_or(""), made.as_deref().unwrap_or(""), page.width);
        for (index, line) in lines.iter().enumerate() {
            page.text(if index == 0 && !repeated { 4 } else { 6 }, 6, line)?;
        }
    }
    if locations.len() > SHOWN_MAX {
        page.text(4, 6, &format!("and {} more places (--format json lists all)", locations.len() - SHOWN_MAX))?;
    }
    Ok(())
}

/// One place: on one line if it fits with some of its instruction, else on as many as it needs. Lines may be 4 columns to
/// the right, and 6 from the second on.
fn place(what: &str, layer: &str, made: &str, width: usize) -> Vec<String> {
    let made_min = if made.is_empty() { 0 } else { 2 + wrap::width(made).min(INSTRUCTION_MIN) };
    let together = [what, layer].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    let fits = |line: &str| 6 + wrap::width(line) + made_min <= width;
    let mut lines = match (what.is_empty(), layer.is_empty()) {
        (true, true) => Vec::new(),
        (false, false) if !fits(&together) => vec![what.to_string(), layer.to_string()],
        _ => vec![together],
    };
    if let Some(last) = lines.last_mut().filter(|_| !made.is_empty()) {
        if fits(last) {
            let room = width.saturating_sub(wrap::width(last) + 8).min(60);
            last.push_str(&format!(": {}", wrap::shorten(made, room)));
        } else {
            let room = width.saturating_sub(8).min(60);
            lines.push(wrap::shorten(made, room));
        }
    }
    lines
}

fn not_examined(page: &mut Page<'_>, image: &ImageReport) -> io::Result<()> {
    page.line("")?;
    if image.not_examined.is_empty() {
        return page.head(&[("Not examined", heading()), ("nothing", Style::new())]);
    }
    page.head(&[("Not examined", heading())])?;
    for left in &image.not_examined {
        let bytes = left.bytes.map_or(String::new(), |n| format!(", {}", crate::model::text::bytes(n)));
        page.text(2, 4, &format!("{}{bytes}: {}", count(left.count, &shown(&left.kind)), shown(&left.reason)))?;
    }
    Ok(())
}

fn undecided(page: &mut Page<'_>, image: &ImageReport) -> io::Result<()> {
    if image.undecided.is_empty() {
        return Ok(());
    }
    page.line("")?;
    page.head(&[("Undecided", heading())])?;
    for (rule, question) in image.undecided.iter().take(limits::UNDECIDED_LISTED) {
        page.text(2, 4, &format!("{rule}  {}: {}", shown(&question.subject), shown(&question.reason)))?;
    }
    if image.undecided.len() > limits::UNDECIDED_LISTED {
        let rest = image.undecided.len() - limits::UNDECIDED_LISTED;
        page.text(2, 4, &format!("and {rest} more (--format json lists all)"))?;
    }
    Ok(())
}

fn evidence(page: &mut Page<'_>, image: &ImageReport) -> io::Result<()> {
    if image.evidence.is_empty() {
        return Ok(());
    }
    page.line("")?;
    page.head(&[("Beside the image, not judged", heading())])?;
    for found in &image.evidence {
        let subject = found.subject.as_ref().map_or(String::new(), |subject| format!(", of {}", shown(subject)));
        let text = format!("{} {} ({}){subject}", shown(&found.kind), shown(&found.digest), shown(&found.media_type));
        page.text(2, 4, &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
