//! The targets of one job.

use super::append::{Limits, MetricRelabel, ScrapeSettings};
use super::exposition::negotiate::accept_header;
use super::fetch;
use super::scrape_loop::{Handle, Order, Plan};
use super::store::Store;
use super::target::{Outcome, Target, targets_of};
use crate::config::{NameValidation, ScrapeConfig};
use crate::discovery::TargetGroup;
use crate::http::HttpClient;
use crate::relabel;
use crate::telemetry::Telemetry;
use crate::telemetry::scrape::Synced;
use narthex_storage::{Labels, LabelsBuilder, SeriesBudget};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;
use tracing::error;

/// A job's targets, running and dropped.
pub struct Pool {
    config: Arc<ScrapeConfig>,
    client: Arc<HttpClient>,
    metric_relabel: Option<MetricRelabel>,
    seed: Option<u64>,
    type_and_unit: bool,
    series: SeriesLimit,
    active: BTreeMap<u64, Active>,
    /// Loops of targets that are gone, until their series have ended.
    retiring: Vec<Handle>,
    dropped: Vec<Labels>,
    dropped_count: usize,
}

/// How many series a job may bring.
pub struct SeriesLimit {
    /// What is left of it.
    pub budget: Arc<SeriesBudget>,
    /// The limit of jobs without one of their own, 0 for none.
    pub default: u64,
}

impl SeriesLimit {
    fn apply(&self, config: &ScrapeConfig) {
        let own = config.common.limits.series;
        let limit = if own == 0 { self.default } else { own };
        self.budget.set_limit(Some(limit).filter(|limit| *limit > 0));
    }
}

/// A target that is scraped.
pub struct Active {
    /// The target.
    pub target: Target,
    /// Its loop; `None` when the job has too many targets.
    pub handle: Option<Handle>,
    /// Why it is not scraped.
    pub refused: String,
}

impl Pool {
    /// A job without targets. `type_and_unit` gives its series these labels.
    ///
    /// # Errors
    /// Its HTTP settings cannot be used.
    pub fn new(
        config: Arc<ScrapeConfig>,
        seed: Option<u64>,
        type_and_unit: bool,
        series: SeriesLimit,
    ) -> Result<Self, String> {
        let client = Arc::new(HttpClient::new(&config.job_name, &config.http).map_err(|e| e.to_string())?);
        let metric_relabel = metric_relabel(&config);
        series.apply(&config);
        Ok(Self {
            config,
            client,
            metric_relabel,
            seed,
            type_and_unit,
            series,
            active: BTreeMap::new(),
            retiring: Vec::new(),
            dropped: Vec::new(),
            dropped_count: 0,
        })
    }

    /// Follows a new configuration; the next [`Self::sync`] tells the loops.
    ///
    /// # Errors
    /// Its HTTP settings cannot be used; the old ones stay.
    pub fn reconfigure(&mut self, config: Arc<ScrapeConfig>, seed: Option<u64>) -> Result<(), String> {
        if *config != *self.config {
            self.client =
                Arc::new(HttpClient::new(&config.job_name, &config.http).map_err(|e| e.to_string())?);
            if !config.same_metric_relabel(&self.config) {
                self.metric_relabel = metric_relabel(&config);
            }
        }
        self.series.apply(&config);
        self.config = config;
        self.seed = seed;
        Ok(())
    }

    /// The job's configuration.
    #[must_use]
    pub fn config(&self) -> &Arc<ScrapeConfig> {
        &self.config
    }

    /// The targets that are, or ought to be, scraped.
    pub fn active(&self) -> impl Iterator<Item = &Active> {
        self.active.values()
    }

    /// How the target that discovery gave these labels is scraped, or would be but for a limit of the job.
    #[must_use]
    pub fn plan_of(&self, discovered: &Labels) -> Option<Plan> {
        let found = self.active().find(|active| active.target.discovered == *discovered)?;
        Some(self.plan(found.target.clone()))
    }

    /// Labels of the dropped targets that are remembered, and how many there are altogether.
    #[must_use]
    pub fn dropped(&self) -> (&[Labels], usize) {
        (&self.dropped, self.dropped_count)
    }

