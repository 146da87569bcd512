//! Parses ELF files as the kernel and the loader do: header, program headers, `PT_INTERP`, dynamic section, versions.
//!
//! System V ABI, chapters 4 and 5; LSB Core, "Symbol Versioning"; Linux, fs/binfmt_elf.c. Section headers are ignored:
//! neither reads them, and they are at the end of the file. Not here: buffering bytes (`buffer`).

use crate::collect::heads::buffer::Availability;
use crate::collect::heads::buffer::FileBuffer;
use crate::limits;
use crate::model::program::Dynamic;
use crate::model::program::Elf;
use crate::model::program::Head;
use crate::model::program::Linking;
use crate::model::program::VersionNeed;
use crate::model::program::Versions;
use object::Endianness;
use object::elf;
use object::pod;
use object::pod::Pod;
use object::read::elf::Dyn;
use object::read::elf::FileHeader;
use object::read::elf::ProgramHeader;

/// The longest `PT_INTERP` (PATH_MAX; fs/binfmt_elf.c rejects longer ones), in bytes.
const INTERPRETER_BYTES: u64 = 4096;
/// Loaders map whole pages, so a segment may extend past the end of the file within its last page.
const PAGE: u64 = 4096;
/// Memory of a name besides its bytes.
const NAME_COST: usize = 48;

/// Parses the file, or returns `None` if it needs bytes that are still to come.
pub fn read(buffer: &mut FileBuffer) -> Option<Head> {
    const IDENT: u64 = 16;
    if buffer.size() < IDENT {
        return Some(Head::BrokenElf("its header is truncated"));
    }
    if buffer.request(0, IDENT) == Availability::Pending {
        return None;
    }
    let ident = buffer.bytes(0, IDENT);
    let endian = match ident.get(5) {
        Some(1) => Endianness::Little,
        Some(2) => Endianness::Big,
        _ => return Some(Head::BrokenElf("its byte order is neither little nor big")),
    };
    match ident.get(4) {
        Some(1) => file::<elf::FileHeader32<Endianness>>(buffer, endian),
        Some(2) => file::<elf::FileHeader64<Endianness>>(buffer, endian),
        _ => Some(Head::BrokenElf("its class is neither 32 nor 64 bits")),
    }
}

/// The memory that the names of a dynamic section take, in bytes.
pub fn bytes(linking: &Linking) -> usize {
    let name = |name: &[u8]| NAME_COST + name.len();
    let one = |text: &Option<Box<[u8]>>| text.as_ref().map_or(0, |text| name(text));
    let mut sum = one(&linking.soname) + one(&linking.rpath) + one(&linking.runpath);
    sum += linking.needed.iter().map(|needed| name(needed)).sum::<usize>();
    if let Some(versions) = &linking.versions {
        sum += versions.needs.iter().map(|need| name(&need.library) + name(&need.version)).sum::<usize>();
        sum += versions.defines.iter().map(|version| name(version)).sum::<usize>();
    }
    sum
}

/// A range of bytes, in the file or in memory.
#[derive(Clone, Copy)]
struct Range {
    start: u64,
    len: u64,
}

/// The segments that loading needs.
#[derive(Default)]
struct Segments {
    interpreter: Option<Range>,
    /// `PT_DYNAMIC`, as a range of addresses.
    dynamic: Option<Range>,
    /// `PT_LOAD`: a range of addresses and its offset in the file.
    loads: Vec<(Range, u64)>,
}

impl Segments {
    /// The range of the file that is mapped at an address, at most `len` bytes.
    fn at(&self, address: u64, len: u64) -> Option<Range> {
        self.loads.iter().find_map(|(memory, start)| {
            let into = address.checked_sub(memory.start).filter(|&into| into < memory.len)?;
            Some(Range { start: start.checked_add(into)?, len: len.min(memory.len - into) })
        })
    }
}

