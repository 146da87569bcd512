//! `floating-tag`: the image is tagged latest, or has no tag.

use crate::facts::Facts;
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
    id: "floating-tag",
    topic: Topic::Identity,
    title: "the image is tagged latest, or has no tag",
    rows: &["O4"],
    params: &[],
    docs: Docs {
        why: "`latest` is a different image tomorrow: it doesn't identify the version that ran, and you can't roll \
              back to it.",
        checks: "The names that the input gives the image: repositories and tags in a Docker archive, reference names \
                 in an OCI layout. A name without a tag means `latest`.",
        limits: "An image without a name is undecided. A single word other than `latest` is taken as a tag, because an \
                 OCI layout can name an image by its tag alone. Whether a tag other than `latest` moves is unknown.",
        fix: "Tag the image with its version: `docker build -t app:1.4.2 .`. Deploy it by that tag or by its digest.",
        before: "$ docker build -t app .\n\
                 $ docker save -o app.tar app",
        after: "$ docker build -t app:1.4.2 .\n\
                $ docker save -o app.tar app:1.4.2",
        breaks: "name app:latest   #! floating-tag",
        satisfies: "name app:1.0",
    },
    check,
};

/// Whether a name identifies a version.
enum Version {
    Fixed,
    Latest,
    None,
}

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let names = &facts.image().names;
    if names.is_empty() {
        return Err(Undecided::unknowable("names", "the input gives the image no name"));
    }
    for name in names {
        let shown = text::shown(name);
        let message = match version(name) {
            Version::Fixed => continue,
            Version::Latest => format!("{shown}: the tag `latest` doesn't identify a version"),
            Version::None => format!("{shown} has no tag; the default, `latest`, doesn't identify a version"),
        };
        let fix = "Tag the image with its version, and deploy it by that tag or by digest";
        out.report(Found::new(shown, message).at(Location::config("names")).fix(fix));
    }
    Ok(())
}

/// `[registry[:port]/]repository[:tag][@digest]` (distribution/reference, `reference.go`). A single word is a tag: OCI
/// layouts name images that way, while Docker archives always have both parts.
fn version(name: &str) -> Version {
    if name.contains('@') {
        return Version::Fixed;
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, "latest" | "")) => Version::Latest,
        Some(_) => Version::Fixed,
        None if name == "latest" => Version::Latest,
        None if name.contains('/') => Version::None,
        None => Version::Fixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    fn run(names: &[&str]) -> (Vec<String>, usize) {
        let mut image = testing::image();
        image.names = names.iter().map(|name| name.to_string()).collect();
        let (findings, undecided) = testing::run(&RULE, &image, &Settings::default());
        (findings.into_iter().map(|finding| finding.subject).collect(), undecided.len())
    }

    #[test]
    fn reports_latest_and_missing_tags_for_each_name() {
        assert_eq!(
            run(&["app:1.0", "app:latest", "localhost:5000/app", "r.io/a/b:2", "latest"]),
            (vec!["app:latest".into(), "localhost:5000/app".into(), "latest".into()], 0)
        );
        assert_eq!(run(&["app:1.0", "app@sha256:00", "app:latest@sha256:00"]), (vec![], 0));
    }

    #[test]
    fn an_image_without_a_name_is_undecided() {
        assert_eq!(run(&[]), (vec![], 1));
        assert_eq!(run(&["tiny-1.0"]), (vec![], 0));
    }
}
