//! `/etc/ld.so.cache`: the files for each library name, as ldconfig(8) recorded them.
//!
//! In: the file's bytes. Out: the files for a name. The format is glibc's (sysdeps/generic/dl-cache.h): a header,
//! entries of 24 bytes sorted by name, strings; the older format may come before it. Not here: whether the files exist.

use crate::limits;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// The longest name or path; the cache is untrusted input.
const NAME_MAX: usize = 4096;

/// A cache.
pub struct Cache<'a> {
    /// The file from the new format's header on; offsets are relative to it.
    bytes: &'a [u8],
    count: usize,
    is_big_endian: bool,
}

/// A file for a name.
pub struct Listed<'a> {
    pub path: &'a [u8],
    /// Only for CPUs with certain features.
    pub is_for_some_cpus: bool,
}

impl<'a> Cache<'a> {
    /// Reads the header; `None` if ld.so would ignore the file.
    pub fn read(bytes: &'a [u8], is_big_endian: bool) -> Option<Cache<'a>> {
        let mut start = 0;
        if bytes.starts_with(OLD_MAGIC) {
            let count = number(bytes, 12, is_big_endian)? as usize;
            let end = count.checked_mul(12)?.checked_add(16)?;
            // The new header is aligned to its widest field: 8 bytes, or 4 on some machines.
            start = [end.checked_next_multiple_of(8)?, end.checked_next_multiple_of(4)?]
                .into_iter()
                .find(|&at| bytes.get(at..).is_some_and(|rest| rest.starts_with(MAGIC)))?;
        }
        let bytes = bytes.get(start..).filter(|bytes| bytes.starts_with(MAGIC))?;
        let count = number(bytes, MAGIC.len(), is_big_endian)? as usize;
        // The low bits of the flags are the byte order: 0 unset, 2 little, 3 big.
        let order = bytes.get(28)? & 3;
        if order != 0 && order != 2 + u8::from(is_big_endian) {
            return None;
        }
        let fits = count.checked_mul(ENTRY)?.checked_add(HEADER)? <= bytes.len();
        fits.then_some(Cache { bytes, count, is_big_endian })
    }

    /// The files for a name, in the cache's order; the first [`limits::CACHE_ENTRIES`] of them.
    pub fn find(&self, name: &[u8]) -> Vec<Listed<'a>> {
        // Sorted in descending order.
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.name(middle).map(|key| compare(name, key)) {
                Some(std::cmp::Ordering::Less) => from = middle + 1,
                Some(_) => to = middle,
                None => return Vec::new(),
            }
        }
        let mut out = Vec::new();
        while from < self.count
            && out.len() < limits::CACHE_ENTRIES
            && self.name(from).is_some_and(|key| compare(name, key).is_eq())
        {
            let entry = HEADER + from * ENTRY;
            // The low byte of the flags is the type: 1 for any ELF library, 3 for glibc's. The rest is the machine,
            // which the files themselves tell too.
            let is_elf =
                number(self.bytes, entry, self.is_big_endian).is_some_and(|flags| matches!(flags & 0xff, 1 | 3));
            let features = self.bytes.get(entry + 16..entry + 24);
            if let (true, Some(path), Some(features)) = (is_elf, self.string(entry + 8), features) {
                out.push(Listed { path, is_for_some_cpus: features.iter().any(|&byte| byte != 0) });
            }
            from += 1;
        }
        out
    }

    fn name(&self, index: usize) -> Option<&'a [u8]> {
        self.string(HEADER + index * ENTRY + 4)
    }

    /// The string whose offset is at `at`.
    fn string(&self, at: usize) -> Option<&'a [u8]> {
        let rest = self.bytes.get(number(self.bytes, at, self.is_big_endian)? as usize..)?;
        let rest = &rest[..rest.len().min(NAME_MAX)];
        Some(&rest[..rest.iter().position(|&b| b == 0)?])
    }
}

