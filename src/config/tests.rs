//! Whole files: defaults, faults with their lines, and what others write.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("/etc"), "F", &|name| (name == "VAR").then(|| "value".to_owned()))
        .map_err(|e| e.to_string())
}

#[test]
fn an_empty_file_is_all_defaults() {
    for text in ["", "global:\n", "---\n"] {
        let config = parse(text).unwrap();
        assert_eq!((config.global.interval_ms, config.global.timeout_ms), (60_000, 10_000));
        assert!(config.scrape_configs.is_empty());
    }
}

#[test]
fn a_job_inherits_from_global_and_has_defaults() {
    let config = parse(
        "global: {scrape_interval: 5s, sample_limit: 10, external_labels: {a: '${VAR}-$$-$NONE'}}\n\
         scrape_configs:\n- job_name: j\n  static_configs:\n  - targets: ['h:1']\n    labels: {x: 1}\n",
    )
    .unwrap();
    let job = &config.scrape_configs[0];
    assert_eq!((job.common.interval_ms, job.common.timeout_ms), (5000, 5000));
    assert_eq!(job.common.limits.samples, 10);
    assert_eq!((job.scheme.as_str(), job.metrics_path.as_str()), ("http", "/metrics"));
    assert!(job.honor_timestamps && job.enable_compression && job.http.follow_redirects);
    assert_eq!(job.static_configs[0].labels, [("x".to_owned(), "1".to_owned())]);
    assert_eq!(config.external_labels, [("a".to_owned(), "value-$-".to_owned())]);
}

