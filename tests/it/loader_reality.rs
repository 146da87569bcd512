//! Compares the libraries found for real programs with what the programs' own loaders find.
//!
//! `PLIMSOLL_ROOTFS` names root filesystems, separated by colons; their loaders list the libraries of every program
//! under chroot (`--list`). `PLIMSOLL_CORPUS` names images whose programs all start. Tests that can't run are skipped
//! and say so.

use crate::corpus;
use crate::loader::Summary;
use crate::support;
use crate::support::ScratchDir;
use plimsoll::collect::CollectOptions;
use plimsoll::collect::Collector;
use plimsoll::examine;
use plimsoll::facts::Facts;
use plimsoll::facts::access::Capabilities;
use plimsoll::facts::loader;
use plimsoll::facts::loader::Loaded;
use plimsoll::facts::process::DEFAULT_PATH;
use plimsoll::facts::process::ProcessContext;
use plimsoll::model::digest::Digest;
use plimsoll::model::layer_facts::Compression;
use plimsoll::model::layer_facts::Kind;
use plimsoll::model::layer_facts::LayerFacts;
use plimsoll::model::program::Elf;
use plimsoll::model::program::Head;
use plimsoll::stream::tar::TarReader;
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

/// A directory as one layer, read through a tar.
fn layer(directory: &Path) -> LayerFacts {
    let mut tar = Command::new("tar")
        .args(["--one-file-system", "--exclude=./proc/*", "--exclude=./sys/*", "-cf", "-", "-C"])
        .arg(directory)
        .arg(".")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let wants = CollectOptions::default();
    let (mut reader, mut collector) = (TarReader::default(), Collector::new(&wants));
    let mut pipe = tar.stdout.take().unwrap();
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = pipe.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        reader.push(&buffer[..count], &mut collector).unwrap();
    }
    reader.finish().unwrap();
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
        reader_differences: collected.reader_differences,
    }
}

/// An image whose config sets only the user.
fn empty_image(user: &str) -> plimsoll::model::image::Image {
    let scratch = ScratchDir::new();
    let image = crate::notation::image(&format!("config user={user}\nlayer x\nd 0755 0:0 app"));
    let opened = examine::open(&scratch.archive(&image), None).unwrap();
    opened.listing.images.into_iter().next().unwrap().image
}

/// The ELF programs on the default PATH, each file once.
fn programs(view: &View) -> Vec<NodeId> {
    let mut out = BTreeSet::new();
    for directory in DEFAULT_PATH.split(':') {
        let Resolved::Found(directory) = view.resolve(directory.as_bytes(), true) else { continue };
        for child in view.children(directory) {
            let Resolved::Found(node) = view.resolve(&view.path(child), true) else { continue };
            let runs = view.stat(node).is_some_and(|stat| stat.kind == Kind::File && stat.mode & 0o111 != 0);
            if runs && matches!(view.head(node), Some(Head::Elf(_))) {
                out.insert(node);
            }
        }
    }
    out.into_iter().collect()
}

/// All executable ELF files that name a loader and are built for this machine.
fn all_programs(view: &View) -> Vec<NodeId> {
    let here = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let fits = |elf: &Elf| elf.interpreter.is_some() && loader::machine_fits(elf, here) == Some(true);
    let runs = |node: &NodeId| matches!(view.head(*node), Some(Head::Elf(elf)) if fits(elf));
    let files = view.walk().filter(|(_, stat)| stat.kind == Kind::File && stat.mode & 0o111 != 0);
    files.map(|(node, _)| node).filter(runs).collect()
}

/// The libraries' files, without the loader itself.
fn found(view: &View, loaded: &Loaded) -> BTreeSet<NodeId> {
    let libraries = loaded.libraries.iter().map(|(_, node)| *node);
    libraries
        .filter(|node| Some(*node) != loaded.interpreter)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|node| view.stat(*node).is_some())
        .collect()
}

