//! Reads the text of one policy file and reports all its problems at once: unknown keys, values of the wrong kind.
//!
//! In: text, and the known rules. Out: the policies it extends, its settings for each rule, and the problems. Not here:
//! finding the files and combining them (`policy::file`).

use crate::model::finding::Level;
use crate::model::text::shown;
use crate::policy::error::Problem;
use crate::policy::error::Source;
use crate::policy::value;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::ParamValue;
use crate::rules::Rule;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;
use toml::Spanned;
use toml::de::DeString;
use toml::de::DeTable;
use toml::de::DeValue;

/// The version of the file format.
const SCHEMA: &str = "1";
const TOP_KEYS: [&str; 3] = ["schema", "extends", "rules"];
const LEVELS: [&str; 4] = ["error", "warn", "note", "off"];

/// The contents of one file.
#[derive(Debug, Default)]
pub struct Document {
    /// The policies it extends, in order, with their spans.
    pub extends: Vec<(String, Range<usize>)>,
    /// By rule id.
    pub rules: BTreeMap<String, RuleEntry>,
}

/// The settings of one rule in one file.
#[derive(Debug)]
pub struct RuleEntry {
    /// Its level; `None` to keep the level of the extended policies.
    pub level: Option<Level>,
    /// Its parameters.
    pub values: BTreeMap<String, ParamValue>,
    /// The span of the rule's id.
    pub span: Range<usize>,
}

/// Reads one file. The problems are in the order of their lines.
pub fn read(source: &Rc<Source>, rules: &[&Rule]) -> (Document, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader { source, rules, found: Vec::new(), broken_lines: BTreeSet::new() };
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        reader.problem(span.clone(), shown(error.message()), |problem| problem);
        reader.broken_lines.insert(line_start(&source.text, span.start));
    }
    let document = reader.document(table.get_ref(), errors.is_empty());
    reader.found.sort_by_key(|(at, _)| *at);
    (document, reader.found.into_iter().map(|(_, problem)| problem).collect())
}

struct Reader<'a> {
    source: &'a Rc<Source>,
    rules: &'a [&'a Rule],
    found: Vec<(usize, Problem)>,
    /// Starts of lines that are not valid TOML, on which no further problems are reported.
    broken_lines: BTreeSet<usize>,
}

