//! OCI layouts and skopeo's `dir:`, from the index to the images (image-spec, image-layout.md, image-index.md,
//! manifest.md).

use crate::image::Candidate;
use crate::image::Listing;
use crate::image::MissingImage;
use crate::image::NonImage;
use crate::image::config;
use crate::image::document;
use crate::image::error::ImageError;
use crate::image::history;
use crate::limits;
use crate::model::config::AmbiguousField;
use crate::model::digest::Digest;
use crate::model::fault::LayerFault;
use crate::model::image::Image;
use crate::model::image::Layer;
use crate::model::text::shown;
use crate::source::Source;
use crate::stream::blob::Blob;
use crate::stream::hash;
use oci_spec::image::ImageManifest;
use oci_spec::image::MediaType;
use serde_json::Value;

const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// Lists the images of an OCI layout, in a directory or an archive.
pub fn layout(source: &Source, listing: &mut Listing) -> Result<(), ImageError> {
    let bytes = bytes(source.member("index.json")?, "index.json", "index.json")?;
    let mut ambiguous = Vec::new();
    let index = parse(&bytes, "index.json", "index", &mut ambiguous)?;
    if !index.is_object() {
        return Err(document_error("index.json", "is not an object (expected an image index)"));
    }
    let walk = Walk { source, depth: 0, names: Vec::new(), ambiguous };
    index_entries(&walk, &index, "index.json", listing)
}

/// Lists the images of a directory written by skopeo's `dir:` transport.
pub fn dir(source: &Source, listing: &mut Listing) -> Result<(), ImageError> {
    let bytes = bytes(source.member("manifest.json")?, "manifest.json", "manifest.json")?;
    let walk = Walk { source, depth: 0, names: Vec::new(), ambiguous: Vec::new() };
    let digest = hash::digest(crate::model::digest::Algorithm::Sha256, &bytes);
    manifest_or_index(&walk, &bytes, digest, "", None, &Claim::default(), listing)
}

/// The position in the tree of indexes.
struct Walk<'a> {
    source: &'a Source,
    depth: usize,
    names: Vec<String>,
    ambiguous: Vec<AmbiguousField>,
}

fn index_entries(walk: &Walk<'_>, index: &Value, name: &str, listing: &mut Listing) -> Result<(), ImageError> {
    let entries = match index.get("manifests") {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(_) => return Err(document_error(name, "manifests is not a list")),
        None => &[],
    };
    for (i, entry) in entries.iter().enumerate() {
        if let Err(error) = index_entry(walk, entry, &format!("{name}, manifests[{i}]"), listing) {
            match error {
                // A limit applies to the input as a whole.
                ImageError::Limit(_) => return Err(error),
                error => listing.broken.push(error),
            }
        }
    }
    Ok(())
}

fn index_entry(walk: &Walk<'_>, entry: &Value, location: &str, listing: &mut Listing) -> Result<(), ImageError> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("");
    let media_type = text("mediaType");
    let annotation = |key: &str| entry.get("annotations").and_then(|a| a.get(key)).and_then(Value::as_str);
    let platform = platform_of(entry);
    // Runtimes pick an entry by platform, so its annotations count only if its manifest confirms them or is missing.
    let claim = Claim {
        is_attestation: annotation("vnd.docker.reference.type").is_some() || platform == "unknown/unknown",
        subject: annotation("vnd.docker.reference.digest").map(str::to_string),
    };
    if media_type == DOCKER_SCHEMA_1 || media_type == "application/vnd.docker.distribution.manifest.v1+prettyjws" {
        return Err(document_error(location, "is a Docker schema 1 manifest, which is unsupported"));
    }
    if !is_index(media_type) && !is_manifest(media_type) && !media_type.is_empty() {
        // Unknown types are not an error (image-spec, image-index.md), unless the entry is an image.
        if is_image_manifest(walk.source, entry, location) {
            let what = format!("has the unsupported media type {:?}, but is an image manifest", shown(media_type));
            return Err(document_error(location, &what));
        }
        listing.non_images.push(artifact(text("digest"), media_type));
        return Ok(());
    }
    if walk.depth >= limits::INDEX_DEPTH {
        return Err(ImageError::Limit(format!(
            "indexes are nested deeper than {} levels, the limit (index depth)",
            limits::INDEX_DEPTH
        )));
    }
    let descriptor = descriptor(entry, location)?;
    let mut names = walk.names.clone();
    names.extend(
        ["org.opencontainers.image.ref.name", "io.containerd.image.name"]
            .iter()
            .filter_map(|key| annotation(key))
            .filter(|name| !name.is_empty())
            .map(str::to_string),
    );
    // Each document is read once: otherwise a few small indexes could refer to each other endlessly.
    if !listing.visited.insert(descriptor.digest.clone()) {
        if let Some(known) =
            listing.images.iter_mut().find(|c| c.image.manifest_digest.as_ref() == Some(&descriptor.digest))
        {
            known.image.names.extend(names);
        }
        return Ok(());
    }
    let Some(blob) = walk.source.blob(&descriptor.digest)? else {
        if claim.is_attestation {
            listing.non_images.push(claim.attestation(&descriptor.digest, media_type));
        } else {
            listing.missing.push(MissingImage { platform, digest: descriptor.digest, names });
        }
        return Ok(());
    };
    let what = format!("manifest {}", descriptor.digest);
    let bytes = verified(&blob, &descriptor, &what)?;
    let walk = Walk { source: walk.source, depth: walk.depth + 1, names, ambiguous: walk.ambiguous.clone() };
    let platform = Some(platform).filter(|platform| !platform.is_empty());
    manifest_or_index(&walk, &bytes, descriptor.digest, media_type, platform, &claim, listing)
}

