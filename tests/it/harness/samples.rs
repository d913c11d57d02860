//! Samples by remote write 1.0, encoded with an independent protobuf library.

use super::client::{Answer, request};
use bytes::Bytes;
use http_body_util::Full;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Label {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Sample {
    #[prost(double, tag = "1")]
    pub value: f64,
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// A series of `(ms, value)`; labels are sorted here.
pub fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let mut labels: Vec<Label> = labels
        .iter()
        .map(|(name, value)| Label { name: (*name).to_owned(), value: (*value).to_owned() })
        .collect();
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    let samples = samples.iter().map(|(timestamp, value)| Sample { value: *value, timestamp: *timestamp });
    TimeSeries { labels, samples: samples.collect() }
}

/// Posts the series to `url`.
pub fn write(url: &str, timeseries: Vec<TimeSeries>) -> Answer {
    write_bytes(url, &WriteRequest { timeseries }.encode_to_vec())
}

/// Posts a protobuf message, packed with snappy.
pub fn write_bytes(url: &str, message: &[u8]) -> Answer {
    let packed = snap::raw::Encoder::new().compress_vec(message).unwrap();
    post_packed(url, packed)
}

/// Posts bytes that say they are snappy.
pub fn post_packed(url: &str, packed: Vec<u8>) -> Answer {
    let builder = http::Request::post(format!("{url}/api/v1/write"))
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0");
    request(builder.body(Full::from(Bytes::from(packed))).unwrap()).unwrap()
}
