//! `plimsoll rules`: the list of rules, as a table or as JSON.

use crate::cli::args::ListFormat;
use crate::model::finding::Level;
use crate::output::Options;
use crate::output::harmless;
use crate::output::json;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;

/// A rule and its level in each built-in policy.
pub type Row<'a> = (&'a Rule, Vec<(&'static str, Level)>);

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    rules: Vec<RuleEntry<'a>>,
}

#[derive(Serialize)]
struct RuleEntry<'a> {
    id: &'a str,
    title: &'a str,
    rows: &'a [&'a str],
    levels: BTreeMap<&'a str, &'static str>,
    params: Vec<ParamEntry<'a>>,
}

#[derive(Serialize)]
struct ParamEntry<'a> {
    name: &'a str,
    kind: &'static str,
    about: &'a str,
}

/// Writes the list.
pub fn write(rows: &[Row<'_>], format: ListFormat, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        ListFormat::Json => harmless::write_value(&document(rows), out),
        ListFormat::Table => table(rows, options, out),
    }
}

fn document<'a>(rows: &'a [Row<'a>]) -> Document<'a> {
    let entry = |(rule, levels): &'a Row<'a>| RuleEntry {
        id: rule.id,
        title: rule.title,
        rows: rule.rows,
        levels: levels.iter().map(|(policy, level)| (*policy, level.name())).collect(),
        params: rule.params.iter().map(param).collect(),
    };
    Document { version: json::VERSION, rules: rows.iter().map(entry).collect() }
}

fn param(param: &Param) -> ParamEntry<'_> {
    let kind = match param.kind {
        ParamKind::Duration => "duration",
        ParamKind::Count => "count",
        ParamKind::Bytes => "bytes",
        ParamKind::String => "string",
        ParamKind::Strings => "list of strings",
        ParamKind::StringLists => "table of string lists",
        ParamKind::Flag => "flag",
    };
    ParamEntry { name: param.name, kind, about: param.about }
}

fn table(rows: &[Row<'_>], options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(options.width).unwrap_or(u16::MAX));
    let policies = rows.first().map_or(Vec::new(), |(_, levels)| levels.iter().map(|(name, _)| *name).collect());
    table.set_header([vec!["rule"], policies, vec!["what is wrong"]].concat());
    for (rule, levels) in rows {
        let levels = levels.iter().map(|(_, level)| if *level == Level::Off { "–" } else { level.name() }).collect();
        table.add_row([vec![rule.id], levels, vec![rule.title]].concat());
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table.trim_fmt().lines().try_for_each(|line| writeln!(out, "{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row<'static>> {
        let level = |id: &str| vec![("baseline", if id == "root-user" { Level::Error } else { Level::Off })];
        crate::rules::ALL
            .iter()
            .copied()
            .filter(|rule| ["root-user", "unknown-user"].contains(&rule.id))
            .map(|rule| (rule, level(rule.id)))
            .collect()
    }

    fn text(format: ListFormat) -> String {
        let mut out = Vec::new();
        write(
            &rows(),
            format,
            Options { width: 80, color: false, errors: true, detail: crate::output::Detail::Normal, sizes: true },
            &mut out,
        )
        .expect("memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn writes_a_table() {
        let expected = "\
rule          baseline  what is wrong
root-user     error     the image runs as root
unknown-user  –         the user or group doesn't exist in the image
";
        assert_eq!(text(ListFormat::Table), expected);
    }

    #[test]
    fn writes_json() {
        let value: serde_json::Value = serde_json::from_str(&text(ListFormat::Json)).expect("JSON");
        assert_eq!(value["rules"][0]["id"], "root-user");
        assert_eq!(value["rules"][0]["levels"]["baseline"], "error");
        assert_eq!(value["rules"][1]["levels"]["baseline"], "off");
    }
}