/// What an index entry declares besides its media type.
#[derive(Default)]
struct Claim {
    /// Whether it is an attestation about an image.
    is_attestation: bool,
    /// The digest of the manifest that it describes.
    subject: Option<String>,
}

impl Claim {
    fn attestation(&self, digest: &Digest, media_type: &str) -> NonImage {
        NonImage {
            kind: "attestation",
            digest: digest.to_string(),
            media_type: media_type.to_string(),
            subject: self.subject.clone(),
        }
    }
}

/// Whether an entry of an unknown type is a manifest with an image config.
fn is_image_manifest(source: &Source, entry: &Value, location: &str) -> bool {
    let Ok(descriptor) = descriptor(entry, location) else { return false };
    let Ok(Some(blob)) = source.blob(&descriptor.digest) else { return false };
    let Ok(Some(bytes)) = blob.document() else { return false };
    document::read(&bytes, &document::MANIFEST, "manifest", &mut Vec::new()).is_ok_and(|value| has_image_config(&value))
}

fn has_image_config(manifest: &Value) -> bool {
    let media_type = manifest.pointer("/config/mediaType").and_then(Value::as_str).unwrap_or("");
    media_type == DOCKER_CONFIG || matches!(MediaType::from(media_type), MediaType::ImageConfig)
}

/// Whether a manifest has layers, but none with a layer's media type. BuildKit writes attestations, and cosign writes
/// signatures, as such manifests with an image config.
fn has_only_other_layers(manifest: &Value) -> bool {
    let types = |layer: &Value| layer.get("mediaType").and_then(Value::as_str).unwrap_or("").to_string();
    let layers: Vec<String> =
        manifest.get("layers").and_then(Value::as_array).into_iter().flatten().map(types).collect();
    !layers.is_empty() && !layers.iter().any(|media_type| is_layer(media_type) || media_type.contains("tar"))
}

/// Whether all layers are cosign signatures (cosign, SIGNATURE_SPEC.md).
fn is_signature(manifest: &Value) -> bool {
    let layers = manifest.get("layers").and_then(Value::as_array).into_iter().flatten();
    let mut types = layers.map(|layer| layer.get("mediaType").and_then(Value::as_str).unwrap_or(""));
    types.all(|media_type| media_type.starts_with("application/vnd.dev.cosign."))
}

fn is_layer(media_type: &str) -> bool {
    DOCKER_LAYERS.contains(&media_type)
        || matches!(
            MediaType::from(media_type),
            MediaType::ImageLayer
                | MediaType::ImageLayerGzip
                | MediaType::ImageLayerZstd
                | MediaType::ImageLayerNonDistributable
                | MediaType::ImageLayerNonDistributableGzip
                | MediaType::ImageLayerNonDistributableZstd
        )
}

