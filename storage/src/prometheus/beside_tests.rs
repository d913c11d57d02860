//! Blocks of Prometheus beside ours: what merges, deletions, snapshots and budgets do to them.

use super::PrometheusBlockWriter;
use super::takeover_tests::{RANGE, Samples, all_of_theirs, dump, labels, open, prometheus_dir};
use crate::io::Files;
use crate::{Columns, Db, DbOptions, Matcher, WalSync};
use std::fs;
use std::path::{Path, PathBuf};

/// Appends a sample each half hour from `from` to `to`, and lets the database work after each; how many blocks
/// it merged others into.
fn go_on(db: &Db, (from, to): (i64, i64), want: &mut Samples) -> usize {
    let mut merged = 0;
    for at in (from..to).step_by(1_800_000) {
        let mut appender = db.appender();
        appender.append(&labels(1), at, 1.0).unwrap();
        appender.commit().unwrap();
        want.get_mut("1").unwrap().push((at, 1.0));
        merged += db.maintain(at).unwrap().blocks_merged.len();
    }
    merged
}

fn write_block(dir: &Path, (min, max): (i64, i64), samples: &[(i64, f64)]) -> PathBuf {
    let ulid = ulid::Ulid::new().to_string();
    let mut block = PrometheusBlockWriter::new(&Files::os(), dir, ulid, min, max).unwrap();
    let mut columns = Columns::default();
    samples.iter().for_each(|(t, v)| columns.push(*t, *v));
    block.add_series(&labels(1), &columns).unwrap();
    block.finish().unwrap().unwrap()
}

fn change_meta(block: &Path, old: &str, new: &str) {
    let path = block.join("meta.json");
    let meta = fs::read_to_string(&path).unwrap();
    assert!(meta.contains(old), "{meta}");
    fs::write(path, meta.replace(old, new)).unwrap();
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn our_blocks_are_merged_and_those_of_prometheus_left_as_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let mut want = prometheus_dir(dir.path());
    let before = all_of_theirs(dir.path());
    let db = open(dir.path());
    assert!(go_on(&db, (4 * RANGE, 16 * RANGE), &mut want) > 0);
    assert_eq!(dump(&db), want);
    drop(db);
    assert_eq!(dump(&open(dir.path())), want);
    assert_eq!(all_of_theirs(dir.path()), before);
}

#[test]
fn a_deletion_and_a_cleaning_leave_the_files_of_prometheus_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = prometheus_dir(dir.path());
    let before = all_of_theirs(dir.path());
    let db = open(dir.path());
    go_on(&db, (4 * RANGE, 8 * RANGE), &mut all);
    db.delete(&[vec![Matcher::equal("n", "1")]], i64::MIN, i64::MAX).unwrap();
    let mut want = all;
    want.remove("1");
    assert_eq!(dump(&db), want);
    let report = db.clean_tombstones().unwrap();
    assert!(!report.blocks_deleted.is_empty(), "{report:?}");
    assert_eq!(dump(&db), want);
    drop(db);
    assert_eq!(dump(&open(dir.path())), want);
    assert_eq!(all_of_theirs(dir.path()), before);
}

#[test]
fn a_snapshot_has_the_blocks_of_prometheus_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut want = prometheus_dir(dir.path());
    let db = open(dir.path());
    go_on(&db, (4 * RANGE, 8 * RANGE), &mut want);
    db.snapshot("s", false).unwrap();
    drop(db);
    let snapshot = dir.path().join("snapshots/s");
    let db = open(&snapshot);
    assert_eq!((dump(&db), db.open_report().corruptions()), (want.clone(), 0));
    assert_eq!(db.open_report().takeover, None);
    go_on(&db, (8 * RANGE, 12 * RANGE), &mut want);
    drop(db);
    assert_eq!(dump(&open(&snapshot)), want);
}

#[test]
fn a_block_that_prometheus_merged_into_another_is_neither_served_nor_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let parent = write_block(dir.path(), (0, RANGE), &[(5, 5.0), (6, 6.0)]);
    let child = write_block(dir.path(), (0, RANGE), &[(5, 5.0)]);
    let parents = format!(
        r#""parents": [{{"ulid": "{}", "minTime": 0, "maxTime": {RANGE}}}], "sources""#,
        name(&parent)
    );
    change_meta(&child, "\"sources\"", &parents);
    let before = all_of_theirs(dir.path());
    let db = open(dir.path());
    assert_eq!((db.open_report().blocks, db.open_report().corruptions()), (1, 0));
    assert_eq!(dump(&db)["1"], [(5, 5.0)]);
    drop(db);
    assert_eq!(all_of_theirs(dir.path()), before);
}

#[test]
fn a_block_of_stale_series_does_not_bound_what_the_head_takes() {
    let dir = tempfile::tempdir().unwrap();
    let block = write_block(dir.path(), (0, RANGE), &[(5, 5.0)]);
    change_meta(&block, "\"sources\"", "\"hints\": [\"from-stale-series\"], \"sources\"");
    let db = open(dir.path());
    let mut appender = db.appender();
    appender.append(&labels(2), 7, 7.0).unwrap();
    appender.commit().unwrap();
    assert_eq!((dump(&db)["1"].as_slice(), dump(&db)["2"].as_slice()), (&[(5, 5.0)][..], &[(7, 7.0)][..]));
}

#[test]
fn samples_of_series_beyond_the_limit_are_taken_over_to_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let want = prometheus_dir(dir.path());
    let options = || DbOptions {
        wal_sync: WalSync::Never,
        retention_ms: None,
        max_series: Some(1),
        ..DbOptions::default()
    };
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!((dump(&db), db.stats(1).series), (want.clone(), 1));
    drop(db);
    assert_eq!(dump(&Db::open(dir.path(), options()).unwrap()), want);
}
