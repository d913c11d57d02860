//! From a discovered target to a scrape: default labels, relabelling, checks, URL, identity.
//!
//! The order of the steps is Prometheus's (its documentation of `relabel_configs`, and discovery-labels
//! of release 3.14).

use crate::config::{NameValidation, ScrapeConfig};
use crate::discovery::TargetGroup;
use crate::relabel;
use crate::settings::duration::{format_duration, parse_duration};
use http::Uri;
use narthex_storage::labels::quote;
use narthex_storage::{Labels, LabelsBuilder};
use std::fmt::Write;
use xxhash_rust::xxh64::xxh64;

/// A target as it is scraped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Labels before relabelling.
    pub discovered: Labels,
    /// Labels that every sample gets.
    pub labels: Labels,
    /// Where its page is.
    pub url: Uri,
    /// The URL as others see it.
    pub url_text: String,
    /// Time from scrape to scrape, ms.
    pub interval_ms: i64,
    /// A scrape's time limit, ms.
    pub timeout_ms: i64,
    /// Equal ones are one target.
    pub identity: u64,
}

/// What became of a discovered target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is to be scraped.
    Active(Box<Target>),
    /// Relabelling dropped it; these were its labels before.
    Dropped(Labels),
    /// It has nothing that could be scraped and no reason to be listed.
    Nothing,
}

/// Labels of a target that come from the configuration where discovery gives none.
fn defaults(builder: &mut LabelsBuilder, config: &ScrapeConfig) {
    let interval = format_duration(config.common.interval_ms);
    let timeout = format_duration(config.common.timeout_ms);
    for (name, value) in [
        ("job", config.job_name.as_str()),
        ("__scrape_interval__", &interval),
        ("__scrape_timeout__", &timeout),
        ("__metrics_path__", &config.metrics_path),
        ("__scheme__", &config.scheme),
    ] {
        if builder.get(name).is_none_or(str::is_empty) {
            builder.set(name, value);
        }
    }
    for (name, values) in &config.params {
        let name = format!("__param_{name}");
        if let Some(first) = values.first()
            && builder.get(&name).is_none_or(str::is_empty)
        {
            builder.set(&name, first);
        }
    }
}

/// What becomes of every target of a group; faults carry Prometheus's text.
pub fn targets_of(group: &TargetGroup, config: &ScrapeConfig) -> Vec<Result<Outcome, String>> {
    let each = group.targets.iter().enumerate().map(|(i, target)| {
        let mut builder = LabelsBuilder::new();
        // Labels of the target beat those of its group.
        for (name, value) in group.labels.iter().chain(target) {
            builder.set(name, value);
        }
        populate(builder, config).map_err(|e| format!("instance {i} in group {}: {e}", group.source))
    });
    each.collect()
}

fn populate(mut builder: LabelsBuilder, config: &ScrapeConfig) -> Result<Outcome, String> {
    defaults(&mut builder, config);
    let discovered = builder.build();
    let mut builder = LabelsBuilder::from_labels(&discovered);
    if !relabel::process(&mut builder, &config.relabel) {
        return Ok(Outcome::Dropped(discovered));
    }
    let address = builder.get("__address__").unwrap_or_default().to_owned();
    if address.is_empty() {
        return Err("no address".to_owned());
    }
    if address.contains('/') {
        return Err(format!("{} is not a valid hostname", quote(&address)));
    }
    let (interval_ms, timeout_ms) = timing(&builder)?;
    builder.retain(|name, _| !name.starts_with("__meta_"));
    if builder.get("instance").is_none_or(str::is_empty) {
        builder.set("instance", &address);
    }
    let all = builder.build();
    if config.common.names == NameValidation::Legacy
        && let Some((name, value)) = all.iter().find(|(name, _)| !NameValidation::Legacy.accepts(name))
    {
        return Err(format!("invalid label value for {}: {}", quote(name), quote(value)));
    }
    let (url, url_text) = url(&all, config)?;
    builder.retain(|name, _| !name.starts_with("__"));
    let labels = builder.build();
    if labels.is_empty() {
        return Ok(Outcome::Nothing);
    }
    let identity = identity(&all, &url_text);
    Ok(Outcome::Active(Box::new(Target {
        discovered,
        labels,
        url,
        url_text,
        interval_ms,
        timeout_ms,
        identity,
    })))
}

