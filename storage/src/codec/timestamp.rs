//! Timestamp columns: first value, first interval, then residuals to the regular grid, bit-packed.

use super::value::FRAME_MAX;
use super::{CodecError, bits, varint};
use std::ops::Range;
use std::sync::Arc;

/// Appends a strictly increasing column of milliseconds.
pub fn encode(timestamps: &[i64], out: &mut Vec<u8>) {
    varint::put(out, timestamps.len() as u64);
    let Some(&first) = timestamps.first() else { return };
    varint::put_signed(out, first);
    // A span that no step can tell is all residuals.
    let span = timestamps.last().and_then(|last| last.checked_sub(first)).unwrap_or(0);
    let step = span / (timestamps.len() as i64 - 1).max(1);
    varint::put_signed(out, step);
    let residual = |i: usize, t: i64| varint::zigzag(t.wrapping_sub(grid(first, step, i)));
    let width =
        timestamps.iter().enumerate().map(|(i, &t)| 64 - residual(i, t).leading_zeros()).max().unwrap_or(0);
    out.push(width as u8);
    bits::pack(timestamps.iter().enumerate().map(|(i, &t)| residual(i, t)), width, out);
}

/// A column of strictly increasing timestamps, ms. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timeline {
    /// Every interval is the same.
    Regular {
        /// First timestamp.
        first: i64,
        /// Interval, above 0 when there is more than one timestamp.
        step: i64,
        /// Timestamps.
        count: usize,
    },
    /// Any timestamps.
    Listed(Arc<[i64]>),
}

impl Timeline {
    /// A strictly increasing column.
    #[must_use]
    pub fn of(timestamps: &[i64]) -> Self {
        Self::regular(timestamps).unwrap_or_else(|| Self::Listed(Arc::from(timestamps)))
    }

    /// The column, when all its intervals are the same.
    #[must_use]
    pub fn regular(timestamps: &[i64]) -> Option<Self> {
        let first = timestamps.first().copied().unwrap_or(0);
        let step = timestamps.get(1).map_or(Some(0), |second| second.checked_sub(first))?;
        let even = |pair: &[i64]| matches!(pair, [a, b] if b.checked_sub(*a) == Some(step));
        timestamps.windows(2).all(even).then_some(Self::Regular { first, step, count: timestamps.len() })
    }

    /// Takes a column off the front of `bytes`.
    ///
    /// # Errors
    /// The bytes are no column, or it does not increase.
    pub fn decode(bytes: &mut &[u8]) -> Result<Self, CodecError> {
        let count = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("count too large"))?;
        if count == 0 {
            return Ok(Self::Regular { first: 0, step: 0, count });
        }
        if count > FRAME_MAX {
            return Err(CodecError("timestamp column too long"));
        }
        let first = varint::take_signed(bytes)?;
        let step = varint::take_signed(bytes)?;
        let width = u32::from(varint::take_u8(bytes)?);
        if width == 0 {
            let last = step.checked_mul(count as i64 - 1).and_then(|length| first.checked_add(length));
            let increases = last.is_some() && (count == 1 || step > 0);
            let column = Self::Regular { first, step, count };
            return if increases { Ok(column) } else { Err(CodecError("timestamps do not increase")) };
        }
        let mut residuals = [0; FRAME_MAX];
        let residuals = residuals.get_mut(..count).unwrap_or_default();
        bits::unpack(bytes, width, residuals)?;
        let at =
            |(i, residual): (usize, &u64)| grid(first, step, i).wrapping_add(varint::unzigzag(*residual));
        let column: Arc<[i64]> = residuals.iter().enumerate().map(at).collect();
        match column.is_sorted_by(|a, b| a < b) {
            true => Ok(Self::Listed(column)),
            false => Err(CodecError("timestamps do not increase")),
        }
    }

    /// Whether both are the same column, as far as that is known without a look at listed timestamps.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Listed(a), Self::Listed(b)) => Arc::ptr_eq(a, b),
            (Self::Regular { .. }, Self::Regular { .. }) => self == other,
            _ => false,
        }
    }

    /// Whether these are the timestamps.
    #[must_use]
    pub fn holds(&self, timestamps: &[i64]) -> bool {
        match self {
            Self::Listed(listed) => **listed == *timestamps,
            Self::Regular { first, step, count } => {
                let even = |(i, timestamp): (usize, &i64)| *timestamp == grid(*first, *step, i);
                *count == timestamps.len() && timestamps.iter().enumerate().all(even)
            }
        }
    }

    /// The number of timestamps.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Regular { count, .. } => *count,
            Self::Listed(timestamps) => timestamps.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// First and last timestamp.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        match self {
            Self::Regular { first, step, count } => {
                let last = count.checked_sub(1)?;
                Some((*first, grid(*first, *step, last)))
            }
            Self::Listed(timestamps) => timestamps.first().copied().zip(timestamps.last().copied()),
        }
    }

    /// The positions of the timestamps within `[mint, maxt]`.
    #[must_use]
    pub fn within(&self, mint: i64, maxt: i64) -> Range<usize> {
        match self.range() {
            Some((first, last)) if mint <= first && last <= maxt => 0..self.len(),
            Some((first, last)) if mint <= last && first <= maxt => {
                let from = self.count_below(mint);
                from..maxt.checked_add(1).map_or(self.len(), |end| self.count_below(end)).max(from)
            }
            _ => 0..0,
        }
    }

    /// The first timestamp at or after `from`.
    #[must_use]
    pub fn first_from(&self, from: i64) -> Option<i64> {
        let at = self.count_below(from);
        match self {
            Self::Regular { first, step, count } => (at < *count).then(|| grid(*first, *step, at)),
            Self::Listed(timestamps) => timestamps.get(at).copied(),
        }
    }

    /// How many timestamps are before `end`.
    fn count_below(&self, end: i64) -> usize {
        match self {
            Self::Regular { first, .. } if end <= *first => 0,
            Self::Regular { first, step, count } => {
                let past = i128::from(end) - i128::from(*first) - 1;
                usize::try_from(past / i128::from((*step).max(1)) + 1).unwrap_or(*count).min(*count)
            }
            Self::Listed(timestamps) => timestamps.partition_point(|timestamp| *timestamp < end),
        }
    }

    /// Appends the timestamps at some positions.
    pub fn extend(&self, positions: Range<usize>, out: &mut Vec<i64>) {
        match self {
            Self::Regular { first, step, count } => {
                let positions = positions.start..positions.end.min(*count);
                out.extend(positions.map(|i| grid(*first, *step, i)));
            }
            Self::Listed(timestamps) => {
                out.extend_from_slice(timestamps.get(positions).unwrap_or_default());
            }
        }
    }
}

