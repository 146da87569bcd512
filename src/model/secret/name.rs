//! What a name says about its value.
//!
//! Names are judged by their whole words (`DB_PASSWORD`, `dbPassword`, `db.password`), so `COMPASS_HOME` and
//! `TOKENIZERS_PARALLELISM` say nothing. Not here: values (`pair`).

/// How clearly a name says "secret".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It does not.
    Nothing,
    /// Perhaps: only a value that looks random counts.
    Perhaps,
    /// It does.
    Secret,
    /// It says "password", which may also be a number.
    Password,
}

/// Bytes of a name that are looked at; its end says most.
const NAME_BYTES: usize = 256;
/// The words of a name in capitals, split at anything but letters and digits, and where `camelCase` has its humps.
/// Digits at a word's end do not count (`PASSWORD2`).
pub fn words(name: &str) -> Vec<String> {
    let bytes = name.as_bytes();
    let bytes = &bytes[bytes.len().saturating_sub(NAME_BYTES)..];
    let mut words = Vec::new();
    let mut word = String::new();
    for (i, &b) in bytes.iter().enumerate() {
        let lower = |at: Option<&u8>| at.is_some_and(u8::is_ascii_lowercase);
        let hump = b.is_ascii_uppercase()
            && i > 0
            && (lower(bytes.get(i - 1)) || bytes[i - 1].is_ascii_uppercase() && lower(bytes.get(i + 1)));
        if hump || !b.is_ascii_alphanumeric() {
            words.push(std::mem::take(&mut word));
        }
        if b.is_ascii_alphanumeric() {
            word.push(b.to_ascii_uppercase() as char);
        }
    }
    words.push(word);
    for word in &mut words {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        if letters >= 3 && !word.starts_with("SHA") && word != "MD5" {
            word.truncate(letters);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Names with these words are public: `NEXT_PUBLIC_…`, `PUBLIC_KEY`.
pub const PUBLIC_WORDS: &[&str] = &["PUBLIC", "PUBLISHABLE", "PUB"];

const PASSWORD_WORDS: &[&str] = &["PASSWORD", "PASSWD", "PASSPHRASE", "PASSWORDS", "PASS", "PWD", "PASSWRD"];

const SECRET_WORDS: &[&str] = &[
    "SECRET",
    "SECRETS",
    "TOKEN",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "APIKEY",
    "PRIVATEKEY",
    "ACCESSKEY",
    "SECRETKEY",
    "AUTHTOKEN",
    "ACCESSTOKEN",
    "APITOKEN",
    "CLIENTSECRET",
    "AUTHKEY",
    "ENCRYPTIONKEY",
    "SIGNINGKEY",
];

/// What turns `KEY` into a secret.
const SECRET_KEYS: &[&str] = &["API", "PRIVATE", "ACCESS", "SECRET", "ENCRYPTION", "SIGNING", "MASTER", "AUTH", "HMAC"];

/// What may turn `KEY` into a secret.
const PERHAPS_KEYS: &[&str] =
    &["APP", "SSH", "DEPLOY", "LICENSE", "ACCOUNT", "STORAGE", "SESSION", "COOKIE", "JWT", "CRYPTO"];

/// Where a name ends so, its value is about a secret, not the secret.
const ABOUT: &[&str] = &[
    "FILE",
    "FILES",
    "FILENAME",
    "PATH",
    "PATHS",
    "DIR",
    "DIRECTORY",
    "FOLDER",
    "URL",
    "URI",
    "URLS",
    "HOST",
    "HOSTS",
    "HOSTNAME",
    "PORT",
    "VERSION",
    "NAME",
    "NAMES",
    "ID",
    "IDS",
    "TYPE",
    "MODE",
    "ENABLED",
    "DISABLED",
    "ENABLE",
    "DISABLE",
    "ALGORITHM",
    "ALG",
    "ISSUER",
    "AUDIENCE",
    "TTL",
    "EXPIRY",
    "EXPIRES",
    "EXPIRATION",
    "EXPIRE",
    "LIFETIME",
    "AGE",
    "MINUTES",
    "SECONDS",
    "HOURS",
    "DAYS",
    "TIMEOUT",
    "LENGTH",
    "SIZE",
    "COUNT",
    "MIN",
    "MAX",
    "LIMIT",
    "LIMITS",
    "METHOD",
    "METHODS",
    "PROVIDER",
    "PROVIDERS",
    "BACKEND",
    "BACKENDS",
    "DRIVER",
    "PLUGIN",
    "SCHEME",
    "SCHEMES",
    "REALM",
    "HEADER",
    "HEADERS",
    "PREFIX",
    "SUFFIX",
    "FIELD",
    "PARAM",
    "PARAMETER",
    "ENDPOINT",
    "SERVER",
    "SERVICE",
    "REGION",
    "ZONE",
    "ALIAS",
    "LABEL",
    "USER",
    "USERNAME",
    "EMAIL",
    "CLASS",
    "MODULE",
    "FORMAT",
    "ENCODING",
    "CMD",
    "COMMAND",
    "SCRIPT",
    "POLICY",
    "LEVEL",
    "SCOPE",
    "SCOPES",
    "STORE",
    "MANAGER",
    "REF",
    "ARN",
    "LOCATION",
    "CHECKSUM",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "SHA512",
    "MD5",
    "DIGEST",
    "FINGERPRINT",
    "CERT",
    "CERTIFICATE",
    "SOCK",
    "SOCKET",
    "SOURCE",
    "TEMPLATE",
    "PATTERN",
    "REGEX",
    "REQUIRED",
    "OPTIONAL",
    "ROTATION",
    "SYMBOLS",
    "DESCRIPTION",
    "HINT",
    "PROMPT",
    "STRENGTH",
    "ROUNDS",
    "COST",
    "ENGINE",
    "VALIDATOR",
    "VALIDATORS",
    "HELPER",
    "STDIN",
    "PROTOCOL",
];

/// What a name's words say.
pub fn says(words: &[String]) -> Says {
    let Some(last) = words.last() else { return Says::Nothing };
    let holds = |list: &[&str], word: &str| list.contains(&word);
    if holds(ABOUT, last)
        || words.iter().any(|word| holds(PUBLIC_WORDS, word))
        || words.iter().any(|word| matches!(word.as_str(), "CHECKSUM" | "FINGERPRINT"))
    {
        return Says::Nothing;
    }
    let is_password =
        |word: &String| holds(PASSWORD_WORDS, word) || word.ends_with("PASSWORD") || word.ends_with("PASSWD");
    // The shell's own PWD and OLDPWD are paths.
    if words.iter().any(is_password) && !(words.len() == 1 && last == "PWD") {
        return Says::Password;
    }
    let key_of = |list: &[&str]| {
        words.windows(2).any(|pair| holds(list, &pair[0]) && matches!(pair[1].as_str(), "KEY" | "KEYS"))
    };
    if words.iter().any(|word| holds(SECRET_WORDS, word)) || key_of(SECRET_KEYS) {
        return Says::Secret;
    }
    if matches!(last.as_str(), "AUTH" | "TOKENS" | "JWT" | "SALT" | "APPKEY") || key_of(PERHAPS_KEYS) {
        return Says::Perhaps;
    }
    Says::Nothing
}
