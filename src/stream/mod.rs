//! Bytes in, frames out: reading ranges of files, decompressing them, digesting them, cutting tars into entries.
//!
//! Everything here takes a stranger's bytes in order, once, within the bounds of `limits`. Not here: which blobs there
//! are (`source`), what is kept of an entry (`collect`).

pub mod blob;
pub mod decompress;
pub mod fault;
pub mod frames;
pub mod hash;
pub mod header;
pub mod pax;
pub mod sparse;
