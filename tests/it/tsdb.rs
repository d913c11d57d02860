//! Prometheus's data directory: taken over from Debian's Prometheus, given back to it, and looked into with the
//! tools of both.
//!
//! Debian's is release 2.42. Samples lie at odd milliseconds and questions at whole minutes, so that no sample
//! lies on the edge of a window, which has been open at its start since 3.0. Quantiles of native histograms are not
//! asked for: how they interpolate has changed since.

use crate::harness::samples::{TimeSeries, series, write, write_bytes};
use crate::harness::{Narthex, Peer, eventually, post_form, program};
use prost::Message;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::SystemTime;
use tempfile::TempDir;

const MINUTE: i64 = 60_000;
/// Minutes of history: three blocks and a head.
const MINUTES: i64 = 9 * 60;
const CONFIG: &str = "scrape_configs: []\nstorage:\n  tsdb:\n    out_of_order_time_window: 1h\n";
const FLAGS: &[&str] = &[
    "--web.enable-remote-write-receiver",
    "--web.enable-admin-api",
    "--enable-feature=native-histograms",
    "--storage.tsdb.retention.time=30d",
];

#[derive(Clone, PartialEq, Message)]
struct WriteHistograms {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<HistogramSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct HistogramSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<crate::harness::samples::Label>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(uint64, tag = "6")]
    zero_count: u64,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

/// The first sample, ms: at an odd millisecond, nine hours before the last even hour.
///
/// So blocks and chunks begin and end with the windows that are asked for, whatever the time of day. In a window over
/// two chunks Debian's Prometheus shows what it deleted, where the deletion reaches to the window's edge or beyond.
fn first_ms() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    (now / (120 * MINUTE) * 120 - MINUTES) * MINUTE + 3_137
}

/// An hour of counters, gauges, constants and odd values.
fn floats(first: i64, hour: i64) -> Vec<TimeSeries> {
    let minutes = || hour * 60..(hour + 1) * 60;
    let value = |n: i64, m: i64| match n % 4 {
        0 => (m * (n + 3)) as f64,
        1 => (m % 17) as f64 / 8.0 + n as f64,
        2 => 7.0,
        _ if m % 50 == 0 => f64::INFINITY,
        _ => 1.0 / (m + n) as f64,
    };
    let mut all: Vec<TimeSeries> = (0..24)
        .map(|n| {
            let (n_text, job) = (format!("{n:02}"), ["web", "node", "ü"][n as usize % 3]);
            // Some come later, some end earlier.
            let lives = |m: &i64| (n != 5 || *m > 200) && (n != 6 || *m < 300);
            let samples: Vec<(i64, f64)> =
                minutes().filter(lives).map(|m| (first + m * MINUTE, value(n, m))).collect();
            series(&[("__name__", "m"), ("job", job), ("n", &n_text)], &samples)
        })
        .collect();
    all.retain(|series| !series.samples.is_empty());
    all
}

/// An hour of a native histogram that is reset now and then and gains buckets.
fn histograms(first: i64, hour: i64) -> Vec<u8> {
    let one = |m: i64| {
        let age = m % 200 + 1;
        let buckets = 2 + (age / 60) as u32;
        let populations: Vec<i64> = (0..i64::from(buckets)).map(|b| age * (b + 1)).collect();
        let mut before = 0;
        let positive_deltas = populations.iter().map(|p| p - std::mem::replace(&mut before, *p)).collect();
        Histogram {
            count: (populations.iter().sum::<i64>() + age) as u64,
            sum: age as f64 * 1.25,
            schema: 1,
            zero_threshold: 0.001,
            zero_count: age as u64,
            positive_spans: vec![Span { offset: -1, length: 1 }, Span { offset: 2, length: buckets - 1 }],
            positive_deltas,
            timestamp: first + m * MINUTE,
        }
    };
    let label = |name: &str, value: &str| crate::harness::samples::Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let labels = vec![label("__name__", "h"), label("job", "web")];
    let histograms = (hour * 60..(hour + 1) * 60).map(one).collect();
    WriteHistograms { timeseries: vec![HistogramSeries { labels, histograms }] }.encode_to_vec()
}

