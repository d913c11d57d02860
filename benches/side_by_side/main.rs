//! Queries beside the peers: narthex, Debian's Prometheus and VictoriaMetrics over the same six hours of a hundred
//! node exporters, brought in by remote write. Prints CPU time, median latency and size of the answer of every
//! query in three forms, the peak of the memory, and ratios. `cargo bench --bench side_by_side`.
//!
//! | variable | default | |
//! |---|---|---|
//! | `SIDE_BY_SIDE_TARGETS` | 100 | node exporters |
//! | `SIDE_BY_SIDE_HOURS` | 6 | stored hours |
//! | `SIDE_BY_SIDE_DIR` | a temporary directory | keeps the loaded data for the next run |
//! | `SIDE_BY_SIDE_SERVERS` | all | names, with commas |
//! | `SIDE_BY_SIDE_QUERIES` | all | only queries whose name contains this |
//! | `SIDE_BY_SIDE_MS` | 1000 | how long each query is repeated |

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod ask;
mod load;
mod questions;
mod report;
mod series;
mod server;

use questions::{FORMS, Question};
use report::{Figures, Measured};
use series::Series;
use server::{Kind, Server};
use std::path::Path;
use std::time::{Duration, Instant};

/// A query is asked at least so often.
const ASKED_MIN: usize = 3;
/// And at most.
const ASKED_MAX: usize = 40;
/// How far values may lie apart, relative: the last digits of sums differ between releases.
const TOLERANCE: f64 = 1e-9;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(format!("SIDE_BY_SIDE_{name}")).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Starts a server whose data is loaded, loading it first if need be.
fn prepare(kind: Kind, dir: &Path, targets: usize, scrapes: i64) -> Option<Server> {
    let server = Server::start(kind, dir)?;
    let mark = dir.join(kind.name()).join("loaded");
    if mark.exists() {
        return Some(server);
    }
    let fleet: Vec<Vec<Series>> = (0..targets).map(series::target).collect();
    load::load(&server.address, targets, scrapes, |target, scrapes, out| {
        for series in &fleet[target] {
            let samples = scrapes.clone().map(|scrape| (Series::time(target, scrape), series.value(scrape)));
            load::put_series(&series.labels, samples, out);
        }
    });
    server.wait_until_idle();
    server.stop();
    std::fs::write(mark, "").unwrap();
    // Measured is a server that has just begun, as after the next run's start.
    Server::start(kind, dir)
}

/// Asks one question again and again.
fn measure(server: &Server, path: &str) -> (Measured, ask::Answer) {
    let first = ask::get(&server.address, path).unwrap();
    assert_eq!(first.status, 200, "{path}: {}", String::from_utf8_lossy(&first.body));
    let (threads, process) = (server.thread_seconds(), server.cpu_seconds());
    let length = Duration::from_millis(setting("MS", 1000));
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < ASKED_MIN || begin.elapsed() < length && times.len() < ASKED_MAX {
        let asked = Instant::now();
        let _ = ask::get(&server.address, path).unwrap();
        times.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    // Threads are exact but may end; the process is counted in ticks of ten milliseconds.
    let (threads, process) = (server.thread_seconds() - threads, server.cpu_seconds() - process);
    let cpu = if process - threads > 0.03 { process } else { threads };
    times.sort_by(f64::total_cmp);
    let measured = Measured {
        cpu_ms: cpu * 1000.0 / times.len() as f64,
        median_ms: times[times.len() / 2],
        bytes: first.body.len(),
    };
    (measured, first)
}

/// The first difference between two answers.
fn difference(ours: &ask::Answer, theirs: &ask::Answer) -> Option<String> {
    let (ours, theirs) = (ask::result(ours), ask::result(theirs));
    if !ours.keys().eq(theirs.keys()) {
        let missing = theirs.keys().find(|key| !ours.contains_key(*key));
        let extra = ours.keys().find(|key| !theirs.contains_key(*key));
        return Some(format!(
            "{} and {} series; missing {missing:?}, extra {extra:?}",
            ours.len(),
            theirs.len()
        ));
    }
    for (labels, ours) in &ours {
        let theirs = &theirs[labels];
        if ours.len() != theirs.len() {
            return Some(format!("{labels}: {} and {} samples", ours.len(), theirs.len()));
        }
        for ((t, a), (u, b)) in ours.iter().zip(theirs) {
            let near =
                a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs());
            if t != u || !near {
                return Some(format!("{labels}: {a} at {t} and {b} at {u}"));
            }
        }
    }
    None
}

fn main() {
    let (targets, hours) = (setting("TARGETS", 100) as usize, setting("HOURS", 6) as i64);
    let scrapes = hours * 3_600_000 / series::INTERVAL_MS;
    let (temporary, kept) = (tempfile::tempdir().unwrap(), std::env::var_os("SIDE_BY_SIDE_DIR"));
    let dir = kept.map_or_else(|| temporary.path().to_owned(), Into::into).join(format!("{targets}x{hours}"));
    let wanted = std::env::var("SIDE_BY_SIDE_SERVERS").unwrap_or_default();
    let only = std::env::var("SIDE_BY_SIDE_QUERIES").unwrap_or_default();
    let questions: Vec<Question> =
        questions::all().into_iter().filter(|question| question.name.contains(&only)).collect();
    let series = series::target(0).len();
    println!(
        "{targets} targets of {series} series, {hours} h at {} s: {:.1} million samples; {} queries\n",
        series::INTERVAL_MS / 1000,
        (targets * series) as f64 * scrapes as f64 / 1e6,
        questions.len()
    );
    let mut all: Vec<Figures> = Vec::new();
    // Answers of the first server, for the second to be compared with.
    let mut answers = Vec::new();
    for kind in [Kind::Narthex, Kind::Prometheus, Kind::VictoriaMetrics] {
        if !wanted.is_empty() && !wanted.split(',').any(|name| name == kind.name()) {
            continue;
        }
        let Some(server) = prepare(kind, &dir, targets, scrapes) else { continue };
        server.wait_until_idle();
        let mut figures = Figures { name: kind.name(), measured: Vec::new(), peaks_mib: Vec::new() };
        for form in FORMS {
            server.reset_peak();
            let mut measured = Vec::new();
            for (i, question) in questions.iter().enumerate() {
                let (figure, answer) = measure(&server, &form.path(&question.query, scrapes));
                eprintln!("{}: {}: {}: {figure}", kind.name(), form.name(), question.name);
                measured.push(figure);
                match kind {
                    Kind::Narthex => answers.push(answer),
                    Kind::Prometheus => {
                        let place = figures.measured.len() * questions.len() + i;
                        let found = answers.get(place).and_then(|ours| difference(ours, &answer));
                        if let Some(found) = found {
                            println!("DIFFERENT: {}: {}: {found}", form.name(), question.query);
                        }
                    }
                    // Its functions mean something else, extrapolation for one.
                    Kind::VictoriaMetrics => {}
                }
            }
            figures.measured.push(measured);
            figures.peaks_mib.push(server.peak_mib());
        }
        server.stop();
        all.push(figures);
    }
    report::print(&questions, &all);
}
