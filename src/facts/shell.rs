//! Shell text split into simple commands and words, as far as the text and the image's variables decide them.
//!
//! POSIX.1-2024, Shell Command Language, sections 2.2 (quoting), 2.3 (tokens), 2.6 (expansion) and 2.9 (commands). What
//! only a running shell knows (command substitution, globs of unknown variables, positional parameters) becomes
//! [`OPEN`]. Not here: control flow; the commands of an `if` are listed like any others.

use crate::limits;
use crate::model::config::RunConfig;
use std::collections::HashMap;
use std::collections::HashSet;

/// Stands in a word for what cannot be told.
pub const OPEN: char = '\u{fffc}';

/// Whether nothing of a word is open.
pub fn is_decided(word: &str) -> bool {
    !word.contains(OPEN)
}

/// The variables that a command sees.
#[derive(Clone, Debug, Default)]
pub struct Variables(HashMap<String, String>);

impl Variables {
    /// Those that the config sets. Of duplicates the last counts.
    pub fn new(config: &RunConfig) -> Variables {
        let pairs = config.env.iter().filter_map(|pair| pair.split_once('='));
        Variables(pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    /// The value, if one is set. It may hold [`OPEN`] where a shell set it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_string(), value.to_string());
    }
}

/// The simple commands of a shell text, each as its words; redirections are left out.
pub fn commands(text: &str, variables: &Variables) -> Vec<Vec<String>> {
    let mut splitter = Splitter {
        variables,
        assigned: assigned(text),
        commands: Vec::new(),
        words: Vec::new(),
        word: None,
        drops_word: false,
        budget: limits::SHELL_EXPANSION_BYTES,
    };
    splitter.split(text);
    splitter.commands
}

/// Names that the text itself assigns: their values depend on where it has come to.
fn assigned(text: &str) -> HashSet<&str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '('));
    words.filter_map(|word| word.split_once('=')).map(|(name, _)| name).filter(|name| is_name(name)).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

struct Splitter<'a> {
    variables: &'a Variables,
    assigned: HashSet<&'a str>,
    commands: Vec<Vec<String>>,
    words: Vec<String>,
    /// The word so far; `Some("")` after empty quotes.
    word: Option<String>,
    /// The next word is where a redirection goes.
    drops_word: bool,
    budget: usize,
}

