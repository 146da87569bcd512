//! Images in memory, and their bytes in the shapes that tools write: a docker archive, an OCI layout, its tar, a skopeo
//! `dir:`.
//!
//! The same [`Image`] always gives the same bytes. `notation` reads images from text.

use crate::tarball;
use crate::tarball::Header;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::io::Write;

/// One image.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Such as `app:1.0`.
    pub names: Vec<String>,
    /// The config's `config`.
    pub run: serde_json::Map<String, Value>,
    /// Fields of the config beside `config`, such as `architecture`.
    pub top: serde_json::Map<String, Value>,
    /// The whole config as text; `$DIFF_IDS` is replaced by the list of diff ids.
    pub raw_config: Option<String>,
    /// The history (text, and whether the layer is empty), if it isn't simply one entry per layer.
    pub history: Option<Vec<(String, bool)>>,
    /// From the bottom up.
    pub layers: Vec<Layer>,
}

/// One layer.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    /// Its history text.
    pub created_by: Option<String>,
    /// In the order of the tar.
    pub entries: Vec<Entry>,
    /// The exact bytes of the tar; replaces `entries`.
    pub tar: Option<Vec<u8>>,
}

/// One tar entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `f d l h c p`; whiteouts and opaque markers are files.
    pub kind: u8,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub path: Vec<u8>,
    pub data: Vec<u8>,
    /// For links.
    pub target: Vec<u8>,
    /// For devices: major and minor number.
    pub device: (u64, u64),
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// An empty entry of this kind, owned by root.
    pub fn new(kind: u8, mode: u32, path: &[u8]) -> Entry {
        Entry {
            kind,
            mode,
            uid: 0,
            gid: 0,
            path: path.to_vec(),
            data: Vec::new(),
            target: Vec::new(),
            device: (0, 0),
            xattrs: Vec::new(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let records: Vec<_> = self
            .xattrs
            .iter()
            .map(|(name, value)| ([b"SCHILY.xattr.", name.as_slice()].concat(), value.clone()))
            .collect();
        let mut name = self.path.clone();
        if self.kind == b'd' && !name.ends_with(b"/") {
            name.push(b'/');
        }
        let kind = match self.kind {
            b'd' => b'5',
            b'l' => b'2',
            b'h' => b'1',
            b'c' => b'3',
            b'p' => b'6',
            _ => b'0',
        };
        Header::new(name)
            .kind(kind)
            .mode(u64::from(self.mode))
            .owner(self.uid, self.gid)
            .link(&self.target)
            .device(self.device.0, self.device.1)
            .with_records(&records, &self.data)
    }
}

impl Layer {
    /// The layer's tar.
    pub fn bytes(&self) -> Vec<u8> {
        if let Some(tar) = &self.tar {
            return tar.clone();
        }
        let mut out: Vec<u8> = self.entries.iter().flat_map(Entry::bytes).collect();
        out.extend_from_slice(&tarball::END);
        out
    }
}

impl Image {
    /// An image of layers given as tar entries; end blocks are added.
    pub fn of_tars(layers: &[&[u8]]) -> Image {
        let mut image = Image::default();
        for entries in layers {
            let tar = [entries, tarball::END.as_slice()].concat();
            image.layers.push(Layer { tar: Some(tar), ..Layer::default() });
        }
        image
    }

    /// Sets a field of the config's `config`.
    pub fn with(mut self, field: &str, value: Value) -> Image {
        self.run.insert(field.to_string(), value);
        self
    }

    /// Adds a name.
    pub fn named(mut self, name: &str) -> Image {
        self.names.push(name.to_string());
        self
    }

    /// The config document for layers with these diff ids.
    pub fn config(&self, diff_ids: &[String]) -> Vec<u8> {
        if let Some(text) = &self.raw_config {
            return text.replace("$DIFF_IDS", &json!(diff_ids).to_string()).into_bytes();
        }
        let mut document = serde_json::Map::new();
        document.insert("architecture".into(), json!("amd64"));
        document.insert("os".into(), json!("linux"));
        document.insert("created".into(), json!("2024-01-02T03:04:05Z"));
        document.extend(self.top.clone());
        document.insert("config".into(), Value::Object(self.run.clone()));
        document.insert("rootfs".into(), json!({"type": "layers", "diff_ids": diff_ids}));
        let texts = self.layers.iter().any(|layer| layer.created_by.is_some());
        let default = || self.layers.iter().map(|l| (l.created_by.clone().unwrap_or_default(), false)).collect();
        let history = self.history.clone().or_else(|| texts.then(default));
        if let Some(history) = history {
            let lines: Vec<Value> = history.iter().map(|(text, empty)| history_line(text, *empty)).collect();
            document.insert("history".into(), json!(lines));
        }
        Value::Object(document).to_string().into_bytes()
    }

    /// The platform, as a descriptor writes it.
    fn platform(&self) -> Value {
        let text = |key: &str, default: &str| self.top.get(key).cloned().unwrap_or_else(|| json!(default));
        let mut platform = json!({"architecture": text("architecture", "amd64"), "os": text("os", "linux")});
        if let Some(variant) = self.top.get("variant") {
            platform["variant"] = variant.clone();
        }
        platform
    }
}

fn history_line(text: &str, empty: bool) -> Value {
    let mut line = json!({"created": "2024-01-02T03:04:05Z"});
    if !text.is_empty() {
        line["created_by"] = json!(text);
    }
    if empty {
        line["empty_layer"] = json!(true);
    }
    line
}

/// How the blobs of an OCI layout are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl Compression {
    fn pack(self, tar: &[u8]) -> Vec<u8> {
        match self {
            Compression::Plain => tar.to_vec(),
            Compression::Gzip => gzip(tar),
            Compression::Zstd => zstd::encode_all(tar, 3).unwrap(),
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Compression::Plain => "application/vnd.oci.image.layer.v1.tar",
            Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";

/// One gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// SHA-256 as 64 hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `sha256:…`.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

/// A descriptor of a blob.
pub fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(blob), "size": blob.len()})
}

