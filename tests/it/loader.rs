//! Which libraries a program is given, on images made for each question, written as bytes and read by the whole pass.
//!
//! Not here: real programs (`loader_reality`).

use crate::image::Entry;
use crate::image::Image;
use crate::notation;
use crate::support::Desk;
use plimsoll::examine;
use plimsoll::facts::Facts;
use plimsoll::facts::access::Capabilities;
use plimsoll::facts::loader;
use plimsoll::facts::loader::Loaded;
use plimsoll::facts::process::ProcessContext;
use plimsoll::view::NodeId;
use plimsoll::view::Resolved;
use plimsoll::view::View;

/// glibc where Debian puts it, and where Fedora puts it.
const DEBIAN: &str = "
  d 0755 0:0 lib
  e 0755 0:0 lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 soname=ld-linux-x86-64.so.2 defines=GLIBC_2.2.5
  l lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
  e 0644 0:0 lib/x86_64-linux-gnu/libc.so.6 soname=libc.so.6 needs=ld-linux-x86-64.so.2 defines=GLIBC_2.2.5,GLIBC_2.36
";
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

/// What was said, in words.
#[derive(Debug)]
pub struct Told {
    /// `NAME=PATH`.
    pub libraries: Vec<String>,
    pub lacks: Vec<String>,
    pub open: Vec<String>,
}

impl Told {
    pub fn of(view: &View, loaded: &Loaded) -> Told {
        let name = |node: NodeId| String::from_utf8_lossy(&view.path(node)).into_owned();
        let library =
            |(wanted, node): &(Vec<u8>, NodeId)| format!("{}={}", String::from_utf8_lossy(wanted), name(*node));
        Told {
            libraries: loaded.libraries.iter().map(library).collect(),
            lacks: loaded.lacks.iter().map(|lack| lack.what.clone()).collect(),
            open: loaded.open.iter().map(|open| format!("{}: {}", open.subject, open.reason)).collect(),
        }
    }

    /// Found in this file.
    fn finds(&self, library: &str) -> &Told {
        assert!(self.libraries.iter().any(|found| found == library), "{library}: {self:#?}");
        self
    }

    /// Nothing is missing, and nothing open.
    fn all(&self) -> &Told {
        assert!(self.lacks.is_empty() && self.open.is_empty(), "{self:#?}");
        self
    }

    /// One thing is missing, and these words say it.
    fn lacks(&self, words: &[&str]) -> &Told {
        assert_eq!((self.lacks.len(), self.open.len()), (1, 0), "{self:#?}");
        words.iter().for_each(|word| assert!(self.lacks[0].contains(word), "{word}: {self:#?}"));
        self
    }

    /// One thing is open, and these words say it.
    fn opens(&self, words: &[&str]) -> &Told {
        assert_eq!((self.lacks.len(), self.open.len()), (0, 1), "{self:#?}");
        words.iter().for_each(|word| assert!(self.open[0].contains(word), "{word}: {self:#?}"));
        self
    }
}

/// Loads `bin/server` of an image.
fn of_image(image: &Image, secure: bool) -> Told {
    let desk = Desk::new();
    let opened = examine::open(&desk.archive(image), None).unwrap();
    let options = examine::Options { threads: 1, sha256: false };
    let mut examined = examine::examine(opened.listing.images, &options);
    let examined = examined.remove(0);
    assert!(examined.faults.is_empty(), "{:?}", examined.faults);
    let view = examined.view.unwrap();
    let facts = Facts::new(&examined.image, Ok(&view));
    let process = ProcessContext::of(&facts, Capabilities::Docker).unwrap();
    let Resolved::Found(program) = view.resolve(b"bin/server", true) else { panic!("the program") };
    Told::of(&view, &loader::load(&process, program, &process.actor, secure))
}

fn load(config: &str, files: &str) -> Told {
    of_image(&notation::image(&format!("config {config}\nlayer x\n{files}")), false)
}

/// The program, with these words, and glibc as Debian has it.
fn debian(words: &str, files: &str) -> Told {
    load("user=0:0", &format!("e 0755 0:0 bin/server {INTERP} {words}\n{DEBIAN}{files}"))
}

fn musl(config: &str, words: &str, files: &str) -> Told {
    load(config, &format!("e 0755 0:0 bin/server {MUSL_INTERP} {words}\n{MUSL}{files}"))
}

