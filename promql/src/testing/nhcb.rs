//! `load_with_nhcb`: classic histograms become native ones with custom buckets (NHCB).

use super::load::Samples;
use super::store::MemorySample;
use narthex_storage::histogram::CUSTOM_BUCKETS_SCHEMA;
use narthex_storage::{FloatHistogram, Labels, LabelsBuilder};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A classic histogram at one time.
#[derive(Debug, Clone, Default)]
struct Classic {
    /// Upper bounds and cumulative populations, by bound.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// What a series of a classic histogram holds.
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

/// The native histograms that the classic ones among these series amount to.
///
/// # Errors
/// Populations that are not cumulative.
pub(super) fn convert(series: &BTreeMap<Labels, Samples>) -> Result<BTreeMap<Labels, Samples>, String> {
    let mut classic: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, samples) in series {
        let Some((name, part)) = part(labels) else { continue };
        let mut base = LabelsBuilder::from_labels(labels);
        base.set("__name__", name);
        base.remove("le");
        let times = classic.entry(base.build()).or_default();
        for (at, sample) in samples.iter().filter(|(_, sample)| sample.histogram.is_none()) {
            let histogram = times.entry(*at).or_default();
            match part {
                Part::Bucket(bound) => histogram.set_bucket(bound, sample.value),
                Part::Count => histogram.count = Some(sample.value),
                Part::Sum => histogram.sum = sample.value,
            }
        }
    }
    let mut all = BTreeMap::new();
    for (labels, times) in classic {
        let mut samples = Vec::new();
        for (at, histogram) in times {
            let native = histogram.native().map_err(|e| format!("{labels:?} at {at}ms: {e}"))?;
            samples.push((at, MemorySample { value: f64::NAN, histogram: Some(Arc::new(native)), start: 0 }));
        }
        if !samples.is_empty() {
            all.insert(labels, samples);
        }
    }
    Ok(all)
}

/// The base name of a series and its part in a classic histogram.
fn part(labels: &Labels) -> Option<(&str, Part)> {
    let name = labels.metric_name();
    if let Some(base) = name.strip_suffix("_bucket") {
        let bound: f64 = labels.get("le")?.parse().ok()?;
        return (!bound.is_nan()).then_some((base, Part::Bucket(bound)));
    }
    if let Some(base) = name.strip_suffix("_count") {
        return Some((base, Part::Count));
    }
    Some((name.strip_suffix("_sum")?, Part::Sum))
}

impl Classic {
    fn set_bucket(&mut self, bound: f64, count: f64) {
        let place = self.buckets.partition_point(|(there, _)| *there < bound);
        // The same bound in another spelling counts once.
        if self.buckets.get(place).is_none_or(|(there, _)| *there != bound) {
            self.buckets.insert(place, (bound, count));
        }
    }

    fn native(mut self) -> Result<FloatHistogram, String> {
        let last = self.buckets.last().copied();
        let count = self.count.or(last.map(|(_, count)| count)).unwrap_or(0.0);
        if last.is_none_or(|(bound, _)| bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut native = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            ..FloatHistogram::default()
        };
        let mut below = 0.0;
        for (i, (_, cumulative)) in self.buckets.iter().enumerate() {
            if *cumulative < below {
                return Err("the populations of the buckets fall".to_owned());
            }
            let index = i32::try_from(i).map_err(|_| "too many buckets".to_owned())?;
            if *cumulative != below {
                native.positive.push(index, cumulative - below);
            }
            below = *cumulative;
        }
        if below != count {
            return Err(format!("the highest bucket has {below}, the count is {count}"));
        }
        let finite = self.buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite());
        native.custom_values = finite.collect();
        Ok(native)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::series_notation::{Item, parse};

    fn converted(lines: &[&str]) -> Result<Vec<FloatHistogram>, String> {
        let mut series = BTreeMap::new();
        for line in lines {
            let (labels, items) = parse(line).unwrap();
            let sample = |item: &Item| match item {
                Item::Float(value) => MemorySample { value: *value, histogram: None, start: 0 },
                other => panic!("{other:?}"),
            };
            series.insert(labels, items.iter().map(sample).enumerate().map(|(i, s)| (i as i64, s)).collect());
        }
        let all = convert(&series)?;
        let histograms =
            all.values().flatten().map(|(_, sample)| sample.histogram.as_deref().unwrap().clone());
        Ok(histograms.collect())
    }

    #[test]
    fn differences_of_neighbours_are_populations() {
        let all = converted(&[
            "x_bucket{le=\"10\"} 3",
            "x_bucket{le=\"1\"} 1",
            "x_bucket{le=\"1.0\"} 1",
            "x_bucket{le=\"wide\"} 9",
            "x_bucket{le=\"+Inf\"} 7",
            "x_count 7",
            "x_sum 33",
            "other 4",
        ]);
        let [native] = all.unwrap().try_into().unwrap();
        assert_eq!((native.schema, native.count, native.sum), (-53, 7.0, 33.0));
        assert_eq!(*native.custom_values, [1.0, 10.0]);
        assert_eq!((native.positive.indices, native.positive.counts), (vec![0, 1, 2], vec![1.0, 2.0, 4.0]));
    }

    #[test]
    fn what_is_missing_is_filled_in() {
        let [native] =
            converted(&["x_bucket{le=\"1\"} 2", "x_bucket{le=\"2\"} 2"]).unwrap().try_into().unwrap();
        assert_eq!((native.count, native.sum, native.positive.counts), (2.0, 0.0, vec![2.0]));
        let [native] = converted(&["x_bucket{le=\"1\"} 2", "x_count 5"]).unwrap().try_into().unwrap();
        assert_eq!((native.positive.counts, native.custom_values.len()), (vec![2.0, 3.0], 1));
        let [native] = converted(&["x_count 5"]).unwrap().try_into().unwrap();
        assert_eq!((native.positive.indices, native.custom_values.len()), (vec![0], 0));
    }

    #[test]
    fn populations_must_be_cumulative_and_agree_with_the_count() {
        assert!(converted(&["x_bucket{le=\"1\"} 2", "x_bucket{le=\"2\"} 1"]).is_err());
        assert!(converted(&["x_bucket{le=\"+Inf\"} 2", "x_count 3"]).is_err());
    }
}
