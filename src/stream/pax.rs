//! PAX extension headers (POSIX.1-2001, pax, "pax Extended Header"), as Go's archive/tar reads them.
//!
//! A record's length prefix rules, never its line breaks; of a key that occurs twice the last wins.

use crate::stream::fault::TarFault;

/// The records of one extension header that this program uses.
#[derive(Debug, Default)]
pub struct Pax {
    /// Instead of the header's name.
    pub path: Option<Vec<u8>>,
    /// Instead of the header's link target.
    pub linkpath: Option<Vec<u8>>,
    /// Instead of the header's size.
    pub size: Option<i64>,
    /// Instead of the header's owner.
    pub uid: Option<i64>,
    /// Instead of the header's group.
    pub gid: Option<i64>,
    /// Instead of the header's time, whole seconds.
    pub mtime: Option<i64>,
    /// Extended attributes, `SCHILY.xattr.` taken off the name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// GNU's sparse keys.
    pub sparse: Sparse,
}

/// GNU's keys for sparse files, formats 0.0, 0.1 and 1.0.
#[derive(Debug, Default)]
pub struct Sparse {
    /// `GNU.sparse.major`.
    pub major: Vec<u8>,
    /// `GNU.sparse.minor`.
    pub minor: Vec<u8>,
    /// `GNU.sparse.name`.
    pub name: Vec<u8>,
    /// `GNU.sparse.size`, else `GNU.sparse.realsize`.
    pub size: Option<Vec<u8>>,
    /// `GNU.sparse.realsize`.
    pub real_size: Option<Vec<u8>>,
    /// `GNU.sparse.map`, or the offsets and numbers of format 0.0 in turn, joined by commas, which go before it.
    pub map: Vec<u8>,
    /// `GNU.sparse.numblocks`, which formats 0.0 and 0.1 must have.
    pub blocks: Vec<u8>,
    pairs: Vec<u8>,
    /// Whether the next record of format 0.0 must be a `numbytes`.
    half: bool,
}

const XATTR: &[u8] = b"SCHILY.xattr.";

/// Reads the content of an `x` or `g` header.
pub fn read(mut data: &[u8]) -> Result<Pax, TarFault> {
    let mut pax = Pax::default();
    while !data.is_empty() {
        let record = record(data)?;
        take(&mut pax, record.key, record.value)?;
        data = record.rest;
    }
    if pax.sparse.half {
        return Err(TarFault::Pax(": a sparse offset without its length"));
    }
    if !pax.sparse.pairs.is_empty() {
        pax.sparse.map = std::mem::take(&mut pax.sparse.pairs);
    }
    Ok(pax)
}

/// One record, and what stands behind it.
struct Record<'a> {
    key: &'a [u8],
    value: &'a [u8],
    rest: &'a [u8],
}

/// `LENGTH KEY=VALUE\n`, the length counting all of it.
fn record(data: &[u8]) -> Result<Record<'_>, TarFault> {
    const BAD: TarFault = TarFault::Pax(": its length does not fit");
    let space = data.iter().take(20).position(|&b| b == b' ').ok_or(BAD)?;
    let length = decimal(&data[..space]).and_then(|n| usize::try_from(n).ok()).ok_or(BAD)?;
    if length < 5 || length > data.len() || length < space + 2 {
        return Err(BAD);
    }
    let body = &data[space + 1..length - 1];
    if data[length - 1] != b'\n' {
        return Err(BAD);
    }
    let equals = body.iter().position(|&b| b == b'=').ok_or(TarFault::Pax(" without '='"))?;
    let (key, value) = (&body[..equals], &body[equals + 1..]);
    let named = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
    if key.is_empty() || (if named { value } else { key }).contains(&0) {
        return Err(TarFault::Pax(" with a NUL or an empty key"));
    }
    Ok(Record { key, value, rest: &data[length..] })
}

fn take(pax: &mut Pax, key: &[u8], value: &[u8]) -> Result<(), TarFault> {
    // An empty value takes back what an earlier record said.
    let text = || Some(value.to_vec()).filter(|v| !v.is_empty());
    let int = |what| match value {
        b"" => Ok(None),
        _ => decimal(value).map(Some).ok_or(TarFault::Number(what)),
    };
    match key {
        b"path" => pax.path = text(),
        b"linkpath" => pax.linkpath = text(),
        b"size" => pax.size = int("PAX size")?,
        b"uid" => pax.uid = int("PAX uid")?,
        b"gid" => pax.gid = int("PAX gid")?,
        b"mtime" => pax.mtime = if value.is_empty() { None } else { Some(seconds(value)?) },
        b"GNU.sparse.major" => pax.sparse.major = value.to_vec(),
        b"GNU.sparse.minor" => pax.sparse.minor = value.to_vec(),
        b"GNU.sparse.name" => pax.sparse.name = value.to_vec(),
        b"GNU.sparse.size" => pax.sparse.size = text(),
        b"GNU.sparse.realsize" => pax.sparse.real_size = text(),
        b"GNU.sparse.map" => pax.sparse.map = value.to_vec(),
        b"GNU.sparse.numblocks" => pax.sparse.blocks = value.to_vec(),
        b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
            if (key == b"GNU.sparse.numbytes") != pax.sparse.half || value.contains(&b',') {
                return Err(TarFault::Pax(": sparse offsets and lengths out of turn"));
            }
            pax.sparse.half = !pax.sparse.half;
            if !pax.sparse.pairs.is_empty() {
                pax.sparse.pairs.push(b',');
            }
            pax.sparse.pairs.extend_from_slice(value);
        }
        _ => {
            if let Some(name) = key.strip_prefix(XATTR) {
                pax.xattrs.retain(|(other, _)| other != name);
                if !value.is_empty() && pax.xattrs.len() < XATTRS {
                    pax.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
    }
    Ok(())
}

/// More attributes than one file has on any system; only a few names matter anyway.
const XATTRS: usize = 256;

/// A decimal number with an optional sign, at most 63 bits.
pub fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `SECONDS[.FRACTION]`.
fn seconds(value: &[u8]) -> Result<i64, TarFault> {
    const BAD: TarFault = TarFault::Number("PAX mtime");
    let mut parts = value.splitn(2, |&b| b == b'.');
    let whole = decimal(parts.next().unwrap_or(b"")).ok_or(BAD)?;
    match parts.next() {
        Some(fraction) if !fraction.iter().all(u8::is_ascii_digit) => Err(BAD),
        _ => Ok(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_rule_not_lines() {
        let pax = read(b"27 comment=a\n13 size=99999\n").expect("one record");
        assert_eq!(pax.size, None);
        let pax = read(b"12 path=a\nb\n").expect("a newline in a path");
        assert_eq!(pax.path.as_deref(), Some(&b"a\nb"[..]));
        let pax = read(b"9 path=a\n9 path=b\n").expect("twice");
        assert_eq!(pax.path.as_deref(), Some(&b"b"[..]));
    }

    #[test]
    fn pairs_of_format_0_0_go_before_a_map() {
        let pax = read(b"24 GNU.sparse.offset=10\n25 GNU.sparse.numbytes=5\n20 GNU.sparse.map=7\n").expect("records");
        assert_eq!(pax.sparse.map, b"10,5");
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            &b"9999 path=x\n"[..],
            b"0 path=x\n",
            b"10 pathxx\n",
            b"18446744073709551636 path=x\n",
            b"x",
            b"11 path=a\0b\n",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(b"12 size=many\n").is_err());
    }
}
