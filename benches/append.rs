//! Appending rows of a scrape: nanoseconds a sample, and what series and samples take in memory and on
//! disk. `cargo bench --bench append`.

#![allow(missing_docs, clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use narthex_storage::{Db, DbOptions, Group, Labels, Row, Slot, WalSync};
use std::path::Path;
use std::sync::Arc;

const SERIES: usize = 10_000;

fn main() {
    println!("memory: {:.0} bytes a series with ten rows", bytes_per_series(200_000));
    for (name, moves) in [("every value moves", 1), ("a third moves", 3)] {
        println!("disk, {name}: {:.2} bytes a sample in a block", block_bytes_per_sample(moves));
    }
    divan::main();
}

fn open(dir: &Path) -> Db {
    let options = DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() };
    Db::open(dir, options).unwrap()
}

fn labels(i: usize) -> Labels {
    let (cpu, instance) = ((i % 64).to_string(), format!("10.0.{}.{}:9100", i / 16_384, i / 64 % 256));
    Labels::from_pairs([
        ("__name__", "node_cpu_seconds_total"),
        ("cpu", &cpu),
        ("instance", &instance),
        ("job", "node-exporter"),
        ("mode", "idle"),
    ])
}

fn register(group: &Arc<Group>, series: usize) -> Vec<Slot> {
    (0..series).map(|i| group.register(&labels(i)).unwrap()).collect()
}

/// A row in which one value of `moves` differs from the row before: a counter with uneven steps.
fn fill(row: &mut Row, slots: &[Slot], round: u64, moves: usize) {
    row.clear();
    for (i, slot) in slots.iter().enumerate() {
        let uneven = (round.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (i as u64 * 0x5851_f42d)) >> 54;
        let value = if i.is_multiple_of(moves) { round * 1024 + uneven } else { 7 };
        row.set(*slot, i as f64 + value as f64 / 4.0);
    }
}

fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

fn bytes_per_series(series: usize) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let before = resident();
    let group = db.create_group();
    let slots = register(&group, series);
    let mut row = Row::new();
    for round in 0..10 {
        fill(&mut row, &slots, round, 1);
        group.append_row(round as i64 * 15_000, &row).unwrap();
    }
    (resident() - before) / series as f64
}

fn block_bytes_per_sample(moves: usize) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let group = db.create_group();
    let slots = register(&group, 2000);
    let mut row = Row::new();
    let rows = 4 * 3600 / 15;
    for round in 0..rows {
        fill(&mut row, &slots, round, moves);
        group.append_row(round as i64 * 15_000, &row).unwrap();
    }
    let blocks = db.maintain(rows as i64 * 15_000).unwrap().blocks_written;
    let size = |path: &Path| -> u64 {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    };
    let samples = blocks.len() * slots.len() * (2 * 3600 / 15);
    blocks.iter().map(|path| size(path)).sum::<u64>() as f64 / samples as f64
}

/// One value in so many moves from row to row.
#[divan::bench(args = [1, 2, 10])]
fn row(bencher: Bencher, moves: usize) {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let group = db.create_group();
    let slots = register(&group, SERIES);
    let mut row = Row::new();
    let mut round = 0;
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| {
        round += 1;
        fill(&mut row, &slots, round, moves);
        group.append_row(round as i64 * 1000, &row).unwrap()
    });
}

/// Samples with timestamps of their own, as remote write brings them.
#[divan::bench]
fn singles(bencher: Bencher) {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let all: Vec<Labels> = (0..SERIES).map(labels).collect();
    let mut at = 0;
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| {
        at += 15_000;
        let mut appender = db.appender();
        for labels in &all {
            appender.append(labels, at, at as f64).unwrap();
        }
        appender.commit().unwrap()
    });
}
