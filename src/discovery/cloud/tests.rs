//! Recorded answers of each API, and the targets that they amount to.

use super::*;
use crate::discovery::polled::Ask;
use crate::discovery::testing::{ask, decode, json as answer_json, serve, serve_paths, shown, status};
use crate::settings::Secret;
use crate::settings::http::Source;
use bytes::Bytes;
use http::Request;
use serde_json::json;

/// The labels of the only target, all but the address without their prefix.
pub(super) async fn only(prefix: &str, source: &str, question: impl Ask) -> Vec<String> {
    let groups = ask(question).await.unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].source, source);
    let targets = shown(&groups);
    assert_eq!(targets.len(), 1, "{targets:#?}");
    targets[0].iter().map(|label| label.replacen(prefix, "", 1)).collect()
}

async fn server(paths: &'static [(&'static str, &'static str)]) -> String {
    format!("http://{}", serve_paths(paths).await)
}

#[tokio::test]
async fn digitalocean_droplets() {
    const PAGE_1: &str =
        r#"{"droplets": [{"id": 1, "networks": {"v4": []}}], "links": {"pages": {"next": "x"}}}"#;
    const PAGE_2: &str = r#"{"droplets": [{"id": 3164444, "name": "web", "status": "active", "size_slug": "s-1vcpu-1gb",
        "vpc_uuid": "v1", "features": ["backups", "ipv6"], "tags": ["a", "b"], "region": {"slug": "nyc3"},
        "image": {"slug": "debian-12", "name": "12 x64"},
        "networks": {"v4": [{"ip_address": "10.1.0.2", "type": "private"}, {"ip_address": "192.0.2.1", "type": "public"}],
                     "v6": [{"ip_address": "2001:db8::1", "type": "public"}]}}], "links": {}}"#;
    let paths = &[("/v2/droplets?page=1&per_page=200", PAGE_1), ("/v2/droplets?page=2&per_page=200", PAGE_2)];
    let question = digitalocean::DigitaloceanSd { base: server(paths).await, port: 80 };
    let want = [
        "__address__=192.0.2.1:80",
        "droplet_id=3164444",
        "droplet_name=web",
        "features=,backups,ipv6,",
        "image=debian-12",
        "image_name=12 x64",
        "private_ipv4=10.1.0.2",
        "public_ipv4=192.0.2.1",
        "public_ipv6=2001:db8::1",
        "region=nyc3",
        "size=s-1vcpu-1gb",
        "status=active",
        "tags=,a,b,",
        "vpc=v1",
    ];
    assert_eq!(only("__meta_digitalocean_", "DigitalOcean", question).await, want);
}

