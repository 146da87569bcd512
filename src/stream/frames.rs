//! Cuts a tar that streams past into entries.
//!
//! Bytes are pushed in pieces of any size; a [`Sink`] gets each entry's header, its content and its end. Every byte is
//! accounted for. Where readers differ, this one follows Go's archive/tar, for docker, containerd and podman unpack with
//! it: whatever they see is seen here. A body that a type has no use for (links, directories, devices) has no bytes, whatever
//! the header's size says.

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

/// One entry's header, extension headers applied.
#[derive(Debug)]
pub struct Header {
    /// The name as the archive spells it.
    pub name: Vec<u8>,
    /// Target of a link, as the archive spells it.
    pub link: Vec<u8>,
    /// The type byte; NUL has become `0` or `5`, GNU's `S` has become `0`.
    pub flag: u8,
    /// As stored; only 07777 of it are permissions.
    pub mode: i64,
    /// Owner.
    pub uid: i64,
    /// Group.
    pub gid: i64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Bytes of content, with the holes of a sparse file.
    pub size: u64,
    /// Bytes stored in the tar for it, a sparse map among them.
    pub stored: u64,
    /// Whether it is a sparse file.
    pub sparse: bool,
    /// Device numbers.
    pub device: (i64, i64),
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes of its header and extension headers.
    pub header_bytes: u64,
    /// Where its content begins, in bytes from the tar's start.
    pub content_at: u64,
    /// A global extension header stood before it.
    pub behind_global: bool,
}

/// Takes the entries of a tar. An error ends the walk.
pub trait Sink {
    /// A header. Content follows for the types that have it.
    fn entry(&mut self, header: Header) -> Result<(), Fault>;
    /// The next bytes of the entry's content.
    fn data(&mut self, bytes: &[u8]);
    /// So many zeros that are not stored.
    fn hole(&mut self, bytes: u64);
    /// The entry's content is complete.
    fn end(&mut self);
}

/// Where the bytes went that belong to no entry's content. In bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Zeros that round content up to whole blocks.
    pub padding: u64,
    /// Everything behind the last entry.
    pub trailing: u64,
    /// Part of `trailing`: from the first block that is not zeros.
    pub after_end: u64,
}

enum State {
    /// Before a header, `block` half filled.
    Header,
    /// Inside an extension header's content; then padding.
    Extension { flag: u8, left: u64, padding: u64 },
    /// Before a further block of an old GNU sparse map.
    GnuSparse,
    /// Before the content of a PAX 1.0 sparse file: its map.
    FrontMap,
    /// Inside content.
    Body,
    /// Zeros behind content or an extension header.
    Padding { left: u64, of_header: bool },
    /// Behind one zero block.
    Zero,
    /// Behind the end.
    End,
}

/// The walk over one tar.
pub struct Framer {
    state: State,
    /// Collects what is not yet complete: a header, an extension header, a map.
    held: Vec<u8>,
    /// Bytes taken so far.
    at: u64,
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    behind_global: bool,
    header_bytes: u64,
    /// The entry whose sparse map is not complete.
    pending: Option<Box<Header>>,
    extents: Vec<Extent>,
    next_extent: usize,
    /// Stored bytes of the body that are left, and bytes of the file that have been told.
    left: u64,
    told: u64,
    size: u64,
    padding: u64,
    sparse: bool,
    rest: Rest,
    /// Bytes behind the end in a block that is not complete.
    tail: u64,
}

impl Default for Framer {
    fn default() -> Framer {
        Framer {
            state: State::Header,
            held: Vec::new(),
            at: 0,
            pax: None,
            long_name: None,
            long_link: None,
            behind_global: false,
            header_bytes: 0,
            pending: None,
            extents: Vec::new(),
            next_extent: 0,
            left: 0,
            told: 0,
            size: 0,
            padding: 0,
            sparse: false,
            rest: Rest::default(),
            tail: 0,
        }
    }
}