/// The libraries' files as the program's own loader lists them; an error is its output.
fn listed(root: &Path, view: &View, program: NodeId, loader: &str) -> Result<BTreeSet<NodeId>, String> {
    let mut command = Command::new("chroot");
    command.arg(root).arg(loader);
    command.arg("--list").arg(format!("/{}", String::from_utf8_lossy(&view.path(program))));
    let output = command.env_clear().env("PATH", DEFAULT_PATH).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || text.contains("not found") || errors.contains("not found") {
        return Err(format!("{text}{errors}"));
    }
    let mut out = BTreeSet::new();
    for line in text.lines().filter(|line| line.contains(" (0x")) {
        let path = line.split(" (0x").next().unwrap().rsplit(" => ").next().unwrap().trim();
        if !path.starts_with('/') || path == loader {
            continue;
        }
        // Compare the plain library instead of the variant for this CPU.
        let plain = match path.split_once("/glibc-hwcaps/") {
            Some((directory, rest)) => format!("{directory}/{}", rest.split_once('/').unwrap().1),
            None => path.to_string(),
        };
        match view.resolve(plain.as_bytes(), true) {
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
    roots.iter().for_each(|root| assert!(root.is_dir(), "{}: no such directory", root.display()));
    roots
}

#[test]
fn finds_the_libraries_that_loaders_list() {
    let test = "finds_the_libraries_that_loaders_list";
    let roots = roots(test);
    if roots.is_empty() || !can_chroot(test) {
        return;
    }
    let mut wrong = Vec::new();
    for root in roots {
        let view = View::new(vec![Arc::new(layer(&root))]);
        let image = empty_image("0:0");
        let facts = Facts::new(&image, Ok(&view));
        let process = ProcessContext::of(&facts, Capabilities::Docker).unwrap();
        let (mut examined, mut undecided, mut incomplete, mut libraries) = (0, 0, 0, 0);
        for program in all_programs(&view) {
            let loaded = loader::load(&process, program, &process.actor, false);
            let summary = Summary::of(&view, &loaded);
            examined += 1;
            undecided += usize::from(!summary.undecided.is_empty());
            let Some(Head::Elf(elf)) = view.head(program) else { continue };
            let Some(interpreter) = &elf.interpreter else { continue };
            let ours = found(&view, &loaded);
            libraries += ours.len();
            match listed(&root, &view, program, &String::from_utf8_lossy(interpreter)) {
                Ok(theirs) if theirs == ours && summary.missing.is_empty() => {}
                Ok(theirs)
                    if !summary.undecided.is_empty() && ours.is_subset(&theirs) && summary.missing.is_empty() => {}
                Err(words) if !summary.missing.is_empty() => {
                    incomplete += 1;
                    if incomplete < 4 {
                        let _ = writeln!(std::io::stderr(), "{} {words}", summary.missing[0]);
                    }
                }
                theirs => {
                    let names = |set: &BTreeSet<NodeId>| set.iter().map(|&node| process.name(node)).collect::<Vec<_>>();
                    let theirs = theirs.map(|theirs| {
                        (
                            names(&theirs.difference(&ours).copied().collect()),
                            names(&ours.difference(&theirs).copied().collect()),
                        )
                    });
                    wrong.push(format!("{}: {summary:?}\n  loader only, here only: {theirs:?}", process.name(program)));
                }
            }
        }
        assert!(!view.is_exhausted());
        let _ = writeln!(
            std::io::stderr(),
            "{}: {examined} programs, {libraries} libraries, {incomplete} with missing libraries, {undecided} undecided, {} wrong",
            root.display(),
            wrong.len()
        );
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}

#[test]
fn working_images_have_no_missing_libraries() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "working_images_have_no_missing_libraries") else {
        return;
    };
    let mut wrong = Vec::new();
    for specimen in corpus::specimens(&corpus) {
        let platform = specimen.args.iter().position(|arg| arg == "--platform").map(|at| specimen.args[at + 1].clone());
        let opened = examine::open(&specimen.args[0], platform.as_deref()).unwrap();
        let options = examine::Options { threads: 2, sha256: false };
        let mut examined = examine::examine(opened.listing.images, &options);
        let examined = examined.remove(0);
        let view = examined.view.expect("it is readable");
        let facts = Facts::new(&examined.image, Ok(&view));
        let process = ProcessContext::of(&facts, Capabilities::Docker).unwrap();
        let (mut count, mut libraries, mut undecided) = (0, 0, 0);
        for program in programs(&view) {
            let Some(Head::Elf(elf)) = view.head(program) else { continue };
            let summary = Summary::of(&view, &loader::load(&process, program, &process.actor.overriding(), false));
            count += 1;
            libraries += summary.libraries.len();
            undecided += usize::from(!summary.undecided.is_empty());
            let fits = loader::machine_fits(elf, &examined.image.config.architecture);
            let whole = !specimen.name.starts_with("apps/");
            if !summary.missing.is_empty() || fits != Some(true) || (whole && !summary.undecided.is_empty()) {
                wrong.push(format!("{}: {}: {fits:?} {summary:?}", specimen.name, process.name(program)));
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{}: {count} programs, {libraries} libraries, {undecided} undecided",
            specimen.name
        );
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}

/// A change to a root that contains only a program and its libraries.
struct Case {
    name: &'static str,
    /// Shell commands, run in the root's directory.
    make: &'static str,
    user: &'static str,
    env: &'static [&'static str],
}

const fn case(name: &'static str, make: &'static str) -> Case {
    Case { name, make, user: "0:0", env: &[] }
}

const fn user(case: Case) -> Case {
    Case { user: "1000:1000", ..case }
}

const fn env(case: Case, env: &'static [&'static str]) -> Case {
    Case { env, ..case }
}

/// `$D` is the libraries' directory. `ls` needs `libselinux`, and only that needs `libpcre2-8`.
const CASES: &[Case] = &[
    case("sound", ""),
    user(case("sound for a user", "")),
    case("an indirect library is missing", "rm $D/libpcre2*"),
    case("the C library is missing", "rm $D/libc.so.6"),
    case("elsewhere", "mv $D/libpcre2* opt"),
    env(case("elsewhere, on LD_LIBRARY_PATH", "mv $D/libpcre2* opt"), &["LD_LIBRARY_PATH=/nowhere:/opt"]),
    env(case("elsewhere, in the working directory", "mv $D/libpcre2* ."), &["LD_LIBRARY_PATH=/opt:"]),
    env(case("elsewhere, LD_LIBRARY_PATH empty", "mv $D/libpcre2* ."), &["LD_LIBRARY_PATH="]),
    env(case("elsewhere, preloaded", "mv $D/libpcre2* opt"), &["LD_PRELOAD=/opt/libpcre2-8.so.0"]),
    case("in another default directory", "mv $D/libpcre2* usr/lib"),
    case("in a directory that is not a default", "mkdir -p usr/lib64; mv $D/libpcre2* usr/lib64"),
    case("in the cache", "mv $D/libpcre2* opt; echo /opt > etc/ld.so.conf; ldconfig -r ."),
    case("not in the cache", "ldconfig -r .; mv $D/libpcre2* opt; echo /opt > etc/ld.so.conf"),
    case(
        "the cache is older than the library",
        "mv $D/libpcre2* opt; echo /opt > etc/ld.so.conf; ldconfig -r .; mv opt/* usr/lib",
    ),
    case("the cache has the old format", "mv $D/libpcre2* opt; echo /opt > etc/ld.so.conf; ldconfig -r . -c compat"),
    case("the cache is invalid", "echo text > etc/ld.so.cache"),
    user(case(
        "the cache is unreadable",
        "mv $D/libpcre2* opt; echo /opt > etc/ld.so.conf; ldconfig -r .; chmod 600 etc/ld.so.cache",
    )),
    user(case(
        "an unreachable directory",
        "mv $D/libpcre2* opt; echo /opt > etc/ld.so.conf; ldconfig -r .; chmod 700 opt",
    )),
    case(
        "an unreachable directory, as root",
        "mv $D/libpcre2* opt; echo /opt > etc/ld.so.conf; ldconfig -r .; chmod 700 opt",
    ),
    user(case("an unreadable file", "chmod 600 $D/libpcre2*")),
    user(case("an unreadable file, then a good one", "cp $D/libpcre2* usr/lib; chmod 600 $D/libpcre2*")),
    user(case("a file that is not executable", "chmod 644 $D/*.so*; chmod 755 $D/ld-*")),
    case("not an ELF file", "echo text > $D/libpcre2-8.so.0"),
    case("not an ELF file, then a good one", "cp $D/libpcre2-8.so.0 usr/lib; echo text > $D/libpcre2-8.so.0"),
    case("a directory of that name", "mv $D/libpcre2-8.so.0 usr/lib; mkdir $D/libpcre2-8.so.0"),
    // e_machine, EI_CLASS, EI_DATA
    case("for another machine", "printf '\\267' | dd of=$D/libpcre2-8.so.0 bs=1 seek=18 conv=notrunc"),
    case(
        "for another machine, then a good one",
        "cp $D/libpcre2* usr/lib; printf '\\267' | dd of=$D/libpcre2-8.so.0 bs=1 seek=18 conv=notrunc",
    ),
    case(
        "of another class, then a good one",
        "cp $D/libpcre2* usr/lib; printf '\\1' | dd of=$D/libpcre2-8.so.0 bs=1 seek=4 conv=notrunc",
    ),
    case("the loader is missing", "rm lib64/*"),
    case("the loader's link is dangling", "rm $D/ld-linux*"),
    user(case("the loader is not executable", "chmod 644 $D/ld-linux*")),
    case("the loader is not a program", "echo text > $D/ld-linux-x86-64.so.2"),
    case("truncated", "truncate -s 5000 $D/libpcre2-8.so.0"),
    case("RUNPATH is not inherited", "mv $D/libpcre2* opt; patchelf --set-rpath /opt usr/bin/ls"),
    case("RUNPATH", "mv $D/libselinux* opt; patchelf --set-rpath /opt usr/bin/ls"),
    case("RPATH is inherited", "mv $D/libpcre2* opt; patchelf --force-rpath --set-rpath /opt usr/bin/ls"),
    case(
        "RPATH is disabled",
        "mv $D/libpcre2* opt; patchelf --force-rpath --set-rpath /opt usr/bin/ls; patchelf --set-rpath /x $D/libselinux.so.1",
    ),
    case("$ORIGIN", "mv $D/libselinux* opt; patchelf --set-rpath '$ORIGIN/../../opt' usr/bin/ls"),
    case(
        "$ORIGIN of a linked program",
        "mv $D/libselinux* opt; patchelf --set-rpath '$ORIGIN/../opt' usr/bin/ls; mkdir usr/opt; cp opt/* usr/opt; rm -r opt",
    ),
    case(
        "${ORIGIN} of a library",
        "mv $D/libselinux* $D/libpcre2* opt; patchelf --set-rpath '${ORIGIN}' opt/libselinux.so.1; patchelf --set-rpath /opt usr/bin/ls",
    ),
    case(
        "${ORIGIN} of a linked library",
        "mkdir a; mv $D/libselinux* $D/libpcre2* a; patchelf --set-rpath '${ORIGIN}' a/libselinux.so.1; ln -s ../a/libselinux.so.1 opt; patchelf --set-rpath /opt usr/bin/ls",
    ),
    case(
        "$LIB",
        "mkdir -p opt/lib/x86_64-linux-gnu; mv $D/libselinux* opt/lib/x86_64-linux-gnu; patchelf --set-rpath '/opt/$LIB' usr/bin/ls",
    ),
    case(
        "a name with a path",
        "mv $D/libpcre2* opt; patchelf --replace-needed libpcre2-8.so.0 /opt/libpcre2-8.so.0 $D/libselinux.so.1",
    ),
    case("no default directory", "patchelf --no-default-lib $D/libselinux.so.1"),
    case("a version that no library defines", VERSION),
    case("identified by its soname", "mv $D/libpcre2-8.so.0 opt/x.so; patchelf --add-needed /opt/x.so usr/bin/ls"),
];

/// Used in place of commands: makes `ls` need a version that its library doesn't define.
const VERSION: &str = "version";

fn other_version(program: &Path) {
    let mut bytes = std::fs::read(program).unwrap();
    let mut replace = |from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|part| part == from).expect("the bytes exist");
        bytes[at..at + to.len()].copy_from_slice(to);
    };
    replace(b"LIBSELINUX_1.0\0", b"LIBSELINUX_1.1\0");
    replace(&crate::elf::hash("LIBSELINUX_1.0").to_le_bytes(), &crate::elf::hash("LIBSELINUX_1.1").to_le_bytes());
    std::fs::write(program, bytes).unwrap();
}

