use super::*;
use crate::discovery::testing::{decode as decoded, json as answer_json, serve, shown, status};
use bytes::Bytes;
use http::Request;
use std::sync::Mutex;
use tokio::sync::watch;

const INSTANCES: &str = r#"[
  {"Node": {"Node": "n1", "Address": "10.0.0.1", "Meta": {"rack-id": "r1"},
            "TaggedAddresses": {"lan": "10.0.0.1", "wan": "192.0.2.1"}},
   "Service": {"ID": "web-1", "Service": "web", "Address": "", "Port": 8080, "Tags": ["blue", "prod"],
               "Meta": {"version": "2"}, "Namespace": "default", "Partition": "part"},
   "Checks": [{"CheckID": "serfHealth", "Status": "passing"}, {"CheckID": "web", "Status": "warning"}]},
  {"Node": {"Node": "n2", "Address": "10.0.0.2"},
   "Service": {"ID": "web-2", "Service": "web", "Address": "fd00::2", "Port": 8081, "Tags": null},
   "Checks": [{"CheckID": "_node_maintenance", "Status": "critical"}]}
]"#;

#[test]
fn an_instance_has_the_labels_of_its_service_and_its_node() {
    let found = group(",", "dc1", "web", &serde_json::from_str(INSTANCES).unwrap());
    let labels: Vec<(&str, &str)> = found.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(labels, [("__meta_consul_dc", "dc1"), ("__meta_consul_service", "web")]);
    let want = [
        vec![
            "__address__=10.0.0.1:8080",
            "__meta_consul_address=10.0.0.1",
            "__meta_consul_health=warning",
            "__meta_consul_metadata_rack_id=r1",
            "__meta_consul_namespace=default",
            "__meta_consul_node=n1",
            "__meta_consul_partition=part",
            "__meta_consul_service_id=web-1",
            "__meta_consul_service_metadata_version=2",
            "__meta_consul_service_port=8080",
            "__meta_consul_tagged_address_lan=10.0.0.1",
            "__meta_consul_tagged_address_wan=192.0.2.1",
            "__meta_consul_tags=,blue,prod,",
        ],
        vec![
            "__address__=[fd00::2]:8081",
            "__meta_consul_address=10.0.0.2",
            "__meta_consul_health=maintenance",
            "__meta_consul_node=n2",
            "__meta_consul_service_address=fd00::2",
            "__meta_consul_service_id=web-2",
            "__meta_consul_service_port=8081",
            "__meta_consul_tags=,,",
        ],
    ];
    assert_eq!(shown(&[found]), want);
}

#[test]
fn an_entry_has_its_defaults_and_its_faults() {
    assert_eq!(
        decoded(&MECHANISM, "token: abc\nnode_meta: {a: b}\n").unwrap(),
        json!({
            "server": "localhost:8500", "token": "<secret>", "tag_separator": ",", "scheme": "http",
            "allow_stale": true, "refresh_interval": "30s", "node_meta": {"a": "b"},
            "follow_redirects": true, "enable_http2": true,
        })
    );
    for (yaml, fault) in [
        ("server: ''\n", "consul SD configuration requires a server address"),
        (
            "username: u\nbasic_auth: {username: v}\n",
            "at most one of consul SD configuration username and password and basic auth can be configured",
        ),
        (
            "token: t\nauthorization: {credentials: c}\n",
            "at most one of consul SD token, authorization, or oauth2 can be configured",
        ),
        ("serverr: x\n", "field serverr not found in type consul.plain"),
    ] {
        assert_eq!(decoded(&MECHANISM, yaml).unwrap_err(), fault);
    }
}

/// Service names and their tags.
type Services = BTreeMap<String, Vec<String>>;

