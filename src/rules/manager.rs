//! Evaluates groups at their slots, and changes them when the configuration changes.
//!
//! Each group has a task of its own that waits for its slots and evaluates on a blocking thread. A group that changes
//! is followed by a task that first waits for the end of the one before and takes over its state. Nothing waits for
//! an evaluation but the group's own task.

use super::evaluator::{Evaluator, External};
use super::file::GroupSpec;
use super::group::{Around, Group, GroupRun, GroupSettings};
use super::load::LoadedGroup;
use super::notify::{AlertSink, outgoing};
use super::restore::RestoreOptions;
use super::schedule::{Schedule, Slot};
use super::sink::Sinks;
use super::view::GroupView;
use super::watchdog::Watchdog;
use super::workers::Workers;
use crate::rules::metrics::{GroupMetrics, RuleMetrics};
use arc_swap::ArcSwap;
use narthex_promql::Engine;
use narthex_storage::Queryable;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// How often queries that take too long are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// A stop waits for evaluations no longer than this.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// How rules are evaluated.
#[derive(Debug, Clone)]
pub struct ManagerSettings {
    /// State from before the start.
    pub restore: RestoreOptions,
    /// A firing alert is sent again after this time, ms.
    pub resend_delay_ms: i64,
    /// Longest that a query of a rule may take.
    pub query_timeout: Duration,
    /// Groups that are evaluated at once.
    pub concurrent_groups: usize,
    /// Rules of a group that are evaluated side by side; `None` for one after the other.
    pub workers: Option<usize>,
    /// How far back missed evaluations are made up at the start, ms; 0 for not at all.
    pub catch_up_ms: i64,
    /// The newest sample from before the start, ms; `None` where there is none.
    pub alive_until_ms: Option<i64>,
}

/// What rules are evaluated with.
pub struct Parts {
    /// The series that they read.
    pub store: Arc<dyn Queryable>,
    /// The engine.
    pub engine: Engine,
    /// Where their samples go.
    pub sinks: Arc<dyn Sinks>,
    /// Where their alerts go.
    pub alerts: Arc<dyn AlertSink>,
    /// What is told about them.
    pub metrics: Arc<RuleMetrics>,
}

/// Evaluates groups.
pub struct RuleManager {
    shared: Arc<Shared>,
    tasks: Mutex<Tasks>,
    views: ArcSwap<Vec<Arc<GroupView>>>,
    watchdog: JoinHandle<()>,
}

/// What all groups share.
pub(super) struct Shared {
    pub(super) parts: Parts,
    pub(super) settings: ManagerSettings,
    pub(super) default_offset_ms: AtomicI64,
    pub(super) watchdog: Watchdog,
    workers: Option<Workers>,
    turns: Semaphore,
    /// Those that make up for the past take turns of their own.
    pub(super) past_turns: Semaphore,
    /// The whole server stops.
    stopping: watch::Sender<bool>,
}

#[derive(Default)]
struct Tasks {
    /// By file and name.
    running: HashMap<(String, String), Task>,
    /// Groups that were removed and whose series have not ended yet.
    leaving: Vec<JoinHandle<()>>,
    /// Rules were loaded before.
    loaded: bool,
}

struct Task {
    spec: GroupSpec,
    view: Arc<GroupView>,
    stop: Arc<Stop>,
    handle: JoinHandle<Option<Group>>,
}

/// Tells one group to stop.
#[derive(Debug)]
pub(super) struct Stop {
    /// Before the next rule.
    pub(super) now: AtomicBool,
    sender: watch::Sender<bool>,
}

impl Stop {
    fn new() -> Self {
        Self { now: AtomicBool::new(false), sender: watch::Sender::new(false) }
    }

    /// After the evaluation that is under way.
    fn after_this(&self) {
        self.sender.send_replace(true);
    }
}

/// The clock, ns since the epoch.
pub(super) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

pub(super) fn now_ms() -> i64 {
    now_ns() / 1_000_000
}

