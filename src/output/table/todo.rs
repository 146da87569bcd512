//! What to do, the most important first: one line for each distinct fix of errors and warnings.

use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::text::shown;
use crate::output::table::findings;
use crate::output::table::page;
use crate::output::table::page::Page;
use crate::output::wrap;
use crate::report::ImageReport;
use crate::rules;
use crate::rules::Topic;
use std::io;

/// The most lines, including the one that counts the rest.
const LINES_MAX: usize = 10;

/// The findings whose fix the list shows.
#[derive(Default)]
pub struct Listed<'a> {
    /// Each with whether the list shows its Dockerfile lines too.
    findings: Vec<(&'a Finding, bool)>,
}

impl Listed<'_> {
    /// Whether the list shows this finding's whole fix.
    pub fn has_all_of(&self, finding: &Finding) -> bool {
        self.findings.iter().any(|(listed, has_lines)| *has_lines && is_same(listed, finding))
    }

    /// Whether the list shows all of this finding's advice.
    pub fn has_advice_of(&self, finding: &Finding) -> bool {
        self.findings.iter().any(|(listed, _)| is_same(listed, finding))
    }
}

fn is_same(a: &Finding, b: &Finding) -> bool {
    a.rule == b.rule && a.fix == b.fix
}

/// Writes the list, or nothing if there is nothing to do.
pub fn write<'a>(page: &mut Page<'_>, image: &'a ImageReport) -> io::Result<Listed<'a>> {
    let mut tasks: Vec<(&Finding, usize)> = Vec::new();
    for finding in findings::clusters(image).into_iter().flat_map(|cluster| cluster.findings) {
        if finding.level < Level::Warn {
            continue;
        }
        if tasks.iter().any(|(task, _)| is_settled_by(task, finding)) {
            continue;
        }
        match tasks.iter_mut().find(|(task, _)| is_same(task, finding)) {
            Some((_, count)) => *count += 1,
            None => tasks.push((finding, 1)),
        }
    }
    let mut listed = Listed::default();
    if tasks.is_empty() {
        return Ok(listed);
    }
    page.line("")?;
    page.flow(0, 2, &[("To do, most important first", page::heading())])?;
    let lines = if tasks.len() > LINES_MAX { LINES_MAX - 1 } else { tasks.len() };
    for (at, (finding, count)) in tasks.iter().take(lines).enumerate() {
        if let Some(has_lines) = task(page, at + 1, finding, *count)? {
            listed.findings.push((finding, has_lines));
        }
    }
    if tasks.len() > lines {
        page.text(4, 4, &format!("and {} more: see the findings", tasks.len() - lines))?;
    }
    Ok(listed)
}

/// Writes the first sentence of the advice, with the rule and a single Dockerfile line if they fit. Returns `None` if
/// the advice is longer, otherwise whether all Dockerfile lines are shown.
fn task(page: &mut Page<'_>, number: usize, finding: &Finding, count: usize) -> io::Result<Option<bool>> {
    let number = format!("{number:>2}.");
    let rule = match count {
        1 => format!("[{}]", finding.rule),
        count => format!("[{} ×{count}]", finding.rule),
    };
    let room = page.width.saturating_sub(number.len() + 2);
    let advice = shown(&finding.fix.advice);
    let mut text = first_sentence(&advice).to_string();
    let is_all = text == advice && wrap::width(&text) <= room;
    let mut has_lines = finding.fix.lines.is_empty();
    if let [line] = &finding.fix.lines[..] {
        let with_line = format!("{text}: {}", shown(line));
        if wrap::width(&with_line) + 1 + wrap::width(&rule) <= room {
            (has_lines, text) = (true, with_line);
        }
    }
    let room_beside_rule = room.saturating_sub(wrap::width(&rule) + 1);
    let (text, rule) = if room_beside_rule >= ADVICE_MIN || wrap::width(&text) <= room_beside_rule {
        (wrap::shorten(&text, room_beside_rule), rule)
    } else {
        (wrap::shorten(&text, room), String::new())
    };
    let is_all = is_all && !text.ends_with('…');
    page.flow(1, 4, &[(&number, page::plain()), (&text, page::plain()), (&rule, page::faint())])?;
    Ok(is_all.then_some(has_lines))
}

/// Columns of advice below which the rule is left out.
const ADVICE_MIN: usize = 48;

/// Whether doing the task also settles the finding: the same path keeps the container from starting.
fn is_settled_by(task: &Finding, finding: &Finding) -> bool {
    let path = |finding: &Finding| finding.locations.iter().find_map(|location| location.path.clone());
    rules::topic(task.rule.as_str()) == Topic::Start
        && task.rule != finding.rule
        && path(task).is_some()
        && path(task) == path(finding)
}

/// The text up to the first full stop before a capital letter or a backtick.
fn first_sentence(text: &str) -> &str {
    let ends = text.match_indices(". ").map(|(at, _)| at);
    let is_end = |at: &usize| text[at + 2..].starts_with(|c: char| c.is_uppercase() || c == '`');
    text[..ends.into_iter().find(is_end).unwrap_or(text.len())].trim_end_matches('.')
}