#[tokio::test]
async fn hetzner_servers_of_both_kinds() {
    const SERVERS: &str = r#"{"servers": [{"id": 42, "name": "s", "status": "running", "labels": {"my/key": "v", "empty": ""},
        "public_net": {"ipv4": {"ip": "192.0.2.2"}, "ipv6": {"ip": "2001:db8:1::/64"}},
        "private_net": [{"network": 7, "ip": "10.0.0.2"}],
        "datacenter": {"name": "fsn1-dc8", "location": {"name": "fsn1", "network_zone": "eu-central"}},
        "server_type": {"name": "cx11", "cores": 1, "cpu_type": "shared", "memory": 2.0, "disk": 25},
        "image": {"name": "debian", "description": "Debian", "os_version": "12", "os_flavor": "debian"}}],
        "meta": {"pagination": {"next_page": null}}}"#;
    const NETWORKS: &str = r#"{"networks": [{"id": 7, "name": "my net"}]}"#;
    let base = server(&[("/servers", SERVERS), ("/networks", NETWORKS)]).await;
    let question =
        hetzner::HetznerSd { role: "hcloud".to_owned(), base, port: 80, selector: "a=b".to_owned() };
    let want = [
        "__address__=192.0.2.2:80",
        "datacenter=fsn1-dc8",
        "hcloud_cpu_cores=1",
        "hcloud_cpu_type=shared",
        "hcloud_datacenter_location=fsn1",
        "hcloud_datacenter_location_network_zone=eu-central",
        "hcloud_disk_size_gb=25",
        "hcloud_image_description=Debian",
        "hcloud_image_name=debian",
        "hcloud_image_os_flavor=debian",
        "hcloud_image_os_version=12",
        "hcloud_label_my_key=v",
        "hcloud_labelpresent_empty=true",
        "hcloud_labelpresent_my_key=true",
        "hcloud_location=fsn1",
        "hcloud_location_network_zone=eu-central",
        "hcloud_memory_size_gb=2",
        "hcloud_private_ipv4_my_net=10.0.0.2",
        "hcloud_server_type=cx11",
        "public_ipv4=192.0.2.2",
        "public_ipv6_network=2001:db8:1::/64",
        "role=hcloud",
        "server_id=42",
        "server_name=s",
        "server_status=running",
    ];
    assert_eq!(only("__meta_hetzner_", "hetzner", question).await, want);

    const ROBOT: &str = r#"[{"server": {"server_ip": "192.0.2.3", "server_number": 321, "server_name": "r", "dc": "FSN1-DC3",
        "status": "ready", "product": "DS 3000", "cancelled": false,
        "subnet": [{"ip": "192.0.2.0", "mask": "24"}, {"ip": "2001:db8:2::", "mask": "64"}]}}]"#;
    let base = server(&[("/server", ROBOT)]).await;
    let question = hetzner::HetznerSd { role: "robot".to_owned(), base, port: 80, selector: String::new() };
    let want = [
        "__address__=192.0.2.3:80",
        "datacenter=fsn1-dc3",
        "public_ipv4=192.0.2.3",
        "public_ipv6_network=2001:db8:2::/64",
        "robot_cancelled=false",
        "robot_datacenter=fsn1-dc3",
        "robot_product=DS 3000",
        "role=robot",
        "server_id=321",
        "server_name=r",
        "server_status=ready",
    ];
    assert_eq!(only("__meta_hetzner_", "hetzner", question).await, want);
}

#[tokio::test]
async fn nomad_services() {
    const SPACES: &str = r#"[{"Namespace": "default", "Services": [{"ServiceName": "hello world"}]}]"#;
    const SERVICE: &str = r#"[{"ID": "i1", "ServiceName": "hello world", "Namespace": "default", "NodeID": "n1",
        "Datacenter": "dc1", "Tags": ["a"], "Address": "192.0.2.4", "Port": 30456}]"#;
    let paths = &[
        ("/v1/services?namespace=default", SPACES),
        ("/v1/service/hello%20world?namespace=default", SERVICE),
    ];
    let parameters = "namespace=default".to_owned();
    let question = nomad::NomadSd { server: server(paths).await, parameters, separator: "::".to_owned() };
    let want = [
        "__address__=192.0.2.4:30456",
        "address=192.0.2.4",
        "dc=dc1",
        "namespace=default",
        "node_id=n1",
        "service=hello world",
        "service_address=192.0.2.4",
        "service_id=i1",
        "service_port=30456",
        "tags=::a::",
    ];
    assert_eq!(only("__meta_nomad_", "Nomad", question).await, want);
}

#[tokio::test]
async fn eureka_instances() {
    const APPS: &str = r#"{"applications": {"application": {"name": "WEB", "instance": {
        "instanceId": "h:web:8080", "hostName": "h", "ipAddr": "192.0.2.5", "status": "UP", "countryId": 1,
        "port": {"$": 8080, "@enabled": "true"}, "securePort": {"$": 443, "@enabled": "false"},
        "homePageUrl": "http://h/", "statusPageUrl": "http://h/info", "healthCheckUrl": "http://h/health",
        "vipAddress": "web", "secureVipAddress": "webs",
        "dataCenterInfo": {"@class": "c", "name": "MyOwn", "metadata": {"a-z": "1"}},
        "metadata": {"@class": "java.util.Map", "management.port": "8090"}}}}}"#;
    let question = eureka::EurekaSd { server: server(&[("/apps", APPS)]).await };
    let want = [
        "__address__=h:8080",
        "app_instance_country_id=1",
        "app_instance_datacenterinfo_metadata_a_z=1",
        "app_instance_datacenterinfo_name=MyOwn",
        "app_instance_healthcheck_url=http://h/health",
        "app_instance_homepage_url=http://h/",
        "app_instance_hostname=h",
        "app_instance_id=h:web:8080",
        "app_instance_ip_addr=192.0.2.5",
        "app_instance_metadata_management_port=8090",
        "app_instance_port=8080",
        "app_instance_port_enabled=true",
        "app_instance_secure_port=443",
        "app_instance_secure_port_enabled=false",
        "app_instance_secure_vip_address=webs",
        "app_instance_status=UP",
        "app_instance_statuspage_url=http://h/info",
        "app_instance_vip_address=web",
        "app_name=WEB",
        "instance=h:web:8080",
    ];
    assert_eq!(only("__meta_eureka_", "eureka", question).await, want);
}

