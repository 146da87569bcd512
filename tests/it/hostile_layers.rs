//! Hostile layers: compression, tar headers and names, whiteouts, links, accounts.
//!
//! "hides" and "fakes" in a name: a reader that takes the wrong bytes sees accounts that the image doesn't have, and
//! misses root.

use crate::hostile::Expect;
use crate::hostile::Form;
use crate::hostile::Input;
use crate::hostile::PASSWD;
use crate::hostile::PASSWD_BAD;
use crate::hostile::archive;
use crate::hostile::base;
use crate::hostile::clean;
use crate::hostile::with_layers;
use crate::hostile::with_raw_layer;
use crate::image;
use crate::image::Files;
use crate::tarball;
use crate::tarball::Header;
use flate2::Compress;
use flate2::FlushCompress;
use serde_json::json;

type Row = (&'static str, Expect, Form);

fn inputs(rows: Vec<Row>) -> Vec<Input> {
    rows.into_iter().map(|(name, expect, form)| Input { name, expect, form }).collect()
}

/// A layout of the clean base and one more layer, stored as `blob`, whose tar has the digest `diff_id`.
fn stored(blob: Vec<u8>, diff_id: &str) -> Form {
    let mut files = Files::new();
    let image = clean();
    let tar = image.layers[0].bytes();
    let config = image.config(&[image::digest(&tar), diff_id.to_string()]);
    let config = image::descriptor(image::CONFIG_TYPE, &image::put(&mut files, config));
    let layer = |bytes: &[u8]| image::descriptor("application/vnd.oci.image.layer.v1.tar+gzip", bytes);
    let layers = [layer(&image::put(&mut files, tar)), layer(&image::put(&mut files, blob))];
    let manifest = json!({"schemaVersion": 2, "mediaType": image::MANIFEST_TYPE, "config": config, "layers": layers});
    let manifest = image::put(&mut files, manifest.to_string().into_bytes());
    image::seal(&mut files, &[image::descriptor(image::MANIFEST_TYPE, &manifest)]);
    Form::Directory(files, vec![])
}

/// gzip bytes that decompress to `head` and many times `block`, at the cost of compressing it once.
fn bomb(head: &[u8], block: &[u8], count: usize) -> Vec<u8> {
    let mut deflate = Compress::new(flate2::Compression::new(9), false);
    let mut push = |data: &[u8]| {
        let mut out = Vec::with_capacity(data.len() + 1024);
        deflate.compress_vec(data, &mut out, FlushCompress::Full).unwrap();
        out
    };
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    out.extend(push(head));
    push(block);
    out.extend(push(block).repeat(count));
    out
}

/// A zstd frame with one raw block.
fn frame(descriptor: u8, window: u8, middle: &[u8], data: &[u8], tail: &[u8]) -> Vec<u8> {
    let block = ((data.len() as u32) << 3 | 1).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, descriptor, window], middle, &block[..3], data, tail].concat()
}

