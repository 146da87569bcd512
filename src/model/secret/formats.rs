//! Secrets with a recognizable format: provider tokens, private keys, JSON Web Tokens, URLs with a password.
//!
//! A regex finds where a secret may start; the rest is checked by hand, because iterating over a regex with an open end
//! can take quadratic time on hostile text. Text is not scanned again after a failed match.

use crate::model::secret::FoundSecret;
use crate::model::secret::found_secret;
use crate::model::secret::pair;
use regex::Regex;
use std::sync::LazyLock;

/// A token with a prefix that its provider documents.
struct TokenFormat {
    prefix: &'static str,
    kind: &'static str,
    body: fn(u8) -> bool,
    /// Least length after the prefix, in bytes.
    min: usize,
    /// Greatest length after the prefix, in bytes.
    max: usize,
}

/// Minimum lengths are lenient where a provider documents none. `max` is `usize::MAX` if only a minimum is known.
const TOKEN_FORMATS: &[TokenFormat] = &[
    at_least("github_pat_", "GitHub token", word, 40),
    at_least("ghp_", "GitHub token", alnum, 30),
    at_least("gho_", "GitHub token", alnum, 30),
    at_least("ghu_", "GitHub token", alnum, 30),
    at_least("ghs_", "GitHub token", alnum, 30),
    at_least("ghr_", "GitHub token", alnum, 30),
    at_least("glpat-", "GitLab token", dashed, 20),
    at_least("gldt-", "GitLab deploy token", dashed, 20),
    at_least("glrt-", "GitLab runner token", dashed, 20),
    at_least("glptt-", "GitLab trigger token", dashed, 20),
    exactly("npm_", "npm token", alnum, 36),
    at_least("sk-proj-", "OpenAI key", dashed, 40),
    at_least("sk-svcacct-", "OpenAI key", dashed, 40),
    at_least("sk-admin-", "OpenAI key", dashed, 40),
    at_least("sk-ant-", "Anthropic key", dashed, 40),
    at_least("sk-or-", "OpenRouter key", dashed, 40),
    at_least("sk-", "OpenAI key", alnum, 32),
    at_least("sk_live_", "Stripe key", alnum, 20),
    at_least("rk_live_", "Stripe key", alnum, 20),
    at_least("whsec_", "Stripe webhook secret", alnum, 24),
    at_least("xoxb-", "Slack token", dashed, 20),
    at_least("xoxp-", "Slack token", dashed, 20),
    at_least("xoxa-", "Slack token", dashed, 20),
    at_least("xoxr-", "Slack token", dashed, 20),
    at_least("xoxs-", "Slack token", dashed, 20),
    at_least("xapp-", "Slack token", dashed, 20),
    at_least("https://hooks.slack.com/services/", "Slack webhook", slashed, 40),
    exactly("AKIA", "AWS access key id", alnum_upper, 16),
    exactly("ASIA", "AWS access key id", alnum_upper, 16),
    exactly("AIza", "Google API key", dashed, 35),
    exactly("GOCSPX-", "Google OAuth client secret", dashed, 28),
    at_least("ya29.", "Google access token", dashed, 30),
    at_least("hf_", "Hugging Face token", alnum, 30),
    at_least("pypi-AgE", "PyPI token", dashed, 50),
    exactly("SG.", "SendGrid key", dotted, 66),
    at_least("dckr_pat_", "Docker Hub token", dashed, 24),
    at_least("dckr_oat_", "Docker Hub token", dashed, 24),
    exactly("dop_v1_", "DigitalOcean token", alnum, 64),
    exactly("shpat_", "Shopify token", alnum, 32),
    exactly("shpss_", "Shopify secret", alnum, 32),
    at_least("lin_api_", "Linear key", alnum, 32),
    at_least("glsa_", "Grafana token", word, 38),
    at_least("hvs.", "Vault token", dashed, 24),
    exactly("AGE-SECRET-KEY-1", "age key", alnum_upper, 58),
    exactly("rubygems_", "RubyGems key", alnum, 48),
    at_least("tskey-auth-", "Tailscale key", dashed, 20),
    exactly("gsk_", "Groq key", alnum, 52),
    exactly("sbp_", "Supabase token", alnum, 40),
];

const fn at_least(prefix: &'static str, kind: &'static str, body: fn(u8) -> bool, min: usize) -> TokenFormat {
    TokenFormat { prefix, kind, body, min, max: usize::MAX }
}

