//! Half an hour and more under load: memory has to stay flat, no scrape may fail, and answers may not get slower.

use super::exporter::Fleet;
use super::process::disk_bytes;
use super::server::Server;
use std::time::{Duration, Instant};

/// Asked in turn, all the time; `count(up < 1)` would find scrapes that fail.
const MIX: &[&str] = &[
    "sum by (instance) (rate(node_cpu_seconds_total[1m]))",
    "topk(5, node_load1)",
    "sum(rate(node_network_receive_bytes_total[5m]))",
    "1 - avg(rate(node_cpu_seconds_total{mode=\"idle\"}[2m]))",
    "count({__name__=~\"node_memory_.+\"})",
];
/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs a server for some minutes; prints a line for each.
pub fn run(server: &Server, fleet: &Fleet, per_page: usize, targets: u64, minutes: u64) {
    let process = server.start();
    server.wait(Instant::now(), |server| server.number("count(up)").is_some());
    println!(
        "| minute | CPU s / million samples | resident MiB | of it not mapped files | head series | scrapes missed | scrapes failed | slowest answer ms | median ms | disk MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let (mut cpu, mut served) = (process.cpu_seconds(), fleet.served());
    for minute in 1..=minutes {
        let begin = Instant::now();
        let mut times = Vec::new();
        for query in MIX.iter().cycle() {
            let asked = Instant::now();
            server.query(query).unwrap();
            times.push(asked.elapsed().as_secs_f64() * 1000.0);
            std::thread::sleep(PAUSE);
            if begin.elapsed() >= Duration::from_secs(60) {
                break;
            }
        }
        times.sort_by(f64::total_cmp);
        let scrapes = fleet.served() - served;
        let expected = (begin.elapsed().as_secs_f64() * targets as f64) as u64;
        let failed = server.number("sum(1 - min_over_time(up[1m]))").unwrap_or(f64::NAN);
        println!(
            "| {minute} | {:.3} | {:.1} | {:.1} | {:.0} | {} | {failed:.0} | {:.1} | {:.2} | {:.0} |",
            (process.cpu_seconds() - cpu) / (scrapes as f64 * per_page as f64 / 1e6),
            process.resident_mib(),
            process.anonymous_mib(),
            server.number("prometheus_tsdb_head_series").or_else(|| head_series(server)).unwrap_or(f64::NAN),
            expected.saturating_sub(scrapes),
            times.last().copied().unwrap_or(0.0),
            times[times.len() / 2],
            disk_bytes(&server.data) / 1e6,
        );
        (cpu, served) = (process.cpu_seconds(), fleet.served());
    }
    println!("\npages that were given up while they were sent: {}", fleet.given_up());
}

fn head_series(server: &Server) -> Option<f64> {
    let page = server.get("/metrics")?;
    page.lines().find_map(|line| line.strip_prefix("prometheus_tsdb_head_series "))?.trim().parse().ok()
}
