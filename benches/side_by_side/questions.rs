//! What is asked.

use super::series::{INTERVAL_MS, START_MS};

/// A query and what it is called in the table.
pub struct Question {
    pub name: String,
    pub query: String,
}

/// Questions of everyday dashboards.
const OWN: &[(&str, &str)] = &[
    ("load 1", "node_load1"),
    ("load 5", "node_load5"),
    ("load 15", "node_load15"),
    ("CPU by instance", "sum by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[5m]))"),
    ("CPU by mode", "sum by (mode) (rate(node_cpu_seconds_total[5m]))"),
    ("busiest five", "topk(5, sum by (instance) (rate(node_cpu_seconds_total{mode=\"user\"}[5m])))"),
    ("90th percentile", "quantile(0.9, rate(node_network_receive_bytes_total[5m]))"),
    (
        "regex on a label",
        "sum by (device) (rate(node_disk_written_bytes_total{device=~\"sd.+|nvme.+\"}[5m]))",
    ),
    ("regex on names", "max by (__name__) ({__name__=~\"node_memory_.*_bytes\",instance=~\"10.0.0.1.*\"})"),
    ("all series", "count({__name__=~\".+\"})"),
];

/// All questions: our own, then every query of the USE dashboards and of the rules that they read, if the shared
/// corpus is there.
pub fn all() -> Vec<Question> {
    let own =
        |(name, query): &(&str, &str)| Question { name: (*name).to_owned(), query: (*query).to_owned() };
    let mut all: Vec<Question> = OWN.iter().map(own).collect();
    let shared = std::env::var_os("NARTHEX_SHARED").unwrap_or_else(|| "../shared".into());
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("corpus/use-method.json");
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("SKIPPED: no USE queries at {}; NARTHEX_SHARED names its parent", path.display());
        return all;
    };
    let corpus: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    for item in corpus["items"].as_array().unwrap() {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        let name = match text("source") {
            "node-cluster-rsrc-use" if item["kind"] == "range" => format!("USE: {}", text("panel")),
            "node-exporter.rules" => format!("rule: {}", text("record")),
            _ => continue,
        };
        let query = text("expr").split_whitespace().collect::<Vec<_>>().join(" ");
        let twice = all.iter().any(|question| question.name == name);
        all.push(Question { name: if twice { format!("{name} (2)") } else { name }, query });
    }
    all
}

/// In which form a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Instant,
    /// So many hours, at a step of so many seconds.
    Range {
        hours: i64,
        step: i64,
    },
}

pub const FORMS: [Form; 3] =
    [Form::Instant, Form::Range { hours: 1, step: 15 }, Form::Range { hours: 6, step: 60 }];

impl Form {
    pub fn name(self) -> String {
        match self {
            Self::Instant => "instant".to_owned(),
            Self::Range { hours, step } => format!("{hours} h at {step} s"),
        }
    }

    /// The path of a question; `scrapes` are in the store.
    pub fn path(self, query: &str, scrapes: i64) -> String {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        // Behind the last scrape of the last target.
        let end = (START_MS + scrapes * INTERVAL_MS) / 1000;
        match self {
            Self::Instant => format!("/api/v1/query?query={query}&time={end}"),
            Self::Range { hours, step } => {
                let start = end - hours * 3600;
                format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={step}")
            }
        }
    }
}
