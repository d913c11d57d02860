//! Charts in the terminal: lines over time, bars for one time.

mod canvas;
mod time_axis;

use super::super::terminal::{Terminal, fitted, pad, printable, width};
use super::answer::{Data, Instant, Point, Range, millis, notation, number};
use super::scale::Scale;
use super::text::{bucket_lines, summary};
use canvas::{Canvas, Marks, key};
use std::io::{self, Write};
use time_axis::{span_text, time_axis};

/// Rows of the plot.
const ROWS: usize = 16;
/// Fewest columns of the plot; a narrower terminal wraps.
const COLUMNS_MIN: usize = 20;
/// Series that are drawn; more cannot be told apart.
const SERIES_MAX: usize = 20;
/// Series that a bar chart shows.
const BARS_MAX: usize = 100;

/// What a chart covers.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// First time, ms.
    pub start_ms: i64,
    /// Last time, ms.
    pub end_ms: i64,
    /// Distance of points, ms; a longer pause is a gap.
    pub step_ms: i64,
}

/// Draws the data of a query.
///
/// # Errors
/// `out` cannot be written.
pub fn write(
    data: &Data,
    window: Window,
    scale: Scale,
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    match data {
        Data::Vector(series) => bars(series, scale, terminal, out),
        Data::Matrix(series) => lines(series, window, scale, terminal, out),
        Data::Scalar(_) | Data::String(_) => super::text::write(data, terminal, out),
    }
}

/// A horizontal bar: `value` of `most` in `columns` cells, eighths of a cell exactly.
#[must_use]
pub fn bar(value: f64, most: f64, columns: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if most > 0.0 && value.is_finite() { (value / most).clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * columns as f64 * 8.0).round() as usize;
    let mut out = "█".repeat(eighths / 8);
    out.push_str(PARTS.get(eighths % 8).copied().unwrap_or_default());
    out
}

fn bars(series: &[Instant], scale: Scale, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    if series.is_empty() {
        return writeln!(out, "(no series)");
    }
    let shown = series.get(..BARS_MAX.min(series.len())).unwrap_or_default();
    let names: Vec<String> = shown.iter().map(|s| printable(&notation(&s.metric)).into_owned()).collect();
    let columns = terminal.columns();
    let longest = names.iter().map(|name| width(name)).max().unwrap_or(0).min(columns / 2);
    let values: Vec<f64> =
        shown.iter().map(|s| s.value.as_ref().map_or(f64::NAN, |Point(_, v)| number(v))).collect();
    let texts: Vec<String> = values.iter().map(|value| scale.short(*value)).collect();
    let digits = texts.iter().map(|text| width(text)).max().unwrap_or(0);
    let most = values.iter().copied().filter(|v| v.is_finite()).map(f64::abs).fold(0.0, f64::max);
    let room = columns.saturating_sub(longest + digits + 4);
    for (((series, name), value), text) in shown.iter().zip(&names).zip(&values).zip(&texts) {
        let mut line = String::new();
        pad(&mut line, &fitted(name, longest), longest, false);
        if let Some(Point(_, histogram)) = &series.histogram {
            writeln!(out, "{line}  {}", summary(histogram))?;
            bucket_lines(histogram, terminal).iter().try_for_each(|line| writeln!(out, "{line}"))?;
            continue;
        }
        line.push_str("  ");
        pad(&mut line, text, digits, true);
        line.push_str("  ");
        line.push_str(&bar(value.abs(), most, room));
        writeln!(out, "{}", line.trim_end())?;
    }
    if series.len() > shown.len() {
        writeln!(out, "… {} more series", series.len() - shown.len())?;
    }
    Ok(())
}

/// A series with the numbers that can be drawn; a histogram counts as its observations.
struct Line<'a> {
    series: &'a Range,
    points: Vec<(i64, f64)>,
}

impl<'a> Line<'a> {
    fn new(series: &'a Range) -> Self {
        let numbers = series.values.iter().map(|Point(at, value)| (millis(*at), number(value)));
        let counts = series.histograms.iter().map(|Point(at, h)| (millis(*at), number(&h.count)));
        let mut points: Vec<(i64, f64)> =
            numbers.chain(counts).filter(|(_, value)| value.is_finite()).collect();
        points.sort_by_key(|(at, _)| *at);
        Self { series, points }
    }

    fn last(&self) -> f64 {
        self.points.last().map_or(f64::NEG_INFINITY, |(_, value)| *value)
    }

    fn bounds(&self) -> (f64, f64) {
        let values = || self.points.iter().map(|(_, value)| *value);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    }
}

