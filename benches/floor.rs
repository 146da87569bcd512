//! The floor: the least that an honest reader of an image does. Decompress, both digests, a walk over the tar headers;
//! none of the program's own modules. `cargo bench --bench floor -- IMAGE [--threads N]`, IMAGE an OCI layout or an archive.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

type Answer<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
/// A blob: file, offset, size.
type Place = (String, u64, u64);

struct Hashed<R>(R, Sha256);
impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(&buffer[..count]);
        Ok(count)
    }
}

fn open((file, offset, size): &Place) -> Answer<std::io::Take<File>> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(*offset))?;
    Ok(file.take(*size))
}

/// Reads one layer; gives the bytes of its tar.
fn layer(place: &Place) -> Answer<u64> {
    let mut stored = BufReader::with_capacity(128 << 10, Hashed(open(place)?, Sha256::new()));
    let magic = stored.fill_buf()?.get(..4).unwrap_or_default().to_vec();
    let plain = !magic.starts_with(&[0x1f, 0x8b]) && magic != [0x28, 0xb5, 0x2f, 0xfd];
    let mut tar: Box<dyn Read + '_> = match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(&mut stored)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::with_buffer(&mut stored)?),
        _ => Box::new(&mut stored),
    };
    let (mut hash, mut total, mut skip, mut head) = (Sha256::new(), 0, 0u64, Vec::with_capacity(512));
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = tar.read(&mut buffer)?;
        let mut bytes = &buffer[..count];
        if count == 0 {
            break;
        }
        hash.update(if plain { &[] } else { bytes });
        total += count as u64;
        while !bytes.is_empty() {
            let over = skip.min(bytes.len() as u64) as usize;
            (skip, bytes) = (skip - over as u64, &bytes[over..]);
            let more = bytes.len().min(512 - head.len());
            head.extend_from_slice(&bytes[..more]);
            bytes = &bytes[more..];
            if head.len() == 512 {
                let header = tar::Header::from_byte_slice(&head);
                let size = if matches!(head[156], b'1'..=b'6') || head[0] == 0 { 0 } else { header.entry_size()? };
                std::hint::black_box(header.path_bytes());
                skip = size.next_multiple_of(512);
                head.clear();
            }
        }
    }
    drop(tar);
    std::hint::black_box((hash.finalize(), stored.into_inner().1.finalize()));
    Ok(total)
}

/// The layers of all images, the largest first.
fn layers(image: &str) -> Answer<Vec<Place>> {
    let mut inside: HashMap<String, Place> = HashMap::new();
    if File::open(image)?.metadata()?.is_file() {
        for entry in tar::Archive::new(File::open(image)?).entries_with_seek()? {
            let entry = entry?;
            let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_string();
            inside.insert(name, (image.to_string(), entry.raw_file_position(), entry.size()));
        }
    }
    let find = |name: &str| match inside.get(name) {
        Some(place) => Ok(place.clone()),
        None => std::fs::metadata(format!("{image}/{name}")).map(|file| (format!("{image}/{name}"), 0, file.len())),
    };
    let json = |name: &str| -> Answer<Value> { Ok(serde_json::from_reader(open(&find(name)?)?)?) };
    let path = |item: &Value| Some(format!("blobs/{}", item["digest"].as_str()?.replace(':', "/")));
    let blob = |item: &Value| item.as_str().map(String::from).or_else(|| path(item)).unwrap_or_default();
    let (mut todo, mut found) = (vec![json("index.json").or_else(|_| json("manifest.json"))?], BTreeSet::new());
    while let Some(document) = todo.pop() {
        todo.extend(document.as_array().cloned().unwrap_or_default());
        todo.extend(document["manifests"].as_array().into_iter().flatten().filter_map(|item| json(&blob(item)).ok()));
        let items = document["Layers"].as_array().or(document["layers"].as_array());
        found.extend(items.into_iter().flatten().filter_map(|item| find(&blob(item)).ok()));
    }
    let mut found: Vec<Place> = found.into_iter().collect();
    found.sort_by_key(|place| std::cmp::Reverse(place.2));
    Ok(found)
}

fn main() -> Answer<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some(image) = words.first() else { return Ok(println!("floor IMAGE [--threads N]")) };
    let threads = words.iter().position(|word| word == "--threads").map_or(Ok(1), |at| words[at + 1].parse())?;
    let (layers, next, total) = (layers(image)?, AtomicUsize::new(0), AtomicU64::new(0));
    let work = || {
        while let Some(place) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
            total.fetch_add(layer(place).unwrap(), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_: usize| drop(scope.spawn(work))));
    println!("{} layers, {} bytes of tar", layers.len(), total.into_inner());
    Ok(())
}
