//! `plimsoll inspect`: the images in an input, with their layers and sizes.
//!
//! With `--no-layers`, only manifests and configs are read. Not here: how the command starts (`cli::start`).

use crate::cli::args::ListFormat;
use crate::image::Listing;
use crate::image::error::ImageError;
use crate::model::fault::ImageFault;
use crate::model::image::Image;
use crate::model::layer_facts::Compression;
use crate::model::text::bytes;
use crate::model::text::count;
use crate::model::text::shown;
use crate::output::harmless;
use crate::output::json;
use crate::output::sizes;
use crate::output::table::fault_text;
use crate::report::ImageReport;
use serde::Serialize;
use std::io;
use std::io::Write;

/// The output of `inspect --format json`, version 1.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    reference: &'a str,
    images: Vec<ImageDocument<'a>>,
    absent: Vec<AbsentDocument<'a>>,
    evidence: Vec<EvidenceDocument<'a>>,
    errors: Vec<String>,
}

#[derive(Serialize)]
struct ImageDocument<'a> {
    names: &'a [String],
    manifest_digest: Option<&'a str>,
    config_digest: &'a str,
    platform: &'a str,
    created: Option<&'a str>,
    /// Null if no layers were read.
    sizes: Option<SizesDocument>,
    layers: Vec<LayerDocument<'a>>,
    faults: Vec<String>,
}

#[derive(Serialize)]
struct SizesDocument {
    compressed: Option<u64>,
    uncompressed: u64,
    visible: u64,
    wasted: u64,
}

#[derive(Serialize)]
struct LayerDocument<'a> {
    /// 0 is the bottom layer.
    index: usize,
    diff_id: &'a str,
    digest: Option<&'a str>,
    media_type: Option<&'a str>,
    /// Bytes in the input.
    stored: Option<u64>,
    /// Bytes of the tar; null if the layer was not read, like the next two.
    uncompressed: Option<u64>,
    entries: Option<u64>,
    whiteouts: Option<u64>,
    instruction: Option<&'a str>,
}

#[derive(Serialize)]
struct AbsentDocument<'a> {
    platform: &'a str,
    digest: &'a str,
    names: &'a [String],
}

#[derive(Serialize)]
struct EvidenceDocument<'a> {
    kind: &'a str,
    digest: &'a str,
    media_type: &'a str,
    subject: Option<&'a str>,
}

/// One image, with or without its layers read.
struct Inspected<'a> {
    image: &'a Image,
    /// Bytes of each layer in the input.
    stored: Vec<Option<u64>>,
    report: Option<&'a ImageReport>,
    faults: Vec<ImageFault>,
}

/// Writes the images in an input, from manifests and configs only.
pub fn write_listing(reference: &str, listing: &Listing, format: ListFormat, out: &mut dyn Write) -> io::Result<()> {
    let inspected = listing.images.iter().map(|candidate| {
        let missing = candidate.blobs.iter().enumerate().filter_map(|(index, blob)| {
            let fault = blob.as_ref().err()?.clone();
            Some(ImageFault::Layer { index, digest: candidate.image.layers[index].digest.clone(), fault })
        });
        Inspected {
            image: &candidate.image,
            stored: candidate.blobs.iter().map(|blob| blob.as_ref().ok().map(|blob| blob.len())).collect(),
            report: None,
            faults: missing.chain(candidate.faults.iter().cloned()).collect(),
        }
    });
    let inspected: Vec<Inspected<'_>> = inspected.collect();
    match format {
        ListFormat::Json => harmless::write_value(&document(reference, listing, &inspected), out),
        ListFormat::Table => text(reference, listing, &inspected, 0, out),
    }
}

/// Writes the images in an input, with their layers and sizes.
pub fn write(
    reference: &str,
    listing: &Listing,
    reports: &[ImageReport],
    format: ListFormat,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let inspected = reports.iter().map(|report| {
        let stored = |index: usize| report.layers.get(index).map(|layer| layer.stored);
        Inspected {
            image: &report.image,
            stored: (0..report.image.layers.len()).map(stored).collect(),
            report: Some(report),
            faults: report.faults.clone(),
        }
    });
    let inspected: Vec<Inspected<'_>> = inspected.collect();
    match format {
        ListFormat::Json => harmless::write_value(&document(reference, listing, &inspected), out),
        ListFormat::Table => text(reference, listing, &inspected, width, out),
    }
}