pub fn compression() -> Vec<Input> {
    use Expect::*;
    let bad = [tarball::file("etc/passwd", PASSWD_BAD), tarball::END.to_vec()].concat();
    let plain = [tarball::file("app/a", "a"), tarball::END.to_vec()].concat();
    let first = tarball::file("app/a", "a");
    let both = [first.clone(), bad.clone()].concat();
    let ids = (image::digest(&plain), image::digest(&both));
    let good = |blob: Vec<u8>| stored(blob, &ids.0);
    let gzip = image::gzip(&plain);
    let tail = |at: usize, byte: u8| {
        let mut blob = gzip.clone();
        let end = blob.len();
        blob[end - at] ^= byte;
        blob
    };
    let mut method = gzip.clone();
    method[2] = 7;
    let mut reserved = gzip.clone();
    reserved[10] = 7;
    let extra =
        [&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff], vec![b'e'; 65535].as_slice(), &gzip[10..]].concat();
    let name = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0xff], vec![b'n'; 4 << 20].as_slice()].concat();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"skip"].concat();
    let zeros = vec![0; 1 << 20];
    let huge = [tarball::directory("srv/"), Header::new("srv/zeros").size(60 << 30).bytes()].concat();
    let no_id = format!("sha256:{}", "d".repeat(64));
    inputs(vec![
        ("gzip-members", Accept, good([image::gzip(&plain[..300]), image::gzip(&plain[300..])].concat())),
        ("gzip-empty-members", Accept, good([image::gzip(b"").repeat(1000), gzip.clone()].concat())),
        ("gzip-member-hides-accounts", Finding, stored([image::gzip(&first), image::gzip(&bad)].concat(), &ids.1)),
        ("gzip-trailing-garbage", Any, good([gzip.clone(), b"garbage!".repeat(9)].concat())),
        ("gzip-trailing-zeros", Any, good([gzip.clone(), vec![0; 512]].concat())),
        ("gzip-checksum", Error, good(tail(8, 1))),
        ("gzip-length", Error, good(tail(4, 1))),
        ("gzip-method", Error, good(method)),
        ("gzip-reserved-block", Error, good(reserved)),
        ("gzip-cut", Error, good(gzip[..gzip.len() - 12].to_vec())),
        ("gzip-extra-field", Accept, good(extra)),
        ("gzip-name-without-end", Error, good(name)),
        ("gzip-of-nothing", Any, stored(image::gzip(b""), &image::digest(b""))),
        ("no-bytes", Any, stored(vec![], &image::digest(b""))),
        ("empty-layer", Accept, stored(image::gzip(&tarball::END), &image::digest(&tarball::END))),
        ("bzip2", Error, good(b"BZh91AY&SY".repeat(30))),
        ("xz", Error, good(b"\xfd7zXZ\0".repeat(30))),
        (
            "zstd-frames",
            Accept,
            good(
                [frame(0, 0x38, b"", &plain[..300], b""), skippable.clone(), frame(0, 0x38, b"", &plain[300..], b"")]
                    .concat(),
            ),
        ),
        (
            "zstd-frame-hides-accounts",
            Finding,
            stored([frame(0, 0x38, b"", &first, b""), skippable, frame(0, 0x38, b"", &bad, b"")].concat(), &ids.1),
        ),
        ("zstd-window-3-tib", Any, good(frame(0, 0xff, b"", &plain, b""))),
        ("zstd-window-2-gib", Any, good(frame(0, 21 << 3, b"", &plain, b""))),
        ("zstd-dictionary", Error, good(frame(1, 0x38, &[42], &plain, b""))),
        ("zstd-checksum", Error, good(frame(4, 0x38, b"", &plain, &[1, 2, 3, 4]))),
        ("zstd-cut", Error, good(frame(0, 0x38, b"", &plain, b"")[..200].to_vec())),
        ("zstd-reserved-block", Error, good([&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, 7 | 80, 0, 0][..], &[0; 10]].concat())),
        ("zstd-size-lies", Error, good(frame(0xc0, 0x38, &(1u64 << 62).to_le_bytes(), &plain, b""))),
        ("bomb-4-gib", Error, stored(bomb(&huge, &zeros, 4 << 10), &no_id)),
    ])
}

/// The clean base with a layer of these entries on top.
fn layer(parts: &[&[u8]]) -> Form {
    archive(&with_layers(&[&parts.concat()]))
}

