//! The report for a terminal: the verdict, what to do, each finding with its locations and its fix, what was not
//! checked, and sizes.
//!
//! Everything wraps at the width; instructions, notes and tasks are cut, and the JSON has them in full. All text from
//! an image goes through [`shown`]. Layers are counted from 1, the bottom one; in JSON from 0.

mod findings;
mod page;
mod todo;

use crate::limits;
use crate::model::fault::ImageFault;
use crate::model::finding::Cause;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Question;
use crate::model::finding::Scope;
use crate::model::text;
use crate::model::text::count;
use crate::model::text::shown;
use crate::output::Detail;
use crate::output::Options;
use crate::output::sizes;
use crate::output::table::page::Page;
use crate::output::wrap;
use crate::report::ImageReport;
use crate::report::Report;
use crate::verdict::FailOn;
use crate::verdict::Verdict;
use std::io;

/// Faults and undecided questions shown without `--verbose`.
const REASONS_SHOWN: usize = 5;

/// Writes the report.
pub fn write(report: &Report, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::new(out, options.width, options.color);
    let is_short = options.detail <= Detail::Quiet;
    for (index, image) in report.images.iter().enumerate() {
        if index > 0 && !is_short {
            page.line("")?;
            page.line(&"─".repeat(page.width))?;
            page.line("")?;
        }
        image_part(&mut page, report, image, options)?;
    }
    for (index, error) in report.errors.iter().enumerate().filter(|_| options.errors) {
        if (index > 0 || !report.images.is_empty()) && !is_short {
            page.line("")?;
        }
        page.flow(0, 2, &[("UNJUDGED ", page::verdict(Verdict::Unjudged)), (&shown(&error.reference), page::plain())])?;
        page.text(2, 2, &shown(&error.message))?;
        if let Some(hint) = &error.hint {
            page.text(2, 8, &format!("hint: {}", shown(hint)))?;
        }
    }
    if report.images.is_empty() && report.errors.is_empty() {
        page.flow(0, 2, &[("UNJUDGED ", page::verdict(Verdict::Unjudged)), ("no image was given", page::plain())])?;
    }
    if report.images.len() + report.errors.len() > 1 && !is_short {
        page.line("")?;
        page.flow(0, 2, &[("All images", page::heading())])?;
        page.block(&sizes::summary(report, page.width))?;
    }
    Ok(())
}

fn image_part(page: &mut Page<'_>, report: &Report, image: &ImageReport, options: Options) -> io::Result<()> {
    let verbose = options.detail == Detail::Verbose;
    verdict_line(page, report, image)?;
    if options.detail == Detail::Quiet {
        return Ok(());
    }
    faults(page, image, verbose)?;
    let listed = todo::write(page, image)?;
    if options.detail == Detail::Summary {
        return Ok(());
    }
    findings::write(page, image, &listed, verbose)?;
    undecided(page, image, verbose)?;
    not_examined(page, image)?;
    evidence(page, image, verbose)?;
    if options.sizes {
        page.line("")?;
        sizes_part(page, image, verbose)?;
    }
    footer(page, image, options)
}

fn verdict_line(page: &mut Page<'_>, report: &Report, image: &ImageReport) -> io::Result<()> {
    let names: Vec<String> = report.policies.iter().map(|policy| shown(&policy.name)).collect();
    let policy = match &names[..] {
        [] => String::new(),
        [only] => format!("policy {only}"),
        [first, rest @ ..] => format!("policy {first} (with {})", rest.join(", ")),
    };
    let fails_on = match report.fail_on {
        FailOn::Level(Level::Error) => "",
        FailOn::Level(Level::Warn) => "fails on warnings",
        FailOn::Level(_) => "fails on notes",
        FailOn::Never => "never fails",
    };
    let parts = [shown(image.image.title()), shown(&image.image.platform), counts(&image.findings), policy];
    let verdict = format!("{} ", image.verdict.name().to_uppercase());
    let mut spans = vec![(verdict.as_str(), page::verdict(image.verdict))];
    // Separate the parts by two spaces.
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let parts: Vec<String> =
        parts.iter().enumerate().map(|(at, part)| format!("{}{part}", if at == 0 { "" } else { " " })).collect();
    spans.extend(parts.iter().enumerate().map(|(at, part)| {
        let style = if at == 0 { page::heading() } else { page::plain() };
        (part.as_str(), style)
    }));
    let fails_on = if fails_on.is_empty() { String::new() } else { format!(" {fails_on}") };
    spans.push((&fails_on, page::plain()));
    page.flow(0, 2, &spans)
}

/// `3 errors, 2 warnings, 1 note, 1 waived`.
fn counts(findings: &[Finding]) -> String {
    let of = |level: Level| findings.iter().filter(|f| f.level == level && f.waiver.is_none()).count() as u64;
    let mut parts: Vec<String> = [(Level::Error, "error"), (Level::Warn, "warning"), (Level::Note, "note")]
        .into_iter()
        .map(|(level, noun)| (of(level), noun))
        .filter(|(n, _)| *n > 0)
        .map(|(n, noun)| count(n, noun))
        .collect();
    let waived = findings.iter().filter(|finding| finding.waiver.is_some()).count();
    if waived > 0 {
        parts.push(format!("{waived} waived"));
    }
    if parts.is_empty() { "no findings".to_string() } else { parts.join(", ") }
}

