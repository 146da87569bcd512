//! Which libraries the loader finds for a program, on small images that go through the whole pass.
//!
//! `loader_reality` covers real programs.

use crate::image::Entry;
use crate::image::Image;
use crate::notation;
use crate::support::ScratchDir;
use plimsoll::examine;
use plimsoll::facts::Facts;
use plimsoll::facts::access::Capabilities;
use plimsoll::facts::loader;
use plimsoll::facts::loader::Loaded;
use plimsoll::facts::process::ProcessContext;
use plimsoll::view::NodeId;
use plimsoll::view::Resolved;
use plimsoll::view::View;

/// glibc in Debian's directories.
const DEBIAN: &str = "
  d 0755 0:0 lib
  e 0755 0:0 lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 soname=ld-linux-x86-64.so.2 defines=GLIBC_2.2.5
  l lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
  e 0644 0:0 lib/x86_64-linux-gnu/libc.so.6 soname=libc.so.6 needs=ld-linux-x86-64.so.2 defines=GLIBC_2.2.5,GLIBC_2.36
";
/// glibc in Fedora's directories.
const FEDORA: &str = "
  e 0755 0:0 lib64/ld-linux-x86-64.so.2 soname=ld-linux-x86-64.so.2
  e 0644 0:0 lib64/libc.so.6 soname=libc.so.6 needs=ld-linux-x86-64.so.2
";
const MUSL: &str = "
  e 0755 0:0 lib/ld-musl-x86_64.so.1 soname=libc.musl-x86_64.so.1
  l lib/libc.musl-x86_64.so.1 -> ld-musl-x86_64.so.1
";
const INTERP: &str = "interp=/lib64/ld-linux-x86-64.so.2";
const MUSL_INTERP: &str = "interp=/lib/ld-musl-x86_64.so.1";

/// A loader result as text.
#[derive(Debug)]
pub struct Summary {
    /// `NAME=PATH`.
    pub libraries: Vec<String>,
    pub missing: Vec<String>,
    pub undecided: Vec<String>,
}

impl Summary {
    pub fn of(view: &View, loaded: &Loaded) -> Summary {
        let name = |node: NodeId| String::from_utf8_lossy(&view.path(node)).into_owned();
        let library =
            |(requested, node): &(Vec<u8>, NodeId)| format!("{}={}", String::from_utf8_lossy(requested), name(*node));
        Summary {
            libraries: loaded.libraries.iter().map(library).collect(),
            missing: loaded.lacks.iter().map(|lack| lack.what.clone()).collect(),
            undecided: loaded.open.iter().map(|open| format!("{}: {}", open.subject, open.reason)).collect(),
        }
    }

    /// Asserts that a library was found in this file.
    fn finds(&self, library: &str) -> &Summary {
        assert!(self.libraries.iter().any(|found| found == library), "{library}: {self:#?}");
        self
    }

    /// Asserts that nothing is missing or undecided.
    fn is_complete(&self) -> &Summary {
        assert!(self.missing.is_empty() && self.undecided.is_empty(), "{self:#?}");
        self
    }

    /// Asserts that exactly one thing is missing, described with these words.
    fn is_missing(&self, words: &[&str]) -> &Summary {
        assert_eq!((self.missing.len(), self.undecided.len()), (1, 0), "{self:#?}");
        words.iter().for_each(|word| assert!(self.missing[0].contains(word), "{word}: {self:#?}"));
        self
    }

    /// Asserts that exactly one question is undecided, described with these words.
    fn is_undecided(&self, words: &[&str]) -> &Summary {
        assert_eq!((self.missing.len(), self.undecided.len()), (0, 1), "{self:#?}");
        words.iter().for_each(|word| assert!(self.undecided[0].contains(word), "{word}: {self:#?}"));
        self
    }
}

/// Loads `bin/server` of an image.
fn of_image(image: &Image, secure: bool) -> Summary {
    let scratch = ScratchDir::new();
    let opened = examine::open(&scratch.archive(image), None).unwrap();
    let options = examine::Options { threads: 1, sha256: false };
    let mut examined = examine::examine(opened.listing.images, &options);
    let examined = examined.remove(0);
    assert!(examined.faults.is_empty(), "{:?}", examined.faults);
    let view = examined.view.unwrap();
    let facts = Facts::new(&examined.image, Ok(&view));
    let process = ProcessContext::of(&facts, Capabilities::Docker).unwrap();
    let Resolved::Found(program) = view.resolve(b"bin/server", true) else { panic!("the program") };
    Summary::of(&view, &loader::load(&process, program, &process.actor, secure))
}

