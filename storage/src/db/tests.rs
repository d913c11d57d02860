//! The database against a model, through restarts, damage and block cuts.

use crate::{
    AppendError, Columns, Db, DbOptions, LabelQuery, Labels, Matcher, Queryable, Row, STALE_NAN, SelectHints,
    WalSync, is_stale_nan,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn options() -> DbOptions {
    DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() }
}

fn open(dir: &Path) -> Db {
    Db::open(dir, options()).unwrap()
}

fn labels(n: usize) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("n", &n.to_string())])
}

type Samples = Vec<(i64, u64)>;

fn dump(db: &Db) -> BTreeMap<String, Samples> {
    let querier = db.querier(i64::MIN, i64::MAX).unwrap();
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    let mut all = BTreeMap::new();
    for series in querier.select(&[], &hints).unwrap() {
        let mut columns = Columns::default();
        series.read(i64::MIN, i64::MAX, &mut columns).unwrap();
        assert!(columns.timestamps.is_sorted_by(|a, b| a < b));
        let samples =
            columns.timestamps.iter().copied().zip(columns.values.iter().map(|v| v.to_bits())).collect();
        all.insert(format!("{:?}", series.labels()), samples);
    }
    all
}

fn row(group: &std::sync::Arc<crate::Group>, values: &[(usize, f64)]) -> Row {
    let mut row = Row::new();
    for (n, value) in values {
        let slot = group.register(&labels(*n)).unwrap();
        assert!(row.set(slot, *value));
    }
    row
}

#[test]
fn a_start_tells_how_far_it_has_read_the_log() {
    let dir = tempfile::tempdir().unwrap();
    // Each start leaves a segment of the log.
    for start in 0..3 {
        let options = options();
        let progress = options.replay.clone();
        assert_eq!(progress.state(), crate::ReplayState::default());
        let db = Db::open(dir.path(), options).unwrap();
        let state = progress.state();
        assert_eq!(db.replayed(), state);
        assert_eq!((state.bytes, state.current), (state.all, state.last), "all is read");
        assert_eq!(state.all > 0, start > 0);
        assert_eq!(state.last - state.first + u64::from(start > 0), start as u64);
        let mut appender = db.appender();
        appender.append(&labels(start), start as i64 + 1, 1.0).unwrap();
        appender.commit().unwrap();
    }
}

#[test]
fn what_lies_years_apart_is_cut_without_a_look_at_every_window_between() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let year = 365 * 86_400_000;
    for t in [1000, 100 * year, 100 * year + 1] {
        let mut appender = db.appender();
        appender.append(&labels(0), t, 1.0).unwrap();
        appender.commit().unwrap();
    }
    let report = db.maintain(100 * year).unwrap();
    assert_eq!(report.blocks_written.len(), 1);
    let segments = fs::read_dir(dir.path().join("wal.narthex")).unwrap();
    let newest = segments.map(|entry| entry.unwrap().file_name().into_string().unwrap()).max().unwrap();
    let number: u64 = newest.split('.').next().unwrap().parse().unwrap();
    assert!(number < 10, "the log was rotated {number} times");
    assert_eq!(dump(&db).values().map(Vec::len).sum::<usize>(), 3);
}

#[test]
fn a_block_may_begin_where_time_does() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    for t in [i64::MIN + 1, i64::MIN + 2, 0, 1000] {
        let mut appender = db.appender();
        appender.append(&labels(0), t, 1.0).unwrap();
        appender.commit().unwrap();
    }
    db.maintain(1000).unwrap();
    assert_eq!(db.block_metas().len(), 1);
    assert_eq!(dump(&db).values().map(Vec::len).sum::<usize>(), 4);
}

#[test]
fn a_series_that_vanishes_ends_with_a_staleness_marker_and_may_return() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let group = db.create_group();
    for (t, values) in [
        (1, vec![(0, 1.0), (1, 2.0)]),
        (2, vec![(0, 1.0)]),
        (3, vec![(0, 1.0)]),
        (4, vec![(0, 1.5), (1, 2.0)]),
    ] {
        group.append_row(t, &row(&group, &values)).unwrap();
    }
    group.append_stale(5).unwrap();
    let one = |n: usize| dump(&db)[&format!("{:?}", labels(n))].clone();
    let bits = |v: f64| v.to_bits();
    assert_eq!(
        one(0),
        [(1, bits(1.0)), (2, bits(1.0)), (3, bits(1.0)), (4, bits(1.5)), (5, bits(STALE_NAN))]
    );
    assert_eq!(one(1), [(1, bits(2.0)), (2, bits(STALE_NAN)), (4, bits(2.0)), (5, bits(STALE_NAN))]);
    let before = dump(&db);
    drop((group, db));
    assert_eq!(dump(&open(dir.path())), before);
}

