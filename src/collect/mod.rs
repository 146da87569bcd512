//! Collects from one layer, as its entries are read, what the rules need.
//!
//! In: entries and their data, in the order of the tar. Out: [`Collected`], which the pass turns into the layer's
//! facts. A collector sees one layer only. It keeps the metadata and a content hash of every entry, the heads of
//! programs and scripts, and the whole content of the few files that rules read. Not here: merging layers (`view`).

pub mod content;
pub mod heads;
pub mod kept;

use crate::collect::content::Content;
use crate::collect::heads::Heads;
use crate::collect::kept::KeptFiles;
use crate::limits;
use crate::model::layer_facts::Counts;
use crate::model::layer_facts::Entry;
use crate::model::layer_facts::Kind;
use crate::model::layer_facts::Malformed;
use crate::model::layer_facts::NONE;
use crate::model::layer_facts::Sizes;
use crate::model::layer_facts::Xattr;
use crate::model::path;
use crate::model::path::PathTable;
use crate::stream::fault::Fault;
use crate::stream::fault::TarFault;
use crate::stream::tar::Header;
use crate::stream::tar::Sink;
use std::collections::BTreeMap;

/// How many malformed entries are listed.
const MALFORMED_LISTED: usize = 20;

/// How much may be kept from a layer, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Of files that rules read.
    pub kept: u64,
    /// Of text files that the start proof reads.
    pub texts: u64,
    /// Of heads.
    pub heads: u64,
}

impl Budget {
    /// The share of a layer of `stored` bytes, if `layers` layers have `all` bytes in total. It depends only on these
    /// arguments, so not on the order in which layers are read.
    pub fn share(stored: u64, all: u64, layers: usize) -> Budget {
        let share = |total: u64, most: u64| {
            let same = total / 2 / layers.max(1) as u64;
            let by_size = u128::from(total / 2) * u128::from(stored) / u128::from(all.max(1));
            same.saturating_add(by_size as u64).clamp(limits::SHARE_BYTES, most)
        };
        Budget {
            kept: share(limits::KEPT_BYTES, limits::KEPT_LAYER_BYTES),
            texts: share(limits::TEXTS_BYTES, limits::TEXT_LAYER_BYTES),
            heads: share(limits::HEADS_BYTES, limits::HEADS_LAYER_BYTES),
        }
    }
}

impl Default for Budget {
    /// The share of a layer that is read alone.
    fn default() -> Budget {
        Budget::share(1, 1, 1)
    }
}

/// What to collect of the content besides a hash.
#[derive(Clone, Debug, Default)]
pub struct CollectOptions {
    /// How much may be kept.
    pub budget: Budget,
    /// Whether to compute the SHA-256 of every regular file.
    pub sha256: bool,
    /// Indexes of entries to keep whole, whatever their path.
    pub entries: std::collections::BTreeSet<u32>,
}

/// Collects one layer.
pub struct Collector<'a> {
    options: &'a CollectOptions,
    paths: PathTable,
    entries: Vec<Entry>,
    texts: Vec<Box<[u8]>>,
    content: Content,
    kept: KeptFiles,
    heads: Heads,
    xattrs: BTreeMap<u32, Vec<Xattr>>,
    malformed: Vec<Malformed>,
    reader_differences: Vec<String>,
    counts: Counts,
    sizes: Sizes,
    /// Bytes of link targets and attributes kept so far.
    kept_bytes: usize,
    /// Whether the current entry is a regular file.
    in_file: bool,
}

/// What was collected from one layer.
pub struct Collected {
    /// All paths of the layer.
    pub paths: PathTable,
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Link targets and device numbers.
    pub texts: Vec<Box<[u8]>>,
    /// Hashes and digests of content.
    pub content: Content,
    /// Files kept whole.
    pub kept: BTreeMap<u32, crate::model::layer_facts::Kept>,
    /// The heads of programs, scripts and libraries.
    pub heads: BTreeMap<u32, crate::model::program::Head>,
    /// Extended attributes that rules use.
    pub xattrs: BTreeMap<u32, Vec<Xattr>>,
    /// Malformed entries.
    pub malformed: Vec<Malformed>,
    /// What other readers handle differently.
    pub reader_differences: Vec<String>,
    /// The number of entries of each kind.
    pub counts: Counts,
    /// Sizes of headers and data; the tar reader and the decoder supply the others.
    pub sizes: Sizes,
}

