//! `ambiguous-config`: what a document means depends on who reads it.

use crate::facts::Facts;
use crate::model::config::Ambiguity;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;

/// The rule.
pub const RULE: Rule = Rule {
    id: "ambiguous-config",
    title: "the meaning of a field depends on its reader",
    rows: &["G2"],
    params: &[],
    docs: Docs {
        why: "Docker reads JSON as Go does: names in any case, and of duplicates the last. Readers that follow the \
              letter see another image: one that a scanner passes and a runtime starts as root.",
        evidence: "Names in the config, the manifest, the index and manifest.json that differ from the specification's \
                   only in case, or that occur twice in one object. Everything else is judged as Docker reads it.",
        blind: "How a registry or another runtime reads such a document.",
        fix: "Write the document again with a tool that follows the specification: push the image through skopeo copy, or \
              build it anew. No builder writes such fields; ask where the image comes from.",
        breaks: "raw-config {\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"1000\",\"User\":\"0\"},\
                 \"rootfs\":{\"type\":\"layers\",\"diff_ids\":$DIFF_IDS}} #! ambiguous-config\nlayer",
        keeps: "config user=1000",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    for field in &facts.image().config.ambiguous {
        let pointer = text::shown(&field.pointer);
        let place = format!("{} {pointer}", field.document);
        let message = match field.why {
            Ambiguity::Case => format!(
                "in the {}, {pointer} is spelt in other letters than the specification's; Docker takes it as if it were \
                 spelt right, other readers pass over it",
                document(field.document)
            ),
            Ambiguity::Duplicate => format!(
                "in the {}, {pointer} occurs more than once; Docker takes the last, other readers the first or none",
                document(field.document)
            ),
        };
        out.report(Found::new(place.as_str(), message).at(Location::config(place)));
    }
    Ok(())
}

fn document(name: &str) -> &str {
    if name == "manifest.json" { "archive's manifest.json" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::AmbiguousField;
    use crate::rules::testing;

    #[test]
    fn each_field_is_said_with_its_document_and_docker_s_reading() {
        let mut image = testing::image();
        assert_eq!(testing::subjects(&RULE, &image, &Settings::default()), [""; 0]);
        for (document, pointer, why) in
            [("config", "/config/user", Ambiguity::Case), ("manifest.json", "/0/Config", Ambiguity::Duplicate)]
        {
            image.config.ambiguous.push(AmbiguousField { document, pointer: pointer.to_string(), why });
        }
        let found = testing::findings(&RULE, &image, &Settings::default());
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "in the config, /config/user is spelt in other letters than the specification's; Docker takes it as if it \
                 were spelt right, other readers pass over it",
                "in the archive's manifest.json, /0/Config occurs more than once; Docker takes the last, other readers \
                 the first or none",
            ]
        );
        assert_eq!(found[0].subject, "config /config/user");
    }
}
