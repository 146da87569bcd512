//! Redacts secrets in text: history, variables, labels, commands.
//!
//! [`redact_text`] redacts secrets with a known format, and values whose name, option or header suggests a secret.
//! [`Redactor`] also redacts all literal occurrences of one image's known secrets. In doubt, both redact too much.

use crate::limits;
use crate::model::secret::FoundSecret;
use crate::model::secret::Secret;
use crate::model::secret::formats;
use crate::model::secret::name;
use crate::model::secret::name::NameHint;
use crate::model::secret::pair;

use crate::model::secret::found_secret;
use aho_corasick::AhoCorasick;
use aho_corasick::MatchKind;
use regex::Regex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// Replaces each secret in a text: `[redacted: GitHub token ghp_…, 40 characters]`.
pub fn redact_text(text: &str) -> String {
    replace(text, scan(text))
}

/// Redacts the texts of one image: everything that [`redact_text`] does, and all literal occurrences of its secrets.
#[derive(Default)]
pub struct Redactor {
    /// The known secrets, longest first.
    values: Vec<(String, Secret)>,
    /// Finds the first bytes of each value; pattern numbers are indexes into `values`.
    heads: Option<AhoCorasick>,
}

impl Redactor {
    /// A redactor for the secrets in these names and values: variables, labels, build arguments.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Redactor {
        let mut known: BTreeMap<String, Secret> = BTreeMap::new();
        for (name, value) in pairs {
            for found in pair::all_in_pair(name, value) {
                let part = &value[found.range];
                if part.len() < limits::REDACTED_MIN_BYTES {
                    continue;
                }
                // Builders that print with Go's `%q` escape quotes and backslashes.
                if part.contains(['"', '\\']) {
                    known.entry(part.replace('\\', "\\\\").replace('"', "\\\"")).or_insert(found.secret);
                }
                known.entry(part.to_string()).or_insert(found.secret);
            }
        }
        let mut values: Vec<(String, Secret)> = known.into_iter().collect();
        values.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        values.truncate(limits::REDACTED_VALUES);
        let heads = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(values.iter().map(|(value, _)| head(value)))
            .ok()
            .filter(|_| !values.is_empty());
        Redactor { values, heads }
    }

    /// Replaces each secret in a text.
    pub fn redact(&self, text: &str) -> String {
        let mut found = scan(text);
        found.extend(self.literal(text));
        replace(text, found)
    }

    /// Redacts a sentence written by plimsoll: secrets with a known format, and known values. Unlike
    /// [`Redactor::redact`], it doesn't treat words of the sentence as names of secrets.
    pub fn redact_sentence(&self, text: &str) -> String {
        let mut found = formats::find_all(text);
        found.extend(self.literal(text));
        replace(text, found)
    }

    fn literal(&self, text: &str) -> Vec<FoundSecret> {
        let Some(heads) = &self.heads else { return Vec::new() };
        let mut found: Vec<FoundSecret> = Vec::new();
        for hit in heads.find_iter(text.as_bytes()) {
            if let Some(last) = found.last_mut().filter(|last| hit.start() < last.range.end) {
                let mut end = hit.end().max(last.range.end);
                while !text.is_char_boundary(end) {
                    end += 1;
                }
                last.range.end = end;
                continue;
            }
            let (value, secret) = &self.values[hit.pattern().as_usize()];
            let rest = text.as_bytes()[hit.end()..].iter().zip(&value.as_bytes()[hit.end() - hit.start()..]);
            let same = rest.take_while(|(a, b)| a == b).count();
            let mut end = hit.end() + same;
            if end - hit.start() < value.len() {
                // Another value may share this head, so redact up to the next whitespace.
                end += text.as_bytes()[end..].iter().take_while(|b| !b.is_ascii_whitespace()).count();
            }
            while !text.is_char_boundary(end) {
                end += 1;
            }
            let mut start = hit.start();
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            found.push(FoundSecret { secret: *secret, range: start..end });
        }
        found
    }
}

impl fmt::Debug for Redactor {
    /// Shows only the number of known secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} values)", self.values.len())
    }
}

fn head(value: &str) -> &[u8] {
    &value.as_bytes()[..value.len().min(limits::REDACTED_HEAD_BYTES)]
}

