//! Docker archives: `manifest.json`, configs and layers (moby, `image/tarexport`), as written by docker (before and
//! since 25), podman, skopeo, kaniko, crane and nix.

use crate::image::Candidate;
use crate::image::Listing;
use crate::image::config;
use crate::image::document;
use crate::image::error::ImageError;
use crate::image::history;
use crate::image::oci::bytes;
use crate::image::oci::document_error;
use crate::limits;
use crate::model::config::AmbiguousField;
use crate::model::digest::Algorithm;
use crate::model::digest::Digest;
use crate::model::fault::ImageFault;
use crate::model::fault::LayerFault;
use crate::model::image::Image;
use crate::model::image::Layer;
use crate::model::path;
use crate::model::text::shown;
use crate::source::Layout;
use crate::source::Source;
use crate::stream::hash;
use serde::Deserialize;

const NAME: &str = "manifest.json";

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Config", default)]
    config: String,
    #[serde(rename = "RepoTags", default)]
    names: Vec<String>,
    #[serde(rename = "Layers", default)]
    layers: Vec<String>,
}

/// Lists the images of a docker archive. If the archive is an OCI layout too, an image in both is listed once, with all
/// its names.
pub fn archive(source: &Source, listing: &mut Listing) -> Result<(), ImageError> {
    let bytes = bytes(source.member(NAME)?, NAME, NAME)?;
    let mut ambiguous = Vec::new();
    let value = document::read(&bytes, &document::DOCKER_MANIFEST, NAME, &mut ambiguous)
        .map_err(|e| document_error(NAME, &format!("is not valid JSON: {e}")))?;
    let entries: Vec<Entry> =
        serde_json::from_value(value).map_err(|e| document_error(NAME, &format!("is not a list of images: {e}")))?;
    if entries.len() > limits::IMAGES {
        return Err(ImageError::Limit(format!("{NAME} lists more than {} images, the limit (images)", limits::IMAGES)));
    }
    for (i, entry) in entries.into_iter().enumerate() {
        if let Err(error) = image(source, i, entry, &ambiguous, listing) {
            listing.broken.push(error);
        }
    }
    Ok(())
}

fn image(
    source: &Source,
    index: usize,
    entry: Entry,
    ambiguous: &[AmbiguousField],
    listing: &mut Listing,
) -> Result<(), ImageError> {
    let location = format!("{NAME}, image {index}");
    let config_name = member_name(&entry.config);
    let what = format!("config {:?}", shown(&entry.config));
    let config_bytes = bytes(source.member(&config_name)?, "config", &entry.config)?;
    let config_digest = hash::digest(Algorithm::Sha256, &config_bytes);
    check_name(&config_name, &config_digest)?;
    let layer_names: Vec<String> = entry.layers.iter().map(|name| member_name(name)).collect();
    if let Some(known) = listing.images.iter_mut().find(|c| c.image.config_digest == config_digest) {
        known.image.names.extend(entry.names);
        known.image.config.ambiguous.extend_from_slice(ambiguous);
        if source.layouts.contains(&Layout::Oci) {
            check_same_layers(source, known, &layer_names)?;
        }
        return Ok(());
    }
    let mut config = config::read(&config_bytes).map_err(|e| document_error(&what, &e))?;
    config.ambiguous.extend_from_slice(ambiguous);
    if layer_names.len() != config.diff_ids.len() {
        return Err(document_error(
            &location,
            &format!("lists {} layers, but its config has {} diff_ids", layer_names.len(), config.diff_ids.len()),
        ));
    }
    let mut blobs = Vec::new();
    for name in &layer_names {
        blobs.push(
            source
                .member(name)?
                .ok_or_else(|| LayerFault::Missing(format!("{:?} is missing from the archive", shown(name)))),
        );
    }
    let paired = history::pair_with_layers(&config);
    let layers = config
        .diff_ids
        .iter()
        .zip(&paired.layers)
        .map(|(diff_id, &instruction)| Layer { digest: None, diff_id: diff_id.clone(), media_type: None, instruction })
        .collect();
    let image = Image {
        reference: source.reference.text.clone(),
        names: entry.names,
        manifest_digest: None,
        config_digest,
        platform: config.platform(),
        config,
        layers,
        instructions: paired.instructions,
        history_mismatch: paired.mismatch,
        base_layers: None,
        redactor: paired.redactor,
    };
    listing.images.push(Candidate { image, blobs, faults: Vec::new(), index_platform: None });
    Ok(())
}

/// A name as the archive indexes it; empty for a name outside the archive, which matches no member.
fn member_name(name: &str) -> String {
    match path::clean(name.as_bytes()) {
        (_, true) => String::new(),
        _ if name.starts_with('/') => String::new(),
        (cleaned, false) => String::from_utf8(cleaned).unwrap_or_default(),
    }
}

/// Checks the digest in a config's file name, as docker and podman write it, against the content.
fn check_name(name: &str, found: &Digest) -> Result<(), ImageError> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let hex = base.strip_suffix(".json").unwrap_or(base);
    let hex = hex.strip_prefix("sha256:").unwrap_or(hex);
    match Digest::parse(&format!("sha256:{hex}")) {
        Ok(expected) if expected != *found => {
            Err(ImageError::Digest { what: format!("config {:?}", shown(name)), expected, found: found.clone() })
        }
        _ => Ok(()),
    }
}

/// Checks that both manifests list the same layers: Docker's graph drivers read `manifest.json`, its containerd store
/// reads `index.json`.
fn check_same_layers(source: &Source, known: &mut Candidate, names: &[String]) -> Result<(), ImageError> {
    let mut same = names.len() == known.blobs.len();
    for ((name, layer), blob) in names.iter().zip(&known.image.layers).zip(&known.blobs) {
        let digest = layer.digest.as_ref().map_or("", Digest::as_str);
        if *name == format!("blobs/{}", digest.replacen(':', "/", 1)) {
            continue;
        }
        same &= match (blob, source.member(name)?) {
            (Ok(blob), Some(other)) => {
                blob.same_bytes(&other).map_err(|fault| document_error(name, &fault.to_string()))?
            }
            (Err(_), None) => true,
            _ => false,
        };
    }
    if !same {
        let how = "manifest.json and index.json list different layers for it: tools differ on which ones they use";
        known.faults.push(ImageFault::Contradiction(how.to_string()));
    }
    Ok(())
}
