//! Budgets of series, and what is told about cardinality.

use crate::harness::samples::{series, write};
use crate::harness::{Narthex, Page, PageServer, eventually};
use serde_json::Value;
use tempfile::TempDir;

fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

fn job(name: &str, server: &PageServer, more: &str) -> String {
    let address = &server.address;
    format!(
        "- job_name: {name}\n  scrape_interval: 100ms\n{more}  static_configs:\n  - targets: ['{address}']\n"
    )
}

fn known(n: usize) -> String {
    (0..n).map(|i| format!("known{{i=\"{i}\"}} 1\n")).collect()
}

fn flood(from: usize, to: usize) -> String {
    (from..to).map(|i| format!("flood{{id=\"{i}\"}} 1\n")).collect()
}

fn cardinality(narthex: &Narthex, question: &str) -> Value {
    narthex.get(&format!("/api/v1/narthex/cardinality?{question}")).data()
}

fn row(report: &Value, name: &str) -> Value {
    let rows = report["rows"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} in {report}")).clone()
}

/// A line of the server's own metrics.
fn metric(narthex: &Narthex, name: &str) -> Option<f64> {
    let page = narthex.get("/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

fn count(narthex: &Narthex, selector: &str) -> usize {
    narthex.query(&format!("count({selector})"))[0]["value"][1].as_str().map_or(0, |n| n.parse().unwrap())
}

#[test]
fn a_target_that_floods_spends_its_own_budget_and_nothing_else_changes() {
    let (flooding, quiet) =
        (PageServer::start(Page::text(known(20))), PageServer::start(Page::text("calm 1\n")));
    let dir = TempDir::new().unwrap();
    let config = |limit: usize| {
        let more = format!("  max_series: {limit}\n");
        format!("scrape_configs:\n{}{}", job("loud", &flooding, &more), job("quiet", &quiet, ""))
    };
    let narthex = Narthex::with_config(dir.path(), &config(40), &["--web.enable-lifecycle"]);
    eventually("the known series are there", || (count(&narthex, "known") == 20).then_some(()));
    // Ten times as many new ones come, some of them before what is known.
    flooding.set(Page::text(flood(0, 100) + &known(20) + &flood(100, 200)));
    let target = format!("loud/{}", flooding.address);
    let report = eventually("the endpoint names the offender", || {
        let report = cardinality(&narthex, "by=target");
        (row(&report, &target)["refused"] != 0).then_some(report)
    });
    // 20 known, 5 of the report: 15 of the 200 found room.
    assert_eq!(
        (&row(&report, &target)["series"], &row(&report, &target)["refused"]),
        (&40.into(), &185.into())
    );
    assert_eq!((&report["refused"], &report["exact"]), (&185.into(), &Value::Bool(true)));
    assert_eq!(row(&report, &target)["instance"], flooding.address.as_str());
    let jobs = cardinality(&narthex, "by=job");
    assert_eq!((&row(&jobs, "loud")["refused"], &row(&jobs, "quiet")["refused"]), (&185.into(), &0.into()));
    assert_eq!(row(&cardinality(&narthex, ""), "flood")["series"], 15);
    assert_eq!(count(&narthex, "flood"), 15);
    // What is known goes on, scrapes succeed, and nobody else is touched.
    let begin = flooding.requests();
    eventually("more scrapes come", || (flooding.requests() > begin + 5).then_some(()));
    let samples = |selector: &str| -> usize {
        let expr = format!("sum(count_over_time({selector}[1m]))");
        narthex.value(&expr).map_or(0, |n| n.parse().unwrap())
    };
    let before = samples("known");
    eventually("known series get new samples", || (samples("known") > before).then_some(()));
    assert_eq!(narthex.value("min(min_over_time(up[5m]))").as_deref(), Some("1"));
    assert_eq!((count(&narthex, "up"), count(&narthex, "calm")), (2, 1));
    let series = metric(&narthex, "narthex_scrape_job_series{scrape_job=\"loud\"}");
    let limit = metric(&narthex, "narthex_scrape_job_max_series{scrape_job=\"loud\"}");
    let times = metric(&narthex, "narthex_scrape_job_series_refused_total{scrape_job=\"loud\"}");
    assert_eq!((series, limit, times), (Some(40.0), Some(40.0), Some(185.0)), "each is refused once");
    let instance = &flooding.address;
    let refused =
        format!("narthex_scrape_target_series_refused{{scrape_job=\"loud\",instance=\"{instance}\"}}");
    assert_eq!(metric(&narthex, &refused), Some(185.0));
    assert!(narthex.log().contains("New series are refused"));
    // A larger budget takes effect with the next scrape.
    std::fs::write(dir.path().join("prometheus.yml"), config(1000)).unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    eventually("the rest finds room", || (count(&narthex, "flood") == 200).then_some(()));
    eventually("nothing is refused any more", || (metric(&narthex, &refused).is_none()).then_some(()));
}

#[test]
fn the_limit_of_the_server_holds_for_scrapes_and_remote_write() {
    let server = PageServer::start(Page::text(known(10)));
    let dir = TempDir::new().unwrap();
    let config = format!("scrape_configs:\n{}", job("j", &server, ""));
    let flags = ["--storage.max-series=20", "--web.enable-remote-write-receiver"];
    let narthex = Narthex::with_config(dir.path(), &config, &flags);
    eventually("the known series are there", || (count(&narthex, "known") == 10).then_some(()));
    let sent = |name: &str, at: i64| series(&[("__name__", name)], &[(at, 1.0)]);
    let now = now_ms();
    assert_eq!(write(&narthex.url, vec![sent("sent", now)]).status, 204);
    server.set(Page::text(known(10) + &flood(0, 100)));
    eventually("the flood is refused", || {
        metric(&narthex, "narthex_storage_series_refused_total").filter(|n| *n == 96.0)
    });
    let answer = write(&narthex.url, vec![sent("new", now + 1), sent("sent", now + 1)]);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("1 new series were refused"), "{}", answer.text());
    assert!(answer.text().contains("limit of 20 series (--storage.max-series)"), "{}", answer.text());
    assert_eq!(
        narthex.query("sent[1m]")[0]["values"].as_array().unwrap().len(),
        2,
        "what is known was written"
    );
    assert_eq!(metric(&narthex, "narthex_remote_write_series_refused_total"), Some(1.0));
    let report = cardinality(&narthex, "by=label");
    assert_eq!((&report["total"], &row(&report, "id")["values"]), (&20.into(), &4.into()));
    assert_eq!(narthex.value("up").as_deref(), Some("1"));
}

#[test]
fn cardinality_is_told_by_every_dimension_and_queries_are_remembered() {
    let page =
        "a{path=\"/x\",code=\"200\"} 1\na{path=\"/y\",code=\"200\"} 1\na{path=\"/z\",code=\"500\"} 1\nb 1\n";
    let server = PageServer::start(Page::text(page));
    let dir = TempDir::new().unwrap();
    let config = format!("scrape_configs:\n{}", job("j", &server, ""));
    let start = || Narthex::with_config(dir.path(), &config, &[]);
    let narthex = start();
    eventually("the page is there", || (count(&narthex, "a") == 3).then_some(()));
    let a = row(&cardinality(&narthex, "by=metric"), "a");
    assert_eq!((&a["series"], &a["top_job"], &a["top_label"]), (&3.into(), &"j".into(), &"path".into()));
    assert!(a["bytes"].as_u64().unwrap() > 3 * 100 && a["delta"].is_null(), "{a}");
    let queried = a["last_queried"].as_i64().unwrap();
    assert!((queried - now_ms() / 1000).abs() < 60, "{queried}");
    assert!(row(&cardinality(&narthex, "by=metric"), "b")["last_queried"].is_null());
    let pair = row(&cardinality(&narthex, "by=pair&focus=code"), "code=200");
    assert_eq!((&pair["series"], &pair["label"], &pair["value"]), (&2.into(), &"code".into(), &"200".into()));
    let report = cardinality(&narthex, "by=pair&focus=code&limit=1");
    assert_eq!((&report["names"], report["rows"].as_array().unwrap().len()), (&2.into(), 1));
    let report = cardinality(&narthex, "by=label&match[]=a%7Bcode%3D%22200%22%7D");
    assert_eq!((&report["total"], &row(&report, "path")["values"]), (&2.into(), &2.into()));
    let report = cardinality(&narthex, "by=metric&focus=path");
    assert_eq!((&report["total"], report["rows"].as_array().unwrap().len()), (&3.into(), 1));
    for bad in ["by=x", "compare=x", "compare=-1", "limit=x", "match[]=%7B", "match[]=%7Ba%3D%22%22%7D"] {
        assert_eq!(narthex.get(&format!("/api/v1/narthex/cardinality?{bad}")).status, 400, "{bad}");
    }
    narthex.signal("TERM");
    assert!(narthex.wait());
    let narthex = start();
    eventually("the page is there", || {
        let report = cardinality(&narthex, "");
        let rows = report["rows"].as_array().unwrap();
        rows.iter().any(|row| row["name"] == "a").then_some(())
    });
    assert_eq!(row(&cardinality(&narthex, ""), "a")["last_queried"], queried, "also after a restart");
}
