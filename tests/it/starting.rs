//! What is answered while the database is still being opened, and what listeners hear meanwhile.

use crate::harness::{Narthex, eventually, free_address, get};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;

/// Listens to live notifications; each event as it comes, and its end when the stream ends.
fn listen(address: &str) -> Receiver<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /api/v1/notifications/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        for line in lines.filter(|line| line.starts_with("data: ") || line.starts_with("HTTP/1.1")) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn a_server_whose_database_is_being_opened_says_so_at_once() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    // Whoever opens a pipe for reading waits for somebody who writes: so long does the start take.
    let pipe = data.join("cardinality");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let address = free_address();
    let flag = format!("--web.listen-address={address}");
    let started = std::thread::spawn(move || Narthex::start(&data, &[&flag]));
    let ask = |path: &str| get(&format!("http://{address}{path}"));
    let healthy = eventually("somebody answers", || ask("/-/healthy").ok());
    assert_eq!((healthy.status, healthy.text().as_str()), (200, "Prometheus Server is Healthy.\n"));
    for path in
        ["/-/ready", "/api/v1/query?query=up", "/api/v1/labels", "/api/v1/status/tsdb", "/api/v1/rules"]
    {
        let answer = ask(path).unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (503, "Service Unavailable"), "{path}");
        assert_eq!(answer.header("x-prometheus-stopping"), "false");
    }
    let page = ask("/metrics").unwrap();
    assert!(page.status == 200 && page.text().lines().any(|line| line == "prometheus_ready 0"));
    let replay = ask("/api/v1/status/walreplay").unwrap().data();
    let nothing = serde_json::json!({"min": 0, "max": 0, "current": 0, "bytesRead": 0, "bytesTotal": 0});
    assert_eq!(replay, nothing, "nobody knows the segments yet");
    let notes = ask("/api/v1/notifications").unwrap().data();
    let starting = "Prometheus is starting and replaying the write-ahead log (WAL).";
    assert_eq!((&notes[0]["text"], &notes[0]["active"]), (&starting.into(), &true.into()));
    let heard = listen(&address);
    assert_eq!(heard.recv().unwrap(), "HTTP/1.1 200 OK");
    assert!(heard.recv().unwrap().contains("\"active\":true"));
    // The start goes on.
    drop(std::fs::OpenOptions::new().write(true).open(&pipe).unwrap());
    let narthex = started.join().unwrap();
    let over = heard.recv().unwrap();
    assert!(over.contains("\"active\":false") && over.contains(starting), "{over}");
    assert_eq!(ask("/-/ready").unwrap().status, 200);
    assert_eq!(ask("/api/v1/notifications").unwrap().data(), serde_json::json!([]));
    let listening = || {
        let page = ask("/metrics").unwrap().text();
        let name = "prometheus_api_notification_active_subscribers ";
        page.lines().find_map(|line| line.strip_prefix(name)).map(ToOwned::to_owned)
    };
    assert_eq!(listening().as_deref(), Some("1"));
    // A stop tells listeners, and does not wait for them.
    narthex.signal("TERM");
    let stopping = heard.recv().unwrap();
    assert!(stopping.contains("Prometheus is shutting down"), "{stopping}");
    assert!(heard.recv().is_err(), "the stream has ended");
    assert!(narthex.wait());
}
