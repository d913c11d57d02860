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
    // Without a limit Go's library shows the largest number there is.
    let most = rustix::process::getrlimit(rustix::process::Resource::As).current.unwrap_or(u64::MAX);
    page.single(
        "process_virtual_memory_max_bytes",
        "gauge",
        "Maximum amount of virtual memory available in bytes.",
        most as f64,
    );
    let network = fs::read_to_string("/proc/self/net/netstat").unwrap_or_default();
    for (name, column, help) in [
        (
            "process_network_receive_bytes_total",
            "InOctets",
            "Number of bytes received by the process over the network.",
        ),
        (
            "process_network_transmit_bytes_total",
            "OutOctets",
            "Number of bytes sent by the process over the network.",
        ),
    ] {
        if let Some(value) = netstat(&network, "IpExt:", column) {
            page.single(name, "counter", help, value);
        }
    }
    page.single(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process since unix epoch in seconds.",
        start_seconds,
    );
}

/// A number of a protocol: one line names the columns, the next one has the values.
fn netstat(text: &str, protocol: &str, column: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| line.starts_with(protocol));
    let names = lines.next()?.split_whitespace();
    let mut pairs = names.zip(lines.next()?.split_whitespace());
    pairs.find(|(name, _)| *name == column)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_netstat_are_found_by_name() {
        let text = "TcpExt: A B\nTcpExt: 1 2\nIpExt: InOctets OutOctets\nIpExt: 3 4\n";
        assert_eq!(netstat(text, "IpExt:", "OutOctets"), Some(4.0));
        assert_eq!(netstat(text, "IpExt:", "None"), None);
        assert_eq!(netstat("IpExt: A", "IpExt:", "A"), None);
    }
}
