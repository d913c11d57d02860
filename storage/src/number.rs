//! Numbers as Go writes them: shortest digits that read back.

/// Go's `strconv.FormatFloat(value, 'f', -1, 64)`: shortest digits, never an exponent.
#[must_use]
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Rust prints the shortest digits that read back, without exponent, as Go does.
    let text = format!("{value}");
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if is_halfway(value, decimals as i32) { format!("{value:.decimals$}") } else { text }
}

/// Whether a value lies exactly between two neighbouring numbers of so many decimals. Both are its shortest
/// text then: Go takes the even one, which is also the one that printing with a precision takes, and Rust's
/// shortest may be the other.
#[must_use]
pub fn is_halfway(value: f64, decimals: i32) -> bool {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let mantissa = bits & ((1 << 52) - 1) | u64::from(exponent != 0) << 52;
    // The value is odd times two to this power, and has as many binary places as decimal ones.
    let power = exponent.max(1) - 1075 + mantissa.trailing_zeros() as i32;
    power == -decimals - 1
}

/// The digits with which Go prints a number, and its power of ten.
#[must_use]
pub fn scientific(value: f64) -> (String, i32) {
    let split = |text: String| {
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        (digits.to_owned(), power.parse().unwrap_or(0))
    };
    let (digits, power) = split(format!("{value:e}"));
    let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
    if is_halfway(value, places as i32 - power) {
        return split(format!("{value:.places$e}"));
    }
    (digits, power)
}

/// Go's `%g` and `%v` of a float: shortest digits, an exponent below 1e-4 and from 1e6.
#[must_use]
pub fn format_short(value: f64) -> String {
    let (digits, power) = scientific(value);
    if !value.is_finite() || (-4..6).contains(&power) {
        return format_float(value);
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_go() {
        for (value, text) in [
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (100_000.0, "100000"),
            (0.000_01, "1e-05"),
            (-3.5, "-3.5"),
            (f64::NAN, "NaN"),
            (2f64.powi(-25), "2.9802322387695312e-08"),
        ] {
            assert_eq!(format_short(value), text);
        }
        assert_eq!(format_float(1e-7), "0.0000001");
        assert_eq!(format_float(f64::INFINITY), "+Inf");
    }
}
