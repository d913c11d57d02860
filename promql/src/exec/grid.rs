//! Where the steps of a query fall among the timestamps of a series.
//!
//! The series of a target are scraped together and have the same timestamps: what is worked out for one of them
//! serves those that follow.

use crate::batch::{ColumnMut, words};

/// No sample at a step.
const NOTHING: u32 = u32::MAX;

/// The steps of one job among the timestamps of the last series.
#[derive(Default)]
pub(crate) struct Grid {
    /// The job; steps, ranges and lookback are the same throughout one.
    job: u64,
    timestamps: Vec<i64>,
    /// For each step the positions `from..to` of the samples in its window.
    pub(crate) windows: Vec<(u32, u32)>,
    /// How many samples all windows have; samples in several windows count in each.
    pub(crate) read: u64,
    /// For each step the position of its newest sample.
    newest: Vec<u32>,
    /// Which steps have one.
    present: Vec<u64>,
}

impl Grid {
    /// Whether the last series had these timestamps; takes them over if not.
    fn is_known(&mut self, job: u64, timestamps: &[i64]) -> bool {
        if self.job == job && self.timestamps == timestamps {
            return true;
        }
        self.job = job;
        self.timestamps.clear();
        self.timestamps.extend_from_slice(timestamps);
        false
    }

    /// Finds the windows `(end - range, end]`.
    pub(crate) fn windows(&mut self, job: u64, timestamps: &[i64], ends: &[i64], range_ms: i64) {
        if !self.is_known(job, timestamps) {
            self.read = windows_of(timestamps, ends, range_ms, &mut self.windows);
        }
    }

    /// Finds the newest sample within the lookback at each step.
    pub(crate) fn newest(&mut self, job: u64, timestamps: &[i64], ends: &[i64], lookback_ms: i64) {
        if self.is_known(job, timestamps) {
            return;
        }
        self.newest.clear();
        self.present.clear();
        self.present.resize(words(ends.len()), 0);
        self.read = 0;
        let mut cursor = 0;
        for (step, end) in ends.iter().enumerate() {
            // Steps ascend, but for `@` where all are the same.
            while timestamps.get(cursor).is_some_and(|t| t <= end) {
                cursor += 1;
            }
            let oldest = end.saturating_sub(lookback_ms);
            let at = cursor.checked_sub(1).filter(|at| timestamps.get(*at).is_some_and(|t| *t > oldest));
            if at.is_some()
                && let Some(word) = self.present.get_mut(step / 64)
            {
                *word |= 1 << (step % 64);
                self.read += 1;
            }
            // A column of 4 billion samples is beyond any budget.
            self.newest.push(at.and_then(|at| u32::try_from(at).ok()).unwrap_or(NOTHING));
        }
    }

    /// Writes the newest values of a series without markers; how many there are.
    pub(crate) fn gather(&self, values: &[f64], out: &mut ColumnMut<'_>) -> u64 {
        for (slot, at) in out.values.iter_mut().zip(&self.newest) {
            if let Some(value) = values.get(*at as usize) {
                *slot = *value;
            }
        }
        out.present.copy_from_slice(self.present.get(..out.present.len()).unwrap_or(&self.present));
        self.read
    }
}

/// For each end the positions of the samples in `(end - range, end]`; how many samples all windows have.
pub(crate) fn windows_of(timestamps: &[i64], ends: &[i64], range_ms: i64, out: &mut Vec<(u32, u32)>) -> u64 {
    out.clear();
    let (mut from, mut to) = (0usize, 0usize);
    let mut all = 0;
    for end in ends {
        let start = end.saturating_sub(range_ms);
        while timestamps.get(to).is_some_and(|t| t <= end) {
            to += 1;
        }
        while timestamps.get(from).is_some_and(|t| *t <= start) {
            from += 1;
        }
        let first = from.min(to);
        all += (to - first) as u64;
        // A column of 4 billion samples is beyond any budget.
        out.push((u32::try_from(first).unwrap_or(NOTHING), u32::try_from(to).unwrap_or(NOTHING)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;

    #[test]
    fn windows_are_open_at_their_start() {
        let mut windows = Vec::new();
        assert_eq!(windows_of(&[0, 10, 20, 30], &[10, 20, 45], 10, &mut windows), 2);
        assert_eq!(windows, [(1, 2), (2, 3), (4, 4)]);
    }

    #[test]
    fn a_series_with_other_timestamps_is_looked_at_anew() {
        let mut grid = Grid::default();
        let ends = [5, 15, 40];
        let mut batch = Batch::new(2, 3);
        grid.newest(1, &[0, 10, 20], &ends, 12);
        assert_eq!(grid.gather(&[1.0, 2.0, 3.0], &mut batch.column_mut(0)), 2);
        grid.newest(1, &[35], &ends, 12);
        assert_eq!(grid.gather(&[7.0], &mut batch.column_mut(1)), 1);
        let floats = |series: usize| (0..3).map(|step| batch.column(series).float(step)).collect::<Vec<_>>();
        assert_eq!(floats(0), [Some(1.0), Some(2.0), None]);
        assert_eq!(floats(1), [None, None, Some(7.0)]);
        grid.windows(2, &[35], &ends, 12);
        assert_eq!(grid.windows, [(0, 0), (0, 0), (0, 1)]);
    }
}
