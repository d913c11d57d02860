//! Retention rules within a database: what they say is what is left, and nothing else changes.

use crate::io::Files;
use crate::prometheus::LateSamples;
use crate::{
    Columns, Db, DbOptions, DownsampleStage, Labels, Matcher, Queryable, RetentionRule, SelectHints, WalSync,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const FIVE: u32 = 300_000;

fn options() -> DbOptions {
    let max_block_range_ms = Some(6 * HOUR);
    DbOptions { wal_sync: WalSync::Never, retention_ms: None, max_block_range_ms, ..DbOptions::default() }
}

fn open(dir: &Path) -> Db {
    Db::open(dir, options()).unwrap()
}

fn labels(name: &str, job: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", job)])
}

/// A gauge and a counter that begins anew every 101 minutes.
fn samples(minute: i64) -> [(&'static str, f64); 2] {
    [("g", (minute * 37 % 101) as f64), ("c_total", (minute % 101) as f64)]
}

/// Appends a sample a minute to both series of three jobs, and lets the database work every half hour.
fn fill(db: &Db, hours: std::ops::Range<i64>) {
    for minute in hours.start * 60..hours.end * 60 {
        let mut appender = db.appender();
        for job in ["a", "b", "c"] {
            for (name, value) in samples(minute) {
                appender.append(&labels(name, job), minute * MINUTE + 7, value).unwrap();
            }
        }
        appender.commit().unwrap();
        if minute % 30 == 0 {
            db.maintain(minute * MINUTE).unwrap();
        }
    }
}

fn rule(job: &str, keep: Option<i64>, downsample: &[(i64, u32)]) -> RetentionRule {
    let stage = |(after, resolution_ms): &(i64, u32)| DownsampleStage {
        after_ms: after * HOUR,
        resolution_ms: *resolution_ms,
    };
    RetentionRule {
        selectors: vec![vec![Matcher::equal("job", job)]],
        keep_ms: keep.map(|hours| hours * HOUR),
        downsample: downsample.iter().map(stage).collect(),
    }
}

/// What a job's series say, by name, function and interval of five minutes that begins at or after `from`.
type Said = BTreeMap<(String, &'static str, i64), f64>;

fn said(db: &Db, job: &str, from: i64) -> Said {
    let mut all = Said::new();
    for function in ["min_over_time", "max_over_time", "sum_over_time", "count_over_time"] {
        let hints = SelectHints { mint: from + 1, maxt: i64::MAX, function, ..SelectHints::default() };
        let querier = db.querier(from, i64::MAX).unwrap();
        for series in querier.select(&[Matcher::equal("job", job)], &hints).unwrap() {
            let mut columns = Columns::default();
            series.read(from + 1, i64::MAX, &mut columns).unwrap();
            assert!(columns.timestamps.is_sorted_by(|a, b| a < b));
            for (at, t) in columns.timestamps.iter().enumerate() {
                let interval = (t - 1).div_euclid(i64::from(FIVE));
                let count = function == "count_over_time";
                let value = if count { columns.rows.count(at) } else { columns.values[at] };
                let key = (series.labels().metric_name().to_owned(), function, interval);
                let join = |old: f64| match function {
                    "min_over_time" => old.min(value),
                    "max_over_time" => old.max(value),
                    _ => old + value,
                };
                all.entry(key).and_modify(|old| *old = join(*old)).or_insert(value);
            }
        }
    }
    all
}

/// The first sample of a job, ms, and how many it has.
fn extent(db: &Db, job: &str) -> Option<(i64, usize)> {
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    let querier = db.querier(i64::MIN, i64::MAX).unwrap();
    let matchers = [Matcher::equal("job", job), Matcher::equal("__name__", "g")];
    let series = querier.select(&matchers, &hints).unwrap();
    let mut columns = Columns::default();
    series.first()?.read(i64::MIN, i64::MAX, &mut columns).unwrap();
    Some((*columns.timestamps.first()?, columns.len()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(fs::copy(&path, target).is_ok()) }
    }
}

fn blocks(db: &Db) -> Vec<std::path::PathBuf> {
    db.inner.blocks.load().iter().map(|block| block.dir().to_owned()).collect()
}

#[test]
fn what_rules_leave_says_the_same_also_after_a_restart_and_merges() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    fill(&db, 0..48);
    let before = ["a", "b", "c"].map(|job| said(&db, job, 0));
    db.set_retention_rules(vec![rule("a", Some(24), &[]), rule("b", None, &[(12, FIVE)])], 48 * HOUR);
    assert_eq!(extent(&db, "a").map(|(first, _)| first), Some(24 * HOUR + 7), "hidden before it is gone");
    let report = db.maintain(48 * HOUR).unwrap();
    assert!(report.blocks_rewritten.len() > 3, "{report:?}");
    let check = |db: &Db, from: i64| {
        let recent = |all: &Said| -> Said {
            let inside = |(_, _, interval): &(String, &str, i64)| *interval >= from / i64::from(FIVE);
            all.iter().filter(|(key, _)| inside(key)).map(|(key, value)| (key.clone(), *value)).collect()
        };
        let [a, b, c] = ["a", "b", "c"].map(|job| recent(&said(db, job, 0)));
        assert_eq!(b, recent(&before[1]));
        assert_eq!(c, recent(&before[2]));
        let kept = |all: &Said| {
            all.keys().filter(|(_, _, interval)| interval * i64::from(FIVE) >= 24 * HOUR).count()
        };
        assert_eq!(kept(&a), kept(&recent(&before[0])));
    };
    check(&db, 0);
    let (_, coarse) = extent(&db, "b").unwrap();
    assert!(coarse < 48 * 60 / 2, "{coarse} samples");
    assert_eq!(extent(&db, "c"), Some((7, 48 * 60)));
    assert!(db.stats(1).downsampled_blocks > 3 && db.stats(1).blocks_rewritten > 3);
    let again = db.maintain(48 * HOUR).unwrap();
    assert!(again.blocks_rewritten.is_empty(), "{again:?}");
    db.close().unwrap();
    drop(db);
    // Without the rules nothing hides what is gone, and nothing comes back.
    let longer = DbOptions { max_block_range_ms: Some(54 * HOUR), ..options() };
    let db = Db::open(dir.path(), longer).unwrap();
    check(&db, 0);
    assert!(extent(&db, "a").unwrap().0 >= 18 * HOUR);
    let merged = db.maintain(48 * HOUR).unwrap();
    assert!(!merged.blocks_merged.is_empty() && merged.blocks_rewritten.is_empty(), "{merged:?}");
    check(&db, 0);
    assert_eq!(extent(&db, "b").map(|(_, count)| count), Some(coarse));
    // What was five minutes may become an hour.
    db.set_retention_rules(vec![rule("b", None, &[(1, FIVE), (2, 12 * FIVE)])], 48 * HOUR);
    db.maintain(200 * HOUR).unwrap();
    let sum = |all: &Said| -> f64 {
        all.iter()
            .filter(|((name, function, _), _)| name == "g" && *function == "sum_over_time")
            .map(|(_, v)| *v)
            .sum()
    };
    assert_eq!(sum(&said(&db, "b", 0)), sum(&before[1]));
    assert!(extent(&db, "b").unwrap().1 < coarse / 2);
}

#[test]
fn a_rule_may_keep_longer_than_the_retention() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), DbOptions { retention_ms: Some(12 * HOUR), ..options() }).unwrap();
    db.set_retention_rules(vec![rule("a", Some(1000), &[]), rule("b", Some(i64::MAX / HOUR), &[])], 0);
    fill(&db, 0..48);
    for job in ["a", "b"] {
        assert_eq!(extent(&db, job), Some((7, 48 * 60)));
    }
    let (first, count) = extent(&db, "c").unwrap();
    assert!((27 * HOUR..36 * HOUR).contains(&first) && count < 21 * 60, "{first} {count}");
    db.set_retention_rules(vec![rule("b", Some(1000), &[])], 48 * HOUR);
    db.maintain(48 * HOUR).unwrap();
    assert!(extent(&db, "a").unwrap().0 >= 27 * HOUR);
    assert_eq!(extent(&db, "b"), Some((7, 48 * 60)));
    // The newest block stays, since the log begins where it ends; nothing of it is shown.
    db.set_retention_rules(
        vec![rule("a", Some(1), &[]), rule("b", Some(1), &[]), rule("c", Some(1), &[])],
        48 * HOUR,
    );
    let dropped = db.maintain(48 * HOUR).unwrap();
    assert!(!dropped.blocks_deleted.is_empty() && blocks(&db).len() <= 1, "{dropped:?}");
    assert!(extent(&db, "c").unwrap().0 > 47 * HOUR);
    drop(db);
    assert!(open(dir.path()).stats(1).series > 0);
}

