//! What is said of real programs against what their loaders do.
//!
//! `PLIMSOLL_ROOTFS` names root file systems, separated by colons: every program on the default PATH is asked for its
//! libraries here, and of its own loader (`--list`) under chroot. `PLIMSOLL_CORPUS` names images whose programs all start.
//! What cannot be run is skipped, and says so.

use crate::corpus;
use crate::loader::Told;
use crate::support;
use crate::support::Desk;
use plimsoll::collect::Collector;
use plimsoll::collect::Wants;
use plimsoll::examine;
use plimsoll::facts::Facts;
use plimsoll::facts::access::Capabilities;
use plimsoll::facts::loader;
use plimsoll::facts::loader::Loaded;
use plimsoll::facts::proof::ground::DEFAULT_PATH;
use plimsoll::facts::proof::ground::Ground;
use plimsoll::model::digest::Digest;
use plimsoll::model::layer_facts::Compression;
use plimsoll::model::layer_facts::Kind;
use plimsoll::model::layer_facts::LayerFacts;
use plimsoll::model::program::Head;
use plimsoll::stream::frames::Framer;
use plimsoll::view::NodeId;
use plimsoll::view::Resolved;
use plimsoll::view::View;
use std::collections::BTreeSet;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

/// A folder as one layer, by way of a tar.
fn layer(folder: &Path) -> LayerFacts {
    let mut tar = Command::new("tar")
        .args(["--one-file-system", "--exclude=./proc/*", "--exclude=./sys/*", "-cf", "-", "-C"])
        .arg(folder)
        .arg(".")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let wants = Wants::default();
    let (mut framer, mut collector) = (Framer::default(), Collector::new(&wants));
    let mut pipe = tar.stdout.take().unwrap();
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = pipe.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        framer.push(&buffer[..count], &mut collector).unwrap();
    }
    framer.finish().unwrap();
    tar.wait().unwrap();
    let collected = collector.finish();
    let digest = Digest::parse(&format!("sha256:{}", "00".repeat(32))).unwrap();
    LayerFacts {
        diff_id: digest.clone(),
        digest,
        compression: Compression::None,
        sizes: collected.sizes,
        counts: collected.counts,
        paths: collected.paths,
        entries: collected.entries,
        texts: collected.texts,
        content_hashes: collected.content.hashes,
        content_digests: None,
        kept: collected.kept,
        heads: collected.heads,
        xattrs: collected.xattrs,
        malformed: collected.malformed,
        odd: collected.odd,
    }
}

/// An image with an empty config, for what needs one.
fn empty_image(user: &str) -> plimsoll::model::image::Image {
    let desk = Desk::new();
    let image = crate::notation::image(&format!("config user={user}\nlayer x\nd 0755 0:0 app"));
    let opened = examine::open(&desk.archive(&image), None).unwrap();
    opened.listing.images.into_iter().next().unwrap().image
}

/// The ELF programs in the folders of the default PATH, each file once.
fn programs(view: &View) -> Vec<NodeId> {
    let mut out = BTreeSet::new();
    for folder in DEFAULT_PATH.split(':') {
        let Resolved::Found(folder) = view.resolve(folder.as_bytes(), true) else { continue };
        for child in view.children(folder) {
            let Resolved::Found(node) = view.resolve(&view.path(child), true) else { continue };
            let runs = view.stat(node).is_some_and(|stat| stat.kind == Kind::File && stat.mode & 0o111 != 0);
            if runs && matches!(view.head(node), Some(Head::Elf(_))) {
                out.insert(node);
            }
        }
    }
    out.into_iter().collect()
}

/// Paths of the libraries, links followed; the loader's own file left out.
fn found(view: &View, loaded: &Loaded) -> BTreeSet<NodeId> {
    let libraries = loaded.libraries.iter().map(|(_, node)| *node);
    libraries
        .filter(|node| Some(*node) != loaded.interpreter)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|node| view.stat(*node).is_some())
        .collect()
}

/// The same as the program's own loader tells it; an error is its words.
fn listed(root: &Path, view: &View, program: NodeId, loader: &str) -> Result<BTreeSet<NodeId>, String> {
    let mut command = Command::new("chroot");
    command.arg(root).arg(loader);
    if loader.contains("ld-linux") {
        // Libraries for some CPUs only are not compared.
        command.args(["--glibc-hwcaps-mask", "none"]);
    }
    command.arg("--list").arg(format!("/{}", String::from_utf8_lossy(&view.path(program))));
    let output = command.env_clear().output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() || text.contains("not found") {
        return Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    }
    let mut out = BTreeSet::new();
    for line in text.lines().filter(|line| line.contains(" (0x")) {
        let path = line.split(" (0x").next().unwrap().rsplit(" => ").next().unwrap().trim();
        if !path.starts_with('/') || path == loader {
            continue;
        }
        match view.resolve(path.as_bytes(), true) {
            Resolved::Found(node) => drop(out.insert(node)),
            other => return Err(format!("{path}: {other:?}")),
        }
    }
    let Resolved::Found(loader) = view.resolve(loader.as_bytes(), true) else { return Err(loader.to_string()) };
    out.remove(&loader);
    Ok(out)
}

