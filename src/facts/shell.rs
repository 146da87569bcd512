//! Shell text split into simple commands and words, as far as the text and the image's variables decide them.
//!
//! POSIX.1-2024, Shell Command Language, sections 2.2 (quoting), 2.3 (tokens), 2.6 (expansion) and 2.9 (commands). What
//! only a running shell knows (command substitution, globs of unknown variables, single positional parameters) becomes
//! [`OPEN`]. Not here: which of the commands run; they are told with what joins them and how deep they are nested.

use crate::limits;
use crate::model::config::RunConfig;
use std::collections::HashMap;
use std::collections::HashSet;

/// Stands in a word for what cannot be told.
pub const OPEN: char = '\u{fffc}';

/// Stands in a word for all positional parameters (`"$@"`).
pub const ARGUMENTS: char = '\u{fffb}';

/// Whether nothing of a word is open.
pub fn is_decided(word: &str) -> bool {
    !word.contains([OPEN, ARGUMENTS])
}

/// How a command is joined to the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// `;`, a line's end, `&`, or the first.
    #[default]
    Then,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple {
    /// Its words, without redirections.
    pub words: Vec<String>,
    /// What joins it to the one before.
    pub join: Join,
    /// `!` stands before it.
    pub is_negated: bool,
    /// `&` stands behind it.
    pub is_background: bool,
    /// In how many compound commands (`if`, `for`, `{`, `(`, functions) it stands.
    pub depth: usize,
    /// It writes a file (`>`, `>>`) other than one in /dev.
    pub writes: bool,
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
    read(text, variables).commands.into_iter().map(|command| command.words).collect()
}

/// A shell text, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Its simple commands, in order. Those of functions are left out.
    pub commands: Vec<Simple>,
    /// The functions that it defines.
    pub functions: HashSet<String>,
}

/// Takes a shell text apart.
pub fn read(text: &str, variables: &Variables) -> Text {
    let mut splitter = Splitter {
        variables,
        assigned: assigned(text),
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

/// Names that the text itself assigns: their values depend on where it has come to.
fn assigned(text: &str) -> HashSet<&str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '('));
    words.filter_map(|word| word.split_once('=')).map(|(name, _)| name).filter(|name| is_name(name)).collect()
}

/// Closes nothing: a function's name was read, and its body follows.
const FUNCTION: &str = "function";

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

struct Splitter<'a> {
    variables: &'a Variables,
    assigned: HashSet<&'a str>,
    text: Text,
    /// The command so far.
    next: Simple,
    /// The word so far; `Some("")` after empty quotes.
    word: Option<String>,
    /// Part of the word so far was quoted: it is no reserved word.
    is_quoted: bool,
    /// The next word is where a redirection goes.
    drops_word: bool,
    /// Ends of here-documents that begin behind this line.
    here: Vec<String>,
    /// A pattern of a `case` is being read.
    in_pattern: bool,
    /// The words that close the compound commands which are open.
    nesting: Vec<&'static str>,
    budget: usize,
}