pub fn headers() -> Vec<Input> {
    use Expect::*;
    let after = tarball::file("app/after", "after!\n");
    let bad = tarball::file("etc/passwd", PASSWD_BAD);
    let good = tarball::file("etc/passwd", PASSWD);
    let hello = tarball::padded(b"hello");
    let sized = |field: Vec<u8>, data: &[u8]| layer(&[&Header::new("app/x").size_field(field).bytes(), data, &after]);
    let wide = |value: i128| tarball::base256(value, 12);
    let pax_size = |size: &str| layer(&[&tarball::pax_texts(&[("size", size)]), &Header::new("app/x").bytes(), &after]);
    let pax_raw = |bytes: &[u8]| layer(&[&tarball::pax_raw(b'x', bytes), &tarball::file("app/x", "x"), &after]);
    let chain: Vec<u8> = (0..5000).flat_map(|at| tarball::gnu_long(b'L', format!("app/a{at}").as_bytes())).collect();
    let typed = |kind: u8| layer(&[&Header::new("app/z").kind(kind).with(&bad), &after]);
    let over_header = [tarball::padded(b"A"), good.clone()].concat();
    inputs(vec![
        ("size-minus-one.tar", Error, sized(wide(-1), b"")),
        ("size-base256.tar", Accept, sized(wide(5), &hello)),
        ("size-2-63.tar", Error, sized(wide(1 << 63), b"")),
        ("size-2-64-and-5.tar", Error, sized(wide((1 << 64) + 5), &hello)),
        ("size-int64-max.tar", Error, sized(wide((1 << 63) - 1), b"")),
        ("size-8-gib.tar", Error, sized(b"77777777777\0".to_vec(), b"")),
        ("size-not-octal.tar", Error, sized(b"00000012x9\0\0".to_vec(), b"")),
        ("size-blanks.tar", Accept, sized(b"         5 \0".to_vec(), &hello)),
        ("size-ascii-minus.tar", Error, sized(b"-0000000001\0".to_vec(), b"")),
        (
            "pax-size-over-header.tar",
            Accept,
            layer(&[
                &tarball::pax_texts(&[("size", &over_header.len().to_string())]),
                &Header::new("app/x").bytes(),
                &over_header,
                &after,
            ]),
        ),
        (
            "pax-size-hides-accounts.tar",
            Finding,
            layer(&[&tarball::pax_texts(&[("size", "0")]), &Header::new("app/x").size(bad.len() as u64).bytes(), &bad]),
        ),
        (
            "pax-size-fakes-accounts.tar",
            Finding,
            layer(&[
                &bad,
                &tarball::pax_texts(&[("size", &good.len().to_string())]),
                &Header::new("app/x").bytes(),
                &good,
            ]),
        ),
        ("pax-size-int64-max.tar", Error, pax_size("9223372036854775807")),
        ("pax-size-negative.tar", Error, pax_size("-5")),
        ("pax-size-text.tar", Error, pax_size("many")),
        (
            "pax-path-is-accounts.tar",
            Finding,
            layer(&[&tarball::pax_texts(&[("path", "etc/passwd")]), &tarball::file("app/harmless", PASSWD_BAD)]),
        ),
        (
            "pax-linkpath.tar",
            Finding,
            layer(&[
                &tarball::file("app/evil", PASSWD_BAD),
                &tarball::pax_texts(&[("linkpath", "/app/evil")]),
                &tarball::symlink("etc/passwd", "/nothing"),
            ]),
        ),
        (
            "pax-newline-in-value.tar",
            Accept,
            layer(&[
                &tarball::pax_texts(&[("comment", "a\n13 size=99999\nb")]),
                &tarball::file("app/x", "hello"),
                &after,
            ]),
        ),
        (
            "pax-nul-in-path.tar",
            NotPass,
            layer(&[&tarball::pax_texts(&[("path", "etc/pass\0wd")]), &tarball::file("app/x", "x")]),
        ),
        ("pax-too-long.tar", Error, pax_raw(b"9999 path=x\n")),
        ("pax-length-zero.tar", Error, pax_raw(b"0 path=x\n")),
        ("pax-no-equals.tar", Error, pax_raw(b"10 pathxx\n")),
        ("pax-length-overflow.tar", Error, pax_raw(b"18446744073709551636 path=x\n")),
        ("pax-header-2-mib.tar", NotPass, pax_raw(&tarball::pax_record(b"path", &vec![b'p'; 2 << 20]))),
        (
            "pax-global-path.tar",
            Any,
            layer(&[
                &tarball::pax_raw(b'g', &tarball::pax_record(b"path", b"etc/passwd")),
                &tarball::file("app/x", PASSWD_BAD),
            ]),
        ),
        (
            "pax-global-comment.tar",
            Accept,
            layer(&[&tarball::pax_raw(b'g', &tarball::pax_record(b"comment", b"x")), &after]),
        ),
        ("pax-last.tar", Any, layer(&[&after, &tarball::pax_texts(&[("path", "app/x")])])),
        (
            "gnu-name-is-accounts.tar",
            Finding,
            layer(&[&tarball::gnu_long(b'L', b"etc/passwd"), &tarball::file("app/harmless", PASSWD_BAD)]),
        ),
        ("gnu-name-chain.tar", Any, layer(&[&chain, &after])),
        ("gnu-name-last.tar", Any, layer(&[&after, &tarball::gnu_long(b'L', b"app/x")])),
        ("gnu-name-2-gib.tar", NotPass, layer(&[&Header::new("././@LongLink").kind(b'L').size(2 << 30).bytes()])),
        ("type-multi-volume.tar", Any, typed(b'M')),
        ("type-label.tar", Any, typed(b'V')),
        ("type-unknown.tar", Any, typed(b'Z')),
        ("type-nul.tar", Accept, layer(&[&Header::new("app/v7").kind(0).with("v7"), &after])),
        ("no-magic.tar", Accept, layer(&[&Header::new("app/v7").magic(&[0; 8]).with("v7"), &after])),
        ("link-with-size.tar", Any, layer(&[&Header::new("app/l").kind(b'2').link("server").with(&bad), &after])),
        ("directory-with-size.tar", Any, layer(&[&Header::new("app/d/").kind(b'5').size(512).bytes(), &after])),
        ("checksum.tar", Error, layer(&[&Header::new("app/x").checksum(b"000001\0 ").with("x"), &after])),
        ("no-end-blocks.tar", Accept, archive(&with_raw_layer(after.clone()))),
        ("one-end-block.tar", Accept, archive(&with_raw_layer([after.clone(), vec![0; 512]].concat()))),
        (
            "tar-after-the-end.tar",
            Any,
            archive(&with_raw_layer([after.clone(), tarball::END.to_vec(), bad.clone()].concat())),
        ),
        (
            "zero-block-in-the-middle.tar",
            Any,
            archive(&with_raw_layer([after.clone(), vec![0; 512], bad.clone()].concat())),
        ),
        (
            "cut-in-data.tar",
            Error,
            archive(&with_raw_layer(
                [after.clone(), Header::new("app/x").size(5000).bytes(), vec![b'x'; 100]].concat(),
            )),
        ),
        ("layer-noise.tar", Error, archive(&with_raw_layer((0..5120u32).map(|n| n as u8).collect()))),
        (
            "uid-base256.tar",
            Accept,
            layer(&[&Header::new("app/x").uid_field(tarball::base256((1 << 31) - 3, 8)).with("x")]),
        ),
        (
            "time-absurd.tar",
            Any,
            layer(&[&Header::new("app/x").mtime_field(tarball::base256(-(1 << 62), 12)).with("x")]),
        ),
        ("mode-all-ones.tar", Any, layer(&[&Header::new("app/x").mode_field(b"7777777\0").with("x")])),
    ])
}

