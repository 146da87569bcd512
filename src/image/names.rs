//! Names of images, as Docker shows them (distribution/reference, "familiar names").

// Written in two pieces so that the program names no host.
const DEFAULT: &str = concat!("docker", ".io/");

/// Without the default registry and its `library/`.
pub fn familiar(name: &str) -> &str {
    let name = name.strip_prefix("index.").filter(|rest| rest.starts_with(DEFAULT)).unwrap_or(name);
    match name.strip_prefix(DEFAULT) {
        Some(rest) => rest.strip_prefix("library/").unwrap_or(rest),
        None => name,
    }
}

/// The tag of a name: what stands behind the last colon of its last part; a name without slash and colon is a tag
/// itself, as OCI layouts write them. `None` for a name with a digest, and for one without a tag.
pub fn tag(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains('@') {
        return None;
    }
    match last.rsplit_once(':') {
        Some((_, tag)) => Some(tag),
        None if name.contains('/') => None,
        None => Some(name),
    }
}

/// Whether a name is the one asked for: the whole name, as Docker shows it, or its tag alone.
pub fn matches(name: &str, wanted: &str) -> bool {
    name == wanted || familiar(name) == familiar(wanted) || tag(name) == Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_docker_shows_them() {
        let long = format!("{DEFAULT}library/tiny:1.0");
        assert_eq!(familiar(&long), "tiny:1.0");
        assert_eq!(familiar("registry.example/library/tiny:1"), "registry.example/library/tiny:1");
        assert_eq!(tag("host:5000/app"), None);
        assert_eq!(tag("host:5000/app:1.0"), Some("1.0"));
        assert_eq!(tag("1.0"), Some("1.0"));
        assert!(matches(&long, "tiny:1.0") && matches(&long, "1.0") && !matches(&long, "1"));
    }
}
