//! From the samples of a window to the whole window: by how much a change has to be stretched.

/// Samples closer to the window's edge than this many of their average distances are stretched up to it.
const CLOSE: f64 = 1.1;

/// How the samples of one window lie in it. Times are ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lie {
    /// Exclusive start and inclusive end of the window.
    pub(super) window: (i64, i64),
    /// First sample.
    pub(super) first: i64,
    /// Last sample.
    pub(super) last: i64,
    /// Number of samples.
    pub(super) count: usize,
    /// When the counter was zero, if its start timestamp says so.
    pub(super) zero: Option<i64>,
}

impl Lie {
    /// The factor for the change between the first and the last sample (or since zero), `None` when there is
    /// nothing to measure a change from. `to_zero` is what part of the change the counter had already before
    /// the first sample, where that is known: it was not below zero before.
    #[inline]
    pub(super) fn factor(&self, to_zero: Option<f64>) -> Option<f64> {
        let mut to_end = (self.window.1 - self.last) as f64 / 1000.0;
        let mut sampled = (self.last - self.first) as f64 / 1000.0;
        let average = if self.count > 1 { sampled / (self.count - 1) as f64 } else { 0.0 };
        let close = average * CLOSE;
        let mut to_start = 0.0;
        if let Some(zero) = self.zero {
            sampled = (self.last - zero) as f64 / 1000.0;
        } else if self.count < 2 {
            return None;
        } else {
            to_start = (self.first - self.window.0) as f64 / 1000.0;
            if to_start >= close {
                to_start = average / 2.0;
            }
            if let Some(part) = to_zero {
                let to_zero = sampled * part;
                if to_zero < to_start {
                    to_start = to_zero;
                }
            }
        }
        if to_end >= close {
            to_end = average / 2.0;
        }
        Some(if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled })
    }
}

impl Lie {
    /// The stretch to the left, before a counter's zero bounds it, as a share of the sampled time; not less than
    /// it is, and infinite where nothing is sampled.
    pub(super) fn left_share(&self) -> f64 {
        let sampled = (self.last - self.first) as f64;
        let close = sampled / self.count.saturating_sub(1).max(1) as f64 * CLOSE;
        let left = (self.first - self.window.0) as f64;
        if sampled > 0.0 { left.min(close).max(0.0) / sampled } else { f64::INFINITY }
    }
}

/// A length of time in seconds, rounded as Go's `Duration.Seconds` rounds: whole seconds and the rest apart.
pub(super) fn seconds(ms: i64) -> f64 {
    (ms / 1000) as f64 + ((ms % 1000) * 1_000_000) as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_near_the_edges_stand_for_the_whole_window() {
        let lie = Lie { window: (0, 60_000), first: 5_000, last: 50_000, count: 4, zero: None };
        assert_eq!(lie.factor(None), Some(60.0 / 45.0));
    }

    #[test]
    fn samples_far_from_the_edges_stand_for_half_a_distance_more() {
        let lie = Lie { window: (0, 300_000), first: 100_000, last: 130_000, count: 3, zero: None };
        assert_eq!(lie.factor(None), Some((30.0 + 7.5 + 7.5) / 30.0));
    }

    #[test]
    fn a_counter_is_not_stretched_below_zero() {
        let lie = Lie { window: (0, 60_000), first: 10_000, last: 60_000, count: 6, zero: None };
        assert_eq!(lie.factor(Some(0.1)), Some(55.0 / 50.0));
    }

    #[test]
    fn one_sample_needs_a_start() {
        let lie = Lie { window: (0, 60_000), first: 30_000, last: 30_000, count: 1, zero: None };
        assert_eq!(lie.factor(None), None);
        assert_eq!(Lie { zero: Some(10_000), ..lie }.factor(None), Some(1.0));
    }

    #[test]
    fn seconds_have_their_fraction() {
        assert_eq!((seconds(300_000), seconds(1), seconds(90_500)), (300.0, 0.001, 90.5));
    }
}
