//! What the output is shown on: its width, whether it takes colours, and texts that must not control it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::IsTerminal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns where nothing tells how many there are.
const WIDTH: usize = 100;
/// The narrowest and the widest terminal that is believed in.
const WIDTHS: std::ops::RangeInclusive<usize> = 20..=1000;

/// Where the output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Columns; `None` when nobody looks at it and lines may be as long as they like.
    pub width: Option<usize>,
    /// Takes colours.
    pub colour: bool,
}

impl Terminal {
    /// The standard output of this process. `COLUMNS` overrides the width; `NO_COLOR` and `TERM=dumb` forbid
    /// colours.
    #[must_use]
    pub fn stdout() -> Self {
        let stdout = std::io::stdout();
        let shown = stdout.is_terminal();
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let said = set("COLUMNS").and_then(|columns| columns.parse::<usize>().ok());
        let asked = || rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
        let width = said.or_else(|| if shown { asked().filter(|w| *w > 0).or(Some(WIDTH)) } else { None });
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        Self {
            width: width.map(|w| w.clamp(*WIDTHS.start(), *WIDTHS.end())),
            colour: shown && !dumb && set("NO_COLOR").is_none(),
        }
    }

    /// Columns for what has to have a width.
    #[must_use]
    pub fn columns(self) -> usize {
        self.width.unwrap_or(WIDTH)
    }
}

/// A text with its control characters escaped: label values come from anywhere, and a terminal obeys them.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text cut to `columns`, with `…` where something is missing.
#[must_use]
pub fn fitted(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// Appends a text and the spaces that make it `columns` wide.
pub fn pad(out: &mut String, text: &str, columns: usize, right: bool) {
    let spaces = columns.saturating_sub(width(text));
    if right {
        let _ = write!(out, "{:spaces$}{text}", "");
    } else {
        let _ = write!(out, "{text}{:spaces$}", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\nc");
        assert_eq!(printable("é😀"), "é😀");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("日本"), 4);
        assert_eq!(fitted("日本語", 5), "日本…");
        assert_eq!(fitted("abcdef", 4), "abc…");
        assert_eq!(fitted("abc", 3), "abc");
        let mut out = String::new();
        pad(&mut out, "日", 4, true);
        pad(&mut out, "x", 3, false);
        assert_eq!(out, "  日x  ");
    }
}
