//! Reconstructs Dockerfile instructions from history entries.
//!
//! Each builder formats history differently: BuildKit writes `RUN /bin/sh -c x # buildkit`, the classic builder and
//! buildah write `/bin/sh -c #(nop) CMD ["x"]` and `|1 ARG=v /bin/sh -c x`, kaniko writes the line of the Dockerfile.
//! What a builder omits (the stage of a `COPY --from`, the name of a copied file) is not guessed. Sources: moby
//! `builder/dockerfile/dispatchers.go`, BuildKit `frontend/dockerfile/dockerfile2llb/convert.go`. Not here: pairing
//! instructions with layers.

use crate::model::config::History;
use crate::model::config::ImageConfig;
use crate::model::image::Instruction;
use crate::model::secret::Redactor;

const KEYWORDS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The instruction of a history entry, with secrets redacted. The caller sets its layer.
pub fn instruction(entry: &History, redactor: &Redactor) -> Instruction {
    let (keyword, text) = match keyword_and_arguments(entry.created_by.trim()) {
        Some((keyword, rest)) => (keyword.to_string(), format!("{keyword} {rest}").trim_end().to_string()),
        // Tools that leave `created_by` empty (umoci, nix) may set the comment.
        None if entry.created_by.trim().is_empty() => (String::new(), entry.comment.trim().to_string()),
        None => (String::new(), entry.created_by.trim().to_string()),
    };
    Instruction { keyword, text: redactor.redact(&text), raw: redactor.redact(&entry.created_by), layer: None }
}

/// A redactor for the secrets in an image's variables, labels and build arguments.
pub fn redactor(config: &ImageConfig) -> Redactor {
    let env = config.run.env.iter().map(|pair| pair.split_once('=').unwrap_or(("", pair)));
    let labels = config.run.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let arguments: Vec<(String, String)> =
        config.history.iter().flatten().flat_map(|entry| build_args(&entry.created_by)).collect();
    let arguments = arguments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Redactor::new(env.chain(labels).chain(arguments))
}

/// The build arguments of a history entry, from `|2 A=x B=y /bin/sh -c …` or `ARG A=x`.
pub fn build_args(created_by: &str) -> Vec<(String, String)> {
    let text = without_buildkit_mark(created_by.trim());
    if let Some((_, rest)) = no_operation(text)
        && let Some(argument) = rest.strip_prefix("ARG ")
    {
        return assignment(argument).into_iter().collect();
    }
    if let Some(argument) = text.strip_prefix("ARG ") {
        return assignment(argument).into_iter().collect();
    }
    let text = text.strip_prefix("RUN ").unwrap_or(text);
    arguments(text).map_or_else(Vec::new, |(arguments, _)| arguments)
}

fn assignment(text: &str) -> Option<(String, String)> {
    let (name, value) = text.trim().split_once('=')?;
    Some((name.to_string(), value.to_string()))
}

/// The keyword and the rest of the instruction, or `None` if the entry has no known form.
fn keyword_and_arguments(created_by: &str) -> Option<(&'static str, String)> {
    let text = without_buildkit_mark(created_by);
    if let Some((_, rest)) = no_operation(text) {
        let (keyword, rest) = keyword(rest)?;
        return Some((keyword, as_written(keyword, rest)));
    }
    // Windows' `cmd /S /C` is not a CMD instruction.
    if let Some(command) = shell_command(text) {
        return Some(("RUN", command.to_string()));
    }
    match keyword(text) {
        Some(("RUN", rest)) => Some(("RUN", command(rest).unwrap_or(rest).to_string())),
        Some((keyword, rest)) => Some((keyword, as_written(keyword, rest))),
        None => command(text).map(|command| ("RUN", command.to_string())),
    }
}

/// The text without a trailing `# buildkit`.
fn without_buildkit_mark(text: &str) -> &str {
    text.strip_suffix("# buildkit").map_or(text, str::trim_end)
}

/// The shell and the instruction of `/bin/sh -c #(nop) INSTRUCTION`, which the classic builder writes if nothing ran.
fn no_operation(text: &str) -> Option<(&str, &str)> {
    let (shell, rest) = text.split_once("#(nop)")?;
    let is_shell = shell.len() <= 4096 && !shell.contains(['"', '\'', ';']) && !shell.starts_with("RUN ");
    let last = shell.split_whitespace().next_back()?;
    let runs = last.starts_with('-') && last.ends_with('c') || matches!(last, "/C" | "/c" | "-Command");
    (is_shell && runs).then(|| (shell, rest.trim_start()))
}

