//! Numbers, durations and strings: how far they reach, what they mean, and how error texts show a
//! character.

/// Units of a duration in their order, ms.
const UNITS: &[(&str, i64)] = &[
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Longest duration, ms: nanoseconds in 63 bits, about 292 years.
const DURATION_MAX_MS: i64 = i64::MAX / 1_000_000;

/// Escapes of one character.
const ESCAPES: &[(char, u8)] = &[
    ('a', 0x07),
    ('b', 0x08),
    ('f', 0x0c),
    ('n', b'\n'),
    ('r', b'\r'),
    ('t', b'\t'),
    ('v', 0x0b),
    ('\\', b'\\'),
];

/// Bytes of a number that is being read.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat_if(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        self.at += usize::from(found);
        found
    }

    fn eat(&mut self, any_of: &[u8]) -> bool {
        self.eat_if(|b| any_of.contains(&b))
    }

    fn ends_a_word(&self) -> bool {
        !self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
    }
}

/// What a numeral is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numeral {
    /// Digits, perhaps with a fraction and an exponent.
    Number,
    /// Digits with units.
    Duration,
}

/// The numeral at the start of the text and its bytes; or the bytes that were read until it went wrong.
pub(super) fn numeral(text: &str) -> Result<(Numeral, usize), usize> {
    let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
    if reads_as_number(&mut cursor) {
        Ok((Numeral::Number, cursor.at))
    } else if goes_on_as_duration(&mut cursor) {
        Ok((Numeral::Duration, cursor.at))
    } else {
        Err(cursor.at)
    }
}

/// Looks at the shape alone: whether the digits make a value is found out when it is needed.
fn reads_as_number(cursor: &mut Cursor<'_>) -> bool {
    let hexadecimal = cursor.eat(b"0") && cursor.eat(b"xX");
    if hexadecimal {
        cursor.eat(b"_");
    }
    let digit = |b: u8| if hexadecimal { b.is_ascii_hexdigit() } else { b.is_ascii_digit() };
    cursor.eat(b".");
    cursor.eat_if(digit);
    let (mut point, mut exponent) = (false, false);
    while let Some(b) = cursor.peek().filter(|b| digit(*b) || b"._eE".contains(b)) {
        match b {
            b'.' => {
                cursor.at += 1;
                if point || cursor.eat(b"_.") || hexadecimal {
                    return false;
                }
                point = true;
            }
            // In hexadecimal too, as Prometheus has it.
            b'e' | b'E' => {
                cursor.at += 1;
                if exponent {
                    return false;
                }
                exponent = true;
                cursor.eat(b"+-");
                if cursor.eat(b"._eE") || cursor.peek().is_none() {
                    return false;
                }
            }
            b'_' => {
                cursor.at += 1;
                if cursor.eat(b"._eE") || cursor.peek().is_none() {
                    return false;
                }
            }
            _ => while cursor.eat_if(digit) {},
        }
    }
    cursor.ends_a_word()
}

fn goes_on_as_duration(cursor: &mut Cursor<'_>) -> bool {
    let mut units: &[u8] = b"smhdwy";
    loop {
        if !cursor.eat(units) {
            return false;
        }
        // Of `ms`; a unit like `hs` is refused when the value is asked for.
        cursor.eat(b"s");
        // Years come first or not at all.
        units = b"smhdw";
        if !cursor.eat_if(|b| b.is_ascii_digit()) {
            break;
        }
        while cursor.eat_if(|b| b.is_ascii_digit()) {}
    }
    let ends = cursor.ends_a_word();
    // What stands in the way is part of the complaint.
    cursor.at += usize::from(!ends);
    ends
}

/// The value of a number as Go reads it.
///
/// # Errors
/// What Go says of it.
pub(super) fn number(text: &str) -> Result<f64, String> {
    let bad = |why: &str| {
        let quoted = narthex_storage::labels::quote(text);
        Err(format!("error parsing number: strconv.ParseFloat: parsing {quoted}: {why}"))
    };
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let separated = underscores_separate(text, hexadecimal);
    let digits = text.replace('_', "");
    let whole = if hexadecimal {
        i64::from_str_radix(digits.get(2..).unwrap_or_default(), 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(&digits, 8)
    } else {
        digits.parse::<i64>()
    };
    match whole {
        Ok(value) if separated => return Ok(value as f64),
        _ if hexadecimal || !separated => return bad("invalid syntax"),
        _ => {}
    }
    match digits.parse::<f64>() {
        Err(_) => bad("invalid syntax"),
        Ok(value) if value.is_infinite() && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            bad("value out of range")
        }
        Ok(value) => Ok(value),
    }
}