#[test]
fn late_samples_count_once_among_downsampled_ones() {
    let dir = tempfile::tempdir().unwrap();
    let late = DbOptions { out_of_order_window_ms: 1000 * HOUR, ..options() };
    let db = Db::open(dir.path(), late).unwrap();
    fill(&db, 0..24);
    let mut before = said(&db, "a", 0);
    db.set_retention_rules(vec![rule("a", None, &[(3, FIVE)])], 24 * HOUR);
    db.maintain(24 * HOUR).unwrap();
    let mut appender = db.appender();
    let t = 5 * HOUR + 150_000;
    appender.append(&labels("g", "a"), t, 1000.0).unwrap();
    appender.commit().unwrap();
    let key = |function| ("g".to_owned(), function, (t - 1) / i64::from(FIVE));
    before.insert(key("max_over_time"), 1000.0);
    *before.get_mut(&key("sum_over_time")).unwrap() += 1000.0;
    *before.get_mut(&key("count_over_time")).unwrap() += 1.0;
    let check = |db: &Db, when: &str| {
        let after = said(db, "a", 0);
        assert!(before.iter().all(|(key, value)| after.get(key) == Some(value)), "{when}");
    };
    check(&db, "in the head");
    fill(&db, 24..32);
    check(&db, "merged");
    assert!(db.inner.blocks.load().iter().all(|block| !block.meta().is_late()));
    db.set_retention_rules(vec![rule("a", None, &[(2, FIVE)])], 24 * HOUR);
    db.maintain(32 * HOUR).unwrap();
    check(&db, "downsampled again");
}

