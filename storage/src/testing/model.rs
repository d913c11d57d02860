//! What the database must hold, may hold and must not hold, at every moment of a run.

use super::deletions::{Deletion, Selector};
use super::samples::{Dump, Point};
use std::collections::BTreeMap;

/// What ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The process was killed: what it wrote is there.
    Kill,
    /// The power failed: only what was synced is sure to be there.
    PowerCut,
}

/// A sample of the workload. Times are counted in changes of the disk.
#[derive(Debug, Clone, Default)]
struct Record {
    /// What was tried, and when that began.
    attempts: Vec<(usize, Point)>,
    /// When the database said that it has the sample, and which attempt that was.
    acknowledged: Option<(usize, usize)>,
    /// When the database said that a power cut does not hurt it.
    durable: Option<usize>,
    /// By which deletion which attempt was to go.
    deleted: Vec<(usize, usize)>,
}

/// All samples of a run.
#[derive(Debug, Clone, Default)]
pub struct Model {
    series: BTreeMap<u32, BTreeMap<i64, Record>>,
    /// Acknowledged, but not durable.
    unsynced: Vec<(u32, i64)>,
    /// From when on samples before a time may go.
    expired: Vec<(usize, i64)>,
    deletions: Vec<Deletion>,
}

impl Model {
    /// A model of a database that holds just this, durably.
    #[must_use]
    pub fn of(dump: Dump) -> Self {
        let record = |point| Record {
            attempts: vec![(0, point)],
            acknowledged: Some((0, 0)),
            durable: Some(0),
            deleted: Vec::new(),
        };
        let samples =
            |samples: BTreeMap<i64, Point>| samples.into_iter().map(|(t, p)| (t, record(p))).collect();
        let series = dump.into_iter().map(|(number, all)| (number, samples(all))).collect();
        Self { series, ..Self::default() }
    }

    /// The same model with what another one knew of deletions when its run ended at `now`: they may hide samples that
    /// come later, and one that was under way may be undone for what it hides.
    #[must_use]
    pub fn with_deletions_of(mut self, other: &Self, now: usize) -> Self {
        for (series, samples) in &other.series {
            for (timestamp, record) in samples {
                let hidden = record.acknowledged.is_some_and(|(_, attempt)| {
                    other.may_be_deleted(*series, *timestamp, now)
                        && !other.must_be_gone(record, attempt, now, End::PowerCut)
                });
                if let Some(point) = record.point().filter(|_| hidden) {
                    let known = self.series.entry(*series).or_default().entry(*timestamp);
                    known.or_insert_with(|| Record {
                        attempts: vec![(0, point.clone())],
                        ..Record::default()
                    });
                }
            }
        }
        let known = other.deletions.iter().cloned();
        self.deletions = known.map(|one| Deletion { begun: 0, ..one }).collect();
        self
    }

    /// Samples are about to be deleted.
    pub fn delete(&mut self, now: usize, selector: Selector, range: (i64, i64)) {
        let number = self.deletions.len();
        for (_, samples) in self.series.iter_mut().filter(|(series, _)| selector.selects(**series)) {
            for (_, record) in samples.range_mut(range.0..=range.1) {
                record.deleted.extend(record.acknowledged.map(|(_, attempt)| (number, attempt)));
            }
        }
        self.deletions.push(Deletion { selector, range, begun: now, done: None, durable: false });
    }

    /// The database says that it deleted them; `durable` when a power cut cannot hurt that any more.
    pub fn deleted(&mut self, now: usize, durable: bool) {
        if let Some(last) = self.deletions.last_mut() {
            (last.done, last.durable) = (Some(now), durable);
        }
    }

    /// Whether a deletion that had begun by a time may hide a sample.
    fn may_be_deleted(&self, series: u32, timestamp: i64, now: usize) -> bool {
        self.deletions.iter().any(|one| one.begun <= now && one.covers(series, timestamp))
    }

