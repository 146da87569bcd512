//! Heads of generated files, read at once and in pieces, valid and broken.

#[path = "../../../tests/it/elf.rs"]
mod elf;

use super::*;
use crate::collect::Budget;
use crate::collect::heads::tests::elf::Elf;
use crate::collect::heads::tests::elf::Layout;
use crate::model::program::Linking;
use proptest::prelude::*;

/// The head of a file that is read in pieces of the given size.
fn in_pieces(file: &[u8], piece: usize) -> Option<Head> {
    let mut heads = Heads::new(Budget::default());
    heads.begin(0, file.len() as u64);
    file.chunks(piece).for_each(|piece| heads.data(piece));
    heads.end();
    heads.finish().remove(&0)
}

fn whole(file: &[u8]) -> Option<Head> {
    in_pieces(file, usize::MAX)
}

fn dynamic(file: &[u8]) -> Dynamic {
    match whole(file) {
        Some(Head::Elf(elf)) => elf.dynamic,
        other => panic!("not an ELF file: {other:?}"),
    }
}

fn linking(file: &[u8]) -> Linking {
    match dynamic(file) {
        Dynamic::Read(linking) => *linking,
        other => panic!("not parsed: {other:?}"),
    }
}

fn full() -> Elf {
    elf::program(&["liba.so.1", "libc.so.6"])
        .rpath("/a:$ORIGIN/../lib")
        .runpath("/b")
        .needs("libc.so.6", "GLIBC_2.34")
        .needs("libc.so.6", "GLIBC_2.38")
        .needs("liba.so.1", "A_1")
        .defines(&["P_1", "P_2"])
}

