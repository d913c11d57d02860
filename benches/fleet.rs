//! The whole scrape path beside the peers: a simulated fleet of node exporters, scraped by narthex, Debian's
//! Prometheus and VictoriaMetrics in turn. Prints CPU seconds per million samples, memory and disk, as
//! measured from `/proc`, and their ratios. `cargo bench --bench fleet`.
//!
//! `FLEET_TARGETS`, `FLEET_SERIES` (of a target, 985), `FLEET_SECONDS` and `FLEET_INTERVAL` (ms) change the load;
//! `FLEET_NARTHEX` is another build to measure.

#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Versions of the page, one after the other.
const ROUNDS: usize = 40;
/// Scrapes before the measurement begins: the peers grow their series then.
const WARM: Duration = Duration::from_secs(15);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A page as a node exporter has it: 256 CPU counters that move, devices of which a third is idle, gauges
/// of which a quarter moves, families that never change.
fn page(round: usize, series: u64) -> String {
    use std::fmt::Write;
    let mut page = String::new();
    let _ = writeln!(page, "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.");
    let _ = writeln!(page, "# TYPE node_cpu_seconds_total counter");
    for cpu in 0..16 {
        for (i, mode) in
            ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"].iter().enumerate()
        {
            // Interrupt and steal time hardly ever move.
            let moves = if matches!(i, 2 | 3 | 5) { 0.0 } else { round as f64 * (0.01 + i as f64 / 50.0) };
            let value = (cpu * 7919 + i * 104_729) as f64 / 7.0 + moves;
            let _ = writeln!(page, "node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"{mode}\"}} {value:.2}");
        }
    }
    for kind in ["receive", "transmit"] {
        for (i, what) in
            ["bytes", "packets", "errs", "drop", "fifo", "frame", "compressed"].iter().enumerate()
        {
            let _ = writeln!(page, "# HELP node_network_{kind}_{what}_total Network device statistic.");
            let _ = writeln!(page, "# TYPE node_network_{kind}_{what}_total counter");
            for device in 0..12 {
                let moves = if i < 2 && device % 3 != 0 { round * (1500 + 37 * device) } else { 0 };
                let value = device * 1_299_709 * (3 - i.min(2)) + moves;
                let _ = writeln!(page, "node_network_{kind}_{what}_total{{device=\"eth{device}\"}} {value}");
            }
        }
    }
    // The other families have as many.
    for field in 0..series.saturating_sub(299) as usize {
        let _ = writeln!(page, "# HELP node_memory_field_{field}_bytes Memory information field {field}.");
        let _ = writeln!(page, "# TYPE node_memory_field_{field}_bytes gauge");
        let moves = if field % 4 == 0 { (round * (field + 1)) as f64 * 4096.0 } else { 0.0 };
        let value = (field as f64 + 1.0) * 1.048_576e6 + moves;
        let _ = writeln!(page, "node_memory_field_{field}_bytes {value:e}");
    }
    for load in ["1", "5", "15"] {
        let _ =
            writeln!(page, "# TYPE node_load{load} gauge\nnode_load{load} {:.2}", (round % 17) as f64 / 3.0);
    }
    page
}

/// The fleet: every loopback address is a target of its own.
struct Fleet {
    port: u16,
    served: Arc<AtomicU64>,
}

impl Fleet {
    fn start(series: u64) -> Self {
        let pack = |body: &str| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body.as_bytes()).unwrap();
            let body = encoder.finish().unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), &body].concat()
        };
        let answers: Arc<Vec<Vec<u8>>> =
            Arc::new((0..ROUNDS).map(|round| pack(&page(round, series))).collect());
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(AtomicU64::new(0));
        let count = served.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answers, count) = (answers.clone(), count.clone());
                // A client that goes away is no fault.
                std::thread::spawn(move || drop(serve(stream, &answers, &count)));
            }
        });
        Self { port, served }
    }
}