#[test]
fn a_program_and_its_libraries() {
    let told = debian(
        "needs=liba.so.1,libc.so.6",
        "e 0644 0:0 usr/lib/x86_64-linux-gnu/liba.so.1 soname=liba.so.1 needs=libb.so.2,libc.so.6
         l usr/lib/libb.so.2 -> libb.so.2.0.1
         e 0644 0:0 usr/lib/libb.so.2.0.1 soname=libb.so.2",
    );
    told.all()
        .finds("liba.so.1=usr/lib/x86_64-linux-gnu/liba.so.1")
        .finds("libb.so.2=usr/lib/libb.so.2.0.1")
        .finds("libc.so.6=lib/x86_64-linux-gnu/libc.so.6")
        .finds("ld-linux-x86-64.so.2=lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
    assert_eq!(told.libraries.len(), 4);
}

#[test]
fn a_library_that_is_nowhere() {
    debian("needs=liba.so.1,libc.so.6", "").lacks(&["/bin/server needs liba.so.1", "not in any directory"]);
    // Fedora's directories are not Debian's.
    let library = "e 0644 0:0 usr/lib64/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1", library).lacks(&[
        "liba.so.1",
        "/usr/lib64/liba.so.1 exists",
        "the loader is not configured to search that directory",
    ]);
    load("user=0:0", &format!("e 0755 0:0 bin/server {INTERP} needs=liba.so.1\n{FEDORA}{library}")).all();
    // A loader in lib64 may be Debian's, copied there alone.
    let library = "e 0644 0:0 lib/x86_64-linux-gnu/liba.so.1 soname=liba.so.1";
    load("user=0:0", &format!("e 0755 0:0 bin/server {INTERP} needs=liba.so.1\n{FEDORA}{library}"))
        .opens(&["liba.so.1", "depends on how it was built"]);
}

#[test]
fn a_glibc_that_is_too_old() {
    debian("needs=libc.so.6 version=libc.so.6:GLIBC_2.36", "").all();
    debian("needs=libc.so.6 version=libc.so.6:GLIBC_2.38", "").lacks(&[
        "/bin/server needs GLIBC_2.38 of libc.so.6",
        "/lib/x86_64-linux-gnu/libc.so.6 only goes up to GLIBC_2.36",
    ]);
    debian("needs=libc.so.6 version=libc.so.6:GLIBC_PRIVATE", "").lacks(&["doesn't define it"]);
    let plain = "e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1 version=liba.so.1:A_1", plain).all();
}

#[test]
fn loaders() {
    let program = format!("e 0755 0:0 bin/server {INTERP} needs=libc.so.6");
    load("user=0:0", &program).lacks(&["the loader /lib64/ld-linux-x86-64.so.2 doesn't exist"]);
    load("user=0:0", &format!("{program}\n{MUSL}")).lacks(&["is linked against glibc", "has only musl"]);
    let program = format!("e 0755 0:0 bin/server {MUSL_INTERP} needs=libc.so");
    load("user=0:0", &format!("{program}\n{DEBIAN}")).lacks(&["is linked against musl", "has only glibc"]);
    load("user=0:0", &format!("{program}\ne 0644 0:0 lib/ld-musl-x86_64.so.1"))
        .lacks(&["uid 0 can't execute the loader /lib/ld-musl-x86_64.so.1 (mode 0644, owner 0:0)"]);
    load("user=0:0", &format!("{program}\nf 0755 0:0 lib/ld-musl-x86_64.so.1 \"text\"")).lacks(&["is not an ELF file"]);
    load("user=0:0", &format!("{program}\ne 0755 0:0 lib/ld-musl-x86_64.so.1 machine=183"))
        .lacks(&["is for 64-bit ARM"]);
    load("user=0:0", &format!("{program}\nd 0755 0:0 lib/ld-musl-x86_64.so.1")).lacks(&["is not a regular file"]);
    load("user=1000:0", &format!("{program}\n{MUSL}\nd 0700 0:0 lib"))
        .lacks(&["it can't traverse /lib (mode 0700, owner 0:0)"]);
    load("user=0:0", "e 0755 0:0 bin/server interp=/opt/ld.so needs=libc.so\ne 0755 0:0 opt/ld.so")
        .opens(&["/opt/ld.so"]);
    // Alpine's gcompat has a loader of glibc's name that is something else.
    load(
        "user=0:0",
        &format!(
            "e 0755 0:0 bin/server {INTERP} needs=libc.so.6\n{MUSL}
        e 0755 0:0 lib64/ld-linux-x86-64.so.2 soname=ld needs=libgcompat.so.0"
        ),
    )
    .opens(&["ld-linux-x86-64.so.2"]);
    load("user=0:0", "e 0755 0:0 bin/server").all();
}

