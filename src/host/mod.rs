//! The built-in host collector: what node-exporter tells about a Linux machine, under the same names.
//!
//! One file per subject; each reads `/proc` or `/sys` text and adds metrics to a page. What a kernel does
//! not offer is left out, never invented.

mod cpu;
mod disk;
mod filesystem;
mod memory;
mod network;
mod page;
mod system;

pub use page::HostPage;

use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where the kernel's files are: a container may see the host's under another root.
#[derive(Debug, Clone)]
pub struct HostPaths {
    /// `/proc`
    pub proc: PathBuf,
    /// `/sys`
    pub sys: PathBuf,
    /// `/`
    pub root: PathBuf,
}

impl Default for HostPaths {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), root: "/".into() }
    }
}

impl HostPaths {
    /// A file of the kernel as text; bytes that are no text are replaced.
    fn read(root: &Path, file: &str) -> Option<String> {
        let bytes = std::fs::read(root.join(file)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn proc(&self, file: &str) -> Option<String> {
        Self::read(&self.proc, file)
    }

    fn sys(&self, file: &str) -> Option<String> {
        Self::read(&self.sys, file).map(|text| text.trim().to_owned())
    }
}

/// Adds one subject to the page; `None` when the kernel does not tell.
type Collect = fn(&Collector, &mut HostPage) -> Option<()>;

const COLLECTORS: &[(&str, Collect)] = &[
    ("cpu", |c, page| cpu::collect(&c.paths.proc("stat")?, page)),
    ("diskstats", |c, page| disk::collect(&c.paths, page)),
    ("entropy", |c, page| system::entropy(&c.paths, page)),
    ("filefd", |c, page| system::filefd(&c.paths.proc("sys/fs/file-nr")?, page)),
    ("filesystem", |c, page| filesystem::collect(&c.paths, &c.mounts, page)),
    ("loadavg", |c, page| system::loadavg(&c.paths.proc("loadavg")?, page)),
    ("meminfo", |c, page| memory::meminfo(&c.paths.proc("meminfo")?, page)),
    ("netdev", |c, page| network::netdev(&c.paths.proc("net/dev")?, page)),
    ("netclass", |c, page| network::netclass(&c.paths, page)),
    ("os", |c, page| system::os(&c.paths, page)),
    ("pressure", |c, page| system::pressure(&c.paths, page)),
    ("stat", |c, page| system::stat(&c.paths.proc("stat")?, page)),
    ("time", |_, page| system::time(page)),
    ("uname", |_, page| system::uname(page)),
    ("vmstat", |c, page| memory::vmstat(&c.paths.proc("vmstat")?, page)),
];

/// Reads the host's facts on demand.
pub struct Collector {
    paths: HostPaths,
    mounts: filesystem::Prober,
}

impl Collector {
    /// A collector over these paths.
    #[must_use]
    pub fn new(paths: HostPaths) -> Self {
        Self { paths, mounts: filesystem::Prober::default() }
    }

    /// Writes the page.
    pub fn collect(&self, out: &mut String) {
        let mut page = HostPage::default();
        let mut runs = Vec::new();
        for (name, collect) in COLLECTORS {
            let started = Instant::now();
            let told = collect(self, &mut page).is_some();
            runs.push((*name, started.elapsed().as_secs_f64(), told));
        }
        for (name, seconds, told) in runs {
            let labels = [("collector", name)];
            page.add(
                "node_scrape_collector_duration_seconds",
                "gauge",
                "How long a collector took.",
                &labels,
                seconds,
            );
            let success = f64::from(u8::from(told));
            page.add(
                "node_scrape_collector_success",
                "gauge",
                "Whether a collector succeeded.",
                &labels,
                success,
            );
        }
        page.render(out);
    }
}

/// This machine's name.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A number as the kernel prints it; 0 for what is none.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::exposition::{Entry, Exposition, Format, parse_labels};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_page_of_this_machine_is_valid_and_has_what_the_use_queries_need() {
        let mut text = String::new();
        Collector::new(HostPaths::default()).collect(&mut text);
        let mut names = BTreeSet::new();
        for entry in Exposition::new(text.as_bytes(), Format::Text).entries() {
            if let Entry::Series(sample) = entry.unwrap() {
                parse_labels(sample.series, |name, value| {
                    if name == "__name__" {
                        names.insert(value.to_owned());
                    }
                });
            }
        }
        for name in [
            "node_load1",
            "node_load5",
            "node_load15",
            "node_cpu_seconds_total",
            "node_memory_MemTotal_bytes",
            "node_memory_MemAvailable_bytes",
            "node_vmstat_pgmajfault",
            "node_time_seconds",
            "node_uname_info",
            "node_boot_time_seconds",
            "node_filesystem_size_bytes",
            "node_network_receive_bytes_total",
        ] {
            assert!(names.contains(name), "{name} is missing");
        }
    }

    proptest! {
        #[test]
        fn hostile_kernel_files_end_without_a_panic(text in "([a-z0-9 :%().\n-]|cpu|Mem){0,200}") {
            let mut page = HostPage::default();
            let _ = cpu::collect(&text, &mut page);
            let _ = memory::meminfo(&text, &mut page);
            let _ = memory::vmstat(&text, &mut page);
            let _ = network::netdev(&text, &mut page);
            let _ = system::loadavg(&text, &mut page);
            let _ = system::stat(&text, &mut page);
            let _ = system::filefd(&text, &mut page);
            let _ = disk::stats(&text, &mut page);
            let _ = filesystem::mounts(&text);
            let mut out = String::new();
            page.render(&mut out);
            for entry in Exposition::new(out.as_bytes(), Format::Text).entries() {
                prop_assert!(entry.is_ok(), "{entry:?} in {out}");
            }
        }
    }
}
