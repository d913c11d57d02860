//! Answers as tables for people.

use super::super::terminal::{Terminal, printable};
use super::answer::{Data, Histogram, Instant, Metric, Point, Range, millis, notation, number};
use super::labels::{heading, names, values};
use super::table::{Column, Table};
use crate::web::time::rfc3339;
use std::io::{self, Write};

/// Buckets of a histogram that a table shows below its row.
const BUCKETS_MAX: usize = 24;
/// Columns of the bar beside a bucket.
const BAR: usize = 24;

/// Writes the data of a query.
///
/// # Errors
/// `out` cannot be written.
pub fn write(data: &Data, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    match data {
        Data::Vector(series) => vector(series, terminal, out),
        Data::Matrix(series) => matrix(series, terminal, out),
        Data::Scalar(point) | Data::String(point) => {
            let mut table = Table::new(vec![Column::number("VALUE"), Column::text("TIME")]);
            table.row([point.1.clone(), time(point.0)]);
            table.write(terminal, out)
        }
    }
}

/// Writes label sets.
///
/// # Errors
/// `out` cannot be written.
pub fn write_series(series: &[Metric], terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    if series.is_empty() {
        return writeln!(out, "(no series)");
    }
    by_label(series.iter().map(|metric| (metric, Vec::new())), &[], terminal).write(terminal, out)
}

fn time(seconds: f64) -> String {
    rfc3339(millis(seconds))
}

/// A table with a column for each label; with one for the whole series when that does not fit.
fn by_label<'a>(
    rows: impl Iterator<Item = (&'a Metric, Vec<String>)> + Clone,
    more: &[(&str, bool)],
    terminal: Terminal,
) -> Table {
    let names = names(rows.clone().map(|(metric, _)| metric));
    let rest = || more.iter().map(|(head, right)| Column { head: (*head).to_owned(), right: *right });
    let columns = names.iter().map(|name| Column::text(heading(name))).chain(rest());
    let mut wide = Table::new(columns.collect());
    for (metric, cells) in rows.clone() {
        wide.row(values(metric, &names).chain(cells));
    }
    if terminal.width.is_none_or(|columns| wide.width() <= columns) {
        return wide;
    }
    let mut narrow = Table::new([Column::text("SERIES")].into_iter().chain(rest()).collect());
    for (metric, cells) in rows {
        narrow.row([notation(metric)].into_iter().chain(cells));
    }
    narrow
}

fn vector(series: &[Instant], terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    if series.is_empty() {
        return writeln!(out, "(no series)");
    }
    let cells = |series: &Instant| match (&series.value, &series.histogram) {
        (Some(Point(at, value)), _) => vec![value.clone(), time(*at)],
        (None, Some(Point(at, histogram))) => vec![summary(histogram), time(*at)],
        (None, None) => Vec::new(),
    };
    let rows = series.iter().map(|series| (&series.metric, cells(series)));
    let mut table = by_label(rows, &[("VALUE", true), ("TIME", false)], terminal);
    if series.iter().any(|series| series.histogram.is_some()) {
        table = with_buckets(series, terminal, &cells);
    }
    table.write(terminal, out)
}

/// As `by_label`, with the buckets of histograms below their rows.
fn with_buckets(series: &[Instant], terminal: Terminal, cells: &dyn Fn(&Instant) -> Vec<String>) -> Table {
    let columns = vec![Column::text("SERIES"), Column::number("VALUE"), Column::text("TIME")];
    let mut table = Table::new(columns);
    for series in series {
        table.row([notation(&series.metric)].into_iter().chain(cells(series)));
        if let Some(Point(_, histogram)) = &series.histogram {
            bucket_lines(histogram, terminal).into_iter().for_each(|line| table.note(line));
        }
    }
    table
}

/// `count 10, sum 15.5, avg 1.55`
#[must_use]
pub fn summary(histogram: &Histogram) -> String {
    let (count, sum) = (number(&histogram.count), number(&histogram.sum));
    let mean = if count > 0.0 && sum.is_finite() {
        format!(", avg {}", narthex_promql::numeric::format_short_digits(sum / count, 4))
    } else {
        String::new()
    };
    format!("count {}, sum {}{mean}", histogram.count, histogram.sum)
}