/// The order of names in a cache: runs of digits compare as numbers, and sort after letters (glibc,
/// `_dl_cache_libcmp`).
fn compare(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    let (mut a, mut b) = (a, b);
    let digit = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
    loop {
        match (digit(a), digit(b)) {
            (true, true) => {
                let (first, second) = (take_number(&mut a), take_number(&mut b));
                if first != second {
                    return first.cmp(&second);
                }
            }
            (true, false) => return std::cmp::Ordering::Greater,
            (false, true) => return std::cmp::Ordering::Less,
            (false, false) => match (a.split_first(), b.split_first()) {
                (Some((x, rest_a)), Some((y, rest_b))) if x == y => (a, b) = (rest_a, rest_b),
                (x, y) => return x.map(|(x, _)| x).cmp(&y.map(|(y, _)| y)),
            },
        }
    }
}

fn take_number(text: &mut &[u8]) -> u32 {
    let mut value = 0u32;
    while let Some((digit, rest)) = text.split_first().filter(|(digit, _)| digit.is_ascii_digit()) {
        value = value.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
        *text = rest;
    }
    value
}

fn number(bytes: &[u8], at: usize, is_big_endian: bool) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if is_big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    /// A cache with these names, paths and features.
    pub fn cache(entries: &[(&str, &str, u64)], with_old: bool) -> Vec<u8> {
        let mut sorted = entries.to_vec();
        sorted.sort_by(|a, b| compare(b.0.as_bytes(), a.0.as_bytes()));
        let mut strings = Vec::new();
        let mut table = Vec::new();
        let base = HEADER + sorted.len() * ENTRY;
        for (name, path, features) in sorted {
            table.extend(0x0303u32.to_le_bytes());
            for text in [name, path] {
                table.extend(((base + strings.len()) as u32).to_le_bytes());
                strings.extend(text.bytes().chain([0]));
            }
            table.extend([0; 4]);
            table.extend(features.to_le_bytes());
        }
        let mut out = Vec::new();
        if with_old {
            out.extend(OLD_MAGIC);
            out.push(0);
            out.extend(1u32.to_le_bytes());
            out.extend([0; 12 + 4]);
        }
        out.extend(MAGIC);
        out.extend((entries.len() as u32).to_le_bytes());
        out.extend((strings.len() as u32).to_le_bytes());
        out.extend([2, 0, 0, 0]);
        out.extend([0; 16]);
        out.extend(table);
        out.extend(strings);
        out
    }

    fn find(cache: &Cache<'_>, name: &str) -> Vec<(String, bool)> {
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        cache.find(name.as_bytes()).iter().map(|listed| (text(listed.path), listed.is_for_some_cpus)).collect()
    }

    #[test]
    fn finds_names_in_both_formats() {
        let names: Vec<(String, String)> = (0..40).map(|n| (format!("lib{n}.so.{n}"), format!("/lib/{n}"))).collect();
        let mut entries: Vec<(&str, &str, u64)> = names.iter().map(|(name, path)| (&name[..], &path[..], 0)).collect();
        entries.push(("lib7.so.7", "/hwcaps/7", 1 << 62));
        for with_old in [false, true] {
            let bytes = cache(&entries, with_old);
            let cache = Cache::read(&bytes, false).expect("a cache");
            for (name, path) in &names {
                let found = find(&cache, name);
                assert_eq!(found[0], (path.clone(), false), "{name}");
                assert_eq!(found.len(), if name == "lib7.so.7" { 2 } else { 1 });
            }
            assert!(find(&cache, "lib40.so.40").is_empty());
        }
    }

    #[test]
    fn compares_digits_as_numbers() {
        assert_eq!(compare(b"lib10", b"lib9"), Ordering::Greater);
        assert_eq!(compare(b"lib1", b"liba"), Ordering::Greater);
        assert_eq!(compare(b"liba", b"lib"), Ordering::Greater);
        assert_eq!(compare(b"lib.so.1", b"lib.so.1"), Ordering::Equal);
    }

    #[test]
    fn survives_truncated_and_forged_caches() {
        let bytes = cache(&[("liba.so", "/lib/liba.so", 0)], true);
        for len in 0..bytes.len() {
            if let Some(cache) = Cache::read(&bytes[..len], false) {
                assert!(find(&cache, "liba.so").is_empty());
            }
        }
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] = 0xff;
            if let Some(cache) = Cache::read(&bad, false) {
                find(&cache, "liba.so");
            }
        }
        assert!(Cache::read(&bytes, true).is_none());
    }
}
