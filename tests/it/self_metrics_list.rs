//! Every metric that Prometheus has about itself, name by name, with its type and its labels: it is there, or it stands
//! in a table with the reason why it has no meaning here.

use crate::harness::{Narthex, eventually, free_address, get, shared};
use std::collections::{BTreeMap, BTreeSet};
use tempfile::TempDir;

/// Names, or beginnings of names with a `*`, and why nothing of that kind is measured.
const ABSENT: &[(&str, &str)] = &[
    ("prometheus_web_federation_*", "/federate is not served"),
    (
        "prometheus_target_scrape_pool_symboltable_items",
        "jobs have no table of symbols: pages share segments of text",
    ),
    (
        "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
        "the setting has no effect: histograms are not scraped",
    ),
    (
        "prometheus_target_scrapes_cache_flush_forced_total",
        "what is remembered of a page never grows beyond it",
    ),
    (
        "prometheus_sd_kubernetes_http_request_*",
        "shown once a cluster is asked, which the tests of Kubernetes do",
    ),
    ("prometheus_sd_kubernetes_workqueue_*", "changes are applied as they come: there is no queue of work"),
    ("prometheus_treecache_*", "serverset_sd and nerve_sd are not served"),
    ("prometheus_tsdb_head_stale_series", "which series have ended only their groups know, not the head"),
    (
        "prometheus_tsdb_head_series_not_found_total",
        "a slot holds its series, so that none is asked for in vain",
    ),
    ("prometheus_tsdb_isolation_*", "a row is published as a whole: there are no ids of appends"),
    ("prometheus_tsdb_snapshot_replay_error_total", "a stop flushes to level 0 and writes no snapshot"),
    (
        "prometheus_tsdb_chunk_write_queue_operations_total",
        "chunks are written by the flush, not through a queue",
    ),
    ("prometheus_tsdb_wbl_replay_unknown_refs_total", "late samples stand in the one log"),
    ("prometheus_tsdb_out_of_order_wbl_*", "late samples stand in the one log"),
    ("prometheus_tsdb_wal_reader_corruption_errors_total", "nobody follows the log while it is written"),
    ("prometheus_tsdb_wal_completed_pages_total", "the log has no pages"),
    ("prometheus_tsdb_wal_record_bytes_saved_total", "records are not compressed"),
    ("prometheus_tsdb_symbol_table_size_bytes", "the symbols of blocks are mapped, not held in memory"),
    ("prometheus_tsdb_compactions_skipped_total", "compaction cannot be switched off"),
    ("prometheus_tsdb_stale_series_compaction*", "stale series leave the head with the others"),
    ("prometheus_tsdb_selected_series_compaction*", "there is no compaction of chosen series"),
    ("prometheus_tsdb_retention_limit_percentage", "the setting has no effect yet"),
    ("prometheus_remote_storage_*", "remote_write is not served: there are no queues"),
    ("prometheus_wal_watcher_*", "remote_write is not served: nobody follows the log"),
    ("prometheus_remote_read_*", "neither side of remote read is served"),
    (
        "prometheus_api_remote_write_*",
        "labels are refused with the whole request, and metadata are not stored",
    ),
    ("prometheus_api_otlp_*", "OTLP is not served"),
    ("go_*", "the server is not written in Go"),
];

/// A metric as the list has it.
#[derive(Debug)]
struct Listed {
    name: String,
    kind: &'static str,
    labels: Vec<String>,
    quantiles: Vec<String>,
}

/// The parts of a text between commas that stand in no brackets.
fn parts(text: &str) -> Vec<String> {
    let (mut out, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        depth += i32::from("{(".contains(c)) - i32::from("})".contains(c));
        match (c, depth) {
            (',', 0) => out.push(String::new()),
            _ => out.last_mut().unwrap().push(c),
        }
    }
    out
}

/// Text without what stands between two marks.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        out.push_str(before);
        rest = after.split_once(close).map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// `{a,b}_c` is `a_c` and `b_c`; `a{label}` is `a`.
