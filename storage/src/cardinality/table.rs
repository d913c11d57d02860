//! Series by name, in bounded memory.
//!
//! Up to a number of names every count is exact. Beyond it a sketch counts all names, and the table keeps the
//! ones that count most: what it says of them is never too little, and too much only by what collides in the
//! sketch.

use super::sketch::Sketch;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::cmp::Reverse;
use std::hash::BuildHasher;

/// Names that a table holds at most.
pub(super) const NAMES_MAX: usize = 1 << 16;

/// What a name is: one text, or two that belong together.
pub(crate) type Name<'a> = (&'a str, &'a str);

/// How many series there are, and the bytes that they take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) series: u64,
    pub(crate) bytes: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.series += other.series;
        self.bytes += other.bytes;
    }
}

#[derive(Debug)]
pub(crate) struct Table {
    rows: HashTable<Row>,
    hasher: RandomState,
    names_max: usize,
    crowd: Option<Crowd>,
}

/// More names than rows.
#[derive(Debug)]
struct Crowd {
    sketch: Sketch,
    /// What a name has to count to get a row while there is no free one.
    entry: u64,
}

/// A name and what it counts.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Both parts, one after the other.
    text: Box<str>,
    split: u32,
    pub(crate) series: u64,
    pub(crate) bytes: u64,
}

impl Row {
    pub(crate) fn name(&self) -> Name<'_> {
        self.text.split_at_checked(self.split as usize).unwrap_or_default()
    }

    pub(super) fn new(name: Name<'_>, series: u64, bytes: u64) -> Self {
        let text = [name.0, name.1].concat().into_boxed_str();
        // A label of 4 GiB does not get this far.
        Self { text, split: u32::try_from(name.0.len()).unwrap_or(0), series, bytes }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::with_names(NAMES_MAX)
    }
}

impl Table {
    pub(super) fn with_names(names_max: usize) -> Self {
        Self { rows: HashTable::new(), hasher: RandomState::default(), names_max, crowd: None }
    }

    /// Counts a series of so many bytes.
    pub(super) fn add(&mut self, name: Name<'_>, bytes: u64) {
        self.add_many(name, Count { series: 1, bytes });
    }

    /// Counts series.
    pub(super) fn add_many(&mut self, name: Name<'_>, count: Count) {
        let hash = self.hasher.hash_one(name);
        let known = self.rows.find_mut(hash, |row| row.name() == name);
        let is_known = known.is_some();
        if let Some(row) = known {
            row.series += count.series;
            row.bytes += count.bytes;
        } else if self.crowd.is_none() {
            if self.rows.len() < self.names_max {
                self.insert(hash, Row::new(name, count.series, count.bytes));
                return;
            }
            self.begin_crowd();
        }
        let Some(crowd) = &mut self.crowd else { return };
        let estimate = crowd.sketch.add(hash, u32::try_from(count.series).unwrap_or(u32::MAX));
        if is_known || (self.rows.len() >= self.names_max && estimate < crowd.entry) {
            return;
        }
        self.evict();
        let each = count.bytes / count.series.max(1);
        self.insert(hash, Row::new(name, estimate, each.saturating_mul(estimate)));
    }

    /// Counts a series less; it was added before.
    pub(super) fn remove(&mut self, name: Name<'_>, bytes: u64) {
        let hash = self.hasher.hash_one(name);
        if let Ok(mut entry) = self.rows.find_entry(hash, |row| row.name() == name) {
            let row = entry.get_mut();
            row.series = row.series.saturating_sub(1);
            row.bytes = row.bytes.saturating_sub(bytes);
            if row.series == 0 {
                entry.remove();
            }
        }
        if let Some(crowd) = &mut self.crowd {
            crowd.sketch.remove(hash);
        }
    }

    fn insert(&mut self, hash: u64, row: Row) {
        let hasher = &self.hasher;
        self.rows.insert_unique(hash, row, |row| hasher.hash_one(row.name()));
    }

    fn begin_crowd(&mut self) {
        let mut sketch = Sketch::new();
        for row in &self.rows {
            let _ =
                sketch.add(self.hasher.hash_one(row.name()), u32::try_from(row.series).unwrap_or(u32::MAX));
        }
        self.crowd = Some(Crowd { sketch, entry: 0 });
    }

    /// Makes room where there is none: the eighth of the rows that count least goes.
    fn evict(&mut self) {
        let Some(crowd) = self.crowd.as_mut().filter(|_| self.rows.len() >= self.names_max) else { return };
        let mut counts: Vec<u64> = self.rows.iter().map(|row| row.series).collect();
        let mut going = counts.len().div_ceil(8);
        let place = going.min(counts.len()).saturating_sub(1);
        if counts.is_empty() {
            return;
        }
        let (_, bound, _) = counts.select_nth_unstable(place);
        let bound = *bound;
        crowd.entry = bound;
        let below = self.rows.iter().filter(|row| row.series < bound).count();
        going = going.saturating_sub(below);
        self.rows.retain(|row| {
            let at_bound = row.series == bound && going > 0;
            going -= usize::from(at_bound);
            row.series > bound || (row.series == bound && !at_bound)
        });
    }

    /// Whether every name has a row, and every count is exact.
    pub(super) fn is_exact(&self) -> bool {
        self.crowd.is_none()
    }

