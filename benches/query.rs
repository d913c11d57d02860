//! Latency of queries over an hour of a hundred nodes, scraped every 15 seconds. `cargo bench --bench query`.

#![allow(missing_docs, clippy::unwrap_used)]

use divan::Bencher;
use narthex_promql::{Engine, EngineOptions, QueryOptions};
use narthex_storage::{Buckets, Db, DbOptions, FloatHistogram, Labels, Row, WalSync};
use std::sync::{Arc, LazyLock};

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
    let mut appender = db.appender();
    for node in 0..NODES {
        let instance = format!("10.0.0.{node}:9100");
        let labels = Labels::from_pairs([("__name__", "request_seconds"), ("instance", &instance)]);
        for round in 0..ROWS {
            let at = round * STEP_MS + node as i64 * 37;
            appender.append_histogram(&labels, at, Arc::new(latencies(round)), 0).unwrap();
        }
    }
    appender.commit().unwrap();
    Store { db, _dir: dir }
});

/// A native histogram of twenty buckets, all of which have grown since the round before.
fn latencies(round: i64) -> FloatHistogram {
    let counts: Vec<f64> = (0..20).map(|bucket| ((round + 1) * (1 + bucket % 7)) as f64).collect();
    let count = counts.iter().sum();
    let positive = Buckets { indices: (-10..10).collect(), counts };
    FloatHistogram { schema: 2, count, sum: count * 0.3, positive, ..FloatHistogram::default() }
}

const QUERIES: &[&str] = &[
    "node_cpu_seconds_total",
    "sum by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[5m]))",
    "1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))",
    "topk(5, max_over_time(node_cpu_seconds_total{mode=\"user\"}[30m]))",
    "node_cpu_seconds_total{mode=\"user\"} / on (instance, cpu) node_cpu_seconds_total{mode=\"idle\"}",
    "max_over_time(sum by (instance) (rate(node_cpu_seconds_total{mode=\"user\"}[5m]))[30m:1m])",
    "rate(request_seconds[5m])",
    "histogram_quantile(0.99, sum(rate(request_seconds[5m])))",
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