fn file<H: FileHeader<Endian = Endianness>>(buffer: &mut FileBuffer, endian: Endianness) -> Option<Head> {
    let broken = |why| Some(Head::BrokenElf(why));
    let unread = |why| Some(Head::Unread(why));
    let header_len = size_of::<H>() as u64;
    if buffer.size() < header_len {
        return broken("its header is truncated");
    }
    if buffer.request(0, header_len) == Availability::Pending {
        return None;
    }
    let header: H = pod(buffer.bytes(0, header_len), 0)?;
    let kind = header.e_type(endian);
    let program_len = size_of::<H::ProgramHeader>() as u64;
    let count = u64::from(header.e_phnum(endian));
    let table = Range { start: header.e_phoff(endian).into(), len: count * program_len };
    // Object files have no program headers.
    let is_loadable = kind == elf::ET_EXEC || kind == elf::ET_DYN;
    if count == 0 && is_loadable {
        return broken("it has no program headers");
    }
    if count > 0 && u64::from(header.e_phentsize(endian)) != program_len {
        return broken("its program headers have the wrong size");
    }
    if table.len > limits::ELF_TABLE_BYTES {
        return broken("it has more program headers than Linux reads");
    }
    if !inside(table, buffer.size()) {
        return broken("its program headers are outside the file");
    }
    match buffer.request(table.start, table.len) {
        Availability::Pending => return None,
        Availability::Passed => return unread("its program headers can't be read in a single pass"),
        Availability::Buffered => {}
    }
    let segments = match segments::<H>(buffer.bytes(table.start, table.len), endian, buffer.size()) {
        Ok(segments) => segments,
        Err(why) => return broken(why),
    };
    // Request both before waiting for either: they may come in any order.
    let interpreter = segments.interpreter.map(|range| (range, buffer.request(range.start, range.len)));
    let dynamic = linking::<H>(buffer, endian, &segments);
    let interpreter = match interpreter {
        None => None,
        Some((_, Availability::Pending)) => return None,
        Some((_, Availability::Passed)) => return unread("its PT_INTERP can't be read in a single pass"),
        Some((range, Availability::Buffered)) => match buffer.bytes(range.start, range.len).split_last() {
            Some((0, path)) => Some(until_nul(path).into()),
            _ => return broken("its PT_INTERP does not end in a NUL"),
        },
    };
    Some(Head::Elf(Box::new(Elf {
        is_64: header.is_type_64(),
        is_big_endian: endian == Endianness::Big,
        machine: header.e_machine(endian).0,
        kind: kind.0,
        interpreter,
        dynamic: dynamic?,
    })))
}

/// Parses the program headers. The first `PT_INTERP` wins (fs/binfmt_elf.c), and the last `PT_DYNAMIC` (glibc and
/// musl).
fn segments<H: FileHeader<Endian = Endianness>>(
    table: &[u8],
    endian: Endianness,
    size: u64,
) -> Result<Segments, &'static str> {
    let mut out = Segments::default();
    for at in (0..table.len()).step_by(size_of::<H::ProgramHeader>()) {
        let Some(header) = pod::<H::ProgramHeader>(table, at) else { break };
        let (start, len) = header.file_range(endian);
        let range = Range { start, len };
        let address: u64 = header.p_vaddr(endian).into();
        match header.p_type(endian) {
            elf::PT_INTERP if out.interpreter.is_none() => {
                if !(2..=INTERPRETER_BYTES).contains(&len) {
                    return Err("its PT_INTERP is empty or longer than a path can be");
                }
                if !inside(range, size) {
                    return Err("its PT_INTERP is outside the file");
                }
                out.interpreter = Some(range);
            }
            elf::PT_LOAD => {
                if len > 0 && !inside(range, size.checked_next_multiple_of(PAGE).unwrap_or(size)) {
                    return Err("a segment is outside the file");
                }
                out.loads.push((Range { start: address, len: len.min(size.saturating_sub(start)) }, start));
            }
            elf::PT_DYNAMIC => out.dynamic = Some(Range { start: address, len }),
            _ => {}
        }
    }
    Ok(out)
}

/// The raw values of a dynamic section: offsets into the string table, addresses, numbers.
#[derive(Default)]
struct Tags {
    needed: Vec<u64>,
    soname: Option<u64>,
    rpath: Option<u64>,
    runpath: Option<u64>,
    flags_1: u64,
    strings: Option<u64>,
    strings_len: Option<u64>,
    needs: Option<u64>,
    needs_count: Option<u64>,
    defines: Option<u64>,
    defines_count: Option<u64>,
}

