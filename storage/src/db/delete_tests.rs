//! Deletions against a model, through cuts, restarts, cleaning and snapshots.

use crate::filenames;
use crate::{
    Columns, Db, DbOptions, Group, LabelQuery, Labels, Matcher, Queryable, Row, STALE_NAN, SelectHints,
    StorageError, WalSync,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const EVER: (i64, i64) = (i64::MIN, i64::MAX);

fn options() -> DbOptions {
    DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() }
}

fn open(dir: &Path) -> Db {
    Db::open(dir, options()).unwrap()
}

fn labels(n: usize) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("n", &n.to_string()), (&format!("only_{n}"), "x")])
}

fn only(n: usize) -> Vec<Vec<Matcher>> {
    vec![vec![Matcher::equal("n", n.to_string())]]
}

fn everything() -> Vec<Vec<Matcher>> {
    vec![vec![Matcher::equal("__name__", "m")]]
}

type Model = BTreeMap<String, BTreeMap<i64, u64>>;

/// What a selection finds: series without a sample have no place in it.
fn dump(db: &Db, (mint, maxt): (i64, i64)) -> Model {
    let hints = SelectHints { mint, maxt, ..SelectHints::default() };
    let mut all = Model::new();
    for series in db.querier(mint, maxt).unwrap().select(&[], &hints).unwrap() {
        let (mut columns, mut scratch) = (Columns::default(), Columns::default());
        series.read(mint, maxt, &mut columns).unwrap();
        assert!(columns.timestamps.is_sorted_by(|a, b| a < b));
        let newest = series.newest(mint, maxt, &mut scratch).unwrap();
        assert_eq!(newest.map(|n| n.timestamp), columns.timestamps.last().copied());
        let bits = columns.values.iter().map(|v| v.to_bits());
        let samples = columns.timestamps.iter().copied().zip(bits).collect();
        let n = series.labels().get("n").unwrap().to_owned();
        assert!(all.insert(n, samples).is_none(), "a series comes once");
    }
    all
}

fn values(db: &Db) -> Vec<String> {
    let query = LabelQuery { mint: i64::MIN, maxt: i64::MAX, ..LabelQuery::default() };
    db.querier(i64::MIN, i64::MAX).unwrap().label_values("n", &query).unwrap()
}

fn names(db: &Db) -> Vec<String> {
    let query = LabelQuery { mint: i64::MIN, maxt: i64::MAX, ..LabelQuery::default() };
    let names = db.querier(i64::MIN, i64::MAX).unwrap().label_names(&query).unwrap();
    names.into_iter().filter(|name| name.starts_with("only_")).collect()
}

fn add(db: &Db, n: usize, samples: &[i64]) {
    let mut appender = db.appender();
    samples.iter().for_each(|t| appender.append(&labels(n), *t, *t as f64).unwrap());
    appender.commit().unwrap();
}

fn times(db: &Db, n: usize) -> Vec<i64> {
    let all = dump(db, EVER);
    all.get(&n.to_string()).map(|samples| samples.keys().copied().collect()).unwrap_or_default()
}

#[test]
fn samples_that_come_after_a_deletion_stay() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    add(&db, 0, &[1, 2, 3]);
    db.delete(&only(0), i64::MIN, i64::MAX).unwrap();
    assert_eq!((dump(&db, EVER), values(&db), names(&db)), (Model::new(), vec![], vec![]));
    add(&db, 0, &[4, 5]);
    add(&db, 1, &[4]);
    let look = |db: &Db| (times(db, 0), times(db, 1), values(db));
    let want = (vec![4, 5], vec![4], vec!["0".to_owned(), "1".to_owned()]);
    assert_eq!(look(&db), want);
    drop(db);
    assert_eq!(look(&open(dir.path())), want);
}

#[test]
fn both_ends_of_the_range_are_deleted_and_only_what_matches() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    (0..3).for_each(|n| add(&db, n, &[10, 20, 30, 40]));
    let sets = vec![only(0).remove(0), vec![Matcher::equal("only_1", "x")]];
    db.delete(&sets, 20, 30).unwrap();
    assert_eq!([0, 1, 2].map(|n| times(&db, n)), [vec![10, 40], vec![10, 40], vec![10, 20, 30, 40]]);
    assert_eq!(dump(&db, (20, 30)).keys().collect::<Vec<_>>(), ["2"]);
    assert_eq!(dump(&db, (15, 40)).len(), 3);
    db.delete(&everything(), 35, 50).unwrap();
    db.delete(&[], i64::MIN, i64::MAX).unwrap();
    db.delete(&everything(), 31, 29).unwrap();
    assert_eq!([0, 1, 2].map(|n| times(&db, n)), [vec![10], vec![10], vec![10, 20, 30]]);
}

