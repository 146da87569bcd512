//! tmp
use crate::model::{config::History, image::Instruction, secret::Redactor};
#[allow(missing_docs)]
pub fn instruction(entry: &History, redactor: &Redactor) -> Instruction {
    Instruction {
        keyword: String::new(),
        text: redactor.redact(&entry.created_by),
        raw: redactor.redact(&entry.created_by),
        layer: None,
    }
}
#[allow(missing_docs)]
pub fn build_args(_: &str) -> Vec<(String, String)> {
    Vec::new()
}
