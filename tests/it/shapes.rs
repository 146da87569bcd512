//! One image in the shapes that other tools write: docker before and since release 25, kaniko and crane, nix, podman.
//!
//! `image` writes plain layouts and a minimal docker archive; `sources` tests all of them.

use crate::image;
use crate::image::Compression;
use crate::image::Files;
use crate::image::Image;
use crate::image::Layer;
use crate::tarball;
use serde_json::Value;
use serde_json::json;

/// How an archive refers to a layer's tar that it already contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    Symlink,
    Hardlink,
}

/// The tars of an image, their digests and the config.
struct Parts {
    tars: Vec<Vec<u8>>,
    diff_ids: Vec<String>,
    config: Vec<u8>,
}

fn parts(image: &Image) -> Parts {
    let tars: Vec<Vec<u8>> = image.layers.iter().map(Layer::bytes).collect();
    let diff_ids: Vec<String> = tars.iter().map(|tar| image::digest(tar)).collect();
    let config = image.config(&diff_ids);
    Parts { tars, diff_ids, config }
}

/// The digests of an image's layer tars and of its config.
pub fn digests(image: &Image) -> (Vec<String>, String) {
    let parts = parts(image);
    (parts.diff_ids, image::digest(&parts.config))
}

fn manifest_json(config: &str, names: &[String], layers: &[String]) -> Vec<u8> {
    json!([{"Config": config, "RepoTags": names, "Layers": layers}]).to_string().into_bytes()
}

fn ended(mut out: Vec<u8>) -> Vec<u8> {
    out.extend_from_slice(&tarball::END);
    out
}

/// `docker save` before release 25: a directory per layer with `VERSION`, `json` and `layer.tar`, which is a link if
/// the archive already contains the tar.
pub fn docker_before_25(image: &Image, repeated: Repeated) -> Vec<u8> {
    let parts = parts(image);
    let mut out = Vec::new();
    let mut names = Vec::new();
    for (at, (tar, diff_id)) in parts.tars.iter().zip(&parts.diff_ids).enumerate() {
        let id = image::sha256(format!("{at} {diff_id}").as_bytes());
        out.extend(tarball::directory(format!("{id}/")));
        out.extend(tarball::file(format!("{id}/VERSION"), "1.0"));
        out.extend(tarball::file(format!("{id}/json"), json!({"id": id}).to_string()));
        let name = format!("{id}/layer.tar");
        let first = parts.diff_ids.iter().position(|other| other == diff_id).unwrap();
        out.extend(match (names.get(first) as Option<&String>, repeated) {
            (None, _) => tarball::file(&name, tar),
            (Some(first), Repeated::Symlink) => tarball::symlink(&name, format!("../{first}")),
            (Some(first), Repeated::Hardlink) => tarball::hardlink(&name, first),
        });
        names.push(name);
    }
    let config = format!("{}.json", image::sha256(&parts.config));
    out.extend(tarball::file(&config, &parts.config));
    out.extend(tarball::file("manifest.json", manifest_json(&config, &image.names, &names)));
    out.extend(tarball::file("repositories", "{}"));
    ended(out)
}

/// `docker save` since release 25: an OCI layout whose index has Docker's names, plus `manifest.json`.
pub fn docker_since_25(images: &[Image], compression: Compression) -> Files {
    let mut files = Files::new();
    let (mut index, mut list) = (Vec::new(), Vec::new());
    for image in images {
        let entry = image::put_image(&mut files, image, compression);
        let manifest = entry["digest"].as_str().unwrap().replace(':', "/");
        let manifest: Value = serde_json::from_slice(&files[&format!("blobs/{manifest}")]).unwrap();
        let place = |descriptor: &Value| format!("blobs/{}", descriptor["digest"].as_str().unwrap().replace(':', "/"));
        let layers: Vec<String> = manifest["layers"].as_array().unwrap().iter().map(place).collect();
        list.push(json!({"Config": place(&manifest["config"]), "RepoTags": image.names, "Layers": layers}));
        for name in &image.names {
            let mut entry = entry.clone();
            entry.as_object_mut().unwrap().remove("platform");
            let full = ["docker", ".io/library/", name].concat();
            entry["annotations"] = json!({
                "io.containerd.image.name": full,
                "org.opencontainers.image.ref.name": name.rsplit(':').next(),
            });
            index.push(entry);
        }
    }
    image::seal(&mut files, &index);
    files.insert("manifest.json".into(), Value::Array(list).to_string().into_bytes());
    files.insert("repositories".into(), b"{}".to_vec());
    files
}

/// kaniko and crane: the config named by its digest, layers as `HEX.tar.gz`, repeated layers stored once.
pub fn crane(image: &Image) -> Vec<u8> {
    let parts = parts(image);
    let config = image::digest(&parts.config);
    let mut out = tarball::Header::new(&config).mtime_field(tarball::octal(0, 12)).with(&parts.config);
    let mut names: Vec<String> = Vec::new();
    for tar in &parts.tars {
        let packed = image::gzip(tar);
        let name = format!("{}.tar.gz", image::sha256(&packed));
        if !names.contains(&name) {
            out.extend(tarball::file(&name, packed));
        }
        names.push(name);
    }
    out.extend(tarball::file("manifest.json", manifest_json(&config, &image.names, &names)));
    ended(out)
}

