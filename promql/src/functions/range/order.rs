//! Order statistics of the floats in a window.

use super::windows;
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use crate::numeric::format_short;
use std::cmp::Ordering;

pub(super) fn quantile(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    let wanted = input.params.first().map_or(&[][..], Vec::as_slice);
    let mut scratch = Vec::new();
    let mut outside = None;
    windows::of_floats(input, annotations, |split, step| {
        let Some(q) = wanted.get(step).copied() else { return };
        if !(0.0..=1.0).contains(&q) {
            outside.get_or_insert_with(Vec::new).push(q);
        }
        scratch.clear();
        scratch.extend_from_slice(split.floats.slices(step).1);
        out.set(step, quantile_of(q, &mut scratch));
    });
    let mut last: Option<f64> = None;
    for q in outside.unwrap_or_default() {
        if last.is_none_or(|last| last.to_bits() != q.to_bits()) {
            let text = format!("quantile value should be between 0 and 1, got {}", format_short(q));
            annotations.warn(text, input.span);
        }
        last = Some(q);
    }
    Ok(())
}

/// Median of the distances from the median.
pub(super) fn mad(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    let mut scratch = Vec::new();
    windows::of_floats(input, annotations, |split, step| {
        let values = split.floats.slices(step).1;
        // Where a value is unknown, so is the middle of them.
        if values.iter().any(|value| value.is_nan()) {
            return out.set(step, f64::NAN);
        }
        scratch.clear();
        scratch.extend_from_slice(values);
        let median = quantile_of(0.5, &mut scratch);
        scratch.iter_mut().for_each(|value| *value = (*value - median).abs());
        out.set(step, quantile_of(0.5, &mut scratch));
    });
    Ok(())
}

/// The φ-quantile, between the two values next to its rank; leaves the values in another order. Sorting them
/// all would give the same digits.
fn quantile_of(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let last = values.len() - 1;
    let rank = q * last as f64;
    let weight = rank - rank.floor();
    let (_, lower, above) = values.select_nth_unstable_by((rank.floor() as usize).min(last), nan_first);
    // At the last rank there is none above; it then stands for both.
    let upper = above.iter().copied().min_by(nan_first).unwrap_or(*lower);
    *lower * (1.0 - weight) + upper * weight
}

fn nan_first(a: &f64, b: &f64) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn selection_gives_what_sorting_gives(
            q in prop_oneof![0.0..=1.0, Just(0.0), Just(1.0), Just(0.5)],
            values in proptest::collection::vec(prop_oneof![-1e3..1e3, Just(f64::NAN), Just(7.0)], 1..40),
        ) {
            let sorted = crate::numeric::quantile(q, &mut values.clone());
            let selected = quantile_of(q, &mut values.clone());
            prop_assert_eq!(sorted.to_bits(), selected.to_bits());
        }
    }

    #[test]
    fn a_rank_outside_has_no_value() {
        assert_eq!(quantile_of(-0.1, &mut [1.0]), f64::NEG_INFINITY);
        assert_eq!(quantile_of(1.1, &mut [1.0]), f64::INFINITY);
        assert!(quantile_of(f64::NAN, &mut [1.0]).is_nan());
    }
}
