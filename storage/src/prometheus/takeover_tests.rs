//! Directories of Prometheus that are taken over.

use super::head_chunks::HeadChunk;
use super::head_chunks::tests::file as head_chunks_file;
use super::wal::{exemplars_record, samples_record, segment, series_record};
use super::{PrometheusBlockWriter, chunk};
use crate::codec::varint;
use crate::io::Files;
use crate::{Columns, Db, DbOptions, Labels, Matcher, Queryable, SelectHints, WalSync};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(super) const RANGE: i64 = 7_200_000;
const SNAPPY: u8 = 8;
const ZSTD: u8 = 16;

pub(super) type Samples = BTreeMap<String, Vec<(i64, f64)>>;

pub(super) fn labels(n: u64) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("n", &n.to_string())])
}

pub(super) fn open(dir: &Path) -> Db {
    let options = DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() };
    Db::open(dir, options).unwrap()
}

pub(super) fn dump(db: &Db) -> Samples {
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    let selected = db.querier(i64::MIN, i64::MAX).unwrap().select(&[], &hints).unwrap();
    let mut all = Samples::new();
    for series in selected {
        let mut columns = Columns::default();
        series.read(i64::MIN, i64::MAX, &mut columns).unwrap();
        let samples: Vec<_> = columns.timestamps.into_iter().zip(columns.values).collect();
        if !samples.is_empty() {
            all.insert(series.labels().get("n").unwrap().to_owned(), samples);
        }
    }
    all
}

/// What is ours and does not say so in its name.
const OURS: [&str; 5] = ["lock", "level0", "series", "cardinality", "snapshots"];

/// Everything in a directory, but for what is ours.
fn theirs(dir: &Path, prefix: &str, out: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let ours = prefix.is_empty() && (name.ends_with(".narthex") || OURS.contains(&name.as_str()));
        if ours {
            continue;
        }
        if path.is_dir() {
            theirs(&path, &format!("{prefix}{name}/"), out);
        } else {
            out.insert(format!("{prefix}{name}"), fs::read(&path).unwrap());
        }
    }
}

pub(super) fn all_of_theirs(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    theirs(dir, "", &mut out);
    out
}

/// A block up to `RANGE`, a checkpoint, a log of two segments, a log of late samples.
pub(super) fn prometheus_dir(dir: &Path) -> Samples {
    let mut all = Samples::new();
    let mut block =
        PrometheusBlockWriter::new(&Files::os(), dir, ulid::Ulid::new().to_string(), 0, RANGE).unwrap();
    for n in 1..=3 {
        let samples: Vec<(i64, f64)> = (0..100).map(|t| (t * 60_000, t as f64)).collect();
        let mut columns = Columns::default();
        samples.iter().for_each(|(t, v)| columns.push(*t, *v));
        block.add_series(&labels(n), &columns).unwrap();
        all.insert(n.to_string(), samples);
    }
    block.finish().unwrap();
    let wal = dir.join("wal");
    fs::create_dir_all(wal.join("checkpoint.00000004")).unwrap();
    let names = series_record(&(1..=3).map(|n| (n * 10, labels(n))).collect::<Vec<_>>());
    // A sample that the block has, and one that it has not.
    let samples = samples_record(&[(10, 60_000, 99.0), (10, RANGE, 1.5), (20, RANGE, 2.5)]);
    let checkpoint = segment(&[(0, names), (SNAPPY, samples)]);
    fs::write(wal.join("checkpoint.00000004/00000000"), checkpoint).unwrap();
    // A checkpoint and a segment that a newer checkpoint has replaced.
    fs::create_dir_all(wal.join("checkpoint.00000002")).unwrap();
    fs::write(wal.join("checkpoint.00000002/00000000"), b"old").unwrap();
    fs::write(wal.join("00000004"), segment(&[(0, samples_record(&[(10, RANGE + 5, 77.0)]))])).unwrap();
    let rows = |from: i64| {
        (from..from + 50).map(|t| {
            let at = RANGE + t * 15_000;
            (ZSTD, samples_record(&[(10, at, t as f64), (20, at, 0.0), (30, at + 1, 0.5), (99, at, 1.0)]))
        })
    };
    let more = series_record(&[(40, labels(4)), (50, labels(1))]);
    let mut tombstones = vec![3];
    tombstones.extend(30u64.to_be_bytes());
    varint::put_signed(&mut tombstones, RANGE + 15_001);
    varint::put_signed(&mut tombstones, RANGE + 45_001);
    let mut first: Vec<_> = rows(1).collect();
    first.insert(0, (0, more));
    fs::write(wal.join("00000005"), segment(&first)).unwrap();
    let mut second: Vec<_> = rows(51).collect();
    second.push((0, samples_record(&[(40, RANGE + 9, 4.0), (50, RANGE + 9_000_000, 5.0)])));
    second.push((0, tombstones));
    fs::write(wal.join("00000006"), segment(&second)).unwrap();
    fs::create_dir(dir.join("wbl")).unwrap();
    let late = samples_record(&[(30, RANGE - 30_000, 6.0), (40, RANGE + 3, 7.0), (40, 5, 8.0)]);
    fs::write(dir.join("wbl/00000000"), segment(&[(SNAPPY, late)])).unwrap();

    let of = |all: &mut Samples, n: &str, samples: Vec<(i64, f64)>| {
        all.entry(n.to_owned()).or_default().extend(samples)
    };
    let row = |t: i64| RANGE + t * 15_000;
    of(&mut all, "1", vec![(RANGE, 1.5)]);
    of(&mut all, "1", (1..101).map(|t| (row(t), t as f64)).collect());
    of(&mut all, "1", vec![(RANGE + 9_000_000, 5.0)]);
    of(&mut all, "2", vec![(RANGE, 2.5)]);
    of(&mut all, "2", (1..101).map(|t| (row(t), 0.0)).collect());
    of(&mut all, "3", vec![(RANGE - 30_000, 6.0)]);
    of(&mut all, "3", (4..101).map(|t| (row(t) + 1, 0.5)).collect());
    of(&mut all, "4", vec![(5, 8.0), (RANGE + 3, 7.0), (RANGE + 9, 4.0)]);
    all.values_mut().for_each(|samples| samples.sort_by_key(|(t, _)| *t));
    all
}

