//! Block devices: `/proc/diskstats`.

use super::{HostPage, HostPaths, number};

const SECTOR: f64 = 512.0;

/// The columns after the device's name: metric, help, factor, and whether it counts.
const COLUMNS: &[(&str, &str, f64, &str)] = &[
    ("node_disk_reads_completed_total", "The total number of reads completed successfully.", 1.0, "counter"),
    ("node_disk_reads_merged_total", "The total number of reads merged.", 1.0, "counter"),
    ("node_disk_read_bytes_total", "The total number of bytes read successfully.", SECTOR, "counter"),
    (
        "node_disk_read_time_seconds_total",
        "The total number of seconds spent by all reads.",
        0.001,
        "counter",
    ),
    (
        "node_disk_writes_completed_total",
        "The total number of writes completed successfully.",
        1.0,
        "counter",
    ),
    ("node_disk_writes_merged_total", "The number of writes merged.", 1.0, "counter"),
    ("node_disk_written_bytes_total", "The total number of bytes written successfully.", SECTOR, "counter"),
    (
        "node_disk_write_time_seconds_total",
        "The total number of seconds spent by all writes.",
        0.001,
        "counter",
    ),
    ("node_disk_io_now", "The number of I/Os currently in progress.", 1.0, "gauge"),
    ("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", 0.001, "counter"),
    (
        "node_disk_io_time_weighted_seconds_total",
        "The weighted number of seconds spent doing I/Os.",
        0.001,
        "counter",
    ),
    (
        "node_disk_discards_completed_total",
        "The total number of discards completed successfully.",
        1.0,
        "counter",
    ),
    ("node_disk_discards_merged_total", "The total number of discards merged.", 1.0, "counter"),
    (
        "node_disk_discarded_sectors_total",
        "The total number of sectors discarded successfully.",
        1.0,
        "counter",
    ),
    (
        "node_disk_discard_time_seconds_total",
        "The total number of seconds spent by all discards.",
        0.001,
        "counter",
    ),
    (
        "node_disk_flush_requests_total",
        "The total number of flush requests completed successfully.",
        1.0,
        "counter",
    ),
    (
        "node_disk_flush_requests_time_seconds_total",
        "The total number of seconds spent by all flush requests.",
        0.001,
        "counter",
    ),
];

pub(super) fn collect(paths: &HostPaths, page: &mut HostPage) -> Option<()> {
    let devices = stats(&paths.proc("diskstats")?, page)?;
    for (major, minor, name) in devices {
        let udev =
            HostPaths::read(&paths.root, &format!("run/udev/data/b{major}:{minor}")).unwrap_or_default();
        let property = |key: &str| {
            let line =
                udev.lines().find_map(|line| line.strip_prefix("E:")?.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().to_owned()
        };
        let (model, path, revision) = (property("ID_MODEL"), property("ID_PATH"), property("ID_REVISION"));
        let (serial, wwn) = (property("ID_SERIAL_SHORT"), property("ID_WWN"));
        let labels = [
            ("device", name.as_str()),
            ("major", &major),
            ("minor", &minor),
            ("path", &path),
            ("wwn", &wwn),
            ("model", &model),
            ("serial", &serial),
            ("revision", &revision),
        ];
        page.add("node_disk_info", "gauge", "Info of /sys/block/<block_device>.", &labels, 1.0);
    }
    Some(())
}

/// Adds the statistics; gives major and minor number and name of each device.
pub(super) fn stats(text: &str, page: &mut HostPage) -> Option<Vec<(String, String, String)>> {
    let mut devices = Vec::new();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(major), Some(minor), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if ignored(name) {
            continue;
        }
        for ((metric, help, factor, kind), field) in COLUMNS.iter().zip(fields) {
            page.add(metric, kind, help, &[("device", name)], number(field) * factor);
        }
        devices.push((major.to_owned(), minor.to_owned(), name.to_owned()));
    }
    (!devices.is_empty()).then_some(devices)
}

/// Partitions, and devices that are memory or files: `^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`
/// of node-exporter, for which compressed memory (`zram`) is a device.
fn ignored(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == name.len() {
        return false;
    }
    let disk = ["hd", "sd", "vd", "xvd"].iter().any(|prefix| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_lowercase()))
    });
    let nvme = stem.strip_prefix("nvme").and_then(|rest| rest.strip_suffix('p')).is_some_and(|rest| {
        rest.split_once('n').is_some_and(|(a, b)| {
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits(a) && digits(b)
        })
    });
    matches!(stem, "ram" | "loop" | "fd") || disk || nvme
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_and_milliseconds_become_bytes_and_seconds() {
        let mut page = HostPage::default();
        let line =
            " 254 0 vda 1 2 3 4000 5 6 7 8000 9 10000 11000 12 13 14 15000 16 17000\n 254 1 vda1 1 1\n";
        let devices = stats(line, &mut page).unwrap();
        assert_eq!(devices, [("254".to_owned(), "0".to_owned(), "vda".to_owned())]);
        let mut out = String::new();
        page.render(&mut out);
        for sample in [
            "node_disk_read_bytes_total{device=\"vda\"} 1536",
            "node_disk_read_time_seconds_total{device=\"vda\"} 4",
            "node_disk_io_now{device=\"vda\"} 9",
            "node_disk_io_time_seconds_total{device=\"vda\"} 10",
            "node_disk_flush_requests_time_seconds_total{device=\"vda\"} 17",
        ] {
            assert!(out.lines().any(|l| l == sample), "{sample} in {out}");
        }
    }

    #[test]
    fn partitions_and_memory_are_left_out() {
        let ignore = ["ram0", "loop12", "sda1", "xvdb3", "nvme0n1p2", "fd0"];
        let keep = ["sda", "nvme0n1", "zram0", "dm-0", "md0", "sr0", "mmcblk0"];
        assert!(ignore.iter().all(|name| ignored(name)));
        assert!(!keep.iter().any(|name| ignored(name)));
    }
}