#[test]
fn order_and_duplicates_are_judged_as_prometheus_does() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut appender = db.appender();
    appender.append(&labels(0), 10, 1.0).unwrap();
    appender.append(&labels(0), 10, 1.0).unwrap();
    assert!(matches!(appender.append(&labels(0), 10, 2.0), Err(AppendError::Duplicate)));
    assert!(matches!(appender.append(&labels(0), 9, 2.0), Err(AppendError::OutOfOrder)));
    assert_eq!(appender.commit().unwrap(), 1);
    let group = db.create_group();
    let outcome = group.append_row(10, &row(&group, &[(0, 5.0), (1, 1.0)])).unwrap();
    assert_eq!((outcome.appended, outcome.duplicate), (1, 1));
    let outcome = group.append_row(9, &row(&group, &[(0, 5.0), (1, 1.0)])).unwrap();
    assert_eq!((outcome.appended, outcome.out_of_order), (0, 2));
    let outcome = group.append_row(11, &row(&group, &[(0, 5.0), (1, 1.0)])).unwrap();
    assert_eq!((outcome.appended, outcome.unchanged), (2, 1));
}

#[test]
fn a_commit_checks_again_what_may_have_changed_since_samples_were_staged() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let range = db_range();
    let (mut slow, mut fast, mut late) = (db.appender(), db.appender(), db.appender());
    slow.append(&labels(0), 10, 1.0).unwrap();
    slow.append(&labels(1), 10, 1.0).unwrap();
    late.append(&labels(2), 10, 1.0).unwrap();
    fast.append(&labels(0), 11, 1.0).unwrap();
    assert_eq!(fast.commit().unwrap(), 1);
    assert!(matches!(slow.commit(), Err(AppendError::OutOfOrder)));
    assert!(!dump(&db).contains_key(&format!("{:?}", labels(1))), "all or nothing");
    fast.append(&labels(0), 3 * range, 1.0).unwrap();
    fast.commit().unwrap();
    assert_eq!(db.maintain(3 * range).unwrap().blocks_written.len(), 1);
    assert!(matches!(late.commit(), Err(AppendError::OutOfBounds)));
    let before = dump(&db);
    drop((db, slow, fast, late));
    assert_eq!(dump(&open(dir.path())), before);
}

fn db_range() -> i64 {
    options().block_range_ms
}

#[test]
fn two_groups_may_write_one_series_and_the_newer_goes_on_alone() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let (first, second) = (db.create_group(), db.create_group());
    first.append_row(1, &row(&first, &[(0, 1.0)])).unwrap();
    second.append_row(2, &row(&second, &[(0, 2.0)])).unwrap();
    let refused = first.append_row(2, &row(&first, &[(0, 3.0)])).unwrap();
    assert_eq!(refused.duplicate, 1);
    first.append_row(3, &row(&first, &[(0, 3.0)])).unwrap();
    drop(first);
    db.maintain(0).unwrap();
    second.append_row(4, &row(&second, &[(0, 4.0)])).unwrap();
    let want: Samples = (1..=4).map(|t| (t, (t as f64).to_bits())).collect();
    assert_eq!(dump(&db)[&format!("{:?}", labels(0))], want);
}

#[test]
fn a_second_process_is_told_that_the_directory_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let _db = open(dir.path());
    let error = Db::open(dir.path(), options()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("another process uses this data directory"), "{error}");
}

/// Fills hours of history, cutting blocks on the way.
fn fill_hours(db: &Db, hours: i64) {
    let group = db.create_group();
    for minute in 0..hours * 60 {
        let values: Vec<(usize, f64)> =
            (0..5).map(|n| (n, ((minute / (n as i64 + 1)) as f64) / 8.0)).collect();
        group.append_row(minute * 60_000 + 17, &row(&group, &values)).unwrap();
        if minute % 30 == 0 {
            db.maintain(minute * 60_000).unwrap();
        }
    }
}

