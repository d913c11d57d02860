//! The index of many series at once, as a start needs it.
//!
//! Label pairs are few and series many. One pass through the labels numbers the pairs; whatever the index knows of
//! the series follows from these numbers: the lists of the pairs, the counters, and the label order.

use super::index::Label;
use super::series::MemSeries;
use crate::cardinality::counters::{Counters, INSTANCE, JOB, bytes_of};
use crate::cardinality::table::{Count, Name};
use crate::parallel;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Series that are worth a thread.
const PART: usize = 16 << 10;
/// Bits of a sort key that tell label pairs; those below are a place.
const KEY_BITS: u32 = 96;

/// What the index has besides the series themselves.
pub(super) struct Loaded {
    pub(super) postings: BTreeMap<Box<str>, Label>,
    pub(super) counters: Counters,
    /// In label order.
    pub(super) ranked: Vec<Arc<MemSeries>>,
}

/// What is known of a label pair.
struct Pair<'a> {
    name: &'a str,
    value: &'a str,
    ids: RoaringBitmap,
    bytes: u64,
}

/// Label pairs by number.
#[derive(Default)]
struct Pairs<'a> {
    all: Vec<Pair<'a>>,
    numbers: HashTable<u32>,
}

/// Some of the series, one after the other.
struct Part<'a> {
    pairs: Pairs<'a>,
    /// The pairs of every series, and how many each has.
    numbers: Vec<u32>,
    lengths: Vec<u32>,
    targets: HashMap<Name<'a>, Count, RandomState>,
}

/// Loads series that ascend by id.
pub(super) fn load(series: &[&Arc<MemSeries>]) -> Loaded {
    let hasher = RandomState::default();
    let parts = parallel::parts(series, PART, |part| Part::of(part, &hasher));
    let mut pairs = Pairs::default();
    let mut targets: HashMap<Name<'_>, Count, RandomState> = HashMap::default();
    let mut keyed = Vec::with_capacity(parts.len());
    for part in parts {
        let numbers: Vec<u32> = part.pairs.all.into_iter().map(|pair| pairs.merge(pair, &hasher)).collect();
        part.targets.into_iter().for_each(|(target, count)| *targets.entry(target).or_default() += count);
        keyed.push((numbers, part.numbers, part.lengths));
    }
    let mut order: Vec<u32> = (0..pairs.all.len() as u32).collect();
    let name = |number: &u32| pairs.all.get(*number as usize).map(|pair| (pair.name, pair.value));
    order.sort_unstable_by_key(name);
    let mut ranks = vec![0; order.len()];
    for (rank, number) in (1u32..).zip(&order) {
        if let Some(place) = ranks.get_mut(*number as usize) {
            *place = rank;
        }
    }
    let ranked = in_label_order(series, keyed, &ranks);
    let counts = pairs
        .all
        .iter()
        .map(|pair| ((pair.name, pair.value), Count { series: pair.ids.len(), bytes: pair.bytes }));
    let counters = Counters::of(counts, targets.into_iter());
    let mut postings: BTreeMap<Box<str>, Label> = BTreeMap::new();
    for Pair { name, value, ids, .. } in pairs.all {
        if !postings.contains_key(name) {
            postings.insert(name.into(), Label::default());
        }
        if let Some(label) = postings.get_mut(name) {
            label.add_value(value, ids);
        }
    }
    Loaded { postings, counters, ranked }
}

