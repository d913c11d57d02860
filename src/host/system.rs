//! Load, processes, time, pressure, and what system this is.

use super::{HostPage, HostPaths, number};
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn loadavg(text: &str, page: &mut HostPage) -> Option<()> {
    let mut fields = text.split_ascii_whitespace();
    for (name, help) in [
        ("node_load1", "1m load average."),
        ("node_load5", "5m load average."),
        ("node_load15", "15m load average."),
    ] {
        page.gauge(name, help, fields.next()?.parse().ok()?);
    }
    Some(())
}

/// Lines of `/proc/stat`: key, metric, type, help.
const STAT: &[(&str, &str, &str, &str)] = &[
    ("intr", "node_intr_total", "counter", "Total number of interrupts serviced."),
    ("ctxt", "node_context_switches_total", "counter", "Total number of context switches."),
    ("processes", "node_forks_total", "counter", "Total number of forks."),
    ("btime", "node_boot_time_seconds", "gauge", "Node boot time, in unixtime."),
    ("procs_running", "node_procs_running", "gauge", "Number of processes in runnable state."),
    (
        "procs_blocked",
        "node_procs_blocked",
        "gauge",
        "Number of processes blocked waiting for I/O to complete.",
    ),
];

pub(super) fn stat(text: &str, page: &mut HostPage) -> Option<()> {
    let mut found = None;
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(key), Some(value)) = (fields.next(), fields.next()) else { continue };
        if let Some((_, name, kind, help)) = STAT.iter().find(|(k, _, _, _)| *k == key) {
            page.add(name, kind, help, &[], number(value));
            found = Some(());
        }
    }
    found
}

pub(super) fn filefd(text: &str, page: &mut HostPage) -> Option<()> {
    let fields: Vec<f64> = text.split_ascii_whitespace().map(number).collect();
    page.gauge("node_filefd_allocated", "File descriptor statistics: allocated.", *fields.first()?);
    page.gauge("node_filefd_maximum", "File descriptor statistics: maximum.", *fields.get(2)?);
    Some(())
}

pub(super) fn entropy(paths: &HostPaths, page: &mut HostPage) -> Option<()> {
    for (file, name, help) in [
        ("entropy_avail", "node_entropy_available_bits", "Bits of available entropy."),
        ("poolsize", "node_entropy_pool_size_bits", "Bits of entropy pool."),
    ] {
        let text = paths.proc(&format!("sys/kernel/random/{file}"))?;
        page.gauge(name, help, number(text.trim()));
    }
    Some(())
}

/// What waits, and what stands still: file, line, metric.
const PRESSURE: &[(&str, &str, &str, &str)] = &[
    (
        "cpu",
        "some",
        "node_pressure_cpu_waiting_seconds_total",
        "Total time in seconds that processes have waited for CPU time",
    ),
    (
        "io",
        "some",
        "node_pressure_io_waiting_seconds_total",
        "Total time in seconds that processes have waited due to IO congestion",
    ),
    (
        "io",
        "full",
        "node_pressure_io_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IO congestion",
    ),
    (
        "memory",
        "some",
        "node_pressure_memory_waiting_seconds_total",
        "Total time in seconds that processes have waited for memory",
    ),
    (
        "memory",
        "full",
        "node_pressure_memory_stalled_seconds_total",
        "Total time in seconds no process could make progress due to memory congestion",
    ),
];

pub(super) fn pressure(paths: &HostPaths, page: &mut HostPage) -> Option<()> {
    let mut found = None;
    for (file, line, name, help) in PRESSURE {
        let Some(text) = paths.proc(&format!("pressure/{file}")) else { continue };
        let total = text
            .lines()
            .find(|l| l.starts_with(line))
            .and_then(|l| l.split_ascii_whitespace().find_map(|field| field.strip_prefix("total=")));
        if let Some(total) = total {
            page.counter(name, help, number(total) / 1e6);
            found = Some(());
        }
    }
    found
}

pub(super) fn time(page: &mut HostPage) -> Option<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    page.gauge("node_time_seconds", "System time in seconds since epoch (1970).", now);
    Some(())
}

pub(super) fn uname(page: &mut HostPage) -> Option<()> {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let (domain, machine, node) = (text(uname.domainname()), text(uname.machine()), text(uname.nodename()));
    let (release, system, version) = (text(uname.release()), text(uname.sysname()), text(uname.version()));
    let labels = [
        ("sysname", system.as_str()),
        ("release", &release),
        ("version", &version),
        ("machine", &machine),
        ("nodename", &node),
        ("domainname", &domain),
    ];
    page.add(
        "node_uname_info",
        "gauge",
        "Labeled system information as provided by the uname system call.",
        &labels,
        1.0,
    );
    Some(())
}

/// Fields of `os-release`, in the order of their labels.
const OS: [&str; 12] = [
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
];

pub(super) fn os(paths: &HostPaths, page: &mut HostPage) -> Option<()> {
    let text = HostPaths::read(&paths.root, "etc/os-release")
        .or_else(|| HostPaths::read(&paths.root, "usr/lib/os-release"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    let values: Vec<(&str, String)> = OS.iter().map(|name| (*name, field(name))).collect();
    let labels: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    page.add(
        "node_os_info",
        "gauge",
        "A metric with a constant '1' value labeled by the fields of os-release.",
        &labels,
        1.0,
    );
    // Major and minor number only, as one number.
    let version_id = field("version_id");
    let version = version_id.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    if let Ok(version) = version.parse() {
        let (id, like, name) = (field("id"), field("id_like"), field("name"));
        let labels = [("id", id.as_str()), ("id_like", &like), ("name", &name)];
        page.add(
            "node_os_version",
            "gauge",
            "Metric containing the major.minor part of the OS version.",
            &labels,
            version,
        );
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_metrics() {
        let mut page = HostPage::default();
        loadavg("0.25 1.5 2 1/100 999\n", &mut page).unwrap();
        stat(
            "cpu 1\nintr 5 1 2\nctxt 6\nbtime 7\nprocesses 8\nprocs_running 9\nprocs_blocked 10\n",
            &mut page,
        )
        .unwrap();
        filefd("1 0 3\n", &mut page).unwrap();
        let mut out = String::new();
        page.render(&mut out);
        for sample in [
            "node_load1 0.25",
            "node_load15 2",
            "node_intr_total 5",
            "node_boot_time_seconds 7",
            "node_filefd_maximum 3",
        ] {
            assert!(out.lines().any(|l| l == sample), "{sample} in {out}");
        }
        assert_eq!(loadavg("1 2", &mut page), None);
    }
}