/// A database with a block of hour 0 and 1, and a head; series 0, 1 and 2 in both.
fn with_block(dir: &Path) -> Db {
    let db = open(dir);
    for n in 0..3 {
        add(&db, n, &[0, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR]);
    }
    assert_eq!(db.maintain(4 * HOUR).unwrap().blocks_written.len(), 1);
    db
}

fn block_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries.filter(|path| filenames::is_block(&path.file_name().unwrap().to_string_lossy())).collect()
}

#[test]
fn a_deletion_reaches_into_blocks_and_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let db = with_block(dir.path());
    db.delete(&only(0), HOUR, 3 * HOUR).unwrap();
    db.delete(&only(1), i64::MIN, i64::MAX).unwrap();
    let want = [vec![0, 4 * HOUR], vec![]];
    assert_eq!([0, 1].map(|n| times(&db, n)), want);
    assert_eq!(
        (values(&db), names(&db)),
        (vec!["0".into(), "2".into()], vec!["only_0".into(), "only_2".into()])
    );
    drop(db);
    let db = open(dir.path());
    assert_eq!([0, 1].map(|n| times(&db, n)), want);
    assert_eq!(values(&db), ["0", "2"]);
}

#[test]
fn a_block_that_is_cut_leaves_deleted_samples_out() {
    let dir = tempfile::tempdir().unwrap();
    let db = with_block(dir.path());
    db.delete(&only(0), 2 * HOUR, 3 * HOUR).unwrap();
    db.delete(&only(1), 3 * HOUR, 4 * HOUR).unwrap();
    add(&db, 0, &[6 * HOUR]);
    let report = db.maintain(6 * HOUR).unwrap();
    let meta = fs::read_to_string(report.blocks_written[0].join("meta.json")).unwrap();
    assert!(meta.contains("\"numSamples\": 3"), "{meta}");
    assert!(!report.blocks_written[0].join("tombstones").exists());
    let want = [vec![0, HOUR, 4 * HOUR, 6 * HOUR], vec![0, HOUR, 2 * HOUR]];
    assert_eq!([0, 1].map(|n| times(&db, n)), want);
    drop(db);
    assert_eq!([0, 1].map(|n| times(&open(dir.path()), n)), want);
}

#[test]
fn cleaning_writes_blocks_without_what_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let db = with_block(dir.path());
    add(&db, 0, &[6 * HOUR, 8 * HOUR]);
    db.maintain(8 * HOUR).unwrap();
    let before = block_files(dir.path());
    db.delete(&everything(), 0, 1).unwrap();
    db.delete(&only(2), 2, HOUR).unwrap();
    let want = dump(&db, EVER);
    let held = db.querier(i64::MIN, i64::MAX).unwrap();
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    let selected = held.select(&only(0)[0], &hints).unwrap();
    let report = db.clean_tombstones().unwrap();
    assert_eq!((report.blocks_written.len(), report.blocks_deleted.len()), (1, 1));
    assert!(before.contains(&report.blocks_deleted[0]) && !report.blocks_deleted[0].exists());
    assert!(!report.blocks_written[0].join("tombstones").exists());
    let meta = fs::read_to_string(report.blocks_written[0].join("meta.json")).unwrap();
    assert!(meta.contains("\"numSamples\": 2") && meta.contains("\"numSeries\": 2"), "{meta}");
    assert_eq!(dump(&db, EVER), want);
    let mut columns = Columns::default();
    selected[0].read(i64::MIN, i64::MAX, &mut columns).unwrap();
    assert_eq!(columns.timestamps.first(), Some(&HOUR), "who selected before reads the block that is gone");
    assert_eq!(
        db.clean_tombstones().unwrap(),
        crate::CleanReport::default(),
        "nothing is left to be cleaned"
    );
    db.delete(&everything(), 0, 2 * HOUR - 1).unwrap();
    let report = db.clean_tombstones().unwrap();
    assert_eq!((report.blocks_written.len(), report.blocks_deleted.len()), (0, 1));
    assert_eq!(block_files(dir.path()).len(), before.len() - 1);
    let want = dump(&db, EVER);
    drop((selected, held, db));
    assert_eq!(dump(&open(dir.path()), EVER), want);
}

