//! Classifies the names of variables, labels and options.
//!
//! Names are judged by whole words (`DB_PASSWORD`, `dbPassword`, `db.password`), so `COMPASS_HOME` and
//! `TOKENIZERS_PARALLELISM` don't match. Not here: values (`pair`).

/// What a name suggests about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameHint {
    /// Not a secret.
    None,
    /// Possibly a secret, if the value looks random.
    Possible,
    /// A secret.
    Secret,
    /// A password, which may also be a number.
    Password,
}

/// How many bytes at the end of a name are classified.
const NAME_BYTES: usize = 256;

/// The words of a name in upper case, split at `camelCase` humps and at all characters except letters and digits.
/// Digits at the end of a word are dropped (`PASSWORD2`).
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

/// Words of names whose values are public: `NEXT_PUBLIC_…`, `PUBLIC_KEY`.
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

/// Words before `KEY` that make it a secret.
const SECRET_KEYS: &[&str] = &["API", "PRIVATE", "ACCESS", "SECRET", "ENCRYPTION", "SIGNING", "MASTER", "AUTH", "HMAC"];

/// Words before `KEY` that may make it a secret.
const POSSIBLE_KEYS: &[&str] =
    &["APP", "SSH", "DEPLOY", "LICENSE", "ACCOUNT", "STORAGE", "SESSION", "COOKIE", "JWT", "CRYPTO"];

/// Last words of names whose values describe a secret but are not one.
const DESCRIPTIVE_WORDS: &[&str] = &[
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
    "HASHER",
    "HASHERS",
    "HASHING",
    "CIPHER",
    "ENCODER",
    "ENGINE",
    "STRATEGY",
    "VALIDATOR",
    "VALIDATORS",
    "VALIDATION",
    "GENERATOR",
    "STRENGTH",
    "ROUNDS",
    "COST",
    "ITERATIONS",
    "RULES",
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

/// Classifies a name by its words.
pub fn hint(words: &[String]) -> NameHint {
    let Some(last) = words.last() else { return NameHint::None };
    let holds = |list: &[&str], word: &str| list.contains(&word);
    if holds(DESCRIPTIVE_WORDS, last)
        || words.iter().any(|word| holds(PUBLIC_WORDS, word))
        || words.iter().any(|word| matches!(word.as_str(), "CHECKSUM" | "FINGERPRINT"))
    {
        return NameHint::None;
    }
    let is_password =
        |word: &String| holds(PASSWORD_WORDS, word) || word.ends_with("PASSWORD") || word.ends_with("PASSWD");
    // The shell's PWD is a path.
    if words.iter().any(is_password) && !(words.len() == 1 && last == "PWD") {
        return NameHint::Password;
    }
    let key_of = |list: &[&str]| {
        words.windows(2).any(|pair| holds(list, &pair[0]) && matches!(pair[1].as_str(), "KEY" | "KEYS"))
    };
    if words.iter().any(|word| holds(SECRET_WORDS, word)) || key_of(SECRET_KEYS) {
        return NameHint::Secret;
    }
    if matches!(last.as_str(), "AUTH" | "TOKENS" | "JWT" | "SALT" | "APPKEY") || key_of(POSSIBLE_KEYS) {
        return NameHint::Possible;
    }
    NameHint::None
}
