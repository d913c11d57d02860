//! The flags of the server as typed settings: checked, with defaults filled in.
//!
//! Only [`super::flag_table`] knows names and defaults; a setting exists here when the server obeys it.

use super::flag_table::{self, FEATURES, FlagKind, FlagSpec, Mode};
use super::parse::UsageError;
use crate::settings::duration::{format_duration, format_size, parse_duration, parse_size};
use narthex_storage::labels::quote;
use narthex_storage::{DbOptions, GoRegex, WalSync};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What the user gave, not yet understood: the values of each flag and which of them were given.
#[derive(Debug, Default)]
pub(super) struct RawFlags {
    /// Values by name; flags with a list may have several, the others have one.
    pub(super) values: BTreeMap<&'static str, Vec<String>>,
    /// Names that stood on the command line.
    pub(super) given: BTreeSet<&'static str>,
}

impl RawFlags {
    fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(|values| values.last()).map_or("", String::as_str)
    }

    fn bool(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    fn duration_ms(&self, name: &str) -> Result<i64, UsageError> {
        parse_duration(self.text(name)).map_err(UsageError::arguments)
    }

    fn duration(&self, name: &str) -> Result<Duration, UsageError> {
        Ok(Duration::from_millis(self.duration_ms(name)?.unsigned_abs()))
    }

    fn count(&self, name: &str) -> Result<usize, UsageError> {
        let text = self.text(name);
        text.parse()
            .map_err(|_| UsageError::arguments(format!("--{name} must be a count, got {}", quote(text))))
    }
}

/// The settings of the server.
#[derive(Debug, Clone)]
pub struct Flags {
    /// Configuration file; `None` is the zero-config mode.
    pub config_file: Option<PathBuf>,
    /// Addresses to answer on, at least one.
    pub listen_addresses: Vec<String>,
    /// Directory of the data.
    pub storage_path: PathBuf,
    /// Time to keep data, ms, where a flag sets it.
    pub retention_ms: Option<i64>,
    /// Bytes to keep, where a flag sets it.
    pub retention_bytes: Option<u64>,
    /// Time that a block covers that is cut from the head, ms, above 0.
    pub min_block_ms: i64,
    /// Time that a merged block covers at most, ms, where a flag sets it.
    pub max_block_ms: Option<i64>,
    /// Series that may be there at once; `None` for any number.
    pub max_series: Option<u64>,
    /// Series that a job may bring, 0 for any number.
    pub max_series_per_job: u64,
    /// When the log reaches the disk.
    pub wal_sync: WalSync,
    /// The configuration is read again when its files change.
    pub auto_reload: bool,
    /// How often to look for that, at least a second.
    pub auto_reload_interval: Duration,
    /// File with TLS and authentication of the own port.
    pub web_config_file: Option<PathBuf>,
    /// What waits for Alertmanagers.
    pub notify: crate::notify::Settings,
    /// Follow the custom resources of the Prometheus operator.
    pub operator_crds: bool,
    /// The web UI is served from here rather than from the binary.
    pub ui_dir: Option<PathBuf>,
    /// `/-/reload` and `/-/quit` work.
    pub enable_lifecycle: bool,
    /// The admin API works.
    pub enable_admin_api: bool,
    /// `/api/v1/write` works.
    pub remote_write_receiver: bool,
    /// Under which the world sees this server; no slash at the end.
    pub external_url: String,
    /// All paths stand under this: empty, or `/prefix` without a slash at the end.
    pub route_prefix: String,
    /// Origins that CORS allows.
    pub cors_origin: GoRegex,
    /// Connections at once, at least 1.
    pub max_connections: usize,
    /// Listeners to live notifications at once.
    pub max_subscribers: usize,
    /// A connection that sends nothing for this long is closed.
    pub read_timeout: Duration,
    /// How far back a query looks for a sample, ms.
    pub lookback_ms: i64,
    /// Longest a query may take.
    pub query_timeout: Duration,
    /// Queries at once, at least 1.
    pub max_concurrency: usize,
    /// Samples that one query may hold at once.
    pub max_samples: usize,
    /// Queries that may wait for a slot.
    pub max_queue: usize,
    /// Bytes that one query may hold; `None` for no limit of its own.
    pub max_query_bytes: Option<u64>,
    /// Bytes that all running queries may hold together.
    pub max_total_memory: MemoryShare,
    /// Longest outage after which the `for` state of alerts is restored, ms.
    pub outage_tolerance_ms: i64,
    /// Alerts fire no earlier than this after a start, ms.
    pub grace_period_ms: i64,
    /// A firing alert is sent again after this time, ms.
    pub resend_delay_ms: i64,
    /// Rules that are evaluated beside the others of their group; `None` for one after the other.
    pub rule_workers: Option<usize>,
    /// How far back missed evaluations of rules are made up at the start, ms.
    pub catch_up_ms: i64,
    /// Points per series of a range query.
    pub max_resolution: u64,
    /// `debug`, `info`, `warn` or `error`.
    pub log_level: String,
    /// `logfmt` or `json`.
    pub log_format: String,
    /// What the parser accepts.
    pub parse: narthex_promql::ParseOptions,
    /// Queries drop metric names at their end only.
    pub delayed_name_removal: bool,
    /// `stats=all` counts the samples of each step.
    pub per_step_stats: bool,
    /// Start timestamps count in `rate` and its kin.
    pub use_start_timestamps: bool,
    /// Scraped series get `__type__` and `__unit__`, and `rate` goes by them.
    pub type_and_unit_labels: bool,
    /// Jobs store the extra scrape metrics unless they say otherwise.
    pub extra_scrape_metrics: bool,
    /// Exemplars are kept.
    pub exemplar_storage: bool,
    /// For the log: flags and features that are accepted and do nothing, with the reason.
    pub warnings: Vec<String>,
    values: BTreeMap<String, String>,
    changed: BTreeMap<String, String>,
}