impl Splitter<'_> {
    fn split(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut double = false;
        while let Some(c) = text[at..].chars().next() {
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
                        // A line goes on.
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
                    at = text[next..].find('`').map_or(text.len(), |end| next + end + 1);
                    continue;
                }
                c if double => self.push_char(c),
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
                    self.end_command(Join::Pipe);
                    at = next + usize::from(followed(b'&'));
                    continue;
                }
                '&' if followed(b'&') => {
                    self.end_command(Join::And);
                    at = next + 1;
                    continue;
                }
                '(' if self.next.words.is_empty()
                    && self.word.is_some()
                    && text[next..].trim_start().starts_with(')') =>
                {
                    // The name of a function; its body is a compound command.
                    self.text.functions.extend(self.word.take());
                    self.nesting.push(FUNCTION);
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
                '&' if followed(b'>') => self.end_word(),
                '&' if at > 0 && matches!(bytes[at - 1], b'>' | b'<') => {}
                '&' => {
                    self.end_word();
                    self.next.is_background = true;
                    self.end_command(Join::Then);
                }
                '<' if text[at..].starts_with("<<") && !text[at..].starts_with("<<<") => {
                    at = self.here_document(text, at + 2);
                    continue;
                }
                '>' | '<' => {
                    // The digit of `2>` is no word.
                    if self.word.as_ref().is_some_and(|word| word.len() == 1 && word.as_bytes()[0].is_ascii_digit()) {
                        self.word = None;
                    }
                    self.end_word();
                    let target = text[next..].trim_start_matches(['>', '|', ' ', '"']);
                    self.next.writes |= c == '>' && !target.starts_with('&') && !target.starts_with("/dev/");
                    self.drops_word = true;
                }
                c if c.is_whitespace() => self.end_word(),
                c => self.push_char(c),
            }
            at = next;
        }
        self.end_command(Join::Then);
    }

    /// Reads the word behind `<<`; gives the place behind it.
    fn here_document(&mut self, text: &str, at: usize) -> usize {
        self.end_word();
        let rest = text[at..].trim_start_matches(['-', ' ', '\t']);
        let start = text.len() - rest.len();
        let length = rest.find(|c: char| c.is_whitespace() || ";&|<>()".contains(c)).unwrap_or(rest.len());
        self.here.push(rest[..length].chars().filter(|c| !"\"'\\".contains(*c)).collect());
        start + length
    }

    /// The place behind the here-documents that begin here.
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

    fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn quoted(&mut self, text: &str) {
        self.push(text);
        self.is_quoted = true;
    }

    /// A character of the text itself: none that stands for something else.
    fn push_char(&mut self, c: char) {
        self.word.get_or_insert_default().push(if c == ARGUMENTS { OPEN } else { c });
    }

    fn open(&mut self) {
        self.word.get_or_insert_default().push(OPEN);
    }

    fn end_word(&mut self) {
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
    }

    /// Takes a reserved word (section 2.4) that stands where a command begins.
    fn reserved(&mut self, word: &str) -> bool {
        match word {
            "if" => self.nesting.push("fi"),
            "while" | "until" => self.nesting.push("done"),
            "{" => self.nesting.push("}"),
            "then" | "do" | "else" | "elif" => {}
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
        // Behind `&&`, `||` and `|` a line goes on.
        if !self.next.words.is_empty() {
            self.end_command(Join::Then);
        }
    }

    fn end_command(&mut self, join: Join) {
        self.end_word();
        self.drops_word = false;
        let mut command = std::mem::replace(&mut self.next, Simple { join, ..Simple::default() });
        // Heads of loops and choices are no commands.
        match command.words.first().map(String::as_str) {
            None => {
                self.next.join = if join == Join::Then { command.join } else { join };
                return;
            }
            Some("for" | "select") => return self.nesting.push("done"),
            Some("function") => {
                self.text.functions.extend(command.words.get(1).cloned());
                self.nesting.push(FUNCTION);
                if command.words.last().is_some_and(|word| word == "{") {
                    self.nesting.push("}");
                }
                return;
            }
            _ => {}
        }
        if !self.nesting.contains(&FUNCTION) {
            command.depth = self.nesting.len();
            self.text.commands.push(command);
        }
    }

    /// A value takes the expansion's place; outside of quotes its blanks separate words.
    fn push_value(&mut self, value: &str, quoted: bool) {
        if value.len() > self.budget {
            self.open();
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
                self.open();
                return text.len();
            };
            self.parameter(&inner[..length], quoted, depth);
            return at + length + 2;
        }
        if let Some(inner) = rest.strip_prefix('(') {
            self.open();
            return closing(inner, b'(', b')').map_or(text.len(), |length| at + length + 2);
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

    /// The inside of `${…}`.
    fn parameter(&mut self, inner: &str, quoted: bool, depth: usize) {
        let length = inner.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count();
        let (name, operator) = inner.split_at(length);
        if !is_name(name) || depth >= limits::SHELL_DEPTH {
            return self.open();
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
    fn joints_and_nesting_are_told() {
        let shown = |text: &str| {
            let commands = read(text, &Variables::default()).commands;
            let shown = commands.iter().map(|command| {
                let join = match command.join {
                    Join::Then => ";",
                    Join::And => "&&",
                    Join::Or => "||",
                    Join::Pipe => "|",
                };
                let marks = [(command.is_negated, "!"), (command.is_background, "&"), (command.writes, ">")];
                let marks: String = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
                format!("{join}{marks}{}{}", command.depth, command.words.join(" "))
            });
            shown.collect::<Vec<_>>().join(" ").replace(OPEN, "?").replace(ARGUMENTS, "@")
        };
        for (text, expected) in [
            ("a && b || c; d | e & f\ng", ";0a &&0b ||0c ;0d |&0e ;0f ;0g"),
            ("a &&\n b |\n\n c", ";0a &&0b |0c"),
            ("if a; then b; else c; fi || d", ";1a ;1b ;1c ||0d"),
            ("for x in 1 2; do a; done; ! b", ";1a ;!0b"),
            ("case \"$1\" in\n a|b) c ;;\n (*) d;;\nesac\ne", ";1c ;1d ;0e"),
            ("f() { a; b; }\nfunction g {\n c\n}\nd", ";0d"),
            ("f() {\n if a; then b; fi\n}\nc", ";0c"),
            ("(a; b) && { c; } > /x; d", ";1a ;1b &&1c ;0d"),
            ("cat <<EOF > x\nfoo; bar\nEOF\na", ";>0cat ;0a"),
            ("cat <<-'E' && b\n\tfoo\n\tE\na >/dev/null 2>&1", ";0cat &&0b ;0a"),
            ("exec \"$@\"", ";0exec @"),
            ("a \u{fffb} $1 $*", ";0a ? ? ?"),
            ("\"if\" a; \\fi", ";0if a ;0fi"),
            ("set -e; x=1 y; . ./z", ";0set -e ;0x=1 y ;0. ./z"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
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
