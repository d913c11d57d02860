//! The servers that scrape the fleet.

use super::process::{Process, installed};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Narthex,
    Prometheus,
    VictoriaMetrics,
}

/// All of them, in the order of the report.
pub const KINDS: [Kind; 3] = [Kind::Narthex, Kind::Prometheus, Kind::VictoriaMetrics];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Narthex => "narthex",
            Self::Prometheus => "prometheus",
            Self::VictoriaMetrics => "victoria-metrics",
        }
    }
}

/// A server with its directory; it can be started again and again.
pub struct Server {
    kind: Kind,
    program: PathBuf,
    config: PathBuf,
    pub data: PathBuf,
    pub address: String,
}

impl Server {
    /// A server that is not started; `None` when it is not installed.
    pub fn new(kind: Kind, dir: &Path, config: &Path) -> Option<Self> {
        let program = match kind {
            Kind::Narthex => PathBuf::from(env!("CARGO_BIN_EXE_narthex")),
            _ => installed(kind.name())?,
        };
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        Some(Self { kind, program, config: config.to_owned(), data: dir.join(kind.name()), address })
    }

    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Starts it.
    pub fn start(&self) -> Process {
        let mut command = Command::new(&self.program);
        let (config, data) = (self.config.display(), self.data.display());
        match self.kind {
            Kind::Narthex | Kind::Prometheus => command.args([
                format!("--config.file={config}"),
                format!("--storage.tsdb.path={data}"),
                format!("--web.listen-address={}", self.address),
            ]),
            Kind::VictoriaMetrics => command.args([
                format!("-promscrape.config={config}"),
                format!("-storageDataPath={data}"),
                format!("-httpListenAddr={}", self.address),
                "-search.latencyOffset=0s".to_owned(),
            ]),
        };
        Process::start(&mut command, &self.data.with_extension("log"))
    }

    /// The answer to a query, if there is one.
    pub fn query(&self, query: &str) -> Option<String> {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        self.get(&format!("/api/v1/query?query={query}"))
    }

    /// The body of an answer, if it is a good one.
    pub fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
    }

    /// The number that a query answers with, if it answers.
    pub fn number(&self, query: &str) -> Option<f64> {
        let body = self.query(query)?;
        let value = body.split_once("\"value\":[")?.1.split_once(']')?.0;
        value.split_once('"')?.1.trim_end_matches('"').parse().ok()
    }

    /// Seconds until `ready` holds.
    pub fn wait(&self, begin: Instant, ready: impl Fn(&Self) -> bool) -> f64 {
        while !ready(self) {
            assert!(begin.elapsed() < Duration::from_secs(300), "{} does not answer", self.name());
            std::thread::sleep(Duration::from_millis(5));
        }
        begin.elapsed().as_secs_f64()
    }
}
