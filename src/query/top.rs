//! The last day's queries by shape: how often, how long, how much.
//!
//! Memory is bounded: so many shapes, hours of counts each, quantiles by sketch. A new shape takes the place
//! of the one that took the least time.

use super::shape::{cut, shape};
use crate::telemetry::sketch::Sketch;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Shapes that are remembered.
pub const SHAPES_MAX: usize = 1000;
/// Hours that are remembered, the current one included.
const HOURS: i64 = 24;
/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// Longest example of a shape that is kept, bytes.
const EXAMPLE_MAX: usize = 1024;

/// A query that ended.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// The expression.
    pub text: &'a str,
    /// Time of the evaluation.
    pub seconds: f64,
    /// Stored samples that it went through.
    pub samples: u64,
    /// Most bytes that it held at once.
    pub peak_bytes: u64,
    /// It ended with an error.
    pub failed: bool,
    /// The program that asked.
    pub source: &'a str,
    /// When it ended, ms since the epoch.
    pub now_ms: i64,
}

/// What to sort by, the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Seconds of all calls.
    Time,
    /// Peak of bytes.
    Memory,
    /// Samples of all calls.
    Samples,
}

impl Order {
    /// The order of this name; by time where none is given.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "" | "time" => Some(Self::Time),
            "memory" => Some(Self::Memory),
            "samples" => Some(Self::Samples),
            _ => None,
        }
    }
}

/// A shape with the figures of the last day.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The expression without its literals.
    pub shape: String,
    /// The newest expression of the shape, cut when it is long.
    pub example: String,
    /// The program that asked last.
    pub source: String,
    /// How often it was asked.
    pub calls: u64,
    /// How often it failed.
    pub failed: u64,
    /// Seconds of all calls.
    pub seconds: f64,
    /// Median of the seconds of a call.
    pub p50: f64,
    /// 99th percentile of the seconds of a call.
    pub p99: f64,
    /// Stored samples of all calls.
    pub samples: u64,
    /// Most bytes that a call held at once.
    pub peak_bytes: u64,
}

#[derive(Debug, Default)]
struct Hour {
    number: i64,
    calls: u64,
    failed: u64,
    seconds: f64,
    samples: u64,
    peak_bytes: u64,
    sketch: Sketch,
}

#[derive(Debug, Default)]
struct Shape {
    example: String,
    source: String,
    hours: VecDeque<Hour>,
}

impl Shape {
    fn forget(&mut self, now_hour: i64) {
        while self.hours.front().is_some_and(|hour| hour.number <= now_hour - HOURS) {
            self.hours.pop_front();
        }
    }

    fn hour(&mut self, number: i64) -> Option<&mut Hour> {
        // A clock that was set back goes on in the newest hour.
        if self.hours.back().is_none_or(|hour| hour.number < number) {
            self.hours.push_back(Hour { number, ..Hour::default() });
        }
        self.hours.back_mut()
    }

    fn seconds(&self) -> f64 {
        self.hours.iter().map(|hour| hour.seconds).sum()
    }

    fn row(&self, shape: &str) -> Row {
        let mut sketch = Sketch::default();
        self.hours.iter().for_each(|hour| sketch.merge(&hour.sketch));
        Row {
            shape: shape.to_owned(),
            example: self.example.clone(),
            source: self.source.clone(),
            calls: self.hours.iter().map(|hour| hour.calls).sum(),
            failed: self.hours.iter().map(|hour| hour.failed).sum(),
            seconds: self.seconds(),
            p50: sketch.quantile(0.5).unwrap_or(0.0),
            p99: sketch.quantile(0.99).unwrap_or(0.0),
            samples: self.hours.iter().map(|hour| hour.samples).sum(),
            peak_bytes: self.hours.iter().map(|hour| hour.peak_bytes).max().unwrap_or(0),
        }
    }
}

/// The shapes.
#[derive(Debug, Default)]
pub struct Top(Mutex<HashMap<String, Shape>>);

