//! What storage takes: bytes and nanoseconds by class of values on real scrapes, and the engine at a million
//! series. `cargo bench --bench storage`.
//!
//! The scrapes are those of a real node exporter in `$NARTHEX_SHARED/samples` (default `../shared`), every 2nd, 10th
//! and 30th of which are true steps of 1, 5 and 15 seconds. `STORAGE_SERIES` changes the number of series of the
//! second part (1 000 000). Times are those that the kernel counts for the thread, of starts and flushes for all threads: other
//! work on the machine is not among them, though it slows memory.

#![allow(missing_docs, clippy::unwrap_used)]

use narthex::scrape::exposition::{Entry, Exposition, Format, parse_labels};
use narthex_storage::codec::value;
use narthex_storage::{
    Columns, Db, DbOptions, Labels, LabelsBuilder, MatchOp, Matcher, Queryable, Row, SelectHints, Slot,
    WalSync,
};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A series of the real scrapes: its text on the page, and its values.
type Series = BTreeMap<Vec<u8>, Vec<f64>>;

struct Scrapes {
    due_ms: Vec<i64>,
    series: Series,
}

/// Every `step`-th scrape; series that not all of them have are left out.
fn scrapes(path: &Path, step: usize) -> Scrapes {
    let file = std::fs::File::open(path).unwrap();
    let mut reader = std::io::BufReader::new(zstd::Decoder::new(file).unwrap());
    let (mut due_ms, mut series) = (Vec::new(), Series::new());
    let mut head = [0u8; 20];
    let mut number = 0;
    while reader.read_exact(&mut head).is_ok() {
        let len = u32::from_le_bytes(*head.last_chunk().unwrap()) as usize;
        let mut body = vec![0; len];
        reader.read_exact(&mut body).unwrap();
        number += 1;
        if (number - 1) % step != 0 || body.is_empty() {
            continue;
        }
        due_ms.push(i64::from_le_bytes(head[8..16].try_into().unwrap()));
        for entry in Exposition::new(&body, Format::Text).entries() {
            if let Entry::Series(sample) = entry.unwrap() {
                series.entry(sample.series.to_vec()).or_default().push(sample.value);
            }
        }
    }
    series.retain(|_, values| values.len() == due_ms.len());
    Scrapes { due_ms, series }
}

fn class(values: &[f64]) -> &'static str {
    let whole = values.iter().all(|value| value.fract() == 0.0);
    let rises = values.is_sorted();
    match (values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()), whole, rises) {
        (true, ..) => "constant",
        (_, true, true) => "integer counters",
        (_, true, false) => "integer gauges",
        (_, false, true) => "float counters",
        (_, false, false) => "float gauges",
    }
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Nanoseconds that this thread has run.
fn ran() -> f64 {
    seconds(ClockId::ThreadCPUTime) * 1e9
}

/// Seconds that all threads have run.
fn all_ran() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

/// Nanoseconds of the fastest of some rounds.
fn fastest(mut round: impl FnMut()) -> f64 {
    let times = (0..7).map(|_| {
        let begin = ran();
        round();
        ran() - begin
    });
    times.fold(f64::MAX, f64::min)
}

fn codec(scrapes: &Scrapes) {
    let mut classes: BTreeMap<&str, Vec<&[f64]>> = BTreeMap::new();
    for values in scrapes.series.values() {
        classes.entry(class(values)).or_default().push(values);
        classes.entry("all").or_default().push(values);
    }
    println!("{:<18}{:>8}{:>12}{:>12}{:>12}", "", "series", "B / sample", "encode ns", "decode ns");
    for (class, columns) in classes {
        let samples = columns.iter().map(|values| values.len()).sum::<usize>() as f64;
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        let encode = fastest(|| {
            bytes.clear();
            columns
                .iter()
                .flat_map(|values| values.chunks(480))
                .for_each(|frame| value::encode(frame, &mut bytes));
        });
        let decode = fastest(|| {
            out.clear();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                value::decode(&mut rest, &mut out).unwrap();
            }
        });
        assert!(out.iter().zip(columns.iter().copied().flatten()).all(|(a, b)| a.to_bits() == b.to_bits()));
        let per = |what: f64| what / samples;
        let (size, encode, decode) = (per(bytes.len() as f64), per(encode), per(decode));
        println!("{class:<18}{:>8}{size:>12.3}{encode:>12.1}{decode:>12.2}", columns.len());
    }
}

