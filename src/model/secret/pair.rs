//! Detects secrets in name-value pairs.
//!
//! Values that are clearly something else don't count: switches, numbers, paths, URLs, references to variables,
//! placeholders, public keys. Not here: classifying names (`name`), finding pairs in a text (`redact`).

use crate::model::secret::FoundSecret;
use crate::model::secret::formats;
use crate::model::secret::found_secret;
use crate::model::secret::name::NameHint;
use crate::model::secret::name::PUBLIC_WORDS;
use crate::model::secret::name::hint;
use crate::model::secret::name::words;

/// The kind of a secret that is detected only by its name.
pub const NAMED: &str = "recognized by name";

/// The first secret in the value of a variable or label. Its range is in `value`.
pub fn in_pair(name: &str, value: &str) -> Option<FoundSecret> {
    all_in_pair(name, value).into_iter().next()
}

/// All secrets in the value of a variable or label. Their ranges are in `value`.
pub fn all_in_pair(name: &str, value: &str) -> Vec<FoundSecret> {
    let words = words(name);
    let mut found = formats::find_all(value);
    if words.iter().any(|word| PUBLIC_WORDS.contains(&word.as_str())) {
        found.retain(|one| one.secret.kind != formats::JWT && one.secret.kind != formats::GOOGLE_KEY);
        return found;
    }
    if found.is_empty() && value_can_be_secret(hint(&words), value) {
        found.push(found_secret(value, NAMED, "", unquoted(value)));
    }
    if found.is_empty() {
        found.extend(in_settings(value));
    }
    found
}

