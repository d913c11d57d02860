//! Start order, reload and graceful shutdown: the only place that knows everybody.

mod own;
mod rules;
mod upkeep;
mod watched;

use crate::allocator;
use crate::cli::{Flags, all_flags, changed_flags};
use crate::config::Config;
use crate::discovery::SdMetrics;
use crate::discovery::manager::Providers;
use crate::host;
use crate::notify::Notifier;
use crate::operator::Operator;
use crate::query::memory::machine_bytes;
use crate::query::{Limits, Queries};
use crate::rules::file::{self, FileOptions};
use crate::scrape::manager::{ManagerSettings, ScrapeManager};
use crate::scrape::store::Store;
use crate::settings::ConfigError;
use crate::settings::duration::{format_duration, format_size};
use crate::telemetry::Telemetry;
use crate::web::api::features;
use crate::web::app::{App, ConfigStatus, Control, Parts, Phase, WebOptions, now_ms};
use crate::web::front::Front;
use crate::web::notifications::{self, Notifications};
use crate::web::router::handlers;
use crate::web::serve;
use narthex_promql::{Engine, EngineOptions, MemoryPool};
use narthex_storage::labels::quote;
use narthex_storage::{Db, DbOptions, StorageError};
use own::Own;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};
use upkeep::{log_damage, maintain};
use watched::Watched;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The configuration cannot be used.
    #[error("Error loading config (--config.file={path}): {error}")]
    Config {
        /// The file.
        path: String,
        /// Why.
        error: ConfigError,
    },
    /// A rule file cannot be used.
    #[error("Error loading rule file patterns from config (--config.file={}): {error}", quote(.path))]
    Rules {
        /// The configuration.
        path: String,
        /// Why.
        error: String,
    },
    /// The database cannot be opened.
    #[error("opening storage failed: {0}")]
    Storage(#[from] StorageError),
    /// The address cannot be used.
    #[error("cannot listen on {address}: {source}. Choose another one with --web.listen-address")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The web configuration cannot be used.
    #[error("Unable to validate web configuration file (--web.config.file={path}): {error}")]
    Web {
        /// The file.
        path: String,
        /// Why.
        error: String,
    },
    /// The custom resources cannot be read.
    #[error("cannot read custom resources (--kubernetes.operator-crds): {0}")]
    Operator(String),
    /// The system refused something.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

impl ServerError {
    /// The exit code that Prometheus has for this.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Config { .. } | Self::Rules { .. }) { 2 } else { 1 }
    }
}

/// The configuration that the flags name, or the one for a start without.
fn load(flags: &Flags, own: &Own) -> Result<Config, ServerError> {
    match &flags.config_file {
        Some(path) => Config::load(path)
            .map_err(|error| ServerError::Config { path: path.display().to_string(), error }),
        None => {
            let token = own.token.as_deref();
            Ok(Config::zero_at(&own.address, own.scheme(), token, &host::host_name()).0)
        }
    }
}

fn db_options(flags: &Flags, config: &Config) -> DbOptions {
    let defaults = DbOptions::default();
    let time = config.retention_ms.or(flags.retention_ms);
    let bytes = config.retention_bytes.or(flags.retention_bytes).filter(|bytes| *bytes > 0);
    let retention_ms = match time {
        Some(0) => None,
        Some(ms) => Some(ms),
        // A limit by size alone is the only limit.
        None if bytes.is_some() => None,
        None => defaults.retention_ms,
    };
    DbOptions {
        block_range_ms: flags.min_block_ms,
        max_block_range_ms: flags.max_block_ms,
        retention_ms,
        retention_bytes: bytes,
        wal_sync: flags.wal_sync,
        out_of_order_window_ms: config.out_of_order_window_ms,
        max_series: flags.max_series,
        max_exemplars: max_exemplars(flags, config),
        replay: Arc::default(),
    }
}

/// Exemplars that are kept unless the configuration says otherwise.
const MAX_EXEMPLARS: i64 = 100_000;