    /// Whether a series may have a deleted sample from a time on, which the database remembers though it does not
    /// show it.
    #[must_use]
    pub fn may_hide(&self, series: u32, from_ms: i64) -> bool {
        self.deletions.iter().any(|one| one.selector.selects(series) && one.range.1 >= from_ms)
    }

    /// Whether anything was tried for a sample.
    #[must_use]
    pub fn knows(&self, series: u32, timestamp: i64) -> bool {
        self.series.get(&series).is_some_and(|samples| samples.contains_key(&timestamp))
    }

    /// Whether a sample that was acknowledged must not be shown any more.
    fn must_be_gone(&self, record: &Record, attempt: usize, now: usize, end: End) -> bool {
        record.deleted.iter().any(|(number, which)| {
            *which == attempt
                && self.deletions.get(*number).is_some_and(|one| {
                    one.done.is_some_and(|done| done <= now) && (one.durable || end == End::Kill)
                })
        })
    }

    /// A sample is about to be appended.
    pub fn attempt(&mut self, now: usize, (series, timestamp): (u32, i64), point: Point) {
        self.series.entry(series).or_default().entry(timestamp).or_default().attempts.push((now, point));
    }

    /// The database has the last attempt of a sample; `durable` when a power cut cannot hurt it any more.
    pub fn acknowledge(&mut self, now: usize, (series, timestamp): (u32, i64), durable: bool) {
        let record = self.series.entry(series).or_default().entry(timestamp).or_default();
        record.acknowledged = record.attempts.len().checked_sub(1).map(|last| (now, last));
        record.durable = durable.then_some(now);
        if !durable {
            self.unsynced.push((series, timestamp));
        }
    }

    /// Everything that was acknowledged is durable now.
    pub fn synced(&mut self, now: usize) {
        for (series, timestamp) in std::mem::take(&mut self.unsynced) {
            if let Some(record) = self.series.get_mut(&series).and_then(|all| all.get_mut(&timestamp)) {
                record.durable = Some(now);
            }
        }
    }

    /// The process ended after a sync that failed: what was not synced then will not be, though the next process
    /// can read it.
    pub fn doubt(&mut self) {
        self.unsynced.clear();
    }

    /// From now on samples before `before_ms` may go.
    pub fn expire(&mut self, now: usize, before_ms: i64) {
        self.expired.push((now, before_ms));
    }

    /// The newest sample that a series has.
    #[must_use]
    pub fn newest(&self, series: u32) -> Option<(i64, &Point)> {
        let mut all = self.series.get(&series)?.iter().rev();
        all.find_map(|(timestamp, record)| Some((*timestamp, record.point()?)))
    }

    /// The sample that a series has at a time.
    #[must_use]
    pub fn at(&self, series: u32, timestamp: i64) -> Option<&Point> {
        self.series.get(&series)?.get(&timestamp)?.point()
    }

