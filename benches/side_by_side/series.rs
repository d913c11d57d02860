//! What a fleet of node exporters has stored: series of realistic kinds, whose values are computed from the
//! number of the scrape alone, so that any part of them can be made at any time.

/// Time between two scrapes, ms.
pub const INTERVAL_MS: i64 = 15_000;
/// The first scrape, ms: midnight, so that blocks of two hours begin with it.
pub const START_MS: i64 = 1_735_689_600_000;

/// How the values of a series go.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// One value for ever.
    Constant(f64),
    /// Whole numbers that grow by about this much a scrape.
    Counter(f64),
    /// Seconds with two decimals that grow by about this much a scrape.
    Seconds(f64),
    /// Whole numbers that move by a tenth about a middle, in steps.
    Gauge { middle: f64, step: f64 },
    /// Two decimals about a middle.
    Load(f64),
    /// Seconds since the epoch.
    Clock,
}

/// One series of a target.
pub struct Series {
    /// Its labels as `prometheus.TimeSeries` has them, encoded.
    pub labels: Vec<u8>,
    kind: Kind,
    seed: u64,
}

/// A random number for each pair.
fn hash(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// From 0 to 1.
fn unit(a: u64, b: u64) -> f64 {
    (hash(a, b) >> 11) as f64 / (1u64 << 53) as f64
}

impl Series {
    /// The value of a scrape.
    pub fn value(&self, scrape: i64) -> f64 {
        let noise = unit(self.seed, scrape as u64);
        let steady = unit(self.seed, u64::MAX);
        let grown = scrape as f64 + 0.9 * noise;
        match self.kind {
            Kind::Constant(value) => value,
            Kind::Counter(by) => (1e7 * (1.0 + steady) + by * (0.5 + steady) * grown).floor(),
            Kind::Seconds(by) => {
                ((1e5 * (1.0 + steady) + by * (0.5 + steady) * grown) * 100.0).round() / 100.0
            }
            Kind::Gauge { middle, step } => {
                let moved = middle * (0.5 + steady) * (0.95 + 0.1 * noise);
                (moved / step).round() * step
            }
            Kind::Load(middle) => (middle * (0.5 + noise) * 100.0).round() / 100.0,
            Kind::Clock => {
                (START_MS + scrape * INTERVAL_MS) as f64 / 1000.0 + (noise * 100.0).round() / 1000.0
            }
        }
    }

    /// When a scrape took place, ms: never on a whole second, and each target a little later.
    pub fn time(target: usize, scrape: i64) -> i64 {
        START_MS + scrape * INTERVAL_MS + 137 + 113 * (target as i64 % 60)
    }
}

/// Collects the series of one target.
struct Target {
    instance: String,
    series: Vec<Series>,
}

impl Target {
    fn add(&mut self, name: &str, labels: &[(&str, &str)], kind: Kind) {
        let mut all = vec![("__name__", name), ("instance", &self.instance), ("job", "node-exporter")];
        all.extend(labels);
        all.sort_unstable();
        let encoded = super::load::labels(all);
        let seed = encoded.iter().fold(7, |seed, byte| hash(seed, u64::from(*byte)));
        self.series.push(Series { labels: encoded, kind, seed });
    }

    fn cpus(&mut self) {
        const MODES: [(&str, f64); 8] = [
            ("idle", 13.0),
            ("iowait", 0.05),
            ("irq", 0.0),
            ("nice", 0.0),
            ("softirq", 0.04),
            ("steal", 0.01),
            ("system", 0.5),
            ("user", 1.2),
        ];
        for cpu in 0..32 {
            let cpu = cpu.to_string();
            for (mode, by) in MODES {
                let kind = if by == 0.0 { Kind::Constant(0.0) } else { Kind::Seconds(by) };
                self.add("node_cpu_seconds_total", &[("cpu", &cpu), ("mode", mode)], kind);
            }
            for mode in ["nice", "user"] {
                let labels = [("cpu", cpu.as_str()), ("mode", mode)];
                self.add("node_cpu_guest_seconds_total", &labels, Kind::Constant(0.0));
            }
            for (name, by) in [
                ("node_softnet_processed_total", 900.0),
                ("node_softnet_dropped_total", 0.0),
                ("node_softnet_times_squeezed_total", 0.02),
                ("node_softnet_received_rps_total", 0.0),
                ("node_softnet_flow_limit_count_total", 0.0),
            ] {
                let kind = if by == 0.0 { Kind::Constant(0.0) } else { Kind::Counter(by) };
                self.add(name, &[("cpu", &cpu)], kind);
            }
            self.add("node_schedstat_running_seconds_total", &[("cpu", &cpu)], Kind::Seconds(1.7));
            self.add("node_schedstat_waiting_seconds_total", &[("cpu", &cpu)], Kind::Seconds(0.6));
            self.add("node_schedstat_timeslices_total", &[("cpu", &cpu)], Kind::Counter(4000.0));
            self.add(
                "node_cpu_scaling_frequency_hertz",
                &[("cpu", &cpu)],
                Kind::Gauge { middle: 2.4e9, step: 1000.0 },
            );
        }
    }

    fn devices(&mut self) {
        for device in ["lo", "eth0", "eth1", "docker0", "veth1a2b", "veth3c4d"] {
            for way in ["receive", "transmit"] {
                for (what, by) in [
                    ("bytes", 90_000.0),
                    ("packets", 150.0),
                    ("drop", 0.03),
                    ("errs", 0.0),
                    ("fifo", 0.0),
                    ("compressed", 0.0),
                    ("multicast", 0.0),
                ] {
                    let kind = if by == 0.0 { Kind::Constant(0.0) } else { Kind::Counter(by) };
                    self.add(&format!("node_network_{way}_{what}_total"), &[("device", device)], kind);
                }
            }
            self.add("node_network_up", &[("device", device)], Kind::Constant(1.0));
            self.add("node_network_mtu_bytes", &[("device", device)], Kind::Constant(1500.0));
        }
        for device in ["sda", "nvme0n1", "dm-0", "sr0"] {
            for (what, by) in [
                ("reads_completed", 3.0),
                ("reads_merged", 0.2),
                ("read_bytes", 60_000.0),
                ("writes_completed", 40.0),
                ("writes_merged", 12.0),
                ("written_bytes", 700_000.0),
                ("discards_completed", 0.0),
                ("discards_merged", 0.0),
                ("discarded_sectors", 0.0),
                ("flush_requests", 1.0),
            ] {
                let kind = if by == 0.0 { Kind::Constant(0.0) } else { Kind::Counter(by) };
                self.add(&format!("node_disk_{what}_total"), &[("device", device)], kind);
            }
            for (what, by) in
                [("io_time", 0.4), ("io_time_weighted", 0.9), ("read_time", 0.05), ("write_time", 0.8)]
            {
                self.add(
                    &format!("node_disk_{what}_seconds_total"),
                    &[("device", device)],
                    Kind::Seconds(by),
                );
            }
            self.add("node_disk_io_now", &[("device", device)], Kind::Gauge { middle: 3.0, step: 1.0 });
        }
        for (device, mountpoint, fstype, size) in [
            ("/dev/sda1", "/", "ext4", 5e11),
            ("/dev/sda2", "/boot", "ext4", 1e9),
            ("/dev/nvme0n1", "/data", "xfs", 2e12),
            ("tmpfs", "/run", "tmpfs", 6e9),
            ("tmpfs", "/dev/shm", "tmpfs", 3e10),
            ("/dev/dm-0", "/var/lib/docker", "ext4", 1e12),
        ] {
            let labels = [("device", device), ("fstype", fstype), ("mountpoint", mountpoint)];
            self.add("node_filesystem_size_bytes", &labels, Kind::Constant(size));
            let moving = Kind::Gauge { middle: size / 3.0, step: 4096.0 };
            self.add("node_filesystem_free_bytes", &labels, moving);
            self.add("node_filesystem_avail_bytes", &labels, moving);
            self.add("node_filesystem_files", &labels, Kind::Constant(size / 16_384.0));
            let files = Kind::Gauge { middle: size / 40_000.0, step: 1.0 };
            self.add("node_filesystem_files_free", &labels, files);
            self.add("node_filesystem_readonly", &labels, Kind::Constant(0.0));
            self.add("node_filesystem_device_error", &labels, Kind::Constant(0.0));
        }
    }

    fn memory(&mut self) {
        const MOVING: [&str; 17] = [
            "MemFree",
            "MemAvailable",
            "Buffers",
            "Cached",
            "Slab",
            "Active",
            "Inactive",
            "AnonPages",
            "Dirty",
            "Mapped",
            "SReclaimable",
            "SUnreclaim",
            "PageTables",
            "Committed_AS",
            "KernelStack",
            "Shmem",
            "Writeback",
        ];
        for name in MOVING {
            let kind = Kind::Gauge { middle: 4e9, step: 4096.0 };
            self.add(&format!("node_memory_{name}_bytes"), &[], kind);
        }
        self.add("node_memory_MemTotal_bytes", &[], Kind::Constant(6.7e10));
        for field in 0..30 {
            self.add(
                &format!("node_memory_field_{field}_bytes"),
                &[],
                Kind::Constant(f64::from(field) * 4096.0),
            );
        }
        for (name, by) in [
            ("pgmajfault", 0.4),
            ("pgfault", 40_000.0),
            ("pgpgin", 300.0),
            ("pgpgout", 9000.0),
            ("pswpin", 0.0),
            ("pswpout", 0.0),
            ("oom_kill", 0.0),
        ] {
            let kind = if by == 0.0 { Kind::Constant(0.0) } else { Kind::Counter(by) };
            self.add(&format!("node_vmstat_{name}"), &[], kind);
        }
    }

    fn others(&mut self) {
        for field in 0..45 {
            let kind = match field % 3 {
                0 => Kind::Counter(f64::from(field) * 20.0 + 1.0),
                1 => Kind::Counter(0.05),
                _ => Kind::Constant(0.0),
            };
            self.add(&format!("node_netstat_Field_{field}"), &[], kind);
        }
        for collector in 0..40 {
            let collector = format!("collector{collector}");
            let labels = [("collector", collector.as_str())];
            self.add("node_scrape_collector_duration_seconds", &labels, Kind::Load(0.8));
            self.add("node_scrape_collector_success", &labels, Kind::Constant(1.0));
        }
        for field in 0..28 {
            let kind = match field % 4 {
                0 => Kind::Gauge { middle: 2e7, step: 8.0 },
                1 => Kind::Counter(5000.0),
                _ => Kind::Constant(f64::from(field)),
            };
            self.add(&format!("go_memstats_field_{field}"), &[], kind);
        }
        self.add("node_load1", &[], Kind::Load(4.0));
        self.add("node_load5", &[], Kind::Load(3.5));
        self.add("node_load15", &[], Kind::Load(3.2));
        self.add("node_time_seconds", &[], Kind::Clock);
        self.add("node_boot_time_seconds", &[], Kind::Constant(1.73e9));
        self.add("node_context_switches_total", &[], Kind::Counter(120_000.0));
        self.add("node_intr_total", &[], Kind::Counter(80_000.0));
        self.add("node_procs_running", &[], Kind::Gauge { middle: 6.0, step: 1.0 });
        let build = [("goversion", "go1.24"), ("version", "1.9.1")];
        self.add("node_exporter_build_info", &build, Kind::Constant(1.0));
        let uname = [("machine", "x86_64"), ("release", "6.1.0"), ("sysname", "Linux")];
        self.add("node_uname_info", &uname, Kind::Constant(1.0));
    }

    /// What the recording rules of the USE dashboards would have recorded.
    fn recorded(&mut self) {
        self.add("instance:node_num_cpu:sum", &[], Kind::Constant(32.0));
        for name in [
            "instance:node_cpu_utilisation:rate5m",
            "instance:node_load1_per_cpu:ratio",
            "instance:node_memory_utilisation:ratio",
            "instance:node_vmstat_pgmajfault:rate5m",
            "instance:node_network_receive_bytes_excluding_lo:rate5m",
            "instance:node_network_transmit_bytes_excluding_lo:rate5m",
            "instance:node_network_receive_drop_excluding_lo:rate5m",
            "instance:node_network_transmit_drop_excluding_lo:rate5m",
            "instance:node_network_receive_bytes_physical:rate5m",
            "instance:node_network_transmit_bytes_physical:rate5m",
            "instance:node_network_receive_drop_physical:rate5m",
            "instance:node_network_transmit_drop_physical:rate5m",
        ] {
            self.add(name, &[], Kind::Load(0.6));
        }
        for device in ["sda", "nvme0n1", "dm-0"] {
            let labels = [("device", device)];
            self.add("instance_device:node_disk_io_time_seconds:rate5m", &labels, Kind::Load(0.3));
            self.add("instance_device:node_disk_io_time_weighted_seconds:rate5m", &labels, Kind::Load(0.5));
        }
    }
}

/// The series of a target, by its number.
pub fn target(number: usize) -> Vec<Series> {
    let instance = format!("10.0.{}.{}:9100", number / 200, number % 200 + 11);
    let mut target = Target { instance, series: Vec::new() };
    target.cpus();
    target.devices();
    target.memory();
    target.others();
    target.recorded();
    target.series
}