fn expanded(name: &str) -> Vec<String> {
    let Some((before, rest)) = name.split_once('{') else { return vec![name.to_owned()] };
    let (inside, after) = rest.split_once('}').unwrap();
    if !inside.contains(',') {
        return vec![before.to_owned()];
    }
    inside.split(',').map(|one| format!("{before}{}{after}", one.trim())).collect()
}

fn kind(letter: &str) -> Option<&'static str> {
    match letter.trim_start_matches('(').chars().next()? {
        'C' => Some("counter"),
        'G' => Some("gauge"),
        'H' | 'N' => Some("histogram"),
        'S' => Some("summary"),
        _ => None,
    }
}

/// Reads the tables of the list.
fn listed(text: &str) -> Vec<Listed> {
    let (mut prefix, mut head, mut out) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        if line.starts_with("## ") {
            let of = line.split_once("(`").and_then(|(_, rest)| rest.split_once("` +)"));
            prefix = of.map_or(String::new(), |(prefix, _)| prefix.to_owned());
        }
        let Some(row) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else { continue };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if ["metric", "other"].contains(&cells[0]) {
            head = cells.clone();
            if cells[0] == "other" {
                prefix.clear();
            }
            continue;
        }
        if cells[0].starts_with("---") {
            continue;
        }
        let labels = without(&without(cells[2], "(", ")"), "`", "`");
        let labels = labels.split(':').next().unwrap();
        let is_label =
            |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let mut labels: Vec<String> =
            labels.split(',').map(str::trim).filter(is_label).map(ToOwned::to_owned).collect();
        match head[2] {
            "labels" => {}
            "further labels" if labels != ["none"] => labels.extend(["remote_name", "url"].map(String::from)),
            _ => labels.clear(),
        }
        labels.retain(|label| label != "none");
        let mut previous = String::new();
        let mut row_names: Vec<(String, Option<&'static str>)> = Vec::new();
        for part in parts(&without(cells[0], "**", "**")) {
            let part = part.trim().replace(" }", "}").replace(" ,", ",");
            let (name, note) = part.split_once(' ').unwrap_or((&part, ""));
            let mut name = name.to_owned();
            // `…_b_total` goes on where the name before had as many words.
            if let Some(rest) = name.strip_prefix("…_") {
                let words = rest.matches('_').count() + 1;
                let kept = previous.rsplitn(words + 1, '_').nth(words).unwrap_or_default();
                name = format!("{kept}_{rest}");
            }
            previous.clone_from(&name);
            row_names.push((name, kind(note)));
        }
        let mut own = None;
        for (name, noted) in row_names.into_iter().rev() {
            own = noted.or(own);
            let kind = kind(cells[1]).or(own);
            let spelled: Vec<String> = expanded(&name);
            for name in spelled {
                let whole = ["prometheus_", "process_", "go_", "net_", "promhttp_"];
                let name = if whole.iter().any(|begin| name.starts_with(begin)) {
                    name
                } else {
                    format!("{prefix}{name}")
                };
                let shown = if kind == Some("summary") { cells[1] } else { "" };
                let shown = shown.split_whitespace().filter(|word| word.starts_with('.'));
                let quantiles = shown.map(|quantile| format!("0{quantile}")).collect();
                out.push(Listed { name, kind: kind.unwrap_or("none"), labels: labels.clone(), quantiles });
            }
        }
    }
    out
}

fn absent(name: &str) -> Option<usize> {
    ABSENT.iter().position(|(pattern, _)| match pattern.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == *pattern,
    })
}

type Pairs<'a> = BTreeMap<&'a str, &'a str>;

/// Types and, by name, the labels of the samples.
fn page(text: &str) -> (Pairs<'_>, Vec<(&str, Pairs<'_>)>) {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\""));
        (name, labels.map(|(name, value)| (name, value.trim_end_matches('"'))).collect())
    });
    (types, samples.collect())
}