fn open(dir: &Path) -> Db {
    let options = DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() };
    Db::open(dir, options).unwrap()
}

fn dir_bytes(dir: &Path, keep: &dyn Fn(&Path) -> bool) -> f64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0.0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => dir_bytes(&entry.path(), keep),
        Ok(meta) if keep(&entry.path()) => meta.len() as f64,
        _ => 0.0,
    };
    entries.flatten().map(size).sum()
}

/// The real scrapes through the engine, as rows of one target.
fn engine(scrapes: &Scrapes) {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let group = db.create_group();
    let label = |series: &[u8]| {
        let mut labels = LabelsBuilder::new();
        labels.set("instance", "10.0.0.1:9100").set("job", "node");
        parse_labels(series, |name, value| {
            labels.set(name, value);
        });
        labels.build()
    };
    let slots: Vec<Slot> =
        scrapes.series.keys().map(|series| group.register(&label(series)).unwrap()).collect();
    let mut row = Row::new();
    for (at, due_ms) in scrapes.due_ms.iter().enumerate() {
        row.clear();
        slots
            .iter()
            .zip(scrapes.series.values())
            .for_each(|(slot, values)| assert!(row.set(*slot, values[at])));
        group.append_row(*due_ms, &row).unwrap();
    }
    let samples = (scrapes.due_ms.len() * slots.len()) as f64;
    let log = db.stats(1).wal_bytes_written as f64;
    db.flush().unwrap();
    let level0 = db.stats(1).level0_bytes as f64;
    db.snapshot("all", false).unwrap();
    let block = dir.path().join("snapshots/all");
    let all = dir_bytes(&block, &|_| true);
    let index = dir_bytes(&block, &|path| path.ends_with("index"));
    println!(
        "through the engine, B / sample: log {:.2}, level 0 {:.3}, block {:.3} of which index {:.3} ({:.0} samples a series)",
        log / samples,
        level0 / samples,
        all / samples,
        index / samples,
        samples / slots.len() as f64
    );
}

fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

fn labels(group: usize, i: usize) -> Labels {
    let (cpu, instance) = ((i % 64).to_string(), format!("10.0.{}.{}:9100", group / 250, group % 250));
    let name = format!("node_metric_{}_total", i / 64);
    Labels::from_pairs([("__name__", name.as_str()), ("cpu", &cpu), ("instance", &instance), ("job", "node")])
}

/// A third of the values are counters that move, the others stand still.
fn fill(row: &mut Row, slots: &[Slot], round: u64) {
    row.clear();
    for (i, slot) in slots.iter().enumerate() {
        let uneven = (round.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (i as u64 * 0x5851_f42d)) >> 54;
        row.set(*slot, if i % 3 == 0 { (round * 1024 + uneven) as f64 } else { i as f64 });
    }
}

const PER_GROUP: usize = 1000;
const ROWS: u64 = 100;

fn append_all(db: &Db, series: usize) {
    let groups: Vec<_> = (0..series / PER_GROUP)
        .map(|number| {
            let group = db.create_group();
            let slots =
                (0..PER_GROUP).map(|i| group.register(&labels(number, i)).unwrap()).collect::<Vec<_>>();
            (group, slots)
        })
        .collect();
    let mut row = Row::new();
    let begin = ran();
    for round in 0..ROWS {
        for (group, slots) in &groups {
            fill(&mut row, slots, round);
            group.append_row(round as i64 * 15_000, &row).unwrap();
        }
    }
    let ns = (ran() - begin) / (ROWS as f64 * series as f64);
    println!("append, a third of the values move: {ns:.1} ns a sample");
}

