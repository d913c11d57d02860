//! A seeded workload: the same appends, cuts, restarts and refusals for the same seed.

use super::deletions::Selector;
use super::disk::SimDisk;
use super::model::Model;
use super::rng::Rng;
use super::samples::{Point, dump, float, labels, point};
use crate::filenames;
use crate::head::entry::SampleValue;
use crate::io::Files;
use crate::{
    AppendError, Appender, Db, DbOptions, DownsampleStage, Group, Matcher, RetentionRule, Row, STALE_NAN,
    StorageError, WalSync, is_stale_nan,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Time that a block covers, ms: a few rows.
const BLOCK_RANGE_MS: i64 = 60_000;
/// What retention keeps, ms.
const RETENTION_MS: i64 = 5 * BLOCK_RANGE_MS;
/// Series that groups and appenders share.
const SHARED: u32 = 4;
/// Series that only appenders have, behind those that they share with groups.
const ALONE: u32 = 4;
/// How late a sample may come while there is a window for it, ms.
const WINDOW_MS: i64 = 2 * BLOCK_RANGE_MS;

/// Where the database lies on the simulated disk.
#[must_use]
pub fn data_dir() -> PathBuf {
    PathBuf::from("/data")
}

/// When a workload's log is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Before an append returns.
    Always,
    /// When the workload says so.
    Interval,
    /// Hardly ever.
    Never,
}

impl Mode {
    /// The policy. An interval is so long that only [`Db::sync`] ends it.
    fn policy(self) -> WalSync {
        match self {
            Self::Always => WalSync::Always,
            Self::Interval => WalSync::Interval(Duration::from_secs(86_400)),
            Self::Never => WalSync::Never,
        }
    }
}

/// A target.
struct Target {
    group: Arc<Group>,
    members: Vec<u32>,
    /// Series with a value in the last row.
    present: BTreeSet<u32>,
    last_ms: i64,
}

/// The workload, its database and its model.
pub struct Workload {
    rng: Rng,
    disk: SimDisk,
    mode: Mode,
    options: DbOptions,
    db: Option<Db>,
    targets: Vec<Target>,
    next_series: u32,
    now_ms: i64,
    /// The newest timestamp so far, ms.
    newest_ms: i64,
    /// Late samples that were taken.
    late: u64,
    /// Deletions that were done.
    deletions: u64,
    /// What the database holds.
    pub model: Model,
    /// Whether to tell each step on the standard error output.
    pub verbose: bool,
}

/// Opens the database on a simulated disk.
///
/// # Errors
/// As [`Db::open_on`].
pub fn open(disk: &SimDisk, options: &DbOptions) -> Result<Db, StorageError> {
    Db::open_on(Files::on(Arc::new(disk.clone())), &data_dir(), options.clone())
}

/// Stages a sample of any kind.
fn put(appender: &mut Appender, series: u32, timestamp: i64, point: &Point) -> Result<(), AppendError> {
    let labels = labels(series);
    match &point.value {
        SampleValue::Float(value) => appender.append_started(&labels, timestamp, *value, point.start),
        SampleValue::Histogram(histogram) => {
            appender.append_histogram(&labels, timestamp, Arc::clone(histogram), point.start)
        }
    }
}

/// How the databases of a workload behave.
#[must_use]
pub fn options(mode: Mode) -> DbOptions {
    DbOptions {
        block_range_ms: BLOCK_RANGE_MS,
        retention_ms: Some(RETENTION_MS),
        wal_sync: mode.policy(),
        ..DbOptions::default()
    }
}

/// Rules under which blocks are written again and say the same: of an interval of one millisecond every sample stays,
/// and some series are kept longer than the others.
fn rules(rng: &mut Rng) -> Vec<RetentionRule> {
    let selectors = vec![vec![Matcher::equal("__name__", "even")]];
    let stage = DownsampleStage { after_ms: 2 * BLOCK_RANGE_MS, resolution_ms: 1 };
    match rng.below(3) {
        0 => Vec::new(),
        1 => vec![RetentionRule { selectors: vec![Vec::new()], keep_ms: None, downsample: vec![stage] }],
        _ => vec![RetentionRule { selectors, keep_ms: Some(2 * RETENTION_MS), downsample: vec![stage] }],
    }
}

