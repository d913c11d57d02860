//! The table of flags: one row per flag, from which parsing, help, warnings and `status/flags` follow.
//!
//! Names, defaults and modes are those of Prometheus 3.14; rows of our own say so in their help.

use FlagKind::{Bool, Choice, Count, Duration, Number, Size, Text};

/// What a flag's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagKind {
    /// `--flag` or `--no-flag`.
    Bool,
    /// `1h30m`.
    Duration,
    /// `512MB`.
    Size,
    /// A whole number.
    Count,
    /// A number.
    Number,
    /// Any text.
    Text,
    /// One of a few words; the fault of another word begins with the first text.
    Choice(&'static str, &'static [&'static str]),
}

/// In which mode Prometheus takes a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In every mode.
    Any,
    /// Not with `--agent`.
    Server,
    /// Only with `--agent`.
    Agent,
}

/// One flag.
#[derive(Debug, Clone, Copy)]
pub struct FlagSpec {
    /// Without the dashes.
    pub name: &'static str,
    /// What its value is.
    pub kind: FlagKind,
    /// Value where the user gives none.
    pub default: &'static str,
    /// For the user.
    pub help: &'static str,
    /// When it may be used.
    pub mode: Mode,
    /// May be given more than once.
    pub many: bool,
    /// Only shown by `--help-long`.
    pub hidden: bool,
    /// Why it is accepted and does nothing, if that is so.
    pub ignored: Option<&'static str>,
}

impl FlagSpec {
    const fn server(mut self) -> Self {
        self.mode = Mode::Server;
        self
    }

    const fn agent(mut self) -> Self {
        self.mode = Mode::Agent;
        self.ignored = Some("agent mode is not served yet");
        self
    }

    const fn many(mut self) -> Self {
        self.many = true;
        self
    }

    const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    const fn ignored(mut self, why: &'static str) -> Self {
        self.ignored = Some(why);
        self
    }

    const fn later(self) -> Self {
        self.ignored("not served yet")
    }
}

const fn flag(name: &'static str, kind: FlagKind, default: &'static str, help: &'static str) -> FlagSpec {
    FlagSpec { name, kind, default, help, mode: Mode::Any, many: false, hidden: false, ignored: None }
}

const GO_RUNTIME: &str = "there is no Go runtime to tune";
const OWN_FORMAT: &str = "the storage has its own format, without this setting";
const NO_CONSOLES: &str = "console templates are not served";

const LEVELS: &[&str] = &["debug", "info", "warn", "error"];
const FORMATS: &[&str] = &["logfmt", "json"];