    /// Samples that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.series.values().flat_map(BTreeMap::values).filter(|record| record.acknowledged.is_some()).count()
    }

    /// Whether a sample may have gone by a time.
    #[must_use]
    pub fn may_be_gone(&self, timestamp: i64, now: usize) -> bool {
        self.expired.iter().any(|(begun, before)| *begun <= now && timestamp < *before)
    }

    /// Whether a running database shows what it must: exactly what it acknowledged, of the series `only` if
    /// there is one.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check_running(&self, dump: &Dump, only: Option<u32>) -> Result<(), String> {
        for (series, samples) in dump {
            for (timestamp, point) in samples {
                let record = self.series.get(series).and_then(|samples| samples.get(timestamp));
                if let Some((record, (_, attempt))) = record.and_then(|one| Some((one, one.acknowledged?)))
                    && self.must_be_gone(record, attempt, usize::MAX, End::Kill)
                {
                    return Err(format!("series {series} at {timestamp} shows {point:?}, which is deleted"));
                }
                let known = self.at(*series, *timestamp);
                let gone = known.is_none() && self.may_be_gone(*timestamp, usize::MAX);
                if !gone && !known.is_some_and(|known| known.same(point)) {
                    return Err(format!(
                        "series {series} at {timestamp} shows {point:?} instead of {known:?}"
                    ));
                }
            }
        }
        for (series, samples) in self.series.iter().filter(|(s, _)| only.is_none_or(|only| **s == only)) {
            for (timestamp, _) in samples.iter().filter(|(_, record)| record.acknowledged.is_some()) {
                let shown = dump.get(series).is_some_and(|samples| samples.contains_key(timestamp));
                let deleted = self.may_be_deleted(*series, *timestamp, usize::MAX);
                if !shown && !deleted && !self.may_be_gone(*timestamp, usize::MAX) {
                    return Err(format!("series {series} at {timestamp} is not shown"));
                }
            }
        }
        Ok(())
    }

    /// Whether everything that a database shows was written once.
    ///
    /// # Errors
    /// Says what was not.
    pub fn check_written(&self, dump: &Dump) -> Result<(), String> {
        self.check_written_by(dump, usize::MAX, End::Kill)
    }

    fn check_written_by(&self, dump: &Dump, now: usize, end: End) -> Result<(), String> {
        for (series, samples) in dump {
            for (timestamp, point) in samples {
                let record = self.series.get(series).and_then(|samples| samples.get(timestamp));
                // What retention let go may be there again after a crash, until it goes again.
                let gone = record.is_none() && self.may_be_gone(*timestamp, now);
                let mut may_be = record.into_iter().flat_map(|record| {
                    record.may_be(point, now).filter(|at| !self.must_be_gone(record, *at, now, end))
                });
                if !gone && may_be.next().is_none() {
                    return Err(format!(
                        "series {series} at {timestamp} shows {point:?}, never written or deleted: {record:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether a database that opened on the remains of a run which ended at `now` shows what it must.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check_survivor(&self, dump: &Dump, now: usize, end: End) -> Result<(), String> {
        self.check_written_by(dump, now, end)?;
        for (series, samples) in &self.series {
            for (timestamp, record) in samples {
                let bound = match end {
                    End::Kill => record.acknowledged.map(|(at, _)| at),
                    End::PowerCut => record.durable,
                };
                let may_be_gone =
                    self.may_be_gone(*timestamp, now) || self.may_be_deleted(*series, *timestamp, now);
                if bound.is_none_or(|bound| bound > now) || may_be_gone {
                    continue;
                }
                let shown = dump.get(series).and_then(|samples| samples.get(timestamp));
                if !shown.is_some_and(|shown| record.point().is_some_and(|point| point.same(shown))) {
                    return Err(format!(
                        "series {series} at {timestamp} is lost: {shown:?} of {record:?}; shown are {:?}",
                        dump.get(series)
                    ));
                }
            }
        }
        Ok(())
    }

    /// Takes over what a database shows after it was opened again in the same run.
    ///
    /// # Errors
    /// It shows what it must not.
    pub fn reopened(&mut self, dump: &Dump, now: usize) -> Result<(), String> {
        self.check_survivor(dump, now, End::Kill)?;
        for (series, samples) in dump {
            for (timestamp, point) in samples {
                let record = self.series.get_mut(series).and_then(|samples| samples.get_mut(timestamp));
                // An append that failed may have reached the log. A power cut may take it whatever is synced from
                // now on: the kernel does not tell the next process what it could not write.
                if let Some(record) = record.filter(|record| record.acknowledged.is_none()) {
                    let which = record.attempts.iter().position(|(_, tried)| tried.same(point));
                    record.acknowledged = which.map(|which| (now, which));
                }
            }
        }
        Ok(())
    }
}

impl Record {
    fn point(&self) -> Option<&Point> {
        self.attempts.get(self.acknowledged?.1).map(|(_, point)| point)
    }

    /// The attempts that a sample may come from.
    fn may_be(&self, point: &Point, now: usize) -> impl Iterator<Item = usize> {
        let tried = self.attempts.iter().enumerate();
        tried.filter(move |(_, (begun, tried))| *begun <= now && tried.same(point)).map(|(at, _)| at)
    }
}
