//! `plimsoll tree`: one line for each path of the merged view, sorted by the bytes of the path.
//!
//! By default a line is `mode owner size layer path`, with the mode as in `ls -l`. With `--plain` it is `type mode uid
//! gid size path link content`, separated by single spaces. type: f d l c b p; size: bytes of a file's content,
//! otherwise 0; link: the target of a symbolic link, the numbers of a device, or the first name of a file with several
//! names unless that is this one, otherwise `-`; content: SHA-256 of a file if requested and known, otherwise `-`.
//! Bytes outside 0x21 to 0x7e and backslashes are written as `\xHH`.

use crate::model::digest::hex;
use crate::model::layer_facts::Kind;
use crate::model::text::bytes;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::View;
use std::collections::HashMap;
use std::io;
use std::io::Write;

/// Writes the default lines. Layers are counted from 1, the bottom one.
pub fn write(view: &View, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:<10}  {:>11}  {:>9}  {:>5}  path", "mode", "owner", "size", "layer")?;
    for node in view.sorted() {
        let Some(stat) = view.stat(node) else { continue };
        let owner = format!("{}:{}", stat.uid, stat.gid);
        let size = if stat.kind == Kind::File { bytes(stat.size) } else { "–".to_string() };
        let layer = stat.layer.map_or("–".to_string(), |layer| (layer + 1).to_string());
        let target = match stat.kind {
            Kind::Symlink => format!(" -> {}", shown_bytes(stat.text)),
            _ => String::new(),
        };
        let (mode, path) = (mode(stat.kind, stat.mode), shown_bytes(&view.path(node)));
        writeln!(out, "{mode}  {owner:>11}  {size:>9}  {layer:>5}  /{path}{target}")?;
    }
    Ok(())
}

/// A mode as in `ls -l`.
fn mode(kind: Kind, mode: u16) -> String {
    let letter = match kind {
        Kind::File | Kind::Hardlink => '-',
        _ => letter(kind),
    };
    let mut out = String::from(letter);
    for (shift, special, marks) in [(6, 0o4000, ['s', 'S']), (3, 0o2000, ['s', 'S']), (0, 0o1000, ['t', 'T'])] {
        let bits = mode >> shift;
        out.push(if bits & 4 != 0 { 'r' } else { '-' });
        out.push(if bits & 2 != 0 { 'w' } else { '-' });
        out.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => marks[0],
            (true, false) => marks[1],
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    out
}

fn letter(kind: Kind) -> char {
    match kind {
        Kind::Dir => 'd',
        Kind::Symlink => 'l',
        Kind::Char => 'c',
        Kind::Block => 'b',
        Kind::Fifo => 'p',
        _ => 'f',
    }
}

/// Writes the lines of `--plain`.
pub fn write_plain(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let sorted = view.sorted();
    let mut first: HashMap<u32, NodeId> = HashMap::new();
    for &node in &sorted {
        if let Some(stat) = view.stat(node).filter(|stat| stat.kind == Kind::File && stat.names > 1) {
            first.entry(stat.inode).or_insert(node);
        }
    }
    for node in sorted {
        let Some(stat) = view.stat(node) else { continue };
        let letter = letter(stat.kind);
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

/// Escapes an empty target and `-`, which would look like no link.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_modes_like_ls() {
        assert_eq!(mode(Kind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(mode(Kind::File, 0o2644), "-rw-r-Sr--");
        assert_eq!(mode(Kind::Dir, 0o1777), "drwxrwxrwt");
        assert_eq!(mode(Kind::Symlink, 0o777), "lrwxrwxrwx");
    }
}