#[tokio::test]
async fn linode_instances() {
    const INSTANCES: &str = r#"{"pages": 1, "data": [{"id": 9, "label": "l", "image": "linode/debian12", "region": "us-east",
        "type": "g6", "status": "running", "group": "g", "hypervisor": "kvm", "tags": ["t"],
        "ipv4": ["192.0.2.6", "192.168.0.6", "192.0.2.7"], "ipv6": "2001:db8::6/128", "backups": {"enabled": true},
        "specs": {"gpus": 0, "vcpus": 2, "disk": 81920, "memory": 4096, "transfer": 4000}}]}"#;
    const IPS: &str = r#"{"pages": 1, "data": [
        {"address": "192.0.2.6", "public": true, "rdns": "a.example"}, {"address": "192.168.0.6", "public": false, "rdns": null},
        {"address": "192.0.2.7", "public": true}, {"address": "2001:db8::6", "public": true, "rdns": "null"}]}"#;
    const RANGES: &str =
        r#"{"pages": 1, "data": [{"range": "2001:db8:9::", "prefix": 64, "route_target": "2001:db8::6"}]}"#;
    let paths =
        &[("/linode/instances", INSTANCES), ("/networking/ips", IPS), ("/networking/ipv6/ranges", RANGES)];
    let (region, separator) = (String::new(), ",".to_owned());
    let question = linode::LinodeSd { base: server(paths).await, region, port: 80, separator };
    let want = [
        "__address__=192.0.2.6:80",
        "backups=enabled",
        "extra_ips=,192.0.2.7,",
        "gpus=0",
        "group=g",
        "hypervisor=kvm",
        "image=linode/debian12",
        "instance_id=9",
        "instance_label=l",
        "ipv6_ranges=,2001:db8:9::/64,",
        "private_ipv4=192.168.0.6",
        "public_ipv4=192.0.2.6",
        "public_ipv4_rdns=a.example",
        "public_ipv6=2001:db8::6",
        "region=us-east",
        "specs_disk_bytes=85899345920",
        "specs_memory_bytes=4294967296",
        "specs_transfer_bytes=4194304000",
        "specs_vcpus=2",
        "status=running",
        "tags=,t,",
        "type=g6",
    ];
    assert_eq!(only("__meta_linode_", "Linode", question).await, want);
}