/// `app` needs `liba.so`, which needs `libb.so`; both are in `usr/lib`.
const MUSL_CASES: &[Case] = &[
    case("sound", ""),
    user(case("sound for a user", "")),
    case("an indirect library is missing", "rm usr/lib/libb.so"),
    case("elsewhere", "mv usr/lib/libb.so opt"),
    env(case("elsewhere, on LD_LIBRARY_PATH", "mv usr/lib/libb.so opt"), &["LD_LIBRARY_PATH=/nowhere:/opt"]),
    env(case("elsewhere, in the working directory", "mv usr/lib/libb.so ."), &["LD_LIBRARY_PATH=/opt:"]),
    env(case("elsewhere, preloaded", "mv usr/lib/libb.so opt"), &["LD_PRELOAD=/opt/libb.so"]),
    case("in another default directory", "mv usr/lib/libb.so usr/local/lib"),
    case("RUNPATH is inherited", "mv usr/lib/libb.so opt; patchelf --set-rpath /opt bin/app"),
    case("RPATH is inherited", "mv usr/lib/libb.so opt; patchelf --force-rpath --set-rpath /opt bin/app"),
    case("RPATH with a token", "mv usr/lib/libb.so opt; patchelf --set-rpath '/opt:$LIB' bin/app"),
    case(
        "$ORIGIN of a library",
        "mv usr/lib/lib[ab].so opt; patchelf --set-rpath '$ORIGIN' opt/liba.so; patchelf --set-rpath /opt bin/app",
    ),
    case("a path file", "mv usr/lib/libb.so opt; printf '/opt\\n/usr/lib\\n' > etc/ld-musl-x86_64.path"),
    case("a path file with colons", "mv usr/lib/libb.so opt; printf '/opt:/usr/lib' > etc/ld-musl-x86_64.path"),
    case("a path file replaces", "printf '/opt' > etc/ld-musl-x86_64.path"),
    case("an empty path file", ": > etc/ld-musl-x86_64.path"),
    user(case("an unreadable path file", ": > etc/ld-musl-x86_64.path; chmod 600 etc/ld-musl-x86_64.path")),
    user(case("an unreadable file", "chmod 600 usr/lib/libb.so")),
    user(case(
        "an unreadable file, then a good one",
        "cp usr/lib/libb.so usr/local/lib; chmod 600 usr/local/lib/libb.so",
    )),
    user(case("an unreachable directory", "chmod 700 usr/lib")),
    case("not an ELF file first", "echo text > usr/local/lib/libb.so"),
    case(
        "for another machine first",
        "cp usr/lib/libb.so lib; printf '\\1' | dd of=lib/libb.so bs=1 seek=4 conv=notrunc",
    ),
    case(
        "a name built into musl",
        "patchelf --add-needed libm.so.6 bin/app; patchelf --add-needed libutil.so.1 bin/app",
    ),
    case("a name of glibc", "patchelf --add-needed libresolv.so.2 bin/app"),
    case("identified by its soname", "mv usr/lib/libb.so usr/lib/x.so; patchelf --add-needed x.so bin/app"),
    case("identified by its file name", "patchelf --set-soname y.so usr/lib/libb.so"),
    case("a path", "mv usr/lib/libb.so opt; patchelf --replace-needed libb.so /opt/libb.so usr/lib/liba.so"),
    case(
        "a path with a token",
        "mv usr/lib/libb.so opt; patchelf --replace-needed libb.so '$ORIGIN/../../opt/libb.so' usr/lib/liba.so",
    ),
    case("the loader is missing", "rm lib/ld-musl*"),
];

