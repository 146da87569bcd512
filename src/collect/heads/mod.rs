//! The heads of regular files: the parts that a kernel reads to execute them.
//!
//! In: the content of each regular file, streamed. Out: the [`Head`]s of scripts and ELF files. Each file is read once,
//! forward only: bytes that may be needed are buffered (`buffer`) and parsed when complete (`elf`), at offsets that
//! depend on the file alone, not on the size of the pieces. Not here: whether the program can run in an image
//! (`facts`).

mod buffer;
mod elf;
#[cfg(test)]
mod tests;

use crate::collect::Budget;
use crate::collect::heads::buffer::Availability;
use crate::collect::heads::buffer::FileBuffer;
use crate::limits;
use crate::model::program::Dynamic;
use crate::model::program::Head;
use crate::model::program::SCRIPT_HEAD_BYTES;
use std::collections::BTreeMap;

/// Memory of an entry of [`Heads`] besides its names, in bytes.
const HEAD_COST: usize = 256;

/// The heads of a layer's files, and the state of the file being read.
pub struct Heads {
    budget: Budget,
    heads: BTreeMap<u32, Head>,
    buffer: FileBuffer,
    /// The entry being read; `None` once its head is known or it is known to have none.
    reading: Option<u32>,
    /// Memory of the heads so far, in bytes.
    total: u64,
    /// Bytes of holes that were buffered so far.
    hole_bytes: u64,
}

impl Heads {
    /// Reads the heads of one layer within a budget.
    pub fn new(budget: Budget) -> Heads {
        Heads { budget, heads: BTreeMap::new(), buffer: FileBuffer::default(), reading: None, total: 0, hole_bytes: 0 }
    }

    /// Starts a regular file of `size` bytes.
    pub fn begin(&mut self, entry: u32, size: u64) {
        self.reading = Some(entry);
        self.buffer.begin(size);
        self.parse();
    }

    /// Adds bytes.
    pub fn data(&mut self, mut bytes: &[u8]) {
        while self.reading.is_some() && !bytes.is_empty() {
            let step = self.buffer.until_next().min(bytes.len() as u64);
            let (now, later) = bytes.split_at(step as usize);
            self.buffer.data(now);
            bytes = later;
            self.step();
        }
    }

    /// Adds a hole of zeros.
    pub fn hole(&mut self, mut zeros: u64) {
        while self.reading.is_some() && zeros > 0 {
            let step = self.buffer.until_next().min(zeros);
            if self.hole_bytes.saturating_add(step) > limits::HEAD_HOLE_BYTES {
                return self.done(Some(Head::Unread(
                    "the programs of its layer have larger holes than the limit (head hole)",
                )));
            }
            self.hole_bytes += self.buffer.zeros(step);
            zeros -= step;
            self.step();
        }
    }

    /// Ends the file.
    pub fn end(&mut self) {
        self.reading = None;
    }

    /// The heads, by entry.
    pub fn finish(self) -> BTreeMap<u32, Head> {
        self.heads
    }

    fn step(&mut self) {
        if self.buffer.until_next() == 0 {
            self.parse();
        }
    }

    /// Parses what is buffered, unless more bytes are needed.
    fn parse(&mut self) {
        self.buffer.clear_pending();
        let size = self.buffer.size();
        let magic = size.min(4);
        if self.buffer.request(0, magic) == Availability::Pending {
            return;
        }
        let head = match self.buffer.bytes(0, magic) {
            [b'#', b'!', ..] => {
                let len = size.min(SCRIPT_HEAD_BYTES as u64);
                match self.buffer.request(0, len) {
                    Availability::Pending => return,
                    _ => Some(Head::Script(self.buffer.bytes(0, len).into())),
                }
            }
            b"\x7fELF" => match elf::read(&mut self.buffer) {
                None => return,
                head => head,
            },
            _ => None,
        };
        self.done(head);
    }

    fn done(&mut self, head: Option<Head>) {
        let (Some(entry), Some(head)) = (self.reading.take(), head) else { return };
        let cost = (HEAD_COST + bytes(&head)) as u64;
        let head = if self.total + cost <= self.budget.heads {
            head
        } else {
            Head::Unread("its layer has more programs than the limit (heads)")
        };
        self.total = (self.total + cost).min(self.budget.heads);
        self.heads.insert(entry, head);
    }
}

/// The memory that a head's names take, in bytes.
fn bytes(head: &Head) -> usize {
    match head {
        Head::Script(line) => line.len(),
        Head::BrokenElf(_) | Head::Unread(_) => 0,
        Head::Elf(elf) => {
            let interpreter = elf.interpreter.as_ref().map_or(0, |path| path.len());
            let Dynamic::Read(linking) = &elf.dynamic else { return interpreter };
            interpreter + elf::bytes(linking)
        }
    }
}