fn load(config: &str, files: &str) -> Summary {
    of_image(&notation::image(&format!("config {config}\nlayer x\n{files}")), false)
}

/// Loads a program with these attributes on Debian's glibc.
fn debian(words: &str, files: &str) -> Summary {
    load("user=0:0", &format!("e 0755 0:0 bin/server {INTERP} {words}\n{DEBIAN}{files}"))
}

fn musl(config: &str, words: &str, files: &str) -> Summary {
    load(config, &format!("e 0755 0:0 bin/server {MUSL_INTERP} {words}\n{MUSL}{files}"))
}

#[test]
fn finds_the_libraries_of_a_program() {
    let summary = debian(
        "needs=liba.so.1,libc.so.6",
        "e 0644 0:0 usr/lib/x86_64-linux-gnu/liba.so.1 soname=liba.so.1 needs=libb.so.2,libc.so.6
         l usr/lib/libb.so.2 -> libb.so.2.0.1
         e 0644 0:0 usr/lib/libb.so.2.0.1 soname=libb.so.2",
    );
    summary
        .is_complete()
        .finds("liba.so.1=usr/lib/x86_64-linux-gnu/liba.so.1")
        .finds("libb.so.2=usr/lib/libb.so.2.0.1")
        .finds("libc.so.6=lib/x86_64-linux-gnu/libc.so.6")
        .finds("ld-linux-x86-64.so.2=lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
    assert_eq!(summary.libraries.len(), 4);
}

#[test]
fn reports_a_missing_library() {
    debian("needs=liba.so.1,libc.so.6", "").is_missing(&["/bin/server needs liba.so.1", "not in any directory"]);
    // Debian's loader doesn't search Fedora's directories.
    let library = "e 0644 0:0 usr/lib64/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1", library).is_missing(&[
        "liba.so.1",
        "/usr/lib64/liba.so.1 exists",
        "the loader is not configured to search that directory",
    ]);
    load("user=0:0", &format!("e 0755 0:0 bin/server {INTERP} needs=liba.so.1\n{FEDORA}{library}")).is_complete();
    // A loader in lib64 may be a copy of Debian's.
    let library = "e 0644 0:0 lib/x86_64-linux-gnu/liba.so.1 soname=liba.so.1";
    load("user=0:0", &format!("e 0755 0:0 bin/server {INTERP} needs=liba.so.1\n{FEDORA}{library}"))
        .is_undecided(&["liba.so.1", "depends on how it was built"]);
}

#[test]
fn reports_a_glibc_that_is_too_old() {
    debian("needs=libc.so.6 version=libc.so.6:GLIBC_2.36", "").is_complete();
    debian("needs=libc.so.6 version=libc.so.6:GLIBC_2.38", "").is_missing(&[
        "/bin/server needs GLIBC_2.38 of libc.so.6",
        "/lib/x86_64-linux-gnu/libc.so.6 only goes up to GLIBC_2.36",
    ]);
    debian("needs=libc.so.6 version=libc.so.6:GLIBC_PRIVATE", "").is_missing(&["doesn't define it"]);
    let plain = "e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1 version=liba.so.1:A_1", plain).is_complete();
}