impl RuleManager {
    /// No groups yet. To be called within a runtime.
    #[must_use]
    pub fn new(parts: Parts, settings: ManagerSettings) -> Self {
        let shared = Arc::new(Shared {
            watchdog: Watchdog::new(settings.query_timeout),
            workers: settings.workers.map(Workers::new),
            turns: Semaphore::new(settings.concurrent_groups.max(1)),
            past_turns: Semaphore::new((settings.concurrent_groups / 4).clamp(1, 2)),
            default_offset_ms: AtomicI64::new(0),
            stopping: watch::Sender::new(false),
            parts,
            settings,
        });
        let looked = Arc::clone(&shared);
        let watchdog = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                looked.watchdog.look(Instant::now());
            }
        });
        Self { shared, tasks: Mutex::default(), views: ArcSwap::default(), watchdog }
    }

    /// All groups, by file and, within a file, by name as in Prometheus.
    #[must_use]
    pub fn groups(&self) -> Arc<Vec<Arc<GroupView>>> {
        self.views.load_full()
    }

    /// Puts other groups in force. Those that are the same go on untouched.
    pub fn apply(&self, groups: Vec<LoadedGroup>, interval_ms: i64, offset_ms: i64, external: External) {
        self.shared.default_offset_ms.store(offset_ms, Ordering::Release);
        let external = Arc::new(external);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = &mut *tasks;
        let mut old = std::mem::take(&mut tasks.running);
        for LoadedGroup { file, spec } in groups {
            let key = (file, spec.name.clone());
            if tasks.running.contains_key(&key) {
                continue;
            }
            let before = old.remove(&key);
            let interval = spec.interval_ms.unwrap_or(interval_ms).max(1);
            if let Some(task) = before {
                if task.spec.is_same(&spec) && task.view.interval_ms == interval {
                    tasks.running.insert(key, task);
                    continue;
                }
                let task = self.start(&key.0, spec, interval_ms, &external, true, Some(task));
                tasks.running.insert(key, task);
            } else {
                let task = self.start(&key.0, spec, interval_ms, &external, tasks.loaded, None);
                tasks.running.insert(key, task);
            }
        }
        tasks.loaded = true;
        tasks.leaving.retain(|leaving| !leaving.is_finished());
        tasks.leaving.extend(old.into_values().map(|task| self.remove(task)));
        let mut views: Vec<_> = tasks.running.values().map(|task| Arc::clone(&task.view)).collect();
        views.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
        let keys: HashSet<String> = views.iter().map(|view| view.key()).collect();
        self.shared.parts.metrics.retain(|key| keys.contains(key));
        self.views.store(Arc::new(views));
    }

    fn start(
        &self,
        file: &str,
        spec: GroupSpec,
        interval_ms: i64,
        external: &Arc<External>,
        restored: bool,
        before: Option<Task>,
    ) -> Task {
        let settings = GroupSettings {
            file: file.to_owned(),
            default_interval_ms: interval_ms,
            external: Arc::clone(external),
            restored,
        };
        let group = Group::new(&spec, &settings, &*self.shared.parts.sinks);
        let (view, stop) = (Arc::clone(&group.view), Arc::new(Stop::new()));
        let metrics = self.shared.parts.metrics.of_group(&view.key());
        metrics.interval.set(view.interval_ms as f64 / 1000.0);
        metrics.rules.set(view.rules.len() as f64);
        if let Some(before) = &before {
            view.take_status(&before.view);
            before.stop.after_this();
        }
        let run = Run {
            schedule: Schedule::of(&view.file, &view.name, view.interval_ms),
            shared: Arc::clone(&self.shared),
            stop: Arc::clone(&stop),
            metrics,
        };
        let handle = tokio::spawn(async move {
            let mut group = group;
            if let Some(before) = before
                && let Ok(Some(old)) = before.handle.await
            {
                group.take_state(old);
            }
            run.run(group).await
        });
        Task { spec, view, stop, handle }
    }

    /// Ends a group: its series end two intervals later, so that another group may have gone on with them.
    fn remove(&self, task: Task) -> JoinHandle<()> {
        task.stop.after_this();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let (handle, interval) = (task.handle, task.view.interval_ms);
            let Ok(Some(mut group)) = handle.await else { return };
            let ended_ms = now_ms();
            let wait = Duration::from_millis(2 * interval.unsigned_abs());
            let mut stopping = shared.stopping.subscribe();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
            let moment = group.moment(ended_ms, shared.default_offset_ms.load(Ordering::Acquire));
            // It fails when the runtime ends: then so does everything.
            let _ = tokio::task::spawn_blocking(move || group.end(moment.sample_ms)).await;
        })
    }

    /// Stops all groups, as they are: their series do not end.
    pub async fn stop(&self) {
        self.shared.stopping.send_replace(true);
        self.shared.watchdog.stop();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks.running.values() {
            task.stop.now.store(true, Ordering::Release);
            task.stop.after_this();
        }
        let all = async {
            for task in tasks.running.into_values() {
                // A panic was logged by the hook.
                let _ = task.handle.await;
            }
            for leaving in tasks.leaving {
                let _ = leaving.await;
            }
        };
        if tokio::time::timeout(STOP_WAIT, all).await.is_err() {
            tracing::warn!("Rules that are still evaluated are left behind");
        }
        self.watchdog.abort();
    }
}

