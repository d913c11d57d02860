//! Compaction within a database: nothing is lost, nothing doubled, and limits hold.

use crate::io::Files;
use crate::io::disk::{Disk, DiskFile, DiskLock, Listed, OsDisk};
use crate::io::mmap::Bytes;
use crate::{Columns, Db, DbOptions, Labels, Queryable, SelectHints, Series, WalSync};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const HOUR: i64 = 3_600_000;
const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

fn options() -> DbOptions {
    DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() }
}

fn labels(n: usize) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("n", &n.to_string())])
}

fn value(n: usize, minute: i64) -> f64 {
    (minute as f64 * (n + 1) as f64).sqrt()
}

/// Appends a sample a minute, and lets the database work every half hour; how many blocks it merged others
/// into.
fn fill(db: &Db, minutes: std::ops::Range<i64>) -> usize {
    let mut merged = 0;
    for minute in minutes {
        let mut appender = db.appender();
        for n in 0..6 {
            // Series come and go.
            if minute / 600 % 6 != n as i64 {
                appender.append(&labels(n), minute * 60_000 + n as i64, value(n, minute)).unwrap();
            }
        }
        appender.commit().unwrap();
        if minute % 30 == 0 {
            merged += db.maintain(minute * 60_000).unwrap().blocks_merged.len();
        }
    }
    merged
}

fn select(db: &Db) -> Vec<Box<dyn Series>> {
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    db.querier(i64::MIN, i64::MAX).unwrap().select(&[], &hints).unwrap()
}

type Read = BTreeMap<String, (Vec<i64>, Vec<u64>)>;

fn read(series: &[Box<dyn Series>]) -> Read {
    let one = |series: &dyn Series| {
        let mut columns = Columns::default();
        series.read(ALWAYS.0, ALWAYS.1, &mut columns).unwrap();
        assert!(columns.timestamps.is_sorted_by(|a, b| a < b));
        let values = columns.values.iter().map(|v| v.to_bits()).collect();
        (format!("{:?}", series.labels()), (columns.timestamps, values))
    };
    series.iter().map(|series| one(series.as_ref())).collect()
}

fn expected(minutes: std::ops::Range<i64>) -> Read {
    let mut all = Read::new();
    for minute in minutes {
        for n in (0..6).filter(|n| minute / 600 % 6 != *n as i64) {
            let (timestamps, values) = all.entry(format!("{:?}", labels(n))).or_default();
            timestamps.push(minute * 60_000 + n as i64);
            values.push(value(n, minute).to_bits());
        }
    }
    all
}

fn spans(db: &Db) -> Vec<(i64, i64)> {
    let blocks = db.inner.blocks.load();
    blocks.iter().map(|block| (block.meta().min_time / HOUR, block.meta().max_time / HOUR)).collect()
}

fn block_dirs(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.join("meta.json").exists()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn blocks_grow_and_every_sample_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = DbOptions { max_block_range_ms: Some(18 * HOUR), ..options() };
    let db = Db::open(dir.path(), options.clone()).unwrap();
    fill(&db, 0..45 * 60);
    assert_eq!(spans(&db), [(0, 18), (18, 36), (36, 38), (38, 40), (40, 42)]);
    let want = expected(0..45 * 60);
    assert!(read(&select(&db)) == want);
    drop(db);
    let db = Db::open(dir.path(), options).unwrap();
    assert!(read(&select(&db)) == want);
    assert_eq!(block_dirs(dir.path()).len(), 5);
}

#[test]
fn blocks_stay_as_they_are_cut_where_no_longer_ones_are_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let short = DbOptions { max_block_range_ms: Some(HOUR), ..options() };
    let db = Db::open(dir.path(), short).unwrap();
    fill(&db, 0..15 * 60);
    assert_eq!(spans(&db), [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 12)]);
    drop(db);
    let tenth = DbOptions { retention_ms: Some(70 * HOUR), ..options() };
    let db = Db::open(dir.path(), tenth).unwrap();
    db.maintain(15 * HOUR).unwrap();
    assert_eq!(spans(&db), [(0, 6), (6, 8), (8, 10), (10, 12)]);
}

#[test]
fn a_selection_outlives_the_blocks_that_it_was_made_from() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    fill(&db, 0..11 * 60);
    let selected = select(&db);
    let before = read(&selected);
    fill(&db, 11 * 60..30 * 60);
    assert!(spans(&db).contains(&(0, 18)), "{:?}", spans(&db));
    assert!(read(&selected) == before);
}

#[test]
fn parents_that_a_crash_left_are_deleted_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let aside = tempfile::tempdir().unwrap();
    let short = DbOptions { max_block_range_ms: Some(HOUR), ..options() };
    let db = Db::open(dir.path(), short).unwrap();
    fill(&db, 0..21 * 60);
    for path in block_dirs(dir.path()) {
        copy(&path, &aside.path().join(path.file_name().unwrap()));
    }
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    let before = read(&select(&db));
    db.maintain(21 * HOUR).unwrap();
    assert_eq!(spans(&db), [(0, 6), (6, 12), (12, 14), (14, 16), (16, 18)]);
    drop(db);
    for path in block_dirs(aside.path()) {
        let back = dir.path().join(path.file_name().unwrap());
        if !back.exists() {
            copy(&path, &back);
        }
    }
    assert_eq!(block_dirs(dir.path()).len(), 11);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(spans(&db), [(0, 6), (6, 12), (12, 14), (14, 16), (16, 18)]);
    assert_eq!(block_dirs(dir.path()).len(), 5);
    assert!(read(&select(&db)) == before);
}

