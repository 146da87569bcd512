//! One image as its manifest and config describe it, before any layer is read.

use crate::model::config::ImageConfig;
use crate::model::digest::Digest;
use crate::model::secret::Redactor;
use std::sync::Arc;

/// An image: one platform's manifest, config and layers.
#[derive(Clone, Debug)]
pub struct Image {
    /// As the user typed it, or the part of it that picks this image.
    pub reference: String,
    /// Names that the input gives it (`app:1.0`), sorted, as Docker shows them.
    pub names: Vec<String>,
    /// Digest of the manifest's bytes; `None` in an old docker archive, which has none.
    pub manifest_digest: Option<Digest>,
    /// Digest of the config's bytes: Docker's image id.
    pub config_digest: Digest,
    /// `linux/amd64`, from the config.
    pub platform: String,
    /// The parsed config.
    pub config: ImageConfig,
    /// The layers, from the bottom up; as many as the config has diff_ids.
    pub layers: Vec<Layer>,
    /// The instructions that made it, one for each history entry.
    pub instructions: Vec<Instruction>,
    /// Why history and layers could not be paired, if they could not.
    pub history_mismatch: Option<String>,
    /// How many layers at the bottom belong to the base; `None` where that is not known.
    pub base_layers: Option<usize>,
    /// Takes the image's secrets out of any text.
    pub redactor: Arc<Redactor>,
}

/// A layer as the manifest names it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Digest of the stored bytes; `None` in a docker archive without an OCI manifest.
    pub digest: Option<Digest>,
    /// From the config.
    pub diff_id: Digest,
    /// As the manifest says; `None` in a docker archive without an OCI manifest.
    pub media_type: Option<String>,
    /// Index into [`Image::instructions`].
    pub instruction: Option<usize>,
}

/// What made a layer or changed the config, as near to what the author wrote as history allows. Secrets are redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// `RUN`, `COPY`, …; empty where history does not say.
    pub keyword: String,
    /// The whole instruction, `COPY . .`.
    pub text: String,
    /// The history entry as it stands.
    pub raw: String,
    /// The layer it made.
    pub layer: Option<usize>,
}

impl Image {
    /// The instruction that made a layer.
    pub fn instruction(&self, layer: usize) -> Option<&Instruction> {
        self.instructions.get(self.layers.get(layer)?.instruction?)
    }

    /// The name to call this image by: its first name that is more than a tag, else its first, else what the user
    /// typed.
    pub fn title(&self) -> &str {
        let whole = self.names.iter().find(|name| name.contains([':', '/']));
        whole.or(self.names.first()).map_or(&self.reference, |name| name)
    }
}
