//! An image as described by its manifest and config.

use crate::model::config::ImageConfig;
use crate::model::digest::Digest;
use crate::model::secret::Redactor;
use std::sync::Arc;

/// An image for one platform.
#[derive(Clone, Debug)]
pub struct Image {
    /// The reference to the input as the user typed it.
    pub reference: String,
    /// Its names in the input (`app:1.0`), as Docker shows them, sorted.
    pub names: Vec<String>,
    /// Digest of the manifest; `None` in an old docker archive, which has none.
    pub manifest_digest: Option<Digest>,
    /// Digest of the config: Docker's image ID.
    pub config_digest: Digest,
    /// From the config, for example `linux/amd64`.
    pub platform: String,
    /// The parsed config.
    pub config: ImageConfig,
    /// The layers, from the bottom up, one per diff_id of the config.
    pub layers: Vec<Layer>,
    /// The instructions that built it, one per history entry.
    pub instructions: Vec<Instruction>,
    /// Why the history could not be paired with the layers, if so.
    pub history_mismatch: Option<String>,
    /// How many of the lowest layers belong to the base image; `None` if unknown.
    pub base_layers: Option<usize>,
    /// Redacts the image's secrets.
    pub redactor: Arc<Redactor>,
}

/// A layer as described by the manifest and config.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Digest of the stored bytes; `None` in a docker archive without an OCI manifest.
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar, from the config.
    pub diff_id: Digest,
    /// From the manifest; `None` in a docker archive without an OCI manifest.
    pub media_type: Option<String>,
    /// Index into [`Image::instructions`].
    pub instruction: Option<usize>,
}

/// An instruction, reconstructed from a history entry. Secrets are redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// `RUN`, `COPY`, …; empty if unknown.
    pub keyword: String,
    /// The whole instruction, for example `COPY . .`.
    pub text: String,
    /// The text of the history entry.
    pub raw: String,
    /// The layer that it created.
    pub layer: Option<usize>,
}

impl Image {
    /// The instruction that created a layer.
    pub fn instruction(&self, layer: usize) -> Option<&Instruction> {
        self.instructions.get(self.layers.get(layer)?.instruction?)
    }

    /// The name to display: its first name that is more than a tag, else its first name, else the reference.
    pub fn title(&self) -> &str {
        let whole = self.names.iter().find(|name| name.contains([':', '/']));
        whole.or(self.names.first()).map_or(&self.reference, |name| name)
    }
}
