//! A rule's page, printed from its value: the same headings in the same order for every rule.
//!
//! In: a rule and its level in each built-in policy. Out: Markdown that also reads well at a terminal. The pages in
//! `docs/rules` carry a first line more ([`source_note`]); a test keeps them fresh.

use crate::model::finding::Level;
use crate::rules::ParamKind;
use crate::rules::Rule;

/// Columns at which paragraphs wrap.
const COLUMNS: usize = 100;

/// What the first line of a page in `docs/rules` says.
pub fn source_note(rule: &Rule) -> String {
    let file = rule.id.replace('-', "_");
    format!("<!-- printed from the rule's value in {file}.rs: edit there, then PLIMSOLL_BLESS=1 cargo test -->\n")
}

/// The page of a rule. `levels` are its levels in the built-in policies.
pub fn page(rule: &Rule, levels: &[(&str, Level)]) -> String {
    let mut out = format!("# {}: {}\n", rule.id, rule.title);
    section(&mut out, "Level", &paragraph(&level_words(levels)));
    let rows = if rule.rows.is_empty() {
        "None.".to_string()
    } else {
        format!("{}, see docs/specification.md.", rule.rows.join(", "))
    };
    section(&mut out, "Rows", &paragraph(&rows));
    section(&mut out, "Why", &paragraph(rule.docs.why));
    section(&mut out, "Evidence", &paragraph(rule.docs.evidence));
    section(&mut out, "Cannot see", &paragraph(rule.docs.blind));
    section(&mut out, "Fix", &paragraph(rule.docs.fix));
    section(&mut out, "Parameters", &parameters(rule));
    section(&mut out, "Breaks", &block(rule.docs.breaks));
    section(&mut out, "Keeps", &block(rule.docs.keeps));
    out
}

/// The list of all pages, for `docs/rules/README.md`.
pub fn index(rules: &[(&Rule, Vec<(&str, Level)>)]) -> String {
    let mut out = "<!-- printed from the rules' values: edit there, then PLIMSOLL_BLESS=1 cargo test -->\n".to_string();
    out.push_str("# Rules\n\n");
    let names: Vec<&str> =
        rules.first().map_or(Vec::new(), |(_, levels)| levels.iter().map(|(name, _)| *name).collect());
    let mut head = vec!["rule", "what is wrong"];
    head.extend(&names);
    out.push_str(&format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len())));
    for (rule, levels) in rules {
        let mut cells = vec![format!("[{0}]({0}.md)", rule.id), cell(rule.title)];
        cells.extend(levels.iter().map(|(_, level)| level.name().to_string()));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}

/// The kind of a parameter, for people.
pub fn kind(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Duration => "a duration, `\"30s\"`",
        ParamKind::Count => "a whole number",
        ParamKind::Bytes => "a size, `\"20 MB\"` or bytes",
        ParamKind::Text => "a text",
        ParamKind::Texts => "a list of texts",
        ParamKind::Lists => "a table of lists of texts",
        ParamKind::Flag => "`true` or `false`",
    }
}

fn level_words(levels: &[(&str, Level)]) -> String {
    let words: Vec<String> = levels.iter().map(|(name, level)| format!("`{level}` in {name}")).collect();
    if words.is_empty() { "Off.".to_string() } else { format!("{}.", words.join(", ")) }
}

fn section(out: &mut String, heading: &str, body: &str) {
    out.push_str(&format!("\n## {heading}\n\n{body}"));
}

fn parameters(rule: &Rule) -> String {
    if rule.params.is_empty() {
        return "None.\n".to_string();
    }
    let mut out = "| parameter | value | what it does |\n| --- | --- | --- |\n".to_string();
    for param in rule.params {
        out.push_str(&format!("| `{}` | {} | {} |\n", param.name, cell(kind(param.kind)), cell(param.about)));
    }
    out
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn block(text: &str) -> String {
    format!("```text\n{}\n```\n", text.trim_matches('\n'))
}

/// Words in lines of [`COLUMNS`]; blank lines part paragraphs. No line begins with a word that Markdown would take for a
/// list, a heading or a quotation.
fn paragraph(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let mut column = 0;
        for word in part.split_whitespace() {
            let width = word.chars().count();
            let is_mark = word.starts_with(['-', '+', '*', '#', '>', '|', '=', '`', '~'])
                || word.trim_end_matches(['.', ')']).bytes().all(|b| b.is_ascii_digit());
            if column > 0 && column + 1 + width > COLUMNS && !is_mark {
                out.push('\n');
                column = 0;
            } else if column > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += width;
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Docs;
    use crate::rules::Param;

    const RULE: Rule = Rule {
        id: "root-user",
        title: "the image starts as root",
        rows: &["B4", "S1"],
        params: &[Param { name: "uid", kind: ParamKind::Count, about: "one | that is\n  taken" }],
        docs: Docs {
            why: "Whoever takes over the process holds uid 0 inside the container, and so whatever the kernel grants to \
                  it.\n\nSecond paragraph.",
            evidence: "The config's User.",
            blind: "A runtime may override it.",
            fix: "Name an account with USER.",
            breaks: "config user=0:0   #! root-user",
            keeps: "config user=1000\n",
        },
        check: |_, _, _| Ok(()),
    };

    #[test]
    fn a_page_from_top_to_bottom() {
        let expected = r#"# root-user: the image starts as root

## Level

`error` in baseline, `off` in other.

## Rows

B4, S1, see docs/specification.md.

## Why

Whoever takes over the process holds uid 0 inside the container, and so whatever the kernel grants
to it.

Second paragraph.

## Evidence

The config's User.

## Cannot see

A runtime may override it.

## Fix

Name an account with USER.

## Parameters

| parameter | value | what it does |
| --- | --- | --- |
| `uid` | a whole number | one \| that is taken |

## Breaks

```text
config user=0:0   #! root-user
```

## Keeps

```text
config user=1000
```
"#;
        let got = page(&RULE, &[("baseline", Level::Error), ("other", Level::Off)]);
        assert_eq!(got, expected, "\n{got}");
    }

    #[test]
    fn the_index_names_every_rule_once() {
        let got = index(&[(&RULE, vec![("baseline", Level::Error)])]);
        let rows: Vec<&str> = got.lines().skip(3).collect();
        assert_eq!(
            rows,
            [
                "| rule | what is wrong | baseline |",
                "| --- | --- | --- |",
                "| [root-user](root-user.md) | the image starts as root | error |"
            ]
        );
    }
}
