//! What the first bytes of a file say about executing it.
//!
//! Not here: reading it from a layer (`collect`), or whether it can run in an image (`facts`).

/// The beginning of a regular file that a kernel would look at. Files that begin with neither `#!` nor the ELF magic
/// have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// `#!`: the file's first bytes, [`SCRIPT_HEAD_BYTES`] at most.
    Script(Box<[u8]>),
    /// An ELF file whose header and program headers are sound.
    Elf(Box<Elf>),
    /// The ELF magic, and a header or program headers that make no sense or lie outside of the file: why, a fragment.
    BrokenElf(&'static str),
    /// A bound was hit before it was read: which, a fragment.
    Unread(&'static str),
}

/// The bytes of a file that Linux looks at for a `#!` line (`BINPRM_BUF_SIZE`, include/uapi/linux/binfmts.h).
pub const SCRIPT_HEAD_BYTES: usize = 256;

/// An ELF file (System V ABI, chapters 4 and 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// `EI_CLASS` says 64 bits.
    pub is_64: bool,
    /// `EI_DATA` says big-endian.
    pub is_big_endian: bool,
    /// `e_machine`.
    pub machine: u16,
    /// `e_type`: 2 `ET_EXEC`, 3 `ET_DYN`.
    pub kind: u16,
    /// `PT_INTERP`, without its NUL.
    pub interpreter: Option<Box<[u8]>>,
    /// `PT_DYNAMIC`.
    pub dynamic: Dynamic,
}

/// The dynamic section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dynamic {
    /// There is none: a static program.
    None,
    /// It was read.
    Read(Box<Linking>),
    /// It makes no sense here: why, a fragment.
    Broken(&'static str),
    /// A bound was hit before it was read: which, a fragment.
    Unread(&'static str),
}

/// What a dynamic section asks of the loader. Names are bytes as they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linking {
    /// `DT_NEEDED`, in order.
    pub needed: Vec<Box<[u8]>>,
    /// `DT_SONAME`.
    pub soname: Option<Box<[u8]>>,
    /// `DT_RPATH`.
    pub rpath: Option<Box<[u8]>>,
    /// `DT_RUNPATH`.
    pub runpath: Option<Box<[u8]>>,
    /// `DF_1_NODEFLIB`: the default directories are not searched.
    pub no_default: bool,
    /// Versions that it needs and defines; `None` where they could not be read.
    pub versions: Option<Versions>,
}

/// GNU symbol versions (LSB Core, "Symbol Versioning").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// `DT_VERNEED`.
    pub needs: Vec<VersionNeed>,
    /// `DT_VERDEF`: names of the versions that it defines, the file's own name not among them.
    pub defines: Vec<Box<[u8]>>,
}

/// A version that one of the needed libraries must define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library, as in `DT_NEEDED`.
    pub library: Box<[u8]>,
    /// `GLIBC_2.38`.
    pub version: Box<[u8]>,
    /// `VER_FLG_WEAK`: its absence is a warning only.
    pub is_weak: bool,
}
