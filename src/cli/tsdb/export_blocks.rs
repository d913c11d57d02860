//! `narthex tsdb export-blocks`: blocks that Prometheus, Thanos and Mimir read.

use super::Fault;
use super::args::ExportBlocksOptions;
use super::progress::Progress;
use narthex_storage::Db;
use narthex_storage::io::Files;
use narthex_storage::prometheus::{ExportQuery, export_blocks};
use std::io::Write;

pub(super) fn run(options: &ExportBlocksOptions, out: &mut impl Write) -> Result<(), Fault> {
    let dump = &options.dump;
    let matchers = match dump.matches.as_slice() {
        [] => Vec::new(),
        [one] => one.clone(),
        _ => return Err(Fault::Told("export-blocks takes one --match".to_owned())),
    };
    let db = Db::open_read_only(&dump.path)?;
    let Some((oldest, newest)) = bounds(&db) else {
        return Err(Fault::Told(format!("{} holds no samples", dump.path.display())));
    };
    std::fs::create_dir_all(&options.output)
        .map_err(|e| Fault::Told(format!("cannot create {}: {e}", options.output.display())))?;
    let query = ExportQuery { matchers, mint: dump.mint.max(oldest), maxt: dump.maxt.min(newest) };
    let mut progress = Progress::new("exporting");
    let mut written = Ok(());
    let all = query.maxt.saturating_sub(query.mint).max(0) as u64;
    export_blocks(&db, &query, &Files::os(), &options.output, |end, block| {
        if let Some(block) = block.filter(|_| written.is_ok()) {
            let (path, series, samples) = (block.path.display(), block.series, block.samples);
            written = writeln!(out, "{path}: {series} series, {samples} samples");
        }
        progress.show(end.saturating_sub(query.mint).max(0) as u64, Some(all), "");
    })?;
    Ok(written?)
}

/// The oldest and the newest time of which there may be samples, ms.
fn bounds(db: &Db) -> Option<(i64, i64)> {
    let blocks = db.blocks_range();
    let stats = db.stats(0);
    let head = (stats.min_time <= stats.max_time).then_some((stats.min_time, stats.max_time));
    match (blocks, head) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (some, None) | (None, some) => some,
    }
}
