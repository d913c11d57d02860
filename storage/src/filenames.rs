//! Every name that the database gives to a file or a directory.

/// Held locked while a process uses the directory.
pub(crate) const LOCK: &str = "lock";
/// Directory of the write-ahead log. Prometheus's is `wal`, and may lie beside it.
pub(crate) const WAL_DIR: &str = "wal.narthex";
/// Directory of the write-ahead log until version 0.1, and of Prometheus's.
pub(crate) const OLD_WAL_DIR: &str = "wal";
/// What was taken over from Prometheus.
pub(crate) const TAKEOVER: &str = "takeover.narthex";
/// Behind the ULID in the name of a block. Prometheus does not take such a directory for one of its blocks.
const BLOCK_SUFFIX: &str = ".narthex";
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
/// Block: what was deleted of it.
pub(crate) const TOMBSTONES: &str = "tombstones";
/// Directory of what was deleted of Prometheus's blocks, a file for each, with the name of the block.
pub(crate) const TOMBSTONES_DIR: &str = "tombstones.narthex";
/// Directory of the snapshots.
pub(crate) const SNAPSHOTS_DIR: &str = "snapshots";
/// A block that is being written.
pub(crate) const CREATING_SUFFIX: &str = ".tmp-for-creation";
/// A block that is being deleted.
pub(crate) const DELETING_SUFFIX: &str = ".tmp-for-deletion";

/// What series were counted by, hour by hour, and when metrics were queried last.
pub(crate) const CARDINALITY: &str = "cardinality";

/// Name of the directory of one of our blocks.
pub(crate) fn block(ulid: &str) -> String {
    format!("{ulid}{BLOCK_SUFFIX}")
}

/// Whether a block with this name was written by this program, in whatever format.
pub(crate) fn is_ours(name: &str) -> bool {
    name.ends_with(BLOCK_SUFFIX)
}

/// Whether a directory with this name is a block: ours, or, without the suffix, one of Prometheus or of an older
/// version.
pub(crate) fn is_block(name: &str) -> bool {
    let ulid = name.strip_suffix(BLOCK_SUFFIX).unwrap_or(name);
    ulid.len() == 26 && ulid::Ulid::from_string(ulid).is_ok()
}

/// File name of a segment of the write-ahead log, and of a file of level 0.
pub(crate) fn segment(number: u64) -> String {
    format!("{number:08}")
}
