//! Blocks for Prometheus from what any store holds.

use super::PrometheusBlockWriter;
use crate::io::Files;
use crate::labels::matcher::Matcher;
use crate::query::{Columns, Queryable, SelectHints, StorageError};
use std::path::{Path, PathBuf};

/// Time that a block covers, ms: what Prometheus makes, and compacts further by itself.
pub const EXPORT_BLOCK_MS: i64 = 2 * 3_600_000;

/// What to export.
#[derive(Debug, Clone, Default)]
pub struct ExportQuery {
    /// Every series has to satisfy all of them.
    pub matchers: Vec<Matcher>,
    /// First timestamp, inclusive, ms.
    pub mint: i64,
    /// Last timestamp, inclusive, ms.
    pub maxt: i64,
}

/// A block that was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedBlock {
    /// Its directory.
    pub path: PathBuf,
    /// Series in it.
    pub series: u64,
    /// Samples in it.
    pub samples: u64,
}

/// Writes blocks of two hours, aligned to the epoch, to `dir`. `each` hears of every block, and of windows
/// without samples, by the end of the window, ms.
///
/// # Errors
/// The store cannot be read, or a file cannot be written.
pub fn export_blocks(
    store: &dyn Queryable,
    query: &ExportQuery,
    files: &Files,
    dir: &Path,
    mut each: impl FnMut(i64, Option<ExportedBlock>),
) -> Result<(), StorageError> {
    let mut start = query.mint.div_euclid(EXPORT_BLOCK_MS) * EXPORT_BLOCK_MS;
    while start <= query.maxt {
        let end = start.saturating_add(EXPORT_BLOCK_MS);
        let (mint, maxt) = (start.max(query.mint), (end - 1).min(query.maxt));
        let block = export_window(store, &query.matchers, (mint, maxt), (start, end), files, dir)?;
        each(end, block);
        start = end;
    }
    Ok(())
}

fn export_window(
    store: &dyn Queryable,
    matchers: &[Matcher],
    (mint, maxt): (i64, i64),
    (start, end): (i64, i64),
    files: &Files,
    dir: &Path,
) -> Result<Option<ExportedBlock>, StorageError> {
    let hints = SelectHints { mint, maxt, ..SelectHints::default() };
    let series = store.querier(mint, maxt)?.select(matchers, &hints)?;
    if series.is_empty() {
        return Ok(None);
    }
    let mut block = PrometheusBlockWriter::new(files, dir, ulid::Ulid::new().to_string(), start, end)?;
    let mut columns = Columns::default();
    let (mut count, mut samples) = (0, 0);
    for one in series {
        columns.clear();
        one.read(mint, maxt, &mut columns)?;
        count += u64::from(!columns.is_empty());
        samples += columns.len() as u64;
        block.add_series(one.labels(), &columns)?;
    }
    Ok(block.finish()?.map(|path| ExportedBlock { path, series: count, samples }))
}