const fn exactly(prefix: &'static str, kind: &'static str, body: fn(u8) -> bool, length: usize) -> TokenFormat {
    TokenFormat { prefix, kind, body, min: length, max: length }
}

fn alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn alnum_upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn dashed(b: u8) -> bool {
    word(b) || b == b'-'
}

fn dotted(b: u8) -> bool {
    dashed(b) || b == b'.'
}

fn slashed(b: u8) -> bool {
    word(b) || b == b'/'
}

/// The kind of a JSON Web Token.
pub const JWT: &str = "JSON Web Token";
/// The kind of a private key in PEM armor.
pub const PRIVATE_KEY: &str = "private key";
/// The kind of a password in a URL.
pub const URL_PASSWORD: &str = "password in a URL";
/// The kind of a Google API key, which is public by design in a public variable.
pub const GOOGLE_KEY: &str = "Google API key";

const ARMOR: &str = "-----BEGIN ";
const URL: &str = "://";
const JWT_START: &str = "eyJ";

static ANCHOR: LazyLock<Regex> = LazyLock::new(|| {
    let prefixes = TOKEN_FORMATS.iter().map(|format| format.prefix).chain([ARMOR, URL, JWT_START]);
    let pattern = prefixes.map(regex::escape).collect::<Vec<_>>().join("|");
    Regex::new(&pattern).expect("an alternation of escaped literals is a pattern")
});

/// All secrets in a text that have a known format, in order and without overlaps.
pub fn find_all(text: &str) -> Vec<FoundSecret> {
    let mut found = Vec::new();
    let mut state = ScanState::default();
    let mut at = 0;
    while let Some(anchor) = ANCHOR.find_at(text, at) {
        let outcome = match anchor.as_str() {
            ARMOR => private_key(text, anchor.start()),
            URL => url_password(text, anchor.start(), &mut state),
            JWT_START => json_web_token(text, anchor.start(), &mut state),
            prefix => token(text, anchor.start(), prefix),
        };
        match outcome {
            Ok(secret) => {
                at = secret.range.end;
                found.push(secret);
            }
            // Advance by at least one byte; anchors are ASCII, so this is a character boundary.
            Err(next) => at = next.max(anchor.start() + 1),
        }
    }
    found
}

/// What is known about the text ahead, so that it isn't scanned twice.
#[derive(Default)]
struct ScanState {
    /// No JSON Web Token starts before this offset.
    jwt_from: usize,
    /// The last scanned run of URL characters: its end, and its last `@`.
    run: Option<(usize, Option<usize>)>,
}

/// The end of a run of bytes that match, at most `max` bytes long.
fn run_end(bytes: &[u8], start: usize, max: usize, matches: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(start..).unwrap_or(&[]);
    start + rest.iter().take(max).take_while(|&&b| matches(b)).count()
}

/// Whether a token may start here: the byte before is not part of a word, or ends an escape such as `\n`.
fn starts_word(bytes: &[u8], at: usize) -> bool {
    match at.checked_sub(1).map(|before| bytes[before]) {
        Some(b) if b.is_ascii_alphanumeric() => at >= 2 && bytes[at - 2] == b'\\',
        _ => true,
    }
}

/// The token with this prefix, or the offset to continue at.
fn token(text: &str, start: usize, prefix: &str) -> Result<FoundSecret, usize> {
    let bytes = text.as_bytes();
    let format = TOKEN_FORMATS.iter().find(|format| format.prefix == prefix).ok_or(start + 1)?;
    if !starts_word(bytes, start) {
        return Err(start + 1);
    }
    let body = start + prefix.len();
    let end = run_end(bytes, body, format.max.saturating_add(1), format.body);
    let length = end - body;
    if length < format.min || length > format.max {
        return Err(start + 1);
    }
    if is_sample(&text[body..end]) {
        return Err(end);
    }
    Ok(found_secret(text, format.kind, format.prefix, start..end))
}

/// Whether the text after the prefix is a placeholder: `xxxx…`, `…EXAMPLE`, `your-key-here`.
fn is_sample(body: &str) -> bool {
    let head: String = body.bytes().take(256).map(|b| b.to_ascii_lowercase() as char).collect();
    let mut seen = [false; 128];
    let distinct = head.bytes().filter(|&b| !std::mem::replace(&mut seen[usize::from(b & 127)], true)).count();
    const MARKS: [&str; 9] =
        ["example", "placeholder", "changeme", "xxxxxxxx", "00000000", "your-", "your_", "-here", "_here"];
    distinct < 4 || MARKS.iter().any(|mark| head.contains(mark))
}