/// Replaces secrets in a text. Overlapping ones are replaced together and described by the first.
fn replace(text: &str, mut found: Vec<FoundSecret>) -> String {
    if found.is_empty() {
        return text.to_string();
    }
    // Prefer secrets with a known prefix among those with the same start.
    found.sort_by_key(|one| (one.range.start, one.secret.prefix.is_empty(), one.range.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut found = found.into_iter().peekable();
    while let Some(first) = found.next() {
        let mut end = first.range.end;
        let mut secret = first.secret;
        while let Some(next) = found.next_if(|next| next.range.start < end) {
            end = end.max(next.range.end);
            if secret.prefix.is_empty() && !next.secret.prefix.is_empty() {
                secret = next.secret;
            }
        }
        out.push_str(&text[at..first.range.start]);
        out.push_str(&format!("[redacted: {secret}]"));
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

/// All possible secrets in free text; they may overlap.
fn scan(text: &str) -> Vec<FoundSecret> {
    let mut found = formats::find_all(text);
    let mut values = ValueReader { text, quotes_until: [usize::MAX; 2], run: 0..0 };
    found.extend(assignments(text, &mut values));
    found.extend(options(text, &mut values));
    found.extend(commands(text, &mut values));
    found.extend(legacy_instruction(text));
    found
}

/// The longest name before a value, in bytes.
const NAME_BYTES_MAX: usize = 128;

fn name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_.-".contains(&b)
}

/// Finds `NAME=value`, `NAME = value`, `name: value` and `"name": "value"`.
fn assignments(text: &str, values: &mut ValueReader<'_>) -> Vec<FoundSecret> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| matches!(b, b'=' | b':'))) {
        let sign = at + step;
        at = sign + 1;
        let mut name_end = sign;
        while name_end > 0 && sign - name_end < 3 && b" \"'\\]:".contains(&bytes[name_end - 1]) {
            name_end -= 1;
        }
        let name_length = bytes[..name_end].iter().rev().take(NAME_BYTES_MAX).take_while(|&&b| name_byte(b)).count();
        let hint = name::hint(&name::words(&text[name_end - name_length..name_end]));
        if name_length == 0 || hint == NameHint::None {
            continue;
        }
        let spaced = bytes[sign] == b':' || name_end < sign && b" :".contains(&bytes[sign - 1]);
        let mut start = sign + 1;
        while spaced && bytes.get(start) == Some(&b' ') {
            start += 1;
        }
        let (value, end) = values.read(start);
        if must_redact(hint, &text[value.clone()]) {
            found.push(found_secret(text, pair::NAMED, "", value));
            at = end.max(at);
        }
    }
    found
}

/// Finds `--token value`, `-password value` and `"--token", "value"`.
fn options(text: &str, values: &mut ValueReader<'_>) -> Vec<FoundSecret> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == b'-')) {
        let dash = at + step;
        let name = dash + bytes[dash..].iter().take_while(|&&b| b == b'-').count();
        let name_end = name + bytes[name..].iter().take(NAME_BYTES_MAX).take_while(|&&b| name_byte(b)).count();
        at = name_end.max(dash + 1);
        let starts_word = dash == 0 || bytes[dash - 1].is_ascii_whitespace() || b"\"'".contains(&bytes[dash - 1]);
        let gap = bytes[name_end..].iter().take(8).take_while(|&&b| b" \",'".contains(&b)).count();
        let gap = &bytes[name_end..name_end + gap];
        if !starts_word || name == name_end || !gap.contains(&b' ') {
            continue;
        }
        let hint = name::hint(&name::words(&text[name..name_end]));
        let mut start = name_end + gap.len();
        // The quote before the value is part of the value.
        if gap.last().is_some_and(|b| b"\"'".contains(b)) && gap.len() > 1 {
            start -= if gap.ends_with(b"\\\"") { 2 } else { 1 };
        }
        if hint == NameHint::None || bytes.get(start) == Some(&b'-') {
            continue;
        }
        let (value, end) = values.read(start);
        if !text[value.clone()].starts_with('-') && must_redact(hint, &text[value.clone()]) {
            found.push(found_secret(text, "recognized by option name", "", value));
            at = end.max(at);
        }
    }
    found
}

static AUTHORIZATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i-u)authorization["']? {0,2}[:=] {0,2}["']?(?:bearer|basic|token|digest|apikey) {1,4}"#)
        .expect("the pattern is fixed")
});

/// Commands with an unnamed password: `sshpass -p x`, `docker login … -p x`, `mysql … -px`, netrc's `password x`.
static COMMANDS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?-u)\bsshpass {1,4}-p {0,4}|\blogin {1,4}[ -~]{0,160}?[ ]-p {0,4}|\bmysql(?:dump|admin)? [ -~]{0,160}?[ ]-p|\blogin[ \t\n]{1,4}[!-~]{1,64}[ \t\n]{1,4}password[ \t\n]{1,4}";
    Regex::new(pattern).expect("the pattern is fixed")
});

static CURL_USER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?-u)[ "'](?:-u|--user|--proxy-user)(?: {1,4}|=|",? ")?"#).expect("the pattern is fixed")
});

