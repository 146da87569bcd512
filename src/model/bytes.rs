//! Byte strings.

/// Whether `bytes` contains `part`, which must not be empty.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