#[test]
fn the_newest_block_stays_when_nothing_is_left_of_it_since_the_log_may_have_its_samples() {
    let dir = tempfile::tempdir().unwrap();
    let db = with_block(dir.path());
    db.delete(&everything(), 0, 2 * HOUR - 1).unwrap();
    assert_eq!(db.clean_tombstones().unwrap(), crate::CleanReport::default());
    let want = dump(&db, EVER);
    assert_eq!(want["0"].keys().collect::<Vec<_>>(), [&(2 * HOUR), &(3 * HOUR), &(4 * HOUR)]);
    drop(db);
    assert_eq!(dump(&open(dir.path()), EVER), want);
}

#[test]
fn a_start_deletes_the_block_that_a_crash_left_beside_its_cleaned_one() {
    let dir = tempfile::tempdir().unwrap();
    let db = with_block(dir.path());
    let old = block_files(dir.path()).remove(0);
    db.delete(&only(0), 0, 0).unwrap();
    let aside = dir.path().join("kept");
    fs::create_dir(&aside).unwrap();
    for file in fs::read_dir(&old).unwrap().map(|e| e.unwrap()) {
        fs::copy(file.path(), aside.join(file.file_name())).unwrap();
    }
    let want = dump(&db, EVER);
    db.clean_tombstones().unwrap();
    drop(db);
    fs::rename(&aside, &old).unwrap();
    let db = open(dir.path());
    assert_eq!((dump(&db, EVER), db.open_report().blocks), (want, 1));
    assert!(!old.exists());
}

#[test]
fn a_block_with_damaged_tombstones_is_reported_and_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let db = with_block(dir.path());
    db.delete(&only(0), 0, 0).unwrap();
    drop(db);
    let file = block_files(dir.path()).remove(0).join("tombstones");
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        let db = open(dir.path());
        let report = &db.open_report().damaged_blocks;
        assert!(report.len() == 1 && report[0].1.contains("tombstones"), "byte {at}: {report:?}");
        assert!(times(&db, 0).ends_with(&[2 * HOUR, 3 * HOUR, 4 * HOUR]));
    }
}

#[test]
fn a_torn_log_loses_at_most_the_deletion_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    add(&db, 0, &[1, 2, 3]);
    let segment = dir.path().join("wal.narthex/00000000");
    let before = fs::metadata(&segment).unwrap().len() as usize;
    db.delete(&only(0), 2, 2).unwrap();
    drop(db);
    let whole = fs::read(&segment).unwrap();
    assert!(whole.len() > before);
    for len in before..=whole.len() {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("wal.narthex")).unwrap();
        fs::write(copy.path().join("wal.narthex/00000000"), &whole[..len]).unwrap();
        let want = if len == whole.len() { vec![1, 3] } else { vec![1, 2, 3] };
        assert_eq!(times(&open(copy.path()), 0), want, "log of {len} bytes");
    }
}

#[test]
fn a_snapshot_opens_as_a_database_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let db = with_block(dir.path());
    db.delete(&only(0), HOUR, 3 * HOUR).unwrap();
    let want = dump(&db, EVER);
    db.snapshot("whole", false).unwrap();
    db.snapshot("blocks", true).unwrap();
    assert!(matches!(db.snapshot("whole", false), Err(StorageError::Io { .. })), "the name is taken");
    for name in ["", "..", ".", "a/b", "/a"] {
        assert!(db.snapshot(name, true).is_err(), "{name:?}");
    }
    let block = block_files(dir.path()).remove(0);
    add(&db, 0, &[5 * HOUR]);
    db.delete(&everything(), i64::MIN, i64::MAX).unwrap();
    db.clean_tombstones().unwrap();
    drop(db);
    let snapshots = dir.path().join("snapshots");
    let blocks = open(&snapshots.join("blocks"));
    let until = |all: &Model, end: i64| -> Model {
        let cut = |samples: &BTreeMap<i64, u64>| samples.range(..end).map(|(t, v)| (*t, *v)).collect();
        all.iter().map(|(n, samples)| (n.clone(), cut(samples))).collect()
    };
    assert_eq!(dump(&blocks, EVER), until(&want, 2 * HOUR));
    let mut db = open(&snapshots.join("whole"));
    assert!(snapshots.join("whole").join(block.file_name().unwrap()).exists());
    assert_eq!(dump(&db, EVER), want);
    let mut want = want;
    for t in [4 * HOUR + 1, 5 * HOUR, 9 * HOUR] {
        add(&db, 2, &[t]);
        want.get_mut("2").unwrap().insert(t, (t as f64).to_bits());
    }
    db.maintain(9 * HOUR).unwrap();
    assert_eq!(dump(&db, EVER), want);
    drop(db);
    db = open(&snapshots.join("whole"));
    assert_eq!(dump(&db, EVER), want);
}

