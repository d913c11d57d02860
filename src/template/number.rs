//! Numerals and character constants: like Go's ideal constants, each keeps every type that can hold it.

use super::go::{quote, unescape};

/// A number as written, and what it is as each type; `None` where that type cannot hold it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    pub text: String,
    pub int: Option<i64>,
    pub uint: Option<u64>,
    pub float: Option<f64>,
}

impl Number {
    /// `'x'`.
    pub(super) fn from_char(text: &str) -> Result<Self, String> {
        let malformed = || format!("malformed character constant: {text}");
        let inner = text.get(1..).ok_or_else(malformed)?;
        let (bytes, rest) = unescape(inner, '\'').ok_or("invalid syntax")?;
        if rest != "'" {
            return Err(malformed());
        }
        let c = match *bytes {
            [byte] => u32::from(byte),
            _ => String::from_utf8_lossy(&bytes).chars().next().map_or(0, u32::from),
        };
        Ok(Self {
            text: text.to_owned(),
            int: Some(i64::from(c)),
            uint: Some(u64::from(c)),
            float: Some(f64::from(c)),
        })
    }

    /// A numeral.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (negative, magnitude) = parse_magnitude(text);
        let uint = magnitude.filter(|m| !text.starts_with(['+', '-']) || *m == 0);
        let int = magnitude
            .and_then(|m| if negative { 0i64.checked_sub_unsigned(m) } else { i64::try_from(m).ok() });
        let mut number = Self { text: text.to_owned(), int, uint, float: None };
        number.float = match (int, uint) {
            (Some(int), _) => Some(int as f64),
            (None, Some(uint)) => Some(uint as f64),
            (None, None) => {
                let float = decimal(text).ok_or_else(|| format!("illegal number syntax: {}", quote(text)))?;
                if !text.contains(['.', 'e', 'E']) {
                    return Err(format!("integer overflow: {}", quote(text)));
                }
                let whole = float.trunc() == float;
                let fits = |low: f64, high: f64| whole && float >= low && float < high;
                number.int = fits(-(2f64.powi(63)), 2f64.powi(63)).then_some(float as i64);
                number.uint = fits(0.0, 2f64.powi(64)).then_some(float as u64);
                Some(float)
            }
        };
        Ok(number)
    }

    /// Whether the spelling alone makes it a float.
    pub(super) fn is_written_as_float(&self) -> bool {
        let hexadecimal = self.text.starts_with("0x") || self.text.starts_with("0X");
        !hexadecimal && !self.text.starts_with('\'') && self.text.contains(['.', 'e', 'E'])
    }
}

/// Sign and magnitude of an integer as Go writes it, with the prefixes of other bases.
fn parse_magnitude(text: &str) -> (bool, Option<u64>) {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, body) = match lower.get(..2) {
        Some("0x") => (16, lower.get(2..)),
        Some("0o") => (8, lower.get(2..)),
        Some("0b") => (2, lower.get(2..)),
        Some(_) if lower.starts_with('0') => (8, lower.get(1..)),
        _ => (10, Some(lower.as_str())),
    };
    let body = body.unwrap_or_default();
    // Underscores separate digits, or follow the prefix.
    let bare = body.strip_prefix('_').filter(|_| base != 10).unwrap_or(body);
    if bare.is_empty() || bare.starts_with('_') || bare.ends_with('_') || bare.contains("__") {
        return (negative, None);
    }
    (negative, u64::from_str_radix(&bare.replace('_', ""), base).ok())
}

/// A decimal number that is not too large for a float.
fn decimal(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|float| float.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_all_that_it_can_be() {
        let shown = |text| Number::parse(text).map(|n| (n.int, n.uint, n.float)).unwrap();
        assert_eq!(shown("1"), (Some(1), Some(1), Some(1.0)));
        assert_eq!(shown("-1"), (Some(-1), None, Some(-1.0)));
        assert_eq!(shown("1e3"), (Some(1000), Some(1000), Some(1000.0)));
        assert_eq!(shown("0.5"), (None, None, Some(0.5)));
        assert_eq!(shown("0x1F"), (Some(31), Some(31), Some(31.0)));
        assert_eq!(shown("017"), (Some(15), Some(15), Some(15.0)));
        assert_eq!(shown("1_000").0, Some(1000));
        assert_eq!(shown("18446744073709551615"), (None, Some(u64::MAX), Some(18446744073709551615.0)));
        assert_eq!(Number::from_char("'a'").unwrap().int, Some(97));
        assert_eq!(Number::from_char(r"'\n'").unwrap().int, Some(10));
        assert_eq!(Number::from_char("'é'").unwrap().int, Some(233));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (text, want) in [
            ("99999999999999999999", "integer overflow: \"99999999999999999999\""),
            ("0x", "illegal number syntax: \"0x\""),
            ("1__0", "illegal number syntax: \"1__0\""),
            (".", "illegal number syntax: \".\""),
        ] {
            assert_eq!(Number::parse(text).unwrap_err(), want);
        }
        assert_eq!(Number::from_char("'ab'").unwrap_err(), "malformed character constant: 'ab'");
    }
}
