//! Text broken into lines of a width, with nothing lost.
//!
//! The text is harmless already ([`crate::model::text::shown`]); widths are those of a terminal's columns.

use unicode_width::UnicodeWidthChar;
use unicode_width::UnicodeWidthStr;

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The words of a text in lines of at most `columns`. A word that is longer is broken, behind a `/` where that is near.
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

/// At most `columns` of a text, the end replaced by `…` where it is longer.
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_string();
    }
    match columns {
        0 => String::new(),
        _ => format!("{}…", prefix(text, columns - 1).trim_end()),
    }
}

/// The longest beginning that fits.
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

/// A long word in two, never with an empty first part.
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
    fn words_stay_whole_where_they_fit() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("", 7), [""]);
        assert_eq!(lines("a  b", 7), ["a  b"]);
    }

    #[test]
    fn long_paths_break_behind_a_slash_and_lose_nothing() {
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
