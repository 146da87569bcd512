//! Compares an audit with the floor, the minimal work of reading an image (`floor`). Runs both seven times on each
//! image and prints the medians of the audit's additional CPU time per MB of tar and of its wall time with two threads
//! relative to the floor's with one, and the audit's peak memory.
//!
//! `PLIMSOLL_BENCH_IMAGES=DIRECTORY cargo bench --bench pass` measures the `NAME.oci-gzip`, `NAME.oci-zstd` and
//! `NAME.docker.tar` in a directory. Without it, the image is an OCI layout of about 200 MB built from this machine's
//! `/usr`. `cargo bench --no-run` builds the floor. Linux only: the measurements come from /proc.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use serde_json::json;
use sha2::Digest;
use sha2::Sha256;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

const PAIRS: usize = 7;
const SAMPLE_BYTES: usize = 200 << 20;
const LAYER_BYTES: usize = 50 << 20;

/// One run: processor time and wall time in seconds, peak memory in KiB, standard output.
struct Run {
    cpu: f64,
    wall: f64,
    peak_kib: u64,
    out: String,
}

/// User and system time of this process's terminated children, in seconds (from clock ticks of 10 ms, see proc(5)).
fn children_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = text.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(13).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn run(program: &Path, args: &[&str]) -> Run {
    let (before, start) = (children_cpu(), Instant::now());
    let mut child = Command::new(program).args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    });
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status_file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        peak_kib = peak_kib.max(line.trim().trim_end_matches(" kB").parse().unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    let wall = start.elapsed().as_secs_f64();
    Run { cpu: children_cpu() - before, wall, peak_kib, out: reader.join().unwrap() }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The newest `floor` binary that cargo built.
fn floor_binary() -> PathBuf {
    let directory = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let is_floor = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("floor-") && path.extension().is_none()
    };
    let found = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).filter(is_floor);
    let newest = found.max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.expect("the floor is not built: run `cargo bench --no-run`")
}

fn measure(floor: &Path, image: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_plimsoll"));
    let bytes = |text: &str| text.split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let megabytes = bytes(&run(floor, &[image]).out) / 1e6;
    run(program, &["audit", image, "--format", "json"]);
    let (mut overhead, mut ratio, mut wall, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..PAIRS {
        let floor = run(floor, &[image, "--threads", "1"]);
        let one = run(program, &["audit", image, "--format", "json", "--threads", "1"]);
        let two = run(program, &["audit", image, "--format", "json", "--threads", "2"]);
        overhead.push((one.cpu - floor.cpu) * 1000.0 / megabytes);
        ratio.push(one.cpu / floor.cpu);
        wall.push(two.wall / floor.wall);
        peak = peak.max(one.peak_kib).max(two.peak_kib);
    }
    println!(
        "{image}: {megabytes:.1} MB of tar, CPU {:+.2} ms per MB over the floor ({:.2} times the floor), wall time with 2 \
         threads {:.2} times the floor with 1, peak memory {:.0} MiB",
        median(overhead),
        median(ratio),
        median(wall),
        peak as f64 / 1024.0
    );
}

/// Collects files of this machine until they exceed [`SAMPLE_BYTES`].
fn collect_files(directory: &Path, found: &mut Vec<(String, Vec<u8>)>, total: &mut usize) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let Ok(meta) = path.symlink_metadata() else { continue };
        if *total > SAMPLE_BYTES {
            return;
        }
        if meta.is_dir() {
            collect_files(&path, found, total);
        } else if meta.is_file() && meta.len() < 8 << 20 {
            let Ok(data) = std::fs::read(&path) else { continue };
            *total += data.len();
            found.push((path.to_string_lossy().trim_start_matches('/').to_string(), data));
        }
    }
}

/// Writes an OCI layout of gzip layers and returns its path.
fn write_sample(directory: &Path) -> String {
    let (mut files, mut total) = (Vec::new(), 0);
    for start in ["/usr/bin", "/usr/share", "/usr/lib"] {
        collect_files(Path::new(start), &mut files, &mut total);
        total = if total > SAMPLE_BYTES { total } else { total.min(SAMPLE_BYTES / 2) };
    }
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |media_type: &str, data: &[u8]| {
        let hex: String = Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(blobs.join(&hex), data).unwrap();
        json!({"mediaType": format!("application/vnd.oci.image.{media_type}"), "digest": format!("sha256:{hex}"), "size": data.len()})
    };
    let (mut layers, mut diff_ids, mut builder, mut size) = (Vec::new(), Vec::new(), None, 0);
    let count = files.len();
    for (at, (name, data)) in files.into_iter().enumerate() {
        let tar = builder.get_or_insert_with(|| tar::Builder::new(Vec::new()));
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, &name, data.as_slice()).unwrap();
        size += data.len();
        if size > LAYER_BYTES || at + 1 == count {
            let bytes = builder.take().unwrap().into_inner().unwrap();
            let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            diff_ids.push(format!("sha256:{hex}"));
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            gzip.write_all(&bytes).unwrap();
            layers.push(put("layer.v1.tar+gzip", &gzip.finish().unwrap()));
            size = 0;
        }
    }
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"User": "1000"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = put("config.v1+json", config.to_string().as_bytes());
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    let manifest = put("manifest.v1+json", manifest.to_string().as_bytes());
    std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(directory.join("index.json"), json!({"schemaVersion": 2, "manifests": [manifest]}).to_string())
        .unwrap();
    directory.to_string_lossy().into_owned()
}

fn main() {
    let floor = floor_binary();
    let Some(directory) = std::env::var_os("PLIMSOLL_BENCH_IMAGES") else {
        let directory = tempfile::tempdir().unwrap();
        measure(&floor, &write_sample(directory.path()));
        return;
    };
    let mut images: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    images.sort();
    for image in images {
        let name = image.to_string_lossy().into_owned();
        if [".oci-gzip", ".oci-zstd", ".docker.tar"].iter().any(|end| name.ends_with(end)) {
            measure(&floor, &name);
        }
    }
}
