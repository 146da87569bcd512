//! Images made by hand, for the rules' own tests.

use crate::facts::Facts;
use crate::model::config::Healthcheck;
use crate::model::config::ImageConfig;
use crate::model::digest::Digest;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Undecided;
use crate::model::image::Image;
use crate::model::image::Instruction;
use crate::rules::Out;
use crate::rules::ParamValue;
use crate::rules::Rule;
use crate::rules::Settings;

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

/// Adds an instruction without a layer.
pub fn instruction(image: &mut Image, keyword: &str, text: &str) {
    let instruction = Instruction { keyword: keyword.into(), text: text.into(), raw: text.into(), layer: None };
    image.instructions.push(instruction);
}

/// Parameters as a policy would set them.
pub fn settings(values: &[(&str, ParamValue)]) -> Settings {
    Settings { values: values.iter().map(|(name, value)| (name.to_string(), value.clone())).collect() }
}

/// A list as a parameter.
pub fn texts(values: &[&str]) -> ParamValue {
    ParamValue::Texts(values.iter().map(|text| text.to_string()).collect())
}

/// All that a rule says at level `error`.
pub fn run(rule: &'static Rule, image: &Image, settings: &Settings) -> (Vec<Finding>, Vec<Undecided>) {
    let facts = facts(image);
    let mut out = Out::new(rule, Level::Error, &facts);
    let asked = (rule.check)(&facts, settings, &mut out);
    let (findings, mut undecided) = out.finish();
    undecided.extend(asked.err());
    (findings, undecided)
}

/// What a rule finds; it must not leave a question open.
pub fn findings(rule: &'static Rule, image: &Image, settings: &Settings) -> Vec<Finding> {
    let (findings, undecided) = run(rule, image, settings);
    assert_eq!(undecided, []);
    findings
}

/// The subjects of what a rule finds; it must not leave a question open.
pub fn subjects(rule: &'static Rule, image: &Image, settings: &Settings) -> Vec<String> {
    findings(rule, image, settings).into_iter().map(|finding| finding.subject).collect()
}
