//! A rule's page: the same sections in the same order for every rule, as Markdown or as plain text for a terminal.
//!
//! In: a rule and its level in each built-in policy. The files in `docs/rules` begin with another line
//! ([`source_note`]); a test keeps them up to date.

use crate::model::finding::Level;
use crate::model::text;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;

/// Columns of a Markdown page, and the most columns of a page in a terminal.
const COLUMNS: usize = 100;
/// The longest inline code that is not broken, in columns.
const CODE_COLUMNS: usize = 40;

/// One section of a page.
struct Section<'a> {
    heading: &'static str,
    body: Body<'a>,
}

/// What a section contains.
enum Body<'a> {
    /// Sentences; blank lines separate paragraphs.
    Text(&'a str),
    /// A Dockerfile, or commands and their output.
    Code(&'a str),
    /// The parameters of the rule.
    Params(&'a [Param]),
}

fn sections<'a>(rule: &'a Rule, level_text: &'a str) -> Vec<Section<'a>> {
    let docs = &rule.docs;
    let mut sections = vec![
        Section { heading: "Level", body: Body::Text(level_text) },
        Section { heading: "Why", body: Body::Text(docs.why) },
        Section { heading: "What it checks", body: Body::Text(docs.checks) },
        Section { heading: "What it can't see", body: Body::Text(docs.limits) },
        Section { heading: "How to fix", body: Body::Text(docs.fix) },
        Section { heading: "Before", body: Body::Code(docs.before) },
        Section { heading: "After", body: Body::Code(docs.after) },
    ];
    if !rule.params.is_empty() {
        sections.push(Section { heading: "Parameters", body: Body::Params(rule.params) });
    }
    sections
}

/// The page as Markdown, for `docs/rules`.
#[cfg(feature = "internals")]
pub fn markdown(rule: &Rule, levels: &[(&str, Level)]) -> String {
    let level_text = level_text(levels);
    let mut out = format!("# {}: {}\n", rule.id, rule.title);
    for Section { heading, body } in sections(rule, &level_text) {
        out.push_str(&format!("\n## {heading}\n\n"));
        match body {
            Body::Text(text) => out.push_str(&wrap(text, "", "", COLUMNS)),
            Body::Code(code) => out.push_str(&format!("```{}\n{code}\n```\n", language(code))),
            Body::Params(params) => {
                params.iter().for_each(|param| out.push_str(&wrap(&param_text(param), "- ", "  ", COLUMNS)));
            }
        }
    }
    out.push_str(&format!("\nSpecification: {} ([docs/specification.md](../specification.md))\n", rows(rule)));
    out
}

/// The page as plain text, at most `width` columns wide where words and code allow it.
pub fn terminal(rule: &Rule, levels: &[(&str, Level)], width: usize) -> String {
    let width = width.min(COLUMNS);
    let level_text = level_text(levels);
    let mut out = wrap(&format!("{}: {}", rule.id, rule.title), "", "", width);
    for Section { heading, body } in sections(rule, &level_text) {
        out.push_str(&format!("\n{heading}\n"));
        match body {
            Body::Text(text) => out.push_str(&wrap(text, "  ", "  ", width)),
            Body::Code(code) => code.lines().for_each(|line| out.push_str(&format!("  {line}\n"))),
            Body::Params(params) => {
                params.iter().for_each(|param| out.push_str(&wrap(&param_text(param), "  ", "    ", width)));
            }
        }
    }
    out.push('\n');
    out.push_str(&wrap(&format!("Specification: {} (docs/specification.md)", rows(rule)), "", "", width));
    out
}

/// The first line of a page in `docs/rules`.
#[cfg(feature = "internals")]
pub fn source_note(rule: &Rule) -> String {
    let file = rule.id.replace('-', "_");
    format!("<!-- Generated from {file}.rs: edit the rule there, then run PLIMSOLL_BLESS=1 cargo test. -->\n")
}

/// The list of all pages, for `docs/rules/README.md`.
#[cfg(feature = "internals")]
pub fn index(rules: &[(&Rule, Vec<(&str, Level)>)]) -> String {
    let mut out =
        "<!-- Generated from src/rules: edit the rules there, then run PLIMSOLL_BLESS=1 cargo test. -->\n".to_string();
    out.push_str("# Rules\n\n");
    let names: Vec<&str> =
        rules.first().map_or(Vec::new(), |(_, levels)| levels.iter().map(|(name, _)| *name).collect());
    let mut head = vec!["rule", "what is wrong"];
    head.extend(&names);
    out.push_str(&format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len())));
    for (rule, levels) in rules {
        let mut cells = vec![format!("[{0}]({0}.md)", rule.id), rule.title.replace('|', "\\|")];
        cells.extend(levels.iter().map(|(_, level)| level.name().to_string()));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}

/// The kind of a parameter, for people.
pub fn kind(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Duration => "duration, such as `\"30s\"`",
        ParamKind::Count => "whole number",
        ParamKind::Bytes => "size, such as `\"20 MB\"`, or bytes",
        ParamKind::String => "string",
        ParamKind::Strings => "list of strings",
        ParamKind::StringLists => "table of string lists",
        ParamKind::Flag => "`true` or `false`",
    }
}

/// `` `note` in baseline, `error` in backend and frontend. ``
fn level_text(levels: &[(&str, Level)]) -> String {
    let mut groups: Vec<(Level, Vec<String>)> = Vec::new();
    for &(policy, level) in levels {
        match groups.iter_mut().find(|(known, _)| *known == level) {
            Some((_, policies)) => policies.push(policy.to_string()),
            None => groups.push((level, vec![policy.to_string()])),
        }
    }
    let parts: Vec<String> =
        groups.iter().map(|(level, policies)| format!("`{level}` in {}", text::list(policies))).collect();
    format!("{}.", parts.join(", "))
}

