//! Listed bounds that differ: what two histograms have in common.

use super::{Buckets, FloatHistogram};
use std::sync::Arc;

/// The bounds that both ascending lists have.
pub(super) fn intersection(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    let mut others = b.iter().copied().peekable();
    let shared = |bound: &f64| {
        while others.next_if(|other| *other < *bound).is_some() {}
        others.next_if(|other| *other == *bound).is_some()
    };
    a.iter().copied().filter(shared).collect()
}

/// Goes through a histogram's buckets in order and says for each, to which bucket of a coarser list of bounds
/// it belongs, its place in the column and its population.
pub(super) fn each_target(h: &FloatHistogram, bounds: &[f64], mut visit: impl FnMut(usize, usize, f64)) {
    let mut target = 0;
    for (row, (index, count)) in h.positive.iter().enumerate() {
        let upper = h.bound(index);
        while bounds.get(target).is_some_and(|bound| *bound < upper) {
            target += 1;
        }
        visit(target, row, count);
    }
}

/// The buckets that are populated among those from index 0 on.
pub(super) fn populated(counts: &[f64]) -> Buckets {
    let mut buckets = Buckets::default();
    for (index, count) in (0i32..).zip(counts) {
        if *count != 0.0 {
            buckets.push(index, *count);
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::custom;
    use super::*;

    #[test]
    fn shared_bounds_are_found_in_order() {
        assert_eq!(*intersection(&[1.0, 2.0, 3.0, 9.0], &[0.0, 2.0, 3.0, 4.0]), [2.0, 3.0]);
        assert!(intersection(&[], &[1.0]).is_empty());
        assert!(intersection(&[1.0], &[2.0]).is_empty());
    }

    #[test]
    fn a_bucket_goes_where_its_upper_bound_lies() {
        let h = custom(&[1.0, 2.0, 3.0], &[(0, 1.0), (2, 2.0), (3, 4.0)]);
        let mut seen = Vec::new();
        each_target(&h, &[2.0], |at, row, count| seen.push((at, row, count)));
        assert_eq!(seen, [(0, 0, 1.0), (1, 1, 2.0), (1, 2, 4.0)]);
    }
}
