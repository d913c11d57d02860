//! What downsampled samples stand for: of each its interval's length and aggregates.

/// A sample that was downsampled stands for the raw samples since the one before it. Everything is told by the
/// position of the sample; what is not there belongs to a raw one, which stands for itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Length of the intervals, ms; 0 for a raw sample.
    resolutions: Vec<u32>,
    /// Least, greatest, sum and number of the raw values; each is empty unless it was asked for.
    sides: [Vec<f64>; 4],
}

/// Position of an aggregate among [`Rows`]' sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Min = 0,
    Max = 1,
    Sum = 2,
    Count = 3,
}

/// All sides, in the order in which they are written.
pub(crate) const SIDES: [Side; 4] = [Side::Min, Side::Max, Side::Sum, Side::Count];

/// What a reader wants of samples that are downsampled. Of raw ones it always gets the values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The last value of each.
    #[default]
    Last,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The sum of the values.
    Sum,
    /// The last value, and how many there were.
    Count,
    /// The sum of the values, and how many there were.
    Average,
    /// The last value and all aggregates.
    All,
}

impl Wanted {
    /// What the function around a selector wants.
    pub(crate) fn of(function: &str) -> Self {
        match function {
            "min_over_time" | "ts_of_min_over_time" => Self::Min,
            "max_over_time" | "ts_of_max_over_time" => Self::Max,
            "sum_over_time" => Self::Sum,
            "count_over_time" => Self::Count,
            "avg_over_time" => Self::Average,
            _ => Self::Last,
        }
    }

    /// The side whose numbers take the place of the values, if any does.
    pub(crate) fn values(self) -> Option<Side> {
        match self {
            Self::Min => Some(Side::Min),
            Self::Max => Some(Side::Max),
            Self::Sum | Self::Average => Some(Side::Sum),
            Self::Last | Self::Count | Self::All => None,
        }
    }

    /// Whether a side is wanted beside the values.
    pub(crate) fn has(self, side: Side) -> bool {
        match self {
            Self::All => true,
            Self::Count | Self::Average => side == Side::Count,
            Self::Last | Self::Min | Self::Max | Self::Sum => false,
        }
    }
}

/// One downsampled sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    /// Length of the intervals, ms.
    pub(crate) resolution: u32,
    /// By [`Side`].
    pub(crate) sides: [f64; 4],
}