fn timing(builder: &LabelsBuilder) -> Result<(i64, i64), String> {
    let (mut ms, mut texts) = ([0i64; 2], [""; 2]);
    let labels = [("interval", "__scrape_interval__"), ("timeout", "__scrape_timeout__")];
    for ((what, label), (ms, text)) in labels.into_iter().zip(ms.iter_mut().zip(texts.iter_mut())) {
        *text = builder.get(label).unwrap_or_default();
        *ms = parse_duration(text).map_err(|e| format!("error parsing scrape {what}: {e}"))?;
        if *ms == 0 {
            return Err(format!("scrape {what} cannot be 0"));
        }
    }
    let ([interval, timeout], [interval_text, timeout_text]) = (ms, texts);
    if timeout > interval {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({} > {})",
            quote(timeout_text),
            quote(interval_text)
        ));
    }
    Ok((interval, timeout))
}

fn url(labels: &Labels, config: &ScrapeConfig) -> Result<(Uri, String), String> {
    let label = |name: &str| labels.get(name).unwrap_or_default();
    let scheme = label("__scheme__");
    let mut path = label("__metrics_path__").to_owned();
    let (mut fixed_query, mut query) = (String::new(), form_urlencoded::Serializer::new(String::new()));
    if let Some((before, after)) = path.clone().split_once('?') {
        (path, fixed_query) = (before.to_owned(), after.to_owned());
    }
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    let mut params = config.params.clone();
    for (name, value) in labels.iter() {
        let Some(name) = name.strip_prefix("__param_") else { continue };
        match params.iter_mut().find(|(n, _)| n == name) {
            Some((_, values)) => match values.first_mut() {
                Some(first) => *first = value.to_owned(),
                None => values.push(value.to_owned()),
            },
            None => params.push((name.to_owned(), vec![value.to_owned()])),
        }
    }
    params.sort();
    for (name, values) in &params {
        values.iter().for_each(|value| {
            query.append_pair(name, value);
        });
    }
    let query = query.finish();
    let query = match (fixed_query.is_empty(), query.is_empty()) {
        (_, true) => fixed_query,
        (true, false) => query,
        (false, false) => format!("{fixed_query}&{query}"),
    };
    let mut text = format!("{scheme}://{}{path}", label("__address__"));
    if !query.is_empty() {
        // Writing into a String cannot fail.
        let _ = write!(text, "?{query}");
    }
    if !matches!(scheme, "http" | "https") {
        return Err(format!("unsupported protocol scheme {}", quote(scheme)));
    }
    let url =
        text.parse().map_err(|e: http::uri::InvalidUri| format!("invalid URL {}: {e}", quote(&text)))?;
    Ok((url, text))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a over more bytes.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What tells targets apart, and spreads their scrapes over the interval.
fn identity(labels: &Labels, url: &str) -> u64 {
    let mut bytes = Vec::new();
    for (name, value) in labels.iter() {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0xff);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0xff);
    }
    fnv(fnv(FNV_OFFSET, format!("{:016}", xxh64(&bytes, 0)).as_bytes()), url.as_bytes())
}

/// The part of the spread that tells replicas apart: host name and external labels.
#[must_use]
pub fn offset_seed(host: &str, external_labels: &[(String, String)]) -> u64 {
    let mut hash = fnv(FNV_OFFSET, host.as_bytes());
    for (name, value) in external_labels {
        hash = fnv(fnv(hash, name.as_bytes()), value.as_bytes());
    }
    hash
}

