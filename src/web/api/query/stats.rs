//! `stats`: how long a query took and what it read.

use crate::query::log::timings;
use crate::query::registry::Spec;
use crate::web::json::Json;
use narthex_promql::{Progress, QueryResult};
use serde_json::json;
use std::time::Duration;

/// Where the time of a query went.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Waiting for a slot.
    pub queue: Duration,
    /// Evaluation.
    pub evaluation: Duration,
}

/// Writes `,"stats":{…}`; with the counts of each step where they were kept.
pub(super) fn write(json: &mut Json, spec: &Spec, result: &QueryResult, times: Times, progress: &Progress) {
    json.raw(",\"stats\":{\"timings\":");
    json.value(&timings(times.evaluation.as_secs_f64(), times.queue.as_secs_f64()));
    let samples = json!({
        "totalQueryableSamples": result.samples_read,
        "samplesRead": result.samples_read,
        "peakSamples": result.peak_samples,
    });
    json.raw(",\"samples\":{");
    for (i, (key, count)) in samples.as_object().into_iter().flatten().enumerate() {
        json.comma(i);
        json.key(key);
        json.value(count);
    }
    let steps = progress.samples_by_step();
    if !steps.is_empty() {
        let (all, new) = (steps.iter().map(|(all, _)| *all), steps.iter().map(|(_, new)| *new));
        per_step(json, ",\"totalQueryableSamplesPerStep\":[", spec, all);
        per_step(json, ",\"samplesReadPerStep\":[", spec, new);
    }
    json.raw("}}");
}

/// `[[time,count],…]`
fn per_step(json: &mut Json, key: &str, spec: &Spec, counts: impl Iterator<Item = u64>) {
    json.raw(key);
    let mut time = spec.start;
    for (i, count) in counts.enumerate() {
        json.comma(i);
        json.raw("[");
        json.time(time);
        json.raw(",");
        json.value(&count);
        json.raw("]");
        time = time.saturating_add(spec.step);
    }
    json.raw("]");
}