/// How many exemplars are kept: none, unless the feature is on.
fn max_exemplars(flags: &Flags, config: &Config) -> usize {
    let max = config.max_exemplars.unwrap_or(MAX_EXEMPLARS);
    if flags.exemplar_storage { usize::try_from(max).unwrap_or(0) } else { 0 }
}

fn retention_text(options: &DbOptions) -> String {
    let time = options.retention_ms.map(format_duration);
    let size = options.retention_bytes.map(format_size);
    time.into_iter().chain(size).collect::<Vec<_>>().join(" or ")
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// It cannot start, or cannot close its database.
pub async fn run(flags: Flags) -> Result<(), ServerError> {
    let zero = flags.zero_config();
    info!(version = env!("CARGO_PKG_VERSION"), prometheus = crate::PROMETHEUS_VERSION, "Starting narthex");
    flags.warnings.iter().for_each(|text| warn!("{text}"));
    let listeners = listen(&flags.listen_addresses).await?;
    let address = listeners.first().map_or(Ok("127.0.0.1:9090".to_owned()), local_address)?;
    let (own, guard) = Own::new(address, &flags)?;
    // What changes from here on is noticed.
    let watched = Watched::new(&flags);
    let config = load(&flags, &own)?;
    if let Err(error) = rules::groups(&flags, &config) {
        let path = flags.config_file.as_deref().unwrap_or(Path::new("")).display().to_string();
        return Err(ServerError::Rules { path, error });
    }
    let options = db_options(&flags, &config);
    let retention = retention_text(&options);
    let telemetry = Arc::new(Telemetry::new());
    telemetry.storage.retention_seconds.set(options.retention_ms.unwrap_or(0) as f64 / 1000.0);
    telemetry.storage.retention_bytes.set(options.retention_bytes.unwrap_or(0) as f64);
    let settings = ManagerSettings {
        type_and_unit: flags.type_and_unit_labels,
        max_series_per_job: flags.max_series_per_job,
    };
    let sd_metrics = Arc::new(SdMetrics::default());
    telemetry.register(sd_metrics.clone());
    let mut operator = flags
        .operator_crds
        .then(|| Operator::start(&sd_metrics))
        .transpose()
        .map_err(ServerError::Operator)?;
    let providers = Providers::new(sd_metrics);
    let notifier = Notifier::new(providers.clone(), flags.notify);
    telemetry.register(notifier.metrics());
    let (opening, store) = Store::opening();
    let scrape = ScrapeManager::new(store, telemetry.clone(), providers, host::host_name(), settings);
    telemetry.register(scrape.clone());
    // Scraping begins now, and what it brings waits for the database.
    scrape.apply_config(&config);
    let pool = Arc::new(MemoryPool::new(flags.max_total_memory.of(machine_bytes())));
    let engine_options = flags.engine_options(config.evaluation_interval_ms, pool.clone());
    let web_options = web_options(&flags, &own.address, &engine_options, retention);
    handlers().for_each(|handler| telemetry.web.announce(handler));
    let told = Arc::new(Notifications::new(flags.max_subscribers));
    telemetry.register(told.clone());
    told.add(notifications::STARTING, now_ms());
    let replay = options.replay.clone();
    let front = Arc::new(Front::new(web_options.clone(), telemetry.clone(), guard, told.clone(), replay));
    let (stop, stopped) = watch::channel(false);
    let web = tokio::spawn(serve::serve(front.clone(), listeners, stopped.clone()));
    let begin = Instant::now();
    let db = Arc::new(open(flags.storage_path.clone(), options).await?);
    telemetry.storage.replay_seconds.set(begin.elapsed().as_secs_f64());
    db.watch(telemetry.work.clone());
    opening.set(db.clone());
    let (control, orders) = mpsc::channel(16);
    let queries = Queries::new(limits(&flags, pool), &flags.storage_path, telemetry.clone());
    let engine = Engine::new(engine_options);
    let sink = Arc::new(rules::Told(notifier.clone()));
    let rules = Arc::new(rules::manager(&flags, &db, engine.clone(), &telemetry, sink));
    let app = Arc::new(App::new(Parts {
        db: db.clone(),
        engine,
        scrape: scrape.clone(),
        rules: rules.clone(),
        notifier: notifier.clone(),
        host: front.host.clone(),
        telemetry: telemetry.clone(),
        options: web_options,
        queries: Arc::new(queries),
        control,
        notifications: told.clone(),
    }));
    if let Err(text) = apply(&app, &flags, &config) {
        error!(error = text, "Failed to apply configuration");
    }
    app.set_phase(Phase::Ready);
    front.open(app.clone());
    telemetry.set_ready(true);
    told.remove(notifications::STARTING);
    announce(&flags, &own, zero);
    let maintenance = tokio::spawn(maintain(db.clone(), telemetry.clone(), stopped));
    obey(&app, &flags, &own, orders, watched, &mut operator).await?;
    info!("Stopping");
    app.set_phase(Phase::Stopping);
    told.add(notifications::STOPPING, now_ms());
    telemetry.set_ready(false);
    rules.stop().await;
    scrape.stop().await;
    notifier.stop().await;
    told.close();
    stop.send_replace(true);
    db.stop_compaction();
    // Both tasks end with the stop; a panic in them was logged by the hook.
    let _ = (web.await, maintenance.await);
    let closed = tokio::task::spawn_blocking(move || db.close()).await;
    closed.map_err(|e| std::io::Error::other(e.to_string()))??;
    info!("See you next time!");
    Ok(())
}

async fn listen(addresses: &[String]) -> Result<Vec<TcpListener>, ServerError> {
    let mut listeners = Vec::new();
    for address in addresses {
        // `:9090` means every interface.
        let full = if address.starts_with(':') { format!("[::]{address}") } else { address.clone() };
        let listener = match TcpListener::bind(&full).await {
            Err(_) if address.starts_with(':') => TcpListener::bind(format!("0.0.0.0{address}")).await,
            bound => bound,
        };
        listeners.push(listener.map_err(|source| ServerError::Listen { address: address.clone(), source })?);
    }
    Ok(listeners)
}

/// Where this server can reach itself.
fn local_address(listener: &TcpListener) -> Result<String, std::io::Error> {
    let address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        return Ok(format!("localhost:{}", address.port()));
    }
    Ok(address.to_string())
}