/// Targets are scraped at whole ticks of this, ms …
const TICK_MS: u64 = 10;
/// … where their interval is at least this, ms.
const TICKING_MS: u64 = 1000;

impl Target {
    /// Where within the interval the target is scraped, ms: at one of its ticks, so that targets share the turns of the
    /// processor and what it has at hand then.
    #[must_use]
    pub fn offset_ms(&self, seed: u64) -> i64 {
        let interval = u64::try_from(self.interval_ms).unwrap_or(1).max(1);
        let tick = if interval >= TICKING_MS { TICK_MS } else { 1 };
        i64::try_from((self.identity ^ seed) % (interval / tick) * tick).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn outcomes(yaml: &str) -> Vec<Result<Outcome, String>> {
        let config = Config::parse(yaml, Path::new(""), "F", &|_| None).unwrap();
        let job = &config.scrape_configs[0];
        crate::discovery::static_groups(&job.static_configs).iter().flat_map(|g| targets_of(g, job)).collect()
    }

    fn active(yaml: &str) -> Target {
        match outcomes(yaml).remove(0) {
            Ok(Outcome::Active(target)) => *target,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn labels_and_url_come_from_group_and_configuration() {
        let target = active(
            "scrape_configs:\n- job_name: j\n  params: {b: ['1', '2'], a: [x y]}\n  metrics_path: m\n  static_configs: [{targets: ['h:1'], labels: {job: own, __param_b: '9'}}]\n",
        );
        assert_eq!(format!("{:?}", target.labels), r#"{instance="h:1", job="own"}"#);
        assert_eq!(target.url_text, "http://h:1/m?a=x+y&b=9&b=2");
        assert_eq!(target.discovered.get("__scrape_interval__"), Some("1m"));
        assert_eq!((target.interval_ms, target.timeout_ms), (60_000, 10_000));
    }

    #[test]
    fn relabelling_drops_targets_and_changes_their_timing() {
        let rule = |rule: &str| {
            format!(
                "scrape_configs: [{{job_name: j, relabel_configs: [{{{rule}}}], static_configs: [{{targets: ['h:1']}}]}}]"
            )
        };
        assert!(matches!(outcomes(&rule("action: drop"))[0], Ok(Outcome::Dropped(_))));
        let target = active(&rule("target_label: __scrape_interval__, replacement: 90s"));
        assert_eq!(target.interval_ms, 90_000);
        let faults = [
            ("target_label: __address__, replacement: ''", "no address"),
            ("target_label: __address__, replacement: 'a/b'", "\"a/b\" is not a valid hostname"),
            (
                "target_label: __scrape_interval__, replacement: 5s",
                "scrape timeout cannot be greater than scrape interval (\"10s\" > \"5s\")",
            ),
            (
                "target_label: __scrape_interval__, replacement: x",
                "error parsing scrape interval: not a valid duration string: \"x\"",
            ),
            ("target_label: __scrape_timeout__, replacement: '0'", "scrape timeout cannot be 0"),
            ("target_label: __scheme__, replacement: ftp", "unsupported protocol scheme \"ftp\""),
        ];
        for (text, want) in faults {
            assert_eq!(outcomes(&rule(text))[0], Err(format!("instance 0 in group 0: {want}")));
        }
    }

    #[test]
    fn the_offset_lies_within_the_interval_and_depends_on_the_seed() {
        let target = active("scrape_configs: [{job_name: j, static_configs: [{targets: ['h:1']}]}]");
        let offsets: Vec<i64> = (0..50).map(|seed| target.offset_ms(seed)).collect();
        assert!(offsets.iter().all(|o| (0..60_000).contains(o) && o % 10 == 0));
        assert_ne!(offsets[0], offsets[1]);
        assert_ne!(offset_seed("a", &[]), offset_seed("b", &[]));
    }
}