/// The engine at many series: append, memory, replay, select.
fn many(series: usize) {
    let dir = tempfile::tempdir().unwrap();
    let before = resident();
    let db = open(dir.path());
    append_all(&db, series);
    println!("memory: {:.0} B a series with {ROWS} open rows", (resident() - before) / series as f64);
    drop(db);
    let begin = all_ran();
    let db = open(dir.path());
    let seconds = all_ran() - begin;
    let samples = db.open_report().samples as f64;
    println!(
        "start after a kill: {seconds:.2} s for {samples:.2e} samples and {series} series, {:.1} ns a sample",
        seconds * 1e9 / samples
    );
    select(&db, "the head");
    let begin = all_ran();
    db.flush().unwrap();
    println!("flush: {:.2} s", all_ran() - begin);
    select(&db, "level 0");
    println!("memory after the flush: {:.0} B a series", (resident() - before) / series as f64);
    drop(db);
    let begin = all_ran();
    let db = open(dir.path());
    println!("start after a flush: {:.2} s", all_ran() - begin);
    db.snapshot("all", false).unwrap();
    let block = dir.path().join("snapshots/all");
    let snapshot = open(&block);
    select(&snapshot, "a block");
}

fn select(db: &Db, what: &str) {
    let (mint, maxt) = (0, i64::MAX);
    let hints = SelectHints { mint, maxt, ..SelectHints::default() };
    let find = |matchers: &[Matcher]| db.querier(mint, maxt).unwrap().select(matchers, &hints).unwrap();
    let questions = [
        (
            "one series",
            vec![
                Matcher::equal("__name__", "node_metric_3_total"),
                Matcher::equal("cpu", "7"),
                Matcher::equal("instance", "10.0.0.7:9100"),
            ],
        ),
        ("one target", vec![Matcher::equal("instance", "10.0.0.7:9100")]),
        ("a metric of all", vec![Matcher::equal("__name__", "node_metric_3_total")]),
        (
            "by regex",
            vec![
                Matcher::equal("__name__", "node_metric_3_total"),
                Matcher::new(MatchOp::Regex, "instance", "10\\.0\\.[01]\\..*7:9100").unwrap(),
            ],
        ),
        ("all of a regex", vec![Matcher::new(MatchOp::Regex, "__name__", "node_.+").unwrap()]),
    ];
    for (name, matchers) in questions {
        let mut found = Vec::new();
        let ns = fastest(|| found = find(&matchers));
        // Sets of labels are made when somebody asks for them: here, the first time.
        let begin = ran();
        let bytes: usize = found.iter().map(|series| series.labels().encoded_len()).sum();
        let labels = (ran() - begin) / found.len().max(1) as f64;
        assert!(bytes > 0, "{what}: {name}");
        let mut columns = Columns::default();
        let begin = ran();
        let mut samples = 0;
        for series in found.iter().take(20_000) {
            columns.clear();
            series.read(mint, maxt, &mut columns).unwrap();
            samples += columns.timestamps.len();
        }
        let read = (ran() - begin) / samples.max(1) as f64;
        println!(
            "{what}: {name}: {} series in {:.3} ms, labels made at {labels:.0} ns a series, read at {read:.2} ns a sample",
            found.len(),
            ns / 1e6
        );
    }
}

fn main() {
    let shared = std::env::var_os("NARTHEX_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let path = shared.join("samples/node-exporter.raw.zst");
    if path.is_file() {
        for (seconds, step) in [(1, 2), (5, 10), (15, 30)] {
            let scrapes = scrapes(&path, step);
            println!(
                "\nreal scrapes every {seconds} s: {} of {} series",
                scrapes.due_ms.len(),
                scrapes.series.len()
            );
            codec(&scrapes);
            engine(&scrapes);
        }
    } else {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    let series = std::env::var("STORAGE_SERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    println!("\n{series} series in groups of {PER_GROUP}");
    many(series);
}