#[test]
fn files_for_other_machines_are_passed_over() {
    let both = "e 0644 0:0 lib/x86_64-linux-gnu/liba.so.1 soname=liba.so.1 machine=3 class=32
                e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1", both).all().finds("liba.so.1=usr/lib/liba.so.1");
    debian("needs=liba.so.1", "e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1 machine=183")
        .lacks(&["/usr/lib/liba.so.1 is for 64-bit ARM"]);
    debian("needs=liba.so.1", "f 0644 0:0 usr/lib/liba.so.1 \"GROUP(a)\"")
        .lacks(&["/usr/lib/liba.so.1 is not an ELF file"]);
}

#[test]
fn rpath_is_inherited_and_runpath_is_not() {
    let libraries = "e 0644 0:0 opt/a/liba.so.1 soname=liba.so.1 needs=libb.so.1
                     e 0644 0:0 opt/a/libb.so.1 soname=libb.so.1";
    debian("needs=liba.so.1 rpath=/opt/a", libraries).all().finds("libb.so.1=opt/a/libb.so.1");
    debian("needs=liba.so.1 runpath=/opt/a", libraries)
        .lacks(&["/opt/a/liba.so.1 needs libb.so.1", "/opt/a/libb.so.1"]);
    debian("needs=liba.so.1,libb.so.1 runpath=/opt/a", libraries).all();
    // A RUNPATH silences the RPATH of its own object, and the library's own the inherited ones.
    debian("needs=liba.so.1 rpath=/opt/a runpath=/opt/b", libraries).lacks(&["/bin/server needs liba.so.1"]);
    let silent = libraries.replace("needs=libb", "runpath=/opt/b needs=libb");
    debian("needs=liba.so.1 rpath=/opt/a", &silent).lacks(&["/opt/a/liba.so.1 needs libb.so.1"]);
    // By whom it was loaded, not by whom it is named.
    debian("needs=liba.so.1 rpath=/opt/a:/usr/lib", libraries).all();
}

#[test]
fn tokens() {
    let library = "e 0644 0:0 opt/lib/liba.so.1 soname=liba.so.1";
    for origin in ["$ORIGIN/../opt/lib", "${ORIGIN}/../opt/lib", "/opt/$LIBX:/opt/lib"] {
        debian(&format!("needs=liba.so.1 runpath={origin}"), library).all();
    }
    debian("needs=liba.so.1 runpath=/opt/$PLATFORM", library).opens(&["$PLATFORM", "CPU"]);
    debian("needs=$ORIGIN/../opt/lib/liba.so.1", library).all();
    let library = "e 0644 0:0 opt/lib/x86_64-linux-gnu/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1 runpath=/opt/${LIB}", library).all();
    // The directory of a library is the one it was opened in.
    let linked = "l lib/liba.so.1 -> /opt/liba.so.1
                  e 0644 0:0 opt/liba.so.1 soname=liba.so.1 runpath=$ORIGIN needs=libb.so.1
                  e 0644 0:0 opt/libb.so.1 soname=libb.so.1";
    debian("needs=liba.so.1", linked).lacks(&["/opt/liba.so.1 needs libb.so.1"]);
    // The program's is the one of the file itself.
    let program =
        format!("l bin/server -> /opt/server\ne 0755 0:0 opt/server {INTERP} runpath=$ORIGIN needs=liba.so.1");
    let library = "e 0644 0:0 opt/liba.so.1 soname=liba.so.1";
    load("user=0:0", &format!("{program}\n{DEBIAN}{library}")).all();
}

#[test]
fn secure_programs_trust_less() {
    let text = format!(
        "config env=LD_LIBRARY_PATH=/opt\nlayer x\n{DEBIAN}\ne 0644 0:0 opt/liba.so.1 soname=liba.so.1\n\
         e 0755 0:0 bin/server {INTERP} needs=liba.so.1"
    );
    of_image(&notation::image(&text), false).all();
    of_image(&notation::image(&text), true).lacks(&["liba.so.1"]);
    let origin = |to: &str| notation::image(&text.replace("needs=", &format!("runpath={to} needs=")));
    of_image(&origin("$ORIGIN/../opt"), true).lacks(&["liba.so.1"]);
    of_image(&origin("/opt"), true).all();
    let trusted = text.replace("opt/liba", "usr/lib/x/liba").replace("needs=", "runpath=$ORIGIN/../usr/lib/x needs=");
    of_image(&notation::image(&trusted), true).all();
}