impl Splitter<'_> {
    fn split(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut double = false;
        while let Some(c) = text[at..].chars().next() {
            let next = at + c.len_utf8();
            match c {
                '"' => {
                    double = !double;
                    self.push("");
                }
                '\\' => {
                    let escaped = text[next..].chars().next();
                    match escaped {
                        // A line goes on.
                        Some('\n') => {}
                        Some(c) if double && !matches!(c, '$' | '`' | '"' | '\\') => {
                            self.push("\\");
                            self.push_char(c);
                        }
                        Some(c) => self.push_char(c),
                        None => {}
                    }
                    at = next + escaped.map_or(0, char::len_utf8);
                    continue;
                }
                '$' => {
                    at = self.expand(text, next, double, 0);
                    continue;
                }
                '`' => {
                    self.push_char(OPEN);
                    at = text[next..].find('`').map_or(text.len(), |end| next + end + 1);
                    continue;
                }
                c if double => self.push_char(c),
                '\'' => {
                    let end = text[next..].find('\'').map_or(text.len(), |end| next + end);
                    self.push(&text[next..end]);
                    at = (end + 1).min(text.len());
                    continue;
                }
                '#' if self.word.is_none() => {
                    at = text[next..].find('\n').map_or(text.len(), |end| next + end);
                    continue;
                }
                '\n' | ';' | '|' | '(' | ')' => self.end_command(),
                '&' if matches!(bytes.get(next), Some(b'>')) => self.end_word(),
                '&' if at > 0 && matches!(bytes[at - 1], b'>' | b'<') => {}
                '&' => self.end_command(),
                '>' | '<' => {
                    // The digit of `2>` is no word.
                    if self.word.as_ref().is_some_and(|word| word.len() == 1 && word.as_bytes()[0].is_ascii_digit()) {
                        self.word = None;
                    }
                    self.end_word();
                    self.drops_word = true;
                }
                c if c.is_whitespace() => self.end_word(),
                c => self.push_char(c),
            }
            at = next;
        }
        self.end_command();
    }

    fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn push_char(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !std::mem::take(&mut self.drops_word)
        {
            self.words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.drops_word = false;
        let reserved = ["then", "do", "else", "if", "elif", "while", "until", "{", "}", "!", "fi", "done"];
        let skip = self.words.iter().take_while(|word| reserved.contains(&word.as_str())).count();
        let words = std::mem::take(&mut self.words).split_off(skip);
        if !words.is_empty() {
            self.commands.push(words);
        }
    }

    /// A value takes the expansion's place; outside of quotes its blanks separate words.
    fn push_value(&mut self, value: &str, quoted: bool) {
        if value.len() > self.budget {
            self.push_char(OPEN);
            return;
        }
        self.budget -= value.len();
        if quoted || !value.contains(char::is_whitespace) {
            self.push(value);
            return;
        }
        for (i, part) in value.split(char::is_whitespace).enumerate() {
            if i > 0 {
                self.end_word();
            }
            if !part.is_empty() {
                self.push(part);
            }
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        if self.assigned.contains(name) {
            return Some(OPEN.to_string());
        }
        self.variables.get(name).map(str::to_string)
    }

    /// What follows a `$`; gives the place behind it.
    fn expand(&mut self, text: &str, at: usize, quoted: bool, depth: usize) -> usize {
        let rest = &text[at..];
        if let Some(inner) = rest.strip_prefix('{') {
            let Some(length) = closing(inner, b'{', b'}') else {
                self.push_char(OPEN);
                return text.len();
            };
            self.parameter(&inner[..length], quoted, depth);
            return at + length + 2;
        }
        if let Some(inner) = rest.strip_prefix('(') {
            self.push_char(OPEN);
            return closing(inner, b'(', b')').map_or(text.len(), |length| at + length + 2);
        }
        let length = rest.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count();
        if is_name(&rest[..length]) {
            match self.value(&rest[..length]) {
                Some(value) => self.push_value(&value, quoted),
                None => self.push_char(OPEN),
            }
            return at + length;
        }
        match rest.chars().next() {
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.push_char(OPEN);
                at + 1
            }
            _ => {
                self.push("$");
                at
            }
        }
    }

    /// The inside of `${…}`.
    fn parameter(&mut self, inner: &str, quoted: bool, depth: usize) {
        let length = inner.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count();
        let (name, operator) = inner.split_at(length);
        if !is_name(name) || depth >= limits::SHELL_DEPTH {
            return self.push_char(OPEN);
        }
        let value = self.value(name);
        let colon = operator.strip_prefix(':');
        // With a colon an empty value counts as unset (section 2.6.2).
        let value = value.filter(|value| colon.is_none() || !value.is_empty());
        let operator = colon.unwrap_or(operator);
        match (operator.chars().next(), value) {
            (None, Some(value)) if colon.is_none() => self.push_value(&value, quoted),
            (Some('-' | '=' | '?'), Some(value)) => self.push_value(&value, quoted),
            (Some('-' | '='), None) => self.default(&operator[1..], quoted, depth),
            (Some('+'), Some(value)) if is_decided(&value) => self.default(&operator[1..], quoted, depth),
            (Some('+'), None) => self.push(""),
            _ => self.push_char(OPEN),
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

/// Where a bracket that is open closes.
fn closing(text: &str, open: u8, close: u8) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return Some(at),
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, env: &[&str]) -> Vec<Vec<String>> {
        let config = RunConfig { env: env.iter().map(|pair| pair.to_string()).collect(), ..RunConfig::default() };
        commands(text, &Variables::new(&config))
    }

    fn words(text: &str, env: &[&str]) -> String {
        split(text, env).iter().map(|words| words.join("|")).collect::<Vec<_>>().join(" ; ").replace(OPEN, "?")
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (text, env, expected) in [
            ("exec uvicorn main:app --host 0.0.0.0", &[][..], "exec|uvicorn|main:app|--host|0.0.0.0"),
            ("a 'b c' \"d e\"f g\\ h ''", &[], "a|b c|d ef|g h|"),
            ("a && b || c; d | e & f\ng", &[], "a ; b ; c ; d ; e ; f ; g"),
            ("a > /dev/null 2>&1 b &>/x", &[], "a|b"),
            ("if [ -f x ]; then y; fi # z", &[], "[|-f|x|] ; y"),
            ("x $PORT ${PORT} ${A:-3} ${B-4} \"$O\" $O", &["PORT=80", "B=", "O=p q"], "x|80|80|3||p q|p|q"),
            ("x $NOPE ${NOPE} $(date) `date` $1 $((1+2)) a$", &[], "x|?|?|?|?|?|?|a$"),
            ("PORT=1; x $PORT", &["PORT=80"], "PORT=1 ; x|?"),
            ("x ${A:-${B:-${C:-9}}} ${A%b} ${D:+e}", &["D=1"], "x|9|?|e"),
            ("x '$PORT' \"\\$PORT \\n\"", &["PORT=80"], "x|$PORT|$PORT \\n"),
            ("x ${unclosed", &[], "x|?"),
            ("curl -f 'http://a/b?c=d&e=f' ü", &[], "curl|-f|http://a/b?c=d&e=f|ü"),
        ] {
            assert_eq!(words(text, env), expected, "{text}");
        }
    }

    #[test]
    fn hostile_texts_cost_their_length() {
        let value = format!("A={}", "x ".repeat(200_000));
        for part in ["${", "$(", "`", "$A ", "${A:-", "'", "\"", "\\", "${A:-$A}", "a=b "] {
            let started = std::time::Instant::now();
            let _ = split(&part.repeat(100_000), &[&value]);
            assert!(started.elapsed().as_secs() < 5, "{part}");
        }
    }
}
