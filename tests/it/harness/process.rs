//! Processes that end with their test.

use super::client::{Answer, get, post_form};
use super::eventually;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A running narthex.
pub struct Narthex {
    child: Child,
    /// `http://127.0.0.1:port`
    pub url: String,
    log: Arc<Mutex<String>>,
}

impl Narthex {
    /// Starts the binary on a port of its own, and waits until it is ready.
    pub fn start(data: &Path, args: &[&str]) -> Self {
        Self::try_start(data, args).unwrap_or_else(|log| panic!("narthex did not start:\n{log}"))
    }

    /// As `start`; the error is what the process printed.
    pub fn try_start(data: &Path, args: &[&str]) -> Result<Self, String> {
        Self::launch(Command::new(env!("CARGO_BIN_EXE_narthex")), data, args)
    }

    /// As `try_start`, by a command that runs the binary somehow.
    pub fn launch(mut command: Command, data: &Path, args: &[&str]) -> Result<Self, String> {
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.arg("--web.listen-address=127.0.0.1:0").args(args);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        follow(child.stdout.take().unwrap(), log.clone());
        follow(child.stderr.take().unwrap(), log.clone());
        let mut ended = false;
        let url = eventually("narthex is ready or has ended", || {
            // Looks at the log only after the state, so that an end leaves nothing unread.
            ended = child.try_wait().unwrap().is_some();
            let text = log.lock().unwrap().clone();
            let ready = text.lines().find(|line| line.contains("Server is ready"));
            let url = ready.and_then(|line| line.split_once("url=")).map(|(_, rest)| rest);
            match url {
                Some(rest) => {
                    let url = rest.split_whitespace().next().unwrap().trim_matches('"');
                    Some(Some(url.to_owned()))
                }
                None => ended.then_some(None),
            }
        });
        match url {
            Some(url) => Ok(Self { child, url, log }),
            None => {
                std::thread::sleep(std::time::Duration::from_millis(100));
                Err(log.lock().unwrap().clone())
            }
        }
    }

    /// With a configuration file.
    pub fn with_config(dir: &Path, config: &str, args: &[&str]) -> Self {
        let path = dir.join("prometheus.yml");
        std::fs::write(&path, config).unwrap();
        let flag = format!("--config.file={}", path.display());
        let args: Vec<&str> = std::iter::once(flag.as_str()).chain(args.iter().copied()).collect();
        Self::start(&dir.join("data"), &args)
    }

    pub fn get(&self, path: &str) -> Answer {
        get(&format!("{}{path}", self.url)).unwrap()
    }

    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        post_form(&format!("{}{path}", self.url), form).unwrap()
    }

    /// `data.result` of an instant query.
    pub fn query(&self, expr: &str) -> Value {
        self.post("/api/v1/query", &[("query", expr)]).data()["result"].clone()
    }

    /// The value of the only series of an instant query.
    pub fn value(&self, expr: &str) -> Option<String> {
        let result = self.query(expr);
        match result.as_array().unwrap().as_slice() {
            [one] => Some(one["value"][1].as_str().unwrap().to_owned()),
            _ => None,
        }
    }

    /// What was logged and printed so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// A field of `/proc/PID/status`, kB.
    pub fn memory_kb(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
    }

    /// SIGKILL, in the midst of whatever it does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Waits for its end; whether it was a success.
    pub fn wait(mut self) -> bool {
        eventually("narthex has ended", || self.child.try_wait().unwrap()).success()
    }
}

impl Drop for Narthex {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = (self.child.kill(), self.child.wait());
        if std::thread::panicking() {
            println!("narthex said:\n{}", self.log());
        }
    }
}

fn follow(pipe: impl Read + Send + 'static, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// A program of another project.
pub struct Peer {
    child: Child,
    /// `http://127.0.0.1:port`
    pub url: String,
    _dir: TempDir,
}

impl Peer {
    /// Debian's Prometheus with this configuration, as a receiver of remote write.
    pub fn prometheus(program: &Path, config: &str) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let args = [
            format!("--config.file={}", dir.path().join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", dir.path().join("data").display()),
            "--web.enable-remote-write-receiver".to_owned(),
            "--web.enable-admin-api".to_owned(),
        ];
        Self::start(program, &args, dir, "/-/ready")
    }

    /// Debian's Prometheus with this configuration, by a command that runs it somehow.
    pub fn prometheus_by(command: Command, config: &str) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let args = [
            format!("--config.file={}", dir.path().join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", dir.path().join("data").display()),
            // It must not add ports, as later versions do not.
            "--enable-feature=no-default-scrape-port".to_owned(),
        ];
        Self::spawn(command, &args, dir, "/-/ready")
    }

    /// Debian's Prometheus on a data directory that stays, with more flags.
    pub fn prometheus_on(program: &Path, data: &Path, config: &str, flags: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let mut args = vec![
            format!("--config.file={}", dir.path().join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", data.display()),
        ];
        args.extend(flags.iter().map(|flag| (*flag).to_owned()));
        Self::start(program, &args, dir, "/-/ready")
    }

    /// Debian's Prometheus by `prometheus.yml` in a directory, with its data there too.
    pub fn prometheus_in(program: &Path, dir: &Path, flags: &[&str]) -> Self {
        let mut args = vec![
            format!("--config.file={}", dir.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", dir.join("data").display()),
        ];
        args.extend(flags.iter().map(|flag| (*flag).to_owned()));
        Self::start(program, &args, TempDir::new().unwrap(), "/-/ready")
    }

    /// Debian's Alertmanager, alone; on a given address, or on any.
    pub fn alertmanager(program: &Path, config: &str, address: Option<&str>) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("alertmanager.yml");
        std::fs::write(&file, config).unwrap();
        let args = [
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", dir.path().join("data").display()),
            "--cluster.listen-address=".to_owned(),
        ];
        match address {
            Some(address) => Self::start_on(address, Command::new(program), &args, dir, "/-/ready"),
            None => Self::start(program, &args, dir, "/-/ready"),
        }
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        eventually("the peer has ended", || self.child.try_wait().unwrap());
    }

    /// Debian's node exporter.
    pub fn node_exporter(program: &Path) -> Self {
        Self::start(program, &[], TempDir::new().unwrap(), "/metrics")
    }

    fn start(program: &Path, args: &[String], dir: TempDir, probe: &str) -> Self {
        Self::spawn(Command::new(program), args, dir, probe)
    }

    fn spawn(command: Command, args: &[String], dir: TempDir, probe: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self::start_on(&address.to_string(), command, args, dir, probe)
    }

    fn start_on(address: &str, mut command: Command, args: &[String], dir: TempDir, probe: &str) -> Self {
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let child = command
            .args(args)
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let peer = Self { child, url: format!("http://{address}"), _dir: dir };
        let url = format!("{}{probe}", peer.url);
        eventually("the peer answers", || get(&url).ok().filter(|answer| answer.status == 200));
        peer
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self._dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = (self.child.kill(), self.child.wait());
        if std::thread::panicking() {
            println!("the peer said:\n{}", self.log());
        }
    }
}

/// The output of `narthex ARGS`, and whether it succeeded.
pub fn run(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_narthex")).args(args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// What a command said, and its exit code.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `narthex ARGS` with `input` on its standard input.
pub fn say(args: &[&str], input: &str) -> Said {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_narthex"))
        .args(args)
        .env_remove("COLUMNS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading anything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The path of a file with this text.
pub fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