#[test]
fn the_environment_names_directories() {
    let files = format!(
        "e 0755 0:0 bin/server {INTERP} needs=liba.so.1\n{DEBIAN}\ne 0644 0:0 opt/liba.so.1 soname=liba.so.1\n\
         e 0644 0:0 app/libb.so.1 soname=libb.so.1"
    );
    load("user=0:0", &files).lacks(&["liba.so.1"]);
    for value in ["/opt", "/x:/opt/", "/x;/opt", "$ORIGIN/../opt"] {
        load(&format!("env=LD_LIBRARY_PATH={value}"), &files).all();
    }
    // An empty part is the working directory.
    let files = files.replace("needs=liba.so.1", "needs=libb.so.1");
    load("workdir=/app env=LD_LIBRARY_PATH=/opt:", &files).all();
    load("workdir=/opt env=LD_LIBRARY_PATH=/opt:", &files).lacks(&["libb.so.1"]);
    load("workdir=/app env=LD_LIBRARY_PATH=", &files).lacks(&["libb.so.1"]);
    load("env=LD_PRELOAD=/nowhere.so:/app/libb.so.1", &files).all();
}

/// A cache of glibc with these names and paths, all for any CPU.
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
fn the_cache_counts_as_it_was_written() {
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
    with(None).lacks(&["/usr/local/lib/liba.so.1", "there is no /etc/ld.so.cache"]);
    with(Some(cache(&[("liba.so.1", "/usr/local/lib/liba.so.1")]))).all().finds("liba.so.1=usr/local/lib/liba.so.1");
    with(Some(cache(&[("libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6")]))).lacks(&["the cache is stale"]);
    with(Some(cache(&[("liba.so.1", "/gone/liba.so.1")]))).lacks(&["the cache is stale"]);
    with(Some(Entry { mode: 0o600, ..cache(&[("liba.so.1", "/usr/local/lib/liba.so.1")]) })).lacks(&["liba.so.1"]);
    // A cache too large to be kept is read by nobody here: open.
    let huge = Entry { data: vec![0; (16 << 20) + 1], ..cache(&[]) };
    with(Some(huge)).opens(&["liba.so.1", "/etc/ld.so.cache"]);
}

#[test]
fn directories_that_may_not_be_entered() {
    let files = format!(
        "e 0755 0:0 bin/server {INTERP} needs=liba.so.1 runpath=/opt/lib\n{DEBIAN}\nd 0700 0:0 opt/lib\n\
         e 0644 0:0 opt/lib/liba.so.1 soname=liba.so.1"
    );
    load("user=0:0", &files).all();
    load("user=1000:0", &files).lacks(&[
        "/bin/server needs liba.so.1",
        "/opt/lib/liba.so.1 is unreachable: uid 1000 can't traverse /opt/lib (mode 0700, owner 0:0)",
    ]);
    let unreadable = files.replace("d 0700", "d 0755").replace("e 0644 0:0 opt", "e 0600 0:0 opt");
    load("user=1000:0", &unreadable).lacks(&["/opt/lib/liba.so.1 can't be read by uid 1000 (mode 0600)"]);
    let second = format!("{files}\ne 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1");
    load("user=1000:0", &second).all().finds("liba.so.1=usr/lib/liba.so.1");
    let listed = files.replace("d 0700 0:0 opt/lib", "d 0700 0:0 opt/lib\nx system.posix_acl_access=0200");
    load("user=1000:0", &listed).opens(&["access control list"]);
}

#[test]
fn libraries_for_some_cpus() {
    let some = "e 0644 0:0 usr/lib/glibc-hwcaps/x86-64-v3/liba.so.1 soname=liba.so.1";
    debian("needs=liba.so.1", some).opens(&["liba.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3", "CPUs"]);
    let both = format!("{some}\ne 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1");
    debian("needs=liba.so.1", &both).all().finds("liba.so.1=usr/lib/liba.so.1");
}

#[test]
fn what_is_loaded_satisfies_by_name_and_by_soname() {
    let files = "e 0644 0:0 opt/liba-1.2.so soname=liba.so.1
                 e 0644 0:0 usr/lib/libb.so.1 soname=libb.so.1 needs=liba.so.1";
    debian("needs=/opt/liba-1.2.so,libb.so.1", files).all();
    debian("needs=libb.so.1,/opt/liba-1.2.so", files).all();
    debian("needs=libb.so.1", files).lacks(&["/usr/lib/libb.so.1 needs liba.so.1"]);
}