fn json_web_token(text: &str, start: usize, state: &mut ScanState) -> Result<FoundSecret, usize> {
    let bytes = text.as_bytes();
    if start < state.jwt_from || !starts_word(bytes, start) {
        return Err(start + 1);
    }
    let header = run_end(bytes, start, usize::MAX, dashed);
    if !bytes[header..].starts_with(b".eyJ") {
        state.jwt_from = header;
        return Err(start + 1);
    }
    let payload = run_end(bytes, header + 1, usize::MAX, dashed);
    let end = run_end(bytes, payload + 1, usize::MAX, dashed);
    if bytes.get(payload) != Some(&b'.') || end - payload < 11 {
        state.jwt_from = header;
        return Err(start + 1);
    }
    Ok(found_secret(text, JWT, JWT_START, start..end))
}

/// A private key in PEM armor (RFC 7468, or OpenSSH's or PGP's variant). Its range is the body; a header without a
/// body, as in a `grep`, is not a key.
fn private_key(text: &str, start: usize) -> Result<FoundSecret, usize> {
    let bytes = text.as_bytes();
    let label = start + ARMOR.len();
    let label_end = run_end(bytes, label, 48, |b| alnum_upper(b) || b == b' ');
    if !bytes[label_end..].starts_with(b"-----") || !text[label..label_end].contains("PRIVATE KEY") {
        return Err(start + 1);
    }
    let body = label_end + 5;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b.is_ascii_whitespace() || b"+/=\\,:-\"'.()".contains(&b);
    let mut end = body;
    let mut letters = 0;
    while let Some(&b) = bytes.get(end).filter(|&&b| allowed(b)) {
        if b == b'-' && bytes[end..].starts_with(b"-----") {
            break;
        }
        letters += usize::from(b.is_ascii_alphanumeric());
        end += 1;
    }
    if letters < 40 {
        return Err(end);
    }
    Ok(found_secret(text, PRIVATE_KEY, "", body..end))
}

/// The password in `scheme://user:password@host`. An unencoded `/` counts as part of the password.
fn url_password(text: &str, at: usize, state: &mut ScanState) -> Result<FoundSecret, usize> {
    let bytes = text.as_bytes();
    if at == 0 || !bytes[at - 1].is_ascii_alphanumeric() {
        return Err(at + 1);
    }
    let start = at + URL.len();
    let authority_end = run_end(bytes, start, usize::MAX, |b| !ends_url(b) && !b"/?#".contains(&b));
    let authority = &text[start..authority_end];
    let userinfo = match authority.rfind('@') {
        Some(i) => &authority[..i],
        None => match authority.split_once(':') {
            Some((user, rest)) if !user.starts_with('[') && (user.is_empty() || is_not_port(rest)) => {
                let last_at = match state.run {
                    Some((end, last_at)) if start < end => last_at,
                    _ => {
                        let end = run_end(bytes, start, usize::MAX, |b| !ends_url(b));
                        let last_at = text[start..end].rfind('@').map(|i| start + i);
                        state.run = Some((end, last_at));
                        last_at
                    }
                };
                match last_at {
                    Some(last_at) if last_at > start => &text[start..last_at],
                    _ => return Err(start),
                }
            }
            _ => return Err(start),
        },
    };
    let Some((user, password)) = userinfo.split_once(':') else { return Err(start) };
    if password.is_empty() || password == user || pair::is_placeholder(password) || pair::is_reference(password) {
        return Err(start);
    }
    let from = start + user.len() + 1;
    let range = from..from + password.len();
    let as_token = TOKEN_FORMATS.iter().find(|format| password.starts_with(format.prefix));
    match as_token.and_then(|format| token(text, from, format.prefix).ok()) {
        Some(secret) if secret.range == range => Ok(secret),
        _ => Ok(found_secret(text, URL_PASSWORD, "", range)),
    }
}

fn is_not_port(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['$', '{']) && !text.bytes().all(|b| b.is_ascii_digit())
}

fn ends_url(b: u8) -> bool {
    b.is_ascii_whitespace() || b"\"'`<>\\".contains(&b)
}
