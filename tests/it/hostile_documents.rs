//! Hostile archives, layouts, JSON documents and configs.

use crate::hostile::Expect;
use crate::hostile::Form;
use crate::hostile::Input;
use crate::hostile::Special;
use crate::hostile::archive;
use crate::hostile::clean;
use crate::image;
use crate::image::Compression;
use crate::image::Files;
use crate::image::Image;
use crate::tarball;
use crate::tarball::Header;
use serde_json::Value;
use serde_json::json;

fn pack(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out: Vec<u8> = entries.iter().flat_map(|(name, data)| tarball::file(name, data)).collect();
    out.extend_from_slice(&tarball::END);
    out
}

/// The clean archive with a changed `manifest.json`.
fn with_manifest(change: impl Fn(&str) -> Vec<u8>) -> Form {
    let mut entries = image::docker_entries(&[clean()]);
    let (_, manifest) = entries.last_mut().unwrap();
    *manifest = change(std::str::from_utf8(manifest).unwrap());
    Form::File(pack(&entries))
}

/// The clean archive with one entry replaced by a link.
fn with_link(which: usize, kind: u8, target: &str) -> Form {
    let entries = image::docker_entries(&[clean()]);
    let entry = |(at, (name, data)): (usize, &(String, Vec<u8>))| {
        if at == which { Header::new(name).kind(kind).link(target).with("") } else { tarball::file(name, data) }
    };
    let mut out: Vec<u8> = entries.iter().enumerate().flat_map(entry).collect();
    out.extend_from_slice(&tarball::END);
    Form::File(out)
}

pub fn archives() -> Vec<Input> {
    use Expect::*;
    let whole = image::docker_archive(&[clean()]);
    let entries = image::docker_entries(&[clean()]);
    let bad = image::docker_entries(&[clean().with("User", json!("0:0"))]);
    let file = |bytes: Vec<u8>| Form::File(bytes);
    let without = |which: usize| {
        let mut entries = entries.clone();
        entries.remove(which);
        Form::File(pack(&entries))
    };
    let twice: Vec<_> = entries.iter().chain(&entries).cloned().collect();
    let two_configs: Vec<_> = [&entries[..1], &bad[..1], &entries[1..], &bad[bad.len() - 1..]].concat();
    let key_twice = |text: &str| {
        let other = format!("\"Config\":\"{}\",\"Config\":", bad[0].0);
        text.replace("\"Config\":", &other).into_bytes()
    };
    let dotted: Vec<_> = entries.iter().map(|(name, data)| (format!("./{name}"), data.clone())).collect();
    let huge = {
        let mut bytes = pack(&entries[..entries.len() - 1]);
        bytes.truncate(bytes.len() - 1024);
        bytes.extend(Header::new("manifest.json").size(3 << 30).bytes());
        bytes.extend(b"[{\"Config\":\"");
        bytes
    };
    let rows: Vec<(&'static str, Expect, Form)> = vec![
        ("control.tar", Accept, file(whole.clone())),
        ("empty.tar", Error, file(vec![])),
        ("one-byte.tar", Error, file(vec![0x1f])),
        ("only-end-blocks.tar", Error, file(tarball::END.to_vec())),
        ("noise.tar", Error, file((0..9000u32).map(|n| (n * 7 % 251) as u8).collect())),
        ("outer-gzip.tar.gz", Accept, file(image::gzip(&whole))),
        ("outer-gzip-cut.tar.gz", Error, file(image::gzip(&whole)[..300].to_vec())),
        ("outer-zstd.tar.zst", Accept, file(zstd::encode_all(whole.as_slice(), 3).unwrap())),
        ("outer-bzip2.tar.bz2", Error, file(b"BZh91AY&SY\x01\x02\x03\x04".repeat(40))),
        ("outer-xz.tar.xz", Error, file(b"\xfd7zXZ\0\0\x04".repeat(40))),
        ("no-config.tar", Error, without(0)),
        ("no-layer.tar", Error, without(1)),
        ("no-manifest.tar", Error, without(entries.len() - 1)),
        (
            "config-path-out.tar",
            Error,
            with_manifest(|text| text.replace(&entries[0].0, "../../../../etc/passwd").into()),
        ),
        ("config-path-absolute.tar", Error, with_manifest(|text| text.replace(&entries[0].0, "/etc/passwd").into())),
        (
            "layer-path-out.tar",
            Error,
            with_manifest(|text| text.replace(&entries[1].0, "../../../../etc/passwd").into()),
        ),
        ("layer-link-out.tar", Error, with_link(1, b'2', "../../../../../etc/passwd")),
        ("layer-link-loop.tar", Error, with_link(1, b'2', "layer.tar")),
        ("layer-hard-link-to-nothing.tar", Error, with_link(1, b'1', "nothing")),
        ("manifest-link-out.tar", Error, with_link(entries.len() - 1, b'2', "/etc/passwd")),
        ("every-entry-twice.tar", Accept, file(pack(&twice))),
        ("two-manifests.tar", NotPass, file(pack(&two_configs))),
        ("dot-slash.tar", Accept, file(pack(&dotted))),
        ("manifest-empty.tar", Error, with_manifest(|_| vec![])),
        ("manifest-no-images.tar", Error, with_manifest(|_| b"[]".to_vec())),
        ("manifest-object.tar", Error, with_manifest(|text| text[1..text.len() - 1].into())),
        ("manifest-deep.tar", Error, with_manifest(|_| b"[".repeat(200_000))),
        (
            "manifest-deep-unknown.tar",
            Any,
            with_manifest(|text| {
                format!("{},\"x\":{}{}}}]", &text[..text.len() - 2], "[".repeat(50_000), "]".repeat(50_000)).into()
            }),
        ),
        ("manifest-utf16.tar", Error, with_manifest(|text| text.bytes().flat_map(|b| [b, 0]).collect())),
        ("manifest-byte-order-mark.tar", Any, with_manifest(|text| format!("\u{feff}{text}").into())),
        ("manifest-trailing-text.tar", Any, with_manifest(|text| format!("{text} more").into())),
        ("manifest-key-twice.tar", Any, with_manifest(key_twice)),
        (
            "manifest-null-layers.tar",
            Error,
            with_manifest(|text| text.replace("\"Layers\":[", "\"Layers\":null,\"x\":[").into()),
        ),
        ("manifest-cut-after-3-gib-claim.tar", Error, file(huge)),
    ];
    rows.into_iter().map(|(name, expect, form)| Input { name, expect, form }).collect()
}

