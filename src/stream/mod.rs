//! Byte streams: reading ranges of files, decompressing, hashing and splitting tars into entries.
//!
//! The input is untrusted. It is read once, in order, within the bounds of `limits`. Not here: finding blobs
//! (`source`), choosing what to keep of an entry (`collect`).

pub mod blob;
pub mod decompress;
pub mod fault;
pub mod hash;
pub mod header;
pub mod pax;
pub mod sparse;
pub mod tar;
