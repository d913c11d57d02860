//! Alerting that fails: Alertmanagers that are down, rule files that are half written, templates that loop. The rest
//! goes on, and metrics, log and API tell of it.

use crate::harness::process::file;
use crate::harness::{Body, Narthex, Page, PageServer, Peer, eventually, free_address, get, program};
use serde_json::Value;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A sample of the server's own metrics.
fn own(narthex: &Narthex, sample: &str) -> Option<f64> {
    let page = narthex.get("/metrics").text();
    page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

/// A configuration with rules that scrapes a page every second, and evaluates as often.
fn config(page: &PageServer, more: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: ['rules*.yml']\n\
         scrape_configs: [{{job_name: j, static_configs: [{{targets: ['{}']}}]}}]\n{more}",
        page.address
    )
}

fn counting_page() -> PageServer {
    PageServer::start(Page::of(Body::Counted(|n| format!("x {n}\n"))))
}

/// Waits until a series has newer samples: three more evaluations, or scrapes.
fn goes_on(narthex: &Narthex, series: &str) {
    let newest = || narthex.value(&format!("timestamp({series})"))?.parse::<f64>().ok();
    let before = eventually(series, newest);
    eventually(&format!("{series} goes on"), || newest().filter(|time| *time >= before + 3.0));
}

