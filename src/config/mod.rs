//! The configuration file: read strictly, checked as a whole, defaults filled in.
//!
//! Field names, defaults, checks and error texts are those of Prometheus 3.14.

pub mod alerting;
pub mod checksum;
mod generated;
mod later;
pub mod relabel;
pub mod retention;
pub mod scrape;
pub mod web;

#[cfg(test)]
mod tests;

pub use alerting::{AlertingConfig, AlertmanagerConfig};
pub use relabel::{Action, NameValidation, Rule};
pub use retention::RetentionRuleConfig;
pub use scrape::{ScrapeConfig, ScrapeDefaults};

use crate::discovery::{Discovery, groups};
use crate::settings::decode::{Decoder, Fields};
use crate::settings::duration::format_duration;
use crate::settings::masked;
use crate::settings::yaml::{self, Kind, Node};
use crate::settings::{ConfigError, Fault, HttpClientConfig, read};
use narthex_storage::labels::quote;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A section that is accepted and does nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unserved {
    /// What it is.
    pub section: String,
    /// Where it stands.
    pub line: usize,
}

/// A configuration in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// Made for a start without a file.
    pub zero: bool,
    /// Settings that jobs share.
    pub global: ScrapeDefaults,
    /// Default step of subqueries, and interval of rules, ms.
    pub evaluation_interval_ms: i64,
    /// Labels for what leaves the server, by name.
    pub external_labels: Vec<(String, String)>,
    /// Rule files: paths whose last element may have one `*`.
    pub rule_files: Vec<PathBuf>,
    /// Rule files that come from elsewhere than the disk: name and text.
    pub rule_texts: Vec<(String, String)>,
    /// How long before its time a rule looks, ms, unless its group says otherwise.
    pub rule_query_offset_ms: i64,
    /// Who is told of alerts.
    pub alerting: AlertingConfig,
    /// Jobs.
    pub scrape_configs: Vec<ScrapeConfig>,
    /// `storage.tsdb.retention.time`, ms, where the file sets it; 0 sets no limit.
    pub retention_ms: Option<i64>,
    /// `storage.tsdb.retention.size`, bytes, where the file sets it.
    pub retention_bytes: Option<u64>,
    /// `storage.tsdb.out_of_order_time_window`, ms; 0 takes no late samples.
    pub out_of_order_window_ms: i64,
    /// `storage.exemplars.max_exemplars`, where the file has the section; 0 and less keep none.
    pub max_exemplars: Option<i64>,
    /// `storage.tsdb.retention_rules`; the first that selects a series holds for it.
    pub retention_rules: Vec<RetentionRuleConfig>,
    /// File that every query is noted in.
    pub query_log_file: Option<PathBuf>,
    /// Sections that do nothing yet.
    pub unserved: Vec<Unserved>,
    /// Files that the configuration names and that have to exist: path, line, what for.
    pub files: Vec<(PathBuf, usize, String)>,
}

