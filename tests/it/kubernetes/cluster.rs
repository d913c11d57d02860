//! A small cluster with what the chart's jobs look for, and what they must not find.

use super::api::Api;
use serde_json::{Value, json};

pub const NODES: &str = "/api/v1/nodes";
pub const PODS: &str = "/api/v1/pods";
pub const SERVICES: &str = "/api/v1/services";
pub const SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices";

pub fn node(name: &str, ip: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "zone": "z1"}, "annotations": {"node.alpha/ttl": "0"}},
        "spec": {"providerID": format!("kind://{name}")},
        "status": {
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": ip}],
            "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}})
}

/// A pod of `shop` on `n1` with a port 8080; `meta` is merged into its metadata.
pub fn pod(name: &str, ip: &str, meta: Value) -> Value {
    let mut metadata = json!({"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
        "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"app.kubernetes.io/name": "web"},
        "managedFields": [{"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}}],
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-77", "uid": "r", "controller": true}]});
    for (key, value) in meta.as_object().unwrap() {
        metadata[key] = value.clone();
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"nodeName": "n1", "containers": [
            {"name": "main", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]}]},
        "status": {"phase": "Running", "podIP": ip, "hostIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "main", "containerID": format!("containerd://{name}"), "image": "web:1", "imageID": "", "ready": true, "restartCount": 0}]}})
}

pub fn service(namespace: &str, name: &str, annotations: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}, "annotations": annotations},
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.9", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}})
}

pub fn slice(namespace: &str, name: &str, service: &str, endpoints: Value, port: (&str, u16)) -> Value {
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4", "endpoints": endpoints,
        "ports": [{"name": port.0, "port": port.1, "protocol": "TCP"}]})
}

/// An endpoint of a slice, with a pod of `shop` behind it.
pub fn endpoint(ip: &str, pod: &str, ready: bool) -> Value {
    json!({"addresses": [ip], "conditions": {"ready": ready, "serving": ready, "terminating": false}, "nodeName": "n1",
        "targetRef": {"kind": "Pod", "namespace": "shop", "name": pod}})
}

/// Fills the API with the cluster.
pub fn fill(api: &Api) {
    api.put(node("n1", "10.0.0.1"));
    api.put(node("n2", "10.0.0.2"));
    for name in ["shop", "monitoring"] {
        api.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": name}}}));
    }
    api.put(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-77", "namespace": "shop",
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": true}]}}));
    let scraped =
        |port: &str| json!({"annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": port}});
    api.put(pod("web-0", "10.1.0.10", scraped("9102")));
    api.put(pod(
        "web-1",
        "10.1.0.11",
        json!({"annotations": {
        "prometheus.io/scrape": "true", "prometheus.io/path": "/m", "prometheus.io/scheme": "https",
        "prometheus.io/param_module": "x"}}),
    ));
    api.put(pod("six", "fd00::7", scraped("9102")));
    api.put(pod("slow", "10.1.0.12", json!({"annotations": {"prometheus.io/scrape-slow": "true"}})));
    api.put(pod("plain", "10.1.0.13", json!({"annotations": {}})));
    let mut done = pod("done", "10.1.0.14", scraped("1"));
    done["status"]["phase"] = json!("Succeeded");
    api.put(done);
    let mut starting = pod("starting", "", scraped("1"));
    starting["status"] = json!({"phase": "Pending"});
    api.put(starting);
    let mut many = pod("many", "10.1.0.15", json!({"annotations": {"prometheus.io/scrape": "true"}}));
    many["spec"]["containers"] = json!([
        {"name": "a", "image": "a:1", "ports": [{"name": "x", "containerPort": 1001, "protocol": "TCP"}, {"containerPort": 1002, "protocol": "UDP"}]},
        {"name": "b", "image": "b:1"}]);
    many["spec"]["initContainers"] =
        json!([{"name": "setup", "image": "s:1", "ports": [{"containerPort": 1003, "protocol": "TCP"}]}]);
    api.put(many);
    let mut alertmanager = pod(
        "am-0",
        "10.1.0.20",
        json!({"namespace": "monitoring", "labels": {
        "app.kubernetes.io/instance": "prom", "app.kubernetes.io/name": "alertmanager"}}),
    );
    alertmanager["spec"]["containers"][0]["ports"][0]["containerPort"] = json!(9093);
    api.put(alertmanager);
    let on = |key: &str| json!({format!("prometheus.io/{key}"): "true"});
    api.put(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP"}]}}));
    let server = json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}]);
    api.put(slice("default", "kubernetes", "kubernetes", server, ("https", 6443)));
    api.put(service("shop", "web", on("scrape")));
    let behind = json!([endpoint("10.1.0.10", "web-0", true), endpoint("10.1.0.11", "web-1", false)]);
    api.put(slice("shop", "web-abc", "web", behind, ("http", 8080)));
    let mut ported = on("scrape");
    ported["prometheus.io/port"] = json!("9999");
    api.put(service("shop", "ported", ported));
    let behind = json!([endpoint("10.1.0.15", "many", true)]);
    api.put(slice("shop", "ported-abc", "ported", behind, ("x", 1001)));
    api.put(service("shop", "crawl", on("scrape-slow")));
    api.put(slice(
        "shop",
        "crawl-abc",
        "crawl",
        json!([endpoint("10.1.0.13", "plain", true)]),
        ("http", 8080),
    ));
    api.put(service("shop", "quiet", json!({})));
    api.put(slice(
        "shop",
        "quiet-abc",
        "quiet",
        json!([endpoint("10.1.0.13", "plain", true)]),
        ("http", 8080),
    ));
    api.put(service("shop", "site", on("probe")));
    let mut push = service("monitoring", "push", json!({"prometheus.io/probe": "pushgateway"}));
    // Not 80, which the peer would take away.
    push["spec"]["ports"][0]["port"] = json!(9091);
    api.put(push);
    let mut alias = service("shop", "alias", json!({}));
    alias["spec"] = json!({"type": "ExternalName", "externalName": "db.example.org", "ports": [{"port": 5432, "protocol": "TCP"}]});
    api.put(alias);
    let mut balanced = service("shop", "balanced", json!({}));
    balanced["spec"]["type"] = json!("LoadBalancer");
    balanced["spec"]["loadBalancerIP"] = json!("192.0.2.1");
    api.put(balanced);
    api.put(json!({"apiVersion": "v1", "kind": "Endpoints",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "subsets": [{"ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "addresses": [{"ip": "10.1.0.10", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-0"}}],
            "notReadyAddresses": [{"ip": "10.1.0.15", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "shop", "name": "many"}}]}]}));
    api.put(json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "site", "namespace": "shop", "labels": {"app": "site"}, "annotations": {"a/b": "c"}},
        "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["*.example.org"], "secretName": "s"}], "rules": [
            {"host": "shop.example.org", "http": {"paths": [
                {"path": "/a", "pathType": "Prefix", "backend": {"service": {"name": "site", "port": {"number": 80}}}}]}},
            {"host": "deep.shop.example.org"}]}}));
}
