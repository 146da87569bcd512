//! Buffers parts of a streamed file: its front, and requested ranges that are still to come.
//!
//! In: the file's bytes in order, and requests for ranges. Out: those ranges, unless they had passed before the
//! request. Not here: deciding which ranges to request.

use crate::limits;

/// The buffered parts of one file.
#[derive(Default)]
pub struct FileBuffer {
    size: u64,
    at: u64,
    front: Vec<u8>,
    windows: Vec<Window>,
    /// Where the first pending range ends.
    until: Option<u64>,
}

/// A range beyond the front.
struct Window {
    start: u64,
    end: u64,
    bytes: Vec<u8>,
}

/// Whether a range can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It is buffered.
    Buffered,
    /// Part of it is still to come and will be buffered.
    Pending,
    /// Part of it has passed and was not buffered.
    Passed,
}

impl FileBuffer {
    /// Starts a file of `size` bytes.
    pub fn begin(&mut self, size: u64) {
        (self.size, self.at, self.until) = (size, 0, None);
        self.front.clear();
        self.windows.clear();
    }

    /// Size of the file, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes to read until the first pending range is complete, or until the end of the file.
    pub fn until_next(&self) -> u64 {
        self.until.unwrap_or(self.size).saturating_sub(self.at)
    }

    /// Forgets which ranges are pending. Their bytes stay buffered.
    pub fn clear_pending(&mut self) {
        self.until = None;
    }

    /// Requests a range inside the file.
    pub fn request(&mut self, start: u64, len: u64) -> Availability {
        let Some(end) = start.checked_add(len).filter(|&end| end <= self.size) else { return Availability::Passed };
        if end <= self.front.len() as u64 {
            return Availability::Buffered;
        }
        if !self.windows.iter().any(|window| window.start == start && window.end == end) {
            // Either the front is complete up to here, or it is full and the range starts after it.
            let passed = self.at.saturating_sub(start);
            let in_front = self.in_front(start);
            if passed > in_front.len() as u64 {
                return Availability::Passed;
            }
            if end > limits::HEAD_FRONT_BYTES as u64 {
                self.windows.push(Window { start, end, bytes: in_front.to_vec() });
            }
        }
        if self.at >= end {
            return Availability::Buffered;
        }
        self.until = Some(self.until.map_or(end, |until| until.min(end)));
        Availability::Pending
    }

    /// The buffered part of a range, from its start.
    pub fn bytes(&self, start: u64, len: u64) -> &[u8] {
        let window = self.windows.iter().find(|window| window.start == start && window.end - start >= len);
        let buffered = match window {
            Some(window) => &window.bytes[..],
            None => self.in_front(start),
        };
        &buffered[..buffered.len().min(usize::try_from(len).unwrap_or(usize::MAX))]
    }

    /// The front from an offset on.
    fn in_front(&self, start: u64) -> &[u8] {
        usize::try_from(start).ok().and_then(|start| self.front.get(start..)).unwrap_or_default()
    }

    /// Adds bytes.
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

    /// Adds `count` zeros. Returns how many of them were buffered.
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
