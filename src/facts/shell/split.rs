//! The splitter: characters to words, words to simple commands.
//!
//! In: text. Out: [`Text`]. Not here: what variables stand for (`expand`).

use crate::facts::shell::ARGUMENTS;
use crate::facts::shell::Join;
use crate::facts::shell::OPEN;
use crate::facts::shell::PATH;
use crate::facts::shell::Simple;
use crate::facts::shell::Substitution;
use crate::facts::shell::Text;
use crate::facts::shell::Variables;
use crate::facts::shell::expand::closing;
use crate::limits;
use std::collections::HashSet;

/// Parses a text.
pub fn split(text: &str, variables: &Variables) -> Text {
    let mut splitter = Splitter {
        variables,
        assigned: Assigned::of(text),
        text: Text::default(),
        next: Simple::default(),
        word: None,
        is_quoted: false,
        drops_word: false,
        here: Vec::new(),
        in_pattern: false,
        nesting: Vec::new(),
        budget: limits::SHELL_EXPANSION_BYTES,
    };
    splitter.split(text);
    splitter.text
}

/// Variables that a text itself sets: their values change while it runs.
#[derive(Default)]
pub struct Assigned<'t> {
    /// Their names.
    pub names: HashSet<&'t str>,
    /// It may set any variable: it sources another text, or sets what a command wrote.
    pub any: bool,
}

impl<'t> Assigned<'t> {
    /// Searches a text; may find more assignments than there are.
    pub fn of(text: &'t str) -> Assigned<'t> {
        let mut out = Assigned::default();
        for command in text.split([';', '&', '|', '\n', '(', '{']) {
            let words = || command.split_ascii_whitespace();
            out.names.extend(words().filter_map(|word| word.split_once('=')).map(|(name, _)| name));
            let mut words = words().skip_while(|word| matches!(*word, "if" | "then" | "else" | "do" | "while" | "!"));
            match words.next() {
                Some("." | "source") if words.next().is_some_and(|file| file.ends_with("/bin/activate")) => {
                    out.names.extend(["PATH", "PYTHONHOME", "VIRTUAL_ENV", "PS1"]);
                }
                Some("." | "source" | "eval") => out.any = true,
                Some("export" | "declare" | "typeset" | "local" | "readonly") => {
                    out.any |= words.any(|word| word.trim_start_matches('"').starts_with(['$', '`']));
                }
                Some("for" | "select" | "read" | "unset" | "getopts" | "mapfile" | "readarray" | "printf" | "let") => {
                    out.names.extend(words.filter(|word| is_name(word)));
                }
                _ => {}
            }
        }
        out.names.retain(|name| is_name(name));
        out
    }

    /// Whether the text may set this variable.
    pub fn has(&self, name: &str) -> bool {
        self.any || self.names.contains(name)
    }
}

/// The most characters skipped between a redirection and its target.
const TARGET_BLANKS: usize = 16;

/// On `nesting`: a function's name was read, and its body follows. No word closes it.
const FUNCTION: &str = "function";

pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

pub struct Splitter<'a> {
    pub variables: &'a Variables,
    pub assigned: Assigned<'a>,
    text: Text,
    /// The command so far.
    pub next: Simple,
    /// The word so far; `Some("")` after empty quotes.
    pub word: Option<String>,
    /// Part of the word so far was quoted, so it is not a reserved word.
    is_quoted: bool,
    /// The next word is the target of a redirection.
    drops_word: bool,
    /// The delimiters of the here-documents that begin after this line.
    here: Vec<String>,
    /// A pattern of a `case` is being read.
    in_pattern: bool,
    /// The words that close the open compound commands.
    nesting: Vec<&'static str>,
    pub budget: usize,
}

