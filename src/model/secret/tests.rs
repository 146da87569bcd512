//! Secrets that must be detected, values that must not, and redaction.

use crate::model::secret::Redactor;
use crate::model::secret::in_pair;
use crate::model::secret::redact_text;

const GITHUB: &str = "ghp_yMSi3sec1NKL4vTT6YSXeMZgpRH59kMZtgWa";

fn kind(name: &str, value: &str) -> Option<(&'static str, &'static str, usize)> {
    in_pair(name, value).map(|found| (found.secret.kind, found.secret.prefix, found.secret.length))
}

#[test]
fn ignores_names_and_values_that_only_resemble_secrets() {
    for (name, value) in [
        ("ACCESS_LOG", "/dev/stdout"),
        ("KEYCLOAK_HOST", "auth.internal"),
        ("PASSENGER_VERSION", "6.0"),
        ("MONKEY_MODE", "off"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("COMPASS_HOME", "/opt"),
        ("PUBLIC_KEY_URL", "https://x/jwks"),
        ("PASSWORD_FILE", "/run/secrets/db"),
        ("GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"),
        ("PYTHON_SHA256", "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640"),
        ("PATH", "/usr/local/bin:/usr/bin"),
        ("LANG", "C.UTF-8"),
        ("NODE_VERSION", "20.18.0"),
        ("YARN_VERSION", "1.22.22"),
        ("NEXT_PUBLIC_API_BASE_URL", "https://api.example.invalid"),
        ("NEXT_PUBLIC_AUTH_TOKEN", "Zm9vYmFyYmF6cXV4MTIzNDU2"),
        ("libsecret", "0.21.4-r0"),
        ("API_KEY", ""),
        ("OPENAI_API_KEY", "sk-your-key-here"),
        ("DB_PASSWORD", "changeme"),
        ("DB_PASSWORD", "${DB_PASSWORD}"),
        ("DB_PASSWORD", "<your password>"),
        ("SECRET_KEY", "xxxxxxxxxxxxxxxx"),
        ("DATABASE_URL", "postgresql://user:password@localhost:5432/app"),
        ("DATABASE_URL", "postgresql://app:${DB_PASSWORD}@db/app"),
        ("DATABASE_URL", "postgresql://db:5432/app"),
        ("REGISTRY", "http://registry:5000/path@sha256:abc"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "30"),
        ("JWT_SECRET_ALGORITHM", "HS256"),
        ("PWD", "/app"),
        ("SSH_AUTH_SOCK", "/tmp/agent"),
        ("AUTH", "required"),
        ("DEPLOY_PUBLIC_KEY", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB"),
        ("EQUALS", "k=v=w"),
        ("TOKEN_TTL", "15m"),
    ] {
        assert_eq!(in_pair(name, value), None, "{name}={value}");
    }
}

#[test]
fn finds_secrets_with_kind_prefix_and_length() {
    let named = "recognized by name";
    assert_eq!(kind("DB_PASSWORD", "hunter2hunter2"), Some((named, "", 14)));
    assert_eq!(kind("DB_PASSWORD", "abc=topsecretrest"), Some((named, "", 17)));
    assert_eq!(kind("dbPassword", "realone1234"), Some((named, "", 11)));
    assert_eq!(kind("DB_PASS", "'Tr0ub4dor&3'"), Some((named, "", 11)));
    assert_eq!(kind("BETTER_AUTH_SECRET", "8eaE9gB9BeiF0W1RAAPh8aSXGKlhSodC"), Some((named, "", 32)));
    let aws = "vasZYOI/+eMs/92mohD6QdpXt8Wv7+xxSNrVLSRA";
    assert_eq!(kind("AWS_SECRET_ACCESS_KEY", aws), Some((named, "", 40)));
    assert_eq!(kind("AWS_ACCESS_KEY_ID", "AKIAMECHQMGH3VMNUNQG"), Some(("AWS access key id", "AKIA", 20)));
    assert_eq!(kind("t", GITHUB), Some(("GitHub token", "ghp_", 40)));
    assert_eq!(kind("NPM_TOKEN", "npm_irgeHpcjT18mi5PVNOCZcMsnhRq4aDSxzsmh"), Some(("npm token", "npm_", 40)));
    let openai = "sk-proj-wSyTZGP9QTp4grdZ05fMVT7TO6lBSZf9vEn91EGz4H94V8NwBszZXQurEDebesCUHTvDVsnSEuT3BlbkFJ6dDXG2";
    assert_eq!(kind("OPENAI_API_KEY", openai), Some(("OpenAI key", "sk-proj-", openai.len())));
    assert_eq!(kind("NEXT_PUBLIC_X", openai).map(|found| found.0), Some("OpenAI key"));
    let url = "postgres://app:Sup3rS3cret@db.prod.internal:5432/app";
    let found = in_pair("DATABASE_URL", url).expect("a password in a URL");
    assert_eq!((found.secret.kind, &url[found.range]), ("password in a URL", "Sup3rS3cret"));
    let odd = "redis://:ab/c+d==@cache:6379/0";
    assert_eq!(&odd[in_pair("REDIS_URL", odd).expect("found").range], "ab/c+d==");
    let dsn = "Server=db;User=app;Password=hunter2x;";
    assert_eq!(&dsn[in_pair("CONNECTION", dsn).expect("found").range], "hunter2x");
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
    assert_eq!(kind("X", jwt).map(|found| found.0), Some("JSON Web Token"));
    let key =
        format!("-----BEGIN RSA PRIVATE KEY-----\\n{}\\n-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA7".repeat(9));
    assert_eq!(kind("X", &key).map(|found| found.0), Some("private key"));
    assert_eq!(kind("X", "grep -l '-----BEGIN RSA PRIVATE KEY-----' /etc"), None);
}

#[test]
fn redacts_whole_secrets() {
    for (text, secret, rest) in [
        ("|2 GITHUB_TOKEN=abcdef123 OTHER=x /bin/sh -c make", "abcdef123", "OTHER=x /bin/sh -c make"),
        ("ENV ACCESS_LOG=x DB_PASSWORD=realone1234", "realone1234", "ENV ACCESS_LOG=x DB_PASSWORD="),
        ("ENV DB_PASSWORD=abc=topsecretrest", "topsecretrest", "ENV DB_PASSWORD="),
        ("ENV DB_PASSWORD my secret phrase9", "phrase9", "ENV DB_PASSWORD "),
        ("RUN echo don't && export API_TOKEN='realone1234' && make", "realone1234", " && make"),
        ("RUN export TOKEN=abc123\"d e\"f && make", "d e", " && make"),
        ("RUN x --password=realone1234 --port 80", "realone1234", " --port 80"),
        ("RUN x --api-token realone1234 y", "realone1234", " y"),
        ("CMD [\"x\" \"--password=realone1234\" \"--port\" \"80\"]", "realone1234", "\" \"--port\" \"80\"]"),
        ("CMD [\"x\", \"--token\", \"realone1234\", \"y\"]", "realone1234", "\", \"y\"]"),
        ("RUN curl -u bob:realone1234 https://x/y", "realone1234", " https://x/y"),
        ("RUN curl -H 'Authorization: Bearer realone1234' https://x", "realone1234", "' https://x"),
        ("RUN curl -H \"X-Api-Key: realone1234\" https://x", "realone1234", "\" https://x"),
        ("RUN echo '{\"password\": \"realone1234\"}' > /x", "realone1234", "\"}' > /x"),
        ("RUN sshpass -p realone1234 ssh h", "realone1234", " ssh h"),
        ("RUN docker login -u bob -p realone1234 r.io", "realone1234", " r.io"),
        ("RUN mysql -u root -prealone1234 -e x", "realone1234", " -e x"),
        ("RUN git clone https://bob:realone1234@git.io/x", "realone1234", "@git.io/x"),
        ("RUN echo machine x login bob password realone1234", "realone1234", "machine x login bob"),
        ("RUN PASSWORD=12345678 make", "12345678", " make"),
        ("RUN echo \"//npm.io/:_authToken=realone1234\" > /root/.npmrc", "realone1234", "\" > /root/.npmrc"),
        ("LABEL a=ghp_yMSi3sec1NKL4vTT6YSXeMZgpRH59kMZtgWa b=c", "yMSi", " b=c"),
        ("RUN printf 'x\\nghp_yMSi3sec1NKL4vTT6YSXeMZgpRH59kMZtgWa'", "yMSi", "printf"),
    ] {
        let shown = redact_text(text);
        assert!(!shown.contains(secret), "{text}\n{shown}");
        assert!(shown.contains(rest), "{text}\n{shown}");
        assert!(shown.contains("[redacted: "), "{text}\n{shown}");
    }
    let shown = redact_text(&format!("ARG GITHUB_TOKEN={GITHUB}"));
    assert_eq!(shown, "ARG GITHUB_TOKEN=[redacted: GitHub token ghp_…, 40 characters]");
}

#[test]
fn leaves_text_without_secrets_unchanged() {
    for text in [
        "RUN apk add libsecret=0.21.4-r0 keyutils=1.6.3-r3",
        "ENV PATH=/usr/local/bin:/usr/bin PYTHON_VERSION=3.13.5",
        "RUN echo \"//npm.example.invalid/:_authToken=$NPM_TOKEN\" > /root/.npmrc",
        "RUN --mount=type=secret,id=npm_token npm ci",
        "COPY --chown=auth:auth . .",
        "RUN useradd -u 1000 app && mkdir -p /run/secrets",
        "HEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1",
        "RUN docker login -u bob --password-stdin r.io",
        "RUN set -eux; savedAptMark=\"$(apt-mark showmanual)\"; apt-get update",
        "Größe ✓",
        "",
    ] {
        assert_eq!(redact_text(text), text);
    }
}

#[test]
fn redacts_known_values_everywhere() {
    let long = "q7".repeat(60);
    let other = format!("{}zz", "q7".repeat(40));
    let redactor = Redactor::new([
        ("DB_PASSWORD", "hunter2"),
        ("SECOND_PASSWORD", "hunter2hunter2"),
        ("PIN_SECRET", "abcd"),
        ("LONG_SECRET", long.as_str()),
        ("OTHER_SECRET", other.as_str()),
        ("HOME", "/home/app"),
        ("QUOTED_SECRET", "pass\"word\\9"),
    ]);
    let text = format!("echo hunter2hunter2 xhunter2y abcd {long} /home/app {other} {long}tail pass\\\"word\\\\9 ü");
    let shown = redactor.redact(&text);
    for secret in ["hunter2", "q7", "zz", "word\\\\9"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains(" abcd ") && shown.contains("/home/app") && shown.ends_with(" ü"), "{shown}");
    assert!(shown.contains("x[redacted: recognized by name, 7 characters]y"), "{shown}");
    assert!(!format!("{redactor:?}").contains("hunter"));
}

#[test]
fn redacts_hostile_text_in_linear_time() {
    // A quadratic scan of this size takes minutes.
    const BYTES: usize = 256 << 10;
    for part in [
        "eyJ-AKIA0123456789ABCDEF-",
        "eyJ.eyJ",
        "://",
        "a://a:b/",
        "x://:/",
        "TOKEN=a://",
        "TOKEN=${",
        "TOKEN='",
        "TOKEN=\"",
        "TOKEN=\\\"",
        "TOKEN",
        "--token ",
        "-----BEGIN PRIVATE KEY-----",
        "glpat-exampleglpat-",
        "\\",
        "\"",
        "token: ",
        "login a -p ",
        "mysql -",
        "-u :",
        "ghp_",
        "authorization: bearer ",
        "PASSWORD=;",
        "ü=",
        "TOKEN=ü\\",
    ] {
        let text = part.repeat(BYTES / part.len());
        let started = std::time::Instant::now();
        let _ = redact_text(&text);
        let _ = in_pair("PASSWORD", &text);
        assert!(started.elapsed().as_secs() < 10, "{part}: {:?}", started.elapsed());
    }
    let values: Vec<String> = (0..5000).map(|i| format!("{}{i:04}", "a1".repeat(40))).collect();
    let redactor = Redactor::new(values.iter().map(|value| ("SECRET", value.as_str())));
    let text = "a1".repeat(BYTES / 2);
    let started = std::time::Instant::now();
    assert!(redactor.redact(&text).len() < 1000);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

proptest::proptest! {
    #[test]
    fn redacts_any_text_without_panic(parts in proptest::collection::vec(proptest::prop_oneof![
        "TOKEN|PASSWORD|ü|\\\\|\"|'|=|:| |--token|-u a:b|://|a@|ghp_|eyJ|-----BEGIN |PRIVATE KEY-----|;|curl|\n",
        ".{0,4}",
    ], 0..40)) {
        let text = parts.concat();
        let _ = redact_text(&text);
        let _ = Redactor::new([("PASSWORD", text.as_str())]).redact(&text);
        let _ = in_pair(&text, &text);
    }
}