#[test]
fn blocks_take_over_from_the_head_without_loss_or_repetition() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    fill_hours(&db, 9);
    let report = db.stats(10);
    assert_eq!((report.blocks, report.series), (3, 5));
    let all = dump(&db);
    assert!(all.values().all(|samples| samples.len() == 9 * 60));
    drop(db);
    let db = open(dir.path());
    assert_eq!(db.open_report().corruptions(), 0);
    assert_eq!(db.open_report().dropped_records, 0);
    assert_eq!(dump(&db), all);
    let querier = db.querier(0, i64::MAX).unwrap();
    let query = LabelQuery { mint: 0, maxt: i64::MAX, ..LabelQuery::default() };
    assert_eq!(querier.label_names(&query).unwrap(), ["__name__", "n"]);
    assert_eq!(querier.label_values("n", &query).unwrap(), ["0", "1", "2", "3", "4"]);
    // A sample for a finished block is refused.
    assert!(matches!(db.appender().append(&labels(0), 1, 0.0), Err(AppendError::OutOfBounds)));
}

#[test]
fn matchers_select_the_same_from_head_and_block() {
    use crate::MatchOp::{Equal, NotEqual, NotRegex, Regex};
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    fill_hours(&db, 4);
    let sets = [
        (Equal, "n", "3"),
        (NotEqual, "n", "3"),
        (Regex, "n", "1|2"),
        (Regex, "n", "[0-2]"),
        (NotRegex, "n", "1.*"),
        (Equal, "x", ""),
        (NotEqual, "x", ""),
        (Regex, "n", ".*"),
        (Regex, "x", "|a"),
        (Equal, "n", ""),
    ];
    for (op, name, value) in sets {
        let matcher = Matcher::new(op, name, value).unwrap();
        let want: Vec<Labels> =
            (0..5).map(labels).filter(|l| matcher.matches(l.get(name).unwrap_or(""))).collect();
        for (mint, maxt) in [(0, 3_600_000), (3 * 3_600_000, 4 * 3_600_000)] {
            let querier = db.querier(mint, maxt).unwrap();
            let hints = SelectHints { mint, maxt, ..SelectHints::default() };
            let got: Vec<Labels> = querier
                .select(std::slice::from_ref(&matcher), &hints)
                .unwrap()
                .iter()
                .map(|s| s.labels().clone())
                .collect();
            assert_eq!(got, want, "{matcher}");
        }
    }
}

#[test]
fn retention_deletes_whole_blocks_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let options = DbOptions { retention_ms: Some(3 * 3_600_000), ..options() };
    let db = Db::open(dir.path(), options).unwrap();
    fill_hours(&db, 9);
    db.maintain(9 * 3_600_000).unwrap();
    let oldest = dump(&db).values().map(|s| s[0].0).min().unwrap();
    assert_eq!((oldest, db.stats(1).blocks), (6 * 3_600_000 + 17, 0));
}

#[test]
fn series_without_writer_leave_the_head_after_their_last_block() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let group = db.create_group();
    group.append_row(1, &row(&group, &[(99, 1.0)])).unwrap();
    drop(group);
    fill_hours(&db, 6);
    assert_eq!(db.stats(1).series, 5);
    assert!(dump(&db).contains_key(&format!("{:?}", labels(99))));
}

#[test]
fn a_log_cut_anywhere_gives_back_every_whole_row() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let group = db.create_group();
    let mut sizes = Vec::new();
    let segment = dir.path().join("wal.narthex/00000000");
    for t in 1..=8i64 {
        group.append_row(t, &row(&group, &[(0, t as f64), (1, 0.5), (t as usize % 3 + 2, 1.0)])).unwrap();
        sizes.push(fs::metadata(&segment).unwrap().len());
    }
    let whole = fs::read(&segment).unwrap();
    drop((group, db));
    for len in 0..=whole.len() {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("wal.narthex")).unwrap();
        fs::write(copy.path().join("wal.narthex/00000000"), &whole[..len]).unwrap();
        let db = open(copy.path());
        let rows = sizes.iter().filter(|size| **size <= len as u64).count();
        let got = dump(&db).get(&format!("{:?}", labels(0))).map_or(0, Vec::len);
        assert_eq!(got, rows, "log of {len} bytes");
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("wal.narthex")).unwrap();
        fs::write(copy.path().join("wal.narthex/00000000"), &damaged).unwrap();
        let db = open(copy.path());
        assert!(db.open_report().corruptions() + db.open_report().dropped_records as usize > 0, "byte {at}");
        let before = sizes.iter().filter(|size| **size <= at as u64).count();
        let got = dump(&db).get(&format!("{:?}", labels(0))).map_or(0, Vec::len);
        assert!(got >= before, "byte {at}: {got} of {before} rows");
    }
}

