//! What starting an ELF program takes besides its own file: its loader, the libraries that this loader finds, and their
//! symbol versions.
//!
//! In: the merged view, the process, a program's head. Out: [`Loaded`]: what was found, what is certainly missing, what
//! is undecided. What a program loads later by itself (dlopen) isn't checked. Not here: finding the program (`proof`).

mod cache;
mod glibc;
mod link;
mod musl;
mod versions;
mod why;

use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Actor;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::loader::link::Linker;
use crate::facts::process::Missing;
use crate::facts::process::ProcessContext;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path;
use crate::model::program::Dynamic;
use crate::model::program::Elf;
use crate::model::program::Head;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::Resolved;
use crate::view::View;

/// What starting an ELF program takes besides the file itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Its `PT_INTERP`, if that exists.
    pub interpreter: Option<NodeId>,
    /// The libraries in the order they are loaded, with the names that need them.
    pub libraries: Vec<(Vec<u8>, NodeId)>,
    /// What certainly keeps it from starting.
    pub lacks: Vec<Missing>,
    /// What could not be decided.
    pub open: Vec<Undecided>,
}

/// The C library that a loader belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Libc {
    Glibc,
    Musl,
}

impl Libc {
    fn name(self) -> &'static str {
        match self {
            Libc::Glibc => "glibc",
            Libc::Musl => "musl",
        }
    }
}

/// Loads a program as the kernel and its loader do. `kernel` is the process that opens the program and its `PT_INTERP`,
/// before it becomes [`ProcessContext::actor`]; `secure` says that the kernel sets AT_SECURE (ld.so(8),
/// "Secure-execution mode").
pub fn load(process: &ProcessContext<'_>, program: NodeId, kernel: &Actor, secure: bool) -> Loaded {
    let mut loaded = Loaded::default();
    let elf = match process.view.head(program) {
        Some(Head::Elf(elf)) => elf,
        Some(Head::Unread(why)) => {
            loaded.open.push(Undecided::denied(process.name(program), *why));
            return loaded;
        }
        _ => return loaded,
    };
    let Some(path) = &elf.interpreter else { return loaded };
    let interpreter = match interpreter(process, kernel, program, elf, path) {
        Ok(node) => node,
        Err(Stop::Missing(lack)) => {
            loaded.lacks.push(lack);
            return loaded;
        }
        Err(Stop::Open(question)) => {
            loaded.open.push(question);
            return loaded;
        }
    };
    loaded.interpreter = Some(interpreter);
    match libc(path).filter(|&libc| libc == Libc::Musl || needs_nothing(process.view, interpreter)) {
        Some(Libc::Glibc) => glibc::load(Linker::new(process, secure, loaded, program, elf), path, interpreter),
        Some(Libc::Musl) => musl::load(Linker::new(process, secure, loaded, program, elf), path, interpreter),
        None => {
            let loader = format!("/{}", shown_bytes(path.strip_prefix(b"/").unwrap_or(path)));
            loaded.open.push(Undecided::unknowable(loader, "where this loader looks for libraries is unknown"));
            loaded
        }
    }
}

/// Whether a kernel for an architecture (Go's names) runs the program; `None` if that depends on the kernel. Programs
/// for 386 run on amd64.
pub fn machine_fits(elf: &Elf, architecture: &str) -> Option<bool> {
    let is = |machine: u16, is_64: bool, is_big_endian: bool| {
        elf.machine == machine && elf.is_64 == is_64 && elf.is_big_endian == is_big_endian
    };
    let (native, perhaps) = match architecture {
        // The second is x32, which few kernels support.
        "amd64" => (is(62, true, false) || is(3, false, false), is(62, false, false)),
        "386" => (is(3, false, false), elf.machine == 62),
        "arm64" => (is(183, true, false), is(40, false, false)),
        "arm" => (is(40, false, false), is(183, true, false)),
        "ppc64le" => (is(21, true, false), is(20, false, false)),
        "ppc64" => (is(21, true, true), is(20, false, true)),
        "s390x" => (is(22, true, true), is(22, false, true)),
        "riscv64" => (is(243, true, false), is(243, false, false)),
        "loong64" => (is(258, true, false), false),
        "mips64" => (is(8, true, true), is(8, false, true)),
        "mips64le" => (is(8, true, false), is(8, false, false)),
        "mips" => (is(8, false, true), is(8, true, true)),
        "mipsle" => (is(8, false, false), is(8, true, false)),
        _ => return None,
    };
    (!perhaps).then_some(native)
}

/// The machine that an ELF file is for, in words.
pub fn machine_name(elf: &Elf) -> String {
    let name = match (elf.machine, elf.is_64, elf.is_big_endian) {
        (3, ..) => "x86",
        (62, true, _) => "x86-64",
        (62, false, _) => "x32",
        (183, ..) => "64-bit ARM",
        (40, ..) => "32-bit ARM",
        (21, _, false) => "ppc64le",
        (21, _, true) => "ppc64",
        (20, ..) => "32-bit PowerPC",
        (22, true, _) => "s390x",
        (22, false, _) => "s390",
        (243, true, _) => "riscv64",
        (243, false, _) => "riscv32",
        (258, ..) => "LoongArch",
        (8, ..) => "MIPS",
        (machine, ..) => return format!("the machine {machine}"),
    };
    name.to_string()
}

enum Stop {
    Missing(Missing),
    Open(Undecided),
}