/// A Consul with a catalogue that can be changed; its index is the number of changes.
#[derive(Clone)]
struct Stand {
    /// Service name to tags, and whether the server is broken.
    state: Arc<Mutex<(Services, bool)>>,
    changes: Arc<watch::Sender<u64>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stand {
    fn set(&self, services: &[(&str, &[&str])], broken: bool) {
        let owned = |(name, tags): &(&str, &[&str])| {
            ((*name).to_owned(), tags.iter().map(|tag| (*tag).to_owned()).collect())
        };
        *self.state.lock().unwrap() = (services.iter().map(owned).collect(), broken);
        self.changes.send_modify(|index| *index += 1);
    }

    async fn answer(self, request: Request<Bytes>) -> http::Response<http_body_util::Full<Bytes>> {
        let path = request.uri().path_and_query().unwrap().to_string();
        let token = request.headers().get("x-consul-token").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(token.as_deref(), Some("secret"));
        self.asked.lock().unwrap().push(path.clone());
        if path == "/v1/agent/self" {
            return answer_json(r#"{"Config": {"Datacenter": "dc7"}}"#);
        }
        // A question that knows the newest index waits for a change.
        let mut changes = self.changes.subscribe();
        let known = path.split("index=").nth(1).and_then(|rest| rest.split('&').next()?.parse::<u64>().ok());
        let index = *changes.wait_for(|index| known.is_none_or(|known| *index > known)).await.unwrap();
        let (services, broken) = self.state.lock().unwrap().clone();
        if broken {
            return status(500, "no leader");
        }
        let body = match path.strip_prefix("/v1/health/service/") {
            None => json!(services).to_string(),
            Some(name) if services.contains_key(name.split('?').next().unwrap()) => INSTANCES.to_owned(),
            Some(_) => "[]".to_owned(),
        };
        let mut answer = answer_json(body);
        answer.headers_mut().insert("x-consul-index", index.into());
        answer
    }
}

#[tokio::test]
async fn services_come_and_go_and_outlive_a_broken_server() {
    let stand =
        Stand { state: Arc::default(), changes: Arc::new(watch::channel(1).0), asked: Arc::default() };
    stand.set(&[("web", &["blue", "x"]), ("other", &["green"])], false);
    let handler = stand.clone();
    let server = serve(move |request| handler.clone().answer(request)).await;
    let config = ConsulSd {
        base: base("http", &server, ""),
        token: Secret::new("secret"),
        datacenter: String::new(),
        common: vec![("node-meta", "a:b".to_owned())],
        allow_stale: true,
        separator: ",".to_owned(),
        services: Vec::new(),
        tags: vec!["blue".to_owned()],
        filter: String::new(),
        health_filter: String::new(),
        every: Duration::from_millis(1),
        retry: Duration::from_millis(1),
        http: HttpClientConfig::default(),
        shown: Map::new(),
    };
    let api = Arc::new(crate::discovery::testing::api());
    let (updates, mut known) = Updates::channel();
    let task = tokio::spawn(run(Arc::new(config), api.clone(), updates));
    let mut sources = async |want: &[&str]| {
        let names = |known: &crate::discovery::Known| {
            known.as_ref().map(|groups| groups.keys().map(String::as_str).collect::<Vec<_>>() == want)
        };
        known.wait_for(|known| names(known) == Some(true)).await.unwrap().clone()
    };
    let groups = sources(&["web"]).await.unwrap();
    assert_eq!(groups["web"].labels[0].1, "dc7");
    assert_eq!(groups["web"].targets.len(), 2);

    stand.set(&[("web", &["blue"]), ("other", &["blue"])], false);
    sources(&["other", "web"]).await;
    stand.set(&[], true);
    while api.metrics.counted("consul_rpc_failures") == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(sources(&["other", "web"]).await.unwrap().len(), 2);
    stand.set(&[("other", &["blue"])], false);
    sources(&["other"]).await;
    stand.set(&[], false);
    sources(&[]).await;
    assert!(stand.asked.lock().unwrap().iter().any(|path| {
        path.starts_with("/v1/health/service/web?node-meta=a%3Ab&tag=blue&") && path.ends_with("&stale=")
    }));
    drop(known);
    task.await.unwrap();
}