impl Flags {
    pub(super) fn resolve(mut raw: RawFlags) -> Result<Self, UsageError> {
        for spec in flag_table::all() {
            for value in raw.values.get(spec.name).into_iter().flatten() {
                check_value(spec, value)?;
            }
        }
        check_mode(&raw)?;
        let mut warnings = ignored_flags(&raw);
        let features = features(&raw, &mut warnings)?;
        let zero_config = raw.text("config.file").is_empty();
        if !raw.given.contains("web.listen-address") {
            let default = if zero_config { "127.0.0.1:9090" } else { "0.0.0.0:9090" };
            raw.values.insert("web.listen-address", vec![default.to_owned()]);
        }
        let listen_addresses = raw.values.get("web.listen-address").cloned().unwrap_or_default();
        for address in &listen_addresses {
            port(address).map_err(UsageError::arguments)?;
        }
        let external_url = external_url(raw.text("web.external-url"), &listen_addresses)?;
        let route_prefix = match raw.text("web.route-prefix") {
            "" => path_of(&external_url).to_owned(),
            prefix => prefix.trim_matches('/').to_owned(),
        };
        let route_prefix = match route_prefix.trim_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        let shown = if route_prefix.is_empty() { "/" } else { &route_prefix };
        raw.values.insert("web.route-prefix", vec![shown.to_owned()]);
        let cors = raw.text("web.cors.origin");
        let cors_origin = GoRegex::anchored(cors).map_err(|error| {
            UsageError::plain(format!("could not compile CORS regex string {}: {error}", quote(cors)))
        })?;
        let has = |feature: &str| features.iter().any(|name| name == feature);
        Ok(Self {
            config_file: (!zero_config).then(|| PathBuf::from(raw.text("config.file"))),
            listen_addresses,
            storage_path: PathBuf::from(raw.text("storage.tsdb.path")),
            retention_ms: Some(raw.duration_ms("storage.tsdb.retention.time")?).filter(|ms| *ms > 0),
            retention_bytes: Some(
                parse_size(raw.text("storage.tsdb.retention.size")).map_err(UsageError::arguments)?,
            )
            .filter(|bytes| *bytes > 0),
            min_block_ms: Some(raw.duration_ms("storage.tsdb.min-block-duration")?)
                .filter(|ms| *ms > 0)
                .unwrap_or(DbOptions::default().block_range_ms),
            max_block_ms: Some(raw.duration_ms("storage.tsdb.max-block-duration")?).filter(|ms| *ms > 0),
            max_series: Some(raw.count("storage.max-series")? as u64).filter(|series| *series > 0),
            max_series_per_job: raw.count("scrape.max-series-per-job")? as u64,
            wal_sync: wal_sync(raw.text("storage.wal.sync")).map_err(UsageError::arguments)?,
            auto_reload: raw.bool("config.auto-reload") || has("auto-reload-config"),
            auto_reload_interval: raw.duration("config.auto-reload-interval")?.max(Duration::from_secs(1)),
            web_config_file: Some(raw.text("web.config.file")).filter(|f| !f.is_empty()).map(PathBuf::from),
            notify: crate::notify::Settings {
                capacity: raw.count("alertmanager.notification-queue-capacity")?,
                batch: raw.count("alertmanager.notification-batch-size")?.max(1),
                drain: raw.bool("alertmanager.drain-notification-queue-on-shutdown"),
            },
            ui_dir: Some(raw.text("web.ui-dir")).filter(|dir| !dir.is_empty()).map(PathBuf::from),
            enable_lifecycle: raw.bool("web.enable-lifecycle"),
            operator_crds: raw.bool("kubernetes.operator-crds"),
            enable_admin_api: raw.bool("web.enable-admin-api"),
            remote_write_receiver: raw.bool("web.enable-remote-write-receiver"),
            external_url,
            route_prefix,
            cors_origin,
            max_connections: raw.count("web.max-connections")?.max(1),
            max_subscribers: raw.count("web.max-notifications-subscribers")?,
            read_timeout: raw.duration("web.read-timeout")?,
            lookback_ms: raw.duration_ms("query.lookback-delta")?,
            query_timeout: raw.duration("query.timeout")?,
            max_concurrency: raw.count("query.max-concurrency")?.max(1),
            max_samples: raw.count("query.max-samples")?,
            log_level: raw.text("log.level").to_owned(),
            log_format: raw.text("log.format").to_owned(),
            max_queue: raw.count("query.max-queue")?,
            max_query_bytes: Some(parse_size(raw.text("query.max-memory")).map_err(UsageError::arguments)?)
                .filter(|bytes| *bytes > 0),
            max_total_memory: MemoryShare::parse(raw.text("query.max-total-memory"))
                .map_err(|why| UsageError::arguments(format!("{why} (flag --query.max-total-memory)")))?,
            outage_tolerance_ms: raw.duration_ms("rules.alert.for-outage-tolerance")?,
            grace_period_ms: raw.duration_ms("rules.alert.for-grace-period")?,
            resend_delay_ms: raw.duration_ms("rules.alert.resend-delay")?,
            rule_workers: Some(raw.count("rules.max-concurrent-evals")?)
                .filter(|_| has("concurrent-rule-eval")),
            catch_up_ms: raw.duration_ms("rules.catch-up")?,
            max_resolution: raw.count("query.max-resolution")?.max(1) as u64,
            parse: narthex_promql::ParseOptions {
                experimental_functions: has("promql-experimental-functions"),
                // Prometheus has them on since 3.14.
                duration_expressions: true,
                extended_ranges: has("promql-extended-range-selectors"),
                fill_modifiers: has("promql-binop-fill-modifiers"),
            },
            delayed_name_removal: has("promql-delayed-name-removal"),
            per_step_stats: has("promql-per-step-stats"),
            use_start_timestamps: has("use-start-timestamps"),
            type_and_unit_labels: has("type-and-unit-labels"),
            extra_scrape_metrics: has("extra-scrape-metrics"),
            exemplar_storage: has("exemplar-storage"),
            warnings,
            values: flag_table::all().map(|spec| (spec.name.to_owned(), shown_value(spec, &raw))).collect(),
            changed: changed(&raw),
        })
    }

