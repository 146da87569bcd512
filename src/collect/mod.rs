//! Takes from one layer, as its entries stream past, what the rules will ask for.
//!
//! In: entries and their content, in the order of the tar. Out: [`Collected`], which the pass makes into a layer's
//! facts. A collector knows one layer only, and keeps nothing per byte of content: metadata and a hash of every entry,
//! the heads of programs and scripts, whole only the few files that rules read. Not here: what the entries mean on top
//! of other layers (`view`).

pub mod content;
pub mod heads;
pub mod kept;

use crate::collect::content::Content;
use crate::collect::heads::Heads;
use crate::collect::kept::Keep;
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

/// Malformed places that are listed; the first few tell the story.
const MALFORMED_LISTED: usize = 20;

/// How much of a layer may be kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Of files that rules read.
    pub kept: u64,
    /// Of texts that the start proof reads.
    pub texts: u64,
    /// Of heads.
    pub heads: u64,
}

impl Budget {
    /// The share of a layer of `stored` bytes, of `layers` that have `all` together. It hangs on nothing but these, so
    /// that the order of reading does not matter.
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
    /// Of a layer that is read alone.
    fn default() -> Budget {
        Budget::share(1, 1, 1)
    }
}

/// What is asked of the content of entries, beside their hashes.
#[derive(Clone, Debug, Default)]
pub struct CollectOptions {
    /// How much may be kept.
    pub budget: Budget,
    /// SHA-256 of every regular file.
    pub sha256: bool,
    /// Entries to keep whole whatever their path, by index.
    pub entries: std::collections::BTreeSet<u32>,
}

/// Collects one layer.
pub struct Collector<'a> {
    wants: &'a CollectOptions,
    paths: PathTable,
    entries: Vec<Entry>,
    texts: Vec<Box<[u8]>>,
    content: Content,
    keep: Keep,
    heads: Heads,
    xattrs: BTreeMap<u32, Vec<Xattr>>,
    malformed: Vec<Malformed>,
    odd: Vec<String>,
    counts: Counts,
    sizes: Sizes,
    /// Bytes of link targets and attributes kept so far.
    held: usize,
    /// The entry that content belongs to is a regular file.
    in_file: bool,
}

/// What was collected.
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
    /// The beginnings of programs, scripts and libraries.
    pub heads: BTreeMap<u32, crate::model::program::Head>,
    /// Extended attributes that matter.
    pub xattrs: BTreeMap<u32, Vec<Xattr>>,
    /// Places that are broken.
    pub malformed: Vec<Malformed>,
    /// Places that readers treat differently.
    pub odd: Vec<String>,
    /// Entries by kind.
    pub counts: Counts,
    /// Bytes of headers and content; the rest is the reader's and the decoder's to say.
    pub sizes: Sizes,
}

impl<'a> Collector<'a> {
    /// For one layer.
    pub fn new(wants: &'a CollectOptions) -> Collector<'a> {
        Collector {
            wants,
            paths: PathTable::default(),
            entries: Vec::new(),
            texts: Vec::new(),
            content: Content::new(wants.sha256),
            keep: Keep::new(wants.budget),
            heads: Heads::new(wants.budget),
            xattrs: BTreeMap::new(),
            malformed: Vec::new(),
            odd: Vec::new(),
            counts: Counts::default(),
            sizes: Sizes::default(),
            held: 0,
            in_file: false,
        }
    }

    /// Everything that was taken.
    pub fn finish(mut self) -> Collected {
        self.paths.shrink_to_fit();
        self.entries.shrink_to_fit();
        Collected {
            paths: self.paths,
            entries: self.entries,
            texts: self.texts,
            content: self.content,
            kept: self.keep.finish(),
            heads: self.heads.finish(),
            xattrs: self.xattrs,
            malformed: self.malformed,
            odd: self.odd,
            counts: self.counts,
            sizes: self.sizes,
        }
    }

    fn malformed(&mut self, name: &[u8], what: &str) {
        if self.malformed.len() < MALFORMED_LISTED {
            self.malformed.push(Malformed { path: name.to_vec(), what: what.to_string() });
        }
    }

    fn odd(&mut self, what: &str) {
        if self.odd.len() < MALFORMED_LISTED && !self.odd.iter().any(|other| other == what) {
            self.odd.push(what.to_string());
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
                self.malformed(&header.name, "a symbolic link with a longer target than any system takes");
                return NONE;
            }
            Kind::Symlink | Kind::Hardlink => header.link.clone(),
            Kind::Char | Kind::Block => format!("{}:{}", header.device.0, header.device.1).into_bytes(),
            _ => return NONE,
        };
        self.held += text.len();
        self.texts.push(text.into());
        (self.texts.len() - 1) as u32
    }
}

