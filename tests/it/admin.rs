//! The admin API: deleting, cleaning, snapshots; by itself and beside Debian's Prometheus.

use crate::harness::client::Answer;
use crate::harness::samples::{TimeSeries, series, write};
use crate::harness::{Narthex, Peer, get, post_form, program, request};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

const CONFIG: &str = "scrape_configs: []\n";
const FLAGS: &[&str] = &["--web.enable-remote-write-receiver", "--web.enable-admin-api"];
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

fn seconds(ms: i64) -> String {
    (ms as f64 / 1000.0).to_string()
}

fn act(url: &str, what: &str, form: &[(&str, &str)]) -> Answer {
    post_form(&format!("{url}/api/v1/admin/tsdb/{what}"), form).unwrap()
}

/// A series of the metric `m`, a sample a minute.
fn history(n: usize, first: i64, last: i64) -> TimeSeries {
    let samples: Vec<(i64, f64)> =
        (first..last).step_by(MINUTE as usize).map(|t| (t, (t / MINUTE % 100 + n as i64) as f64)).collect();
    series(&[("__name__", "m"), ("n", &n.to_string()), (&format!("only_{n}"), "x")], &samples)
}

fn send(url: &str, all: &[TimeSeries]) {
    let answer = write(url, all.to_vec());
    assert!((200..300).contains(&answer.status), "{url}: {}", answer.text());
}

fn names(answer: &Value) -> BTreeSet<String> {
    answer.as_array().unwrap().iter().map(Value::to_string).collect()
}

#[test]
fn the_admin_api_is_closed_unless_a_flag_opens_it() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), CONFIG, &FLAGS[..1]);
    send(&narthex.url, &[history(1, now_ms() - 1, now_ms())]);
    for what in ["delete_series", "clean_tombstones", "snapshot"] {
        let answer = act(&narthex.url, what, &[("match[]", "m")]);
        assert_eq!(answer.error(), ("unavailable".to_owned(), "admin APIs disabled".to_owned()), "{what}");
        assert_eq!(answer.status, 500);
    }
    assert_eq!(narthex.query("m").as_array().unwrap().len(), 1);
    assert!(!dir.path().join("data/snapshots").exists());
}

#[test]
fn wrong_requests_are_refused_with_prometheus_texts_and_change_nothing() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), CONFIG, FLAGS);
    let now = now_ms();
    send(&narthex.url, &[history(1, now - 1, now)]);
    let refused = |what: &str, form: &[(&str, &str)], text: &str| {
        let answer = act(&narthex.url, what, form);
        let (kind, error) = answer.error();
        assert_eq!((answer.status, kind.as_str()), (400, "bad_data"), "{what} {form:?}");
        assert!(error.starts_with(text), "{error}");
    };
    refused("delete_series", &[], "no match[] parameter provided");
    refused("delete_series", &[("match[]", "m"), ("start", "x")], "invalid parameter \"start\": ");
    refused("delete_series", &[("match[]", "m"), ("end", "x")], "invalid parameter \"end\": ");
    refused("delete_series", &[("match[]", "m"), ("match[]", "m{")], "invalid parameter \"match[]\": ");
    let text = "invalid parameter \"skip_head\": unable to parse boolean: strconv.ParseBool: parsing \"yes\": invalid syntax";
    refused("snapshot", &[("skip_head", "yes")], text);
    for what in ["delete_series", "clean_tombstones", "snapshot"] {
        let url = format!("{}/api/v1/admin/tsdb/{what}?match[]=m", narthex.url);
        assert_eq!(get(&url).unwrap().status, 405, "{what}");
        let foreign = http::Request::post(&url).header("origin", "http://evil.example");
        let answer = request(foreign.body(Full::new(Bytes::new())).unwrap()).unwrap();
        assert_eq!((answer.status, answer.error().0.as_str()), (403, "forbidden"), "{what}");
    }
    assert_eq!(narthex.query("m").as_array().unwrap().len(), 1);
    assert!(!dir.path().join("data/snapshots").exists());
    let put = http::Request::put(format!("{}/api/v1/admin/tsdb/delete_series", narthex.url))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = request(put.body(Full::new(Bytes::from("match[]=m"))).unwrap()).unwrap();
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(narthex.query("m").as_array().unwrap().len(), 0);
}