async fn open(path: PathBuf, options: DbOptions) -> Result<Db, ServerError> {
    let shown = path.display().to_string();
    let task = tokio::task::spawn_blocking(move || {
        let db = Db::open(&path, options);
        allocator::give_back();
        db
    });
    let task = task.await;
    let db = task.map_err(|e| std::io::Error::other(e.to_string()))??;
    let report = db.open_report();
    info!(
        path = shown,
        blocks = report.blocks,
        wal_segments = report.segments,
        wal_samples = report.samples,
        "TSDB started"
    );
    log_damage(&db, 0);
    if let Some(report) = &report.takeover {
        info!(
            series = report.series,
            samples = report.samples,
            late_blocks = report.late_blocks.len(),
            dropped = report.dropped,
            "Took over what Prometheus's log holds"
        );
        for damage in &report.damage {
            let file = damage.path.display();
            error!(%file, offset = damage.offset, error = damage.detail, "Damage in Prometheus's log, skipped");
        }
    }
    if let Some((file, reason)) = &report.statistics_lost {
        warn!(file = %file.display(), error = reason, "Statistics of cardinality cannot be read and begin anew");
    }
    Ok(db)
}

fn limits(flags: &Flags, pool: Arc<MemoryPool>) -> Limits {
    Limits {
        timeout: flags.query_timeout,
        concurrent: flags.max_concurrency,
        waiting: flags.max_queue,
        points: flags.max_resolution,
        pool,
    }
}