fn fill(url: &str, first: i64) {
    for hour in 0..MINUTES / 60 {
        let answer = write(url, floats(first, hour));
        assert!((200..300).contains(&answer.status), "{}", answer.text());
        let answer = write_bytes(url, &histograms(first, hour));
        assert!((200..300).contains(&answer.status), "{}", answer.text());
    }
}

/// What is asked of both: every sample, and some that computes with them.
fn answers(url: &str, first: i64) -> BTreeMap<String, Value> {
    let minute = |m: i64| (first / MINUTE + m) * 60;
    let mut all = BTreeMap::new();
    let mut ask = |path: &str, form: &[(&str, &str)]| {
        let mut result = post_form(&format!("{url}{path}"), form).unwrap().data();
        if let Some(series) = result["result"].as_array_mut() {
            series.sort_by_key(|one| one["metric"].to_string());
        }
        all.insert(format!("{form:?}"), result);
    };
    for m in (30..MINUTES + 30).step_by(30) {
        let time = minute(m).to_string();
        for query in ["{__name__=~\"m|late\"}[30m]", "h[30m]"] {
            ask("/api/v1/query", &[("query", query), ("time", &time)]);
        }
    }
    let (start, end) = (minute(0).to_string(), minute(MINUTES + 3).to_string());
    for query in [
        "m{job=\"web\"}",
        "m{n=~\"0[1-4]\",job!=\"node\"}",
        "count by (job) (m)",
        "max_over_time(m{job=\"ü\"}[7m])",
        "changes(m[20m])",
        "histogram_count(h)",
        "histogram_sum(h)",
    ] {
        ask("/api/v1/query_range", &[("query", query), ("start", &start), ("end", &end), ("step", "61")]);
    }
    all
}

fn assert_same(ours: &BTreeMap<String, Value>, theirs: &BTreeMap<String, Value>) {
    let mut samples = 0;
    for (question, want) in theirs {
        let got = &ours[question];
        assert_eq!(
            got["result"].as_array().unwrap().len(),
            want["result"].as_array().unwrap().len(),
            "{question}"
        );
        for (got, want) in got["result"].as_array().unwrap().iter().zip(want["result"].as_array().unwrap()) {
            assert_eq!(got, want, "{question}");
            samples += ["values", "histograms"]
                .iter()
                .filter_map(|key| want[*key].as_array())
                .map(Vec::len)
                .sum::<usize>();
        }
    }
    assert!(samples > 20_000, "{samples} samples compared");
}

fn blocks(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.len() == 26).count()
}

fn narthex(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_narthex")).args(args).output().unwrap()
}

