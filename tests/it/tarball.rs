//! Builds tars field by field, so that a test can write what no honest tool writes.

/// Every entry's time; fixed, so that the same input gives the same bytes.
pub const MTIME: u64 = 1_700_000_000;
/// The end of a tar: two blocks of zeros.
pub const END: [u8; 1024] = [0; 1024];

/// One 512-byte header.
#[derive(Clone)]
pub struct Header {
    name: Vec<u8>,
    kind: u8,
    mode: Vec<u8>,
    uid: Vec<u8>,
    gid: Vec<u8>,
    size: Vec<u8>,
    mtime: Vec<u8>,
    checksum: Option<Vec<u8>>,
    link: Vec<u8>,
    magic: [u8; 8],
    device: (u64, u64),
    tail: Vec<u8>,
}

impl Header {
    /// An empty regular file, mode 0644, owner 0:0.
    pub fn new(name: impl AsRef<[u8]>) -> Header {
        Header {
            name: name.as_ref().to_vec(),
            kind: b'0',
            mode: octal(0o644, 8),
            uid: octal(0, 8),
            gid: octal(0, 8),
            size: octal(0, 12),
            mtime: octal(MTIME, 12),
            checksum: None,
            link: Vec::new(),
            magic: *b"ustar\x0000",
            device: (0, 0),
            tail: Vec::new(),
        }
    }

    pub fn kind(mut self, kind: u8) -> Header {
        self.kind = kind;
        self
    }

    pub fn mode(mut self, mode: u64) -> Header {
        self.mode = octal(mode, 8);
        self
    }

    pub fn owner(mut self, uid: u64, gid: u64) -> Header {
        self.uid = number(uid, 8);
        self.gid = number(gid, 8);
        self
    }

    pub fn size(mut self, size: u64) -> Header {
        self.size = number(size, 12);
        self
    }

    pub fn link(mut self, target: impl AsRef<[u8]>) -> Header {
        self.link = target.as_ref().to_vec();
        self
    }

    pub fn device(mut self, major: u64, minor: u64) -> Header {
        self.device = (major, minor);
        self
    }

    /// The header's format: `ustar\x0000`, `ustar  \0` (GNU) or zeros (Unix V7).
    pub fn magic(mut self, magic: &[u8; 8]) -> Header {
        self.magic = *magic;
        self
    }

    /// The raw size field.
    pub fn size_field(mut self, field: impl AsRef<[u8]>) -> Header {
        self.size = field.as_ref().to_vec();
        self
    }

    /// The raw mode field.
    pub fn mode_field(mut self, field: impl AsRef<[u8]>) -> Header {
        self.mode = field.as_ref().to_vec();
        self
    }

    /// The raw uid field.
    pub fn uid_field(mut self, field: impl AsRef<[u8]>) -> Header {
        self.uid = field.as_ref().to_vec();
        self
    }

    /// The raw mtime field.
    pub fn mtime_field(mut self, field: impl AsRef<[u8]>) -> Header {
        self.mtime = field.as_ref().to_vec();
        self
    }

    /// The raw checksum field.
    pub fn checksum(mut self, field: impl AsRef<[u8]>) -> Header {
        self.checksum = Some(field.as_ref().to_vec());
        self
    }

    /// The bytes from 345 on: the ustar prefix, or GNU's fields.
    pub fn tail(mut self, tail: impl AsRef<[u8]>) -> Header {
        self.tail = tail.as_ref().to_vec();
        self
    }

