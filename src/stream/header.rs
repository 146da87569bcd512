//! One 512-byte tar header, parsed as Go's archive/tar does (docker, containerd and podman unpack layers with it).

use crate::stream::fault::TarFault;
use tar::Header;

/// Size of a header, and the unit that all data in a tar is padded to, in bytes.
pub const BLOCK: usize = 512;

/// A tar format, by its magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// No magic.
    V7,
    /// `ustar`, which PAX uses too.
    Ustar,
    /// `ustar` with star's trailer and its shorter prefix.
    Star,
    /// `ustar  `, GNU.
    Gnu,
}

/// The fields of a header, before extension headers are applied.
#[derive(Debug)]
pub struct Fields {
    /// The format.
    pub dialect: Dialect,
    /// The type byte.
    pub flag: u8,
    /// The name with its prefix.
    pub name: Vec<u8>,
    /// Target of a link.
    pub link: Vec<u8>,
    /// As stored; only 07777 of it are permissions.
    pub mode: i64,
    /// Owner.
    pub uid: i64,
    /// Group.
    pub gid: i64,
    /// Bytes of data that follow.
    pub size: i64,
    /// Device numbers.
    pub device: (i64, i64),
}

/// Parses a block that is not all zeros.
pub fn read(block: &[u8; BLOCK]) -> Result<Fields, TarFault> {
    let header = Header::from_byte_slice(block);
    let old = header.as_old();
    check_sum(block, &old.cksum)?;
    // Nothing here uses the time, but Go refuses a header in which it is malformed.
    number(&old.mtime, "mtime")?;
    let dialect = dialect(block);
    let mut fields = Fields {
        dialect,
        flag: old.linkflag[0],
        name: text(&old.name),
        link: text(&old.linkname),
        mode: number(&old.mode, "mode")?,
        uid: number(&old.uid, "uid")?,
        gid: number(&old.gid, "gid")?,
        size: number(&old.size, "size")?,
        device: (0, 0),
    };
    if dialect != Dialect::V7 {
        fields.device = (number(&block[329..337], "devmajor")?, number(&block[337..345], "devminor")?);
    }
    let prefix = match dialect {
        Dialect::V7 => Vec::new(),
        Dialect::Ustar => text(&block[345..500]),
        Dialect::Star => text(&block[345..476]),
        Dialect::Gnu => gnu_prefix(block),
    };
    if !prefix.is_empty() {
        fields.name = [&prefix[..], b"/", &fields.name].concat();
    }
    Ok(fields)
}

/// GNU headers store times in ustar's prefix field. Where those are not numbers, an old Go program wrote a prefix.
fn gnu_prefix(block: &[u8; BLOCK]) -> Vec<u8> {
    let bad = |field: &[u8]| field[0] != 0 && number(field, "time").is_err();
    let prefix = text(&block[345..500]);
    if (bad(&block[345..357]) || bad(&block[357..369])) && prefix.is_ascii() { prefix } else { Vec::new() }
}

fn dialect(block: &[u8; BLOCK]) -> Dialect {
    match (&block[257..263], &block[263..265]) {
        (b"ustar\0", _) if &block[508..512] == b"tar\0" => Dialect::Star,
        (b"ustar\0", _) => Dialect::Ustar,
        (b"ustar ", b" \0") => Dialect::Gnu,
        _ => Dialect::V7,
    }
}

/// The checksum counts its own field as spaces. Some old tars summed signed bytes.
fn check_sum(block: &[u8; BLOCK], field: &[u8]) -> Result<(), TarFault> {
    let (mut unsigned, mut signed) = (0i64, 0i64);
    for (i, &byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&i) { b' ' } else { byte };
        unsigned += i64::from(byte);
        signed += i64::from(byte as i8);
    }
    match octal(field) {
        Some(sum) if sum == unsigned || sum == signed => Ok(()),
        _ => Err(TarFault::Checksum),
    }
}

/// A numeric field: octal padded with spaces or NULs (empty is 0), or signed base 256, at most 63 bits.
pub fn number(field: &[u8], name: &'static str) -> Result<i64, TarFault> {
    let value = match field.first() {
        Some(first) if first & 0x80 != 0 => base_256(field),
        _ => octal(field),
    };
    value.ok_or(TarFault::Number(name))
}

fn octal(field: &[u8]) -> Option<i64> {
    let blank = |b: &u8| *b == b' ' || *b == 0;
    let start = field.iter().position(|b| !blank(b)).unwrap_or(field.len());
    let end = field.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
    let digits = field[start..end].split(|&b| b == 0).next().unwrap_or(b"");
    let mut value: i64 = 0;
    for &digit in digits {
        if !(b'0'..=b'7').contains(&digit) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(i64::from(digit - b'0'))?;
    }
    Some(value)
}

fn base_256(field: &[u8]) -> Option<i64> {
    // Two's complement; the first bit only marks the encoding.
    let negative = field[0] & 0x40 != 0;
    let invert = if negative { 0xff } else { 0 };
    let mut value: u64 = 0;
    for (i, &byte) in field.iter().enumerate() {
        let mut byte = byte ^ invert;
        if i == 0 {
            byte &= 0x7f;
        }
        if value >> 56 != 0 {
            return None;
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { !value } else { value })
}

/// A text field: up to the first NUL.
pub fn text(field: &[u8]) -> Vec<u8> {
    field.split(|&b| b == 0).next().unwrap_or(b"").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_numbers_as_go_does() {
        let ok = |field: &[u8]| number(field, "size").ok();
        assert_eq!(ok(b"         5 \0"), Some(5));
        assert_eq!(ok(b"            "), Some(0));
        assert_eq!(ok(b"\0\0\0"), Some(0));
        assert_eq!(ok(b"00000000017\0"), Some(15));
        assert_eq!(ok(b"00000012x9\0\0"), None);
        assert_eq!(ok(b"-0000000001\0"), None);
        assert_eq!(ok(&[0xff; 12]), Some(-1));
        assert_eq!(ok(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]), Some(5));
        assert_eq!(ok(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]), None, "2^63 doesn't fit");
        assert_eq!(ok(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5]), None, "high bits are not dropped");
    }
}
