//! A time-series database: write-ahead log, head of scrape groups, sealed memory-mapped blocks.
//!
//! The crate knows nothing of HTTP, YAML, async runtimes or the wall clock: time is an argument,
//! in milliseconds since the Unix epoch.

pub mod labels;
pub mod query;
pub mod sample;

pub use labels::matcher::{MatchOp, Matcher};
pub use labels::regexp::{GoRegex, RegexError};
pub use labels::{Labels, LabelsBuilder};
pub use query::{Columns, LabelQuery, Querier, Queryable, SelectHints, Series, StorageError};
pub use sample::{STALE_NAN, STALE_NAN_BITS, Sample, is_stale_nan};
