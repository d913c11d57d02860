//! Samples of Prometheus's blocks are deleted for us, and for nobody else.

use super::takeover_tests::{RANGE, Samples, all_of_theirs, dump, labels, open, prometheus_dir};
use crate::testing::disk::SimDisk;
use crate::testing::workload::data_dir;
use crate::{Columns, Db, DbOptions, LabelQuery, Matcher, Queryable, WalSync};
use std::path::Path;

/// What is left without the samples of a series within a range.
fn without(samples: &Samples, series: &str, range: std::ops::RangeInclusive<i64>) -> Samples {
    let mut left = samples.clone();
    left.get_mut(series).unwrap().retain(|(t, _)| !range.contains(t));
    left.retain(|_, samples| !samples.is_empty());
    left
}

fn of(series: u64) -> Vec<Vec<Matcher>> {
    vec![vec![Matcher::equal("n", series.to_string())]]
}

#[test]
fn what_is_deleted_of_a_block_of_prometheus_is_masked_in_a_file_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let all = prometheus_dir(dir.path());
    let before = all_of_theirs(dir.path());
    let db = open(dir.path());
    db.delete(&of(1), 120_000, 600_000).unwrap();
    let want = without(&all, "1", 120_000..=600_000);
    assert_eq!(dump(&db), want);
    drop(db);
    assert_eq!(all_of_theirs(dir.path()), before);
    let db = open(dir.path());
    assert_eq!(dump(&db), want, "also after a restart");
    // Cleaning leaves such blocks as they are; the samples stay hidden.
    let cleaned = db.clean_tombstones().unwrap();
    assert!(cleaned.blocks_written.is_empty(), "{cleaned:?}");
    assert_eq!(dump(&db), want);
    assert_eq!(all_of_theirs(dir.path()), before);
    // More is added to what is there.
    db.delete(&of(2), i64::MIN, i64::MAX).unwrap();
    let want = without(&want, "2", i64::MIN..=i64::MAX);
    assert_eq!(dump(&db), want);
    let query = LabelQuery { mint: i64::MIN, maxt: i64::MAX, ..LabelQuery::default() };
    let querier = db.querier(i64::MIN, i64::MAX).unwrap();
    assert_eq!(querier.label_values("n", &query).unwrap(), ["1", "3", "4"]);
    drop((querier, db));
    assert_eq!(dump(&open(dir.path())), want);
    assert_eq!(all_of_theirs(dir.path()), before);
}

#[test]
fn a_snapshot_hides_what_is_deleted_of_their_blocks_too() {
    let dir = tempfile::tempdir().unwrap();
    let all = prometheus_dir(dir.path());
    let db = open(dir.path());
    db.delete(&of(1), 120_000, 600_000).unwrap();
    db.snapshot("s", false).unwrap();
    let copy = open(&dir.path().join("snapshots/s"));
    assert_eq!(dump(&copy), without(&all, "1", 120_000..=600_000));
}

fn tombstones(dir: &Path) -> Vec<std::path::PathBuf> {
    let found = std::fs::read_dir(dir.join("tombstones.narthex")).unwrap();
    found.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_file_goes_with_its_block() {
    let dir = tempfile::tempdir().unwrap();
    prometheus_dir(dir.path());
    let db = open(dir.path());
    db.delete(&of(1), 120_000, 600_000).unwrap();
    let file = tombstones(dir.path()).remove(0);
    let block = dir.path().join(file.file_name().unwrap());
    assert!(block.is_dir());
    drop(db);
    // Prometheus merged the block into another one.
    std::fs::rename(&block, dir.path().join(ulid::Ulid::new().to_string())).unwrap();
    drop(open(dir.path()));
    assert_eq!(tombstones(dir.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn retention_takes_the_file_along() {
    let dir = tempfile::tempdir().unwrap();
    prometheus_dir(dir.path());
    let options =
        DbOptions { wal_sync: WalSync::Never, retention_ms: Some(5 * RANGE), ..DbOptions::default() };
    let db = Db::open(dir.path(), options).unwrap();
    db.delete(&of(1), 120_000, 600_000).unwrap();
    assert!(!tombstones(dir.path()).is_empty());
    db.maintain(100 * RANGE).unwrap();
    assert_eq!(tombstones(dir.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_block_whose_tombstones_are_damaged_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    prometheus_dir(dir.path());
    let db = open(dir.path());
    db.delete(&of(1), 120_000, 600_000).unwrap();
    drop(db);
    let file = tombstones(dir.path()).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let db = open(dir.path());
    assert_eq!(db.damage().len(), 1, "{:?}", db.damage());
    assert!(dump(&db)["1"].iter().all(|(t, _)| !(120_000..=600_000).contains(t)));
    assert!(file.exists(), "it is not forgotten");
}

#[test]
fn a_deletion_from_their_blocks_survives_a_power_cut() {
    let disk = SimDisk::default();
    let door = crate::io::Files::on(std::sync::Arc::new(disk.clone()));
    let dir = data_dir();
    let mut block =
        super::PrometheusBlockWriter::new(&door, &dir, ulid::Ulid::new().to_string(), 0, RANGE).unwrap();
    let mut columns = Columns::default();
    (0..100).for_each(|t| columns.push(t * 60_000, t as f64));
    block.add_series(&labels(1), &columns).unwrap();
    block.finish().unwrap();
    door.sync_dir(&dir).unwrap();
    let options = crate::testing::workload::options(crate::testing::workload::Mode::Always);
    let options = DbOptions { retention_ms: None, ..options };
    let db = Db::open_on(door, &dir, options.clone()).unwrap();
    db.delete(&of(1), 60_000, 120_000).unwrap();
    for seed in 0..50 {
        let remains = disk.image().power_cut(&mut crate::testing::rng::Rng::new(seed));
        let door = crate::io::Files::on(std::sync::Arc::new(SimDisk::of(remains)));
        let shown = dump(&Db::open_on(door, &dir, options.clone()).unwrap());
        assert_eq!(shown["1"].len(), 98, "seed {seed}");
    }
}
