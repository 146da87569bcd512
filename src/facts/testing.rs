//! Images made by hand, for tests.

use crate::facts::Facts;
use crate::model::config::Healthcheck;
use crate::model::config::ImageConfig;
use crate::model::digest::Digest;
use crate::model::finding::Undecided;
use crate::model::image::Image;

/// An image with an empty config and no layers.
pub fn image() -> Image {
    Image {
        reference: "test".to_string(),
        names: Vec::new(),
        manifest_digest: None,
        config_digest: Digest::parse(&format!("sha256:{}", "ab".repeat(32))).expect("a digest"),
        platform: "linux/amd64".to_string(),
        config: ImageConfig::default(),
        layers: Vec::new(),
        instructions: Vec::new(),
        history_mismatch: None,
        base_layers: None,
        redactor: std::sync::Arc::default(),
    }
}

/// Its facts, without a merged view.
pub fn facts(image: &Image) -> Facts<'_> {
    Facts::new(image, Err(Undecided::denied("layers", "not read in this test")))
}

/// Gives the config a health check without durations.
pub fn health(image: &mut Image, test: &[&str]) {
    let test = test.iter().map(|word| word.to_string()).collect();
    image.config.run.healthcheck = Some(Healthcheck { test, ..Healthcheck::default() });
}

/// Gives the config a command.
pub fn cmd(image: &mut Image, words: &[&str]) {
    image.config.run.cmd = words.iter().map(|word| word.to_string()).collect();
}

/// Gives the config a variable, `NAME=value`.
pub fn env(image: &mut Image, pair: &str) {
    image.config.run.env.push(pair.to_string());
}