impl<'a> Collector<'a> {
    /// A collector for one layer.
    pub fn new(options: &'a CollectOptions) -> Collector<'a> {
        Collector {
            options,
            paths: PathTable::default(),
            entries: Vec::new(),
            texts: Vec::new(),
            content: Content::new(options.sha256),
            kept: KeptFiles::new(options.budget),
            heads: Heads::new(options.budget),
            xattrs: BTreeMap::new(),
            malformed: Vec::new(),
            reader_differences: Vec::new(),
            counts: Counts::default(),
            sizes: Sizes::default(),
            kept_bytes: 0,
            in_file: false,
        }
    }

    /// Everything that was collected.
    pub fn finish(mut self) -> Collected {
        self.paths.shrink_to_fit();
        self.entries.shrink_to_fit();
        Collected {
            paths: self.paths,
            entries: self.entries,
            texts: self.texts,
            content: self.content,
            kept: self.kept.finish(),
            heads: self.heads.finish(),
            xattrs: self.xattrs,
            malformed: self.malformed,
            reader_differences: self.reader_differences,
            counts: self.counts,
            sizes: self.sizes,
        }
    }

    fn malformed(&mut self, name: &[u8], what: &str) {
        if self.malformed.len() < MALFORMED_LISTED {
            self.malformed.push(Malformed { path: name.to_vec(), what: what.to_string() });
        }
    }

    fn reader_difference(&mut self, what: &str) {
        let listed = &mut self.reader_differences;
        if listed.len() < MALFORMED_LISTED && !listed.iter().any(|other| other == what) {
            listed.push(what.to_string());
        }
    }

    fn count(&mut self, kind: Kind, bad_whiteout: bool) {
        let counter = match kind {
            Kind::File => &mut self.counts.file,
            Kind::Dir => &mut self.counts.dir,
            Kind::Symlink => &mut self.counts.symlink,
            Kind::Hardlink => &mut self.counts.hardlink,
            Kind::Char => &mut self.counts.char,
            Kind::Block => &mut self.counts.block,
            Kind::Fifo => &mut self.counts.fifo,
            Kind::Whiteout => &mut self.counts.whiteouts,
            Kind::Opaque => &mut self.counts.opaque,
            Kind::Aufs => &mut self.counts.aufs,
            Kind::Other if bad_whiteout => &mut self.counts.whiteouts,
            Kind::Other => &mut self.counts.other,
        };
        *counter += 1;
    }

    fn text(&mut self, kind: Kind, header: &Header) -> u32 {
        let text = match kind {
            Kind::Symlink if header.link.len() > limits::LINK_BYTES => {
                self.malformed(&header.name, "a symbolic link with a longer target than any system accepts");
                return NONE;
            }
            Kind::Symlink | Kind::Hardlink => header.link.clone(),
            Kind::Char | Kind::Block => format!("{}:{}", header.device.0, header.device.1).into_bytes(),
            _ => return NONE,
        };
        self.kept_bytes += text.len();
        self.texts.push(text.into());
        (self.texts.len() - 1) as u32
    }
}

/// The kind of an entry by its name and type, and the path it concerns.
struct Role {
    kind: Kind,
    path: Vec<u8>,
    bad_whiteout: bool,
}

/// Detects whiteouts and opaque whiteouts by name (image-spec, layer.md, "Whiteouts"), and metadata that Docker's AUFS
/// driver left in layers (moby, pkg/archive, `WhiteoutMetaPrefix`).
fn role(header: &Header, cleaned: &[u8]) -> Role {
    let (directory, name) = (path::parent(cleaned), path::base(cleaned));
    let first = cleaned.split(|&b| b == b'/').next().unwrap_or(b"");
    let of = |kind, path: &[u8]| Role { kind, path: path.to_vec(), bad_whiteout: false };
    if name == b".wh..wh..opq" {
        return of(Kind::Opaque, directory);
    }
    if first.starts_with(b".wh..wh.") || name.starts_with(b".wh..wh.") {
        return of(Kind::Aufs, cleaned);
    }
    if let Some(hidden) = name.strip_prefix(b".wh.") {
        return match hidden {
            b"" | b"." | b".." => Role { kind: Kind::Other, path: cleaned.to_vec(), bad_whiteout: true },
            _ => of(Kind::Whiteout, &path::join(directory, hidden)),
        };
    }
    let kind = match header.flag {
        b'0' | b'7' => Kind::File,
        b'1' => Kind::Hardlink,
        b'2' => Kind::Symlink,
        b'3' => Kind::Char,
        b'4' => Kind::Block,
        b'5' => Kind::Dir,
        b'6' => Kind::Fifo,
        _ => Kind::Other,
    };
    of(kind, cleaned)
}

impl Sink for Collector<'_> {
    fn entry(&mut self, header: Header) -> Result<(), Fault> {
        let at = header.data_offset;
        let fault = |what| Fault::Tar { at, what };
        if self.entries.len() >= limits::LAYER_ENTRIES {
            return Err(fault(TarFault::TooManyEntries));
        }
        let (cleaned, left_root) = path::clean(&header.name);
        let role = role(&header, &cleaned);
        if left_root {
            self.malformed(&header.name, "a name that leaves the root with ..");
        }
        if role.kind == Kind::Aufs {
            // Unpackers differ on whether they skip these. Names that AUFS never wrote may exploit the difference.
            const AUFS: [&[u8]; 3] = [b".wh..wh.plnk", b".wh..wh.aufs", b".wh..wh.orph"];
            if cleaned.split(|&b| b == b'/').any(|part| AUFS.contains(&part)) {
                self.reader_difference("AUFS metadata, which is not part of the view");
            } else {
                self.malformed(&header.name, "a name that starts with .wh..wh., which unpackers handle differently");
            }
        }
        if role.bad_whiteout {
            self.malformed(&header.name, "a whiteout without a name to hide");
        } else if role.kind == Kind::Other {
            self.malformed(&header.name, &format!("an entry of unknown type 0x{:02x}", header.flag));
        } else if cleaned.is_empty() && !matches!(role.kind, Kind::Dir) {
            self.malformed(&header.name, "an entry for the root that is not a directory");
        }
        if role.kind == Kind::Char && header.device == (0, 0) {
            self.malformed(&header.name, "a character device 0:0, which overlayfs treats as a whiteout");
        }
        if header.follows_global_header {
            self.reader_difference("a global PAX header, which is ignored as in docker");
        }
        self.count(role.kind, role.bad_whiteout);
        self.sizes.header += header.header_bytes;
        let id = |value: i64| u32::try_from(value).ok();
        let (uid, gid) = (id(header.uid), id(header.gid));
        if uid.is_none() || gid.is_none() {
            self.malformed(&header.name, "an owner or group that doesn't fit in 32 bits");
        }
        let index = self.entries.len() as u32;
        let regular = matches!(header.flag, b'0' | b'7');
        self.in_file = regular && matches!(role.kind, Kind::File | Kind::Aufs);
        if self.in_file {
            self.sizes.regular += header.size;
            self.sizes.sparse_delta += header.size as i64 - header.stored as i64;
        } else {
            self.sizes.other_payload += header.stored;
        }
        let path = self.paths.insert(&role.path).map_err(|_| fault(TarFault::TooManyPaths))?;
        let text = self.text(role.kind, &header);
        let content = if self.in_file { self.content.begin(header.size) } else { NONE };
        if self.in_file {
            let forced = self.options.entries.contains(&index);
            self.kept.begin(index, &role.path, header.size, forced);
            self.heads.begin(index, header.size);
        }
        self.keep_xattrs(index, &header.name, header.xattrs);
        if self.kept_bytes > limits::NAME_BYTES {
            return Err(fault(TarFault::TooManyPaths));
        }
        self.entries.push(Entry {
            path,
            kind: role.kind,
            mode: (header.mode & 0o7777) as u16,
            uid: uid.unwrap_or(0),
            gid: gid.unwrap_or(0),
            size: if self.in_file { header.size } else { 0 },
            text,
            content,
        });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) {
        if self.in_file {
            self.content.data(bytes);
            self.kept.data(bytes);
            self.heads.data(bytes);
        }
    }