fn serve(mut stream: TcpStream, answers: &[Vec<u8>], served: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    for answer in answers.iter().cycle() {
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            request.extend_from_slice(chunk.get(..read).unwrap_or_default());
        }
        request.clear();
        stream.write_all(answer)?;
        served.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
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
const ASKED: usize = 25;

/// Median milliseconds of an answer, and its length.
fn ask(address: &str, question: &str) -> (f64, usize) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let path = question.replace("NOW", &now.to_string()).replace("THEN", &(now - 50).to_string());
    let request = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut times = Vec::new();
    let mut answer = Vec::new();
    for _ in 0..ASKED {
        let begin = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        answer.clear();
        stream.read_to_end(&mut answer).unwrap();
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    times.sort_by(f64::total_cmp);
    (times[ASKED / 2], answer.len())
}

/// What a server took.
struct Figures {
    name: &'static str,
    /// Median milliseconds of each question.
    answers_ms: Vec<f64>,
    samples: f64,
    cpu_seconds: f64,
    memory_mb: f64,
    disk_mb: f64,
}

fn cpu_seconds(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    // The name may hold blanks: fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn memory_mb(child: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}

fn disk_mb(dir: &Path) -> f64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(dir) else { return 0.0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_mb(&entry.path()),
        // What it takes, not what it says: logs are preallocated.
        Ok(meta) => meta.blocks() as f64 * 512.0 / 1e6,
        Err(_) => 0.0,
    };
    entries.flatten().map(size).sum()
}

fn measure(
    name: &'static str,
    command: &mut Command,
    address: &str,
    data: &Path,
    fleet: &Fleet,
    per_page: usize,
) -> Figures {
    let log = std::fs::File::create(data.with_extension("log")).unwrap();
    let mut child =
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    std::thread::sleep(WARM);
    let (cpu, served) = (cpu_seconds(&child), fleet.served.load(Ordering::Relaxed));
    let seconds = setting("FLEET_SECONDS", 60);
    let begin = Instant::now();
    std::thread::sleep(Duration::from_secs(seconds));
    let scrapes = fleet.served.load(Ordering::Relaxed) - served;
    let mut figures = Figures {
        name,
        answers_ms: Vec::new(),
        samples: scrapes as f64 * per_page as f64,
        cpu_seconds: cpu_seconds(&child) - cpu,
        memory_mb: memory_mb(&child),
        disk_mb: disk_mb(data),
    };
    eprintln!("{name}: {scrapes} scrapes in {:.1} s", begin.elapsed().as_secs_f64());
    for (what, question) in QUESTIONS {
        let (ms, bytes) = ask(address, question);
        eprintln!("{name}: {what}: {ms:.2} ms, {bytes} bytes");
        figures.answers_ms.push(ms);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    figures
}

fn installed(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}

fn main() {
    let series = setting("FLEET_SERIES", 985);
    let fleet = Fleet::start(series);
    let per_page = page(0, series).lines().filter(|line| !line.starts_with('#')).count();
    let targets = setting("FLEET_TARGETS", 100);
    let interval = setting("FLEET_INTERVAL", 1000);
    let dir = tempfile::tempdir().unwrap();
    let mut config = format!(
        "global:\n  scrape_interval: {interval}ms\n  scrape_timeout: {interval}ms\nscrape_configs:\n- job_name: node\n  static_configs:\n  - targets:\n"
    );
    for i in 0..targets {
        config += &format!("    - 127.0.{}.{}:{}\n", 1 + i / 250, 1 + i % 250, fleet.port);
    }
    let path = dir.path().join("prometheus.yml");
    std::fs::write(&path, config).unwrap();
    println!("{targets} targets of {per_page} samples every {interval} ms");
    let config = format!("--config.file={}", path.display());
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut all = Vec::new();
    let (data, address) = (dir.path().join("narthex"), free());
    let program = std::env::var_os("FLEET_NARTHEX").unwrap_or_else(|| env!("CARGO_BIN_EXE_narthex").into());
    let mut command = Command::new(program);
    command.arg(&config).arg(format!("--web.listen-address={address}"));
    command.arg(format!("--storage.tsdb.path={}", data.display()));
    all.push(measure("narthex", &mut command, &address, &data, &fleet, per_page));
    if let Some(program) = installed("prometheus") {
        let (data, address) = (dir.path().join("prometheus"), free());
        let mut command = Command::new(program);
        command.arg(&config).arg(format!("--web.listen-address={address}"));
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        all.push(measure("prometheus", &mut command, &address, &data, &fleet, per_page));
    }
    if let Some(program) = installed("victoria-metrics") {
        let (data, address) = (dir.path().join("victoria-metrics"), free());
        let mut command = Command::new(program);
        command.arg(format!("-promscrape.config={}", path.display()));
        command.arg(format!("-httpListenAddr={address}"));
        command.arg(format!("-storageDataPath={}", data.display()));
        all.push(measure("victoria-metrics", &mut command, &address, &data, &fleet, per_page));
    }
    println!("{:<18}{:>12}{:>18}{:>10}{:>10}", "", "samples", "CPU s / million", "RSS MB", "disk MB");
    let row = |f: &Figures| f.cpu_seconds / (f.samples / 1e6);
    for f in &all {
        println!("{:<18}{:>12}{:>18.3}{:>10.1}{:>10.1}", f.name, f.samples, row(f), f.memory_mb, f.disk_mb);
    }
    let Some((narthex, peers)) = all.split_first() else { return };
    for peer in peers {
        println!(
            "{} takes {:.1} times the CPU, {:.1} times the memory, {:.1} times the disk",
            peer.name,
            row(peer) / row(narthex),
            peer.memory_mb / narthex.memory_mb,
            peer.disk_mb / narthex.disk_mb
        );
        for ((what, _), (theirs, ours)) in
            QUESTIONS.iter().zip(peer.answers_ms.iter().zip(&narthex.answers_ms))
        {
            println!("  {what}: {:.1} times the wait", theirs / ours);
        }
    }
}
