//! Questions over HTTP.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// An answer.
pub struct Answer {
    pub status: u16,
    /// Bytes of the body.
    pub body: Vec<u8>,
}

/// `GET path` on a connection of its own.
pub fn get(address: &str, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    // Version 1.0, so that no chunks have to be put together.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let body = answer.split_off((end + 4).min(answer.len()));
    Ok(Answer { status, body })
}

/// Series by their labels, each with times and values.
pub fn result(answer: &Answer) -> std::collections::BTreeMap<String, Vec<(f64, f64)>> {
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    let number = |value: &Value| match value.as_str() {
        Some("+Inf") => f64::INFINITY,
        Some("-Inf") => f64::NEG_INFINITY,
        Some(text) => text.parse().unwrap_or(f64::NAN),
        None => f64::NAN,
    };
    let pair = |pair: &Value| (pair[0].as_f64().unwrap_or(f64::NAN), number(&pair[1]));
    let series = |one: &Value| {
        let metric: std::collections::BTreeMap<String, String> =
            serde_json::from_value(one["metric"].clone()).unwrap_or_default();
        let samples = match one["values"].as_array() {
            Some(values) => values.iter().map(pair).collect(),
            None => vec![pair(&one["value"])],
        };
        (format!("{metric:?}"), samples)
    };
    json["data"]["result"].as_array().into_iter().flatten().map(series).collect()
}