/// `rows B4, S1`.
fn rows(rule: &Rule) -> String {
    format!("{} {}", if rule.rows.len() == 1 { "row" } else { "rows" }, rule.rows.join(", "))
}

fn param_text(param: &Param) -> String {
    format!("`{}` ({}): {}", param.name, kind(param.kind), param.about)
}

/// The language of a fenced block: commands begin with a prompt, anything else is a Dockerfile.
#[cfg(feature = "internals")]
fn language(code: &str) -> &'static str {
    if code.starts_with("$ ") { "console" } else { "dockerfile" }
}

/// Wraps text to `width` columns; blank lines separate paragraphs. The first line begins with `first`, the others
/// with `rest`.
fn wrap(text: &str, first: &str, rest: &str, width: usize) -> String {
    let mut out = String::new();
    let mut lead = first;
    for paragraph in text.split("\n\n") {
        if !out.is_empty() {
            out.push('\n');
        }
        let mut line = lead.to_string();
        let mut is_empty = true;
        for word in unbreakable(paragraph) {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
                out.push_str(&line);
                out.push('\n');
                line = rest.to_string();
            } else if !is_empty {
                line.push(' ');
            }
            line.push_str(&word);
            is_empty = false;
        }
        out.push_str(&line);
        out.push('\n');
        lead = rest;
    }
    out
}

/// The words of a paragraph. Short inline code stays whole. A word that would open a Markdown block at the start of a
/// line stays with the word before it.
fn unbreakable(paragraph: &str) -> Vec<String> {
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let is_quote = |word: &str| word.matches('`').count() % 2 == 1;
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let end = if is_quote(words[at]) { words[at + 1..].iter().position(|word| is_quote(word)) } else { None };
        let last = end.map_or(at, |end| at + 1 + end);
        let code = words[at..=last].join(" ");
        let is_whole = code.chars().count() <= CODE_COLUMNS;
        let parts = if is_whole { vec![code.as_str()] } else { words[at..=last].to_vec() };
        for part in parts {
            match out.last_mut() {
                Some(before) if opens_block(part) => {
                    before.push(' ');
                    before.push_str(part);
                }
                _ => out.push(part.to_string()),
            }
        }
        at = last + 1;
    }
    out
}

fn opens_block(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    word.starts_with(['#', '>', '|', '=', '~'])
        || word.starts_with("```")
        || matches!(word, "+" | "*")
        || word.bytes().all(|b| b == b'-')
        || word.strip_suffix(['.', ')']).is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Docs;

    const RULE: Rule = Rule {
        id: "root-user",
        topic: crate::rules::Topic::Identity,
        title: "the image runs as root",
        rows: &["B4", "S1"],
        params: &[Param {
            name: "uid",
            kind: ParamKind::Count,
            about: "The highest uid that counts as root, for images whose accounts begin above it. Default: 0.",
        }],
        docs: Docs {
            why: "An attacker who takes over the process is uid 0 in the container and may use whatever it grants now \
                  - or more.\n\nSecond paragraph.",
            checks: "The config's User.",
            limits: "A runtime may override it: `docker run --user`.",
            fix: "Set USER.",
            before: "FROM alpine",
            after: "FROM alpine\nUSER 1000",
            breaks: "config user=0:0   #! root-user",
            satisfies: "config user=1000\n",
        },
        check: |_, _, _| Ok(()),
    };

    #[test]
    fn writes_every_section_as_markdown() {
        let expected = r#"# root-user: the image runs as root

## Level

`error` in baseline and strict, `off` in other.

## Why

An attacker who takes over the process is uid 0 in the container and may use whatever it grants
now - or more.

Second paragraph.

## What it checks

The config's User.

## What it can't see

A runtime may override it: `docker run --user`.

## How to fix

Set USER.

## Before

```dockerfile
FROM alpine
```

## After

```dockerfile
FROM alpine
USER 1000
```

## Parameters

- `uid` (whole number): The highest uid that counts as root, for images whose accounts begin above
  it. Default: 0.

Specification: rows B4, S1 ([docs/specification.md](../specification.md))
"#;
        let levels = [("baseline", Level::Error), ("other", Level::Off), ("strict", Level::Error)];
        let got = markdown(&RULE, &levels);
        assert_eq!(got, expected, "\n{got}");
    }

    #[test]
    fn wraps_a_terminal_page_to_the_width() {
        let expected = r#"root-user: the image runs as root

Level
  `error` in baseline.

Why
  An attacker who takes over the process
  is uid 0 in the container and may use
  whatever it grants now - or more.

  Second paragraph.

What it checks
  The config's User.

What it can't see
  A runtime may override it:
  `docker run --user`.

How to fix
  Set USER.

Before
  FROM alpine

After
  FROM alpine
  USER 1000

Parameters
  `uid` (whole number): The highest uid
    that counts as root, for images whose
    accounts begin above it. Default: 0.

Specification: rows B4, S1
(docs/specification.md)
"#;
        let got = terminal(&RULE, &[("baseline", Level::Error)], 41);
        assert_eq!(got, expected, "\n{got}");
    }

    #[test]
    fn lists_every_rule_once() {
        let got = index(&[(&RULE, vec![("baseline", Level::Error)])]);
        let rows: Vec<&str> = got.lines().skip(3).collect();
        assert_eq!(
            rows,
            [
                "| rule | what is wrong | baseline |",
                "| --- | --- | --- |",
                "| [root-user](root-user.md) | the image runs as root | error |"
            ]
        );
    }
}
