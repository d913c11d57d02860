//! Answers as CSV after RFC 4180: a header, CRLF, quotes where a field needs them.
//!
//! `time` and `value` come first: a label may have the same name, but not the same place.

use super::answer::{Data, Histogram, Metric, Point, Range, millis};
use super::labels::{names, values};
use crate::web::time::rfc3339;
use std::io::{self, Write};

/// Writes the data of a query: a row for each sample.
///
/// # Errors
/// `out` cannot be written.
pub fn write(data: &Data, out: &mut dyn Write) -> io::Result<()> {
    match data {
        Data::Vector(series) => {
            let labels = header(series.iter().map(|series| &series.metric), out)?;
            for series in series {
                let sample = match (&series.value, &series.histogram) {
                    (Some(Point(at, value)), _) => (*at, value.clone()),
                    (None, Some(Point(at, histogram))) => (*at, histogram_text(histogram)),
                    (None, None) => continue,
                };
                sample_row(&series.metric, &labels, sample, out)?;
            }
            Ok(())
        }
        Data::Matrix(series) => {
            let labels = header(series.iter().map(|series| &series.metric), out)?;
            for series in series {
                for sample in samples(series) {
                    sample_row(&series.metric, &labels, sample, out)?;
                }
            }
            Ok(())
        }
        Data::Scalar(Point(at, value)) | Data::String(Point(at, value)) => {
            header([], out)?;
            row([time(*at), value.clone()], out)
        }
    }
}

/// Writes label sets, a row for each.
///
/// # Errors
/// `out` cannot be written.
pub fn write_series(series: &[Metric], out: &mut dyn Write) -> io::Result<()> {
    let labels = names(series);
    row(labels.iter().map(|label| (*label).to_owned()), out)?;
    series.iter().try_for_each(|metric| row(values(metric, &labels), out))
}

/// Writes one column.
///
/// # Errors
/// `out` cannot be written.
pub fn write_list(head: &str, items: &[String], out: &mut dyn Write) -> io::Result<()> {
    row([head.to_owned()], out)?;
    items.iter().try_for_each(|item| row([item.clone()], out))
}

fn header<'a>(
    metrics: impl IntoIterator<Item = &'a Metric>,
    out: &mut dyn Write,
) -> io::Result<Vec<&'a str>> {
    let labels = names(metrics);
    let fields = ["time", "value"].into_iter().chain(labels.iter().copied());
    row(fields.map(str::to_owned), out)?;
    Ok(labels)
}

fn samples(series: &Range) -> Vec<(f64, String)> {
    let numbers = series.values.iter().map(|Point(at, value)| (*at, value.clone()));
    let histograms = series.histograms.iter().map(|Point(at, histogram)| (*at, histogram_text(histogram)));
    let mut all: Vec<(f64, String)> = numbers.chain(histograms).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

fn sample_row(
    metric: &Metric,
    labels: &[&str],
    (at, value): (f64, String),
    out: &mut dyn Write,
) -> io::Result<()> {
    row([time(at), value].into_iter().chain(values(metric, labels)), out)
}

fn time(seconds: f64) -> String {
    rfc3339(millis(seconds))
}

/// `{count:3, sum:4.5, (1,2]:3}`: a native histogram in one field, as Prometheus prints it.
fn histogram_text(histogram: &Histogram) -> String {
    let mut text = format!("{{count:{}, sum:{}", histogram.count, histogram.sum);
    for bucket in &histogram.buckets {
        text.push_str(&format!(", {}:{}", bucket.bounds(), bucket.count));
    }
    text.push('}');
    text
}

fn row(fields: impl IntoIterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        if field.contains([',', '"', '\r', '\n']) {
            write!(out, "\"{}\"", field.replace('"', "\"\""))?;
        } else {
            out.write_all(field.as_bytes())?;
        }
    }
    out.write_all(b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(json: &str) -> String {
        let mut out = Vec::new();
        write(&serde_json::from_str(json).unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_sample_has_a_row() {
        let text = shown(
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"x","a":"b,\"c"},"values":[[1,"2"]],"histograms":[[0.5,{"count":"3","sum":"4.5","buckets":[[0,"1","2","3"]]}]]},{"metric":{"z":""},"values":[[1,"NaN"]]}]}"#,
        );
        let want = "time,value,__name__,a,z\r\n\
                    1970-01-01T00:00:00.5Z,\"{count:3, sum:4.5, (1,2]:3}\",x,\"b,\"\"c\",\r\n\
                    1970-01-01T00:00:01Z,2,x,\"b,\"\"c\",\r\n\
                    1970-01-01T00:00:01Z,NaN,,,\r\n";
        assert_eq!(text, want);
        assert_eq!(
            shown(r#"{"resultType":"scalar","result":[1,"2"]}"#),
            "time,value\r\n1970-01-01T00:00:01Z,2\r\n"
        );
        assert_eq!(shown(r#"{"resultType":"vector","result":[]}"#), "time,value\r\n");
    }

    /// A reader of RFC 4180 that knows nothing of the writer.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut fields, mut field) = (Vec::new(), Vec::new(), String::new());
        let mut quoted = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(std::mem::take(&mut field)),
                '\r' if !quoted => {}
                '\n' if !quoted => {
                    fields.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut fields));
                }
                c => field.push(c),
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(fields in prop::collection::vec("[a\",\r\n é]{0,6}", 1..4)) {
            let mut out = Vec::new();
            row(fields.clone(), &mut out).unwrap();
            prop_assert_eq!(read(std::str::from_utf8(&out).unwrap()), vec![fields]);
        }
    }
}
