//! `consul_sd_configs`: services of a Consul catalogue, followed with blocking queries.

use super::api::{Api, headers, query};
use super::entry::Entry;
use super::target::{Target, enclosed, entries, host_port, items, text, texts};
use super::{Context, Mechanism, Provider, Running, SdMetrics, TargetGroup, Updates};
use crate::settings::decode::Fields;
use crate::settings::http::{BasicAuth, Source};
use crate::settings::{HttpClientConfig, Secret};
use http::HeaderName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tracing::error;

/// `consul_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "consul", type_name: "consul.plain", decode };

const PREFIX: &str = "__meta_consul_";
/// How long the server may hold a question back for something to change.
const WATCH: Duration = Duration::from_secs(120);
/// Pause after an error.
const RETRY: Duration = Duration::from_secs(15);

/// What to follow.
#[derive(Debug, Clone)]
struct ConsulSd {
    /// Scheme, server and path in front of `/v1`.
    base: String,
    token: Secret,
    datacenter: String,
    /// Parameters of each question.
    common: Vec<(&'static str, String)>,
    allow_stale: bool,
    separator: String,
    services: Vec<String>,
    tags: Vec<String>,
    filter: String,
    health_filter: String,
    every: Duration,
    retry: Duration,
    http: HttpClientConfig,
    shown: Map<String, Value>,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let server = entry.text("server", "localhost:8500");
    if server.trim().is_empty() {
        entry.fault("consul SD configuration requires a server address");
    }
    let prefix = entry.text("path_prefix", "");
    let token = entry.secret("token");
    let datacenter = entry.text("datacenter", "");
    let (namespace, partition) = (entry.text("namespace", ""), entry.text("partition", ""));
    let separator = entry.text("tag_separator", ",");
    let scheme = entry.text("scheme", "http");
    let (username, password) = (entry.text("username", ""), entry.secret("password"));
    let allow_stale = entry.flag("allow_stale", true);
    let every_ms = entry.refresh(30_000);
    let (services, tags) = (entry.texts("services"), entry.texts("tags"));
    let node_meta = entry.fields().string_map("node_meta");
    if !node_meta.is_empty() {
        let shown = node_meta.iter().map(|(key, _, value)| (key.clone(), json!(value))).collect();
        entry.show("node_meta", Value::Object(shown));
    }
    let (filter, health_filter) = (entry.text("filter", ""), entry.text("health_filter", ""));
    let mut http = entry.http();
    if !username.is_empty() || !password.is_empty() {
        if http.basic_auth.is_some() {
            entry.fault(
                "at most one of consul SD configuration username and password and basic auth can be configured",
            );
        }
        let username = Source::Inline(Secret::new(username));
        http.basic_auth = Some(BasicAuth { username, password: Source::Inline(password) });
    }
    if !token.is_empty() && (http.authorization.is_some() || http.oauth2.is_some()) {
        entry.fault("at most one of consul SD token, authorization, or oauth2 can be configured");
    }
    let mut common = vec![("dc", datacenter.clone()), ("ns", namespace), ("partition", partition)];
    common.extend(node_meta.into_iter().map(|(key, _, value)| ("node-meta", format!("{key}:{value}"))));
    Arc::new(ConsulSd {
        base: base(&scheme, &server, &prefix),
        token,
        datacenter,
        common,
        allow_stale,
        separator,
        services,
        tags,
        filter,
        health_filter,
        every: Duration::from_millis(u64::try_from(every_ms).unwrap_or(0).max(1)),
        retry: RETRY,
        http,
        shown: entry.into_shown(),
    })
}

/// A server may be named with its scheme, which then counts.
fn base(scheme: &str, server: &str, prefix: &str) -> String {
    let prefix = prefix.trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
    match server.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{}{prefix}", host.trim_end_matches('/')),
        None => format!("{scheme}://{server}{prefix}"),
    }
}

impl Provider for ConsulSd {
    fn to_value(&self) -> Value {
        self.shown.clone().into()
    }

    fn start(&self, context: &Context) -> Result<Running, String> {
        // The server may answer a little after the time that it was given.
        let api = Api::new("consul_sd", &self.http, WATCH + RETRY, context.metrics.clone())?;
        let config = Arc::new(self.clone());
        Ok(Running::Watch(Box::new(move |updates| Box::pin(run(config, Arc::new(api), updates)))))
    }