impl Splitter<'_> {
    fn split(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut double = false;
        while let Some(c) = text[at..].chars().next() {
            if self.text.commands.len() >= limits::SHELL_COMMANDS || self.nesting.len() >= limits::SHELL_NESTING {
                self.text.is_cut = true;
                return;
            }
            let next = at + c.len_utf8();
            let followed = |by: u8| bytes.get(next) == Some(&by);
            match c {
                '"' => {
                    double = !double;
                    self.quoted("");
                }
                '\\' => {
                    let escaped = text[next..].chars().next();
                    match escaped {
                        // A line continuation.
                        Some('\n') => {}
                        Some(c) if double && !matches!(c, '$' | '`' | '"' | '\\') => {
                            self.push("\\");
                            self.push_char(c);
                        }
                        Some(c) => {
                            self.quoted("");
                            self.push_char(c);
                        }
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
                    self.open();
                    let length = text[next..].find('`').unwrap_or(text.len() - next);
                    self.next
                        .substitutions
                        .push(Substitution { text: text[next..next + length].to_string(), is_value: true });
                    at = (next + length + 1).min(text.len());
                    continue;
                }
                c if double => self.push_char(c),
                // Inside `[[ ]]` these are operators of the test.
                '&' | '|' | '(' | ')' | '<' | '>' if self.in_test() => self.end_word(),
                '\'' => {
                    let end = text[next..].find('\'').map_or(text.len(), |end| next + end);
                    self.quoted(&text[next..end]);
                    at = (end + 1).min(text.len());
                    continue;
                }
                '#' if self.word.is_none() => {
                    at = text[next..].find('\n').map_or(text.len(), |end| next + end);
                    continue;
                }
                '\n' if self.in_test() => self.end_word(),
                '\n' => {
                    self.end_line();
                    at = self.behind_here_documents(text, next);
                    continue;
                }
                '|' | '(' if self.in_pattern => self.word = None,
                ')' if self.in_pattern => {
                    self.word = None;
                    self.in_pattern = false;
                }
                ';' if followed(b';') => {
                    self.end_command(Join::Then);
                    self.in_pattern = self.nesting.last() == Some(&"esac");
                    at = next + 1;
                    continue;
                }
                ';' => self.end_command(Join::Then),
                '|' if followed(b'|') => {
                    self.end_command(Join::Or);
                    at = next + 1;
                    continue;
                }
                '|' => {
                    self.next.merges |= followed(b'&');
                    self.end_command(Join::Pipe);
                    at = next + usize::from(followed(b'&'));
                    continue;
                }
                '&' if followed(b'&') => {
                    self.end_command(Join::And);
                    at = next + 1;
                    continue;
                }
                // `A=(a b)`, `A+=(c)`: bash's arrays.
                '(' if self.word.as_ref().is_some_and(|word| word.ends_with('=')) => {
                    self.open();
                    at = closing(&text[next..], b'(', b')').map_or(text.len(), |length| next + length + 1);
                    continue;
                }
                '(' if text[next..].trim_start().starts_with(')') && self.begins_function() => {
                    at = next + text[next..].find(')').map_or(0, |end| end + 1);
                    continue;
                }
                '(' => {
                    self.end_command(self.next.join);
                    self.nesting.push(")");
                }
                ')' => {
                    self.end_command(Join::Then);
                    self.close(")");
                }
                '&' if followed(b'>') => {
                    self.end_word();
                    self.next.merges = true;
                }
                '&' if at > 0 && matches!(bytes[at - 1], b'>' | b'<') => {}
                '&' => {
                    self.end_command(Join::Then);
                    self.background();
                }
                '<' if text[at..].starts_with("<<") && !text[at..].starts_with("<<<") => {
                    at = self.here_document(text, at + 2);
                    continue;
                }
                '>' | '<' => {
                    // The number in `2>`, and bash's `{fd}>`, are not words.
                    let names_descriptor = |word: &String| {
                        let inner = word.strip_prefix('{').and_then(|word| word.strip_suffix('}'));
                        inner.map_or_else(|| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()), is_name)
                    };
                    if self.word.as_ref().is_some_and(names_descriptor) {
                        self.word = None;
                    }
                    self.end_word();
                    if followed(b'(') {
                        // Process substitution: a file name, or the target of a redirection.
                        let inner = &text[next + 1..];
                        let length = closing(inner, b'(', b')').unwrap_or(inner.len());
                        self.next
                            .substitutions
                            .push(Substitution { text: inner[..length].to_string(), is_value: false });
                        self.open();
                        at = (next + 1 + length + 1).min(text.len());
                        continue;
                    }
                    let target = bytes.get(next..).unwrap_or_default();
                    let skip = target.iter().take(TARGET_BLANKS).take_while(|b| b">| \"".contains(b)).count();
                    let target = &target[skip..];
                    self.next.writes |= c == '>' && !target.starts_with(b"&") && !target.starts_with(b"/dev/");
                    self.next.is_fed |= c == '<';
                    self.next.merges |= target.starts_with(b"&");
                    self.next.connects |= target.starts_with(b"/dev/tcp/") || target.starts_with(b"/dev/udp/");
                    self.drops_word = true;
                }
                ' ' | '\t' => self.end_word(),
                c => self.push_char(c),
            }
            at = next;
        }
        self.end_command(Join::Then);
    }

    /// A `()` follows: whether a function's name comes before it. Its body is a compound command.
    fn begins_function(&mut self) -> bool {
        if self.next.words.first().is_some_and(|word| word == FUNCTION) {
            self.end_word();
        }
        let name = match (self.next.words.len(), self.word.is_some()) {
            // After `function NAME`, where it adds nothing.
            (0, false) => return self.nesting.last() == Some(&FUNCTION),
            (0, true) => self.word.take(),
            (1, false) => self.next.words.pop(),
            _ => return false,
        };
        self.text.functions.extend(name);
        self.nesting.push(FUNCTION);
        true
    }

    /// A `&` ended the command: the whole list up to here runs in the background (section 2.9.3).
    fn background(&mut self) {
        let depth = self.nesting.len();
        // Commands in functions aren't recorded.
        if self.nesting.contains(&FUNCTION) {
            return;
        }
        let commands = &mut self.text.commands;
        for at in (0..commands.len()).rev() {
            commands[at].is_background = true;
            // The first command of a compound command has the operator of the whole.
            let is_inside = at > 0 && commands[at].depth > depth && commands[at - 1].depth > depth;
            if !is_inside && commands[at].join == Join::Then {
                return;
            }
        }
    }

    /// Reads the word after `<<`; returns the index after it.
    fn here_document(&mut self, text: &str, at: usize) -> usize {
        self.end_word();
        self.next.is_fed = true;
        let rest = text[at..].trim_start_matches(['-', ' ', '\t']);
        let start = text.len() - rest.len();
        let length = rest.find(|c: char| c.is_whitespace() || ";&|<>()".contains(c)).unwrap_or(rest.len());
        self.here.push(rest[..length].chars().filter(|c| !"\"'\\".contains(*c)).collect());
        start + length
    }

    /// The index after the here-documents that begin here.
    fn behind_here_documents(&mut self, text: &str, mut at: usize) -> usize {
        for end in std::mem::take(&mut self.here) {
            while at < text.len() {
                let line = text[at..].split('\n').next().unwrap_or("");
                at = (at + line.len() + 1).min(text.len());
                if line.trim_start_matches('\t') == end {
                    break;
                }
            }
        }
        at
    }

    /// Whether the command is a `[[` without its `]]` so far.
    fn in_test(&self) -> bool {
        let words = &self.next.words;
        let last = self.word.as_ref().or(words.last());
        words.first().is_some_and(|word| word == "[[") && last.is_none_or(|word| word != "]]")
    }

    pub fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn quoted(&mut self, text: &str) {
        self.push(text);
        self.is_quoted = true;
    }

    /// Adds a character of the text itself, replacing the characters that have a special meaning here.
    pub fn push_char(&mut self, c: char) {
        self.word.get_or_insert_default().push(if c == ARGUMENTS || c == PATH { OPEN } else { c });
    }

    pub fn open(&mut self) {
        self.word.get_or_insert_default().push(OPEN);
    }

    pub fn end_word(&mut self) {
        let is_quoted = std::mem::take(&mut self.is_quoted);
        let Some(word) = self.word.take() else { return };
        if std::mem::take(&mut self.drops_word) {
            return;
        }
        if self.next.words.is_empty() && !is_quoted && self.reserved(&word) || self.in_pattern {
            return;
        }
        self.next.words.push(word);
        if self.next.words.len() == 3 && self.next.words[0] == "case" && self.next.words[2] == "in" {
            self.next.words.clear();
            self.nesting.push("esac");
            self.in_pattern = true;
        }
        if self.next.words.len() == 2 && self.next.words[0] == FUNCTION {
            self.text.functions.extend(self.next.words.pop());
            self.next.words.clear();
            self.nesting.push(FUNCTION);
        }
    }

    /// Handles a reserved word (section 2.4) at the start of a command.
    fn reserved(&mut self, word: &str) -> bool {
        match word {
            "if" => self.nesting.push("fi"),
            "while" | "until" => self.nesting.push("done"),
            "{" => self.nesting.push("}"),
            "then" | "do" | "else" | "elif" | "time" => {}
            "!" => self.next.is_negated = !self.next.is_negated,
            "fi" | "done" | "esac" | "}" => {
                self.in_pattern = false;
                self.close(word);
            }
            _ => return false,
        }
        true
    }

    /// A compound command ends.
    fn close(&mut self, word: &str) {
        if let Some(at) = self.nesting.iter().rposition(|open| *open == word) {
            self.nesting.truncate(at);
        }
        if self.nesting.last() == Some(&FUNCTION) {
            self.nesting.pop();
        }
    }

    fn end_line(&mut self) {
        self.end_word();
        self.drops_word = false;
        // A command continues on the next line after `&&`, `||` and `|`, and in `case x` up to its `in`.
        let is_case = self.next.words.len() == 2 && self.next.words[0] == "case";
        if !self.next.words.is_empty() && !is_case {
            self.end_command(Join::Then);
        }
    }

    fn end_command(&mut self, join: Join) {
        self.end_word();
        self.drops_word = false;
        let mut command = std::mem::replace(&mut self.next, Simple { join, ..Simple::default() });
        // The heads of loops are not commands.
        match command.words.first().map(String::as_str) {
            None => {
                self.next.join = if join == Join::Then { command.join } else { join };
                return;
            }
            Some("for" | "select") => {
                self.next.join = command.join;
                return self.nesting.push("done");
            }
            _ => {}
        }
        if !self.nesting.contains(&FUNCTION) {
            command.depth = self.nesting.len();
            self.text.commands.push(command);
        }
    }
}
