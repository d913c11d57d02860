//! Sums and moments of the floats in a window, each added up anew in Prometheus's order: a running sum would
//! have other digits.

use super::windows;
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use crate::numeric::KahanSum;

pub(super) fn stddev(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    windows::of_floats(input, annotations, |split, step| {
        out.set(step, variance(split.floats.slices(step).1).sqrt());
    });
    Ok(())
}

pub(super) fn stdvar(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    windows::of_floats(input, annotations, |split, step| {
        out.set(step, variance(split.floats.slices(step).1));
    });
    Ok(())
}

/// The compensated sum.
pub(super) fn sum(values: &[f64]) -> f64 {
    let mut sum = KahanSum::default();
    values.iter().for_each(|value| sum.add(*value));
    sum.value()
}

/// The mean of at least one value: of the sum, or where that would leave the range of a float a running one.
pub(super) fn mean(values: &[f64]) -> f64 {
    let Some((first, rest)) = values.split_first() else { return f64::NAN };
    let mut sum = KahanSum::starting_at(*first);
    for (before, value) in rest.iter().enumerate() {
        let mut next = sum;
        next.add(*value);
        if next.is_infinite() {
            let tail = rest.get(before..).unwrap_or_default();
            return running_mean(sum, before + 1, tail);
        }
        sum = next;
    }
    sum.divided_by(values.len() as f64).value()
}

/// Goes on from a sum of `count` values with the mean instead.
fn running_mean(sum: KahanSum, count: usize, rest: &[f64]) -> f64 {
    let mut mean = sum.divided_by(count as f64);
    for (more, value) in rest.iter().enumerate() {
        let count = (count + more + 1) as f64;
        mean = mean.times((count - 1.0) / count);
        mean.add(value / count);
    }
    mean.value()
}

fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (KahanSum::default(), KahanSum::default());
    let mut count = 0.0;
    for value in values {
        count += 1.0;
        let distance = value - mean.value();
        mean.add(distance / count);
        squares.add(distance * (value - mean.value()));
    }
    squares.value() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_survives_a_sum_that_does_not() {
        assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
        assert_eq!(mean(&[1.0, 2.0, 6.0]), 3.0);
        assert_eq!(mean(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(mean(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn small_terms_survive_large_ones() {
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(mean(&[1.0, 1e100, 1.0, -1e100]), 0.5);
    }

    #[test]
    fn equal_values_have_no_variance() {
        assert_eq!(variance(&[1.599_050_563_727_786_8; 3]), 0.0);
        assert_eq!(variance(&[0.0, 2.0]), 1.0);
    }
}
