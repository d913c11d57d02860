//! `narthex tsdb export`: samples as text.

use super::args::{ExportOptions, Shape};
use super::progress::Progress;
use super::{Fault, select};
use narthex_storage::number::{format_float, format_short};
use narthex_storage::{Columns, Db, Labels, is_stale_nan};
use std::fmt::Write as _;
use std::io::{self, Write};

pub(super) fn run(options: &ExportOptions, out: &mut impl Write) -> Result<(), Fault> {
    let dump = &options.dump;
    let db = Db::open_read_only(&dump.path)?;
    let series = select(&db, dump)?;
    let mut progress = Progress::new("exporting");
    let mut columns = Columns::default();
    let all = series.len() as u64;
    for (number, one) in (0u64..).zip(&series) {
        progress.show(number, Some(all), "");
        columns.clear();
        one.read(dump.mint, dump.maxt, &mut columns)?;
        match options.shape {
            Shape::Dump => write_dump(one.labels(), &columns, out)?,
            Shape::OpenMetrics => write_openmetrics(one.labels(), &columns, out)?,
        }
    }
    if options.shape == Shape::OpenMetrics {
        writeln!(out, "# EOF")?;
    }
    Ok(())
}

fn write_dump(labels: &Labels, columns: &Columns, out: &mut impl Write) -> io::Result<()> {
    let labels = format!("{labels:?}");
    for (at, (timestamp, value)) in columns.timestamps.iter().zip(&columns.values).enumerate() {
        match columns.histogram(at) {
            Some(histogram) => writeln!(out, "{labels} {histogram} {timestamp}")?,
            None => writeln!(out, "{labels} {} {timestamp}", format_short(*value))?,
        }
    }
    Ok(())
}

/// Histograms have no place in this text, and a staleness marker would read as an ordinary NaN: both are left
/// out.
fn write_openmetrics(labels: &Labels, columns: &Columns, out: &mut impl Write) -> io::Result<()> {
    let name = series_text(labels);
    for (at, (timestamp, value)) in columns.timestamps.iter().zip(&columns.values).enumerate() {
        if columns.histogram(at).is_none() && !is_stale_nan(*value) {
            let (seconds, ms) = (timestamp.unsigned_abs() / 1000, timestamp.unsigned_abs() % 1000);
            let sign = if *timestamp < 0 { "-" } else { "" };
            writeln!(out, "{name} {} {sign}{seconds}.{ms:03}", format_float(*value))?;
        }
    }
    Ok(())
}

/// Name and labels; a name that is not plain stands quoted between the braces.
fn series_text(labels: &Labels) -> String {
    let quoted = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("\"{text}\"")
    };
    let is_plain = |name: &str, colons: bool| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || colons && c == ':';
        !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let metric = labels.metric_name();
    let mut out = String::new();
    let mut parts = Vec::new();
    if is_plain(metric, true) {
        out.push_str(metric);
    } else if !metric.is_empty() {
        parts.push(quoted(metric));
    }
    for (name, value) in labels.iter().filter(|(name, _)| *name != "__name__") {
        let name = if is_plain(name, false) { name.to_owned() } else { quoted(name) };
        parts.push(format!("{name}={}", quoted(value)));
    }
    // Text that is written to memory is always written.
    let _ = write!(out, "{{{}}}", parts.join(","));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_quoted_where_they_have_to_be() {
        let plain = Labels::from_pairs([("__name__", "a:b"), ("x", "1\n\"\\")]);
        assert_eq!(series_text(&plain), r#"a:b{x="1\n\"\\"}"#);
        let odd = Labels::from_pairs([("__name__", "a.b"), ("x.y", "1")]);
        assert_eq!(series_text(&odd), r#"{"a.b","x.y"="1"}"#);
    }
}