/// A text and a part of its fault.
const FAULTS: &[(&str, &str)] = &[
    ("foo: 1\n", "yaml: unmarshal errors:\n  line 1: field foo not found in type config.plain"),
    ("global:\n  foo: 1\n", "line 2: field foo not found in type config.plain"),
    ("global: {}\nglobal: {}\n", "line 2: field global already set in type config.plain"),
    ("scrape_configs:\n- job_name: a\n  foo: 1\n", "line 3: field foo not found in type config.ScrapeConfig"),
    ("scrape_configs:\n- scheme: http\n", "job_name is empty (line 2)"),
    ("scrape_configs:\n-\n", "empty or null scrape config section (line 2)"),
    ("scrape_configs: [{job_name: a}, {job_name: a}]\n", "found multiple scrape configs with job name \"a\""),
    (
        "scrape_configs: [{job_name: a, scrape_interval: 1s, scrape_timeout: 2s}]\n",
        "scrape timeout greater than scrape interval for scrape config with job name \"a\"",
    ),
    (
        "global: {scrape_interval: 1s, scrape_timeout: 2s}\n",
        "global scrape timeout greater than scrape interval",
    ),
    ("global: {scrape_interval: 1}\n", "not a valid duration string: \"1\""),
    ("global: {body_size_limit: 100}\n", "units: unknown unit  in 100"),
    ("global: {scrape_protocols: []}\n", "scrape_protocols cannot be empty for global config"),
    (
        "scrape_configs: [{job_name: n, scrape_protocols: [prometheusproto]}]\n",
        "scrape_protocols: unknown scrape protocol prometheusproto, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0] for scrape config with job name \"n\"",
    ),
    ("global: {metric_name_validation_scheme: x}\n", "unrecognized ValidationScheme: \"x\""),
    ("scrape_configs: [{job_name: a, honor_labels: maybe}]\n", "cannot unmarshal !!str `maybe` into bool"),
    (
        "scrape_configs: [{job_name: a, static_configs: [{targets: ['http://bad']}]}]\n",
        "\"http://bad\" is not a valid hostname",
    ),
    ("scrape_configs: [{job_name: a, static_configs: [null]}]\n", "empty or null section in static_configs"),
    (
        "scrape_configs: [{job_name: a, file_sd_configs: [{files: [x]}]}]\n",
        "path name \"x\" is not valid for file discovery",
    ),
    (
        "scrape_configs: [{job_name: a, bearer_token: x, basic_auth: {username: u}}]\n",
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
    ),
    (
        "scrape_configs: [{job_name: a, bearer_token: x, bearer_token_file: y}]\n",
        "at most one of bearer_token & bearer_token_file must be configured",
    ),
    (
        "scrape_configs: [{job_name: a, authorization: {type: basic}}]\n",
        "authorization type cannot be set to \"basic\"",
    ),
    (
        "scrape_configs: [{job_name: a, tls_config: {cert: x}}]\n",
        "exactly one of key or key_file must be configured when a client certificate is configured",
    ),
    ("scrape_configs: [{job_name: a, tls_config: {min_version: SSL3}}]\n", "unknown TLS version: SSL3"),
    (
        "scrape_configs: [{job_name: a, no_proxy: x}]\n",
        "if no_proxy is configured, proxy_url must also be configured",
    ),
    (
        "scrape_configs: [{job_name: a, http_headers: {user-agent: {values: [x]}}}]\n",
        "setting header \"User-Agent\" is not allowed",
    ),
    (
        "scrape_configs: [{job_name: a, http_headers: 5}]\n",
        "cannot unmarshal !!int `5` into map[string]config.Header",
    ),
    ("scrape_configs: [{job_name: a, params: [x]}]\n", "line 1: cannot unmarshal !!seq into url.Values"),
    ("scrape_configs: [{job_name: a, params: {x: [], x: []}}]\n", "line 1: key \"x\" already set in map"),
    (
        "scrape_configs: [{job_name: a, static_configs: {targets: []}}]\n",
        "cannot unmarshal !!map into []*targetgroup.Group",
    ),
    (
        "scrape_configs: [{job_name: a, dns_sd_configs: 1}]\n",
        "cannot unmarshal !!int `1` into []*dns.SDConfig",
    ),
    ("global: {external_labels: {a: x, a: y}}\n", "key \"a\" already set in map"),
    ("rule_files: ['a/*/b.yml']\n", "invalid rule file path \"a/*/b.yml\""),
    ("remote_write: [{name: x}]\n", "url for remote_write is empty"),
    ("remote_write: [null]\n", "empty or null remote write config section"),
    ("remote_read: [null]\n", "empty or null remote read config section"),
    (
        "remote_read: [{url: 'http://x', name: n}, {url: 'http://y', name: n}]\n",
        "found multiple remote read configs with job name \"n\"",
    ),
    (
        "remote_write: [{url: 'http://x', write_relabel_configs: [null]}]\n",
        "empty or null relabeling rule in remote write config",
    ),
    (
        "remote_write: [{url: 'http://x', sigv4: {region: r}, azuread: {}, basic_auth: {username: u}}]\n",
        "must be configured. Currently configured: [basic_auth sigv4 azuread]",
    ),
    (
        "remote_write: [{url: 'http://x', sigv4: {secret_key: s}}]\n",
        "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
    ),
    ("remote_write: [{url: 'http://x', foo: 1}]\n", "field foo not found in type config.plain"),
    ("alerting: {alert_relabel_configs: [null]}\n", "empty or null alert relabeling rule"),
    (
        "alerting: {alertmanagers: [{relabel_configs: [null]}]}\n",
        "empty or null Alertmanager target relabeling rule",
    ),
    (
        "alerting: {alertmanagers: [{api_version: v1}]}\n",
        "expected Alertmanager api version to be one of [v2] but got v1",
    ),
    ("alerting: {alertmanagers: [{foo: 1}]}\n", "field foo not found in type config.plain"),
    (
        "alerting: {alertmanagers: [{static_configs: [{targets: ['http://bad']}]}]}\n",
        "\"http://bad\" is not a valid hostname",
    ),
    ("tracing: {sampling_fraction: 1}\n", "tracing endpoint must be set"),
    (
        "tracing: {endpoint: x, compression: lz4}\n",
        "invalid compression type lz4 provided, valid options: gzip",
    ),
    (
        "storage: {tsdb: {chunk_encoding: {floats: XOR}}}\n",
        "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got \"XOR\"",
    ),
    ("alerting: {foo: 1}\n", "field foo not found in type config.plain"),
    ("a: [\n", "yaml: line "),
];

/// A relabelling rule and a part of its fault.
const RULES: &[(&str, &str)] = &[
    ("regex: '('", "error parsing regexp"),
    ("action: hashmod, target_label: x", "relabel configuration for hashmod requires non-zero modulus"),
    ("action: replace", "relabel configuration for replace action requires 'target_label' value"),
    ("action: keepequal", "relabel configuration for keepequal action requires 'target_label' value"),
    ("action: null", "relabel action cannot be empty"),
    ("action: nope", "unknown relabel action \"nope\""),
    ("action: labeldrop, source_labels: [a]", "labeldrop action requires only 'regex', and no other fields"),
    (
        "action: lowercase, target_label: x, replacement: y",
        "'replacement' can not be set for lowercase action",
    ),
    (
        "action: dropequal, target_label: x, regex: y",
        "dropequal action requires only 'source_labels' and `target_label`, and no other fields",
    ),
    ("target_label: '', foo: 1", "field foo not found in type relabel.plain"),
];

#[test]
fn faults_have_prometheus_s_text_and_a_line() {
    let rules = RULES.iter().map(|(rule, want)| {
        (format!("scrape_configs: [{{job_name: a, relabel_configs: [{{{rule}}}]}}]\n"), *want)
    });
    for (text, want) in FAULTS.iter().map(|(t, w)| ((*t).to_owned(), *w)).chain(rules) {
        let error = parse(&text).expect_err(&text);
        assert!(error.starts_with("parsing YAML file F: "), "{error}");
        assert!(error.contains(want), "{text}: {error}");
        assert!(error.contains("line "), "{text}: {error}");
    }
}

