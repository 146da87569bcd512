//! Escapes and formats text for display.
//!
//! Names, variables, labels and history of an image may contain terminal escapes, line breaks or bidirectional
//! overrides. [`shown`] and [`shown_bytes`] escape them in all human-readable output and errors. Not here: JSON, which
//! has its own escaping (`report::json`).

/// Escapes control characters, bidi controls and other invisible format characters as `\n`, `\t`, `\r`, `\xHH` or
/// `\u{HHHH}`.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_shown(&mut out, c);
    }
    out
}

/// Escapes bytes as [`shown`] does; bytes that are not UTF-8 become `\xHH`.
pub fn shown_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_shown(&mut out, c);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Converts bytes to text without loss: unchanged if they are UTF-8, otherwise each invalid byte becomes `\xHH` and
/// each backslash `\x5c`.
pub fn exact_bytes(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_string();
    }
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        out.push_str(&chunk.valid().replace('\\', "\\x5c"));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Whether a character is invisible or may change how the rest of a line is displayed.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn push_shown(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        c if !is_harmful(c) => out.push(c),
        c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
        c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
    }
}

/// Formats a number of bytes: `1.4 MB` (decimal units, as in registries and `docker images`).
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Formats a duration as in policies and Dockerfiles: `30s`, `1m30s`, `500ms`, `0s`.
pub fn duration(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    let nanoseconds = duration.subsec_nanos();
    if nanoseconds > 0 {
        return match nanoseconds % 1_000_000 {
            0 if seconds == 0 => format!("{}ms", nanoseconds / 1_000_000),
            _ => format!("{}s", duration.as_secs_f64()),
        };
    }
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut out = String::new();
    for (count, unit) in [(hours, "h"), (minutes, "m"), (rest, "s")] {
        if count > 0 {
            out.push_str(&format!("{count}{unit}"));
        }
    }
    if out.is_empty() { "0s".to_string() } else { out }
}

/// Joins texts: `a, b and c`.
pub fn list(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `dir:b5380b0b53e8…` for a word that ends in a long hex digest, as the classic builder names what it copied.
pub fn short_digest(word: &str) -> String {
    const DIGEST_MIN: usize = 32;
    const KEPT: usize = 12;
    let digits = word.bytes().rev().take_while(u8::is_ascii_hexdigit).count();
    match digits >= DIGEST_MIN {
        true => format!("{}…", &word[..word.len() - digits + KEPT]),
        false => word.to_string(),
    }
}

/// Formats a count with its noun: `1 file`, `3 files`.
pub fn count(n: u64, singular: &str) -> String {
    match n {
        1 => format!("1 {singular}"),
        _ => format!("{n} {singular}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_control_characters_and_invalid_utf_8() {
        assert_eq!(shown("a\x1b[2J\u{202e}b\n\u{9b}"), "a\\x1b[2J\\u{202e}b\\n\\x9b");
        assert_eq!(shown_bytes(b"caf\xe9"), "caf\\xe9");
        assert_eq!(exact_bytes(b"a\\b"), "a\\b");
        assert_eq!(exact_bytes(b"a\\b\xff"), "a\\x5cb\\xff");
    }

    #[test]
    fn formats_sizes() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_400_000), "1.4 MB");
        assert_eq!(bytes(999_960), "1.0 MB");
        assert_eq!(bytes(u64::MAX), "18446.7 PB");
    }

    #[test]
    fn formats_durations() {
        use std::time::Duration;
        for (milliseconds, expected) in
            [(0, "0s"), (30_000, "30s"), (90_000, "1m30s"), (3_600_000, "1h"), (500, "500ms"), (1500, "1.5s")]
        {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
    }
}