/// A layout with a changed manifest and index; digests are updated to match.
fn altered(manifest: impl Fn(&mut Value), index: impl Fn(&mut Value)) -> Files {
    let mut files = image::oci_layout_files(&[clean()], Compression::Plain);
    let name = files.iter().find(|(_, blob)| {
        blob.windows(13).any(|w| w == b"schemaVersion") && blob.windows(8).any(|w| w == b"\"config\"")
    });
    let name = name.unwrap().0.clone();
    let mut document: Value = serde_json::from_slice(&files.remove(&name).unwrap()).unwrap();
    manifest(&mut document);
    let blob = image::put(&mut files, document.to_string().into_bytes());
    let mut top: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    top["manifests"][0]["digest"] = json!(image::digest(&blob));
    top["manifests"][0]["size"] = json!(blob.len());
    index(&mut top);
    files.insert("index.json".into(), top.to_string().into_bytes());
    files
}

fn layer_is(key: &'static str, value: Value) -> Form {
    Form::Directory(altered(move |manifest| manifest["layers"][0][key] = value.clone(), |_| {}), vec![])
}

fn index_is(change: impl Fn(&mut Value)) -> Form {
    Form::Directory(altered(|_| {}, change), vec![])
}

/// Nested indexes, `levels` deep.
fn nested(levels: usize) -> Form {
    let mut files = Files::new();
    let mut entry = image::put_image(&mut files, &clean(), Compression::Plain);
    for _ in 0..levels {
        let index = json!({"schemaVersion": 2, "mediaType": image::INDEX_TYPE, "manifests": [entry]});
        entry = image::descriptor(image::INDEX_TYPE, &image::put(&mut files, index.to_string().into_bytes()));
    }
    image::seal(&mut files, &[entry]);
    Form::Directory(files, vec![])
}

/// Two indexes that name each other, which is impossible with valid digests.
fn cycle() -> Form {
    let mut files = Files::new();
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let entry = |hex: &str| json!({"mediaType": image::INDEX_TYPE, "digest": format!("sha256:{hex}"), "size": 200});
    for (own, other) in [(&a, &b), (&b, &a)] {
        let mut text = json!({"schemaVersion": 2, "manifests": [entry(other)]}).to_string();
        text.push_str(&" ".repeat(200 - text.len().min(200)));
        files.insert(format!("blobs/sha256/{own}"), text.into_bytes());
    }
    image::seal(&mut files, &[entry(&a)]);
    Form::Directory(files, vec![])
}

/// The first layer's blob isn't a regular file.
fn blob_is(special: impl Fn(String) -> Special) -> Form {
    let mut files = image::oci_layout_files(&[clean()], Compression::Plain);
    let name = files.iter().find(|(_, blob)| blob.starts_with(b"etc/")).unwrap().0.clone();
    files.remove(&name);
    Form::Directory(files, vec![special(name)])
}