    fn http(&self) -> Option<&HttpClientConfig> {
        Some(&self.http)
    }
}

/// What a watch has found.
enum Event {
    /// The services of the catalogue and their tags.
    Catalogue(HashMap<String, Vec<String>>),
    /// The instances of a service.
    Service(String, Value),
}

/// Follows the services until nobody listens; all watches end with it.
async fn run(config: Arc<ConsulSd>, api: Arc<Api>, updates: Updates) {
    let datacenter = tokio::select! {
        datacenter = datacenter(&config, &api) => datacenter,
        () = updates.closed() => return,
    };
    let (sender, mut events) = mpsc::channel(16);
    let mut watches = JoinSet::new();
    let mut services: BTreeMap<String, AbortHandle> = BTreeMap::new();
    if config.services.is_empty() || !config.tags.is_empty() || !config.filter.is_empty() {
        watches.spawn(watch_catalogue(config.clone(), api.clone(), sender.clone()));
    } else {
        for name in &config.services {
            let watch = watch_service(config.clone(), api.clone(), name.clone(), sender.clone());
            services.insert(name.clone(), watches.spawn(watch));
        }
    }
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = updates.closed() => return,
        };
        match event {
            Some(Event::Service(name, instances)) if services.contains_key(&name) => {
                let group = group(&config.separator, &datacenter, &name, &instances);
                updates.change(vec![(name, Some(group))]);
            }
            // The service has just left the catalogue.
            Some(Event::Service(..)) => {}
            Some(Event::Catalogue(found)) => {
                let mut changes = Vec::new();
                services.retain(|name, watch| {
                    let stays = found.contains_key(name);
                    if !stays {
                        watch.abort();
                        changes.push((name.clone(), None));
                    }
                    stays
                });
                for (name, tags) in found {
                    if config.wants(&name, &tags) && !services.contains_key(&name) {
                        let watch = watch_service(config.clone(), api.clone(), name.clone(), sender.clone());
                        services.insert(name, watches.spawn(watch));
                    }
                }
                if !changes.is_empty() || services.is_empty() {
                    updates.change(changes);
                }
                // Lets go of the watches that have ended.
                while watches.try_join_next().is_some() {}
            }
            None => return,
        }
    }
}

/// The data centre of the configuration, or the one that the agent is in.
async fn datacenter(config: &ConsulSd, api: &Api) -> String {
    while config.datacenter.is_empty() {
        let answer = match config.headers() {
            Ok(headers) => api.json_with(&format!("{}/v1/agent/self", config.base), &headers).await,
            Err(reason) => Err(reason),
        };
        match answer.as_ref().map(|answer| answer.pointer("/Config/Datacenter").and_then(Value::as_str)) {
            Ok(Some(name)) => return name.to_owned(),
            Ok(None) => error!("Error retrieving datacenter name: the agent tells none"),
            Err(reason) => {
                api.metrics.count("consul_rpc_failures");
                error!(error = reason, "Error retrieving datacenter name");
            }
        }
        tokio::time::sleep(config.retry).await;
    }
    config.datacenter.clone()
}