/// Each underscore stands between digits; the prefix of a hexadecimal number counts as one.
fn underscores_separate(text: &str, hexadecimal: bool) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        let byte = at.and_then(|at| bytes.get(at));
        byte.is_some_and(|b| {
            b.is_ascii_digit() || (hexadecimal && (b.is_ascii_hexdigit() || b"xX".contains(b)))
        })
    };
    bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'_')
        .all(|(i, _)| digit(i.checked_sub(1)) && digit(Some(i + 1)))
}

/// Milliseconds of a Prometheus duration: units in descending order, each at most once.
///
/// # Errors
/// Not a duration, or longer than fits.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let quote = narthex_storage::labels::quote;
    let bad = || format!("not a valid duration string: {}", quote(text));
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let (mut rest, mut total, mut last) = (text, 0i64, None);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (count, tail) = rest.split_at(end);
        let count: u64 = count.parse().map_err(|_| bad())?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let place = UNITS.iter().position(|(name, _)| *name == unit);
        let place =
            place.ok_or_else(|| format!("unknown unit {} in duration {}", quote(unit), quote(text)))?;
        if last.is_some_and(|last| place <= last) {
            return Err(bad());
        }
        let factor = UNITS.get(place).map_or(0, |(_, ms)| *ms);
        let ms = i64::try_from(count).ok().and_then(|count| count.checked_mul(factor));
        total = ms
            .and_then(|ms| total.checked_add(ms))
            .filter(|total| *total <= DURATION_MAX_MS)
            .ok_or("duration out of range")?;
        (last, rest) = (Some(place), tail);
    }
    Ok(total)
}

/// Seconds of a duration.
///
/// # Errors
/// As [`parse_duration`].
pub(super) fn duration_seconds(text: &str) -> Result<f64, String> {
    let ms = parse_duration(text)?;
    // In two parts, as Go does, for the same digits.
    Ok((ms / 1000) as f64 + (ms % 1000) as f64 / 1000.0)
}

/// What an escape stands for.
enum Escaped {
    /// A byte, which may be part of a character.
    Byte(u8),
    /// A character.
    Char(char),
}

/// Reads the escape behind a backslash.
fn escape(rest: &str, quote: char) -> Result<(Escaped, &str), String> {
    let unfinished = || "escape sequence not terminated".to_owned();
    let first = rest.chars().next().ok_or_else(unfinished)?;
    let tail = rest.get(first.len_utf8()..).unwrap_or_default();
    if let Some((_, byte)) = ESCAPES.iter().find(|(c, _)| *c == first) {
        return Ok((Escaped::Byte(*byte), tail));
    }
    if first == quote {
        return Ok((Escaped::Char(first), tail));
    }
    let (count, radix, max, digits) = match first {
        '0'..='7' => (3, 8, 0xff, rest),
        'x' => (2, 16, 0xff, tail),
        'u' => (4, 16, u32::from(char::MAX), tail),
        'U' => (8, 16, u32::from(char::MAX), tail),
        other => return Err(format!("unknown escape sequence {}", code_point(other))),
    };
    let (mut value, mut chars) = (0u32, digits.chars());
    for _ in 0..count {
        let c = chars.next().ok_or_else(unfinished)?;
        let digit = c.to_digit(radix);
        let digit = digit.ok_or_else(|| format!("illegal character {} in escape sequence", code_point(c)))?;
        value = value.wrapping_mul(radix).wrapping_add(digit);
    }
    let value = char::from_u32(value).filter(|_| value <= max);
    let value = value.ok_or("escape sequence is an invalid Unicode code point")?;
    let escaped = match u8::try_from(value) {
        Ok(byte) if max == 0xff => Escaped::Byte(byte),
        _ => Escaped::Char(value),
    };
    Ok((escaped, chars.as_str()))
}

/// The bytes of the string at the start of the text, quotes included.
///
/// # Errors
/// What is wrong with it, in Prometheus's words.
pub(super) fn string_end(text: &str, quote: char) -> Result<usize, String> {
    let raw = quote == '`';
    let unfinished = if raw { "unterminated raw string" } else { "unterminated quoted string" };
    let mut rest = text.get(1..).unwrap_or_default();
    loop {
        let stops = |c: char| c == quote || c == '\u{fffd}' || (!raw && (c == '\\' || c == '\n'));
        let at = rest.find(stops).ok_or(unfinished)?;
        let (_, tail) = rest.split_at(at);
        let mut chars = tail.chars();
        match chars.next() {
            // Prometheus cannot tell this character from bytes that are none.
            Some('\u{fffd}') => return Err("invalid UTF-8 rune".to_owned()),
            Some('\\') if !raw => rest = escape(chars.as_str(), quote)?.1,
            Some(c) if c == quote => return Ok(text.len() - chars.as_str().len()),
            _ => return Err(unfinished.to_owned()),
        }
    }
}

