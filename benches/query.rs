//! Latency of queries over an hour of a hundred nodes, scraped every 15 seconds. `cargo bench --bench query`.

#![allow(missing_docs, clippy::unwrap_used)]

use divan::Bencher;
use narthex_promql::{Engine, EngineOptions, QueryOptions};
use narthex_storage::{Db, DbOptions, Labels, Row, WalSync};
use std::sync::LazyLock;

const NODES: usize = 100;
const CPUS: usize = 8;
const MODES: [&str; 8] = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
const ROWS: i64 = 240;
const STEP_MS: i64 = 15_000;

struct Store {
    db: Db,
    _dir: tempfile::TempDir,
}

static STORE: LazyLock<Store> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let options = DbOptions { wal_sync: WalSync::Never, ..DbOptions::default() };
    let db = Db::open(dir.path(), options).unwrap();
    for node in 0..NODES {
        let group = db.create_group();
        let instance = format!("10.0.0.{node}:9100");
        let mut slots = Vec::new();
        for cpu in 0..CPUS {
            for mode in MODES {
                let labels = Labels::from_pairs([
                    ("__name__", "node_cpu_seconds_total"),
                    ("cpu", &cpu.to_string()),
                    ("instance", &instance),
                    ("job", "node-exporter"),
                    ("mode", mode),
                ]);
                slots.push(group.register(&labels).unwrap());
            }
        }
        let mut row = Row::new();
        for round in 0..ROWS {
            row.clear();
            for (i, slot) in slots.iter().enumerate() {
                row.set(*slot, round as f64 * (0.1 + i as f64 / 64.0) + node as f64);
            }
            group.append_row(round * STEP_MS + node as i64 * 37, &row).unwrap();
        }
    }
    Store { db, _dir: dir }
});

const QUERIES: &[&str] = &[
    "node_cpu_seconds_total",
    "sum by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[5m]))",
    "1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))",
    "topk(5, max_over_time(node_cpu_seconds_total{mode=\"user\"}[30m]))",
];

fn main() {
    LazyLock::force(&STORE);
    println!("{} series, {} samples", NODES * CPUS * MODES.len(), NODES as i64 * 64 * ROWS);
    divan::main();
}

#[divan::bench(args = QUERIES)]
fn instant(bencher: Bencher, query: &str) {
    let engine = Engine::new(EngineOptions::default());
    let at = (ROWS - 1) * STEP_MS;
    bencher.bench(|| engine.instant(&STORE.db, query, at, &QueryOptions::default()).unwrap());
}

/// An hour in steps of 15 seconds, as a dashboard asks.
#[divan::bench(args = QUERIES, sample_count = 20)]
fn range(bencher: Bencher, query: &str) {
    let engine = Engine::new(EngineOptions::default());
    let steps = (0, (ROWS - 1) * STEP_MS, STEP_MS);
    bencher.bench(|| engine.range(&STORE.db, query, steps, &QueryOptions::default()).unwrap());
}
