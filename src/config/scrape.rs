//! `scrape_configs`, and the settings that `global` gives them.

use super::relabel::{NameValidation, Rule};
use crate::discovery::{Discovery, StaticConfig, static_config};
use crate::settings::decode::{Decoder, Fields};
use crate::settings::duration::{format_duration, format_size};
use crate::settings::http::HttpClientConfig;
use crate::settings::yaml::{Kind, Node};
use narthex_storage::labels::quote;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

/// Protocols that a target may be asked for, as the error texts list them.
pub const PROTOCOLS: &[&str] = &[
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusProto",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
];

/// What targets are asked for unless the configuration says otherwise.
const DEFAULT_PROTOCOLS: &[&str] =
    &["OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4"];

/// Limits of a scrape; 0 sets none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrapeLimits {
    /// Bytes of a page, unpacked.
    pub body_size: u64,
    /// Samples after relabelling.
    pub samples: u64,
    /// Targets of a job.
    pub targets: u64,
    /// Labels of a series.
    pub labels: u64,
    /// Length of a label's name, bytes.
    pub label_name_length: u64,
    /// Length of a label's value, bytes.
    pub label_value_length: u64,
    /// Dropped targets that are remembered.
    pub dropped_targets: u64,
    /// Series that the targets of a job may bring; narthex's own.
    pub series: u64,
}

impl ScrapeLimits {
    fn take(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            body_size: fields.size("body_size_limit").unwrap_or(0),
            samples: fields.uint("sample_limit").unwrap_or(0),
            targets: fields.uint("target_limit").unwrap_or(0),
            labels: fields.uint("label_limit").unwrap_or(0),
            label_name_length: fields.uint("label_name_length_limit").unwrap_or(0),
            label_value_length: fields.uint("label_value_length_limit").unwrap_or(0),
            dropped_targets: fields.uint("keep_dropped_targets").unwrap_or(0),
            series: fields.uint("max_series").unwrap_or(0),
        }
    }

    /// A job's own limits, and the global ones where it has none.
    fn or(self, global: Self) -> Self {
        let or = |own: u64, global: u64| if own == 0 { global } else { own };
        Self {
            body_size: or(self.body_size, global.body_size),
            samples: or(self.samples, global.samples),
            targets: or(self.targets, global.targets),
            labels: or(self.labels, global.labels),
            label_name_length: or(self.label_name_length, global.label_name_length),
            label_value_length: or(self.label_value_length, global.label_value_length),
            dropped_targets: or(self.dropped_targets, global.dropped_targets),
            series: or(self.series, global.series),
        }
    }

    pub(super) fn to_value(self, out: &mut Map<String, Value>) {
        if self.body_size > 0 {
            out.insert("body_size_limit".to_owned(), json!(format_size(self.body_size)));
        }
        for (name, value) in [
            ("sample_limit", self.samples),
            ("target_limit", self.targets),
            ("label_limit", self.labels),
            ("label_name_length_limit", self.label_name_length),
            ("label_value_length_limit", self.label_value_length),
            ("keep_dropped_targets", self.dropped_targets),
            ("max_series", self.series),
        ] {
            if value > 0 {
                out.insert(name.to_owned(), json!(value));
            }
        }
    }
}

/// What `global` and a job have in common.
#[derive(Debug, Clone)]
pub struct ScrapeDefaults {
    /// Time from scrape to scrape, ms.
    pub interval_ms: i64,
    /// A scrape's time limit, ms.
    pub timeout_ms: i64,
    /// Asked-for protocols, in order; `None` for the default.
    pub protocols: Option<Vec<String>>,
    /// Limits.
    pub limits: ScrapeLimits,
    /// Which names are valid.
    pub names: NameValidation,
    /// `scrape_timeout_seconds` and its kin are stored too.
    pub extra_metrics: bool,
}

