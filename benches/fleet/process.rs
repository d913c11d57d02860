//! A process under measurement, and what the kernel says about it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server's process; killed when it is dropped.
pub struct Process(Child);

/// Where a program is; says so when it is not installed.
pub fn installed(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}

impl Process {
    /// Starts a command; what it prints is appended to the log.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap())
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap()
    }

    /// User and system time so far, seconds, threads that have ended included.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        // The name may hold blanks: fields are counted behind it.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).unwrap().parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / 100.0
    }

    fn status_mib(&self, field: &str) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// Memory that is resident, MiB, files that are mapped included.
    pub fn resident_mib(&self) -> f64 {
        self.status_mib("VmRSS:")
    }

    /// Memory of its own that is resident, MiB: pages of mapped files, which the kernel can take back, left out.
    pub fn anonymous_mib(&self) -> f64 {
        self.status_mib("RssAnon:")
    }

    /// Bytes that it caused to be written to the disk.
    pub fn written(&self) -> f64 {
        let io = self.proc("io");
        io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// What the files below a directory take on the disk, bytes; logs are preallocated, so their length says less.
pub fn disk_bytes(dir: &Path) -> f64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(dir) else { return 0.0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        Ok(meta) => meta.blocks() as f64 * 512.0,
        Err(_) => 0.0,
    };
    entries.flatten().map(size).sum()
}