    fn hole(&mut self, bytes: u64) {
        if self.in_file {
            self.content.hole(bytes);
            self.kept.hole(bytes);
            self.heads.hole(bytes);
        }
    }

    fn end(&mut self) {
        if self.in_file {
            self.content.end();
            self.kept.end();
            self.heads.end();
        }
        self.in_file = false;
    }
}

impl Collector<'_> {
    fn keep_xattrs(&mut self, index: u32, name: &[u8], xattrs: Vec<(Vec<u8>, Vec<u8>)>) {
        const KEPT: [&[u8]; 3] = [b"security.capability", b"system.posix_acl_access", b"system.posix_acl_default"];
        let mut kept: Vec<Xattr> = Vec::new();
        for (key, value) in xattrs {
            if key.starts_with(b"trusted.overlay.") || key.starts_with(b"user.overlay.") {
                // overlayfs interprets them, so a container would not see what the layers contain.
                self.malformed(name, "an extended attribute reserved for overlayfs");
            } else if KEPT.contains(&&key[..]) {
                if value.len() > limits::XATTR_BYTES {
                    self.malformed(name, "an extended attribute larger than any system accepts");
                    continue;
                }
                self.kept_bytes += key.len() + value.len();
                kept.push(Xattr { name: key.into(), value: value.into() });
            }
        }
        if !kept.is_empty() {
            self.xattrs.insert(index, kept);
        }
    }
}
