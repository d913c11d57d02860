//! `stats`: how long a query took and what it read.

use crate::query::log::timings;
use crate::query::registry::Spec;
use crate::web::json::Json;
use narthex_promql::QueryResult;
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

/// Writes `,"stats":{…}`; with the counts of each step where the engine kept them.
pub(super) fn write(json: &mut Json, _spec: &Spec, result: &QueryResult, times: Times, _per_step: bool) {
    json.raw(",\"stats\":");
    let samples = json!({
        "totalQueryableSamples": result.samples_read,
        "samplesRead": result.samples_read,
        "peakSamples": result.peak_samples,
    });
    json.value(&json!({
        "timings": timings(times.evaluation.as_secs_f64(), times.queue.as_secs_f64()),
        "samples": samples,
    }));
}