#[test]
fn scalars_that_look_like_other_types_are_texts_where_texts_are_wanted() {
    let config = parse(
        "scrape_configs:\n- job_name: 1.10\n  relabel_configs:\n  - {regex: true, action: KEEP}\n  - {regex: , action: drop}\n",
    )
    .unwrap();
    let job = &config.scrape_configs[0];
    assert_eq!(job.job_name, "1.10");
    assert_eq!((job.relabel[0].regex.as_str(), job.relabel[0].action), ("true", Action::Keep));
    assert_eq!(job.relabel[1].regex.as_str(), "");
}

#[test]
fn secrets_and_relative_paths() {
    let config = parse(
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password: hidden}\n  tls_config: {ca_file: ca.pem}\n",
    )
    .unwrap();
    assert_eq!(config.files[0].0, Path::new("/etc/ca.pem"));
    let yaml = config.to_yaml();
    assert!(!yaml.contains("hidden") && yaml.contains("<secret>"), "{yaml}");
    assert!(!format!("{config:?}").contains("hidden"));
}

#[test]
fn what_is_printed_reads_back_to_the_same() {
    let config = parse(
        "global: {scrape_interval: 90s}\nscrape_configs:\n- job_name: 'yes'\n  params: {m: [a, b]}\n  relabel_configs:\n  - {source_labels: [x], regex: 'a\\.b:(.*)', target_label: y}\n  static_configs: [{targets: ['a:1'], labels: {n: 'on'}}]\n",
    )
    .unwrap();
    let yaml = config.to_yaml();
    assert_eq!(parse(&yaml).unwrap().to_yaml(), yaml);
    assert!(yaml.contains("scrape_interval: 1m30s"), "{yaml}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_as_go_tells_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.yml");
    let error = Config::load(&path).unwrap_err().to_string();
    assert_eq!(error, format!("open {}: no such file or directory", path.display()));
}

#[test]
fn sections_of_later_versions_are_named_not_refused() {
    let config = parse("rule_files: [r.yml]\nremote_write: [{url: 'http://x'}]\n").unwrap();
    let names: Vec<&str> = config.unserved.iter().map(|u| u.section.as_str()).collect();
    assert_eq!(names, ["remote_write"]);
}

#[test]
fn discovery_that_is_not_served_is_refused_by_name_at_its_line() {
    let text =
        "scrape_configs:\n- job_name: a\n  consul_sd_configs: [{}]\n  nerve_sd_configs:\n  - servers: [x]\n";
    let error = parse(text).unwrap_err();
    assert!(
        error.ends_with("nerve_sd_configs: this kind of service discovery is not served (line 4)"),
        "{error}"
    );
    let text = "scrape_configs:\n- job_name: a\n  consult_sd_configs: [{}]\n";
    let unknown = "field consult_sd_configs not found in type config.ScrapeConfig";
    assert!(parse(text).unwrap_err().contains(unknown));
}

#[test]
fn the_window_for_late_samples_is_read() {
    let config = parse("storage: {tsdb: {out_of_order_time_window: 30m}}\n").unwrap();
    assert_eq!((config.out_of_order_window_ms, config.unserved.len()), (30 * 60_000, 0));
}

#[test]
fn the_zero_configuration_scrapes_server_and_host() {
    let (config, _) = Config::zero("127.0.0.1:9090", "host \"x\"");
    let jobs: Vec<_> =
        config.scrape_configs.iter().map(|j| (j.job_name.as_str(), j.metrics_path.as_str())).collect();
    assert_eq!(jobs, [("narthex", "/metrics"), ("node-exporter", "/host/metrics")]);
    assert_eq!(config.scrape_configs[1].static_configs[0].labels[0].1, "host \"x\"");
}

#[cfg(feature = "kubernetes")]
#[test]
fn configurations_of_the_charts_load() {
    let shared = std::env::var_os("NARTHEX_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    if !shared.is_dir() {
        eprintln!("SKIPPED: no shared data at {}", shared.display());
        return;
    }
    for name in ["prometheus-chart.yml", "kube-prometheus-stack.yml"] {
        let config = Config::load(&shared.join("corpus").join(name)).unwrap();
        assert!(config.scrape_configs.len() > 5, "{name}");
        let again = Config::parse(&config.to_yaml(), Path::new(""), name, &|_| None).unwrap();
        assert_eq!(again.scrape_configs.len(), config.scrape_configs.len());
    }
}

proptest! {
    #[test]
    fn arbitrary_text_ends_in_a_configuration_or_a_fault(text in "(global|scrape_configs|job_name|[-:{}\\[\\], \n'\"&*a-z0-9]){0,80}") {
        let _ = parse(&text);
    }
}
