//! The tables inside the terminal's report: layers and their sizes, and all images of a run.

use crate::model::finding::Level;
use crate::model::image::Instruction;
use crate::model::layer_facts::Compression;
use crate::model::text;
use crate::model::text::bytes;
use crate::model::text::count;
use crate::model::text::shown;
use crate::output::wrap;
use crate::report::ImageReport;
use crate::report::Report;
use crate::verdict::Verdict;
use comfy_table::Cell;
use comfy_table::CellAlignment;
use comfy_table::ColumnConstraint;
use comfy_table::ContentArrangement;
use comfy_table::ContentLineStyle;
use comfy_table::LineStyle;
use comfy_table::Table;
use comfy_table::TableStyle;

/// Columns of an instruction in the table of layers.
const INSTRUCTION_MAX: usize = 60;
/// The minimum width at which a layer's numbers get their own columns.
const WIDE: usize = 72;

const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));

fn table(header: &[&str], width: usize) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX)).set_header(header.to_vec());
    table
}

/// Right-aligns all columns but one, as wide as their content.
fn align_numbers(table: &mut Table, text_column: usize) {
    for (_, column) in table.column_iter_mut().enumerate().filter(|(index, _)| *index != text_column) {
        column.set_constraint(ColumnConstraint::ContentWidth);
        column.set_cell_alignment(CellAlignment::Right);
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
}

/// An instruction on one line: white space becomes single spaces, and long digests are shortened.
pub fn instruction(instruction: &Instruction) -> String {
    let words = instruction.text.split_ascii_whitespace().map(text::short_digest).collect::<Vec<_>>();
    shown(&words.join(" "))
}

/// The table of layers, the bottom one first.
pub fn layers(image: &ImageReport, width: usize) -> String {
    if image.image.layers.is_empty() {
        return "The image has no layers.".to_string();
    }
    if image.layers.is_empty() {
        return format!("{}, not measured.", count(image.image.layers.len() as u64, "layer"));
    }
    let rows = image.layers.iter().enumerate().map(|(index, layer)| {
        let stored = match layer.compression {
            Compression::None => "–".to_string(),
            _ => bytes(layer.stored),
        };
        let instruction_text = image.image.instruction(index).map_or(String::new(), instruction);
        let instruction_text = wrap::shorten(&instruction_text, INSTRUCTION_MAX);
        ((index + 1).to_string(), stored, bytes(layer.uncompressed), layer.entries, instruction_text)
    });
    if width < WIDE {
        let mut table = table(&["layer", "instruction"], width);
        for (index, stored, uncompressed, entries, instruction_text) in rows {
            let entries = if entries == 1 { "1 entry".to_string() } else { format!("{entries} entries") };
            let stored = if stored == "–" { "not compressed".to_string() } else { format!("{stored} compressed") };
            table.add_row(vec![index, format!("{instruction_text}\n{uncompressed}, {stored}, {entries}")]);
        }
        align_numbers(&mut table, 1);
        return table.trim_fmt();
    }
    let mut table = table(&["layer", "compressed", "uncompressed", "entries", "instruction"], width);
    for (index, stored, uncompressed, entries, instruction_text) in rows {
        table.add_row(vec![index, stored, uncompressed, entries.to_string(), instruction_text]);
    }
    align_numbers(&mut table, 4);
    table.trim_fmt()
}

/// The total sizes, as a sentence.
pub fn sums(image: &ImageReport) -> String {
    let layers = count(image.image.layers.len() as u64, "layer");
    let Some(sizes) = image.sizes.filter(|_| !image.image.layers.is_empty()) else {
        return match image.image.layers.len() {
            0 => "the image has no layers".to_string(),
            _ => format!("{layers}, not measured"),
        };
    };
    let compressed = sizes.compressed.map_or(String::new(), |n| format!(" ({} compressed)", bytes(n)));
    let wasted = match sizes.wasted {
        0 => String::new(),
        wasted => format!(", {} hidden but still shipped", bytes(wasted)),
    };
    let (uncompressed, visible) = (bytes(sizes.uncompressed), bytes(sizes.visible));
    format!("{uncompressed} in {layers}{compressed}: {visible} visible{wasted}")
}

/// The largest layers, one line each.
pub fn largest(image: &ImageReport, width: usize) -> Vec<String> {
    let mut order: Vec<usize> = (0..image.layers.len()).filter(|&index| image.layers[index].uncompressed > 0).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(image.layers[index].uncompressed), index));
    let line = |&index: &usize| {
        let lead = format!("{:>9}  layer {:<3}", bytes(image.layers[index].uncompressed), index + 1);
        let instruction_text = image.image.instruction(index).map_or(String::new(), instruction);
        let room = width.saturating_sub(lead.len() + 4).min(INSTRUCTION_MAX);
        format!("{lead}  {}", wrap::shorten(&instruction_text, room)).trim_end().to_string()
    };
    order.iter().take(LARGEST_SHOWN).map(line).collect()
}

/// Layers shown without `--verbose`.
const LARGEST_SHOWN: usize = 3;

/// The table of all images of a run, and of the inputs that could not be read.
pub fn summary(report: &Report, width: usize) -> String {
    let mut table = table(&["image", "verdict", "errors", "warnings", "notes"], width);
    for image in &report.images {
        let of = |level: Level| image.findings.iter().filter(|finding| finding.level == level).count().to_string();
        let name = format!("{} {}", shown(image.image.title()), shown(&image.image.platform));
        let numbers = [of(Level::Error), of(Level::Warn), of(Level::Note)];
        table.add_row([vec![name, image.verdict.name().to_string()], numbers.to_vec()].concat());
    }
    for error in &report.errors {
        let verdict = Verdict::Unjudged.name().to_string();
        table.add_row([vec![shown(&error.reference), verdict], vec!["–".to_string(); 3]].concat());
    }
    if width < WIDE {
        table.set_header(["image", "verdict", "e", "w", "n"].map(Cell::new).to_vec());
    }
    align_numbers(&mut table, 0);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    table.trim_fmt()
}