/// Reads a manifest or an index, distinguished by its own media type, the descriptor's or its fields.
fn manifest_or_index(
    walk: &Walk<'_>,
    bytes: &[u8],
    digest: Digest,
    media_type: &str,
    platform: Option<String>,
    claim: &Claim,
    listing: &mut Listing,
) -> Result<(), ImageError> {
    let name = format!("manifest {digest}");
    let mut ambiguous = walk.ambiguous.clone();
    let value = parse(bytes, &name, "manifest", &mut ambiguous)?;
    let own = value.get("mediaType").and_then(Value::as_str).unwrap_or(media_type);
    if is_index(own) || value.get("manifests").is_some() && value.get("layers").is_none() {
        let walk = Walk { source: walk.source, depth: walk.depth, names: walk.names.clone(), ambiguous };
        return index_entries(&walk, &value, &name, listing);
    }
    let config_type = value.pointer("/config/mediaType").and_then(Value::as_str).unwrap_or("");
    if value.get("config").is_none() {
        return Err(document_error(&name, "has no config: it is not an image manifest"));
    }
    let artifact_type = value.get("artifactType").and_then(Value::as_str);
    if has_image_config(&value) && has_only_other_layers(&value) && claim.is_attestation {
        listing.non_images.push(claim.attestation(&digest, media_type));
        return Ok(());
    }
    let signature = artifact_type.is_some() || value.get("subject").is_some() || is_signature(&value);
    if !has_image_config(&value) || has_only_other_layers(&value) && signature {
        listing.non_images.push(artifact(digest.as_str(), artifact_type.unwrap_or(config_type)));
        return Ok(());
    }
    if listing.images.len() >= limits::IMAGES {
        return Err(ImageError::Limit(format!(
            "the input has more than {} images, the limit (images)",
            limits::IMAGES
        )));
    }
    let candidate = candidate(walk, value, digest, platform, ambiguous)?;
    listing.images.push(candidate);
    Ok(())
}

fn candidate(
    walk: &Walk<'_>,
    mut value: Value,
    digest: Digest,
    platform: Option<String>,
    mut ambiguous: Vec<AmbiguousField>,
) -> Result<Candidate, ImageError> {
    let name = format!("manifest {digest}");
    let config_descriptor = descriptor(&value["config"], &format!("{name}, config"))?;
    let layer_values = match value.get("layers") {
        Some(Value::Array(layers)) => layers.clone(),
        Some(_) => return Err(document_error(&name, "layers is not a list")),
        None => Vec::new(),
    };
    let mut layers = Vec::new();
    for (i, layer) in layer_values.iter().enumerate() {
        layers.push(descriptor(layer, &format!("{name}, layer {i}"))?);
    }
    // The checks above give better messages; this one checks the rest of the specification.
    if let Value::Object(fields) = &mut value {
        fields.entry("layers").or_insert_with(|| Value::Array(Vec::new()));
        fields.entry("schemaVersion").or_insert_with(|| Value::from(2));
    }
    serde_json::from_value::<ImageManifest>(value).map_err(|e| document_error(&name, &e.to_string()))?;
    let what = format!("config {}", config_descriptor.digest);
    let Some(blob) = walk.source.blob(&config_descriptor.digest)? else {
        return Err(ImageError::Missing {
            what: "config blob".to_string(),
            name: config_descriptor.digest.to_string(),
        });
    };
    let config_bytes = verified(&blob, &config_descriptor, &what)?;
    let mut config = config::read(&config_bytes).map_err(|e| document_error(&what, &e))?;
    ambiguous.append(&mut config.ambiguous);
    config.ambiguous = ambiguous;
    if layers.len() != config.diff_ids.len() {
        return Err(document_error(
            &name,
            &format!("lists {} layers, but its config has {} diff_ids", layers.len(), config.diff_ids.len()),
        ));
    }
    let paired = history::pair_with_layers(&config);
    let mut blobs = Vec::new();
    let mut described = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        blobs.push(layer_blob(walk.source, layer)?);
        described.push(Layer {
            digest: Some(layer.digest.clone()),
            diff_id: config.diff_ids[i].clone(),
            media_type: Some(layer.media_type.clone()),
            instruction: paired.layers[i],
        });
    }
    let image = Image {
        reference: walk.source.reference.text.clone(),
        names: walk.names.clone(),
        manifest_digest: Some(digest),
        config_digest: config_descriptor.digest,
        platform: config.platform(),
        config,
        layers: described,
        instructions: paired.instructions,
        history_mismatch: paired.mismatch,
        base_layers: None,
        redactor: paired.redactor,
    };
    Ok(Candidate { image, blobs, faults: Vec::new(), index_platform: platform })
}

