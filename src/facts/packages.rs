//! Packages that a distribution's package manager (dpkg or apk) installed, and the files they own.
//!
//! Sources: dpkg(1) and deb822(5) for `status`, dpkg-query(1) for `info/*.list`, apk's database format (apk-tools,
//! `installed`). Google's distroless images keep one stanza per file in `status.d`.

use crate::facts::Facts;
use crate::facts::accounts::regular_file;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kept;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::path::PathTable;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manager {
    /// Debian's.
    Dpkg,
    /// Alpine's.
    Apk,
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The package manager that installed it.
    pub manager: Manager,
    /// Its name, escaped for display.
    pub name: String,
    /// Its version, escaped for display.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// The file that records it.
    pub record: NodeId,
    /// The lowest layer from which every version of the database has this version of the package.
    pub layer: usize,
}

/// All packages, and the paths they own.
#[derive(Debug, Default)]
pub struct Packages {
    /// Sorted by manager and name.
    pub list: Vec<Package>,
    /// For each existing path that a package lists: the packages, as indexes into `list`.
    owners: HashMap<NodeId, Vec<u32>>,
}

impl Packages {
    /// The packages that own a node.
    pub fn owners(&self, node: NodeId) -> impl Iterator<Item = &Package> {
        self.owners.get(&node).into_iter().flatten().filter_map(|&index| self.list.get(index as usize))
    }

    /// Every node that packages own, with its owners, in no particular order.
    #[cfg(feature = "internals")]
    pub fn owned(&self) -> impl Iterator<Item = (NodeId, Vec<&Package>)> {
        self.owners
            .iter()
            .map(|(&node, owners)| (node, owners.iter().filter_map(|&i| self.list.get(i as usize)).collect()))
    }
}

impl Facts<'_> {
    /// The packages of the merged view; read once.
    pub fn packages(&self) -> Result<&Packages, Undecided> {
        let view = self.view()?;
        self.packages.get_or_init(|| read(view)).as_ref().map_err(Undecided::clone)
    }
}

fn read(view: &View) -> Result<Packages, Undecided> {
    let mut packages = Packages::default();
    let mut directories = Directories { view, known: HashMap::new() };
    read_dpkg(view, &mut packages, &mut directories)?;
    read_apk(view, &mut packages, &mut directories)?;
    Ok(packages)
}

fn kept_text(view: &View, node: NodeId) -> Result<&[u8], Undecided> {
    let denied = |why: String| Undecided::denied(format!("/{}", shown_bytes(&view.path(node))), why);
    match view.content(node) {
        Some(Kept::Whole(bytes)) => Ok(bytes),
        Some(Kept::TooLarge(size)) => Err(denied(format!("it has {size} bytes, over the limit (kept file)"))),
        None => Err(denied("its content was not kept".to_string())),
    }
}

/// A package's name, version and architecture in a database.
type PackageKey = (Vec<u8>, Vec<u8>, Vec<u8>);

/// The layer since which each key is in the database, from the versions of the file in each layer.
fn first_layers(
    view: &View,
    record: NodeId,
    keys: impl Fn(&[u8]) -> BTreeSet<PackageKey>,
) -> BTreeMap<PackageKey, usize> {
    let mut since: BTreeMap<PackageKey, usize> = BTreeMap::new();
    for (layer, kept) in view.versions(record) {
        let Some(Kept::Whole(bytes)) = kept else { continue };
        let now = keys(bytes);
        since.retain(|key, _| now.contains(key));
        for key in now {
            since.entry(key).or_insert(layer);
        }
    }
    since
}

// ---- dpkg

