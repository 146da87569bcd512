//! Expansion of variables inside words (section 2.6).
//!
//! In: what follows a `$`. Out: text added to the splitter's word. Not here: words and commands (`split`).

use crate::facts::shell::ARGUMENTS;
use crate::facts::shell::OPEN;
use crate::facts::shell::PATH;
use crate::facts::shell::Substitution;
use crate::facts::shell::is_decided;
use crate::facts::shell::split::Splitter;
use crate::facts::shell::split::is_name;
use crate::limits;

impl Splitter<'_> {
    /// Adds the value of an expansion; outside quotes, it is split at blanks.
    fn push_value(&mut self, value: &str, quoted: bool) {
        if value.len() > self.budget {
            self.open();
            return;
        }
        self.budget -= value.len();
        // After `case` a value is one word, whatever it contains (section 2.9.4.3).
        let quoted = quoted || self.next.words.len() == 1 && self.next.words[0] == "case";
        // Outside quotes, an empty value is not a word.
        if value.is_empty() && !quoted {
            return;
        }
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n');
        if quoted || !value.contains(is_blank) {
            self.push(value);
            return;
        }
        for (i, part) in value.split(is_blank).enumerate() {
            if i > 0 {
                self.end_word();
            }
            if !part.is_empty() {
                self.push(part);
            }
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        if name == "PATH" && !self.assigned.any && self.assigned.has(name) {
            return Some(PATH.to_string());
        }
        if self.assigned.has(name) {
            return Some(OPEN.to_string());
        }
        let value = self.variables.get(name)?;
        // Don't copy a value that exceeds the budget.
        Some(if value.len() > self.budget { OPEN.to_string() } else { value.to_string() })
    }

    /// Expands what follows a `$`; returns the index after it.
    pub fn expand(&mut self, text: &str, at: usize, quoted: bool, depth: usize) -> usize {
        let rest = &text[at..];
        if let Some(inner) = rest.strip_prefix('{') {
            let Some(length) = closing(inner, b'{', b'}') else {
                self.open();
                return text.len();
            };
            self.parameter(&inner[..length], quoted, depth);
            return at + length + 2;
        }
        if let Some(inner) = rest.strip_prefix('(') {
            self.open();
            let length = closing(inner, b'(', b')').unwrap_or(inner.len());
            if !inner.starts_with('(') {
                self.next.substitutions.push(Substitution { text: inner[..length].to_string(), is_value: true });
            }
            return (at + length + 2).min(text.len());
        }
        let length = rest.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count();
        if is_name(&rest[..length]) {
            match self.value(&rest[..length]) {
                Some(value) => self.push_value(&value, quoted),
                None => self.open(),
            }
            return at + length;
        }
        match rest.chars().next() {
            // bash's `$'…'`, in which backslashes escape, and `$"…"`; to dash, the dollar is an ordinary character.
            Some('\'') if !quoted => {
                self.open();
                at + 1 + end_of_quote(&rest[1..])
            }
            Some('"') if !quoted => {
                self.open();
                at
            }
            Some('@') => {
                self.word.get_or_insert_default().push(ARGUMENTS);
                at + 1
            }
            Some(c) if c.is_ascii_digit() || "*#?-$!".contains(c) => {
                self.open();
                at + 1
            }
            _ => {
                self.push("$");
                at
            }
        }
    }

    /// Expands the inside of `${…}`.
    fn parameter(&mut self, inner: &str, quoted: bool, depth: usize) {
        let length = inner.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count();
        if inner == "@" {
            return self.word.get_or_insert_default().push(ARGUMENTS);
        }
        let (name, operator) = inner.split_at(length);
        if !is_name(name) || depth >= limits::SHELL_DEPTH {
            return self.open();
        }
        let value = self.value(name);
        let colon = operator.strip_prefix(':');
        // With a colon, an empty value counts as unset (section 2.6.2).
        let value = value.filter(|value| colon.is_none() || !value.is_empty());
        let operator = colon.unwrap_or(operator);
        match (operator.chars().next(), value) {
            (None, Some(value)) if colon.is_none() => self.push_value(&value, quoted),
            (Some('-' | '=' | '?'), Some(value)) => self.push_value(&value, quoted),
            (Some('-' | '='), None) => self.default(&operator[1..], quoted, depth),
            (Some('+'), Some(value)) if is_decided(&value) => self.default(&operator[1..], quoted, depth),
            (Some('+'), None) => self.push_value("", quoted),
            _ => self.open(),
        }
    }

    fn default(&mut self, text: &str, quoted: bool, depth: usize) {
        let mut at = 0;
        while let Some(dollar) = text[at..].find('$') {
            self.push_value(&text[at..at + dollar], quoted);
            at = self.expand(text, at + dollar + 1, quoted, depth + 1);
        }
        let rest = text[at..].trim_matches(['"', '\'']);
        self.push_value(rest, quoted);
    }
}

/// The index after the quote that ends a `$'…'`.
fn end_of_quote(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'\'' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}

/// An open bracket.
#[derive(Default)]
struct Bracket {
    /// Double quotes are open inside it.
    is_quoted: bool,
    /// The number of `case`s in it without their `esac`; their patterns end in unmatched brackets.
    cases: usize,
}

/// Whether a command begins after this text.
fn begins_command(text: &str) -> bool {
    let front = text.trim_end();
    front.is_empty()
        || text[front.len()..].contains('\n')
        || front.ends_with([';', '&', '|', '(', '{'])
        || ["then", "do", "else"].iter().any(|word| front.ends_with(word))
}

/// The index where an open bracket closes. Ignores quoted text and, in shell text, comments and the patterns of `case`.
pub fn closing(text: &str, open: u8, close: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut brackets = vec![Bracket::default()];
    let is_text = open == b'(';
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let bracket = brackets.last_mut()?;
        let begins_word = at == 0 || b" \t\n;&|()".contains(&bytes[at - 1]);
        match byte {
            b'\\' => at += 1,
            b'"' => bracket.is_quoted = !bracket.is_quoted,
            b'\'' if !bracket.is_quoted => at += 1 + bytes[at + 1..].iter().position(|&b| b == b'\'')?,
            b'#' if is_text && begins_word && !bracket.is_quoted => {
                at += bytes[at..].iter().position(|&b| b == b'\n')?;
            }
            b'c' | b'e' if is_text && begins_word && !bracket.is_quoted => {
                let rest = &bytes[at..];
                let is_word = |word: &[u8]| {
                    rest.starts_with(word) && rest.get(word.len()).is_none_or(|b| b" \t\n;&|()".contains(b))
                };
                if is_word(b"case") && begins_command(&text[..at]) {
                    bracket.cases += 1;
                } else if is_word(b"esac") {
                    bracket.cases = bracket.cases.saturating_sub(1);
                }
            }
            // Inside quotes, only a substitution opens a bracket.
            _ if byte == open && (!bracket.is_quoted || at > 0 && bytes[at - 1] == b'$') => {
                brackets.push(Bracket::default());
            }
            _ if byte == close && !bracket.is_quoted && bracket.cases == 0 => {
                brackets.pop();
                if brackets.is_empty() {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}