/// The stored bytes of a layer, or why they are unavailable. A wrong size is an error for the whole image.
fn layer_blob(source: &Source, layer: &Descriptor) -> Result<Result<Blob, LayerFault>, ImageError> {
    let media_type = layer.media_type.as_str();
    if media_type.contains("encrypted") {
        let why = format!("is encrypted ({}): its content can't be read", shown(media_type));
        return Ok(Err(LayerFault::Missing(why)));
    }
    if !is_layer(media_type) {
        let why = format!("has the unsupported media type {:?}", shown(media_type));
        return Ok(Err(LayerFault::Missing(why)));
    }
    let Some(blob) = source.blob(&layer.digest)? else {
        let why = if media_type.contains("nondistributable") || media_type.contains("foreign") {
            "is a foreign (non-distributable) layer whose blob is missing from the input; plimsoll doesn't fetch it"
        } else {
            "is missing from the input: no blob with that digest"
        };
        return Ok(Err(LayerFault::Missing(why.to_string())));
    };
    if blob.len() != layer.size {
        let what = format!("layer blob {}", layer.digest);
        return Err(ImageError::Size { what, expected: layer.size, found: blob.len() });
    }
    Ok(Ok(blob))
}

const DOCKER_LAYERS: [&str; 5] = [
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
];

/// A descriptor with a supported digest.
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
}

fn descriptor(value: &Value, location: &str) -> Result<Descriptor, ImageError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let digest = text("digest").ok_or_else(|| document_error(location, "has no digest"))?;
    let digest = Digest::parse(digest).map_err(|e| document_error(location, &shown(&e.to_string())))?;
    let size = value.get("size").ok_or_else(|| document_error(location, "has no size"))?;
    let size = size.as_u64().filter(|&size| i64::try_from(size).is_ok()).ok_or_else(|| {
        document_error(location, "its size is not a number of bytes (negative, too large or not an integer)")
    })?;
    Ok(Descriptor { media_type: text("mediaType").unwrap_or("").to_string(), digest, size })
}

/// The bytes of a document, verified against its descriptor.
fn verified(blob: &Blob, descriptor: &Descriptor, what: &str) -> Result<Vec<u8>, ImageError> {
    if blob.len() != descriptor.size {
        return Err(ImageError::Size { what: what.to_string(), expected: descriptor.size, found: blob.len() });
    }
    let bytes = bytes(Some(blob.clone()), what, what)?;
    let found = hash::digest(descriptor.digest.algorithm(), &bytes);
    if found != descriptor.digest {
        return Err(ImageError::Digest { what: what.to_string(), expected: descriptor.digest.clone(), found });
    }
    Ok(bytes)
}

/// The bytes of a document.
pub fn bytes(blob: Option<Blob>, what: &str, name: &str) -> Result<Vec<u8>, ImageError> {
    let blob = blob.ok_or_else(|| ImageError::Missing { what: what.to_string(), name: shown(name) })?;
    match blob.document() {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(document_error(what, &document::too_large(blob.len()))),
        Err(fault) => Err(document_error(what, &fault.to_string())),
    }
}

fn parse(
    bytes: &[u8],
    name: &str,
    kind: &'static str,
    ambiguous: &mut Vec<AmbiguousField>,
) -> Result<Value, ImageError> {
    document::read(bytes, &document::MANIFEST, kind, ambiguous)
        .map_err(|e| document_error(name, &format!("is not valid JSON: {e}")))
}

/// An error in a document, with both texts escaped for display.
pub fn document_error(document: &str, what: &str) -> ImageError {
    ImageError::Document { document: shown(document), what: shown(what) }
}

fn artifact(digest: &str, media_type: &str) -> NonImage {
    NonImage { kind: "artifact", digest: digest.to_string(), media_type: media_type.to_string(), subject: None }
}

fn is_index(media_type: &str) -> bool {
    media_type == DOCKER_LIST || matches!(MediaType::from(media_type), MediaType::ImageIndex)
}

fn is_manifest(media_type: &str) -> bool {
    media_type == DOCKER_MANIFEST || matches!(MediaType::from(media_type), MediaType::ImageManifest)
}

/// The platform of a descriptor as `os/architecture[/variant]`; empty if it has none.
fn platform_of(entry: &Value) -> String {
    let Some(platform) = entry.get("platform") else { return String::new() };
    let part = |key: &str| platform.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut out = format!("{}/{}", part("os").unwrap_or("unknown"), part("architecture").unwrap_or("unknown"));
    if let Some(variant) = part("variant") {
        out.push('/');
        out.push_str(variant);
    }
    out
}
