//! Runs rules on images built by hand, for the rules' unit tests.

pub use crate::facts::testing::cmd;
pub use crate::facts::testing::env;
pub use crate::facts::testing::facts;
pub use crate::facts::testing::health;
pub use crate::facts::testing::image;
use crate::model::finding::Finding;
use crate::model::finding::Level;
use crate::model::finding::Undecided;
use crate::model::image::Image;
use crate::model::image::Instruction;
use crate::rules::Out;
use crate::rules::ParamValue;
use crate::rules::Rule;
use crate::rules::Settings;

/// Adds an instruction without a layer.
pub fn instruction(image: &mut Image, keyword: &str, text: &str) {
    let instruction = Instruction { keyword: keyword.into(), text: text.into(), raw: text.into(), layer: None };
    image.instructions.push(instruction);
}

/// Parameters as a policy would set them.
pub fn settings(values: &[(&str, ParamValue)]) -> Settings {
    Settings { values: values.iter().map(|(name, value)| (name.to_string(), value.clone())).collect() }
}

/// A list of strings as a parameter.
pub fn strings(values: &[&str]) -> ParamValue {
    ParamValue::Strings(values.iter().map(|text| text.to_string()).collect())
}

/// Runs a rule at level `error`. Returns its findings and undecided questions.
pub fn run(rule: &'static Rule, image: &Image, settings: &Settings) -> (Vec<Finding>, Vec<Undecided>) {
    let facts = facts(image);
    let mut out = Out::new(rule, Level::Error, &facts);
    let result = (rule.check)(&facts, settings, &mut out);
    let (findings, questions) = out.finish();
    let mut undecided: Vec<Undecided> = questions.into_iter().map(|question| question.undecided).collect();
    undecided.extend(result.err());
    (findings, undecided)
}

/// The findings of a rule. Panics if a question is undecided.
pub fn findings(rule: &'static Rule, image: &Image, settings: &Settings) -> Vec<Finding> {
    let (findings, undecided) = run(rule, image, settings);
    assert_eq!(undecided, []);
    findings
}

/// The subjects of a rule's findings. Panics if a question is undecided.
pub fn subjects(rule: &'static Rule, image: &Image, settings: &Settings) -> Vec<String> {
    findings(rule, image, settings).into_iter().map(|finding| finding.subject).collect()
}
