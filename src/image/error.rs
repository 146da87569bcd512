//! Why an image's documents can't be read.

use crate::model::digest::Digest;
use crate::model::text::shown;
use crate::source::error::SourceError;
use std::io;

/// Why an image's documents can't be read, or which image was not found.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The input or a member of it could not be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A document or blob that another one refers to is not in the input.
    #[error("{what} {name} is missing")]
    Missing {
        /// `config`, `manifest blob`, …
        what: String,
        /// Its name or digest, escaped for display.
        name: String,
    },
    /// A document is not valid JSON, or its content is invalid.
    #[error("{document}: {what}")]
    Document {
        /// The document, escaped for display.
        document: String,
        /// What is wrong.
        what: String,
    },
    /// The content doesn't match the digest.
    #[error("{what}: digest mismatch: expected {expected}, found {found}")]
    Digest {
        /// The blob.
        what: String,
        /// The digest in the descriptor or file name.
        expected: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// The content doesn't match the descriptor's size.
    #[error("{what}: size mismatch: expected {expected} bytes (descriptor), found {found}")]
    Size {
        /// The blob.
        what: String,
        /// The size in the descriptor, in bytes.
        expected: u64,
        /// The size of the blob, in bytes.
        found: u64,
    },
    /// Over a limit on indexes or images.
    #[error("{0}")]
    Limit(String),
    /// The manifests list no image.
    #[error("no image found: index.json or manifest.json lists none")]
    NoImages,
    /// Only attestations or artifacts.
    #[error("no image found: every manifest is an artifact or attestation, without an image config")]
    OnlyArtifacts,
    /// No image has the selected name or digest.
    #[error("no image {:?} in the input", shown(wanted))]
    NoSuchImage {
        /// The selected name or digest.
        wanted: String,
        /// The names in the input.
        known: Vec<String>,
    },
    /// No image has the selected platform.
    #[error("no image for platform {wanted} in the input")]
    NoSuchPlatform {
        /// The selected platform.
        wanted: String,
        /// The platforms in the input.
        known: Vec<String>,
    },
    /// An index lists the platform, but its manifest is not in the input.
    #[error("platform {platform}: manifest blob {digest} is missing from the input")]
    MissingPlatform {
        /// As the index gives it.
        platform: String,
        /// The digest of its manifest.
        digest: Digest,
    },
}

impl ImageError {
    /// The path that could not be opened, and why, if that is the problem.
    pub fn open_failure(&self) -> Option<(&str, &io::Error)> {
        match self {
            ImageError::Source(SourceError::Open { path, source }) => Some((path, source)),
            _ => None,
        }
    }

    /// How to fix it.
    pub fn hint(&self) -> Option<String> {
        let list = |known: &[String]| {
            let mut known: Vec<String> = known.iter().map(|name| shown(name)).collect();
            known.sort();
            known.dedup();
            match known.len() {
                0 => "the images in the input have no names: omit the name".to_string(),
                1..=20 => format!("the input has {}", known.join(", ")),
                n => format!("the input has {} and {} more", known[..20].join(", "), n - 20),
            }
        };
        match self {
            ImageError::Source(error) => error.hint().map(str::to_string),
            ImageError::NoSuchImage { known, .. } | ImageError::NoSuchPlatform { known, .. } => Some(list(known)),
            ImageError::MissingPlatform { .. } => {
                Some("copy the image with all platforms (`skopeo copy --all`)".to_string())
            }
            ImageError::Digest { .. } | ImageError::Size { .. } | ImageError::Missing { .. } => {
                Some("the input is damaged or incomplete: save or fetch it again".to_string())
            }
            _ => None,
        }
    }
}
