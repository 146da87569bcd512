//! `plimsoll tree`: every path of the merged view on a line.
//!
//! A line is `type mode uid gid size path link content`, fields apart by single blanks. type: f d l c b p; size: bytes of
//! a file's content, else 0; link: the target of a symbolic link, the numbers of a device, the smallest other name of a
//! file with several names where that is not this one, else `-`; content: SHA-256 of a file, where asked for and known,
//! else `-`. Every byte outside 0x21 to 0x7e, and the backslash, is written `\xHH`. Sorted by the bytes of the path.

use crate::model::digest::hex;
use crate::model::layer_facts::Kind;
use crate::view::NodeId;
use crate::view::View;
use std::collections::HashMap;
use std::io;
use std::io::Write;

/// Writes the lines.
pub fn write(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let sorted = view.sorted();
    let mut first: HashMap<u32, NodeId> = HashMap::new();
    for &node in &sorted {
        if let Some(stat) = view.stat(node).filter(|stat| stat.kind == Kind::File && stat.names > 1) {
            first.entry(stat.inode).or_insert(node);
        }
    }
    for node in sorted {
        let Some(stat) = view.stat(node) else { continue };
        let letter = match stat.kind {
            Kind::Dir => 'd',
            Kind::Symlink => 'l',
            Kind::Char => 'c',
            Kind::Block => 'b',
            Kind::Fifo => 'p',
            _ => 'f',
        };
        let link = match stat.kind {
            Kind::Symlink => target(stat.text),
            Kind::Char | Kind::Block => escaped(stat.text),
            Kind::File => match first.get(&stat.inode) {
                Some(&other) if other != node => format!("/{}", escaped(&view.path(other))),
                _ => "-".to_string(),
            },
            _ => "-".to_string(),
        };
        let content = match view.content_digest(node) {
            Some(digest) if stat.kind == Kind::File => hex(&digest),
            _ => "-".to_string(),
        };
        let (mode, uid, gid, size) = (stat.mode, stat.uid, stat.gid, stat.size);
        writeln!(out, "{letter} {mode:04o} {uid} {gid} {size} /{} {link} {content}", escaped(&view.path(node)))?;
    }
    Ok(())
}

/// A target that would read as no link at all has its first byte escaped.
fn target(text: &[u8]) -> String {
    match text {
        b"" => "\\x".to_string(),
        b"-" => "\\x2d".to_string(),
        _ => escaped(text),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            0x21..=0x7e if byte != b'\\' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}
