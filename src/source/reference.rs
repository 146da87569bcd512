//! Image references as the user types them: where the input is and which of its images to use. Transports are named as
//! in skopeo.

use crate::model::digest::Digest;
use crate::source::error::SourceError;
use std::path::Path;
use std::path::PathBuf;

/// The layout that a reference declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `oci:`
    Oci,
    /// `oci-archive:`
    OciArchive,
    /// `docker-archive:`
    DockerArchive,
    /// `dir:`
    Dir,
    /// None given; detected from the content.
    Any,
}

impl Transport {
    /// Its name without the colon.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Oci => "oci",
            Transport::OciArchive => "oci-archive",
            Transport::DockerArchive => "docker-archive",
            Transport::Dir => "dir",
            Transport::Any => "an image",
        }
    }
}

/// Where the input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file or directory.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// Selects an image of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A name (`app:1.0`) or a tag (`1.0`).
    Name(String),
    /// The digest of a manifest or a config.
    Digest(Digest),
}

/// A parsed reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The text as typed.
    pub text: String,
    /// The declared layout.
    pub transport: Transport,
    /// Where the input is.
    pub location: Location,
    /// Which image to use; `None` for all.
    pub selector: Option<Selector>,
}

/// Transports of other tools. They need a network or a daemon.
const REMOTE: [&str; 7] =
    ["docker:", "docker-daemon:", "containers-storage:", "ostree:", "registry:", "podman:", "tarball:"];

impl Reference {
    /// Parses a reference. A path may contain colons: the shortest prefix that exists on disk is the path.
    pub fn parse(text: &str) -> Result<Reference, SourceError> {
        let reference =
            |transport, location, selector| Ok(Reference { text: text.to_string(), transport, location, selector });
        if text.is_empty() {
            return Err(SourceError::Reference("the reference is empty".to_string()));
        }
        if text == "-" {
            return reference(Transport::Any, Location::Stdin, None);
        }
        let known = [
            ("oci:", Transport::Oci),
            ("oci-archive:", Transport::OciArchive),
            ("docker-archive:", Transport::DockerArchive),
            ("dir:", Transport::Dir),
        ];
        let found = known.iter().find_map(|(prefix, transport)| Some((*transport, text.strip_prefix(prefix)?)));
        let (transport, rest) = match found {
            Some((_, "")) => return Err(SourceError::Reference(format!("{text:?} has no path"))),
            Some((transport, "-")) => return reference(transport, Location::Stdin, None),
            Some((transport, rest)) if rest.starts_with("-:") => {
                return reference(transport, Location::Stdin, Some(Selector::Name(rest[2..].to_string())));
            }
            Some((Transport::Dir, rest)) => {
                return reference(Transport::Dir, Location::Path(PathBuf::from(rest)), None);
            }
            Some(found) => found,
            None if Path::new(text).exists() => {
                return reference(Transport::Any, Location::Path(PathBuf::from(text)), None);
            }
            None if REMOTE.iter().any(|prefix| text.starts_with(prefix)) => {
                return Err(SourceError::Remote(text.to_string()));
            }
            None => (Transport::Any, text),
        };
        let (path, selector) = split(rest);
        let selector = match selector {
            None | Some("") => None,
            Some(text) => Some(match text.strip_prefix('@') {
                Some(digest) => {
                    Selector::Digest(Digest::parse(digest).map_err(|e| SourceError::Reference(format!("{text}: {e}")))?)
                }
                None => Selector::Name(text.to_string()),
            }),
        };
        reference(transport, Location::Path(PathBuf::from(path)), selector)
    }
}

/// Splits at the first `:` or `@` whose left side is a path that exists, or at the first one if none is.
fn split(rest: &str) -> (&str, Option<&str>) {
    let cuts = rest.char_indices().filter(|(_, c)| matches!(c, ':' | '@')).map(|(at, _)| at);
    let mut first = None;
    for at in cuts {
        let here = (&rest[..at], Some(rest[at..].strip_prefix(':').unwrap_or(&rest[at..])));
        if at > 0 && Path::new(here.0).exists() {
            return here;
        }
        if at > 0 && first.is_none() {
            first = Some(here);
        }
    }
    match first {
        Some(cut) if !Path::new(rest).exists() => cut,
        _ => (rest, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_paths_from_names_with_colons() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("apps");
        std::fs::create_dir(&path).expect("made");
        let path = path.to_str().expect("UTF-8");
        let parse = |text: String| Reference::parse(&text).expect("a reference");
        let reference = parse(format!("oci:{path}:backend-good:1.0"));
        assert_eq!(reference.location, Location::Path(PathBuf::from(path)));
        assert_eq!(reference.selector, Some(Selector::Name("backend-good:1.0".to_string())));
        let digest = format!("sha256:{}", "0".repeat(64));
        let reference = parse(format!("oci:{path}@{digest}"));
        assert_eq!(reference.selector, Some(Selector::Digest(Digest::parse(&digest).expect("valid"))));
        assert_eq!(parse(path.to_string()).selector, None);
        assert_eq!(
            parse("docker-archive:no/such.tar:app:1".to_string()).selector,
            Some(Selector::Name("app:1".to_string()))
        );
        assert!(matches!(Reference::parse("docker://alpine"), Err(SourceError::Remote(_))));
        assert!(Reference::parse("oci:").is_err());
    }
}
