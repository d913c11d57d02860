//! Mounted file systems. One that hangs, as a network mount may, must not hold up the page.

use super::{HostPage, HostPaths};
use std::collections::HashSet;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long all mounts together may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kinds of file systems that hold no data.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Places under which mounts belong to containers or the kernel.
const IGNORED: &[&str] =
    &["/dev", "/proc", "/run/credentials", "/sys", "/var/lib/docker", "/var/lib/containers/storage"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    device: String,
    point: String,
    kind: String,
    read_only: bool,
}

/// Asks mounts for their size, and remembers those that do not answer.
#[derive(Debug, Default)]
pub(super) struct Prober {
    stuck: Arc<Mutex<HashSet<String>>>,
}

/// Sizes of a file system.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    bytes: f64,
    free: f64,
    available: f64,
    files: f64,
    files_free: f64,
}

/// The mounts of `/proc/mounts` that hold data, each place once.
pub(super) fn mounts(text: &str) -> Vec<Mount> {
    let mut seen = HashSet::new();
    let mount = |line: &str| {
        let mut fields = line.split(' ');
        let (device, point, kind) = (unescape(fields.next()?), unescape(fields.next()?), fields.next()?);
        let options = fields.next().unwrap_or_default();
        let below = |root: &&&str| point == ***root || point.starts_with(&format!("{}/", **root));
        if PSEUDO.contains(&kind) || IGNORED.iter().any(|root| below(&root)) || !seen.insert(point.clone()) {
            return None;
        }
        let read_only = options.split(',').any(|option| option == "ro");
        Some(Mount { device, point, kind: kind.to_owned(), read_only })
    };
    text.lines().filter_map(mount).collect()
}

/// Blanks and their kin are written as octal numbers.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

impl Prober {
    /// The sizes of each mount, in order; `None` for one that fails or hangs.
    fn probe(&self, root: &Path, mounts: &[Mount]) -> Vec<Option<Sizes>> {
        let (sender, answers) = mpsc::channel();
        let lock = || self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        let mut asked = 0;
        for (i, mount) in mounts.iter().enumerate() {
            // Whoever hangs is not asked again before he has answered.
            if !lock().insert(mount.point.clone()) {
                continue;
            }
            asked += 1;
            let (sender, stuck, point) = (sender.clone(), self.stuck.clone(), mount.point.clone());
            let path = root.join(point.trim_start_matches('/'));
            std::thread::spawn(move || {
                let sizes = sizes(&path);
                stuck.lock().unwrap_or_else(PoisonError::into_inner).remove(&point);
                // Nobody waits any more when this came too late.
                let _ = sender.send((i, sizes));
            });
        }
        let mut found = vec![None; mounts.len()];
        let deadline = std::time::Instant::now() + PATIENCE;
        for _ in 0..asked {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let Ok((i, sizes)) = answers.recv_timeout(left) else { break };
            if let Some(place) = found.get_mut(i) {
                *place = sizes;
            }
        }
        found
    }
}

fn sizes(path: &Path) -> Option<Sizes> {
    let stat = rustix::fs::statvfs(path).ok()?;
    let block = stat.f_frsize as f64;
    Some(Sizes {
        bytes: stat.f_blocks as f64 * block,
        free: stat.f_bfree as f64 * block,
        available: stat.f_bavail as f64 * block,
        files: stat.f_files as f64,
        files_free: stat.f_ffree as f64,
    })
}

pub(super) fn collect(paths: &HostPaths, prober: &Prober, page: &mut HostPage) -> Option<()> {
    let text = paths.proc("1/mounts").or_else(|| paths.proc("mounts"))?;
    let mounts = mounts(&text);
    for (mount, sizes) in mounts.iter().zip(prober.probe(&paths.root, &mounts)) {
        let labels =
            [("device", mount.device.as_str()), ("fstype", &mount.kind), ("mountpoint", &mount.point)];
        let error = f64::from(u8::from(sizes.is_none()));
        page.add(
            "node_filesystem_device_error",
            "gauge",
            "Whether an error occurred while getting statistics for the given device.",
            &labels,
            error,
        );
        let read_only = f64::from(u8::from(mount.read_only));
        page.add("node_filesystem_readonly", "gauge", "Filesystem read-only status.", &labels, read_only);
        let Some(sizes) = sizes else { continue };
        for (name, help, value) in [
            ("node_filesystem_size_bytes", "Filesystem size in bytes.", sizes.bytes),
            ("node_filesystem_free_bytes", "Filesystem free space in bytes.", sizes.free),
            (
                "node_filesystem_avail_bytes",
                "Filesystem space available to non-root users in bytes.",
                sizes.available,
            ),
            ("node_filesystem_files", "Filesystem total file nodes.", sizes.files),
            ("node_filesystem_files_free", "Filesystem total free file nodes.", sizes.files_free),
        ] {
            page.add(name, "gauge", help, &labels, value);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_that_hold_data_are_listed_each_once() {
        let text = "/dev/sda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n/dev/sdb /mnt/a\\040b xfs ro 0 0\n\
                    tmpfs /dev/shm tmpfs rw 0 0\n/dev/sda1 / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\nbroken\n";
        let found = mounts(text);
        let shown: Vec<_> = found.iter().map(|m| (m.point.as_str(), m.kind.as_str(), m.read_only)).collect();
        assert_eq!(shown, [("/", "ext4", false), ("/mnt/a b", "xfs", true), ("/run", "tmpfs", false)]);
    }

    #[test]
    fn a_mount_that_still_hangs_is_not_asked_again() {
        let prober = Prober::default();
        let mounts = mounts("/dev/sda1 / ext4 rw 0 0\n");
        assert!(prober.probe(Path::new("/"), &mounts)[0].is_some());
        prober.stuck.lock().unwrap().insert("/".to_owned());
        assert!(prober.probe(Path::new("/"), &mounts)[0].is_none());
    }
}
