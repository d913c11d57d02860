//! `narthex/samples`: what is stored of some series, at its own times, staleness markers included.

use super::value::histogram_at;
use crate::query::registry::{Running, Spec};
use crate::web::api::{ApiError, write_annotations};
use crate::web::json::{Json, Output};
use crate::web::params::Params;
use narthex_promql::EngineError;
use narthex_storage::{Columns, Labels, Matcher, Queryable, SelectHints, Series, is_stale_nan};

/// Samples that are told where the request sets no limit.
const LIMIT: usize = 10_000;
/// Most samples of an answer, which is held until it is written.
const LIMIT_MAX: usize = 1_000_000;
/// Samples between two looks at how much there is to send.
const SAMPLES_AT_ONCE: usize = 1024;

/// What is asked beside the time.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    sets: Vec<Vec<Matcher>>,
    limit: usize,
}

impl Selection {
    /// Reads `match[]` and `limit`.
    pub(super) fn read(params: &Params) -> Result<Self, ApiError> {
        let sets = params.matcher_sets().map_err(|reason| ApiError::parameter("match[]", reason))?;
        if sets.is_empty() {
            return Err(ApiError::bad_data("no match[] parameter provided"));
        }
        let limit = match params.get("limit") {
            "" => LIMIT,
            _ => params.limit()?.unwrap_or(LIMIT_MAX).min(LIMIT_MAX),
        };
        Ok(Self { sets, limit })
    }
}

/// What others see of it.
pub(super) fn title(params: &Params) -> String {
    params.all("match[]").collect::<Vec<_>>().join(" or ")
}

/// Reads `start` and `end`, ms.
pub(super) fn times(params: &Params) -> Result<(i64, i64), ApiError> {
    let (start, end) = (params.time("start")?, params.time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    Ok((start, end))
}

/// What is stored.
#[derive(Debug)]
pub struct Stored {
    series: Vec<(Labels, Columns)>,
    /// Samples that were read.
    pub(super) samples: u64,
    warnings: Vec<String>,
    truncated: bool,
}

/// Reads the series in label order, until there are as many samples as were asked for. A histogram counts by its
/// buckets.
pub(super) fn run(
    store: &dyn Queryable,
    spec: &Spec,
    selection: &Selection,
    running: &Running,
) -> Result<Stored, EngineError> {
    let querier = store.querier(spec.start, spec.end)?;
    let hints = SelectHints { mint: spec.start, maxt: spec.end, ..SelectHints::default() };
    let mut selected: Vec<Box<dyn Series>> = Vec::new();
    for set in &selection.sets {
        selected.extend(querier.select(set, &hints)?);
    }
    if selection.sets.len() > 1 {
        selected.sort_by(|a, b| a.labels().cmp(b.labels()));
        selected.dedup_by(|a, b| a.labels() == b.labels());
    }
    let (mut left, mut stored) =
        (selection.limit, Stored { series: Vec::new(), samples: 0, warnings: Vec::new(), truncated: false });
    for series in selected {
        running.cancel.check()?;
        let mut columns = Columns::default();
        series.read(spec.start, spec.end, &mut columns)?;
        stored.samples += columns.len() as u64;
        let kept = room(&columns, &mut left);
        stored.truncated = kept < columns.len();
        if kept > 0 {
            stored.series.push((series.labels().clone(), first(&columns, kept)));
        }
        if stored.truncated {
            break;
        }
    }
    stored.warnings = querier.warnings();
    if stored.truncated {
        stored.warnings.push(crate::web::api::TRUNCATED.to_owned());
    }
    Ok(stored)
}

/// How many of the samples there is room for; takes it from what is left.
fn room(columns: &Columns, left: &mut usize) -> usize {
    for at in 0..columns.len() {
        let size = columns.histogram(at).map_or(1, |histogram| 1 + histogram.all_buckets().count());
        match left.checked_sub(size) {
            Some(rest) => *left = rest,
            None => return at,
        }
    }
    columns.len()
}

fn first(columns: &Columns, kept: usize) -> Columns {
    let mut out = Columns::default();
    for at in 0..kept {
        out.push_from(columns, at);
    }
    out
}

impl Stored {
    /// Writes the data and the remarks.
    pub(super) fn write(&self, out: &mut impl Output) {
        out.json().raw("[");
        for (at, (labels, columns)) in self.series.iter().enumerate() {
            out.json().comma(at);
            out.json().raw("{\"metric\":");
            out.json().labels(labels);
            if !write_columns(out, columns) {
                return;
            }
            out.json().raw("}");
        }
        out.json().raw("]");
        write_annotations(out.json(), &self.warnings, &[]);
    }
}

/// Floats and histograms are lists of their own, each only where it has an element.
fn write_columns(out: &mut impl Output, columns: &Columns) -> bool {
    let (mut floats, mut histograms) = (0, 0);
    for (at, (time, value)) in columns.timestamps.iter().zip(&columns.values).enumerate() {
        if columns.histogram(at).is_some() {
            continue;
        }
        out.json().raw(if floats == 0 { ",\"values\":[" } else { "," });
        float_at(out.json(), *time, *value);
        floats += 1;
        if floats % SAMPLES_AT_ONCE == 0 && !out.breathe() {
            return false;
        }
    }
    if floats > 0 {
        out.json().raw("]");
    }
    for (at, histogram) in &columns.histograms {
        let time = columns.timestamps.get(*at as usize).copied().unwrap_or(0);
        out.json().raw(if histograms == 0 { ",\"histograms\":[" } else { "," });
        histogram_at(out.json(), time, histogram);
        histograms += 1;
        if !out.breathe() {
            return false;
        }
    }
    if histograms > 0 {
        out.json().raw("]");
    }
    out.breathe()
}

/// `[time,"value"]`, and `[time,null]` for a staleness marker, which is no value.
fn float_at(json: &mut Json, time: i64, value: f64) {
    if !is_stale_nan(value) {
        return json.sample(time, value);
    }
    json.raw("[");
    json.time(time);
    json.raw(",null]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_storage::STALE_NAN;
    use std::sync::Arc;

    fn columns() -> Columns {
        let mut columns = Columns::default();
        columns.push(1000, 1.5);
        columns.push(2000, STALE_NAN);
        columns.push(3500, f64::NAN);
        columns.push_histogram(4000, Arc::default(), 0);
        columns
    }

    #[test]
    fn markers_are_told_from_what_is_no_number() {
        let stored = Stored {
            series: vec![(Labels::from_pairs([("__name__", "a")]), columns())],
            samples: 4,
            warnings: vec!["w".to_owned()],
            truncated: false,
        };
        let mut json = Json::default();
        stored.write(&mut json);
        let want = r#"[{"metric":{"__name__":"a"},"values":[[1,"1.5"],[2,null],[3.500,"NaN"]],"histograms":[[4,{"count":"0","sum":"0"}]]}],"warnings":["w"]"#;
        assert_eq!(String::from_utf8(json.into_bytes()).unwrap(), want);
    }

    #[test]
    fn histograms_take_room_by_their_buckets() {
        let (all, mut left) = (columns(), 3);
        assert_eq!((room(&all, &mut left), left), (3, 0));
        let mut left = 100;
        assert_eq!(room(&all, &mut left), 4);
        assert_eq!(first(&all, 2).timestamps, [1000, 2000]);
        assert_eq!(first(&all, 4).histograms.len(), 1);
    }
}