async fn watch_catalogue(config: Arc<ConsulSd>, api: Arc<Api>, events: mpsc::Sender<Event>) {
    let mut index = String::new();
    loop {
        let begin = Instant::now();
        let path = "/v1/catalog/services";
        let more = [("filter", config.filter.as_str())];
        if let Some(answer) = config.changed(&api, "services", path, &more, &mut index).await {
            let tags = entries(&answer, "").map(|(name, value)| (name.clone(), texts(value, ""))).collect();
            if events.send(Event::Catalogue(tags)).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(config.every.saturating_sub(begin.elapsed())).await;
    }
}

async fn watch_service(config: Arc<ConsulSd>, api: Arc<Api>, name: String, events: mpsc::Sender<Event>) {
    let path = format!("/v1/health/service/{}", utf8_percent_encode(&name, NON_ALPHANUMERIC));
    let mut more: Vec<(&str, &str)> = config.tags.iter().map(|tag| ("tag", tag.as_str())).collect();
    more.push(("filter", &config.health_filter));
    let mut index = String::new();
    loop {
        let begin = Instant::now();
        if let Some(instances) = config.changed(&api, "service", &path, &more, &mut index).await
            && events.send(Event::Service(name.clone(), instances)).await.is_err()
        {
            return;
        }
        tokio::time::sleep(config.every.saturating_sub(begin.elapsed())).await;
    }
}

impl ConsulSd {
    fn wants(&self, name: &str, tags: &[String]) -> bool {
        (self.services.is_empty() || self.services.iter().any(|wanted| wanted == name))
            && self.tags.iter().all(|wanted| tags.contains(wanted))
    }

    fn headers(&self) -> Result<http::HeaderMap, String> {
        let token = HeaderName::from_static("x-consul-token");
        if self.token.is_empty() {
            Ok(http::HeaderMap::new())
        } else {
            headers(&[(token, self.token.reveal())])
        }
    }

    /// Waits for something newer than `index`; `None` if there was nothing, or after the pause that an error asks for.
    async fn changed(
        &self,
        api: &Api,
        call: &str,
        path: &str,
        more: &[(&str, &str)],
        index: &mut String,
    ) -> Option<Value> {
        let wait = format!("{}ms", WATCH.as_millis());
        let mut parameters: Vec<(&str, &str)> =
            self.common.iter().map(|(name, value)| (*name, value.as_str())).collect();
        parameters.extend_from_slice(more);
        parameters.extend([("index", index.as_str()), ("wait", wait.as_str())]);
        let stale = if self.allow_stale { "&stale=" } else { "" };
        let url = format!("{}{path}?{}{stale}", self.base, query(&parameters));
        let begin = Instant::now();
        let answer = async { api.get(&url, &self.headers()?).await?.ok() };
        let answer = answer.await.and_then(|answer| {
            let newest = answer.header("x-consul-index").unwrap_or_default().to_owned();
            Ok((newest, answer.json()?))
        });
        observe(&api.metrics, call, begin);
        match answer {
            Ok((newest, _)) if newest == *index && !newest.is_empty() => None,
            Ok((newest, answer)) => {
                *index = newest;
                Some(answer)
            }
            Err(reason) => {
                api.metrics.count("consul_rpc_failures");
                error!(call, path, error = reason, "Error refreshing from Consul");
                tokio::time::sleep(self.retry).await;
                None
            }
        }
    }
}

fn observe(metrics: &SdMetrics, call: &str, begin: Instant) {
    metrics.consul_call(call).observe(begin.elapsed().as_secs_f64());
}

/// The instances of a service as targets.
fn group(separator: &str, datacenter: &str, name: &str, instances: &Value) -> TargetGroup {
    let targets = items(instances, "").iter().map(|instance| {
        let (service, node) = (text(instance, "/Service/Address"), text(instance, "/Node/Address"));
        let host = if service.is_empty() { &node } else { &service };
        let mut target = Target::new(PREFIX, host_port(host, text(instance, "/Service/Port")));
        target.take(
            instance,
            &[
                ("address", "/Node/Address"),
                ("node", "/Node/Node"),
                ("namespace", "/Service/Namespace"),
                ("partition", "/Service/Partition"),
                ("service_address", "/Service/Address"),
                ("service_port", "/Service/Port"),
                ("service_id", "/Service/ID"),
            ],
        );
        target.set("tags", enclosed(separator, &texts(instance, "/Service/Tags")));
        target.set("health", health(items(instance, "/Checks")));
        target.map("metadata_", instance.pointer("/Node/Meta"));
        target.map("service_metadata_", instance.pointer("/Service/Meta"));
        target.map("tagged_address_", instance.pointer("/Node/TaggedAddresses"));
        target.labels()
    });
    let mut group = TargetGroup::of(name, targets.collect());
    group.labels =
        vec![(format!("{PREFIX}dc"), datacenter.to_owned()), (format!("{PREFIX}service"), name.to_owned())];
    group
}

/// The state of an instance: that of the worst of its checks.
fn health(checks: &[Value]) -> &'static str {
    let mut worst = 0;
    for check in checks {
        let id = text(check, "/CheckID");
        if id == "_node_maintenance" || id.starts_with("_service_maintenance:") {
            worst = worst.max(3);
            continue;
        }
        match text(check, "/Status").as_str() {
            "passing" => {}
            "warning" => worst = worst.max(1),
            "critical" => worst = worst.max(2),
            "maintenance" => worst = worst.max(3),
            _ => return "",
        }
    }
    ["passing", "warning", "critical", "maintenance"].get(worst).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