fn lines(
    series: &[Range],
    window: Window,
    scale: Scale,
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut lines: Vec<Line<'_>> = series.iter().map(Line::new).collect();
    lines.sort_by(|a, b| b.last().total_cmp(&a.last()));
    lines.truncate(SERIES_MAX);
    let (low, high) = lines
        .iter()
        .map(Line::bounds)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (l, h)| (low.min(l), high.max(h)));
    if low > high {
        let what = if series.is_empty() { "(no series)" } else { "(no finite numbers to draw)" };
        return writeln!(out, "{what}");
    }
    let (low, high) = padded(low, high);
    let marks = match (terminal.colour, lines.len()) {
        (true, _) => Marks::Colour,
        (false, 1) => Marks::Plain,
        (false, _) => Marks::Letters,
    };
    let ticks = scale.ticks(low, high, ROWS / 4);
    let margin = ticks.iter().map(|(_, text)| width(text)).max().unwrap_or(0);
    let columns = terminal.columns().saturating_sub(margin + 2).max(COLUMNS_MIN);
    let mut canvas = Canvas::new(columns, ROWS, marks);
    // The first of the legend is drawn last and so lies on top.
    for (at, line) in lines.iter().enumerate().rev() {
        draw(line, at, window, (low, high), &mut canvas);
    }
    let label = |row: usize| {
        let near =
            |value: &f64| (((high - value) / (high - low)) * (ROWS - 1) as f64).round() as usize == row;
        ticks.iter().find(|(value, _)| near(value)).map(|(_, text)| text.as_str())
    };
    for row in 0..ROWS {
        let mut left = String::new();
        pad(&mut left, label(row).unwrap_or_default(), margin, true);
        let axis = if label(row).is_some() { '┤' } else { '│' };
        writeln!(out, "{left} {axis}{}", canvas.row(row))?;
    }
    let (below, times) = time_axis(window.start_ms, window.end_ms, columns);
    writeln!(out, "{:margin$} └{below}", "")?;
    writeln!(out, "{:margin$}  {}", "", times)?;
    writeln!(out, "{:margin$}  {}", "", span_text(window.start_ms, window.end_ms))?;
    legend(&lines, marks, scale, terminal, out)?;
    if series.len() > lines.len() {
        writeln!(out, "… {} more series with lower last values, not drawn", series.len() - lines.len())?;
    }
    Ok(())
}

/// Bounds of the axis: from 0 unless the values lie far from it, and never empty.
fn padded(low: f64, high: f64) -> (f64, f64) {
    let near = high - low > high.abs() / 2.0;
    let low = if low > 0.0 && (near || low == high) { 0.0 } else { low };
    let high = if high < 0.0 && low == high { 0.0 } else { high };
    if low < high {
        return (low, high);
    }
    (low, low + low.abs().max(1.0))
}

fn draw(line: &Line<'_>, at: usize, window: Window, (low, high): (f64, f64), canvas: &mut Canvas) {
    let (across, down) = canvas.size();
    let span = (window.end_ms.saturating_sub(window.start_ms)).max(1) as f64;
    let x = |ms: i64| {
        let share = (ms.saturating_sub(window.start_ms)) as f64 / span;
        (share.clamp(0.0, 1.0) * across.saturating_sub(1) as f64).round() as usize
    };
    // Halved first: the difference of two large numbers may not be finite.
    let y = |value: f64| {
        let share = (high / 2.0 - value / 2.0) / (high / 2.0 - low / 2.0);
        (share.clamp(0.0, 1.0) * down.saturating_sub(1) as f64).round() as usize
    };
    let mut last: Option<(i64, (usize, usize))> = None;
    for (ms, value) in &line.points {
        let here = (x(*ms), y(*value));
        let joined =
            last.filter(|(before, _)| ms.saturating_sub(*before) <= window.step_ms.saturating_mul(3) / 2);
        match joined {
            Some((_, before)) => canvas.line(before, here, at),
            None => canvas.dot(here.0, here.1, at),
        }
        last = Some((*ms, here));
    }
}

