//! Values between two samples.

use super::histograms::{add, subtract};
use super::remarks::Marks;
use narthex_storage::FloatHistogram;

/// The value on the line between two samples (time in ms, value). A counter that fell between them is taken to
/// have started from zero right after the first.
pub(super) fn floats(before: (i64, f64), after: (i64, f64), time: i64, counter: bool) -> f64 {
    let from = if counter && after.1 < before.1 { 0.0 } else { before.1 };
    from + (after.1 - from) * (time - before.0) as f64 / (after.0 - before.0) as f64
}

/// The histogram between two histograms, likewise; `None` where the kinds of their buckets differ.
pub(super) fn histograms(
    (time_before, before): (i64, &FloatHistogram),
    (time_after, after): (i64, &FloatHistogram),
    time: i64,
    counter: bool,
    marks: &mut Marks,
) -> Option<FloatHistogram> {
    if time == time_before {
        return Some(before.clone());
    }
    let mut between = after.clone();
    if time == time_after {
        return Some(between);
    }
    let part = (time - time_before) as f64 / (time_after - time_before) as f64;
    if counter && after.detect_reset(before) {
        between.mul(part);
        return Some(between);
    }
    subtract(&mut between, before, marks)?;
    between.mul(part);
    add(&mut between, before, marks)?;
    Some(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_lie_on_the_line_and_counters_start_from_zero() {
        assert_eq!(floats((0, 200.0), (2, 100.0), 1, false), 150.0);
        assert_eq!(floats((0, 200.0), (2, 100.0), 1, true), 50.0);
        assert_eq!(floats((1, 100.0), (2, 200.0), 1, true), 100.0);
    }

    #[test]
    fn histograms_lie_on_the_line_and_counters_start_from_zero() {
        let of = |count: f64| FloatHistogram { count, sum: count, ..FloatHistogram::default() };
        let count = |before: f64, after: f64, time, counter| {
            let mut marks = Marks::default();
            histograms((0, &of(before)), (20, &of(after)), time, counter, &mut marks).map(|h| h.count)
        };
        assert_eq!(count(1.0, 3.0, 0, true), Some(1.0));
        assert_eq!(count(1.0, 3.0, 20, true), Some(3.0));
        assert_eq!(count(1.0, 3.0, 10, true), Some(2.0));
        assert_eq!(count(3.0, 1.0, 10, true), Some(0.5));
        assert_eq!(count(3.0, 1.0, 10, false), Some(2.0));
    }
}
