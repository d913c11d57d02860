//! The query log: one line of JSON per query, in the fields of Prometheus's own.

use super::End;
use super::registry::{Kind, Spec};
use serde_json::{Map, Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The log; off until it has a file.
#[derive(Debug, Default)]
pub struct QueryLog(Mutex<Option<File>>);

/// A line of the log.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The query.
    pub spec: &'a Spec,
    /// How it ended.
    pub end: &'a End<'a>,
    /// How long it waited for its turn.
    pub waited: Duration,
}

impl QueryLog {
    /// Opens the file, anew if it is the same one: it may have been moved away. `None` turns the log off.
    ///
    /// # Errors
    /// The file cannot be opened; the log stays as it is.
    pub fn set(&self, path: Option<&Path>) -> std::io::Result<()> {
        let open = |path: &Path| OpenOptions::new().append(true).create(true).open(path);
        let file = path.map(open).transpose()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    /// Whether queries are logged.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The disk is full, most likely.
    pub fn write(&self, entry: &Entry<'_>) -> std::io::Result<()> {
        let mut line = entry.to_json().to_string();
        line.push('\n');
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // One write, so that lines stay whole whoever else appends to the file.
            Some(file) => file.write_all(line.as_bytes()),
            None => Ok(()),
        }
    }
}

impl Entry<'_> {
    fn to_json(self) -> Value {
        let (spec, end) = (self.spec, self.end);
        let now = time(end.now_ms);
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| drop(line.insert(key.to_owned(), value));
        put("time", json!(now));
        put("level", json!("INFO"));
        put("msg", json!("promql query logged"));
        put(
            "params",
            json!({
                "end": time(spec.end),
                "query": spec.text,
                "start": time(spec.start),
                "step": spec.step / 1000,
            }),
        );
        if let Some(error) = end.error {
            put("error", json!(error));
        }
        put("stats", self.stats());
        let client = &spec.client;
        put("httpRequest", json!({"clientIP": client.address, "method": client.method, "path": client.path}));
        if spec.kind == Kind::Explain {
            put("explain", json!(true));
        }
        // The field's name before Prometheus 3.
        put("ts", json!(now));
        Value::Object(line)
    }

    fn stats(&self) -> Value {
        let (evaluation, queue) = (self.end.evaluation.as_secs_f64(), self.waited.as_secs_f64());
        json!({
            "timings": timings(evaluation, queue),
            "samples": {
                "totalQueryableSamples": self.end.samples,
                "samplesRead": self.end.samples,
                "peakSamples": self.end.peak_samples,
            },
        })
    }
}

/// The times of a query, seconds, as the log and the API show them.
#[must_use]
pub fn timings(evaluation: f64, queue: f64) -> Value {
    json!({
        "evalTotalTime": evaluation,
        "resultSortTime": 0.0,
        "queryPreparationTime": 0.0,
        "innerEvalTime": evaluation,
        "execQueueTime": queue,
        "execTotalTime": evaluation + queue,
    })
}

/// UTC with milliseconds.
fn time(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::registry::Client;
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_line_has_parameters_statistics_and_request() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("query.log");
        let log = QueryLog::default();
        let spec = Spec {
            text: "up".to_owned(),
            kind: Kind::Range,
            start: 1_581_170_390_368,
            end: 1_581_173_990_368,
            step: 5000,
            client: Client::new("127.0.0.1".to_owned(), "x", "GET", "/api/v1/query_range"),
            received_ms: 0,
        };
        let end = End {
            evaluation: Duration::from_millis(250),
            error: Some("it failed"),
            samples: 7,
            peak_samples: 3,
            refused: false,
            now_ms: 1_581_173_990_387,
        };
        let entry = Entry { spec: &spec, end: &end, waited: Duration::from_millis(50) };
        log.write(&entry).unwrap();
        assert!(!log.is_on() && !path.exists());
        log.set(Some(&path)).unwrap();
        log.write(&entry).unwrap();
        log.write(&entry).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let params = json!({
            "query": "up", "start": "2020-02-08T13:59:50.368Z", "end": "2020-02-08T14:59:50.368Z", "step": 5
        });
        assert_eq!(line["params"], params);
        assert_eq!(line["error"], "it failed");
        assert_eq!(line["ts"], "2020-02-08T14:59:50.387Z");
        assert_eq!(line["stats"]["timings"]["execQueueTime"], 0.05);
        assert_eq!(line["stats"]["samples"]["totalQueryableSamples"], 7);
        let request = json!({"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query_range"});
        assert_eq!(line["httpRequest"], request);
        log.set(None).unwrap();
        assert!(!log.is_on());
    }
}
