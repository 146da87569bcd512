//! What to do, the most important first: one line for each thing to do about errors and warnings.

use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::text::shown;
use crate::output::table::findings;
use crate::output::table::page;
use crate::output::table::page::Page;
use crate::output::wrap;
use crate::report::ImageReport;
use std::io;

/// Lines at most, the one that counts the rest included.
const LINES_MAX: usize = 10;

/// Writes the list; nothing where there is nothing to do.
pub fn write(page: &mut Page<'_>, image: &ImageReport) -> io::Result<()> {
    let mut tasks: Vec<(&Finding, usize)> = Vec::new();
    for finding in findings::clusters(image).iter().flat_map(|cluster| &cluster.findings) {
        if finding.level < Level::Warn {
            continue;
        }
        match tasks.iter_mut().find(|(task, _)| task.rule == finding.rule && task.fix == finding.fix) {
            Some((_, count)) => *count += 1,
            None => tasks.push((finding, 1)),
        }
    }
    if tasks.is_empty() {
        return Ok(());
    }
    page.line("")?;
    page.flow(0, 2, &[("To do, most important first", page::heading())])?;
    let listed = if tasks.len() > LINES_MAX { LINES_MAX - 1 } else { tasks.len() };
    for (at, (finding, count)) in tasks.iter().take(listed).enumerate() {
        task(page, at + 1, finding, *count)?;
    }
    if tasks.len() > listed {
        page.text(4, 4, &format!("and {} more, below", tasks.len() - listed))?;
    }
    Ok(())
}

/// The advice, and behind it the rule where there is room: the finding below has the rest.
fn task(page: &mut Page<'_>, number: usize, finding: &Finding, count: usize) -> io::Result<()> {
    let number = format!("{number:>2}.");
    let rule = match count {
        1 => format!("({})", finding.rule),
        count => format!("({}, {count} findings)", finding.rule),
    };
    let room = page.width - 1 - number.len() - 1;
    let advice = shown(&finding.fix.advice);
    let first_line = finding.fix.lines.iter().filter(|_| finding.fix.lines.len() == 1).map(|line| shown(line)).next();
    let advice = match first_line {
        Some(line) if wrap::width(&advice) + 2 + wrap::width(&line) + 1 + wrap::width(&rule) <= room => {
            format!("{advice}: {line}")
        }
        _ => advice,
    };
    let room_with_rule = room.saturating_sub(wrap::width(&rule) + 1);
    let (advice, rule) = match wrap::width(&advice) <= room_with_rule || room_with_rule >= ADVICE_MIN {
        true => (wrap::shorten(&advice, room_with_rule), rule),
        false => (wrap::shorten(&advice, room), String::new()),
    };
    page.flow(1, 4, &[(&number, page::plain()), (&advice, page::plain()), (&rule, page::faint())])
}

/// Columns of advice below which the rule is left out.
const ADVICE_MIN: usize = 48;
