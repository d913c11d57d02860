//! Size at rest: eleven hours of a fleet of node exporters at 15 seconds, through the engine as rows or into a peer by remote
//! write, until six of them are one merged block; then the bytes on the disk. `cargo bench --bench history`.
//!
//! | variable | default | |
//! |---|---|---|
//! | `HISTORY_TARGETS` | 100 | node exporters |
//! | `HISTORY_SERIES` | 1000 | series of each |
//! | `HISTORY_SERVERS` | all | `narthex`, `prometheus`, `victoria-metrics`, with commas |
//! | `HISTORY_DIR` | a temporary directory | keeps the data |

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

#[allow(dead_code, reason = "the bench that it belongs to asks for more")]
#[path = "../side_by_side/ask.rs"]
mod ask;
#[path = "../side_by_side/load.rs"]
mod load;
mod recording;
#[allow(dead_code, reason = "the bench that it belongs to measures more")]
#[path = "../side_by_side/server.rs"]
mod server;

use narthex::scrape::exposition::parse_labels;
use narthex_storage::codec::value;
use narthex_storage::{Db, DbOptions, Group, Labels, LabelsBuilder, Row, Slot, WalSync};
use recording::{INTERVAL_MS, Recording, START_MS, instance, time};
use server::{Kind, Server};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOUR_MS: i64 = 3_600_000;
/// So much becomes one block.
const MERGED_MS: i64 = 6 * HOUR_MS;
/// A block is cut once the head spans three hours, and a window is merged once there is a block behind it, of Prometheus once
/// there are two.
const LOADED_MS: i64 = 11 * HOUR_MS + HOUR_MS / 4;
/// Scrapes between two rounds of maintenance, which a server does every 30 seconds.
const MAINTAINED: i64 = 8;
/// Samples of a series in one frame of a block.
const FRAME: usize = 480;
/// Targets whose frames are measured by class.
const CLASSED: usize = 10;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(format!("HISTORY_{name}")).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn labels(recording: &Recording, target: usize) -> Vec<Labels> {
    let labels = |text: &str| {
        let mut labels = LabelsBuilder::new();
        labels.set("instance", &instance(target)).set("job", "node");
        parse_labels(text.as_bytes(), |name, value| {
            labels.set(name, value);
        });
        labels.build()
    };
    recording.series.iter().map(|series| labels(&series.text)).collect()
}

/// Bytes of the files below a directory; of those alone that have the name, if one is given.
fn bytes(dir: &Path, name: Option<&str>) -> f64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0.0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes(&entry.path(), name),
        Ok(meta) if name.is_none_or(|name| entry.file_name() == name) => meta.len() as f64,
        _ => 0.0,
    };
    entries.flatten().map(size).sum()
}

/// A block in a data directory, ours or Prometheus's.
struct Found {
    dir: PathBuf,
    first_ms: i64,
    last_ms: i64,
    samples: f64,
    series: f64,
}

fn blocks(data: &Path) -> Vec<Found> {
    let found = |entry: std::fs::DirEntry| {
        let text = std::fs::read(entry.path().join("meta.json")).ok()?;
        let json: serde_json::Value = serde_json::from_slice(&text).ok()?;
        Some(Found {
            dir: entry.path(),
            first_ms: json["minTime"].as_i64()?,
            last_ms: json["maxTime"].as_i64()?,
            samples: json["stats"]["numSamples"].as_f64()?,
            series: json["stats"]["numSeries"].as_f64()?,
        })
    };
    std::fs::read_dir(data).unwrap().flatten().filter_map(found).collect()
}

/// The blocks that hold the hours which are to be merged, when they are one.
fn merged(blocks: &[Found]) -> Option<&Found> {
    blocks.iter().find(|block| block.first_ms < START_MS + HOUR_MS && block.last_ms >= START_MS + MERGED_MS)
}

fn ours(recording: &Recording, data: &Path, targets: usize, scrapes: i64) {
    let options = DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() };
    let db = Db::open(data, options).unwrap();
    let group = |target: usize| {
        let group = db.create_group();
        let slots = labels(recording, target).iter().map(|labels| group.register(labels).unwrap()).collect();
        (group, slots)
    };
    let groups: Vec<(Arc<Group>, Vec<Slot>)> = (0..targets).map(group).collect();
    let (mut row, begin) = (Row::new(), Instant::now());
    let mut kept_in_order = Duration::ZERO;
    for scrape in 0..scrapes {
        for (target, (group, slots)) in groups.iter().enumerate() {
            row.clear();
            let values = recording.values(target, scrape);
            slots.iter().zip(values).for_each(|(slot, value)| assert!(row.set(*slot, value)));
            group.append_row(time(target, scrape), &row).unwrap();
        }
        if scrape % MAINTAINED == 0 {
            let begin = Instant::now();
            db.maintain(START_MS + scrape * INTERVAL_MS).unwrap();
            kept_in_order += begin.elapsed();
        }
    }
    eprintln!(
        "narthex: loaded in {:.0} s, {:.0} of them for flushes, blocks and merges",
        begin.elapsed().as_secs_f64(),
        kept_in_order.as_secs_f64()
    );
    db.close().unwrap();
}

