//! SIGKILL at random moments loses nothing that a query had returned.

use crate::harness::{Body, Narthex, Page, PageServer, eventually};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Samples of each series by timestamp text, as the API writes them.
type Seen = BTreeMap<String, BTreeMap<String, String>>;

fn page(number: usize) -> String {
    // Counters that move, gauges that stay, a series that comes and goes.
    let mut page: String = (0..50)
        .map(|i| format!("events_total{{i=\"{i}\"}} {}\nlevel{{i=\"{i}\"}} {i}\n", number * (i + 1)))
        .collect();
    if number.is_multiple_of(3) {
        page.push_str("guest 1\n");
    }
    page
}

fn raw(narthex: &Narthex) -> Seen {
    let result = narthex.query("{job=\"ticks\"}[1h]");
    let mut seen = Seen::new();
    for series in result.as_array().unwrap() {
        let samples = series["values"].as_array().unwrap().iter();
        let samples = samples.map(|pair| (pair[0].to_string(), pair[1].as_str().unwrap().to_owned()));
        seen.insert(series["metric"].to_string(), samples.collect());
    }
    seen
}

fn count(seen: &Seen) -> usize {
    seen.values().map(BTreeMap::len).sum()
}

#[test]
fn twenty_kills_lose_no_sample_that_a_query_returned() {
    let target = PageServer::start(Page::of(Body::Counted(page)));
    let dir = TempDir::new().unwrap();
    let config = format!(
        "scrape_configs:\n- job_name: ticks\n  scrape_interval: 20ms\n  scrape_timeout: 20ms\n  static_configs:\n  - targets: ['{}']\n",
        target.address
    );
    let mut known = Seen::new();
    for round in 0..20 {
        let narthex = Narthex::with_config(dir.path(), &config, &[]);
        let back = raw(&narthex);
        for (series, samples) in &known {
            for (timestamp, value) in samples {
                let found = back.get(series).and_then(|samples| samples.get(timestamp));
                assert_eq!(found, Some(value), "round {round}: {series} at {timestamp}");
            }
        }
        let before = count(&back);
        eventually("new samples arrive", || (count(&raw(&narthex)) > before).then_some(()));
        // The nanoseconds of the clock are as good a die as any.
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
        std::thread::sleep(Duration::from_millis(u64::from(nanos / 1000 % 400)));
        known = raw(&narthex);
        narthex.kill();
    }
    assert!(count(&known) > 20 * 100, "the log held enough to be lost: {}", count(&known));
}

#[test]
fn a_torn_log_is_cut_back_and_reported() {
    let target = PageServer::start(Page::of(Body::Counted(page)));
    let dir = TempDir::new().unwrap();
    let config = format!(
        "scrape_configs:\n- job_name: ticks\n  scrape_interval: 50ms\n  scrape_timeout: 50ms\n  static_configs:\n  - targets: ['{}']\n",
        target.address
    );
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    eventually("a few scrapes are in", || (count(&raw(&narthex)) > 500).then_some(()));
    let known = raw(&narthex);
    narthex.kill();
    let mut segments: Vec<_> =
        std::fs::read_dir(dir.path().join("data/wal.narthex")).unwrap().map(|e| e.unwrap().path()).collect();
    segments.sort();
    let last = segments.last().unwrap();
    let bytes = std::fs::read(last).unwrap();
    let torn = [&bytes[..], &[0xa7, 0x5e, 0xff, 0xff, 0x00, 0x00, 1, 2, 3]].concat();
    std::fs::write(last, torn).unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    let log = narthex.log();
    let told = |line: &str| line.contains("Damage found on the disk") && line.contains("action=\"cut off\"");
    assert!(log.lines().any(told), "{log}");
    let back = raw(&narthex);
    for (series, samples) in &known {
        let found = back.get(series).unwrap_or_else(|| panic!("{series} is gone"));
        assert!(samples.iter().all(|(t, v)| found.get(t) == Some(v)), "{series}");
    }
}
