//! Every bound on what an input may ask of the program: name, value, reason.
//!
//! An image is a stranger's bytes. Nothing is read, kept or followed without a bound from this file; the message of a
//! bound that is hit names it. Units stand at the end of each name. Not here: what the policy asks of an image.

/// Manifests, configs, indexes and `manifest.json`, in bytes. containerd refuses larger ones (its default is 8 MiB for
/// manifests); a config with 100,000 variables is 2 MB.
pub const DOCUMENT_BYTES: u64 = 8 << 20;
/// Indexes inside indexes. BuildKit writes two.
pub const INDEX_DEPTH: usize = 8;
/// Images in one input. The largest public indexes list about 20 platforms.
pub const IMAGES: usize = 4096;
/// Layers of one image. Docker stores at most 125; the image format has no bound.
pub const LAYERS: usize = 2048;
/// Entries in the index of an archive (its blobs, not the files of its layers).
pub const ARCHIVE_ENTRIES: usize = 1 << 18;
/// Directories above an archive's entry. Blobs lie three deep.
pub const ARCHIVE_DEPTH: usize = 64;
/// Bytes of the names in an archive's index.
pub const ARCHIVE_NAME_BYTES: usize = 32 << 20;
/// Links followed from one archive entry to another.
pub const ARCHIVE_LINKS: usize = 10;
/// Bytes spooled to the unlinked temporary file for an archive that is compressed or comes through a pipe.
pub const SPOOL_BYTES: u64 = 64 << 30;
/// Bytes read from a pipe after the archive's end, so that a writer is not cut off in its padding.
pub const PIPE_DRAIN_BYTES: u64 = 16 << 20;
/// Uncompressed bytes of one layer.
pub const LAYER_BYTES: u64 = 64 << 30;
/// From here on the ratio of uncompressed to stored bytes counts. A real `lastlog` is 400 MB of zeros at 1000:1, so a
/// ratio alone refuses nothing.
pub const RATIO_FROM_BYTES: u64 = 3 << 30;
/// Uncompressed bytes per stored byte, for what lies beyond [`RATIO_FROM_BYTES`]. Real layers stay under 20.
pub const RATIO: u64 = 100;
/// The largest zstd window, as a power of two, in bytes: what `zstd --ultra -22` writes. libzstd's own default.
pub const ZSTD_WINDOW_LOG: u32 = 27;
/// Layers with a larger zstd window than this are read one at a time, so that memory stays bounded.
pub const ZSTD_SHARED_WINDOW_BYTES: u64 = 8 << 20;
/// A PAX or GNU extension header, in bytes: what Go's archive/tar takes.
pub const EXTENSION_BYTES: u64 = 1 << 20;
/// Extents of one sparse file: the most that a map within [`EXTENSION_BYTES`] can hold.
pub const SPARSE_EXTENTS: usize = 1 << 17;
/// A path inside a layer, in bytes. Linux takes 4,096 at once; tools that change directories as they go make longer ones.
pub const PATH_BYTES: usize = 32 << 10;
/// Entries of one layer.
pub const LAYER_ENTRIES: usize = 8 << 20;
/// Distinct paths of one layer or one merged view, directories that only the paths imply included.
pub const PATHS: usize = 16 << 20;
/// Bytes of names, link targets and extended attributes kept of one layer.
pub const NAME_BYTES: usize = 256 << 20;
/// Entries of all layers of one image together; a layer that occurs twice counts twice.
pub const IMAGE_ENTRIES: u64 = 8 << 20;
/// A symbolic link's target, in bytes: symlink(2) takes no longer one (PATH_MAX).
pub const LINK_BYTES: usize = 4095;
/// An extended attribute's value, in bytes: what Linux takes (XATTR_SIZE_MAX, xattr(7)).
pub const XATTR_BYTES: usize = 64 << 10;
/// Path components walked while links are followed, for one image: enough for every path of a large one, many times.
pub const LINK_STEPS: u64 = 20_000_000;
/// Symbolic links followed while one path is resolved, as Linux does (path_resolution(7)).
pub const SYMLINKS: usize = 40;
/// A file kept whole because a rule reads it (passwd, group, package databases), in bytes.
pub const KEPT_FILE_BYTES: u64 = 16 << 20;
/// All such files kept from one layer, in bytes.
pub const KEPT_LAYER_BYTES: u64 = 64 << 20;
/// All such files kept from the layers that are read together, in bytes. Each layer has a share: half of them the same, half
/// by its stored bytes.
pub const KEPT_BYTES: u64 = 512 << 20;
/// A file kept whole because the proof that an image starts reads it (scripts, `package.json`, `ld.so.conf`), in bytes.
/// Start scripts have a few kilobytes; a longer one is read again if it is asked for.
pub const TEXT_FILE_BYTES: u64 = 64 << 10;
/// All such files kept from one layer, in bytes. A large Debian image has 3 MB of scripts.
pub const TEXT_LAYER_BYTES: u64 = 16 << 20;
/// All such files kept from the layers that are read together, in bytes, in shares as those of [`KEPT_BYTES`].
pub const TEXTS_BYTES: u64 = 128 << 20;
/// The front of an ELF file held while it is read, in bytes. What a loader reads lies there: the string table of Debian's
/// node, one of the longest, ends at 7.6 MB.
pub const HEAD_FRONT_BYTES: usize = 8 << 20;
/// An ELF file's program headers, dynamic section or version table, in bytes. Linux reads 64 KiB of program headers; the
/// others have a few kilobytes.
pub const ELF_TABLE_BYTES: u64 = 64 << 10;
/// An ELF file's string table, in bytes. Names beyond are not read.
pub const ELF_STRINGS_BYTES: u64 = 8 << 20;
/// The names kept of one ELF file, in bytes. Programs with hundreds of libraries stay under 64 KiB.
pub const HEAD_BYTES: usize = 1 << 20;
/// All heads of scripts and ELF files kept from one layer, in bytes: enough for 100,000 of them.
pub const HEADS_LAYER_BYTES: u64 = 64 << 20;
/// All heads kept from the layers that are read together, in bytes, in shares as those of [`KEPT_BYTES`].
pub const HEADS_BYTES: u64 = 512 << 20;
/// The least share of a layer, in bytes, however many layers there are.
pub const SHARE_BYTES: u64 = 64 << 10;
/// Holes of sparse ELF files written out while they are read, in bytes for one layer.
pub const HEAD_HOLE_BYTES: u64 = 64 << 20;
/// Libraries of one program. Blender has 370.
pub const LOADER_OBJECTS: usize = 4096;
/// Names that are sought, and directories and paths looked at, while one program's libraries are found. Blender takes 2,000.
pub const LOADER_TRIES: usize = 100_000;
/// Entries of one name in a loader's cache. A library for many CPUs has ten.
pub const CACHE_ENTRIES: usize = 128;
/// Holes of sparse files written out for a content digest, in bytes for one layer.
pub const HASHED_HOLE_BYTES: u64 = 1 << 30;
/// Findings of one rule that are listed one by one; the rest are counted in a last one.
pub const FINDINGS_PER_RULE: usize = 500;
/// Places that one finding lists one by one; the rest are counted.
pub const PLACES_PER_FINDING: usize = 500;
/// Undecided questions listed one by one; the rest are counted.
pub const UNDECIDED_LISTED: usize = 200;
/// A policy file, in bytes.
pub const POLICY_BYTES: u64 = 1 << 20;
/// Policies that extend policies, in levels.
pub const POLICY_DEPTH: usize = 8;
/// Policies laid over each other for one run.
pub const POLICIES: usize = 64;
/// A read or write at a time, in bytes: large enough that calls do not count, small enough for the cache.
pub const CHUNK_BYTES: usize = 128 << 10;
/// Chunks that wait between the decoder and the thread that hashes and walks.
pub const CHUNKS_IN_FLIGHT: usize = 8;
/// What variables may add to a command while it is split into words, in bytes; beyond, a word is open.
pub const SHELL_EXPANSION_BYTES: usize = 1 << 20;
/// Defaults inside defaults (`${A:-${B:-c}}`) that are followed.
pub const SHELL_DEPTH: usize = 4;
/// Secret values of one image that are looked for literally in every text that is shown; the longest ones first. Others
/// are still told by their names and forms.
pub const REDACTED_VALUES: usize = 4096;
/// The bytes of a secret value that are looked for; what follows is compared.
pub const REDACTED_HEAD_BYTES: usize = 64;
/// A shorter secret value is not looked for literally: it would strike words that have nothing to do with it.
pub const REDACTED_MIN_BYTES: usize = 6;
/// A value between escaped quotes in a text that is redacted, in bytes.
pub const REDACTED_ESCAPED_BYTES: usize = 1 << 20;
/// Commands proved for one question (can it start, can its health check run), those that start each other included.
pub const COMMANDS_PROVED: usize = 1000;
/// Commands that start each other, in depth: an init, a script, `env`, a shell and a program are five.
pub const COMMAND_DEPTH: usize = 24;
/// Times that layers are read once more because one file that was fetched so names another (a script, then the script
/// that it starts).
pub const SECOND_READINGS: usize = 4;
/// Directories of a search path (PATH, PYTHONPATH) that are looked at. Linux takes 128 KiB in one variable.
pub const SEARCH_PATHS: usize = 4096;
/// `.pth` files that are read for one module. A large environment has ten.
pub const PTH_FILES: usize = 1000;
/// Lines of one `.pth` file. easy-install wrote one a package.
pub const PTH_LINES: usize = 10_000;
/// Parts of a dotted module name. Deep packages have six.
pub const MODULE_DEPTH: usize = 64;
/// An `__init__.py` that is read to see whether it does anything, in bytes; of larger ones that is taken for granted.
pub const INIT_BYTES: u64 = 64 << 10;
/// Directories above a working directory that are looked at for package.json. Linux takes paths of 2,048 of them.
pub const FOLDERS_UP: usize = 2048;
/// Package managers in a command whose scripts are read for the servers that they start. `concurrently` starts a handful.
pub const PACKAGE_SCRIPTS: usize = 24;
/// Scripts of a package.json that are named where the one that is asked for is missing.
pub const SCRIPTS_LISTED: usize = 8;
/// A script or a text for a shell, in bytes, that the start proof reads. The largest entry scripts of public images have
/// 20 kB.
pub const SCRIPT_BYTES: usize = 1 << 20;
/// Simple commands of one shell text; what stands behind is not read.
pub const SHELL_COMMANDS: usize = 20_000;
/// Compound commands inside each other, in one shell text.
pub const SHELL_NESTING: usize = 256;
/// What one question of the start proof may cost, in bytes read and names looked at: scripts, package.json, directories of PATH
/// and of Python. A real image takes some thousands.
pub const PROOF_WORK: u64 = 64 << 20;
/// A word of a command, or a variable with its name, in bytes with the zero behind it: execve(2) takes no longer one
/// (MAX_ARG_STRLEN).
pub const ARGUMENT_BYTES: usize = 128 << 10;
/// All words and variables of a command, in bytes, with eight for each pointer: execve(2) takes no more, however large the
/// stack may grow (three quarters of 8 MiB).
pub const ARGUMENTS_BYTES: usize = 6 << 20;
