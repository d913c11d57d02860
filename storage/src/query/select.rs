//! One view over the head and the blocks.

use super::tidy::tidy;
use super::{Columns, LabelQuery, Querier, SelectHints, Series, StorageError};
use crate::block::{Block, BlockSeries};
use crate::db::Inner;
use crate::head::series::SeriesSnapshot;
use crate::labels::Labels;
use crate::labels::matcher::Matcher;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

pub(crate) struct DbQuerier {
    pub(crate) db: Arc<Inner>,
}

struct Parts {
    head: Option<SeriesSnapshot>,
    blocks: Vec<BlockSeries>,
}

impl DbQuerier {
    /// The blocks that overlap a time range. To be asked for after the head was read: a block that takes
    /// over head samples is listed before the head lets go of them.
    fn blocks(&self, mint: i64, maxt: i64) -> Vec<Arc<Block>> {
        self.db.blocks.load().iter().filter(|block| block.overlaps(mint, maxt)).cloned().collect()
    }

    fn head_overlaps(&self, mint: i64, maxt: i64) -> bool {
        use std::sync::atomic::Ordering::Acquire;
        let head = &self.db.head;
        head.min_ms.load(Acquire) <= maxt && head.max_ms.load(Acquire) >= mint
    }
}

impl Querier for DbQuerier {
    fn select(
        &self,
        matchers: &[Matcher],
        hints: &SelectHints,
    ) -> Result<Vec<Box<dyn Series>>, StorageError> {
        let (mint, maxt) = (hints.mint, hints.maxt);
        let mut found: Vec<(Labels, Parts)> = Vec::new();
        if self.head_overlaps(mint, maxt) {
            let series = self.db.head.index.read().unwrap_or_else(PoisonError::into_inner).select(matchers);
            for snapshot in series.iter().map(|series| series.snapshot(mint, maxt)) {
                if !snapshot.is_empty(mint, maxt) {
                    found.push((snapshot.labels.clone(), Parts { head: Some(snapshot), blocks: Vec::new() }));
                }
            }
        }
        for block in self.blocks(mint, maxt) {
            for series in block.select(matchers, mint, maxt)? {
                found.push((series.labels().clone(), Parts { head: None, blocks: vec![series] }));
            }
        }
        // Stable: blocks stay in the order of their time.
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same {
                first.1.blocks.append(&mut next.1.blocks);
                first.1.head = first.1.head.take().or(next.1.head.take());
            }
            same
        });
        let merged = found
            .into_iter()
            .map(|(labels, parts)| Box::new(MergedSeries { labels, parts }) as Box<dyn Series>);
        Ok(merged.collect())
    }

    fn label_names(&self, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        let mut names = BTreeSet::new();
        if query.matcher_sets.is_empty() {
            if self.head_overlaps(query.mint, query.maxt) {
                let index = self.db.head.index.read().unwrap_or_else(PoisonError::into_inner);
                names.extend(index.label_names().map(str::to_owned));
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
                let index = self.db.head.index.read().unwrap_or_else(PoisonError::into_inner);
                values.extend(index.label_values(name).map(str::to_owned));
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
        let hints = SelectHints { mint: query.mint, maxt: query.maxt, ..SelectHints::default() };
        for matchers in &query.matcher_sets {
            self.select(matchers, &hints)?.iter().for_each(|series| each(series.labels()));
        }
        Ok(())
    }
}

struct MergedSeries {
    labels: Labels,
    parts: Parts,
}

impl Series for MergedSeries {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError> {
        let start = out.len();
        for part in &self.parts.blocks {
            part.read(mint, maxt, out)?;
        }
        if let Some(head) = &self.parts.head {
            head.read(out).map_err(|e| StorageError::Corrupt {
                what: format!("head series {:?}", self.labels),
                detail: e.to_string(),
            })?;
        }
        tidy(out, start, mint, maxt);
        Ok(())
    }
}
