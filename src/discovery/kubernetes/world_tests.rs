//! Which groups follow from which change.

use super::config::{Attach, Role};
use super::labels::testing::{map, object};
use super::objects::{EndpointSlice, Endpoints, Job, Namespace, Node, Pod, ReplicaSet, Service};
use super::world::{Kept, World};
use crate::discovery::TargetGroup;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use std::sync::Arc;

fn world(role: Role, attach: Attach) -> World {
    World::new(role, attach, Arc::default())
}

fn list<K: Kept>(world: &mut World, objects: &[Value]) {
    let watch = K::store(world).add_watch(None);
    relist::<K>(world, watch, objects);
}

fn relist<K: Kept>(world: &mut World, watch: usize, objects: &[Value]) {
    world.take::<K>(watch, Event::Init);
    for json in objects {
        world.take::<K>(watch, Event::InitApply(object(json.clone())));
    }
    world.take::<K>(watch, Event::InitDone);
}

fn apply<K: Kept>(world: &mut World, json: Value) -> Vec<(String, Option<TargetGroup>)> {
    world.take::<K>(0, Event::Apply(object(json)));
    world.changes()
}

fn sources(changes: &[(String, Option<TargetGroup>)]) -> Vec<(&str, bool)> {
    changes.iter().map(|(source, group)| (source.as_str(), group.is_some())).collect()
}

fn pod(name: &str, phase: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "n"}, "spec": {"nodeName": "n1", "containers": [{"name": "c"}]},
        "status": {"podIP": "10.0.0.9", "phase": phase}})
}

fn node(zone: &str, ready: &str) -> Value {
    json!({"metadata": {"name": "n1", "labels": {"zone": zone}}, "status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}], "conditions": [{"type": "Ready", "status": ready}]}})
}

fn service(name: &str, app: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "labels": {"app": app}}, "spec": {"ports": [{"port": 1}]}})
}

fn slice(name: &str, service: &str, pod: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"port": 80}], "endpoints": [{"addresses": ["10.0.0.9"], "nodeName": "n1",
        "targetRef": {"kind": "Pod", "namespace": "n", "name": pod}}]})
}

#[test]
fn nothing_is_complete_before_every_kind_was_listed() {
    let mut world = world(Role::EndpointSlice, Attach::default());
    let watch = Pod::store(&mut world).add_watch(None);
    list::<EndpointSlice>(&mut world, &[slice("a", "web", "p")]);
    list::<Service>(&mut world, &[]);
    assert!(!world.is_complete());
    relist::<Pod>(&mut world, watch, &[pod("p", "Running")]);
    assert!(world.is_complete());
    assert_eq!(world.all().len(), 1);
    assert!(world.changes().is_empty());
}

#[test]
fn a_change_touches_the_group_of_its_object_only_and_an_equal_object_none() {
    let mut world = world(Role::Pod, Attach::default());
    list::<Pod>(&mut world, &[pod("a", "Running"), pod("b", "Running")]);
    world.all();
    assert!(apply::<Pod>(&mut world, pod("a", "Running")).is_empty());
    assert_eq!(sources(&apply::<Pod>(&mut world, pod("a", "Failed"))), [("pod/n/a", true)]);
    let mut starting = pod("b", "Pending");
    starting["status"] = json!({});
    assert_eq!(sources(&apply::<Pod>(&mut world, starting)), [("pod/n/b", false)]);
    world.take::<Pod>(0, Event::Delete(object(pod("a", "Failed"))));
    assert_eq!(sources(&world.changes()), [("pod/n/a", false)]);
}

#[test]
fn what_a_later_list_does_not_name_is_gone() {
    let mut world = world(Role::Service, Attach::default());
    list::<Service>(&mut world, &[service("a", "x"), service("b", "x")]);
    world.all();
    relist::<Service>(&mut world, 0, &[service("b", "x"), service("c", "x")]);
    assert_eq!(sources(&world.changes()), [("svc/n/a", false), ("svc/n/c", true)]);
}