/// The passwords in a connection string: `Server=db;Password=…`, `jdbc:…?user=a&password=…`, `host=db password=…`.
fn in_settings(value: &str) -> Vec<FoundSecret> {
    let mut found = Vec::new();
    let listed = value.contains([';', '&']) || value.contains('?');
    let is_dsn = value.split_whitespace().next().is_some_and(|first| first.contains('='));
    if !listed && !is_dsn || value.contains("docker ") {
        return found;
    }
    let ends = |c: char| matches!(c, ';' | '&' | '?') || (is_dsn && c.is_whitespace());
    let mut start = 0;
    for part in value.split(ends) {
        if let Some((name, inner)) = part.split_once('=')
            && value_can_be_secret(hint(&words(name.trim())), inner)
        {
            let from = start + name.len() + 1;
            found.push(found_secret(value, "password in a connection string", "", from..from + inner.len()));
        }
        start += part.len();
        start += value[start..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

/// How many bytes of a value are checked for placeholders, references and other patterns.
const VALUE_BYTES: usize = 512;

/// Whether a value counts as a secret, given what its name suggests.
pub fn value_can_be_secret(hint: NameHint, value: &str) -> bool {
    let value = &value[unquoted(value)];
    let plausible = value.len() >= 4
        && !is_switch(value)
        && !is_number(value)
        && !is_path(value)
        && !head(value).contains("://")
        && !is_reference(value)
        && !is_placeholder(value)
        && !is_public(value)
        && head(value).split_whitespace().count() <= 4;
    match hint {
        NameHint::None => false,
        NameHint::Possible => plausible && looks_random(value),
        NameHint::Secret | NameHint::Password => plausible,
    }
}

/// The range of a value without surrounding whitespace and one pair of quotes.
fn unquoted(value: &str) -> std::ops::Range<usize> {
    let start = value.len() - value.trim_start().len();
    let end = start + value.trim().len();
    let inner = &value[start..end];
    for quote in ['"', '\''] {
        if inner.len() >= 2 && inner.starts_with(quote) && inner.ends_with(quote) {
            return start + 1..end - 1;
        }
    }
    start..end
}

fn head(value: &str) -> &str {
    let mut end = value.len().min(VALUE_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}

fn is_switch(value: &str) -> bool {
    const SWITCHES: &[&str] = &[
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "none",
        "null",
        "nil",
        "undefined",
        "enabled",
        "disabled",
        "auto",
        "default",
        "optional",
        "required",
        "basic",
        "bearer",
        "oauth",
        "oauth2",
        "ldap",
        "oidc",
        "saml",
        "local",
        "unused",
        "unset",
        "notused",
        "ignored",
        "empty",
        "trust",
        "md5",
        "scram-sha-256",
        "bcrypt",
        "always",
        "never",
        "prompt",
        "ask",
        "file",
        "env",
        "vault",
        "kubernetes",
        "memory",
    ];
    value.len() <= 16 && SWITCHES.contains(&value.to_ascii_lowercase().as_str())
}

/// Whether a value is a number, duration or version: `30`, `1.5`, `15m`, `v1.2.3-rc1`, `0.21.4-r0`.
fn is_number(value: &str) -> bool {
    let text = value.strip_prefix('v').unwrap_or(value);
    if value.len() > 24 || !text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') {
        return false;
    }
    let only_digits = text.bytes().all(|b| b.is_ascii_digit() || b"._,-".contains(&b));
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_duration = matches!(unit, "ms" | "s" | "m" | "h" | "d" | "w" | "k" | "kb" | "mb" | "min");
    let dotted = text.split(['-', '+']).next().unwrap_or("");
    let is_version = dotted.matches('.').count() >= 1
        && dotted.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.len() - dotted.len() <= 8;
    only_digits || is_duration || is_version
}

/// Whether a value is an absolute, relative or Windows path. Random text is not: base64 may start with `/` too.
fn is_path(value: &str) -> bool {
    let windows = value.as_bytes();
    if windows.len() > 2 && windows[0].is_ascii_alphabetic() && windows[1] == b':' && windows[2] == b'\\' {
        return true;
    }
    if !["/", "./", "../", "~/"].iter().any(|start| value.starts_with(start)) {
        return false;
    }
    let value = head(value);
    !value.ends_with('=') && !value.contains('+') && !value.split('/').any(|part| part.len() >= 20 && is_mixed(part))
}

/// Whether a text has lower-case letters, upper-case letters and digits.
fn is_mixed(text: &str) -> bool {
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

fn looks_random(value: &str) -> bool {
    let value = head(value);
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    value.len() >= 16 && has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit) && !value.contains(' ')
}

/// Whether a value is a reference: `$VAR`, `${VAR}`, `$(command)`, `{{ template }}`, `%VAR%`, `<name>`, or an address
/// in a secret store.
pub fn is_reference(value: &str) -> bool {
    let value = head(value);
    let variable = value.strip_prefix('$').is_some_and(|rest| {
        // `$ecret123` is a password, `$SECRET_123` and `$secret` are variables.
        let leet = rest.bytes().any(|b| b.is_ascii_digit()) && rest.bytes().any(|b| b.is_ascii_lowercase());
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !leet
    });
    let stores = ["op://", "vault:", "secretref:", "ssm:", "arn:aws:", "projects/"];
    variable
        || ["${", "$(", "{{", "%("].iter().any(|mark| value.contains(mark))
        || value.starts_with('<') && value.ends_with('>')
        || value.len() > 2 && value.starts_with('%') && value.ends_with('%')
        || stores.iter().any(|store| value.starts_with(store))
}

/// Whether a value is a public key or certificate.
fn is_public(value: &str) -> bool {
    let starts =
        ["ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-", "-----BEGIN PUBLIC", "-----BEGIN CERT", "-----BEGIN RSA PUBLIC"];
    // A private key is detected by its format; a header without a body is not a secret.
    value.starts_with("-----BEGIN ") || starts.iter().any(|start| value.starts_with(start))
}

/// Whether a value is a placeholder, or a sample from a provider's documentation.
pub fn is_placeholder(value: &str) -> bool {
    const SAMPLES: &[&str] = &[
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AKIAIOSFODNN7EXAMPLE",
        "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
        "x-oauth-basic",
        "x-access-token",
    ];
    const WHOLE: &[&str] = &[
        "password",
        "passwd",
        "pass",
        "pwd",
        "secret",
        "token",
        "test",
        "testing",
        "changeme",
        "changethis",
        "todo",
        "tbd",
        "fixme",
        "foo",
        "bar",
        "foobar",
        "user",
        "username",
        "mypassword",
        "mysecret",
        "mytoken",
        "apikey",
        "secretkey",
        "yourpassword",
        "yoursecret",
        "supersecret",
        "hidden",
        "redacted",
        "masked",
        "notset",
        "value",
        "string",
        "key",
        "string123",
        "password123",
        "hostname",
    ];
    const PARTS: &[&str] = &[
        "example",
        "placeholder",
        "changeme",
        "change",
        "dummy",
        "your",
        "fake",
        "sample",
        "replace",
        "replaceme",
        "insert",
        "todo",
        "mock",
        "redacted",
        "notasecret",
        "buildtime",
        "unused",
    ];
    let value = head(value);
    if SAMPLES.contains(&value) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    let letters: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    if letters.is_empty() || WHOLE.contains(&letters.as_str()) {
        // `***` and `...` are placeholders; other symbols may be a password.
        return !letters.is_empty() || value.chars().all(|c| matches!(c, '*' | '.' | '-' | '_' | '?' | '#'));
    }
    let first = letters.chars().next();
    if letters.chars().all(|c| Some(c) == first) || letters.starts_with("xxx") && letters.ends_with("xxx") {
        return true;
    }
    let mut parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let hides_more = parts.clone().any(|part| {
        part.len() >= 16 && part.bytes().any(|b| b.is_ascii_digit()) && part.bytes().any(|b| b.is_ascii_alphabetic())
    });
    !hides_more && parts.any(|part| PARTS.contains(&part))
}