#[tokio::test]
async fn marathon_tasks() {
    const APPS: &str = r#"{"apps": [
        {"id": "/web", "labels": {"x.y": "1"}, "networks": [{"mode": "container/bridge"}],
         "container": {"docker": {"image": "nginx"}, "portMappings": [
            {"containerPort": 80, "hostPort": 0, "labels": {"prom": "yes"}}, {"containerPort": 81, "hostPort": 31000}]},
         "tasks": [{"id": "t1", "host": "h1", "ports": [31111, 31222]}]},
        {"id": "/inner", "networks": [{"mode": "container"}], "container": {"portMappings": [{"containerPort": 90}]},
         "tasks": [{"id": "t2", "host": "h2", "ipAddresses": [{"ipAddress": "10.9.0.2"}]}]},
        {"id": "/defined", "requirePorts": true, "portDefinitions": [{"port": 8000, "labels": {"p": "q"}}],
         "tasks": [{"id": "t3", "host": "h3", "ports": [1]}]},
        {"id": "/bare", "tasks": [{"id": "t4", "host": "h4", "ports": [5]}]}]}"#;
    let token = Some(Source::Inline(Secret::new("t")));
    let servers = vec![server(&[("/v2/apps/?embed=apps.tasks", APPS)]).await];
    let groups = ask(marathon::MarathonSd { servers, token, turn: 0 }).await.unwrap();
    let labels: Vec<(&str, &str)> = groups[0].labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let want = [
        ("__meta_marathon_app", "/web"),
        ("__meta_marathon_app_label_x_y", "1"),
        ("__meta_marathon_image", "nginx"),
    ];
    assert_eq!(labels, want);
    let of = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        shown(&groups),
        [
            of(&[
                "__address__=h1:31111",
                "__meta_marathon_port_index=0",
                "__meta_marathon_port_mapping_label_prom=yes",
                "__meta_marathon_task=t1"
            ]),
            of(&["__address__=h1:31000", "__meta_marathon_port_index=1", "__meta_marathon_task=t1"]),
            of(&["__address__=10.9.0.2:90", "__meta_marathon_port_index=0", "__meta_marathon_task=t2"]),
            of(&[
                "__address__=h3:8000",
                "__meta_marathon_port_definition_label_p=q",
                "__meta_marathon_port_index=0",
                "__meta_marathon_task=t3"
            ]),
            of(&["__address__=h4:5", "__meta_marathon_port_index=0", "__meta_marathon_task=t4"]),
        ]
    );
}

#[tokio::test]
async fn puppetdb_resources() {
    const FOUND: &str = r#"[{"certname": "n.example", "resource": "abc", "type": "Class", "title": "T", "exported": false,
        "tags": ["a", "b"], "file": "/f.pp", "environment": "prod",
        "parameters": {"ensure": "present", "labels": {"my-key": "v"}, "list": ["x", 1], "none": null, "n": 2}}]"#;
    let url = format!("{}/pdb/query/v4", server(&[("/pdb/query/v4", FOUND)]).await);
    let query = "resources {}".to_owned();
    let source = format!("{url}?query=resources {{}}");
    let question = puppetdb::PuppetdbSd { url, query, include_parameters: true, port: 80 };
    let want = [
        "__address__=n.example:80",
        "certname=n.example",
        "environment=prod",
        "exported=false",
        "file=/f.pp",
        "parameter_ensure=present",
        "parameter_labels_my_key=v",
        "parameter_list=x,1",
        "parameter_n=2",
        "query=resources {}",
        "resource=abc",
        "tags=,a,b,",
        "title=T",
        "type=Class",
    ];
    assert_eq!(only("__meta_puppetdb_", &source, question).await, want);
}

#[tokio::test]
async fn vultr_instances() {
    const PAGE_1: &str = r#"{"instances": [], "meta": {"links": {"next": "c2"}}}"#;
    const PAGE_2: &str = r#"{"instances": [{"id": "v1", "label": "l", "os": "Debian", "os_id": 1, "region": "ewr", "plan": "p",
        "main_ip": "192.0.2.8", "v6_main_ip": "2001:db8::8", "internal_ip": "10.0.0.8", "hostname": "h", "server_status": "ok",
        "vcpu_count": 1, "ram": 1024, "allowed_bandwidth": 1000, "disk": 25, "features": ["ipv6"], "tags": ["t"]}], "meta": {}}"#;
    let paths = &[("/v2/instances?per_page=100", PAGE_1), ("/v2/instances?per_page=100&cursor=c2", PAGE_2)];
    let question = vultr::VultrSd { base: server(paths).await, port: 9100 };
    let want = [
        "__address__=192.0.2.8:9100",
        "allowed_bandwidth_gb=1000",
        "disk_gb=25",
        "features=,ipv6,",
        "hostname=h",
        "id=v1",
        "internal_ip=10.0.0.8",
        "label=l",
        "main_ip=192.0.2.8",
        "main_ipv6=2001:db8::8",
        "os=Debian",
        "os_id=1",
        "plan=p",
        "ram_mb=1024",
        "region=ewr",
        "server_status=ok",
        "tags=,t,",
        "vcpu_count=1",
    ];
    assert_eq!(only("__meta_vultr_instance_", "Vultr", question).await, want);
}

