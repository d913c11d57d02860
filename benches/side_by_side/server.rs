//! A server under measurement: its process, and what the kernel says about it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Narthex,
    Prometheus,
    VictoriaMetrics,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Narthex => "narthex",
            Self::Prometheus => "prometheus",
            Self::VictoriaMetrics => "victoria-metrics",
        }
    }

    fn program(self) -> Option<PathBuf> {
        if self == Self::Narthex {
            return Some(PathBuf::from(env!("CARGO_BIN_EXE_narthex")));
        }
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&paths).map(|dir| dir.join(self.name())).find(|path| path.is_file());
        if found.is_none() {
            eprintln!("SKIPPED: {} is not installed", self.name());
        }
        found
    }
}

/// A running server.
pub struct Server {
    child: Child,
    /// `host:port`
    pub address: String,
}

impl Server {
    /// Starts a server over its data below `dir`; `None` when it is not installed.
    pub fn start(kind: Kind, dir: &Path) -> Option<Self> {
        let program = kind.program()?;
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let data = dir.join(kind.name());
        std::fs::create_dir_all(&data).unwrap();
        let config = data.join("empty.yml");
        std::fs::write(&config, "scrape_configs: []\n").unwrap();
        let mut command = Command::new(program);
        match kind {
            Kind::Narthex | Kind::Prometheus => command.args([
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", data.join("data").display()),
                "--storage.tsdb.retention.time=90y".to_owned(),
                "--web.enable-remote-write-receiver".to_owned(),
                format!("--web.listen-address={address}"),
            ]),
            Kind::VictoriaMetrics => command.args([
                format!("-storageDataPath={}", data.join("data").display()),
                "-retentionPeriod=90y".to_owned(),
                // Every question is computed anew, as by the others.
                "-search.disableCache".to_owned(),
                "-search.latencyOffset=0s".to_owned(),
                format!("-httpListenAddr={address}"),
            ]),
        };
        let log = std::fs::File::create(data.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let server = Self { child: command.spawn().unwrap(), address };
        server.wait_until_ready(&data.join("log"));
        Some(server)
    }

    fn wait_until_ready(&self, log: &Path) {
        let begin = Instant::now();
        let ready = || {
            let answer = super::ask::get(&self.address, "/api/v1/query?query=1").ok()?;
            (answer.status == 200).then_some(())
        };
        while ready().is_none() {
            assert!(begin.elapsed() < Duration::from_secs(300), "no answer; see {}", log.display());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until it has nothing left to do on its own.
    pub fn wait_until_idle(&self) {
        let begin = Instant::now();
        loop {
            let before = self.cpu_seconds();
            std::thread::sleep(Duration::from_secs(2));
            if self.cpu_seconds() - before < 0.05 || begin.elapsed() > Duration::from_secs(300) {
                return;
            }
        }
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// User and system time of the process so far, threads that have ended included.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        // The name may hold blanks: fields are counted behind it.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).unwrap().parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / 100.0
    }

    /// As `cpu_seconds`, to the nanosecond, without threads that have ended.
    pub fn thread_seconds(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let ran = |task: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<f64>().ok()
        };
        tasks.filter_map(ran).sum::<f64>() / 1e9
    }

    /// From here on the peak of the memory is measured.
    pub fn reset_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// Most memory that was resident, MiB.
    pub fn peak_mib(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// Ends it as an operator would, so that its data is whole.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = (self.child.kill(), self.child.wait());
    }
}