impl Config {
    /// Reads a file and the scrape configuration files that it names.
    ///
    /// # Errors
    /// Everything that is wrong, with lines.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = read(path).map_err(|message| ConfigError {
            path: shown.clone(),
            faults: vec![Fault { line: 0, message, shape: false }],
        })?;
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, &dir, &shown, &|name| std::env::var(name).ok())
    }

    /// Reads a text. Relative paths start at `dir`; `path` names the text in errors; `environment` gives
    /// the variables that external labels may name.
    ///
    /// # Errors
    /// Everything that is wrong, with lines.
    pub fn parse(
        text: &str,
        dir: &Path,
        path: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let failed = |faults| ConfigError { path: path.to_owned(), faults };
        let root = yaml::parse(text)
            .map_err(|e| failed(vec![Fault { line: e.line, message: e.message, shape: false }]))?;
        let mut decoder = Decoder::default();
        let config = Self::decode(&mut decoder, &root, dir, environment);
        if decoder.faults.is_empty() { Ok(config) } else { Err(failed(decoder.faults)) }
    }

    fn decode(
        decoder: &mut Decoder,
        root: &Node,
        dir: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let mut fields = Fields::of(decoder, root, "config.plain");
        let mut unserved = Vec::new();
        let mut files = Vec::new();
        let null = Node::null(root.line);
        let global_node = fields.take("global").unwrap_or(&null);
        let mut global_fields = Fields::of(fields.decoder, global_node, "config.plain");
        let global = scrape::global(&mut global_fields);
        let evaluation_interval_ms =
            global_fields.duration("evaluation_interval").filter(|ms| *ms > 0).unwrap_or(60_000);
        let rule_query_offset_ms = global_fields.duration("rule_query_offset").unwrap_or(0);
        let external_labels = external_labels(&mut global_fields, environment);
        let query_log_file = Some(global_fields.string("query_log_file", ""))
            .filter(|path| !path.is_empty())
            .map(|path| dir.join(path));
        if let Some(node) = global_fields.take("scrape_failure_log_file")
            && node.kind != Kind::Null
        {
            unserved.push(Unserved { section: "scrape_failure_log_file".to_owned(), line: node.line });
        }
        global_fields.finish();
        let Storage { retention_ms, retention_bytes, out_of_order_window_ms, max_exemplars, retention_rules } =
            storage(&mut fields, &mut unserved);
        let mut scrape_configs = scrape_list(&mut fields, dir, &global);
        unique_names(fields.decoder, &scrape_configs);
        for pattern in fields.strings("scrape_config_files") {
            scrape_file(&mut fields, dir, &pattern, &global, &mut scrape_configs);
        }
        if let Some(node) = fields.take("rule_files") {
            for item in fields.decoder.list(node, "[]string") {
                let pattern = fields.decoder.string(item);
                if !glob_valid(&pattern) {
                    fields.decoder.fault(item.line, format!("invalid rule file path {}", quote(&pattern)));
                }
                files.push((dir.join(&pattern), item.line, "rule_files".to_owned()));
            }
        }
        let rule_files = files.iter().map(|(path, _, _)| path.clone()).collect();
        let alerting = AlertingConfig::take(&mut fields, dir, global.names);
        later::take(&mut fields, dir, global.names, &mut unserved);
        fields.finish();
        unserved.sort_by_key(|section| section.line);
        for config in &scrape_configs {
            credential_files(config, &mut files);
        }
        for section in &alerting.alertmanagers {
            let owner = "an Alertmanager";
            http_files(&section.http, section.line, owner, &mut files);
            discovery_files(&section.discovery, owner, &mut files);
        }
        Self {
            zero: false,
            global,
            evaluation_interval_ms,
            external_labels,
            rule_files,
            rule_texts: Vec::new(),
            rule_query_offset_ms,
            alerting,
            scrape_configs,
            retention_ms,
            retention_bytes,
            out_of_order_window_ms,
            max_exemplars,
            retention_rules,
            query_log_file,
            unserved,
            files,
        }
    }

    /// The configuration of a start without one: this server and this host, every 15 seconds. `address`
    /// is where this server answers.
    #[must_use]
    pub fn zero(address: &str, host: &str) -> (Self, String) {
        Self::zero_at(address, "http", None, host)
    }

    /// As [`Self::zero`], for a server that speaks `scheme` and lets in whoever has the token. The certificate need not
    /// be made for the address, for the server speaks to itself.
    #[must_use]
    pub fn zero_at(address: &str, scheme: &str, token: Option<&str>, host: &str) -> (Self, String) {
        let mut how = String::new();
        if scheme != "http" {
            how.push_str(&format!("  scheme: {scheme}\n  tls_config: {{insecure_skip_verify: true}}\n"));
        }
        if let Some(token) = token {
            how.push_str(&format!("  authorization: {{credentials: {}}}\n", quote(token)));
        }
        let text = format!(
            "global:\n  scrape_interval: 15s\nscrape_configs:\n\
             - job_name: narthex\n{how}  static_configs:\n  - targets: [{address}]\n\
             - job_name: node-exporter\n{how}  metrics_path: /host/metrics\n  static_configs:\n  \
             - targets: [{address}]\n    labels: {{instance: {host}}}\n",
            address = quote(address),
            host = quote(host),
        );
        let none = |_: &str| None;
        // The text is fixed but for two quoted strings, so only a defect can make this fail; the server
        // then starts without targets and says so.
        let config = Self::parse(&text, Path::new(""), "(built in)", &none);
        let config = config.unwrap_or_else(|_| Self::empty());
        (Self { zero: true, ..config }, text)
    }

    /// All defaults.
    fn empty() -> Self {
        let null = Node::null(1);
        Self::decode(&mut Decoder::default(), &null, Path::new(""), &|_| None)
    }

    /// As `status/config` shows it: defaults filled in, secrets hidden.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut global = Map::new();
        global.insert("scrape_interval".to_owned(), json!(format_duration(self.global.interval_ms)));
        global.insert("scrape_timeout".to_owned(), json!(format_duration(self.global.timeout_ms)));
        if let Some(protocols) = &self.global.protocols {
            global.insert("scrape_protocols".to_owned(), json!(protocols));
        }
        global.insert("evaluation_interval".to_owned(), json!(format_duration(self.evaluation_interval_ms)));
        if !self.external_labels.is_empty() {
            let labels: Map<String, Value> =
                self.external_labels.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
            global.insert("external_labels".to_owned(), labels.into());
        }
        if let Some(path) = &self.query_log_file {
            global.insert("query_log_file".to_owned(), json!(path.display().to_string()));
        }
        self.global.limits.to_value(&mut global);
        if self.rule_query_offset_ms != 0 {
            let offset = format_duration(self.rule_query_offset_ms);
            global.insert("rule_query_offset".to_owned(), json!(offset));
        }
        let mut out = Map::new();
        out.insert("global".to_owned(), global.into());
        if let Some(alerting) = self.alerting.to_value() {
            out.insert("alerting".to_owned(), alerting);
        }
        if !self.rule_files.is_empty() {
            let files: Vec<String> = self.rule_files.iter().map(|path| path.display().to_string()).collect();
            out.insert("rule_files".to_owned(), json!(files));
        }
        let scrape: Vec<Value> = self.scrape_configs.iter().map(ScrapeConfig::to_value).collect();
        if !scrape.is_empty() {
            out.insert("scrape_configs".to_owned(), scrape.into());
        }
        let mut storage = Map::new();
        if !self.retention_rules.is_empty() {
            let rules: Vec<Value> = self.retention_rules.iter().map(RetentionRuleConfig::to_value).collect();
            storage.insert("tsdb".to_owned(), json!({ "retention_rules": rules }));
        }
        if let Some(max) = self.max_exemplars {
            storage.insert("exemplars".to_owned(), json!({ "max_exemplars": max }));
        }
        if !storage.is_empty() {
            out.insert("storage".to_owned(), storage.into());
        }
        // A tree of plain values always has a text.
        let mut shown = Value::Object(out);
        masked::in_tree(&mut shown);
        serde_saphyr::to_string(&shown).unwrap_or_default()
    }
}

