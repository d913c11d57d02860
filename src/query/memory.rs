//! How much memory the machine, or the container around the process, has.

use std::fs;
use std::path::Path;

/// What is assumed where the system does not tell, bytes.
const UNKNOWN: u64 = 4 << 30;

/// Bytes that this process may use at most: the machine's memory, or the limit of its control group.
#[must_use]
pub fn machine_bytes() -> u64 {
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text)).unwrap_or(UNKNOWN);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_files(&groups)
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
        .fold(total, u64::min)
}

/// `MemTotal` of `/proc/meminfo`, bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Files that may hold a limit: those of the process's own group (version 2) and of all groups above it.
fn group_files(groups: &str) -> Vec<std::path::PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    Path::new(own)
        .ancestors()
        .map(|group| Path::new("/sys/fs/cgroup").join(group).join("memory.max"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_in_kibibytes() {
        assert_eq!(total("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16384 * 1024));
        assert_eq!(total("nothing"), None);
        assert!(machine_bytes() > 0);
    }

    #[test]
    fn limits_of_outer_groups_count_too() {
        let files: Vec<String> =
            group_files("0::/a/b\n").iter().map(|file| file.display().to_string()).collect();
        assert_eq!(
            files,
            ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"]
        );
    }
}
