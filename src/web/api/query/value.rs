//! The JSON of values: written series by series, so that a large one can be sent while it is written.

use crate::web::json::{Json, Output};
use narthex_promql::{InstantSample, RangeSeries, Value};
use narthex_storage::FloatHistogram;

/// Samples between two looks at how much there is to send.
const SAMPLES_AT_ONCE: usize = 1024;

/// Writes a value as the API shows it; stops early when nobody wants the rest.
pub fn write_value(out: &mut impl Output, value: &Value) {
    match value {
        Value::Scalar { timestamp, value } => out.json().sample(*timestamp, *value),
        Value::String { timestamp, value } => {
            let json = out.json();
            json.raw("[");
            json.time(*timestamp);
            json.raw(",");
            json.string(value);
            json.raw("]");
        }
        Value::Vector(samples) => list(out, samples, |out, sample| {
            instant(out.json(), sample);
            out.breathe()
        }),
        Value::Matrix(series) => list(out, series, range),
    }
}

fn list<T, O: Output>(out: &mut O, items: &[T], write: impl Fn(&mut O, &T) -> bool) {
    out.json().raw("[");
    for (i, item) in items.iter().enumerate() {
        out.json().comma(i);
        if !write(out, item) {
            return;
        }
    }
    out.json().raw("]");
}

fn instant(json: &mut Json, sample: &InstantSample) {
    json.raw("{\"metric\":");
    json.labels(&sample.labels);
    match &sample.histogram {
        Some(histogram) => {
            json.raw(",\"histogram\":");
            histogram_at(json, sample.timestamp, histogram);
        }
        None => {
            json.raw(",\"value\":");
            json.sample(sample.timestamp, sample.value);
        }
    }
    json.raw("}");
}

/// Floats and histograms are lists of their own, each only where it has an element.
fn range(out: &mut impl Output, series: &RangeSeries) -> bool {
    out.json().raw("{\"metric\":");
    out.json().labels(&series.labels);
    let columns = &series.samples;
    if columns.len() > columns.histograms.len() || columns.is_empty() {
        out.json().raw(",\"values\":[");
        if !floats(out, columns) {
            return false;
        }
        out.json().raw("]");
    }
    if !columns.histograms.is_empty() {
        out.json().raw(",\"histograms\":[");
        for (i, (position, histogram)) in columns.histograms.iter().enumerate() {
            let timestamp = columns.timestamps.get(*position as usize).copied().unwrap_or(0);
            out.json().comma(i);
            histogram_at(out.json(), timestamp, histogram);
            if !out.breathe() {
                return false;
            }
        }
        out.json().raw("]");
    }
    out.json().raw("}");
    out.breathe()
}

fn floats(out: &mut impl Output, columns: &narthex_storage::Columns) -> bool {
    let mut histograms = columns.histograms.iter().map(|(position, _)| *position as usize).peekable();
    let mut written = 0;
    for (i, (timestamp, value)) in columns.timestamps.iter().zip(&columns.values).enumerate() {
        if histograms.next_if_eq(&i).is_some() {
            continue;
        }
        out.json().comma(written);
        out.json().sample(*timestamp, *value);
        written += 1;
        if written.is_multiple_of(SAMPLES_AT_ONCE) && !out.breathe() {
            return false;
        }
    }
    true
}

/// `[time,{"count":…,"sum":…,"buckets":[…]}]`
pub(super) fn histogram_at(json: &mut Json, timestamp: i64, histogram: &FloatHistogram) {
    json.raw("[");
    json.time(timestamp);
    json.raw(",{\"count\":");
    json.number(histogram.count);
    json.raw(",\"sum\":");
    json.number(histogram.sum);
    let mut count = 0;
    for bucket in histogram.all_buckets().filter(|bucket| bucket.count != 0.0) {
        json.raw(if count == 0 { ",\"buckets\":[" } else { "," });
        count += 1;
        json.raw("[");
        json.raw(rule(bucket.lower_inclusive, bucket.upper_inclusive));
        for number in [bucket.lower, bucket.upper, bucket.count] {
            json.raw(",");
            json.number(number);
        }
        json.raw("]");
    }
    if count > 0 {
        json.raw("]");
    }
    json.raw("}]");
}

/// Which bounds belong to a bucket, as a number.
fn rule(lower_inclusive: bool, upper_inclusive: bool) -> &'static str {
    match (lower_inclusive, upper_inclusive) {
        (false, true) => "0",
        (true, false) => "1",
        (false, false) => "2",
        (true, true) => "3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_storage::{Buckets, Columns, Labels};
    use serde_json::{Value as Tree, json};
    use std::sync::Arc;

    fn tree(value: &Value) -> Tree {
        let mut json = Json::default();
        write_value(&mut json, value);
        serde_json::from_slice(&json.into_bytes()).unwrap()
    }

    fn histogram() -> Arc<FloatHistogram> {
        Arc::new(FloatHistogram {
            zero_threshold: 0.5,
            zero_count: 1.0,
            count: 6.5,
            sum: 2.5,
            positive: Buckets { indices: vec![1, 2, 3], counts: vec![2.0, 0.0, 1.5] },
            negative: Buckets { indices: vec![1], counts: vec![2.0] },
            ..FloatHistogram::default()
        })
    }

    #[test]
    fn buckets_have_a_rule_for_their_bounds_and_empty_ones_are_left_out() {
        let sample = InstantSample {
            labels: Labels::empty(),
            timestamp: 1500,
            value: f64::NAN,
            histogram: Some(histogram()),
        };
        let want = json!([{"metric": {}, "histogram": [1.5, {"count": "6.5", "sum": "2.5", "buckets": [
            [1, "-2", "-1", "2"], [3, "-0.5", "0.5", "1"], [0, "1", "2", "2"], [0, "4", "8", "1.5"],
        ]}]}]);
        assert_eq!(tree(&Value::Vector(vec![sample])), want);
    }

    #[test]
    fn a_histogram_without_observations_has_no_buckets() {
        let mut samples = Columns::default();
        samples.push_histogram(1000, Arc::default(), 0);
        let series = RangeSeries { labels: Labels::empty(), samples };
        let want = json!([{"metric": {}, "histograms": [[1, {"count": "0", "sum": "0"}]]}]);
        assert_eq!(tree(&Value::Matrix(vec![series])), want);
    }

    #[test]
    fn floats_and_histograms_of_a_series_are_lists_of_their_own() {
        let mut samples = Columns::default();
        samples.push(1000, 1.0);
        samples.push_histogram(2000, histogram(), 0);
        samples.push(3000, 3.0);
        let series = RangeSeries { labels: Labels::empty(), samples };
        let tree = tree(&Value::Matrix(vec![series]));
        assert_eq!(tree[0]["values"], json!([[1, "1"], [3, "3"]]));
        assert_eq!(tree[0]["histograms"].as_array().unwrap().len(), 1);
        assert_eq!(tree[0]["histograms"][0][0], 2);
    }
}
