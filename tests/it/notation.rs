//! Images as text: each line is a setting, a layer or an entry. Marks give the findings expected on a line.
//!
//! ```text
//! name app:1.0
//! config user=1000 env=LOG_LEVEL=INFO cmd=["/app/server"] expose=8000/tcp
//! config healthcheck=["CMD","/app/check"] interval=30s timeout=3s start-period=5s retries=3
//! history "COPY . ." | history "ENV A=b" empty | history none
//! layer COPY . .
//!   d 0755 0:0 app
//!   f 0600 0:0 app/.env "A=b\n"            #! context-file-left
//!   f 0644 0:0 app/data =1000              # 1000 fixed bytes, generated from the path
//!   f 0644 0:0 app/more =1000@app/data     # the same bytes as app/data
//!   f 0644 0:0 app/hole 0*1000             # zeros
//!   e 0755 0:0 bin/server                  # an ELF program, static
//!   e 0755 0:0 bin/tool interp=/lib/ld.so needs=libc.so.6,libm.so.6 version=libc.so.6:GLIBC_2.38
//!   l app/link -> data
//!   h app/hard -> app/data
//!   c 0666 0:0 dev/null 1:3
//!   p run/pipe
//!   x security.capability=0100000200040000 # of the previous entry
//!   w app/gone                             # a whiteout
//!   o app/directory                        # an opaque marker
//! ```
//!
//! An `e` line also takes `rpath=`, `runpath=`, `soname=`, `defines=VERSION,…`, `machine=NUMBER` and `class=32`.
//!
//! `#! RULE [shipped] [undecided]` marks a finding; repeat it for several findings. On `layer`, `history` and
//! `raw-config` lines only a mark ends the text; on other lines `#` begins a comment.

use crate::elf;
use crate::elf::Elf;
use crate::image::Entry;
use crate::image::Image;
use crate::image::Layer;
use serde_json::Value;
use serde_json::json;

/// An image and its expected findings.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    pub image: Image,
    pub marks: Vec<Mark>,
    /// The fields that `config` lines set, such as `config.Env[NAME]`.
    pub fields: Vec<String>,
    /// The comments before the first name, config field or layer.
    pub head: Vec<String>,
}

/// A finding expected on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub line: usize,
    pub rule: String,
    pub shipped: bool,
    pub undecided: bool,
    pub place: Place,
}

/// What the marked line describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A path.
    Path(Vec<u8>),
    /// A layer.
    Layer(usize),
    /// These fields of the config; empty for lines without known fields (`name`, `history`, `raw-config`).
    Config(Vec<String>),
}

/// Reads an image. Panics with the line number if the text is invalid.
pub fn read(text: &str) -> Parsed {
    let mut out = Parsed::default();
    for (number, raw) in text.lines().enumerate() {
        let line = number + 1;
        if let Some(comment) = raw.trim().strip_prefix('#').filter(|rest| !rest.starts_with('!')) {
            if out.image.layers.is_empty() && out.fields.is_empty() && out.image.names.is_empty() {
                out.head.push(comment.trim().to_string());
            }
            continue;
        }
        let (body, marks) = split(raw);
        if body.trim().is_empty() {
            continue;
        }
        let place = read_line(&mut out, body.trim(), line);
        for mark in marks {
            out.marks.push(read_mark(&mark, line, place.clone()));
        }
    }
    out
}

/// Reads an image without its marks.
pub fn image(text: &str) -> Image {
    read(text).image
}

fn read_mark(text: &str, line: usize, place: Place) -> Mark {
    let words: Vec<&str> = text.split_whitespace().collect();
    let known = words.iter().skip(1).all(|word| ["shipped", "undecided"].contains(word));
    assert!(!words.is_empty() && known, "line {line}: a mark is `#! RULE [shipped] [undecided]`, not `#!{text}`");
    Mark {
        line,
        rule: words[0].to_string(),
        shipped: words.contains(&"shipped"),
        undecided: words.contains(&"undecided"),
        place,
    }
}

/// Splits a line into its text and its marks. Quoted text contains neither marks nor comments.
fn split(raw: &str) -> (String, Vec<String>) {
    let word = raw.split_whitespace().next().unwrap_or_default();
    let whole = ["layer", "history", "raw-config"].contains(&word);
    let end = if whole { raw.find(" #! ").unwrap_or(raw.len()) } else { end_of_body(raw) };
    let (body, rest) = raw.split_at(end);
    let rest = rest.trim();
    if !rest.starts_with("#!") {
        return (body.to_string(), Vec::new());
    }
    let marks = rest.split("#!").skip(1).map(|mark| mark.split('#').next().unwrap_or_default().trim().to_string());
    (body.to_string(), marks.collect())
}