fn names(list: &[Box<[u8]>]) -> Vec<String> {
    list.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

#[test]
fn parses_every_class_and_byte_order() {
    for (is_64, is_big_endian) in [(true, false), (true, true), (false, false), (false, true)] {
        for layout in [Layout::Linked, Layout::Patched] {
            let file = Elf { is_64, is_big_endian, layout, filling: 100_000, no_default: true, ..full() }.bytes();
            let Some(Head::Elf(head)) = whole(&file) else { panic!("{:?}", whole(&file)) };
            assert_eq!((head.is_64, head.is_big_endian, head.machine, head.kind), (is_64, is_big_endian, 62, 3));
            assert_eq!(head.interpreter.as_deref(), Some(&b"/lib64/ld-linux-x86-64.so.2"[..]));
            let linking = linking(&file);
            assert_eq!(names(&linking.needed), ["liba.so.1", "libc.so.6"]);
            assert_eq!(linking.rpath.as_deref(), Some(&b"/a:$ORIGIN/../lib"[..]));
            assert_eq!(linking.runpath.as_deref(), Some(&b"/b"[..]));
            assert!(linking.no_default && linking.soname.is_none());
            let versions = linking.versions.expect("they are coherent");
            assert_eq!(names(&versions.defines), ["P_1", "P_2"]);
            let needs: Vec<_> = versions.needs.iter().map(|need| (&need.library[..], &need.version[..])).collect();
            let libc = &b"libc.so.6"[..];
            assert_eq!(needs, [(libc, &b"GLIBC_2.34"[..]), (libc, b"GLIBC_2.38"), (b"liba.so.1", b"A_1")]);
        }
    }
}

#[test]
fn parses_tables_after_the_front() {
    let filling = limits::HEAD_FRONT_BYTES + 12_345;
    let near = whole(&full().bytes());
    for layout in [Layout::Linked, Layout::Patched] {
        let file = Elf { layout, filling, ..full() }.bytes();
        assert_eq!(whole(&file), near, "{layout:?}");
        assert_eq!(in_pieces(&file, 128 << 10), near, "{layout:?}");
    }
    // Across the end of the front.
    for before in 0..64 {
        let file = Elf { layout: Layout::Patched, filling: limits::HEAD_FRONT_BYTES - 8 * before, ..full() }.bytes();
        assert_eq!(whole(&file), near, "{before}");
        assert_eq!(in_pieces(&file, 4099), near, "{before}");
    }
}

#[test]
fn leaves_tables_unread_that_had_passed() {
    // The strings follow the front, and the dynamic section that refers to them follows the strings.
    let mut file = Elf { layout: Layout::Patched, filling: limits::HEAD_FRONT_BYTES, ..full() }.bytes();
    let (at, len) = (64 + 2 * 56 + 16, 16 * 14);
    let section = u64::from_le_bytes(file[at..at + 8].try_into().expect("8 bytes")) - 0x40_0000;
    let copy = file[section as usize..][..len].to_vec();
    let moved = file.len().next_multiple_of(8);
    file.resize(moved, 0);
    file.extend(copy);
    file[at..at + 8].copy_from_slice(&(0x40_0000 + moved as u64).to_le_bytes());
    let end = (file.len() as u64).to_le_bytes();
    file[64 + 32..64 + 40].copy_from_slice(&end);
    assert!(matches!(dynamic(&file), Dynamic::Unread(_)), "{:?}", dynamic(&file));
}

#[test]
fn finds_scripts_among_other_files() {
    assert_eq!(whole(b"#!/bin/sh\nexit\n"), Some(Head::Script((*b"#!/bin/sh\nexit\n").into())));
    assert_eq!(whole(b"#!"), Some(Head::Script((*b"#!").into())));
    let long = [&b"#!"[..], &[b'a'; 1000]].concat();
    assert_eq!(whole(&long), Some(Head::Script(long[..256].into())));
    assert_eq!(in_pieces(&long, 1), whole(&long));
    for nothing in [&b""[..], b"#", b"\x7fEL", b"text", b" #!/bin/sh"] {
        assert_eq!(whole(nothing), None, "{nothing:?}");
    }
    assert_eq!(whole(b"\x7fELF"), Some(Head::BrokenElf("its header is truncated")));
}

#[test]
fn treats_a_program_without_dynamic_section_as_static() {
    assert_eq!(dynamic(&elf::static_program().bytes()), Dynamic::None);
}

#[test]
fn reports_truncated_files_as_broken() {
    let file = Elf { filling: 20_000, ..full() }.bytes();
    for len in (4..file.len()).step_by(7) {
        let head = whole(&file[..len]);
        let broken = matches!(head, Some(Head::BrokenElf(_)));
        // A segment may extend past the end of the file within the last page.
        let has_broken_section = matches!(&head, Some(Head::Elf(elf)) if matches!(elf.dynamic, Dynamic::Broken(_)));
        let page = len.div_ceil(4096) == file.len().div_ceil(4096);
        assert!(broken || page, "{len}: {head:?}");
        assert!(broken || has_broken_section || len + 512 > file.len(), "{len}: {head:?}");
    }
}

#[test]
fn rejects_empty_names_and_wrong_version_hashes() {
    let file = full().bytes();
    let at = file.windows(10).position(|part| part == b"liba.so.1\0").expect("it is there");
    let mut blank = file.clone();
    blank[at..at + 9].fill(0);
    assert_eq!(dynamic(&blank), Dynamic::Broken("a name in its dynamic section is empty"));
    // A version whose name doesn't match its hash.
    let at = file.windows(10).position(|part| part == b"GLIBC_2.38").expect("it is there");
    let mut blank = file.clone();
    blank[at..at + 10].fill(0);
    assert_eq!(linking(&blank).versions, None);
    // Tables of zeros.
    let needs = at.next_multiple_of(8);
    let strings_end = file[needs..].windows(8).position(|part| part[..4] == [1, 0, 1, 0] || part[..4] == [1, 0, 2, 0]);
    let start = needs + strings_end.expect("a version table");
    let mut blank = file.clone();
    blank[start..start + 16].fill(0);
    assert_eq!(linking(&blank).versions, None);
}

#[test]
fn survives_extreme_values() {
    let file = full().bytes();
    // Overwrite each word of the headers, the dynamic section and the version tables.
    for at in (4..file.len().min(2048)).step_by(2) {
        for value in [[0xff; 8], [0; 8], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
            for len in [1, 2, 4, 8] {
                let mut bad = file.clone();
                let end = bad.len().min(at + len);
                bad[at..end].copy_from_slice(&value[..end - at]);
                let head = whole(&bad);
                assert!(head.is_some(), "{at} {value:?}");
                assert_eq!(in_pieces(&bad, 1), head, "{at} {value:?}");
            }
        }
    }
}

#[test]
fn reads_holes_as_zeros() {
    let file = Elf { layout: Layout::Patched, filling: 10 << 20, ..full() }.bytes();
    let (start, end) = (4096, 4096 + (9 << 20));
    let mut zeroed = file.clone();
    zeroed[start..end].fill(0);
    let mut heads = Heads::new(Budget::default());
    for entry in 0..20 {
        heads.begin(entry, file.len() as u64);
        heads.data(&file[..start]);
        heads.hole((end - start) as u64);
        heads.data(&file[end..]);
        heads.end();
    }
    let heads = heads.finish();
    assert_eq!(heads.get(&0), whole(&zeroed).as_ref());
    assert!(matches!(heads.get(&19), Some(Head::Unread(_))), "holes have a limit");
}

#[test]
fn limits_the_names_of_a_layer() {
    let names: Vec<String> = (0..300).map(|n| format!("lib{n}-{}.so", "x".repeat(1000))).collect();
    let file = elf::library("", &names.iter().map(String::as_str).collect::<Vec<_>>()).bytes();
    let mut heads = Heads::new(Budget::default());
    for entry in 0..300 {
        heads.begin(entry, file.len() as u64);
        heads.data(&file);
        heads.end();
    }
    let heads = heads.finish();
    assert!(matches!(heads[&0], Head::Elf(_)) && matches!(heads[&299], Head::Unread(_)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn result_is_independent_of_piece_size(
        piece in 1usize..5000,
        filling in 0usize..40_000,
        patched in any::<bool>(),
        spoiled in prop::collection::vec((0usize..3000, any::<u8>()), 0..6),
    ) {
        let layout = if patched { Layout::Patched } else { Layout::Linked };
        let mut file = Elf { layout, filling, ..full() }.bytes();
        for (at, byte) in spoiled {
            let at = at % file.len();
            file[at] = byte;
        }
        prop_assert_eq!(in_pieces(&file, piece), whole(&file));
    }
}