#[test]
fn reports_missing_and_wrong_loaders() {
    let program = format!("e 0755 0:0 bin/server {INTERP} needs=libc.so.6");
    load("user=0:0", &program).is_missing(&["the loader /lib64/ld-linux-x86-64.so.2 doesn't exist"]);
    load("user=0:0", &format!("{program}\n{MUSL}")).is_missing(&["is linked against glibc", "has only musl"]);
    let program = format!("e 0755 0:0 bin/server {MUSL_INTERP} needs=libc.so");
    load("user=0:0", &format!("{program}\n{DEBIAN}")).is_missing(&["is linked against musl", "has only glibc"]);
    load("user=0:0", &format!("{program}\ne 0644 0:0 lib/ld-musl-x86_64.so.1"))
        .is_missing(&["uid 0 can't execute the loader /lib/ld-musl-x86_64.so.1 (mode 0644, owner 0:0)"]);
    load("user=0:0", &format!("{program}\nf 0755 0:0 lib/ld-musl-x86_64.so.1 \"text\""))
        .is_missing(&["is not an ELF file"]);
    load("user=0:0", &format!("{program}\ne 0755 0:0 lib/ld-musl-x86_64.so.1 machine=183"))
        .is_missing(&["is for 64-bit ARM"]);
    load("user=0:0", &format!("{program}\nd 0755 0:0 lib/ld-musl-x86_64.so.1")).is_missing(&["is not a regular file"]);
    load("user=1000:0", &format!("{program}\n{MUSL}\nd 0700 0:0 lib"))
        .is_missing(&["it can't traverse /lib (mode 0700, owner 0:0)"]);
    load("user=0:0", "e 0755 0:0 bin/server interp=/opt/ld.so needs=libc.so\ne 0755 0:0 opt/ld.so")
        .is_undecided(&["/opt/ld.so"]);
    // Alpine's gcompat installs a different loader under glibc's name.
    load(
        "user=0:0",
        &format!(
            "e 0755 0:0 bin/server {INTERP} needs=libc.so.6\n{MUSL}
        e 0755 0:0 lib64/ld-linux-x86-64.so.2 soname=ld needs=libgcompat.so.0"
        ),
    )
    .is_undecided(&["ld-linux-x86-64.so.2"]);
    load("user=0:0", "e 0755 0:0 bin/server").is_complete();
}

#[test]
fn skips_libraries_for_other_machines() {
    let both = "e 0644 0:0 lib/x86_64-linux-gnu/liba.so.1 soname=liba.so.1 machine=3 class=32
                e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1", both).is_complete().finds("liba.so.1=usr/lib/liba.so.1");
    debian("needs=liba.so.1", "e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1 machine=183")
        .is_missing(&["/usr/lib/liba.so.1 is for 64-bit ARM"]);
    debian("needs=liba.so.1", "f 0644 0:0 usr/lib/liba.so.1 \"GROUP(a)\"")
        .is_missing(&["/usr/lib/liba.so.1 is not an ELF file"]);
}

#[test]
fn rpath_is_inherited_and_runpath_is_not() {
    let libraries = "e 0644 0:0 opt/a/liba.so.1 soname=liba.so.1 needs=libb.so.1
                     e 0644 0:0 opt/a/libb.so.1 soname=libb.so.1";
    debian("needs=liba.so.1 rpath=/opt/a", libraries).is_complete().finds("libb.so.1=opt/a/libb.so.1");
    debian("needs=liba.so.1 runpath=/opt/a", libraries)
        .is_missing(&["/opt/a/liba.so.1 needs libb.so.1", "/opt/a/libb.so.1"]);
    debian("needs=liba.so.1,libb.so.1 runpath=/opt/a", libraries).is_complete();
    // A RUNPATH disables the RPATH of its own object, and the library's RUNPATH disables inherited RPATHs.
    debian("needs=liba.so.1 rpath=/opt/a runpath=/opt/b", libraries).is_missing(&["/bin/server needs liba.so.1"]);
    let silent = libraries.replace("needs=libb", "runpath=/opt/b needs=libb");
    debian("needs=liba.so.1 rpath=/opt/a", &silent).is_missing(&["/opt/a/liba.so.1 needs libb.so.1"]);
    // RPATH is inherited from the object that loaded the library.
    debian("needs=liba.so.1 rpath=/opt/a:/usr/lib", libraries).is_complete();
}