#[test]
fn what_was_deleted_stays_deleted_through_kills_and_a_snapshot_serves_what_was_left() {
    let dir = TempDir::new().unwrap();
    let start = || Narthex::with_config(dir.path(), CONFIG, FLAGS);
    let narthex = start();
    let now = now_ms();
    let first = now - 30 * MINUTE;
    send(&narthex.url, &[history(1, first, now), history(2, first, now)]);
    let ask = |narthex: &Narthex| {
        let form = [("query", "m[2h]"), ("time", &seconds(now))];
        narthex.post("/api/v1/query", &form).data()["result"].clone()
    };
    let whole = ask(&narthex);
    let form = [
        ("match[]", "m{n=\"1\"}"),
        ("start", &seconds(first + 5 * MINUTE)),
        ("end", &seconds(first + 9 * MINUTE)),
    ];
    assert_eq!(act(&narthex.url, "delete_series", &form).status, 204);
    assert_eq!(act(&narthex.url, "delete_series", &[("match[]", "m{n=\"2\"}")]).status, 204);
    let left = ask(&narthex);
    assert_eq!(left.as_array().unwrap().len(), 1);
    let count = |result: &Value| result[0]["values"].as_array().unwrap().len();
    assert_eq!((count(&whole), count(&left)), (30, 25));
    narthex.kill();
    let narthex = start();
    assert_eq!(ask(&narthex), left);
    let labels = |what: &str| narthex.get(&format!("/api/v1/{what}")).data();
    assert_eq!(labels("label/n/values"), serde_json::json!(["1"]));
    assert_eq!(labels("labels"), serde_json::json!(["__name__", "n", "only_1"]));
    assert_eq!(labels("series?match[]=m").as_array().unwrap().len(), 1);
    let name = act(&narthex.url, "snapshot", &[]).data()["name"].as_str().unwrap().to_owned();
    let (time, number) = name.split_once('-').unwrap();
    assert!(time.len() == 16 && time.ends_with('Z') && number.len() == 16, "{name}");
    let without = act(&narthex.url, "snapshot", &[("skip_head", "true")]).data()["name"].clone();
    assert_eq!(act(&narthex.url, "clean_tombstones", &[]).status, 204);
    let page = narthex.get("/metrics").text();
    assert!(page.contains("prometheus_tsdb_tombstone_cleanup_seconds_count 1\n"), "{page}");
    assert_eq!(act(&narthex.url, "delete_series", &[("match[]", "{__name__=~\".*\"}")]).status, 204);
    assert_eq!(ask(&narthex), serde_json::json!([]));
    let snapshots = dir.path().join("data/snapshots");
    let snapshot = Narthex::start(
        &snapshots.join(&name),
        &["--config.file", &dir.path().join("prometheus.yml").display().to_string()],
    );
    assert_eq!(ask(&snapshot), left);
    let empty = std::fs::read_dir(snapshots.join(without.as_str().unwrap())).unwrap().count();
    assert_eq!(empty, 0, "without the head nothing is in it yet");
}