    /// No configuration file was named: narthex scrapes itself and this host.
    #[must_use]
    pub fn zero_config(&self) -> bool {
        self.config_file.is_none()
    }

    /// What the query engine is to do; `subquery_step_ms` is the evaluation interval of the configuration,
    /// `pool` the memory that all queries share.
    #[must_use]
    pub fn engine_options(
        &self,
        subquery_step_ms: i64,
        pool: Arc<narthex_promql::MemoryPool>,
    ) -> narthex_promql::EngineOptions {
        narthex_promql::EngineOptions {
            lookback_ms: self.lookback_ms,
            max_samples: self.max_samples,
            max_bytes: self.max_query_bytes.unwrap_or(u64::MAX),
            pool: Some(pool),
            use_start_timestamps: self.use_start_timestamps,
            type_and_unit_labels: self.type_and_unit_labels,
            subquery_step_ms,
            delayed_name_removal: self.delayed_name_removal,
            parse: self.parse,
        }
    }
}

/// An amount of memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MemoryShare {
    /// Of the machine's, in percent.
    Percent(f64),
    /// Bytes.
    Bytes(u64),
}

impl MemoryShare {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(percent) = text.strip_suffix('%') else {
            return match parse_size(text)? {
                0 => Err("must be above 0".to_owned()),
                bytes => Ok(Self::Bytes(bytes)),
            };
        };
        match percent.trim().parse::<f64>() {
            Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(Self::Percent(percent)),
            _ => Err(format!("must be a share as 25% or a size as 2GB, got {}", quote(text))),
        }
    }

    /// Bytes on a machine with so many; at least one.
    #[must_use]
    pub fn of(self, machine: u64) -> u64 {
        match self {
            Self::Percent(percent) => ((machine as f64 * percent / 100.0) as u64).max(1),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Every flag with its value, as `status/flags` shows them.
#[must_use]
pub fn all_flags(flags: &Flags) -> BTreeMap<String, String> {
    flags.values.clone()
}

/// The flags that were given another value than their default, with the default as `status/flags` would show it.
#[must_use]
pub fn changed_flags(flags: &Flags) -> BTreeMap<String, String> {
    flags.changed.clone()
}

/// A value of the right kind, or the text that Prometheus says.
fn check_value(spec: &FlagSpec, value: &str) -> Result<(), UsageError> {
    let number = || format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(value));
    let fault = match spec.kind {
        FlagKind::Bool | FlagKind::Text => None,
        FlagKind::Duration => parse_duration(value).err(),
        FlagKind::Size => parse_size(value).err(),
        FlagKind::Count => value.parse::<i64>().is_err().then(number),
        FlagKind::Number => value.parse::<f64>().is_err().then(number),
        FlagKind::Choice(fault, words) => {
            (!words.contains(&value)).then(|| match fault.starts_with("enum") {
                true => format!("{fault} '{value}'"),
                false => format!("{fault} {value}"),
            })
        }
    };
    match fault {
        Some(text) => Err(UsageError::arguments(format!("{text} (flag --{})", spec.name))),
        None => Ok(()),
    }
}

/// Flags of the one mode do not go with the other.
fn check_mode(raw: &RawFlags) -> Result<(), UsageError> {
    let (wrong, text) = match raw.bool("agent") {
        true => (Mode::Server, "can not be used in agent mode"),
        false => (Mode::Agent, "can only be used in agent mode"),
    };
    let used: Vec<String> = flag_table::all()
        .filter(|spec| spec.mode == wrong && raw.given.contains(spec.name))
        .map(|spec| quote(&format!("--{}", spec.name)))
        .collect();
    if used.is_empty() {
        return Ok(());
    }
    Err(UsageError::wrong_mode(format!("The following flag(s) {text}: [{}]", used.join(" "))))
}

fn ignored_flags(raw: &RawFlags) -> Vec<String> {
    flag_table::all()
        .filter(|spec| raw.given.contains(spec.name))
        .filter_map(|spec| spec.ignored.map(|why| format!("flag --{} has no effect: {why}", spec.name)))
        .collect()
}

/// The features that are switched on.
fn features(raw: &RawFlags, warnings: &mut Vec<String>) -> Result<Vec<String>, UsageError> {
    let given = raw.values.get("enable-feature").into_iter().flatten();
    let names: Vec<String> =
        given.flat_map(|list| list.split(',')).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    for name in &names {
        match FEATURES.iter().find(|(known, _)| known == name) {
            None => warnings.push(format!("Unknown option for --enable-feature: {name}")),
            Some((_, Some(why))) => warnings.push(format!("feature {name} has no effect: {why}")),
            Some((_, None)) => {}
        }
    }
    let has = |feature: &str| names.iter().any(|name| name == feature);
    if has("otlp-deltatocumulative") && has("otlp-native-delta-ingestion") {
        let mut error = UsageError::plain(
            "cannot enable otlp-deltatocumulative and otlp-native-delta-ingestion features at the same time",
        );
        error.code = 1;
        return Err(error);
    }
    Ok(names)
}

/// The port of `host:port`, with Go's fault texts.
fn port(address: &str) -> Result<&str, String> {
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(format!("address {address}: missing port in address"));
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.contains(':') && !bracketed {
        return Err(format!("address {address}: too many colons in address"));
    }
    match port.parse::<u16>() {
        Ok(_) => Ok(port),
        Err(_) => Err(format!("address {address}: invalid port {}", quote(port))),
    }
}

/// The URL that the user gave, checked, or one made of the host's name and the first port.
fn external_url(given: &str, listen: &[String]) -> Result<String, UsageError> {
    let fail = |why: &str| Err(UsageError::plain(format!("parse external URL {}: {why}", quote(given))));
    if given.is_empty() {
        let name = rustix::system::uname();
        let name = name.nodename().to_string_lossy().into_owned();
        let port = listen.first().and_then(|address| port(address).ok()).unwrap_or("9090");
        return Ok(format!("http://{name}:{port}"));
    }
    let quoted = |c: char| c == '"' || c == '\'';
    if given.starts_with(quoted) || given.ends_with(quoted) {
        return fail("URL must not begin or end with quotes");
    }
    if given.chars().any(|c| c.is_control() || c == ' ') {
        return fail("invalid character in URL");
    }
    if given.split_once("://").is_some_and(|(scheme, _)| {
        scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    }) {
        return fail("missing protocol scheme");
    }
    let end = given.find(['?', '#']).unwrap_or(given.len());
    let (base, _) = given.split_at(end);
    let base = base.trim_end_matches('/');
    // A text without a scheme is a path.
    match base.contains("://") || base.starts_with('/') || base.is_empty() {
        true => Ok(base.to_owned()),
        false => Ok(format!("/{base}")),
    }
}

/// The path of a URL without query.
fn path_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    if after.len() == url.len() {
        return url;
    }
    after.find('/').and_then(|at| after.get(at..)).unwrap_or("")
}

