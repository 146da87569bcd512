//! What is held of a file while it streams past: its front, and ranges that lie ahead and were asked for.
//!
//! In: the file's bytes in order, and ranges that somebody wants. Out: those ranges, as far as they had not passed when
//! they were asked for. Not here: which ranges matter.

use crate::limits;

/// The bytes held of one file.
#[derive(Default)]
pub struct Held {
    size: u64,
    at: u64,
    front: Vec<u8>,
    windows: Vec<Window>,
    /// The first place where a range that was asked for is complete.
    until: Option<u64>,
}

/// A range beyond the front.
struct Window {
    start: u64,
    end: u64,
    bytes: Vec<u8>,
}

/// What has become of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It is held.
    Yes,
    /// It is still to come, and will be held.
    Later,
    /// Part of it has passed and was not held.
    Gone,
}

impl Held {
    /// A file of `size` bytes begins.
    pub fn begin(&mut self, size: u64) {
        (self.size, self.at, self.until) = (size, 0, None);
        self.front.clear();
        self.windows.clear();
    }

    /// The file's bytes, all told.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that may still pass before a range is complete that was asked for.
    pub fn left(&self) -> u64 {
        self.until.unwrap_or(self.size).saturating_sub(self.at)
    }

    /// Forgets what was waited for, not what is held.
    pub fn wait_anew(&mut self) {
        self.until = None;
    }

    /// Asks for a range inside the file.
    pub fn ask(&mut self, start: u64, len: u64) -> Ready {
        let Some(end) = start.checked_add(len).filter(|&end| end <= self.size) else { return Ready::Gone };
        if end <= self.front.len() as u64 {
            return Ready::Yes;
        }
        if !self.windows.iter().any(|window| window.start == start && window.end == end) {
            // The front is whole up to here, or it is full and this lies behind it.
            let passed = self.at.saturating_sub(start);
            let in_front = self.in_front(start);
            if passed > in_front.len() as u64 {
                return Ready::Gone;
            }
            if end > limits::HEAD_FRONT_BYTES as u64 {
                self.windows.push(Window { start, end, bytes: in_front.to_vec() });
            }
        }
        if self.at >= end {
            return Ready::Yes;
        }
        self.until = Some(self.until.map_or(end, |until| until.min(end)));
        Ready::Later
    }

    /// What is held of a range, from its start on.
    pub fn bytes(&self, start: u64, len: u64) -> &[u8] {
        let window = self.windows.iter().find(|window| window.start == start && window.end - start >= len);
        let held = match window {
            Some(window) => &window.bytes[..],
            None => self.in_front(start),
        };
        &held[..held.len().min(usize::try_from(len).unwrap_or(usize::MAX))]
    }

    /// The front from here on.
    fn in_front(&self, start: u64) -> &[u8] {
        usize::try_from(start).ok().and_then(|start| self.front.get(start..)).unwrap_or_default()
    }

    /// The file's next bytes.
    pub fn data(&mut self, bytes: &[u8]) {
        let room = limits::HEAD_FRONT_BYTES - self.front.len();
        if self.at == self.front.len() as u64 {
            self.front.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let next = self.at + bytes.len() as u64;
        for window in &mut self.windows {
            let from = window.start + window.bytes.len() as u64;
            let (from, to) = (from.max(self.at), window.end.min(next));
            if from < to {
                window.bytes.extend_from_slice(&bytes[(from - self.at) as usize..(to - self.at) as usize]);
            }
        }
        self.at = next;
    }

    /// So many zeros, and returns how many of them had to be written down.
    pub fn zeros(&mut self, count: u64) -> u64 {
        let next = self.at + count;
        let mut written = 0;
        let mut fill = |bytes: &mut Vec<u8>, from: u64, to: u64| {
            if from < to {
                bytes.resize(bytes.len() + (to - from) as usize, 0);
                written += to - from;
            }
        };
        if self.at == self.front.len() as u64 {
            fill(&mut self.front, self.at, next.min(limits::HEAD_FRONT_BYTES as u64));
        }
        for window in &mut self.windows {
            let from = window.start + window.bytes.len() as u64;
            fill(&mut window.bytes, from.max(self.at), window.end.min(next));
        }
        self.at = next;
        written
    }
}