#[test]
fn a_damaged_block_is_set_aside_and_reading_damage_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    fill_hours(&db, 4);
    drop(db);
    let block = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.join("index").exists())
        .unwrap();
    for name in ["index", "chunks", "timelines", "meta.json"] {
        let path = block.join(name);
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(1 + good.len() / 97) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            let db = open(dir.path());
            let querier = db.querier(0, i64::MAX).unwrap();
            let hints = SelectHints { mint: 0, maxt: 3_600_000, ..SelectHints::default() };
            for series in querier.select(&[], &hints).unwrap_or_default() {
                let _ = series.read(0, 3_600_000, &mut Columns::default());
            }
        }
        for len in (0..good.len()).step_by(1 + good.len() / 37) {
            fs::write(&path, &good[..len]).unwrap();
            let db = open(dir.path());
            let report = db.open_report();
            if name == "index" {
                assert_eq!(report.damaged_blocks.len(), 1, "index of {len} bytes");
            }
        }
        fs::write(&path, &good).unwrap();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Row(Vec<(usize, f64)>, i64),
    Single(usize, i64, f64),
    Stale(i64),
    NewGroup,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![4 => (0i32..5).prop_map(f64::from), 1 => any::<f64>(), 1 => Just(0.25)];
    let gap = prop_oneof![8 => 1i64..60_000, 1 => 1i64..4_000_000];
    prop_oneof![
        12 => (proptest::collection::btree_map(0usize..6, value.clone(), 0..6), gap.clone())
            .prop_map(|(row, gap)| Step::Row(row.into_iter().collect(), gap)),
        3 => (10usize..13, gap.clone(), value).prop_map(|(n, gap, v)| Step::Single(n, gap, v)),
        1 => gap.prop_map(Step::Stale),
        1 => Just(Step::NewGroup),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_database_agrees_with_a_map(steps in proptest::collection::vec(step(), 1..120)) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = open(dir.path());
        let mut group = db.create_group();
        let mut model: BTreeMap<String, Samples> = BTreeMap::new();
        let mut present: Vec<usize> = Vec::new();
        let mut now = 1_000_000i64;
        for step in steps {
            match step {
                Step::Row(values, gap) => {
                    now += gap;
                    group.append_row(now, &row(&group, &values)).unwrap();
                    for (n, value) in &values {
                        model.entry(format!("{:?}", labels(*n))).or_default().push((now, value.to_bits()));
                    }
                    for n in present.iter().filter(|n| !values.iter().any(|(m, _)| m == *n)) {
                        model.entry(format!("{:?}", labels(*n))).or_default().push((now, STALE_NAN.to_bits()));
                    }
                    present = values.iter().filter(|(_, v)| !is_stale_nan(*v)).map(|(n, _)| *n).collect();
                }
                Step::Single(n, gap, value) => {
                    now += gap;
                    let mut appender = db.appender();
                    appender.append(&labels(n), now, value).unwrap();
                    appender.commit().unwrap();
                    model.entry(format!("{:?}", labels(n))).or_default().push((now, value.to_bits()));
                }
                Step::Stale(gap) => {
                    now += gap;
                    group.append_stale(now).unwrap();
                    for n in present.drain(..) {
                        model.entry(format!("{:?}", labels(n))).or_default().push((now, STALE_NAN.to_bits()));
                    }
                }
                Step::NewGroup => {
                    group = db.create_group();
                    present.clear();
                }
                Step::Restart => {
                    drop(group);
                    drop(db);
                    db = open(dir.path());
                    prop_assert_eq!(db.open_report().corruptions(), 0);
                    prop_assert_eq!(db.open_report().dropped_records, 0);
                    group = db.create_group();
                    present.clear();
                }
            }
            db.maintain(now).unwrap();
        }
        prop_assert_eq!(dump(&db), model);
    }
}