fn wal_sync(text: &str) -> Result<WalSync, String> {
    let fault =
        || format!("storage.wal.sync must be always, never or interval:DURATION, got {}", quote(text));
    match text {
        "always" => Ok(WalSync::Always),
        "never" => Ok(WalSync::Never),
        _ => {
            let interval = text.strip_prefix("interval:").ok_or_else(fault)?;
            let ms = parse_duration(interval).map_err(|why| format!("{}: {why}", fault()))?;
            if ms == 0 {
                return Err(fault());
            }
            Ok(WalSync::Interval(Duration::from_millis(ms.unsigned_abs())))
        }
    }
}

fn changed(raw: &RawFlags) -> BTreeMap<String, String> {
    let given = flag_table::all().filter(|spec| raw.given.contains(spec.name));
    let defaults = given.map(|spec| (spec, printed(spec, spec.default.to_owned())));
    let differ = defaults.filter(|(spec, default)| shown_value(spec, raw) != *default);
    differ.map(|(spec, default)| (spec.name.to_owned(), default)).collect()
}

fn shown_value(spec: &FlagSpec, raw: &RawFlags) -> String {
    printed(spec, raw.values.get(spec.name).map(|values| values.join(",")).unwrap_or_default())
}

/// As Go prints the value.
fn printed(spec: &FlagSpec, value: String) -> String {
    match spec.kind {
        FlagKind::Duration => parse_duration(&value).map(format_duration).unwrap_or(value),
        FlagKind::Size => parse_size(&value).map(format_size).unwrap_or(value),
        _ => value,
    }
}