#[test]
fn musl_has_rules_of_its_own() {
    let a = "e 0644 0:0 usr/local/lib/liba.so.1 needs=libb.so.1,libc.musl-x86_64.so.1
             e 0644 0:0 opt/libb.so.1 needs=libc.so";
    let own = "libc.musl-x86_64.so.1=lib/ld-musl-x86_64.so.1";
    musl("user=0:0", "needs=libc.musl-x86_64.so.1,libm.so.6,libpthread.so.0", "").all().finds(own);
    musl("user=0:0", "needs=liba.so.1", a).lacks(&["/usr/local/lib/liba.so.1 needs libb.so.1"]);
    // RUNPATH and RPATH are the same, and inherited.
    musl("user=0:0", "needs=liba.so.1 runpath=/opt", a).all().finds("libb.so.1=opt/libb.so.1");
    musl("user=0:0", "needs=liba.so.1 rpath=/opt", a).all();
    musl("user=0:0", "needs=liba.so.1 rpath=/opt runpath=/x", a).lacks(&["libb.so.1"]);
    musl("user=0:0", "needs=liba.so.1 runpath=$ORIGIN/../opt", a).all();
    musl("user=0:0", "needs=liba.so.1 runpath=/opt:$LIB", a).lacks(&["libb.so.1"]);
    musl("env=LD_LIBRARY_PATH=/opt", "needs=liba.so.1", a).all();
    // The path file stands for the default directories.
    let file = format!("{a}\nf 0644 0:0 etc/ld-musl-x86_64.path \"/opt\\n/usr/local/lib\\n\"");
    musl("user=0:0", "needs=liba.so.1", &file).all();
    musl("user=0:0", "needs=liba.so.1", &file.replace("/usr/local/lib\\n", "")).lacks(&["/bin/server needs liba.so.1"]);
    // The first file that opens is taken, and versions are not looked at.
    let wrong = format!("{a}\ne 0644 0:0 lib/libb.so.1 soname=b machine=3 class=32");
    musl("user=0:0", "needs=liba.so.1", &wrong).lacks(&["/lib/libb.so.1 is for x86"]);
    musl("user=0:0", "needs=liba.so.1 rpath=/opt version=libb.so.1:B_9", a).all();
    // A library is known by its file's name, not by its soname.
    let by_soname = "e 0644 0:0 usr/lib/liba.so.1 soname=libx.so.1\ne 0644 0:0 usr/lib/libb.so.1 needs=libx.so.1";
    musl("user=0:0", "needs=liba.so.1,libb.so.1", by_soname).lacks(&["/usr/lib/libb.so.1 needs libx.so.1"]);
}

#[test]
fn what_was_not_read_is_open() {
    let text = format!(
        "layer x\n{DEBIAN}\ne 0755 0:0 bin/server {INTERP} needs=liba.so.1\n\
                        e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1 needs=libb.so.1"
    );
    let mut image = notation::image(&text);
    let library = image.layers[0].entries.last_mut().unwrap();
    let at = library.data.windows(9).position(|part| part == b"libb.so.1").unwrap();
    library.data[at..at + 9].fill(0);
    of_image(&image, false).opens(&["/usr/lib/liba.so.1", "the libraries it needs are unknown"]);
}

#[test]
fn circles_end() {
    let files = "e 0644 0:0 usr/lib/liba.so.1 soname=liba.so.1 needs=libb.so.1,liba.so.1
                 e 0644 0:0 usr/lib/libb.so.1 soname=libb.so.1 needs=liba.so.1";
    assert_eq!(debian("needs=liba.so.1", files).all().libraries.len(), 2);
    assert_eq!(musl("user=0:0", "needs=liba.so.1", files).all().libraries.len(), 2);
}

#[test]
fn very_many_names_end_in_a_bound() {
    let paths: Vec<String> = (0..2000).map(|n| format!("/opt/{n}")).collect();
    let names: Vec<String> = (0..300).map(|n| format!("lib{n}.so")).collect();
    let told = debian(&format!("needs={} runpath={}", names.join(","), paths.join(":")), "");
    assert!(!told.open.is_empty() && told.open[0].contains("limit"), "{:?}", told.open);
}
