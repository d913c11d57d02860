//! Retention rules: history is brought in, maintained, and asked for.

use crate::harness::Narthex;
use crate::harness::process::run;
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const CONFIG: &str = "\
storage:
  tsdb:
    retention_rules:
    - match: '{job=\"gone\"}'
      keep: 2d
    - match: ['{job=\"coarse\"}', 'not_there']
      downsample: {after: 3d, resolution: 5m}
";

/// Two days of samples, one every half minute, that began at a whole day ten days ago: a gauge, and a counter that
/// begins anew once in 401 samples.
fn history(first: i64) -> String {
    let mut text = String::new();
    for (name, kind) in [("g", "gauge"), ("c", "counter")] {
        text.push_str(&format!("# TYPE {name} {kind}\n"));
        for job in ["coarse", "gone", "fine"] {
            for n in 0..2 * DAY / 30 {
                let t = first + n * 30 + 15;
                let line = match name {
                    "g" => format!("g{{job=\"{job}\"}} {} {t}\n", n * 7 % 101),
                    _ => format!("c_total{{job=\"{job}\"}} {} {t}\n", n % 401),
                };
                text.push_str(&line);
            }
        }
    }
    text + "# EOF\n"
}

fn ask(server: &Narthex, expr: &str, at: i64) -> Value {
    server.post("/api/v1/query", &[("query", expr), ("time", &at.to_string())]).json()
}

fn value(answer: &Value) -> Option<f64> {
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

/// Waits for what maintenance brings about; gives up after ten minutes.
fn patiently(mut come_true: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !come_true() {
        assert!(begin.elapsed() < Duration::from_secs(600), "it never came true");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn rules_drop_and_downsample_what_was_brought_in() {
    let dir = TempDir::new().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    let first = (now / DAY - 10) * DAY;
    let (input, data) = (dir.path().join("in.om"), dir.path().join("data"));
    std::fs::write(&input, history(first)).unwrap();
    let paths = [input.display().to_string(), data.display().to_string()];
    let (good, told) = run(&["tsdb", "import", "openmetrics", "-q", &paths[0], &paths[1]]);
    assert!(good, "{told}");
    let server = Narthex::with_config(dir.path(), CONFIG, &["--storage.tsdb.retention.time=30d"]);
    let (end, empty) = (first + DAY, Value::Array(Vec::new()));
    // What has expired is not shown, though it is there still.
    assert_eq!(ask(&server, "g{job=\"gone\"}", end)["data"]["result"], empty);
    let metric = |name: &str| {
        let page = server.get("/metrics").text();
        let line = page.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
    };
    let before = metric("prometheus_tsdb_storage_blocks_bytes").unwrap();
    // Blocks of two hours; they are looked after every half minute.
    patiently(|| metric("narthex_storage_blocks_rewritten_total") >= Some(24.0));
    assert!(metric("narthex_storage_downsampled_blocks") > Some(0.0));
    assert!(metric("prometheus_tsdb_storage_blocks_bytes").unwrap() < before);
    assert!(metric("narthex_storage_downsampled_series").unwrap() >= 2.0);
    assert_eq!(metric("narthex_storage_series_downsampled_total"), Some(48.0));
    for expr in [
        "max_over_time(g{job=\"%\"}[1h])",
        "min_over_time(g{job=\"%\"}[35m])",
        "sum_over_time(g{job=\"%\"}[1h])",
        "count_over_time(c_total{job=\"%\"}[2h])",
        "avg_over_time(g{job=\"%\"}[5m])",
        "last_over_time(c_total{job=\"%\"}[5m])",
        "resets(c_total{job=\"%\"}[6h])",
        "c_total{job=\"%\"}",
    ] {
        for at in [end, end + HOUR] {
            let fine = ask(&server, &expr.replace('%', "fine"), at);
            let coarse = ask(&server, &expr.replace('%', "coarse"), at);
            assert!(fine.get("infos").is_none() && value(&fine).is_some(), "{fine}");
            assert_eq!(value(&coarse), value(&fine), "{expr}");
            let metric = if expr.contains("c_total") { "c_total" } else { "g" };
            let info = format!("PromQL info: samples of metric name \"{metric}\" are downsampled to 5m (1:");
            assert!(coarse["infos"][0].as_str().is_some_and(|text| text.starts_with(&info)), "{coarse}");
            assert!(coarse.get("warnings").is_none(), "{coarse}");
        }
    }
    // Between samples an instant selector shows the one before, as long as the interval lasts.
    let half = end + HOUR / 2;
    let before = value(&ask(&server, "c_total{job=\"coarse\"}", half + 4 * MINUTE));
    assert_eq!(before, value(&ask(&server, "c_total{job=\"fine\"}", half)));
    // A rate over many intervals is that of the raw samples but for what lies before the first one.
    let rate = |job: &str| value(&ask(&server, &format!("rate(c_total{{job=\"{job}\"}}[1d])"), end)).unwrap();
    assert!((rate("coarse") / rate("fine") - 1.0).abs() < 0.01, "{} {}", rate("coarse"), rate("fine"));
    for (expr, warning) in [
        (
            "quantile_over_time(0.5, g{job=\"coarse\"}[1h])",
            "quantile_over_time sees one sample for each interval of 5m",
        ),
        ("rate(c_total{job=\"coarse\"}[5m])", "window of 5m is shorter than two intervals of 5m"),
    ] {
        let answer = ask(&server, expr, end);
        assert!(answer["warnings"][0].as_str().is_some_and(|text| text.contains(warning)), "{answer}");
    }
    let config = server.get("/api/v1/status/config").json();
    assert!(config["data"]["yaml"].as_str().unwrap().contains("resolution: 5m"), "{config}");
    server.signal("TERM");
    assert!(server.wait());
    let (good, told) = run(&["tsdb", "verify", &paths[1]]);
    assert!(good, "{told}");
    let (good, listed) = run(&["tsdb", "list", &paths[1]]);
    assert!(good && listed.lines().skip(1).all(|line| line.ends_with(" narthex 5m")), "{listed}");
    let (good, listed) = run(&["tsdb", "export", "--match", "{job=\"gone\"}", &paths[1]]);
    assert!(good && listed.is_empty(), "{listed}");
    let (good, listed) = run(&["tsdb", "export", "--match", "g{job=\"coarse\"}", &paths[1]]);
    assert!(good && listed.lines().count() < 2 * 288 + 30, "{}", listed.lines().count());
}