fn start(dir: &TempDir) -> Narthex {
    let address = free_address();
    let path = dir.path().display();
    std::fs::write(dir.path().join("targets.json"), format!("[{{\"targets\": [\"{address}\"]}}]")).unwrap();
    let rules = "groups: [{name: g, interval: 1s, rules: [{record: one, expr: vector(1)}]}]\n";
    std::fs::write(dir.path().join("rules.yml"), rules).unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         rule_files: [{path}/rules.yml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:1']}}]}}]}}\n\
         scrape_configs:\n\
         - {{job_name: files, extra_scrape_metrics: true, file_sd_configs: [{{files: ['{path}/targets.json']}}]}}\n\
         - {{job_name: refused, http_sd_configs: [{{url: 'http://127.0.0.1:1/'}}]}}\n"
    );
    Narthex::with_config(
        dir.path(),
        &config,
        &[&format!("--web.listen-address={address}"), "--web.enable-lifecycle"],
    )
}

#[test]
fn every_metric_of_the_list_is_there_or_has_a_reason_not_to_be() {
    let Some(list) = shared("reference/self-metrics.md") else { return };
    let listed = listed(&std::fs::read_to_string(list).unwrap());
    assert!(listed.len() > 250, "the list was not read: {} names", listed.len());
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir);
    // A changed job shows how long that took.
    let file = dir.path().join("prometheus.yml");
    let config = std::fs::read_to_string(&file)
        .unwrap()
        .replace("job_name: files,", "job_name: files, sample_limit: 99999,");
    std::fs::write(&file, config).unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    for begun in ["prometheus_target_interval_length_seconds_count", "prometheus_sd_refresh_failures_total"] {
        eventually(begun, || narthex.value(begun).filter(|value| value != "0"));
    }
    let text = get(&format!("{}/metrics", narthex.url)).unwrap().text();
    let (types, samples) = page(&text);
    let (mut faults, mut used) = (Vec::new(), BTreeSet::new());
    for Listed { name, kind, labels, quantiles } in &listed {
        let reason = absent(name);
        used.extend(reason);
        match (types.get(name.as_str()), reason) {
            (None, Some(_)) => continue,
            (Some(_), Some(_)) => {
                faults.push(format!("{name} is there, though the table says that it is not"))
            }
            (None, None) => faults.push(format!("{name} ({kind}) is missing")),
            (Some(is), None) if is != kind && *kind != "none" => {
                faults.push(format!("{name} is a {is}, not a {kind}"))
            }
            (Some(_), None) => {}
        }
        let count = format!("{name}_count");
        let own = samples.iter().filter(|(sample, _)| sample == name || *sample == count);
        let own: Vec<_> = own.map(|(_, labels)| labels).collect();
        if own.is_empty() {
            faults.push(format!("{name} has no sample"));
        }
        for has in &own {
            for label in labels.iter().filter(|label| !has.contains_key(label.as_str())) {
                faults.push(format!("{name} has no label {label}: {has:?}"));
            }
        }
        for quantile in quantiles {
            if !own.iter().any(|has| has.get("quantile") == Some(&quantile.as_str())) {
                faults.push(format!("{name} has no quantile {quantile}"));
            }
        }
    }
    for (at, (pattern, _)) in ABSENT.iter().enumerate() {
        if !used.contains(&at) {
            faults.push(format!("{pattern} is in the table but not in the list"));
        }
    }
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_start_is_clean_after_a_stop_in_order_but_not_after_a_kill() {
    let dir = TempDir::new().unwrap();
    // From the page: what is stored may be of the process before.
    let shown = |narthex: &Narthex, series: &str| {
        let text = narthex.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap().to_owned()
    };
    let clean = |narthex: &Narthex| shown(narthex, "prometheus_tsdb_clean_start");
    let has_stored = |narthex: &Narthex| {
        let appended = "prometheus_tsdb_head_samples_appended_total{type=\"float\"}";
        eventually("it has stored a scrape", || (shown(narthex, appended) != "0").then_some(()));
    };
    let narthex = start(&dir);
    assert_eq!(clean(&narthex), "1");
    has_stored(&narthex);
    narthex.signal("TERM");
    assert!(narthex.wait());
    let narthex = start(&dir);
    assert_eq!(clean(&narthex), "1");
    has_stored(&narthex);
    narthex.kill();
    assert_eq!(clean(&start(&dir)), "0");
}
