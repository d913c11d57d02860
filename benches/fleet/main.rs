//! The whole scrape path beside the peers: a simulated fleet of node exporters, scraped by narthex, Debian's
//! Prometheus and VictoriaMetrics in turn. Prints what each takes of CPU, memory and disk, how soon it is back after
//! `kill -9`, and the ratios, as measured from `/proc`. `cargo bench --bench fleet`.
//!
//! The pages are those of a real node exporter (`$NARTHEX_SHARED/samples`, default `../shared`), cut to the wanted
//! number of series; without that file made-up ones.
//!
//! | variable | default | |
//! |---|---|---|
//! | `FLEET_TARGETS` | 200 | nodes |
//! | `FLEET_SERIES` | 985 | series of each |
//! | `FLEET_INTERVAL` | 1000 | ms from scrape to scrape |
//! | `FLEET_SECONDS` | 60 | length of the measurement, after a warm-up of 20 |
//! | `FLEET_CHURN` | 1 | percent of the series that are renamed each minute |
//! | `FLEET_SERVERS` | all | names, with commas |
//! | `FLEET_SOAK` | 0 | minutes; if set, narthex alone runs for so long with a mix of queries, and a line tells each minute |

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod exporter;
mod pages;
mod process;
mod server;
mod soak;

use exporter::Fleet;
use pages::Pages;
use process::disk_bytes;
use server::{KINDS, Server};
use std::path::Path;
use std::time::{Duration, Instant};

/// Scrapes before the measurement begins: series are created then.
const SETTLED: Duration = Duration::from_secs(10);
const WARM: Duration = Duration::from_secs(20);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Questions that are timed, as paths behind `/api/v1/`; `NOW` and `THEN` stand for times.
const QUESTIONS: &[(&str, &str)] = &[
    ("instant: one gauge of every node", "query?query=node_load1&time=NOW"),
    (
        "instant: rate by node",
        "query?query=sum%20by%20(instance)%20(rate(node_cpu_seconds_total[30s]))&time=NOW",
    ),
    ("range: one gauge of every node", "query_range?query=node_load1&start=THEN&end=NOW&step=1"),
    (
        "range: rate by node",
        "query_range?query=sum%20by%20(instance)%20(rate(node_cpu_seconds_total[30s]))&start=THEN&end=NOW&step=1",
    ),
];
/// How often each is asked; the median counts.
const ASKED: usize = 15;

/// Median milliseconds of an answer.
fn ask(server: &Server, question: &str) -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let path = question.replace("NOW", &now.to_string()).replace("THEN", &(now - 50).to_string());
    let mut times: Vec<f64> = (0..ASKED)
        .map(|_| {
            let begin = Instant::now();
            server.get(&format!("/api/v1/{path}")).unwrap();
            begin.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ASKED / 2]
}

/// What a server took: name of the figure, the figure, and its digits; less is better in all of them.
type Figures = Vec<(String, f64, usize)>;

fn measure(server: &Server, fleet: &Fleet, per_page: usize, targets: u64) -> Figures {
    let process = server.start();
    std::thread::sleep(WARM);
    let (cpu, served, written) = (process.cpu_seconds(), fleet.served(), process.written());
    let begin = Instant::now();
    let (mut resident, mut anonymous) = (Vec::new(), Vec::new());
    while begin.elapsed() < Duration::from_secs(setting("FLEET_SECONDS", 60)) {
        std::thread::sleep(Duration::from_secs(1));
        resident.push(process.resident_mib());
        anonymous.push(process.anonymous_mib());
    }
    let samples = (fleet.served() - served) as f64 * per_page as f64;
    let series = targets as f64 * per_page as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let peak = resident.iter().copied().fold(0.0, f64::max);
    let mut figures: Figures = vec![
        ("CPU s / million samples".to_owned(), (process.cpu_seconds() - cpu) / (samples / 1e6), 3),
        ("memory, mean, MiB".to_owned(), mean(&resident), 1),
        ("memory, peak, MiB".to_owned(), peak, 1),
        ("memory, bytes a live series".to_owned(), mean(&resident) * 1_048_576.0 / series, 0),
        ("of it not mapped files".to_owned(), mean(&anonymous) * 1_048_576.0 / series, 0),
        ("written, bytes a sample".to_owned(), (process.written() - written) / samples, 2),
    ];
    eprintln!("{}: {:.1} million samples", server.name(), samples / 1e6);
    for (what, question) in QUESTIONS {
        figures.push((format!("{what}, ms"), ask(server, question), 2));
    }
    figures.extend(crash(server, process, fleet));
    figures.push(("data directory, MB".to_owned(), disk_bytes(&server.data) / 1e6, 1));
    figures
}