fn keyword(text: &str) -> Option<(&'static str, &str)> {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let keyword = KEYWORDS.iter().find(|keyword| keyword.eq_ignore_ascii_case(first))?;
    Some((keyword, rest.trim()))
}

/// The command in `[|N ARG=… ][/bin/sh -c ]command`, or `None` if both prefixes are missing.
fn command(text: &str) -> Option<&str> {
    match arguments(text) {
        Some((_, rest)) => Some(shell_command(rest).unwrap_or(rest)),
        None => shell_command(text),
    }
}

/// How many words after a shell's name are searched for its `-c`.
const SHELL_WORDS_MAX: usize = 8;

/// The command after `/bin/sh -c`, `/bin/bash -o pipefail -c` or `cmd /S /C`.
fn shell_command(text: &str) -> Option<&str> {
    let mut words = words(text);
    let (_, program) = words.next()?;
    let name = program.rsplit(['/', '\\']).next()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let windows = matches!(name, "cmd" | "powershell" | "pwsh");
    let posix = program.starts_with('/') && matches!(name, "sh" | "ash" | "bash" | "dash" | "zsh" | "ksh" | "busybox");
    if !windows && !posix {
        return None;
    }
    let mut takes_name = false;
    for (at, word) in words.take(SHELL_WORDS_MAX) {
        let is_last = if windows {
            matches!(word.to_ascii_lowercase().as_str(), "/c" | "-c" | "-command")
        } else {
            word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')
        };
        if is_last {
            return Some(text[at + word.len()..].trim());
        }
        // `-o` takes a name (`-eo pipefail`); busybox takes the name of an applet.
        let is_option = word.starts_with(['-', '+', '/']) || takes_name || name == "busybox";
        if !is_option {
            return None;
        }
        takes_name = word.starts_with(['-', '+']) && word.ends_with('o');
    }
    None
}

/// The words of a text with their offsets.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(char::is_whitespace)
        .scan(0, |at, word| {
            let start = *at;
            // Skip the one whitespace character that ended the word.
            *at = start + word.len();
            *at += text[*at..].chars().next().map_or(0, char::len_utf8);
            Some((start, word))
        })
        .filter(|(_, word)| !word.is_empty())
}

/// Parses `|N A=x B=y …` into the arguments and the rest. Values are unquoted and may contain spaces; the count and the
/// shell that follows delimit them.
fn arguments(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let rest = text.strip_prefix('|')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let count: usize = rest[..digits].parse().ok()?;
    let rest = rest[digits..].strip_prefix(' ')?;
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut fallback = None;
    let mut end = rest.len();
    for (at, word) in words(rest) {
        if starts.len() >= count {
            if shell_command(&rest[at..]).is_some() {
                end = at;
                fallback = None;
                break;
            }
            fallback = fallback.or(Some(at));
            continue;
        }
        let name = word.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count();
        if name > 0 && word.as_bytes().get(name) == Some(&b'=') {
            starts.push((at, name));
        }
    }
    let end = fallback.unwrap_or(end);
    let mut arguments = Vec::with_capacity(starts.len());
    for (i, &(at, name)) in starts.iter().enumerate() {
        let until = starts.get(i + 1).map_or(end, |next| next.0);
        arguments.push((rest[at..at + name].to_string(), rest[at + name + 1..until].trim_end().to_string()));
    }
    Some((arguments, rest[end..].trim()))
}

/// Converts an instruction's arguments from Go's `%v` or `%q` to Dockerfile syntax.
fn as_written(keyword: &str, rest: &str) -> String {
    let converted = match keyword {
        "CMD" | "ENTRYPOINT" => quoted_list(rest).filter(|(_, tail)| tail.is_empty()).map(|(list, _)| json_list(&list)),
        "SHELL" => match quoted_list(rest) {
            Some((list, "")) => Some(json_list(&list)),
            _ => bare_list(rest).map(|list| json_list(&list)),
        },
        "VOLUME" => match quoted_list(rest) {
            Some((list, "")) => Some(list.join(" ")),
            _ => bare_list(rest).map(|list| list.join(" ")),
        },
        "EXPOSE" => ports(rest),
        "HEALTHCHECK" => health_check(rest),
        "ADD" | "COPY" => copy_arguments(rest),
        _ => None,
    };
    converted.unwrap_or_else(|| rest.to_string())
}

