//! Numbers for people.

use crate::template::time::time_text;
use crate::template::value::{Held, Integer, Value};
use narthex_promql::numeric::format_short_digits;
use narthex_storage::number::format_short;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

fn four_digits(value: f64) -> String {
    format_short_digits(value, 4)
}

/// A number, or a text that is one.
pub(super) fn to_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Int(value, Integer::Int | Integer::Int64) => Ok(*value as f64),
        Value::Duration(ns, Held::Value) => {
            Ok((ns / 1_000_000_000) as f64 + (ns % 1_000_000_000) as f64 / 1e9)
        }
        Value::Text(text) => parse_float(text),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

/// Go's `strconv.ParseFloat`.
fn parse_float(text: &str) -> Result<f64, String> {
    let fault = |what| format!("strconv.ParseFloat: parsing {}: {what}", crate::template::go::quote(text));
    let value: f64 = text.parse().map_err(|_| fault("invalid syntax"))?;
    let named = text.trim_start_matches(['+', '-']).starts_with(['i', 'I', 'n', 'N']);
    if value.is_infinite() && !named { Err(fault("value out of range")) } else { Ok(value) }
}

/// Divided by the base until it is below it.
fn large(mut value: f64, base: f64, binary: &str) -> String {
    let mut unit = String::new();
    for prefix in LARGE {
        if value.abs() < base {
            break;
        }
        unit = format!("{prefix}{binary}");
        value /= base;
    }
    format!("{}{unit}", four_digits(value))
}

/// Multiplied by a thousand until it is at least one.
fn small(mut value: f64) -> String {
    let mut unit = "";
    for prefix in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        unit = prefix;
        value *= 1_000.0;
    }
    format!("{}{unit}", four_digits(value))
}

/// `1.235M`.
pub(super) fn humanize(value: f64) -> String {
    match value {
        value if value == 0.0 || !value.is_finite() => four_digits(value),
        value if value.abs() >= 1.0 => large(value, 1_000.0, ""),
        value => small(value),
    }
}

/// `1.177Mi`.
pub(super) fn humanize1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() { four_digits(value) } else { large(value, 1_024.0, "i") }
}

/// `1d 1h 0m 0s`.
pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return four_digits(value);
    }
    if value == 0.0 {
        return format!("{}s", four_digits(value));
    }
    if value.abs() < 1.0 {
        return format!("{}s", small(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    let whole = value as i64;
    let (seconds, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3_600 % 24, whole / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(value)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// `12.35%`.
pub(super) fn percentage(value: f64) -> String {
    format!("{}%", four_digits(value * 100.0))
}

/// `2015-06-23 13:19:44.128 +0000 UTC`.
pub(super) fn timestamp(value: f64) -> Result<String, String> {
    if value.is_finite() { to_time(value).map(time_text) } else { Ok(four_digits(value)) }
}

/// Seconds since the epoch as nanoseconds, in whole milliseconds.
pub(super) fn to_time(value: f64) -> Result<i128, String> {
    if !value.is_finite() {
        return Err("value is NaN or Inf".to_owned());
    }
    let ns = value * 1e9;
    // The limits of 64 bits are not floats themselves: the upper one reads as the power of two above it.
    if !(-(2f64.powi(63))..=2f64.powi(63)).contains(&ns) {
        let value = format_short(value);
        return Err(format!(
            "{value} cannot be represented as a nanoseconds timestamp since it overflows int64"
        ));
    }
    Ok(i128::from(ns as i64 / 1_000_000) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_prometheus_prints_them() {
        for (value, want) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (1_234_567.0, "1.235M"),
            (0.12, "120m"),
            (9_223_372_036_854_775_807.0, "9.223E"),
            (18_446_744_073_709_551_615.0, "18.45E"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (1e30, "1e+06Y"),
        ] {
            assert_eq!(humanize(value), want);
        }
        for (value, want) in [
            (0.0, "0"),
            (1_048_576.0, "1Mi"),
            (0.12, "0.12"),
            (1_234_567.0, "1.177Mi"),
            (9_223_372_036_854_775_807.0, "8Ei"),
            (18_446_744_073_709_551_615.0, "16Ei"),
        ] {
            assert_eq!(humanize1024(value), want);
        }
    }

    #[test]
    fn durations_read_as_prometheus_prints_them() {
        for (value, want) in [
            (0.0, "0s"),
            (1.0, "1s"),
            (60.0, "1m 0s"),
            (3_600.0, "1h 0m 0s"),
            (86_400.0, "1d 0h 0m 0s"),
            (90_000.0, "1d 1h 0m 0s"),
            (-183_845.0, "-2d 3h 4m 5s"),
            (899.99, "14m 59s"),
            (0.1, "100ms"),
            (0.0001, "100us"),
            (0.12345, "123.5ms"),
            (60.5, "1m 0s"),
            (1.2345, "1.234s"),
            (12.345, "12.35s"),
            (1_234_567.0, "14d 6h 56m 7s"),
        ] {
            assert_eq!(duration(value), want);
        }
    }

    #[test]
    fn ratios_and_times_read_as_prometheus_prints_them() {
        for (value, want) in [
            (-0.22222, "-22.22%"),
            (0.0, "0%"),
            (0.123_456_7, "12.35%"),
            (1.23456, "123.5%"),
            (1_234_567.0, "1.235e+08%"),
        ] {
            assert_eq!(percentage(value), want);
        }
        assert_eq!(timestamp(0.0).unwrap(), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(timestamp(-1.0).unwrap(), "1969-12-31 23:59:59 +0000 UTC");
        assert_eq!(timestamp(1_435_065_584.128).unwrap(), "2015-06-23 13:19:44.128 +0000 UTC");
        assert_eq!(timestamp(f64::INFINITY).unwrap(), "+Inf");
        let error = timestamp(9.3e9).unwrap_err();
        assert_eq!(
            error,
            "9.3e+09 cannot be represented as a nanoseconds timestamp since it overflows int64"
        );
    }

    #[test]
    fn texts_are_numbers_too() {
        let float = |text: &str| to_float(&Value::text(text));
        assert_eq!(float("1.5e3"), Ok(1500.0));
        assert_eq!(float("+Inf"), Ok(f64::INFINITY));
        let error = "strconv.ParseFloat: parsing \"one\": invalid syntax";
        assert_eq!(float("one"), Err(error.to_owned()));
        let error = "strconv.ParseFloat: parsing \"1e999\": value out of range";
        assert_eq!(float("1e999"), Err(error.to_owned()));
        assert_eq!(to_float(&Value::Bool(true)), Err("can't convert bool to float".to_owned()));
    }
}