/// Parses the tags. The last one of each wins, except for `DT_NEEDED` (glibc, `elf_get_dynamic_info`; musl,
/// `decode_vec`).
fn tags<D: Dyn<Endian = Endianness>>(section: &[u8], endian: Endianness) -> Tags {
    let mut out = Tags::default();
    for at in (0..section.len()).step_by(size_of::<D>()) {
        let Some(entry) = pod::<D>(section, at) else { break };
        let value: u64 = entry.d_val(endian).into();
        match entry.d_tag(endian) {
            elf::DT_NULL => break,
            elf::DT_NEEDED => out.needed.push(value),
            elf::DT_SONAME => out.soname = Some(value),
            elf::DT_RPATH => out.rpath = Some(value),
            elf::DT_RUNPATH => out.runpath = Some(value),
            elf::DT_FLAGS_1 => out.flags_1 = value,
            elf::DT_STRTAB => out.strings = Some(value),
            elf::DT_STRSZ => out.strings_len = Some(value),
            elf::DT_VERNEED => out.needs = Some(value),
            elf::DT_VERNEEDNUM => out.needs_count = Some(value),
            elf::DT_VERDEF => out.defines = Some(value),
            elf::DT_VERDEFNUM => out.defines_count = Some(value),
            _ => {}
        }
    }
    out
}

/// Parses the dynamic section, or returns `None` if it needs bytes that are still to come.
fn linking<H: FileHeader<Endian = Endianness>>(
    buffer: &mut FileBuffer,
    endian: Endianness,
    segments: &Segments,
) -> Option<Dynamic> {
    let unread = |why| Some(Dynamic::Unread(why));
    let broken = |why| Some(Dynamic::Broken(why));
    let Some(dynamic) = segments.dynamic else { return Some(Dynamic::None) };
    if dynamic.len > limits::ELF_TABLE_BYTES {
        return unread("its dynamic section is larger than the limit (ELF table)");
    }
    // Loaders find it, and everything it refers to, by address.
    let Some(section) = segments.at(dynamic.start, dynamic.len) else {
        return broken("its dynamic section is not in a segment");
    };
    match buffer.request(section.start, section.len) {
        Availability::Pending => return None,
        Availability::Passed => return unread("its dynamic section can't be read in a single pass"),
        Availability::Buffered => {}
    }
    let tags = tags::<H::Dyn>(buffer.bytes(section.start, section.len), endian);
    let (Some(address), Some(len)) = (tags.strings, tags.strings_len) else {
        return broken("its dynamic section has no string table");
    };
    let Some(strings) = segments.at(address, len.min(limits::ELF_STRINGS_BYTES)) else {
        return broken("its string table is not in a segment");
    };
    // The length of a table is unknown: it is read up to the limit or the end of its segment.
    let mut table = |address: u64| {
        let range = segments.at(address, limits::ELF_TABLE_BYTES)?;
        Some((range, buffer.request(range.start, range.len)))
    };
    let needs = tags.needs.map(&mut table);
    let defines = tags.defines.map(&mut table);
    let is_pending =
        |table: &Option<Option<(Range, Availability)>>| matches!(table, Some(Some((_, Availability::Pending))));
    // The buffered part of a long table may be enough.
    if buffer.request(strings.start, strings.len) == Availability::Pending || is_pending(&needs) || is_pending(&defines)
    {
        return None;
    }
    let buffer = &*buffer;
    let table = buffer.bytes(strings.start, strings.len);
    let is_whole = table.len() as u64 == strings.len && len <= limits::ELF_STRINGS_BYTES;
    let mut names = Names { table, is_whole, left: limits::HEAD_BYTES };
    let mut linking = match names.linking(&tags) {
        Ok(linking) => linking,
        Err(why) => return Some(why),
    };
    let bytes = |table: Option<Option<(Range, Availability)>>| match table {
        None => Some(None),
        Some(Some((range, _))) => Some(Some(buffer.bytes(range.start, range.len))),
        Some(None) => None,
    };
    linking.versions = (|| {
        let needs = match bytes(needs)? {
            Some(table) => names.needs(table, tags.needs_count?, endian)?,
            None => Vec::new(),
        };
        let defines = match bytes(defines)? {
            Some(table) => names.defines(table, tags.defines_count?, endian)?,
            None => Vec::new(),
        };
        Some(Versions { needs, defines })
    })();
    Some(Dynamic::Read(Box::new(linking)))
}

/// A string table, and how much memory its names may still take.
struct Names<'a> {
    table: &'a [u8],
    /// Whether all of the table was buffered, within the limit.
    is_whole: bool,
    left: usize,
}