fn read_dpkg(view: &View, packages: &mut Packages, directories: &mut Directories<'_>) -> Result<(), Undecided> {
    let diversions = diversions(view);
    if let Some(status) = regular_file(view, b"var/lib/dpkg/status") {
        let since = first_layers(view, status, |bytes| installed(bytes, true).into_iter().collect());
        for key in installed(kept_text(view, status)?, true) {
            let layer = since.get(&key).copied().or(view.stat(status).and_then(|stat| stat.layer)).unwrap_or(0);
            let files = dpkg_list(view, &key);
            add_dpkg(packages, directories, key, status, layer, files, &diversions);
        }
    }
    if let Resolved::Found(directory) = view.resolve(b"var/lib/dpkg/status.d", true) {
        let mut records: Vec<NodeId> = view
            .children(directory)
            .filter(|&node| {
                view.stat(node).is_some_and(|stat| stat.kind == Kind::File) && !view.name(node).ends_with(b".md5sums")
            })
            .collect();
        records.sort_by(|&a, &b| view.name(a).cmp(view.name(b)));
        for record in records {
            let layer = view.stat(record).and_then(|stat| stat.layer).unwrap_or(0);
            for key in installed(kept_text(view, record)?, false) {
                let sums = path::join(&view.path(directory), &[view.name(record), b".md5sums"].concat());
                let files = view.at(&sums).map_or(Ok(&b""[..]), |node| kept_text(view, node))?;
                let names = files.split(|&b| b == b'\n').filter_map(|line| {
                    let at = line.iter().position(u8::is_ascii_whitespace)?;
                    Some(line[at..].trim_ascii_start().to_vec())
                });
                add_dpkg(packages, directories, key, record, layer, names.collect(), &diversions);
            }
        }
    }
    Ok(())
}

/// The packages in a status file. With `checked`, only those whose `Status` is installed.
fn installed(bytes: &[u8], checked: bool) -> Vec<PackageKey> {
    let mut out = Vec::new();
    let mut stanza: [Option<&[u8]>; 4] = [None; 4];
    let mut end_stanza = |stanza: &mut [Option<&[u8]>; 4]| {
        let [name, version, architecture, status] = std::mem::take(stanza);
        let is_installed = status
            .is_some_and(|s| s.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).nth(2) == Some(b"installed"));
        if let Some(name) = name.filter(|_| is_installed || !checked) {
            out.push((name.to_vec(), version.unwrap_or(b"").to_vec(), architecture.unwrap_or(b"").to_vec()));
        }
    };
    for line in bytes.split(|&b| b == b'\n') {
        if line.trim_ascii().is_empty() {
            end_stanza(&mut stanza);
            continue;
        }
        let Some(colon) = line.iter().position(|&b| b == b':').filter(|_| !line[0].is_ascii_whitespace()) else {
            continue;
        };
        let (key, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        let fields: [&[u8]; 4] = [b"package", b"version", b"architecture", b"status"];
        if let Some(at) = fields.iter().position(|field| key.eq_ignore_ascii_case(field)) {
            stanza[at].get_or_insert(value);
        }
    }
    end_stanza(&mut stanza);
    out
}

/// The files of a package, from dpkg's `info/*.list`.
fn dpkg_list(view: &View, key: &PackageKey) -> Vec<Vec<u8>> {
    let stems = [[&key.0[..], b":", &key.2].concat(), key.0.clone()];
    for stem in stems {
        let list = [b"var/lib/dpkg/info/", &stem[..], b".list"].concat();
        if let Some(Kept::Whole(bytes)) = regular_file(view, &list).and_then(|node| view.content(node)) {
            return bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        }
    }
    Vec::new()
}

/// Files that dpkg-divert(1) moved: their new path, and the package whose own file stays in place.
fn diversions(view: &View) -> HashMap<Vec<u8>, (Vec<u8>, Vec<u8>)> {
    let Some(Kept::Whole(bytes)) = regular_file(view, b"var/lib/dpkg/diversions").and_then(|node| view.content(node))
    else {
        return HashMap::new();
    };
    let lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
    lines.chunks_exact(3).map(|three| (path::clean(three[0]).0, (path::clean(three[1]).0, three[2].to_vec()))).collect()
}

fn add_dpkg(
    packages: &mut Packages,
    directories: &mut Directories<'_>,
    key: PackageKey,
    record: NodeId,
    layer: usize,
    files: Vec<Vec<u8>>,
    diversions: &HashMap<Vec<u8>, (Vec<u8>, Vec<u8>)>,
) {
    let files = files.into_iter().map(|file| {
        let (cleaned, _) = path::clean(&file);
        match diversions.get(&cleaned) {
            Some((moved, by)) if *by != key.0 => moved.clone(),
            _ => cleaned,
        }
    });
    let files: Vec<Vec<u8>> = files.collect();
    add(packages, directories, Manager::Dpkg, key, record, layer, files);
}