/// Loads a peer and lets it merge; whether it is there.
fn theirs(kind: Kind, recording: &Recording, dir: &Path, targets: usize, scrapes: i64) -> bool {
    let Some(server) = Server::start(kind, dir) else { return false };
    let encoded: Vec<Vec<Vec<u8>>> = (0..targets)
        .map(|target| labels(recording, target).iter().map(|labels| load::labels(labels.iter())).collect())
        .collect();
    load::load(&server.address, targets, scrapes, |target, scrapes, out| {
        for (number, labels) in encoded[target].iter().enumerate() {
            let sample = |scrape| (time(target, scrape), recording.value(target, scrape, number));
            load::put_series(labels, scrapes.clone().map(sample), out);
        }
    });
    if kind == Kind::VictoriaMetrics {
        ask::get(&server.address, "/internal/force_flush").unwrap();
        ask::get(&server.address, "/internal/force_merge").unwrap();
    } else {
        // It looks once a minute whether there is something to do.
        let begin = Instant::now();
        let data = dir.join(kind.name()).join("data");
        while merged(&blocks(&data)).is_none() && begin.elapsed() < Duration::from_secs(300) {
            std::thread::sleep(Duration::from_secs(2));
        }
    }
    server.wait_until_idle();
    server.stop();
    true
}

/// Prints what is on the disk.
fn report(kind: Kind, data: &Path, samples: f64) {
    let blocks = blocks(data);
    let print = |what: &str, block: &Found| {
        let part = |name| bytes(&block.dir, Some(name)) / block.samples;
        println!(
            "| {} | {what} | {:.4} | {:.4} | {:.4} | {:.1} |",
            kind.name(),
            bytes(&block.dir, None) / block.samples,
            part("index"),
            part("timelines"),
            bytes(&block.dir, Some("index")) / block.series,
        );
    };
    if let Some(block) = merged(&blocks) {
        print("6 h, one merged block", block);
    }
    if let Some(block) = blocks.iter().find(|block| block.last_ms - block.first_ms < 3 * HOUR_MS) {
        print("2 h, as cut", block);
    }
    println!("| {} | everything in the directory | {:.4} | | | |", kind.name(), bytes(data, None) / samples);
}

/// Bytes of the frames of whole blocks, by class of values, before pages are packed.
fn classes(recording: &Recording, scrapes: i64) {
    let mut of_class: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let (mut frame, mut column) = (Vec::new(), Vec::new());
    for target in 0..CLASSED {
        for (number, series) in recording.series.iter().enumerate() {
            column.clear();
            column.extend((0..scrapes).map(|scrape| recording.value(target, scrape, number)));
            frame.clear();
            column.chunks(FRAME).for_each(|values| value::encode(values, &mut frame));
            for class in [series.class, "all"] {
                let (series, samples, bytes) = of_class.entry(class).or_default();
                *series += 1;
                *samples += column.len();
                *bytes += frame.len();
            }
        }
    }
    println!("\n| frames of {FRAME} samples | series | B / sample | share of the bytes |\n|---|---|---|---|");
    let all = of_class["all"].2 as f64;
    for (class, (series, samples, bytes)) in &of_class {
        let (series, bytes) = (series / CLASSED, *bytes as f64);
        println!("| {class} | {series} | {:.3} | {:.0} % |", bytes / *samples as f64, bytes / all * 100.0);
    }
}

fn main() {
    let shared = std::env::var_os("NARTHEX_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let path = shared.join("samples/node-exporter.raw.zst");
    let Some(recording) = Recording::open(&path, setting("SERIES", 1000)) else {
        eprintln!("SKIPPED: {} is not there", path.display());
        return;
    };
    let (targets, scrapes) = (setting("TARGETS", 100), LOADED_MS / INTERVAL_MS);
    let (temporary, keep) = (tempfile::tempdir().unwrap(), std::env::var_os("HISTORY_DIR"));
    let dir = keep.as_ref().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let wanted = std::env::var("HISTORY_SERVERS").unwrap_or_default();
    let samples = (targets * recording.series.len()) as f64 * scrapes as f64;
    println!(
        "{targets} targets of {} series, {:.1} million samples\n",
        recording.series.len(),
        samples / 1e6
    );
    println!("| | | B / sample | index | timelines | index, B / series |\n|---|---|---|---|---|---|");
    for kind in [Kind::Narthex, Kind::Prometheus, Kind::VictoriaMetrics] {
        if !wanted.is_empty() && !wanted.split(',').any(|name| name == kind.name()) {
            continue;
        }
        let data = dir.join(kind.name()).join("data");
        if kind == Kind::Narthex {
            std::fs::create_dir_all(&data).unwrap();
            ours(&recording, &data, targets, scrapes);
        } else if !theirs(kind, &recording, &dir, targets, scrapes) {
            continue;
        }
        report(kind, &data, samples);
        if keep.is_none() {
            std::fs::remove_dir_all(&data).unwrap();
        }
    }
    classes(&recording, MERGED_MS / INTERVAL_MS);
}
