//! Builds ELF files for tests: a header, program headers, a dynamic section with its strings and version tables, but no
//! code.
//!
//! A loader reads them as it would real files. Unit tests include this file by its path.
#![allow(dead_code)]

/// The order of the dynamic section and the tables it points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Strings and versions, padding, then the dynamic section: what linkers write.
    Linked,
    /// Padding, then PT_INTERP, the dynamic section and its strings: what patchelf writes.
    Patched,
}

/// An ELF file.
#[derive(Clone, Debug)]
pub struct Elf {
    pub is_64: bool,
    pub is_big_endian: bool,
    pub machine: u16,
    pub kind: u16,
    pub interpreter: Option<String>,
    pub needed: Vec<String>,
    pub soname: Option<String>,
    pub rpath: Option<String>,
    pub runpath: Option<String>,
    pub no_default: bool,
    /// Library, version, weak.
    pub needs: Vec<(String, String, bool)>,
    pub defines: Vec<String>,
    pub layout: Layout,
    /// Bytes of padding.
    pub filling: usize,
    /// Whether it has a dynamic section.
    pub is_dynamic: bool,
}

pub const X86_64: u16 = 62;
pub const I386: u16 = 3;
pub const AARCH64: u16 = 183;

/// A program for x86-64, linked for glibc.
pub fn program(needed: &[&str]) -> Elf {
    Elf { interpreter: Some("/lib64/ld-linux-x86-64.so.2".into()), ..library("", needed) }
}

/// A library for x86-64; an empty `soname` means none.
pub fn library(soname: &str, needed: &[&str]) -> Elf {
    Elf {
        is_64: true,
        is_big_endian: false,
        machine: X86_64,
        kind: 3,
        interpreter: None,
        needed: needed.iter().map(|name| name.to_string()).collect(),
        soname: (!soname.is_empty()).then(|| soname.to_string()),
        rpath: None,
        runpath: None,
        no_default: false,
        needs: Vec::new(),
        defines: Vec::new(),
        layout: Layout::Linked,
        filling: 0,
        is_dynamic: true,
    }
}

/// A program without a loader.
pub fn static_program() -> Elf {
    Elf { kind: 2, is_dynamic: false, ..library("", &[]) }
}

impl Elf {
    pub fn rpath(mut self, path: &str) -> Elf {
        self.rpath = Some(path.into());
        self
    }

    pub fn runpath(mut self, path: &str) -> Elf {
        self.runpath = Some(path.into());
        self
    }

    pub fn needs(mut self, library: &str, version: &str) -> Elf {
        self.needs.push((library.into(), version.into(), false));
        self
    }

    pub fn defines(mut self, versions: &[&str]) -> Elf {
        self.defines = versions.iter().map(|version| version.to_string()).collect();
        self
    }

    pub fn interpreter(mut self, path: &str) -> Elf {
        self.interpreter = Some(path.into());
        self
    }

    pub fn machine(mut self, machine: u16, is_64: bool) -> Elf {
        (self.machine, self.is_64) = (machine, is_64);
        self
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let (header, entry) = if self.is_64 { (64, 56) } else { (52, 32) };
        let mut strings = Strings::default();
        let tags = self.tags(&mut strings);
        let needs = self.needs_table(&mut strings);
        let defines = self.defines_table(&mut strings);
        let mut out = vec![0; header + 3 * entry];
        let place = |out: &mut Vec<u8>, bytes: &[u8]| {
            out.resize(out.len().next_multiple_of(8), 0);
            let at = out.len() as u64;
            out.extend_from_slice(bytes);
            at
        };
        let interpreter = self.interpreter.clone().map(|path| path.into_bytes()).unwrap_or_default();
        let interpreter = [&interpreter[..], b"\0"].concat();
        let padding = vec![0xa5; self.filling];
        if self.layout == Layout::Patched {
            place(&mut out, &padding);
        }
        let interpreter_at = place(&mut out, &interpreter);
        let section_len = (tags.len() as u64 + 7) * if self.is_64 { 16 } else { 8 };
        let mut section_at = 0;
        if self.layout == Layout::Patched {
            section_at = place(&mut out, &vec![0; section_len as usize]);
        }
        let strings_at = place(&mut out, &strings.0);
        let needs_at = place(&mut out, &needs);
        let defines_at = place(&mut out, &defines);
        if self.layout == Layout::Linked {
            place(&mut out, &padding);
            section_at = place(&mut out, &vec![0; section_len as usize]);
        }
        let mut section = Vec::new();
        let mut tag = |tag: u64, value: u64| {
            self.word(&mut section, tag);
            self.word(&mut section, value);
        };
        tags.iter().for_each(|&(name, value)| tag(name, value));
        tag(5, BASE + strings_at);
        tag(10, strings.0.len() as u64);
        if !needs.is_empty() {
            tag(0x6fff_fffe, BASE + needs_at);
            tag(0x6fff_ffff, self.need_files().len() as u64);
        }
        if !defines.is_empty() {
            tag(0x6fff_fffc, BASE + defines_at);
            tag(0x6fff_fffd, self.defines.len() as u64 + 1);
        }
        let at = section_at as usize;
        out[at..at + section.len()].copy_from_slice(&section);
        let mut segments = vec![(1, 0, out.len() as u64)];
        if self.interpreter.is_some() {
            segments.push((3, interpreter_at, interpreter.len() as u64));
        }
        if self.is_dynamic {
            segments.push((2, section_at, section_len));
        }
        let head = self.head(&segments);
        out[..head.len()].copy_from_slice(&head);
        out
    }