/// The buckets, each with its share as a bar.
#[must_use]
pub fn bucket_lines(histogram: &Histogram, terminal: Terminal) -> Vec<String> {
    let shown = histogram.buckets.iter().take(BUCKETS_MAX);
    let bounds = |rows: &mut dyn Iterator<Item = usize>| rows.max().unwrap_or(0);
    let left = bounds(&mut shown.clone().map(|bucket| bucket.bounds().chars().count()));
    let right = bounds(&mut shown.clone().map(|bucket| bucket.count.len()));
    let most = shown.clone().map(|bucket| number(&bucket.count).abs()).fold(0.0, f64::max);
    let mut lines: Vec<String> = shown
        .map(|bucket| {
            let room = terminal.columns().saturating_sub(left + right + 6).min(BAR);
            let bar = super::graph::bar(number(&bucket.count).abs(), most, room);
            printable(&format!("  {:>left$}  {:>right$}  {bar}", bucket.bounds(), bucket.count))
                .trim_end()
                .to_owned()
        })
        .collect();
    if histogram.buckets.len() > BUCKETS_MAX {
        lines.push(format!("  … {} more buckets", histogram.buckets.len() - BUCKETS_MAX));
    }
    lines
}

fn matrix(series: &[Range], terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    if series.is_empty() {
        return writeln!(out, "(no series)");
    }
    for (at, series) in series.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let name = notation(&series.metric);
        match terminal.colour {
            true => writeln!(out, "\u{1b}[1m{}\u{1b}[0m", printable(&name))?,
            false => writeln!(out, "{}", printable(&name))?,
        }
        let mut table = Table::new(vec![Column::text("  TIME"), Column::number("VALUE")]);
        for (at, value) in merged(series) {
            table.row([format!("  {}", time(at)), value]);
        }
        table.write(Terminal { colour: false, ..terminal }, out)?;
    }
    Ok(())
}

/// Numbers and histograms of a series in the order of time.
#[must_use]
pub fn merged(series: &Range) -> Vec<(f64, String)> {
    let numbers = series.values.iter().map(|Point(at, value)| (*at, value.clone()));
    let histograms = series.histograms.iter().map(|Point(at, histogram)| (*at, summary(histogram)));
    let mut all: Vec<(f64, String)> = numbers.chain(histograms).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str, width: Option<usize>) -> String {
        let data: Data = serde_json::from_str(json).unwrap();
        let mut out = Vec::new();
        write(&data, Terminal { width, colour: false }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    const VECTOR: &str = r#"{"resultType":"vector","result":[
        {"metric":{"__name__":"up","job":"a","zone":"x"},"value":[0.5,"1"]},
        {"metric":{"__name__":"up","instance":"h:1"},"value":[0.5,"12.25"]}]}"#;

    #[test]
    fn labels_have_columns_where_they_fit() {
        let want = "METRIC  instance  job  zone  VALUE  TIME\nup                a    x         1  1970-01-01T00:00:00.5Z\nup      h:1                  12.25  1970-01-01T00:00:00.5Z\n";
        assert_eq!(shown(VECTOR, None), want);
        let narrow = shown(VECTOR, Some(52));
        assert!(narrow.contains("up{job=\"a\", zone=\"x\"}"), "{narrow}");
        assert!(narrow.lines().all(|line| line.chars().count() <= 52), "{narrow}");
    }

    #[test]
    fn histograms_show_their_buckets() {
        let text = shown(
            r#"{"resultType":"vector","result":[{"metric":{"a":"b"},"histogram":[2,{"count":"10","sum":"15","buckets":[[0,"1","2","8"],[0,"2","4","2"]]}]}]}"#,
            None,
        );
        assert!(text.contains("{a=\"b\"}  count 10, sum 15, avg 1.5  1970-01-01T00:00:02Z"), "{text}");
        assert!(text.contains("\n  (1,2]  8  ████████████████████████\n  (2,4]  2  ██████\n"), "{text}");
    }

    #[test]
    fn ranges_are_told_series_by_series() {
        let text = shown(
            r#"{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"2"],[3,"4.5"]],"histograms":[[2,{"count":"0","sum":"0"}]]},{"metric":{},"values":[[1,"0"]]}]}"#,
            Some(80),
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "{a=\"b\"}");
        assert!(lines[2].contains("00:00:01Z") && lines[2].ends_with("2"), "{text}");
        assert!(lines[3].ends_with("count 0, sum 0"), "{text}");
        assert_eq!(lines[5..7], ["", "{}"]);
        assert_eq!(shown(r#"{"resultType":"matrix","result":[]}"#, None), "(no series)\n");
        assert!(shown(r#"{"resultType":"scalar","result":[1,"2"]}"#, None).contains("    2  1970"));
    }
}
