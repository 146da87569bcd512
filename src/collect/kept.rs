//! Small files kept whole because rules read them.
//!
//! Which ones is decided by path, before the content passes; scripts are told by their first two bytes. A file that a
//! rule turns out to need and that lies elsewhere (a passwd behind a symbolic link) is kept by a second reading that
//! names the entry.

use crate::collect::Budget;
use crate::limits;
use crate::model::layer_facts::Kept;
use crate::model::path;
use std::collections::BTreeMap;

/// The files kept from one layer.
pub struct Keep {
    budget: Budget,
    kept: BTreeMap<u32, Kept>,
    /// Bytes of the files that rules read.
    total: u64,
    /// Bytes of those that the start proof reads. They have a bound of their own, and take nothing from the rules.
    texts: u64,
    open: Option<Open>,
}

/// The file that is being kept.
struct Open {
    entry: u32,
    content: Vec<u8>,
    why: Why,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// A rule reads it.
    Rule,
    /// The start proof may read it.
    Text,
    /// The start proof may read it if it is a script, which its first bytes will say.
    IfScript,
}

/// Files that rules read, by path: accounts, the system's name, package databases.
fn wanted(at: &[u8]) -> bool {
    let exact: [&[u8]; 9] = [
        b"etc/passwd",
        b"etc/group",
        b"etc/os-release",
        b"usr/lib/os-release",
        b"var/lib/dpkg/status",
        b"var/lib/dpkg/diversions",
        b"lib/apk/db/installed",
        b"usr/lib/apk/db/installed",
        b"usr/lib/sysimage/apk/db/installed",
    ];
    exact.contains(&at)
        || match path::parent(at) {
            b"var/lib/dpkg/info" => at.ends_with(b".list"),
            b"var/lib/dpkg/status.d" => true,
            _ => false,
        }
}

/// Files that the proof that an image starts reads: what tells loaders, Python and Node.js where to look.
fn tells_where(at: &[u8]) -> bool {
    let name = path::base(at);
    match path::parent(at) {
        b"etc" if name == b"ld.so.conf" || name == b"ld.so.cache" => return true,
        b"etc" if name.starts_with(b"ld-musl-") && name.ends_with(b".path") => return true,
        b"etc/ld.so.conf.d" if name.ends_with(b".conf") => return true,
        _ => {}
    }
    match name {
        // Of those that packages bring there are tens of thousands, and nobody starts in one.
        b"package.json" => !at.split(|&b| b == b'/').any(|part| part == b"node_modules"),
        b"pyvenv.cfg" => true,
        _ => name.ends_with(b".pth") || name.ends_with(b".egg-link"),
    }
}

impl Keep {
    /// For a layer of which so much may be kept.
    pub fn new(budget: Budget) -> Keep {
        Keep { budget, kept: BTreeMap::new(), total: 0, texts: 0, open: None }
    }

    /// A regular file begins. `forced`: keep it whatever its path.
    pub fn begin(&mut self, entry: u32, at: &[u8], size: u64, forced: bool) {
        if forced || wanted(at) {
            if size > limits::KEPT_FILE_BYTES || self.total + size > self.budget.kept {
                self.kept.insert(entry, Kept::TooLarge(size));
                return;
            }
            self.total += size;
            self.open = Some(Open { entry, content: Vec::new(), why: Why::Rule });
            return;
        }
        // A loader's cache is no text, and may be larger than one.
        let bound = if at == b"etc/ld.so.cache" { limits::KEPT_FILE_BYTES } else { limits::TEXT_FILE_BYTES };
        if size <= bound && self.texts + size <= self.budget.texts {
            let why = if tells_where(at) { Why::Text } else { Why::IfScript };
            self.open = Some(Open { entry, content: Vec::new(), why });
        }
    }

    /// The next bytes.
    pub fn data(&mut self, mut bytes: &[u8]) {
        while let Some(open) = &mut self.open {
            if open.why != Why::IfScript {
                return open.content.extend_from_slice(bytes);
            }
            let known = open.content.len();
            let (now, later) = bytes.split_at(bytes.len().min(2 - known));
            if !b"#!"[known..].starts_with(now) {
                self.open = None;
            } else {
                open.content.extend_from_slice(now);
                open.why = if open.content.len() < 2 { Why::IfScript } else { Why::Text };
            }
            if later.is_empty() {
                return;
            }
            bytes = later;
        }
    }

