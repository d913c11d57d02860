//! What Docker and Docker Swarm have in common: the daemon's API.

pub mod docker;
pub mod swarm;
#[cfg(test)]
mod tests;

use super::api::{Answer, Api, collect, query};
use super::entry::Entry;
use super::target::{entries, items, text};
use crate::discovery::sanitize;
use bytes::Bytes;
use http::{HeaderMap, Request, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use tokio::net::UnixStream;

/// A daemon, and what is asked of it.
#[derive(Debug, Clone)]
struct Daemon {
    /// `unix:///path`, or the URL of a server.
    host: String,
    filters: Vec<(String, Vec<String>)>,
    /// `/v1.47`, once the daemon has said which version it speaks.
    version: Option<String>,
}

impl Daemon {
    fn take(entry: &mut Entry<'_, '_, '_>) -> Self {
        let host = entry.required("host", "host missing");
        let known = ["unix://", "tcp://", "http://", "https://"];
        if !host.is_empty() && !known.iter().any(|scheme| host.starts_with(scheme)) {
            entry.fault(format!("unable to parse docker host `{host}`"));
        }
        Self { host, filters: entry.filters(None), version: None }
    }

    /// Lists things; `filtered` applies the filters of the entry.
    async fn list(&mut self, api: &Api, path: &str, filtered: bool) -> Result<Value, String> {
        let version = match &self.version {
            Some(version) => version.clone(),
            None => {
                let pong = self.get(api, "/_ping").await?;
                let version = pong.header("api-version").map(|version| format!("/v{version}"));
                self.version.insert(version.unwrap_or_default()).clone()
            }
        };
        let mut filters = String::new();
        if filtered && !self.filters.is_empty() {
            filters = format!("?{}", query(&[("filters", &self.filters_json())]));
        }
        let answer = self.get(api, &format!("{version}{path}{filters}")).await;
        if answer.is_err() {
            // Another daemon may come in its place.
            self.version = None;
        }
        answer?.json()
    }

    fn filters_json(&self) -> String {
        let mut filters: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (name, values) in &self.filters {
            let entry = filters.entry(name).or_default();
            entry.extend(values.iter().map(|value| (value.clone(), json!(true))));
        }
        json!(filters).to_string()
    }

    async fn get(&self, api: &Api, path: &str) -> Result<Answer, String> {
        if let Some(socket) = self.host.strip_prefix("unix://") {
            let work = by_socket(socket, path);
            let answer = tokio::time::timeout(api.timeout, work).await;
            let answer = answer.unwrap_or_else(|_| Err("context deadline exceeded".to_owned()));
            return answer.map_err(|e| format!("Get \"{path}\" from {socket}: {e}"))?.ok();
        }
        let host = self.host.trim_end_matches('/');
        let base = host.strip_prefix("tcp://").map_or(host.to_owned(), |host| format!("http://{host}"));
        api.get(&format!("{base}{path}"), &HeaderMap::new()).await?.ok()
    }
}

/// One request over a socket of the file system.
async fn by_socket(socket: &str, path: &str) -> Result<Answer, String> {
    let stream = UnixStream::connect(socket).await.map_err(|e| format!("dial unix {socket}: {e}"))?;
    let failed = |e: hyper::Error| e.to_string();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let uri: Uri = path.parse().map_err(|e| format!("{e}"))?;
    let request =
        Request::get(uri).header(header::HOST, "docker").header(header::USER_AGENT, crate::USER_AGENT);
    let request = request.body(Full::<Bytes>::default()).map_err(|e| e.to_string())?;
    let work = async { collect(sender.send_request(request).await.map_err(failed)?).await };
    tokio::pin!(connection, work);
    // The connection moves the bytes while the answer is waited for.
    let mut open = true;
    loop {
        tokio::select! {
            answer = &mut work => return answer,
            _ = &mut connection, if open => open = false,
        }
    }
}

/// The labels of all networks, by id.
async fn networks(daemon: &mut Daemon, api: &Api) -> Result<HashMap<String, Vec<(String, String)>>, String> {
    let networks = daemon.list(api, "/networks", false).await?;
    Ok(items(&networks, "").iter().map(|network| (text(network, "/Id"), network_labels(network))).collect())
}

fn network_labels(network: &Value) -> Vec<(String, String)> {
    let truth = |pointer| network.pointer(pointer) == Some(&Value::Bool(true));
    let mut labels = vec![
        ("network_id".to_owned(), text(network, "/Id")),
        ("network_name".to_owned(), text(network, "/Name")),
        ("network_scope".to_owned(), text(network, "/Scope")),
        ("network_internal".to_owned(), truth("/Internal").to_string()),
        ("network_ingress".to_owned(), truth("/Ingress").to_string()),
    ];
    labels.extend(prefixed("network_label_", network, "/Labels"));
    labels
}

/// Labels of an object as labels of a target.
fn prefixed(prefix: &str, object: &Value, pointer: &str) -> Vec<(String, String)> {
    entries(object, pointer)
        .map(|(key, value)| (format!("{prefix}{}", sanitize(key)), text(value, "")))
        .collect()
}