/// Every flag, under the headings of the help.
pub const GROUPS: &[(&str, &[FlagSpec])] = &[
    (
        "Configuration",
        &[
            flag(
                "config.file",
                Text,
                "",
                "Configuration file. Without it narthex scrapes itself and this host (zero-config mode).",
            ),
            flag("config.auto-reload", Bool, "false", "Reload the configuration when its files change."),
            flag(
                "config.auto-reload-interval",
                Duration,
                "30s",
                "How often to look for changes; at least 1s.",
            ),
            flag(
                "enable-feature",
                Text,
                "",
                "Features to switch on, separated by commas: promql-experimental-functions, \
                 promql-extended-range-selectors, promql-binop-fill-modifiers, promql-delayed-name-removal, \
                 promql-per-step-stats, use-start-timestamps, type-and-unit-labels, extra-scrape-metrics, \
                 exemplar-storage.",
            )
            .many(),
            flag("agent", Bool, "false", "Run as an agent.").ignored("agent mode is not served yet"),
        ],
    ),
    (
        "Web",
        &[
            flag(
                "web.listen-address",
                Text,
                "",
                "Address to answer on; repeatable. 0.0.0.0:9090, or 127.0.0.1:9090 in zero-config mode.",
            )
            .many(),
            flag("web.external-url", Text, "", "URL under which the world sees this server."),
            flag(
                "web.route-prefix",
                Text,
                "",
                "Prefix of all paths; by default the path of the external URL.",
            ),
            flag("web.enable-lifecycle", Bool, "false", "Serve /-/reload and /-/quit."),
            flag("web.enable-admin-api", Bool, "false", "Serve the admin API, which can delete data."),
            flag("web.enable-remote-write-receiver", Bool, "false", "Accept remote write on /api/v1/write."),
            flag("web.cors.origin", Text, ".*", "Origins that CORS allows: an anchored regular expression."),
            flag("web.read-timeout", Duration, "5m", "Close a connection that sends nothing for this long."),
            flag("web.max-connections", Count, "512", "Connections at once."),
            flag(
                "web.page-title",
                Text,
                "Prometheus Time Series Collection and Processing Server",
                "Page title.",
            )
            .ignored("the page has its own title"),
            flag("web.config.file", Text, "", "File with TLS and authentication of the own port."),
            flag("web.ui-dir", Text, "", "Directory to serve the web UI from, for work on it. A flag of narthex."),
            flag("web.max-notifications-subscribers", Count, "16", "Subscribers of live notifications."),
            flag("web.user-assets", Text, "", "Directory served under /user.").later(),
            flag("web.console.templates", Text, "consoles", "Directory of console templates.")
                .ignored(NO_CONSOLES),
            flag("web.console.libraries", Text, "console_libraries", "Directory of console libraries.")
                .ignored(NO_CONSOLES),
            flag("web.enable-otlp-receiver", Bool, "false", "Accept OTLP.").later(),
            flag(
                "web.remote-write-receiver.accepted-protobuf-messages",
                Text,
                "prometheus.WriteRequest,io.prometheus.write.v2.Request",
                "Remote write messages to accept.",
            )
            .many()
            .ignored("prometheus.WriteRequest is the one that is served"),
            flag("web.search.max-limit", Count, "10000", "Highest limit of a search.").server().later(),
        ],
    ),
    (
        "Storage",
        &[
            flag("storage.tsdb.path", Text, "data/", "Directory of the data.").server(),
            flag(
                "storage.tsdb.retention.time",
                Duration,
                "0s",
                "How long to keep data; 15d if neither this nor the size is set.",
            )
            .server(),
            flag(
                "storage.tsdb.retention.size",
                Size,
                "0B",
                "How many bytes to keep, as 512MB; 0 sets no limit.",
            )
            .server(),
            flag(
                "storage.wal.sync",
                Text,
                "interval:100ms",
                "When the log reaches the disk: always, interval:DURATION or never. narthex's own flag.",
            ),
            flag(
                "storage.max-series",
                Count,
                "0",
                "Series that may be there at once: known ones go on, new ones are refused; 0 sets no limit. \
                 narthex's own flag.",
            )
            .server(),
            flag("storage.tsdb.no-lockfile", Bool, "false", "Do not lock the data directory.")
                .server()
                .ignored("the lock is the kernel's and leaves nothing behind"),
            flag("storage.tsdb.min-block-duration", Duration, "2h", "Time that a block covers at first.")
                .server()
                .hidden(),
            flag(
                "storage.tsdb.max-block-duration",
                Duration,
                "0s",
                "Time that a block covers at most; 0s for 31d or a tenth of the retention time, if that is less.",
            )
            .server()
            .hidden(),
            flag("storage.tsdb.max-block-chunk-segment-size", Size, "0B", "Size of chunk files.")
                .server()
                .hidden()
                .ignored(OWN_FORMAT),
            flag("storage.tsdb.wal-segment-size", Size, "0B", "Size of log segments.")
                .server()
                .hidden()
                .ignored(OWN_FORMAT),
            flag("storage.tsdb.allow-overlapping-compaction", Bool, "true", "Merge blocks that overlap.")
                .server()
                .hidden()
                .ignored("blocks that overlap are always merged"),
            flag("storage.tsdb.wal-compression", Bool, "true", "Compress the log.")
                .server()
                .hidden()
                .ignored(OWN_FORMAT),
            flag(
                "storage.tsdb.wal-compression-type",
                Choice("enum value must be one of snappy,zstd, got", &["snappy", "zstd"]),
                "snappy",
                "How to compress the log.",
            )
            .server()
            .hidden()
            .ignored(OWN_FORMAT),
            flag("storage.tsdb.head-chunks-write-queue-size", Count, "0", "Queue of chunk writes.")
                .server()
                .ignored(OWN_FORMAT),
            flag("storage.tsdb.samples-per-chunk", Count, "120", "Samples in a chunk.")
                .server()
                .hidden()
                .ignored(OWN_FORMAT),
            flag("storage.tsdb.delayed-compaction.max-percent", Count, "10", "Spread of compactions.")
                .server()
                .hidden()
                .later(),
            flag("storage.tsdb.delay-compact-file.path", Text, "", "File of the Thanos shipper.")
                .server()
                .later(),
            flag("storage.tsdb.block-reload-interval", Duration, "1m", "How often to look for blocks.")
                .server()
                .hidden()
                .ignored("blocks are known without looking"),
        ],
    ),
    (
        "Queries",
        &[
            flag("query.lookback-delta", Duration, "5m", "How far back a query looks for a sample.").server(),
            flag("query.timeout", Duration, "2m", "Longest a query may take.").server(),
            flag("query.max-concurrency", Count, "20", "Queries at once; others wait in order.").server(),
            flag("query.max-samples", Count, "50000000", "Samples that one query may hold at once.").server(),
            flag(
                "query.max-queue",
                Count,
                "1000",
                "Queries that may wait for a slot; one more is refused. narthex's own flag.",
            )
            .server(),
            flag(
                "query.max-memory",
                Size,
                "2GiB",
                "Memory that one query may hold, as 512MB; 0 sets no limit of its own. narthex's own flag.",
            )
            .server(),
            flag(
                "query.max-total-memory",
                Text,
                "25%",
                "Memory that all running queries may hold together: a share of the machine's, or a size as 2GB. \
                 narthex's own flag.",
            )
            .server(),
            flag(
                "query.max-resolution",
                Count,
                "11000",
                "Points per series of a range query. narthex's own flag.",
            )
            .server(),
        ],
    ),
    (
        "Scraping",
        &[
            flag("scrape.adjust-timestamps", Bool, "true", "Align scrapes that are slightly late.")
                .hidden()
                .later(),
            flag("scrape.timestamp-tolerance", Duration, "2ms", "How late is slightly.").hidden().later(),
            flag(
                "scrape.max-series-per-job",
                Count,
                "0",
                "Series that the targets of a job may bring where its configuration has no max_series; 0 sets no \
                 limit. narthex's own flag.",
            ),
            flag(
                "kubernetes.operator-crds",
                Bool,
                "false",
                "Obey ServiceMonitors, PodMonitors, Probes, ScrapeConfigs and PrometheusRules of the cluster, as the \
                 Prometheus operator would configure them. narthex's own flag.",
            ),
            flag("scrape.discovery-reload-interval", Duration, "5s", "How often discovery takes effect.")
                .hidden()
                .ignored("discovery takes effect at once"),
        ],
    ),
    (
        "Rules, alerts and remote storage",
        &[
            flag(
                "rules.alert.for-outage-tolerance",
                Duration,
                "1h",
                "Longest outage that keeps alert state.",
            )
            .server(),
            flag(
                "rules.alert.for-grace-period",
                Duration,
                "10m",
                "Shortest time left of `for` after a start.",
            )
            .server(),
            flag("rules.alert.resend-delay", Duration, "1m", "Time between two sendings of an alert.")
                .server(),
            flag(
                "rules.max-concurrent-evals",
                Count,
                "4",
                "Rules evaluated at once beside those of their group, with concurrent-rule-eval.",
            )
            .server(),
            flag(
                "rules.catch-up",
                Duration,
                "1h",
                "How far back evaluations are made up that were missed while narthex was down; 0 for not at all. narthex's own.",
            )
            .server(),
            flag(
                "alertmanager.notification-queue-capacity",
                Count,
                "10000",
                "Alerts that may wait for an Alertmanager; the oldest make room.",
            )
            .server(),
            flag("alertmanager.notification-batch-size", Count, "256", "Alerts in a request.").server(),
            flag(
                "alertmanager.drain-notification-queue-on-shutdown",
                Bool,
                "true",
                "Send what waits for Alertmanagers, then stop.",
            )
            .server(),
            flag("storage.remote.flush-deadline", Duration, "1m", "Longest flush at shutdown.").later(),
            flag("storage.remote.read-sample-limit", Count, "50000000", "Samples of a remote read.")
                .server()
                .later(),
            flag("storage.remote.read-concurrent-limit", Count, "10", "Remote reads at once.")
                .server()
                .later(),
            flag("storage.remote.read-max-bytes-in-frame", Count, "1048576", "Bytes of a streamed frame.")
                .server()
                .later(),
        ],
    ),
    (
        "Agent mode",
        &[
            flag("storage.agent.path", Text, "data-agent/", "Directory of the agent's data.").agent(),
            flag("storage.agent.wal-segment-size", Size, "0B", "Size of log segments.").agent().hidden(),
            flag("storage.agent.wal-compression", Bool, "true", "Compress the log.").agent(),
            flag(
                "storage.agent.wal-compression-type",
                Choice("enum value must be one of snappy,zstd, got", &["snappy", "zstd"]),
                "snappy",
                "How to compress the log.",
            )
            .agent()
            .hidden(),
            flag("storage.agent.wal-truncate-frequency", Duration, "2h", "How often to cut the log.")
                .agent()
                .hidden(),
            flag("storage.agent.retention.min-time", Duration, "5m", "Shortest time to keep samples.")
                .agent(),
            flag("storage.agent.retention.max-time", Duration, "4h", "Longest time to keep samples.").agent(),
            flag("storage.agent.checkpoint-from-in-memory-series", Bool, "false", "Checkpoint from memory.")
                .agent(),
            flag("storage.agent.checkpoint-batch-size", Count, "1000", "Series in a checkpoint batch.")
                .agent(),
            flag("storage.agent.no-lockfile", Bool, "false", "Do not lock the data directory.").agent(),
        ],
    ),
    (
        "Process",
        &[
            flag(
                "log.level",
                Choice("unrecognized log level", LEVELS),
                "info",
                "debug, info, warn or error.",
            ),
            flag("log.format", Choice("unrecognized log format", FORMATS), "logfmt", "logfmt or json."),
            flag("auto-gomaxprocs", Bool, "true", "Follow the container's CPU limit.").ignored(GO_RUNTIME),
            flag("auto-gomemlimit", Bool, "true", "Follow the container's memory limit.").ignored(GO_RUNTIME),
            flag("auto-gomemlimit.ratio", Number, "0.9", "Share of the memory limit.").ignored(GO_RUNTIME),
            flag("auto-gomemlimit.refresh-interval", Duration, "0s", "How often to read the limit.")
                .ignored(GO_RUNTIME),
        ],
    ),
];

