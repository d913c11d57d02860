//! Passwords and tokens of the configuration: used, and told to nobody who does not need them.

use crate::harness::{Narthex, eventually};
use std::io::{Read, Write};
use std::net::TcpListener;
use tempfile::TempDir;

#[test]
fn secrets_are_in_no_answer_and_in_no_line_of_the_log() {
    let dir = TempDir::new().unwrap();
    // A port that nobody listens on.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        r#"
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting:
  alertmanagers:
  - basic_auth: {{username: u, password: hidden1}}
    static_configs: [{{targets: ["{nobody}"]}}]
scrape_configs:
- job_name: listed
  http_sd_configs: [{{url: "http://u:hidden2@{nobody}/sd", refresh_interval: 1s}}]
- job_name: basic
  basic_auth: {{username: u, password: hidden3}}
  static_configs: [{{targets: ["{nobody}"]}}]
- job_name: token
  oauth2: {{client_id: i, client_secret: hidden4, token_url: "http://u:hidden5@{nobody}/t"}}
  static_configs: [{{targets: ["{nobody}"]}}]
- job_name: proxied
  proxy_url: http://u:hidden6@{nobody}
  static_configs: [{{targets: ["{nobody}"]}}]
- job_name: consul
  consul_sd_configs: [{{server: "{nobody}", token: hidden7}}]
"#
    );
    std::fs::write(
        dir.path().join("rules.yml"),
        "groups: [{name: g, interval: 1s, rules: [{alert: A, expr: vector(1)}]}]",
    )
    .unwrap();
    let narthex = Narthex::with_config(dir.path(), &config, &["--log.level=debug"]);
    // Each of those that fail says so, once at least.
    for sign in ["Unable to refresh target groups", "Error sending alerts", "Scrape failed"] {
        eventually(sign, || narthex.log().contains(sign).then_some(()));
    }
    eventually("every target was scraped", || {
        let targets = narthex.get("/api/v1/targets").data();
        let active = targets["activeTargets"].as_array()?;
        (active.len() == 3 && active.iter().all(|one| one["lastError"] != "")).then_some(())
    });
    for path in [
        "status/config",
        "targets",
        "alertmanagers",
        "rules",
        "status/flags",
        "narthex/targets/relabel_steps",
    ] {
        let text = narthex.get(&format!("/api/v1/{path}")).text();
        assert!(!text.contains("hidden"), "{path}: {text}");
    }
    let shown = narthex.get("/api/v1/status/config").text();
    assert!(shown.contains("http://u:xxxxx@") && shown.contains("<secret>"), "{shown}");
    let log = narthex.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("hidden")).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(log.contains("http://u:***@"), "{log}");
}

#[test]
fn user_and_password_of_a_url_are_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let dir = TempDir::new().unwrap();
    let config = format!(
        "scrape_configs: [{{job_name: a, http_sd_configs: [{{url: \"http://u%40x:p%3A1@{address}/sd\"}}]}}]\n"
    );
    let _narthex = Narthex::with_config(dir.path(), &config, &[]);
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        let len = stream.read(&mut piece).unwrap();
        assert!(len > 0);
        request.extend_from_slice(&piece[..len]);
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]";
    stream.write_all(answer).unwrap();
    let request = String::from_utf8(request).unwrap().to_lowercase();
    // `u@x:p:1` in base 64, in small letters as the rest.
    assert!(request.contains("authorization: basic dub4ona6mq=="), "{request}");
}