#[test]
fn damaged_blocks_are_left_alone_and_the_others_merged() {
    let dir = tempfile::tempdir().unwrap();
    let short = DbOptions { max_block_range_ms: Some(HOUR), ..options() };
    let db = Db::open(dir.path(), short).unwrap();
    fill(&db, 0..17 * 60);
    drop(db);
    let first = block_dirs(dir.path()).into_iter().min().unwrap();
    let mut chunks = fs::read(first.join("chunks")).unwrap();
    chunks[100] ^= 1;
    fs::write(first.join("chunks"), chunks).unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    let report = db.maintain(17 * HOUR).unwrap();
    assert_eq!((report.damaged.len(), report.blocks_merged.len()), (1, 1));
    assert_eq!(spans(&db), [(0, 2), (2, 4), (4, 6), (6, 12), (12, 14)]);
    assert_eq!(db.maintain(17 * HOUR).unwrap().damaged, [""; 0]);
}

#[test]
fn late_blocks_say_nothing_of_what_the_log_holds_and_are_merged() {
    use crate::block::{BlockPlan, BlockWriter, Compaction, Packing};
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    fill(&db, 0..5 * 60);
    let want = read(&select(&db));
    drop(db);
    // Samples for the time of the first block and of the head.
    let ulid = "01ZZZZZZZZZZZZZZZZZZZZZZZZ".to_owned();
    let compaction = Compaction::of_head(&ulid, true);
    let (min_time, max_time) = (0, 6 * HOUR);
    let plan =
        BlockPlan { ulid, min_time, max_time, compaction, packing: Packing::Plain, applied: String::new() };
    let mut writer = BlockWriter::new(&Files::os(), dir.path(), plan).unwrap();
    let mut late = Columns::default();
    for minute in (0..5 * 60).step_by(7) {
        if minute < 2 * 60 {
            late.push(minute * 60_000 + 1, -1.0);
        }
        late.push(minute * 60_000 + 30_000, -2.0);
    }
    writer.add_series(&labels(1), &late).unwrap();
    writer.finish().unwrap();
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(spans(&db), [(0, 2), (0, 6)]);
    let mut samples: BTreeMap<i64, u64> =
        late.timestamps.iter().copied().zip(late.values.iter().map(|v| v.to_bits())).collect();
    let name = format!("{:?}", labels(1));
    // What came in time is in the block that is listed first, and counts.
    samples.extend(want[&name].0.iter().copied().zip(want[&name].1.iter().copied()));
    let mut want = want;
    want.insert(name, samples.into_iter().unzip());
    let before = read(&select(&db));
    assert!(before == want);
    db.maintain(5 * HOUR).unwrap();
    assert_eq!(spans(&db), [(0, 6)]);
    assert!(read(&select(&db)) == before);
}

/// Knows how many bytes the directory had at most.
#[derive(Debug, Default)]
struct Measured {
    disk: OsDisk,
    most: Arc<AtomicU64>,
}

#[derive(Debug)]
struct MeasuredFile(Box<dyn DiskFile>, Arc<AtomicU64>, PathBuf);

fn tree_bytes(dir: &Path) -> u64 {
    let found = OsDisk.list(dir).unwrap_or_default();
    found.iter().map(|one| if one.is_dir { tree_bytes(&one.path) } else { one.len }).sum()
}

impl DiskFile for MeasuredFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)?;
        let aside = |path: &&Path| path.to_string_lossy().ends_with(".tmp-for-creation");
        if let Some(dir) = self.2.ancestors().find(aside).and_then(Path::parent) {
            self.1.fetch_max(tree_bytes(dir), Ordering::Relaxed);
        }
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

impl Disk for Measured {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.create(path)?;
        Ok(Box::new(MeasuredFile(file, Arc::clone(&self.most), path.to_owned())))
    }
    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dirs(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        self.disk.list(dir)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(path)
    }
    fn map(&self, path: &Path) -> io::Result<Bytes> {
        self.disk.map(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }
    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.remove_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        self.disk.lock(path)
    }
    fn free_bytes(&self, dir: &Path) -> io::Result<Option<u64>> {
        self.disk.free_bytes(dir)
    }
}

#[test]
fn the_size_limit_holds_while_blocks_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Measured::default();
    let most = Arc::clone(&disk.most);
    let limit = 200_000;
    let options = DbOptions { retention_bytes: Some(limit), ..options() };
    let db = Db::open_on(Files::on(Arc::new(disk)), dir.path(), options).unwrap();
    let merged = fill(&db, 0..150 * 60);
    let (peak, spans) = (most.load(Ordering::Relaxed), spans(&db));
    assert!(merged > 10, "{merged} merged");
    assert!(peak > limit / 2 && peak <= limit, "{peak} bytes at most");
    assert!(spans.first().is_some_and(|span| span.0 > 0) && spans.len() > 5, "{spans:?}");
    assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0), "history has no holes: {spans:?}");
    let newest = read(&select(&db)).values().filter_map(|(t, _)| t.last().copied()).max();
    assert_eq!(newest, Some((150 * 60 - 1) * 60_000 + 5));
}
