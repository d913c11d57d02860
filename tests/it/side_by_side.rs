//! One configuration, unchanged, under Debian's Prometheus and under narthex: targets from files, relabelling, rules,
//! and an Alertmanager each. Both scrape the same pages, and have to say the same of them.

use crate::harness::process::file;
use crate::harness::{Narthex, Page, PageServer, Peer, get, post_form, program};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

const CONFIG: &str = r"
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s, external_labels: {site: home, replica: a}}
rule_files: ['rules/*.yml']
alerting:
  alert_relabel_configs: [{action: labeldrop, regex: replica}]
  alertmanagers: [{file_sd_configs: [{files: [alertmanagers.json]}]}]
scrape_configs:
- job_name: nodes
  params: {module: [a, b]}
  file_sd_configs: [{files: ['targets/*.json', 'targets/*.yml']}]
  relabel_configs:
  - {source_labels: [role], regex: retired, action: drop}
  - {source_labels: [role, __scheme__], separator: '/', target_label: kind}
  - {source_labels: [__meta_filepath], regex: '.*/(\w+)\.\w+', target_label: file}
  - {regex: 'host_(.*)', action: labelmap}
  - {regex: 'host_.*', action: labeldrop}
  - {source_labels: [role], regex: api, target_label: __metrics_path__, replacement: /api/metrics}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: 'noise.*', action: drop}
  - {source_labels: [cpu], regex: '(\d)', target_label: core, replacement: 'c$1'}
- job_name: single
  honor_labels: true
  static_configs: [{targets: ['ADDRESS'], labels: {job: mine}}]
";

const RULES: &str = r#"
groups:
- name: loads
  rules:
  - {record: 'kind:load:sum', expr: 'sum by (job, kind) (load)', labels: {level: kind}}
  - alert: High
    expr: 'kind:load:sum > 8'
    for: 2s
    labels: {severity: '{{ if gt $value 10.0 }}page{{ else }}ticket{{ end }}'}
    annotations: {summary: '{{ $labels.kind }} at {{ $value | humanize }} in {{ $externalLabels.site }}'}
  - {alert: Never, expr: 'kind:load:sum < 0'}
- name: ends
  rules:
  - {alert: Down, expr: 'up == 0', annotations: {who: '{{ $labels.instance }}', file: '{{ $labels.file }}'}}
  - {alert: Missing, expr: 'absent(load{job="gone", kind="x"})', labels: {severity: page}}
"#;

const PAGE: &str = "# HELP load The load.\n# TYPE load gauge\nload{cpu=\"0\"} 5\nload{cpu=\"1\"} 5.5\n\
                    noise_total 3\njobs{job=\"theirs\",instance=\"it\"} 2\n";

/// The pages that both scrape: two that answer, and an address where nobody does.
struct Pages {
    first: PageServer,
    second: PageServer,
}

impl Pages {
    fn targets(&self, retired: &str) -> Value {
        json!([
            {"targets": [self.first.address], "labels": {"role": "api", "host_rack": "r1", "host_room": "x"}},
            {"targets": [self.second.address], "labels": {"role": retired}},
        ])
    }

    /// Writes a directory with the configuration and all that it names.
    fn write(&self, dir: &Path, alertmanager: &str) {
        for sub in ["rules", "targets"] {
            std::fs::create_dir(dir.join(sub)).unwrap();
        }
        file(dir, "prometheus.yml", &CONFIG.replace("ADDRESS", &self.second.address));
        file(dir, "rules/all.yml", RULES);
        file(dir, "targets/first.json", &self.targets("db").to_string());
        file(
            dir,
            "targets/second.yml",
            "- targets: ['127.0.0.1:9']\n  labels: {role: broken}\n- targets: ['127.0.0.1:8']\n  labels: {role: retired}\n",
        );
        file(dir, "alertmanagers.json", &json!([{"targets": [alertmanager]}]).to_string());
    }
}

/// One of the two servers, with its directory and its Alertmanager.
struct Side {
    url: String,
    dir: TempDir,
    alertmanager: Peer,
}

impl Side {
    fn new(pages: &Pages, alertmanager: Peer) -> Self {
        let dir = TempDir::new().unwrap();
        pages.write(dir.path(), alertmanager.address());
        Self { url: String::new(), dir, alertmanager }
    }

    fn data(&self, path: &str) -> Value {
        get(&format!("{}/api/v1/{path}", self.url)).unwrap().data()
    }

    /// Text without what differs between the two: their directories and addresses.
    fn neutral(&self, value: &Value) -> String {
        let text = value.to_string().replace(&self.url, "http://server");
        text.replace(self.dir.path().to_str().unwrap(), "/dir")
    }

    /// The same fields of each of a list.
    fn facts(&self, list: &Value, fields: &[&str]) -> BTreeSet<String> {
        let pick = |one: &Value| fields.iter().map(|field| one[*field].clone()).collect::<Vec<_>>();
        list.as_array().unwrap().iter().map(|one| self.neutral(&Value::Array(pick(one)))).collect()
    }

    fn targets(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let found = self.data("targets");
        // Not the discovered labels of an active one: Debian's release shows them after some of the relabelling.
        let fields = ["scrapePool", "scrapeUrl", "labels", "health", "scrapeInterval", "scrapeTimeout"];
        let active = self.facts(&found["activeTargets"], &fields);
        (active, self.facts(&found["droppedTargets"], &["discoveredLabels"]))
    }