fn grid(first: i64, step: i64, i: usize) -> i64 {
    first.wrapping_add(step.wrapping_mul(i as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_regular_grid_costs_no_bits_per_sample() {
        let column: Vec<i64> = (0..480).map(|i| 1_700_000_000_000 + i * 15_000).collect();
        let mut out = Vec::new();
        encode(&column, &mut out);
        assert!(out.len() < 16, "{}", out.len());
    }

    proptest! {
        #[test]
        fn columns_come_back(
            column in prop_oneof![
                Just([i64::MIN, i64::MAX].into()),
                proptest::collection::btree_set(any::<i64>(), 0..480),
                proptest::collection::btree_set(-2000i64..2000, 0..480),
                (any::<i32>(), 1i64..1_000_000, 0i64..480)
                    .prop_map(|(first, step, n)| (0..n).map(|i| i64::from(first) + i * step).collect()),
            ],
            mint in -2500i64..2500, length in -10i64..3000,
        ) {
            let column: Vec<i64> = column.into_iter().collect();
            let mut bytes = Vec::new();
            encode(&column, &mut bytes);
            let mut rest = bytes.as_slice();
            let back = Timeline::decode(&mut rest).unwrap();
            prop_assert!(rest.is_empty());
            for timeline in [Timeline::of(&column), back] {
                let mut all = Vec::new();
                timeline.extend(0..timeline.len(), &mut all);
                prop_assert_eq!(&all, &column);
                prop_assert!(timeline.holds(&column));
                let longer: Vec<i64> = column.iter().copied().chain([7]).collect();
                prop_assert!(!timeline.holds(&longer));
                if let Some((last, before)) = column.split_last() {
                    let other: Vec<i64> = before.iter().copied().chain([last.wrapping_add(1)]).collect();
                    prop_assert!(!timeline.holds(&other) && !timeline.holds(before));
                }
                prop_assert_eq!(timeline.first_from(mint), column.iter().copied().find(|t| *t >= mint));
                prop_assert_eq!(timeline.range(), column.first().copied().zip(column.last().copied()));
                for (mint, maxt) in [(mint, mint.saturating_add(length)), (i64::MIN, mint), (mint, i64::MAX)] {
                    let mut some = Vec::new();
                    timeline.extend(timeline.within(mint, maxt), &mut some);
                    let want: Vec<i64> = column.iter().copied().filter(|t| (mint..=maxt).contains(t)).collect();
                    prop_assert_eq!(some, want);
                }
            }
        }

        #[test]
        fn any_bytes_are_a_column_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(timeline) = Timeline::decode(&mut bytes.as_slice()) {
                let mut all = Vec::new();
                timeline.extend(0..timeline.len(), &mut all);
                prop_assert!(all.is_sorted_by(|a, b| a < b));
            }
        }
    }
}
