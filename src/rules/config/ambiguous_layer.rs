//! `ambiguous-layer`: unpackers disagree about the files in a layer.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text::shown_bytes;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::view::DifferenceKind;

/// The rule.
pub const RULE: Rule = Rule {
    id: "ambiguous-layer",
    topic: Topic::Identity,
    title: "unpackers disagree about the files in a layer",
    rows: &["G6", "S3"],
    params: &[],
    docs: Docs {
        why: "Another runtime may show other files than the ones audited here. Builders don't write such layers; \
              someone who wants to hide a file might.",
        checks: "Layer entries that the image specification and the overlay drivers of Docker, containerd and Podman \
                 read differently: a path through a symbolic link in a lower layer, a hard link to a file in a lower \
                 layer, a whiteout beside an entry of the same name, an opaque root, and the same path twice. The \
                 report follows the specification.",
        limits: "What a runtime does that follows neither. Attributes and devices that only overlayfs interprets are \
                 not findings: an image that has them can't be judged.",
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
        keeps: "layer COPY a /\n  d 0755 0:0 real\n  l etc -> real\nlayer COPY b /\n  f 0644 0:0 real/passwd \"app:x:1000:1000::/:/bin/sh\"",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    for difference in &facts.view()?.differences {
        let path = shown_bytes(&difference.path);
        let message = match difference.kind {
            DifferenceKind::ThroughLink => format!(
                "the way to /{path} leads through a symbolic link of a lower layer: it is followed here, and overlay drivers put a directory in its place"
            ),
            DifferenceKind::LowerHardlink => {
                format!("/{path} is a hardlink to a file of a lower layer: overlay drivers refuse the layer")
            }
            DifferenceKind::LateWhiteout => {
                format!(
                    "/{path} is in the layer and then whited out by it: it stays here, and other unpackers delete it"
                )
            }
            DifferenceKind::WhiteoutAndDirectory => format!(
                "/{path} is whited out and a directory again in one layer: what lay in it before is gone here, and overlay drivers may show it"
            ),
            DifferenceKind::OpaqueRoot => {
                "the root is marked opaque: everything below is gone here, and overlay drivers ignore the mark"
                    .to_string()
            }
            DifferenceKind::Twice => {
                format!("/{path} is in the layer twice: the later entry counts here, and docker refuses the layer")
            }
        };
        let place =
            Location { path: Some(difference.path.clone()), layer: Some(difference.layer), ..Location::default() };
        out.report(Found::new(path, message).at(place));
    }
    Ok(())
}
