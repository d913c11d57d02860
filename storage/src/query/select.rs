//! One view over the head and the blocks.

use super::lost::{Lost, or_damaged};
use super::masks::{self, Masks};
use super::merge::{Found, Selection, merge};
use super::postings::resolve;
use super::rows::Wanted;
use super::{LabelQuery, Querier, SelectHints, Series, StorageError};
use crate::block::ServedBlock;
use crate::db::Inner;
use crate::head::order::rank;
use crate::head::select::HeadSeries;
use crate::labels::Labels;
use crate::labels::matcher::Matcher;
use crate::tombstones::Tombstones;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

pub(crate) struct DbQuerier {
    db: Arc<Inner>,
    lost: Arc<Lost>,
}

impl DbQuerier {
    pub(crate) fn new(db: &Arc<Inner>) -> Self {
        Self { db: Arc::clone(db), lost: Arc::default() }
    }

    /// The blocks that overlap a time range. To be asked for after the head was read: a block that takes
    /// over head samples is listed before the head lets go of them.
    fn blocks(&self, mint: i64, maxt: i64) -> Vec<Arc<ServedBlock>> {
        self.db.blocks.load().iter().filter(|block| block.overlaps(mint, maxt)).cloned().collect()
    }

    fn head_overlaps(&self, mint: i64, maxt: i64) -> bool {
        let head = &self.db.head;
        let oldest = head.min_ms.load(Acquire).min(head.late_min_ms.load(Acquire));
        oldest <= maxt && head.max_ms.load(Acquire) >= mint
    }

    /// The series of the head, in label order unless that has no meaning.
    fn head(
        &self,
        matchers: &[Matcher],
        hints: &SelectHints,
        tombstones: Option<&Tombstones>,
        cut_ms: i64,
    ) -> Result<Vec<Found>, StorageError> {
        let head = &self.db.head;
        if !self.head_overlaps(hints.mint, hints.maxt) {
            return Ok(Vec::new());
        }
        let mut ranks: Vec<(u64, u32)> = Vec::new();
        let mut selected = Vec::new();
        {
            let index = if hints.unsorted { head.index() } else { head.ranked_index() };
            let ids = resolve(&*index, matchers)?;
            selected.reserve(usize::try_from(ids.len()).unwrap_or(0));
            if hints.unsorted {
                selected.extend(index.pick(&ids).cloned());
            } else {
                // Ranks may change as soon as the index is let go.
                ranks.extend(index.pick(&ids).map(|series| (rank(series), series.id)));
                ranks.sort_unstable();
                selected.extend(ranks.iter().filter_map(|(_, id)| index.get(*id).cloned()));
            }
        }
        let snapshots = head
            .snapshot(selected)
            .into_iter()
            .zip(ranks.iter().map(|(rank, _)| *rank).chain(std::iter::repeat(0)));
        let level0 = head.level0.load();
        let mut found = Vec::with_capacity(snapshots.size_hint().1.unwrap_or(0));
        for (snapshot, rank) in snapshots {
            // One that has nothing newer than the blocks is theirs, but for late samples.
            let is_own = |one: &HeadSeries| one.limit() >= cut_ms || one.series.state().late().is_some();
            let Some(series) = snapshot.filter(is_own) else { continue };
            let deleted = tombstones.and_then(|tombstones| tombstones.get(series.series.id));
            let living = match deleted.filter(|deleted| deleted.overlaps(hints.mint, hints.maxt)) {
                Some(deleted) => {
                    masks::is_living_in_head(head, &series, (hints.mint, hints.maxt), cut_ms, deleted)?
                }
                None => true,
            };
            // What is damaged may overlap; the read tells.
            let overlaps = series.overlaps(&level0, hints.mint, hints.maxt);
            if living && or_damaged(overlaps, true)? {
                found.push(Found::head(series, rank));
            }
        }
        Ok(found)
    }
}