#[tokio::test]
async fn ionos_servers() {
    const SERVERS: &str = r#"{"id": "dc/servers", "items": [{"id": "no address"}, {"id": "s1", "metadata": {"state": "AVAILABLE"},
        "properties": {"name": "web", "vmState": "RUNNING", "type": "ENTERPRISE", "cpuFamily": "INTEL",
                       "availabilityZone": "ZONE_1", "bootCdrom": {"id": "cd"}, "bootVolume": {"id": "vol"}},
        "entities": {"nics": {"items": [{"properties": {"name": "metrics", "ips": ["192.0.2.9"]}},
                                        {"properties": {"ips": ["192.0.2.10", "10.0.0.9"]}}]},
                     "volumes": {"items": [{"properties": {"image": "img"}}]}}}]}"#;
    let base = server(&[("/datacenters/dc/servers?depth=3", SERVERS)]).await;
    let question = ionos::IonosSd { base, datacenter: "dc".to_owned(), port: 80 };
    let want = [
        "__address__=192.0.2.10:80",
        "availability_zone=ZONE_1",
        "boot_cdrom_id=cd",
        "boot_image_id=img",
        "boot_volume_id=vol",
        "cpu_family=INTEL",
        "id=s1",
        "ip=,192.0.2.10,10.0.0.9,192.0.2.9,",
        "lifecycle=AVAILABLE",
        "name=web",
        "nic_ip_metrics=,192.0.2.9,",
        "nic_ip_unnamed=,192.0.2.10,10.0.0.9,",
        "servers_id=dc/servers",
        "state=RUNNING",
        "type=ENTERPRISE",
    ];
    assert_eq!(only("__meta_ionos_server_", "ionos", question).await, want);
}

#[test]
fn triton_containers_and_nodes() {
    let url = "https://e:9163/v1/discover".to_owned();
    let of =
        |nodes| triton::TritonSd { url: url.clone(), dns_suffix: "d.example".to_owned(), port: 9163, nodes };
    let containers = json!({"containers": [{"vm_uuid": "u1", "vm_alias": "a", "vm_brand": "lx", "vm_image_uuid": "i",
        "server_uuid": "s", "groups": ["g1", "g2"]}]});
    let want = [
        "__address__=u1.d.example:9163",
        "__meta_triton_groups=,g1,g2,",
        "__meta_triton_machine_alias=a",
        "__meta_triton_machine_brand=lx",
        "__meta_triton_machine_id=u1",
        "__meta_triton_machine_image=i",
        "__meta_triton_server_id=s",
    ];
    assert_eq!(shown(&[of(false).group(&containers)]), [want.to_vec()]);
    let nodes = json!({"cns": [{"server_uuid": "s", "server_hostname": "h"}]});
    let want =
        ["__address__=s.d.example:9163", "__meta_triton_machine_alias=h", "__meta_triton_machine_id=s"];
    assert_eq!(shown(&[of(true).group(&nodes)]), [want.to_vec()]);
}

fn scaleway(role: &str, base: String) -> scaleway::ScalewaySd {
    scaleway::ScalewaySd {
        base,
        role: role.to_owned(),
        zone: "fr-par-1".to_owned(),
        project: "p1".to_owned(),
        name: String::new(),
        tags: vec!["a".to_owned(), "b".to_owned()],
        key: Source::Inline(Secret::new("k")),
        port: 80,
    }
}

