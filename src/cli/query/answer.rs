//! What a server answers: the envelope, and values as typed data.

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// The envelope of every answer of the API.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// `success` or `error`.
    pub status: &'a str,
    /// The data as the server wrote it.
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
    /// What kind of failure it is.
    #[serde(rename = "errorType", default)]
    pub error_type: String,
    /// Why it failed.
    #[serde(default)]
    pub error: String,
    /// What is probably wrong.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What may be worth knowing.
    #[serde(default)]
    pub infos: Vec<String>,
}

/// Labels of a series, the name as `__name__`.
pub type Metric = BTreeMap<String, String>;

/// The data of `query` and `query_range`.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub enum Data {
    /// Series with a sample each.
    Vector(Vec<Instant>),
    /// Series with samples.
    Matrix(Vec<Range>),
    /// A number.
    Scalar(Point<String>),
    /// A text.
    String(Point<String>),
}

/// A series at one time.
#[derive(Debug, Deserialize)]
pub struct Instant {
    /// Labels.
    pub metric: Metric,
    /// A number, as the server wrote it.
    pub value: Option<Point<String>>,
    /// Or a native histogram.
    pub histogram: Option<Point<Histogram>>,
}

/// A series over time.
#[derive(Debug, Deserialize)]
pub struct Range {
    /// Labels.
    pub metric: Metric,
    /// Numbers, as the server wrote them.
    #[serde(default)]
    pub values: Vec<Point<String>>,
    /// Native histograms.
    #[serde(default)]
    pub histograms: Vec<Point<Histogram>>,
}

/// Something and its time.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Point<T>(
    /// Unix seconds.
    pub f64,
    /// What is there.
    pub T,
);

/// A native histogram.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Histogram {
    /// Observations.
    pub count: String,
    /// Their sum.
    pub sum: String,
    /// Buckets that are not empty, in ascending order.
    #[serde(default)]
    pub buckets: Vec<Bucket>,
}

/// A bucket of a native histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// `(`: the lower bound does not belong to it.
    pub open_left: bool,
    /// `)`: the upper bound does not belong to it.
    pub open_right: bool,
    /// Lower bound.
    pub lower: String,
    /// Upper bound.
    pub upper: String,
    /// Observations.
    pub count: String,
}

impl Bucket {
    /// `(0.5,1]`
    #[must_use]
    pub fn bounds(&self) -> String {
        let (left, right) = (if self.open_left { '(' } else { '[' }, if self.open_right { ')' } else { ']' });
        format!("{left}{},{}{right}", self.lower, self.upper)
    }
}

impl<'de> Deserialize<'de> for Bucket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Bucket;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bucket: [boundaries, lower, upper, count]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Bucket, A::Error> {
                let missing = || de::Error::custom("a bucket has four parts");
                let rule: u8 = parts.next_element()?.ok_or_else(missing)?;
                let mut text = || parts.next_element::<String>()?.ok_or_else(missing);
                let (lower, upper, count) = (text()?, text()?, text()?);
                // 0: open left, 1: open right, 2: open both, 3: closed both.
                let (open_left, open_right) = (matches!(rule, 0 | 2), matches!(rule, 1 | 2));
                Ok(Bucket { open_left, open_right, lower, upper, count })
            }
        }
        deserializer.deserialize_seq(Parts)
    }
}

/// A number of the API.
#[must_use]
pub fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// Milliseconds of a time of the API.
#[must_use]
pub fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// A series in PromQL's notation: `up{job="x"}`, `{}` for no labels.
#[must_use]
pub fn notation(metric: &Metric) -> String {
    use narthex_storage::labels::{is_plain_name, quote};
    let name = metric.get("__name__").map_or("", String::as_str);
    let plain = is_plain_name(&name.replace(':', "_"));
    let mut labels: Vec<String> = Vec::new();
    if !name.is_empty() && !plain {
        labels.push(quote(name));
    }
    for (label, value) in metric.iter().filter(|(label, _)| *label != "__name__") {
        let label = if is_plain_name(label) { label.clone() } else { quote(label) };
        labels.push(format!("{label}={}", quote(value)));
    }
    let name = if plain { name } else { "" };
    match (name.is_empty(), labels.is_empty()) {
        (false, true) => name.to_owned(),
        _ => format!("{name}{{{}}}", labels.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_are_read() {
        let text = r#"{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1.5,"2"]},
            {"metric":{},"histogram":[2,{"count":"3","sum":"4.5","buckets":[[0,"1","2","3"],[3,"-1","1","0.5"]]}]}]}"#;
        let Data::Vector(series) = serde_json::from_str(text).unwrap() else { panic!() };
        assert_eq!(series[0].value, Some(Point(1.5, "2".to_owned())));
        let histogram = &series[1].histogram.as_ref().unwrap().1;
        let bounds: Vec<_> = histogram.buckets.iter().map(Bucket::bounds).collect();
        assert_eq!(bounds, ["(1,2]", "[-1,1]"]);
        let text = r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2,"+Inf"]]}]}"#;
        let Data::Matrix(series) = serde_json::from_str(text).unwrap() else { panic!() };
        assert!(number(&series[0].values[0].1).is_nan());
        assert_eq!(number(&series[0].values[1].1), f64::INFINITY);
        assert!(matches!(
            serde_json::from_str(r#"{"resultType":"scalar","result":[1,"2"]}"#),
            Ok(Data::Scalar(Point(_, _)))
        ));
        assert!(serde_json::from_str::<Data>(r#"{"resultType":"vector","result":[{"metric":{},"histogram":[2,{"count":"3","sum":"4","buckets":[[0,"1"]]}]}]}"#).is_err());
    }

    #[test]
    fn series_are_written_as_in_promql() {
        let metric = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Metric>()
        };
        assert_eq!(notation(&metric(&[])), "{}");
        assert_eq!(notation(&metric(&[("__name__", "a:b")])), "a:b");
        assert_eq!(notation(&metric(&[("__name__", "up"), ("job", "x\"y")])), "up{job=\"x\\\"y\"}");
        assert_eq!(notation(&metric(&[("__name__", "a.b"), ("c.d", "e")])), "{\"a.b\", \"c.d\"=\"e\"}");
    }
}
