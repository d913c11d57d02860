//! The past of recording rules, for series that were not recorded then.
//!
//! Rules are evaluated piece by piece of time, all groups in each piece, so that chained rules see each other; what
//! they write stays in memory as long as another rule may look at it. Only holes are filled: where a series has a
//! sample near, by less than half an interval, what is there stays.

use super::evaluator::{Evaluator, External};
use super::file::RuleFile;
use super::group::{Group, GroupSettings};
use super::history::{Past, Replayed, Slots};
use super::metrics::RuleMetrics;
use super::overlay::Overlay;
use super::rule::Rule;
use super::schedule::Schedule;
use super::sink::{Appended, Output, OutputValue, RuleSink, Sinks};
use narthex_promql::syntax::ast::Expr;
use narthex_promql::testing::{MemorySample, MemoryStore, MemoryStoreError};
use narthex_promql::{CancelToken, Engine};
use narthex_storage::{
    AppendError, Columns, Labels, Matcher, Queryable, STALE_NAN, SelectHints, StorageError,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First time, ms since the epoch.
    pub from_ms: i64,
    /// Last time, ms since the epoch.
    pub to_ms: i64,
    /// The interval of groups that name none, ms.
    pub interval_ms: i64,
    /// The offset of groups that name none, ms.
    pub offset_ms: i64,
}

/// A sample that is to be written.
pub type Filled<'a> = (&'a Labels, i64, &'a OutputValue);

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backfilled {
    /// What the evaluations came to.
    pub replayed: Replayed,
    /// Samples that were written.
    pub written: usize,
    /// Samples that were left out: the series has one near.
    pub present: usize,
}

/// Samples that rules gave.
struct Given {
    /// What is there.
    store: Arc<dyn Queryable>,
    /// Where rules read them.
    memory: Arc<Mutex<MemoryStore>>,
    /// Those that are not written yet.
    fresh: Vec<(Labels, i64, OutputValue)>,
    /// The piece of time that is evaluated, ms.
    piece: (i64, i64),
    /// When series have samples around the piece.
    there: HashMap<Labels, BTreeSet<i64>>,
    /// Samples that were left out.
    present: usize,
}

impl Given {
    /// Whether what is there has a sample of the series near a time.
    fn is_taken(&mut self, labels: &Labels, time_ms: i64, interval_ms: i64) -> Result<bool, StorageError> {
        if !self.there.contains_key(labels) {
            let (from, to) = self.piece;
            let (from, to) = (from.saturating_sub(interval_ms), to.saturating_add(interval_ms));
            let times = times(&*self.store, labels, from, to)?;
            self.there.insert(labels.clone(), times);
        }
        let Some(there) = self.there.get(labels) else { return Ok(false) };
        let (from, to) = (time_ms.saturating_sub(interval_ms / 2), time_ms.saturating_add(interval_ms / 2));
        let near = |other: &i64| other.abs_diff(time_ms).saturating_mul(2) < interval_ms.unsigned_abs();
        Ok(there.range(from..=to).any(near))
    }

    fn add(&mut self, labels: &Labels, time_ms: i64, value: OutputValue) -> Result<(), MemoryStoreError> {
        let sample = match &value {
            OutputValue::Float(value) => MemorySample { value: *value, histogram: None, start: 0 },
            OutputValue::Histogram(histogram) => {
                MemorySample { value: f64::NAN, histogram: Some(Arc::clone(histogram)), start: 0 }
            }
        };
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).append(labels, time_ms, &sample)?;
        self.fresh.push((labels.clone(), time_ms, value));
        Ok(())
    }
}

/// Collects the samples of a group.
#[derive(Clone)]
struct Collector {
    given: Arc<Mutex<Given>>,
    interval_ms: i64,
}