/// Features that `--enable-feature` takes, and why a feature does nothing, if that is so.
pub const FEATURES: &[(&str, Option<&str>)] = &[
    ("promql-experimental-functions", None),
    ("promql-delayed-name-removal", None),
    ("promql-binop-fill-modifiers", None),
    ("promql-extended-range-selectors", None),
    ("promql-per-step-stats", None),
    ("type-and-unit-labels", None),
    ("use-start-timestamps", None),
    ("extra-scrape-metrics", None),
    ("promql-duration-expr", Some("duration expressions are always on")),
    ("native-histograms", Some("it has no effect in Prometheus either")),
    ("ooo-native-histograms", Some("it has no effect in Prometheus either")),
    ("fast-startup", Some("every start is a fast one")),
    ("use-uncached-io", Some("blocks are memory-mapped")),
    ("xor2-encoding", Some(OWN_FORMAT)),
    ("histograms-st-encoding", Some(OWN_FORMAT)),
    ("old-ui", Some("the old user interface is not served")),
    ("auto-reload-config", None),
    ("concurrent-rule-eval", None),
    ("created-timestamp-zero-ingestion", Some("not served yet")),
    ("delayed-compaction", Some("not served yet")),
    ("exemplar-storage", None),
    ("memory-snapshot-on-shutdown", Some("not served yet")),
    ("metadata-wal-records", Some("not served yet")),
    ("otlp-deltatocumulative", Some("not served yet")),
    ("otlp-native-delta-ingestion", Some("not served yet")),
    ("search-api", Some("not served yet")),
    ("st-storage", Some("not served yet")),
    ("st-synthesis", Some("not served yet")),
];

/// All flags, heading by heading.
pub fn all() -> impl Iterator<Item = &'static FlagSpec> {
    GROUPS.iter().flat_map(|(_, flags)| flags.iter())
}