fn external_labels(
    fields: &mut Fields<'_, '_>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Vec<(String, String)> {
    let labels = fields.string_map("external_labels");
    for (name, line, _) in &labels {
        if name.is_empty() {
            fields.decoder.fault(*line, format!("{} is not a valid label name", quote(name)));
        }
    }
    labels.into_iter().map(|(name, _, value)| (name, expand(&value, environment))).collect()
}

/// `$VAR`, `${VAR}`, `$$`.
fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            out.push_str(&environment(name).unwrap_or_default());
            rest = tail;
        } else {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
            let (name, tail) = after.split_at(end);
            if !name.is_empty() {
                out.push_str(&environment(name).unwrap_or_default());
            }
            rest = tail;
        }
    }
    out + rest
}

fn scrape_list(fields: &mut Fields<'_, '_>, dir: &Path, global: &ScrapeDefaults) -> Vec<ScrapeConfig> {
    let Some(node) = fields.take("scrape_configs") else { return Vec::new() };
    let items = fields.decoder.list(node, "[]*config.ScrapeConfig");
    items.iter().filter_map(|item| ScrapeConfig::decode(fields.decoder, item, dir, global)).collect()
}

fn unique_names(decoder: &mut Decoder, configs: &[ScrapeConfig]) {
    for (i, config) in configs.iter().enumerate() {
        if configs.iter().take(i).any(|earlier| earlier.job_name == config.job_name) {
            let text = format!("found multiple scrape configs with job name {}", quote(&config.job_name));
            decoder.fault(config.line, text);
        }
    }
}

/// `*` only in the last element of a path.
fn glob_valid(pattern: &str) -> bool {
    let name = pattern.rsplit('/').next().unwrap_or_default();
    !pattern.is_empty() && pattern.matches('*').count() == name.matches('*').count()
}

