//! Facts about this process, as every Prometheus client library shows them.

use super::metrics::Page;
use std::fs;

/// Adds the `process_` metrics; what the system does not tell is left out.
pub fn render(page: &mut Page, start_seconds: f64) {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page_size = rustix::param::page_size() as f64;
    if let Ok(stat) = fs::read_to_string("/proc/self/stat") {
        // The command's name may hold blanks; the numbers follow its closing parenthesis.
        let fields: Vec<f64> = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        let field = |i: usize| fields.get(i).copied().unwrap_or(0.0);
        let cpu = (field(11) + field(12)) / ticks;
        page.single(
            "process_cpu_seconds_total",
            "counter",
            "Total user and system CPU time spent in seconds.",
            cpu,
        );
        page.single(
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory size in bytes.",
            field(21) * page_size,
        );
        page.single("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", field(20));
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        page.single("process_open_fds", "gauge", "Number of open file descriptors.", entries.count() as f64);
    }
    if let Some(max) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        page.single("process_max_fds", "gauge", "Maximum number of open file descriptors.", max as f64);
    }
    page.single(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process since unix epoch in seconds.",
        start_seconds,
    );
}
