//! The head of a file: what a kernel and a loader read to execute it.
//!
//! Not here: reading heads from a layer (`collect`), whether a program can run in an image (`facts`).

/// What a kernel and a loader read of a regular file. Files that start with neither `#!` nor the ELF magic have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A script: the file's first bytes, at most [`SCRIPT_HEAD_BYTES`].
    Script(Box<[u8]>),
    /// An ELF file with a valid header and valid program headers.
    Elf(Box<Elf>),
    /// An ELF file whose header or program headers are invalid: why, as a message fragment.
    BrokenElf(&'static str),
    /// An ELF file that was not read because of a limit: which, as a message fragment.
    Unread(&'static str),
}

/// How many bytes of a file Linux reads for a `#!` line (`BINPRM_BUF_SIZE`, include/uapi/linux/binfmts.h).
pub const SCRIPT_HEAD_BYTES: usize = 256;

/// An ELF file (System V ABI, chapters 4 and 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// Whether `EI_CLASS` is 64-bit.
    pub is_64: bool,
    /// Whether `EI_DATA` is big-endian.
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
    /// There is none: the program is static.
    None,
    /// It is valid.
    Read(Box<Linking>),
    /// It is invalid: why, as a message fragment.
    Broken(&'static str),
    /// It was not read because of a limit: which, as a message fragment.
    Unread(&'static str),
}

/// The parsed dynamic section, with raw names.
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
    /// `DF_1_NODEFLIB`: the loader doesn't search the default directories.
    pub no_default: bool,
    /// Versions that it needs and defines; `None` if they could not be read.
    pub versions: Option<Versions>,
}

/// GNU symbol versions (LSB Core, "Symbol Versioning").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// `DT_VERNEED`.
    pub needs: Vec<VersionNeed>,
    /// `DT_VERDEF`: names of the versions that it defines, without the file's own name.
    pub defines: Vec<Box<[u8]>>,
}

/// A version that a needed library must define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library, as in `DT_NEEDED`.
    pub library: Box<[u8]>,
    /// The version, for example `GLIBC_2.38`.
    pub version: Box<[u8]>,
    /// `VER_FLG_WEAK`: the loader only warns if it is missing.
    pub is_weak: bool,
}
