//! The floor: the least that an honest reader of an image does. Decompress, both digests, a walk over the tar headers;
//! none of the program's own modules. `cargo bench --bench floor -- IMAGE [--threads N]`, IMAGE a layout or an archive.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::sync::Mutex;

type Answer<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
/// A blob: its size, its file, where in the file it begins.
type Place = (u64, String, u64);

struct Hashed<R>(R, Sha256);
impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(&buffer[..count]);
        Ok(count)
    }
}

fn open((size, file, offset): &Place) -> Answer<Take<File>> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(*offset))?;
    Ok(file.take(*size))
}

/// Reads one layer; gives the bytes of its tar.
fn layer(place: &Place) -> Answer<u64> {
    let mut stored = BufReader::with_capacity(128 << 10, Hashed(open(place)?, Sha256::new()));
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
            let over = skip.min(bytes.len() as u64) as usize;
            (skip, bytes) = (skip - over as u64, &bytes[over..]);
            head.extend_from_slice(bytes.split_off(..bytes.len().min(512 - head.len())).unwrap_or_default());
            if head.len() == 512 {
                let bare = head[0] == 0 || matches!(head[156], b'1'..=b'6');
                skip = if bare { 0 } else { tar::Header::from_byte_slice(&head).entry_size()?.next_multiple_of(512) };
                head.clear();
            }
        }
    }
    drop(tar);
    std::hint::black_box((hash.finalize(), stored.into_inner().1.finalize()));
    Ok(total)
}

/// The layers of all images, the smallest first.
fn layers(image: &str) -> Answer<BTreeSet<Place>> {
    let (mut inside, mut found) = (HashMap::new(), BTreeSet::new());
    let mut archive =
        std::fs::metadata(image)?.is_file().then(|| File::open(image).map(tar::Archive::new)).transpose()?;
    for entry in archive.iter_mut().flat_map(|archive| archive.entries_with_seek()).flatten() {
        let entry = entry?;
        let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_string();
        inside.insert(name, (entry.size(), image.to_string(), entry.raw_file_position()));
    }
    let find = |name: &str| match inside.get(name) {
        Some(place) => Ok(place.clone()),
        None => std::fs::metadata(format!("{image}/{name}")).map(|file| (file.len(), format!("{image}/{name}"), 0)),
    };
    let json = |name: &str| -> Answer<Value> { Ok(serde_json::from_reader(open(&find(name)?)?)?) };
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

fn main() -> Answer<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some(image) = words.first() else { return Err("floor IMAGE [--threads N]".into()) };
    let threads: usize = words.iter().position(|word| word == "--threads").map_or(Ok(1), |at| words[at + 1].parse())?;
    let (todo, total) = (Mutex::new(layers(image)?), Mutex::new(0));
    let next = || todo.lock().unwrap().pop_last();
    let work = || std::iter::from_fn(next).for_each(|place| *total.lock().unwrap() += layer(&place).unwrap());
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    println!("{} bytes of tar", total.lock().unwrap());
    Ok(())
}
