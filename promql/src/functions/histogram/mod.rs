//! Quantiles, fractions and spreads of histograms, native and classic.

pub(crate) mod classic;
pub(crate) mod native;

pub(crate) use classic::Bucket;

use crate::numeric::format_short;

/// A quantile as a label value: an OpenMetrics float, so `1` is `1.0`.
pub(crate) fn quantile_label(q: f64) -> String {
    if q == 0.0 {
        return "0.0".to_owned();
    }
    let text = format_short(q);
    let whole = text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
    if whole { text + ".0" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_labels_are_openmetrics_floats() {
        for (q, label) in [
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (1.0, "1.0"),
            (-1.0, "-1.0"),
            (0.99, "0.99"),
            (-0.1, "-0.1"),
            (1e-5, "1e-05"),
            (1e7, "1e+07"),
            (12.0, "12.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(quantile_label(q), label);
        }
    }
}