fn end_of_body(raw: &str) -> usize {
    let bytes = raw.as_bytes();
    let (mut quoted, mut at) = (false, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'#' if !quoted && (at == 0 || bytes[at - 1].is_ascii_whitespace()) => return at,
            _ => {}
        }
        at += 1;
    }
    raw.len()
}

fn read_line(out: &mut Parsed, body: &str, line: usize) -> Place {
    let (word, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
    let rest = rest.trim();
    match word {
        "name" => {
            out.image.names.push(rest.to_string());
            Place::Config(Vec::new())
        }
        "config" => {
            let fields = read_config(&mut out.image, rest, line);
            out.fields.extend(fields.clone());
            Place::Config(fields)
        }
        "raw-config" => {
            out.image.raw_config = Some(rest.to_string());
            Place::Config(Vec::new())
        }
        "history" => {
            let history = out.image.history.get_or_insert_default();
            if rest != "none" {
                let (text, after) = json_prefix(rest, line);
                let text = text.as_str().unwrap_or_else(|| panic!("line {line}: history needs a quoted text"));
                history.push((text.to_string(), after.trim() == "empty"));
            }
            Place::Config(Vec::new())
        }
        "layer" => {
            let created_by = (!rest.is_empty()).then(|| rest.to_string());
            out.image.layers.push(Layer { created_by, ..Layer::default() });
            Place::Layer(out.image.layers.len() - 1)
        }
        _ => {
            let layer = out.image.layers.last_mut();
            let layer = layer.unwrap_or_else(|| panic!("line {line}: `{word}` before any `layer`"));
            read_entry(layer, word, rest, line);
            Place::Path(layer.entries.last().map(|entry| entry.path.clone()).unwrap_or_default())
        }
    }
}

/// The JSON value at the start of a text, and what follows it.
fn json_prefix(text: &str, line: usize) -> (Value, &str) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next().and_then(Result::ok).unwrap_or_else(|| panic!("line {line}: no JSON value: {text}"));
    (value, &text[values.byte_offset()..])
}

fn read_config(image: &mut Image, rest: &str, line: usize) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = rest.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').unwrap_or_else(|| panic!("line {line}: `KEY=VALUE`, not {rest}"));
        let (value, after) = read_value(after, line);
        fields.extend(set(image, key, value, line));
        rest = after.trim_start();
    }
    fields
}

/// A JSON list or object, or a word whose quoted parts may contain blanks.
fn read_value(text: &str, line: usize) -> (Value, &str) {
    if text.starts_with(['[', '{']) {
        return json_prefix(text, line);
    }
    let mut word = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next().filter(|c| !c.is_whitespace()) {
        if c == '"' {
            let (part, after) = json_prefix(rest, line);
            word.push_str(part.as_str().unwrap_or_default());
            rest = after;
        } else {
            word.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    (Value::String(word), rest)
}

fn set(image: &mut Image, key: &str, value: Value, line: usize) -> Option<String> {
    let word = value.as_str().unwrap_or_default().to_string();
    if let "arch" | "os" | "variant" | "author" | "created" = key {
        let key = if key == "arch" { "architecture" } else { key };
        image.top.insert(key.to_string(), value);
        return None;
    }
    let run = &mut image.run;
    let mut plain = |field: &str, value: Value| {
        run.insert(field.to_string(), value);
        Some(format!("config.{field}"))
    };
    match key {
        "user" => plain("User", value),
        "workdir" => plain("WorkingDir", value),
        "stop-signal" => plain("StopSignal", value),
        "cmd" => plain("Cmd", value),
        "entrypoint" => plain("Entrypoint", value),
        "shell" => plain("Shell", value),
        "shell-cmd" => plain("Cmd", json!(["/bin/sh", "-c", word])),
        "shell-entrypoint" => plain("Entrypoint", json!(["/bin/sh", "-c", word])),
        "env" => {
            push(run, "Env", value);
            Some(format!("config.Env[{}]", word.split('=').next().unwrap_or_default()))
        }
        "onbuild" => {
            push(run, "OnBuild", value);
            Some("config.OnBuild".to_string())
        }
        "expose" | "volume" | "label" => {
            let field = if key == "expose" {
                "ExposedPorts"
            } else if key == "volume" {
                "Volumes"
            } else {
                "Labels"
            };
            let (name, inner) = match word.split_once('=') {
                Some((name, text)) if key == "label" => (name.to_string(), json!(text)),
                _ => (word, json!({})),
            };
            let field_name = format!("config.{field}[{name}]");
            object(run, field).insert(name, inner);
            Some(field_name)
        }
        "healthcheck" | "interval" | "timeout" | "start-period" | "retries" => {
            let (name, value) = match key {
                "healthcheck" => ("Test", value),
                "retries" => ("Retries", json!(word.parse::<i64>().unwrap())),
                "interval" => ("Interval", json!(nanoseconds(&word, line))),
                "timeout" => ("Timeout", json!(nanoseconds(&word, line))),
                _ => ("StartPeriod", json!(nanoseconds(&word, line))),
            };
            object(run, "Healthcheck").insert(name.to_string(), value);
            Some("config.Healthcheck".to_string())
        }
        _ => panic!("line {line}: no such config key: {key}"),
    }
}

fn push(run: &mut serde_json::Map<String, Value>, field: &str, value: Value) {
    let list = run.entry(field).or_insert_with(|| json!([]));
    list.as_array_mut().unwrap().push(value);
}

fn object<'a>(run: &'a mut serde_json::Map<String, Value>, field: &str) -> &'a mut serde_json::Map<String, Value> {
    run.entry(field).or_insert_with(|| json!({})).as_object_mut().unwrap()
}

