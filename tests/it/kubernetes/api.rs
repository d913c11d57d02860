//! A stand-in for the Kubernetes API server: lists, watches and their troubles, over plain sockets so that it can
//! misbehave. Its certificate is for 127.0.0.1 and is of no use anywhere else.

use crate::harness::eventually;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

pub const CA: &str = include_str!("ca.crt");
pub const TOKEN: &str = "a-token";

/// What has happened to an object.
#[derive(Clone)]
struct Event {
    version: u64,
    path: Path,
    kind: &'static str,
    object: Value,
}

/// Group and version with plural: `/api/v1/pods`.
type Path = String;

#[derive(Default)]
struct State {
    version: u64,
    /// By path, namespace and name.
    objects: BTreeMap<(Path, String, String), Value>,
    events: Vec<Event>,
    /// Watches from before this version are told that it is gone.
    oldest: u64,
    /// Every request fails.
    failing: bool,
    /// Watches that began before this number end without a word.
    dropped: u64,
    connections: u64,
    requests: Vec<String>,
    /// Nobody listens, and connections that there are end.
    stopping: bool,
}

/// The server; ends with its test.
pub struct Api {
    pub port: u16,
    tls: Option<Arc<ServerConfig>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn path_of(object: &Value) -> Path {
    let version = object["apiVersion"].as_str().unwrap();
    let root = if version.contains('/') { "apis" } else { "api" };
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    let plural = match kind.as_str() {
        "endpoints" => kind,
        "ingress" => "ingresses".to_owned(),
        _ => format!("{kind}s"),
    };
    format!("/{root}/{version}/{plural}")
}

fn named(object: &Value) -> (String, String) {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

impl Api {
    /// A server without TLS.
    pub fn plain() -> Self {
        Self::start(None)
    }

    /// A server as a pod of the cluster sees it.
    pub fn secure() -> Self {
        let chain =
            CertificateDer::pem_slice_iter(include_bytes!("server.crt")).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Self::start(Some(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())))
    }

    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let api = Self { port, tls, shared: Arc::default() };
        api.listen(listener);
        api
    }