/// An old-GNU sparse header: offset and length of one extent, the whole size, whether a further map follows.
fn sparse(offset: u64, length: u64, whole: u64, more: u8) -> Vec<u8> {
    let numbers = [tarball::number(offset, 12), tarball::number(length, 12)].concat();
    let tail = [vec![0; 41], numbers, vec![0; 72], vec![more], tarball::number(whole, 12)].concat();
    Header::new("app/sparse").kind(b'S').magic(b"ustar  \0").size(512).tail(tail).bytes()
}

/// A PAX 1.0 sparse file with this map.
fn sparse_pax(map: &[u8], whole: u64) -> Vec<u8> {
    let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "app/sparse")];
    let whole = whole.to_string();
    let records: Vec<_> = records.into_iter().chain([("GNU.sparse.realsize", whole.as_str())]).collect();
    let data = [tarball::padded(map), vec![b's'; 512]].concat();
    [tarball::pax_texts(&records), tarball::file("app/GNUSparseFile.1/s", data)].concat()
}

pub fn names() -> Vec<Input> {
    use Expect::*;
    let after = tarball::file("app/after", "after!\n");
    let data = vec![b's'; 512];
    let accounts = |name: &str| layer(&[&tarball::file(name, PASSWD_BAD), &after]);
    let escapes = b"\x1b[2J\x1b]0;x\x07\x9b31m";
    let odd = |name: &[u8], mode: u64| Header::new([b"app/", name].concat()).mode(mode).with("#!x");
    let deep = format!("{}file", "d/".repeat(5000));
    let levels: Vec<u8> = (1..=1000).flat_map(|depth| tarball::directory("d/".repeat(depth))).collect();
    let maps: Vec<u8> =
        (0..2000).flat_map(|at| [vec![0; 504], vec![u8::from(at < 1999)], vec![0; 7]].concat()).collect();
    inputs(vec![
        ("dotdot.tar", NotPass, accounts("../../etc/passwd")),
        ("absolute.tar", Finding, accounts("/etc/passwd")),
        ("slashes.tar", Finding, accounts("etc//./passwd")),
        ("dot-slash.tar", Finding, accounts("./etc/passwd")),
        ("prefix.tar", Finding, layer(&[&Header::new("passwd").tail("etc").with(PASSWD_BAD)])),
        ("empty.tar", Any, accounts("")),
        ("root.tar", Accept, layer(&[&tarball::directory("/"), &after])),
        ("latin-1.tar", Accept, layer(&[&tarball::file(b"app/caf\xe9", "x"), &after])),
        (
            "escapes.tar",
            Accept,
            layer(&[
                &odd(escapes, 0o6777),
                &odd(b"line\nbreak\r", 0o4755),
                &odd("\u{202e}gnp\u{2066}\u{85}".as_bytes(), 0o4777),
                &tarball::symlink([b"app/l", &escapes[..]].concat(), escapes),
                &after,
            ]),
        ),
        ("component-3000.tar", Any, accounts(&format!("app/{}", "n".repeat(3000)))),
        ("name-64k.tar", Any, accounts(&["c".repeat(200).as_str(); 320].join("/"))),
        ("deep-5000.tar", Any, accounts(&deep)),
        ("deep-1000-levels.tar", Accept, layer(&[&levels, &after])),
        ("sparse-small.tar", Any, layer(&[&sparse(10_000, 512, 10_512, 0), &data, &after])),
        ("sparse-2-60.tar", Any, layer(&[&sparse(1 << 60, 512, (1 << 60) + 512, 0), &data, &after])),
        ("sparse-beyond.tar", Any, layer(&[&sparse(5_000, 512, 100, 0), &data, &after])),
        ("sparse-long-map.tar", Any, layer(&[&sparse(0, 0, 512, 1), &maps, &data, &after])),
        ("sparse-pax.tar", Any, layer(&[&sparse_pax(b"1\n10000\n512\n", 10_512), &after])),
        ("sparse-pax-2-60.tar", Any, layer(&[&sparse_pax(b"1\n1152921504606846976\n512\n", (1 << 60) + 512), &after])),
        ("sparse-pax-many.tar", Any, layer(&[&sparse_pax(b"4611686018427387904\n", 512), &after])),
    ])
}

