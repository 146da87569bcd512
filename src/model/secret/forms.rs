//! Forms that tell a secret without its name: provider tokens, private keys, JSON Web Tokens, URLs with a password.
//!
//! One regex finds the places where a form may begin; what follows is checked by hand, because iterating over a regex
//! with open ends can cost the square of a hostile text. After a failure nothing is scanned twice that could fail
//! again.

use crate::model::secret::Spotted;
use crate::model::secret::pair;
use crate::model::secret::spotted;
use regex::Regex;
use std::sync::LazyLock;

/// A token that begins with a prefix which its provider documents.
struct Form {
    prefix: &'static str,
    kind: &'static str,
    body: fn(u8) -> bool,
    /// Bytes behind the prefix.
    min: usize,
    max: usize,
}

/// Lengths leave room for change where a provider promises none. `max` is `usize::MAX` where only a lower bound is
/// known.
const FORMS: &[Form] = &[
    open("github_pat_", "GitHub token", word, 40),
    open("ghp_", "GitHub token", alnum, 30),
    open("gho_", "GitHub token", alnum, 30),
    open("ghu_", "GitHub token", alnum, 30),
    open("ghs_", "GitHub token", alnum, 30),
    open("ghr_", "GitHub token", alnum, 30),
    open("glpat-", "GitLab token", dashed, 20),
    open("gldt-", "GitLab deploy token", dashed, 20),
    open("glrt-", "GitLab runner token", dashed, 20),
    open("glptt-", "GitLab trigger token", dashed, 20),
    exact("npm_", "npm token", alnum, 36),
    open("sk-proj-", "OpenAI key", dashed, 40),
    open("sk-svcacct-", "OpenAI key", dashed, 40),
    open("sk-admin-", "OpenAI key", dashed, 40),
    open("sk-ant-", "Anthropic key", dashed, 40),
    open("sk-or-", "OpenRouter key", dashed, 40),
    open("sk-", "OpenAI key", alnum, 32),
    open("sk_live_", "Stripe key", alnum, 20),
    open("rk_live_", "Stripe key", alnum, 20),
    open("whsec_", "Stripe webhook secret", alnum, 24),
    open("xoxb-", "Slack token", dashed, 20),
    open("xoxp-", "Slack token", dashed, 20),
    open("xoxa-", "Slack token", dashed, 20),
    open("xoxr-", "Slack token", dashed, 20),
    open("xoxs-", "Slack token", dashed, 20),
    open("xapp-", "Slack token", dashed, 20),
    open("https://hooks.slack.com/services/", "Slack webhook", slashed, 40),
    exact("AKIA", "AWS access key id", alnum_upper, 16),
    exact("ASIA", "AWS access key id", alnum_upper, 16),
    exact("AIza", "Google API key", dashed, 35),
    exact("GOCSPX-", "Google OAuth client secret", dashed, 28),
    open("ya29.", "Google access token", dashed, 30),
    open("hf_", "Hugging Face token", alnum, 30),
    open("pypi-AgE", "PyPI token", dashed, 50),
    exact("SG.", "SendGrid key", dotted, 66),
    open("dckr_pat_", "Docker Hub token", dashed, 24),
    open("dckr_oat_", "Docker Hub token", dashed, 24),
    exact("dop_v1_", "DigitalOcean token", alnum, 64),
    exact("shpat_", "Shopify token", alnum, 32),
    exact("shpss_", "Shopify secret", alnum, 32),
    open("lin_api_", "Linear key", alnum, 32),
    open("glsa_", "Grafana token", word, 38),
    open("hvs.", "Vault token", dashed, 24),
    exact("AGE-SECRET-KEY-1", "age key", alnum_upper, 58),
    exact("rubygems_", "RubyGems key", alnum, 48),
    open("tskey-auth-", "Tailscale key", dashed, 20),
    exact("gsk_", "Groq key", alnum, 52),
    exact("sbp_", "Supabase token", alnum, 40),
];

const fn open(prefix: &'static str, kind: &'static str, body: fn(u8) -> bool, min: usize) -> Form {
    Form { prefix, kind, body, min, max: usize::MAX }
}

