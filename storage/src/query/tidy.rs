//! Brings the samples that several parts of a store gave into order.

use super::Columns;
use std::sync::Arc;

/// Brings the samples from `start` on into strict time order, within the range. The common case, already
/// in order, is only looked at.
pub(crate) fn tidy(out: &mut Columns, start: usize, mint: i64, maxt: i64) {
    let tail = out.timestamps.get(start..).unwrap_or_default();
    let ordered = tail.windows(2).all(|pair| pair.first() < pair.last());
    if ordered {
        let from = tail.partition_point(|t| *t < mint);
        let to = tail.partition_point(|t| *t <= maxt).max(from);
        out.keep(start, from..to);
        return;
    }
    let mut order: Vec<(i64, usize)> = tail
        .iter()
        .enumerate()
        .map(|(at, t)| (*t, start + at))
        .filter(|(t, _)| (mint..=maxt).contains(t))
        .collect();
    // Of two samples for one timestamp the first read, the older part's, stays.
    order.sort_unstable();
    order.dedup_by_key(|(t, _)| *t);
    let all = out.clone();
    out.keep(start, 0..0);
    for (timestamp, at) in order {
        match (all.histogram(at), all.values.get(at)) {
            (Some(histogram), _) => out.push_histogram(timestamp, Arc::clone(histogram), all.start(at)),
            (None, Some(value)) => out.push_started(timestamp, *value, all.start(at)),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::FloatHistogram;

    #[test]
    fn parts_in_any_order_are_merged_with_all_their_columns() {
        let histogram = |count: f64| Arc::new(FloatHistogram { count, ..FloatHistogram::default() });
        let mut out = Columns::default();
        out.push(9, 9.0);
        for (t, start) in [(5, 1), (7, 0)] {
            out.push_histogram(t, histogram(t as f64), start);
        }
        for (t, value) in [(3, 3.0), (4, 4.0), (5, 50.0), (6, 6.0)] {
            out.push(t, value);
        }
        tidy(&mut out, 1, 4, 6);
        assert_eq!(out.timestamps, [9, 4, 5, 6]);
        assert_eq!(out.starts, [0, 0, 1, 0]);
        assert_eq!(out.histograms, [(2, histogram(5.0))]);
        assert_eq!((out.values[0], out.values[1], out.values[3]), (9.0, 4.0, 6.0));
        let mut ordered = Columns::default();
        (0..5).for_each(|t| ordered.push_histogram(t, histogram(t as f64), t));
        tidy(&mut ordered, 1, 2, 3);
        assert_eq!((ordered.timestamps, ordered.starts), (vec![0, 2, 3], vec![0, 2, 3]));
        let positions: Vec<_> = ordered.histograms.iter().map(|(at, h)| (*at, h.count)).collect();
        assert_eq!(positions, [(0, 0.0), (1, 2.0), (2, 3.0)]);
    }
}
