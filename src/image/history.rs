//! Pairs history entries with layers (image-spec, config.md, `history`, `empty_layer`).

use crate::image::instructions;
use crate::model::config::ImageConfig;
use crate::model::image::Instruction;
use crate::model::secret::Redactor;
use std::sync::Arc;

/// The instructions of an image, and for each layer which of them made it.
pub struct Paired {
    /// One for each history entry, secrets redacted.
    pub instructions: Vec<Instruction>,
    /// For each layer an index into `instructions`; all `None` where the counts do not fit.
    pub layers: Vec<Option<usize>>,
    /// Why they could not be paired.
    pub mismatch: Option<String>,
    /// Knows the image's secrets.
    pub redactor: Arc<Redactor>,
}

/// Pairs an image's history with its layers. Where the counts do not fit, nothing is invented.
pub fn pair(config: &ImageConfig) -> Paired {
    let redactor = Arc::new(instructions::redactor(config));
    let count = config.diff_ids.len();
    let Some(history) = &config.history else {
        let mismatch = (count > 0).then(|| "the config has no history: what made each layer is not known".to_string());
        return Paired { instructions: Vec::new(), layers: vec![None; count], mismatch, redactor };
    };
    let mut instructions: Vec<Instruction> =
        history.iter().map(|entry| instructions::instruction(entry, &redactor)).collect();
    let made: Vec<usize> = (0..history.len()).filter(|&i| !history[i].empty_layer).collect();
    if made.len() != count {
        let mismatch = match history.is_empty() {
            true => "the config has no history: what made each layer is not known".to_string(),
            false => format!(
                "history names {} that made layers, but there are {count}: what made each layer is not known",
                crate::model::text::count(made.len() as u64, "step")
            ),
        };
        return Paired { instructions, layers: vec![None; count], mismatch: Some(mismatch), redactor };
    }
    for (layer, &entry) in made.iter().enumerate() {
        instructions[entry].layer = Some(layer);
    }
    Paired { instructions, layers: made.into_iter().map(Some).collect(), mismatch: None, redactor }
}