impl Collector {
    fn lock(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sinks for Collector {
    fn sink(&self) -> Box<dyn RuleSink> {
        Box::new(self.clone())
    }
}

impl RuleSink for Collector {
    fn append(
        &mut self,
        time_ms: i64,
        samples: &[Output],
        vanished: &[(u32, Labels)],
    ) -> Result<Appended, AppendError> {
        let mut given = self.lock();
        let ended = vanished.iter().map(|(_, labels)| (labels, OutputValue::Float(STALE_NAN)));
        let all = samples.iter().map(|output| (&output.labels, output.value.clone())).chain(ended);
        let mut appended = Appended::default();
        for (labels, value) in all {
            if given.is_taken(labels, time_ms, self.interval_ms)? {
                given.present += 1;
            } else if given.add(labels, time_ms, value).is_err() {
                // Another rule has the series at this time.
                appended.refuse(AppendError::Duplicate);
            }
        }
        Ok(appended)
    }

    fn forget(&mut self, _: u32) {}
}

/// Evaluates the recording rules of files over a span; `write` gets the samples that are missing in `store`, each
/// series in order of time.
///
/// # Errors
/// The store cannot be read, or `write` fails.
pub fn backfill<E: From<StorageError>>(
    files: &[(String, RuleFile)],
    span: Span,
    store: &Arc<dyn Queryable>,
    engine: &Engine,
    wanted: &dyn Fn(&str) -> bool,
    write: &mut dyn FnMut(Filled<'_>) -> Result<(), E>,
) -> Result<Backfilled, E> {
    let memory: Arc<Mutex<MemoryStore>> = Arc::default();
    let given = Arc::new(Mutex::new(Given {
        store: Arc::clone(store),
        memory: Arc::clone(&memory),
        fresh: Vec::new(),
        piece: (span.from_ms, span.to_ms),
        there: HashMap::new(),
        present: 0,
    }));
    let mut groups = groups(files, span, &given);
    let reach_ms = groups.iter().map(|(group, _)| reach(group)).max().unwrap_or(0);
    let reach_ms = reach_ms.saturating_add(engine.options().lookback_ms);
    let hidden = Arc::new(HashSet::new());
    let overlay = Overlay { below: &**store, above: Arc::clone(&memory), hidden, hidden_from_ms: 0 };
    let metrics = RuleMetrics::default();
    let evaluator = Evaluator {
        store: &overlay,
        engine,
        default_offset_ms: span.offset_ms,
        resend_delay_ms: 0,
        token: &CancelToken::default,
        metrics: &metrics,
    };
    let mut done = Backfilled::default();
    // Pieces end at the same times for all groups, so that none sees more of another than it would have.
    for (from_ms, to_ms) in pieces(span, groups.iter().map(|(group, _)| group.view.interval_ms).min()) {
        {
            let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
            given.piece = (from_ms, to_ms);
            given.there.clear();
        }
        for (group, schedule) in &mut groups {
            let slots = slots_within(group, schedule, from_ms, to_ms);
            let record = |rule: &Rule| rule.view.spec.alert.is_none() && wanted(&rule.view.spec.name);
            let mut past = Past { wanted: &record, observe: &mut |_, _, _| (), go_on: &|| true };
            done.replayed.add(group.replay(&slots, &evaluator, &mut past));
        }
        let mut fresh = std::mem::take(&mut given.lock().unwrap_or_else(PoisonError::into_inner).fresh);
        fresh.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        done.written += fresh.len();
        fresh.iter().try_for_each(|(labels, time_ms, value)| write((labels, *time_ms, value)))?;
        let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forget_before(to_ms.saturating_sub(reach_ms));
    }
    done.present = given.lock().unwrap_or_else(PoisonError::into_inner).present;
    Ok(done)
}

fn groups(files: &[(String, RuleFile)], span: Span, given: &Arc<Mutex<Given>>) -> Vec<(Group, Schedule)> {
    let mut groups = Vec::new();
    for (file, rules) in files {
        for spec in &rules.groups {
            let settings = GroupSettings {
                file: file.clone(),
                default_interval_ms: span.interval_ms,
                external: Arc::new(External::default()),
                restored: true,
            };
            let interval_ms = spec.interval_ms.unwrap_or(span.interval_ms).max(1);
            let collector = Collector { given: Arc::clone(given), interval_ms };
            let group = Group::new(spec, &settings, &collector);
            groups.push((group, Schedule::of(file, &spec.name, interval_ms)));
        }
    }
    groups
}

/// How far back the rules of a group look, ms.
fn reach(group: &Group) -> i64 {
    let of = |rule: &Rule| rule.view.spec.query.expr().descendants().map(own_reach).sum::<i64>();
    let offset_ms = group.spec.query_offset_ms.unwrap_or(0);
    group.rules().iter().map(of).max().unwrap_or(0).saturating_add(offset_ms)
}

fn own_reach(expr: &Expr) -> i64 {
    match expr {
        Expr::Vector(selector) => selector.time.offset_ms.max(0),
        Expr::Matrix { selector, range_ms, .. } => range_ms.saturating_add(selector.time.offset_ms.max(0)),
        Expr::Subquery(subquery) => subquery.range_ms.saturating_add(subquery.time.offset_ms.max(0)),
        _ => 0,
    }
}

/// Pieces of a span, first and last ms.
fn pieces(span: Span, interval_ms: Option<i64>) -> impl Iterator<Item = (i64, i64)> {
    const STEPS: i64 = 120;
    let length = interval_ms.unwrap_or(span.interval_ms).max(1).saturating_mul(STEPS);
    let mut next = Some(span.from_ms).filter(|from| *from <= span.to_ms);
    std::iter::from_fn(move || {
        let from = next?;
        let to = from.saturating_add(length - 1).min(span.to_ms);
        next = Some(to.saturating_add(1)).filter(|after| *after <= span.to_ms);
        Some((from, to))
    })
}

/// The slots of a group at which samples fall into `[from, to]`.
fn slots_within(group: &Group, schedule: &Schedule, from_ms: i64, to_ms: i64) -> Slots {
    const NANOS_PER_MS: i64 = 1_000_000;
    let last = schedule.last(from_ms.saturating_mul(NANOS_PER_MS).saturating_sub(1));
    let first = if last.ms() >= from_ms { last } else { schedule.after(last, 1) };
    Slots::between(first.ms(), to_ms, group.view.interval_ms)
}

/// When a series has samples.
fn times(
    store: &dyn Queryable,
    labels: &Labels,
    mint: i64,
    maxt: i64,
) -> Result<BTreeSet<i64>, StorageError> {
    let matchers: Vec<Matcher> = labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect();
    let hints = SelectHints { mint, maxt, ..SelectHints::default() };
    let mut columns = Columns::default();
    for series in store.querier(mint, maxt)?.select(&matchers, &hints)? {
        if series.labels() == labels {
            series.read(mint, maxt, &mut columns)?;
        }
    }
    Ok(columns.timestamps.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::file::{self, FileOptions};

    fn series(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name)])
    }

    fn filled(store: &MemoryStore, rules: &str, to_ms: i64) -> (Backfilled, Vec<(String, i64, f64)>) {
        let file = file::parse(rules, &FileOptions::default()).unwrap();
        let span = Span { from_ms: 600_000, to_ms, interval_ms: 60_000, offset_ms: 0 };
        let mut written = Vec::new();
        let mut write = |(labels, time, value): Filled<'_>| {
            let OutputValue::Float(value) = value else { panic!() };
            written.push((labels.metric_name().to_owned(), time, *value));
            Ok::<(), StorageError>(())
        };
        let files = [("f".to_owned(), file)];
        let store: Arc<dyn Queryable> = Arc::new(store.clone());
        let done = backfill(&files, span, &store, &Engine::default(), &|_| true, &mut write).unwrap();
        (done, written)
    }