/// Adds the jobs of the files that a pattern names.
fn scrape_file(
    fields: &mut Fields<'_, '_>,
    dir: &Path,
    pattern: &str,
    global: &ScrapeDefaults,
    configs: &mut Vec<ScrapeConfig>,
) {
    if !glob_valid(pattern) {
        fields.fault(format!("invalid scrape config file path {}", quote(pattern)));
        return;
    }
    for path in groups::expand_glob(&dir.join(pattern)) {
        let shown = quote(&path.display().to_string());
        let root = read(&path).and_then(|text| yaml::parse(&text).map_err(|e| e.message));
        let root = match root {
            Ok(root) => root,
            Err(message) => {
                fields.fault(format!("{shown}: {message}"));
                continue;
            }
        };
        let mut decoder = Decoder::default();
        let mut file = Fields::of(&mut decoder, &root, "config.ScrapeConfigs");
        let file_dir = path.parent().unwrap_or(dir);
        let found = scrape_list(&mut file, file_dir, global);
        file.finish();
        for fault in decoder.faults {
            fields.fault(format!("{shown}: line {}: {}", fault.line, fault.message));
        }
        for config in found {
            if configs.iter().any(|known| known.job_name == config.job_name) {
                let name = quote(&config.job_name);
                fields.fault(format!(
                    "{shown}: found multiple scrape configs with job name {name}, first found in main config file"
                ));
            } else {
                configs.push(config);
            }
        }
    }
}

/// What the section `storage` sets.
#[derive(Default)]
struct Storage {
    retention_ms: Option<i64>,
    retention_bytes: Option<u64>,
    out_of_order_window_ms: i64,
    max_exemplars: Option<i64>,
    retention_rules: Vec<RetentionRuleConfig>,
}

/// `storage`: retention by time and by size, the window for late samples, how many exemplars are kept.
fn storage(fields: &mut Fields<'_, '_>, unserved: &mut Vec<Unserved>) -> Storage {
    let mut found = Storage::default();
    let Some(node) = fields.take("storage") else { return found };
    let mut storage = Fields::of(fields.decoder, node, "config.plain");
    if let Some(node) = storage.take("tsdb") {
        let mut tsdb = Fields::of(storage.decoder, node, "config.plain");
        if let Some(node) = tsdb.take("retention") {
            let mut retention = Fields::of(tsdb.decoder, node, "config.plain");
            found.retention_ms = Some(retention.duration("time").unwrap_or(0));
            found.retention_bytes = retention.size("size");
            if let Some(share) = retention.float("percentage") {
                if !(0.0..=100.0).contains(&share) {
                    retention.fault(format!(
                        "'storage.tsdb.retention.percentage' must be in the range [0, 100], got {share}"
                    ));
                } else if share > 0.0 {
                    let section = "storage.tsdb.retention.percentage".to_owned();
                    unserved.push(Unserved { section, line: node.line });
                }
            }
            retention.finish();
        }
        found.out_of_order_window_ms = tsdb.duration("out_of_order_time_window").unwrap_or(0);
        found.retention_rules = RetentionRuleConfig::take(&mut tsdb);
        tsdb.take("stale_series_compaction_threshold");
        chunk_encoding(&mut tsdb);
        tsdb.finish();
    }
    if let Some(node) = storage.take("exemplars").filter(|node| node.kind != Kind::Null) {
        let mut exemplars = Fields::of(storage.decoder, node, "config.plain");
        found.max_exemplars = Some(exemplars.int("max_exemplars").unwrap_or(0));
        exemplars.finish();
    }
    storage.finish();
    found
}

/// Encodings of Prometheus's own format: checked, and without a meaning here.
fn chunk_encoding(tsdb: &mut Fields<'_, '_>) {
    let Some(node) = tsdb.take("chunk_encoding") else { return };
    let mut section = Fields::of(tsdb.decoder, node, "config.plain");
    if let Some(node) = section.take("floats") {
        let floats = section.decoder.string(node);
        if !matches!(floats.as_str(), "xor" | "xor2") {
            let text = format!(
                "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got {}",
                quote(&floats)
            );
            section.decoder.fault(node.line, text);
        }
    }
    section.finish();
}

/// The files that a job reads its secrets and certificates from.
fn credential_files(config: &ScrapeConfig, files: &mut Vec<(PathBuf, usize, String)>) {
    let job = format!("job {}", quote(&config.job_name));
    http_files(&config.http, config.line, &job, files);
    discovery_files(&config.discovery, &job, files);
}

fn discovery_files(discoveries: &[Discovery], owner: &str, files: &mut Vec<(PathBuf, usize, String)>) {
    for discovery in discoveries {
        if let Some(http) = discovery.provider().http() {
            http_files(http, discovery.line(), owner, files);
        }
    }
}

fn http_files(http: &HttpClientConfig, line: usize, owner: &str, files: &mut Vec<(PathBuf, usize, String)>) {
    let named = http.files().into_iter();
    files.extend(named.map(|(what, path)| (path.clone(), line, format!("{what} of {owner}"))));
}
