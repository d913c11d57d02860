//! Where a counter of floats was reset, found once for all windows.

use super::split::Floats;
use super::starts;

/// Samples are looked through this many at a time; a block without a reset costs a comparison each.
const BLOCK: usize = 64;

/// The resets of a series: the position of the first sample after each, and the value before it.
#[derive(Debug, Default)]
pub(super) struct Drops {
    resets: Vec<(u32, f64)>,
    /// Positions of samples whose start overlaps with the sample before.
    overlaps: Vec<u32>,
}

impl Drops {
    /// Where values fall.
    pub(super) fn falling(values: &[f64]) -> Self {
        let mut resets = Vec::new();
        let later = values.get(1..).unwrap_or_default();
        for (block, (before, after)) in values.chunks(BLOCK).zip(later.chunks(BLOCK)).enumerate() {
            // Without a branch per sample this is a few vector instructions.
            if !before.iter().zip(after).fold(false, |any, (before, after)| any | (after < before)) {
                continue;
            }
            let pairs = before.iter().zip(after).enumerate().filter(|(_, (before, after))| after < before);
            resets.extend(pairs.map(|(i, (before, _))| ((block * BLOCK + i + 1) as u32, *before)));
        }
        Self { resets, overlaps: Vec::new() }
    }

    /// Where values fall or start timestamps say that the counter began anew.
    pub(super) fn of(floats: &Floats<'_>) -> Self {
        if floats.starts.is_empty() {
            return Self::falling(&floats.values);
        }
        let mut found = Self::default();
        let rows = floats.values.iter().zip(&*floats.timestamps).zip(&*floats.starts);
        let mut previous = None;
        for (at, ((&value, &time), &start)) in rows.enumerate() {
            if let Some((value_before, time_before, start_before)) = previous {
                if value < value_before || starts::is_reset(start_before, time_before, start, time) {
                    found.resets.push((at as u32, value_before));
                }
                if starts::overlap(start_before, time_before, start) {
                    found.overlaps.push(at as u32);
                }
            }
            previous = Some((value, time, start));
        }
        found
    }

    /// The values before the resets within the samples `from..to`, in their order. A reset at `from` itself
    /// is not within: it lies before the first of them.
    #[inline]
    pub(super) fn within(&self, from: usize, to: usize) -> impl Iterator<Item = f64> + '_ {
        let first = self.resets.partition_point(|(at, _)| *at as usize <= from);
        let rest = self.resets.get(first..).unwrap_or_default();
        rest.iter().take_while(move |(at, _)| (*at as usize) < to).map(|(_, before)| *before)
    }

    /// Whether starts overlap within the samples `from..to`.
    #[inline]
    pub(super) fn overlap_within(&self, from: usize, to: usize) -> bool {
        !self.overlaps.is_empty() && {
            let first = self.overlaps.partition_point(|at| *at as usize <= from);
            self.overlaps.get(first).is_some_and(|at| (*at as usize) < to)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_found_across_blocks() {
        let mut values: Vec<f64> = (0..200).map(f64::from).collect();
        values[64] = 1.0;
        values[130] = f64::NAN;
        values[199] = 0.0;
        let drops = Drops::falling(&values);
        assert_eq!(drops.within(0, 200).collect::<Vec<_>>(), [63.0, 198.0]);
        assert_eq!(drops.within(63, 199).collect::<Vec<_>>(), [63.0]);
        assert_eq!(drops.within(64, 199).count(), 0);
    }

    #[test]
    fn short_series_have_none() {
        assert_eq!(Drops::falling(&[]).within(0, 0).count(), 0);
        assert_eq!(Drops::falling(&[1.0]).within(0, 1).count(), 0);
    }
}