fn broken_blob(which: &[u8]) -> Form {
    let mut files = image::oci_layout_files(&[clean()], Compression::Plain);
    let blob = files
        .iter_mut()
        .find(|(name, blob)| name.starts_with("blobs") && blob.windows(which.len()).any(|w| w == which));
    let blob = blob.unwrap().1;
    let last = blob.len() - 1;
    blob[last] = if blob[last] == b'}' { b' ' } else { 1 };
    Form::Directory(files, vec![])
}

pub fn layouts() -> Vec<Input> {
    use Expect::*;
    let mut no_index = image::oci_layout_files(&[clean()], Compression::Plain);
    no_index.remove("index.json");
    let rows: Vec<(&'static str, Expect, Form)> = vec![
        ("control", Accept, Form::Directory(image::oci_layout_files(&[clean()], Compression::Gzip), vec![])),
        ("no-index", Error, Form::Directory(no_index, vec![])),
        ("index-array", Error, index_is(|index| *index = json!([]))),
        ("index-empty", Error, index_is(|index| index["manifests"] = json!([]))),
        ("index-null", Error, index_is(|index| index["manifests"] = Value::Null)),
        ("size-smaller", Error, layer_is("size", json!(1))),
        ("size-larger", Error, layer_is("size", json!(1 << 20))),
        ("size-negative", Error, layer_is("size", json!(-1))),
        ("size-2-63", Error, layer_is("size", json!(1u64 << 63))),
        ("size-text", Error, layer_is("size", json!("many"))),
        ("manifest-size-lies", Error, index_is(|index| index["manifests"][0]["size"] = json!(7))),
        ("digest-md5", Error, layer_is("digest", json!("md5:d41d8cd98f00b204e9800998ecf8427e"))),
        ("digest-bare", Error, layer_is("digest", json!("a".repeat(64)))),
        ("digest-short", Error, layer_is("digest", json!("sha256:aaaa"))),
        ("digest-empty", Error, layer_is("digest", json!(""))),
        ("digest-upper-case", Error, layer_is("digest", json!(format!("sha256:{}", "A".repeat(64))))),
        ("digest-path", Error, layer_is("digest", json!("sha256:../../../../../../../etc/passwd"))),
        ("digest-algorithm-path", Error, layer_is("digest", json!("../../../../../etc:passwd"))),
        ("digest-absolute", Error, layer_is("digest", json!("sha256:/etc/passwd"))),
        ("digest-nul", Error, layer_is("digest", json!(format!("sha256:{}\0", "a".repeat(63))))),
        (
            "digest-names-index",
            Error,
            index_is(|index| index["manifests"][0]["digest"] = json!("sha256:../../index.json")),
        ),
        ("nested-once", Accept, nested(1)),
        ("nested-500", Any, nested(500)),
        ("cycle", Error, cycle()),
        ("blob-fifo", Error, blob_is(Special::Fifo)),
        ("blob-link-out", Error, blob_is(|name| Special::Link(name, "/etc/passwd"))),
        ("blob-link-loop", Error, blob_is(|name| Special::Link(name, "."))),
        ("broken-manifest", Error, broken_blob(b"\"layers\":")),
        ("broken-config", Error, broken_blob(b"\"diff_ids\":")),
        ("broken-layer", Error, broken_blob(b"app/server")),
    ];
    rows.into_iter().map(|(name, expect, form)| Input { name, expect, form }).collect()
}

fn raw(text: impl Into<String>) -> Form {
    archive(&Image { raw_config: Some(text.into()), ..clean() })
}

/// A whole config around this `config`.
fn run_config(config: &str) -> Form {
    raw(format!(
        r#"{{"architecture":"amd64","os":"linux","config":{config},"rootfs":{{"type":"layers","diff_ids":$DIFF_IDS}}}}"#
    ))
}

fn user(text: &str) -> Form {
    archive(&clean().with("User", json!(text)))
}