impl Querier for DbQuerier {
    fn select(
        &self,
        matchers: &[Matcher],
        hints: &SelectHints,
    ) -> Result<Vec<Box<dyn Series>>, StorageError> {
        let cuts = self.db.head.cuts.load(Acquire);
        // Before the head is looked at: a block that is cut afterwards takes its tombstones along.
        let tombstones = self.db.head.tombstones.load_full();
        // Before the blocks are listed: then the block that took over is among them.
        let cut_ms = self.db.head.cut_ms.load(Acquire);
        let mut found = self.head(matchers, hints, tombstones.as_deref(), cut_ms)?;
        let blocks = self.blocks(hints.mint, hints.maxt);
        let masks = Masks::new(tombstones, &blocks);
        let mut links = Vec::new();
        if !blocks.is_empty() {
            let told = (masks.as_ref(), &*self.lost);
            merge(&self.db.head, &blocks, matchers, hints, told, &mut found, &mut links)?;
        }
        let expiry = self.db.rules.load().expiry(self.db.now_ms.load(Acquire));
        if let Some(expiry) = expiry.as_ref().filter(|expiry| hints.maxt < expiry.latest_ms) {
            found.retain(|one| expiry.first_ms(one.labels()) <= hints.maxt);
        }
        let wanted = Wanted::of(hints.function);
        let (db, lost) = (Arc::clone(&self.db), Arc::clone(&self.lost));
        let selection = Arc::new(Selection { db, cuts, cut_ms, blocks, links, masks, wanted, expiry, lost });
        Ok(found.into_iter().map(|found| found.series(&selection)).collect())
    }

    fn resolution_ms(&self, mint: i64, maxt: i64) -> i64 {
        let blocks = self.db.blocks.load();
        let reached = blocks.iter().map(|block| (block, block.meta().resolution_ms()));
        let reached = reached.filter(|(block, ms)| *ms > 0 && block.overlaps(mint.saturating_sub(*ms), maxt));
        reached.map(|(_, ms)| ms).max().unwrap_or(0)
    }

    fn label_names(&self, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        let mut names = BTreeSet::new();
        if query.matcher_sets.is_empty() {
            if self.head_overlaps(query.mint, query.maxt) {
                let dead = masks::dead_in_head(&self.db.head)?;
                let index = self.db.head.index();
                masks::living_names(&*index, index.label_names(), &dead, |name| {
                    names.insert(name.to_owned());
                })?;
            }
            for block in self.blocks(query.mint, query.maxt) {
                let dead = masks::dead_in_block(&block)?;
                let living = masks::living_names(&*block, block.label_names().into_iter(), &dead, |name| {
                    names.insert(name.to_owned());
                });
                living.or_else(|error| self.lost.leave_out(error))?;
            }
        } else {
            self.each_labels(query, |labels| names.extend(labels.iter().map(|(name, _)| name.to_owned())))?;
        }
        Ok(names.into_iter().collect())
    }

    fn label_values(&self, name: &str, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        let mut values = BTreeSet::new();
        if query.matcher_sets.is_empty() {
            if self.head_overlaps(query.mint, query.maxt) {
                let dead = masks::dead_in_head(&self.db.head)?;
                let index = self.db.head.index();
                masks::living_values(&*index, name, index.label_values(name), &dead, |value| {
                    values.insert(value.to_owned());
                })?;
            }
            for block in self.blocks(query.mint, query.maxt) {
                let dead = masks::dead_in_block(&block)?;
                let living = block.label_values(name).and_then(|found| {
                    masks::living_values(&*block, name, found.iter().map(String::as_str), &dead, |value| {
                        values.insert(value.to_owned());
                    })
                });
                living.or_else(|error| self.lost.leave_out(error))?;
            }
        } else {
            self.each_labels(query, |labels| values.extend(labels.get(name).map(str::to_owned)))?;
        }
        Ok(values.into_iter().collect())
    }

    fn warnings(&self) -> Vec<String> {
        self.lost.texts()
    }
}

impl DbQuerier {
    fn each_labels(&self, query: &LabelQuery, mut each: impl FnMut(&Labels)) -> Result<(), StorageError> {
        let hints =
            SelectHints { mint: query.mint, maxt: query.maxt, unsorted: true, ..SelectHints::default() };
        for matchers in &query.matcher_sets {
            self.select(matchers, &hints)?.iter().for_each(|series| each(series.labels()));
        }
        Ok(())
    }
}
