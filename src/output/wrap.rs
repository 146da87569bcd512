//! Wraps text to a width without losing any of it.
//!
//! The text must be harmless already ([`crate::model::text::shown`]); widths are in terminal columns.

use unicode_width::UnicodeWidthChar;
use unicode_width::UnicodeWidthStr;

/// The width of a text in columns.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Wraps text to lines of at most `columns`. A longer word is broken, if possible after a `/`.
pub fn lines(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let space = usize::from(!line.is_empty());
        if width(&line) + space + width(word) <= columns {
            if space == 1 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        let mut rest = word;
        while prefix(rest, columns).len() < rest.len() {
            let (head, tail) = split(rest, columns);
            lines.push(head.to_string());
            rest = tail;
        }
        line.push_str(rest);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Cuts a text to at most `columns`, ending in `…` if it is longer.
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_string();
    }
    match columns {
        0 => String::new(),
        _ => format!("{}…", prefix(text, columns - 1).trim_end()),
    }
}

/// The longest prefix that fits.
fn prefix(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        if taken > columns {
            return &text[..at];
        }
    }
    text
}

/// Splits a long word in two; the first part is never empty.
fn split(word: &str, columns: usize) -> (&str, &str) {
    let fits = prefix(word, columns).len();
    let fits = if fits == 0 { word.chars().next().map_or(0, char::len_utf8) } else { fits };
    let slash = word[..fits].rfind('/').map(|at| at + 1).filter(|&at| at * 2 > fits);
    word.split_at(slash.unwrap_or(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_words_that_fit_whole() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("", 7), [""]);
        assert_eq!(lines("a  b", 7), ["a  b"]);
    }

    #[test]
    fn breaks_long_paths_after_a_slash() {
        let path = "/usr/lib/python3/dist-packages/very-long-name.py";
        let got = lines(path, 20);
        assert_eq!(got, ["/usr/lib/python3/", "dist-packages/", "very-long-name.py"]);
        assert_eq!(got.concat(), path);
        assert_eq!(lines("a/0123456789", 8), ["a/012345", "6789"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(lines("日本語", 4), ["日本", "語"]);
        assert_eq!(lines("日本", 1), ["日", "本"]);
        assert_eq!(shorten("日本語", 5), "日本…");
        assert_eq!(shorten("abc", 0), "");
    }
}