#[tokio::test]
async fn scaleway_servers_of_both_kinds() {
    const SERVERS: &str = r#"{"servers": [{"id": "i1", "name": "n"}, {"id": "i2", "name": "web", "hostname": "h", "boot_type": "local",
        "organization": "o", "project": "p1", "state": "running", "commercial_type": "DEV1-S", "zone": "fr-par-1",
        "image": {"id": "img", "name": "Debian", "arch": "x86_64"}, "tags": ["t"],
        "location": {"cluster_id": "c", "hypervisor_id": "hy", "node_id": "no"}, "security_group": {"id": "sg", "name": "S"},
        "public_ips": [{"address": "192.0.2.11", "family": "inet"}, {"address": "2001:db8::11", "family": "inet6"}],
        "public_ip": {"address": "192.0.2.11"}, "ipv6": null, "private_ip": "10.0.0.11"}]}"#;
    let path = "/instance/v1/zones/fr-par-1/servers?page=1&per_page=50&project=p1&tags=a%2Cb";
    let question = scaleway(
        "instance",
        format!(
            "http://{}",
            serve(move |request: Request<Bytes>| async move {
                assert_eq!(request.uri().to_string(), path);
                assert_eq!(request.headers()["x-auth-token"], "k");
                answer_json(SERVERS)
            })
            .await
        ),
    );
    let want = [
        "__address__=10.0.0.11:80",
        "boot_type=local",
        "hostname=h",
        "id=i2",
        "image_arch=x86_64",
        "image_id=img",
        "image_name=Debian",
        "location_cluster_id=c",
        "location_hypervisor_id=hy",
        "location_node_id=no",
        "name=web",
        "organization_id=o",
        "private_ipv4=10.0.0.11",
        "project_id=p1",
        "public_ipv4=192.0.2.11",
        "public_ipv4_addresses=,192.0.2.11,",
        "public_ipv6_addresses=,2001:db8::11,",
        "region=fr-par",
        "security_group_id=sg",
        "security_group_name=S",
        "status=running",
        "tags=,t,",
        "type=DEV1-S",
        "zone=fr-par-1",
    ];
    assert_eq!(only("__meta_scaleway_instance_", "scaleway", question).await, want);

    const METAL: &str = r#"{"servers": [{"id": "b1", "name": "m", "project_id": "p1", "status": "ready", "offer_name": "EM-A",
        "zone": "fr-par-1", "tags": [], "install": {"os_id": "os1"},
        "ips": [{"address": "2001:db8::12", "version": "IPv6"}, {"address": "192.0.2.12", "version": "IPv4"}]}]}"#;
    const SYSTEMS: &str = r#"{"os": [{"id": "os1", "name": "Debian", "version": "12"}]}"#;
    let base = server(&[
        ("/baremetal/v1/zones/fr-par-1/servers", METAL),
        ("/baremetal/v1/zones/fr-par-1/os", SYSTEMS),
    ]);
    let want = [
        "__address__=192.0.2.12:80",
        "id=b1",
        "name=m",
        "os_name=Debian",
        "os_version=12",
        "project_id=p1",
        "public_ipv4=192.0.2.12",
        "public_ipv6=2001:db8::12",
        "status=ready",
        "type=EM-A",
        "zone=fr-par-1",
    ];
    assert_eq!(only("__meta_scaleway_baremetal_", "scaleway", scaleway("baremetal", base.await)).await, want);
}

#[tokio::test]
async fn kuma_assignments_stay_when_nothing_has_changed() {
    const ANSWER: &str = r#"{"version_info": "7", "nonce": "n7", "type_url": "type.googleapis.com/kuma.observability.v1.MonitoringAssignment",
        "resources": [{"mesh": "default", "service": "web", "labels": {"team-a": "x", "both": "outer"},
            "targets": [{"name": "web-1", "address": "192.0.2.13:5670", "scheme": "http", "metricsPath": "/m", "labels": {"both": "inner"}}]}]}"#;
    let server = serve(|request: Request<Bytes>| async move {
        assert_eq!(request.uri(), "/v3/discovery:monitoringassignments?fetch-timeout=2m");
        let question: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(question["node"]["id"], "me");
        if question["version_info"] == "7" && question["response_nonce"] == "n7" {
            status(304, "")
        } else {
            answer_json(ANSWER)
        }
    });
    let mut question = kuma::KumaSd {
        server: format!("http://{}", server.await),
        client_id: "me".to_owned(),
        fetch_timeout: "2m".to_owned(),
        last: Default::default(),
        known: Vec::new(),
    };
    let api = crate::discovery::testing::api();
    for round in 0..2 {
        let groups = question.ask(&api).await.unwrap();
        assert_eq!(groups[0].source, "kuma");
        let want = [
            "__address__=192.0.2.13:5670",
            "__meta_kuma_dataplane=web-1",
            "__meta_kuma_label_both=inner",
            "__meta_kuma_label_team_a=x",
            "__meta_kuma_mesh=default",
            "__meta_kuma_service=web",
            "__metrics_path__=/m",
            "__scheme__=http",
            "instance=web-1",
        ];
        assert_eq!(shown(&groups), [want.to_vec()]);
        assert_eq!(api.metrics.counted("kuma_fetch_skipped_updates"), round);
    }
}

