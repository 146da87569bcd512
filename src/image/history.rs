//! Pairs history entries with layers (image-spec, config.md, `history`, `empty_layer`).

use crate::image::instructions;
use crate::model::config::ImageConfig;
use crate::model::image::Instruction;
use crate::model::secret::Redactor;
use std::sync::Arc;

/// The instructions of an image, and the instruction that created each layer.
pub struct Paired {
    /// One per history entry, with secrets redacted.
    pub instructions: Vec<Instruction>,
    /// For each layer, an index into `instructions`; all `None` if the counts don't match.
    pub layers: Vec<Option<usize>>,
    /// Why the entries could not be paired with layers.
    pub mismatch: Option<String>,
    /// Redacts the image's secrets.
    pub redactor: Arc<Redactor>,
}

const NO_HISTORY: &str = "the config has no history: which step created each layer is unknown";

/// Pairs an image's history with its layers. Pairs nothing if the counts don't match.
pub fn pair_with_layers(config: &ImageConfig) -> Paired {
    let redactor = Arc::new(instructions::redactor(config));
    let count = config.diff_ids.len();
    let Some(history) = &config.history else {
        let mismatch = (count > 0).then(|| NO_HISTORY.to_string());
        return Paired { instructions: Vec::new(), layers: vec![None; count], mismatch, redactor };
    };
    let mut instructions: Vec<Instruction> =
        history.iter().map(|entry| instructions::instruction(entry, &redactor)).collect();
    let created: Vec<usize> = (0..history.len()).filter(|&i| !history[i].empty_layer).collect();
    if created.len() != count {
        let mismatch = if history.is_empty() {
            NO_HISTORY.to_string()
        } else {
            let steps = crate::model::text::count(created.len() as u64, "step");
            format!(
                "the history has {steps} that created layers, expected {count}: which step created each layer is unknown"
            )
        };
        return Paired { instructions, layers: vec![None; count], mismatch: Some(mismatch), redactor };
    }
    for (layer, &entry) in created.iter().enumerate() {
        instructions[entry].layer = Some(layer);
    }
    Paired { instructions, layers: created.into_iter().map(Some).collect(), mismatch: None, redactor }
}
