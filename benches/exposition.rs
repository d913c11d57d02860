//! Reading pages: the cursor, the warm layout cache, prometheus-parse, and a bare scan for line breaks as
//! the bound that memory sets. `cargo bench --bench exposition`.
//!
//! The page is made here; pages of real exporters join it where `NARTHEX_SHARED` (or `../shared`) has them.

#![allow(missing_docs, clippy::unwrap_used)]

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use narthex::scrape::append::{Limits, ScrapeAppender, ScrapeSettings};
use narthex::scrape::exposition::{Entry, Exposition, Format, parse_labels};
use narthex_storage::{Db, DbOptions, Labels};
use std::fmt::Write as _;
use std::path::PathBuf;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Pages by name: the generated one, and files of the shared data.
const PAGES: &[&str] = &["generated", "node-exporter.txt", "kube-state-metrics.txt"];
const CPUS: usize = 32;
const MODES: &[&str] = &["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
const DEVICES: usize = 24;
const DEVICE_METRICS: &[&str] = &[
    "node_network_receive_bytes_total",
    "node_network_transmit_bytes_total",
    "node_network_receive_packets_total",
    "node_network_transmit_packets_total",
    "node_network_receive_errs_total",
    "node_network_transmit_errs_total",
    "node_disk_read_bytes_total",
    "node_disk_written_bytes_total",
    "node_disk_io_time_seconds_total",
];
const GAUGES: usize = 400;

/// A page like node-exporter's. `round` moves the counters; idle devices stand still.
fn generated(round: u64) -> String {
    let mut page = String::new();
    page.push_str("# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n");
    page.push_str("# TYPE node_cpu_seconds_total counter\n");
    for cpu in 0..CPUS {
        for (i, mode) in MODES.iter().enumerate() {
            let value = (cpu * 7919 + i * 104_729) as f64 + round as f64 * 0.37;
            writeln!(page, "node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"{mode}\"}} {value:.2}").unwrap();
        }
    }
    for (i, metric) in DEVICE_METRICS.iter().enumerate() {
        writeln!(page, "# HELP {metric} Statistic of a device.\n# TYPE {metric} counter").unwrap();
        for device in 0..DEVICES {
            let moves = if device % 3 == 0 { round * 1500 } else { 0 };
            let value = (device * 1_299_709 * (i + 1)) as u64 + moves;
            writeln!(page, "{metric}{{device=\"dev{device}\"}} {value}").unwrap();
        }
    }
    for i in 0..GAUGES {
        writeln!(page, "# HELP node_memory_field_{i}_bytes Field {i}.").unwrap();
        writeln!(page, "# TYPE node_memory_field_{i}_bytes gauge").unwrap();
        let value = (i as f64 + 1.0) * 1.048_576e6 + if i % 4 == 0 { round as f64 * 4096.0 } else { 0.0 };
        writeln!(page, "node_memory_field_{i}_bytes {value:e}").unwrap();
    }
    page
}

/// The page of a name; `None` when the shared data do not have it.
fn page(name: &str, round: u64) -> Option<String> {
    if name == "generated" {
        return Some(generated(round));
    }
    let shared = std::env::var_os("NARTHEX_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let read = std::fs::read_to_string(shared.join("expositions").join(name));
    read.inspect_err(|_| eprintln!("SKIPPED: no page {name}")).ok()
}

fn samples(body: &[u8]) -> usize {
    let entries = Exposition::new(body, Format::Text).entries();
    entries.filter(|entry| matches!(entry, Ok(Entry::Series(_)))).count()
}

/// Runs `work` over the page, counting its bytes and samples.
fn measure<R>(bencher: Bencher, name: &str, mut work: impl FnMut(&str) -> R) {
    let Some(page) = page(name, 0) else { return };
    let bencher =
        bencher.counter(BytesCount::of_str(&page)).counter(ItemsCount::new(samples(page.as_bytes())));
    bencher.bench_local(|| work(black_box(&page)));
}

/// How fast memory can be looked at: finds every line break.
#[divan::bench(args = PAGES)]
fn a_newline_scan(bencher: Bencher, name: &str) {
    measure(bencher, name, |page| memchr::memchr_iter(b'\n', page.as_bytes()).count());
}

/// Every line read, no labels.
#[divan::bench(args = PAGES)]
fn b_cursor(bencher: Bencher, name: &str) {
    measure(bencher, name, |page| samples(page.as_bytes()));
}

/// Every line read, with its labels: what a page of only new series costs.
#[divan::bench(args = PAGES)]
fn c_cursor_with_labels(bencher: Bencher, name: &str) {
    measure(bencher, name, |page| {
        let mut bytes = 0;
        for entry in Exposition::new(page.as_bytes(), Format::Text).entries() {
            if let Ok(Entry::Series(sample)) = entry {
                parse_labels(sample.series, |name, value| bytes += name.len() + value.len());
            }
        }
        bytes
    });
}

fn scraper(dir: &std::path::Path) -> ScrapeAppender {
    let db = Db::open(dir, DbOptions::default()).unwrap();
    let settings = ScrapeSettings {
        target: Labels::from_pairs([("instance", "localhost:9100"), ("job", "node")]),
        honor_labels: false,
        honor_timestamps: true,
        track_timestamps_staleness: false,
        legacy_names: false,
        limits: Limits::default(),
        fallback_protocol: None,
        extra_metrics: false,
        type_and_unit: false,
        metric_relabel: None,
        budget: None,
    };
    ScrapeAppender::new(&db, settings).unwrap()
}

/// The same page again: page to row through the cache, nothing stored.
#[divan::bench(args = PAGES)]
fn d_warm_cache_unchanged(bencher: Bencher, name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut scraper = scraper(dir.path());
    if let Some(page) = page(name, 0) {
        scraper.ingest(page.as_bytes(), Some("text/plain"), 1000).unwrap();
    }
    measure(bencher, name, |page| scraper.ingest(page.as_bytes(), Some("text/plain"), 1000));
}

/// Two pages in turn whose counters differ (about half of the values).
#[divan::bench]
fn e_warm_cache_changing(bencher: Bencher) {
    let dir = tempfile::tempdir().unwrap();
    let mut scraper = scraper(dir.path());
    let pages = [generated(1), generated(2)];
    for page in &pages {
        scraper.ingest(page.as_bytes(), Some("text/plain"), 1000).unwrap();
    }
    let bencher = bencher.counter(BytesCount::of_str(&pages[0]));
    let mut round = 0usize;
    bencher.counter(ItemsCount::new(samples(pages[0].as_bytes()))).bench_local(|| {
        round ^= 1;
        scraper.ingest(black_box(pages[round].as_bytes()), Some("text/plain"), 1000)
    });
}

/// The peer.
#[divan::bench(args = PAGES, sample_count = 20)]
fn f_prometheus_parse(bencher: Bencher, name: &str) {
    measure(bencher, name, |page| prometheus_parse::Scrape::parse(page.lines().map(|l| Ok(l.to_owned()))));
}