#[test]
fn a_directory_of_prometheus_is_taken_over_once_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let want = prometheus_dir(dir.path());
    let before = all_of_theirs(dir.path());
    let db = open(dir.path());
    let report = db.open_report().takeover.clone().unwrap();
    assert_eq!((report.series, report.damage.len(), report.late_blocks.len()), (5, 0, 2));
    assert_eq!(report.dropped, 100, "samples of a series that nobody names");
    assert_eq!(dump(&db), want);
    drop(db);
    assert_eq!(all_of_theirs(dir.path()), before);
    let db = open(dir.path());
    assert_eq!(db.open_report().takeover, None);
    assert_eq!(dump(&db), want);
    // Cutting blocks changes nothing of it, nor does another start.
    db.maintain(RANGE * 3).unwrap();
    assert_eq!(dump(&db), want);
    drop(db);
    assert_eq!(dump(&open(dir.path())), want);
    assert_eq!(all_of_theirs(dir.path()), before);
}

#[test]
fn a_crash_before_the_marker_takes_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let want = prometheus_dir(dir.path());
    drop(open(dir.path()));
    fs::remove_file(dir.path().join("takeover.narthex")).unwrap();
    let db = open(dir.path());
    assert_eq!(db.open_report().takeover.as_ref().unwrap().samples, 0);
    assert_eq!(dump(&db), want);
}

#[test]
fn the_newest_exemplars_of_the_log_are_taken_over_once() {
    let dir = tempfile::tempdir().unwrap();
    prometheus_dir(dir.path());
    let trace = |at: i64| Labels::from_pairs([("trace_id", at.to_string().as_str())]);
    let at = |n: i64| RANGE + n * 15_000;
    // Of a series that the head knows, of one whose samples are all in the block, and of one that nobody names.
    let names = series_record(&[(60, Labels::from_pairs([("__name__", "m"), ("n", "6")]))]);
    let told: Vec<_> =
        (0..5).flat_map(|n| [10, 60, 98].map(|series| (series, at(n), n as f64, trace(n)))).collect();
    let segment = segment(&[(0, names), (SNAPPY, exemplars_record(&told))]);
    fs::write(dir.path().join("wal/00000007"), segment).unwrap();
    let options = |max_exemplars| DbOptions { max_exemplars, retention_ms: None, ..DbOptions::default() };
    let open = |max| Db::open(dir.path(), options(max)).unwrap();
    let found = |db: &Db| -> Vec<_> {
        let all = db.exemplars(i64::MIN, i64::MAX, &[vec![Matcher::equal("__name__", "m")]]);
        let traces = |one: crate::ExemplarSeries| {
            let traces = one
                .exemplars
                .iter()
                .map(|one| (one.timestamp, one.labels.get("trace_id").unwrap().to_owned()));
            (one.labels.get("n").unwrap().to_owned(), traces.collect::<Vec<_>>())
        };
        all.into_iter().map(traces).collect()
    };
    let db = open(7);
    let report = db.open_report().takeover.clone().unwrap();
    assert_eq!((report.exemplars, report.dropped, report.damage.len()), (7, 105, 0));
    let newest = |from: i64| (from..5).map(|n| (at(n), n.to_string())).collect::<Vec<_>>();
    let want = vec![("1".to_owned(), newest(2)), ("6".to_owned(), newest(1))];
    assert_eq!(found(&db), want);
    // A crash before the marker is written has them taken over again.
    drop(db);
    fs::remove_file(dir.path().join("takeover.narthex")).unwrap();
    let db = open(7);
    assert_eq!(db.open_report().takeover.as_ref().unwrap().exemplars, 0);
    assert_eq!(found(&db), want);
    db.flush().unwrap();
    drop(db);
    let db = open(7);
    assert_eq!((db.open_report().takeover.as_ref(), found(&db)), (None, want));
}