#[test]
fn deleted_samples_are_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    fill(&db, 0..12);
    db.delete(&[vec![Matcher::equal("job", "a")]], HOUR, HOUR + 90_000).unwrap();
    let before = said(&db, "a", 0);
    db.set_retention_rules(vec![rule("a", None, &[(1, FIVE)])], 12 * HOUR);
    assert!(!db.maintain(24 * HOUR).unwrap().blocks_rewritten.is_empty());
    assert_eq!(said(&db, "a", 0), before);
    // A sample goes with all that it stands for.
    let t = 2 * HOUR;
    db.delete(&[vec![Matcher::equal("job", "a")]], t + 1, t + i64::from(FIVE)).unwrap();
    let left = said(&db, "a", 0);
    assert_eq!(left.len(), before.len() - 8);
    assert!(!db.clean_tombstones().unwrap().blocks_written.is_empty());
    assert_eq!(said(&db, "a", 0), left);
}

#[test]
fn a_block_that_a_crash_left_beside_its_successor_goes() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::os();
    // One in our format, and one that was brought in.
    let db = open(dir.path());
    fill(&db, 100..108);
    db.close().unwrap();
    drop(db);
    let mut import = LateSamples::new(&files, dir.path());
    for minute in 0..120 {
        for (name, value) in samples(minute) {
            import.float(&labels(name, "a"), (minute * MINUTE + 7, value, 0)).unwrap();
        }
    }
    import.finish().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let (before, old) = (said(&db, "a", 0), blocks(&db));
    old.iter().for_each(|block| copy(block, &kept.path().join(block.file_name().unwrap())));
    db.set_retention_rules(vec![rule("a", None, &[(1, FIVE)])], 0);
    let report = db.maintain(200 * HOUR).unwrap();
    assert_eq!(report.blocks_rewritten.len(), old.len(), "{report:?}");
    assert_eq!(said(&db, "a", 0), before);
    db.close().unwrap();
    drop(db);
    copy(kept.path(), dir.path());
    let db = open(dir.path());
    assert_eq!(said(&db, "a", 0), before);
    assert!(blocks(&db).iter().all(|block| !old.contains(block)));
    assert!(old.iter().all(|block| !block.exists()));
}

#[test]
fn a_damaged_block_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    fill(&db, 0..8);
    db.close().unwrap();
    drop(db);
    let victim = {
        let db = open(dir.path());
        blocks(&db).remove(0)
    };
    let mut bytes = fs::read(victim.join("chunks")).unwrap();
    bytes[40] ^= 1;
    fs::write(victim.join("chunks"), bytes).unwrap();
    let db = open(dir.path());
    db.set_retention_rules(vec![rule("a", None, &[(1, FIVE)])], 0);
    let report = db.maintain(100 * HOUR).unwrap();
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert!(victim.exists() && !report.blocks_rewritten.is_empty());
    assert!(db.maintain(100 * HOUR).unwrap().damaged.is_empty());
}
