//! Opens an input, lists its images, reads their layers and merges them.
//!
//! In: a reference as the user typed it. Out: for each image its metadata, the merged view and its faults. Each layer
//! of the selected images is read once, in parallel. Results are put in layer order, so the output doesn't depend on
//! timing. Not here: judging (`audit`).

use crate::collect::Budget;
use crate::collect::CollectOptions;
use crate::facts;
use crate::facts::Facts;
use crate::image;
use crate::image::Candidate;
use crate::image::Listing;
use crate::image::error::ImageError;
use crate::limits;
use crate::model::digest::Algorithm;
use crate::model::digest::Digest;
use crate::model::fault::ImageFault;
use crate::model::fault::LayerFault;
use crate::model::image::Image;
use crate::model::image::Layer;
use crate::model::layer_facts::LayerFacts;
use crate::pass;
use crate::source::Source;
use crate::source::reference::Reference;
use crate::stream::blob::Blob;
use crate::stream::fault::Fault;
use crate::view::NodeId;
use crate::view::View;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// How to read images.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of threads that read layers.
    pub threads: usize,
    /// Whether to compute the SHA-256 of every file.
    pub sha256: bool,
}

/// An image after its layers were read.
pub struct Examined {
    /// Its manifest and config.
    pub image: Image,
    /// The merged view; `None` if a layer could not be read.
    pub view: Option<View>,
    /// Why it can't be judged; empty if nothing is wrong.
    pub faults: Vec<ImageFault>,
}

/// An opened input before any layer is read.
pub struct Opened {
    /// The selected images, attestations, artifacts and missing platforms.
    pub listing: Listing,
}

/// Opens a reference and lists the images that it and `platform` select.
pub fn open(text: &str, platform: Option<&str>) -> Result<Opened, ImageError> {
    let source = Source::open(Reference::parse(text)?)?;
    let mut listing = image::list(&source)?;
    image::select(&mut listing, source.reference.selector.as_ref(), platform)?;
    Ok(Opened { listing })
}

/// Reads the layers of all images and merges them image by image.
pub fn examine(candidates: Vec<Candidate>, options: &Options) -> Vec<Examined> {
    let tasks = plan(&candidates);
    let done = read_all(&tasks, options);
    candidates.into_iter().map(|candidate| assemble(candidate, &tasks, &done, options)).collect()
}

/// A distinct blob to read.
struct Task {
    blob: Blob,
    request: pass::Request,
}

/// Identifies a blob by its digest and its range in the archive, and by the digest to compute of its tar.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    digest: Option<Digest>,
    range: (u64, u64),
    diff_algorithm: Algorithm,
}

struct Tasks {
    list: Vec<Task>,
    by_key: HashMap<Key, usize>,
}

impl Tasks {
    fn index(&self, layer: &Layer, blob: &Blob) -> Option<usize> {
        self.by_key.get(&key(layer, blob)).copied()
    }
}

fn key(layer: &Layer, blob: &Blob) -> Key {
    Key { digest: layer.digest.clone(), range: blob.range(), diff_algorithm: layer.diff_id.algorithm() }
}

fn readable(candidate: &Candidate) -> bool {
    candidate.faults.is_empty() && !is_windows(&candidate.image)
}

fn is_windows(image: &Image) -> bool {
    image.config.os.eq_ignore_ascii_case("windows")
}

fn plan(candidates: &[Candidate]) -> Tasks {
    let mut tasks = Tasks { list: Vec::new(), by_key: HashMap::new() };
    for candidate in candidates.iter().filter(|candidate| readable(candidate)) {
        for (layer, blob) in candidate.image.layers.iter().zip(&candidate.blobs) {
            let Ok(blob) = blob else { continue };
            tasks.by_key.entry(key(layer, blob)).or_insert_with(|| {
                let request = pass::Request {
                    blob_algorithm: layer.digest.as_ref().map_or(Algorithm::Sha256, Digest::algorithm),
                    diff_algorithm: layer.diff_id.algorithm(),
                    collect: CollectOptions::default(),
                    two_threads: false,
                };
                tasks.list.push(Task { blob: blob.clone(), request });
                tasks.list.len() - 1
            });
        }
    }
    let all = tasks.list.iter().fold(0, |all: u64, task| all.saturating_add(task.blob.len()));
    let count = tasks.list.len();
    for task in &mut tasks.list {
        task.request.collect.budget = Budget::share(task.blob.len(), all, count);
    }
    tasks
}

type LayerResult = Result<Arc<LayerFacts>, Fault>;
type Done = Vec<LayerResult>;

