//! The samples of a rule on their way into the database.
//!
//! The series of a rule are a group of the store: what it gives at an evaluation is one row, which costs one record of
//! the log, and nothing for the series that did not change. A rule that gives native histograms appends sample by
//! sample instead.

use super::sink::{Appended, Output, OutputValue, RuleSink, Sinks};
use narthex_storage::{
    AppendError, Appender, Columns, Db, Group, Labels, Matcher, Queryable, Row, RowOutcome, STALE_NAN,
    SelectHints, Slot,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Sinks into a database.
#[derive(Clone)]
pub struct DbSinks {
    /// The database.
    pub db: Arc<Db>,
}

impl Sinks for DbSinks {
    fn sink(&self) -> Box<dyn RuleSink> {
        Box::new(DbSink { db: Arc::clone(&self.db), way: Way::Unused })
    }
}

struct DbSink {
    db: Arc<Db>,
    way: Way,
}

/// How a rule's samples are stored.
enum Way {
    /// There was none yet.
    Unused,
    /// As rows.
    Rows(Rows),
    /// One by one.
    Single(Appender),
}

struct Rows {
    db: Arc<Db>,
    group: Arc<Group>,
    /// By the number of the series.
    slots: Vec<Option<Slot>>,
    row: Row,
}

impl RuleSink for DbSink {
    fn append(
        &mut self,
        time_ms: i64,
        samples: &[Output],
        vanished: &[(u32, Labels)],
    ) -> Result<Appended, AppendError> {
        let histograms = samples.iter().any(|output| matches!(output.value, OutputValue::Histogram(_)));
        // Series that were rows so far go on as they are: the group is left, and ends nothing.
        if histograms && !matches!(self.way, Way::Single(_)) {
            self.way = Way::Single(self.db.appender().in_order());
        }
        if matches!(self.way, Way::Unused) {
            let group = self.db.create_group();
            self.way =
                Way::Rows(Rows { db: Arc::clone(&self.db), group, slots: Vec::new(), row: Row::new() });
        }
        match &mut self.way {
            Way::Rows(rows) => rows.append(time_ms, samples),
            Way::Single(appender) => single(appender, time_ms, samples, vanished),
            Way::Unused => Ok(Appended::default()),
        }
    }

    fn forget(&mut self, id: u32) {
        if let Way::Rows(rows) = &mut self.way
            && let Some(slot) = rows.slots.get_mut(id as usize).and_then(Option::take)
        {
            rows.group.release(slot);
        }
    }
}

impl Rows {
    /// What vanished has no value in the row: the group ends it.
    fn append(&mut self, time_ms: i64, samples: &[Output]) -> Result<Appended, AppendError> {
        let mut appended = Appended::default();
        self.row.clear();
        for output in samples {
            let OutputValue::Float(value) = output.value else { continue };
            match self.slot(output) {
                Ok(slot) => {
                    self.row.set(slot, value);
                }
                Err(error) if error.is_no_room() => appended.refuse(error),
                Err(error) => return Err(error),
            }
        }
        let mut outcome = self.group.append_row_in_order(time_ms, &self.row)?;
        if outcome.duplicate > 0 {
            outcome.duplicate = outcome.duplicate.min(differing(&self.db, time_ms, samples)?);
        }
        refused(&outcome, &mut appended);
        Ok(appended)
    }

    fn slot(&mut self, output: &Output) -> Result<Slot, AppendError> {
        let index = output.id as usize;
        if let Some(Some(slot)) = self.slots.get(index) {
            return Ok(*slot);
        }
        let slot = self.group.register(&output.labels)?;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        if let Some(place) = self.slots.get_mut(index) {
            *place = Some(slot);
        }
        Ok(slot)
    }
}

/// How many samples have another value in the database at their time: another rule may have written the very same.
fn differing(db: &Db, time_ms: i64, samples: &[Output]) -> Result<usize, AppendError> {
    let names: BTreeSet<&str> = samples.iter().map(|output| output.labels.metric_name()).collect();
    let querier = db.querier(time_ms, time_ms)?;
    let hints = SelectHints { mint: time_ms, maxt: time_ms, ..SelectHints::default() };
    let mut stored: HashMap<Labels, f64> = HashMap::new();
    let mut columns = Columns::default();
    for name in names {
        for series in querier.select(&[Matcher::equal("__name__", name)], &hints)? {
            columns.clear();
            series.read(time_ms, time_ms, &mut columns)?;
            if let Some(value) = columns.values.first() {
                stored.insert(series.labels().clone(), *value);
            }
        }
    }
    let differs = |output: &&Output| {
        let OutputValue::Float(value) = output.value else { return false };
        stored.get(&output.labels).is_some_and(|other| other.to_bits() != value.to_bits())
    };
    Ok(samples.iter().filter(differs).count())
}

fn refused(outcome: &RowOutcome, appended: &mut Appended) {
    for (count, error) in [
        (outcome.out_of_order, AppendError::OutOfOrder),
        (outcome.duplicate, AppendError::Duplicate),
        (outcome.out_of_bounds, AppendError::OutOfBounds),
    ] {
        if count > 0 {
            appended.refuse_many(error, count);
        }
    }
}

fn single(
    appender: &mut Appender,
    time_ms: i64,
    samples: &[Output],
    vanished: &[(u32, Labels)],
) -> Result<Appended, AppendError> {
    let mut appended = Appended::default();
    for output in samples {
        let taken = match &output.value {
            OutputValue::Float(value) => appender.append(&output.labels, time_ms, *value),
            OutputValue::Histogram(histogram) => {
                appender.append_histogram(&output.labels, time_ms, Arc::clone(histogram), 0)
            }
        };
        match taken {
            Err(AppendError::Storage(error)) => return Err(error.into()),
            Err(error) => appended.refuse(error),
            Ok(()) => {}
        }
    }
    for (_, labels) in vanished {
        // Another rule may have gone on with the series.
        let _ = appender.append(labels, time_ms, STALE_NAN);
    }
    appender.commit()?;
    Ok(appended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_storage::{DbOptions, FloatHistogram, is_stale_nan};

    fn open(window_ms: i64) -> (tempfile::TempDir, DbSinks) {
        let dir = tempfile::tempdir().unwrap();
        let options = DbOptions { out_of_order_window_ms: window_ms, ..DbOptions::default() };
        let db = Db::open(dir.path(), options).unwrap();
        (dir, DbSinks { db: Arc::new(db) })
    }

    fn output(id: u32, name: &str, value: OutputValue) -> Output {
        Output { id, labels: Labels::from_pairs([("__name__", name)]), value }
    }

    fn read(sinks: &DbSinks, name: &str) -> Vec<(i64, String)> {
        let hints = SelectHints { mint: 0, maxt: 1_000_000, ..SelectHints::default() };
        let querier = sinks.db.querier(0, 1_000_000).unwrap();
        let series = querier.select(&[Matcher::equal("__name__", name)], &hints).unwrap();
        let mut columns = Columns::default();
        series.iter().for_each(|series| series.read(0, 1_000_000, &mut columns).unwrap());
        let shown = |at: usize, value: f64| match columns.histogram(at) {
            Some(_) => "histogram".to_owned(),
            None if is_stale_nan(value) => "stale".to_owned(),
            None => value.to_string(),
        };
        columns
            .timestamps
            .iter()
            .zip(&columns.values)
            .enumerate()
            .map(|(i, (t, v))| (*t, shown(i, *v)))
            .collect()
    }

    fn shown(samples: &[(i64, &str)]) -> Vec<(i64, String)> {
        samples.iter().map(|(t, v)| (*t, (*v).to_owned())).collect()
    }

    #[test]
    fn rows_end_what_vanishes_and_late_ones_are_never_stored() {
        let (_dir, sinks) = open(3_600_000);
        let mut sink = sinks.sink();
        let float = OutputValue::Float;
        sink.append(1000, &[output(0, "a", float(1.0)), output(1, "b", float(2.0))], &[]).unwrap();
        sink.append(2000, &[output(0, "a", float(1.0))], &[(1, Labels::empty())]).unwrap();
        // The database takes late samples from others, within its window.
        let late = sink.append(1500, &[output(0, "a", float(9.0))], &[]).unwrap();
        assert_eq!(late.out_of_order, 1);
        assert!(matches!(late.error, Some(AppendError::OutOfOrder)));
        assert_eq!(read(&sinks, "a"), shown(&[(1000, "1"), (2000, "1")]));
        assert_eq!(read(&sinks, "b"), shown(&[(1000, "2"), (2000, "stale")]));
        sink.forget(1);
        sink.append(3000, &[output(1, "c", float(5.0))], &[(0, Labels::empty())]).unwrap();
        assert_eq!(read(&sinks, "c"), shown(&[(3000, "5")]));
        assert_eq!(read(&sinks, "b").len(), 2);
    }

    #[test]
    fn histograms_are_stored_and_end_too() {
        let (_dir, sinks) = open(0);
        let mut sink = sinks.sink();
        sink.append(1000, &[output(0, "a", OutputValue::Float(1.0))], &[]).unwrap();
        let histogram = OutputValue::Histogram(Arc::new(FloatHistogram::default()));
        sink.append(2000, &[output(0, "a", OutputValue::Float(2.0)), output(1, "h", histogram)], &[])
            .unwrap();
        let gone = ["a", "h"].map(|name| (0, Labels::from_pairs([("__name__", name)])));
        sink.append(3000, &[], &gone).unwrap();
        assert_eq!(read(&sinks, "a"), shown(&[(1000, "1"), (2000, "2"), (3000, "stale")]));
        assert_eq!(read(&sinks, "h"), shown(&[(2000, "histogram"), (3000, "stale")]));
    }

    #[test]
    fn two_rules_of_one_series_are_told_apart_by_their_errors() {
        let (_dir, sinks) = open(0);
        let (mut one, mut other) = (sinks.sink(), sinks.sink());
        one.append(1000, &[output(0, "a", OutputValue::Float(1.0))], &[]).unwrap();
        let second = other.append(1000, &[output(0, "a", OutputValue::Float(2.0))], &[]).unwrap();
        assert_eq!(
            (second.duplicate, second.error.unwrap().to_string()),
            (1, "duplicate sample for timestamp".to_owned())
        );
        let both = [output(0, "a", OutputValue::Float(1.0)), output(1, "b", OutputValue::Float(5.0))];
        let third = sinks.sink().append(1000, &both, &[]).unwrap();
        assert_eq!((third.duplicate, third.error.is_none()), (0, true), "the very same value is no fault");
        assert_eq!(read(&sinks, "b"), shown(&[(1000, "5")]));
    }
}