#[test]
fn what_a_crash_left_of_a_snapshot_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    drop(with_block(dir.path()));
    let torn = dir.path().join("snapshots/x.tmp-for-creation/01JDFX6B1N8VZ4M3T9QK7W2RCE");
    fs::create_dir_all(&torn).unwrap();
    fs::write(torn.join("index"), "half").unwrap();
    fs::create_dir(dir.path().join("snapshots/y")).unwrap();
    drop(open(dir.path()));
    let left: Vec<_> =
        fs::read_dir(dir.path().join("snapshots")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["y"]);
}

#[test]
fn late_samples_are_deleted_with_the_others_and_stay_so() {
    let dir = tempfile::tempdir().unwrap();
    let options = || DbOptions { out_of_order_window_ms: 24 * HOUR, ..options() };
    let db = Db::open(dir.path(), options()).unwrap();
    for n in 0..2 {
        add(&db, n, &[0, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR]);
    }
    db.maintain(4 * HOUR).unwrap();
    for n in 0..2 {
        add(&db, n, &[HOUR / 2, 3 * HOUR / 2, 7 * HOUR / 2]);
    }
    db.delete(&only(0), HOUR, 7 * HOUR / 2).unwrap();
    let want = [
        vec![0, HOUR / 2, 4 * HOUR],
        vec![0, HOUR / 2, HOUR, 3 * HOUR / 2, 2 * HOUR, 3 * HOUR, 7 * HOUR / 2, 4 * HOUR],
    ];
    let look = |db: &Db| [0, 1].map(|n| times(db, n));
    assert_eq!(look(&db), want);
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(look(&db), want);
    db.snapshot("s", false).unwrap();
    assert_eq!(look(&open(&dir.path().join("snapshots/s"))), want);
    add(&db, 2, &[6 * HOUR]);
    assert!(!db.maintain(6 * HOUR).unwrap().blocks_written.is_empty());
    assert_eq!(look(&db), want);
    db.clean_tombstones().unwrap();
    assert_eq!(look(&db), want);
    drop(db);
    assert_eq!(look(&Db::open(dir.path(), options()).unwrap()), want);
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize, i64),
    Row(BTreeSet<usize>, i64),
    /// Of these series, back from now: from, length; `None` for all of time.
    Delete(BTreeSet<usize>, Option<(i64, i64)>),
    Clean,
    Restart,
    /// Goes on in a snapshot.
    Move,
}

fn step() -> impl Strategy<Value = Step> {
    let gap = || prop_oneof![9 => 1i64..60_000, 1 => 1i64..2 * HOUR];
    let series = |range| proptest::collection::btree_set(range, 0..4);
    let back = prop_oneof![3 => 0i64..200_000, 2 => 0i64..8 * HOUR];
    let len = prop_oneof![3 => 0i64..100_000, 1 => 0i64..4 * HOUR];
    let times = prop_oneof![5 => (back, len).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        30 => (3usize..6, gap()).prop_map(|(n, gap)| Step::Append(n, gap)),
        30 => (series(0usize..3), gap()).prop_map(|(set, gap)| Step::Row(set, gap)),
        6 => (series(0usize..6), times).prop_map(|(set, times)| Step::Delete(set, times)),
        2 => Just(Step::Clean),
        2 => Just(Step::Restart),
        1 => Just(Step::Move),
    ]
}

