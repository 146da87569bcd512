//! Sparse files: old GNU, PAX 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files"), parsed as Go's archive/tar
//! does.
//!
//! A map gives the offset of each run of stored bytes; the gaps are holes, which are not expanded.

use crate::limits;
use crate::stream::fault::TarFault;
use crate::stream::header::number;
use crate::stream::pax::decimal;

/// A run of `len` stored bytes at `offset` of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
}

/// Parses the pairs of twelve-byte fields of an old GNU header; stops at the first empty one.
pub fn gnu_extents(area: &[u8], extents: &mut Vec<Extent>) -> Result<(), TarFault> {
    for pair in area.chunks_exact(24) {
        if pair[0] == 0 {
            return Ok(());
        }
        let field = |bytes: &[u8]| number(bytes, "sparse").and_then(|n| u64::try_from(n).map_err(|_| TarFault::Sparse));
        push(extents, Extent { offset: field(&pair[..12])?, len: field(&pair[12..])? })?;
    }
    Ok(())
}

/// Parses the map of PAX 0.0 and 0.1: numbers separated by commas.
pub fn pax_extents(map: &[u8]) -> Result<Vec<Extent>, TarFault> {
    let mut extents = Vec::new();
    let mut numbers = map.split(|&b| b == b',').filter(|text| !text.is_empty()).map(whole);
    while let Some(offset) = numbers.next() {
        let len = numbers.next().ok_or(TarFault::Sparse)?;
        push(&mut extents, Extent { offset: offset?, len: len? })?;
    }
    Ok(extents)
}

/// Parses the map of PAX 1.0, which precedes the data: the number of extents, then the offset and length of each, one
/// number per line. `None` if more bytes are needed. The map is padded to whole blocks.
pub fn front_map(text: &[u8]) -> Result<Option<Vec<Extent>>, TarFault> {
    let mut lines =
        text.split_inclusive(|&b| b == b'\n').filter(|line| line.ends_with(b"\n")).map(|line| &line[..line.len() - 1]);
    let Some(count) = lines.next() else { return Ok(None) };
    let count = usize::try_from(whole(count)?).map_err(|_| TarFault::SparseTooLarge)?;
    if count > limits::SPARSE_EXTENTS {
        return Err(TarFault::SparseTooLarge);
    }
    let mut extents = Vec::new();
    for _ in 0..count {
        let (Some(offset), Some(len)) = (lines.next(), lines.next()) else { return Ok(None) };
        push(&mut extents, Extent { offset: whole(offset)?, len: whole(len)? })?;
    }
    Ok(Some(extents))
}

/// Checks that the extents are in order, don't overlap and lie inside the file.
pub fn check(extents: &[Extent], size: u64) -> Result<(), TarFault> {
    let mut end = 0u64;
    for extent in extents {
        let stop = extent.offset.checked_add(extent.len).filter(|&stop| stop <= size && i64::try_from(stop).is_ok());
        if extent.offset < end {
            return Err(TarFault::Sparse);
        }
        end = stop.ok_or(TarFault::Sparse)?;
    }
    Ok(())
}

fn push(extents: &mut Vec<Extent>, extent: Extent) -> Result<(), TarFault> {
    if extents.len() >= limits::SPARSE_EXTENTS {
        return Err(TarFault::SparseTooLarge);
    }
    extents.push(extent);
    Ok(())
}

fn whole(text: &[u8]) -> Result<u64, TarFault> {
    decimal(text).and_then(|n| u64::try_from(n).ok()).ok_or(TarFault::Sparse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_maps_out_of_order_or_out_of_range() {
        let extent = |offset, len| Extent { offset, len };
        assert!(check(&[extent(0, 10), extent(10, 5)], 15).is_ok());
        assert_eq!(check(&[extent(5000, 512), extent(100, 512)], 6000), Err(TarFault::Sparse));
        assert_eq!(check(&[extent(u64::MAX, 2)], u64::MAX), Err(TarFault::Sparse));
        assert_eq!(front_map(b"1\n10000\n512\n\0\0"), Ok(Some(vec![extent(10000, 512)])));
        assert_eq!(front_map(b"1\n10000\n"), Ok(None));
        assert_eq!(front_map(b"4611686018427387904\n"), Err(TarFault::SparseTooLarge));
    }
}
