//! One view over the head and the blocks.

use super::merge::{Found, Selection, merge};
use super::postings::resolve;
use super::{LabelQuery, Querier, SelectHints, Series, StorageError};
use crate::block::ServedBlock;
use crate::db::Inner;
use crate::head::order::rank;
use crate::labels::Labels;
use crate::labels::matcher::Matcher;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

pub(crate) struct DbQuerier {
    pub(crate) db: Arc<Inner>,
}

impl DbQuerier {
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
    fn head(&self, matchers: &[Matcher], hints: &SelectHints) -> Result<Vec<Found>, StorageError> {
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
            let Some(series) = snapshot else { continue };
            if series.overlaps(&level0, hints.mint, hints.maxt)? {
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
        // Before the blocks are listed: then the block that took over is among them.
        let cut_ms = self.db.head.cut_ms.load(Acquire);
        let mut found = self.head(matchers, hints)?;
        let blocks = self.blocks(hints.mint, hints.maxt);
        let mut links = Vec::new();
        if !blocks.is_empty() {
            merge(&self.db.head, &blocks, matchers, hints, &mut found, &mut links)?;
        }
        let selection = Arc::new(Selection { db: Arc::clone(&self.db), cuts, cut_ms, blocks, links });
        Ok(found.into_iter().map(|found| found.series(&selection)).collect())
    }

    fn label_names(&self, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        let mut names = BTreeSet::new();
        if query.matcher_sets.is_empty() {
            if self.head_overlaps(query.mint, query.maxt) {
                names.extend(self.db.head.index().label_names().map(str::to_owned));
            }
            for block in self.blocks(query.mint, query.maxt) {
                names.extend(block.label_names().into_iter().map(str::to_owned));
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
                values.extend(self.db.head.index().label_values(name).map(str::to_owned));
            }
            for block in self.blocks(query.mint, query.maxt) {
                values.extend(block.label_values(name).into_iter().map(str::to_owned));
            }
        } else {
            self.each_labels(query, |labels| values.extend(labels.get(name).map(str::to_owned)))?;
        }
        Ok(values.into_iter().collect())
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