fn web_options(flags: &Flags, address: &str, engine: &EngineOptions, retention: String) -> WebOptions {
    let switches = [
        ("api", "admin", flags.enable_admin_api),
        ("api", "lifecycle", flags.enable_lifecycle),
        ("api", "remote_write_receiver", flags.remote_write_receiver),
        ("promql", "per_step_stats", flags.per_step_stats),
        ("tsdb", "exemplar_storage", flags.exemplar_storage),
        ("rules", "concurrent_rule_eval", flags.rule_workers.is_some()),
    ];
    let external_url = if flags.external_url.is_empty() {
        let port = address.rsplit_once(':').map_or("9090", |(_, port)| port);
        format!("http://{}:{port}", host::host_name())
    } else {
        flags.external_url.clone()
    };
    WebOptions {
        route_prefix: flags.route_prefix.clone(),
        external_url,
        ui_dir: flags.ui_dir.clone().map(Arc::new),
        enable_lifecycle: flags.enable_lifecycle,
        enable_admin_api: flags.enable_admin_api,
        remote_write_receiver: flags.remote_write_receiver,
        cors_origin: flags.cors_origin.clone(),
        parse: engine.parse,
        per_step_stats: flags.per_step_stats,
        features: features::list(engine, &switches),
        flags: all_flags(flags),
        changed_flags: changed_flags(flags),
        retention,
        max_connections: flags.max_connections,
        read_timeout: flags.read_timeout,
    }
}

/// Changes how many exemplars are kept.
fn resize_exemplars(app: &App, max: usize) {
    let before = app.db.exemplar_stats().max;
    if before != max {
        let kept = app.db.set_max_exemplars(max);
        info!(from = before, to = max, kept, "Another number of exemplars is kept");
    }
}

/// Puts a configuration in force.
///
/// # Errors
/// A part of it cannot be obeyed; the rest is in force.
fn apply(app: &App, flags: &Flags, config: &Config) -> Result<(), String> {
    for section in &config.unserved {
        warn!(
            line = section.line,
            section = section.section,
            "Section of the configuration is not yet served"
        );
    }
    app.db.set_out_of_order_window(config.out_of_order_window_ms);
    resize_exemplars(app, max_exemplars(flags, config));
    let rules = config.retention_rules.iter().map(|rule| rule.rule.clone()).collect();
    app.db.set_retention_rules(rules, now_ms());
    let log = config.query_log_file.as_deref();
    let logged = app.queries.set_log(log).map_err(|error| {
        let path = log.unwrap_or(Path::new("")).display();
        format!("can't create json log file: open {path}: {error}")
    });
    app.scrape.apply_config(config);
    let notified = app.notifier.apply_config(config);
    let ruled = match rules::groups(flags, config) {
        Ok(groups) => {
            rules::apply(&app.rules, groups, config, &app.options.external_url);
            Ok(())
        }
        Err(faults) => Err(format!("error loading rules, previous rule set restored: {faults}")),
    };
    let faults: Vec<String> = [logged, ruled, notified].into_iter().filter_map(Result::err).collect();
    let error = (!faults.is_empty()).then(|| {
        let file = flags.config_file.as_deref().unwrap_or(Path::new("")).display().to_string();
        format!(
            "one or more errors occurred while applying the new configuration (--config.file={}): {}",
            quote(&file),
            faults.join("; ")
        )
    });
    let (yaml, loaded_ms) = (config.to_yaml(), now_ms());
    app.config.store(Arc::new(ConfigStatus { yaml, loaded_ms, error: error.clone() }));
    note_reload(app, error.is_none());
    error.map_or(Ok(()), Err)
}

/// Tells whether a configuration was taken.
fn note_reload(app: &App, taken: bool) {
    app.telemetry.config_reloaded(taken, now_ms());
    match taken {
        true => app.notifications.remove(notifications::RELOAD_FAILED),
        false => app.notifications.add(notifications::RELOAD_FAILED, now_ms()),
    }
}

