//! The shape of an expression: what is left of it without its literals.
//!
//! Queries of one panel differ by the instance that is looked at, or by the length of a window; their shape is
//! the same.

use narthex_promql::{ParseOptions, parse_expr};

/// Longest shape that is told apart, bytes.
pub const SHAPE_MAX: usize = 4096;
/// What stands for a literal.
const HOLE: char = '?';

/// The canonical text of an expression with every string, number and duration replaced by `?`; names of
/// metrics and labels stay. Cut at [`SHAPE_MAX`].
#[must_use]
pub fn shape(text: &str) -> String {
    let printed = parse_expr(text, &ParseOptions::all()).map(|expr| expr.to_string());
    let printed = printed.as_deref().unwrap_or(text);
    let mut out = without_literals(printed);
    out.truncate(cut(&out, SHAPE_MAX).len());
    out
}

/// The begin of a text, at most so many bytes.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

fn without_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '"' | '\'' | '`' => {
                let len = quoted_len(rest, c);
                let (literal, after) = rest.split_at(len);
                if is_name(&out, after) {
                    out.push_str(literal)
                } else {
                    out.push(HOLE)
                }
                len
            }
            c if c.is_ascii_digit() => {
                out.push(HOLE);
                number_len(rest)
            }
            // The colon of a subquery begins no name.
            c if c.is_alphabetic() || c == '_' || (c == ':' && !out.ends_with(HOLE)) => {
                let end = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '.'));
                let len = rest.find(end).unwrap_or(rest.len());
                let word = rest.get(..len).unwrap_or_default();
                // Durations of `offset` are words of digits; these two are numbers that look like names.
                let number = matches!(word, "Inf" | "NaN");
                if number {
                    out.push(HOLE)
                } else {
                    out.push_str(word)
                }
                len
            }
            c => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(len..).unwrap_or_default();
    }
    out
}

/// Whether a quoted string is a name: one that a matcher's operator follows, or a metric's, at the begin of
/// braces or as the value of `__name__`.
fn is_name(before: &str, after: &str) -> bool {
    let next = after.trim_start();
    let label = next.starts_with(['=', '!']) && !next.starts_with("==");
    let metric = before.trim_end().ends_with('{') && next.starts_with([',', '}']);
    label || metric || before.ends_with("__name__=")
}

/// Bytes of the string at the begin, with its quotes.
fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped && quote != '`';
    }
    text.len()
}

/// Bytes of the number or duration at the begin.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut len = 0;
    while let Some(byte) = bytes.get(len) {
        let exponent = matches!(byte, b'+' | b'-')
            && matches!(bytes.get(len.wrapping_sub(1)), Some(b'e' | b'E'))
            && !text.starts_with("0x")
            && bytes.get(len + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || exponent) {
            break;
        }
        len += 1;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn literals_are_holes_and_names_stay() {
        let table = [
            ("node_load15", "node_load15"),
            ("rate(x_total{job=\"a\",le=~\"1|2\"}[5m] offset 1h)", "rate(x_total{job=?,le=~?}[?] offset ?)"),
            ("1 +  2.5e-3 * foo", "? + ? * foo"),
            ("topk(5, sum by (job, le2) (up))", "topk(?, sum by (job, le2) (up))"),
            ("max_over_time(up[1h:30s])", "max_over_time(up[?:?])"),
            ("label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")", "label_replace(up, ?, ?, ?, ?)"),
            ("{\"my.metric\", \"l.b\"=\"x\"}", "{\"l.b\"=?,__name__=\"my.metric\"}"),
            ("a @ 1700000000.000", "a @ ?"),
            ("broken{job=\"1\"", "broken{job=?"),
        ];
        for (text, want) in table {
            assert_eq!(shape(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn queries_that_differ_in_literals_have_one_shape(
            job in "[a-z\"\\\\é{}]{0,6}", minutes in 1..10_000u32, k in 1..1000u32,
        ) {
            let text = format!("topk({k}, rate(a_total{{job={job:?}}}[{minutes}m])) > {k}.5");
            let bounded = if parse_expr(&text, &ParseOptions::all()).is_ok() { shape(&text) } else { return Ok(()) };
            prop_assert_eq!(bounded, "topk(?, rate(a_total{job=?}[?])) > ?");
        }

        #[test]
        fn any_text_has_a_shape_of_bounded_length(text in any::<String>()) {
            prop_assert!(shape(&text.repeat(20)).len() <= SHAPE_MAX);
        }
    }
}
