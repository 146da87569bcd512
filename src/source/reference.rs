//! What the user typed: where the input is and which image of it is meant. skopeo's transport names.

use crate::model::digest::Digest;
use crate::source::error::SourceError;
use std::path::Path;
use std::path::PathBuf;

/// How the input is said to be laid out.
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
    /// Nothing said: told by content.
    Any,
}

impl Transport {
    /// As in a reference, without the colon.
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
pub enum Place {
    /// A file or directory.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// Which image of the input is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// A name (`app:1.0`) or a tag (`1.0`).
    Name(String),
    /// A manifest's or a config's digest.
    Digest(Digest),
}

/// A parsed reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// As typed.
    pub text: String,
    /// How the input is said to be laid out.
    pub transport: Transport,
    /// Where it is.
    pub place: Place,
    /// Which image of it.
    pub pick: Option<Pick>,
}

/// Transports of other tools that need a network or a daemon.
const REMOTE: [&str; 7] =
    ["docker:", "docker-daemon:", "containers-storage:", "ostree:", "registry:", "podman:", "tarball:"];

impl Reference {
    /// Reads a reference. A path may itself hold colons: what exists on disk wins, the shortest first.
    pub fn parse(text: &str) -> Result<Reference, SourceError> {
        let of = |transport, place, pick| Ok(Reference { text: text.to_string(), transport, place, pick });
        if text.is_empty() {
            return Err(SourceError::Reference("an empty reference".to_string()));
        }
        if text == "-" {
            return of(Transport::Any, Place::Stdin, None);
        }
        let known = [
            ("oci:", Transport::Oci),
            ("oci-archive:", Transport::OciArchive),
            ("docker-archive:", Transport::DockerArchive),
            ("dir:", Transport::Dir),
        ];
        let found = known.iter().find_map(|(prefix, transport)| Some((*transport, text.strip_prefix(prefix)?)));
        let (transport, rest) = match found {
            Some((_, "")) => return Err(SourceError::Reference(format!("{text:?} names no path"))),
            Some((transport, "-")) => return of(transport, Place::Stdin, None),
            Some((transport, rest)) if rest.starts_with("-:") => {
                return of(transport, Place::Stdin, Some(Pick::Name(rest[2..].to_string())));
            }
            Some((Transport::Dir, rest)) => return of(Transport::Dir, Place::Path(PathBuf::from(rest)), None),
            Some(found) => found,
            None if Path::new(text).exists() => return of(Transport::Any, Place::Path(PathBuf::from(text)), None),
            None if REMOTE.iter().any(|prefix| text.starts_with(prefix)) => {
                return Err(SourceError::Remote(text.to_string()));
            }
            None => (Transport::Any, text),
        };
        let (path, pick) = split(rest);
        let pick = match pick {
            None | Some("") => None,
            Some(pick) => Some(match pick.strip_prefix('@') {
                Some(digest) => Pick::Digest(
                    Digest::parse(digest).map_err(|e| SourceError::Reference(format!("{text}: behind @ a {e}")))?,
                ),
                None => Pick::Name(pick.to_string()),
            }),
        };
        of(transport, Place::Path(PathBuf::from(path)), pick)
    }
}

/// Splits path and pick at the first `:` or `@` before which something exists; at the first of all where nothing does.
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
    fn tags_may_hold_colons() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("apps");
        std::fs::create_dir(&path).expect("made");
        let path = path.to_str().expect("UTF-8");
        let parse = |text: String| Reference::parse(&text).expect("a reference");
        let reference = parse(format!("oci:{path}:backend-good:1.0"));
        assert_eq!(reference.place, Place::Path(PathBuf::from(path)));
        assert_eq!(reference.pick, Some(Pick::Name("backend-good:1.0".to_string())));
        let digest = format!("sha256:{}", "0".repeat(64));
        let reference = parse(format!("oci:{path}@{digest}"));
        assert_eq!(reference.pick, Some(Pick::Digest(Digest::parse(&digest).expect("valid"))));
        assert_eq!(parse(path.to_string()).pick, None);
        assert_eq!(parse("docker-archive:no/such.tar:app:1".to_string()).pick, Some(Pick::Name("app:1".to_string())));
        assert!(matches!(Reference::parse("docker://alpine"), Err(SourceError::Remote(_))));
        assert!(Reference::parse("oci:").is_err());
    }
}