pub fn tree() -> Vec<Input> {
    use Expect::*;
    let keep = tarball::file("app/keep", "keep");
    let marker = |name: &str| layer(&[&tarball::file(name, ""), &keep]);
    let hard = |name: &str, target: &str| layer(&[&tarball::hardlink(name, target), &keep]);
    let chain: Vec<u8> = (0..5000)
        .flat_map(|at| {
            tarball::hardlink(
                format!("app/c{at}"),
                if at == 0 { "app/server".into() } else { format!("app/c{}", at - 1) },
            )
        })
        .collect();
    let accounts = |entry: Vec<u8>| layer(&[&entry, &keep]);
    let passwd = |kind: u8| Header::new("etc/passwd").kind(kind).device(1, 5).with("");
    let out = format!("{}etc/passwd", "../".repeat(12));
    let directories: Vec<u8> = [tarball::directory("srv/"), tarball::file("srv/a", "a")].concat();
    let linked = [
        tarball::directory("conf/"),
        tarball::file("conf/passwd", PASSWD),
        tarball::symlink("etc", "conf"),
        tarball::Header::new("app/server").mode(0o755).with("x"),
    ]
    .concat();
    let behind_link =
        image::Image::of_tars(&[&linked, &tarball::file("conf/passwd", PASSWD_BAD)]).with("User", json!("app"));
    let reveals = [tarball::file("etc/.wh..wh..opq", ""), tarball::file("etc/passwd", PASSWD_BAD)].concat();
    let inside =
        [tarball::file("usr/share/passwd", PASSWD_BAD), tarball::symlink("etc/passwd", "../usr/share/passwd")].concat();
    let linked_passwd = [tarball::file("app/evil", PASSWD_BAD), tarball::hardlink("etc/passwd", "app/evil")].concat();
    let long_line = format!("{}\n{PASSWD}", "x".repeat(1 << 20));
    let nis = format!("# c\n\n+::::::\n-bad\nx\0y:x:1:1::/:\n:::\n{PASSWD}+@grp::::::\n");
    inputs(vec![
        ("whiteout-of-nothing.tar", Accept, marker("app/.wh.ghost")),
        ("whiteout-in-nothing.tar", Accept, marker("none/here/.wh.ghost")),
        ("whiteout-bare.tar", NotPass, marker("app/.wh.")),
        ("whiteout-dot.tar", NotPass, marker("app/.wh..")),
        ("whiteout-dotdot.tar", NotPass, marker("app/.wh...")),
        ("whiteout-directory.tar", Accept, archive(&with_layers(&[&directories, &tarball::file(".wh.srv", "")]))),
        (
            "whiteout-is-a-directory.tar",
            Any,
            layer(&[&tarball::directory("app/.wh.server/"), &tarball::file("app/.wh.server/x", "x"), &keep]),
        ),
        ("opaque-reveals-accounts.tar", Finding, archive(&with_layers(&[&reveals]))),
        ("opaque-root.tar", Accept, archive(&with_layers(&[&[tarball::file(".wh..wh..opq", ""), base()].concat()]))),
        ("opaque-below-a-file.tar", Any, marker("etc/passwd/.wh..wh..opq")),
        ("aufs.tar", Accept, layer(&[&tarball::directory(".wh..wh.plnk/"), &tarball::file(".wh..wh.aufs", ""), &keep])),
        ("hard-to-lower.tar", Accept, hard("app/again", "app/server")),
        ("hard-to-nothing.tar", NotPass, hard("app/h", "app/none")),
        ("hard-to-itself.tar", NotPass, hard("app/h", "app/h")),
        ("hard-to-directory.tar", NotPass, hard("app/h", "etc")),
        ("hard-to-later.tar", Any, hard("app/h", "app/keep")),
        (
            "hard-cycle.tar",
            NotPass,
            layer(&[&tarball::hardlink("app/a", "app/b"), &tarball::hardlink("app/b", "app/a")]),
        ),
        ("hard-out.tar", Any, hard("app/h", &out)),
        ("hard-chain.tar", Accept, layer(&[&chain, &keep])),
        ("hard-accounts.tar", Finding, archive(&with_layers(&[&linked_passwd]))),
        ("symlink-loop.tar", Accept, layer(&[&tarball::symlink("app/a", "b"), &tarball::symlink("app/b", "a"), &keep])),
        ("symlink-command-loop.tar", Any, accounts(tarball::symlink("app/server", "server"))),
        ("symlink-parent.tar", NotPass, archive(&behind_link)),
        ("accounts-loop.tar", NotPass, accounts(tarball::symlink("etc/passwd", "passwd"))),
        ("accounts-of-the-host.tar", NotPass, accounts(tarball::symlink("etc/passwd", &out))),
        ("accounts-proc.tar", NotPass, accounts(tarball::symlink("etc/passwd", "/proc/self/environ"))),
        (
            "accounts-directory.tar",
            NotPass,
            layer(&[&tarball::file("etc/.wh.passwd", ""), &tarball::directory("etc/passwd/")]),
        ),
        ("accounts-fifo.tar", NotPass, accounts(passwd(b'6'))),
        ("accounts-device.tar", NotPass, accounts(passwd(b'3'))),
        ("accounts-gone.tar", NotPass, accounts(tarball::file("etc/.wh.passwd", ""))),
        ("accounts-empty.tar", NotPass, accounts(tarball::file("etc/passwd", ""))),
        ("accounts-text-uid.tar", NotPass, accounts(tarball::file("etc/passwd", "app:x:abc:0::/:/bin/false\n"))),
        ("accounts-inside.tar", Finding, archive(&with_layers(&[&inside]))),
        (
            "accounts-no-newline.tar",
            Finding,
            accounts(tarball::file("etc/passwd", "a:x:1:1::/:\napp:x:0:0::/:/bin/false")),
        ),
        (
            "accounts-first-line.tar",
            Finding,
            accounts(tarball::file("etc/passwd", "app:x:0:0::/:/f\napp:x:1000:1000::/:/f\n")),
        ),
        ("accounts-long-line.tar", Any, accounts(tarball::file("etc/passwd", long_line))),
        ("accounts-nis.tar", Accept, accounts(tarball::file("etc/passwd", nis))),
        (
            "dpkg-noise.tar",
            Any,
            accounts(tarball::file("var/lib/dpkg/status", b"Package\n:::\n\0 x\nVersion: \xff\n\n\n: y\n".repeat(50))),
        ),
        (
            "apk-noise.tar",
            Any,
            accounts(tarball::file("lib/apk/db/installed", b"P:\nV\n:\nS:99999999999999999999\n\nF:\nR:..\n")),
        ),
    ])
}