impl Framer {
    /// Takes the next bytes of the tar.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let step = match self.state {
                State::Body => self.body(bytes, sink),
                State::Padding { left, of_header } => {
                    let step = left.min(bytes.len() as u64);
                    self.state =
                        if step == left { State::Header } else { State::Padding { left: left - step, of_header } };
                    Ok(&bytes[step as usize..])
                }
                State::Header => self.header(bytes, sink),
                State::Extension { flag, left, padding } => self.extension(bytes, flag, left, padding),
                State::GnuSparse => self.gnu_sparse(bytes, sink),
                State::FrontMap => self.front_map(bytes, sink),
                State::Zero => self.second_block(bytes),
                State::End => {
                    self.behind_end(bytes);
                    Ok(&bytes[bytes.len()..])
                }
            };
            match step {
                Ok(rest) => {
                    self.at += (bytes.len() - rest.len()) as u64;
                    bytes = rest;
                }
                Err(Step::Tar(what)) => return Err(self.fault(what)),
                Err(Step::Fault(fault)) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Bytes that may be stepped over without being pushed: the rest of an entry's content and its padding.
    pub fn skippable(&self) -> u64 {
        match self.state {
            State::Body => self.left + self.padding,
            State::Padding { left, .. } => left,
            _ => 0,
        }
    }

    /// Steps over [`Framer::skippable`] bytes; the sink is told the entry's end and none of its content.
    pub fn skip(&mut self, sink: &mut impl Sink) {
        self.at += self.skippable();
        if matches!(self.state, State::Body) {
            self.rest.padding += self.padding;
            sink.end();
        }
        self.state = State::Header;
    }

    /// Whether the bytes so far end inside the zeros that round an entry up: a tar that ends here was cut off.
    pub fn in_padding(&self) -> bool {
        matches!(self.state, State::Padding { .. })
    }

    /// Whether the end-of-archive blocks have been seen.
    pub fn at_end(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// The tar's end. An entry cut off is an error; missing end blocks and missing padding are not (umoci writes no end
    /// blocks).
    pub fn finish(mut self) -> Result<Rest, Fault> {
        match self.state {
            State::Header if self.held.is_empty() => {
                self.rest.trailing = self.header_bytes;
            }
            State::Padding { left, of_header } => {
                match of_header {
                    true => self.header_bytes -= left,
                    false => self.rest.padding -= left,
                }
                self.rest.trailing = self.header_bytes;
            }
            State::Zero => {
                if !self.held.is_empty() {
                    return Err(self.fault(TarFault::CutHeader));
                }
                self.rest.trailing = self.header_bytes + BLOCK as u64;
            }
            State::End => {}
            State::Header | State::Extension { .. } | State::GnuSparse => return Err(self.fault(TarFault::CutHeader)),
            State::FrontMap | State::Body => return Err(self.fault(TarFault::CutBody)),
        }
        Ok(self.rest)
    }

    fn fault(&self, what: TarFault) -> Fault {
        Fault::Tar { at: self.at, what }
    }

    /// Collects a whole block; `None` while it is not complete.
    fn block<'b>(&mut self, bytes: &'b [u8]) -> (Option<[u8; BLOCK]>, &'b [u8]) {
        if self.held.is_empty()
            && let Some((block, rest)) = bytes.split_first_chunk::<BLOCK>()
        {
            return (Some(*block), rest);
        }
        let step = (BLOCK - self.held.len()).min(bytes.len());
        self.held.extend_from_slice(&bytes[..step]);
        let block = <[u8; BLOCK]>::try_from(&self.held[..]).ok();
        if block.is_some() {
            self.held.clear();
        }
        (block, &bytes[step..])
    }

    fn header<'b>(&mut self, bytes: &'b [u8], sink: &mut impl Sink) -> Result<&'b [u8], Step> {
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
                self.extension_done(fields.flag, 0)?;
            }
            return Ok(rest);
        }
        // `at` is only moved on when this step is done.
        let content_at = self.at + (bytes.len() - rest.len()) as u64;
        self.entry(&block, fields, content_at, sink)?;
        Ok(rest)
    }

    fn extension<'b>(&mut self, bytes: &'b [u8], flag: u8, left: u64, padding: u64) -> Result<&'b [u8], Step> {
        let step = left.min(bytes.len() as u64);
        self.held.extend_from_slice(&bytes[..step as usize]);
        if step < left {
            self.state = State::Extension { flag, left: left - step, padding };
        } else {
            self.extension_done(flag, padding)?;
        }
        Ok(&bytes[step as usize..])
    }

    fn extension_done(&mut self, flag: u8, padding: u64) -> Result<(), TarFault> {
        match flag {
            b'x' => self.pax = Some(pax::read(&self.held)?),
            // Go hands a global header out as an entry of its own: it changes nothing, and what stood before it is over.
            b'g' => {
                pax::read(&self.held)?;
                (self.pax, self.long_name, self.long_link) = (None, None, None);
                self.behind_global = true;
            }
            b'L' => self.long_name = Some(header::text(&self.held)),
            _ => self.long_link = Some(header::text(&self.held)),
        }
        self.held.clear();
        self.state = if padding == 0 { State::Header } else { State::Padding { left: padding, of_header: true } };
        Ok(())
    }

    fn entry(
        &mut self,
        block: &[u8; BLOCK],
        fields: Fields,
        content_at: u64,
        sink: &mut impl Sink,
    ) -> Result<(), Step> {
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
            mtime: pax.mtime.unwrap_or(fields.mtime),
            size: stored,
            stored,
            sparse: false,
            device: fields.device,
            xattrs: pax.xattrs,
            header_bytes: std::mem::take(&mut self.header_bytes),
            content_at,
            behind_global: std::mem::take(&mut self.behind_global),
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
            // Only regular files have content, so only they can be sparse.
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
                SparseFormat::InFront => {
                    self.left = stored;
                    self.pending = Some(header);
                    self.state = State::FrontMap;
                    return Ok(());
                }
            }
        }
        self.begin(*header, stored, sink)
    }

    fn gnu_sparse<'b>(&mut self, bytes: &'b [u8], sink: &mut impl Sink) -> Result<&'b [u8], Step> {
        let (Some(block), rest) = self.block(bytes) else { return Ok(&[]) };
        sparse::gnu_extents(&block[..504], &mut self.extents)?;
        let Some(mut header) = self.pending.take() else { return Err(TarFault::Sparse.into()) };
        header.header_bytes += BLOCK as u64;
        header.content_at += BLOCK as u64;
        if block[504] != 0 {
            self.pending = Some(header);
        } else {
            let stored = header.stored;
            self.begin(*header, stored, sink)?;
        }
        Ok(rest)
    }

    fn front_map<'b>(&mut self, bytes: &'b [u8], sink: &mut impl Sink) -> Result<&'b [u8], Step> {
        // The map fills whole blocks, so it is looked at whenever one is complete.
        let want = BLOCK - self.held.len() % BLOCK;
        let step = want.min(bytes.len());
        if self.held.len() as u64 + step as u64 > self.left.next_multiple_of(BLOCK as u64) || self.left == 0 {
            return Err(TarFault::Sparse.into());
        }
        self.held.extend_from_slice(&bytes[..step]);
        if step < want {
            return Ok(&bytes[step..]);
        }
        // Reading the map anew at each block would be quadratic: only when it can be complete.
        let lines = |text: &[u8]| text.iter().filter(|&&b| b == b'\n').count();
        let announced = self.held.split(|&b| b == b'\n').next().and_then(pax::decimal).unwrap_or(-1);
        let wanted = usize::try_from(announced).unwrap_or(0).min(limits::SPARSE_EXTENTS).saturating_mul(2) + 1;
        self.told += lines(&self.held[self.held.len() - BLOCK..]) as u64;
        if self.held.contains(&b'\n') && self.told as usize >= wanted || announced > limits::SPARSE_EXTENTS as i64 {
            let Some(extents) = sparse::front_map(&self.held)? else { return Err(TarFault::Sparse.into()) };
            self.extents = extents;
            let Some(header) = self.pending.take() else { return Err(TarFault::Sparse.into()) };
            let map = self.held.len() as u64;
            self.held.clear();
            let stored = header.stored.checked_sub(map).ok_or(TarFault::Sparse)?;
            self.begin(*header, stored, sink)?;
        } else if self.held.len() as u64 > limits::EXTENSION_BYTES * 8 {
            return Err(TarFault::SparseTooLarge.into());
        }
        Ok(&bytes[step..])
    }

    /// The header is complete; `stored` bytes of content follow.
    fn begin(&mut self, header: Header, stored: u64, sink: &mut impl Sink) -> Result<(), Step> {
        if header.sparse {
            sparse::check(&self.extents, header.size)?;
            // Stored bytes that the map does not mention are an error to Go as well.
            if self.extents.iter().map(|extent| extent.len).sum::<u64>() != stored {
                return Err(TarFault::Sparse.into());
            }
        }
        (self.left, self.told, self.size, self.next_extent) = (stored, 0, header.size, 0);
        self.padding = padding(header.stored);
        self.sparse = header.sparse;
        sink.entry(header).map_err(Step::Fault)?;
        self.state = State::Body;
        if self.left == 0 {
            self.body_done(sink);
        }
        Ok(())
    }

    fn body<'b>(&mut self, bytes: &'b [u8], sink: &mut impl Sink) -> Result<&'b [u8], Step> {
        let step = self.left.min(bytes.len() as u64) as usize;
        let (body, rest) = bytes.split_at(step);
        self.left -= step as u64;
        if self.sparse {
            self.sparse_body(body, sink);
        } else {
            sink.data(body);
        }
        if self.left == 0 {
            self.body_done(sink);
        }
        Ok(rest)
    }

    fn sparse_body(&mut self, mut body: &[u8], sink: &mut impl Sink) {
        while !body.is_empty() {
            let Some(extent) = self.extents.get(self.next_extent).copied() else {
                return; // stored bytes that the map does not mention are nobody's
            };
            if self.told < extent.offset {
                sink.hole(extent.offset - self.told);
                self.told = extent.offset;
            }
            let want = extent.offset + extent.len - self.told;
            let step = want.min(body.len() as u64);
            sink.data(&body[..step as usize]);
            self.told += step;
            body = &body[step as usize..];
            if step == want {
                self.next_extent += 1;
            }
        }
    }

    fn body_done(&mut self, sink: &mut impl Sink) {
        if self.sparse && self.told < self.size {
            sink.hole(self.size - self.told);
        }
        sink.end();
        self.told = 0;
        self.rest.padding += self.padding;
        self.state =
            if self.padding == 0 { State::Header } else { State::Padding { left: self.padding, of_header: false } };
    }

    fn second_block<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Step> {
        let (Some(block), rest) = self.block(bytes) else { return Ok(&[]) };
        if block.iter().any(|&b| b != 0) {
            return Err(TarFault::LoneZeroBlock.into());
        }
        self.rest.trailing = self.header_bytes + 2 * BLOCK as u64;
        self.state = State::End;
        Ok(rest)
    }

    fn behind_end(&mut self, bytes: &[u8]) {
        self.rest.trailing += bytes.len() as u64;
        if self.rest.after_end > 0 {
            self.rest.after_end += bytes.len() as u64;
            return;
        }
        // The first block that is not zeros; blocks are counted from the end-of-archive blocks on.
        match bytes.iter().position(|&byte| byte != 0) {
            None => self.tail = (self.tail + bytes.len() as u64) % BLOCK as u64,
            Some(at) => {
                let in_block = (self.tail + at as u64) % BLOCK as u64;
                self.rest.after_end = in_block + (bytes.len() - at) as u64;
            }
        }
    }
}

/// What a step may end with: a fault of the tar, placed by the framer, or one of the sink.
enum Step {
    Tar(TarFault),
    Fault(Fault),
}

impl From<TarFault> for Step {
    fn from(what: TarFault) -> Step {
        Step::Tar(what)
    }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

enum SparseFormat {
    InHeader,
    InFront,
}

fn sparse_format(keys: &pax::Sparse) -> Option<SparseFormat> {
    match (&keys.major[..], &keys.minor[..]) {
        (b"0", b"0" | b"1") => Some(SparseFormat::InHeader),
        (b"1", b"0") => Some(SparseFormat::InFront),
        (b"", b"") if !keys.map.is_empty() => Some(SparseFormat::InHeader),
        _ => None,
    }
}
