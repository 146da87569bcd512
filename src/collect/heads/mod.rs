//! The heads of regular files: what a kernel would look at before it runs them.
//!
//! In: the content of each regular file as it passes. Out: [`Head`]s of scripts and ELF files. A file is read once and
//! forwards only: bytes are held while they may still matter (`held`), and looked at when they are complete (`elf`),
//! at places that hang on the file alone and not on how it was cut into pieces. Not here: what a head means in an image
//! (`facts`).

mod elf;
mod held;
#[cfg(test)]
mod tests;

use crate::collect::Budget;
use crate::collect::heads::held::Held;
use crate::collect::heads::held::Ready;
use crate::limits;
use crate::model::program::Dynamic;
use crate::model::program::Head;
use crate::model::program::SCRIPT_HEAD_BYTES;
use std::collections::BTreeMap;

/// What an entry of [`Heads`] costs beside its names.
const HEAD_COST: usize = 256;

/// The heads of a layer's files, and the one that is being read.
pub struct Heads {
    budget: Budget,
    heads: BTreeMap<u32, Head>,
    held: Held,
    /// The file that is being read; none once its head is known, or known to be nothing.
    reading: Option<u32>,
    /// Bytes of the heads so far.
    total: u64,
    /// Zeros of holes written down so far.
    holes: u64,
}

impl Heads {
    /// For a layer of which so much may be kept.
    pub fn new(budget: Budget) -> Heads {
        Heads { budget, heads: BTreeMap::new(), held: Held::default(), reading: None, total: 0, holes: 0 }
    }

    /// A regular file of `size` bytes begins.
    pub fn begin(&mut self, entry: u32, size: u64) {
        self.reading = Some(entry);
        self.held.begin(size);
        self.look();
    }

    /// The next bytes.
    pub fn data(&mut self, mut bytes: &[u8]) {
        while self.reading.is_some() && !bytes.is_empty() {
            let step = self.held.left().min(bytes.len() as u64);
            let (now, later) = bytes.split_at(step as usize);
            self.held.data(now);
            bytes = later;
            self.step();
        }
    }

    /// Zeros that are not stored.
    pub fn hole(&mut self, mut zeros: u64) {
        while self.reading.is_some() && zeros > 0 {
            let step = self.held.left().min(zeros);
            if self.holes.saturating_add(step) > limits::HEAD_HOLE_BYTES {
                return self
                    .done(Some(Head::Unread("its layer's programs have larger holes than the limit (head hole)")));
            }
            self.holes += self.held.zeros(step);
            zeros -= step;
            self.step();
        }
    }

    /// The file is complete.
    pub fn end(&mut self) {
        self.reading = None;
    }

    /// All heads.
    pub fn finish(self) -> BTreeMap<u32, Head> {
        self.heads
    }

    fn step(&mut self) {
        if self.held.left() == 0 {
            self.look();
        }
    }

    /// Looks at what is held: the head is then known, or bytes are waited for.
    fn look(&mut self) {
        self.held.wait_anew();
        let size = self.held.size();
        let magic = size.min(4);
        if self.held.ask(0, magic) == Ready::Later {
            return;
        }
        let head = match self.held.bytes(0, magic) {
            [b'#', b'!', ..] => {
                let len = size.min(SCRIPT_HEAD_BYTES as u64);
                match self.held.ask(0, len) {
                    Ready::Later => return,
                    _ => Some(Head::Script(self.held.bytes(0, len).into())),
                }
            }
            b"\x7fELF" => match elf::read(&mut self.held) {
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
        let head = match self.total + cost <= self.budget.heads {
            true => head,
            false => Head::Unread("its layer has more programs than the limit (heads)"),
        };
        self.total = (self.total + cost).min(self.budget.heads);
        self.heads.insert(entry, head);
    }
}

/// The bytes that a head's names take.
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