/// Adds what custom resources ask for. What cannot be used is left out, and the rest goes on.
fn add_written(config: &mut Config, operator: &Operator, flags: &Flags) {
    let written = operator.written();
    for text in &written.scrape_configs {
        if let Err(error) = config.add_scrape_config(text) {
            error!(%error, "Job of a custom resource left out");
        }
    }
    let names = config.global.names;
    let options = FileOptions { names, parse: flags.parse, ignore_unknown_fields: false };
    for (name, text) in &written.rule_files {
        match file::parse(text, &options) {
            Ok(_) => config.rule_texts.push((name.clone(), text.clone())),
            Err(faults) => {
                let error = file::faults_of(Path::new(name), &faults);
                error!(error, "Rules of a custom resource left out");
            }
        }
    }
}

fn reload(app: &App, flags: &Flags, own: &Own, operator: Option<&Operator>) -> Result<(), String> {
    let mut loaded = load(flags, own);
    if let (Ok(config), Some(operator)) = (&mut loaded, operator) {
        add_written(config, operator, flags);
    }
    match loaded {
        Ok(config) => match apply(app, flags, &config) {
            Ok(()) => {
                info!("Completed loading of configuration file");
                Ok(())
            }
            Err(text) => {
                error!(error = text, "Failed to apply configuration");
                Err(text)
            }
        },
        Err(error) => {
            let text = match &error {
                ServerError::Config { path, error } => {
                    format!(
                        "couldn't load configuration (--config.file={}): {error}",
                        narthex_storage::labels::quote(path)
                    )
                }
                other => other.to_string(),
            };
            error!(error = text, "Error reloading config");
            let old = app.config.load();
            app.config.store(Arc::new(ConfigStatus { error: Some(text.clone()), ..(**old).clone() }));
            note_reload(app, false);
            Err(text)
        }
    }
}

/// Tells where to look.
fn announce(flags: &Flags, own: &Own, zero: bool) {
    let url = format!("{}://{}{}", own.scheme(), own.address, flags.route_prefix);
    info!(url, data = %shown_path(&flags.storage_path), "Server is ready to receive web requests.");
    if !zero {
        return;
    }
    info!("No --config.file given: zero-config mode, scraping this host and this server every 15s");
    println!("narthex answers on {url}/ . Try:");
    for query in ["node_load1", "up", "node_filesystem_avail_bytes"] {
        println!("  curl '{url}/api/v1/query?query={query}'");
    }
}

fn shown_path(path: &Path) -> String {
    std::path::absolute(path).unwrap_or(path.to_owned()).display().to_string()
}

/// Ends when the jobs of custom resources have changed.
async fn written(operator: &mut Option<Operator>) {
    match operator {
        Some(operator) => operator.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits for signals and requests, until one asks to stop.
async fn obey(
    app: &Arc<App>,
    flags: &Flags,
    own: &Own,
    mut orders: mpsc::Receiver<Control>,
    mut watched: Watched,
    operator: &mut Option<Operator>,
) -> Result<(), ServerError> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        let answer: Option<oneshot::Sender<Result<(), String>>> = tokio::select! {
            _ = hangup.recv() => None,
            () = watched.changed() => {
                info!("Configuration file change detected, reloading the configuration.");
                None
            }
            () = written(operator) => {
                info!("Custom resources of the cluster have changed, reloading the configuration");
                None
            }
            _ = terminate.recv() => {
                info!("Received an OS signal, exiting gracefully...");
                return Ok(());
            }
            _ = interrupt.recv() => {
                info!("Received an OS signal, exiting gracefully...");
                return Ok(());
            }
            order = orders.recv() => match order {
                Some(Control::Reload(answer)) => Some(answer),
                Some(Control::Quit) | None => {
                    info!("Received termination request via web service, exiting gracefully...");
                    return Ok(());
                }
            },
        };
        watched.read();
        let result = tokio::task::block_in_place(|| reload(app, flags, own, operator.as_ref()));
        if result.is_err() {
            watched.forget();
        }
        if let Some(answer) = answer {
            // Whoever asked may be gone.
            let _ = answer.send(result);
        }
    }
}