/// The text that a string means. Bytes that form no character are replaced.
pub(super) fn unquote(source: &str) -> String {
    let quote = source.chars().next().unwrap_or('"');
    let mut rest = source.get(1..source.len().saturating_sub(1)).unwrap_or_default();
    if quote == '`' || !rest.contains('\\') {
        return rest.to_owned();
    }
    let mut out = Vec::with_capacity(rest.len());
    while let Some((plain, tail)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        // The lexer has let the string pass, so there is no fault to report.
        let Ok((escaped, tail)) = escape(tail, quote) else { break };
        match escaped {
            Escaped::Byte(byte) => out.push(byte),
            Escaped::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = tail;
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// A character as Go's `%q` shows it; the end of the text is shown as a character that is none.
pub(super) fn quoted_char(c: Option<char>) -> String {
    match c.unwrap_or('\u{fffd}') {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let quoted = narthex_storage::labels::quote(c.encode_utf8(&mut [0; 4]));
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}

/// A character as Go's `%#U` shows it.
fn code_point(c: char) -> String {
    let code = format!("U+{:04X}", u32::from(c));
    let prints = c == '\\' || c == '\'' || c == '"' || c.escape_debug().len() == 1;
    if prints { format!("{code} '{c}'") } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, value) in [
            ("0", 0.0),
            ("017", 15.0),
            ("08", 8.0),
            ("09.5", 9.5),
            ("0x1F", 31.0),
            ("0x_1f", 31.0),
            ("1_000.5_0", 1000.5),
            ("1_0e1_0", 1e11),
            (".5", 0.5),
            ("2.", 2.0),
            ("12.34e+6", 12.34e6),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
        ] {
            assert_eq!(numeral(text), Ok((Numeral::Number, text.len())), "{text}");
            assert_eq!(number(text), Ok(value), "{text}");
        }
        for (text, why) in
            [("0x", "invalid syntax"), ("1_", "invalid syntax"), ("1e400", "value out of range")]
        {
            let want = format!("error parsing number: strconv.ParseFloat: parsing \"{text}\": {why}");
            assert_eq!(number(text), Err(want));
        }
        assert!(number("nan").is_ok_and(f64::is_nan));
        assert_eq!(number("INF"), Ok(f64::INFINITY));
    }

    #[test]
    fn a_numeral_ends_where_prometheus_ends_it() {
        for (text, read) in [
            ("5m", Ok((Numeral::Duration, 2))),
            ("1h30m)", Ok((Numeral::Duration, 5))),
            ("5hs]", Ok((Numeral::Duration, 3))),
            ("1e5+", Ok((Numeral::Number, 3))),
            ("5mm", Err(3)),
            ("5m1]", Err(3)),
            ("100..4", Err(5)),
            ("2.5.", Err(4)),
            ("0deadbeef", Err(3)),
            ("1__0", Err(3)),
            ("0x1.5", Err(4)),
        ] {
            assert_eq!(numeral(text), read, "{text}");
        }
    }

    #[test]
    fn durations_have_their_units_in_order_and_fit_292_years() {
        assert_eq!(parse_duration("1y2w3d4h5m6s7ms"), Ok(33_019_506_007));
        assert_eq!(parse_duration("0"), Ok(0));
        for (text, fault) in [
            ("", "empty duration string"),
            ("5", "not a valid duration string: \"5\""),
            ("1m1h", "not a valid duration string: \"1m1h\""),
            ("5y1hs", "unknown unit \"hs\" in duration \"5y1hs\""),
            ("293y", "duration out of range"),
            ("9999999999999999999999w", "not a valid duration string: \"9999999999999999999999w\""),
        ] {
            assert_eq!(parse_duration(text), Err(fault.to_owned()));
        }
    }

    #[test]
    fn strings_know_every_escape_of_go() {
        let source = r#""\a\b\f\n\r\t\v\\\" - \xe2\x98\xba\342\230\272\u1234\U00010111 ☺" x"#;
        assert_eq!(string_end(source, '"'), Ok(source.len() - 2));
        let text = unquote(source.get(..source.len() - 2).unwrap());
        assert_eq!(text, "\x07\x08\x0c\n\r\t\x0b\\\" - ☺☺\u{1234}\u{10111} ☺");
        assert_eq!(unquote("`a\\n'`"), "a\\n'");
        assert_eq!(unquote(r#""\xff""#), "\u{fffd}");
    }

    #[test]
    fn characters_are_shown_as_go_shows_them() {
        assert_eq!(quoted_char(Some('\'')), r"'\''");
        assert_eq!(quoted_char(Some('"')), "'\"'");
        assert_eq!(quoted_char(Some('\n')), r"'\n'");
        assert_eq!(quoted_char(None), "'\u{fffd}'");
        assert_eq!(code_point('c'), "U+0063 'c'");
        assert_eq!(code_point('\n'), "U+000A");
    }
}
