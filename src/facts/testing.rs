//! Test images: a config, and files described by lines of text.
//!
//! ```text
//! d 0700 0:0 root
//! f 0644 0:0 app/main.py "print()\n"
//! f 0755 0:0 app/run "#!/bin/sh\n"           # content that starts with #! is a script
//! u 0644 0:0 app/data 1000                    # a file of 1000 bytes whose contents were not kept
//! e 0755 0:0 bin/sh interp=/lib/ld.so needs=libc.so.6,libm.so.6 runpath=$ORIGIN
//! l bin/bash -> sh
//! h bin/ash -> bin/sh
//! x system.posix_acl_access=0200              # on the entry before; the value is hex
//! layer
//! w app/gone
//! o app/directory
//! ```
//!
//! Parent directories are implied. An `e` line makes an ELF file for x86-64, a static one if it names neither libraries
//! nor a loader; it also takes `machine=`, `soname=`, `rpath=`, `class=32`, `version=LIB:VERSION` and
//! `defines=VERSION`. Not here: tar files; the tests in `tests/it` write those.

use crate::facts::Facts;
use crate::model::config::Healthcheck;
use crate::model::config::ImageConfig;
use crate::model::digest::Digest;
use crate::model::finding::Undecided;
use crate::model::image::Image;
use crate::model::layer_facts::Compression;
use crate::model::layer_facts::Counts;
use crate::model::layer_facts::Entry;
use crate::model::layer_facts::Kept;
use crate::model::layer_facts::Kind;
use crate::model::layer_facts::LayerFacts;
use crate::model::layer_facts::NONE;
use crate::model::layer_facts::Sizes;
use crate::model::layer_facts::Xattr;
use crate::model::path::PathTable;
use crate::model::program::Dynamic;
use crate::model::program::Elf;
use crate::model::program::Head;
use crate::model::program::Linking;
use crate::model::program::SCRIPT_HEAD_BYTES;
use crate::model::program::VersionNeed;
use crate::model::program::Versions;
use crate::view::View;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An image with an empty config and no layers.
pub fn image() -> Image {
    Image {
        reference: "test".to_string(),
        names: Vec::new(),
        manifest_digest: None,
        config_digest: Digest::parse(&format!("sha256:{}", "ab".repeat(32))).expect("a digest"),
        platform: "linux/amd64".to_string(),
        config: ImageConfig::default(),
        layers: Vec::new(),
        instructions: Vec::new(),
        history_mismatch: None,
        base_layers: None,
        redactor: std::sync::Arc::default(),
    }
}

/// The facts of an image without a merged view.
pub fn facts(image: &Image) -> Facts<'_> {
    Facts::new(image, Err(Undecided::denied("layers", "not read in this test")))
}

/// Sets a health check without durations.
pub fn health(image: &mut Image, test: &[&str]) {
    let test = test.iter().map(|word| word.to_string()).collect();
    image.config.run.healthcheck = Some(Healthcheck { test, ..Healthcheck::default() });
}

/// Sets the command.
pub fn cmd(image: &mut Image, words: &[&str]) {
    image.config.run.cmd = words.iter().map(|word| word.to_string()).collect();
}

/// Adds an environment variable, `NAME=value`.
pub fn env(image: &mut Image, pair: &str) {
    image.config.run.env.push(pair.to_string());
}

/// An image with files.
pub struct TestImage {
    /// The image, with its config.
    pub image: Image,
    /// The merged view of its files.
    pub view: View,
}

impl TestImage {
    /// An image with an empty config and these files.
    pub fn new(lines: &str) -> TestImage {
        TestImage { image: image(), view: view(lines) }
    }

    /// Sets the user.
    pub fn user(mut self, user: &str) -> TestImage {
        self.image.config.run.user = user.to_string();
        self
    }

    /// Sets the working directory.
    pub fn workdir(mut self, directory: &str) -> TestImage {
        self.image.config.run.working_dir = directory.to_string();
        self
    }

    /// Adds an environment variable, `NAME=value`.
    pub fn env(mut self, pair: &str) -> TestImage {
        env(&mut self.image, pair);
        self
    }

    /// Sets the command.
    pub fn cmd(mut self, words: &[&str]) -> TestImage {
        cmd(&mut self.image, words);
        self
    }

