//! A grid of terminal cells on which lines are drawn: dots of braille where colours tell series apart, letters
//! where there are none.

use std::fmt::Write as _;

/// Dots of a braille cell, across and down.
pub const DOTS: (usize, usize) = (2, 4);
/// The character without dots.
const BLANK: u32 = 0x2800;
/// The bit of each dot, by row and column.
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// How marks are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// Braille dots in the colour of the series.
    Colour,
    /// Braille dots: there is one series.
    Plain,
    /// A letter for each series.
    Letters,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u8,
    /// Number of the series drawn last, plus 1.
    series: u8,
}

/// The grid.
pub struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
    marks: Marks,
}

impl Canvas {
    /// An empty grid.
    #[must_use]
    pub fn new(columns: usize, rows: usize, marks: Marks) -> Self {
        Self { columns, rows, cells: vec![Cell::default(); columns * rows], marks }
    }

    /// Dots across and down.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.columns * DOTS.0, self.rows * DOTS.1)
    }

    /// A dot, counted from the top left. Outside of the grid nothing happens.
    pub fn dot(&mut self, x: usize, y: usize, series: usize) {
        let (column, row) = (x / DOTS.0, y / DOTS.1);
        if column >= self.columns {
            return;
        }
        let bit = BITS.get(y % DOTS.1).and_then(|bits| bits.get(x % DOTS.0)).copied().unwrap_or(0);
        if let Some(cell) = self.cells.get_mut(row * self.columns + column) {
            cell.dots |= bit;
            cell.series = u8::try_from(series + 1).unwrap_or(u8::MAX);
        }
    }

    /// A straight line between two dots.
    pub fn line(&mut self, from: (usize, usize), to: (usize, usize), series: usize) {
        let (dx, dy) = (to.0.abs_diff(from.0), to.1.abs_diff(from.1));
        let steps = dx.max(dy).max(1);
        let between = |a: usize, b: usize, at: usize| {
            let moved = (a.abs_diff(b) * at + steps / 2) / steps;
            if b >= a { a + moved } else { a - moved }
        };
        for at in 0..=steps {
            self.dot(between(from.0, to.0, at), between(from.1, to.1, at), series);
        }
    }

    /// A row of cells as text.
    #[must_use]
    pub fn row(&self, row: usize) -> String {
        let cells = self.cells.get(row * self.columns..(row + 1) * self.columns).unwrap_or_default();
        let mut out = String::new();
        let mut colour = 0;
        for cell in cells {
            if self.marks == Marks::Colour && cell.series != colour {
                colour = cell.series;
                out.push_str(&colour_code(colour));
            }
            out.push(match (cell.series, self.marks) {
                (0, _) => ' ',
                (series, Marks::Letters) => letter(usize::from(series) - 1),
                _ => char::from_u32(BLANK + u32::from(cell.dots)).unwrap_or(' '),
            });
        }
        if colour != 0 {
            out.push_str(RESET);
        }
        out
    }
}

/// Ends a colour.
pub const RESET: &str = "\u{1b}[0m";
/// Colours of the 256 that most terminals have, far apart on light and dark ground.
const COLOURS: [u8; 12] = [33, 208, 35, 199, 141, 178, 45, 161, 70, 105, 173, 245];

fn colour_code(series: u8) -> String {
    let mut out = String::new();
    match usize::from(series).checked_sub(1) {
        None => out.push_str(RESET),
        Some(at) => {
            let _ = write!(out, "\u{1b}[38;5;{}m", COLOURS.get(at % COLOURS.len()).copied().unwrap_or(15));
        }
    }
    out
}

/// The letter of a series.
fn letter(series: usize) -> char {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    LETTERS.get(series % LETTERS.len()).map_or('*', |byte| char::from(*byte))
}

/// What stands for a series in the legend.
#[must_use]
pub fn key(series: usize, marks: Marks) -> String {
    match marks {
        Marks::Colour => format!("{}━━{RESET}", colour_code(u8::try_from(series + 1).unwrap_or(u8::MAX))),
        Marks::Plain => "━━".to_owned(),
        Marks::Letters => format!(" {}", letter(series)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_become_dots_or_letters() {
        let mut canvas = Canvas::new(3, 1, Marks::Plain);
        canvas.line((0, 3), (5, 0), 0);
        assert_eq!(canvas.row(0), "⡠⠔⠊");
        let mut canvas = Canvas::new(3, 2, Marks::Letters);
        canvas.line((0, 7), (5, 7), 0);
        canvas.line((0, 0), (3, 0), 1);
        assert_eq!((canvas.row(0), canvas.row(1)), ("bb ".to_owned(), "aaa".to_owned()));
        let mut canvas = Canvas::new(2, 1, Marks::Colour);
        canvas.dot(2, 0, 1);
        assert_eq!(canvas.row(0), " \u{1b}[38;5;208m⠁\u{1b}[0m");
    }

    proptest! {
        #[test]
        fn a_line_reaches_both_ends(a in (0usize..20, 0usize..20), b in (0usize..20, 0usize..20)) {
            let mut canvas = Canvas::new(10, 5, Marks::Plain);
            canvas.line(a, b, 0);
            let lit = |(x, y): (usize, usize)| {
                canvas.cells[(y / 4) * 10 + x / 2].dots & BITS[y % 4][x % 2] != 0
            };
            prop_assert!(lit(a) && lit(b));
        }
    }
}