/// Reads all blobs, largest first, on the given number of threads.
fn read_all(tasks: &Tasks, options: &Options) -> Done {
    let mut order: Vec<usize> = (0..tasks.list.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(tasks.list[i].blob.len()), i));
    let threads = options.threads.max(1);
    let mut left: u64 = order.iter().map(|&i| tasks.list[i].blob.len()).sum();
    // A blob that exceeds its share of the remaining bytes is read on two threads.
    let jobs: Vec<(usize, bool)> = order
        .into_iter()
        .map(|i| {
            let len = tasks.list[i].blob.len();
            left -= len;
            (i, threads > 1 && len.saturating_mul(threads as u64 - 1) > left)
        })
        .collect();
    let results: Vec<Mutex<Option<LayerResult>>> = tasks.list.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(&(i, split)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let task = &tasks.list[i];
            let mut request = task.request.clone();
            request.two_threads = split;
            request.collect.sha256 = options.sha256;
            let result = pass::read(&task.blob, &request).map(Arc::new);
            *results[i].lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            scope.spawn(work);
        }
        work();
    });
    let take = |slot: Mutex<Option<_>>| {
        slot.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).unwrap_or(Err(Fault::Stopped))
    };
    results.into_iter().map(take).collect()
}

fn assemble(candidate: Candidate, tasks: &Tasks, done: &Done, options: &Options) -> Examined {
    let mut faults = candidate.faults.clone();
    let image = candidate.image;
    if is_windows(&image) {
        faults.push(ImageFault::Windows);
    }
    if !faults.is_empty() {
        return Examined { image, view: None, faults };
    }
    let mut layers = Vec::new();
    for (index, (layer, blob)) in image.layers.iter().zip(&candidate.blobs).enumerate() {
        let facts = match blob {
            Err(fault) => Err(fault.clone()),
            Ok(blob) => match tasks.index(layer, blob).map(|task| &done[task]) {
                Some(Ok(facts)) => verified(layer, facts),
                Some(Err(fault)) => Err(fault.into()),
                None => Err(LayerFault::Missing("was not read".to_string())),
            },
        };
        match facts {
            Ok(facts) => layers.push(facts),
            Err(fault) => faults.push(ImageFault::Layer { index, digest: layer.digest.clone(), fault }),
        }
    }
    if !faults.is_empty() {
        return Examined { image, view: None, faults };
    }
    for (index, facts) in layers.iter().enumerate() {
        for malformed in &facts.malformed {
            let fault = LayerFault::Entry { path: malformed.path.clone(), what: malformed.what.clone() };
            faults.push(ImageFault::Layer { index, digest: Some(facts.digest.clone()), fault });
        }
    }
    let mut view = View::new(layers);
    faults.extend(view.faults.iter().cloned());
    if let Err(fault) = bring_needed(&image, &candidate.blobs, tasks, &mut view, options) {
        faults.push(fault);
    }
    Examined { image, view: Some(view), faults }
}

fn verified(layer: &Layer, facts: &Arc<LayerFacts>) -> Result<Arc<LayerFacts>, LayerFault> {
    if let Some(named) = layer.digest.as_ref().filter(|named| **named != facts.digest) {
        return Err(LayerFault::Digest { named: named.clone(), found: facts.digest.clone() });
    }
    if layer.diff_id != facts.diff_id {
        return Err(LayerFault::DiffId { named: layer.diff_id.clone(), found: facts.diff_id.clone() });
    }
    Ok(facts.clone())
}

/// Fetches files that the facts need and that the first pass didn't keep (a passwd behind a symbolic link, a script
/// without a `#!` line) by reading and verifying their layers again. Such a file may refer to another one.
fn bring_needed(
    image: &Image,
    blobs: &[Result<Blob, LayerFault>],
    tasks: &Tasks,
    view: &mut View,
    options: &Options,
) -> Result<(), ImageFault> {
    bring(facts::database_files(view), image, blobs, tasks, view, options)?;
    for _ in 0..limits::SECOND_READINGS {
        let wanted = Facts::new(image, Ok(view)).contents_to_keep();
        if !bring(wanted, image, blobs, tasks, view, options)? {
            break;
        }
    }
    Ok(())
}

/// Fetches the content of files; false if all of it was kept already.
fn bring(
    nodes: Vec<NodeId>,
    image: &Image,
    blobs: &[Result<Blob, LayerFault>],
    tasks: &Tasks,
    view: &mut View,
    options: &Options,
) -> Result<bool, ImageFault> {
    let mut wanted: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    for node in nodes {
        if let (None, Some((layer, entry))) = (view.content(node), view.entry_at(node)) {
            wanted.entry(layer).or_default().insert(entry);
        }
    }
    let has_brought = !wanted.is_empty();
    for (index, entries) in wanted {
        let layer = &image.layers[index];
        let Some(Ok(blob)) = blobs.get(index) else { continue };
        let Some(task) = tasks.index(layer, blob) else { continue };
        let mut request = tasks.list[task].request.clone();
        request.two_threads = options.threads > 1;
        request.collect.entries = entries.clone();
        let again = pass::read(blob, &request)
            .map_err(|fault| LayerFault::from(&fault))
            .and_then(|again| verified(layer, &Arc::new(again)))
            .map_err(|fault| ImageFault::Layer {
                index,
                digest: layer.digest.clone(),
                fault: LayerFault::Again(Box::new(fault)),
            })?;
        for entry in entries {
            if let Some(kept) = again.kept.get(&entry) {
                view.add_content(index, entry, kept.clone());
            }
        }
    }
    Ok(has_brought)
}
