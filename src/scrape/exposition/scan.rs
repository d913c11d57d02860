//! The lexical parts that both formats share: names, quoted strings, label sets.

use super::{Exposition, Fault};
use memchr::memchr2;

const NAME_START: u8 = 1;
const NAME: u8 = 2;
const LABEL_START: u8 = 4;
const LABEL: u8 = 8;

/// What each byte may be part of.
static CLASS: [u8; 256] = {
    let mut class = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphabetic() || b == b'_' {
            class[byte] = NAME_START | NAME | LABEL_START | LABEL;
        } else if b == b':' {
            class[byte] = NAME_START | NAME;
        } else if b.is_ascii_digit() {
            class[byte] = NAME | LABEL;
        }
        byte += 1;
    }
    class
};

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] & class != 0
}

/// Where the name that begins at `at` ends; `at` itself when there is none.
#[inline]
pub(super) fn metric_name(body: &[u8], at: usize) -> usize {
    name(body, at, NAME_START, NAME)
}

#[inline]
fn name(body: &[u8], at: usize, start: u8, rest: u8) -> usize {
    match body.get(at) {
        Some(first) if is(*first, start) => {}
        _ => return at,
    }
    let mut i = at + 1;
    while let Some(word) = word(body, i) {
        let stop = no_name(word, rest == NAME);
        if stop != 0 {
            return i + first_byte(stop);
        }
        i += 8;
    }
    let tail = body.get(i..).unwrap_or_default();
    i + tail.iter().position(|byte| !is(*byte, rest)).unwrap_or(tail.len())
}

/// A byte in each of eight places.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const HIGH: u64 = each(0x80);

/// Eight bytes at once, the first in the lowest place.
#[inline]
fn word(body: &[u8], at: usize) -> Option<u64> {
    body.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Which of eight bytes is the first with its mark set.
#[inline]
fn first_byte(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Marks the bytes that are no part of a name: letters, digits and underscores are, and colons if asked.
#[inline]
fn no_name(word: u64, colons: bool) -> u64 {
    let low = word & !HIGH;
    // Each sum carries into its byte's high bit from the named byte on, and never beyond it.
    let from = |bytes: u64, least: u8| bytes + each(0x80 - least);
    let letters = low | each(0x20);
    let letter = from(letters, b'a') & !from(letters, b'z' + 1);
    // The colon follows the nine.
    let digit = from(low, b'0') & !from(low, if colons { b':' + 1 } else { b'9' + 1 });
    let underscore = !((low ^ each(b'_')) + each(0x7f));
    (!(letter | digit | underscore) | word) & HIGH
}

/// Where the first quote or backslash from `at` on stands.
#[inline]
fn quote_or_escape(body: &[u8], at: usize) -> Option<usize> {
    // Values are short as a rule: a call of the vectorised search would cost more than it saves.
    const SHORT: usize = 64;
    let mut i = at;
    while i < at + SHORT
        && let Some(word) = word(body, i)
    {
        // A false mark can only follow a true one.
        let zero = |bytes: u64| bytes.wrapping_sub(each(1)) & !bytes;
        let found = (zero(word ^ each(b'"')) | zero(word ^ each(b'\\'))) & HIGH;
        if found != 0 {
            return Some(i + first_byte(found));
        }
        i += 8;
    }
    memchr2(b'"', b'\\', body.get(i..)?).map(|len| i + len)
}

/// Bytes that are looked at together.
const WINDOW: usize = 64;

/// Which of the bytes from `at` on are quotes, backslashes or line breaks, the first one lowest. `None`
/// near the end of the page.
#[inline]
fn marks(body: &[u8], at: usize) -> Option<u64> {
    let window: &[u8; WINDOW] = body.get(at..)?.first_chunk()?;
    // Free of branches, so that it becomes vector comparisons.
    let hits = window.map(|b| u8::from((b == b'"') | (b == b'\\') | (b == b'\n')));
    let mut bits = 0;
    let (words, _) = hits.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        // The product's top byte has one bit of each byte.
        bits |= (u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (i * 8);
    }
    Some(bits)
}

/// Whether this is a label name that needs no quotes.
#[inline]
fn is_label_name(name: &[u8]) -> bool {
    name.first().is_some_and(|b| is(*b, LABEL_START))
        && name.iter().fold(LABEL, |all, b| all & CLASS[usize::from(*b)]) != 0
}

/// Past the labels at `at` that are written the usual way, `name="value"` and a comma, the value without
/// escapes and line breaks. `Ok` is past the closing brace; `Err` is where a label begins that
/// [`label_set`] has to look at.
#[inline]
fn usual_labels(body: &[u8], mut at: usize) -> Result<usize, usize> {
    let mut base = at;
    let mut bits = marks(body, base).ok_or(at)?;
    loop {
        while bits == 0 {
            base += WINDOW;
            bits = marks(body, base).ok_or(at)?;
        }
        let open = base + bits.trailing_zeros() as usize;
        bits &= bits - 1;
        while bits == 0 {
            base += WINDOW;
            bits = marks(body, base).ok_or(at)?;
        }
        let close = base + bits.trailing_zeros() as usize;
        bits &= bits - 1;
        let Some([name @ .., b'=']) = body.get(at..open) else { return Err(at) };
        if !is_label_name(name) || body.get(open) != Some(&b'"') {
            return Err(at);
        }
        match body.get(close..) {
            Some([b'"', b',', ..]) => at = close + 2,
            Some([b'"', b'}', ..]) => return Ok(close + 2),
            _ => return Err(at),
        }
    }
}

/// Where the string whose opening quote is at `at` ends, past the closing quote. `newlines` tells whether
/// a line break may stand in it.
#[inline]
pub(super) fn quoted(body: &[u8], at: usize, newlines: bool) -> Option<usize> {
    let mut i = at + 1;
    loop {
        let found = quote_or_escape(body, i)?;
        if body.get(found) == Some(&b'"') {
            let plain = newlines || !body.get(i..found)?.contains(&b'\n');
            return plain.then_some(found + 1);
        }
        // An escape takes one character with it, which no line break can be.
        if !newlines && body.get(i..found)?.contains(&b'\n') {
            return None;
        }
        match body.get(found + 1) {
            None | Some(b'\n') => return None,
            Some(_) => i = found + 2,
        }
    }
}

/// How a format writes label sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct LabelSyntax {
    /// Blanks may stand between the parts, line breaks within values, and commas may be missing.
    pub(super) loose: bool,
    /// A quoted string alone may be the metric's name.
    pub(super) name_inside: bool,
    /// The name is there already.
    pub(super) named: bool,
}

#[inline]
fn blanks(body: &[u8], at: usize, syntax: LabelSyntax) -> usize {
    if syntax.loose { skip_blanks(body, at) } else { at }
}

/// Past spaces and tabs.
#[inline]
pub(super) fn skip_blanks(body: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t') = body.get(at) {
        at += 1;
    }
    at
}

