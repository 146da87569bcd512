//! `ambiguous-layer`: what a container sees depends on who unpacks the image.

use crate::facts::Facts;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text::shown_bytes;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::view::DifferenceKind;

/// The rule.
pub const RULE: Rule = Rule {
    id: "ambiguous-layer",
    title: "unpackers make different files of a layer",
    rows: &["G6", "S3"],
    params: &[],
    docs: Docs {
        why: "An image that shows other files under another runtime was judged for one of them only. Builders do not write such layers; whoever hides something may.",
        evidence: "Entries of the layers that the image specification and the overlay drivers of docker, containerd and podman read differently: a path through a lower layer's symbolic link, a hardlink into a lower layer, a whiteout beside an entry of the same name, an opaque root, the same path twice. The report follows the specification.",
        blind: "What a runtime does that follows neither. Attributes and devices that only overlayfs obeys make an image unjudged instead.",
        fix: "Build the image again with a current builder, or unpack and repack the layer.",
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
