//! Arithmetic whose digits have to agree with Prometheus's.

use narthex_storage::number::scientific;
pub use narthex_storage::number::{format_float, format_short, is_halfway};

/// A running sum with Neumaier's compensation, as Prometheus adds.
#[derive(Debug, Clone, Copy, Default)]
pub struct KahanSum {
    sum: f64,
    compensation: f64,
}

impl KahanSum {
    /// A sum whose first term is there.
    #[must_use]
    pub fn starting_at(value: f64) -> Self {
        Self { sum: value, compensation: 0.0 }
    }

    /// Both parts divided.
    #[must_use]
    pub fn divided_by(self, divisor: f64) -> Self {
        Self { sum: self.sum / divisor, compensation: self.compensation / divisor }
    }

    /// Both parts multiplied.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { sum: self.sum * factor, compensation: self.compensation * factor }
    }

    /// Whether the sum has left the range of a float (or had an infinite term).
    #[must_use]
    pub fn is_infinite(self) -> bool {
        self.sum.is_infinite()
    }

    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let total = self.sum + value;
        // Infinite totals carry no error term.
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    /// The compensated sum.
    #[inline]
    #[must_use]
    pub fn value(self) -> f64 {
        self.sum + self.compensation
    }
}

/// The φ-quantile of values in any order, as Prometheus interpolates it.
#[must_use]
pub fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    // NaN sorts first, as in Prometheus.
    values.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        _ => a.total_cmp(b),
    });
    let n = values.len() as f64;
    let rank = q * (n - 1.0);
    let lower = rank.floor().max(0.0);
    let upper = (lower + 1.0).min(n - 1.0);
    let weight = rank - rank.floor();
    let at = |i: f64| values.get(i as usize).copied().unwrap_or(f64::NAN);
    at(lower) * (1.0 - weight) + at(upper) * weight
}

/// Go's `%.Ng`: at most `digits` significant digits, trailing zeros cut.
#[must_use]
pub fn format_short_digits(value: f64, digits: usize) -> String {
    if !value.is_finite() || value == 0.0 {
        return format_float(value);
    }
    let precision = digits.max(1);
    let text = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if power < -4 || power >= precision as i32 {
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), power.abs());
    }
    trimmed(&format!("{value:.*}", (precision as i32 - 1 - power).max(0) as usize))
}

/// As in the JSON of the HTTP API: shortest digits, an exponent below 1e-6 and from 1e21.
#[must_use]
pub fn format_sample(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_finite() && magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let (digits, power) = scientific(value);
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", power.abs());
    }
    format_float(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_terms_survive_large_ones() {
        let mut sum = KahanSum::default();
        [1e100, 1.0, -1e100].into_iter().for_each(|v| sum.add(v));
        assert_eq!(sum.value(), 1.0);
    }

    #[test]
    fn numbers_print_as_in_go() {
        for (value, text) in [
            (1.5, "1.5"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1e-7, "1e-07"),
            (0.000_001, "0.000001"),
            (-0.0, "-0"),
            (2.5e-300, "2.5e-300"),
        ] {
            assert_eq!(format_sample(value), text);
        }
        for (value, text) in [
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (100_000.0, "100000"),
            (0.00001, "1e-05"),
            (-3.5, "-3.5"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(format_short(value), text);
        }
        assert_eq!(format_float(1e-7), "0.0000001");
        assert_eq!(format_float(f64::INFINITY), "+Inf");
    }

    #[test]
    fn of_two_shortest_texts_the_even_one_is_printed() {
        for (value, text) in [
            (-85_053_160_747.328_12, "-85053160747.32812"),
            (790_434.664_550_781_2, "790434.6645507812"),
            (969_322_279_693.906_2, "969322279693.9062"),
            (2f64.powi(-25), "2.9802322387695312e-08"),
            (0.5, "0.5"),
            (1.0, "1"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::from_bits(1), "5e-324"),
        ] {
            assert_eq!(format_sample(value), text);
        }
        assert_eq!(format_float(2f64.powi(-25)), "0.000000029802322387695312");
        assert_eq!(format_short(2f64.powi(-25)), "2.9802322387695312e-08");
    }

    proptest! {
        #[test]
        fn printed_numbers_read_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            for text in [format_float(value), format_sample(value), format_short(value)] {
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits, "{}", text);
            }
        }

        #[test]
        fn halves_of_the_last_place_read_back(whole in 1u64 << 44..1 << 50, power in 1..12i32) {
            let value = (2 * whole + 1) as f64 / 2f64.powi(power);
            prop_assert_eq!(format_float(value).parse::<f64>().unwrap(), value);
        }
    }

    #[test]
    fn significant_digits_are_cut_as_in_go() {
        for (value, text) in [(0.123, "0.12"), (1234.0, "1.2e+03"), (2.0, "2"), (1e-9, "1e-09"), (10.0, "10")]
        {
            assert_eq!(format_short_digits(value, 2), text);
        }
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(0.5, &mut [3.0, 1.0, 2.0, 4.0]), 2.5);
        assert_eq!(quantile(1.0, &mut [3.0, 1.0]), 3.0);
        assert!(quantile(0.5, &mut []).is_nan());
    }
}