/// nix: one directory per layer as docker before 25 writes it, every name prefixed with `./`.
pub fn nix(image: &Image) -> Vec<u8> {
    let parts = parts(image);
    let mut out = tarball::directory("./");
    let mut names: Vec<String> = Vec::new();
    for (tar, diff_id) in parts.tars.iter().zip(&parts.diff_ids) {
        let name = format!("{}/layer.tar", &diff_id[7..]);
        if !names.contains(&name) {
            out.extend(tarball::directory(format!("./{}/", &diff_id[7..])));
            out.extend(tarball::file(format!("./{name}"), tar));
        }
        names.push(name);
    }
    let config = format!("{}.json", image::sha256(&parts.config));
    out.extend(tarball::file(format!("./{config}"), &parts.config));
    out.extend(tarball::file("./manifest.json", manifest_json(&config, &image.names, &names)));
    ended(out)
}

/// podman and skopeo: layers as `HEX.tar`, plus a directory per layer whose `layer.tar` is a link, for old readers.
pub fn podman(image: &Image) -> Vec<u8> {
    let parts = parts(image);
    let mut out = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (at, (tar, diff_id)) in parts.tars.iter().zip(&parts.diff_ids).enumerate() {
        let name = format!("{}.tar", &diff_id[7..]);
        if !names.contains(&name) {
            out.extend(tarball::file(&name, tar));
        }
        let id = image::sha256(format!("{at} {diff_id}").as_bytes());
        out.extend(tarball::file(format!("{id}/VERSION"), "1.0"));
        out.extend(tarball::symlink(format!("{id}/layer.tar"), format!("../{name}")));
        names.push(name);
    }
    let config = format!("{}.json", image::sha256(&parts.config));
    out.extend(tarball::file(&config, &parts.config));
    out.extend(tarball::file("repositories", "{}"));
    out.extend(tarball::file("manifest.json", manifest_json(&config, &image.names, &names)));
    ended(out)
}

/// Files as one tar, each name prefixed with `./`, as `tar -C DIR -c .` writes them.
pub fn dotted_tar_of(files: &Files) -> Vec<u8> {
    let mut out =
        [tarball::directory("./"), tarball::directory("./blobs/"), tarball::directory("./blobs/sha256/")].concat();
    out.extend(files.iter().flat_map(|(name, data)| tarball::file(format!("./{name}"), data)));
    ended(out)
}

/// A layout of one image whose layers are stored as `pack` returns them.
pub fn layout_packed(image: &Image, media_type: &str, pack: impl Fn(&[u8]) -> Vec<u8>) -> Files {
    let mut files = Files::new();
    let parts = parts(image);
    let config = image::put(&mut files, parts.config.clone());
    let stored = |files: &mut Files, tar: &Vec<u8>| image::descriptor(media_type, &image::put(files, pack(tar)));
    let layers: Vec<Value> = parts.tars.iter().map(|tar| stored(&mut files, tar)).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": image::MANIFEST_TYPE,
        "config": image::descriptor(image::CONFIG_TYPE, &config), "layers": layers,
    });
    let manifest = image::put(&mut files, manifest.to_string().into_bytes());
    let mut entry = image::descriptor(image::MANIFEST_TYPE, &manifest);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": image.names.first()});
    image::seal(&mut files, &[entry]);
    files
}

/// Bytes as several gzip members, `step` bytes in each.
pub fn gzip_members(bytes: &[u8], step: usize) -> Vec<u8> {
    bytes.chunks(step).flat_map(image::gzip).collect()
}

/// Bytes as several zstd frames, with a skippable frame before each and one at the end.
pub fn zstd_frames(bytes: &[u8], step: usize) -> Vec<u8> {
    let skippable = |nibble: u8, data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        [&[0x50 | nibble, 0x2a, 0x4d, 0x18], &length[..], data].concat()
    };
    let mut out = Vec::new();
    for (at, part) in bytes.chunks(step).enumerate() {
        out.extend(skippable((at % 16) as u8, b"not a frame of data"));
        out.extend(zstd::encode_all(part, 3).unwrap());
    }
    out.extend(skippable(14, &[0; 9]));
    out
}

/// Bytes as eStargz: ends with an empty gzip member whose extra field gives the offset of the table of contents.
pub fn estargz(bytes: &[u8], step: usize) -> Vec<u8> {
    let mut out = gzip_members(bytes, step);
    let extra = b"SG\x16\x000000000000000000STARGZ";
    out.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, extra.len() as u8, 0]);
    out.extend(extra);
    // An empty stored block, marked as the last one; then checksum and length.
    out.extend([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    out
}