/// `30s`, `1m30s`, `500ms`.
fn nanoseconds(text: &str, line: usize) -> i64 {
    let mut total = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (count, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            _ => panic!("line {line}: not a duration: {text}"),
        };
        total += count.parse::<i64>().unwrap() * factor;
        rest = after;
    }
    total
}

fn read_entry(layer: &mut Layer, kind: &str, rest: &str, line: usize) {
    let bad = |what: &str| -> ! { panic!("line {line}: {what}: {kind} {rest}") };
    let mut at = rest;
    let mut entry = Entry::new(kind.as_bytes()[0], 0o644, b"");
    if let "f" | "d" | "c" | "e" = kind {
        let mode = word(&mut at);
        entry.mode = u32::from_str_radix(mode, 8).unwrap_or_else(|_| bad("a mode is octal"));
        let owner = word(&mut at);
        let (uid, gid) = owner.split_once(':').unwrap_or_else(|| bad("an owner is UID:GID"));
        (entry.uid, entry.gid) = (uid.parse().unwrap(), gid.parse().unwrap());
    }
    if kind == "x" {
        let (name, value) = rest.split_once('=').unwrap_or_else(|| bad("an attribute is NAME=HEX"));
        let previous = layer.entries.last_mut().unwrap_or_else(|| bad("no previous entry"));
        previous.xattrs.push((name.as_bytes().to_vec(), unhex(value)));
        return;
    }
    entry.path = read_path(&mut at, line);
    match kind {
        "f" => entry.data = read_content(at.trim(), &entry.path, line),
        "d" | "p" => {}
        "e" => {
            (entry.kind, entry.data) = (b'f', read_elf(at.trim(), line).bytes());
        }
        "l" | "h" => {
            at = at.trim_start().strip_prefix("->").unwrap_or_else(|| bad("a link is PATH -> TARGET")).trim_start();
            entry.target = read_path(&mut at, line);
            entry.mode = if kind == "l" { 0o777 } else { 0o644 };
            copy_attributes(layer, &mut entry);
        }
        "c" => {
            let (major, minor) = at.trim().split_once(':').unwrap_or_else(|| bad("a device is MAJOR:MINOR"));
            entry.device = (major.parse().unwrap(), minor.parse().unwrap());
        }
        "w" | "o" => {
            let (directory, name) = match entry.path.iter().rposition(|&b| b == b'/') {
                Some(slash) => (entry.path[..=slash].to_vec(), entry.path[slash + 1..].to_vec()),
                None => (Vec::new(), entry.path.clone()),
            };
            let marker =
                if kind == "w" { [b".wh.", name.as_slice()].concat() } else { [&name[..], b"/.wh..wh..opq"].concat() };
            (entry.kind, entry.mode, entry.path) = (b'f', 0, [directory, marker].concat());
        }
        _ => bad("no such entry"),
    }
    layer.entries.push(entry);
}

/// Reads an ELF file such as `interp=/lib/ld.so needs=a,b`; without attributes, a static program.
fn read_elf(text: &str, line: usize) -> Elf {
    let mut elf = elf::static_program();
    for word in text.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap_or_else(|| panic!("line {line}: KEY=VALUE, not {word}"));
        let list = || value.split(',').map(str::to_string).collect();
        let text = || Some(value.to_string());
        match key {
            "interp" => elf.interpreter = text(),
            "needs" => elf.needed = list(),
            "rpath" => elf.rpath = text(),
            "runpath" => elf.runpath = text(),
            "soname" => elf.soname = text(),
            "defines" => elf.defines = list(),
            "version" => {
                let (library, version) = value.split_once(':').expect("LIBRARY:VERSION");
                elf.needs.push((library.to_string(), version.to_string(), false));
            }
            "machine" => elf.machine = value.parse().expect("a number"),
            "class" => elf.is_64 = value != "32",
            _ => panic!("line {line}: an ELF file has no {key}"),
        }
        // Any other attribute makes the program dynamically linked.
        elf.is_dynamic |= !matches!(key, "machine" | "class");
        elf.kind = if elf.is_dynamic { 3 } else { 2 };
    }
    elf
}

