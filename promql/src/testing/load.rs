//! `load`: samples of series at equal distances, all written at once.

use super::nhcb;
use super::store::{MemorySample, MemoryStore};
use crate::syntax::lexer::parse_duration;
use crate::syntax::series_notation::{self, Item, Starts};
use narthex_storage::Labels;
use std::collections::BTreeMap;

/// Samples of one series by their times.
pub(super) type Samples = Vec<(i64, MemorySample)>;

/// A load statement.
#[derive(Debug)]
pub(super) struct Load {
    series: BTreeMap<Labels, Samples>,
    with_nhcb: bool,
}

impl Load {
    /// Reads the statement's line and what stands below it.
    pub(super) fn parse(line: &str, body: &[&str]) -> Result<Self, String> {
        let (word, step) = line.split_once(char::is_whitespace).ok_or("the duration is missing")?;
        let with_nhcb = match word {
            "load" => false,
            "load_with_nhcb" => true,
            _ => return Err(format!("unknown statement {word:?}")),
        };
        let step_ms = parse_duration(step.trim())?;
        let mut series = BTreeMap::new();
        let mut starts: Option<(Labels, Starts)> = None;
        for line in body {
            let at_line = |e: String| format!("{line}: {e}");
            let read = series_notation::parse_starts(line).map_err(at_line)?;
            if read.is_some() && starts.is_some() {
                return Err(at_line("start timestamps twice in a row".to_owned()));
            }
            if read.is_some() {
                starts = read;
                continue;
            }
            let (labels, items) = series_notation::parse(line).map_err(at_line)?;
            let starts = match starts.take() {
                Some((of, _)) if of != labels => {
                    return Err(at_line(format!("the start timestamps above are those of {of:?}")));
                }
                Some((_, starts)) if starts.len() != items.len() => {
                    let (starts, samples) = (starts.len(), items.len());
                    return Err(at_line(format!("{samples} samples and {starts} start timestamps")));
                }
                Some((_, starts)) => starts,
                None => Vec::new(),
            };
            let samples = timed(&items, &starts, step_ms).map_err(at_line)?;
            series.insert(labels, samples);
        }
        match starts {
            Some((of, _)) => Err(format!("no samples follow the start timestamps of {of:?}")),
            None => Ok(Self { series, with_nhcb }),
        }
    }

    /// Writes everything, or nothing.
    pub(super) fn run(&self, store: &mut MemoryStore) -> Result<(), String> {
        let mut grown = store.clone();
        let converted = if self.with_nhcb { nhcb::convert(&self.series)? } else { BTreeMap::new() };
        for (labels, samples) in self.series.iter().chain(&converted) {
            for (at, sample) in samples {
                grown.append(labels, *at, sample).map_err(|e| e.to_string())?;
            }
        }
        *store = grown;
        Ok(())
    }
}

fn timed(items: &[Item], starts: &[Option<i64>], step_ms: i64) -> Result<Samples, String> {
    let mut samples = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let at = i64::try_from(i).ok().and_then(|i| i.checked_mul(step_ms)).ok_or("the times overflow")?;
        let start = match starts.get(i) {
            Some(Some(before)) => at.checked_add(*before).ok_or("the start timestamps overflow")?,
            _ => 0,
        };
        samples.extend(match item {
            Item::Missing => None,
            Item::Float(value) => Some((at, MemorySample { value: *value, histogram: None, start })),
            Item::Histogram { histogram, .. } => {
                Some((at, MemorySample { value: f64::NAN, histogram: Some(histogram.clone()), start }))
            }
        });
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_storage::{Columns, Matcher, Queryable, SelectHints};

    fn loaded(body: &[&str]) -> Result<Columns, String> {
        let mut store = MemoryStore::default();
        Load::parse("load 1m", body)?.run(&mut store)?;
        let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
        let querier = store.querier(hints.mint, hints.maxt).unwrap();
        let series = querier.select(&[Matcher::equal("__name__", "m")], &hints).unwrap();
        let mut columns = Columns::default();
        series[0].read(hints.mint, hints.maxt, &mut columns).unwrap();
        Ok(columns)
    }

    #[test]
    fn start_timestamps_go_with_their_samples() {
        let columns = loaded(&["m@st _ -30s _ 1ms", "m 1 2 _ {{count:1}}"]).unwrap();
        assert_eq!(columns.timestamps, [0, 60_000, 180_000]);
        assert_eq!(columns.starts, [0, 30_000, 180_001]);
        assert_eq!(columns.histograms.len(), 1);
    }

    #[test]
    fn start_timestamps_need_their_series() {
        for body in [
            &["m@st -1m", "n 1"][..],
            &["m@st -1m -1m", "m 1"],
            &["m@st -1m"],
            &["m@st -1m", "m@st -1m", "m 1"],
        ] {
            assert!(Load::parse("load 1m", body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn the_last_line_of_a_series_counts() {
        assert_eq!(loaded(&["m 1 2 3", "m 4 5"]).unwrap().values, [4.0, 5.0]);
    }

    #[test]
    fn impossible_histograms_are_refused_at_loading() {
        assert!(loaded(&["m {{count:-1}}"]).is_err());
        assert!(loaded(&["m {{schema:-53 z_bucket:1}}"]).is_err());
    }
}