#[test]
fn faults_are_told_in_the_words_of_prometheus() {
    let azure = "subscription_id: s\n";
    let scaleway = "role: instance\nproject_id: p\naccess_key: a\n";
    for (mechanism, yaml, fault) in [
        (
            &azure::MECHANISM,
            "client_id: c\ntenant_id: t\nclient_secret: s\n".to_owned(),
            "azure SD configuration requires a subscription_id",
        ),
        (
            &azure::MECHANISM,
            format!("{azure}client_id: c\nclient_secret: s\n"),
            "azure SD configuration requires a tenant_id",
        ),
        (
            &azure::MECHANISM,
            format!("{azure}tenant_id: t\nclient_secret: s\n"),
            "azure SD configuration requires a client_id",
        ),
        (
            &azure::MECHANISM,
            format!("{azure}tenant_id: t\nclient_id: c\n"),
            "azure SD configuration requires a client_secret",
        ),
        (
            &azure::MECHANISM,
            format!("{azure}authentication_method: invalid\n"),
            "unknown authentication_type \"invalid\". Supported types are \"OAuth\", \"ManagedIdentity\", \"SDK\" or \"WorkloadIdentity\"",
        ),
        (
            &digitalocean::MECHANISM,
            "role: databases\n".to_owned(),
            "digitalocean_sd_configs: role \"databases\" is not served, only droplets",
        ),
        (&eureka::MECHANISM, "{}".to_owned(), "eureka_sd: empty or null eureka server"),
        (&eureka::MECHANISM, "server: eureka.com".to_owned(), "eureka_sd: invalid eureka server URL"),
        (&gce::MECHANISM, "zone: z".to_owned(), "GCE SD configuration requires a project"),
        (&hetzner::MECHANISM, "role: invalid".to_owned(), "unknown role \"invalid\""),
        (&ionos::MECHANISM, "{}".to_owned(), "datacenter id can't be empty"),
        (&kuma::MECHANISM, "server: x".to_owned(), "kuma SD server must not be empty and have a scheme: x"),
        (&marathon::MECHANISM, "{}".to_owned(), "marathon_sd: must contain at least one Marathon server"),
        (
            &marathon::MECHANISM,
            "servers: [x]\nauth_token: a\nauth_token_file: b\n".to_owned(),
            "marathon_sd: at most one of auth_token & auth_token_file must be configured",
        ),
        (
            &marathon::MECHANISM,
            "servers: [x]\nauth_token: a\nbearer_token: b\n".to_owned(),
            "marathon_sd: at most one of bearer_token, bearer_token_file, auth_token & auth_token_file must be configured",
        ),
        (&nomad::MECHANISM, "server: ' '".to_owned(), "nomad SD configuration requires a server address"),
        (&openstack::MECHANISM, "role: x\nregion: r\n".to_owned(), "unknown OpenStack SD role \"x\""),
        (
            &openstack::MECHANISM,
            "role: instance\navailability: invalid\nregion: r\n".to_owned(),
            "unknown availability invalid, must be one of admin, internal or public",
        ),
        (&puppetdb::MECHANISM, "url: 'http://x'".to_owned(), "query missing"),
        (&puppetdb::MECHANISM, "query: q".to_owned(), "URL is missing"),
        (&scaleway::MECHANISM, scaleway.to_owned(), "one of secret_key & secret_key_file must be configured"),
        (
            &scaleway::MECHANISM,
            format!("{scaleway}secret_key: a\nsecret_key_file: b\n"),
            "at most one of secret_key & secret_key_file must be configured",
        ),
        (
            &triton::MECHANISM,
            "dns_suffix: d\nendpoint: e\n".to_owned(),
            "triton SD configuration requires an account",
        ),
    ] {
        assert_eq!(decode(mechanism, &yaml).unwrap_err(), fault);
    }
    let shown =
        decode(&azure::MECHANISM, "subscription_id: s\nauthentication_method: ManagedIdentity\n").unwrap();
    assert_eq!(
        (&shown["refresh_interval"], &shown["environment"]),
        (&json!("5m"), &json!("AzurePublicCloud"))
    );
}