impl Top {
    /// Counts a query.
    pub fn add(&self, query: &Finished<'_>) {
        let key = shape(query.text);
        let now = query.now_ms.div_euclid(HOUR_MS);
        let mut shapes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shapes.len() >= SHAPES_MAX && !shapes.contains_key(&key) {
            make_room(&mut shapes, now);
        }
        let known = shapes.entry(key).or_default();
        known.forget(now);
        known.example.clear();
        known.example.push_str(cut(query.text, EXAMPLE_MAX));
        query.source.clone_into(&mut known.source);
        let Some(hour) = known.hour(now) else { return };
        hour.calls += 1;
        hour.failed += u64::from(query.failed);
        hour.seconds += query.seconds;
        hour.samples += query.samples;
        hour.peak_bytes = hour.peak_bytes.max(query.peak_bytes);
        hour.sketch.observe(query.seconds);
    }

    /// The first `limit` shapes in an order, and whether there are more.
    #[must_use]
    pub fn list(&self, order: Order, limit: usize, now_ms: i64) -> (Vec<Row>, bool) {
        let now = now_ms.div_euclid(HOUR_MS);
        let mut shapes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shapes.retain(|_, shape| {
            shape.forget(now);
            !shape.hours.is_empty()
        });
        let mut rows: Vec<Row> = shapes.iter().map(|(key, shape)| shape.row(key)).collect();
        drop(shapes);
        let weight = |row: &Row| match order {
            Order::Time => row.seconds,
            Order::Memory => row.peak_bytes as f64,
            Order::Samples => row.samples as f64,
        };
        rows.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then_with(|| a.shape.cmp(&b.shape)));
        let more = rows.len() > limit;
        rows.truncate(limit);
        (rows, more)
    }
}

/// Forgets the shape that took the least time, and all that nobody asked for a day.
fn make_room(shapes: &mut HashMap<String, Shape>, now: i64) {
    shapes.retain(|_, shape| {
        shape.forget(now);
        !shape.hours.is_empty()
    });
    if shapes.len() < SHAPES_MAX {
        return;
    }
    let least = shapes.iter().min_by(|(_, a), (_, b)| a.seconds().total_cmp(&b.seconds()));
    if let Some(key) = least.map(|(key, _)| key.clone()) {
        shapes.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, seconds: f64, hour: i64) -> Finished<'_> {
        Finished {
            text,
            seconds,
            samples: 10,
            peak_bytes: (seconds * 100.0) as u64,
            failed: false,
            source: "test",
            now_ms: hour * HOUR_MS,
        }
    }

    #[test]
    fn calls_of_one_shape_add_up_for_a_day() {
        let top = Top::default();
        top.add(&query("up{job=\"a\"}", 1.0, 0));
        top.add(&query("up{job=\"b\"}", 3.0, 1));
        top.add(&query("down", 2.0, 1));
        let (rows, more) = top.list(Order::Time, 1, HOUR_MS);
        assert!(more);
        assert_eq!((rows[0].shape.as_str(), rows[0].calls, rows[0].samples), ("up{job=?}", 2, 20));
        assert_eq!((rows[0].seconds, rows[0].peak_bytes), (4.0, 300));
        assert_eq!(rows[0].example, "up{job=\"b\"}");
        let (rows, _) = top.list(Order::Memory, 10, 24 * HOUR_MS);
        assert_eq!((rows[0].calls, rows.len()), (1, 2));
        assert!(top.list(Order::Samples, 10, 25 * HOUR_MS).0.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_costly_shapes_stay() {
        let top = Top::default();
        top.add(&query("costly", 100.0, 0));
        for i in 0..SHAPES_MAX + 50 {
            top.add(&query(&format!("cheap_{i}"), 0.001, 0));
        }
        let (rows, more) = top.list(Order::Time, usize::MAX, 0);
        assert_eq!((rows.len(), more), (SHAPES_MAX, false));
        assert_eq!(rows[0].shape, "costly");
    }
}
