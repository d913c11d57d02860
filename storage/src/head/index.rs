//! The head's index: labels → series, label pair → ids, ids in label order.

use super::labels::{PairTable, SeriesLabels};
use super::load;
use super::order::Order;
use super::series::MemSeries;
use crate::cardinality::counters::Counters;
use crate::labels::Labels;
use crate::query::StorageError;
use crate::query::postings::Postings;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Ids whose series lie together, as a power of two.
const PAGE_BITS: u32 = 8;

#[derive(Default)]
pub(crate) struct Index {
    by_labels: HashTable<Arc<MemSeries>>,
    /// Pages of neighbouring ids; a page without series is not there.
    pages: HashMap<u32, Page, RandomState>,
    all: RoaringBitmap,
    postings: BTreeMap<Box<str>, Label>,
    pub(crate) order: Order,
    /// The series by metric, label, job and target.
    pub(crate) counters: Counters,
    /// The label pairs of all series.
    pairs: PairTable,
    next_id: u32,
    /// The `next_id` when the lists were made small last.
    optimized_id: u32,
    /// Only labels and ids are kept up to date, until [`Index::loaded`].
    loading: bool,
}

type Page = Box<[Option<Arc<MemSeries>>]>;

/// The series of one label name.
#[derive(Default)]
pub(super) struct Label {
    all: RoaringBitmap,
    /// Lengths of the values together.
    bytes: u64,
    values: HashMap<Box<str>, RoaringBitmap, RandomState>,
}

impl Label {
    /// Adds a value that the label does not have yet, and its series.
    pub(super) fn add_value(&mut self, value: &str, ids: RoaringBitmap) {
        self.all |= &ids;
        self.bytes += value.len() as u64;
        self.values.insert(value.into(), ids);
    }

    /// Takes as little memory as possible.
    fn optimize(&mut self) {
        self.all.optimize();
        self.values.values_mut().for_each(|ids| {
            ids.optimize();
        });
        self.values.shrink_to_fit();
    }
}

impl Index {
    /// An index for many series that come at once: it finds them by labels and id only, until [`Index::loaded`].
    pub(crate) fn loading() -> Self {
        Self { loading: true, ..Self::default() }
    }

    /// All series have come: the rest of the index is made of them.
    pub(crate) fn loaded(&mut self) {
        self.loading = false;
        let mut pages: Vec<(&u32, &Page)> = self.pages.iter().collect();
        pages.sort_unstable_by_key(|(number, _)| **number);
        let series: Vec<&Arc<MemSeries>> =
            pages.into_iter().flat_map(|(_, page)| page.iter().flatten()).collect();
        self.all = series.iter().map(|series| series.id).collect();
        let loaded = load::load(&series);
        (self.postings, self.counters, self.order) =
            (loaded.postings, loaded.counters, Order::of(loaded.ranked));
        self.optimize();
    }

    /// Makes the lists small when many series came since they were.
    pub(crate) fn optimize(&mut self) {
        if self.next_id - self.optimized_id > self.len() as u32 / 8 {
            self.optimized_id = self.next_id;
            self.all.optimize();
            self.postings.values_mut().for_each(Label::optimize);
        }
    }

    pub(crate) fn find(&self, labels: &Labels) -> Option<Arc<MemSeries>> {
        self.find_encoded(labels.as_encoded()).cloned()
    }

    /// The series whose labels have this encoded form.
    pub(crate) fn find_encoded(&self, labels: &str) -> Option<&Arc<MemSeries>> {
        self.by_labels.find(self.pairs.hash(labels), |s| s.labels.is(labels))
    }

