//! Valid data directories, small ones, made by the database itself.

use crate::edit::Files;
use crate::look::{BLOCK_MS, DIR, open, options};
use narthex_storage::io::Files as Door;
use narthex_storage::io::disk::Disk;
use narthex_storage::testing::disk::SimDisk;
use narthex_storage::testing::image::Image;
use narthex_storage::testing::{rng::Rng, samples::histogram};
use narthex_storage::{Appender, Db, DbOptions, Exemplar, Labels, Matcher, Row};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A block of version 2, which nothing writes any more.
const VERSION_2: [(&str, &[u8]); 4] = [
    ("meta.json", include_bytes!("../base/version2/meta.json")),
    ("chunks", include_bytes!("../base/version2/chunks")),
    ("timelines", include_bytes!("../base/version2/timelines")),
    ("index", include_bytes!("../base/version2/index")),
];

/// A directory that inputs change.
pub struct Base {
    /// Its files.
    pub files: Files,
    image: Image,
}

impl Base {
    /// The files that are `wanted`, on a disk that has nothing else.
    #[must_use]
    pub fn of(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>, wanted: impl Fn(&Path) -> bool) -> Self {
        let files: Files = files.into_iter().filter(|(path, _)| wanted(path)).collect();
        let disk = SimDisk::default();
        for (path, bytes) in &files {
            disk.create_dirs(path.parent().unwrap_or(path)).unwrap();
            disk.create(path).unwrap().append(bytes).unwrap();
        }
        Self { files, image: disk.image() }
    }

    /// How many blocks it has.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.files.keys().filter(|path| path.ends_with("meta.json")).count()
    }

    /// A disk that holds it.
    #[must_use]
    pub fn disk(&self) -> SimDisk {
        SimDisk::of(self.image.clone())
    }
}

fn labels(n: usize) -> Labels {
    let job = if n.is_multiple_of(2) { "a" } else { "ü" };
    Labels::from_pairs([("__name__", "m"), ("job", job), ("n", &n.to_string())])
}

/// Appends floats, histograms, start timestamps and staleness markers of a few series, every five seconds.
fn append(appender: &mut Appender, times: std::ops::Range<i64>) {
    let mut rng = Rng::new(7);
    for t in times.step_by(5_000) {
        for n in 0..6 {
            let start = if n == 4 { t - 1_000 } else { 0 };
            let value = match n {
                0 => t as f64 / 7.0,
                1 => (t % 4_000) as f64,
                2 if t % 30_000 == 0 => narthex_storage::STALE_NAN,
                5 => f64::from_bits(rng.bits() >> 2),
                _ => 1.0,
            };
            appender.append_started(&labels(n), t, value, start).unwrap();
        }
        appender.append_histogram(&labels(26), t, histogram(n_of(t), &mut rng), 0).unwrap();
    }
    appender.commit().unwrap();
}

/// Stores an exemplar of a series.
fn observe(db: &Db, n: usize, timestamp: i64) {
    let labels_of = Labels::from_pairs([("trace_id", format!("ü{timestamp}").as_str())]);
    let mut appender = db.exemplar_appender();
    let exemplar = Exemplar { labels: labels_of, value: 0.5, timestamp, has_timestamp: n == 0 };
    appender.stage(&labels(n), exemplar).unwrap();
    appender.commit().unwrap();
}

fn n_of(t: i64) -> u32 {
    u32::try_from(t / 20_000).unwrap_or_default()
}

/// A database whose disk is at hand.
fn fill(options: DbOptions, end_ms: i64) -> (Db, SimDisk) {
    let disk = SimDisk::default();
    let db = Db::open_on(Door::on(Arc::new(disk.clone())), Path::new(DIR), options).unwrap();
    let group = db.create_group();
    let mut row = Row::new();
    for n in 10..14 {
        row.set(group.register(&labels(n)).unwrap(), n as f64);
    }
    for t in (0..end_ms).step_by(4_000) {
        group.append_row(t, &row).unwrap();
    }
    append(&mut db.appender(), 0..end_ms);
    (db, disk)
}

fn in_block(path: &Path) -> bool {
    path.parent().is_some_and(|dir| dir.to_str().is_some_and(|dir| dir.ends_with(".narthex") && !dir.contains("wal")))
}

/// Blocks of ours: as they are cut, with tombstones; as they are merged, packed; as version 2 wrote them.
#[must_use]
pub fn blocks() -> Vec<Base> {
    let alone = DbOptions { max_block_range_ms: Some(0), ..options() };
    let (db, disk) = fill(alone, 2 * BLOCK_MS);
    db.maintain(2 * BLOCK_MS).unwrap();
    db.delete(&[vec![Matcher::equal("n", "1")]], 7_000, 20_000).unwrap();
    let cut = Base::of(disk.files(Path::new(DIR)), in_block);
    let (db, disk) = fill(options(), 5 * BLOCK_MS);
    db.maintain(5 * BLOCK_MS).unwrap();
    let merged = Base::of(disk.files(Path::new(DIR)), in_block);
    let dir = Path::new(DIR).join("01JDFX6B1N8VZ4M3T9QK7W2RCE.narthex");
    let old = Base::of(VERSION_2.map(|(name, bytes)| (dir.join(name), bytes.to_vec())), |_| true);
    let bases = vec![cut, merged, old];
    for (at, base) in bases.iter().enumerate() {
        assert!(base.files.len() >= 4, "base {at}: {:?}", base.files.keys());
        let db = open(&base.disk());
        assert_eq!((db.open_report().blocks, db.open_report().corruptions()), (base.blocks(), 0), "base {at}");
    }
    bases
}

/// What the head leaves: files of level 0, the catalogue, the log, statistics.
#[must_use]
pub fn head() -> Base {
    let (db, disk) = fill(options(), BLOCK_MS);
    (0..3).for_each(|n| observe(&db, n, 9_000));
    db.flush().unwrap();
    observe(&db, 0, 10_000);
    append(&mut db.appender(), BLOCK_MS..BLOCK_MS + 15_000);
    db.delete(&[vec![Matcher::equal("n", "1")]], 7_000, 20_000).unwrap();
    db.maintain(BLOCK_MS).unwrap();
    db.close().unwrap();
    let base = Base::of(disk.files(Path::new(DIR)), |path| !path.ends_with("lock") && !in_block(path));
    let db = open(&base.disk());
    assert_eq!(db.open_report().corruptions(), 0, "{:?}", db.open_report());
    base
}

/// A segment of the log with records of every kind that is written.
#[must_use]
pub fn segment() -> Vec<u8> {
    let (db, disk) = fill(options(), 20_000);
    append(&mut db.appender(), 20_000..30_000);
    db.appender().append(&labels(0), 3_000, 1.0).unwrap();
    (0..3).for_each(|n| observe(&db, n, 9_000));
    db.delete(&[vec![Matcher::equal("n", "1")]], 7_000, 20_000).unwrap();
    let files = disk.files(&Path::new(DIR).join("wal.narthex"));
    files.into_iter().map(|(_, bytes)| bytes).max_by_key(Vec::len).unwrap()
}
