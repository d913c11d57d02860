//! Finding and reading series in the head and in a block. `cargo bench --bench select`.
//!
//! `SELECT_SERIES` changes the number of series (100 000), which have four hours of samples every 15
//! seconds, loaded as remote write does: the first two hours end in a block.

#![allow(missing_docs, clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use narthex_storage::{
    Columns, Db, DbOptions, Labels, MatchOp, Matcher, Queryable, SelectHints, Series, WalSync,
};
use std::sync::LazyLock;

const STEP_MS: i64 = 15_000;
const ROWS: i64 = 4 * 240;
const END: i64 = (ROWS - 1) * STEP_MS;
/// Samples of a series in one request.
const BATCH: i64 = 60;

struct Store {
    db: Db,
    series: usize,
    _dir: tempfile::TempDir,
}

static STORE: LazyLock<Store> = LazyLock::new(|| {
    let series = std::env::var("SELECT_SERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let dir = tempfile::tempdir().unwrap();
    let options = DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() };
    let db = Db::open(dir.path(), options).unwrap();
    let all: Vec<Labels> = (0..series).map(labels).collect();
    for from in (0..ROWS).step_by(BATCH as usize) {
        for (chunk, some) in all.chunks(1000).enumerate() {
            let mut appender = db.appender();
            for (i, labels) in some.iter().enumerate() {
                for row in from..from + BATCH {
                    appender.append(labels, row * STEP_MS, value(chunk * 1000 + i, row)).unwrap();
                }
            }
            appender.commit().unwrap();
        }
        db.maintain((from + BATCH) * STEP_MS).unwrap();
    }
    Store { db, series, _dir: dir }
});

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

/// Half of the series stand still, the others are counters, hundredths and tenths; one in ten has no
/// decimals at all.
fn value(i: usize, row: i64) -> f64 {
    let row = row.cast_unsigned();
    let uneven = (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (i as u64).wrapping_mul(0x5851_f42d)) >> 54;
    match i % 10 {
        0..=4 => (i % 100) as f64,
        5 | 6 => (row * 1024 + uneven) as f64,
        7 => (row * 100 + uneven) as f64 / 100.0,
        8 => uneven as f64 / 10.0,
        _ => (uneven as f64).sqrt() * 3.7,
    }
}

const PLACES: &[&str] = &["block", "head", "both"];

fn range(place: &str) -> (i64, i64) {
    match place {
        "block" => (0, 2 * 3_600_000 - 1),
        "head" => (2 * 3_600_000, END),
        _ => (0, END),
    }
}

fn select(matchers: &[Matcher], (mint, maxt): (i64, i64), unsorted: bool) -> Vec<Box<dyn Series>> {
    let hints = SelectHints { mint, maxt, unsorted, ..SelectHints::default() };
    STORE.db.querier(mint, maxt).unwrap().select(matchers, &hints).unwrap()
}

fn all() -> Vec<Matcher> {
    vec![Matcher::equal("__name__", "node_cpu_seconds_total")]
}

fn main() {
    LazyLock::force(&STORE);
    println!("{} series, {} samples", STORE.series, STORE.series as i64 * ROWS);
    divan::main();
}

#[divan::bench(args = PLACES)]
fn sorted(bencher: Bencher, place: &str) {
    bencher.counter(ItemsCount::new(STORE.series)).bench(|| select(&all(), range(place), false));
}

#[divan::bench(args = PLACES)]
fn unsorted(bencher: Bencher, place: &str) {
    bencher.counter(ItemsCount::new(STORE.series)).bench(|| select(&all(), range(place), true));
}

/// One series in 64, by an expression over all values of a label.
#[divan::bench(args = PLACES)]
fn expression(bencher: Bencher, place: &str) {
    let mut matchers = all();
    matchers.push(Matcher::new(MatchOp::Regex, "cpu", "[45]|7.*").unwrap());
    bencher.bench(|| select(&matchers, range(place), false));
}

/// Every sample of every tenth series.
#[divan::bench(args = PLACES, sample_count = 10)]
fn read(bencher: Bencher, place: &str) {
    let range = range(place);
    let found = select(&all(), range, false);
    let mut columns = Columns::default();
    let mut samples = 0usize;
    for series in found.iter().step_by(10) {
        columns.clear();
        series.read(range.0, range.1, &mut columns).unwrap();
        samples += columns.len();
    }
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        for series in found.iter().step_by(10) {
            columns.clear();
            series.read(range.0, range.1, &mut columns).unwrap();
        }
    });
}

/// What an instant query asks of every series.
#[divan::bench]
fn newest(bencher: Bencher) {
    let range = (END - 300_000, END);
    let found = select(&all(), range, false);
    let mut scratch = Columns::default();
    bencher.counter(ItemsCount::new(found.len())).bench_local(|| {
        found.iter().filter_map(|series| series.newest(range.0, range.1, &mut scratch).unwrap()).count()
    });
}
