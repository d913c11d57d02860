//! `prometheus.TimeSeries`: the labels and samples of one series, read without a copy.

use super::histogram::{self, HistogramFault};
use super::wire::{Reader, WireError};
use narthex_storage::labels::METRIC_NAME;
use narthex_storage::{Exemplar, FloatHistogram, LabelsBuf, LabelsBuilder};

/// A series of a request. Reused from series to series: no allocation once warm.
#[derive(Debug, Default)]
pub struct TimeSeries {
    /// Sorted; only right after [`TimeSeries::read`] said so.
    pub labels: LabelsBuf,
    /// Timestamp, ms, and value.
    pub samples: Vec<(i64, f64)>,
    /// Timestamp, ms, and histogram, or what is wrong with it.
    pub histograms: Vec<(i64, Result<FloatHistogram, HistogramFault>)>,
    /// Exemplars.
    pub exemplars: Vec<Exemplar>,
}

impl TimeSeries {
    /// Reads a message; `false` when its labels are no series': without a metric name, or with a name that
    /// is empty or there twice.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub fn read(&mut self, message: &[u8]) -> Result<bool, WireError> {
        self.labels.clear();
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
        let mut named = false;
        let mut last = "";
        let mut sorted = true;
        for field in Reader::new(message) {
            let field = field?;
            match field.number {
                1 => {
                    let (name, value) = label(field.bytes()?)?;
                    sorted &= last < name && !value.is_empty();
                    last = name;
                    named |= name == METRIC_NAME && !value.is_empty();
                    self.labels.push(name, value);
                }
                2 => self.samples.push(sample(field.bytes()?)?),
                3 => self.exemplars.push(exemplar(field.bytes()?)?),
                4 => self.histograms.push(histogram::read(field.bytes()?)?),
                _ => {}
            }
        }
        Ok(named && (sorted || self.sort(message)?))
    }

    /// Puts labels in order that a sender did not send so; `false` when they are no label set.
    fn sort(&mut self, message: &[u8]) -> Result<bool, WireError> {
        let mut pairs = Vec::new();
        for field in Reader::new(message) {
            let field = field?;
            if field.number == 1 {
                pairs.push(label(field.bytes()?)?);
            }
        }
        pairs.sort_unstable();
        let valid = pairs.windows(2).all(|pair| match pair {
            [(before, _), (after, _)] => before != after,
            _ => true,
        });
        self.labels.clear();
        // A label with an empty value is the same as none.
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            self.labels.push(name, value);
        }
        Ok(valid && pairs.first().is_none_or(|(name, _)| !name.is_empty()))
    }
}

fn label(message: &[u8]) -> Result<(&str, &str), WireError> {
    let (mut name, mut value) = ("", "");
    for part in Reader::new(message) {
        let part = part?;
        match part.number {
            1 => name = part.text()?,
            2 => value = part.text()?,
            _ => {}
        }
    }
    Ok((name, value))
}

/// One with the timestamp 0 has none of its own.
fn exemplar(message: &[u8]) -> Result<Exemplar, WireError> {
    let mut labels = LabelsBuilder::new();
    let (mut timestamp, mut value) = (0, 0.0);
    for part in Reader::new(message) {
        let part = part?;
        match part.number {
            1 => {
                let (name, text) = label(part.bytes()?)?;
                labels.set(name, text);
            }
            2 => value = part.double()?,
            3 => timestamp = part.int64()?,
            _ => {}
        }
    }
    Ok(Exemplar { labels: labels.build(), value, timestamp, has_timestamp: timestamp != 0 })
}

fn sample(message: &[u8]) -> Result<(i64, f64), WireError> {
    let (mut timestamp, mut value) = (0, 0.0);
    for part in Reader::new(message) {
        let part = part?;
        match part.number {
            1 => value = part.double()?,
            2 => timestamp = part.int64()?,
            _ => {}
        }
    }
    Ok((timestamp, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    struct Series {
        #[prost(message, repeated, tag = "1")]
        labels: Vec<Label>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Label {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        value: String,
    }

    fn read(pairs: &[(&str, &str)]) -> Option<String> {
        let label = |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
        let message = Series { labels: pairs.iter().map(label).collect() }.encode_to_vec();
        let mut series = TimeSeries::default();
        series.read(&message).unwrap().then(|| format!("{:?}", series.labels.to_labels()))
    }

    #[test]
    fn labels_in_any_order_are_a_series_when_they_name_one() {
        let want = Some(r#"{__name__="a", x="1"}"#.to_owned());
        assert_eq!(read(&[("__name__", "a"), ("x", "1")]), want);
        assert_eq!(read(&[("x", "1"), ("__name__", "a")]), want);
        assert_eq!(read(&[("__name__", "a"), ("empty", ""), ("x", "1")]), want);
        assert_eq!(read(&[("x", "1")]), None);
        assert_eq!(read(&[("__name__", "")]), None);
        assert_eq!(read(&[("__name__", "a"), ("x", "1"), ("x", "2")]), None);
        assert_eq!(read(&[("__name__", "a"), ("", "2")]), None);
        assert_eq!(read(&[]), None);
    }
}
