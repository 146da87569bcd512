//! PAX extension headers (POSIX.1-2001, pax, "pax Extended Header"), parsed as Go's archive/tar does.
//!
//! Records are delimited by their length prefix, not by newlines. The last record of a repeated key wins.

use crate::stream::fault::TarFault;

/// The records of one extension header that plimsoll uses.
#[derive(Debug, Default)]
pub struct Pax {
    /// Overrides the header's name.
    pub path: Option<Vec<u8>>,
    /// Overrides the header's link target.
    pub linkpath: Option<Vec<u8>>,
    /// Overrides the header's size.
    pub size: Option<i64>,
    /// Overrides the header's owner.
    pub uid: Option<i64>,
    /// Overrides the header's group.
    pub gid: Option<i64>,
    /// Extended attributes; names without the prefix `SCHILY.xattr.`.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// GNU's keys for sparse files.
    pub sparse: Sparse,
}

/// GNU's keys for sparse files, in formats 0.0, 0.1 and 1.0.
#[derive(Debug, Default)]
pub struct Sparse {
    /// `GNU.sparse.major`.
    pub major: Vec<u8>,
    /// `GNU.sparse.minor`.
    pub minor: Vec<u8>,
    /// `GNU.sparse.name`.
    pub name: Vec<u8>,
    /// `GNU.sparse.size`.
    pub size: Option<Vec<u8>>,
    /// `GNU.sparse.realsize`.
    pub real_size: Option<Vec<u8>>,
    /// `GNU.sparse.map`, or the offsets and lengths of format 0.0 joined by commas, which take precedence.
    pub map: Vec<u8>,
    /// `GNU.sparse.numblocks`, required in formats 0.0 and 0.1.
    pub blocks: Vec<u8>,
    pairs: Vec<u8>,
    /// Whether the next record of format 0.0 must be a `numbytes`.
    expects_length: bool,
}

const XATTR: &[u8] = b"SCHILY.xattr.";

/// Parses the data of an `x` or `g` header.
pub fn read(mut data: &[u8]) -> Result<Pax, TarFault> {
    let mut pax = Pax::default();
    while !data.is_empty() {
        let record = record(data)?;
        take(&mut pax, record.key, record.value)?;
        data = record.rest;
    }
    if pax.sparse.expects_length {
        return Err(TarFault::Pax(": a sparse offset without its length"));
    }
    if !pax.sparse.pairs.is_empty() {
        pax.sparse.map = std::mem::take(&mut pax.sparse.pairs);
    }
    Ok(pax)
}

/// One record and the bytes after it.
struct Record<'a> {
    key: &'a [u8],
    value: &'a [u8],
    rest: &'a [u8],
}

/// Parses `LENGTH KEY=VALUE\n`, where the length counts the whole record.
fn record(data: &[u8]) -> Result<Record<'_>, TarFault> {
    const BAD: TarFault = TarFault::Pax(": invalid length");
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
    // An empty value cancels an earlier record.
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
        // Nothing here uses the time, but Go refuses a record in which it is malformed.
        b"mtime" if !value.is_empty() => _ = seconds(value)?,
        b"GNU.sparse.major" => pax.sparse.major = value.to_vec(),
        b"GNU.sparse.minor" => pax.sparse.minor = value.to_vec(),
        b"GNU.sparse.name" => pax.sparse.name = value.to_vec(),
        b"GNU.sparse.size" => pax.sparse.size = text(),
        b"GNU.sparse.realsize" => pax.sparse.real_size = text(),
        b"GNU.sparse.map" => pax.sparse.map = value.to_vec(),
        b"GNU.sparse.numblocks" => pax.sparse.blocks = value.to_vec(),
        b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
            if (key == b"GNU.sparse.numbytes") != pax.sparse.expects_length || value.contains(&b',') {
                return Err(TarFault::Pax(": sparse offsets and lengths out of order"));
            }
            pax.sparse.expects_length = !pax.sparse.expects_length;
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

/// Extended attributes kept per entry, more than any real file has.
const XATTRS: usize = 256;

/// A decimal number with an optional sign, at most 63 bits.
pub fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Parses `SECONDS[.FRACTION]`.
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
    fn delimits_records_by_length() {
        let pax = read(b"27 comment=a\n13 size=99999\n").expect("one record");
        assert_eq!(pax.size, None);
        let pax = read(b"12 path=a\nb\n").expect("a newline in a path");
        assert_eq!(pax.path.as_deref(), Some(&b"a\nb"[..]));
        let pax = read(b"9 path=a\n9 path=b\n").expect("twice");
        assert_eq!(pax.path.as_deref(), Some(&b"b"[..]));
    }

    #[test]
    fn prefers_sparse_pairs_to_a_map() {
        let pax = read(b"24 GNU.sparse.offset=10\n25 GNU.sparse.numbytes=5\n20 GNU.sparse.map=7\n").expect("records");
        assert_eq!(pax.sparse.map, b"10,5");
    }

    #[test]
    fn rejects_malformed_records() {
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
