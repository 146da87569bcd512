//! Why an image's documents cannot be read.

use crate::model::digest::Digest;
use crate::model::text::shown;
use crate::source::error::SourceError;
use std::io;

/// Why an image's documents cannot be read, or which image was not found.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A member could not be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A document or blob that another names is not in the input.
    #[error("{what} {name} is missing")]
    Missing {
        /// `config`, `manifest blob`, …
        what: String,
        /// Its name or digest, harmless to show.
        name: String,
    },
    /// A document cannot be read as JSON, or says something impossible.
    #[error("{document}: {what}")]
    Document {
        /// Which, harmless to show.
        document: String,
        /// Why.
        what: String,
    },
    /// The bytes are not the ones that the digest names.
    #[error("{what}: digest mismatch: named {named}, but its bytes hash to {found}")]
    Digest {
        /// Which blob.
        what: String,
        /// What the descriptor says.
        named: Digest,
        /// What was computed.
        found: Digest,
    },
    /// A file of another length than its descriptor says.
    #[error("{what}: size mismatch: the descriptor says {named} bytes, the blob has {found}")]
    Size {
        /// Which blob.
        what: String,
        /// What the descriptor says.
        named: u64,
        /// What there is.
        found: u64,
    },
    /// Past a bound on indexes or images.
    #[error("{0}")]
    Limit(String),
    /// The manifests name no image at all.
    #[error("no image in it: index.json or manifest.json lists none (empty)")]
    NoImages,
    /// Only attestations or artifacts.
    #[error("no image in it: every manifest is an artifact or attestation, whose config is no image config")]
    OnlyArtifacts,
    /// The pick matches nothing.
    #[error("no image {:?} in it", shown(wanted))]
    NoSuchImage {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The platform matches nothing.
    #[error("no image for platform {wanted} in it")]
    NoSuchPlatform {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// An index names it, but its manifest is not there.
    #[error("platform {platform}: its manifest blob {digest} is missing from the input")]
    AbsentPlatform {
        /// As the index says.
        platform: String,
        /// Of its manifest.
        digest: Digest,
    },
}

impl ImageError {
    /// Whether the input itself does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ImageError::Source(SourceError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound)
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let list = |known: &[String]| {
            let mut known: Vec<String> = known.iter().map(|name| shown(name)).collect();
            known.sort();
            known.dedup();
            match known.len() {
                0 => "the input gives its images no names: leave the name out".to_string(),
                1..=20 => format!("it holds {}", known.join(", ")),
                n => format!("it holds {} and {} more", known[..20].join(", "), n - 20),
            }
        };
        match self {
            ImageError::Source(error) => error.hint().map(str::to_string),
            ImageError::NoSuchImage { known, .. } | ImageError::NoSuchPlatform { known, .. } => Some(list(known)),
            ImageError::AbsentPlatform { .. } => Some("copy it with all platforms (`skopeo copy --all`)".to_string()),
            ImageError::Digest { .. } | ImageError::Size { .. } | ImageError::Missing { .. } => {
                Some("the input is damaged or was copied in part: fetch or save it again".to_string())
            }
            _ => None,
        }
    }
}