/// A job.
#[derive(Debug, Clone)]
pub struct ScrapeConfig {
    /// Name.
    pub job_name: String,
    /// Where it stands in its file.
    pub line: usize,
    /// Settings with the global ones filled in.
    pub common: ScrapeDefaults,
    /// Protocol of answers that do not tell theirs.
    pub fallback_protocol: Option<String>,
    /// `http` or `https`.
    pub scheme: String,
    /// Path of the page.
    pub metrics_path: String,
    /// URL parameters.
    pub params: Vec<(String, Vec<String>)>,
    /// Exposed labels win over the target's.
    pub honor_labels: bool,
    /// Exposed timestamps count.
    pub honor_timestamps: bool,
    /// Series with exposed timestamps end when they vanish.
    pub track_timestamps_staleness: bool,
    /// Ask for gzip.
    pub enable_compression: bool,
    /// How to connect.
    pub http: HttpClientConfig,
    /// Rules for targets.
    pub relabel: Arc<Vec<Rule>>,
    /// Rules for samples.
    pub metric_relabel: Arc<Vec<Rule>>,
    /// Targets listed here.
    pub static_configs: Vec<StaticConfig>,
    /// Where else targets come from.
    pub discovery: Vec<Discovery>,
}

/// Equal when they do the same: secrets count, places in files do not.
impl PartialEq for ScrapeConfig {
    fn eq(&self, other: &Self) -> bool {
        self.http == other.http && self.discovery == other.discovery && self.to_value() == other.to_value()
    }
}

impl ScrapeConfig {
    /// Whether samples are relabelled by the same rules.
    #[must_use]
    pub fn same_metric_relabel(&self, other: &Self) -> bool {
        let values = |config: &Self| config.metric_relabel.iter().map(Rule::to_value).collect::<Vec<_>>();
        values(self) == values(other)
    }

    /// The protocols to ask for.
    #[must_use]
    pub fn protocols(&self) -> Vec<&str> {
        match &self.common.protocols {
            Some(protocols) => protocols.iter().map(String::as_str).collect(),
            None => DEFAULT_PROTOCOLS.to_vec(),
        }
    }

    pub(super) fn decode(
        decoder: &mut Decoder,
        node: &Node,
        dir: &Path,
        global: &ScrapeDefaults,
    ) -> Option<Self> {
        if node.kind == Kind::Null {
            decoder.fault(node.line, "empty or null scrape config section");
            return None;
        }
        let mut fields = Fields::of(decoder, node, "config.ScrapeConfig");
        let job_name = fields.string("job_name", "");
        if job_name.is_empty() {
            fields.fault("job_name is empty");
        }
        let suffix = format!(" for scrape config with job name {}", quote(&job_name));
        let common = common(&mut fields, global, &suffix);
        let fallback = fallback(&mut fields, &suffix);
        let http = HttpClientConfig::take(&mut fields, dir);
        let null = |kind: &str| format!("empty or null {kind} relabeling rule in scrape config");
        let relabel = Rule::list(&mut fields, "relabel_configs", &null("target"), common.names);
        let metric_relabel = Rule::list(&mut fields, "metric_relabel_configs", &null("metric"), common.names);
        let static_configs = static_config::static_configs(&mut fields, relabel.is_empty());
        let discovery = Discovery::take(&mut fields, dir);
        let config = Self {
            line: fields.line,
            common,
            fallback_protocol: fallback,
            scheme: fields.string("scheme", "http"),
            metrics_path: fields.string("metrics_path", "/metrics"),
            params: params(&mut fields),
            honor_labels: fields.bool("honor_labels").unwrap_or(false),
            honor_timestamps: fields.bool("honor_timestamps").unwrap_or(true),
            track_timestamps_staleness: fields.bool("track_timestamps_staleness").unwrap_or(false),
            enable_compression: fields.bool("enable_compression").unwrap_or(true),
            http,
            relabel: Arc::new(relabel),
            metric_relabel: Arc::new(metric_relabel),
            static_configs,
            discovery,
            job_name,
        };
        fields.float("native_histogram_min_bucket_factor");
        fields.uint("native_histogram_bucket_limit");
        fields.string("scrape_failure_log_file", "");
        fields.finish();
        Some(config)
    }