#[test]
fn what_prometheus_wrote_in_between_is_taken_over_and_ours_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut want = prometheus_dir(dir.path());
    let db = open(dir.path());
    let mut appender = db.appender();
    appender.append(&labels(1), RANGE + 9_000_001, 10.0).unwrap();
    appender.commit().unwrap();
    drop((appender, db));
    // Prometheus runs for some hours, cuts a block from what is older, and logs what is newer.
    let mut block = PrometheusBlockWriter::new(
        &Files::os(),
        dir.path(),
        ulid::Ulid::new().to_string(),
        2 * RANGE,
        4 * RANGE,
    )
    .unwrap();
    let mut columns = Columns::default();
    columns.push(3 * RANGE, 11.0);
    block.add_series(&labels(1), &columns).unwrap();
    block.finish().unwrap();
    let newer = segment(&[(0, samples_record(&[(10, 3 * RANGE, 11.0), (10, 4 * RANGE, 12.0)]))]);
    fs::write(dir.path().join("wal/00000007"), newer).unwrap();
    let db = open(dir.path());
    let more = [(RANGE + 9_000_001, 10.0), (3 * RANGE, 11.0), (4 * RANGE, 12.0)];
    want.get_mut("1").unwrap().extend(more);
    assert_eq!(dump(&db), want);
    db.maintain(5 * RANGE).unwrap();
    assert_eq!(dump(&db), want);
    drop(db);
    assert_eq!(dump(&open(dir.path())), want);
}

#[test]
fn what_a_damaged_log_lost_is_found_in_the_chunks_of_the_head() {
    let dir = tempfile::tempdir().unwrap();
    let want = prometheus_dir(dir.path());
    let samples: Vec<(i64, f64)> = (1..101).map(|t| (RANGE + t * 15_000, t as f64)).collect();
    let bytes = chunk::encode_floats(&samples);
    let chunk = HeadChunk { series: 10, late: false, encoding: chunk::XOR, bytes: &bytes };
    fs::create_dir(dir.path().join("chunks_head")).unwrap();
    fs::write(dir.path().join("chunks_head/000001"), head_chunks_file(&[chunk])).unwrap();
    let path = dir.path().join("wal/00000005");
    let mut segment = fs::read(&path).unwrap();
    // Behind the first page a log may go on.
    segment.resize(32 << 10, 0);
    let end = segment.iter().rposition(|byte| *byte != 0).unwrap();
    segment[end] ^= 1;
    fs::write(&path, segment).unwrap();
    let db = open(dir.path());
    assert_eq!(db.open_report().takeover.as_ref().unwrap().damage.len(), 1);
    assert_eq!(dump(&db)["1"], want["1"]);
    assert!(dump(&db)["2"].len() < want["2"].len());
}

#[test]
fn a_flipped_bit_of_what_is_kept_beside_prometheus_is_told_or_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    prometheus_dir(dir.path());
    let db = open(dir.path());
    db.delete(&[vec![Matcher::equal("n", "1")]], 600_000, 1_200_000).unwrap();
    let want = dump(&db);
    drop(db);
    let tombstones =
        fs::read_dir(dir.path().join("tombstones.narthex")).unwrap().next().unwrap().unwrap().path();
    for path in [dir.path().join("takeover.narthex"), tombstones] {
        let bytes = fs::read(&path).unwrap();
        for bit in (0..bytes.len() * 8).step_by(1 + bytes.len() * 8 / 40 / 2 * 2) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, flipped).unwrap();
            let db = open(dir.path());
            let shown = dump(&db);
            let known =
                |(n, samples): (&String, &Vec<_>)| samples.iter().all(|sample| want[n].contains(sample));
            let told = db.damage_count() > 0 && shown.iter().all(known);
            assert!(shown == want || told, "bit {bit} of {path:?}: {shown:?}");
        }
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn a_log_of_an_older_version_gets_the_new_name() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut appender = db.appender();
    appender.append(&labels(1), 7, 1.0).unwrap();
    appender.commit().unwrap();
    drop((appender, db));
    fs::rename(dir.path().join("wal.narthex"), dir.path().join("wal")).unwrap();
    let db = open(dir.path());
    assert_eq!(dump(&db)["1"], [(7, 1.0)]);
    assert!(!dir.path().join("wal").exists());
}

#[test]
fn a_file_where_prometheus_has_its_log_does_not_prevent_the_start() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["wal", "wbl", "chunks_head"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    assert!(dump(&open(dir.path())).is_empty());
}