fn commands(text: &str, values: &mut ValueReader<'_>) -> Vec<FoundSecret> {
    let mut found = Vec::new();
    for hit in AUTHORIZATION.find_iter(text) {
        let rest = &text.as_bytes()[hit.end()..];
        let length = rest.iter().take_while(|&&b| b.is_ascii_alphanumeric() || b"._~+/=-:".contains(&b)).count();
        let value = hit.end()..hit.end() + length;
        if length >= 4 && !pair::is_placeholder(&text[value.clone()]) {
            found.push(found_secret(text, "authorization header", "", value));
        }
    }
    for hit in COMMANDS.find_iter(text) {
        let (value, _) = values.read(hit.end());
        if must_redact(NameHint::Password, &text[value.clone()]) {
            found.push(found_secret(text, "password in a command", "", value));
        }
    }
    if ["curl", "wget", "http"].iter().any(|program| text.contains(program)) {
        for hit in CURL_USER.find_iter(text) {
            let (value, _) = values.read(hit.end());
            if let Some((user, password)) = text[value.clone()].split_once(':')
                && password != user
                && must_redact(NameHint::Password, password)
            {
                let from = value.start + user.len() + 1;
                found.push(found_secret(text, "password in a command", "", from..value.end));
            }
        }
    }
    found
}

/// Finds the legacy `ENV NAME value` and `LABEL name value`, where the rest of the line is the value.
fn legacy_instruction(text: &str) -> Option<FoundSecret> {
    let rest = text.split_once("#(nop) ").map_or(text, |(_, rest)| rest).trim_start();
    let rest = ["ENV ", "LABEL ", "env ", "label "].iter().find_map(|keyword| rest.strip_prefix(keyword))?.trim_start();
    let (name, value) = rest.split_once(|c: char| c.is_whitespace())?;
    let value = value.trim_start();
    let value = value.strip_suffix(" # buildkit").unwrap_or(value).trim_end();
    if name.contains('=') || !must_redact(name::hint(&name::words(name)), value) {
        return None;
    }
    let from = value.as_ptr() as usize - text.as_ptr() as usize;
    Some(found_secret(text, pair::NAMED, "", from..from + value.len()))
}

/// Whether to redact a value, given what its name suggests. Unlike in findings, a number may be a password (a PIN).
fn must_redact(hint: NameHint, value: &str) -> bool {
    pair::value_can_be_secret(hint, value)
        || hint == NameHint::Password && value.len() >= 4 && value.bytes().all(|b| b.is_ascii_digit())
}

/// Reads values as written in shells, JSON and history.
struct ValueReader<'a> {
    text: &'a str,
    /// Offsets after which there is no closing `"` or `'`, so that a failed search is not repeated.
    quotes_until: [usize; 2],
    /// The last unquoted value: one that starts inside it ends with it.
    run: std::ops::Range<usize>,
}

impl ValueReader<'_> {
    /// The range of the value at an offset, and its end including quotes.
    fn read(&mut self, start: usize) -> (std::ops::Range<usize>, usize) {
        let bytes = self.text.as_bytes();
        if bytes[start.min(bytes.len())..].starts_with(b"\\\"")
            && let Some(length) = self.text[start + 2..].find("\\\"").filter(|&n| n <= limits::REDACTED_ESCAPED_BYTES)
        {
            return (start + 2..start + 2 + length, start + length + 4);
        }
        if let Some(&quote @ (b'"' | b'\'')) = bytes.get(start)
            && let Some(close) = self.closing(start + 1, quote)
        {
            if bytes.get(close + 1).is_none_or(|&b| ends_quoted(b)) {
                return (start + 1..close, close + 1);
            }
            let end = self.unquoted(close + 1);
            return (start..end, end);
        }
        let end = self.unquoted(start.min(bytes.len()));
        (start.min(end)..end, end)
    }

    /// The end of an unquoted value: at whitespace outside quoted parts, or at the closing quote around it.
    fn unquoted(&mut self, start: usize) -> usize {
        if self.run.contains(&start) {
            return self.run.end;
        }
        let bytes = self.text.as_bytes();
        let mut at = start;
        while let Some(&b) = bytes.get(at) {
            match b {
                b if b.is_ascii_whitespace() => break,
                b'\\' if bytes.get(at + 1) == Some(&b'"') => break,
                b'\\' => at += 2,
                b'"' | b'\'' => {
                    if bytes.get(at + 1).is_none_or(|&b| ends_quoted(b)) {
                        break;
                    }
                    at = self.closing(at + 1, b).map_or(at + 1, |close| close + 1);
                }
                _ => at += 1,
            }
        }
        let mut end = at.min(bytes.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        // Punctuation after a value is not part of it.
        end -= bytes[start..end].iter().rev().take_while(|b| b";,)]}".contains(b)).count();
        self.run = start..end;
        end
    }

    fn closing(&mut self, from: usize, quote: u8) -> Option<usize> {
        let known = &mut self.quotes_until[usize::from(quote == b'\'')];
        if from >= *known {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut at = from;
        while let Some(&b) = bytes.get(at) {
            match b {
                b'\\' if quote == b'"' => at += 2,
                b if b == quote => return Some(at),
                _ => at += 1,
            }
        }
        *known = from;
        None
    }
}

fn ends_quoted(b: u8) -> bool {
    b.is_ascii_whitespace() || b";,)]}&|:'\"`<>".contains(&b)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