    /// As `status/config` shows it: defaults filled in, secrets hidden.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut out = Map::new();
        out.insert("job_name".to_owned(), json!(self.job_name));
        if self.honor_labels {
            out.insert("honor_labels".to_owned(), json!(true));
        }
        out.insert("honor_timestamps".to_owned(), json!(self.honor_timestamps));
        out.insert("track_timestamps_staleness".to_owned(), json!(self.track_timestamps_staleness));
        if !self.params.is_empty() {
            let params: Map<String, Value> =
                self.params.iter().map(|(name, values)| (name.clone(), json!(values))).collect();
            out.insert("params".to_owned(), params.into());
        }
        out.insert("scrape_interval".to_owned(), json!(format_duration(self.common.interval_ms)));
        out.insert("scrape_timeout".to_owned(), json!(format_duration(self.common.timeout_ms)));
        out.insert("scrape_protocols".to_owned(), json!(self.protocols()));
        if let Some(fallback) = &self.fallback_protocol {
            out.insert("fallback_scrape_protocol".to_owned(), json!(fallback));
        }
        out.insert("metrics_path".to_owned(), json!(self.metrics_path));
        out.insert("scheme".to_owned(), json!(self.scheme));
        out.insert("enable_compression".to_owned(), json!(self.enable_compression));
        self.common.limits.to_value(&mut out);
        self.http.to_value(&mut out);
        for (name, rules) in
            [("relabel_configs", &self.relabel), ("metric_relabel_configs", &self.metric_relabel)]
        {
            if !rules.is_empty() {
                out.insert(name.to_owned(), rules.iter().map(Rule::to_value).collect::<Vec<_>>().into());
            }
        }
        if !self.static_configs.is_empty() {
            let groups: Vec<Value> = self.static_configs.iter().map(StaticConfig::to_value).collect();
            out.insert("static_configs".to_owned(), groups.into());
        }
        Discovery::to_value(&self.discovery, &mut out);
        out.into()
    }
}

/// The settings that a job shares with `global`.
fn common(fields: &mut Fields<'_, '_>, global: &ScrapeDefaults, suffix: &str) -> ScrapeDefaults {
    let interval_ms = fields.duration("scrape_interval").filter(|ms| *ms > 0).unwrap_or(global.interval_ms);
    let own_timeout = fields.duration("scrape_timeout").filter(|ms| *ms > 0);
    let timeout_ms = own_timeout.unwrap_or_else(|| global.timeout_ms.min(interval_ms));
    if timeout_ms > interval_ms {
        fields.fault(format!("scrape timeout greater than scrape interval{suffix}"));
    }
    let protocols = protocols(fields, suffix).or_else(|| global.protocols.clone());
    let limits = ScrapeLimits::take(fields).or(global.limits);
    let names = match fields.string("metric_name_validation_scheme", "").as_str() {
        "" => global.names,
        "utf8" => NameValidation::Utf8,
        "legacy" => NameValidation::Legacy,
        other => {
            fields.fault(format!(
                "unknown scrape config name validation method specified, must be either '', 'legacy' or 'utf8', got {other}"
            ));
            global.names
        }
    };
    let escaping = fields.string("metric_name_escaping_scheme", "");
    check_escaping(fields, &escaping, names, "scrape config");
    for flag in
        ["scrape_native_histograms", "always_scrape_classic_histograms", "convert_classic_histograms_to_nhcb"]
    {
        fields.bool(flag);
    }
    let extra_metrics = fields.bool("extra_scrape_metrics").unwrap_or(global.extra_metrics);
    ScrapeDefaults { interval_ms, timeout_ms, protocols, limits, names, extra_metrics }
}

fn check_escaping(fields: &mut Fields<'_, '_>, escaping: &str, names: NameValidation, place: &str) {
    if !matches!(escaping, "" | "allow-utf-8" | "underscores" | "dots" | "values") {
        fields.fault(format!(
            "unknown {place} name escaping method specified, must be one of 'allow-utf-8', 'underscores', 'dots', or 'values', got {}",
            quote(escaping)
        ));
    }
    if escaping == "allow-utf-8" && names == NameValidation::Legacy {
        fields.fault("utf8 metric names requested but validation scheme is not set to UTF8");
    }
}

