//! Numbers as Go's `strconv` reads them for the scraper.

/// A float: decimal, `Inf`, `Infinity` or `NaN` in any case. Hexadecimal forms, underscores, a signed NaN
/// and numbers beyond the range are refused. Every NaN is the canonical quiet one.
#[must_use]
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let value: f64 = fast_float2::parse(text).ok()?;
    if value.is_finite() {
        return Some(value);
    }
    let (sign, digits) = match text.split_first() {
        Some((b'+' | b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    match digits.first() {
        Some(b'i' | b'I') => Some(value),
        Some(b'n' | b'N') if !sign => Some(canonical_nan()),
        // Digits that end up infinite are out of range.
        _ => None,
    }
}

fn canonical_nan() -> f64 {
    f64::from_bits(0x7ff8_0000_0000_0001)
}

/// Powers of ten that a double holds exactly.
const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A finite number at the beginning of `text`, and how many bytes it takes.
///
/// Up to 15 digits without exponent are exact as an integer, and so is the power of ten below them: their
/// quotient is the nearest double (Clinger, "How to read floating point numbers accurately", 1990).
#[inline]
pub(crate) fn read_number(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut digits, mut mantissa, mut point) = (0, 0u64, None);
    let mut i = start;
    while let Some(&byte) = text.get(i) {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            digits += 1;
        } else if byte == b'.' && point.is_none() {
            point = Some(digits);
        } else {
            break;
        }
        i += 1;
    }
    let exponent = matches!(text.get(i), Some(b'e' | b'E'));
    if digits == 0 || digits > 15 || exponent {
        let (value, len) = fast_float2::parse_partial::<f64, _>(text).ok()?;
        return value.is_finite().then_some((value, len));
    }
    let below = point.map_or(0, |point| digits - point);
    let value = mantissa as f64 / TENS.get(below).copied()?;
    Some((if negative { -value } else { value }, i))
}

/// The number at the beginning of `text`, where it is finite and a line break follows at once: the value
/// and the bytes up to and with the line break.
#[inline]
pub(crate) fn read_plain(text: &[u8]) -> Option<(f64, usize)> {
    let (value, len) = read_number(text)?;
    (text.get(len) == Some(&b'\n')).then_some((value, len + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_those_of_go() {
        let good: &[(&str, f64)] = &[
            ("1", 1.0),
            ("+1.5", 1.5),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("Inf", f64::INFINITY),
            ("+inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e-400", 0.0),
        ];
        for (text, want) in good {
            assert_eq!(parse_float(text.as_bytes()), Some(*want), "{text}");
        }
        assert!(parse_float(b"nAn").is_some_and(|v| v.to_bits() == 0x7ff8_0000_0000_0001));
        for text in [
            "", "+", "-nan", "+NaN", "1e999", "-1e999", "0x1p3", "1_000", "1 ", "e5", "1e", "1\r", "infx",
            ".",
        ] {
            assert_eq!(parse_float(text.as_bytes()), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn short_numbers_are_those_of_the_full_parser(text in "-?[0-9]{0,18}\\.?[0-9]{0,18}(e[+-]?[0-9]{1,3})?[ \n]?x?") {
            let bytes = text.as_bytes();
            let full = fast_float2::parse_partial::<f64, _>(bytes).ok().filter(|(value, _)| value.is_finite());
            let bits = |found: Option<(f64, usize)>| found.map(|(value, len)| (value.to_bits(), len));
            proptest::prop_assert_eq!(bits(read_number(bytes)), bits(full));
        }
    }

    #[test]
    fn plain_numbers_end_at_the_line_break() {
        assert_eq!(read_plain(b"12.5\nnext"), Some((12.5, 5)));
        for text in [&b"12.5"[..], b"12 3\n", b"NaN\n", b"1e999\n", b"x\n"] {
            assert_eq!(read_plain(text), None);
        }
    }
}
