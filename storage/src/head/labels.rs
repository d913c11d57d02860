//! The labels of the head's series: a list of label pairs, each of which is kept once for all series that have it.
//!
//! Targets of one kind differ in `instance`, the series of one metric in a label or two; written out in full,
//! labels would be the largest part of a series that does not change.

use crate::labels::{LabelSet, Labels, LabelsBuf, encoded_pairs, first_label};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;
use std::cmp::Ordering;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

/// A table with so many times the pairs that it had when it was tidied last is tidied.
const GROWTH: usize = 2;
/// A smaller table is not worth it, pairs.
const TIDIED_MIN: usize = 1024;

/// What a pair takes beside its texts, about, bytes: itself and its counts, a place in this table and one in the index, and
/// the list of the series that have it, with a stretch of ids.
const PAIR_BYTES: usize =
    size_of::<Pair>() + 4 * size_of::<usize>() + size_of::<(Box<str>, RoaringBitmap)>() + 48;

/// A label and its value, encoded as [`Labels`] have them.
struct Pair {
    hash: u64,
    text: Box<str>,
}

impl Pair {
    /// What it takes, about, bytes; the index has its value once more.
    fn bytes(&self) -> usize {
        PAIR_BYTES + self.text.len() + first_label(&self.text).map_or(0, |(_, value)| value.len())
    }
}

/// The labels of a series.
#[derive(Clone)]
pub(crate) struct SeriesLabels(Box<[Arc<Pair>]>);

impl SeriesLabels {
    /// Name and value of each label, in the order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|pair| first_label(&pair.text))
    }

    /// The value of a label.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Whether these are the labels that have this encoded form.
    pub(crate) fn is(&self, encoded: &str) -> bool {
        let mut rest = encoded.as_bytes();
        let begins = |pair: &Arc<Pair>| match rest.strip_prefix(pair.text.as_bytes()) {
            Some(behind) => {
                rest = behind;
                true
            }
            None => false,
        };
        self.0.iter().all(begins) && rest.is_empty()
    }

    /// Bytes of the encoded form.
    pub(crate) fn encoded_len(&self) -> usize {
        self.0.iter().map(|pair| pair.text.len()).sum()
    }

    /// This series' share of what its pairs take, about, bytes: each is there once for all series that have it.
    pub(crate) fn shared_bytes(&self) -> f64 {
        // One of the references is the table's.
        let holders = |pair: &Arc<Pair>| Arc::strong_count(pair).saturating_sub(1).max(1);
        self.0.iter().map(|pair| pair.bytes() as f64 / holders(pair) as f64).sum()
    }

    /// Appends the encoded form.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|pair| out.extend_from_slice(pair.text.as_bytes()));
    }

    /// A set of its own; the memory of `buffer` is used for it.
    pub(crate) fn to_labels_with(&self, buffer: &mut LabelsBuf) -> Labels {
        buffer.clear();
        self.0.iter().for_each(|pair| buffer.push_encoded(&pair.text));
        buffer.to_labels()
    }

    /// A set of its own.
    pub(crate) fn to_labels(&self) -> Labels {
        self.to_labels_with(&mut LabelsBuf::default())
    }

    /// The hash of the labels in the table that they are from.
    pub(crate) fn hash(&self) -> u64 {
        self.0.iter().fold(0, |hash, pair| combine(hash, pair.hash))
    }
}

impl LabelSet for SeriesLabels {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter()
    }
}

impl PartialEq for SeriesLabels {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<Pair>, &Arc<Pair>)| Arc::ptr_eq(a, b) || a.text == b.text;
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

impl Eq for SeriesLabels {}

impl PartialOrd for SeriesLabels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As that of [`Labels`].
impl Ord for SeriesLabels {
    fn cmp(&self, other: &Self) -> Ordering {
        let differ = |(a, b): &(&Arc<Pair>, &Arc<Pair>)| !Arc::ptr_eq(a, b) && a.text != b.text;
        match self.0.iter().zip(&other.0).find(differ) {
            Some((a, b)) => first_label(&a.text).cmp(&first_label(&b.text)),
            None => self.0.len().cmp(&other.0.len()),
        }
    }
}

impl fmt::Debug for SeriesLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_labels().fmt(f)
    }
}

