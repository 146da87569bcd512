//! Compares the merged view with a naive model (`view_model`), on random layers with entries in any order and on cases
//! that are easy to get wrong.
//!
//! Entries that can't be placed (a hard link to nothing, a name below a file) are removed first; `hostile` covers
//! those.

use crate::image::Entry;
use crate::image::Image;
use crate::image::Layer;
use crate::notation;
use crate::support;
use crate::support::ScratchDir;
use crate::view_model;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;

/// Random cases per test; each runs plimsoll once.
const CASES: u32 = 96;

fn component() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => Just(b"a".to_vec()),
        6 => Just(b"b".to_vec()),
        4 => Just(b"c".to_vec()),
        1 => Just(b"a.b".to_vec()),
        1 => Just(b"caf\xe9 \\".to_vec()),
    ]
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(component(), 1..4).prop_map(|parts| parts.join(&b'/'))
}

fn attributes() -> impl Strategy<Value = (u32, u64)> {
    (
        prop::sample::select(vec![0o644, 0o755, 0o600, 0o4755, 0o1777]),
        prop::sample::select(vec![0u64, 0, 1000, 3_000_000]),
    )
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        path(),
        path().prop_map(|path| [b"/", path.as_slice()].concat()),
        path().prop_map(|path| [b"../", path.as_slice()].concat()),
        Just(b".".to_vec()),
        Just(b"../../..".to_vec()),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let kinds = prop_oneof![
        6 => Just(b'f'), 6 => Just(b'd'), 3 => Just(b'l'), 3 => Just(b'h'), 3 => Just(b'w'), 2 => Just(b'o'),
        1 => Just(b'p'), 1 => Just(b'c'),
    ];
    (kinds, path(), attributes(), target(), path(), 0usize..600).prop_map(
        |(kind, path, (mode, id), link, hard, size)| {
            let mut entry = Entry::new(kind, mode, &path);
            (entry.uid, entry.gid) = (id, id / 2);
            match kind {
                b'f' => entry.data = notation::noise(&path, size),
                b'l' => entry.target = link,
                b'h' => entry.target = hard,
                b'c' => entry.device = (1, size as u64),
                b'w' => {
                    let cut = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
                    (entry.kind, entry.path) = (b'f', [&path[..cut], b".wh.", &path[cut..]].concat());
                }
                b'o' => (entry.kind, entry.path) = (b'f', [&path[..], b"/.wh..wh..opq"].concat()),
                _ => {}
            }
            entry
        },
    )
}

fn layers() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    prop::collection::vec(prop::collection::vec(entry(), 0..14), 1..5)
}

/// Removes the entries that can't be placed and returns the model's listing.
fn remove_misplaced(layers: &mut [Vec<Entry>]) -> Vec<String> {
    loop {
        match view_model::listing(layers) {
            Ok(lines) => return lines,
            Err((layer, entry)) => drop(layers[layer].remove(entry)),
        }
    }
}

fn image_of(layers: &[Vec<Entry>]) -> Image {
    let layer = |entries: &Vec<Entry>| Layer { entries: entries.clone(), ..Layer::default() };
    Image { layers: layers.iter().map(layer).collect(), ..Image::default() }
}

fn tree(image: &Image) -> Vec<String> {
    let scratch = ScratchDir::new();
    let archive = scratch.archive(image);
    let output = support::plimsoll(&["tree", &archive, "--plain", "--sha256"]).exits(0);
    output.out().lines().map(str::to_string).collect()
}

fn runner() -> TestRunner {
    TestRunner::new(Config { cases: CASES, failure_persistence: None, max_shrink_iters: 400, ..Config::default() })
}

#[test]
fn the_view_matches_the_model() {
    let run = runner().run(&layers(), |mut layers| {
        let lines = remove_misplaced(&mut layers);
        prop_assert_eq!(tree(&image_of(&layers)), lines);
        Ok(())
    });
    if let Err(why) = run {
        panic!("{why}");
    }
}

#[test]
fn the_position_of_a_marker_does_not_matter() {
    let run = runner().run(&layers(), |mut layers| {
        let lines = remove_misplaced(&mut layers);
        let is_marker = |entry: &Entry| entry.path.split(|&b| b == b'/').next_back().unwrap().starts_with(b".wh.");
        for entries in &mut layers {
            entries.sort_by_key(|entry| !is_marker(entry));
        }
        prop_assert_eq!(view_model::listing(&layers).unwrap(), lines.clone());
        for entries in &mut layers {
            entries.sort_by_key(is_marker);
        }
        prop_assert_eq!(tree(&image_of(&layers)), lines);
        Ok(())
    });
    if let Err(why) = run {
        panic!("{why}");
    }
}

#[track_caller]
fn matches_model(text: &str) {
    let image = notation::image(text);
    let layers: Vec<Vec<Entry>> = image.layers.iter().map(|layer| layer.entries.clone()).collect();
    assert_eq!(tree(&image), view_model::listing(&layers).unwrap());
}

#[test]
fn an_empty_image_contains_only_the_root() {
    assert_eq!(tree(&Image::default()), ["d 0755 0 0 0 / - -"]);
}

#[test]
fn a_whiteout_does_not_hide_files_of_its_own_layer() {
    matches_model(
        "layer\n f 0644 0:0 a/x \"old\"\nlayer\n f 0644 0:0 a/x \"new\"\n w a/x\n f 0644 0:0 a/y \"y\"\n o a\n",
    );
}

#[test]
fn a_directory_removed_and_recreated_is_empty() {
    matches_model("layer\n f 0644 0:0 a/x \"old\"\nlayer\n w a\n d 0700 5:6 a\n");
}

#[test]
fn a_file_can_become_a_directory_and_a_file_again() {
    matches_model(
        "layer\n f 0644 0:0 a \"1\"\nlayer\n d 0755 0:0 a\n f 0644 0:0 a/x \"2\"\nlayer\n f 0644 0:0 a \"3\"\n",
    );
}

#[test]
fn a_directory_entry_keeps_the_contents() {
    matches_model("layer\n d 0755 0:0 a\n f 0644 0:0 a/x \"1\"\nlayer\n d 0700 1:2 a\n");
}

#[test]
fn replacing_one_name_keeps_the_other_links() {
    matches_model("layer\n f 0644 0:0 a \"1\"\n h b -> a\n h c -> b\nlayer\n f 0600 7:8 a \"2\"\n");
}

#[test]
fn a_hard_link_can_keep_a_removed_file() {
    matches_model("layer\n f 0644 0:0 a \"1\"\nlayer\n w a\n h b -> a\n");
}

#[test]
fn entries_below_a_link_follow_it() {
    matches_model("layer\n d 0755 0:0 usr/bin\n l bin -> usr/bin\nlayer\n f 0755 0:0 bin/sh \"s\"\n w bin/none\n");
}