fn document<'a>(reference: &'a str, listing: &'a Listing, inspected: &'a [Inspected<'a>]) -> Document<'a> {
    let absent = listing.missing.iter().map(|absent| AbsentDocument {
        platform: &absent.platform,
        digest: absent.digest.as_str(),
        names: &absent.names,
    });
    let evidence = listing.non_images.iter().map(|item| EvidenceDocument {
        kind: item.kind,
        digest: &item.digest,
        media_type: &item.media_type,
        subject: item.subject.as_deref(),
    });
    Document {
        version: 1,
        reference,
        images: inspected.iter().map(image_document).collect(),
        absent: absent.collect(),
        evidence: evidence.collect(),
        errors: listing.broken.iter().map(ImageError::to_string).collect(),
    }
}

fn image_document<'a>(inspected: &'a Inspected<'a>) -> ImageDocument<'a> {
    let image = inspected.image;
    let layers = image.layers.iter().enumerate().map(|(index, layer)| {
        let read = inspected.report.and_then(|report| report.layers.get(index));
        LayerDocument {
            index,
            diff_id: layer.diff_id.as_str(),
            digest: layer.digest.as_ref().map(|digest| digest.as_str()),
            media_type: layer.media_type.as_deref(),
            stored: inspected.stored[index],
            uncompressed: read.map(|layer| layer.uncompressed),
            entries: read.map(|layer| layer.entries),
            whiteouts: read.map(|layer| layer.whiteouts),
            instruction: image.instruction(index).map(|instruction| instruction.text.as_str()),
        }
    });
    let sizes = inspected.report.and_then(|report| report.sizes).map(|sizes| SizesDocument {
        compressed: sizes.compressed,
        uncompressed: sizes.uncompressed,
        visible: sizes.visible,
        wasted: sizes.wasted,
    });
    ImageDocument {
        names: &image.names,
        manifest_digest: image.manifest_digest.as_ref().map(|digest| digest.as_str()),
        config_digest: image.config_digest.as_str(),
        platform: &image.platform,
        created: image.config.created.as_deref(),
        sizes,
        layers: layers.collect(),
        faults: inspected.faults.iter().map(json::fault).collect(),
    }
}

fn text(
    reference: &str,
    listing: &Listing,
    inspected: &[Inspected<'_>],
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{}: {}", shown(reference), count(inspected.len() as u64, "image"))?;
    for inspected in inspected {
        let image = inspected.image;
        let names = match image.names.len() {
            0 => "(no name)".to_string(),
            _ => shown(&image.names.join(", ")),
        };
        writeln!(out, "\n{names}  {}", shown(&image.platform))?;
        match &image.manifest_digest {
            Some(digest) => writeln!(out, "  manifest  {digest}")?,
            None => writeln!(out, "  manifest  none in this archive")?,
        }
        writeln!(out, "  config    {}", image.config_digest)?;
        if let Some(created) = &image.config.created {
            writeln!(out, "  created   {}", shown(created))?;
        }
        match inspected.report {
            Some(report) => writeln!(out, "  size      {}", sizes::sums(report))?,
            None => {
                let stored: u64 = inspected.stored.iter().flatten().sum();
                let layers = count(image.layers.len() as u64, "layer");
                writeln!(out, "  layers    {layers}, {} as stored", bytes(stored))?;
            }
        }
        for fault in &inspected.faults {
            writeln!(out, "  {}", fault_text(fault, image.layers.len()))?;
        }
        if let Some(report) = inspected.report.filter(|report| !report.layers.is_empty()) {
            writeln!(out, "\n{}", sizes::layers(report, width))?;
            if report.layers.iter().all(|layer| layer.compression == Compression::None) {
                writeln!(out, "The layers are stored uncompressed.")?;
            }
        }
    }
    for absent in &listing.missing {
        let platform = if absent.platform.is_empty() { "unknown platform" } else { &absent.platform };
        writeln!(out, "\nnot in this input: {}, manifest {}", shown(platform), absent.digest)?;
    }
    for item in &listing.non_images {
        writeln!(out, "\n{}: {} ({})", item.kind, shown(&item.digest), shown(&item.media_type))?;
        if let Some(subject) = &item.subject {
            writeln!(out, "  of {}", shown(subject))?;
        }
    }
    for error in &listing.broken {
        writeln!(out, "\nerror: {error}")?;
    }
    Ok(())
}
