//! `ambiguous-config`: a JSON field is read differently by different parsers.

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
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "ambiguous-config",
    topic: Topic::Identity,
    title: "a JSON field is read differently by different parsers",
    rows: &["G2"],
    params: &[],
    docs: Docs {
        why: "Docker uses Go's JSON parser, which ignores the case of field names and lets the last duplicate win. \
              Stricter parsers see a different image, so a scanner may approve a non-root user although the runtime \
              starts the container as root.",
        checks: "Field names in the config, the manifest, the index and manifest.json that differ from the \
                 specification's only in case, or that occur twice in one object. All other rules judge the documents \
                 as Docker reads them.",
        limits: "How a registry or another runtime reads such a document.",
        fix: "Rebuild the image with a standard builder such as `docker build`. No builder writes such fields, so \
              find out where the image came from.",
        before: "$ jq --compact-output .config config.json\n\
                 {\"User\":\"1000\",\"user\":\"0\"}",
        after: "$ jq --compact-output .config config.json\n\
                {\"User\":\"1000\"}",
        breaks: "raw-config {\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"1000\",\"User\":\"0\"},\
                 \"rootfs\":{\"type\":\"layers\",\"diff_ids\":$DIFF_IDS}} #! ambiguous-config\nlayer",
        satisfies: "config user=1000",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    for field in &facts.image().config.ambiguous {
        let pointer = text::shown(&field.pointer);
        let place = format!("{} {pointer}", field.document);
        let message = match field.why {
            Ambiguity::Case => format!(
                "in the {}, {pointer} differs from the specified name only in case: Docker accepts it, but other parsers \
                 ignore it",
                document(field.document)
            ),
            Ambiguity::Duplicate => format!(
                "in the {}, {pointer} occurs more than once: Docker uses the last one, but other parsers use the first \
                 or fail",
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
    fn names_each_field_its_document_and_what_docker_does() {
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
                "in the config, /config/user differs from the specified name only in case: Docker accepts it, but other \
                 parsers ignore it",
                "in the archive's manifest.json, /0/Config occurs more than once: Docker uses the last one, but other \
                 parsers use the first or fail",
            ]
        );
        assert_eq!(found[0].subject, "config /config/user");
    }
}