#[test]
fn a_service_touches_its_slices_and_the_endpoints_of_its_name() {
    let mut slices = world(Role::EndpointSlice, Attach::default());
    list::<Service>(&mut slices, &[]);
    list::<EndpointSlice>(
        &mut slices,
        &[slice("a", "web", "p"), slice("b", "web", "p"), slice("c", "other", "p")],
    );
    slices.all();
    let changes = apply::<Service>(&mut slices, service("web", "x"));
    assert_eq!(sources(&changes), [("endpointslice/n/a", true), ("endpointslice/n/b", true)]);
    let labels = map(&changes[0].1.as_ref().unwrap().labels);
    assert_eq!(labels["service_label_app"], "x");

    let mut endpoints = world(Role::Endpoints, Attach::default());
    let subset = json!({"ports": [{"port": 80}], "addresses": [{"ip": "10.0.0.9"}]});
    list::<Service>(&mut endpoints, &[]);
    list::<Endpoints>(
        &mut endpoints,
        &[json!({"metadata": {"name": "web", "namespace": "n"}, "subsets": [subset]})],
    );
    endpoints.all();
    assert_eq!(sources(&apply::<Service>(&mut endpoints, service("web", "x"))), [("endpoints/n/web", true)]);
    assert!(apply::<Service>(&mut endpoints, service("other", "x")).is_empty());
}

#[test]
fn a_pod_touches_the_slices_behind_it_until_it_is_gone() {
    let mut world = world(Role::EndpointSlice, Attach::default());
    list::<Pod>(&mut world, &[pod("p", "Running")]);
    list::<EndpointSlice>(&mut world, &[slice("a", "web", "p"), slice("b", "web", "q")]);
    world.all();
    assert_eq!(sources(&apply::<Pod>(&mut world, pod("p", "Failed"))), [("endpointslice/n/a", true)]);
    world.take::<Pod>(0, Event::Delete(object(pod("p", "Failed"))));
    assert!(world.changes().is_empty());
}

#[test]
fn a_node_touches_others_by_its_labels_not_by_its_state() {
    for role in [Role::Pod, Role::EndpointSlice] {
        let mut world = world(role, Attach { node: true, ..Attach::default() });
        list::<Node>(&mut world, &[node("a", "True")]);
        list::<Pod>(&mut world, &[pod("p", "Running")]);
        list::<EndpointSlice>(&mut world, &[slice("s", "web", "p")]);
        world.all();
        assert!(apply::<Node>(&mut world, node("a", "False")).is_empty());
        let changes = apply::<Node>(&mut world, node("b", "False"));
        assert_eq!(changes.len(), 1, "{role:?}");
        let group = changes[0].1.as_ref().unwrap();
        let (labels, target) = (map(&group.labels), map(&group.targets[0]));
        let zone = labels.get("node_label_zone").or(target.get("node_label_zone"));
        assert_eq!(zone.map(String::as_str), Some("b"));
    }
}

#[test]
fn a_node_that_lost_its_address_keeps_its_target_until_it_is_gone() {
    let mut world = world(Role::Node, Attach::default());
    list::<Node>(&mut world, &[node("a", "True")]);
    assert_eq!(world.all().len(), 1);
    assert!(apply::<Node>(&mut world, json!({"metadata": {"name": "n1"}})).is_empty());
    world.take::<Node>(0, Event::Delete(object(node("a", "True"))));
    assert_eq!(sources(&world.changes()), [("node/n1", false)]);
}

#[test]
fn namespaces_and_owners_touch_what_they_are_told_with() {
    let attach = Attach { namespace: true, deployment: true, cron_job: true, job: true, ..Attach::default() };
    let mut world = world(Role::Pod, attach);
    let owned = |name: &str, kind: &str| {
        let mut pod = pod(name, "Running");
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "x", "kind": kind, "name": "o", "uid": "u", "controller": true}]);
        pod
    };
    list::<Pod>(&mut world, &[owned("a", "ReplicaSet"), owned("b", "Job"), pod("c", "Running")]);
    world.all();
    let owner = |kind: &str| {
        json!({"metadata": {"name": "o", "namespace": "n", "ownerReferences": [
            {"apiVersion": "x", "kind": kind, "name": "top", "uid": "u", "controller": true}]}})
    };
    let changes = apply::<ReplicaSet>(&mut world, owner("Deployment"));
    assert_eq!(sources(&changes), [("pod/n/a", true)]);
    assert_eq!(map(&changes[0].1.as_ref().unwrap().labels)["pod_deployment_name"], "top");
    let changes = apply::<Job>(&mut world, owner("CronJob"));
    assert_eq!(sources(&changes), [("pod/n/b", true)]);
    let labels = map(&changes[0].1.as_ref().unwrap().labels);
    assert_eq!((labels["pod_job_name"].as_str(), labels["pod_cronjob_name"].as_str()), ("o", "top"));
    let changes = apply::<Namespace>(&mut world, json!({"metadata": {"name": "n", "labels": {"team": "t"}}}));
    assert_eq!(changes.len(), 3);
    assert_eq!(map(&changes[2].1.as_ref().unwrap().labels)["namespace_label_team"], "t");
}
