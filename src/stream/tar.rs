//! Splits a streamed tar into entries.
//!
//! Bytes are pushed in pieces of any size; a [`Sink`] receives each entry's header, data and end. Every byte is
//! accounted for. Where tar readers differ, this one follows Go's archive/tar, with which docker, containerd and podman
//! unpack layers. Links, directories and devices have no data, whatever size their header gives.

use crate::limits;
use crate::stream::fault::Fault;
use crate::stream::fault::TarFault;
use crate::stream::header;
use crate::stream::header::BLOCK;
use crate::stream::header::Dialect;
use crate::stream::header::Fields;
use crate::stream::pax;
use crate::stream::pax::Pax;
use crate::stream::sparse;
use crate::stream::sparse::Extent;

/// One entry's header with its extension headers applied.
#[derive(Debug)]
pub struct Header {
    /// The name as the archive spells it.
    pub name: Vec<u8>,
    /// Target of a link, as the archive spells it.
    pub link: Vec<u8>,
    /// The type byte, normalized: NUL is replaced by `0` or `5`, and GNU's `S` by `0`.
    pub flag: u8,
    /// As stored; only the bits 07777 are permissions.
    pub mode: i64,
    /// Owner.
    pub uid: i64,
    /// Group.
    pub gid: i64,
    /// Size of the data in bytes, including the holes of a sparse file.
    pub size: u64,
    /// Size of the data as stored in the tar, in bytes, including a sparse map.
    pub stored: u64,
    /// Whether it is a sparse file.
    pub sparse: bool,
    /// Device numbers.
    pub device: (i64, i64),
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Size of its header and extension headers, in bytes.
    pub header_bytes: u64,
    /// Offset of its data in the tar, in bytes.
    pub data_offset: u64,
    /// Whether a global extension header comes before it.
    pub follows_global_header: bool,
}

/// Receives the entries of a tar. An error stops the reader.
pub trait Sink {
    /// An entry begins. Data follows for the types that have it.
    fn entry(&mut self, header: Header) -> Result<(), Fault>;
    /// The next bytes of the entry's data.
    fn data(&mut self, bytes: &[u8]);
    /// A hole: this many zero bytes, which are not stored.
    fn hole(&mut self, bytes: u64);
    /// The entry's data is complete.
    fn end(&mut self);
}

/// Bytes of a tar outside its entries' headers and data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overhead {
    /// Zeros that pad data to whole blocks.
    pub padding: u64,
    /// Everything after the last entry.
    pub trailing: u64,
    /// The part of `trailing` from the first nonzero block on.
    pub after_end: u64,
}

enum State {
    /// Before or inside a header.
    Header,
    /// Inside an extension header's data, which is followed by padding.
    Extension { flag: u8, left: u64, padding: u64 },
    /// Before another block of an old GNU sparse map.
    GnuSparse,
    /// Inside the map that precedes the data of a PAX 1.0 sparse file.
    FrontMap,
    /// Inside an entry's data.
    Data,
    /// Padding after data or an extension header.
    Padding { left: u64, in_header: bool },
    /// After one zero block.
    Zero,
    /// After the end-of-archive blocks.
    End,
}

/// Reads one tar.
pub struct TarReader {
    state: State,
    /// An incomplete header, extension header or map.
    partial: Vec<u8>,
    /// Bytes read so far.
    at: u64,
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    follows_global_header: bool,
    header_bytes: u64,
    /// The entry whose sparse map is incomplete.
    pending: Option<Box<Header>>,
    extents: Vec<Extent>,
    next_extent: usize,
    /// Stored bytes of the entry that are left to read.
    left: u64,
    /// Bytes of the file passed to the sink, including holes. While a map is being read: the number of its lines so
    /// far.
    emitted: u64,
    size: u64,
    padding: u64,
    sparse: bool,
    overhead: Overhead,
    /// How many bytes of an incomplete block have been read after the end-of-archive blocks.
    partial_block: u64,
}