#[test]
fn expands_tokens() {
    let library = "e 0644 0:0 opt/lib/liba.so.1 soname=liba.so.1";
    for origin in ["$ORIGIN/../opt/lib", "${ORIGIN}/../opt/lib", "/opt/$LIBX:/opt/lib"] {
        debian(&format!("needs=liba.so.1 runpath={origin}"), library).is_complete();
    }
    debian("needs=liba.so.1 runpath=/opt/$PLATFORM", library).is_undecided(&["$PLATFORM", "CPU"]);
    debian("needs=$ORIGIN/../opt/lib/liba.so.1", library).is_complete();
    let library = "e 0644 0:0 opt/lib/x86_64-linux-gnu/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1 runpath=/opt/${LIB}", library).is_complete();
    // A library's $ORIGIN is the directory it was opened in.
    let linked = "l lib/liba.so.1 -> /opt/liba.so.1
                  e 0644 0:0 opt/liba.so.1 soname=liba.so.1 runpath=$ORIGIN needs=libb.so.1
                  e 0644 0:0 opt/libb.so.1 soname=libb.so.1";
    debian("needs=liba.so.1", linked).is_missing(&["/opt/liba.so.1 needs libb.so.1"]);
    // The program's $ORIGIN is the directory of the file that the link leads to.
    let program =
        format!("l bin/server -> /opt/server\ne 0755 0:0 opt/server {INTERP} runpath=$ORIGIN needs=liba.so.1");
    let library = "e 0644 0:0 opt/liba.so.1 soname=liba.so.1";
    load("user=0:0", &format!("{program}\n{DEBIAN}{library}")).is_complete();
}

#[test]
fn secure_mode_trusts_fewer_directories() {
    let text = format!(
        "config env=LD_LIBRARY_PATH=/opt\nlayer x\n{DEBIAN}\ne 0644 0:0 opt/liba.so.1 soname=liba.so.1\n\
         e 0755 0:0 bin/server {INTERP} needs=liba.so.1"
    );
    of_image(&notation::image(&text), false).is_complete();
    of_image(&notation::image(&text), true).is_missing(&["liba.so.1"]);
    let origin = |to: &str| notation::image(&text.replace("needs=", &format!("runpath={to} needs=")));
    of_image(&origin("$ORIGIN/../opt"), true).is_missing(&["liba.so.1"]);
    of_image(&origin("/opt"), true).is_complete();
    let trusted = text.replace("opt/liba", "usr/lib/x/liba").replace("needs=", "runpath=$ORIGIN/../usr/lib/x needs=");
    of_image(&notation::image(&trusted), true).is_complete();
}

#[test]
fn searches_ld_library_path() {
    let files = format!(
        "e 0755 0:0 bin/server {INTERP} needs=liba.so.1\n{DEBIAN}\ne 0644 0:0 opt/liba.so.1 soname=liba.so.1\n\
         e 0644 0:0 app/libb.so.1 soname=libb.so.1"
    );
    load("user=0:0", &files).is_missing(&["liba.so.1"]);
    for value in ["/opt", "/x:/opt/", "/x;/opt", "$ORIGIN/../opt"] {
        load(&format!("env=LD_LIBRARY_PATH={value}"), &files).is_complete();
    }
    // An empty entry means the working directory.
    let files = files.replace("needs=liba.so.1", "needs=libb.so.1");
    load("workdir=/app env=LD_LIBRARY_PATH=/opt:", &files).is_complete();
    load("workdir=/opt env=LD_LIBRARY_PATH=/opt:", &files).is_missing(&["libb.so.1"]);
    load("workdir=/app env=LD_LIBRARY_PATH=", &files).is_missing(&["libb.so.1"]);
    load("env=LD_PRELOAD=/nowhere.so:/app/libb.so.1", &files).is_complete();
}

/// A glibc cache with these names and paths, all for any CPU.
fn cache(entries: &[(&str, &str)]) -> Entry {
    let (mut table, mut strings) = (Vec::new(), Vec::new());
    let base = 48 + 24 * entries.len();
    for (name, path) in entries {
        table.extend(0x0303u32.to_le_bytes());
        for text in [name, path] {
            table.extend(((base + strings.len()) as u32).to_le_bytes());
            strings.extend(text.bytes().chain([0]));
        }
        table.extend([0; 12]);
    }
    let count = (entries.len() as u32).to_le_bytes();
    let sizes = [(strings.len() as u32).to_le_bytes(), 2u32.to_le_bytes()].concat();
    let mut entry = Entry::new(b'f', 0o644, b"etc/ld.so.cache");
    entry.data = [&b"glibc-ld.so.cache1.1"[..], &count, &sizes, &[0; 16], &table, &strings].concat();
    entry
}

