//! JSON as JavaScript reads it (ECMA-404), as far as it is certain.
//!
//! serde_json refuses a few documents that JavaScript takes: deep ones, huge numbers, lone surrogates. Those stay open.

use serde_json::Value;

/// What a text is.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// A value. Of two fields of one name the last counts.
    Value(Value),
    /// No JSON, whoever reads it.
    Invalid,
    /// JavaScript may read it; it is not read here.
    Unread,
}

/// Reads a file's bytes. A byte order mark is skipped; bytes that are not UTF-8 are replaced, as Node.js does it.
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
    fn what_only_this_reader_refuses_stays_open() {
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
