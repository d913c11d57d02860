//! What start timestamps say about a counter: since when it counts. All times are ms, 0 is no start.

/// Whether a sample's start announces a reset since the sample before it.
#[inline]
pub(super) fn is_reset(previous_start: i64, previous: i64, start: i64, time: i64) -> bool {
    // A start at the sample itself is how OpenTelemetry writes that it is not known.
    if start == 0 || start >= time || start < previous {
        return false;
    }
    // Where the start meets the previous sample, a series of deltas (whose samples all know their starts) is
    // reset each time; a cumulative one whose start was not known is not.
    start > previous || (previous_start != 0 && previous_start < previous)
}

/// Whether a sample claims to have counted while the one before it, of another start, was still counting.
#[inline]
pub(super) fn overlap(previous_start: i64, previous: i64, start: i64) -> bool {
    start != 0 && start < previous && start != previous_start
}

/// The time within a window at which the counter of its first sample was zero.
#[inline]
pub(super) fn zero_within(window_start: i64, start: i64, first: i64) -> Option<i64> {
    (start != 0 && start > window_start && start < first).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_after_the_previous_sample_is_a_reset() {
        assert!(is_reset(0, 10, 11, 20));
        assert!(!is_reset(0, 10, 9, 20));
        assert!(!is_reset(0, 10, 0, 20));
        assert!(!is_reset(0, 10, 20, 20));
        assert!(!is_reset(0, 10, 21, 20));
    }

    #[test]
    fn a_start_at_the_previous_sample_resets_only_deltas() {
        assert!(is_reset(5, 10, 10, 20));
        assert!(!is_reset(0, 10, 10, 20));
        assert!(!is_reset(10, 10, 10, 20));
        assert!(!is_reset(15, 10, 10, 20));
    }

    #[test]
    fn starts_overlap_when_the_later_one_lies_before_the_previous_sample() {
        assert!(overlap(1, 10, 5));
        assert!(!overlap(5, 10, 5));
        assert!(!overlap(1, 10, 10));
        assert!(!overlap(1, 10, 0));
    }

    #[test]
    fn the_start_of_a_window_is_outside_it() {
        assert_eq!(zero_within(5, 6, 10), Some(6));
        assert_eq!(zero_within(5, 5, 10), None);
        assert_eq!(zero_within(5, 10, 10), None);
        assert_eq!(zero_within(-5, 0, 10), None);
    }
}
