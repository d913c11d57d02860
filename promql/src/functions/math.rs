//! Functions of one number.

/// A row of the table: PromQL name and what it computes.
type MathFunction = (&'static str, fn(f64) -> f64);

/// Name and function, sorted by name.
pub(crate) const MATH: &[MathFunction] = &[
    ("abs", f64::abs),
    ("acos", f64::acos),
    ("acosh", f64::acosh),
    ("asin", f64::asin),
    ("asinh", f64::asinh),
    ("atan", f64::atan),
    ("atanh", f64::atanh),
    ("ceil", f64::ceil),
    ("cos", f64::cos),
    ("cosh", f64::cosh),
    ("deg", |v| v * 180.0 / std::f64::consts::PI),
    ("exp", f64::exp),
    ("floor", f64::floor),
    ("ln", f64::ln),
    ("log10", f64::log10),
    ("log2", f64::log2),
    ("rad", |v| v * std::f64::consts::PI / 180.0),
    ("sgn", |v| {
        if v > 0.0 {
            1.0
        } else if v < 0.0 {
            -1.0
        } else {
            v
        }
    }),
    ("sin", f64::sin),
    ("sinh", f64::sinh),
    ("sqrt", f64::sqrt),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
];

/// To the nearest multiple, halves upwards; the inverse keeps digits that the multiple itself would lose.
pub(crate) fn round(value: f64, nearest: f64) -> f64 {
    let inverse = 1.0 / nearest;
    (value * inverse + 0.5).floor() / inverse
}

/// The greater of two as Go has it: an infinity wins over NaN, and NaN over all else.
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 && a.is_sign_negative() {
        b
    } else {
        a.max(b)
    }
}

/// The lesser of two, likewise.
pub(crate) fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_win_over_nan_and_nan_over_numbers() {
        const INF: f64 = f64::INFINITY;
        assert_eq!((max(INF, f64::NAN), max(f64::NAN, INF)), (INF, INF));
        assert_eq!((min(-INF, f64::NAN), min(f64::NAN, -INF)), (-INF, -INF));
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan() && max(-INF, f64::NAN).is_nan());
        assert_eq!((max(1.0, 2.0), min(1.0, 2.0)), (2.0, 1.0));
        assert!(max(-0.0, 0.0).is_sign_positive() && min(0.0, -0.0).is_sign_negative());
    }
}