struct World {
    root: tempfile::TempDir,
    dir: std::path::PathBuf,
    db: Option<Db>,
    group: Option<Arc<Group>>,
    present: BTreeSet<usize>,
    model: Model,
    now: i64,
    moves: usize,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("0");
        let mut world = Self {
            root,
            dir,
            db: None,
            group: None,
            present: BTreeSet::new(),
            model: Model::new(),
            now: 1_000_000,
            moves: 0,
        };
        world.start();
        world
    }

    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    fn start(&mut self) {
        (self.group, self.db) = (None, None);
        let db = open(&self.dir);
        assert_eq!((db.open_report().corruptions(), db.open_report().dropped_records), (0, 0));
        self.group = Some(db.create_group());
        self.db = Some(db);
        self.present.clear();
    }

    fn note(&mut self, n: usize, value: f64) {
        self.model.entry(n.to_string()).or_default().insert(self.now, value.to_bits());
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Append(n, gap) => {
                self.now += gap;
                add(self.db(), n, &[self.now]);
                self.note(n, self.now as f64);
            }
            Step::Row(set, gap) => {
                self.now += gap;
                let group = self.group.clone().unwrap();
                let mut row = Row::new();
                for n in &set {
                    assert!(row.set(group.register(&labels(*n)).unwrap(), (self.now % 3) as f64));
                }
                group.append_row(self.now, &row).unwrap();
                let gone: Vec<usize> = self.present.difference(&set).copied().collect();
                gone.into_iter().for_each(|n| self.note(n, STALE_NAN));
                set.iter().for_each(|n| self.note(*n, (self.now % 3) as f64));
                self.present = set;
            }
            Step::Delete(set, times) => {
                let now = self.now;
                let (mint, maxt) = times.map_or(EVER, |(back, len)| (now - back, now - back + len));
                let sets: Vec<Vec<Matcher>> = set.iter().map(|n| only(*n).remove(0)).collect();
                self.db().delete(&sets, mint, maxt).unwrap();
                for n in set {
                    if let Some(samples) = self.model.get_mut(&n.to_string()) {
                        samples.retain(|t, _| !(mint..=maxt).contains(t));
                    }
                }
                self.model.retain(|_, samples| !samples.is_empty());
            }
            Step::Clean => {
                self.db().clean_tombstones().unwrap();
            }
            Step::Restart => self.start(),
            Step::Move => {
                self.db().snapshot("s", false).unwrap();
                self.moves += 1;
                let to = self.root.path().join(self.moves.to_string());
                fs::rename(self.dir.join("snapshots/s"), &to).unwrap();
                self.dir = to;
                self.start();
            }
        }
        self.db().maintain(self.now).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn deletions_agree_with_a_map(steps in proptest::collection::vec(step(), 1..160), windows in proptest::collection::vec((0i64..12 * HOUR, 0i64..4 * HOUR), 8)) {
        let mut world = World::new();
        for step in steps {
            let looks = matches!(step, Step::Delete(..) | Step::Clean | Step::Restart | Step::Move);
            world.take(step);
            if looks {
                prop_assert_eq!(&dump(world.db(), EVER), &world.model);
            }
        }
        let db = world.db();
        prop_assert_eq!(&dump(db, EVER), &world.model);
        // A series without samples may be listed until the head lets go of it, as in Prometheus.
        let listed = values(db);
        prop_assert!(world.model.keys().all(|n| listed.contains(n)));
        for (back, len) in windows {
            let (mint, maxt) = (world.now - back, world.now - back + len);
            let mut got = dump(db, (mint, maxt));
            prop_assert!(got.keys().all(|n| world.model.contains_key(n)));
            got.retain(|_, samples| !samples.is_empty());
            let mut want = world.model.clone();
            want.values_mut().for_each(|samples| samples.retain(|t, _| (mint..=maxt).contains(t)));
            want.retain(|_, samples| !samples.is_empty());
            prop_assert_eq!(got, want);
        }
    }
}

#[test]
fn a_block_that_could_not_be_read_at_the_start_loses_only_what_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut appender = db.appender();
    for n in 0..2 {
        for minute in 0..300 {
            appender.append(&labels(n), minute * 60_000, minute as f64).unwrap();
        }
    }
    appender.commit().unwrap();
    let block = db.maintain(5 * HOUR).unwrap().blocks_written.remove(0);
    db.close().unwrap();
    drop(db);
    let (index, aside) = (block.join(filenames::INDEX), dir.path().join("aside"));
    fs::rename(&index, &aside).unwrap();
    let db = open(dir.path());
    assert_eq!(db.open_report().damaged_blocks.len(), 1);
    fs::rename(&aside, &index).unwrap();
    db.delete(&only(0), i64::MIN, i64::MAX).unwrap();
    drop(db);
    let shown = dump(&open(dir.path()), EVER);
    assert_eq!(shown.keys().collect::<Vec<_>>(), ["1"]);
    assert_eq!(shown["1"].len(), 300);
}