// ---- apk

fn read_apk(view: &View, packages: &mut Packages, directories: &mut Directories<'_>) -> Result<(), Undecided> {
    let mut seen = Vec::new();
    for place in [&b"lib/apk/db/installed"[..], b"usr/lib/apk/db/installed"] {
        let Some(record) = regular_file(view, place).filter(|record| !seen.contains(record)) else { continue };
        seen.push(record);
        let since = first_layers(view, record, |bytes| apk_records(bytes).into_iter().map(|(key, _)| key).collect());
        for (key, files) in apk_records(kept_text(view, record)?) {
            let layer = since.get(&key).copied().or(view.stat(record).and_then(|stat| stat.layer)).unwrap_or(0);
            add(packages, directories, Manager::Apk, key, record, layer, files);
        }
    }
    Ok(())
}

/// Packages with their files: `P:` name, `V:` version, `A:` architecture, `F:` a directory, `R:` a file in it.
fn apk_records(bytes: &[u8]) -> Vec<(PackageKey, Vec<Vec<u8>>)> {
    let mut out = Vec::new();
    let mut fields: [Option<&[u8]>; 3] = [None; 3];
    let (mut directory, mut files): (&[u8], Vec<Vec<u8>>) = (b"", Vec::new());
    for line in bytes.split(|&b| b == b'\n').chain([&b""[..]]) {
        if line.is_empty() {
            let [name, version, architecture] = std::mem::take(&mut fields);
            let taken = std::mem::take(&mut files);
            directory = b"";
            if let Some(name) = name {
                out.push((
                    (name.to_vec(), version.unwrap_or(b"").to_vec(), architecture.unwrap_or(b"").to_vec()),
                    taken,
                ));
            }
            continue;
        }
        let [key, b':', value @ ..] = line else { continue };
        match key {
            b'P' => _ = fields[0].get_or_insert(value),
            b'V' => _ = fields[1].get_or_insert(value),
            b'A' => _ = fields[2].get_or_insert(value),
            b'F' => directory = value,
            b'R' => files.push(path::clean(&path::join(directory, value)).0),
            _ => {}
        }
    }
    out
}

// ---- both

fn add(
    packages: &mut Packages,
    directories: &mut Directories<'_>,
    manager: Manager,
    (name, version, architecture): PackageKey,
    record: NodeId,
    layer: usize,
    files: Vec<Vec<u8>>,
) {
    let index = packages.list.len() as u32;
    packages.list.push(Package {
        manager,
        name: shown_bytes(&name),
        version: shown_bytes(&version),
        architecture: shown_bytes(&architecture),
        record,
        layer,
    });
    for file in files {
        if let Some(node) = directories.file_node(&file) {
            let owners = packages.owners.entry(node).or_default();
            if owners.last() != Some(&index) {
                owners.push(index);
            }
        }
    }
}

/// The directories of listed files, with symbolic links followed (usr-merge); each is resolved once.
struct Directories<'a> {
    view: &'a View,
    known: HashMap<Vec<u8>, Option<NodeId>>,
}

impl Directories<'_> {
    /// The node of a path that a package lists, if it exists and is not a directory.
    fn file_node(&mut self, file: &[u8]) -> Option<NodeId> {
        let directory = path::parent(file);
        let real = match self.known.get(directory) {
            Some(real) => *real,
            None => {
                let real = match self.view.resolve(directory, true) {
                    _ if directory.is_empty() => Some(PathTable::ROOT),
                    Resolved::Found(node) => Some(node),
                    _ => None,
                };
                self.known.insert(directory.to_vec(), real);
                real
            }
        };
        let node = self.view.child(real?, path::base(file))?;
        self.view.stat(node).filter(|stat| stat.kind != Kind::Dir).map(|_| node)
    }
}