    /// Zeros that are not stored; the file's size has been checked.
    pub fn hole(&mut self, bytes: u64) {
        match &mut self.open {
            Some(open) if open.why == Why::IfScript && bytes > 0 => self.open = None,
            Some(open) => open.content.resize(open.content.len() + bytes as usize, 0),
            None => {}
        }
    }

    /// The file is complete.
    pub fn end(&mut self) {
        if let Some(open) = self.open.take().filter(|open| open.why != Why::IfScript) {
            self.texts += if open.why == Why::Text { open.content.len() as u64 } else { 0 };
            self.kept.insert(open.entry, Kept::Whole(open.content.into()));
        }
    }

    /// What was kept.
    pub fn finish(self) -> BTreeMap<u32, Kept> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &[u8])], piece: usize) -> BTreeMap<u32, Kept> {
        let mut keep = Keep::new(Budget::default());
        for (entry, (at, content)) in files.iter().enumerate() {
            keep.begin(entry as u32, at.as_bytes(), content.len() as u64, false);
            content.chunks(piece).for_each(|piece| keep.data(piece));
            keep.end();
        }
        keep.finish()
    }

    #[test]
    fn texts_that_tell_where_to_look_are_kept() {
        let large = [&b"#!"[..], &[b'x'; 64 << 10]].concat();
        let files: [(&str, &[u8]); 14] = [
            ("app/start", b"#!/bin/sh\n"),
            ("app/package.json", b"{}"),
            ("app/node_modules/a/package.json", b"{}"),
            ("usr/lib/a.pth", b"/x"),
            ("venv/pyvenv.cfg", b"home = /usr/bin"),
            ("etc/ld.so.conf", b"include"),
            ("etc/ld.so.conf.d/a.conf", b"/opt"),
            ("etc/ld.so.conf.d/a.txt", b"/opt"),
            ("etc/ld-musl-x86_64.path", b"/lib"),
            ("app/a", b"#"),
            ("app/b", b"# !"),
            ("app/large", &large),
            ("etc/ld.so.cache", &large[2..]),
            ("app/empty.pth", b""),
        ];
        for piece in [1, 2, 3, usize::MAX] {
            let kept = kept(&files, piece);
            assert_eq!(kept.keys().copied().collect::<Vec<_>>(), [0, 1, 3, 4, 5, 6, 8, 12, 13], "{piece}");
            assert_eq!(kept[&0], Kept::Whole((*b"#!/bin/sh\n").into()));
        }
    }

    #[test]
    fn texts_take_nothing_from_the_files_that_rules_read() {
        let script = [&b"#!"[..], &[b'x'; 60_000]].concat();
        let mut files = vec![("app/start", &script[..]); 400];
        files.push(("etc/passwd", b"root:x:0:0"));
        let kept = kept(&files, usize::MAX);
        assert!(kept.len() < 300 && kept.contains_key(&400), "{}", kept.len());
        assert!(!kept.values().any(|kept| matches!(kept, Kept::TooLarge(_))));
    }

    #[test]
    fn shares_add_up_to_the_bound() {
        for layers in [1, 7, 2048_u64] {
            let sizes: Vec<u64> = (0..layers).map(|layer| layer * layer).collect();
            let all: u64 = sizes.iter().sum();
            let shares: Vec<Budget> = sizes.iter().map(|&size| Budget::share(size, all, sizes.len())).collect();
            let least = layers * limits::SHARE_BYTES;
            assert!(shares.iter().map(|share| share.heads).sum::<u64>() <= limits::HEADS_BYTES + least);
            assert!(shares.iter().all(|share| share.kept >= limits::SHARE_BYTES), "{layers}");
        }
        assert_eq!(Budget::share(5, 10, 2).heads, limits::HEADS_LAYER_BYTES);
        assert_eq!(Budget::share(u64::MAX, u64::MAX, usize::MAX).texts, limits::TEXT_LAYER_BYTES);
    }
}
