use super::docker::{self, DockerSd};
use super::swarm::{self, SwarmSd};
use super::*;
use crate::discovery::testing::{answer, ask, decode, json as answer_json, serve_paths, shown, status};
use std::sync::{Arc, Mutex};
use tokio::net::UnixListener;

const CONTAINERS: &str = r#"[
  {"Id": "c1", "Names": ["/web"], "Image": "nginx:1", "ImageID": "sha256:aa", "Labels": {"com.x/y": "z"},
   "HostConfig": {"NetworkMode": "front"},
   "NetworkSettings": {"Networks": {"front": {"NetworkID": "n1", "IPAddress": "172.18.0.2"},
                                    "back": {"NetworkID": "n2", "IPAddress": "172.19.0.2"}}},
   "Ports": [{"PrivatePort": 80, "PublicPort": 8080, "IP": "0.0.0.0", "Type": "tcp"},
             {"PrivatePort": 53, "Type": "udp"}, {"PrivatePort": 9113, "Type": "tcp"}]},
  {"Id": "c2", "Names": ["/side"], "HostConfig": {"NetworkMode": "container:c1"},
   "NetworkSettings": {"Networks": {}}, "Ports": []},
  {"Id": "c3", "Names": ["/host"], "HostConfig": {"NetworkMode": "host"},
   "NetworkSettings": {"Networks": {"host": {"NetworkID": "n3", "IPAddress": ""}}}, "Ports": null},
  {"Id": "c4", "Names": ["/six"], "HostConfig": {"NetworkMode": "six"},
   "NetworkSettings": {"Networks": {"six": {"NetworkID": "n9", "IPAddress": "", "GlobalIPv6Address": "fd00::4"},
                                    "gone": null}}, "Ports": []},
  {"Id": "c5", "Names": [], "NetworkSettings": {"Networks": {"front": {}}}},
  {"Id": "c6", "Names": ["/loop"], "HostConfig": {"NetworkMode": "container:c7"}, "NetworkSettings": {}},
  {"Id": "c7", "Names": ["/pool"], "HostConfig": {"NetworkMode": "container:c6"}, "NetworkSettings": {}}
]"#;

const NETWORKS: &str = r#"[
  {"Id": "n1", "Name": "front", "Scope": "local", "Internal": false, "Ingress": false, "Labels": {"a-b": "1"}},
  {"Id": "n2", "Name": "back", "Scope": "local", "Internal": true, "Ingress": false, "Labels": null}
]"#;

fn daemon(host: String) -> Daemon {
    let filters = vec![("label".to_owned(), vec!["a=b".to_owned(), "c".to_owned()])];
    Daemon { host, filters, version: None }
}

#[tokio::test]
async fn containers_are_found_over_the_socket_of_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let paths = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let paths = paths.clone();
            tokio::spawn(answer(stream, move |request: http::Request<Bytes>| {
                paths.lock().unwrap().push(request.uri().to_string());
                let mut pong = answer_json("OK");
                pong.headers_mut().insert("api-version", "1.47".parse().unwrap());
                let answer = match request.uri().path() {
                    "/_ping" => pong,
                    "/v1.47/containers/json" => answer_json(CONTAINERS),
                    "/v1.47/networks" => answer_json(NETWORKS),
                    _ => status(404, ""),
                };
                async move { answer }
            }));
        }
    });
    let host = format!("unix://{}", socket.display());
    let all = DockerSd {
        daemon: daemon(host),
        port: 8000,
        host_networking_host: "myhost".to_owned(),
        match_first_network: true,
    };
    let found = ask(all.clone()).await.unwrap();
    assert_eq!(found[0].source, "Docker");
    let web = |port: &str| {
        vec![
            format!("__address__=172.19.0.2:{port}"),
            "__meta_docker_container_id=c1".to_owned(),
            "__meta_docker_container_image=nginx:1".to_owned(),
            "__meta_docker_container_image_id=sha256:aa".to_owned(),
            "__meta_docker_container_label_com_x_y=z".to_owned(),
            "__meta_docker_container_name=/web".to_owned(),
            "__meta_docker_container_network_mode=front".to_owned(),
            "__meta_docker_network_id=n2".to_owned(),
            "__meta_docker_network_ingress=false".to_owned(),
            "__meta_docker_network_internal=true".to_owned(),
            "__meta_docker_network_ip=172.19.0.2".to_owned(),
            "__meta_docker_network_name=back".to_owned(),
            "__meta_docker_network_scope=local".to_owned(),
            format!("__meta_docker_port_private={port}"),
        ]
    };
    let mut published = web("80");
    published.push("__meta_docker_port_public=8080".to_owned());
    published.push("__meta_docker_port_public_ip=0.0.0.0".to_owned());
    let shown = shown(&found);
    assert_eq!(shown[..2], [published, web("9113")]);
    let addresses: Vec<&str> = shown[2..].iter().map(|labels| labels[0].as_str()).collect();
    assert_eq!(
        addresses,
        ["__address__=172.19.0.2:8000", "__address__=myhost", "__address__=[fd00::4]:8000"]
    );
    assert!(shown[2].contains(&"__meta_docker_container_network_mode=container:c1".to_owned()));
    let filters =
        "/v1.47/containers/json?filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%2C%22c%22%3Atrue%7D%7D";
    assert_eq!(*asked.lock().unwrap(), ["/_ping", filters, "/v1.47/networks"]);

    let found = ask(DockerSd { match_first_network: false, ..all.clone() }).await.unwrap();
    assert_eq!(found[0].targets.len(), 8);
    let mut gone = all;
    gone.daemon.host = "unix:///nowhere".to_owned();
    let error = ask(gone).await.unwrap_err();
    assert!(error.starts_with("error while listing containers: ") && error.contains("dial unix"), "{error}");
}