impl Names<'_> {
    /// The names that the tags refer to. The error is the state of the whole section.
    fn linking(&mut self, tags: &Tags) -> Result<Linking, Dynamic> {
        let non_empty = |name: Box<[u8]>| {
            if name.is_empty() { Err(Dynamic::Broken("a name in its dynamic section is empty")) } else { Ok(name) }
        };
        let needed = tags.needed.iter().map(|&at| self.name(at).and_then(non_empty)).collect::<Result<Vec<_>, _>>()?;
        let mut one = |at: Option<u64>| at.map(|at| self.name(at)).transpose();
        Ok(Linking {
            needed,
            soname: one(tags.soname)?.map(non_empty).transpose()?,
            rpath: one(tags.rpath)?,
            runpath: one(tags.runpath)?,
            no_default: tags.flags_1 & elf::DF_1_NODEFLIB.0 != 0,
            versions: None,
        })
    }

    /// The name at an offset, without its NUL.
    fn name(&mut self, at: u64) -> Result<Box<[u8]>, Dynamic> {
        let outside = if self.is_whole {
            Dynamic::Broken("a name in its dynamic section is outside the string table")
        } else {
            Dynamic::Unread("its string table is larger than the limit (ELF strings, head front)")
        };
        let Some(rest) = usize::try_from(at).ok().and_then(|at| self.table.get(at..)) else { return Err(outside) };
        let name = until_nul(&rest[..rest.len().min(self.left)]);
        let cost = name.len() + NAME_COST;
        if cost > self.left {
            return Err(Dynamic::Unread("its names are longer than the limit (head)"));
        }
        if name.len() == rest.len() {
            return Err(outside);
        }
        self.left -= cost;
        Ok(name.into())
    }

    /// A version's name. `None` if it doesn't match its hash, as in a table that was overwritten.
    fn version(&mut self, at: u32, hash: u32) -> Option<Box<[u8]>> {
        self.name(at.into()).ok().filter(|name| !name.is_empty() && elf::hash(name) == hash)
    }

    /// Parses `DT_VERNEED`.
    fn needs(&mut self, table: &[u8], count: u64, endian: Endianness) -> Option<Vec<VersionNeed>> {
        let mut out = Vec::new();
        let mut at = 0;
        for left in (0..count).rev() {
            let need: elf::Verneed<Endianness> = pod(table, at)?;
            if need.vn_version.get(endian) != elf::VER_NEED_CURRENT {
                return None;
            }
            let mut inner = at.checked_add(need.vn_aux.get(endian) as usize)?;
            for _ in 0..need.vn_cnt.get(endian) {
                let version: elf::Vernaux<Endianness> = pod(table, inner)?;
                out.push(VersionNeed {
                    library: self.name(need.vn_file.get(endian).into()).ok().filter(|name| !name.is_empty())?,
                    version: self.version(version.vna_name.get(endian), version.vna_hash.get(endian))?,
                    is_weak: version.vna_flags.get(endian).contains(elf::VER_FLG_WEAK),
                });
                inner = inner.checked_add(version.vna_next.get(endian) as usize)?;
            }
            at = next(at, need.vn_next.get(endian), left)?;
        }
        Some(out)
    }

    /// Parses `DT_VERDEF`. The first name of a definition is its own; the others are its parents.
    fn defines(&mut self, table: &[u8], count: u64, endian: Endianness) -> Option<Vec<Box<[u8]>>> {
        let mut out = Vec::new();
        let mut at = 0;
        for left in (0..count).rev() {
            let define: elf::Verdef<Endianness> = pod(table, at)?;
            if define.vd_version.get(endian) != elf::VER_DEF_CURRENT {
                return None;
            }
            let name: elf::Verdaux<Endianness> = pod(table, at.checked_add(define.vd_aux.get(endian) as usize)?)?;
            let name = self.version(name.vda_name.get(endian), define.vd_hash.get(endian))?;
            if !define.vd_flags.get(endian).contains(elf::VER_FLG_BASE) {
                out.push(name);
            }
            at = next(at, define.vd_next.get(endian), left)?;
        }
        Some(out)
    }
}

/// The offset of the next entry of a version table; `left` entries follow. The chain must end when the count does.
fn next(at: usize, step: u32, left: u64) -> Option<usize> {
    if (step == 0) != (left == 0) {
        return None;
    }
    at.checked_add(step as usize)
}

fn inside(range: Range, size: u64) -> bool {
    range.start.checked_add(range.len).is_some_and(|end| end <= size)
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.iter().position(|&b| b == 0).map_or(bytes, |end| &bytes[..end])
}

/// A structure at an offset, or `None` if it doesn't fit.
fn pod<T: Pod>(bytes: &[u8], at: usize) -> Option<T> {
    pod::from_bytes::<T>(bytes.get(at..)?).ok().map(|(value, _)| *value)
}
