//! Where the floats of a window are heading: `deriv`, `predict_linear`, `double_exponential_smoothing`.

use super::windows;
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use crate::numeric::KahanSum;

pub(super) fn deriv(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    windows::of_floats(input, annotations, |split, step| {
        let (timestamps, values) = split.floats.slices(step);
        // Times are counted from nearby, or their squares would eat the digits.
        if let (&[first, _, ..], &[_, _, ..]) = (timestamps, values) {
            out.set(step, regression(timestamps, values, first).slope);
        }
    });
    Ok(())
}

pub(super) fn predict_linear(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    let ahead = param(input, 0);
    windows::of_floats(input, annotations, |split, step| {
        let (timestamps, values) = split.floats.slices(step);
        let (Some(seconds), Some(now)) = (ahead.get(step), input.times.get(step)) else { return };
        if values.len() >= 2 {
            let line = regression(timestamps, values, *now);
            out.set(step, line.slope * seconds + line.intercept);
        }
    });
    Ok(())
}

pub(super) fn double_exponential_smoothing(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    let (levels, trends) = (param(input, 0), param(input, 1));
    // Only steps that have samples ask for their factors.
    for ((from, to), (level, trend)) in input.windows.iter().zip(levels.iter().zip(trends)) {
        if from < to {
            check_factor("smoothing", "sf", *level)?;
            check_factor("trend", "tf", *trend)?;
        }
    }
    windows::of_floats(input, annotations, |split, step| {
        let (Some(level), Some(trend)) = (levels.get(step), trends.get(step)) else { return };
        if let Some(value) = smooth(split.floats.slices(step).1, *level, *trend) {
            out.set(step, value);
        }
    });
    Ok(())
}

/// The values of a scalar argument.
fn param<'a>(input: &RangeInput<'a>, at: usize) -> &'a [f64] {
    input.params.get(at).map_or(&[], Vec::as_slice)
}

fn check_factor(name: &str, letters: &str, value: f64) -> Result<(), EngineError> {
    if value <= 0.0 || value >= 1.0 {
        let shown =
            if value.is_infinite() { crate::numeric::format_float(value) } else { format!("{value:.6}") };
        return Err(EngineError::Exec(format!(
            "invalid {name} factor. Expected: 0 < {letters} < 1, got: {shown}"
        )));
    }
    Ok(())
}

/// A straight line; x is in seconds.
struct Line {
    slope: f64,
    /// At the origin.
    intercept: f64,
}

/// The line of least squares through samples; x is counted from `origin`, ms.
fn regression(timestamps: &[i64], values: &[f64], origin: i64) -> Line {
    let first = values.first().copied().unwrap_or(f64::NAN);
    if values.iter().all(|value| *value == first) {
        return if first.is_infinite() {
            Line { slope: f64::NAN, intercept: f64::NAN }
        } else {
            Line { slope: 0.0, intercept: first }
        };
    }
    let mut sums = [KahanSum::default(); 4];
    for (time, y) in timestamps.iter().zip(values) {
        let x = time.saturating_sub(origin) as f64 / 1000.0;
        for (sum, term) in sums.iter_mut().zip([x, *y, x * y, x * x]) {
            sum.add(term);
        }
    }
    let n = values.len() as f64;
    let [x, y, xy, x2] = sums.map(KahanSum::value);
    let slope = (xy - x * y / n) / (x2 - x * x / n);
    Line { slope, intercept: y / n - slope * x / n }
}

/// Holt's double exponential smoothing: the level after the last of at least two values.
fn smooth(values: &[f64], smoothing: f64, trend: f64) -> Option<f64> {
    let &[first, second, ..] = values else { return None };
    let (mut before, mut level, mut slope) = (0.0, first, second - first);
    for (at, value) in values.iter().enumerate().skip(1) {
        let raw = smoothing * value;
        if at > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = raw + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    Some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_points_on_a_line_is_that_line() {
        let line = regression(&[0, 1_000, 2_000], &[1.0, 3.0, 5.0], 1_000);
        assert_eq!((line.slope, line.intercept), (2.0, 3.0));
    }

    #[test]
    fn equal_values_have_no_slope_and_infinite_ones_no_line() {
        assert_eq!(regression(&[0, 7], &[4.0, 4.0], 0).slope, 0.0);
        assert!(regression(&[0, 7], &[f64::INFINITY; 2], 0).slope.is_nan());
    }

    #[test]
    fn a_factor_lies_between_zero_and_one() {
        let text = check_factor("smoothing", "sf", 1.5).unwrap_err().to_string();
        assert_eq!(text, "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.500000");
        assert!(check_factor("trend", "tf", 0.5).is_ok());
    }
}