const SERVICES: &str = r#"[
  {"ID": "s1", "Spec": {"Name": "web", "Labels": {"x.y": "1"}, "Mode": {"Replicated": {"Replicas": 2}},
     "TaskTemplate": {"ContainerSpec": {"Image": "nginx", "Hostname": "h"}}},
   "Endpoint": {"Ports": [{"Name": "http", "Protocol": "tcp", "PublishedPort": 8080, "PublishMode": "ingress"},
                          {"Protocol": "udp", "PublishedPort": 53}],
                "VirtualIPs": [{"NetworkID": "n1", "Addr": "10.0.0.5/24"}]},
   "UpdateStatus": {"State": "completed"}},
  {"ID": "s2", "Spec": {"Name": "agent", "Mode": {"Global": {}}},
   "Endpoint": {"VirtualIPs": [{"NetworkID": "n9", "Addr": "10.0.1.5/24"}]}}
]"#;

const NODES: &str = r#"[
  {"ID": "node1", "Spec": {"Role": "manager", "Availability": "active", "Labels": {"rack": "r1"}},
   "Description": {"Hostname": "host1", "Platform": {"Architecture": "x86_64", "OS": "linux"},
                   "Engine": {"EngineVersion": "27.0"}},
   "Status": {"State": "ready", "Addr": "192.0.2.10"},
   "ManagerStatus": {"Leader": true, "Reachability": "reachable", "Addr": "192.0.2.10:2377"}}
]"#;

const TASKS: &str = r#"[
  {"ID": "t1", "ServiceID": "s1", "NodeID": "node1", "Slot": 2, "DesiredState": "running",
   "Spec": {"ContainerSpec": {"Labels": {"from-spec": "1"}}},
   "Status": {"State": "running", "ContainerStatus": {"ContainerID": "abc"},
              "PortStatus": {"Ports": [{"Protocol": "tcp", "PublishedPort": 32768, "PublishMode": "host"}]}},
   "NetworksAttachments": [{"Network": {"ID": "n1"}, "Addresses": ["10.0.0.7/24"]}]},
  {"ID": "t2", "ServiceID": "s2", "NodeID": "node1", "DesiredState": "running", "Status": {"State": "running"},
   "NetworksAttachments": [{"Network": {"ID": "n9"}, "Addresses": ["10.0.1.7/24"]}]}
]"#;