fn json_list(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|text| serde_json::Value::from(text.as_str()).to_string()).collect();
    format!("[{}]", quoted.join(", "))
}

/// Parses a list as Go's `%v` prints it: `[/bin/ash -eo pipefail -c]`.
fn bare_list(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    (!inner.contains('"')).then(|| inner.split_whitespace().map(str::to_string).collect())
}

/// Converts BuildKit's set of ports: `map[8000/tcp:{} 53/udp:{}]`.
fn ports(text: &str) -> Option<String> {
    let inner = text.strip_prefix("map[")?.strip_suffix(']')?;
    let ports: Vec<&str> = inner.split_whitespace().map(|port| port.strip_suffix(":{}").unwrap_or(port)).collect();
    Some(ports.join(" "))
}

/// Converts `file:HASH in /app`: the classic builder records a hash of the copied files, not their names.
fn copy_arguments(text: &str) -> Option<String> {
    let (source, target) = text.split_once(" in ")?;
    let is_hash = ["file:", "dir:", "multi:"].iter().any(|kind| source.starts_with(kind));
    (is_hash && !source.contains(' ')).then(|| format!("{source} {target}"))
}

/// Converts a HealthConfig as Go's `%q` prints it: `&{["CMD-SHELL" "curl …"] "30s" "3s" "5s" "0s" '\x03'}`. Before moby
/// 25 added StartInterval, it had three durations.
fn health_check(text: &str) -> Option<String> {
    let inner = text.strip_prefix("&{")?.strip_suffix('}')?;
    let (test, mut rest) = quoted_list(inner)?;
    let mut durations: Vec<String> = Vec::new();
    while let Some((duration, tail)) = quoted(rest.trim_start()) {
        durations.push(duration);
        rest = tail;
    }
    if durations.len() > 4 {
        return None;
    }
    let mut out = String::new();
    for (name, value) in ["interval", "timeout", "start-period", "start-interval"].iter().zip(&durations) {
        if value != "0s" {
            out.push_str(&format!("--{name}={value} "));
        }
    }
    match rune(rest.trim())? {
        0 => {}
        retries => out.push_str(&format!("--retries={retries} ")),
    }
    match test.split_first() {
        Some((kind, [])) if kind == "NONE" => out.push_str("NONE"),
        Some((kind, [command])) if kind == "CMD-SHELL" => out.push_str(&format!("CMD {command}")),
        Some((kind, command)) if kind == "CMD" => out.push_str(&format!("CMD {}", json_list(command))),
        _ => return None,
    }
    Some(out)
}

/// Parses `["a" "b"]`, with or without commas, and returns the rest.
fn quoted_list(text: &str) -> Option<(Vec<String>, &str)> {
    let mut rest = text.strip_prefix('[')?;
    let mut list = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(tail) = rest.strip_prefix(']') {
            return Some((list, tail.trim_start()));
        }
        let (item, tail) = quoted(rest)?;
        list.push(item);
        rest = tail;
    }
}

/// Parses a string in double quotes as Go's `%q` or JSON writes it, and returns the rest.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &inner[at + 1..])),
            '\\' => {
                let (_, escape) = chars.next()?;
                match escape_length(escape) {
                    Some(length) => {
                        let digits: String = (&mut chars).take(length).map(|(_, digit)| digit).collect();
                        out.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?).unwrap_or('\u{fffd}'));
                    }
                    None => out.push(unescaped(escape)),
                }
            }
            c => out.push(c),
        }
    }
    None
}

/// Parses a number that Go's `%q` printed as a character: `'\x03'` is 3, `'\n'` is 10.
fn rune(text: &str) -> Option<u32> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut chars = inner.chars();
    let first = chars.next()?;
    if first != '\\' || chars.as_str().is_empty() {
        return chars.next().is_none().then_some(u32::from(first));
    }
    let escape = chars.next()?;
    match escape_length(escape) {
        Some(_) => u32::from_str_radix(chars.as_str(), 16).ok(),
        None => Some(u32::from(unescaped(escape))),
    }
}