/// The standard output of a command that succeeds.
fn good(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{err}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn run(program: &Path, args: &[&str]) -> String {
    good(&Command::new(program).args(args).output().unwrap())
}

#[test]
fn a_directory_of_prometheus_answers_the_same_here_and_there_and_back_again() {
    let Some(prometheus) = program("prometheus") else { return };
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let first = first_ms();
    let peer = Peer::prometheus_on(&prometheus, &data, CONFIG, FLAGS);
    fill(&peer.url, first);
    let late: Vec<(i64, f64)> =
        (0..20).map(|m| (first + (MINUTES - 40 + m) * MINUTE + 30_000, m as f64)).collect();
    let late_labels = [("__name__", "late"), ("job", "web")];
    for part in [&[(first + (MINUTES - 5) * MINUTE, 99.0)][..], &late] {
        let answer = write(&peer.url, vec![series(&late_labels, part)]);
        assert!((200..300).contains(&answer.status), "{}", answer.text());
    }
    eventually("Prometheus has cut blocks", || (blocks(&data) >= 3).then_some(()));
    // One deletion in blocks, one that reaches into the head.
    for (selector, from, to) in [("m{n=\"03\"}", 60, 90), ("m{n=\"04\"}", 100, MINUTES - 20)] {
        let (start, end) = ((first / MINUTE + from) * 60, (first / MINUTE + to) * 60);
        let url = format!("{}/api/v1/admin/tsdb/delete_series", peer.url);
        let form = [("match[]", selector), ("start", &start.to_string()), ("end", &end.to_string())];
        let answer = post_form(&url, &form).unwrap();
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    let theirs = answers(&peer.url, first);
    peer.stop();

    let before = good(&narthex(&["tsdb", "export", &data.display().to_string()]));
    assert!(before.lines().count() > 10_000, "a directory is read without being taken over");
    assert!(!data.join("takeover.narthex").exists());
    let ours =
        Narthex::with_config(dir.path(), "scrape_configs: []\n", &["--storage.tsdb.retention.time=30d"]);
    assert!(ours.log().contains("Took over what Prometheus's log holds"), "{}", ours.log());
    assert_same(&answers(&ours.url, first), &theirs);
    assert_eq!(good(&narthex(&["tsdb", "export", &data.display().to_string()])), before);
    good(&narthex(&["tsdb", "verify", &data.display().to_string()]));
    ours.kill();

    let again =
        Narthex::with_config(dir.path(), "scrape_configs: []\n", &["--storage.tsdb.retention.time=30d"]);
    assert!(!again.log().contains("Took over"), "{}", again.log());
    assert_same(&answers(&again.url, first), &theirs);
    again.kill();

    let back = Peer::prometheus_on(&prometheus, &data, CONFIG, FLAGS);
    assert_same(&answers(&back.url, first), &theirs);
    back.stop();
}

#[test]
fn exported_blocks_are_taken_by_promtool_and_answer_the_same_in_prometheus() {
    let (Some(prometheus), Some(promtool)) = (program("prometheus"), program("promtool")) else { return };
    let dir = TempDir::new().unwrap();
    let first = first_ms();
    let flags = ["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=30d"];
    let ours = Narthex::with_config(dir.path(), "scrape_configs: []\n", &flags);
    fill(&ours.url, first);
    let answered = answers(&ours.url, first);
    let data = dir.path().join("data").display().to_string();
    let out = dir.path().join("out");
    let out_text = out.display().to_string();
    // Beside the running server.
    let told = good(&narthex(&["tsdb", "export-blocks", "--output", &out_text, &data]));
    assert_eq!(told.lines().count(), blocks(&out), "{told}");
    assert!(blocks(&out) >= 5, "{told}");
    ours.kill();

    let list = run(&promtool, &["tsdb", "list", &out_text]);
    let columns = |text: &str, count: usize| -> Vec<Vec<String>> {
        text.lines().skip(1).map(|l| l.split_whitespace().take(count).map(str::to_owned).collect()).collect()
    };
    assert_eq!(columns(&list, 8), columns(&good(&narthex(&["tsdb", "list", &out_text])), 8));
    for block in columns(&list, 1) {
        let theirs = run(&promtool, &["tsdb", "analyze", "--limit=1000", &out_text, &block[0]]);
        let ours = good(&narthex(&["tsdb", "analyze", "--limit=1000", &out_text, &block[0]]));
        let (ours, who) = ours.split_once("\nWho brought which label").unwrap();
        assert!(who.contains("\nn: "), "{who}");
        // What is equal stands in any order there.
        let sections = |text: &str| -> Vec<Vec<String>> {
            let sorted = |section: &str| {
                let mut lines: Vec<String> = section.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            text.trim_end().split("\n\n").map(sorted).collect()
        };
        assert_eq!(sections(ours), sections(&theirs));
    }
    good(&narthex(&["tsdb", "verify", &out_text]));

    let peer = Peer::prometheus_on(&prometheus, &out, CONFIG, FLAGS);
    assert_same(&answered, &answers(&peer.url, first));
    peer.stop();
}

#[test]
fn openmetrics_comes_in_and_goes_out_as_with_promtool() {
    let Some(promtool) = program("promtool") else { return };
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let mut text = String::from("# TYPE a gauge\n");
    for n in 0..7_000 {
        text.push_str(&format!(
            "a{{x=\"{}\"}} {} {}.{:03}\n",
            n % 7,
            n as f64 / 8.0,
            1_700_000_000 + n,
            n % 1000
        ));
    }
    text.push_str("# TYPE b counter\n# HELP b Some help.\nb_total 1e+09 1700000000.5\n# EOF\n");
    std::fs::write(at("in.om"), &text).unwrap();
    let told = good(&narthex(&["tsdb", "import", "openmetrics", &at("in.om"), &at("ours")]));
    assert!(told.ends_with("7001 samples in 2 blocks\n"), "{told}");
    run(&promtool, &["tsdb", "create-blocks-from", "openmetrics", &at("in.om"), &at("theirs")]);
    let dump = good(&narthex(&["tsdb", "export", &at("ours")]));
    assert_eq!(dump.lines().count(), 7_001);
    assert_eq!(dump, good(&narthex(&["tsdb", "export", &at("theirs")])));
    // promtool dumps only what has a log.
    std::fs::create_dir(dir.path().join("theirs/wal")).unwrap();
    let mut theirs: Vec<String> =
        run(&promtool, &["tsdb", "dump", &at("theirs")]).lines().map(str::to_owned).collect();
    let mut ours: Vec<String> = dump.lines().map(str::to_owned).collect();
    theirs.sort();
    ours.sort();
    assert_eq!(ours, theirs);
    // What goes out comes in again.
    let exported = good(&narthex(&["tsdb", "export", "--format", "openmetrics", &at("ours")]));
    std::fs::write(at("again.om"), exported).unwrap();
    good(&narthex(&["tsdb", "import", "openmetrics", &at("again.om"), &at("again")]));
    assert_eq!(good(&narthex(&["tsdb", "export", &at("again")])), dump);
    let selected = good(&narthex(&["tsdb", "export", "--match", "b_total", &at("ours")]));
    assert_eq!(selected, "{__name__=\"b_total\"} 1e+09 1700000000500\n");
}

#[test]
fn a_text_without_its_end_brings_nothing_in() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    for (text, fault) in [
        ("a 1 1\n", "data does not end with # EOF"),
        ("a 1 1\na 2\n# EOF\n", "line 2: expected a timestamp, got none"),
        ("a 1 1\na{ 2 2\n# EOF\n", "line 2, column"),
        ("# EOF\na 1 1\n", "unexpected data after # EOF"),
    ] {
        std::fs::write(at("in.om"), text).unwrap();
        let output = narthex(&["tsdb", "import", "openmetrics", &at("in.om"), &at("data")]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(fault), "{output:?}");
        assert_eq!(good(&narthex(&["tsdb", "list", &at("data")])).lines().count(), 1);
    }
}

#[test]
fn a_flipped_bit_is_found_and_named() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(at("in.om"), "a 1 1\na 2 2\n# EOF\n").unwrap();
    let told = good(&narthex(&["tsdb", "import", "openmetrics", &at("in.om"), &at("data")]));
    let block = Path::new(told.lines().next().unwrap());
    assert_eq!(good(&narthex(&["tsdb", "verify", &at("data")])), "1 blocks and files are whole\n");
    let path = block.join("chunks/000001");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 6;
    bytes[last] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let output = narthex(&["tsdb", "verify", &at("data")]);
    assert_eq!(output.status.code(), Some(1));
    let want = format!("{}: offset 8: checksum mismatch", path.display());
    assert!(String::from_utf8_lossy(&output.stdout).contains(&want), "{output:?}");
}
