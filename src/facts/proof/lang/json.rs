//! JSON as JavaScript reads it (ECMA-404).
//!
//! serde_json rejects a few documents that JavaScript accepts: deeply nested ones, huge numbers, lone surrogates. Those
//! are [`Json::Unread`].

use serde_json::Value;

/// The result of reading a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// A value. If a field is repeated, the last one counts.
    Value(Value),
    /// Not JSON to any reader.
    Invalid,
    /// JSON that JavaScript may accept, but serde_json can't read.
    Unread,
}

/// Reads a file's bytes. Skips a byte order mark and replaces invalid UTF-8, as Node.js does.
pub fn read(bytes: &[u8]) -> Json {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_str(&String::from_utf8_lossy(bytes)) {
        Ok(value) => Json::Value(value),
        Err(error) => {
            let told = error.to_string();
            let own = ["recursion limit", "number out of range", "surrogate", "hex escape", "unicode code point"];
            if own.iter().any(|bound| told.contains(bound)) { Json::Unread } else { Json::Invalid }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_only_serde_rejects_are_unread() {
        assert_eq!(read(b"\xef\xbb\xbf{\"a\": 1, \"a\": 2}"), Json::Value(serde_json::json!({"a": 2})));
        assert_eq!(read(b"{\"a\": \"\xff\"}"), Json::Value(serde_json::json!({"a": "\u{fffd}"})));
        for text in ["", "{\"a\": 1,}", "{} x", "{'a': 1}", "// c\n{}", "{\"a\": \"\t\"}"] {
            assert_eq!(read(text.as_bytes()), Json::Invalid, "{text}");
        }
        for text in ["[".repeat(1000) + &"]".repeat(1000), "[1e999]".to_string(), "[\"\\ud800\"]".to_string()] {
            assert_eq!(read(text.as_bytes()), Json::Unread, "{text}");
        }
    }
}