    /// The 512 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut block = vec![0u8; 512];
        let mut put = |at: usize, room: usize, bytes: &[u8]| {
            let count = bytes.len().min(room);
            block[at..at + count].copy_from_slice(&bytes[..count]);
        };
        put(0, 100, &self.name);
        put(100, 8, &self.mode);
        put(108, 8, &self.uid);
        put(116, 8, &self.gid);
        put(124, 12, &self.size);
        put(136, 12, &self.mtime);
        put(148, 8, b"        ");
        put(156, 1, &[self.kind]);
        put(157, 100, &self.link);
        put(257, 8, &self.magic);
        if self.magic != [0; 8] {
            put(329, 8, &octal(self.device.0, 8));
            put(337, 8, &octal(self.device.1, 8));
        }
        put(345, 167, &self.tail);
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        let field = self.checksum.clone().unwrap_or_else(|| format!("{sum:06o}\0 ").into_bytes());
        block[148..148 + field.len()].copy_from_slice(&field);
        block
    }

    /// The header and its padded data, sized to fit. Names and link targets over 100 bytes get a PAX record.
    pub fn with(self, data: impl AsRef<[u8]>) -> Vec<u8> {
        let data = data.as_ref();
        self.with_records(&[], data)
    }

    /// Like [`Header::with`], with further PAX records.
    pub fn with_records(self, records: &[(Vec<u8>, Vec<u8>)], data: &[u8]) -> Vec<u8> {
        let mut records = records.to_vec();
        if self.name.len() > 100 {
            records.push((b"path".to_vec(), self.name.clone()));
        }
        if self.link.len() > 100 {
            records.push((b"linkpath".to_vec(), self.link.clone()));
        }
        let mut out = if records.is_empty() { Vec::new() } else { pax(&records) };
        let header = if data.is_empty() { self } else { self.size(data.len() as u64) };
        out.extend_from_slice(&header.bytes());
        out.extend_from_slice(&padded(data));
        out
    }
}

/// A number as octal digits and a NUL.
pub fn octal(value: u64, width: usize) -> Vec<u8> {
    let digits = format!("{value:0>width$o}", width = width - 1);
    let mut out = digits.as_bytes()[digits.len() - (width - 1)..].to_vec();
    out.push(0);
    out
}

/// A number in base 256, as GNU writes numbers that don't fit in octal, negative ones included.
pub fn base256(value: i128, width: usize) -> Vec<u8> {
    let mut out = value.to_be_bytes()[16 - width..].to_vec();
    if value >= 0 {
        out[0] |= 0x80;
    }
    out
}

/// A number in octal if it fits, otherwise in base 256.
pub fn number(value: u64, width: usize) -> Vec<u8> {
    if value < 8u64.pow(width as u32 - 1) { octal(value, width) } else { base256(i128::from(value), width) }
}

/// Data padded to whole blocks.
pub fn padded(data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    out.resize(data.len().next_multiple_of(512), 0);
    out
}

/// One PAX record, its length counting itself.
pub fn pax_record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let body = [b" ", key, b"=", value, b"\n"].concat();
    let mut length = body.len() + 1;
    while length.to_string().len() + body.len() != length {
        length = length.to_string().len() + body.len();
    }
    [length.to_string().as_bytes(), &body].concat()
}

/// A PAX header for the next entry.
pub fn pax(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let data: Vec<u8> = records.iter().flat_map(|(key, value)| pax_record(key, value)).collect();
    pax_raw(b'x', &data)
}

/// Like [`pax`], with text records.
pub fn pax_texts(records: &[(&str, &str)]) -> Vec<u8> {
    let records: Vec<_> = records.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    pax(&records)
}

/// A PAX header (`x` for the next entry, `g` for all that follow) with exactly this data.
pub fn pax_raw(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Header::new("PaxHeaders.0/x").kind(kind).size(data.len() as u64).bytes();
    out.extend_from_slice(&padded(data));
    out
}

/// A GNU long name (`L`) or long link (`K`).
pub fn gnu_long(kind: u8, value: &[u8]) -> Vec<u8> {
    let data = [value, b"\0"].concat();
    let mut out = Header::new("././@LongLink").kind(kind).magic(b"ustar  \0").size(data.len() as u64).bytes();
    out.extend_from_slice(&padded(&data));
    out
}

/// A regular file, 0644.
pub fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Vec<u8> {
    Header::new(name).with(data)
}

/// A directory, 0755.
pub fn directory(name: impl AsRef<[u8]>) -> Vec<u8> {
    Header::new(name).kind(b'5').mode(0o755).with("")
}

/// A symbolic link.
pub fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Vec<u8> {
    Header::new(name).kind(b'2').mode(0o777).link(target).with("")
}

/// A hard link.
pub fn hardlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Vec<u8> {
    Header::new(name).kind(b'1').link(target).with("")
}