/// Where the label set whose opening brace is at `at` ends, past the closing brace.
#[inline]
pub(super) fn label_set(
    page: &Exposition<'_>,
    start: usize,
    at: usize,
    mut syntax: LabelSyntax,
) -> Result<usize, Fault> {
    let body = page.body;
    let mut i = blanks(body, at + 1, syntax);
    if page.utf8 {
        match usual_labels(body, i) {
            Ok(end) => return Ok(end),
            Err(rest) => i = blanks(body, rest, syntax),
        }
    }
    loop {
        let name_at = i;
        i = match body.get(i) {
            Some(b'}') => return Ok(i + 1),
            Some(b'"') => {
                quoted(body, i, syntax.loose).ok_or_else(|| page.expected(start, i, "expected label name"))?
            }
            _ => name(body, i, LABEL_START, LABEL),
        };
        if i == name_at {
            return Err(page.expected(start, i, "expected label name"));
        }
        let bare = body.get(name_at) != Some(&b'"');
        i = blanks(body, i, syntax);
        if syntax.name_inside && matches!(body.get(i), Some(b',' | b'}')) {
            if syntax.named || bare {
                let near = page.excerpt(body.get(start..).unwrap_or_default(), i - start);
                return Err(Fault {
                    at: name_at,
                    message: format!("metric name already set while parsing: {near}"),
                });
            }
            syntax.named = true;
            if body.get(i) == Some(&b'}') {
                return Ok(i + 1);
            }
            i = blanks(body, i + 1, syntax);
            continue;
        }
        if body.get(i) != Some(&b'=') {
            return Err(page.expected(start, i, "expected equal"));
        }
        i = blanks(body, i + 1, syntax);
        if body.get(i) != Some(&b'"') {
            return Err(page.expected(start, i, "expected label value"));
        }
        let value_at = i;
        i = quoted(body, i, syntax.loose)
            .ok_or_else(|| page.expected(start, value_at, "expected label value"))?;
        if !page.utf8 {
            let value = body.get(value_at..i).unwrap_or_default();
            if std::str::from_utf8(value).is_err() {
                let message = format!("invalid UTF-8 label value: {}", page.excerpt(value, value.len()));
                return Err(Fault { at: value_at, message });
            }
        }
        i = blanks(body, i, syntax);
        match body.get(i) {
            Some(b',') => i = blanks(body, i + 1, syntax),
            Some(b'}') => return Ok(i + 1),
            _ if syntax.loose => {}
            _ => return Err(page.expected(start, i, "expected comma or brace close")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_are_judged_as_one_by_one() {
        for byte in 0..=255u8 {
            for place in 0..8 {
                let mut bytes = *b"ab_XYZ09";
                bytes[place] = byte;
                let word = u64::from_le_bytes(bytes);
                for (colons, class) in [(true, NAME), (false, LABEL)] {
                    let wanted = if is(byte, class) { 0 } else { 0x80 << (8 * place) };
                    assert_eq!(no_name(word, colons), wanted, "{byte} at {place}");
                }
            }
        }
    }

    #[test]
    fn quotes_are_found_wherever_they_stand() {
        for len in 0..150 {
            for stop in *b"\"\\" {
                let mut body = vec![b'x'; len];
                assert_eq!(quote_or_escape(&body, 0), None);
                body.push(stop);
                body.extend_from_slice(b"\"\\ some more");
                for at in 0..=len {
                    assert_eq!(quote_or_escape(&body, at), Some(len));
                }
            }
        }
    }
}