/// What an entry is by its name and type, and the path it speaks of.
struct Role {
    kind: Kind,
    path: Vec<u8>,
    bad_whiteout: bool,
}

/// Whiteouts and opaque markers by name (image-spec, layer.md, "Whiteouts"), and metadata that Docker's AUFS driver
/// left in layers (moby, pkg/archive, `WhiteoutMetaPrefix`).
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
        let at = header.content_at;
        let fault = |what| Fault::Tar { at, what };
        if self.entries.len() >= limits::LAYER_ENTRIES {
            return Err(fault(TarFault::TooManyEntries));
        }
        let (cleaned, left_root) = path::clean(&header.name);
        let role = role(&header, &cleaned);
        if left_root {
            self.malformed(&header.name, "a name with .. that leaves the root");
        }
        if role.kind == Kind::Aufs {
            // Some unpackers leave these out and some do not; names that AUFS never wrote are there to be read two
            // ways.
            const AUFS: [&[u8]; 3] = [b".wh..wh.plnk", b".wh..wh.aufs", b".wh..wh.orph"];
            match cleaned.split(|&b| b == b'/').any(|part| AUFS.contains(&part)) {
                true => self.odd("metadata of AUFS, which is left out of the view"),
                false => {
                    self.malformed(&header.name, "a name that begins with .wh..wh., which unpackers read differently")
                }
            }
        }
        if role.bad_whiteout {
            self.malformed(&header.name, "a whiteout without a name to hide");
        } else if role.kind == Kind::Other {
            self.malformed(&header.name, &format!("an entry of the unknown type 0x{:02x}", header.flag));
        } else if cleaned.is_empty() && !matches!(role.kind, Kind::Dir) {
            self.malformed(&header.name, "an entry for the root that is not a directory");
        }
        if role.kind == Kind::Char && header.device == (0, 0) {
            self.malformed(&header.name, "a character device 0:0, which overlayfs takes for a whiteout");
        }
        if header.after_global {
            self.odd("a global PAX header, which was ignored as docker ignores it");
        }
        self.count(role.kind, role.bad_whiteout);
        self.sizes.header += header.header_bytes;
        let id = |value: i64| u32::try_from(value).ok();
        let (uid, gid) = (id(header.uid), id(header.gid));
        if uid.is_none() || gid.is_none() {
            self.malformed(&header.name, "an owner or group that does not fit 32 bits");
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
        let content = match self.in_file {
            true => self.content.begin(header.size),
            false => NONE,
        };
        if self.in_file {
            let forced = self.wants.entries.contains(&index);
            self.keep.begin(index, &role.path, header.size, forced);
            self.heads.begin(index, header.size);
        }
        self.keep_xattrs(index, &header.name, header.xattrs);
        if self.held > limits::NAME_BYTES {
            return Err(fault(TarFault::TooManyPaths));
        }
        self.entries.push(Entry {
            path,
            kind: role.kind,
            mode: (header.mode & 0o7777) as u16,
            uid: uid.unwrap_or(0),
            gid: gid.unwrap_or(0),
            mtime: header.mtime,
            size: if self.in_file { header.size } else { 0 },
            text,
            content,
        });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) {
        if self.in_file {
            self.content.data(bytes);
            self.keep.data(bytes);
            self.heads.data(bytes);
        }
    }

    fn hole(&mut self, bytes: u64) {
        if self.in_file {
            self.content.hole(bytes);
            self.keep.hole(bytes);
            self.heads.hole(bytes);
        }
    }

    fn end(&mut self) {
        if self.in_file {
            self.content.end();
            self.keep.end();
            self.heads.end();
        }
        self.in_file = false;
    }
}

impl Collector<'_> {
    fn keep_xattrs(&mut self, index: u32, name: &[u8], xattrs: Vec<(Vec<u8>, Vec<u8>)>) {
        const MATTER: [&[u8]; 3] = [b"security.capability", b"system.posix_acl_access", b"system.posix_acl_default"];
        let mut matter: Vec<Xattr> = Vec::new();
        for (key, value) in xattrs {
            if key.starts_with(b"trusted.overlay.") || key.starts_with(b"user.overlay.") {
                // overlayfs obeys them: what a container sees is then not what the layers say.
                self.malformed(name, "an extended attribute that only overlayfs may set");
            } else if MATTER.contains(&&key[..]) {
                if value.len() > limits::XATTR_BYTES {
                    self.malformed(name, "an extended attribute larger than any system takes");
                    continue;
                }
                self.held += key.len() + value.len();
                matter.push(Xattr { name: key.into(), value: value.into() });
            }
        }
        if !matter.is_empty() {
            self.xattrs.insert(index, matter);
        }
    }
}