    const CHAIN: &str = "groups: [{name: g, rules: [{record: a, expr: 'x + 1'}, {record: b, expr: 'sum_over_time(a[5m])'}, {alert: C, expr: x}]}]";

    #[test]
    fn chained_rules_are_filled_across_pieces() {
        let mut store = MemoryStore::default();
        (0..1200).for_each(|n| store.add(&series("x"), n * 30_000, 1.0));
        let (done, written) = filled(&store, CHAIN, 600_000 + 400 * 60_000);
        assert_eq!((done.written, done.present), (written.len(), 0));
        let of = |name: &str| written.iter().filter(|(n, _, _)| n == name).collect::<Vec<_>>();
        let (a, b) = (of("a"), of("b"));
        assert!((399..=401).contains(&a.len()), "{}", a.len());
        assert_eq!(a.len(), b.len());
        assert!(a.windows(2).all(|w| w[1].1 - w[0].1 == 60_000));
        assert!(a.iter().all(|(_, _, value)| *value == 2.0));
        // From the fifth on there are five samples in the window, whatever pieces they come from.
        assert!(b.iter().skip(5).all(|(_, _, value)| *value == 10.0), "{b:?}");
        assert!(of("ALERTS").is_empty());
    }

    #[test]
    fn what_is_there_stays() {
        let mut store = MemoryStore::default();
        (0..200).for_each(|n| store.add(&series("x"), n * 30_000, 1.0));
        let (_, all) = filled(&store, CHAIN, 1_800_000);
        // Half of "a" is there already, a little beside the slots.
        for (_, time, _) in all.iter().filter(|(name, time, _)| name == "a" && *time < 1_200_000) {
            store.add(&series("a"), time + 10_000, 7.0);
        }
        let (done, written) = filled(&store, CHAIN, 1_800_000);
        assert!(written.iter().all(|(name, time, _)| name != "a" || *time >= 1_200_000));
        assert_eq!(done.present, all.iter().filter(|(n, t, _)| n == "a" && *t < 1_200_000).count());
    }
}