impl Rows {
    /// Whether no sample is downsampled.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resolutions.is_empty()
    }

    /// Length of the interval that a sample stands for, ms; 0 for a raw one.
    #[inline]
    #[must_use]
    pub fn resolution(&self, position: usize) -> u32 {
        self.resolutions.get(position).copied().unwrap_or(0)
    }

    /// The lengths of intervals that there are, ms, ascending.
    #[must_use]
    pub fn resolutions(&self) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for resolution in self.resolutions.iter().filter(|resolution| **resolution > 0) {
            if !found.contains(resolution) {
                found.push(*resolution);
            }
        }
        found.sort_unstable();
        found
    }

    /// How many raw samples a sample stands for, where that was asked for; 1 for a raw one.
    #[inline]
    #[must_use]
    pub fn count(&self, position: usize) -> f64 {
        self.side(Side::Count, position).unwrap_or(1.0)
    }

    /// An aggregate; `None` for a raw sample, and where it was not asked for.
    #[inline]
    pub(crate) fn side(&self, side: Side, position: usize) -> Option<f64> {
        if self.resolution(position) == 0 {
            return None;
        }
        self.sides.get(side as usize)?.get(position).copied()
    }

    pub(crate) fn clear(&mut self) {
        self.resolutions.clear();
        self.sides.iter_mut().for_each(Vec::clear);
    }

    /// `count` samples of this resolution come behind the first `base`; the sides of them are `pushed` next.
    pub(crate) fn extend(&mut self, base: usize, count: usize, resolution: u32) {
        self.resolutions.resize(base, 0);
        self.resolutions.resize(base + count, resolution);
    }

    /// Where a side of the samples behind the first `base` goes.
    pub(crate) fn side_from(&mut self, side: Side, base: usize) -> &mut Vec<f64> {
        let [min, max, sum, count] = &mut self.sides;
        let column = match side {
            Side::Min => min,
            Side::Max => max,
            Side::Sum => sum,
            Side::Count => count,
        };
        column.resize(base, 0.0);
        column
    }

    /// The sample behind the first `base` is downsampled.
    pub(crate) fn push(&mut self, base: usize, row: Row) {
        self.extend(base, 1, row.resolution);
        for (side, value) in SIDES.into_iter().zip(row.sides) {
            self.side_from(side, base).push(value);
        }
    }

    /// The samples behind the first `base` are those of `other`.
    pub(crate) fn append(&mut self, base: usize, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.resolutions.resize(base, 0);
        self.resolutions.extend_from_slice(&other.resolutions);
        for (mine, theirs) in self.sides.iter_mut().zip(&other.sides) {
            if !theirs.is_empty() {
                mine.resize(base, 0.0);
                mine.extend_from_slice(theirs);
            }
        }
    }

    /// The sample behind the first `base` is that of `other` at a position.
    pub(crate) fn push_from(&mut self, base: usize, other: &Self, position: usize) {
        let resolution = other.resolution(position);
        if resolution == 0 {
            return;
        }
        self.extend(base, 1, resolution);
        for side in SIDES {
            if let Some(value) = other.side(side, position) {
                self.side_from(side, base).push(value);
            }
        }
    }

    /// Drops the samples `from..to` and those from `end` on.
    pub(crate) fn keep(&mut self, from: usize, to: usize, end: usize) {
        fn cut<T>(column: &mut Vec<T>, from: usize, to: usize, end: usize) {
            column.truncate(end);
            column.drain(from.min(column.len())..to.min(column.len()));
        }
        cut(&mut self.resolutions, from, to, end);
        self.sides.iter_mut().for_each(|side| cut(side, from, to, end));
        if self.resolutions.iter().all(|resolution| *resolution == 0) {
            self.clear();
        }
    }

    /// Raw samples between two of the same resolution count as such, so that they share frames. `value` tells
    /// the value of a sample; nothing changes for a reader.
    pub(crate) fn adopt(&mut self, value: impl Fn(usize) -> Option<f64>) {
        let mut at = 0;
        while let Some(resolution) = self.resolutions.get(at).copied() {
            let from = at + 1;
            let raw = self.resolutions.iter().skip(from).take_while(|one| **one == 0).count();
            at = from + raw;
            if resolution == 0 || raw == 0 || self.resolution(at) != resolution {
                continue;
            }
            if !(from..at).all(|position| value(position).is_some()) {
                continue;
            }
            for position in from..at {
                let Some(value) = value(position) else { continue };
                let count = if crate::sample::is_stale_nan(value) { 0.0 } else { 1.0 };
                for (column, number) in self.sides.iter_mut().zip([value, value, value, count]) {
                    if let Some(place) = column.get_mut(position) {
                        *place = number;
                    }
                }
                if let Some(place) = self.resolutions.get_mut(position) {
                    *place = resolution;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(resolution: u32, value: f64) -> Row {
        Row { resolution, sides: [value, value + 1.0, value + 2.0, 3.0] }
    }

    #[test]
    fn what_is_not_told_is_raw() {
        let mut rows = Rows::default();
        assert!(rows.is_empty() && rows.resolution(4) == 0 && rows.count(4) == 1.0);
        rows.push(2, row(60, 7.0));
        assert_eq!((rows.resolution(1), rows.resolution(2), rows.resolution(3)), (0, 60, 0));
        assert_eq!((rows.count(1), rows.count(2), rows.side(Side::Min, 1)), (1.0, 3.0, None));
        assert_eq!(SIDES.map(|side| rows.side(side, 2)), [Some(7.0), Some(8.0), Some(9.0), Some(3.0)]);
    }

    #[test]
    fn a_cut_leaves_the_positions_right() {
        let mut rows = Rows::default();
        for at in 0..6 {
            rows.push(at, row(60, at as f64));
        }
        rows.keep(1, 3, 5);
        assert_eq!(
            (0..4).map(|at| rows.side(Side::Min, at)).collect::<Vec<_>>(),
            [Some(0.0), Some(3.0), Some(4.0), None]
        );
        rows.keep(0, 9, 9);
        assert!(rows.is_empty());
    }

    #[test]
    fn raw_samples_between_rows_become_rows_that_say_the_same() {
        let mut rows = Rows::default();
        rows.push(1, row(60, 0.0));
        rows.push(3, row(60, 0.0));
        rows.push(5, row(90, 0.0));
        rows.adopt(|at| Some(at as f64));
        assert_eq!((0..6).map(|at| rows.resolution(at)).collect::<Vec<_>>(), [0, 60, 60, 60, 0, 90]);
        assert_eq!(SIDES.map(|side| rows.side(side, 2)), [Some(2.0), Some(2.0), Some(2.0), Some(1.0)]);
        let mut kept = Rows::default();
        kept.push(0, row(60, 0.0));
        kept.push(2, row(60, 0.0));
        kept.adopt(|_| None);
        assert_eq!(kept.resolution(1), 0, "a histogram");
    }
}
