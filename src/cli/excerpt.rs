//! The line of an expression that a message is about, with the place underlined.

use super::terminal::{printable, width};
use std::fmt::Write as _;
use std::ops::Range;

/// Longest piece of a line that is shown, bytes; a generated expression may be one line of a megabyte.
const LINE_MAX: usize = 160;

/// The line that holds the start of `bytes`, and marks below it; each line begins with `indent`.
#[must_use]
pub fn excerpt(text: &str, bytes: Range<usize>, indent: &str) -> String {
    let start = floor(text, bytes.start);
    let end = floor(text, bytes.end).max(start);
    let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line_end = text.get(start..).and_then(|after| after.find('\n')).map_or(text.len(), |at| start + at);
    let shown_start =
        if start - line_start > LINE_MAX / 2 { floor(text, start - LINE_MAX / 2) } else { line_start };
    let shown_end = floor(text, line_end.min(shown_start + LINE_MAX));
    let part =
        |from: usize, to: usize| printable(text.get(from..to.max(from)).unwrap_or_default()).into_owned();
    let (before, marked) = (part(shown_start, start), part(start, end.min(shown_end)));
    let mut out = String::new();
    let _ = writeln!(out, "{indent}{before}{marked}{}", part(end.min(shown_end), shown_end));
    let _ = writeln!(out, "{indent}{:1$}{2}", "", width(&before), "^".repeat(width(&marked).max(1)));
    out
}

/// The byte at a place that error texts name as `line:column`, both from 1, columns in bytes.
#[must_use]
pub fn offset(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text.get(start..).and_then(|rest| rest.find('\n')) {
            Some(at) => start += at + 1,
            None => break,
        }
    }
    floor(text, (start + column.saturating_sub(1)).min(text.len()))
}

/// Line and column of a byte, both from 1, columns in bytes.
#[must_use]
pub fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..floor(text, at)).unwrap_or(text);
    (before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1)
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_place_is_underlined() {
        assert_eq!(excerpt("a +\n  b * c\n+ d", 6..9, "> "), ">   b * c\n>   ^^^\n");
        assert_eq!(excerpt("x{", 2..2, ""), "x{\n  ^\n");
        assert_eq!(offset("a +\n  b", 2, 3), 6);
        assert_eq!(place("a +\n  b", 6), (2, 3));
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}RIGHT{}", "x".repeat(5000), "y".repeat(5000));
        let shown = excerpt(&text, 5000..5005, "");
        assert!(shown.len() < 300 && shown.contains("RIGHT") && shown.contains("^^^^^"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_place_of_any_text_can_be_shown(text in ".{0,20}(\n.{0,20}){0,3}", a in 0usize..90, b in 0usize..90) {
            let _ = excerpt(&text, a..b, "  ");
            let (line, column) = place(&text, a);
            prop_assert_eq!(offset(&text, line, column), floor(&text, a));
        }
    }
}
