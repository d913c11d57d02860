//! The head's index: labels → series, label pair → ids.

use super::series::MemSeries;
use crate::labels::Labels;
use crate::labels::matcher::{MatchOp, Matcher};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Index {
    by_labels: HashTable<Arc<MemSeries>>,
    by_id: HashMap<u32, Arc<MemSeries>, RandomState>,
    postings: BTreeMap<Box<str>, HashMap<Box<str>, RoaringBitmap, RandomState>>,
    next_id: u32,
    hasher: RandomState,
}

impl Index {
    pub(crate) fn find(&self, labels: &Labels) -> Option<Arc<MemSeries>> {
        self.find_encoded(labels.as_encoded())
    }

    /// The series whose labels have this encoded form.
    pub(crate) fn find_encoded(&self, labels: &str) -> Option<Arc<MemSeries>> {
        self.by_labels.find(self.hasher.hash_one(labels), |s| s.labels.as_encoded() == labels).cloned()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Arc<MemSeries>> {
        self.by_id.get(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<MemSeries>> {
        self.by_id.values().cloned().collect()
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
        self.reserve_id(id);
        let series = Arc::new(MemSeries::new(id, labels.clone()));
        for (name, value) in labels {
            if !self.postings.contains_key(name) {
                self.postings.insert(name.into(), HashMap::default());
            }
            if let Some(values) = self.postings.get_mut(name) {
                match values.get_mut(value) {
                    Some(ids) => ids.insert(id),
                    None => values.entry(value.into()).or_default().insert(id),
                };
            }
        }
        self.by_id.insert(id, Arc::clone(&series));
        let hasher = &self.hasher;
        let hash = hasher.hash_one(labels.as_encoded());
        self.by_labels.insert_unique(hash, Arc::clone(&series), |s| hasher.hash_one(s.labels.as_encoded()));
        series
    }

    pub(crate) fn remove(&mut self, series: &MemSeries) {
        self.by_id.remove(&series.id);
        let hash = self.hasher.hash_one(series.labels.as_encoded());
        if let Ok(entry) = self.by_labels.find_entry(hash, |s| s.id == series.id) {
            entry.remove();
        }
        for (name, value) in &series.labels {
            let Some(values) = self.postings.get_mut(name) else { continue };
            if let Some(ids) = values.get_mut(value) {
                ids.remove(series.id);
                if ids.is_empty() {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                self.postings.remove(name);
            }
        }
    }

    /// The series that satisfy all matchers, in no particular order.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<Arc<MemSeries>> {
        let mut ids: Option<RoaringBitmap> = None;
        let mut excluded = RoaringBitmap::new();
        for matcher in matchers {
            if matcher.matches_empty() {
                // Series without the label satisfy it: take away those with a value that does not.
                let no = |value: &str| !matcher.matches(value);
                excluded |= self.union(&matcher.name, &no);
            } else {
                let found = self.matching(matcher);
                ids = Some(match ids {
                    Some(ids) => ids & found,
                    None => found,
                });
            }
        }
        let pick = |id: u32| self.by_id.get(&id).cloned();
        match ids {
            Some(ids) => (ids - excluded).iter().filter_map(pick).collect(),
            None => self.by_id.values().filter(|s| !excluded.contains(s.id)).cloned().collect(),
        }
    }

    fn matching(&self, matcher: &Matcher) -> RoaringBitmap {
        let list: &[String] = match (matcher.op, matcher.regex().and_then(|r| r.set_matches())) {
            (MatchOp::Equal, _) => std::slice::from_ref(&matcher.value),
            (MatchOp::Regex, Some(set)) => set,
            _ => return self.union(&matcher.name, &|value| matcher.matches(value)),
        };
        let Some(values) = self.postings.get(matcher.name.as_str()) else { return RoaringBitmap::new() };
        list.iter()
            .filter_map(|value| values.get(value.as_str()))
            .fold(RoaringBitmap::new(), |all, ids| all | ids)
    }

    fn union(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> RoaringBitmap {
        let Some(values) = self.postings.get(name) else { return RoaringBitmap::new() };
        values.iter().filter(|(value, _)| wanted(value)).fold(RoaringBitmap::new(), |all, (_, ids)| all | ids)
    }

    pub(crate) fn label_names(&self) -> impl Iterator<Item = &str> {
        self.postings.keys().map(|name| &**name)
    }

    /// Each label with its values and how many series have them.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, Vec<(&str, u64)>)> {
        self.postings.iter().map(|(name, values)| {
            (&**name, values.iter().map(|(value, ids)| (&**value, ids.len())).collect())
        })
    }

    pub(crate) fn label_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.postings.get(name).into_iter().flat_map(|values| values.keys().map(|value| &**value))
    }
}
