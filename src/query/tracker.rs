//! `queries.active`: the queries that run, on disk, so that a start after a crash can name them.
//!
//! The file has one line of fixed length per slot and is written in place, without a sync: what the kernel has
//! taken survives the death of the process, which is all that is asked.

use super::shape::cut;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::{error, info};

const NAME: &str = "queries.active";
/// Length of a line, bytes; longer queries are cut.
const LINE: usize = 1000;
/// Lines at most, whatever the number of slots.
const LINES_MAX: usize = 10_000;

/// The file.
#[derive(Debug)]
pub struct Tracker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    free: Mutex<Vec<usize>>,
}

/// The line of a query; dropping it wipes it.
#[derive(Debug)]
pub struct Line {
    tracker: Arc<Inner>,
    number: usize,
}

impl Tracker {
    /// Opens the file in `dir`, with room for `slots` queries. What a process that died left there is logged.
    /// `None`, and a line in the log, when it cannot be had: queries work without.
    #[must_use]
    pub fn open(dir: &Path, slots: usize) -> Option<Self> {
        let path = dir.join(NAME);
        if let Some(queries) = unfinished(&path) {
            info!(queries, "These queries didn't finish in prometheus' last run:");
        }
        let options = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        match options {
            Ok(file) => {
                let lines = slots.min(LINES_MAX);
                Some(Self(Arc::new(Inner { file, free: Mutex::new((0..lines).rev().collect()) })))
            }
            Err(error) => {
                error!(%error, file = %path.display(), "Error opening query log file");
                None
            }
        }
    }

    /// Notes a query that starts; `None` when there is no room.
    #[must_use]
    pub fn note(&self, text: &str) -> Option<Line> {
        let number = self.0.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        let line = Line { tracker: self.0.clone(), number };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        line.write(&entry(text, since));
        Some(line)
    }
}

impl Line {
    fn write(&self, bytes: &[u8]) {
        let mut line = [0; LINE];
        if let Some(place) = line.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
        // A full disk costs the note, not the query.
        let _ = self.tracker.file.write_all_at(&line, (self.number * LINE) as u64);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.write(&[]);
        self.tracker.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

/// The JSON of a line, without a comma at its end; the text is cut until it fits.
fn entry(text: &str, since: u64) -> Vec<u8> {
    let mut query = cut(text, LINE);
    loop {
        let json = json!({"query": query, "timestamp_sec": since}).to_string();
        // Escapes make it longer than its text: what is over is cut off, at least.
        match json.len().checked_sub(LINE) {
            None | Some(0) => return json.into_bytes(),
            Some(over) => query = cut(query, query.len().saturating_sub(over)),
        }
    }
}

/// What a process that died left behind, as JSON.
fn unfinished(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let most = (LINES_MAX * LINE) as u64;
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    let lines = bytes.chunks(LINE).filter_map(|line| {
        let text = line.split(|byte| *byte == 0).next()?;
        serde_json::from_slice(text).ok()
    });
    let queries: Vec<serde_json::Value> = lines.collect();
    (!queries.is_empty()).then(|| serde_json::Value::Array(queries).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn what_runs_is_on_disk_and_what_ended_is_not() {
        let dir = TempDir::new().unwrap();
        let tracker = Tracker::open(dir.path(), 2).unwrap();
        let path = dir.path().join(NAME);
        let first = tracker.note("up").unwrap();
        let second = tracker.note(&"é\"".repeat(2000)).unwrap();
        assert!(tracker.note("one too many").is_none());
        drop(first);
        let text = unfinished(&path).unwrap();
        assert!(text.contains("é") && !text.contains("up"), "{text}");
        assert!(text.len() <= LINE + 2, "{}", text.len());
        drop(second);
        assert_eq!(unfinished(&path), None);
        assert!(tracker.note("again").is_some());
    }

    #[test]
    fn damage_is_no_query() {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join(NAME), [b'{'; 3000]).unwrap();
        assert_eq!(unfinished(&dir.path().join(NAME)), None);
        assert!(Tracker::open(dir.path(), 1).is_some());
    }
}