    /// Whether a table made anew might be exact again: most of what crowded this one is gone.
    pub(super) fn is_sparse(&mut self) -> bool {
        let Some(crowd) = &self.crowd else { return false };
        let hasher = &self.hasher;
        self.rows.retain(|row| crowd.sketch.estimate(hasher.hash_one(row.name())) > 0);
        self.rows.len() < self.names_max / 2
    }

    /// Names that have a row.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Every name that has a row.
    pub(super) fn names(&self) -> impl Iterator<Item = Name<'_>> {
        self.rows.iter().map(Row::name)
    }

    /// What a name counts.
    pub(super) fn get(&self, name: Name<'_>) -> Option<Row> {
        let hash = self.hasher.hash_one(name);
        self.rows.find(hash, |row| row.name() == name).map(|row| self.corrected(row))
    }

    /// What the two bounds of a crowded name agree on: both are never too little.
    fn corrected(&self, row: &Row) -> Row {
        let mut row = row.clone();
        if let Some(crowd) = &self.crowd {
            let estimate = crowd.sketch.estimate(self.hasher.hash_one(row.name()));
            if estimate < row.series {
                row.bytes = row.bytes / row.series.max(1) * estimate;
                row.series = estimate;
            }
        }
        row
    }

    /// The names that count most, the first first; names of equal count in their order.
    pub(crate) fn top(&self, limit: usize, keep: impl Fn(Name<'_>) -> bool) -> Vec<Row> {
        let mut found: Vec<&Row> = self.rows.iter().filter(|row| keep(row.name())).collect();
        let first =
            |a: &&Row, b: &&Row| b.series.cmp(&a.series).then_with(|| text(a.name()).cmp(text(b.name())));
        if limit < found.len() {
            if limit > 0 {
                found.select_nth_unstable_by(limit - 1, first);
            }
            found.truncate(limit);
        }
        found.sort_unstable_by(first);
        let mut rows: Vec<Row> = found.into_iter().map(|row| self.corrected(row)).collect();
        rows.retain(|row| row.series > 0);
        if !self.is_exact() {
            rows.sort_by_key(|row| Reverse(row.series));
        }
        rows
    }
}

/// A name as a text, to put names in an order.
pub(crate) fn text<'a>((first, second): Name<'a>) -> impl Iterator<Item = u8> + 'a {
    let joint = (!second.is_empty()).then_some(b'=');
    first.bytes().chain(joint).chain(second.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn names(n: usize) -> (String, String) {
        // Texts that are told apart by where they are split, too.
        ("a".repeat(n % 7), "a".repeat(n / 7))
    }

    proptest! {
        #[test]
        fn counts_equal_a_map_up_to_the_bound_and_are_never_too_little_beyond(
            steps in proptest::collection::vec((0usize..40, any::<bool>()), 0..300),
            names_max in prop_oneof![Just(4usize), Just(16), Just(1000)],
        ) {
            let mut table = Table::with_names(names_max);
            let mut model: BTreeMap<usize, u64> = BTreeMap::new();
            for (n, comes) in steps {
                let (a, b) = names(n);
                if comes {
                    *model.entry(n).or_default() += 1;
                    table.add((&a, &b), 10);
                } else if let Some(count) = model.get_mut(&n) {
                    *count -= 1;
                    if *count == 0 {
                        model.remove(&n);
                    }
                    table.remove((&a, &b), 10);
                }
                prop_assert!(table.len() <= names_max);
                if table.is_exact() {
                    prop_assert_eq!(table.len(), model.len());
                }
                for (n, want) in &model {
                    let (a, b) = names(*n);
                    match table.get((&a, &b)) {
                        Some(row) if table.is_exact() => prop_assert_eq!((row.series, row.bytes), (*want, want * 10)),
                        Some(row) => prop_assert!(row.series >= *want),
                        None => prop_assert!(!table.is_exact()),
                    }
                }
            }
            let top = table.top(3, |_| true);
            prop_assert!(top.is_sorted_by(|a, b| a.series >= b.series));
            if table.is_exact() {
                let mut want: Vec<u64> = model.values().copied().collect();
                want.sort_unstable_by(|a, b| b.cmp(a));
                want.truncate(3);
                prop_assert_eq!(top.iter().map(|row| row.series).collect::<Vec<_>>(), want);
            }
        }
    }

    #[test]
    fn the_heaviest_names_are_found_among_more_than_fit() {
        let mut table = Table::with_names(64);
        for n in 0..20_000u32 {
            table.add((&n.to_string(), ""), 1);
            if n % 20 == 0 {
                table.add(("heavy", ""), 1);
            }
        }
        let heavy = |table: &Table| table.top(1, |_| true).into_iter().next().unwrap();
        let row = heavy(&table);
        assert_eq!((row.name().0, table.is_exact()), ("heavy", false));
        assert!((1000..1010).contains(&row.series), "{}", row.series);
        for _ in 0..900 {
            table.remove(("heavy", ""), 1);
        }
        assert!((100..110).contains(&heavy(&table).series));
        (0..20_000u32).for_each(|n| table.remove((&n.to_string(), ""), 1));
        assert!(table.is_sparse());
        assert_eq!(heavy(&table).series, 100, "what collided is gone");
    }
}