fn protocols(fields: &mut Fields<'_, '_>, suffix: &str) -> Option<Vec<String>> {
    let node = fields.take("scrape_protocols")?;
    if node.kind == Kind::Null {
        return None;
    }
    let items = fields.decoder.list(node, "[]config.ScrapeProtocol");
    let names: Vec<String> = items.iter().map(|item| fields.decoder.string(item)).collect();
    let fault = if names.is_empty() {
        Some("scrape_protocols cannot be empty".to_owned())
    } else if let Some(unknown) = names.iter().find(|name| !PROTOCOLS.contains(&name.as_str())) {
        let supported = PROTOCOLS.join(" ");
        Some(format!("scrape_protocols: unknown scrape protocol {unknown}, supported: [{supported}]"))
    } else {
        let twice = |name: &String| names.iter().filter(|n| n.eq_ignore_ascii_case(name)).count() > 1;
        let duplicated = names.iter().any(twice);
        duplicated.then(|| format!("duplicated protocol in scrape_protocols, got [{}]", names.join(" ")))
    };
    if let Some(text) = fault {
        fields.decoder.fault(node.line, text + suffix);
    }
    Some(names)
}

fn fallback(fields: &mut Fields<'_, '_>, suffix: &str) -> Option<String> {
    let node = fields.take("fallback_scrape_protocol")?;
    let name = fields.decoder.string(node);
    if name.is_empty() {
        return None;
    }
    if !PROTOCOLS.contains(&name.as_str()) {
        let supported = PROTOCOLS.join(" ");
        fields.decoder.fault(
            node.line,
            format!(
                "invalid fallback_scrape_protocol{suffix}: unknown scrape protocol {name}, supported: [{supported}]"
            ),
        );
    }
    Some(name)
}

fn params(fields: &mut Fields<'_, '_>) -> Vec<(String, Vec<String>)> {
    let Some(node) = fields.take("params") else { return Vec::new() };
    let entries = fields.decoder.map(node, "url.Values");
    let mut params: Vec<_> = entries
        .into_iter()
        .map(|(name, _, values)| {
            let values = fields.decoder.list(values, "[]string");
            (name.to_owned(), values.iter().map(|v| fields.decoder.string(v)).collect())
        })
        .collect();
    params.sort();
    params
}

/// `global`, without what the rules need.
pub(super) fn global(fields: &mut Fields<'_, '_>) -> ScrapeDefaults {
    let suffix = " for global config";
    let interval_ms = fields.duration("scrape_interval").filter(|ms| *ms > 0).unwrap_or(60_000);
    let own_timeout = fields.duration("scrape_timeout").filter(|ms| *ms > 0);
    let timeout_ms = own_timeout.unwrap_or_else(|| interval_ms.min(10_000));
    if timeout_ms > interval_ms {
        fields.fault("global scrape timeout greater than scrape interval");
    }
    let names = match fields.string("metric_name_validation_scheme", "").as_str() {
        "" | "utf8" => NameValidation::Utf8,
        "legacy" => NameValidation::Legacy,
        other => {
            fields.fault(format!("unrecognized ValidationScheme: {}", quote(other)));
            NameValidation::Utf8
        }
    };
    let escaping = fields.string("metric_name_escaping_scheme", "");
    check_escaping(fields, &escaping, names, "global");
    for flag in
        ["scrape_native_histograms", "always_scrape_classic_histograms", "convert_classic_histograms_to_nhcb"]
    {
        fields.bool(flag);
    }
    ScrapeDefaults {
        interval_ms,
        timeout_ms,
        protocols: protocols(fields, suffix),
        limits: ScrapeLimits::take(fields),
        names,
        extra_metrics: fields.bool("extra_scrape_metrics").unwrap_or(false),
    }
}