    /// Every series and its value, but how long a scrape took.
    fn series(&self) -> BTreeSet<String> {
        let query = r#"{__name__!="scrape_duration_seconds", __name__=~".+"}"#;
        let answer = post_form(&format!("{}/api/v1/query", self.url), &[("query", query)]).unwrap().data();
        let result = answer["result"].as_array().unwrap();
        // An alert is as old as it is.
        let is_age = |one: &Value| one["metric"]["__name__"] == "ALERTS_FOR_STATE";
        let text = |one: &Value| {
            let value = if is_age(one) { &Value::Null } else { &one["value"][1] };
            self.neutral(&json!([one["metric"], value]))
        };
        result.iter().map(text).collect()
    }

    fn alerts(&self) -> BTreeSet<String> {
        self.facts(&self.data("alerts")["alerts"], &["labels", "annotations", "state", "value"])
    }

    fn rules(&self) -> Vec<(String, BTreeSet<String>)> {
        let groups = self.data("rules")["groups"].clone();
        let fields = ["name", "query", "type", "state", "duration", "labels", "annotations", "health"];
        let group = |group: &Value| {
            let head = json!([group["name"], group["file"], group["interval"], group["limit"]]);
            (self.neutral(&head), self.facts(&group["rules"], &fields))
        };
        groups.as_array().unwrap().iter().map(group).collect()
    }

    /// The alerts that its Alertmanager has, and holds for active.
    fn told(&self) -> BTreeSet<String> {
        let url = format!("{}/api/v2/alerts", self.alertmanager.url);
        let alerts = get(&url).unwrap().json();
        let mut told = BTreeSet::new();
        for alert in alerts.as_array().unwrap() {
            // The program is asked by the name of its machine, not by the address.
            let link = alert["generatorURL"].as_str().unwrap();
            let link = link.split_once("/graph").unwrap_or_else(|| panic!("{link}")).1;
            told.insert(self.neutral(&json!([alert["labels"], alert["annotations"], link])));
        }
        told
    }
}

/// Asks both until they say the same and it is what is awaited.
fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    sides: &[Side; 2],
    ask: impl Fn(&Side) -> T,
    awaited: impl Fn(&T) -> bool,
) -> T {
    let mut last = None;
    let agreed = becomes_true(|| {
        let [ours, theirs] = [ask(&sides[0]), ask(&sides[1])];
        let agree = ours == theirs && awaited(&ours);
        last = Some((ours, theirs));
        agree
    });
    let Some((ours, theirs)) = last else { panic!("{what}: nothing asked") };
    assert!(agreed, "{what}:\nnarthex    {ours:#?}\nPrometheus {theirs:#?}");
    ours
}

/// Whether something becomes true within a minute.
fn becomes_true(mut ask: impl FnMut() -> bool) -> bool {
    let begun = std::time::Instant::now();
    while begun.elapsed().as_secs() < 60 {
        if ask() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    false
}

#[test]
fn an_unchanged_configuration_finds_records_alerts_and_tells_the_same() {
    let (Some(prometheus), Some(alertmanager)) = (program("prometheus"), program("prometheus-alertmanager"))
    else {
        return;
    };
    let pages =
        Pages { first: PageServer::start(Page::text(PAGE)), second: PageServer::start(Page::text(PAGE)) };
    let route = "route: {receiver: none}\nreceivers: [{name: none}]\n";
    let side = || Side::new(&pages, Peer::alertmanager(&alertmanager, route, None));
    let mut sides = [side(), side()];
    let config = |side: &Side| format!("--config.file={}", side.dir.path().join("prometheus.yml").display());
    let resend = "--rules.alert.resend-delay=1s";
    let narthex = Narthex::start(&sides[0].dir.path().join("data"), &[&config(&sides[0]), resend]);
    let peer = Peer::prometheus_in(&prometheus, sides[1].dir.path(), &[resend]);
    (sides[0].url, sides[1].url) = (narthex.url.clone(), peer.url.clone());

    let (active, dropped) = same("targets", &sides, Side::targets, |(active, _)| {
        let of = |health: &str| active.iter().filter(|one| one.contains(health)).count();
        (of("\"up\""), of("\"down\"")) == (3, 1)
    });
    assert_eq!((active.len(), dropped.len()), (4, 1));
    let alerts = same("alerts", &sides, Side::alerts, |alerts| {
        alerts.iter().filter(|alert| alert.contains("\"firing\"")).count() == 5
    });
    assert!(alerts.iter().any(|alert| alert.contains("api/http at 10.5 in home")), "{alerts:#?}");
    let series = same("series", &sides, Side::series, |_| true);
    for part in ["kind:load:sum", "\"core\":\"c1\"", "\"job\":\"theirs\"", "exported_job", "ALERTS_FOR_STATE"]
    {
        assert!(series.iter().any(|one| one.contains(part)), "{part} in {series:#?}");
    }
    let rules = same("rules", &sides, Side::rules, |_| true);
    assert_eq!(rules.len(), 2);
    let told = same("what Alertmanagers have", &sides, Side::told, |told| told.len() == 5);
    assert!(
        told.iter().all(|one| one.contains("\"site\":\"home\"") && !one.contains("replica")),
        "{told:#?}"
    );

    // A target goes: its series end, and its alert is resolved here and there.
    for side in &sides {
        let path = side.dir.path().join("targets/first.json");
        let aside = side.dir.path().join("aside");
        std::fs::write(&aside, pages.targets("retired").to_string()).unwrap();
        std::fs::rename(&aside, &path).unwrap();
    }
    same("targets after one went", &sides, Side::targets, |(active, dropped)| {
        (active.len(), dropped.len()) == (3, 2)
    });
    same("alerts after one target went", &sides, Side::alerts, |alerts| alerts.len() == 4);
    same("series after one target went", &sides, Side::series, |_| true);
    same("what Alertmanagers have then", &sides, Side::told, |told| told.len() == 4);
}
