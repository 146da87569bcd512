//! The findings, the most severe and most urgent first: what is wrong, where, and what to do.
//!
//! Findings of one rule and level are grouped. Without `--verbose`, a note takes one line.

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
use crate::output::sizes;
use crate::output::table::page;
use crate::output::table::page::Page;
use crate::output::table::todo::Listed;
use crate::output::wrap;
use crate::report::ImageReport;
use crate::rules;
use crate::rules::OMITTED_SUBJECT;
use std::io;

/// Findings of one rule shown without `--verbose`.
const FINDINGS_SHOWN: usize = 10;
/// Paths and layers of one finding shown without `--verbose`.
const PLACES_SHOWN: usize = 3;

/// Findings of one rule at one level.
pub struct Cluster<'a> {
    /// Not empty, in the order of the report.
    pub findings: Vec<&'a Finding>,
    /// The finding that counts those that the report doesn't list.
    pub more: Option<&'a Finding>,
}

impl Cluster<'_> {
    fn first(&self) -> &Finding {
        self.findings.first().copied().or(self.more).expect("a cluster is not empty")
    }
}

/// The findings that no waiver accepts, by level, urgency and rule.
pub fn clusters(image: &ImageReport) -> Vec<Cluster<'_>> {
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for finding in image.findings.iter().filter(|finding| finding.waiver.is_none()) {
        let same = |cluster: &&mut Cluster<'_>| {
            let first = cluster.first();
            first.level == finding.level && first.rule == finding.rule
        };
        let cluster = match clusters.iter_mut().find(same) {
            Some(cluster) => cluster,
            None => {
                clusters.push(Cluster { findings: Vec::new(), more: None });
                clusters.last_mut().expect("just pushed")
            }
        };
        if finding.subject == OMITTED_SUBJECT && finding.locations.is_empty() {
            cluster.more = Some(finding);
        } else {
            cluster.findings.push(finding);
        }
    }
    clusters.sort_by_key(|cluster| {
        let first = cluster.first();
        (std::cmp::Reverse(first.level), rules::topic(first.rule.as_str()))
    });
    clusters
}

/// Writes all findings. Fixes that are already listed are not repeated. `verbose` shows every location, and notes in
/// full.
pub fn write(page: &mut Page<'_>, image: &ImageReport, listed: &Listed<'_>, verbose: bool) -> io::Result<()> {
    let mut is_first_note = true;
    for cluster in clusters(image) {
        let is_note = cluster.first().level == Level::Note;
        if is_note && !verbose {
            if std::mem::take(&mut is_first_note) {
                page.line("")?;
            }
            folded(page, &cluster)?;
            continue;
        }
        page.line("")?;
        unfolded(page, &image.image, &cluster, listed, verbose)?;
    }
    Ok(())
}

/// Writes each finding on one line.
fn folded(page: &mut Page<'_>, cluster: &Cluster<'_>) -> io::Result<()> {
    let shown_max = cluster.findings.len().min(PLACES_SHOWN);
    let mut rest = cluster.findings.len() - shown_max;
    if cluster.more.is_some() {
        rest = rest.max(1);
    }
    for finding in &cluster.findings[..shown_max] {
        let rule = format!("{} ", finding.rule);
        let lead = format!("note  {rule} ");
        let message = wrap::shorten(&sentence(finding), page.width.saturating_sub(wrap::width(&lead)).max(20));
        page.flow(0, 2, &[("note ", page::level(Level::Note)), (&rule, page::heading()), (&message, page::plain())])?;
    }
    if rest > 0 {
        page.text(6, 6, &format!("and {} more", count(rest as u64, &format!("{} finding", cluster.first().rule))))?;
    }
    Ok(())
}

fn unfolded(
    page: &mut Page<'_>,
    image: &Image,
    cluster: &Cluster<'_>,
    listed: &Listed<'_>,
    verbose: bool,
) -> io::Result<()> {
    let is_listed = |finding: &Finding| listed.has_all_of(finding) && !verbose;
    let fix = |page: &mut Page<'_>, finding: &Finding, indent| {
        fix(page, finding, listed.has_advice_of(finding) && !verbose, indent)
    };
    let first = cluster.first();
    let level = format!("{} ", first.level.name());
    let rule = format!("{} ", first.rule);
    let lead = [(level.as_str(), page::level(first.level)), (rule.as_str(), page::heading())];
    if let ([finding], None) = (&cluster.findings[..], cluster.more) {
        page.flow(0, 2, &[lead[0], lead[1], (&sentence(finding), page::plain())])?;
        places(page, image, finding, 2, verbose)?;
        return if is_listed(finding) { Ok(()) } else { fix(page, finding, 2) };
    }
    let total = count(cluster.findings.len() as u64, "finding");
    page.flow(0, 2, &[lead[0], lead[1], (&total, page::plain())])?;
    let has_one_fix = cluster.findings.iter().all(|finding| finding.fix == first.fix);
    let shown_max = if verbose { cluster.findings.len() } else { FINDINGS_SHOWN };
    for finding in cluster.findings.iter().take(shown_max) {
        page.text(2, 4, &sentence(finding))?;
        places(page, image, finding, 4, verbose)?;
        if !has_one_fix && !is_listed(finding) {
            fix(page, finding, 4)?;
        }
    }
    if cluster.findings.len() > shown_max {
        page.text(2, 4, &format!("and {} more (--verbose shows them)", cluster.findings.len() - shown_max))?;
    }
    if let Some(more) = cluster.more {
        page.text(2, 4, &shown(&more.message))?;
    }
    if has_one_fix && !is_listed(first) { fix(page, first, 2) } else { Ok(()) }
}

