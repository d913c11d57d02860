//! Every name that the database gives to a file or a directory.

/// Held locked while a process uses the directory.
pub(crate) const LOCK: &str = "lock";
/// Directory of the write-ahead log.
pub(crate) const WAL_DIR: &str = "wal";
/// Directory of level 0.
pub(crate) const LEVEL0_DIR: &str = "level0";
/// The labels of the head's series.
pub(crate) const CATALOGUE: &str = "series";
/// Block: facts as JSON.
pub(crate) const META: &str = "meta.json";
/// Block: pages of frames.
pub(crate) const CHUNKS: &str = "chunks";
/// Block: timestamp columns.
pub(crate) const TIMELINES: &str = "timelines";
/// Block: symbols, series, postings.
pub(crate) const INDEX: &str = "index";
/// A block that is being written.
pub(crate) const CREATING_SUFFIX: &str = ".tmp-for-creation";
/// A block that is being deleted.
pub(crate) const DELETING_SUFFIX: &str = ".tmp-for-deletion";

/// File name of a segment of the write-ahead log, and of a file of level 0.
pub(crate) fn segment(number: u64) -> String {
    format!("{number:08}")
}
