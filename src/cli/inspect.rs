//! `plimsoll inspect --no-layers`: which images, platforms and digests an input holds, without reading a layer.

use crate::image::Listing;
use crate::image::error::ImageError;
use crate::model::text::bytes;
use crate::model::text::count;
use crate::model::text::shown;
use crate::report::Format;
use crate::report::json;
use serde::Serialize;
use std::io;
use std::io::Write;

/// Version 1 of what `inspect --format json` writes.
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
    layers: Vec<LayerDocument<'a>>,
}

#[derive(Serialize)]
struct LayerDocument<'a> {
    index: usize,
    diff_id: &'a str,
    digest: Option<&'a str>,
    media_type: Option<&'a str>,
    stored: Option<u64>,
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

/// Writes what an input holds.
pub fn write(reference: &str, listing: &Listing, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => {
            json::write_value(&document(reference, listing), out)?;
            Ok(())
        }
        Format::Table => text(reference, listing, out),
    }
}

fn document<'a>(reference: &'a str, listing: &'a Listing) -> Document<'a> {
    let images = listing.images.iter().map(|candidate| {
        let image = &candidate.image;
        let layers =
            image.layers.iter().zip(&candidate.blobs).enumerate().map(|(index, (layer, blob))| LayerDocument {
                index,
                diff_id: layer.diff_id.as_str(),
                digest: layer.digest.as_ref().map(|digest| digest.as_str()),
                media_type: layer.media_type.as_deref(),
                stored: blob.as_ref().ok().map(|blob| blob.len()),
                instruction: image.instruction(index).map(|instruction| instruction.text.as_str()),
            });
        ImageDocument {
            names: &image.names,
            manifest_digest: image.manifest_digest.as_ref().map(|digest| digest.as_str()),
            config_digest: image.config_digest.as_str(),
            platform: &image.platform,
            created: image.config.created.as_deref(),
            layers: layers.collect(),
        }
    });
    Document {
        version: 1,
        reference,
        images: images.collect(),
        absent: listing
            .missing
            .iter()
            .map(|absent| AbsentDocument {
                platform: &absent.platform,
                digest: absent.digest.as_str(),
                names: &absent.names,
            })
            .collect(),
        evidence: listing
            .non_images
            .iter()
            .map(|item| EvidenceDocument {
                kind: item.kind,
                digest: &item.digest,
                media_type: &item.media_type,
                subject: item.subject.as_deref(),
            })
            .collect(),
        errors: listing.broken.iter().map(ImageError::to_string).collect(),
    }
}

fn text(reference: &str, listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", shown(reference), count(listing.images.len() as u64, "image"))?;
    for candidate in &listing.images {
        let image = &candidate.image;
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
        let stored: u64 = candidate.blobs.iter().flatten().map(|blob| blob.len()).sum();
        let layers = count(image.layers.len() as u64, "layer");
        writeln!(out, "  layers    {layers}, {} as stored", bytes(stored))?;
        for (index, why) in candidate.blobs.iter().enumerate().filter_map(|(i, blob)| Some((i, blob.as_ref().err()?))) {
            writeln!(out, "  layer {index} {}", shown(why))?;
        }
        for fault in &candidate.faults {
            writeln!(out, "  {}", shown(fault))?;
        }
    }
    for absent in &listing.missing {
        let platform = if absent.platform.is_empty() { "no platform named" } else { &absent.platform };
        writeln!(out, "\nabsent: {}, manifest {}", shown(platform), absent.digest)?;
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
