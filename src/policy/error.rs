//! Policy errors: each problem with its file, its line and a marker under the span.
//!
//! In: problems as byte ranges of a source text. Out: text for a terminal, plain or coloured. Policy files are
//! untrusted: quotes from them are made harmless first.

use crate::model::text::shown;
use annotate_snippets::AnnotationKind;
use annotate_snippets::Group;
use annotate_snippets::Level;
use annotate_snippets::Origin;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

/// Problems to render; the rest are counted.
const RENDERED_MAX: usize = 50;
/// Bytes of a line to show on either side of the span.
const CONTEXT_BYTES_MAX: usize = 100;
/// The minimum Jaro-Winkler similarity of a name to suggest.
const SIMILARITY_MIN: f64 = 0.8;

/// Why a policy cannot be used: all its problems.
#[derive(Debug)]
pub struct PolicyError {
    /// In the order of the files read and of their lines; never empty.
    pub problems: Vec<Problem>,
}

/// One problem of a policy.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What is wrong: a lower-case clause, harmless to show.
    pub what: String,
    /// What to do or what was meant: a lower-case clause, harmless to show.
    pub hint: Option<String>,
    /// Where.
    pub place: Place,
}

/// Where a problem is.
#[derive(Clone, Debug)]
pub enum Place {
    /// Not in a file: the name given on the command line.
    Name,
    /// A whole file.
    File(String),
    /// Bytes of a file.
    Span(Rc<Source>, Range<usize>),
}

/// A policy file's text.
#[derive(Debug)]
pub struct Source {
    /// The name to show.
    pub name: String,
    /// All of it.
    pub text: String,
}

impl Problem {
    /// A problem in a span of a file.
    pub fn at(source: &Rc<Source>, span: Range<usize>, what: impl Into<String>) -> Problem {
        Problem { what: what.into(), hint: None, place: Place::Span(Rc::clone(source), span) }
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// Suggests the most similar of the known names, or lists them if none is similar and they are few.
    pub fn did_you_mean<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Problem {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(word, known.iter().copied()) {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None if known.is_empty() || known.len() > 8 => self,
            None => self.hint(format!("expected one of {}", known.join(", "))),
        }
    }

    fn render(&self, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(self.what.as_str());
        let mut group = match &self.place {
            Place::Name => Group::with_title(title),
            Place::File(name) => title.element(Origin::path(shown(name))),
            Place::Span(source, span) => {
                let quote = quote(&source.text, span);
                let annotation = AnnotationKind::Primary.span(quote.span);
                let snippet = Snippet::source(quote.text).line_start(quote.line).path(shown(&source.name)).fold(false);
                title.element(snippet.annotation(match &self.hint {
                    Some(hint) => annotation.label(hint.as_str()),
                    None => annotation,
                }))
            }
        };
        if let (Some(hint), Place::Name | Place::File(_)) = (&self.hint, &self.place) {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        renderer.render(&[group])
    }
}

impl PolicyError {
    /// All problems as text that ends with a line break.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
        let mut parts: Vec<String> =
            self.problems.iter().take(RENDERED_MAX).map(|problem| problem.render(&renderer)).collect();
        if self.problems.len() > RENDERED_MAX {
            parts.push(format!("and {} more problems", self.problems.len() - RENDERED_MAX));
        }
        parts.join("\n\n") + "\n"
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for PolicyError {}

/// The known name that is most similar to `word`, if any is similar enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long word is not a misspelling, and the comparison is quadratic.
    if word.len() > 100 {
        return None;
    }
    let mut best: Option<(f64, &str)> = None;
    for name in known {
        let similarity = strsim::jaro_winkler(word, name);
        if similarity >= SIMILARITY_MIN && best.is_none_or(|(most, _)| similarity > most) {
            best = Some((similarity, name));
        }
    }
    best.map(|(_, name)| name)
}

/// A line of a source, harmless to show, and the span to mark in it.
struct Quote {
    text: String,
    span: Range<usize>,
    line: usize,
}

fn quote(text: &str, span: &Range<usize>) -> Quote {
    let at = floor(text, span.start.min(text.len()));
    let end = floor(text, span.end.clamp(at, text.len()));
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    // A span of several lines is marked on the first.
    let end = end.min(line_end);
    let from = floor(text, at.saturating_sub(CONTEXT_BYTES_MAX)).max(line_start);
    let mark_end = floor(text, end.min(at + CONTEXT_BYTES_MAX));
    let to = floor(text, mark_end.saturating_add(CONTEXT_BYTES_MAX)).min(line_end).max(mark_end);
    let safe = |part: &str| part.split('\t').map(shown).collect::<Vec<_>>().join(" ");
    let mut out = if from > line_start { "…".to_string() } else { String::new() };
    out.push_str(&safe(&text[from..at]));
    let start = out.len();
    out.push_str(&safe(&text[at..mark_end]));
    let marked = start..out.len();
    let rest = text[mark_end..to].strip_suffix('\r').unwrap_or(&text[mark_end..to]);
    out.push_str(&safe(rest));
    if to < line_end {
        out.push('…');
    }
    let line = text[..at].bytes().filter(|&b| b == b'\n').count() + 1;
    Quote { text: out, span: marked, line }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_harmless_and_marked_correctly() {
        let text = "a\n\tb\u{1b}[2J = \u{202e}x\u{202e}\n";
        let at = text.find('x').expect("there");
        let quote = quote(text, &(at..at + 1));
        assert_eq!(quote.text, " b\\x1b[2J = \\u{202e}x\\u{202e}");
        assert_eq!(&quote.text[quote.span.clone()], "x");
        assert_eq!(quote.line, 2);
    }

    #[test]
    fn cuts_a_long_line_around_the_span() {
        let text = format!("{}é{}", "a".repeat(100_001), "b".repeat(100_000));
        let quote = quote(&text, &(100_001..100_003));
        assert!(quote.text.len() < 300, "{}", quote.text.len());
        assert_eq!(&quote.text[quote.span.clone()], "é");
    }

    #[test]
    fn accepts_a_span_outside_the_text() {
        for (start, end) in [(0, 0), (5, 2), (7, 900), (1, 2)] {
            let span = start..end;
            quote("é\né", &span);
            quote("", &span);
        }
    }

    #[test]
    fn suggests_the_most_similar_name() {
        assert_eq!(nearest("root-usr", ["root-user", "unknown-user"]), Some("root-user"));
        assert_eq!(nearest("telnet", ["root-user"]), None);
    }
}