impl Workload {
    /// A workload on a disk; whatever the disk holds already is what `model` says.
    #[must_use]
    pub fn new(seed: u64, disk: &SimDisk, mode: Mode, model: Model, now_ms: i64) -> Self {
        Self {
            rng: Rng::new(seed),
            disk: disk.clone(),
            mode,
            options: options(mode),
            db: None,
            targets: Vec::new(),
            next_series: 10,
            now_ms,
            newest_ms: now_ms,
            late: 0,
            deletions: 0,
            model,
            verbose: false,
        }
    }

    /// Tells something, if steps are to be told.
    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{:06} {}", self.disk.now(), what());
        }
    }

    /// The database, while it is open.
    #[must_use]
    pub fn db(&self) -> Option<&Db> {
        self.db.as_ref()
    }

    /// When its log is synced.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The workload's clock, ms.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Whether an error may be: only when the disk failed meanwhile.
    fn excused(&self, failed_before: u64, error: &dyn std::error::Error) -> Result<(), String> {
        if self.disk.failed() > failed_before {
            self.tell(|| format!("the disk failed: {error}"));
            return Ok(());
        }
        Err(format!("an error on a disk that works: {error}"))
    }

    /// Opens the database if it is not open; on a failing device it may stay closed, on a full one it must not.
    ///
    /// # Errors
    /// It does not open, or shows what it must not.
    pub fn open(&mut self) -> Result<(), String> {
        if self.db.is_some() {
            return Ok(());
        }
        if self.disk.failed() > 0 {
            self.model.doubt();
        }
        // What was never made cannot be made on a full disk.
        let known = self.disk.exists(&data_dir().join(filenames::WAL_DIR));
        let start = self.disk.failed();
        for _ in 0..4 {
            let failed = self.disk.failed();
            match open(&self.disk, &self.options) {
                // A block or a segment that could not be read just now is not damaged.
                Ok(_) if self.disk.failed() > failed && self.disk.is_broken() => {}
                Ok(db) => {
                    let shown = dump(&db, None)?;
                    self.model.reopened(&shown, self.disk.now())?;
                    self.db = Some(db);
                    return Ok(());
                }
                Err(error) => self.excused(failed, &error)?,
            }
        }
        match self.disk.failed() > start && (self.disk.is_broken() || !known) {
            true => Ok(()),
            false => Err("the database does not open".to_owned()),
        }
    }

    /// Does one random thing.
    ///
    /// # Errors
    /// The database does what it must not.
    pub fn step(&mut self) -> Result<(), String> {
        self.open()?;
        self.now_ms += self.rng.between(1, 12_000);
        let choice = self.rng.below(46);
        self.tell(|| format!("step {choice} at {}", self.now_ms));
        match choice {
            0 => self.close(),
            1 => {
                self.targets.clear();
                self.db = None;
                Ok(())
            }
            2..5 => self.maintain(),
            5..8 => self.sync(),
            8 => self.forget_target(),
            9 => self.churn(),
            10 | 11 => self.stale(),
            12..20 => self.append(),
            20 => {
                self.now_ms += BLOCK_RANGE_MS;
                Ok(())
            }
            40 | 41 => self.delete(),
            42 => self.clean(),
            43..46 => self.append_late(),
            _ => self.row(),
        }
    }

    /// Checks that the database shows what it must, all of it or one series.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&mut self, all: bool) -> Result<(), String> {
        let Some(db) = &self.db else { return Ok(()) };
        let only = (!all).then(|| self.rng.below(self.next_series as usize) as u32);
        self.model.check_running(&dump(db, only)?, only)
    }

    /// Closes the database as a server does when it ends.
    fn close(&mut self) -> Result<(), String> {
        let failed = self.disk.failed();
        self.targets.clear();
        let Some(db) = self.db.take() else { return Ok(()) };
        match db.close() {
            Ok(()) if self.mode != Mode::Never => self.model.synced(self.disk.now()),
            Ok(()) => {}
            Err(error) => self.excused(failed, &error)?,
        }
        Ok(())
    }

    /// Forces what was written to the disk.
    ///
    /// # Errors
    /// It failed without a reason.
    pub fn sync(&mut self) -> Result<(), String> {
        let failed = self.disk.failed();
        let Some(db) = &self.db else { return Ok(()) };
        match db.sync() {
            Ok(()) if self.mode != Mode::Never => self.model.synced(self.disk.now()),
            Ok(()) => {}
            Err(error) => self.excused(failed, &error)?,
        }
        Ok(())
    }

    /// Cuts blocks and lets old ones go.
    ///
    /// # Errors
    /// It failed without a reason.
    pub fn maintain(&mut self) -> Result<(), String> {
        let failed = self.disk.failed();
        self.model.expire(self.disk.now(), self.now_ms - RETENTION_MS);
        let Some(db) = &self.db else { return Ok(()) };
        db.set_retention_rules(rules(&mut self.rng), self.now_ms);
        if let Err(error) = db.maintain(self.now_ms) {
            self.excused(failed, &error)?;
        }
        Ok(())
    }

    /// Deletes samples of some series. Groups keep their newest ones: what they take next depends on them, and it
    /// would not be known any more which those are.
    fn delete(&mut self) -> Result<(), String> {
        let Some(db) = &self.db else { return Ok(()) };
        let one = self.rng.below(self.next_series as usize) as u32;
        let selector = match self.rng.below(4) {
            0 => Selector::Even,
            1 => Selector::Tens(one / 10),
            2 => Selector::One(SHARED + one % ALONE),
            _ => Selector::One(one),
        };
        let alone = matches!(selector, Selector::One(one) if (SHARED..SHARED + ALONE).contains(&one));
        let last = if alone && self.rng.once_in(2) {
            i64::MAX
        } else {
            let newest = (0..self.next_series).filter(|series| selector.selects(*series));
            let newest = newest.filter_map(|series| self.model.newest(series)).map(|(newest, _)| newest - 1);
            newest.min().unwrap_or(self.now_ms).saturating_sub(self.rng.between(0, 60_000))
        };
        let first =
            if self.rng.once_in(3) { i64::MIN } else { last.min(self.now_ms) - self.rng.between(0, 200_000) };
        self.model.delete(self.disk.now(), selector, (first, last));
        self.tell(|| format!("delete {selector:?} from {first} to {last}"));
        let failed = self.disk.failed();
        match db.delete(&[selector.matchers()], first, last) {
            Ok(()) => {
                self.model.deleted(self.disk.now(), self.mode != Mode::Never);
                self.deletions += 1;
            }
            Err(error) => self.excused(failed, &error)?,
        }
        Ok(())
    }

    /// Writes blocks again without what is deleted of them.
    fn clean(&mut self) -> Result<(), String> {
        let failed = self.disk.failed();
        let Some(db) = &self.db else { return Ok(()) };
        if let Err(error) = db.clean_tombstones() {
            self.excused(failed, &error)?;
        }
        Ok(())
    }

    /// Appends samples that come late, at times that their series have nothing at.
    fn append_late(&mut self) -> Result<(), String> {
        let Some(db) = &self.db else { return Ok(()) };
        db.set_out_of_order_window(WINDOW_MS);
        let mut appender = db.appender();
        let mut taken: BTreeMap<(u32, i64), Point> = BTreeMap::new();
        for _ in 0..=self.rng.below(3) {
            let series = self.rng.below((SHARED + ALONE) as usize) as u32;
            let timestamp = self.now_ms - self.rng.between(0, WINDOW_MS + 10_000);
            let newest = self.model.newest(series).is_some_and(|(newest, _)| newest > timestamp);
            if !newest || self.model.knows(series, timestamp) || taken.contains_key(&(series, timestamp)) {
                continue;
            }
            let point = point(series, timestamp, &mut self.rng);
            match put(&mut appender, series, timestamp, &point) {
                Ok(()) => drop(taken.insert((series, timestamp), point)),
                Err(AppendError::TooOld) if timestamp < self.now_ms - WINDOW_MS / 2 => {}
                Err(error) => return Err(format!("late sample of series {series} at {timestamp}: {error}")),
            }
        }
        db.set_out_of_order_window(0);
        let begun = self.disk.now();
        for (place, point) in &taken {
            self.model.attempt(begun, *place, point.clone());
        }
        self.tell(|| format!("late commit of {taken:?}"));
        let failed = self.disk.failed();
        match appender.commit() {
            Ok(count) if count == taken.len() => {}
            Ok(count) => return Err(format!("{count} of {} late samples committed", taken.len())),
            Err(AppendError::Storage(error)) => return self.excused(failed, &error),
            Err(error) => return Err(format!("commit of late samples: {error}")),
        }
        let now = self.disk.now();
        for place in taken.into_keys() {
            self.late += 1;
            self.model.acknowledge(now, place, self.mode == Mode::Always);
        }
        Ok(())
    }

    /// Late samples that were taken, and deletions that were done.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.late, self.deletions)
    }

    fn forget_target(&mut self) -> Result<(), String> {
        if !self.targets.is_empty() {
            self.targets.swap_remove(self.rng.below(self.targets.len()));
        }
        Ok(())
    }

    /// The place of a target, which is made when there are few.
    fn target(&mut self) -> Option<usize> {
        if self.targets.len() < 3 && (self.targets.is_empty() || self.rng.once_in(8)) {
            let group = self.db.as_ref()?.create_group();
            let first = self.next_series;
            self.next_series += self.rng.below(6) as u32 + 1;
            let mut members: Vec<u32> = (first..self.next_series).collect();
            if self.rng.once_in(3) {
                members.push(self.rng.below(SHARED as usize) as u32);
            }
            let target = Target { group, members, present: BTreeSet::new(), last_ms: i64::MIN };
            self.targets.push(target);
        }
        Some(self.rng.below(self.targets.len()))
    }

    /// Gives series of a target up and takes new ones.
    fn churn(&mut self) -> Result<(), String> {
        let (Some(at), fresh) = (self.target(), self.next_series) else { return Ok(()) };
        let Some(target) = self.targets.get_mut(at) else { return Ok(()) };
        if !target.members.is_empty() {
            let gone = target.members.swap_remove(self.rng.below(target.members.len()));
            let slot = target.group.register(&labels(gone)).map_err(|e| format!("register: {e}"))?;
            target.group.release(slot);
        }
        target.members.push(fresh);
        self.next_series += 1;
        Ok(())
    }

    fn stale(&mut self) -> Result<(), String> {
        match self.target() {
            Some(at) => self.append_row(at, &BTreeMap::new(), self.now_ms),
            None => Ok(()),
        }
    }

    /// Appends a row of some target.
    ///
    /// # Errors
    /// The database does what it must not.
    pub fn row(&mut self) -> Result<(), String> {
        let Some(at) = self.target() else { return Ok(()) };
        let members = self.targets.get(at).map(|target| target.members.clone()).unwrap_or_default();
        let mut values = BTreeMap::new();
        for series in members {
            if !self.rng.once_in(9) {
                let stale = self.rng.once_in(40);
                values.insert(series, if stale { STALE_NAN } else { float(series, &mut self.rng) });
            }
        }
        let late = self.rng.once_in(20);
        let timestamp = if late { self.now_ms - self.rng.between(0, 40_000) } else { self.now_ms };
        // Whether they are late is not known for sure of series with deleted samples.
        let unsure = late && values.keys().any(|series| self.model.may_hide(*series, timestamp));
        self.append_row(at, &values, if unsure { self.now_ms } else { timestamp })
    }

    fn append_row(&mut self, at: usize, values: &BTreeMap<u32, f64>, timestamp: i64) -> Result<(), String> {
        let Some(target) = self.targets.get(at) else { return Ok(()) };
        let mut row = Row::new();
        for (series, value) in values {
            let slot = target.group.register(&labels(*series)).map_err(|e| format!("register: {e}"))?;
            row.set(slot, *value);
        }
        let follows = |series: u32| self.model.newest(series).is_none_or(|(newest, _)| newest < timestamp);
        let ended = target.present.iter().filter(|series| !values.contains_key(series));
        let mut taken: Vec<(u32, f64)> = values
            .iter()
            .map(|(series, value)| (*series, *value))
            .chain(ended.map(|series| (*series, STALE_NAN)))
            .filter(|(series, _)| follows(*series))
            .collect();
        if timestamp <= target.last_ms {
            taken.clear();
        }
        let appended = taken.iter().filter(|(series, _)| values.contains_key(series)).count();
        let stale = taken.len() - appended;
        let begun = self.disk.now();
        for (series, value) in &taken {
            self.model.attempt(begun, (*series, timestamp), Point::float(*value));
        }
        self.tell(|| format!("row of target {at} at {timestamp}: {values:?}, taken {taken:?}"));
        let failed = self.disk.failed();
        match target.group.append_row(timestamp, &row) {
            Ok(outcome) if (outcome.appended, outcome.stale) == (appended, stale) => {}
            Ok(outcome) if (outcome.appended, outcome.stale) == (0, 0) && self.is_old(timestamp) => {
                return Ok(());
            }
            Ok(outcome) => {
                return Err(format!("{outcome:?} of a row at {timestamp}, {appended} and {stale} expected"));
            }
            Err(AppendError::Storage(error)) => return self.excused(failed, &error),
            Err(error) => return Err(format!("append of a row: {error}")),
        }
        self.newest_ms = self.newest_ms.max(timestamp);
        let now = self.disk.now();
        let Some(target) = self.targets.get_mut(at) else { return Ok(()) };
        if !taken.is_empty() {
            target.present.clear();
        }
        for (series, value) in taken {
            self.model.acknowledge(now, (series, timestamp), self.mode == Mode::Always);
            target.last_ms = timestamp;
            if !is_stale_nan(value) {
                target.present.insert(series);
            }
        }
        Ok(())
    }

    /// Whether the head may have let go of a time.
    fn is_old(&self, timestamp: i64) -> bool {
        timestamp <= self.newest_ms - BLOCK_RANGE_MS / 2
    }

    /// Appends samples with timestamps of their own.
    fn append(&mut self) -> Result<(), String> {
        let Some(db) = &self.db else { return Ok(()) };
        let mut appender = db.appender();
        // What is staged, which later samples of the commit are judged against.
        let mut staged: BTreeMap<u32, (i64, Point)> = BTreeMap::new();
        let mut unsure = 0;
        let mut taken = Vec::new();
        for _ in 0..=self.rng.below(6) {
            let series = self.rng.below((SHARED + ALONE) as usize) as u32;
            let known = self.model.newest(series).map(|(timestamp, point)| (timestamp, point.clone()));
            let newest = staged.get(&series).cloned().or(known);
            let (timestamp, point) = match &newest {
                Some((timestamp, point)) if self.rng.once_in(8) => (*timestamp, point.clone()),
                Some((timestamp, _)) if self.rng.once_in(8) => {
                    let timestamp = timestamp - self.rng.between(0, 9_000);
                    (timestamp, point(series, timestamp, &mut self.rng))
                }
                _ => {
                    let timestamp = self.now_ms + self.rng.between(0, 500);
                    (timestamp, point(series, timestamp, &mut self.rng))
                }
            };
            let result = put(&mut appender, series, timestamp, &point);
            let hidden = self.model.may_hide(series, timestamp);
            let gone = hidden || newest.as_ref().is_some_and(|(t, _)| self.model.may_be_gone(*t, usize::MAX));
            let order = newest.as_ref().map(|(newest, _)| timestamp.cmp(newest));
            let again = newest.is_some_and(|(_, newest)| newest.value.same(&point.value));
            match (result, order) {
                (Ok(()), None | Some(std::cmp::Ordering::Greater)) => {
                    staged.insert(series, (timestamp, point.clone()));
                    taken.push((series, timestamp, point));
                }
                // It may not be known any more that it is there already.
                (Ok(()), Some(std::cmp::Ordering::Equal)) if again => unsure += usize::from(gone),
                // Nobody knows any more that it is late.
                (Ok(()), _) if gone => {
                    staged.insert(series, (timestamp, point.clone()));
                    taken.push((series, timestamp, point));
                }
                (Err(AppendError::Duplicate), Some(std::cmp::Ordering::Equal)) if !again => {}
                (Err(AppendError::OutOfOrder), Some(std::cmp::Ordering::Less)) => {}
                (Err(AppendError::OutOfBounds), _) if self.is_old(timestamp) => {}
                // By a deleted sample, which is remembered.
                (Err(AppendError::Duplicate | AppendError::OutOfOrder), _) if hidden => {}
                (result, order) => {
                    return Err(format!("{result:?} of series {series} at {timestamp}, which is {order:?}"));
                }
            }
        }
        let begun = self.disk.now();
        for (series, timestamp, point) in &taken {
            self.model.attempt(begun, (*series, *timestamp), point.clone());
        }
        self.tell(|| format!("commit of {taken:?}"));
        let failed = self.disk.failed();
        match appender.commit() {
            Ok(count) if (taken.len()..=taken.len() + unsure).contains(&count) => {}
            Ok(count) => return Err(format!("{count} of {} samples committed", taken.len())),
            Err(AppendError::Storage(error)) => return self.excused(failed, &error),
            Err(error) => return Err(format!("commit: {error}")),
        }
        let now = self.disk.now();
        for (series, timestamp, _) in taken {
            self.newest_ms = self.newest_ms.max(timestamp);
            self.model.acknowledge(now, (series, timestamp), self.mode == Mode::Always);
        }
        Ok(())
    }
}