    fn listen(&self, listener: TcpListener) {
        let (shared, tls) = (self.shared.clone(), self.tls.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.lock().stopping {
                    return;
                }
                let (shared, tls) = (shared.clone(), tls.clone());
                // A client that goes away is no fault of the server's.
                std::thread::spawn(move || match tls {
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        drop(serve(StreamOwned::new(connection, stream), &shared));
                    }
                    None => drop(serve(stream, &shared)),
                });
            }
        });
    }

    /// Connections are refused, and those that there are end.
    pub fn vanish(&self) {
        self.shared.lock().stopping = true;
        self.drop_watches();
        // Each connection that gets through wakes the listener, which ends at the first.
        eventually("nobody listens", || TcpStream::connect(("127.0.0.1", self.port)).is_err().then_some(()));
    }

    /// It is there again, at the same address.
    pub fn appear(&self) {
        let bind = || TcpListener::bind(("127.0.0.1", self.port)).ok();
        let listener = eventually("the address is free", bind);
        self.shared.lock().stopping = false;
        self.listen(listener);
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds or changes an object.
    pub fn put(&self, mut object: Value) {
        let mut state = self.shared.lock();
        let state = &mut *state;
        state.version += 1;
        object["metadata"]["resourceVersion"] = json!(state.version.to_string());
        let (namespace, name) = named(&object);
        let path = path_of(&object);
        let old = state.objects.insert((path.clone(), namespace, name), object.clone());
        let kind = if old.is_some() { "MODIFIED" } else { "ADDED" };
        state.events.push(Event { version: state.version, path, kind, object });
        self.shared.changed.notify_all();
    }

    /// Changes an object in place.
    pub fn edit(&self, path: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let key = (path.to_owned(), namespace.to_owned(), name.to_owned());
        let mut object = self.shared.lock().objects[&key].clone();
        change(&mut object);
        self.put(object);
    }

    pub fn delete(&self, path: &str, namespace: &str, name: &str) {
        let mut state = self.shared.lock();
        let state = &mut *state;
        let mut object =
            state.objects.remove(&(path.to_owned(), namespace.to_owned(), name.to_owned())).unwrap();
        state.version += 1;
        object["metadata"]["resourceVersion"] = json!(state.version.to_string());
        state.events.push(Event { version: state.version, path: path.to_owned(), kind: "DELETED", object });
        self.shared.changed.notify_all();
    }

    /// All connections of watches end without a word.
    pub fn drop_watches(&self) {
        let mut state = self.shared.lock();
        state.dropped = state.connections;
        self.shared.changed.notify_all();
    }

    /// What happened so far is forgotten: whoever goes on from it has to list anew.
    pub fn expire(&self) {
        let mut state = self.shared.lock();
        state.version += 1;
        state.oldest = state.version;
        state.events.clear();
        self.shared.changed.notify_all();
    }

    /// Whether every request fails; watches end.
    pub fn set_failing(&self, failing: bool) {
        self.shared.lock().failing = failing;
        self.drop_watches();
    }

    /// Requests so far: path, query, and the header of authorization.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.drop_watches();
        // Wakes the listener.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(mut stream: impl Read + Write, shared: &Shared) -> std::io::Result<()> {
    let number = {
        let mut state = shared.lock();
        state.connections += 1;
        state.connections
    };
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while !buffer.windows(4).any(|w| w == b"\r\n\r\n") {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            buffer.extend_from_slice(&chunk[..read]);
        }
        let head = String::from_utf8(std::mem::take(&mut buffer)).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let header = head.lines().find(|line| line.to_lowercase().starts_with("authorization:"));
        let authorization = header.map_or("", |line| line.split_once(':').unwrap().1.trim()).to_owned();
        let request = Request::parse(&target);
        let failing = {
            let mut state = shared.lock();
            if state.stopping {
                return Ok(());
            }
            state.requests.push(format!("{target} {authorization}"));
            state.failing
        };
        if failing {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "down", "code": 500});
            answer(&mut stream, "500 Internal Server Error", &status)?;
        } else if request.has("watch", &["1", "true"]) {
            return watch(&mut stream, shared, &request, number);
        } else if request.path == "/version" {
            answer(&mut stream, "200 OK", &json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0"}))?;
        } else if let Some((path, name)) =
            request.path.rsplit_once('/').filter(|(path, _)| path.ends_with("/secrets"))
        {
            let key = (path.to_owned(), request.namespace.clone().unwrap(), name.to_owned());
            let found = shared.lock().objects.get(&key).cloned();
            match found {
                Some(object) => answer(&mut stream, "200 OK", &object)?,
                None => {
                    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                        "message": "not found", "code": 404});
                    answer(&mut stream, "404 Not Found", &status)?;
                }
            }
        } else {
            let list = list(&shared.lock(), &request);
            answer(&mut stream, "200 OK", &list)?;
        }
    }
}

fn answer(stream: &mut impl Write, status: &str, body: &Value) -> std::io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + &body).as_bytes())?;
    stream.flush()
}

/// What a request asks for.
struct Request {
    path: Path,
    namespace: Option<String>,
    query: BTreeMap<String, String>,
}

impl Request {
    fn parse(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let Some((root, rest)) = path.split_once("/namespaces/").filter(|(_, rest)| rest.contains('/'))
        else {
            return Self { path: path.to_owned(), namespace: None, query };
        };
        let (namespace, plural) = rest.split_once('/').unwrap();
        Self { path: format!("{root}/{plural}"), namespace: Some(namespace.to_owned()), query }
    }

    fn has(&self, name: &str, values: &[&str]) -> bool {
        self.query.get(name).is_some_and(|value| values.contains(&value.as_str()))
    }

