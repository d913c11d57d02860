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
    let Some(tail) = body.get(at..) else { return at };
    match tail.first() {
        Some(first) if is(*first, start) => {}
        _ => return at,
    }
    at + tail.iter().position(|byte| !is(*byte, rest)).unwrap_or(tail.len())
}

/// Where the string whose opening quote is at `at` ends, past the closing quote. `newlines` tells whether
/// a line break may stand in it.
#[inline]
pub(super) fn quoted(body: &[u8], at: usize, newlines: bool) -> Option<usize> {
    let mut i = at + 1;
    loop {
        let found = i + memchr2(b'"', b'\\', body.get(i..)?)?;
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