const fn exact(prefix: &'static str, kind: &'static str, body: fn(u8) -> bool, length: usize) -> Form {
    Form { prefix, kind, body, min: length, max: length }
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

/// What kind a JSON Web Token is called.
pub const JWT: &str = "JSON Web Token";
/// What kind a key in PEM armour is called.
pub const PRIVATE_KEY: &str = "private key";
/// What kind the password of a URL is called.
pub const URL_PASSWORD: &str = "password in a URL";
/// Kinds that are public by design where a variable is: a browser's keys for Google services.
pub const GOOGLE_KEY: &str = "Google API key";

const ARMOUR: &str = "-----BEGIN ";
const URL: &str = "://";
const JWT_START: &str = "eyJ";

static ANCHOR: LazyLock<Regex> = LazyLock::new(|| {
    let prefixes = FORMS.iter().map(|form| form.prefix).chain([ARMOUR, URL, JWT_START]);
    let pattern = prefixes.map(regex::escape).collect::<Vec<_>>().join("|");
    Regex::new(&pattern).expect("an alternation of escaped literals is a pattern")
});

/// Every form in a text, in order, none overlapping another.
pub fn find_all(text: &str) -> Vec<Spotted> {
    let mut found = Vec::new();
    let mut marks = Marks::default();
    let mut at = 0;
    while let Some(anchor) = ANCHOR.find_at(text, at) {
        let outcome = match anchor.as_str() {
            ARMOUR => private_key(text, anchor.start()),
            URL => url_password(text, anchor.start(), &mut marks),
            JWT_START => json_web_token(text, anchor.start(), &mut marks),
            prefix => token(text, anchor.start(), prefix),
        };
        match outcome {
            Ok(spot) => {
                at = spot.range.end;
                found.push(spot);
            }
            // At least one byte on; anchors are ASCII, so this is a character boundary.
            Err(next) => at = next.max(anchor.start() + 1),
        }
    }
    found
}

/// What is already known about the text ahead, so that nothing is scanned again and again.
#[derive(Default)]
struct Marks {
    /// No JSON Web Token begins before this.
    jwt_from: usize,
    /// The last run without blanks and quotes that was looked through: its end, and its last `@`.
    run: Option<(usize, Option<usize>)>,
}

/// Where a run of bytes that pass ends.
fn run_end(bytes: &[u8], start: usize, max: usize, passes: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(start..).unwrap_or(&[]);
    start + rest.iter().take(max).take_while(|&&b| passes(b)).count()
}

/// A token may begin here: what stands before is no part of a word, or is an escape such as the `n` of `\n`.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    match at.checked_sub(1).map(|before| bytes[before]) {
        Some(b) if b.is_ascii_alphanumeric() => at >= 2 && bytes[at - 2] == b'\\',
        _ => true,
    }
}

/// The provider's token with this prefix; else where to look on.
fn token(text: &str, start: usize, prefix: &str) -> Result<Spotted, usize> {
    let bytes = text.as_bytes();
    let form = FORMS.iter().find(|form| form.prefix == prefix).ok_or(start + 1)?;
    if !begins_word(bytes, start) {
        return Err(start + 1);
    }
    let body = start + prefix.len();
    let end = run_end(bytes, body, form.max.saturating_add(1), form.body);
    let length = end - body;
    if length < form.min || length > form.max {
        return Err(start + 1);
    }
    if is_sample(&text[body..end]) {
        return Err(end);
    }
    Ok(spotted(text, form.kind, form.prefix, start..end))
}

/// Bodies that stand for a key: `xxxx…`, `…EXAMPLE`, `your-key-here`.
fn is_sample(body: &str) -> bool {
    let head: String = body.bytes().take(256).map(|b| b.to_ascii_lowercase() as char).collect();
    let mut seen = [false; 128];
    let distinct = head.bytes().filter(|&b| !std::mem::replace(&mut seen[usize::from(b & 127)], true)).count();
    const MARKS: [&str; 9] =
        ["example", "placeholder", "changeme", "xxxxxxxx", "00000000", "your-", "your_", "-here", "_here"];
    distinct < 4 || MARKS.iter().any(|mark| head.contains(mark))
}

fn json_web_token(text: &str, start: usize, marks: &mut Marks) -> Result<Spotted, usize> {
    let bytes = text.as_bytes();
    if start < marks.jwt_from || !begins_word(bytes, start) {
        return Err(start + 1);
    }
    let header = run_end(bytes, start, usize::MAX, dashed);
    if !bytes[header..].starts_with(b".eyJ") {
        marks.jwt_from = header;
        return Err(start + 1);
    }
    let payload = run_end(bytes, header + 1, usize::MAX, dashed);
    let end = run_end(bytes, payload + 1, usize::MAX, dashed);
    if bytes.get(payload) != Some(&b'.') || end - payload < 11 {
        marks.jwt_from = header;
        return Err(start + 1);
    }
    Ok(spotted(text, JWT, JWT_START, start..end))
}

/// A key in armour (RFC 7468, and OpenSSH's and PGP's like it). Its range is the body; a header without a body, as in a
/// `grep`, is no key.
fn private_key(text: &str, start: usize) -> Result<Spotted, usize> {
    let bytes = text.as_bytes();
    let label = start + ARMOUR.len();
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
    Ok(spotted(text, PRIVATE_KEY, "", body..end))
}

/// `scheme://user:password@host`. An unencoded `/` in the password is taken as people mean it.
fn url_password(text: &str, at: usize, marks: &mut Marks) -> Result<Spotted, usize> {
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
            Some((user, rest)) if !user.starts_with('[') && (user.is_empty() || no_port(rest)) => {
                let last_at = match marks.run {
                    Some((end, last_at)) if start < end => last_at,
                    _ => {
                        let end = run_end(bytes, start, usize::MAX, |b| !ends_url(b));
                        let last_at = text[start..end].rfind('@').map(|i| start + i);
                        marks.run = Some((end, last_at));
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
    let as_token = FORMS.iter().find(|form| password.starts_with(form.prefix));
    match as_token.and_then(|form| token(text, from, form.prefix).ok()) {
        Some(spot) if spot.range == range => Ok(spot),
        _ => Ok(spotted(text, URL_PASSWORD, "", range)),
    }
}

fn no_port(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['$', '{']) && !text.bytes().all(|b| b.is_ascii_digit())
}

fn ends_url(b: u8) -> bool {
    b.is_ascii_whitespace() || b"\"'`<>\\".contains(&b)
}
