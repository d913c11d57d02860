//! The remote-write receiver.

use crate::harness::samples::{WriteRequest, post_packed, series, write, write_bytes};
use crate::harness::{Narthex, eventually};
use prost::Message;
use tempfile::TempDir;

const RECEIVER: &str = "--web.enable-remote-write-receiver";

fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

fn start(dir: &TempDir) -> Narthex {
    Narthex::with_config(dir.path(), "scrape_configs: []\n", &[RECEIVER])
}

#[test]
fn written_samples_are_answered_at_once_and_outlive_a_restart() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir);
    let now = now_ms();
    let sent = series(&[("__name__", "sent"), ("unit", "µ")], &[(now - 15_000, 1.5), (now, f64::INFINITY)]);
    assert_eq!(write(&narthex.url, vec![sent]).status, 204);
    let ask = |narthex: &Narthex| narthex.query("sent[1m]");
    let answer = ask(&narthex);
    assert_eq!(answer[0]["metric"]["unit"], "µ");
    assert_eq!(answer[0]["values"][0][1], "1.5");
    assert_eq!(answer[0]["values"][1][1], "+Inf");
    narthex.signal("TERM");
    assert!(narthex.wait());
    assert_eq!(ask(&start(&dir)), answer);
}

#[test]
fn the_receiver_is_closed_unless_a_flag_opens_it() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    let answer = write(&narthex.url, vec![series(&[("__name__", "x")], &[(now_ms(), 1.0)])]);
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("remote write receiver needs to be enabled"), "{}", answer.text());
}

#[test]
fn a_request_with_a_bad_sample_stores_nothing_and_says_which() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir);
    let now = now_ms();
    assert_eq!(write(&narthex.url, vec![series(&[("__name__", "old")], &[(now, 1.0)])]).status, 204);
    let fresh = series(&[("__name__", "fresh")], &[(now, 1.0)]);
    let late = series(&[("__name__", "old")], &[(now - 60_000, 1.0)]);
    let answer = write(&narthex.url, vec![fresh, late]);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("out of order sample"), "{}", answer.text());
    assert_eq!(narthex.query("fresh").as_array().unwrap().len(), 0);
    // The same sample twice is no fault.
    assert_eq!(write(&narthex.url, vec![series(&[("__name__", "old")], &[(now, 1.0)])]).status, 204);
    let again = write(&narthex.url, vec![series(&[("__name__", "old")], &[(now, 2.0)])]);
    assert_eq!((again.status, again.text().contains("duplicate sample for timestamp")), (400, true));
}

#[test]
fn invalid_labels_are_left_out_and_reported() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir);
    let now = now_ms();
    let good = series(&[("__name__", "good")], &[(now, 1.0)]);
    let mut twice = series(&[("__name__", "bad"), ("a", "1"), ("a", "2")], &[(now, 1.0)]);
    twice.labels.sort_by(|a, b| a.name.cmp(&b.name));
    let nameless = series(&[("a", "1")], &[(now, 1.0)]);
    // As in Prometheus the request succeeds without them.
    let answer = write(&narthex.url, vec![good, twice, nameless]);
    assert_eq!(answer.status, 204, "{}", answer.text());
    eventually("the log tells of them", || narthex.log().contains("invalid").then_some(()));
    assert_eq!(narthex.value("good").as_deref(), Some("1"));
    assert_eq!(narthex.query("bad").as_array().unwrap().len(), 0);
}

#[test]
fn hostile_bodies_are_refused_and_the_server_goes_on() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir);
    let message = WriteRequest { timeseries: vec![series(&[("__name__", "x")], &[(now_ms(), 1.0)])] };
    let message = message.encode_to_vec();
    assert_eq!(post_packed(&narthex.url, message.clone()).status, 400, "not packed");
    for len in 1..message.len() {
        let answer = write_bytes(&narthex.url, &message[..len]);
        assert_eq!(answer.status, 400, "cut at {len}: {}", answer.text());
    }
    // A header that promises four gigabytes.
    assert_eq!(post_packed(&narthex.url, vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]).status, 400);
    assert_eq!(write_bytes(&narthex.url, &message).status, 204);
    assert_eq!(narthex.value("x").as_deref(), Some("1"));
}
