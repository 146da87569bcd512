//! Image names as Docker shows them (distribution/reference, "familiar names").

// Split so that the source contains no host name.
const DEFAULT: &str = concat!("docker", ".io/");

/// The name without the default registry and its `library/`.
pub fn familiar(name: &str) -> &str {
    let name = name.strip_prefix("index.").filter(|rest| rest.starts_with(DEFAULT)).unwrap_or(name);
    match name.strip_prefix(DEFAULT) {
        Some(rest) => rest.strip_prefix("library/").unwrap_or(rest),
        None => name,
    }
}

/// The tag of a name: the text after the last colon of its last component. A name without a slash and colon is a tag,
/// as in OCI layouts. `None` for a name with a digest or without a tag.
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

/// Whether `wanted` refers to a name: as the full name, as Docker shows it, or as its tag alone.
pub fn matches(name: &str, wanted: &str) -> bool {
    name == wanted || familiar(name) == familiar(wanted) || tag(name) == Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_and_matches_names_as_docker_does() {
        let long = format!("{DEFAULT}library/tiny:1.0");
        assert_eq!(familiar(&long), "tiny:1.0");
        assert_eq!(familiar("registry.example/library/tiny:1"), "registry.example/library/tiny:1");
        assert_eq!(tag("host:5000/app"), None);
        assert_eq!(tag("host:5000/app:1.0"), Some("1.0"));
        assert_eq!(tag("1.0"), Some("1.0"));
        assert!(matches(&long, "tiny:1.0") && matches(&long, "1.0") && !matches(&long, "1"));
    }
}
