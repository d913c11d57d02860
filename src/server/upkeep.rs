//! Keeps the database in order while the server runs, and tells what is found.

use crate::allocator;
use crate::telemetry::Telemetry;
use crate::web::app::now_ms;
use narthex_storage::Db;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::{error, info, warn};

/// How often the head is looked at: blocks to cut, retention.
const MAINTENANCE: Duration = Duration::from_secs(15);

/// Logs what was found damaged after the first `known` places; how many there are now.
pub(super) fn log_damage(db: &Db, known: usize) -> usize {
    let found = db.damage();
    for damage in found.iter().skip(known) {
        error!(
            file = %damage.path.display(),
            kind = damage.kind.as_str(),
            offset = damage.offset,
            bytes = damage.bytes,
            action = damage.action.as_str(),
            detail = damage.detail,
            "Damage found on the disk"
        );
    }
    found.len()
}

/// Cuts blocks and enforces retention, until the server stops.
pub(super) async fn maintain(db: Arc<Db>, telemetry: Arc<Telemetry>, mut stop: watch::Receiver<bool>) {
    let (mut damaged, mut was_failing) = (db.damage().len(), false);
    loop {
        tokio::select! {
            () = tokio::time::sleep(MAINTENANCE) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        damaged = log_damage(&db, damaged);
        let (failing, failures) = db.log_failures();
        if failing != was_failing {
            was_failing = failing;
            match failing {
                true => error!(failures, "The write-ahead log cannot be written: samples are not stored"),
                false => info!(failures, "The write-ahead log is written again"),
            }
        }
        let (db, begin, metrics) = (db.clone(), Instant::now(), &telemetry.storage);
        let maintained = tokio::task::spawn_blocking(move || {
            let report = db.maintain(now_ms());
            if report.as_ref().is_ok_and(|report| !report.blocks_written.is_empty()) {
                allocator::give_back();
            }
            report
        });
        match maintained.await {
            Ok(Ok(report)) => {
                metrics.maintained(
                    report.blocks_written.len(),
                    report.blocks_merged.len(),
                    report.blocks_deleted.len(),
                    begin.elapsed().as_secs_f64(),
                );
                for block in &report.blocks_written {
                    info!(block = %block.display(), "Wrote block");
                }
                for block in &report.blocks_merged {
                    info!(block = %block.display(), "Merged blocks");
                }
                for block in &report.blocks_rewritten {
                    info!(block = %block.display(), "Wrote block again: retention rules");
                }
                for damage in &report.damaged {
                    error!(%damage, "Damage found while writing a block");
                }
                if let Some(error) = &report.statistics_unsaved {
                    warn!(error, "Statistics of cardinality cannot be saved");
                }
                for block in &report.blocks_deleted {
                    info!(block = %block.display(), "Deleted block: retention");
                }
            }
            Ok(Err(error)) => {
                metrics.maintenance_failed();
                error!(%error, "Maintenance of the database failed");
            }
            Err(error) => error!(%error, "Maintenance of the database ended unexpectedly"),
        }
    }
}
