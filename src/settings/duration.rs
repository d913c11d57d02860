//! Durations and sizes as the configuration and the flags write them.

use narthex_storage::labels::quote;

/// Units from the largest, with their length in ms, and whether a duration is printed in them only when
/// they divide it.
const UNITS: &[(&str, i64, bool)] = &[
    ("y", 31_536_000_000, true),
    ("w", 604_800_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1000, false),
    ("ms", 1, false),
];

/// `1h30m`, as milliseconds.
///
/// # Errors
/// The text for the user.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let bad = || format!("not a valid duration string: {}", quote(text));
    let (mut rest, mut total, mut from) = (text, 0i64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        if number.is_empty() {
            return Err(bad());
        }
        let Some(at) = UNITS.iter().position(|(name, _, _)| *name == unit) else {
            return Err(format!("unknown unit {} in duration {}", quote(unit), quote(text)));
        };
        if at < from {
            return Err(bad());
        }
        from = at + 1;
        let length = UNITS.get(at).map_or(0, |(_, ms, _)| *ms);
        let ms = number.parse::<i64>().ok().and_then(|n| n.checked_mul(length));
        // Go counts nanoseconds in 64 bits.
        total = ms
            .and_then(|ms| total.checked_add(ms))
            .filter(|ms| *ms <= i64::MAX / 1_000_000)
            .ok_or("duration out of range")?;
        rest = tail;
    }
    Ok(total)
}

/// Milliseconds as Prometheus prints them.
#[must_use]
pub fn format_duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    let mut rest = ms;
    for (name, length, exact) in UNITS {
        if rest >= *length && (!exact || rest % length == 0) {
            out.push_str(&format!("{}{name}", rest / length));
            rest %= length;
        }
    }
    out
}

/// Units of sizes; decimal and binary spellings mean the same.
const SIZES: &[(&str, u32)] = &[
    ("B", 0),
    ("KB", 10),
    ("KiB", 10),
    ("MB", 20),
    ("MiB", 20),
    ("GB", 30),
    ("GiB", 30),
    ("TB", 40),
    ("TiB", 40),
    ("PB", 50),
    ("PiB", 50),
    ("EB", 60),
    ("EiB", 60),
];

/// `512MB`, as bytes.
///
/// # Errors
/// The text for the user.
pub fn parse_size(text: &str) -> Result<u64, String> {
    if text == "0" || text.is_empty() {
        return Ok(0);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let Some((_, shift)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("units: unknown unit {unit} in {text}"));
    };
    let number: f64 = number.parse().map_err(|_| format!("units: invalid {text}"))?;
    let bytes = number * (1u64 << shift) as f64;
    if bytes >= i64::MAX as f64 {
        return Err(format!("units: {text} is too large"));
    }
    Ok(bytes as u64)
}

/// Bytes as Prometheus prints them.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    let units = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut out = String::new();
    for (i, unit) in units.iter().enumerate().rev() {
        let part = (bytes >> (10 * i)) & if i == 6 { u64::MAX } else { 1023 };
        if part > 0 {
            out.push_str(&format!("{part}{unit}B"));
        }
    }
    if out.is_empty() { "0B".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_prometheus_reads_them() {
        let table: &[(&str, Result<i64, &str>)] = &[
            ("0", Ok(0)),
            ("1h30m", Ok(5_400_000)),
            ("1m0s", Ok(60_000)),
            ("1y", Ok(31_536_000_000)),
            ("15ms", Ok(15)),
            ("", Err("empty duration string")),
            ("1", Err("not a valid duration string: \"1\"")),
            ("1x", Err("unknown unit \"x\" in duration \"1x\"")),
            ("1m1h", Err("not a valid duration string: \"1m1h\"")),
            ("-1h", Err("not a valid duration string: \"-1h\"")),
            ("1.5h", Err("unknown unit \".\" in duration \"1.5h\"")),
            ("999999y", Err("duration out of range")),
        ];
        for (text, want) in table {
            let want = want.map_err(str::to_owned);
            assert_eq!(parse_duration(text), want, "{text}");
        }
    }

    #[test]
    fn sizes_are_powers_of_two() {
        assert_eq!(parse_size("1KB"), Ok(1024));
        assert_eq!(parse_size("1.5MiB"), Ok(1_572_864));
        assert_eq!(parse_size("100"), Err("units: unknown unit  in 100".to_owned()));
        assert_eq!(format_size(1024), "1KiB");
        assert_eq!(format_size(0), "0B");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(ms in 0i64..9_000_000_000_000) {
            prop_assert_eq!(parse_duration(&format_duration(ms)), Ok(ms));
        }
    }
}