#[test]
fn uses_the_cache_as_it_was_written() {
    let text = format!(
        "config user=1000:0\nlayer x\n{DEBIAN}\ne 0755 0:0 bin/server {INTERP} needs=liba.so.1\n\
         e 0644 0:0 usr/local/lib/liba.so.1 soname=liba.so.1\n\
         f 0644 0:0 etc/ld.so.conf \"include /etc/ld.so.conf.d/*.conf\\n\"\n\
         f 0644 0:0 etc/ld.so.conf.d/libc.conf \"# default\\n/usr/local/lib\\n\""
    );
    let with = |entry: Option<Entry>| {
        let mut image = notation::image(&text);
        image.layers[0].entries.extend(entry);
        of_image(&image, false)
    };
    with(None).is_missing(&["/usr/local/lib/liba.so.1", "there is no /etc/ld.so.cache"]);
    with(Some(cache(&[("liba.so.1", "/usr/local/lib/liba.so.1")])))
        .is_complete()
        .finds("liba.so.1=usr/local/lib/liba.so.1");
    with(Some(cache(&[("libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6")]))).is_missing(&["the cache is stale"]);
    with(Some(cache(&[("liba.so.1", "/gone/liba.so.1")]))).is_missing(&["the cache is stale"]);
    with(Some(Entry { mode: 0o600, ..cache(&[("liba.so.1", "/usr/local/lib/liba.so.1")]) })).is_missing(&["liba.so.1"]);
    // A cache too large to keep leaves the question undecided.
    let huge = Entry { data: vec![0; (16 << 20) + 1], ..cache(&[]) };
    with(Some(huge)).is_undecided(&["liba.so.1", "/etc/ld.so.cache"]);
}

#[test]
fn reports_libraries_that_the_user_cannot_reach() {
    let files = format!(
        "e 0755 0:0 bin/server {INTERP} needs=liba.so.1 runpath=/opt/lib\n{DEBIAN}\nd 0700 0:0 opt/lib\n\
         e 0644 0:0 opt/lib/liba.so.1 soname=liba.so.1"
    );
    load("user=0:0", &files).is_complete();
    load("user=1000:0", &files).is_missing(&[
        "/bin/server needs liba.so.1",
        "/opt/lib/liba.so.1 is unreachable: uid 1000 can't traverse /opt/lib (mode 0700, owner 0:0)",
    ]);
    let unreadable = files.replace("d 0700", "d 0755").replace("e 0644 0:0 opt", "e 0600 0:0 opt");
    load("user=1000:0", &unreadable).is_missing(&["/opt/lib/liba.so.1 can't be read by uid 1000 (mode 0600)"]);
    let second = format!("{files}\ne 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1");
    load("user=1000:0", &second).is_complete().finds("liba.so.1=usr/lib/liba.so.1");
    let listed = files.replace("d 0700 0:0 opt/lib", "d 0700 0:0 opt/lib\nx system.posix_acl_access=0200");
    load("user=1000:0", &listed).is_undecided(&["access control list"]);
}

#[test]
fn libraries_for_some_cpus_are_undecided() {
    let some = "e 0644 0:0 usr/lib/glibc-hwcaps/x86-64-v3/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1", some).is_undecided(&["liba.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3", "CPUs"]);
    let both = format!("{some}\ne 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1");
    debian("needs=liba.so.1", &both).is_complete().finds("liba.so.1=usr/lib/liba.so.1");
}

#[test]
fn a_loaded_library_satisfies_its_name_and_its_soname() {
    let files = "e 0644 0:0 opt/liba-1.2.so soname=liba.so.1
                 e 0644 0:0 usr/lib/libb.so.1 soname=libb.so.1 needs=liba.so.1";
    debian("needs=/opt/liba-1.2.so,libb.so.1", files).is_complete();
    debian("needs=libb.so.1,/opt/liba-1.2.so", files).is_complete();
    debian("needs=libb.so.1", files).is_missing(&["/usr/lib/libb.so.1 needs liba.so.1"]);
}

