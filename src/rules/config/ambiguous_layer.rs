//! `ambiguous-layer`: unpackers disagree about the files in a layer.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::group::Causes;
use crate::view::DifferenceKind;

/// The rule.
pub const RULE: Rule = Rule {
    id: "ambiguous-layer",
    topic: Topic::Identity,
    title: "unpackers disagree about the files in a layer",
    rows: &["G6", "S3"],
    params: &[],
    docs: Docs {
        why: "Another runtime may show different files from those audited here. Builders don't write such layers; \
              someone who wants to hide a file might.",
        checks: "Layer entries that the image specification and the overlay drivers of Docker, containerd and Podman \
                 read differently: a path through a symbolic link in a lower layer, a hard link to a file in a lower \
                 layer, a whiteout beside an entry of the same name, an opaque root, and the same path twice. The \
                 report follows the specification.",
        limits: "What a runtime shows that follows neither the specification nor those drivers. Attributes and \
                 devices that only overlayfs interprets are not findings: an image that has them can't be judged.",
        fix: "Rebuild the image with a current builder, or unpack and repack the layer.",
        before: "$ tar -tvf layer1.tar\n\
                 drwxr-xr-x 0/0      0 2025-05-01 12:00 srv/data/\n\
                 lrwxrwxrwx 0/0      0 2025-05-01 12:00 data -> srv/data\n\
                 $ tar -tvf layer2.tar\n\
                 -rw-r--r-- 0/0   8192 2025-05-01 12:00 data/users.db",
        after: "$ tar -tvf layer1.tar\n\
                drwxr-xr-x 0/0      0 2025-05-01 12:00 srv/data/\n\
                lrwxrwxrwx 0/0      0 2025-05-01 12:00 data -> srv/data\n\
                $ tar -tvf layer2.tar\n\
                -rw-r--r-- 0/0   8192 2025-05-01 12:00 srv/data/users.db",
        breaks: "layer COPY a /\n  d 0755 0:0 real\n  l etc -> real\nlayer COPY b /\n  f 0644 0:0 etc/passwd \"app:x:0:0::/:/bin/sh\"   #! ambiguous-layer",
        satisfies: "layer COPY a /\n  d 0755 0:0 real\n  l etc -> real\nlayer COPY b /\
                    \n  f 0644 0:0 real/passwd \"app:x:1000:1000::/:/bin/sh\"",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let mut causes = Causes::default();
    for difference in &facts.view()?.differences {
        let location =
            Location { path: Some(difference.path.clone()), layer: Some(difference.layer), ..Location::default() };
        causes.places_of((difference.layer, difference.kind)).add(&difference.path, false, [location]);
    }
    for ((_, kind), places) in causes {
        let is_one = places.count() == 1;
        let name = places.describe("paths");
        let (is, pronoun) = if is_one { ("is", "it") } else { ("are", "them") };
        let message = match kind {
            DifferenceKind::ThroughLink => format!(
                "{name} {is} below a symbolic link in a lower layer: plimsoll follows it, but overlay drivers create a \
                 directory instead"
            ),
            DifferenceKind::LowerHardlink => {
                format!("{name} {is} hard-linked to a file in a lower layer: overlay drivers reject the layer")
            }
            DifferenceKind::LateWhiteout => format!(
                "{name} {is} both added and whited out by one layer: plimsoll keeps {pronoun}, but other \
                 unpackers delete {pronoun}"
            ),
            DifferenceKind::WhiteoutAndDirectory => format!(
                "{name} {is} whited out and created again by one layer: plimsoll hides the files of lower layers, but \
                 overlay drivers may show them"
            ),
            DifferenceKind::OpaqueRoot => {
                "the root directory is opaque: plimsoll hides all lower layers, but overlay drivers ignore the marker"
                    .to_string()
            }
            DifferenceKind::Duplicate => {
                format!("{name} {is} in one layer twice: plimsoll uses the later entry, but Docker rejects the layer")
            }
        };
        let fix = "Rebuild the image with a current builder, or unpack and repack the layer";
        out.report(Found::new(format!("{} {kind:?}", places.directory()), message).fix(fix).at_places(places));
    }
    Ok(())
}