async fn swarm(role: &str) -> Vec<Vec<String>> {
    let server = serve_paths(&[
        ("/_ping", "OK"),
        ("/services", SERVICES),
        ("/nodes", NODES),
        ("/tasks", TASKS),
        ("/networks", NETWORKS),
        ("/containers/abc/json", r#"{"Config": {"Labels": {"from.image": "2"}}}"#),
    ]);
    let daemon = daemon(format!("tcp://{}", server.await));
    shown(&ask(SwarmSd { daemon, role: role.to_owned(), port: 8000 }).await.unwrap())
}

/// Puts the prefix in front of all labels but the address, which comes first.
fn labels(address: &str, labels: &[&str]) -> Vec<String> {
    let named = labels.iter().map(|label| format!("__meta_dockerswarm_{label}"));
    std::iter::once(format!("__address__={address}")).chain(named).collect()
}

const FRONT: [&str; 6] = [
    "network_id=n1",
    "network_ingress=false",
    "network_internal=false",
    "network_label_a_b=1",
    "network_name=front",
    "network_scope=local",
];

const NODE1: [&str; 9] = [
    "node_address=192.0.2.10",
    "node_availability=active",
    "node_hostname=host1",
    "node_id=node1",
    "node_label_rack=r1",
    "node_platform_architecture=x86_64",
    "node_platform_os=linux",
    "node_role=manager",
    "node_status=ready",
];

#[tokio::test]
async fn services_of_a_swarm_have_their_virtual_addresses() {
    let web = [
        &FRONT[..],
        &[
            "service_endpoint_port_name=http",
            "service_endpoint_port_publish_mode=ingress",
            "service_id=s1",
            "service_label_x_y=1",
            "service_mode=replicated",
            "service_name=web",
            "service_task_container_hostname=h",
            "service_task_container_image=nginx",
            "service_updating_status=completed",
        ],
    ];
    let agent = ["service_id=s2", "service_mode=global", "service_name=agent"];
    let want = [labels("10.0.0.5:8080", &web.concat()), labels("10.0.1.5:8000", &agent)];
    assert_eq!(swarm("services").await, want);
}

#[tokio::test]
async fn tasks_of_a_swarm_know_their_service_node_and_container() {
    let service = ["service_id=s1", "service_label_x_y=1", "service_mode=replicated", "service_name=web"];
    let container = ["container_label_from_image=2", "container_label_from_spec=1"];
    let task = |mode| {
        [
            "task_container_id=abc",
            "task_desired_state=running",
            "task_id=t1",
            mode,
            "task_slot=2",
            "task_state=running",
        ]
    };
    let host = [&container[..], &NODE1, &service, &task("task_port_publish_mode=host")].concat();
    let overlay =
        [&container[..], &FRONT, &NODE1, &service, &task("task_port_publish_mode=ingress")].concat();
    let agent = ["service_id=s2", "service_mode=global", "service_name=agent"];
    let bare = ["task_desired_state=running", "task_id=t2", "task_slot=0", "task_state=running"];
    let want = [
        labels("192.0.2.10:32768", &host),
        labels("10.0.0.7:8080", &overlay),
        labels("10.0.1.7:8000", &[&NODE1[..], &agent, &bare].concat()),
    ];
    assert_eq!(swarm("tasks").await, want);
}

#[tokio::test]
async fn nodes_of_a_swarm_tell_whether_they_manage() {
    let mut want = NODE1.to_vec();
    want.extend([
        "node_engine_version=27.0",
        "node_manager_address=192.0.2.10:2377",
        "node_manager_leader=true",
        "node_manager_reachability=reachable",
    ]);
    want.sort_unstable();
    assert_eq!(swarm("nodes").await, [labels("192.0.2.10:8000", &want)]);
}

#[test]
fn entries_need_a_host_and_a_role() {
    for (mechanism, yaml, fault) in [
        (&docker::MECHANISM, "port: 1\n", "host missing"),
        (&docker::MECHANISM, "host: 'ssh://x'\n", "unable to parse docker host `ssh://x`"),
        (&swarm::MECHANISM, "host: 'tcp://x:1'\n", "role missing (one of: tasks, services, nodes)"),
        (
            &swarm::MECHANISM,
            "host: 'tcp://x:1'\nrole: pods\n",
            "invalid role pods, expected tasks, services, or nodes",
        ),
    ] {
        assert_eq!(decode(mechanism, yaml).unwrap_err(), fault);
    }
    let yaml = "host: 'unix:///var/run/docker.sock'\nfilters: [{name: status, values: [running]}]\n";
    let shown = decode(&docker::MECHANISM, yaml).unwrap();
    assert_eq!(shown["filters"], json!([{"name": "status", "values": ["running"]}]));
    assert_eq!(
        (&shown["match_first_network"], &shown["host_networking_host"]),
        (&json!(true), &json!("localhost"))
    );
}