/// Waits until a server has a block, which narthex looks for twice a minute.
fn await_blocks(url: &str) {
    let begin = Instant::now();
    loop {
        let page = get(&format!("{url}/metrics")).unwrap().text();
        let line = page.lines().find_map(|line| line.strip_prefix("prometheus_tsdb_blocks_loaded "));
        if line.is_some_and(|count| count.parse::<f64>().unwrap() > 0.0) {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(180), "{url} has no block");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn deletions_answer_as_prometheus_does() {
    let Some(prometheus) = program("prometheus") else { return };
    let peer = Peer::prometheus(&prometheus, CONFIG);
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), CONFIG, FLAGS);
    let urls = [narthex.url.as_str(), peer.url.as_str()];
    // The blocks end inside of it; odd milliseconds keep samples off the edges of windows.
    let last = now_ms() / HOUR * HOUR + 3_137;
    let first = last - 6 * HOUR;
    let all: Vec<TimeSeries> = (1..=9).map(|n| history(n, first, last)).collect();
    urls.iter().for_each(|url| send(url, &all));
    urls.iter().for_each(|url| await_blocks(url));

    let ask = |url: &str, path: &str, form: &[(&str, &str)]| {
        post_form(&format!("{url}/api/v1/{path}"), form).unwrap().data()
    };
    let compare = |when: &str| {
        for (expr, span) in
            [("m", 6 * HOUR), ("count_over_time(m[20m])", 6 * HOUR), ("m", HOUR), ("sum(m)", 6 * HOUR)]
        {
            let form = [
                ("query", expr),
                ("start", &*seconds(last - span + 500)),
                ("end", &*seconds(last + 10 * MINUTE + 500)),
                ("step", "77"),
            ];
            let [ours, theirs] = urls.map(|url| ask(url, "query_range", &form));
            assert_eq!(ours, theirs, "{when}: {expr} over {span} ms");
        }
        for back in 0..=6 {
            let form = [("query", "m[1h]"), ("time", &*seconds(last - back * HOUR + 500))];
            let [ours, theirs] = urls.map(|url| ask(url, "query", &form));
            assert_eq!(ours, theirs, "{when}: the hour before {back} hours ago");
        }
    };
    let delete = |form: &[(&str, &str)]| {
        for url in urls {
            let answer = act(url, "delete_series", form);
            assert_eq!(answer.status, 204, "{url}: {}", answer.text());
        }
    };
    compare("before");
    let at = |hours: f64| seconds(first + (hours * HOUR as f64) as i64);
    delete(&[("match[]", "m{n=\"1\"}")]);
    delete(&[("match[]", "m{n=\"2\"}"), ("start", &at(0.2)), ("end", &at(0.7))]);
    delete(&[("match[]", "m{n=~\"3|4\"}"), ("start", &at(0.5)), ("end", &at(5.0))]);
    delete(&[("match[]", "m{n=\"5\"}"), ("match[]", "{only_6=\"x\"}"), ("end", &at(5.5))]);
    delete(&[("match[]", "m{n=\"7\"}"), ("start", &at(5.9))]);
    delete(&[("match[]", "m{n=\"8\"}"), ("start", &at(3.0)), ("end", &at(2.0))]);
    delete(&[("match[]", "m{n=\"8\"}"), ("start", &seconds(first)), ("end", &seconds(first))]);
    delete(&[("match[]", "absent")]);
    compare("deleted");
    let listed = |path: &str, form: &[(&str, &str)]| urls.map(|url| names(&ask(url, path, form)));
    // Prometheus goes on to list a series whose last chunk was still open, until the head is cut; narthex lists
    // what has samples.
    let [ours, theirs] = listed("series", &[("match[]", "m")]);
    assert_eq!(ours.len(), 8);
    assert!(theirs.difference(&ours).all(|gone| gone.contains("only_1")) && theirs.is_superset(&ours));
    // So it is for the parts of the time that only blocks cover.
    let early = [("match[]", "m"), ("start", &*at(0.0)), ("end", &*at(1.0))];
    let [ours, theirs] = listed("series", &early);
    assert!(theirs.is_superset(&ours), "{ours:?} beside {theirs:?}");
    assert_eq!(ours.len(), 6, "without 1, 5 and 6: {ours:?}");

    let later: Vec<TimeSeries> = [1, 7].into_iter().map(|n| history(n, last, last + 5 * MINUTE)).collect();
    urls.iter().for_each(|url| send(url, &later));
    compare("written again");
    for url in urls {
        let answer = act(url, "clean_tombstones", &[]);
        assert_eq!(answer.status, 204, "{url}: {}", answer.text());
    }
    compare("cleaned");
    let [ours, theirs] = listed("series", &early);
    assert!(theirs.is_superset(&ours), "{ours:?} beside {theirs:?}");
    let [ours, theirs] = listed("labels", &[]);
    assert_eq!(ours, theirs);
    for url in urls {
        for what in ["clean_tombstones", "delete_series"] {
            let answer = get(&format!("{url}/api/v1/admin/tsdb/{what}")).unwrap();
            assert_eq!(answer.status, 405, "{url} {what}");
        }
    }
    let errors = urls.map(|url| act(url, "snapshot", &[("skip_head", "yes")]).error());
    assert_eq!(errors[0], errors[1]);
    let errors = urls.map(|url| act(url, "delete_series", &[]).error());
    assert_eq!(errors[0], errors[1]);
}