impl Reader<'_> {
    fn problem(&mut self, span: Range<usize>, what: impl Into<String>, more: impl FnOnce(Problem) -> Problem) {
        if !self.broken_lines.contains(&line_start(&self.source.text, span.start)) {
            self.found.push((span.start, more(Problem::at(self.source, span, what))));
        }
    }

    fn document(&mut self, table: &DeTable<'_>, is_toml: bool) -> Document {
        let mut document = Document::default();
        let mut has_schema = false;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "schema" => {
                    has_schema = true;
                    self.schema(value);
                }
                "extends" => {
                    document.extends =
                        self.strings(value, "`extends` must be a list of policies, such as `[\"baseline\"]`");
                }
                "rules" => match value.get_ref() {
                    DeValue::Table(table) => document.rules = self.rules(table),
                    other => {
                        let what = format!("`rules` must be a table, not {}", kind_of(other));
                        self.problem(value.span(), what, |problem| problem);
                    }
                },
                unknown => {
                    let what = format!("unknown key `{}`", shown(unknown));
                    self.problem(key.span(), what, |problem| problem.did_you_mean(unknown, TOP_KEYS));
                }
            }
        }
        if !has_schema && is_toml {
            let end = self.source.text.find('\n').unwrap_or(self.source.text.len());
            self.problem(0..end, "missing key `schema`", |problem| problem.hint("begin with `schema = 1`"));
        }
        document
    }

    fn schema(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 && number.as_str() == SCHEMA => {}
            DeValue::Integer(number) => {
                let what = format!("unknown schema {}", shown(&number.to_string()));
                self.problem(value.span(), what, |problem| problem.hint("this version supports `schema = 1`"));
            }
            other => {
                let what = format!("`schema` must be a whole number, not {}", kind_of(other));
                self.problem(value.span(), what, |problem| problem.hint("this version supports `schema = 1`"));
            }
        }
    }

    fn rules(&mut self, table: &DeTable<'_>) -> BTreeMap<String, RuleEntry> {
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            let id = key.get_ref().as_ref();
            let Some(rule) = self.rules.iter().copied().find(|rule| rule.id == id) else {
                let ids: Vec<&str> = self.rules.iter().map(|rule| rule.id).collect();
                self.problem(key.span(), format!("unknown rule `{}`", shown(id)), |p| p.did_you_mean(id, ids));
                continue;
            };
            let mut entry = RuleEntry { level: None, values: BTreeMap::new(), span: key.span() };
            match value.get_ref() {
                DeValue::String(_) => entry.level = self.level(value),
                DeValue::Table(table) => {
                    for (key, value) in table {
                        self.setting(rule, key, value, &mut entry);
                    }
                    // Don't also report a wrong level as missing.
                    if table.keys().any(|key| key.get_ref() == "level") && entry.level.is_none() {
                        entry.level = Some(Level::Off);
                    }
                }
                other => {
                    let what = format!("a rule must be a level or a table, not {}", kind_of(other));
                    self.problem(value.span(), what, |problem| {
                        problem.hint("write `\"warn\"` or `{ level = \"warn\", … }`")
                    });
                    continue;
                }
            }
            if !matches!(value.get_ref(), DeValue::String(_)) || entry.level.is_some() {
                entries.insert(id.to_string(), entry);
            }
        }
        entries
    }

    fn setting(
        &mut self,
        rule: &Rule,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        entry: &mut RuleEntry,
    ) {
        let name = key.get_ref().as_ref();
        if name == "level" {
            entry.level = self.level(value);
            return;
        }
        match rule.params.iter().find(|param| param.name == name) {
            Some(param) => {
                if let Some(value) = self.value(param, value) {
                    entry.values.insert(name.to_string(), value);
                }
            }
            None => {
                let what = format!("`{}` has no parameter `{}`", rule.id, shown(name));
                let known: Vec<&str> = rule.params.iter().map(|param| param.name).chain(["level"]).collect();
                self.problem(key.span(), what, |problem| problem.did_you_mean(name, known));
            }
        }
    }

    fn level(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Level> {
        let DeValue::String(text) = value.get_ref() else {
            let what = format!("a level must be a string, not {}", kind_of(value.get_ref()));
            self.problem(value.span(), what, |problem| problem.did_you_mean("", LEVELS));
            return None;
        };
        let level = Level::parse(text);
        if level.is_none() {
            let what = format!("unknown level `{}`", shown(text));
            self.problem(value.span(), what, |problem| problem.did_you_mean(text, LEVELS));
        }
        level
    }

    fn value(&mut self, param: &Param, value: &Spanned<DeValue<'_>>) -> Option<ParamValue> {
        let expected = match param.kind {
            ParamKind::Duration => "a duration such as `\"30s\"`",
            ParamKind::Count => "a whole number",
            ParamKind::Bytes => "a size such as `\"20 MB\"`, or a number of bytes",
            ParamKind::String => "a string",
            ParamKind::Strings => "a list of strings",
            ParamKind::StringLists => "a table of string lists",
            ParamKind::Flag => "`true` or `false`",
        };
        let expected = format!("`{}` must be {expected}", param.name);
        match (param.kind, value.get_ref()) {
            (ParamKind::Duration, DeValue::String(text)) => {
                self.parsed(value.span(), &expected, value::duration(text)).map(ParamValue::Duration)
            }
            (ParamKind::Bytes, DeValue::String(text)) => {
                self.parsed(value.span(), &expected, value::bytes(text)).map(ParamValue::Bytes)
            }
            (ParamKind::Count | ParamKind::Bytes, DeValue::Integer(number)) => {
                let parsed = u64::from_str_radix(number.as_str(), number.radix())
                    .map_err(|_| "expected a whole number from 0 to 18446744073709551615".to_string());
                let parsed = self.parsed(value.span(), &expected, parsed)?;
                Some(if param.kind == ParamKind::Count { ParamValue::Count(parsed) } else { ParamValue::Bytes(parsed) })
            }
            (ParamKind::Flag, DeValue::Boolean(value)) => Some(ParamValue::Flag(*value)),
            (ParamKind::String, DeValue::String(text)) => Some(ParamValue::String(text.to_string())),
            (ParamKind::Strings, DeValue::Array(_)) => {
                let strings = self.strings(value, &expected);
                Some(ParamValue::Strings(strings.into_iter().map(|(text, _)| text).collect()))
            }
            (ParamKind::StringLists, DeValue::Table(table)) => {
                let mut lists = BTreeMap::new();
                for (key, value) in table {
                    let strings = self.strings(value, &expected);
                    lists.insert(key.get_ref().to_string(), strings.into_iter().map(|(text, _)| text).collect());
                }
                Some(ParamValue::StringLists(lists))
            }
            (_, other) => {
                self.problem(value.span(), format!("{expected}, not {}", kind_of(other)), |problem| problem);
                None
            }
        }
    }

    fn parsed<T>(&mut self, span: Range<usize>, expected: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|why| self.problem(span, expected, |problem| problem.hint(why))).ok()
    }

    /// The strings of a list with their spans; any other item is a problem.
    fn strings(&mut self, value: &Spanned<DeValue<'_>>, expected: &str) -> Vec<(String, Range<usize>)> {
        let DeValue::Array(items) = value.get_ref() else {
            self.problem(value.span(), format!("{expected}, not {}", kind_of(value.get_ref())), |problem| problem);
            return Vec::new();
        };
        let mut strings = Vec::with_capacity(items.len());
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => strings.push((text.to_string(), item.span())),
                other => {
                    self.problem(item.span(), format!("{expected}, but this is {}", kind_of(other)), |problem| problem);
                }
            }
        }
        strings
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1)
}
