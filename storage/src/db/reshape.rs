//! Writing blocks again as the retention rules want them, one at a time.

use super::retention::remove_block;
use super::{Db, Inner, MaintainReport};
use crate::block::{ServedBlock, in_order};
use crate::compact::Merged;
use crate::downsample;
use crate::query::StorageError;
use crate::retention::{Plan, RetentionRule, Rules};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// What was done for the rules since the start.
#[derive(Debug, Default)]
pub(crate) struct Rewrites {
    /// Blocks written again.
    pub(crate) blocks: AtomicU64,
    /// Series that were downsampled.
    pub(crate) series: AtomicU64,
    /// How long it took, ns.
    pub(crate) nanoseconds: AtomicU64,
}

/// What came of looking at a block.
enum Outcome {
    /// Another one is in its place, or none.
    Changed,
    /// It is as the plan wants it.
    Settled,
    /// It is not, and nothing can be done now.
    Later,
}

/// Blocks of which it is known that a plan changes nothing: the plan's fingerprint by block.
pub(super) type Settled = HashMap<String, String>;

impl Db {
    /// Puts rules in force; `now_ms` is the present time. What they have expired is not shown from then on; blocks
    /// follow as they are maintained.
    pub fn set_retention_rules(&self, rules: Vec<RetentionRule>, now_ms: i64) {
        self.inner.rules.store(Arc::new(Rules::new(rules)));
        self.inner.now_ms.fetch_max(now_ms, Ordering::AcqRel);
    }
}

impl Inner {
    /// What the rules mean for a block.
    pub(super) fn plan_for(&self, block: &ServedBlock, now_ms: i64) -> Plan {
        self.rules.load_full().plan(block.meta().max_time, self.options.retention_ms, now_ms)
    }

    /// Writes the oldest block again that is not yet as the rules want it; whether there was one.
    pub(super) fn reshape_once(
        &self,
        now_ms: i64,
        report: &mut MaintainReport,
    ) -> Result<bool, StorageError> {
        let blocks = self.blocks.load_full();
        let left_alone = self.unmergeable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for block in blocks.iter().filter(|block| !left_alone.contains(&block.meta().ulid)) {
            if self.stopping.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let plan = self.plan_for(block, now_ms);
            let fingerprint = plan.fingerprint();
            if plan.is_idle() || self.is_settled(block, &fingerprint) {
                continue;
            }
            let outcome = match self.reshape(block, &plan, report) {
                // The block is served as far as it can be read, and not looked at again before a restart.
                Err(StorageError::Corrupt { what, detail }) => {
                    report.damaged.push(format!("{what}: {detail}"));
                    let ulid = block.meta().ulid.clone();
                    self.unmergeable.lock().unwrap_or_else(PoisonError::into_inner).insert(ulid);
                    Outcome::Later
                }
                outcome => outcome?,
            };
            match outcome {
                Outcome::Changed => return Ok(true),
                Outcome::Settled => self.settle(block, fingerprint),
                Outcome::Later => {}
            }
        }
        Ok(false)
    }

    fn is_settled(&self, block: &ServedBlock, fingerprint: &str) -> bool {
        let meta = block.meta();
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        meta.rules.applied == fingerprint || settled.get(&meta.ulid).is_some_and(|known| known == fingerprint)
    }

    fn settle(&self, block: &ServedBlock, fingerprint: String) {
        let blocks = self.blocks.load();
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        settled.retain(|ulid, _| blocks.iter().any(|block| block.meta().ulid == *ulid));
        settled.insert(block.meta().ulid.clone(), fingerprint);
    }

    /// Puts what the plan leaves of a block in its place.
    fn reshape(
        &self,
        block: &Arc<ServedBlock>,
        plan: &Plan,
        report: &mut MaintainReport,
    ) -> Result<Outcome, StorageError> {
        let started = Instant::now();
        if !block.is_ours() {
            // What Prometheus wrote goes as a whole, when no series of it is kept any longer.
            if downsample::has_kept(block, plan)? {
                return Ok(Outcome::Settled);
            }
            self.delete_blocks(std::slice::from_ref(block), report)?;
            return Ok(Outcome::Changed);
        }
        if !downsample::has_work(block, plan)? {
            return Ok(Outcome::Settled);
        }
        if !self.make_room(&[block.dir()], block.meta().min_time, report)? {
            return Ok(Outcome::Later);
        }
        let name = ulid::Ulid::new().to_string();
        let (written, series) =
            downsample::rewrite(&self.files, &self.dir, name, block, plan, &self.stopping)?;
        let new = match written {
            Merged::Cancelled => return Ok(Outcome::Later),
            Merged::Block(path) => {
                let new = ServedBlock::open(&self.files, &path).inspect_err(|_| {
                    // Left there, it would take the place of the old one at the next start.
                    let _ = remove_block(&self.files, &path);
                })?;
                report.blocks_rewritten.push(path);
                Some(Arc::new(new))
            }
            // Where it ends, the head begins.
            Merged::Empty if self.is_newest(block.meta()) => return Ok(Outcome::Settled),
            Merged::Empty => None,
        };
        // Read again: making room may have deleted some.
        let mut now = Vec::clone(&self.blocks.load());
        now.retain(|other| !Arc::ptr_eq(other, block));
        if new.is_none() {
            report.blocks_deleted.push(block.dir().to_owned());
        }
        now.extend(new);
        in_order(&mut now);
        self.blocks.store(Arc::new(now));
        // Whoever reads it still has its files.
        remove_block(&self.files, block.dir())?;
        self.rewrites.blocks.fetch_add(1, Ordering::Relaxed);
        self.rewrites.series.fetch_add(series, Ordering::Relaxed);
        let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.rewrites.nanoseconds.fetch_add(took, Ordering::Relaxed);
        Ok(Outcome::Changed)
    }
}
