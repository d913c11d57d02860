//! Looks at everything that a database shows, and lets it work.

use narthex_storage::io::Files;
use narthex_storage::testing::disk::SimDisk;
use narthex_storage::{Columns, Db, DbOptions, LabelQuery, MatchOp, Matcher, Queryable, SelectHints, WalSync};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Where the database lies on the simulated disk.
pub const DIR: &str = "/data";
/// Time that a block covers, ms.
pub const BLOCK_MS: i64 = 60_000;

/// How the databases of the targets behave.
#[must_use]
pub fn options() -> DbOptions {
    DbOptions {
        block_range_ms: BLOCK_MS,
        retention_ms: None,
        wal_sync: WalSync::Never,
        out_of_order_window_ms: BLOCK_MS,
        max_exemplars: 8,
        ..DbOptions::default()
    }
}

/// Opens the database, which no damage prevents.
#[must_use]
pub fn open(disk: &SimDisk) -> Db {
    Db::open_on(Files::on(Arc::new(disk.clone())), Path::new(DIR), options())
        .expect("damage never prevents the start")
}

/// Asks for everything in several ways. An answer may be an error; it never contradicts itself.
pub fn look(db: &Db) {
    let every = [Matcher::new(MatchOp::NotEqual, "no such label", "x").unwrap()];
    // To compile an expression takes longer than all the rest.
    static SOME: LazyLock<[Matcher; 1]> =
        LazyLock::new(|| [Matcher::new(MatchOp::Regex, "n", "1|2.*|a.+").unwrap()]);
    let some = &*SOME;
    let one = [Matcher::equal("__name__", "m"), Matcher::equal("n", "2")];
    for found in db.exemplars(i64::MIN, i64::MAX, &[every.to_vec()]) {
        assert!(found.exemplars.is_sorted_by(|a, b| a.timestamp <= b.timestamp), "time moves on: {found:?}");
    }
    let Ok(querier) = db.querier(i64::MIN, i64::MAX) else { return };
    for (matchers, (mint, maxt)) in [
        (every.as_slice(), (i64::MIN, i64::MAX)),
        (some, (0, BLOCK_MS)),
        (&one, (BLOCK_MS / 2, i64::MAX)),
    ] {
        let hints = SelectHints { mint, maxt, ..SelectHints::default() };
        for series in querier.select(matchers, &hints).unwrap_or_default() {
            let mut columns = Columns::default();
            if series.read(mint, maxt, &mut columns).is_ok() {
                check(&columns, (mint, maxt));
            }
            let _ = series.newest(mint, maxt, &mut Columns::default());
        }
    }
    for matcher_sets in [Vec::new(), vec![some.to_vec()]] {
        let query = LabelQuery { mint: i64::MIN, maxt: i64::MAX, matcher_sets };
        for name in querier.label_names(&query).unwrap_or_default() {
            let _ = querier.label_values(&name, &query);
        }
    }
}

/// Panics when columns contradict themselves.
fn check(columns: &Columns, (mint, maxt): (i64, i64)) {
    assert!(columns.timestamps.is_sorted_by(|a, b| a < b), "time moves on: {:?}", columns.timestamps);
    assert!(columns.timestamps.iter().all(|t| (mint..=maxt).contains(t)), "within the time asked for");
    assert_eq!(columns.values.len(), columns.len());
    assert!(columns.starts.is_empty() || columns.starts.len() == columns.len());
    assert!(columns.histograms.iter().all(|(at, _)| (*at as usize) < columns.len()));
    assert!(columns.histograms.is_sorted_by(|a, b| a.0 < b.0));
    for (_, histogram) in &columns.histograms {
        for side in [&histogram.positive, &histogram.negative] {
            assert_eq!(side.indices.len(), side.counts.len());
            assert!(side.indices.is_sorted_by(|a, b| a < b));
        }
    }
}

/// Lets the database delete, cut, merge and clean; it may fail, and goes on.
pub fn work(db: &Db) {
    let _ = db.delete(&[vec![Matcher::equal("n", "1")]], 10_000, 20_000);
    let _ = db.maintain(10 * BLOCK_MS);
    let _ = db.clean_tombstones();
    look(db);
}