/// `kill -9` under load, and what follows.
fn crash(server: &Server, process: process::Process, fleet: &Fleet) -> Figures {
    let newest = |server: &Server| server.number("max(timestamp(up))");
    let before = newest(server).unwrap();
    process.kill();
    // Connections that the dead server had open are gone before it comes back.
    std::thread::sleep(Duration::from_millis(200));
    let (begin, served) = (Instant::now(), fleet.served());
    let process = server.start();
    // Both are waited for at once: neither has to come first.
    let (scraping, answering) = std::thread::scope(|scope| {
        let scraping = scope.spawn(|| server.wait(begin, |_| fleet.served() > served));
        let answering = server.wait(begin, |server| server.number("count(up)").is_some());
        (scraping.join().unwrap(), answering)
    });
    let at = |time: f64| server.number(&format!("max(timestamp(up @ {time:.3}))")).unwrap_or(0.0);
    let lost = before - at(before);
    let answering_memory = process.resident_mib();
    std::thread::sleep(SETTLED);
    vec![
        ("after kill -9: first scrape, s".to_owned(), scraping, 2),
        ("after kill -9: first answer, s".to_owned(), answering, 2),
        ("after kill -9: newest samples lost, s".to_owned(), lost, 1),
        ("after kill -9: memory at the first answer, MiB".to_owned(), answering_memory, 1),
        ("after kill -9: memory soon after, MiB".to_owned(), process.resident_mib(), 1),
    ]
}

fn write_config(path: &Path, targets: u64, port: u16) {
    let interval = setting("FLEET_INTERVAL", 1000);
    let mut config = format!(
        "global:\n  scrape_interval: {interval}ms\n  scrape_timeout: {interval}ms\nscrape_configs:\n- job_name: node\n  static_configs:\n  - targets:\n"
    );
    for i in 0..targets {
        config += &format!("    - 127.{}.{}.{}:{port}\n", 1 + i / 62_500, i / 250 % 250, 1 + i % 250);
    }
    std::fs::write(path, config).unwrap();
}

fn report(all: &[(&str, Figures)]) {
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let Some(((_, ours), peers)) = all.split_first() else { return };
    let ratios: Vec<String> = peers.iter().map(|(name, _)| format!("{name} / {}", names[0])).collect();
    println!(
        "\n| | {} |",
        names.iter().copied().map(str::to_owned).chain(ratios).collect::<Vec<_>>().join(" | ")
    );
    println!("|---|{}", "---|".repeat(names.len() + peers.len()));
    for (row, (what, own, digits)) in ours.iter().enumerate() {
        let cells = all.iter().map(|(_, figures)| format!("{:.digits$}", figures[row].1));
        let ratios = peers.iter().map(|(_, figures)| match *own > 0.0 {
            true => format!("**{:.1}**", figures[row].1 / own),
            false => String::new(),
        });
        println!("| {what} | {} |", cells.chain(ratios).collect::<Vec<_>>().join(" | "));
    }
}

fn main() {
    let (targets, series) = (setting("FLEET_TARGETS", 200), setting("FLEET_SERIES", 985) as usize);
    let shared =
        std::env::var_os("NARTHEX_SHARED").map_or_else(|| Path::new("../shared").to_owned(), Into::into);
    let pages = Pages::real(&shared.join("samples/node-exporter.raw.zst"), series).unwrap_or_else(|| {
        eprintln!("no real scrapes below {}: the pages are made up", shared.display());
        Pages::generated(series)
    });
    let (per_page, churn) = (pages.series(), setting("FLEET_CHURN", 1));
    let fleet = Fleet::start(pages, churn);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("prometheus.yml");
    write_config(&config, targets, fleet.port);
    println!("{targets} targets of {per_page} samples, {churn} % of the series renamed each minute");
    let wanted = std::env::var("FLEET_SERVERS").unwrap_or_default();
    let soak = setting("FLEET_SOAK", 0);
    let mut all = Vec::new();
    for kind in KINDS {
        if !wanted.is_empty() && !wanted.split(',').any(|name| name == kind.name()) {
            continue;
        }
        let Some(server) = Server::new(kind, dir.path(), &config) else { continue };
        if soak > 0 {
            soak::run(&server, &fleet, per_page, targets, soak);
            return;
        }
        all.push((kind.name(), measure(&server, &fleet, per_page, targets)));
        // Room for the next one.
        let _ = std::fs::remove_dir_all(&server.data);
    }
    report(&all);
}