    /// The series that has these labels.
    pub(crate) fn find_series(&self, labels: &SeriesLabels) -> Option<Arc<MemSeries>> {
        self.by_labels.find(labels.hash(), |s| s.labels == *labels).cloned()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Arc<MemSeries>> {
        self.pages.get(&(id >> PAGE_BITS))?.get(place(id))?.as_ref()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_labels.len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<MemSeries>> {
        self.iter().cloned().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<MemSeries>> {
        self.pages.values().flat_map(|page| page.iter().flatten())
    }

    /// Makes room for so many more series.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.by_labels.reserve(more, |series| series.labels.hash());
    }

    /// The label pairs of all series: those of a new one are to be taken from here.
    pub(crate) fn pair_table(&self) -> &PairTable {
        &self.pairs
    }

    /// Adds a series that [`Index::find`] does not know.
    pub(crate) fn insert(&mut self, labels: &Labels) -> Arc<MemSeries> {
        let id = self.next_id;
        self.insert_with_id(id, labels)
    }

    /// Sees to it that no new series gets `id`: the log may still speak of it.
    pub(crate) fn reserve_id(&mut self, id: u32) {
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    /// Adds a series under the id that the write-ahead log knows it by.
    pub(crate) fn insert_with_id(&mut self, id: u32, labels: &Labels) -> Arc<MemSeries> {
        let series = Arc::new(MemSeries::new(id, self.pairs.labels(labels.as_encoded(), None)));
        self.insert_series(Arc::clone(&series));
        series
    }

    /// Adds a series under its id; its label pairs are from the table of this index.
    pub(crate) fn insert_series(&mut self, series: Arc<MemSeries>) {
        let id = series.id;
        self.reserve_id(id);
        if !self.loading {
            self.insert_postings(&series);
        }
        let page = self.pages.entry(id >> PAGE_BITS).or_insert_with(|| vec![None; 1 << PAGE_BITS].into());
        if let Some(place) = page.get_mut(place(id)) {
            *place = Some(Arc::clone(&series));
        }
        self.by_labels.insert_unique(series.labels.hash(), series, |s| s.labels.hash());
    }

    fn insert_postings(&mut self, series: &Arc<MemSeries>) {
        self.counters.add(&series.labels);
        for (name, value) in series.labels.iter() {
            if !self.postings.contains_key(name) {
                self.postings.insert(name.into(), Label::default());
            }
            if let Some(label) = self.postings.get_mut(name) {
                label.all.insert(series.id);
                match label.values.get_mut(value) {
                    Some(ids) => ids.insert(series.id),
                    None => {
                        label.bytes += value.len() as u64;
                        label.values.entry(value.into()).or_default().insert(series.id)
                    }
                };
            }
        }
        self.all.insert(series.id);
        self.order.add(Arc::clone(series));
    }

    /// Removes some of the series.
    pub(crate) fn remove_all(&mut self, doomed: &[Arc<MemSeries>]) {
        if doomed.is_empty() {
            return;
        }
        doomed.iter().for_each(|series| self.remove(series));
        self.tidy();
    }

    /// Takes the removed series out of the label order.
    pub(crate) fn tidy(&mut self) {
        if self.loading {
            return;
        }
        let all = &self.all;
        self.order.retain(|series| all.contains(series.id));
        if self.counters.is_sparse() {
            self.counters = Counters::default();
            self.by_labels.iter().for_each(|series| self.counters.add(&series.labels));
        }
    }

    /// Removes a series; [`Index::tidy`] has to follow.
    pub(crate) fn remove(&mut self, series: &MemSeries) {
        if let Some(page) = self.pages.get_mut(&(series.id >> PAGE_BITS)) {
            if let Some(place) = page.get_mut(place(series.id)) {
                *place = None;
            }
            if page.iter().all(Option::is_none) {
                self.pages.remove(&(series.id >> PAGE_BITS));
            }
        }
        let found = self.by_labels.find_entry(series.labels.hash(), |s| s.id == series.id);
        let known = found.map(|entry| entry.remove()).is_ok();
        if self.loading {
            return;
        }
        self.all.remove(series.id);
        if known {
            self.counters.remove(&series.labels);
        }
        for (name, value) in series.labels.iter() {
            let Some(label) = self.postings.get_mut(name) else { continue };
            label.all.remove(series.id);
            if let Some(ids) = label.values.get_mut(value) {
                ids.remove(series.id);
                if ids.is_empty() {
                    label.values.remove(value);
                    label.bytes = label.bytes.saturating_sub(value.len() as u64);
                }
            }
            if label.values.is_empty() {
                self.postings.remove(name);
            }
        }
    }

    /// The series with these ids.
    pub(crate) fn pick<'a>(
        &'a self,
        ids: &'a RoaringBitmap,
    ) -> impl Iterator<Item = &'a Arc<MemSeries>> + 'a {
        let mut near: (u32, Option<&Page>) = (u32::MAX, None);
        ids.iter().filter_map(move |id| {
            let number = id >> PAGE_BITS;
            if near.0 != number {
                near = (number, self.pages.get(&number));
            }
            near.1?.get(place(id))?.as_ref()
        })
    }

    pub(crate) fn label_names(&self) -> impl Iterator<Item = &str> {
        self.postings.keys().map(|name| &**name)
    }

    /// Each label with the number of its values, and their bytes.
    pub(crate) fn label_sizes(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.postings.iter().map(|(name, label)| (&**name, label.values.len() as u64, label.bytes))
    }

    /// Each label and value, and how many series have it.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.postings
            .iter()
            .flat_map(|(name, label)| label.values.iter().map(|(value, ids)| (&**name, &**value, ids.len())))
    }

    pub(crate) fn label_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.postings.get(name).into_iter().flat_map(|label| label.values.keys().map(|value| &**value))
    }
}

impl Postings for Index {
    fn everything(&self) -> RoaringBitmap {
        self.all.clone()
    }

    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StorageError> {
        Ok(self.postings.get(name).map(|label| label.all.clone()).unwrap_or_default())
    }

    fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, StorageError> {
        let label = self.postings.get(name);
        Ok(label.and_then(|label| label.values.get(value)).cloned().unwrap_or_default())
    }

    fn with_wanted(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, StorageError> {
        let mut all = RoaringBitmap::new();
        let values = self.postings.get(name).into_iter().flat_map(|label| &label.values);
        values.filter(|(value, _)| wanted(value)).for_each(|(_, ids)| all |= ids);
        Ok(all)
    }

    fn value_count(&self, name: &str) -> usize {
        self.postings.get(name).map_or(0, |label| label.values.len())
    }

    fn filter(
        &self,
        series: &RoaringBitmap,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError> {
        let kept = self.pick(series).filter(|series| wanted(series.labels.get(name).unwrap_or_default()));
        Ok(kept.map(|series| series.id).collect())
    }
}

fn place(id: u32) -> usize {
    (id & ((1 << PAGE_BITS) - 1)) as usize
}