fn can_chroot(test: &str) -> bool {
    let probe = Command::new("chroot").args(["--userspec=1000:1000", "/", "/bin/true"]).status();
    let can = probe.is_ok_and(|status| status.success());
    if !can {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: it needs root and chroot");
    }
    can
}

fn roots(test: &str) -> Vec<PathBuf> {
    let Some(list) = std::env::var_os("PLIMSOLL_ROOTFS") else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: set PLIMSOLL_ROOTFS to run it");
        return Vec::new();
    };
    let roots: Vec<PathBuf> = std::env::split_paths(&list).collect();
    roots.iter().for_each(|root| assert!(root.is_dir(), "{}: no such folder", root.display()));
    roots
}

#[test]
fn libraries_are_those_that_loaders_list() {
    let test = "libraries_are_those_that_loaders_list";
    let roots = roots(test);
    if roots.is_empty() || !can_chroot(test) {
        return;
    }
    let mut wrong = Vec::new();
    for root in roots {
        let view = View::new(vec![Arc::new(layer(&root))]);
        let image = empty_image("0:0");
        let facts = Facts::new(&image, Ok(&view));
        let ground = Ground::of(&facts, Capabilities::Docker).unwrap();
        let (mut examined, mut with, mut undecided, mut libraries) = (0, 0, 0, 0);
        for program in programs(&view) {
            let loaded = loader::load(&ground, program, &ground.actor, false);
            let told = Told::of(&view, &loaded);
            examined += 1;
            undecided += usize::from(!told.open.is_empty());
            let Some(Head::Elf(elf)) = view.head(program) else { continue };
            let Some(interpreter) = &elf.interpreter else { continue };
            with += 1;
            let ours = found(&view, &loaded);
            libraries += ours.len();
            match listed(&root, &view, program, &String::from_utf8_lossy(interpreter)) {
                Ok(theirs) if theirs == ours && told.lacks.is_empty() => {}
                Err(_) if !told.lacks.is_empty() => {}
                theirs => {
                    let names = |set: &BTreeSet<NodeId>| set.iter().map(|&node| ground.name(node)).collect::<Vec<_>>();
                    let theirs = theirs.map(|theirs| {
                        (
                            names(&theirs.difference(&ours).copied().collect()),
                            names(&ours.difference(&theirs).copied().collect()),
                        )
                    });
                    wrong.push(format!("{}: {told:?}\n  loader only, here only: {theirs:?}", ground.name(program)));
                }
            }
        }
        assert!(!view.is_exhausted());
        let _ = writeln!(
            std::io::stderr(),
            "{}: {examined} programs, {with} with a loader, {libraries} libraries, {undecided} undecided, {} wrong",
            root.display(),
            wrong.len()
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_program_of_a_sound_image_lacks_anything() {
    let Some(corpus) = support::outside("PLIMSOLL_CORPUS", "no_program_of_a_sound_image_lacks_anything") else {
        return;
    };
    let mut wrong = Vec::new();
    for specimen in corpus::specimens(&corpus) {
        let platform = specimen.args.iter().position(|arg| arg == "--platform").map(|at| specimen.args[at + 1].clone());
        let opened = examine::open(&specimen.args[0], platform.as_deref()).unwrap();
        let options = examine::Options { threads: 2, sha256: false };
        let mut examined = examine::examine(opened.listing.images, &options);
        let examined = examined.remove(0);
        let view = examined.view.expect("it can be read");
        let facts = Facts::new(&examined.image, Ok(&view));
        let ground = Ground::of(&facts, Capabilities::Docker).unwrap();
        let (mut count, mut libraries, mut undecided) = (0, 0, 0);
        for program in programs(&view) {
            let Some(Head::Elf(elf)) = view.head(program) else { continue };
            let told = Told::of(&view, &loader::load(&ground, program, &ground.actor.overriding(), false));
            count += 1;
            libraries += told.libraries.len();
            undecided += usize::from(!told.open.is_empty());
            let fits = loader::machine_fits(elf, &examined.image.config.architecture);
            let whole = !specimen.name.starts_with("apps/");
            if !told.lacks.is_empty() || fits != Some(true) || (whole && !told.open.is_empty()) {
                wrong.push(format!("{}: {}: {fits:?} {told:?}", specimen.name, ground.name(program)));
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{}: {count} programs, {libraries} libraries, {undecided} undecided",
            specimen.name
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
