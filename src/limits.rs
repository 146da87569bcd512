//! The limits on untrusted input: name, value and reason.
//!
//! Images are untrusted. Everything that is read, kept or followed has a limit in this file, and the message about a
//! limit that was hit names it. Names end in their unit. Not here: limits that a policy sets.

/// Size of a manifest, config, index or `manifest.json`, in bytes. containerd rejects manifests over 8 MiB by default;
/// a config with 100,000 variables is 2 MB.
pub const DOCUMENT_BYTES: u64 = 8 << 20;
/// Nested indexes. BuildKit writes two levels.
pub const INDEX_DEPTH: usize = 8;
/// Images in one input. The largest public indexes list about 20 platforms.
pub const IMAGES: usize = 4096;
/// Layers of one image. Docker stores at most 125; the image format has no limit.
pub const LAYERS: usize = 2048;
/// Entries of an archive (its blobs, not the files in its layers).
pub const ARCHIVE_ENTRIES: usize = 1 << 18;
/// Directories above an entry of an archive. Blobs are three levels deep.
pub const ARCHIVE_DEPTH: usize = 64;
/// Total size of the names in an archive, in bytes.
pub const ARCHIVE_NAME_BYTES: usize = 32 << 20;
/// Links followed from one archive entry to the next.
pub const ARCHIVE_LINKS: usize = 10;
/// Size of the temporary file for an archive that is compressed or comes through a pipe, in bytes.
pub const SPOOL_BYTES: u64 = 64 << 30;
/// Bytes read from a pipe after the end of the archive, so that the writer can finish writing its padding.
pub const PIPE_DRAIN_BYTES: u64 = 16 << 20;
/// Uncompressed size of one layer, in bytes.
pub const LAYER_BYTES: u64 = 64 << 30;
/// Uncompressed size above which [`RATIO`] applies, in bytes. A real `lastlog` is 400 MB of zeros at 1000:1, so a ratio
/// alone would reject real images.
pub const RATIO_FROM_BYTES: u64 = 3 << 30;
/// Uncompressed bytes per stored byte of a layer over [`RATIO_FROM_BYTES`]. Real layers stay under 20.
pub const RATIO: u64 = 100;
/// Largest zstd window in bytes, as a power of two. `zstd --ultra -22` writes this size, and it is libzstd's default.
pub const ZSTD_WINDOW_LOG: u32 = 27;
/// Largest zstd window, in bytes, of layers that are read in parallel. Layers with a larger one are read one at a time
/// to limit memory.
pub const ZSTD_SHARED_WINDOW_BYTES: u64 = 8 << 20;
/// Size of a PAX or GNU extension header, in bytes. Go's archive/tar accepts the same.
pub const EXTENSION_BYTES: u64 = 1 << 20;
/// Extents of one sparse file, as many as a map of [`EXTENSION_BYTES`] can have.
pub const SPARSE_EXTENTS: usize = 1 << 17;
/// Length of a path in a layer, in bytes. Linux accepts 4,096 in one call; tools that change directories create longer
/// paths.
pub const PATH_BYTES: usize = 32 << 10;
/// Entries of one layer.
pub const LAYER_ENTRIES: usize = 8 << 20;
/// Distinct paths of one layer or one merged view, including directories without an entry of their own.
pub const PATHS: usize = 16 << 20;
/// Total size of the names, link targets and extended attributes kept from one layer, in bytes.
pub const NAME_BYTES: usize = 256 << 20;
/// Entries of all layers of one image. A layer that occurs twice counts twice.
pub const IMAGE_ENTRIES: u64 = 8 << 20;
/// Length of a symbolic link's target, in bytes, the longest that symlink(2) accepts (PATH_MAX).
pub const LINK_BYTES: usize = 4095;
/// Size of an extended attribute's value, in bytes, the largest that Linux accepts (XATTR_SIZE_MAX, xattr(7)).
pub const XATTR_BYTES: usize = 64 << 10;
/// Path components resolved while links are followed, for one image: enough to resolve every path of a large image many
/// times.
pub const LINK_STEPS: u64 = 20_000_000;
/// Symbolic links followed while one path is resolved, as in Linux (path_resolution(7)).
pub const SYMLINKS: usize = 40;
/// Size of a file kept whole because a rule reads it (passwd, group, package databases), in bytes.
pub const KEPT_FILE_BYTES: u64 = 16 << 20;
/// Total size of such files kept from one layer, in bytes.
pub const KEPT_LAYER_BYTES: u64 = 64 << 20;
/// Total size of such files kept from all layers that are read together, in bytes. Half is shared equally among the
/// layers, half in proportion to their stored bytes.
pub const KEPT_BYTES: u64 = 512 << 20;
/// Size of a file kept whole because the start proof reads it (scripts, `package.json`, `ld.so.conf`), in bytes. Start
/// scripts have a few kilobytes; a larger file is fetched by a second read of its layer if needed.
pub const TEXT_FILE_BYTES: u64 = 64 << 10;
/// Total size of such files kept from one layer, in bytes. A large Debian image has 3 MB of scripts.
pub const TEXT_LAYER_BYTES: u64 = 16 << 20;
/// Total size of such files kept from all layers that are read together, in bytes, shared as [`KEPT_BYTES`] is.
pub const TEXTS_BYTES: u64 = 128 << 20;
/// Beginning of an ELF file that is buffered while the file is read, in bytes. It usually contains everything that a
/// loader reads: the string table of Debian's node, one of the largest, ends at 7.6 MB.
pub const HEAD_FRONT_BYTES: usize = 8 << 20;
/// Size of an ELF file's program headers, dynamic section or version table, in bytes. Linux reads 64 KiB of program
/// headers; the others have a few kilobytes.
pub const ELF_TABLE_BYTES: u64 = 64 << 10;
/// Part of an ELF file's string table that is read, in bytes.
pub const ELF_STRINGS_BYTES: u64 = 8 << 20;
/// Total size of the names kept from one ELF file, in bytes. Programs with hundreds of libraries stay under 64 KiB.
pub const HEAD_BYTES: usize = 1 << 20;
/// Total size of the script and ELF headers (heads) kept from one layer, in bytes: enough for 100,000 files.
pub const HEADS_LAYER_BYTES: u64 = 64 << 20;
/// Total size of the heads kept from all layers that are read together, in bytes, shared as [`KEPT_BYTES`] is.
pub const HEADS_BYTES: u64 = 512 << 20;
/// Smallest share of a layer, in bytes, however many layers there are.
pub const SHARE_BYTES: u64 = 64 << 10;
/// Holes of sparse ELF files expanded while they are read, in bytes per layer.
pub const HEAD_HOLE_BYTES: u64 = 64 << 20;
/// Libraries of one program. Blender has 370.
pub const LOADER_OBJECTS: usize = 4096;
/// Names, directories and paths tried while one program's libraries are searched. Blender needs 2,000.
pub const LOADER_TRIES: usize = 100_000;
/// Entries with the same name in a loader's cache. A library built for many CPUs has ten.
pub const CACHE_ENTRIES: usize = 128;
/// Holes of sparse files expanded for a content digest, in bytes per layer.
pub const HASHED_HOLE_BYTES: u64 = 1 << 30;
/// Findings of one rule that are listed; the rest are counted in one last finding.
pub const FINDINGS_PER_RULE: usize = 500;
/// Missing programs of one command for which the image is searched for a similar one.
pub const SUGGESTIONS: usize = 10;
/// Files on PATH whose names are compared with a missing program's.
pub const SUGGESTION_CANDIDATES: usize = 10_000;
/// A missing program's name in bytes, up to which similar names are sought.
pub const SUGGESTION_NAME_BYTES: usize = 64;
/// Places of one finding that are listed; the rest are counted.
pub const PLACES_PER_FINDING: usize = 500;
/// Undecided questions that are listed; the rest are counted.
pub const UNDECIDED_LISTED: usize = 200;
/// Size of a policy file, in bytes.
pub const POLICY_BYTES: u64 = 1 << 20;
/// Nesting depth of policies that extend other policies.
pub const POLICY_DEPTH: usize = 8;
/// Policies combined in one run.
pub const POLICIES: usize = 64;
/// Size of one read or write, in bytes: large enough to make few calls, small enough for the CPU cache.
pub const CHUNK_BYTES: usize = 128 << 10;
/// Chunks queued between the decoding thread and the thread that hashes and reads entries.
pub const CHUNKS_IN_FLIGHT: usize = 8;
/// Bytes that variables may add to a command while it is split into words. Beyond that, a word is unknown.
pub const SHELL_EXPANSION_BYTES: usize = 1 << 20;
/// Nested defaults (`${A:-${B:-c}}`) that are expanded.
pub const SHELL_DEPTH: usize = 4;
/// Secret values of one image that are redacted literally in every text, longest first. The others are still detected
/// by their names and formats.
pub const REDACTED_VALUES: usize = 4096;
/// Bytes of a secret value that are searched for; the rest is compared.
pub const REDACTED_HEAD_BYTES: usize = 64;
/// Shortest secret value, in bytes, that is redacted literally: a shorter one would match unrelated words.
pub const REDACTED_MIN_BYTES: usize = 6;
/// Length of a value in escaped quotes that is redacted as one value, in bytes.
pub const REDACTED_ESCAPED_BYTES: usize = 1 << 20;
/// Commands checked for one question (whether the image starts, whether its health check can run), including the
/// commands that they start.
pub const COMMANDS_PROVED: usize = 1000;
/// Depth of commands that start other commands: an init, a script, `env`, a shell and a program are five.
pub const COMMAND_DEPTH: usize = 24;
/// How many times layers are read again because a fetched file refers to another (a script, then the script that it
/// starts).
pub const SECOND_READINGS: usize = 4;
/// Directories of a search path (PATH, PYTHONPATH) that are searched. Linux accepts 128 KiB in one variable.
pub const SEARCH_PATHS: usize = 4096;
/// `.pth` files read for one module. A large environment has ten.
pub const PTH_FILES: usize = 1000;
/// Lines of one `.pth` file. easy-install wrote one line per package.
pub const PTH_LINES: usize = 10_000;
/// Components of a dotted module name. Deep packages have six.
pub const MODULE_DEPTH: usize = 64;
/// Size of an `__init__.py` that is read to see whether it runs any code, in bytes. A larger one is assumed to run
/// code.
pub const INIT_BYTES: u64 = 64 << 10;
/// Parent directories of a working directory that are searched for package.json. A path in Linux has at most 2,048.
pub const PARENT_DIRECTORIES: usize = 2048;
/// Package manager calls in a command whose scripts are searched for servers. `concurrently` starts a handful.
pub const PACKAGE_SCRIPTS: usize = 24;
/// Scripts of a package.json that are listed if the requested one is missing.
pub const SCRIPTS_LISTED: usize = 8;
/// Size of a script or shell command that the start proof reads, in bytes. The largest entrypoint scripts of public
/// images have 20 kB.
pub const SCRIPT_BYTES: usize = 1 << 20;
/// Simple commands of one shell script; later ones are not read.
pub const SHELL_COMMANDS: usize = 20_000;
/// Nested compound commands in one shell script.
pub const SHELL_NESTING: usize = 256;
/// Work spent on one question of the start proof, in bytes read plus names checked: scripts, package.json, directories
/// of PATH and of Python. A real image needs a few thousand.
pub const PROOF_WORK: u64 = 64 << 20;
/// Length of an argument or of an environment variable with its name, in bytes including the final NUL: the longest
/// that execve(2) accepts (MAX_ARG_STRLEN).
pub const ARGUMENT_BYTES: usize = 128 << 10;
/// Total size of a command's arguments and environment, in bytes, with eight for each pointer: the most that execve(2)
/// accepts, whatever the stack limit (three quarters of 8 MiB).
pub const ARGUMENTS_BYTES: usize = 6 << 20;
