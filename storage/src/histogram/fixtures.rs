//! Histograms for the tests of this directory.

use super::{Buckets, CUSTOM_BUCKETS_SCHEMA, FloatHistogram};
use proptest::prelude::*;

pub(super) fn buckets(pairs: &[(i32, f64)]) -> Buckets {
    Buckets {
        indices: pairs.iter().map(|(index, _)| *index).collect(),
        counts: pairs.iter().map(|(_, count)| *count).collect(),
    }
}

pub(super) fn custom(bounds: &[f64], pairs: &[(i32, f64)]) -> FloatHistogram {
    let positive = buckets(pairs);
    FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: positive.counts.iter().sum(),
        custom_values: bounds.into(),
        positive,
        ..FloatHistogram::default()
    }
}

/// Everything in buckets.
pub(super) fn population(h: &FloatHistogram) -> f64 {
    h.zero_count + h.positive.counts.iter().sum::<f64>() + h.negative.counts.iter().sum::<f64>()
}

/// Whole counts, some of them 0, at strictly ascending indices.
fn any_buckets(first: i32) -> impl Strategy<Value = Buckets> {
    prop::collection::vec((1..5i32, 0..20u8), 0..8).prop_map(move |rows| {
        let mut index = first;
        let mut side = Buckets::default();
        for (gap, count) in rows {
            index += gap;
            side.push(index, f64::from(count));
        }
        side
    })
}

/// Exponential histograms whose zero threshold lies at or below all populated buckets.
pub(super) fn any_histogram() -> impl Strategy<Value = FloatHistogram> {
    let sides = (any_buckets(-12), any_buckets(-12));
    (-4..=8i32, 0..50u8, sides, prop::bool::ANY).prop_map(|(schema, zero, (positive, negative), wide)| {
        let mut h = FloatHistogram {
            schema,
            zero_threshold: if wide { super::bounds::exponential_bound(-12, schema) } else { 1e-100 },
            zero_count: f64::from(zero),
            sum: f64::from(zero) * 1.5,
            positive,
            negative,
            ..FloatHistogram::default()
        };
        h.count = population(&h);
        h
    })
}

/// Histograms with listed bounds.
pub(super) fn any_custom() -> impl Strategy<Value = FloatHistogram> {
    (prop::collection::btree_set(-5..15i32, 0..8), prop::collection::vec(0..9u8, 0..9)).prop_map(
        |(bounds, counts)| {
            let bounds: Vec<f64> = bounds.into_iter().map(f64::from).collect();
            let pairs: Vec<(i32, f64)> =
                (0..).zip(counts.into_iter().map(f64::from)).take(bounds.len() + 1).collect();
            custom(&bounds, &pairs)
        },
    )
}