/// The number of hex digits after an escape letter.
fn escape_length(escape: char) -> Option<usize> {
    match escape {
        'x' => Some(2),
        'u' => Some(4),
        'U' => Some(8),
        _ => None,
    }
}

fn unescaped(escape: char) -> char {
    match escape {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(created_by: &str) -> String {
        let entry = History { created_by: created_by.to_string(), ..History::default() };
        instruction(&entry, &Redactor::default()).text
    }

    #[test]
    fn reconstructs_instructions() {
        for (created_by, expected) in [
            // BuildKit
            ("RUN /bin/sh -c npm ci --omit=dev # buildkit", "RUN npm ci --omit=dev"),
            ("COPY . . # buildkit", "COPY . ."),
            ("COPY /opt/venv /opt/venv # buildkit", "COPY /opt/venv /opt/venv"),
            ("EXPOSE map[8000/tcp:{}]", "EXPOSE 8000/tcp"),
            ("EXPOSE map[5353/udp:{} 8080/tcp:{} 8443/tcp:{}]", "EXPOSE 5353/udp 8080/tcp 8443/tcp"),
            ("CMD [\"node\" \"server.js\"]", "CMD [\"node\", \"server.js\"]"),
            ("ENTRYPOINT [\"dumb-init\" \"--\"]", "ENTRYPOINT [\"dumb-init\", \"--\"]"),
            (
                "CMD [\"sh\" \"-c\" \"echo \\\"a b\\\" \\\\ \\u00fc\"]",
                "CMD [\"sh\", \"-c\", \"echo \\\"a b\\\" \\\\ ü\"]",
            ),
            ("VOLUME [/data]", "VOLUME /data"),
            ("VOLUME [/data /srv/shared]", "VOLUME /data /srv/shared"),
            ("SHELL [/bin/ash -eo pipefail -c]", "SHELL [\"/bin/ash\", \"-eo\", \"pipefail\", \"-c\"]"),
            ("USER 10001:10001", "USER 10001:10001"),
            ("RUN |1 BUILD_ID=42 /bin/ash -eo pipefail -c rm -r /repeat # buildkit", "RUN rm -r /repeat"),
            ("RUN npm ci # buildkit", "RUN npm ci"),
            (
                "HEALTHCHECK &{[\"CMD-SHELL\" \"curl -f http://localhost:8000/health || exit 1\"] \"30s\" \"3s\" \"5s\" \"0s\" '\\x03'}",
                "HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 CMD curl -f http://localhost:8000/health || exit 1",
            ),
            (
                "HEALTHCHECK &{[\"CMD\" \"/server\" \"-check\"] \"30s\" \"3s\" \"0s\" \"0s\" '\\x00'}",
                "HEALTHCHECK --interval=30s --timeout=3s CMD [\"/server\", \"-check\"]",
            ),
            ("HEALTHCHECK &{[\"NONE\"] \"0s\" \"0s\" \"0s\" '\\x00'}", "HEALTHCHECK NONE"),
            (
                "HEALTHCHECK &{[\"CMD-SHELL\" \"x\"] \"1m0s\" \"3s\" \"0s\" '\\n'}",
                "HEALTHCHECK --interval=1m0s --timeout=3s --retries=10 CMD x",
            ),
            // The classic builder, buildah
            ("/bin/sh -c #(nop)  CMD [\"/bin/sh\"]", "CMD [\"/bin/sh\"]"),
            ("/bin/sh -c #(nop) ADD file:7197b1 in / ", "ADD file:7197b1 /"),
            ("/bin/sh -c #(nop) COPY dir:56b4a0 in . ", "COPY dir:56b4a0 ."),
            (
                "/bin/ash -eo pipefail -c #(nop) COPY multi:c6f64e in /usr/local/bin/ ",
                "COPY multi:c6f64e /usr/local/bin/",
            ),
            ("/bin/sh -c #(nop)  EXPOSE 22 8000", "EXPOSE 22 8000"),
            ("/bin/sh -c #(nop)  VOLUME [/app/uploads]", "VOLUME /app/uploads"),
            ("/bin/sh -c #(nop)  MAINTAINER Backend Team", "MAINTAINER Backend Team"),
            ("/bin/ash -eo pipefail -c #(nop)  ONBUILD COPY . /srv/app", "ONBUILD COPY . /srv/app"),
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("/bin/bash -o pipefail -c curl x | sh", "RUN curl x | sh"),
            ("|1 A=b /bin/sh -c make -c x", "RUN make -c x"),
            ("|2 A=b c d B= /bin/sh -c make", "RUN make"),
            ("cmd /S /C dir", "RUN dir"),
            // kaniko, and free-form entries
            ("RUN apt-get update", "RUN apt-get update"),
            ("CMD [\"a\",\"b\"]", "CMD [\"a\", \"b\"]"),
            ("bazel build ...", "bazel build ..."),
            (
                "# debian.sh --arch 'amd64' out/ 'trixie' '@1763337600'",
                "# debian.sh --arch 'amd64' out/ 'trixie' '@1763337600'",
            ),
            ("umoci repack", "umoci repack"),
            ("/bin/sh", "/bin/sh"),
            ("RUN /bin/sh -c echo '#(nop) CMD' # buildkit", "RUN echo '#(nop) CMD'"),
            ("HEALTHCHECK &{broken", "HEALTHCHECK &{broken"),
            ("", ""),
        ] {
            assert_eq!(text(created_by), expected, "{created_by}");
        }
    }

    #[test]
    fn finds_keywords_and_falls_back_to_comments() {
        let entry = |created_by: &str, comment: &str| {
            let entry = History { created_by: created_by.into(), comment: comment.into(), empty_layer: false };
            instruction(&entry, &Redactor::default())
        };
        assert_eq!(entry("|1 A=b /bin/sh -c x", "").keyword, "RUN");
        assert_eq!(entry("umoci repack", "edited").keyword, "");
        assert_eq!(entry("", "made by nix").text, "made by nix");
    }

    #[test]
    fn parses_build_arguments_with_spaces_in_values() {
        let read = |text: &str| build_args(text);
        let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
        assert_eq!(read("|2 A=b c d TOKEN=x=y /bin/sh -c make Z=1"), [pair("A", "b c d"), pair("TOKEN", "x=y")]);
        assert_eq!(read("RUN |1 TOKEN=x npm ci # buildkit"), [pair("TOKEN", "x")]);
        assert_eq!(read("ARG TOKEN=a b"), [pair("TOKEN", "a b")]);
        assert_eq!(read("/bin/sh -c #(nop)  ARG TOKEN=ab"), [pair("TOKEN", "ab")]);
        assert_eq!(read("ARG TOKEN"), []);
        assert_eq!(read("|99999999999999999999 A=b /bin/sh -c x"), []);
        assert_eq!(read("/bin/sh -c A=b make"), []);
    }

    #[test]
    fn redacts_build_arguments_in_every_entry() {
        let token = "ghp_yMSi3sec1NKL4vTT6YSXeMZgpRH59kMZtgWa";
        let lines = [
            format!("ARG T={token}"),
            "ENV DB_PASSWORD=two words9".into(),
            format!("|1 T={token} /bin/sh -c curl x?{token}"),
        ];
        let history: Vec<History> =
            lines.iter().map(|line| History { created_by: line.clone(), ..History::default() }).collect();
        let mut config = ImageConfig { history: Some(history.clone()), ..ImageConfig::default() };
        config.run.env.push("DB_PASSWORD=two words9".into());
        let redactor = redactor(&config);
        for entry in &history {
            let instruction = instruction(entry, &redactor);
            let shown = format!("{} {}", instruction.text, instruction.raw);
            assert!(!shown.contains("yMSi") && !shown.contains("words9"), "{shown}");
        }
        assert_eq!(
            instruction(&history[2], &redactor).text,
            "RUN curl x?[redacted: GitHub token ghp_…, 40 characters]"
        );
    }

    #[test]
    fn parses_long_entries_in_linear_time() {
        for part in ["|1 ", "|9 A=b ", "/bin/sh ", "#(nop) ", "[\"", "CMD [\"a\" ", "|1 A=b /bin/sh -o -o -o "] {
            let text = part.repeat(200_000 / part.len());
            let started = std::time::Instant::now();
            let entry = History { created_by: text, ..History::default() };
            let _ = (instruction(&entry, &Redactor::default()), build_args(&entry.created_by));
            assert!(started.elapsed().as_secs() < 5, "{part}");
        }
    }
}