fn combine(hash: u64, pair: u64) -> u64 {
    (hash.rotate_left(23) ^ pair).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The pairs of all series of a head. Several threads may look for theirs at once.
#[derive(Default)]
pub(crate) struct PairTable {
    hasher: RandomState,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    pairs: HashTable<Arc<Pair>>,
    /// Pairs that were in use when the table was tidied last.
    tidied: usize,
}

impl Known {
    /// Forgets the pairs that no series has.
    fn tidy(&mut self) {
        // Nobody can get at a pair that only the table has but through the table, which is locked.
        self.pairs.retain(|pair| Arc::strong_count(pair) > 1);
        self.tidied = self.pairs.len();
        if self.pairs.capacity() > 4 * self.tidied {
            self.pairs.shrink_to(self.tidied, |pair| pair.hash);
        }
    }
}

impl PairTable {
    /// The hash of the labels that have this encoded form.
    pub(crate) fn hash(&self, encoded: &str) -> u64 {
        encoded_pairs(encoded).fold(0, |hash, text| combine(hash, self.hasher.hash_one(text)))
    }

    /// The labels that have this encoded form. Pairs that `like` has in the same place are taken from there.
    pub(crate) fn labels(&self, encoded: &str, like: Option<&SeriesLabels>) -> SeriesLabels {
        let like = like.map_or(&[][..], |like| &like.0);
        let pair = |(place, text): (usize, &str)| match like.get(place) {
            Some(pair) if *pair.text == *text => Arc::clone(pair),
            _ => self.pair(text),
        };
        SeriesLabels(encoded_pairs(encoded).enumerate().map(pair).collect())
    }

    fn pair(&self, text: &str) -> Arc<Pair> {
        let hash = self.hasher.hash_one(text);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = known.pairs.find(hash, |pair| *pair.text == *text) {
            return Arc::clone(pair);
        }
        if known.pairs.len() >= TIDIED_MIN.max(GROWTH * known.tidied) {
            known.tidy();
        }
        let pair = Arc::new(Pair { hash, text: text.into() });
        known.pairs.insert_unique(hash, Arc::clone(&pair), |pair| pair.hash);
        pair
    }
}

#[cfg(test)]
impl SeriesLabels {
    /// Labels of a table of their own.
    pub(crate) fn of(labels: &Labels) -> Self {
        PairTable::default().labels(labels.as_encoded(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_labels() -> impl Strategy<Value = Labels> {
        proptest::collection::vec(("[a-c]{1,2}", "[xyü]{0,70}"), 0..5).prop_map(|pairs| {
            Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        })
    }

    proptest! {
        #[test]
        fn labels_of_pairs_are_those_that_were_given(a in any_labels(), b in any_labels(), apart in any::<bool>()) {
            let (table, other) = (PairTable::default(), PairTable::default());
            let one = table.labels(a.as_encoded(), None);
            let two = if apart { &other } else { &table }.labels(b.as_encoded(), Some(&one));
            prop_assert_eq!(&one.to_labels(), &a);
            prop_assert_eq!(two.iter().collect::<Vec<_>>(), b.iter().collect::<Vec<_>>());
            prop_assert_eq!(two.encoded_len(), b.encoded_len());
            prop_assert_eq!(one.cmp(&two), a.cmp(&b));
            prop_assert_eq!(one == two, a == b);
            prop_assert_eq!(one.is(b.as_encoded()), a == b);
            prop_assert_eq!(one.hash(), table.hash(a.as_encoded()));
            prop_assert_eq!(one.get("a"), a.get("a"));
        }
    }

    #[test]
    fn a_pair_is_kept_once_and_only_while_a_series_has_it() {
        let table = PairTable::default();
        let labels = |n: usize| Labels::from_pairs([("job", "j"), ("n", format!("{n}").as_str())]);
        let first = table.labels(labels(0).as_encoded(), None);
        for n in 1..10_000 {
            let one = table.labels(labels(n).as_encoded(), Some(&first));
            assert!(Arc::ptr_eq(&one.0[0], &first.0[0]));
        }
        assert!(table.known.lock().unwrap().pairs.len() <= TIDIED_MIN + 2);
        let again = table.labels(labels(0).as_encoded(), None);
        // Both pairs are those of two sets that are alike.
        let alone = first.0.iter().map(|pair| pair.bytes()).sum::<usize>() as f64;
        assert_eq!(again.shared_bytes() + first.shared_bytes(), alone);
        assert!(again.0.iter().zip(&first.0).all(|(a, b)| Arc::ptr_eq(a, b)));
    }
}
