//! What the series of the head count by metric, label, pair, job and target, kept as they come and go.

use super::Dimension;
use super::table::{Count, NAMES_MAX, Name, Row, Table};
use crate::head::series::MemSeries;
use crate::labels::{LabelSet, METRIC_NAME};
use std::collections::HashMap;

/// The label that names a job.
pub(crate) const JOB: &str = "job";
/// The label that tells the targets of a job apart.
pub(crate) const INSTANCE: &str = "instance";
/// What each label of a series takes, about, bytes: its entry in the list of pairs, and those in two lists of the index.
const LABEL_BYTES: u64 = 8 + 8;

/// A label, its value, and the series that have it.
pub(crate) type Counted = (String, String, u64);

/// One table for each [`Dimension`].
#[derive(Debug)]
pub(crate) struct Counters {
    series: u64,
    tables: [Table; Dimension::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self::with_names(NAMES_MAX)
    }
}

impl Counters {
    pub(super) fn with_names(names_max: usize) -> Self {
        Self { series: 0, tables: std::array::from_fn(|_| Table::with_names(names_max)) }
    }

    /// Counts many series at once, told by their label pairs and by their targets: each name once.
    pub(crate) fn of<'a>(
        pairs: impl Iterator<Item = (Name<'a>, Count)>,
        targets: impl Iterator<Item = (Name<'a>, Count)>,
    ) -> Self {
        let mut counters = Self::default();
        let (mut labels, mut jobs) = (HashMap::<&str, Count>::new(), HashMap::<&str, Count>::new());
        let (mut all, mut named) = (Count::default(), Count::default());
        for (target, count) in targets {
            counters.table_mut(Dimension::Target).add_many(target, count);
            *jobs.entry(target.0).or_default() += count;
            all += count;
        }
        for (pair, count) in pairs {
            counters.table_mut(Dimension::Pair).add_many(pair, count);
            *labels.entry(pair.0).or_default() += count;
            if pair.0 == METRIC_NAME {
                counters.table_mut(Dimension::Metric).add_many((pair.1, ""), count);
                named += count;
            }
        }
        let (series, bytes) = (all.series - named.series, all.bytes - named.bytes);
        if series > 0 {
            counters.table_mut(Dimension::Metric).add_many(("", ""), Count { series, bytes });
        }
        for (by, counts) in [(Dimension::Label, labels), (Dimension::Job, jobs)] {
            counts.into_iter().for_each(|(name, count)| counters.table_mut(by).add_many((name, ""), count));
        }
        counters.series = all.series;
        counters
    }

    /// A series came.
    pub(crate) fn add(&mut self, labels: &impl LabelSet) {
        self.series += 1;
        self.each(labels, Table::add);
    }

    /// A series went that had come.
    pub(crate) fn remove(&mut self, labels: &impl LabelSet) {
        self.series = self.series.saturating_sub(1);
        self.each(labels, Table::remove);
    }

    fn each(&mut self, labels: &impl LabelSet, change: fn(&mut Table, Name<'_>, u64)) {
        let bytes = bytes_of(labels);
        let (mut metric, mut job, mut instance) = ("", "", "");
        for (name, value) in labels.pairs() {
            match name {
                METRIC_NAME => metric = value,
                JOB => job = value,
                INSTANCE => instance = value,
                _ => {}
            }
            change(self.table_mut(Dimension::Label), (name, ""), bytes);
            change(self.table_mut(Dimension::Pair), (name, value), bytes);
        }
        change(self.table_mut(Dimension::Metric), (metric, ""), bytes);
        change(self.table_mut(Dimension::Job), (job, ""), bytes);
        change(self.table_mut(Dimension::Target), (job, instance), bytes);
    }

    /// Series that are there.
    pub(super) fn series(&self) -> u64 {
        self.series
    }

    pub(crate) fn table(&self, by: Dimension) -> &Table {
        let [metric, label, pair, job, target] = &self.tables;
        match by {
            Dimension::Metric => metric,
            Dimension::Label => label,
            Dimension::Pair => pair,
            Dimension::Job => job,
            Dimension::Target => target,
        }
    }

    fn table_mut(&mut self, by: Dimension) -> &mut Table {
        let [metric, label, pair, job, target] = &mut self.tables;
        match by {
            Dimension::Metric => metric,
            Dimension::Label => label,
            Dimension::Pair => pair,
            Dimension::Job => job,
            Dimension::Target => target,
        }
    }

    /// How many different values each label has.
    pub(super) fn values(&self) -> HashMap<&str, u64> {
        let mut values = HashMap::new();
        self.table(Dimension::Pair).names().for_each(|(label, _)| *values.entry(label).or_default() += 1);
        values
    }

    /// Whether counting all series anew would make a table exact that is not.
    pub(crate) fn is_sparse(&mut self) -> bool {
        self.tables.iter_mut().any(Table::is_sparse)
    }

    /// The pairs, all or those of one label, that most series have; `None` when not all are known exactly.
    pub(crate) fn top_pairs(&self, limit: usize, label: Option<&str>) -> Option<Vec<Counted>> {
        let table = self.table(Dimension::Pair);
        table.is_exact().then(|| {
            let rows = table.top(limit, |name| label.is_none_or(|label| label == name.0));
            let own = |row: &Row| (row.name().0.to_owned(), row.name().1.to_owned(), row.series);
            rows.iter().map(own).collect()
        })
    }
}

/// What a series has for itself in the head, about, bytes: its state, its list of pairs, its entries in the index. Neither
/// samples are counted nor the pairs, which it shares: see [`crate::head::labels::SeriesLabels::shared_bytes`].
pub(crate) fn bytes_of(labels: &impl LabelSet) -> u64 {
    let fixed = size_of::<MemSeries>() + 4 * size_of::<usize>();
    fixed as u64 + LABEL_BYTES * labels.pairs().count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Model = BTreeMap<(Dimension, String, String), u64>;

    fn model(series: &[Labels]) -> Model {
        let mut model = Model::new();
        for labels in series {
            let of = |name: &str| labels.get(name).unwrap_or_default().to_owned();
            let mut count = |by, a: String, b: String| *model.entry((by, a, b)).or_default() += 1;
            count(Dimension::Metric, of("__name__"), String::new());
            count(Dimension::Job, of("job"), String::new());
            count(Dimension::Target, of("job"), of("instance"));
            for (name, value) in labels {
                count(Dimension::Label, name.to_owned(), String::new());
                count(Dimension::Pair, name.to_owned(), value.to_owned());
            }
        }
        model
    }

    proptest! {
        #[test]
        fn counters_equal_a_count_of_the_series_that_are_there(
            steps in proptest::collection::vec((
                proptest::collection::btree_map(
                    prop_oneof![Just("__name__"), Just("job"), Just("instance"), Just("x"), Just("y")], "[abc]", 0..5),
                any::<prop::sample::Index>(), 0..3),
                0..60)
        ) {
            let mut counters = Counters::default();
            let mut there: Vec<Labels> = Vec::new();
            for (pairs, at, kind) in steps {
                if kind == 0 && !there.is_empty() {
                    let labels = there.swap_remove(at.index(there.len()));
                    counters.remove(&labels);
                } else {
                    let labels = Labels::from_pairs(pairs.iter().map(|(n, v)| (*n, v.as_str())));
                    if !there.contains(&labels) {
                        counters.add(&labels);
                        there.push(labels);
                    }
                }
                let model = model(&there);
                prop_assert_eq!(counters.series(), there.len() as u64);
                for by in Dimension::ALL {
                    let rows = counters.table(by).top(usize::MAX, |_| true);
                    let got: Model = rows
                        .iter()
                        .map(|row| ((by, row.name().0.to_owned(), row.name().1.to_owned()), row.series))
                        .collect();
                    let want: Model = model.iter().filter(|((b, ..), _)| *b == by).map(|(k, n)| (k.clone(), *n)).collect();
                    prop_assert_eq!(got, want);
                }
                let bytes: u64 = there.iter().map(bytes_of).sum();
                let rows = counters.table(Dimension::Job).top(usize::MAX, |_| true);
                prop_assert_eq!(rows.iter().map(|row| row.bytes).sum::<u64>(), bytes);
            }
        }
    }
}
