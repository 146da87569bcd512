//! Bytes that may be text or not.

/// Whether these bytes hold a part, which is not empty.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
