//! Which images an input holds, as their manifests and configs say. No layer is read here.
//!
//! In: a [`Source`]. Out: a [`Listing`]. Manifests and configs are parsed from the very bytes that were hashed.

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
use crate::source::Shape;
use crate::source::Source;
use crate::source::reference::Pick;
use crate::stream::blob::Blob;
use std::collections::HashSet;

/// An image with the blobs of its layers.
pub struct Candidate {
    /// What its documents say.
    pub image: Image,
    /// One for each layer: where its stored bytes are, or why they are not to be had.
    pub blobs: Vec<Result<Blob, LayerFault>>,
    /// What is wrong although the documents could be read.
    pub faults: Vec<ImageFault>,
    /// The platform that the index claims for it, where it names one.
    pub platform_claimed: Option<String>,
}

/// A manifest beside the images that is no image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// `attestation` or `artifact`.
    pub kind: &'static str,
    /// Its digest, as written.
    pub digest: String,
    /// Its type.
    pub media_type: String,
    /// The manifest it speaks of.
    pub subject: Option<String>,
}

/// An image that an index names and the input does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// `linux/arm64/v8`, or empty where the index does not say.
    pub platform: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// Names that the index gives it.
    pub names: Vec<String>,
}

/// Everything that an input holds.
#[derive(Default)]
pub struct Listing {
    /// In the order of the manifests.
    pub images: Vec<Candidate>,
    /// Attestations and artifacts.
    pub beside: Vec<Beside>,
    /// Named by an index, not there.
    pub absent: Vec<Absent>,
    /// Images that cannot be read.
    pub broken: Vec<ImageError>,
    /// Manifests and indexes that have been read.
    visited: HashSet<Digest>,
}

/// Lists the images of an input. The error is one that concerns the input as a whole.
pub fn list(source: &Source) -> Result<Listing, ImageError> {
    let mut listing = Listing::default();
    for shape in &source.shapes {
        match shape {
            Shape::Oci => oci::layout(source, &mut listing)?,
            Shape::Dir => oci::dir(source, &mut listing)?,
            Shape::Docker => docker::archive(source, &mut listing)?,
        }
    }
    for candidate in &mut listing.images {
        let names = &mut candidate.image.names;
        *names = names.iter().map(|name| names::familiar(name).to_string()).collect();
        names.sort();
        names.dedup();
        // Docker writes a layout's image under its whole name and under its tag alone.
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

/// Leaves those images that were asked for: by name, tag or digest, and by platform.
pub fn choose(listing: &mut Listing, pick: Option<&Pick>, platform: Option<&str>) -> Result<(), ImageError> {
    if listing.images.is_empty() && listing.broken.is_empty() {
        return Err(nothing(listing));
    }
    if let Some(pick) = pick {
        let known = known_names(listing);
        listing.images.retain(|candidate| picked(&candidate.image, pick));
        listing.absent.retain(|absent| match pick {
            Pick::Name(wanted) => absent.names.iter().any(|name| names::matches(name, wanted)),
            Pick::Digest(digest) => absent.digest == *digest,
        });
        if listing.images.is_empty() {
            // What is broken may be what was asked for.
            if let Some(broken) = listing.broken.pop() {
                return Err(broken);
            }
            let wanted = match pick {
                Pick::Name(name) => name.clone(),
                Pick::Digest(digest) => digest.to_string(),
            };
            return Err(ImageError::NoSuchImage { wanted, known });
        }
        listing.broken.clear();
    }
    if let Some(wanted) = platform {
        let known: Vec<String> = listing.images.iter().map(|c| c.image.platform.clone()).collect();
        // A config often leaves out the variant that the index names.
        let claims =
            |c: &Candidate| c.platform_claimed.as_deref().is_some_and(|claimed| platform_matches(claimed, wanted));
        listing.images.retain(|c| platform_matches(&c.image.platform, wanted) || claims(c));
        if listing.images.is_empty() {
            if let Some(absent) = listing.absent.iter().find(|absent| platform_matches(&absent.platform, wanted)) {
                return Err(ImageError::AbsentPlatform {
                    platform: absent.platform.clone(),
                    digest: absent.digest.clone(),
                });
            }
            return Err(ImageError::NoSuchPlatform { wanted: wanted.to_string(), known });
        }
        listing.absent.clear();
    }
    Ok(())
}

/// Whether a text is a platform: `os/architecture` or `os/architecture/variant`.
pub fn is_platform(text: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    (2..=3).contains(&text.split('/').count()) && text.split('/').all(is_word)
}

/// `linux/arm64` matches `linux/arm64/v8`.
fn platform_matches(platform: &str, wanted: &str) -> bool {
    platform.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn picked(image: &Image, pick: &Pick) -> bool {
    match pick {
        Pick::Name(wanted) => image.names.iter().any(|name| names::matches(name, wanted)),
        Pick::Digest(digest) => image.manifest_digest.as_ref() == Some(digest) || image.config_digest == *digest,
    }
}

fn known_names(listing: &Listing) -> Vec<String> {
    listing.images.iter().flat_map(|candidate| candidate.image.names.iter().cloned()).collect()
}

fn nothing(listing: &Listing) -> ImageError {
    match (listing.absent.first(), listing.beside.first()) {
        (Some(absent), _) => ImageError::Missing { what: "manifest blob".to_string(), name: absent.digest.to_string() },
        (None, Some(_)) => ImageError::OnlyArtifacts,
        (None, None) => ImageError::NoImages,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_two_or_three_parts() {
        for good in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert!(is_platform(good), "{good}");
        }
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/ar m", "linux/\u{1b}"] {
            assert!(!is_platform(bad), "{bad}");
        }
    }
}