    /// Starts what is new, ends what is gone, and tells the rest about the configuration.
    pub fn sync(&mut self, store: &Store, telemetry: &Arc<Telemetry>, groups: &[Arc<TargetGroup>]) {
        let (begin, mut failed) = (Instant::now(), 0);
        let mut wanted: HashMap<u64, Target> = HashMap::new();
        self.dropped.clear();
        self.dropped_count = 0;
        let keep = usize::try_from(self.config.common.limits.dropped_targets).unwrap_or(usize::MAX);
        for outcome in groups.iter().flat_map(|group| targets_of(group, &self.config)) {
            match outcome {
                Ok(Outcome::Active(target)) => {
                    wanted.entry(target.identity).or_insert(*target);
                }
                Ok(Outcome::Dropped(labels)) => {
                    self.dropped_count += 1;
                    if keep == 0 || self.dropped.len() < keep {
                        self.dropped.push(labels);
                    }
                }
                Ok(Outcome::Nothing) => {}
                Err(reason) => {
                    failed += 1;
                    error!(scrape_pool = self.config.job_name, error = reason, "Creating target failed");
                }
            }
        }
        let limit = self.config.common.limits.targets;
        let beyond = limit > 0 && wanted.len() as u64 > limit;
        let refused = if beyond {
            format!("target_limit exceeded (number of targets: {}, limit: {limit})", wanted.len())
        } else {
            String::new()
        };
        let gone: Vec<u64> = self.active.keys().filter(|id| !wanted.contains_key(id)).copied().collect();
        for id in gone {
            self.retire(id);
        }
        for (id, target) in wanted {
            self.follow(store, telemetry, id, target, &refused);
        }
        self.retiring.retain(|handle| !handle.is_finished());
        let (targets, seconds) = (self.active.len(), begin.elapsed().as_secs_f64());
        let synced = Synced { targets, limit, failed, beyond, seconds };
        telemetry.scrape.synced(&self.config.job_name, synced);
    }

    fn retire(&mut self, id: u64) {
        if let Some(handle) = self.active.remove(&id).and_then(|active| active.handle) {
            handle.order(Order::Retire);
            self.retiring.push(handle);
        }
    }

    fn follow(&mut self, store: &Store, telemetry: &Arc<Telemetry>, id: u64, target: Target, refused: &str) {
        let plan = Arc::new(self.plan(target.clone()));
        let running = self.active.remove(&id).and_then(|active| active.handle);
        let handle = match running {
            Some(handle) if refused.is_empty() => {
                handle.order(Order::Run(plan));
                Ok(Some(handle))
            }
            Some(handle) => {
                handle.order(Order::Retire);
                self.retiring.push(handle);
                Ok(None)
            }
            None if refused.is_empty() => Handle::start(store, telemetry.clone(), plan).map(Some),
            None => Ok(None),
        };
        let (handle, refused) = match handle {
            Ok(handle) => (handle, refused.to_owned()),
            Err(reason) => (None, reason),
        };
        self.active.insert(id, Active { target, handle, refused });
    }

    fn plan(&self, target: Target) -> Plan {
        let config = &self.config;
        let limits = config.common.limits;
        let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let settings = ScrapeSettings {
            target: target.labels.clone(),
            honor_labels: config.honor_labels,
            honor_timestamps: config.honor_timestamps,
            track_timestamps_staleness: config.track_timestamps_staleness,
            legacy_names: config.common.names == NameValidation::Legacy,
            limits: Limits {
                samples: size(limits.samples),
                labels: size(limits.labels),
                label_name_length: size(limits.label_name_length),
                label_value_length: size(limits.label_value_length),
            },
            fallback_protocol: config.fallback_protocol.clone(),
            extra_metrics: config.common.extra_metrics,
            type_and_unit: self.type_and_unit,
            metric_relabel: self.metric_relabel.clone(),
            budget: Some(self.series.budget.clone()),
        };
        let accept = accept_header(config.protocols());
        Plan {
            job: config.job_name.clone(),
            headers: fetch::headers(&accept, config.enable_compression, target.timeout_ms),
            client: self.client.clone(),
            body_limit: limits.body_size,
            settings,
            seed: self.seed,
            target,
        }
    }

    /// Ends every loop; `retire` says that the job is gone rather than the server.
    pub fn close(&mut self, retire: bool) -> Vec<Handle> {
        let order = if retire { Order::Retire } else { Order::Stop };
        let active = std::mem::take(&mut self.active);
        let handles = active.into_values().filter_map(|active| active.handle);
        let mut handles: Vec<Handle> = handles.inspect(|handle| handle.order(order.clone())).collect();
        if !retire {
            self.retiring.iter().for_each(|handle| handle.order(Order::Stop));
        }
        handles.append(&mut self.retiring);
        handles
    }
}

fn metric_relabel(config: &ScrapeConfig) -> Option<MetricRelabel> {
    let rules = config.metric_relabel.clone();
    if rules.is_empty() {
        return None;
    }
    Some(Arc::new(move |labels: &mut LabelsBuilder| relabel::process(labels, &rules)))
}