fn legend(
    lines: &[Line<'_>],
    marks: Marks,
    scale: Scale,
    terminal: Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    let names: Vec<String> =
        lines.iter().map(|line| printable(&notation(&line.series.metric)).into_owned()).collect();
    let figures: Vec<[String; 3]> = lines
        .iter()
        .map(|line| {
            let (low, high) = line.bounds();
            [line.last(), low, high].map(|v| if v.is_finite() { scale.short(v) } else { "-".to_owned() })
        })
        .collect();
    const HEADS: [&str; 3] = ["last", "min", "max"];
    let widths = [0, 1, 2].map(|at| {
        let cells = figures.iter().filter_map(|row: &[String; 3]| row.get(at)).map(|text| width(text));
        cells.chain(HEADS.get(at).map(|head| head.len())).max().unwrap_or(0)
    });
    let taken = 4 + widths.iter().map(|w| w + 2).sum::<usize>();
    let room = terminal.width.map_or(usize::MAX, |columns| columns.saturating_sub(taken).max(10));
    let longest = names.iter().map(|name| width(name)).max().unwrap_or(0).min(room);
    let row = |mark: &str, name: &str, cells: [&str; 3]| {
        let mut line = format!("{mark}  ");
        pad(&mut line, &fitted(name, longest), longest, false);
        for (cell, width) in cells.into_iter().zip(widths) {
            line.push_str("  ");
            pad(&mut line, cell, width, true);
        }
        line
    };
    writeln!(out, "\n{}", row("  ", "", HEADS))?;
    for (at, (name, [last, low, high])) in names.iter().zip(&figures).enumerate() {
        writeln!(out, "{}", row(&key(at, marks), name, [last, low, high]))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(json: &str, window: Window, terminal: Terminal) -> String {
        let data: Data = serde_json::from_str(json).unwrap();
        let mut out = Vec::new();
        write(&data, window, Scale::Si, terminal, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    const WINDOW: Window = Window { start_ms: 0, end_ms: 60_000, step_ms: 10_000 };
    const PLAIN: Terminal = Terminal { width: Some(60), colour: false };

    #[test]
    fn a_line_rises_from_the_lower_left_to_the_upper_right() {
        let text = drawn(
            r#"{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[0,"0"],[10,"1"],[20,"2"],[30,"3"],[40,"4"],[50,"5"],[60,"6"]]}]}"#,
            WINDOW,
            PLAIN,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].ends_with('⠊') || lines[0].ends_with('⠉') || lines[0].trim_end().chars().count() > 50,
            "{text}"
        );
        assert!(lines[15].starts_with("0 ┤⣀") || lines[15].starts_with("0 ┤⡠"), "{text}");
        assert!(text.contains("00:00:30") && text.contains("UTC") && text.contains("{a=\"b\"}"), "{text}");
        assert!(lines.iter().all(|line| width(line) <= 60), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn gaps_stay_gaps_and_series_without_colours_have_letters() {
        let text = drawn(
            r#"{"resultType":"matrix","result":[{"metric":{"a":"1"},"values":[[0,"1"],[60,"1"]]},{"metric":{"a":"2"},"values":[[0,"2"],[10,"2"],[20,"2"],[30,"NaN"]]}]}"#,
            WINDOW,
            PLAIN,
        );
        let ones: usize = text.lines().take(16).map(|line| line.matches('b').count()).sum();
        let twos: usize = text.lines().take(16).map(|line| line.matches('a').count()).sum();
        assert_eq!(ones, 2, "{text}");
        assert!(twos > 15 && twos < 25, "{text}");
        let coloured = drawn(
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"]]}]}"#,
            WINDOW,
            Terminal { colour: true, ..PLAIN },
        );
        assert!(coloured.contains("\u{1b}[38;5;33m"), "{coloured}");
    }

    #[test]
    fn instants_are_bars() {
        let text = drawn(
            r#"{"resultType":"vector","result":[{"metric":{"a":"1"},"value":[0,"2000"]},{"metric":{"a":"22"},"value":[0,"1000"]},{"metric":{},"value":[0,"NaN"]}]}"#,
            WINDOW,
            Terminal { width: Some(30), colour: false },
        );
        assert_eq!(text, "{a=\"1\"}    2k  ███████████████\n{a=\"22\"}   1k  ███████▌\n{}        NaN\n");
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let none = r#"{"resultType":"matrix","result":[]}"#;
        assert_eq!(drawn(none, WINDOW, PLAIN), "(no series)\n");
        let nan = r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"NaN"]]}]}"#;
        assert!(drawn(nan, WINDOW, PLAIN).contains("no finite"));
    }

    proptest! {
        #[test]
        fn any_numbers_can_be_drawn(values in prop::collection::vec(any::<f64>(), 1..20), columns in 20usize..120) {
            let series = Range {
                metric: Default::default(),
                values: values.iter().enumerate().map(|(i, v)| Point(i as f64 * 10.0, v.to_string())).collect(),
                histograms: Vec::new(),
            };
            let mut out = Vec::new();
            let terminal = Terminal { width: Some(columns), colour: false };
            write(&Data::Matrix(vec![series]), WINDOW, Scale::Iec, terminal, &mut out).unwrap();
        }
    }
}
