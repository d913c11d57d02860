//! A time-series database: write-ahead log, head of scrape groups, sealed memory-mapped blocks.
//!
//! The crate knows nothing of HTTP, YAML, async runtimes or the wall clock: time is an argument,
//! in milliseconds since the Unix epoch.
//!
//! ```
//! use narthex_storage::{Columns, Db, DbOptions, Labels, Matcher, Queryable, Row, SelectHints};
//!
//! let dir = tempfile::tempdir().unwrap();
//! let db = Db::open(dir.path(), DbOptions::default()).unwrap();
//! let group = db.create_group();
//! let slot = group.register(&Labels::from_pairs([("__name__", "up"), ("job", "node")])).unwrap();
//! let mut row = Row::new();
//! row.set(slot, 1.0);
//! group.append_row(1_000, &row).unwrap();
//!
//! let querier = db.querier(0, 2_000).unwrap();
//! let hints = SelectHints { mint: 0, maxt: 2_000, ..SelectHints::default() };
//! let series = querier.select(&[Matcher::equal("job", "node")], &hints).unwrap();
//! let mut columns = Columns::default();
//! series[0].read(0, 2_000, &mut columns).unwrap();
//! assert_eq!((columns.timestamps, columns.values), (vec![1_000], vec![1.0]));
//! ```

pub mod block;
pub mod cardinality;
mod catalogue;
pub mod codec;
mod compact;
pub mod damage;
pub mod db;
mod downsample;
pub mod exemplar;
pub mod head;
pub mod histogram;
pub mod io;
pub mod labels;
mod level0;
pub mod number;
mod parallel;
pub mod prometheus;
pub mod query;
pub mod retention;
pub mod sample;
#[cfg(feature = "testing")]
pub mod testing;
mod tombstones;
pub mod verify;
pub mod wal;
pub mod work;

mod filenames;

pub use cardinality::{CardinalityQuery, CardinalityReport, CardinalityRow, Dimension};
pub use damage::{Damage, DamageAction, DamageKind};
pub use db::{CleanReport, Db, DbOptions, MaintainReport, OpenReport, ReplayProgress, ReplayState};
pub use exemplar::{Exemplar, ExemplarAppender, ExemplarOutcome, ExemplarSeries, ExemplarStats};
pub use head::AppendError;
pub use head::append::Appender;
pub use head::budget::SeriesBudget;
pub use head::group::Group;
pub use head::row::{Row, RowOutcome, Slot};
pub use histogram::{Buckets, CounterResetHint, FloatHistogram, InvalidHistogram, stored_hint};
pub use labels::matcher::{MatchOp, Matcher};
pub use labels::regexp::{GoRegex, RegexError};
pub use labels::{Labels, LabelsBuf, LabelsBuilder};
pub use query::stats::DbStats;
pub use query::{Columns, LabelQuery, Newest, Querier, Queryable, Rows, SelectHints, Series, StorageError};
pub use retention::{DownsampleStage, RetentionRule};
pub use sample::{STALE_NAN, STALE_NAN_BITS, Sample, is_stale_nan};
pub use wal::WalSync;
pub use work::{Watcher, Work, WorkStats};