impl Default for TarReader {
    fn default() -> TarReader {
        TarReader {
            state: State::Header,
            partial: Vec::new(),
            at: 0,
            pax: None,
            long_name: None,
            long_link: None,
            follows_global_header: false,
            header_bytes: 0,
            pending: None,
            extents: Vec::new(),
            next_extent: 0,
            left: 0,
            emitted: 0,
            size: 0,
            padding: 0,
            sparse: false,
            overhead: Overhead::default(),
            partial_block: 0,
        }
    }
}

impl TarReader {
    /// Reads the next bytes of the tar.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let step = match self.state {
                State::Data => self.data(bytes, sink),
                State::Padding { left, in_header } => {
                    let step = left.min(bytes.len() as u64);
                    self.state =
                        if step == left { State::Header } else { State::Padding { left: left - step, in_header } };
                    Ok(&bytes[step as usize..])
                }
                State::Header => self.header(bytes, sink),
                State::Extension { flag, left, padding } => self.extension(bytes, flag, left, padding),
                State::GnuSparse => self.gnu_sparse(bytes, sink),
                State::FrontMap => self.front_map(bytes, sink),
                State::Zero => self.second_block(bytes),
                State::End => {
                    self.after_end(bytes);
                    Ok(&bytes[bytes.len()..])
                }
            };
            match step {
                Ok(rest) => {
                    self.at += (bytes.len() - rest.len()) as u64;
                    bytes = rest;
                }
                Err(StepError::Tar(what)) => return Err(self.fault(what)),
                Err(StepError::Fault(fault)) => return Err(fault),
            }
        }
        Ok(())
    }

    /// How many bytes may be skipped instead of pushed: the rest of an entry's data and its padding.
    pub fn skippable(&self) -> u64 {
        match self.state {
            State::Data => self.left + self.padding,
            State::Padding { left, .. } => left,
            _ => 0,
        }
    }

    /// Skips [`TarReader::skippable`] bytes. The sink receives the entry's end but none of its data.
    pub fn skip(&mut self, sink: &mut impl Sink) {
        self.at += self.skippable();
        if matches!(self.state, State::Data) {
            self.overhead.padding += self.padding;
            sink.end();
        }
        self.state = State::Header;
    }

    /// Whether the bytes so far end inside an entry's padding: a tar that ends here is truncated.
    pub fn in_padding(&self) -> bool {
        matches!(self.state, State::Padding { .. })
    }

    /// Whether the end-of-archive blocks have been read.
    pub fn at_end(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// Ends the tar. A truncated entry is an error; missing end-of-archive blocks (umoci writes none) and missing
    /// padding are not.
    pub fn finish(mut self) -> Result<Overhead, Fault> {
        match self.state {
            State::Header if self.partial.is_empty() => {
                self.overhead.trailing = self.header_bytes;
            }
            State::Padding { left, in_header } => {
                if in_header {
                    self.header_bytes -= left;
                } else {
                    self.overhead.padding -= left;
                }
                self.overhead.trailing = self.header_bytes;
            }
            State::Zero => {
                if !self.partial.is_empty() {
                    return Err(self.fault(TarFault::TruncatedHeader));
                }
                self.overhead.trailing = self.header_bytes + BLOCK as u64;
            }
            State::End => {}
            State::Header | State::Extension { .. } | State::GnuSparse => {
                return Err(self.fault(TarFault::TruncatedHeader));
            }
            State::FrontMap | State::Data => return Err(self.fault(TarFault::TruncatedData)),
        }
        Ok(self.overhead)
    }

    fn fault(&self, what: TarFault) -> Fault {
        Fault::Tar { at: self.at, what }
    }

    /// Collects a block; `None` while it is incomplete.
    fn block<'b>(&mut self, bytes: &'b [u8]) -> (Option<[u8; BLOCK]>, &'b [u8]) {
        if self.partial.is_empty()
            && let Some((block, rest)) = bytes.split_first_chunk::<BLOCK>()
        {
            return (Some(*block), rest);
        }
        let step = (BLOCK - self.partial.len()).min(bytes.len());
        self.partial.extend_from_slice(&bytes[..step]);
        let block = <[u8; BLOCK]>::try_from(&self.partial[..]).ok();
        if block.is_some() {
            self.partial.clear();
        }
        (block, &bytes[step..])
    }

    fn header<'b>(&mut self, bytes: &'b [u8], sink: &mut impl Sink) -> Result<&'b [u8], StepError> {
        let (Some(block), rest) = self.block(bytes) else { return Ok(&[]) };
        if block.iter().all(|&b| b == 0) {
            self.state = State::Zero;
            return Ok(rest);
        }
        let fields = header::read(&block)?;
        self.header_bytes += BLOCK as u64;
        if matches!(fields.flag, b'x' | b'g' | b'L' | b'K') {
            let size = u64::try_from(fields.size).map_err(|_| TarFault::Number("size"))?;
            if size > limits::EXTENSION_BYTES {
                return Err(TarFault::ExtensionTooLarge { size }.into());
            }
            let padding = padding(size);
            self.header_bytes += size + padding;
            self.state = State::Extension { flag: fields.flag, left: size, padding };
            if size == 0 {
                self.finish_extension(fields.flag, 0)?;
            }
            return Ok(rest);
        }
        // `at` advances only after this step.
        let data_offset = self.at + (bytes.len() - rest.len()) as u64;
        self.entry(&block, fields, data_offset, sink)?;
        Ok(rest)
    }

    fn extension<'b>(&mut self, bytes: &'b [u8], flag: u8, left: u64, padding: u64) -> Result<&'b [u8], StepError> {
        let step = left.min(bytes.len() as u64);
        self.partial.extend_from_slice(&bytes[..step as usize]);
        if step < left {
            self.state = State::Extension { flag, left: left - step, padding };
        } else {
            self.finish_extension(flag, padding)?;
        }
        Ok(&bytes[step as usize..])
    }

    fn finish_extension(&mut self, flag: u8, padding: u64) -> Result<(), TarFault> {
        match flag {
            b'x' => self.pax = Some(pax::read(&self.partial)?),
            // Go returns a global header as an entry of its own, so it applies to no other entry and discards the
            // extension headers before it.
            b'g' => {
                pax::read(&self.partial)?;
                (self.pax, self.long_name, self.long_link) = (None, None, None);
                self.follows_global_header = true;
            }
            b'L' => self.long_name = Some(header::text(&self.partial)),
            _ => self.long_link = Some(header::text(&self.partial)),
        }
        self.partial.clear();
        self.state = if padding == 0 { State::Header } else { State::Padding { left: padding, in_header: true } };
        Ok(())
    }

    fn entry(
        &mut self,
        block: &[u8; BLOCK],
        fields: Fields,
        data_offset: u64,
        sink: &mut impl Sink,
    ) -> Result<(), StepError> {
        let pax = self.pax.take().unwrap_or_default();
        let name = self.long_name.take().filter(|name| !name.is_empty()).or(pax.path).unwrap_or(fields.name);
        let link = self.long_link.take().filter(|link| !link.is_empty()).or(pax.linkpath).unwrap_or(fields.link);
        for text in [&name, &link] {
            if text.len() > limits::PATH_BYTES {
                return Err(TarFault::NameTooLong { len: text.len() }.into());
            }
        }
        let size = u64::try_from(pax.size.unwrap_or(fields.size)).map_err(|_| TarFault::Number("size"))?;
        let flag = match fields.flag {
            0 if name.ends_with(b"/") => b'5',
            0 => b'0',
            flag => flag,
        };
        let stored = if matches!(flag, b'1'..=b'6') { 0 } else { size };
        let mut header = Box::new(Header {
            name,
            link,
            flag,
            mode: fields.mode,
            uid: pax.uid.unwrap_or(fields.uid),
            gid: pax.gid.unwrap_or(fields.gid),
            size: stored,
            stored,
            sparse: false,
            device: fields.device,
            xattrs: pax.xattrs,
            header_bytes: std::mem::take(&mut self.header_bytes),
            data_offset,
            follows_global_header: std::mem::take(&mut self.follows_global_header),
        });
        self.extents.clear();
        if flag == b'S' {
            if fields.dialect != Dialect::Gnu {
                return Err(TarFault::Sparse.into());
            }
            header.flag = b'0';
            header.sparse = true;
            header.size = u64::try_from(header::number(&block[483..495], "realsize")?).map_err(|_| TarFault::Sparse)?;
            sparse::gnu_extents(&block[386..482], &mut self.extents)?;
            if block[482] != 0 {
                self.pending = Some(header);
                self.state = State::GnuSparse;
                return Ok(());
            }
        } else if let Some(format) = sparse_format(&pax.sparse) {
            if !pax.sparse.name.is_empty() {
                header.name = pax.sparse.name;
            }
            if let Some(text) = pax.sparse.size.or(pax.sparse.real_size) {
                header.size = pax::decimal(&text).and_then(|n| u64::try_from(n).ok()).ok_or(TarFault::Sparse)?;
            }
            header.sparse = true;
            // Only regular files have data, so only they can be sparse.
            if matches!(flag, b'1'..=b'6') {
                return Err(TarFault::Sparse.into());
            }
            match format {
                SparseFormat::InHeader => {
                    self.extents = sparse::pax_extents(&pax.sparse.map)?;
                    if pax::decimal(&pax.sparse.blocks) != i64::try_from(self.extents.len()).ok() {
                        return Err(TarFault::Sparse.into());
                    }
                }
                SparseFormat::BeforeData => {
                    self.left = stored;
                    self.pending = Some(header);
                    self.state = State::FrontMap;
                    return Ok(());
                }
            }
        }
        self.begin(*header, stored, sink)
    }

    fn gnu_sparse<'b>(&mut self, bytes: &'b [u8], sink: &mut impl Sink) -> Result<&'b [u8], StepError> {
        let (Some(block), rest) = self.block(bytes) else { return Ok(&[]) };
        sparse::gnu_extents(&block[..504], &mut self.extents)?;
        let Some(mut header) = self.pending.take() else { return Err(TarFault::Sparse.into()) };
        header.header_bytes += BLOCK as u64;
        header.data_offset += BLOCK as u64;
        if block[504] != 0 {
            self.pending = Some(header);
        } else {
            let stored = header.stored;
            self.begin(*header, stored, sink)?;
        }
        Ok(rest)
    }

    fn front_map<'b>(&mut self, bytes: &'b [u8], sink: &mut impl Sink) -> Result<&'b [u8], StepError> {
        // The map is padded to whole blocks, so it is checked whenever a block is complete.
        let want = BLOCK - self.partial.len() % BLOCK;
        let step = want.min(bytes.len());
        if self.partial.len() as u64 + step as u64 > self.left.next_multiple_of(BLOCK as u64) || self.left == 0 {
            return Err(TarFault::Sparse.into());
        }
        self.partial.extend_from_slice(&bytes[..step]);
        if step < want {
            return Ok(&bytes[step..]);
        }
        // Parsing the map at each block would be quadratic, so it is parsed once it can be complete.
        let lines = |text: &[u8]| text.iter().filter(|&&b| b == b'\n').count();
        let announced = self.partial.split(|&b| b == b'\n').next().and_then(pax::decimal).unwrap_or(-1);
        let wanted = usize::try_from(announced).unwrap_or(0).min(limits::SPARSE_EXTENTS).saturating_mul(2) + 1;
        self.emitted += lines(&self.partial[self.partial.len() - BLOCK..]) as u64;
        if self.partial.contains(&b'\n') && self.emitted as usize >= wanted || announced > limits::SPARSE_EXTENTS as i64
        {
            let Some(extents) = sparse::front_map(&self.partial)? else { return Err(TarFault::Sparse.into()) };
            self.extents = extents;
            let Some(header) = self.pending.take() else { return Err(TarFault::Sparse.into()) };
            let map = self.partial.len() as u64;
            self.partial.clear();
            let stored = header.stored.checked_sub(map).ok_or(TarFault::Sparse)?;
            self.begin(*header, stored, sink)?;
        } else if self.partial.len() as u64 > limits::EXTENSION_BYTES * 8 {
            return Err(TarFault::SparseTooLarge.into());
        }
        Ok(&bytes[step..])
    }

    /// Starts an entry whose `stored` bytes of data follow.
    fn begin(&mut self, header: Header, stored: u64, sink: &mut impl Sink) -> Result<(), StepError> {
        if header.sparse {
            sparse::check(&self.extents, header.size)?;
            // Go, too, rejects stored bytes that the map doesn't cover.
            if self.extents.iter().map(|extent| extent.len).sum::<u64>() != stored {
                return Err(TarFault::Sparse.into());
            }
        }
        (self.left, self.emitted, self.size, self.next_extent) = (stored, 0, header.size, 0);
        self.padding = padding(header.stored);
        self.sparse = header.sparse;
        sink.entry(header).map_err(StepError::Fault)?;
        self.state = State::Data;
        if self.left == 0 {
            self.finish_data(sink);
        }
        Ok(())
    }

    fn data<'b>(&mut self, bytes: &'b [u8], sink: &mut impl Sink) -> Result<&'b [u8], StepError> {
        let step = self.left.min(bytes.len() as u64) as usize;
        let (data, rest) = bytes.split_at(step);
        self.left -= step as u64;
        if self.sparse {
            self.sparse_data(data, sink);
        } else {
            sink.data(data);
        }
        if self.left == 0 {
            self.finish_data(sink);
        }
        Ok(rest)
    }

    fn sparse_data(&mut self, mut data: &[u8], sink: &mut impl Sink) {
        while !data.is_empty() {
            let Some(extent) = self.extents.get(self.next_extent).copied() else {
                return;
            };
            if self.emitted < extent.offset {
                sink.hole(extent.offset - self.emitted);
                self.emitted = extent.offset;
            }
            let want = extent.offset + extent.len - self.emitted;
            let step = want.min(data.len() as u64);
            sink.data(&data[..step as usize]);
            self.emitted += step;
            data = &data[step as usize..];
            if step == want {
                self.next_extent += 1;
            }
        }
    }

    fn finish_data(&mut self, sink: &mut impl Sink) {
        if self.sparse && self.emitted < self.size {
            sink.hole(self.size - self.emitted);
        }
        sink.end();
        self.emitted = 0;
        self.overhead.padding += self.padding;
        self.state =
            if self.padding == 0 { State::Header } else { State::Padding { left: self.padding, in_header: false } };
    }

    fn second_block<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], StepError> {
        let (Some(block), rest) = self.block(bytes) else { return Ok(&[]) };
        if block.iter().any(|&b| b != 0) {
            return Err(TarFault::LoneZeroBlock.into());
        }
        self.overhead.trailing = self.header_bytes + 2 * BLOCK as u64;
        self.state = State::End;
        Ok(rest)
    }

    fn after_end(&mut self, bytes: &[u8]) {
        self.overhead.trailing += bytes.len() as u64;
        if self.overhead.after_end > 0 {
            self.overhead.after_end += bytes.len() as u64;
            return;
        }
        // Counts from the start of the first nonzero block. Blocks are aligned to the end-of-archive blocks.
        match bytes.iter().position(|&byte| byte != 0) {
            None => self.partial_block = (self.partial_block + bytes.len() as u64) % BLOCK as u64,
            Some(at) => {
                let in_block = (self.partial_block + at as u64) % BLOCK as u64;
                self.overhead.after_end = in_block + (bytes.len() - at) as u64;
            }
        }
    }
}

/// A failed step: a fault in the tar, whose offset the reader adds, or a fault from the sink.
enum StepError {
    Tar(TarFault),
    Fault(Fault),
}

impl From<TarFault> for StepError {
    fn from(what: TarFault) -> StepError {
        StepError::Tar(what)
    }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

enum SparseFormat {
    InHeader,
    BeforeData,
}

fn sparse_format(keys: &pax::Sparse) -> Option<SparseFormat> {
    match (&keys.major[..], &keys.minor[..]) {
        (b"0", b"0" | b"1") => Some(SparseFormat::InHeader),
        (b"1", b"0") => Some(SparseFormat::BeforeData),
        (b"", b"") if !keys.map.is_empty() => Some(SparseFormat::InHeader),
        _ => None,
    }
}
