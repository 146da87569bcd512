//! The floor: the minimal work of a correct reader of an image. It decompresses the layers, computes both digests and
//! walks the tar headers, without plimsoll's modules.
//!
//! `cargo bench --bench floor -- IMAGE [--threads N]`, where IMAGE is an OCI layout or an archive.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::sync::Mutex;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
/// A blob: its size, the file that contains it, and its offset in that file.
type Blob = (u64, String, u64);

/// A reader that hashes the bytes it returns.
struct Hashed<R>(R, Sha256);
impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(&buffer[..count]);
        Ok(count)
    }
}

fn open((size, file, offset): &Blob) -> Result<Take<File>> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(*offset))?;
    Ok(file.take(*size))
}

/// Reads one layer and returns the size of its tar in bytes.
fn read_layer(blob: &Blob) -> Result<u64> {
    let mut stored = BufReader::with_capacity(128 << 10, Hashed(open(blob)?, Sha256::new()));
    let magic = stored.fill_buf()?.get(..4).unwrap_or_default().to_vec();
    let (mut tar, plain): (Box<dyn Read + '_>, bool) = match magic.as_slice() {
        [0x1f, 0x8b, ..] => (Box::new(flate2::bufread::MultiGzDecoder::new(&mut stored)), false),
        [0x28, 0xb5, 0x2f, 0xfd] => (Box::new(zstd::Decoder::with_buffer(&mut stored)?), false),
        _ => (Box::new(&mut stored), true),
    };
    let (mut hash, mut total, mut skip) = (Sha256::new(), 0, 0u64);
    let (mut head, mut buffer) = (Vec::with_capacity(512), vec![0; 128 << 10]);
    while let count @ 1.. = tar.read(&mut buffer)? {
        let mut bytes = &buffer[..count];
        hash.update(if plain { &[] } else { bytes });
        total += count as u64;
        while !bytes.is_empty() {
            let skipped = skip.min(bytes.len() as u64) as usize;
            (skip, bytes) = (skip - skipped as u64, &bytes[skipped..]);
            head.extend_from_slice(bytes.split_off(..bytes.len().min(512 - head.len())).unwrap_or_default());
            if head.len() == 512 {
                let has_no_data = head[0] == 0 || matches!(head[156], b'1'..=b'6');
                skip = if has_no_data {
                    0
                } else {
                    tar::Header::from_byte_slice(&head).entry_size()?.next_multiple_of(512)
                };
                head.clear();
            }
        }
    }
    drop(tar);
    std::hint::black_box((hash.finalize(), stored.into_inner().1.finalize()));
    Ok(total)
}

/// The layers of all images, smallest first.
fn layers(image: &str) -> Result<BTreeSet<Blob>> {
    let (mut members, mut found) = (HashMap::new(), BTreeSet::new());
    let mut archive =
        std::fs::metadata(image)?.is_file().then(|| File::open(image).map(tar::Archive::new)).transpose()?;
    for entry in archive.iter_mut().flat_map(|archive| archive.entries_with_seek()).flatten() {
        let entry = entry?;
        let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_string();
        members.insert(name, (entry.size(), image.to_string(), entry.raw_file_position()));
    }
    let find = |name: &str| match members.get(name) {
        Some(blob) => Ok(blob.clone()),
        None => std::fs::metadata(format!("{image}/{name}")).map(|file| (file.len(), format!("{image}/{name}"), 0)),
    };
    let json = |name: &str| -> Result<Value> { Ok(serde_json::from_reader(open(&find(name)?)?)?) };
    let path = |item: &Value| Some(format!("blobs/{}", item["digest"].as_str()?.replace(':', "/")));
    let blob = |item: &Value| item.as_str().map(String::from).or_else(|| path(item)).unwrap_or_default();
    let mut todo = vec![json("index.json").or_else(|_| json("manifest.json"))?];
    while let Some(document) = todo.pop() {
        todo.extend(document.as_array().cloned().unwrap_or_default());
        todo.extend(document["manifests"].as_array().into_iter().flatten().filter_map(|item| json(&blob(item)).ok()));
        let items = document["Layers"].as_array().or(document["layers"].as_array());
        found.extend(items.into_iter().flatten().filter_map(|item| find(&blob(item)).ok()));
    }
    Ok(found)
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let Some(image) = args.first() else { return Err("usage: floor IMAGE [--threads N]".into()) };
    let threads: usize = args.iter().position(|arg| arg == "--threads").map_or(Ok(1), |at| args[at + 1].parse())?;
    let (todo, total) = (Mutex::new(layers(image)?), Mutex::new(0));
    let next = || todo.lock().unwrap().pop_last();
    let work = || std::iter::from_fn(next).for_each(|blob| *total.lock().unwrap() += read_layer(&blob).unwrap());
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    println!("{} bytes of tar", total.lock().unwrap());
    Ok(())
}
