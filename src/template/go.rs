//! Small things of Go's standard library that texts depend on: quoting and unquoting.

pub(super) use narthex_storage::labels::quote;

/// Whether Go prints a character as itself.
pub(super) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        c == ' ' || c.is_ascii_graphic()
    } else {
        c.escape_debug().len() == 1 && c != '\u{fffd}'
    }
}

/// What a string literal with quotes or backquotes stands for.
pub(super) fn unquote(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('`') {
        return raw.strip_suffix('`').map(|raw| raw.replace('\r', ""));
    }
    let mut rest = literal.strip_prefix('"')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while rest != "\"" {
        let (piece, tail) = unescape(rest, '"')?;
        bytes.extend_from_slice(&piece);
        rest = tail;
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// The first character of a literal's inside, escaped or not, as bytes, and what follows it.
pub(super) fn unescape(text: &str, quote: char) -> Option<(Vec<u8>, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first == quote || first == '\n' {
        return None;
    }
    let utf8 = |c: char| c.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
    if first != '\\' {
        return Some((utf8(first), chars.as_str()));
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let digits = |count: usize, from: &'_ str, base: u32| -> Option<u32> {
        let digits = from.get(..count)?;
        digits.chars().all(|c| c.is_digit(base)).then(|| u32::from_str_radix(digits, base).ok())?
    };
    let simple = |byte: u8| Some((vec![byte], rest));
    match escape {
        'a' => simple(7),
        'b' => simple(8),
        'f' => simple(12),
        'n' => simple(b'\n'),
        'r' => simple(b'\r'),
        't' => simple(b'\t'),
        'v' => simple(11),
        '\\' => simple(b'\\'),
        c if c == quote && c.is_ascii() => simple(c as u8),
        'x' => Some((vec![u8::try_from(digits(2, rest, 16)?).ok()?], rest.get(2..)?)),
        '0'..='7' => {
            let whole = text.get(1..)?;
            Some((vec![u8::try_from(digits(3, whole, 8)?).ok()?], whole.get(3..)?))
        }
        'u' => Some((utf8(char::from_u32(digits(4, rest, 16)?)?), rest.get(4..)?)),
        'U' => Some((utf8(char::from_u32(digits(8, rest, 16)?)?), rest.get(8..)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_stand_for_texts() {
        for (literal, want) in [
            (r#""a\tb\"c""#, Some("a\tb\"c")),
            (r#""\x41\u00e9\U0001F600\101""#, Some("Aé😀A")),
            ("`a\\b\"`", Some("a\\b\"")),
            (r#""\'""#, None),
            (r#""\q""#, None),
            (r#""a"#, None),
            (r#""\u12""#, None),
        ] {
            assert_eq!(unquote(literal).as_deref(), want, "{literal}");
        }
    }
}