fn rules(narthex: &Narthex) -> Vec<Value> {
    let groups = narthex.get("/api/v1/rules").data()["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn names(narthex: &Narthex) -> Vec<String> {
    rules(narthex).iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
}

fn lines(narthex: &Narthex, text: &str) -> usize {
    narthex.log().lines().filter(|line| line.contains(text)).count()
}

#[test]
fn an_alertmanager_that_is_down_loses_what_is_counted_and_gets_the_alerts_after_its_return() {
    let Some(program) = program("prometheus-alertmanager") else { return };
    let (address, page, dir) = (free_address(), counting_page(), TempDir::new().unwrap());
    // More alerts than fit into the queue.
    let many = "count_values('n', x) or label_replace(vector(1), 'n', 'b', '', '') or label_replace(vector(1), 'n', 'c', '', '')";
    file(
        dir.path(),
        "rules.yml",
        &format!(
            "groups:\n- name: alerts\n  rules:\n  - {{alert: Steady, expr: vector(1)}}\n  - {{alert: Many, expr: \"{many}\"}}\n\
             - name: other\n  rules: [{{record: double, expr: 2 * x}}]\n"
        ),
    );
    let more = format!("alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{address}']}}]}}]}}\n");
    let flags = [
        "--alertmanager.notification-queue-capacity=3",
        "--alertmanager.notification-batch-size=1",
        "--rules.alert.resend-delay=1s",
    ];
    let narthex = Narthex::with_config(dir.path(), &config(&page, &more), &flags);
    let metric = |name: &str| {
        let url = format!("http://{address}/api/v2/alerts");
        own(&narthex, &format!("prometheus_notifications_{name}{{alertmanager=\"{url}\"}}"))
    };
    for name in ["errors_total", "dropped_total"] {
        eventually(name, || metric(name).filter(|count| *count >= 12.0));
        assert!(metric("queue_length").unwrap() <= 3.0);
    }
    assert_eq!(
        (own(&narthex, "prometheus_notifications_queue_capacity"), metric("sent_total")),
        (Some(3.0), Some(0.0))
    );
    for series in ["x", "double", "ALERTS{alertname=\"Steady\"}"] {
        goes_on(&narthex, series);
    }
    assert_eq!(lines(&narthex, "Error sending alerts"), 1, "one line, however often: {}", narthex.log());
    assert!(narthex.log().contains(&address));
    let known = narthex.get("/api/v1/alertmanagers").data();
    assert_eq!(known["activeAlertmanagers"][0]["url"], format!("http://{address}/api/v2/alerts"));
    let firing = narthex.get("/api/v1/alerts").data();
    assert!(firing.to_string().contains("Steady"), "{firing}");

    let settings = "route: {receiver: none, group_wait: 1s}\nreceivers: [{name: none}]\n";
    let peer = Peer::alertmanager(&program, settings, Some(&address));
    eventually("the alert arrives after the return", || {
        let alerts = get(&format!("{}/api/v2/alerts", peer.url)).ok()?.text();
        alerts.contains("Steady").then_some(())
    });
    eventually("it is counted", || metric("sent_total").filter(|count| *count >= 1.0));
    eventually("the return is logged", || {
        (lines(&narthex, "Alertmanager takes alerts again") == 1).then_some(())
    });
    drop(peer);
    let lost = metric("errors_total");
    eventually("it is lost again, and counted", || (metric("errors_total") > lost).then_some(()));
    eventually("and logged anew", || (lines(&narthex, "Error sending alerts") == 2).then_some(()));
    goes_on(&narthex, "double");
}

#[test]
fn an_alertmanager_that_answers_nothing_bounds_its_queue_and_leaves_the_rules_alone() {
    // Connections are taken up by the kernel, and nobody reads.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, page, dir) = (deaf.local_addr().unwrap(), counting_page(), TempDir::new().unwrap());
    file(
        dir.path(),
        "rules.yml",
        "groups: [{name: g, rules: [{alert: Many, expr: \"count_values('n', x)\"}, {record: double, expr: 2 * x}]}]",
    );
    let more = format!(
        "alerting: {{alertmanagers: [{{timeout: 1h, static_configs: [{{targets: ['{address}']}}]}}]}}\n"
    );
    let flags = ["--alertmanager.notification-queue-capacity=3", "--rules.alert.resend-delay=1s"];
    let narthex = Narthex::with_config(dir.path(), &config(&page, &more), &flags);
    let url = format!("http://{address}/api/v2/alerts");
    let metric = |name: &str| {
        own(&narthex, &format!("prometheus_notifications_{name}{{alertmanager=\"{url}\"}}")).unwrap()
    };
    eventually("the oldest make room", || (metric("dropped_total") >= 3.0).then_some(()));
    assert_eq!(metric("queue_length"), 3.0);
    assert_eq!(lines(&narthex, "Alert notification queue full"), 1, "{}", narthex.log());
    for series in ["x", "double"] {
        goes_on(&narthex, series);
    }
}

/// Two sets of rules that differ in the second half of the file alone, which is cut within a text.
fn versions() -> (String, usize, [String; 2]) {
    let begin =
        "groups:\n- name: g\n  rules:\n  - record: kept\n    expr: x + 1\n  - record: other\n    expr: 'x +";
    let end = |name: &str| format!(" 2'\n  - record: {name}\n    expr: x\n");
    (begin.to_owned(), begin.len(), [end("aaa"), end("bbb")])
}

#[test]
fn a_rule_file_that_is_half_written_keeps_the_rules_and_names_the_line() {
    let (begin, _, [first, second]) = versions();
    let (page, dir) = (counting_page(), TempDir::new().unwrap());
    let path = file(dir.path(), "rules.yml", &(begin.clone() + &first));
    let narthex = Narthex::with_config(dir.path(), &config(&page, ""), &["--web.enable-lifecycle"]);
    let successful = || own(&narthex, "prometheus_config_last_reload_successful");
    assert_eq!((names(&narthex).join(" "), successful()), ("kept other aaa".to_owned(), Some(1.0)));
    for (text, place) in [
        (begin.clone(), "yaml: line 7: unclosed quote"),
        ("groups:\n- name: g\n  rules:\n  - record: kept\n    expr: x +\n".to_owned(), "5:11: group"),
        ("groups:\n- name: g\n  rules:\n  - record: kept\n    exp".to_owned(), "yaml: line 5: "),
    ] {
        std::fs::write(&path, &text).unwrap();
        let seen = narthex.log().len();
        let answer = narthex.post("/-/reload", &[]);
        let place = format!("{}: {place}", path.display());
        assert_eq!(answer.status, 500);
        assert!(answer.text().contains(&place), "{place} in {}", answer.text());
        let log = eventually("it is logged", || {
            let log = narthex.log()[seen..].to_owned();
            log.contains("Failed to apply configuration").then_some(log)
        });
        assert!(log.contains(&place), "{place} in {log}");
        assert_eq!((names(&narthex).join(" "), successful()), ("kept other aaa".to_owned(), Some(0.0)));
        let info = narthex.get("/api/v1/status/runtimeinfo").data();
        assert_eq!(info["reloadConfigSuccess"], false);
        assert!(info["reloadConfigError"].as_str().unwrap().contains(&place), "{info}");
        goes_on(&narthex, "kept");
    }
    goes_on(&narthex, "aaa");
    std::fs::write(&path, begin + &second).unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    assert_eq!((names(&narthex).join(" "), successful()), ("kept other bbb".to_owned(), Some(1.0)));
    goes_on(&narthex, "bbb");
    eventually("the rule that is gone has ended", || {
        narthex.query("aaa").as_array().unwrap().is_empty().then_some(())
    });
}

/// Cuts the file and writes its second half, over and over.
fn rewrite(path: &Path, half: usize, ends: &[String; 2], stop: &AtomicBool) -> std::io::Result<()> {
    for end in ends.iter().cycle() {
        let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(half as u64)?;
        std::thread::sleep(Duration::from_millis(3));
        file.seek(SeekFrom::Start(half as u64))?;
        file.write_all(end.as_bytes())?;
        std::thread::sleep(Duration::from_millis(3));
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
    Ok(())
}

/// Stops a writer, also when the test fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_rule_file_that_is_written_while_it_is_read_is_taken_whole_or_not_at_all() {
    let (begin, half, ends) = versions();
    let (page, dir) = (counting_page(), TempDir::new().unwrap());
    let path = file(dir.path(), "rules.yml", &(begin + &ends[0]));
    let narthex = Narthex::with_config(dir.path(), &config(&page, ""), &["--web.enable-lifecycle"]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stops = Stops(&stop);
        let writer = scope.spawn(|| rewrite(&path, half, &ends, &stop));
        let mut answers = [0, 0];
        let begun = Instant::now();
        // Until both have been seen; a machine that never lets them meet proves nothing, and does no harm.
        while (answers.contains(&0) || answers[0] + answers[1] < 40)
            && begun.elapsed() < Duration::from_secs(20)
        {
            let before = names(&narthex).join(" ");
            let answer = narthex.post("/-/reload", &[]);
            let after = names(&narthex).join(" ");
            assert!(["kept other aaa", "kept other bbb"].contains(&after.as_str()), "{after}");
            match answer.status {
                200 => answers[0] += 1,
                _ => {
                    assert!(answer.text().contains("rules.yml: yaml: line 7: "), "{}", answer.text());
                    assert_eq!(before, after, "what is refused changes nothing");
                    answers[1] += 1;
                }
            }
        }
        drop(stops);
        writer.join().unwrap().unwrap();
    });
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    assert_eq!(own(&narthex, "prometheus_config_last_reload_successful"), Some(1.0));
    goes_on(&narthex, "kept");
}