    /// Whether an object is asked for: its path, its namespace, and equality of labels and of the usual fields.
    fn wants(&self, path: &str, object: &Value) -> bool {
        let (namespace, _) = named(object);
        let holds = |selector: &str, get: &dyn Fn(&str) -> Value| {
            selector.split(',').filter(|part| !part.is_empty()).all(|part| {
                let (name, value) = part.split_once('=').unwrap();
                get(name) == json!(value)
            })
        };
        let selector = |name: &str| self.query.get(name).cloned().unwrap_or_default();
        let label = |name: &str| object["metadata"]["labels"][name].clone();
        let field = |name: &str| name.split('.').fold(object.clone(), |at, part| at[part].clone());
        path == self.path
            && self.namespace.as_ref().is_none_or(|wanted| *wanted == namespace)
            && holds(&selector("labelSelector"), &label)
            && holds(&selector("fieldSelector"), &field)
    }
}

/// A page of a list; pages are small.
fn list(state: &State, request: &Request) -> Value {
    const PAGE: usize = 3;
    let skip = request.query.get("continue").map_or(0, |from| from.parse::<usize>().unwrap());
    let page = if request.query.contains_key("limit") { PAGE } else { usize::MAX };
    let all = state.objects.iter().filter(|((path, _, _), object)| request.wants(path, object));
    let mut items: Vec<Value> = all.skip(skip).take(page.saturating_add(1)).map(|(_, o)| o.clone()).collect();
    let mut meta = json!({"resourceVersion": state.version.to_string()});
    if items.len() > page {
        items.truncate(page);
        meta["continue"] = json!((skip + page).to_string());
    }
    let kind = format!("{}List", kind_of(&request.path));
    json!({"kind": kind, "apiVersion": version_of(&request.path), "metadata": meta, "items": items})
}

fn version_of(path: &str) -> &str {
    let version = path.trim_start_matches("/apis/").trim_start_matches("/api/");
    version.rsplit_once('/').unwrap().0
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap() {
        "nodes" => "Node",
        "pods" => "Pod",
        "services" => "Service",
        "endpoints" => "Endpoints",
        "endpointslices" => "EndpointSlice",
        "ingresses" => "Ingress",
        "namespaces" => "Namespace",
        "replicasets" => "ReplicaSet",
        "jobs" => "Job",
        "servicemonitors" => "ServiceMonitor",
        "podmonitors" => "PodMonitor",
        "probes" => "Probe",
        "scrapeconfigs" => "ScrapeConfig",
        "prometheusrules" => "PrometheusRule",
        other => panic!("{other} is not served"),
    }
}

fn watch(stream: &mut impl Write, shared: &Shared, request: &Request, number: u64) -> std::io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    stream.flush()?;
    let mut seen: u64 = request.query.get("resourceVersion").map_or(0, |version| version.parse().unwrap());
    let bookmarks = request.has("allowWatchBookmarks", &["1", "true"]);
    let mut send = |event: Value| {
        let line = format!("{event}\n");
        stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes())?;
        stream.flush()
    };
    loop {
        let (events, bookmark) = {
            let state = shared.lock();
            // Looks around now and then, so that a client that is gone is noticed.
            let waits =
                |state: &mut State| seen >= state.version && seen >= state.oldest && number > state.dropped;
            let (state, _) =
                shared.changed.wait_timeout_while(state, Duration::from_millis(500), waits).unwrap();
            if number <= state.dropped {
                return Ok(());
            }
            if seen < state.oldest {
                let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "too old resource version", "reason": "Expired", "code": 410});
                drop(state);
                return send(json!({"type": "ERROR", "object": status}));
            }
            let news = state.events.iter().filter(|e| e.version > seen && request.wants(&e.path, &e.object));
            let events: Vec<Event> = news.cloned().collect();
            let moved = state.version > seen;
            seen = state.version;
            (events, moved && bookmarks)
        };
        for event in events {
            send(json!({"type": event.kind, "object": event.object}))?;
        }
        if bookmark {
            let (kind, version) = (kind_of(&request.path), version_of(&request.path));
            let meta = json!({"resourceVersion": seen.to_string()});
            send(
                json!({"type": "BOOKMARK", "object": {"kind": kind, "apiVersion": version, "metadata": meta}}),
            )?;
        }
    }
}