/// Gives a hard link its target's attributes, as tar programs do.
fn copy_attributes(layer: &Layer, entry: &mut Entry) {
    if entry.kind != b'h' {
        return;
    }
    if let Some(file) = layer.entries.iter().rev().find(|other| other.path == entry.target) {
        (entry.mode, entry.uid, entry.gid) = (file.mode, file.uid, file.gid);
    }
}

fn word<'a>(rest: &mut &'a str) -> &'a str {
    let text = rest.trim_start();
    let (word, after) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    *rest = after;
    word
}

/// A path, quoted if it contains blanks or bytes that aren't UTF-8.
fn read_path(rest: &mut &str, line: usize) -> Vec<u8> {
    let text = rest.trim_start();
    if let Some(quoted) = text.strip_prefix('"') {
        let (bytes, after) = unquote(quoted, line);
        *rest = after;
        return bytes;
    }
    *rest = text;
    word(rest).as_bytes().to_vec()
}

/// Reads content in pieces: `"text"`, `=COUNT`, `=COUNT@SEED`, `0*COUNT`.
fn read_content(text: &str, path: &[u8], line: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (bytes, after) = unquote(quoted, line);
            out.extend(bytes);
            rest = after.trim_start();
            continue;
        }
        let mut after = rest;
        let piece = word(&mut after);
        rest = after.trim_start();
        if let Some(count) = piece.strip_prefix('=') {
            let (count, seed) = count.split_once('@').map_or((count, path), |(c, s)| (c, s.as_bytes()));
            out.extend(noise(seed, count.parse().unwrap()));
        } else if let Some(count) = piece.strip_prefix("0*") {
            out.resize(out.len() + count.parse::<usize>().unwrap(), 0);
        } else {
            panic!("line {line}: content is \"text\", =COUNT or 0*COUNT, not {piece}");
        }
    }
    out
}

/// `count` bytes generated from a seed. A shorter count gives a prefix of a longer one.
pub fn noise(seed: &[u8], count: usize) -> Vec<u8> {
    let mut state =
        seed.iter().fold(0x9e37_79b9_7f4a_7c15u64, |s, &b| (s ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// The text before the closing quote, and what follows it.
fn unquote(text: &str, line: usize) -> (Vec<u8>, &str) {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return (out, &text[at + 1..]),
            b'\\' => {
                at += 1;
                match bytes.get(at) {
                    Some(b'n') => out.push(b'\n'),
                    Some(b't') => out.push(b'\t'),
                    Some(b'0') => out.push(0),
                    Some(b'x') => {
                        out.extend(unhex(&text[at + 1..at + 3]));
                        at += 2;
                    }
                    Some(&other) => out.push(other),
                    None => break,
                }
            }
            other => out.push(other),
        }
        at += 1;
    }
    panic!("line {line}: a quote is not closed")
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn reads_an_image_and_its_marks() {
    let parsed = read(
        "# row B4, breaks\n\
         name app:1.0\n\
         config user=0:0 env=\"A=b c\" env=B=\"d e\" cmd=[\"a\", \"b\"]   #! root-user   # why\n\
         config interval=1m30s expose=8000/tcp label=k=v\n\
         layer COPY . . # buildkit #! wasted-space\n\
         f 0600 1:2 \"a\\x20b\\xff\" \"#! no mark\\n\" 0*2   #! context-file-left shipped #! context-file-left\n\
         x user.a=6162\n\
         w gone/x\n\
         o directory\n",
    );
    assert_eq!(parsed.head, ["row B4, breaks"]);
    assert_eq!(parsed.image.run["Env"], json!(["A=b c", "B=d e"]));
    assert_eq!(parsed.image.run["Healthcheck"]["Interval"], json!(90_000_000_000i64));
    let entries = &parsed.image.layers[0].entries;
    assert_eq!(entries[0].path, b"a b\xff");
    assert_eq!(entries[0].data, b"#! no mark\n\0\0");
    assert_eq!(entries[0].xattrs, [(b"user.a".to_vec(), b"ab".to_vec())]);
    assert_eq!(entries[1].path, b"gone/.wh.x");
    assert_eq!(entries[2].path, b"directory/.wh..wh..opq");
    assert_eq!(parsed.image.layers[0].created_by.as_deref(), Some("COPY . . # buildkit"));
    let rules: Vec<&str> = parsed.marks.iter().map(|mark| mark.rule.as_str()).collect();
    assert_eq!(rules, ["root-user", "wasted-space", "context-file-left", "context-file-left"]);
    assert!(parsed.marks[2].shipped && !parsed.marks[3].shipped);
    assert_eq!(noise(b"x", 5), noise(b"x", 9)[..5]);
}