/// The files of a directory or of a tar, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Adds a blob to a layout and returns it.
pub fn put(files: &mut Files, blob: Vec<u8>) -> Vec<u8> {
    files.insert(format!("blobs/sha256/{}", sha256(&blob)), blob.clone());
    blob
}

/// What `docker save` wrote before release 25: one directory per layer, `manifest.json` at the end.
pub fn docker_archive(images: &[Image]) -> Vec<u8> {
    let parts: Vec<(String, Vec<u8>)> = docker_entries(images);
    let mut out: Vec<u8> = parts.iter().flat_map(|(name, data)| tarball::file(name, data)).collect();
    out.extend_from_slice(&tarball::END);
    out
}

/// The entries of [`docker_archive`], `manifest.json` last.
pub fn docker_entries(images: &[Image]) -> Vec<(String, Vec<u8>)> {
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, data: Vec<u8>| {
        if !entries.iter().any(|(existing, _)| existing == name) {
            entries.push((name.to_string(), data));
        }
    };
    let mut manifest = Vec::new();
    for image in images {
        let tars: Vec<Vec<u8>> = image.layers.iter().map(Layer::bytes).collect();
        let diff_ids: Vec<String> = tars.iter().map(|tar| digest(tar)).collect();
        let config = image.config(&diff_ids);
        let config_name = format!("{}.json", sha256(&config));
        add(&config_name, config);
        let names: Vec<String> = diff_ids.iter().map(|id| format!("{}/layer.tar", &id[7..])).collect();
        for (name, tar) in names.iter().zip(tars) {
            add(name, tar);
        }
        let tags = if image.names.is_empty() { Value::Null } else { json!(image.names) };
        manifest.push(json!({"Config": config_name, "RepoTags": tags, "Layers": names}));
    }
    add("manifest.json", json!(manifest).to_string().into_bytes());
    entries
}

/// Adds an image's blobs to a layout and returns the descriptor of its manifest, with its platform.
pub fn put_image(files: &mut Files, image: &Image, compression: Compression) -> Value {
    let tars: Vec<Vec<u8>> = image.layers.iter().map(Layer::bytes).collect();
    let diff_ids: Vec<String> = tars.iter().map(|tar| digest(tar)).collect();
    let config = put(files, image.config(&diff_ids));
    let layers: Vec<Value> =
        tars.iter().map(|tar| descriptor(compression.media_type(), &put(files, compression.pack(tar)))).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
        "config": descriptor(CONFIG_TYPE, &config), "layers": layers,
    });
    let blob = put(files, manifest.to_string().into_bytes());
    let mut entry = descriptor(MANIFEST_TYPE, &blob);
    entry["platform"] = image.platform();
    entry
}

/// Writes `oci-layout` and `index.json`.
pub fn seal(files: &mut Files, manifests: &[Value]) {
    files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    let index = json!({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests});
    files.insert("index.json".into(), index.to_string().into_bytes());
}

/// An OCI layout with one index entry per name.
pub fn oci_layout_files(images: &[Image], compression: Compression) -> Files {
    let mut files = Files::new();
    let mut manifests = Vec::new();
    for image in images {
        let entry = put_image(&mut files, image, compression);
        if image.names.is_empty() {
            manifests.push(entry.clone());
        }
        for name in &image.names {
            let mut named = entry.clone();
            named["annotations"] = json!({"org.opencontainers.image.ref.name": name});
            manifests.push(named);
        }
    }
    seal(&mut files, &manifests);
    files
}

/// Files as one tar.
pub fn tar_of(files: &Files) -> Vec<u8> {
    let mut out: Vec<u8> = files.iter().flat_map(|(name, data)| tarball::file(name, data)).collect();
    out.extend_from_slice(&tarball::END);
    out
}

/// An OCI layout in one tar.
pub fn oci_archive(images: &[Image], compression: Compression) -> Vec<u8> {
    tar_of(&oci_layout_files(images, compression))
}

/// skopeo's `dir:`: blobs named by their bare hex digests, an OCI manifest as `manifest.json`, and a `version` file.
pub fn dir_layout(image: &Image, compression: Compression) -> Files {
    let mut blobs = Files::new();
    let entry = put_image(&mut blobs, image, compression);
    let manifest = entry["digest"].as_str().unwrap().replace(':', "/");
    let mut files = Files::new();
    for (name, data) in blobs {
        let name = name.trim_start_matches("blobs/");
        let short = if name == manifest { "manifest.json" } else { name.trim_start_matches("sha256/") };
        files.insert(short.to_string(), data);
    }
    files.insert("version".into(), b"Directory Transport Version: 1.1\n".to_vec());
    files
}
