//! What the evaluation of rules costs: 500 groups of 20 rules over a fleet in the database, beside Debian's
//! Prometheus on the same samples and rules. `cargo bench --bench rules`.
//!
//! Ours is CPU time of this process for whole rounds of all groups; theirs what its process takes over minutes in
//! which it evaluates the same groups every 15 seconds, less what it takes without rules.

#![allow(missing_docs, clippy::unwrap_used)]

use narthex::rules::db_sink::DbSinks;
use narthex::rules::evaluator::{Evaluator, External};
use narthex::rules::file::{self, FileOptions};
use narthex::rules::group::{Around, Group, GroupSettings};
use narthex::rules::metrics::RuleMetrics;
use narthex_promql::{CancelToken, Engine};
use narthex_storage::{Db, DbOptions, Group as Rows, Labels, Row, Slot, WalSync};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

mod peer {
    //! Debian's Prometheus under the same load.

    use super::{GROUPS, INTERVAL_S, RULES, fleet, now_s, page, rules_text};
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    struct Ended(Child);

    impl Drop for Ended {
        fn drop(&mut self) {
            let _ = (self.0.kill(), self.0.wait());
        }
    }

    fn cpu_seconds(child: &Child) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).unwrap().parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Serves the page of each target below `/TARGET`.
    fn exporter() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || drop(answer(stream)));
            }
        });
        address
    }

    fn answer(mut stream: TcpStream) -> std::io::Result<()> {
        let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            while !buffer.windows(4).any(|w| w == b"\r\n\r\n") {
                let read = stream.read(&mut chunk)?;
                if read == 0 {
                    return Ok(());
                }
                buffer.extend_from_slice(&chunk[..read]);
            }
            let head = String::from_utf8_lossy(&buffer).into_owned();
            buffer.clear();
            let target = head.split(['/', ' ']).nth(2).and_then(|text| text.parse().ok()).unwrap_or(0);
            let body = page(target, now_s());
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            stream.write_all(body.as_bytes())?;
        }
    }

    /// CPU seconds of a round of all groups; `None` where Prometheus is not installed.
    pub fn seconds_per_round(measured: Duration) -> Option<f64> {
        let with = run(true, measured)?;
        let without = run(false, measured)?;
        let rounds = measured.as_secs_f64() / INTERVAL_S as f64;
        println!("prometheus: {with:.2} s with rules, {without:.2} s without, in {measured:?}");
        Some((with - without) / rounds)
    }

    fn run(rules: bool, measured: Duration) -> Option<f64> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let program =
            std::env::split_paths(&paths).map(|dir| dir.join("prometheus")).find(|path| path.is_file());
        let Some(program) = program else {
            println!("SKIPPED: prometheus is not installed");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let exporter = exporter();
        let files = if rules { "rule_files: [rules.yml]\n" } else { "" };
        std::fs::write(dir.path().join("rules.yml"), rules_text(GROUPS, RULES)).unwrap();
        let mut config = format!(
            "global: {{scrape_interval: {INTERVAL_S}s, evaluation_interval: {INTERVAL_S}s}}\n{files}scrape_configs:\n"
        );
        for target in fleet() {
            config.push_str(&format!(
                "- {{job_name: node{target}, metrics_path: /{target}, static_configs: [{{targets: ['{exporter}'], labels: {{job: node, instance: 'host{target}'}}}}]}}\n"
            ));
        }
        std::fs::write(dir.path().join("c.yml"), config).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(program)
            .args([
                format!("--config.file={}", dir.path().join("c.yml").display()),
                format!("--storage.tsdb.path={}", dir.path().join("data").display()),
                format!("--web.listen-address={port}"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let child = Ended(child);
        // Until windows are full and every series is there.
        std::thread::sleep(Duration::from_secs(6 * INTERVAL_S as u64));
        let before = cpu_seconds(&child.0);
        std::thread::sleep(measured);
        Some(cpu_seconds(&child.0) - before)
    }
}

const GROUPS: usize = 500;
const RULES: usize = 20;
const TARGETS: usize = 50;
const CPUS: usize = 8;
const INTERVAL_S: i64 = 15;
/// History that is there before the first evaluation, scrapes.
const HISTORY: i64 = 40;

fn fleet() -> std::ops::Range<usize> {
    0..TARGETS
}

fn now_s() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

const MODES: &[&str] = &["idle", "user", "system", "iowait"];

/// The series of a target with their values at a time.
fn samples(target: usize, second: i64) -> Vec<(Vec<(&'static str, String)>, f64)> {
    let mut out = Vec::new();
    for cpu in 0..CPUS {
        for (at, mode) in MODES.iter().enumerate() {
            let labels = vec![
                ("__name__", "node_cpu_seconds_total".to_owned()),
                ("cpu", cpu.to_string()),
                ("mode", (*mode).to_owned()),
            ];
            out.push((labels, second as f64 * (0.1 + at as f64 / 7.0) + (target * cpu) as f64));
        }
    }
    for (name, base) in [
        ("node_memory_MemAvailable_bytes", 4e9),
        ("node_memory_MemTotal_bytes", 1.6e10),
        ("node_load1", 2.0),
        ("node_filesystem_avail_bytes", 1e11),
        ("node_filesystem_size_bytes", 4e11),
        ("node_network_receive_bytes_total", 1e6),
    ] {
        let moving = second % 97 + target as i64;
        out.push((vec![("__name__", name.to_owned())], base + moving as f64));
    }
    out
}

/// A target's page of exposition.
fn page(target: usize, second: i64) -> String {
    let mut text = String::new();
    for (labels, value) in samples(target, second) {
        let name = &labels[0].1;
        let rest: Vec<String> =
            labels[1..].iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        writeln!(text, "{name}{{{}}} {value}", rest.join(",")).unwrap();
    }
    text
}

/// Rules as people have them: most of one target, a few over all, a quarter of them alerts that are quiet.
fn rules_text(groups: usize, rules: usize) -> String {
    let mut text = String::from("groups:\n");
    for group in 0..groups {
        let host = format!("instance=\"host{}\"", group % TARGETS);
        writeln!(text, "- name: g{group}\n  rules:").unwrap();
        for rule in 0..rules {
            let expr = match rule % 8 {
                0 => format!("sum by (instance) (rate(node_cpu_seconds_total{{{host},mode!=\"idle\"}}[2m]))"),
                1 => format!("avg by (instance, mode) (rate(node_cpu_seconds_total{{{host}}}[2m]))"),
                2 => format!(
                    "1 - node_memory_MemAvailable_bytes{{{host}}} / node_memory_MemTotal_bytes{{{host}}}"
                ),
                3 => format!("node_load1{{{host}}} / 8 > 100"),
                4 => format!(
                    "node_filesystem_avail_bytes{{{host}}} / node_filesystem_size_bytes{{{host}}} < 0.03"
                ),
                5 => format!("rate(node_network_receive_bytes_total{{{host}}}[5m])"),
                6 => format!("count without (cpu, mode) (node_cpu_seconds_total{{{host},mode=\"idle\"}})"),
                _ => "sum(node_load1)".to_owned(),
            };
            match rule % 8 {
                3 | 4 => writeln!(text, "  - {{alert: A{group}x{rule}, expr: '{expr}', for: 5m, labels: {{severity: page}}, annotations: {{summary: 'is {{{{ $value }}}} on {{{{ $labels.instance }}}}'}}}}"),
                _ => writeln!(text, "  - {{record: 'g{group}:r{rule}', expr: '{expr}'}}"),
            }
            .unwrap();
        }
    }
    text
}

struct Target {
    rows: Arc<Rows>,
    slots: Vec<Slot>,
}

fn scrape(targets: &[Target], second: i64) {
    let mut row = Row::new();
    for (target, it) in targets.iter().enumerate() {
        row.clear();
        for (slot, (_, value)) in it.slots.iter().zip(samples(target, second)) {
            row.set(*slot, value);
        }
        it.rows.append_row(second * 1000, &row).unwrap();
    }
}

/// User and system time of this process so far, seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |i: usize| fields[i].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn main() {
    let rounds: i64 = 20;
    let (groups, rules) = (GROUPS, RULES);
    let dir = tempfile::tempdir().unwrap();
    let options =
        DbOptions { wal_sync: WalSync::Interval(Duration::from_millis(100)), ..DbOptions::default() };
    let db = Arc::new(Db::open(dir.path(), options).unwrap());
    let begin = now_s() / INTERVAL_S * INTERVAL_S;
    let targets: Vec<Target> = fleet()
        .map(|target| {
            let rows = db.create_group();
            let slot = |labels: Vec<(&'static str, String)>| {
                let host = format!("host{target}");
                let own = [("instance", host.as_str()), ("job", "node")];
                let pairs = labels.iter().map(|(name, value)| (*name, value.as_str())).chain(own);
                rows.register(&Labels::from_pairs(pairs)).unwrap()
            };
            let slots = samples(target, begin).into_iter().map(|(labels, _)| slot(labels)).collect();
            Target { rows, slots }
        })
        .collect();
    for scrape_at in 0..HISTORY {
        scrape(&targets, begin + scrape_at * INTERVAL_S);
    }
    let file = file::parse(&rules_text(groups, rules), &FileOptions::default()).unwrap();
    let settings = GroupSettings {
        file: "bench.yml".to_owned(),
        default_interval_ms: INTERVAL_S * 1000,
        external: Arc::new(External::default()),
        restored: true,
    };
    let sinks = DbSinks { db: db.clone() };
    let mut all: Vec<Group> = file.groups.iter().map(|spec| Group::new(spec, &settings, &sinks)).collect();
    let (engine, metrics, stop) = (Engine::default(), RuleMetrics::default(), AtomicBool::new(false));
    let evaluator = Evaluator {
        store: &*db,
        engine: &engine,
        default_offset_ms: 0,
        resend_delay_ms: 60_000,
        token: &CancelToken::default,
        metrics: &metrics,
    };
    let around = Around { notify: &|_| (), workers: None, stop: &stop, now_ms: &|| 0 };
    let (mut cpu, mut wall, mut samples, mut failures) = (0.0, Duration::ZERO, 0, 0);
    // The first round makes the series, as it does in a server that starts.
    for round in 0..=rounds {
        let second = begin + (HISTORY + round) * INTERVAL_S;
        scrape(&targets, second);
        let (before, begun) = (cpu_seconds(), Instant::now());
        for group in &mut all {
            let run = group.evaluate(second * 1000 + 500, &evaluator, &around);
            (samples, failures) = (samples + run.samples, failures + run.failures);
        }
        if round > 0 {
            cpu += cpu_seconds() - before;
            wall += begun.elapsed();
        }
    }
    assert_eq!(failures, 0);
    let per_round = cpu / rounds as f64;
    let evaluations = (groups * rules) as f64;
    println!(
        "narthex: {:.3} s of CPU for {groups} groups x {rules} rules, {:.1} µs a rule, {:.3} s of time, {} samples a round",
        per_round,
        per_round / evaluations * 1e6,
        wall.as_secs_f64() / rounds as f64,
        samples / (rounds as usize + 1),
    );
    let measured = std::env::var("RULES_PEER_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    if let Some(theirs) = peer::seconds_per_round(Duration::from_secs(measured)) {
        println!(
            "prometheus: {theirs:.3} s of CPU for the same; narthex takes {:.2} of it",
            per_round / theirs
        );
    }
}