#[test]
fn templates_that_loop_cost_little_and_the_alerts_fire_with_what_went_wrong() {
    const MANY: usize = 200;
    let dir = TempDir::new().unwrap();
    let mut text = String::new();
    for n in 0..MANY {
        text.push_str(&format!("many{{n=\"{n}\"}} {n}\n"));
    }
    let page = PageServer::start(Page::text(text + "x 1\n"));
    // Each is one annotation of an alert; all but the last for one sample.
    let loops = [
        (
            "Nested",
            "{{ range query \"many\" }}{{ range query \"many\" }}{{ range query \"many\" }}.{{ end }}{{ end }}{{ end }}",
        ),
        ("Counted", "{{ range 1000000000 }}{{ range 1000000000 }}{{ end }}{{ end }}"),
        ("Recursive", "{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" . }}"),
        ("Width", "{{ printf \"%1000000s%1000000s\" \"\" \"\" }}"),
        ("Doubled", "{{ $x := \"xxxxxxxx\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}{{ $x }}"),
        ("Replaced", "{{ $x := printf \"%100000s\" \"\" }}{{ reReplaceAll \"\" $x $x }}"),
        ("Asked", "{{ range 100000 }}{{ query \"many\" }}{{ end }}"),
    ];
    let mut rules = String::from("groups:\n");
    for (name, template) in loops {
        rules.push_str(&format!(
            "- name: {name}\n  rules: [{{alert: {name}, expr: x, annotations: {{summary: '{template}', plain: fine}}}}]\n"
        ));
    }
    let endless = "{{ range 1000000000 }}{{ end }}";
    let long = "{{ printf \"%1000000s\" \"\" }}";
    rules.push_str(&format!(
        "- name: all\n  rules: [{{alert: All, expr: many, annotations: {{summary: '{endless}', long: '{long}'}}}}]\n\
         - name: other\n  rules: [{{record: double, expr: 2 * x}}, {{alert: Fine, expr: x, annotations: {{summary: 'is {{{{ $value }}}}'}}}}]\n"
    ));
    file(dir.path(), "rules.yml", &rules);
    let narthex = Narthex::with_config(dir.path(), &config(&page, ""), &[]);
    let of = |name: &str| -> Vec<Value> {
        let groups = narthex.get(&format!("/api/v1/rules?rule_name[]={name}")).data();
        groups["groups"][0]["rules"][0]["alerts"].as_array().unwrap().clone()
    };
    for (name, _) in loops {
        let alert = eventually(name, || of(name).into_iter().find(|alert| alert["state"] == "firing"));
        let summary = alert["annotations"]["summary"].as_str().unwrap();
        let begin = format!(
            "<error expanding template: error executing template __alert_{name}: template: __alert_{name}:1:"
        );
        assert!(summary.starts_with(&begin) && summary.len() < 1000, "{summary}");
        assert_eq!(alert["annotations"]["plain"], "fine");
    }
    let all = eventually("the many fire", || Some(of("All")).filter(|all| all.len() == MANY));
    let kept: usize = all.iter().map(|alert| alert["annotations"]["long"].as_str().unwrap().len()).sum();
    assert!(kept < 80 << 20, "{kept} bytes of texts are kept");
    assert!(all.iter().all(|alert| alert["annotations"]["summary"].as_str().unwrap().starts_with("<error")));
    for series in ["double", "ALERTS{alertname=\"Fine\"}", "ALERTS{alertname=\"Nested\"}", "x"] {
        goes_on(&narthex, series);
    }
    assert_eq!(of("Fine")[0]["annotations"]["summary"], "is 1");
    assert!(own(&narthex, "prometheus_template_text_expansion_failures_total").unwrap() > MANY as f64);
    let failures = lines(&narthex, "Expanding alert template failed");
    // One for each rule, and another when it goes on for a minute.
    assert!((loops.len() + 1..=3 * (loops.len() + 1)).contains(&failures), "{failures} lines");
    let peak = narthex.memory_kb("VmHWM") / 1024;
    println!("peak {peak} MiB, {failures} lines of log");
    assert!(peak < 1500, "{peak} MiB");
    let healthy = self::rules(&narthex);
    assert!(healthy.iter().all(|rule| rule["health"] == "ok"), "{healthy:?}");
}