    /// Its facts.
    pub fn facts(&self) -> Facts<'_> {
        Facts::new(&self.image, Ok(&self.view))
    }
}

/// The merged view of the files that the lines describe. Panics if a line is invalid.
pub fn view(lines: &str) -> View {
    let mut layers = vec![layer()];
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line == "layer" {
            layers.push(layer());
            continue;
        }
        read_entry(layers.last_mut().expect("a layer"), line);
    }
    View::new(layers.into_iter().map(Arc::new).collect())
}

/// A layer without entries.
fn layer() -> LayerFacts {
    let digest = Digest::parse(&format!("sha256:{}", "cd".repeat(32))).expect("a digest");
    LayerFacts {
        diff_id: digest.clone(),
        digest,
        compression: Compression::None,
        sizes: Sizes::default(),
        counts: Counts::default(),
        paths: PathTable::default(),
        entries: Vec::new(),
        texts: Vec::new(),
        content_hashes: Vec::new(),
        content_digests: None,
        kept: BTreeMap::new(),
        heads: BTreeMap::new(),
        xattrs: BTreeMap::new(),
        malformed: Vec::new(),
        reader_differences: Vec::new(),
    }
}

fn read_entry(layer: &mut LayerFacts, line: &str) {
    let (kind, mut rest) = line.split_once(' ').unwrap_or_else(|| panic!("no such line: {line}"));
    if kind == "x" {
        let (name, value) = word(&mut rest).split_once('=').unwrap_or_else(|| panic!("NAME=HEX: {line}"));
        let value = (0..value.len()).step_by(2).map(|at| u8::from_str_radix(&value[at..at + 2], 16).expect("hex"));
        let xattr = Xattr { name: name.as_bytes().into(), value: value.collect() };
        layer.xattrs.entry(layer.entries.len() as u32 - 1).or_default().push(xattr);
        return;
    }
    let (mut mode, mut owner) = (0o777, (0, 0));
    if let "d" | "f" | "u" | "e" = kind {
        mode = u16::from_str_radix(word(&mut rest), 8).unwrap_or_else(|_| panic!("a mode is octal: {line}"));
        let (uid, gid) = word(&mut rest).split_once(':').unwrap_or_else(|| panic!("UID:GID: {line}"));
        owner = (uid.parse().expect("a uid"), gid.parse().expect("a gid"));
    }
    let path = layer.paths.insert(word(&mut rest).as_bytes()).expect("room");
    let mut entry =
        Entry { path, kind: Kind::File, mode, uid: owner.0, gid: owner.1, size: 0, text: NONE, content: NONE };
    let at = layer.entries.len() as u32;
    match kind {
        "d" => entry.kind = Kind::Dir,
        "w" => entry.kind = Kind::Whiteout,
        "o" => entry.kind = Kind::Opaque,
        "u" => entry.size = word(&mut rest).parse().expect("a size"),
        "f" => {
            let content = unquote(rest);
            entry.size = content.len() as u64;
            if content.starts_with(b"#!") {
                layer.heads.insert(at, Head::Script(content[..content.len().min(SCRIPT_HEAD_BYTES)].into()));
            }
            layer.kept.insert(at, Kept::Whole(content.into()));
        }
        "e" => {
            entry.size = 4096;
            layer.heads.insert(at, Head::Elf(Box::new(elf(rest))));
        }
        "l" | "h" => {
            entry.kind = if kind == "l" { Kind::Symlink } else { Kind::Hardlink };
            let target = rest.trim().strip_prefix("->").unwrap_or_else(|| panic!("PATH -> TARGET: {line}"));
            if let Some(file) = layer.paths.find(target.trim().as_bytes()).filter(|_| kind == "h")
                && let Some(file) = layer.entries.iter().find(|entry| entry.path == file)
            {
                (entry.mode, entry.uid, entry.gid) = (file.mode, file.uid, file.gid);
            }
            entry.text = layer.texts.len() as u32;
            layer.texts.push(target.trim().as_bytes().into());
        }
        _ => panic!("no such line: {line}"),
    }
    let counts = &mut layer.counts;
    let count = match entry.kind {
        Kind::Dir => &mut counts.dir,
        Kind::Symlink => &mut counts.symlink,
        Kind::Hardlink => &mut counts.hardlink,
        Kind::Whiteout => &mut counts.whiteouts,
        Kind::Opaque => &mut counts.opaque,
        _ => &mut counts.file,
    };
    *count += 1;
    layer.entries.push(entry);
}