impl<'a> Part<'a> {
    fn of(series: &[&'a Arc<MemSeries>], hasher: &RandomState) -> Self {
        let mut part = Self {
            pairs: Pairs::default(),
            numbers: Vec::with_capacity(series.len() * 5),
            lengths: Vec::with_capacity(series.len()),
            targets: HashMap::default(),
        };
        // What the series before had in the same place, and its target: neighbours have much in common.
        let (mut recent, mut target): (Vec<u32>, (Name<'a>, Count)) = Default::default();
        for one in series {
            let bytes = bytes_of(&one.labels);
            let (mut job, mut instance) = ("", "");
            let mut length = 0;
            for (place, (name, value)) in one.labels.iter().enumerate() {
                match name {
                    JOB => job = value,
                    INSTANCE => instance = value,
                    _ => {}
                }
                let known = recent.get(place).copied();
                let known = known.filter(|number| part.pairs.is(*number, (name, value)));
                let number = known.unwrap_or_else(|| part.pairs.number((name, value), hasher));
                match recent.get_mut(place) {
                    Some(recent) => *recent = number,
                    None => recent.push(number),
                }
                if let Some(pair) = part.pairs.all.get_mut(number as usize) {
                    // Ids ascend, so that it fits behind the others.
                    let _ = pair.ids.try_push(one.id);
                    pair.bytes += bytes;
                }
                part.numbers.push(number);
                length += 1;
            }
            part.lengths.push(length);
            if target.0 != (job, instance) {
                part.count(target);
                target = ((job, instance), Count::default());
            }
            target.1 += Count { series: 1, bytes };
        }
        part.count(target);
        part
    }

    fn count(&mut self, (target, count): (Name<'a>, Count)) {
        if count.series > 0 {
            *self.targets.entry(target).or_default() += count;
        }
    }
}

impl<'a> Pairs<'a> {
    fn is(&self, number: u32, name: Name<'_>) -> bool {
        self.all.get(number as usize).is_some_and(|pair| (pair.name, pair.value) == name)
    }

    /// The number of a pair, a new one when it is not known.
    fn number(&mut self, (name, value): Name<'a>, hasher: &RandomState) -> u32 {
        let hash = hasher.hash_one((name, value));
        if let Some(number) = self.numbers.find(hash, |number| self.is(*number, (name, value))) {
            return *number;
        }
        self.insert(hash, Pair { name, value, ids: RoaringBitmap::new(), bytes: 0 }, hasher)
    }

    /// Adds what another list knows of a pair.
    fn merge(&mut self, pair: Pair<'a>, hasher: &RandomState) -> u32 {
        let hash = hasher.hash_one((pair.name, pair.value));
        let known = self.numbers.find(hash, |number| self.is(*number, (pair.name, pair.value))).copied();
        let Some(number) = known else { return self.insert(hash, pair, hasher) };
        if let Some(known) = self.all.get_mut(number as usize) {
            known.ids |= pair.ids;
            known.bytes += pair.bytes;
        }
        number
    }

    fn insert(&mut self, hash: u64, pair: Pair<'a>, hasher: &RandomState) -> u32 {
        let number = self.all.len() as u32;
        self.all.push(pair);
        let all = &self.all;
        let hash_of = |number: &u32| {
            all.get(*number as usize).map_or(0, |pair| hasher.hash_one((pair.name, pair.value)))
        };
        self.numbers.insert_unique(hash, number, hash_of);
        number
    }
}

/// The series in label order. The order of the label pairs gives each a key, of as many of its labels as there is
/// room for; only those that have these in common are compared.
fn in_label_order(
    series: &[&Arc<MemSeries>],
    keyed: Vec<(Vec<u32>, Vec<u32>, Vec<u32>)>,
    ranks: &[u32],
) -> Vec<Arc<MemSeries>> {
    let bits = (u32::BITS - (ranks.len() as u32).leading_zeros()).max(1);
    let told = (KEY_BITS / bits) as usize;
    let mut begin = 0u32;
    let placed = keyed.into_iter().map(|part| {
        let place = begin;
        begin += part.2.len() as u32;
        (place, part)
    });
    let sorted = parallel::map(placed.collect(), |(begin, (global, numbers, lengths))| {
        let rank = |number: &u32| {
            let global = global.get(*number as usize);
            global.and_then(|number| ranks.get(*number as usize)).copied().unwrap_or(0)
        };
        let mut rest = numbers.as_slice();
        let mut keys = Vec::with_capacity(lengths.len());
        for (place, length) in (begin..).zip(&lengths) {
            let (own, others) = rest.split_at_checked(*length as usize).unwrap_or((rest, &[]));
            rest = others;
            let ranks = own.iter().map(rank).chain(std::iter::repeat(0)).take(told);
            let key = ranks.fold(0u128, |key, rank| key << bits | u128::from(rank));
            keys.push(key << 32 | u128::from(place));
        }
        keys.sort_unstable();
        keys
    });
    let mut keys = sorted.concat();
    // Of sorted parts: this finds them and merges.
    keys.sort();
    let pick = |keys: &[u128]| {
        let found = keys.iter().filter_map(|key| series.get(*key as u32 as usize).map(|one| Arc::clone(one)));
        found.collect::<Vec<_>>()
    };
    let mut ranked: Vec<_> = parallel::parts(&keys, PART, pick).into_iter().flatten().collect();
    let mut rest = ranked.as_mut_slice();
    for same in keys.chunk_by(|a, b| a >> 32 == b >> 32) {
        let Some((own, others)) = rest.split_at_mut_checked(same.len()) else { break };
        own.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        rest = others;
    }
    ranked
}

#[cfg(test)]
mod tests {
    use crate::cardinality::Dimension;
    use crate::head::index::Index;
    use crate::head::order::rank;
    use crate::labels::Labels;
    use crate::query::postings::Postings;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn any_labels() -> impl Strategy<Value = Labels> {
        let name =
            prop_oneof![Just("__name__"), Just("job"), Just("instance"), Just("a"), Just("b"), Just("z")];
        let value = prop_oneof!["[a-c]", "[a-c]{2}", "[a-z]{1,8}"];
        let pairs = proptest::collection::btree_map(name, value, 1..6);
        pairs.prop_map(|pairs| Labels::from_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str()))))
    }

    /// What an index answers: lists, counts, and the ids in label order.
    type Answers = (BTreeMap<String, Vec<u32>>, Vec<(Dimension, String, u64, u64)>, Vec<u32>);

    fn answers(index: &mut Index) -> Answers {
        index.order.complete();
        let mut lists = BTreeMap::new();
        lists.insert(String::new(), index.everything().iter().collect());
        let mut counts = Vec::new();
        for (name, value, series) in index.pairs() {
            let ids = index.with_value(name, value).unwrap();
            assert_eq!(ids.len(), series);
            lists.insert(format!("{name}={value}"), ids.iter().collect());
            lists.insert(name.to_owned(), index.with_name(name).unwrap().iter().collect());
        }
        for by in Dimension::ALL {
            let rows = index.counters.table(by).top(usize::MAX, |_| true);
            counts.extend(rows.iter().map(|row| (by, by.shown(row.name()), row.series, row.bytes)));
        }
        let mut ranked: Vec<_> = index.all();
        ranked.sort_unstable_by_key(|series| rank(series));
        (lists, counts, ranked.iter().map(|series| series.id).collect())
    }

    proptest! {
        #[test]
        fn an_index_that_is_loaded_at_once_is_that_which_grows(
            labels in proptest::collection::btree_set(any_labels().prop_map(|labels| labels.as_encoded().to_owned()), 0..80),
            later in proptest::collection::btree_set(any_labels().prop_map(|labels| labels.as_encoded().to_owned()), 0..20),
        ) {
            let (mut loaded, mut grown) = (Index::loading(), Index::default());
            for (id, encoded) in (0u32..).map(|n| n * 37 % 1009).zip(&labels) {
                let labels = Labels::from_encoded(encoded).unwrap();
                loaded.insert_with_id(id, &labels);
                grown.insert_with_id(id, &labels);
            }
            loaded.loaded();
            prop_assert_eq!(answers(&mut loaded), answers(&mut grown));
            let sizes = |index: &Index| index.label_sizes().map(|(name, n, bytes)| (name.to_owned(), n, bytes)).collect::<Vec<_>>();
            prop_assert_eq!(sizes(&loaded), sizes(&grown));
            for encoded in later.difference(&labels) {
                let labels = Labels::from_encoded(encoded).unwrap();
                prop_assert_eq!(loaded.insert(&labels).id, grown.insert(&labels).id);
            }
            for encoded in labels.iter().step_by(3) {
                let (a, b) = (loaded.find_encoded(encoded).cloned(), grown.find_encoded(encoded).cloned());
                loaded.remove_all(&a.into_iter().collect::<Vec<_>>());
                grown.remove_all(&b.into_iter().collect::<Vec<_>>());
            }
            prop_assert_eq!(answers(&mut loaded), answers(&mut grown));
        }
    }

    #[test]
    fn series_of_many_threads_are_in_label_order() {
        let mut index = Index::loading();
        for id in 0..4 * super::PART as u32 {
            let (a, b, c) = (id.wrapping_mul(2_654_435_761) % 7, id % 331, id);
            let values = [a, b, c].map(|n| n.to_string());
            index.insert_with_id(
                id,
                &Labels::from_pairs([("a", &*values[0]), ("b", &values[1]), ("c", &values[2])]),
            );
        }
        index.loaded();
        let mut all = index.all();
        all.sort_unstable_by_key(|series| rank(series));
        assert!(all.is_sorted_by(|a, b| a.labels < b.labels));
        assert_eq!(
            index.with_value("b", "17").unwrap().iter().collect::<Vec<_>>(),
            (17..4 * super::PART as u32).step_by(331).collect::<Vec<_>>()
        );
    }
}
