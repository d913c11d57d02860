use super::disk::SimDisk;
use super::model::{End, Model};
use super::samples::{Dump, series_of};
use super::workload::{Mode, Workload, data_dir, open, options};
use crate::{Columns, Db, Queryable, SelectHints};
use std::path::{Path, PathBuf};

/// Files that a directory may have, by parts of their names.
const KINDS: [&str; 9] =
    ["wal", "level0", "series", "index", "chunks", "timelines", "meta.json", "tombstones", "cardinality"];
/// Bits of each file that are flipped, of all bytes and of all places within them.
const FLIPS: usize = 1_000;

/// A disk with files of every kind, and what they say.
fn filled() -> (SimDisk, Model) {
    let mut seeds = (7..100).filter_map(|seed| {
        let disk = SimDisk::default();
        let model = {
            let mut workload = Workload::new(seed, &disk, Mode::Always, Model::default(), 1_000_000);
            (0..60).for_each(|_| workload.step().unwrap());
            workload.model
        };
        // Statistics are kept for longer than the workload lasts.
        let db = open(&disk, &options(Mode::Always)).unwrap();
        db.note_queried("even", 7);
        db.inner.cardinality.save(&db.inner.files, &db.inner.dir, true).unwrap();
        drop(db);
        let files = files(&disk);
        let has = |kind: &str| files.iter().any(|(path, _)| path.to_string_lossy().contains(kind));
        KINDS.into_iter().all(has).then_some((disk, model))
    });
    seeds.next().expect("a workload that leaves files of every kind")
}

/// What can still be read; a series that meets damage is left out.
fn readable(db: &Db) -> Dump {
    let querier = db.querier(i64::MIN, i64::MAX).unwrap();
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    let mut all = Dump::new();
    for series in querier.select(&[], &hints).unwrap() {
        let mut columns = Columns::default();
        if series.read(i64::MIN, i64::MAX, &mut columns).is_ok() {
            let number = series_of(series.labels()).unwrap();
            all.insert(number, super::samples::points(&columns));
        }
    }
    all
}

fn size(dump: &Dump) -> usize {
    dump.values().map(std::collections::BTreeMap::len).sum()
}

/// Opens a copy of the disk on which one file was replaced: it starts, shows nothing that was never written, works
/// on, and tells of the damage unless all is shown.
fn survives(disk: &SimDisk, model: &Model, whole: usize, path: &Path, bytes: Vec<u8>, what: &str) {
    let copy = SimDisk::of(disk.image());
    copy.overwrite(path, bytes);
    let db = open(&copy, &options(Mode::Always)).unwrap_or_else(|e| panic!("{what} of {path:?}: {e}"));
    let shown = readable(&db);
    let told = db.damage_count() + db.open_report().dropped_records;
    // A log or catalogue that ends early, at a record's end, ends as one does that was written so far.
    let is_log =
        path.ends_with("series") || path.parent().is_some_and(|dir| dir.ends_with(crate::filenames::WAL_DIR));
    let ends_early = is_log && what.ends_with("bytes");
    assert!(size(&shown) == whole || told > 0 || ends_early, "{what} of {path:?} is not told of");
    model.check_written(&shown).unwrap_or_else(|error| panic!("{what} of {path:?}: {error}"));
    let mut appender = db.appender();
    appender.append(&super::samples::labels(0), 9_000_000, 1.0).unwrap();
    appender.commit().unwrap_or_else(|error| panic!("{what} of {path:?}: {error}"));
}

fn files(disk: &SimDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = disk.files(&data_dir());
    files.retain(|(path, bytes)| !path.ends_with("lock") && !bytes.is_empty());
    files
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_the_rest_is_served() {
    let (disk, model) = filled();
    let whole = size(&readable(&open(&SimDisk::of(disk.image()), &options(Mode::Always)).unwrap()));
    let files = files(&disk);
    assert!(
        model
            .check_survivor(
                &readable(&open(&SimDisk::of(disk.image()), &options(Mode::Always)).unwrap()),
                usize::MAX,
                End::Kill
            )
            .is_ok()
    );
    for (path, bytes) in &files {
        // An odd step comes to every place within a byte.
        for bit in (0..bytes.len() * 8).step_by(1 + bytes.len() * 8 / FLIPS / 2 * 2) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            survives(&disk, &model, whole, path, flipped, &format!("bit {} of byte {}", bit % 8, bit / 8));
        }
    }
}

#[test]
fn short_empty_and_foreign_files_do_not_prevent_the_start() {
    let (disk, model) = filled();
    for (path, bytes) in files(&disk) {
        for len in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            survives(&disk, &model, usize::MAX, &path, bytes[..len].to_vec(), &format!("{len} bytes"));
        }
        survives(&disk, &model, usize::MAX, &path, vec![0xa5; bytes.len()], "other content");
    }
}
