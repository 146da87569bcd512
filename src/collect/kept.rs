//! Keeps the whole content of small files that rules or the start proof read.
//!
//! Files are selected by path before their content is read, scripts by their first two bytes. If a rule needs a file
//! that wasn't selected (such as a passwd behind a symbolic link), its layer is read again and the entry is kept by
//! index.

use crate::collect::Budget;
use crate::limits;
use crate::model::layer_facts::Kept;
use crate::model::path;
use std::collections::BTreeMap;

/// The files kept from one layer.
pub struct KeptFiles {
    budget: Budget,
    kept: BTreeMap<u32, Kept>,
    /// Bytes of files that rules read.
    rule_bytes: u64,
    /// Bytes of files that the start proof reads. They have a separate limit, so they can't displace the others.
    text_bytes: u64,
    current: Option<Current>,
}

/// The file being read.
struct Current {
    entry: u32,
    content: Vec<u8>,
    reason: Reason,
}

#[derive(Clone, Copy, PartialEq, Eq)]
/// Why a file is kept.
enum Reason {
    /// A rule reads it.
    Rule,
    /// The start proof may read it.
    Text,
    /// The start proof may read it if it is a script, which the first bytes decide.
    IfScript,
}

/// Whether rules read the file at this path: accounts, os-release, package databases.
fn is_read_by_rules(at: &[u8]) -> bool {
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

/// Whether the start proof reads the file at this path: it configures where loaders, Python or Node.js search.
fn is_search_configuration(at: &[u8]) -> bool {
    let name = path::base(at);
    match path::parent(at) {
        b"etc" if name == b"ld.so.conf" || name == b"ld.so.cache" => return true,
        b"etc" if name.starts_with(b"ld-musl-") && name.ends_with(b".path") => return true,
        b"etc/ld.so.conf.d" if name.ends_with(b".conf") => return true,
        _ => {}
    }
    match name {
        // Installed packages have tens of thousands of them, and no image starts in one.
        b"package.json" => !at.split(|&b| b == b'/').any(|part| part == b"node_modules"),
        b"pyvenv.cfg" => true,
        _ => name.ends_with(b".pth") || name.ends_with(b".egg-link"),
    }
}

impl KeptFiles {
    /// Keeps files of one layer within a budget.
    pub fn new(budget: Budget) -> KeptFiles {
        KeptFiles { budget, kept: BTreeMap::new(), rule_bytes: 0, text_bytes: 0, current: None }
    }

    /// Starts a regular file. `forced`: keep it whatever its path.
    pub fn begin(&mut self, entry: u32, at: &[u8], size: u64, forced: bool) {
        if forced || is_read_by_rules(at) {
            if size > limits::KEPT_FILE_BYTES || self.rule_bytes + size > self.budget.kept {
                self.kept.insert(entry, Kept::TooLarge(size));
                return;
            }
            self.rule_bytes += size;
            self.current = Some(Current { entry, content: Vec::new(), reason: Reason::Rule });
            return;
        }
        // A loader's cache is binary and may be larger than a text file.
        let bound = if at == b"etc/ld.so.cache" { limits::KEPT_FILE_BYTES } else { limits::TEXT_FILE_BYTES };
        if size <= bound && self.text_bytes + size <= self.budget.texts {
            let reason = if is_search_configuration(at) { Reason::Text } else { Reason::IfScript };
            self.current = Some(Current { entry, content: Vec::new(), reason });
        }
    }

    /// Adds bytes.
    pub fn data(&mut self, mut bytes: &[u8]) {
        while let Some(current) = &mut self.current {
            if current.reason != Reason::IfScript {
                return current.content.extend_from_slice(bytes);
            }
            let known = current.content.len();
            let (now, later) = bytes.split_at(bytes.len().min(2 - known));
            if !b"#!"[known..].starts_with(now) {
                self.current = None;
            } else {
                current.content.extend_from_slice(now);
                current.reason = if current.content.len() < 2 { Reason::IfScript } else { Reason::Text };
            }
            if later.is_empty() {
                return;
            }
            bytes = later;
        }
    }

    /// Adds a hole of zeros. The file's size has been checked.
    pub fn hole(&mut self, bytes: u64) {
        match &mut self.current {
            Some(current) if current.reason == Reason::IfScript && bytes > 0 => self.current = None,
            Some(current) => current.content.resize(current.content.len() + bytes as usize, 0),
            None => {}
        }
    }

    /// Ends the file.
    pub fn end(&mut self) {
        if let Some(current) = self.current.take().filter(|current| current.reason != Reason::IfScript) {
            self.text_bytes += if current.reason == Reason::Text { current.content.len() as u64 } else { 0 };
            self.kept.insert(current.entry, Kept::Whole(current.content.into()));
        }
    }

    /// The kept files, by entry.
    pub fn finish(self) -> BTreeMap<u32, Kept> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &[u8])], piece: usize) -> BTreeMap<u32, Kept> {
        let mut files_kept = KeptFiles::new(Budget::default());
        for (entry, (at, content)) in files.iter().enumerate() {
            files_kept.begin(entry as u32, at.as_bytes(), content.len() as u64, false);
            content.chunks(piece).for_each(|piece| files_kept.data(piece));
            files_kept.end();
        }
        files_kept.finish()
    }

    #[test]
    fn keeps_scripts_and_search_configuration() {
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
    fn keeps_files_for_rules_when_texts_exceed_their_budget() {
        let script = [&b"#!"[..], &[b'x'; 60_000]].concat();
        let mut files = vec![("app/start", &script[..]); 400];
        files.push(("etc/passwd", b"root:x:0:0"));
        let kept = kept(&files, usize::MAX);
        assert!(kept.len() < 300 && kept.contains_key(&400), "{}", kept.len());
        assert!(!kept.values().any(|kept| matches!(kept, Kept::TooLarge(_))));
    }

    #[test]
    fn shares_stay_within_the_limits() {
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
