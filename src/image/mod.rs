//! Lists the images of an input from their manifests and configs. Reads no layer.
//!
//! In: a [`Source`]. Out: a [`Listing`]. Manifests and configs are parsed from the bytes that were hashed.

pub mod config;
pub mod docker;
pub mod document;
pub mod error;
pub mod history;
pub mod instructions;
pub mod names;
pub mod oci;

use crate::image::error::ImageError;
use crate::model::digest::Digest;
use crate::model::fault::ImageFault;
use crate::model::fault::LayerFault;
use crate::model::image::Image;
use crate::source::Layout;
use crate::source::Source;
use crate::source::reference::Selector;
use crate::stream::blob::Blob;
use std::collections::HashSet;

/// An image and the blobs of its layers.
pub struct Candidate {
    /// Its manifest and config.
    pub image: Image,
    /// The stored bytes of each layer, or why they are unavailable.
    pub blobs: Vec<Result<Blob, LayerFault>>,
    /// Why the image can't be judged although its documents could be read.
    pub faults: Vec<ImageFault>,
    /// The platform that the index gives it, if any.
    pub index_platform: Option<String>,
}

/// A manifest that is not an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonImage {
    /// `attestation` or `artifact`.
    pub kind: &'static str,
    /// Its digest as written in the index.
    pub digest: String,
    /// Its media type or artifact type.
    pub media_type: String,
    /// The digest of the manifest that it describes.
    pub subject: Option<String>,
}

/// An image that an index lists but whose manifest is not in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImage {
    /// For example `linux/arm64/v8`; empty if the index gives none.
    pub platform: String,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The names that the index gives it.
    pub names: Vec<String>,
}

/// The contents of an input.
#[derive(Default)]
pub struct Listing {
    /// The images, in the order of the manifests.
    pub images: Vec<Candidate>,
    /// Attestations and artifacts.
    pub non_images: Vec<NonImage>,
    /// Images whose manifests are missing from the input.
    pub missing: Vec<MissingImage>,
    /// Why other images can't be read.
    pub broken: Vec<ImageError>,
    /// Digests of the manifests and indexes read so far.
    visited: HashSet<Digest>,
}

/// Lists the images of an input. An error concerns the input as a whole.
pub fn list(source: &Source) -> Result<Listing, ImageError> {
    let mut listing = Listing::default();
    for layout in &source.layouts {
        match layout {
            Layout::Oci => oci::layout(source, &mut listing)?,
            Layout::Dir => oci::dir(source, &mut listing)?,
            Layout::Docker => docker::archive(source, &mut listing)?,
        }
    }
    for candidate in &mut listing.images {
        let names = &mut candidate.image.names;
        *names = names.iter().map(|name| names::familiar(name).to_string()).collect();
        names.sort();
        names.dedup();
        // Docker records an image in a layout under its full name and again under its tag alone.
        let tags: Vec<String> = names
            .iter()
            .filter(|name| name.contains([':', '/']))
            .filter_map(|name| names::tag(name))
            .map(str::to_string)
            .collect();
        names.retain(|name| name.contains([':', '/']) || !tags.contains(name));
    }
    Ok(listing)
}

/// Keeps only the images that match a name, tag or digest, and a platform.
pub fn select(listing: &mut Listing, selector: Option<&Selector>, platform: Option<&str>) -> Result<(), ImageError> {
    if listing.images.is_empty() && listing.broken.is_empty() {
        return Err(no_images(listing));
    }
    if let Some(selector) = selector {
        let known = known_names(listing);
        listing.images.retain(|candidate| is_selected(&candidate.image, selector));
        listing.missing.retain(|missing| match selector {
            Selector::Name(wanted) => missing.names.iter().any(|name| names::matches(name, wanted)),
            Selector::Digest(digest) => missing.digest == *digest,
        });
        if listing.images.is_empty() {
            // A broken image may be the selected one.
            if let Some(broken) = listing.broken.pop() {
                return Err(broken);
            }
            let wanted = match selector {
                Selector::Name(name) => name.clone(),
                Selector::Digest(digest) => digest.to_string(),
            };
            return Err(ImageError::NoSuchImage { wanted, known });
        }
        listing.broken.clear();
    }
    if let Some(wanted) = platform {
        let known: Vec<String> = listing.images.iter().map(|c| c.image.platform.clone()).collect();
        // A config often omits the variant that the index gives.
        let in_index =
            |c: &Candidate| c.index_platform.as_deref().is_some_and(|platform| platform_matches(platform, wanted));
        listing.images.retain(|c| platform_matches(&c.image.platform, wanted) || in_index(c));
        if listing.images.is_empty() {
            if let Some(missing) = listing.missing.iter().find(|missing| platform_matches(&missing.platform, wanted)) {
                return Err(ImageError::MissingPlatform {
                    platform: missing.platform.clone(),
                    digest: missing.digest.clone(),
                });
            }
            return Err(ImageError::NoSuchPlatform { wanted: wanted.to_string(), known });
        }
        listing.missing.clear();
    }
    Ok(())
}

/// Whether a platform matches: `linux/arm64/v8` matches `linux/arm64`.
fn platform_matches(platform: &str, wanted: &str) -> bool {
    platform.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_selected(image: &Image, selector: &Selector) -> bool {
    match selector {
        Selector::Name(wanted) => image.names.iter().any(|name| names::matches(name, wanted)),
        Selector::Digest(digest) => image.manifest_digest.as_ref() == Some(digest) || image.config_digest == *digest,
    }
}

fn known_names(listing: &Listing) -> Vec<String> {
    listing.images.iter().flat_map(|candidate| candidate.image.names.iter().cloned()).collect()
}

fn no_images(listing: &Listing) -> ImageError {
    match (listing.missing.first(), listing.non_images.first()) {
        (Some(missing), _) => {
            ImageError::Missing { what: "manifest blob".to_string(), name: missing.digest.to_string() }
        }
        (None, Some(_)) => ImageError::OnlyArtifacts,
        (None, None) => ImageError::NoImages,
    }
}
