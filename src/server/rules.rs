//! Rules as part of the server: what they are evaluated with.

use crate::cli::Flags;
use crate::config::Config;
use crate::notify::{Alert, Notifier};
use crate::query::usage::Noted;
use crate::rules::db_sink::DbSinks;
use crate::rules::evaluator::External;
use crate::rules::load::{LoadedGroup, load};
use crate::rules::manager::{ManagerSettings, Parts, RuleManager};
use crate::rules::metrics::RuleMetrics;
use crate::rules::notify::{AlertSink, OutgoingAlert};
use crate::rules::restore::RestoreOptions;
use crate::telemetry::Telemetry;
use crate::web::app::now_ms;
use narthex_promql::Engine;
use narthex_storage::{Db, Querier, Queryable, StorageError};
use std::sync::Arc;
use tracing::error;

/// The database as rules read it: what they read counts as queried.
struct Store(Arc<Db>);

impl Queryable for Store {
    fn querier(&self, mint: i64, maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
        Noted::new(&self.0, now_ms()).querier(mint, maxt)
    }
}

/// Brings alerts of rules to those who are told of them.
pub(super) struct Told(pub(super) Arc<Notifier>);

impl AlertSink for Told {
    fn send(&self, alerts: Vec<OutgoingAlert>) {
        let alert = |alert: OutgoingAlert| Alert {
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at_ms: alert.starts_at_ms,
            ends_at_ms: alert.ends_at_ms,
            generator_url: alert.generator_url,
        };
        self.0.send(alerts.into_iter().map(alert).collect());
    }
}

/// The manager of rules, without rules yet.
pub(super) fn manager(
    flags: &Flags,
    db: &Arc<Db>,
    engine: Engine,
    telemetry: &Telemetry,
    alerts: Arc<dyn AlertSink>,
) -> RuleManager {
    let metrics = Arc::new(RuleMetrics::default());
    telemetry.register(metrics.clone());
    let settings = ManagerSettings {
        restore: RestoreOptions {
            outage_tolerance_ms: flags.outage_tolerance_ms,
            grace_period_ms: flags.grace_period_ms,
        },
        resend_delay_ms: flags.resend_delay_ms,
        query_timeout: flags.query_timeout,
        concurrent_groups: flags.max_concurrency,
        workers: flags.rule_workers,
        catch_up_ms: flags.catch_up_ms,
        alive_until_ms: Some(db.stats(0).max_time).filter(|newest| *newest > 0),
    };
    let parts = Parts {
        store: Arc::new(Store(db.clone())),
        engine,
        sinks: Arc::new(DbSinks { db: db.clone() }),
        alerts,
        metrics,
    };
    RuleManager::new(parts, settings)
}

/// The groups of the rule files that a configuration names.
///
/// # Errors
/// Files cannot be used: each with its faults and their places, which are logged too.
pub(super) fn groups(flags: &Flags, config: &Config) -> Result<Vec<LoadedGroup>, String> {
    load(config, flags.parse).map_err(|errors| {
        errors.iter().for_each(|text| error!(error = text, "loading groups failed"));
        errors.join("; ")
    })
}

/// Puts groups in force.
pub(super) fn apply(rules: &RuleManager, groups: Vec<LoadedGroup>, config: &Config, external_url: &str) {
    let external = External::new(external_url, config.external_labels.clone());
    rules.apply(groups, config.evaluation_interval_ms, config.rule_query_offset_ms, external);
}