fn word<'a>(rest: &mut &'a str) -> &'a str {
    let text = rest.trim_start();
    let (word, after) = text.split_once(' ').unwrap_or((text, ""));
    *rest = after;
    word
}

/// The text between double quotes, with the escapes `\n`, `\r`, `\t`, `\0` and `\xHH`.
fn unquote(text: &str) -> Vec<u8> {
    let inner = text.trim().strip_prefix('"').unwrap_or_else(|| panic!("no quotes: {text}"));
    let mut out = Vec::new();
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return out,
            b'\\' => out.push(match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(b'x') => {
                    let mut digit = || bytes.next().and_then(|b| (b as char).to_digit(16)).expect("a hex digit") as u8;
                    digit() << 4 | digit()
                }
                Some(other) => other,
                None => break,
            }),
            other => out.push(other),
        }
    }
    panic!("a quote is not closed: {text}")
}

/// An ELF file from the words after the path of an `e` line.
pub fn elf(words: &str) -> Elf {
    let mut elf =
        Elf { is_64: true, is_big_endian: false, machine: 62, kind: 3, interpreter: None, dynamic: Dynamic::None };
    let mut linking = Linking::default();
    for word in words.split_whitespace().take_while(|word| !word.starts_with('#')) {
        let (key, value) = word.split_once('=').unwrap_or_else(|| panic!("KEY=VALUE: {word}"));
        let bytes: Box<[u8]> = value.as_bytes().into();
        match key {
            "interp" => elf.interpreter = Some(bytes),
            "class" => elf.is_64 = value == "64",
            "machine" => elf.machine = value.parse().expect("a number"),
            "needs" => linking.needed = value.split(',').map(|name| name.as_bytes().into()).collect(),
            "soname" => linking.soname = Some(bytes),
            "rpath" => linking.rpath = Some(bytes),
            "runpath" => linking.runpath = Some(bytes),
            "version" => {
                let (library, version) = value.split_once(':').unwrap_or_else(|| panic!("LIB:VERSION: {word}"));
                let need = VersionNeed {
                    library: library.as_bytes().into(),
                    version: version.as_bytes().into(),
                    is_weak: false,
                };
                linking.versions.get_or_insert_with(Versions::default).needs.push(need);
            }
            "defines" => linking.versions.get_or_insert_with(Versions::default).defines.push(bytes),
            _ => panic!("no such word: {word}"),
        }
    }
    if elf.interpreter.is_some() || linking != Linking::default() {
        elf.dynamic = Dynamic::Read(Box::new(linking));
    }
    elf
}

#[test]
fn lines_describe_files() {
    let made = TestImage::new(
        r##"
        f 0755 0:0 app/run "#!/bin/sh\n\x41\"\0"
        u 0644 1:2 app/data 1000
        e 0755 0:0 bin/sh interp=/lib/ld.so needs=libc.so.6,libm.so.6 version=libc.so.6:GLIBC_2.38
        l bin/bash -> sh
        h bin/ash -> bin/sh
        x user.a=6162
        f 0644 0:0 app/gone ""
        layer
        w app/gone
        "##,
    );
    let at = |path: &str| made.view.at(path.as_bytes());
    let run = at("app/run").expect("a file");
    assert_eq!(made.facts().content(run).expect("kept"), b"#!/bin/sh\nA\"\0");
    assert_eq!(made.view.head(run), Some(&Head::Script(b"#!/bin/sh\nA\"\0"[..].into())));
    let data = at("app/data").expect("a file");
    let stat = made.view.stat(data).expect("a file");
    assert_eq!((stat.uid, stat.gid, stat.size), (1, 2, 1000));
    assert!(made.facts().content(data).is_err());
    let ash = at("bin/ash").expect("a file");
    let Some(Head::Elf(elf)) = made.view.head(ash) else { panic!("no ELF file") };
    let Dynamic::Read(linking) = &elf.dynamic else { panic!("no dynamic section") };
    assert_eq!(linking.needed.len(), 2);
    assert_eq!(made.view.stat(ash).expect("a file").mode, 0o755);
    assert!(at("bin/bash").is_some() && at("app/gone").is_none());
}