pub fn configs() -> Vec<Input> {
    use Expect::*;
    let escapes = "\u{1b}[2J\u{202e}\u{7}\r\u{9b}31m";
    let shown = clean()
        .with("Labels", json!({escapes: escapes}))
        .with("Env", json!([format!("PASSWORD{escapes}=hunter2{escapes}")]))
        .with("Cmd", json!([escapes]))
        .with("ExposedPorts", json!({format!("22/tcp{escapes}"): {}}))
        .with("Volumes", json!({format!("/v{escapes}"): {}}))
        .with("WorkingDir", json!(escapes))
        .named(&format!("a{escapes}:latest"));
    let mut many = clean();
    many.history = Some((0..10_000).map(|at| (format!("ENV A={at}"), at != 0)).collect());
    let variables: Vec<String> = (0..100_000).map(|at| format!("V{at}={at}")).collect();
    let rootfs = r#"{"config":{},"rootfs":"#;
    let rows: Vec<(&'static str, Expect, Form)> = vec![
        ("config-empty-object.tar", NotPass, raw("{}")),
        ("config-empty.tar", Error, raw("")),
        ("config-array.tar", Error, raw("[]")),
        ("config-null.tar", Any, run_config("null")),
        ("config-is-array.tar", NotPass, run_config("[]")),
        (
            "fields-null.tar",
            NotPass,
            run_config(r#"{"User":null,"Env":null,"Cmd":null,"Healthcheck":null,"Labels":null}"#),
        ),
        ("env-text.tar", NotPass, run_config(r#"{"User":"1000","Env":"A=b"}"#)),
        ("label-number.tar", NotPass, run_config(r#"{"User":"1000","Labels":{"n":1}}"#)),
        ("user-number.tar", NotPass, run_config(r#"{"User":1000}"#)),
        ("user-twice.tar", Finding, run_config(r#"{"User":"1000","User":"0:0"}"#)),
        ("user-lower-case.tar", Finding, run_config(r#"{"user":"root"}"#)),
        ("health-text.tar", NotPass, run_config(r#"{"User":"1000","Healthcheck":{"Test":"CMD x"}}"#)),
        (
            "health-float.tar",
            Any,
            run_config(r#"{"User":"1000","Healthcheck":{"Test":["CMD","x"],"Interval":1.5e300}}"#),
        ),
        (
            "health-odd.tar",
            Any,
            run_config(r#"{"User":"1000","Healthcheck":{"Test":["WHAT"],"Interval":-5,"Retries":-1}}"#),
        ),
        ("lone-surrogate.tar", Any, run_config(r#"{"User":"1000","Labels":{"a":"\ud800"}}"#)),
        (
            "deep-unknown.tar",
            Any,
            run_config(&format!(r#"{{"User":"1000","x":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000))),
        ),
        ("rootfs-null.tar", NotPass, raw(format!("{rootfs}null}}"))),
        ("rootfs-type.tar", Error, raw(format!(r#"{rootfs}{{"type":"snapshots","diff_ids":$DIFF_IDS}}}}"#))),
        ("diff-ids-numbers.tar", Error, raw(format!(r#"{rootfs}{{"type":"layers","diff_ids":[1]}}}}"#))),
        ("diff-ids-fewer.tar", Error, raw(format!(r#"{rootfs}{{"type":"layers","diff_ids":[]}}}}"#))),
        (
            "diff-ids-wrong.tar",
            Error,
            raw(format!(r#"{rootfs}{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#, "1".repeat(64))),
        ),
        ("user-colon.tar", NotPass, user(":")),
        ("user-colon-zero.tar", Finding, user(":0")),
        ("user-root-colon.tar", NotPass, user("root:")),
        ("user-zeros.tar", Finding, user("00:1000")),
        ("user-uint32.tar", NotPass, user("4294967295")),
        ("user-2-32.tar", NotPass, user("4294967296")),
        ("user-minus.tar", NotPass, user("-1")),
        ("user-exponent.tar", NotPass, user("1e3")),
        ("user-wide-digits.tar", NotPass, user("\u{ff11}\u{ff10}")),
        ("user-blank.tar", NotPass, user(" ")),
        (
            "ports-odd.tar",
            Any,
            archive(
                &clean()
                    .with("ExposedPorts", json!({"99999/tcp": {}, "80-90/tcp": {}, "": {}, "-1": {}, "8\u{0}": {}})),
            ),
        ),
        ("env-odd.tar", Any, archive(&clean().with("Env", json!(["NOEQUALS", "=v", "A=b=c", "", "N=a\u{0}b"])))),
        ("env-100k.tar", Accept, archive(&clean().with("Env", json!(variables)))),
        ("env-10-mb.tar", Any, archive(&clean().with("Env", json!([format!("BIG={}", "v".repeat(10 << 20))])))),
        ("history-10k.tar", Accept, archive(&many)),
        ("workdir-out.tar", Any, archive(&clean().with("WorkingDir", json!("../../../etc")))),
        ("escapes.tar", Any, archive(&shown)),
    ];
    rows.into_iter().map(|(name, expect, form)| Input { name, expect, form }).collect()
}
