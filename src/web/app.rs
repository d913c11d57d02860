//! What the handlers see of the server: read-only handles and settings.

use super::notifications::Notifications;
use crate::host;
use crate::notify::Notifier;
use crate::query::Queries;
use crate::rules::manager::RuleManager;
use crate::scrape::manager::ScrapeManager;
use crate::telemetry::Telemetry;
use arc_swap::ArcSwap;
use narthex_promql::{Engine, ParseOptions};
use narthex_storage::{Db, GoRegex};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not everything is up.
    Starting,
    /// Answers everything.
    Ready,
    /// Asked to stop.
    Stopping,
}

/// What a client asks of the server itself.
#[derive(Debug)]
pub enum Control {
    /// Read the configuration again; the answer is the error text, if any.
    Reload(oneshot::Sender<Result<(), String>>),
    /// Stop.
    Quit,
}

/// The configuration in force, as the API shows it.
#[derive(Debug, Clone, Default)]
pub struct ConfigStatus {
    /// YAML with defaults filled in and secrets hidden.
    pub yaml: String,
    /// When it was loaded, ms.
    pub loaded_ms: i64,
    /// Why the last attempt to load failed, if it did.
    pub error: Option<String>,
}

/// Settings of the web side.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// All paths stand under this; empty for none, else `/prefix`.
    pub route_prefix: String,
    /// Under which the world sees this server, without a slash at the end.
    pub external_url: String,
    /// The web UI is what lies here; without it, what is built in.
    pub ui_dir: Option<Arc<PathBuf>>,
    /// `/-/reload` and `/-/quit` work.
    pub enable_lifecycle: bool,
    /// The admin API is switched on.
    pub enable_admin_api: bool,
    /// `/api/v1/write` works.
    pub remote_write_receiver: bool,
    /// Origins that CORS allows; the text decides whether that is all of them.
    pub cors_origin: GoRegex,
    /// What the parser accepts.
    pub parse: ParseOptions,
    /// `stats=all` counts the samples of each step.
    pub per_step_stats: bool,
    /// What is switched on: category, name.
    pub features: FeatureList,
    /// All flags with their values.
    pub flags: BTreeMap<String, String>,
    /// The flags that were given another value than their default, with the default.
    pub changed_flags: BTreeMap<String, String>,
    /// Retention as `runtimeinfo` shows it.
    pub retention: String,
    /// Connections at once.
    pub max_connections: usize,
    /// A connection that sends nothing for this long is closed.
    pub read_timeout: Duration,
}

/// Features by category and name, and whether they are switched on.
pub type FeatureList = BTreeMap<&'static str, BTreeMap<String, bool>>;

impl WebOptions {
    /// A target's URL as others reach it: a local host is replaced by that of the external URL.
    #[must_use]
    pub fn global_url(&self, url: &str) -> String {
        let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            return url.to_owned();
        }
        let external = self.external_url.split_once("://").map_or("", |(_, rest)| rest);
        let external = external.split('/').next().unwrap_or_default();
        let (name, external_port) = external.rsplit_once(':').unwrap_or((external, ""));
        // A target on our own port is this server, which the world may see under another port.
        let port = port.map(|port| if port == self.listen_port() { external_port } else { port });
        match port {
            Some(port) if !port.is_empty() => format!("{scheme}://{name}:{port}{path}"),
            _ => format!("{scheme}://{name}{path}"),
        }
    }

    fn listen_port(&self) -> &str {
        let address = self.flags.get("web.listen-address").map_or("", String::as_str);
        address.rsplit_once(':').map_or("", |(_, port)| port)
    }
}

/// Everything that a handler may ask.
pub struct App {
    /// The database.
    pub db: Arc<Db>,
    /// The query engine.
    pub engine: Engine,
    /// Targets and their state.
    pub scrape: Arc<ScrapeManager>,
    /// Groups of rules and their state.
    pub rules: Arc<RuleManager>,
    /// Who is told of alerts.
    pub notifier: Arc<Notifier>,
    /// This host's metrics, for whoever asks for them.
    pub host: Arc<host::Collector>,
    /// The server's own metrics.
    pub telemetry: Arc<Telemetry>,
    /// The configuration in force.
    pub config: ArcSwap<ConfigStatus>,
    /// Settings.
    pub options: WebOptions,
    /// Start of the process, ms.
    pub started_ms: i64,
    /// Queries that wait, run and ran.
    pub queries: Arc<Queries>,
    /// To whoever runs the server.
    pub control: mpsc::Sender<Control>,
    /// What an administrator should know.
    pub notifications: Arc<Notifications>,
    phase: AtomicU8,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// See [`App`].
    pub db: Arc<Db>,
    /// See [`App`].
    pub engine: Engine,
    /// See [`App`].
    pub scrape: Arc<ScrapeManager>,
    /// See [`App`].
    pub rules: Arc<RuleManager>,
    /// See [`App`].
    pub notifier: Arc<Notifier>,
    /// See [`App`].
    pub host: Arc<host::Collector>,
    /// See [`App`].
    pub telemetry: Arc<Telemetry>,
    /// See [`App`].
    pub options: WebOptions,
    /// See [`App`].
    pub queries: Arc<Queries>,
    /// See [`App`].
    pub control: mpsc::Sender<Control>,
    /// See [`App`].
    pub notifications: Arc<Notifications>,
}

impl App {
    /// An app that is starting.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            db: parts.db,
            engine: parts.engine,
            scrape: parts.scrape,
            rules: parts.rules,
            notifier: parts.notifier,
            host: parts.host,
            telemetry: parts.telemetry,
            config: ArcSwap::default(),
            options: parts.options,
            started_ms: now_ms(),
            queries: parts.queries,
            control: parts.control,
            notifications: parts.notifications,
            phase: AtomicU8::new(0),
        }
    }

    /// The wall clock, ms since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        now_ms()
    }

    /// Where the server is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Stopping,
        }
    }

    /// Moves on; a server that stops stays stopping.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }
}

/// The wall clock, ms since the epoch.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