fn sentence(finding: &Finding) -> String {
    let likely = if finding.confidence == Confidence::Likely { " (likely)" } else { "" };
    let base = if finding.scope == Scope::Base { " (base image)" } else { "" };
    format!("{}{likely}{base}", shown(&finding.message))
}

/// Writes the fix, without the advice if that is already listed. Dockerfile lines never wrap.
fn fix(page: &mut Page<'_>, finding: &Finding, is_listed: bool, indent: usize) -> io::Result<()> {
    let label = ("fix", page::fix());
    let (advice, lines) = (shown(&finding.fix.advice), &finding.fix.lines);
    if let [line] = &lines[..] {
        let both = format!("{advice}: {}", shown(line));
        if indent + 5 + wrap::width(&both) <= page.width {
            return page.labelled(indent, label, &both);
        }
    }
    let mut label = Some(label);
    if !is_listed || lines.is_empty() {
        page.labelled(indent, label.take().unwrap_or(("", page::plain())), &advice)?;
    }
    for line in lines {
        page.unbroken(indent, label.take().unwrap_or(("", page::plain())), &shown(line))?;
    }
    Ok(())
}

/// Writes where a finding applies: its paths, then the layers with their instructions. Config fields are shown only
/// with `verbose`, because the message implies them.
fn places(page: &mut Page<'_>, image: &Image, finding: &Finding, indent: usize, verbose: bool) -> io::Result<()> {
    let label = ("at", page::faint());
    let paths = paths(finding, verbose);
    let mut label = Some(label);
    let mut line =
        |page: &mut Page<'_>, text: &str| page.labelled(indent, label.take().unwrap_or(("", page::plain())), text);
    let layers = layers(finding);
    let named = |(layer, is_hidden): &(usize, bool)| {
        let hidden = if *is_hidden { ", hidden by a later layer" } else { "" };
        (
            format!("layer {} of {}{hidden}", layer + 1, image.layers.len()),
            image.instruction(*layer).map(sizes::instruction),
        )
    };
    if verbose {
        for path in &paths {
            line(page, path)?;
        }
        for location in finding.locations.iter().filter(|location| location.config.is_some()) {
            line(page, &config(location))?;
        }
    } else if !paths.is_empty() {
        let paths = paths.join(", ");
        // Write both on one line if they fit.
        if let [only] = &layers[..] {
            let (layer, instruction) = named(only);
            let both = format!(
                "{paths}  {layer}{}",
                instruction.map_or(String::new(), |instruction| format!(": {instruction}"))
            );
            if indent + 5 + wrap::width(&both) <= page.width {
                return line(page, &both);
            }
        }
        line(page, &paths)?;
    }
    let shown_max = if verbose { layers.len() } else { PLACES_SHOWN };
    for layer in layers.iter().take(shown_max) {
        let (lead, instruction) = named(layer);
        let room = page.width.saturating_sub(indent + 5 + wrap::width(&lead) + 2);
        match instruction {
            Some(instruction) if room >= INSTRUCTION_MIN => {
                line(page, &format!("{lead}: {}", wrap::shorten(&instruction, room)))?
            }
            _ => line(page, &lead)?,
        }
    }
    if layers.len() > shown_max {
        line(page, &format!("and {} more", count((layers.len() - shown_max) as u64, "layer")))?;
    }
    Ok(())
}

fn config(location: &Location) -> String {
    let field = shown(location.config.as_deref().unwrap_or_default());
    match &location.detail {
        Some(detail) => format!("{field}: {}", shown(detail)),
        None => field,
    }
}

/// The minimum width in which to show an instruction.
const INSTRUCTION_MIN: usize = 12;

/// The distinct paths to show, and how many more there are. A single path that the message names is not repeated.
fn paths(finding: &Finding, verbose: bool) -> Vec<String> {
    let mut paths: Vec<&Location> = Vec::new();
    for location in finding.locations.iter().filter(|location| location.path.is_some()) {
        if paths.last().is_none_or(|last| last.path != location.path) {
            paths.push(location);
        }
    }
    let name = |location: &&Location| {
        let path = format!("/{}", shown_bytes(location.path.as_deref().unwrap_or_default()));
        match &location.detail {
            Some(detail) => format!("{path} ({})", shown(detail)),
            None => path,
        }
    };
    let total = finding.group.as_ref().map_or(paths.len() as u64, |group| group.count.max(paths.len() as u64));
    let shown_max = if verbose { paths.len() } else { PLACES_SHOWN };
    let mut names: Vec<String> = paths.iter().take(shown_max).map(name).collect();
    // A single path that the message names needs no line of its own.
    let is_named = |location: &&Location| {
        let path = format!("/{}", shown_bytes(location.path.as_deref().unwrap_or_default()));
        shown(&finding.message).contains(&path)
    };
    if total == 1 && paths.first().is_some_and(is_named) {
        names.clear();
    } else if total > names.len() as u64 {
        let more = format!("{} more", total - names.len() as u64);
        match names.last_mut() {
            Some(last) if !verbose => last.push_str(&format!(" and {more}")),
            _ => names.push(format!("and {more}")),
        }
    }
    names
}

/// The distinct layers in the order of the locations, each with whether all locations in it are hidden.
fn layers(finding: &Finding) -> Vec<(usize, bool)> {
    let mut layers: Vec<(usize, bool)> = Vec::new();
    for location in &finding.locations {
        let Some(layer) = location.layer else { continue };
        let is_hidden = location.state == Some(State::Shipped);
        match layers.iter_mut().find(|(known, _)| *known == layer) {
            Some((_, all_hidden)) => *all_hidden &= is_hidden,
            None => layers.push((layer, is_hidden)),
        }
    }
    layers
}
