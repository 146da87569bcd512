//! Small files kept whole because rules read them.
//!
//! Which ones is decided by path, before the content passes. A file that a rule turns out to need and that lies
//! elsewhere (a passwd behind a symbolic link) is kept by a second reading that names the entry.

use crate::limits;
use crate::model::layer_facts::Kept;
use crate::model::path;
use std::collections::BTreeMap;

/// The files kept from one layer.
#[derive(Default)]
pub struct Keep {
    kept: BTreeMap<u32, Kept>,
    total: u64,
    open: Option<(u32, Vec<u8>)>,
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

impl Keep {
    /// A regular file begins. `forced`: keep it whatever its path.
    pub fn begin(&mut self, entry: u32, at: &[u8], size: u64, forced: bool) {
        if !forced && !wanted(at) {
            return;
        }
        if size > limits::KEPT_FILE_BYTES || self.total + size > limits::KEPT_LAYER_BYTES {
            self.kept.insert(entry, Kept::TooLarge(size));
            return;
        }
        self.total += size;
        self.open = Some((entry, Vec::new()));
    }

    /// The next bytes.
    pub fn data(&mut self, bytes: &[u8]) {
        if let Some((_, content)) = &mut self.open {
            content.extend_from_slice(bytes);
        }
    }

    /// Zeros that are not stored; the file's size has been checked.
    pub fn hole(&mut self, bytes: u64) {
        if let Some((_, content)) = &mut self.open {
            content.resize(content.len() + bytes as usize, 0);
        }
    }

    /// The file is complete.
    pub fn end(&mut self) {
        if let Some((entry, content)) = self.open.take() {
            self.kept.insert(entry, Kept::Whole(content.into()));
        }
    }

    /// What was kept.
    pub fn finish(self) -> BTreeMap<u32, Kept> {
        self.kept
    }
}