    fn tags(&self, strings: &mut Strings) -> Vec<(u64, u64)> {
        let mut out: Vec<(u64, u64)> = self.needed.iter().map(|name| (1, strings.put(name))).collect();
        for (tag, text) in [(14, &self.soname), (15, &self.rpath), (29, &self.runpath)] {
            out.extend(text.iter().map(|text| (tag, strings.put(text))));
        }
        if self.no_default {
            out.push((0x6fff_fffb, 0x800));
        }
        out
    }

    fn need_files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = Vec::new();
        for (library, ..) in &self.needs {
            if !files.contains(&library.as_str()) {
                files.push(library);
            }
        }
        files
    }

    fn needs_table(&self, strings: &mut Strings) -> Vec<u8> {
        let mut out = Vec::new();
        let files = self.need_files();
        for (at, file) in files.iter().enumerate() {
            let versions: Vec<_> = self.needs.iter().filter(|(library, ..)| library == file).collect();
            let next = if at + 1 < files.len() { 16 + 16 * versions.len() as u32 } else { 0 };
            self.half(&mut out, 1);
            self.half(&mut out, versions.len() as u16);
            self.long(&mut out, strings.put(file) as u32);
            self.long(&mut out, 16);
            self.long(&mut out, next);
            for (at, (_, version, is_weak)) in versions.iter().enumerate() {
                self.long(&mut out, hash(version));
                self.half(&mut out, if *is_weak { 2 } else { 0 });
                self.half(&mut out, 2);
                self.long(&mut out, strings.put(version) as u32);
                self.long(&mut out, if at + 1 < versions.len() { 16 } else { 0 });
            }
        }
        out
    }

    fn defines_table(&self, strings: &mut Strings) -> Vec<u8> {
        let mut out = Vec::new();
        if self.defines.is_empty() {
            return out;
        }
        let own = self.soname.clone().unwrap_or("own".into());
        let names: Vec<&String> = std::iter::once(&own).chain(&self.defines).collect();
        for (at, name) in names.iter().enumerate() {
            self.half(&mut out, 1);
            self.half(&mut out, if at == 0 { 1 } else { 0 });
            self.half(&mut out, at as u16 + 1);
            self.half(&mut out, 1);
            self.long(&mut out, hash(name));
            self.long(&mut out, 20);
            self.long(&mut out, if at + 1 < names.len() { 28 } else { 0 });
            self.long(&mut out, strings.put(name) as u32);
            self.long(&mut out, 0);
        }
        out
    }

    /// Header and program headers; segments are type, offset and length.
    fn head(&self, segments: &[(u32, u64, u64)]) -> Vec<u8> {
        let mut out = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(self.is_64), 1 + u8::from(self.is_big_endian), 1];
        out.resize(16, 0);
        let (header, entry) = if self.is_64 { (64, 56) } else { (52, 32) };
        self.half(&mut out, self.kind);
        self.half(&mut out, self.machine);
        self.long(&mut out, 1);
        self.word(&mut out, BASE);
        self.word(&mut out, header);
        self.word(&mut out, 0);
        self.long(&mut out, 0);
        for value in [header as u16, entry, segments.len() as u16, 0, 0, 0] {
            self.half(&mut out, value);
        }
        for &(kind, start, len) in segments {
            self.long(&mut out, kind);
            if self.is_64 {
                self.long(&mut out, 4);
            }
            for value in [start, BASE + start, BASE + start, len, len] {
                self.word(&mut out, value);
            }
            if !self.is_64 {
                self.long(&mut out, 4);
            }
            self.word(&mut out, 0x1000);
        }
        out
    }

    fn half(&self, out: &mut Vec<u8>, value: u16) {
        out.extend(if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn long(&self, out: &mut Vec<u8>, value: u32) {
        out.extend(if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn word(&self, out: &mut Vec<u8>, value: u64) {
        match (self.is_64, self.is_big_endian) {
            (true, true) => out.extend(value.to_be_bytes()),
            (true, false) => out.extend(value.to_le_bytes()),
            (false, _) => self.long(out, value as u32),
        }
    }
}

/// The address at which the file is loaded.
const BASE: u64 = 0x40_0000;

/// A string table; offset 0 is the empty name.
struct Strings(Vec<u8>);

impl Default for Strings {
    fn default() -> Strings {
        Strings(vec![0])
    }
}

impl Strings {
    fn put(&mut self, text: &str) -> u64 {
        let at = self.0.len() as u64;
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        at
    }
}

/// System V's symbol hash, as version tables store it.
pub fn hash(name: &str) -> u32 {
    let mut hash = 0u32;
    for byte in name.bytes() {
        hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        hash = (hash ^ (high >> 24)) & !high;
    }
    hash
}