#[test]
fn follows_the_rules_of_musl() {
    let a = "e 0644 0:0 usr/local/lib/liba.so.1 needs=libb.so.1,libc.musl-x86_64.so.1
             e 0644 0:0 opt/libb.so.1 needs=libc.so";
    let own = "libc.musl-x86_64.so.1=lib/ld-musl-x86_64.so.1";
    musl("user=0:0", "needs=libc.musl-x86_64.so.1,libm.so.6,libpthread.so.0", "").is_complete().finds(own);
    musl("user=0:0", "needs=liba.so.1", a).is_missing(&["/usr/local/lib/liba.so.1 needs libb.so.1"]);
    // RUNPATH and RPATH are treated alike and inherited.
    musl("user=0:0", "needs=liba.so.1 runpath=/opt", a).is_complete().finds("libb.so.1=opt/libb.so.1");
    musl("user=0:0", "needs=liba.so.1 rpath=/opt", a).is_complete();
    musl("user=0:0", "needs=liba.so.1 rpath=/opt runpath=/x", a).is_missing(&["libb.so.1"]);
    musl("user=0:0", "needs=liba.so.1 runpath=$ORIGIN/../opt", a).is_complete();
    musl("user=0:0", "needs=liba.so.1 runpath=/opt:$LIB", a).is_missing(&["libb.so.1"]);
    musl("env=LD_LIBRARY_PATH=/opt", "needs=liba.so.1", a).is_complete();
    // The path file replaces the default directories.
    let file = format!("{a}\nf 0644 0:0 etc/ld-musl-x86_64.path \"/opt\\n/usr/local/lib\\n\"");
    musl("user=0:0", "needs=liba.so.1", &file).is_complete();
    musl("user=0:0", "needs=liba.so.1", &file.replace("/usr/local/lib\\n", ""))
        .is_missing(&["/bin/server needs liba.so.1"]);
    // The first file that opens is used, and versions aren't checked.
    let wrong = format!("{a}\ne 0644 0:0 lib/libb.so.1 soname=b machine=3 class=32");
    musl("user=0:0", "needs=liba.so.1", &wrong).is_missing(&["/lib/libb.so.1 is for x86"]);
    musl("user=0:0", "needs=liba.so.1 rpath=/opt version=libb.so.1:B_9", a).is_complete();
    // A library is identified by its file name, not by its soname.
    let by_soname = "e 0644 0:0 usr/lib/liba.so.1 soname=libx.so.1\ne 0644 0:0 usr/lib/libb.so.1 needs=libx.so.1";
    musl("user=0:0", "needs=liba.so.1,libb.so.1", by_soname).is_missing(&["/usr/lib/libb.so.1 needs libx.so.1"]);
}

#[test]
fn unread_needs_are_undecided() {
    let text = format!(
        "layer x\n{DEBIAN}\ne 0755 0:0 bin/server {INTERP} needs=liba.so.1\n\
                        e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1 needs=libb.so.1"
    );
    let mut image = notation::image(&text);
    let library = image.layers[0].entries.last_mut().unwrap();
    let at = library.data.windows(9).position(|part| part == b"libb.so.1").unwrap();
    library.data[at..at + 9].fill(0);
    of_image(&image, false).is_undecided(&["/usr/lib/liba.so.1", "the libraries it needs are unknown"]);
}

#[test]
fn circular_needs_terminate() {
    let files = "e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1 needs=libb.so.1,liba.so.1
                 e 0644 0:0 usr/lib/libb.so.1 soname=libb.so.1 needs=liba.so.1";
    assert_eq!(debian("needs=liba.so.1", files).is_complete().libraries.len(), 2);
    assert_eq!(musl("user=0:0", "needs=liba.so.1", files).is_complete().libraries.len(), 2);
}

#[test]
fn too_many_names_exceed_a_limit() {
    let paths: Vec<String> = (0..2000).map(|n| format!("/opt/{n}")).collect();
    let names: Vec<String> = (0..300).map(|n| format!("lib{n}.so")).collect();
    let summary = debian(&format!("needs={} runpath={}", names.join(","), paths.join(":")), "");
    assert!(!summary.undecided.is_empty() && summary.undecided[0].contains("limit"), "{:?}", summary.undecided);
}