fn faults(page: &mut Page<'_>, image: &ImageReport, verbose: bool) -> io::Result<()> {
    let mut reasons: Vec<String> =
        image.faults.iter().map(|fault| fault_text(fault, image.image.layers.len())).collect();
    if image.verdict == Verdict::Unjudged && reasons.is_empty() {
        let denied = image.undecided.iter().filter(|question| question.undecided.cause == Cause::Denied);
        reasons.extend(denied.map(|question| {
            let undecided = &question.undecided;
            format!("{} couldn't check {}: {}", question.rule, shown(&undecided.subject), shown(&undecided.reason))
        }));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    page.line("")?;
    page.flow(0, 2, &[("Why it could not be judged", page::heading())])?;
    let shown_max = if verbose { reasons.len() } else { REASONS_SHOWN };
    reasons.iter().take(shown_max).try_for_each(|reason| page.text(2, 4, reason))?;
    if reasons.len() > shown_max {
        page.text(2, 4, &format!("and {} more (--verbose shows them)", reasons.len() - shown_max))?;
    }
    Ok(())
}

/// A fault with its layer, counted from 1: `layer 3 of 9 (sha256:0123456789ab…): …`. `layers` is the number of layers.
pub fn fault_text(fault: &ImageFault, layers: usize) -> String {
    let layer = fault.layer().map(|(index, digest)| {
        let digest = digest.map(|digest| digest.as_str()).map(|text| text.get(..DIGEST_SHOWN).unwrap_or(text));
        let digest = digest.map_or(String::new(), |text| format!(" ({}…)", shown(text)));
        format!("layer {} of {layers}{digest}: ", index + 1)
    });
    format!("{}{}", layer.unwrap_or_default(), shown(&fault.to_string()))
}

/// Characters of a digest to show: `sha256:` and twelve digits.
const DIGEST_SHOWN: usize = 19;

fn undecided(page: &mut Page<'_>, image: &ImageReport, verbose: bool) -> io::Result<()> {
    if image.undecided.is_empty() {
        return Ok(());
    }
    page.line("")?;
    page.flow(0, 2, &[("Undecided", page::heading())])?;
    let shown_max = if verbose { limits::UNDECIDED_LISTED } else { REASONS_SHOWN };
    for question in image.undecided.iter().take(shown_max) {
        let line = question_text(question);
        let line = if verbose { line } else { wrap::shorten(&line, page.width.saturating_sub(2)) };
        page.text(2, 4, &line)?;
    }
    if image.undecided.len() > shown_max {
        let rest = image.undecided.len() - shown_max;
        let hint = if verbose { "--format json lists all" } else { "--verbose shows them" };
        page.text(2, 4, &format!("and {rest} more ({hint})"))?;
    }
    Ok(())
}

fn question_text(question: &Question) -> String {
    let layer = question.layer.map_or(String::new(), |layer| format!("layer {}: ", layer + 1));
    let undecided = &question.undecided;
    format!("{}  {layer}{}: {}", question.rule, shown(&undecided.subject), shown(&undecided.reason))
}

fn not_examined(page: &mut Page<'_>, image: &ImageReport) -> io::Result<()> {
    if image.not_examined.is_empty() {
        return Ok(());
    }
    page.line("")?;
    page.flow(0, 2, &[("Not checked", page::heading())])?;
    for item in &image.not_examined {
        let bytes = item.bytes.map_or(String::new(), |n| format!(", {}", text::bytes(n)));
        let layer = item.layer.map_or(String::new(), |layer| format!("layer {}: ", layer + 1));
        let what = count(item.count, &shown(&item.kind));
        page.text(2, 4, &format!("{what}{bytes}: {layer}{}", shown(&item.reason)))?;
    }
    Ok(())
}

fn evidence(page: &mut Page<'_>, image: &ImageReport, verbose: bool) -> io::Result<()> {
    if image.evidence.is_empty() {
        return Ok(());
    }
    page.line("")?;
    if !verbose {
        let found = count(image.evidence.len() as u64, "attestation or artifact");
        return page.text(0, 2, &format!("{found} next to the image, not judged"));
    }
    page.flow(0, 2, &[("Next to the image, not judged", page::heading())])?;
    for found in &image.evidence {
        let subject = found.subject.as_ref().map_or(String::new(), |subject| format!(", of {}", shown(subject)));
        let text = format!("{} {} ({}){subject}", shown(&found.kind), shown(&found.digest), shown(&found.media_type));
        page.text(2, 4, &text)?;
    }
    Ok(())
}

fn sizes_part(page: &mut Page<'_>, image: &ImageReport, verbose: bool) -> io::Result<()> {
    let sums = sizes::sums(image);
    page.flow(0, 2, &[("Size ", page::heading()), (&sums, page::plain())])?;
    if verbose {
        page.block(&sizes::layers(image, page.width))
    } else {
        sizes::largest(image, page.width).iter().try_for_each(|line| page.text(2, 2, line))
    }
}

/// Hints about options that show more.
fn footer(page: &mut Page<'_>, image: &ImageReport, options: Options) -> io::Result<()> {
    let is_folded = |finding: &Finding| finding.level == Level::Note && options.detail < Detail::Verbose;
    let has_folded = image.findings.iter().any(is_folded);
    let is_base_unknown = image.findings.iter().any(|finding| finding.scope == Scope::Unknown);
    let mut hints = Vec::new();
    if has_folded {
        hints.push("--verbose shows notes in full");
    }
    if is_base_unknown {
        hints.push("--base IMAGE separates the base image's findings from yours");
    }
    if hints.is_empty() {
        return Ok(());
    }
    if !options.sizes {
        page.line("")?;
    }
    page.flow(0, 2, &[(&hints.join("; "), page::faint())])
}

#[cfg(test)]
mod tests;
