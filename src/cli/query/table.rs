//! Rows and columns of text, aligned for reading.

use super::super::terminal::{Terminal, fitted, pad, printable, width};
use std::io::{self, Write};

/// Spaces between columns.
const GAP: usize = 2;

/// A column.
pub struct Column {
    /// What stands above it.
    pub head: String,
    /// Aligned right, as numbers are.
    pub right: bool,
}

impl Column {
    /// A column of texts.
    #[must_use]
    pub fn text(head: impl Into<String>) -> Self {
        Self { head: head.into(), right: false }
    }

    /// A column of numbers.
    #[must_use]
    pub fn number(head: impl Into<String>) -> Self {
        Self { head: head.into(), right: true }
    }
}

/// A table.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    /// Lines below a row, by the row's number.
    notes: Vec<(usize, String)>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row; a cell that is missing is empty. Control characters are escaped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let escaped = |cell: String| match printable(&cell) {
            std::borrow::Cow::Borrowed(_) => cell,
            std::borrow::Cow::Owned(escaped) => escaped,
        };
        self.rows.push(cells.into_iter().map(escaped).collect());
    }

    /// Adds a line below the last row.
    pub fn note(&mut self, line: impl Into<String>) {
        self.notes.push((self.rows.len(), line.into()));
    }

    /// The width that nothing has to be cut for.
    #[must_use]
    pub fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    fn widths(&self) -> Vec<usize> {
        let column = |at: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| width(cell)).chain([width(&column.head)]).max().unwrap_or(0)
        };
        self.columns.iter().enumerate().map(|(at, c)| column(at, c)).collect()
    }

    /// Writes the table. Where it is wider than the terminal the widest columns of texts are cut.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn write(&self, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
        let mut widths = self.widths();
        if let Some(columns) = terminal.width {
            self.shrink(&mut widths, columns);
        }
        let heads: Vec<String> = self.columns.iter().map(|column| column.head.clone()).collect();
        let head = self.line(&heads, &widths);
        match terminal.colour {
            true => writeln!(out, "\u{1b}[1m{head}\u{1b}[0m")?,
            false => writeln!(out, "{head}")?,
        }
        let mut notes = self.notes.iter().peekable();
        for (at, row) in self.rows.iter().enumerate() {
            writeln!(out, "{}", self.line(row, &widths))?;
            while let Some((_, line)) = notes.next_if(|(below, _)| *below == at + 1) {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }

    /// Takes what is too much from the widest column of texts, again and again.
    fn shrink(&self, widths: &mut [usize], columns: usize) {
        const NARROWEST: usize = 8;
        let gaps = GAP * widths.len().saturating_sub(1);
        loop {
            let excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(columns);
            let texts = widths.iter_mut().zip(&self.columns).filter(|(_, column)| !column.right);
            let Some((widest, _)) = texts.max_by_key(|(width, _)| **width) else { return };
            if excess == 0 || *widest <= NARROWEST {
                return;
            }
            // In pieces, so that columns of the same width shrink alike.
            *widest -= excess.clamp(1, 4).min(*widest - NARROWEST);
        }
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (at, (column, width)) in self.columns.iter().zip(widths).enumerate() {
            if at > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let cell = cells.get(at).map_or("", String::as_str);
            pad(&mut line, &fitted(cell, *width), *width, column.right);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &Table, width: Option<usize>) -> String {
        let mut out = Vec::new();
        table.write(Terminal { width, colour: false }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn example() -> Table {
        let mut table = Table::new(vec![Column::text("JOB"), Column::number("VALUE")]);
        table.row(["a-very-long-name-of-a-job".to_owned(), "1".to_owned()]);
        table.note("  note");
        table.row(["日本\u{1b}".to_owned(), "23.5".to_owned()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_escaped() {
        let want = "JOB                        VALUE\na-very-long-name-of-a-job      1\n  note\n日本\\u{1b}                  23.5\n";
        assert_eq!(shown(&example(), None), want);
    }

    #[test]
    fn what_is_too_wide_is_cut_in_texts_only() {
        let text = shown(&example(), Some(20));
        assert!(text.lines().all(|line| width(line) <= 20), "{text}");
        assert!(text.contains("…") && text.contains("23.5"), "{text}");
        let narrow = shown(&example(), Some(3));
        assert!(narrow.contains("23.5"), "{narrow}");
    }
}