impl Shared {
    /// What a group asks its questions of.
    pub(super) fn evaluator<'a>(
        &'a self,
        token: &'a (dyn Fn() -> narthex_promql::CancelToken + Sync),
    ) -> Evaluator<'a> {
        Evaluator {
            store: &*self.parts.store,
            engine: &self.parts.engine,
            default_offset_ms: self.default_offset_ms.load(Ordering::Acquire),
            resend_delay_ms: self.settings.resend_delay_ms,
            token,
            metrics: &self.parts.metrics,
        }
    }
}

/// The life of one group.
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) schedule: Schedule,
    pub(super) stop: Arc<Stop>,
    pub(super) metrics: GroupMetrics,
}

impl Run {
    /// Evaluates the group until it is told to stop; gives it back, unless it was lost.
    async fn run(self, group: Group) -> Option<Group> {
        let this = Arc::new(self);
        let mut stopped = this.stop.sender.subscribe();
        let mut slot = this.schedule.after(this.schedule.last(now_ns()), 1);
        let mut group = this.clone().catch_up(group, slot).await?;
        let mut runs = 0u64;
        loop {
            tokio::select! {
                () = until(slot) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return Some(group),
            }
            let turn = tokio::select! {
                turn = this.shared.turns.acquire() => turn,
                _ = stopped.wait_for(|stopped| *stopped) => return Some(group),
            };
            let worker = Arc::clone(&this);
            let restores = runs == 1 && group.is_unrestored();
            let evaluated = tokio::task::spawn_blocking(move || {
                worker.evaluate(&mut group, slot);
                if restores {
                    worker.restore(&mut group);
                }
                group
            })
            .await;
            drop(turn);
            // It is cancelled only when the runtime ends.
            group = evaluated.ok()?;
            runs += 1;
            let missed = this.schedule.missed(slot, now_ns());
            if missed > 0 {
                this.metrics.missed.add(missed.unsigned_abs());
                this.metrics.iterations.add(missed.unsigned_abs());
            }
            slot = this.schedule.after(slot, missed + 1);
        }
    }

    fn evaluate(&self, group: &mut Group, slot: Slot) {
        self.metrics.iterations.add(1);
        let begun_ms = now_ms();
        let token = || self.shared.watchdog.token();
        let evaluator = self.shared.evaluator(&token);
        let (external, alerts) = (Arc::clone(&group.external), &self.shared.parts.alerts);
        let notify = |(expr, due): (&str, Vec<_>)| alerts.send(outgoing(expr, due, &external));
        let around = Around {
            notify: &notify,
            workers: self.shared.workers.as_ref(),
            stop: &self.stop.now,
            now_ms: &now_ms,
        };
        // A defect in one rule must not end the others, nor the group's next evaluation.
        let run = catch_unwind(AssertUnwindSafe(|| group.evaluate(slot.ms(), &evaluator, &around)));
        let Ok(run) = run else {
            tracing::error!(group = group.view.key(), "Evaluation of the group ended unexpectedly");
            self.metrics.failures.add(1);
            return;
        };
        self.note(&run, begun_ms);
    }

    fn note(&self, run: &GroupRun, begun_ms: i64) {
        self.shared.parts.metrics.group(run.duration);
        let metrics = &self.metrics;
        metrics.evaluations.add(run.rules as u64);
        metrics.failures.add(run.failures as u64);
        metrics.last_samples.set(run.samples as f64);
        metrics.last_evaluation.set(begun_ms as f64 / 1000.0);
        metrics.last_duration.set(run.duration.as_secs_f64());
        metrics.last_rules_duration.set(run.rules_duration.as_secs_f64());
    }

    /// Gives alerts the times from before the start.
    fn restore(&self, group: &mut Group) {
        let begun = Instant::now();
        group.restore(&*self.shared.parts.store, now_ms(), self.shared.settings.restore);
        self.metrics.last_restore.set(begun.elapsed().as_secs_f64());
    }
}

/// Waits until a slot; one that has passed is now.
async fn until(slot: Slot) {
    let left = slot.ns.saturating_sub(now_ns());
    if let Ok(left) = u64::try_from(left) {
        tokio::time::sleep(Duration::from_nanos(left)).await;
    }
}