/// A directory of roots: a working one, and a changed copy of it for each case.
struct Fixture {
    scratch: ScratchDir,
    root: PathBuf,
}

impl Fixture {
    /// Creates the working root with these commands.
    fn new(root: &Path, sound: &str) -> Fixture {
        let fixture = Fixture { scratch: ScratchDir::new(), root: root.to_path_buf() };
        std::fs::create_dir(fixture.scratch.directory().join("sound")).unwrap();
        fixture.shell("sound", sound);
        fixture
    }

    fn shell(&self, directory: &str, text: &str) {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", text]).current_dir(self.scratch.directory().join(directory));
        let output = command.env("D", "usr/lib/x86_64-linux-gnu").env("ROOT", &self.root).output().unwrap();
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs the program in each case and compares the result with the prediction.
    fn compare(&self, program: &str, cases: &[Case]) {
        let (mut ran, mut failed, mut wrong) = (0, 0, Vec::new());
        for (number, case) in cases.iter().enumerate() {
            let number = number.to_string();
            let directory = self.scratch.directory().join(&number);
            self.shell(".", &format!("cp -a sound {number}"));
            match case.make {
                VERSION => other_version(&directory.join(program)),
                make => self.shell(&number, make),
            }
            let view = View::new(vec![Arc::new(layer(&directory))]);
            let mut image = empty_image(case.user);
            image.config.run.env = case.env.iter().map(|pair| pair.to_string()).collect();
            let facts = Facts::new(&image, Ok(&view));
            let process = ProcessContext::of(&facts, Capabilities::Docker).unwrap();
            let node = view.at(program.as_bytes()).unwrap();
            let summary = Summary::of(&view, &loader::load(&process, node, &process.actor, false));
            let mut command = Command::new("chroot");
            command
                .arg(format!("--userspec={}", case.user))
                .arg(&directory)
                .arg(format!("/{program}"))
                .arg("--version");
            // Without /proc, ld.so can't find the program's directory by itself.
            command.env_clear().env("PATH", DEFAULT_PATH).env("LD_ORIGIN_PATH", "/usr/bin");
            let output = command.envs(case.env.iter().filter_map(|pair| pair.split_once('='))).output().unwrap();
            let runs = output.status.success();
            *(if runs { &mut ran } else { &mut failed }) += 1;
            if runs != summary.missing.is_empty() || !summary.undecided.is_empty() {
                let words = String::from_utf8_lossy(&output.stderr).into_owned();
                wrong.push(format!("{}: runs: {runs}: {words}\n  {summary:?}", case.name));
            }
        }
        let _ = writeln!(std::io::stderr(), "{program}: {ran} cases run, {failed} fail, {} wrong", wrong.len());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Whether everything that a test needs is available.
fn has(test: &str, tools: &[&str]) -> bool {
    let missing = tools.iter().find(|tool| Command::new(tool).arg("--version").output().is_err());
    if let Some(tool) = missing {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: it needs {tool}");
    }
    missing.is_none() && cfg!(target_arch = "x86_64") && can_chroot(test)
}

#[test]
fn predicts_which_programs_run_with_glibc() {
    let test = "predicts_which_programs_run_with_glibc";
    let roots = roots(test);
    if roots.is_empty() || !has(test, &["patchelf", "ldconfig"]) {
        return;
    }
    let sound = "mkdir -p $D usr/bin opt etc lib64; ln -s usr/lib lib; ln -s usr/bin bin; cp $ROOT/usr/bin/ls usr/bin
        for name in libselinux.so.1 libcap.so.2 libc.so.6 libpcre2-8.so.0 ld-linux-x86-64.so.2; do
            cp -L $ROOT/$D/$name $D
        done
        ln -s ../$D/ld-linux-x86-64.so.2 lib64";
    Fixture::new(&roots[0], sound).compare("usr/bin/ls", CASES);
}

#[test]
fn predicts_which_programs_run_with_musl() {
    let test = "predicts_which_programs_run_with_musl";
    if !has(test, &["patchelf", "musl-gcc"]) {
        return;
    }
    let sound = "mkdir -p bin lib usr/lib usr/local/lib opt etc; cp -L /lib/ld-musl-x86_64.so.1 lib
        echo 'int b(void) { return 0; }' > b.c
        echo 'int b(void); int a(void) { return b(); }' > a.c
        echo 'int a(void); int main(void) { return a(); }' > m.c
        musl-gcc -shared -fPIC -Wl,-soname,libb.so -o usr/lib/libb.so b.c
        musl-gcc -shared -fPIC -Wl,-soname,liba.so -o usr/lib/liba.so a.c usr/lib/libb.so
        musl-gcc -o bin/app m.c usr/lib/liba.so -Wl,-rpath-link,usr/lib";
    Fixture::new(Path::new("/"), sound).compare("bin/app", MUSL_CASES);
}