/// The loader that a program names, as the kernel opens it (fs/binfmt_elf.c, `load_elf_binary`).
fn interpreter(
    process: &ProcessContext<'_>,
    kernel: &Actor,
    program: NodeId,
    elf: &Elf,
    path: &[u8],
) -> Result<NodeId, Stop> {
    let name = shown_bytes(path);
    let lack = |what: String, place| Stop::Missing(Missing { subject: name.clone(), what, place });
    let node = match process.reach_as(kernel, path) {
        Reach::Found(node) => node,
        Reach::Unknown(doubt) => return Err(Stop::Open(process.unknown_reach(name, doubt))),
        Reach::Blocked(directory) => {
            let blocking = process.describe(directory);
            let what = format!("{} can't reach the loader {name}: it can't traverse {blocking}", who(kernel));
            return Err(lack(what, Some(directory)));
        }
        Reach::Missing(_) | Reach::Loop | Reach::NotDirectory | Reach::TooLong => {
            return Err(lack(missing(process, program, path, &name), None));
        }
    };
    let stat = process.view.stat(node);
    if stat.is_none_or(|stat| stat.kind != Kind::File) {
        return Err(lack(format!("the loader {name} is not a regular file"), Some(node)));
    }
    match access::access(process.view, node, kernel, Want::Execute) {
        Access::Yes => {}
        Access::No => {
            let what = format!("{} can't execute the loader {}", who(kernel), process.describe(node));
            return Err(lack(what, Some(node)));
        }
        Access::Unknown => return Err(Stop::Open(process.unknown_rights(node))),
    }
    match process.view.head(node) {
        Some(Head::Elf(loader)) if fits(elf, loader) => Ok(node),
        Some(Head::Elf(loader)) => {
            let what = format!(
                "the loader {name} is for {}, but {} is for {}",
                machine_name(loader),
                process.name(program),
                machine_name(elf)
            );
            Err(lack(what, Some(node)))
        }
        Some(Head::BrokenElf(why)) => Err(lack(format!("the loader {name} is a broken ELF file: {why}"), Some(node))),
        Some(Head::Unread(why)) => Err(Stop::Open(Undecided::denied(name, *why))),
        Some(Head::Script(_)) | None => Err(lack(format!("the loader {name} is not an ELF file"), Some(node))),
    }
}

/// The message for a missing loader, with the C library that the image has instead.
fn missing(process: &ProcessContext<'_>, program: NodeId, path: &[u8], name: &str) -> String {
    let what = format!("the loader {name} doesn't exist");
    let has = |libc: Libc| {
        [&b"lib"[..], b"lib64", b"usr/lib", b"usr/lib64"].iter().any(|directory| {
            match process.view.resolve(directory, true) {
                Resolved::Found(node) => {
                    process.view.children(node).any(|child| self::libc(process.view.name(child)) == Some(libc))
                }
                _ => false,
            }
        })
    };
    match libc(path) {
        Some(wanted) => {
            let other = if wanted == Libc::Glibc { Libc::Musl } else { Libc::Glibc };
            if has(wanted) || !has(other) {
                return what;
            }
            format!(
                "{what}: {} is linked against {}, but this image has only {}",
                process.name(program),
                wanted.name(),
                other.name()
            )
        }
        None => what,
    }
}

/// The C library of a loader, by its file name: `ld-linux-x86-64.so.2`, `ld64.so.2` (ppc64le), `ld-musl-x86_64.so.1`.
fn libc(path: &[u8]) -> Option<Libc> {
    let name = path::base(path);
    if name.starts_with(b"ld-musl-") && name.ends_with(b".so.1") {
        return Some(Libc::Musl);
    }
    let glibc: [&[u8]; 3] = [b"ld-linux", b"ld64.so.", b"ld.so."];
    glibc.iter().any(|start| name.starts_with(start)).then_some(Libc::Glibc)
}

/// Whether a loader needs no libraries, like glibc's. Files with the same name that do are something else (gcompat).
fn needs_nothing(view: &View, loader: NodeId) -> bool {
    match view.head(loader) {
        Some(Head::Elf(elf)) => !matches!(&elf.dynamic, Dynamic::Read(linking) if !linking.needed.is_empty()),
        _ => false,
    }
}

/// Whether one process can load both.
fn fits(program: &Elf, library: &Elf) -> bool {
    program.machine == library.machine && program.is_64 == library.is_64
}

fn who(actor: &Actor) -> String {
    format!("uid {}", actor.uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::elf;

    #[test]
    fn matches_machines_to_architectures() {
        let fits = |words: &str, architecture: &str| machine_fits(&elf(words), architecture);
        assert_eq!(fits("machine=62", "amd64"), Some(true));
        assert_eq!(fits("machine=3 class=32", "amd64"), Some(true));
        assert_eq!(fits("machine=183", "amd64"), Some(false));
        assert_eq!(fits("machine=62 class=32", "amd64"), None);
        assert_eq!(fits("machine=40 class=32", "arm64"), None);
        assert_eq!(fits("machine=183", "arm64"), Some(true));
        assert_eq!(fits("machine=40 class=32", "arm"), Some(true));
        assert_eq!(fits("machine=62", "arm"), Some(false));
        // The files made here are little-endian.
        assert_eq!(fits("machine=21", "ppc64le"), Some(true));
        assert_eq!(fits("machine=21", "ppc64"), Some(false));
        assert_eq!(fits("machine=22", "s390x"), Some(false));
        assert_eq!(fits("machine=62", "wasm"), None);
        assert_eq!(machine_name(&elf("machine=1000")), "the machine 1000");
    }

    #[test]
    fn recognises_loaders_by_name() {
        for name in ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib64/ld64.so.2", "/lib/ld.so.1"] {
            assert_eq!(libc(name.as_bytes()), Some(Libc::Glibc), "{name}");
        }
        assert_eq!(libc(b"/lib/ld-musl-armhf.so.1"), Some(Libc::Musl));
        assert_eq!(libc(b"/system/bin/linker64"), None);
    }
}
