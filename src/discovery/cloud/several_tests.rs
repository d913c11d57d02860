//! Recorded answers of the clouds whose machines take several questions: Google, Azure, OpenStack.

use super::tests::only;
use super::*;
use crate::discovery::polled::Ask;
use crate::discovery::testing::{json as answer_json, serve, shown, status};
use crate::settings::Secret;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

#[tokio::test]
async fn gce_instances_with_the_identity_of_the_machine() {
    const PAGE_1: &str = r#"{"items": [{"name": "no interface"}], "nextPageToken": "p2"}"#;
    const PAGE_2: &str = r#"{"items": [{"id": "77", "name": "vm", "status": "RUNNING", "zone": "z/europe-west1-b", "machineType": "m/e2",
        "tags": {"items": ["http", "ssh"]}, "labels": {"env": "prod"},
        "metadata": {"items": [{"key": "my-key", "value": "v"}, {"key": "none"}]},
        "networkInterfaces": [{"name": "nic0", "network": "n/default", "subnetwork": "s/default", "networkIP": "10.0.0.14",
                               "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "natIP": "192.0.2.14"}]},
                              {"name": "nic1", "networkIP": "10.1.0.14"}]}]}"#;
    let base = format!(
        "http://{}",
        serve(|request: Request<Bytes>| async move {
            if request.uri().path().starts_with("/computeMetadata/") {
                assert_eq!(request.headers()["metadata-flavor"], "Google");
                return answer_json(r#"{"access_token": "tok", "expires_in": 3599, "token_type": "Bearer"}"#);
            }
            assert_eq!(request.headers()["authorization"], "Bearer tok");
            let path = "/compute/v1/projects/pr/zones/europe-west1-b/instances?filter=a%3Db";
            match request.uri().to_string().strip_prefix(path) {
                Some("") => answer_json(PAGE_1),
                Some("&pageToken=p2") => answer_json(PAGE_2),
                _ => status(404, ""),
            }
        })
        .await
    );
    let question = gce::GceSd {
        project: "pr".to_owned(),
        zone: "europe-west1-b".to_owned(),
        filter: "a=b".to_owned(),
        port: 80,
        separator: ",".to_owned(),
        google: gce::Google { compute: base.clone(), metadata: base, key: None },
        token: None,
    };
    let want = [
        "__address__=10.0.0.14:80",
        "instance_id=77",
        "instance_name=vm",
        "instance_status=RUNNING",
        "interface_ipv4_nic0=10.0.0.14",
        "interface_ipv4_nic1=10.1.0.14",
        "label_env=prod",
        "machine_type=m/e2",
        "metadata_my_key=v",
        "network=n/default",
        "private_ip=10.0.0.14",
        "project=pr",
        "public_ip=192.0.2.14",
        "subnetwork=s/default",
        "tags=,http,ssh,",
        "zone=z/europe-west1-b",
    ];
    assert_eq!(only("__meta_gce_", "GCE_pr_europe-west1-b", question).await, want);
}

async fn azure_answer(request: Request<Bytes>) -> Response<Full<Bytes>> {
    const MACHINES: &str = r#"{"value": [
        {"id": "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1", "name": "vm1", "location": "west",
         "tags": {"a b": "c"}, "properties": {"osProfile": {"computerName": "host1"}, "hardwareProfile": {"vmSize": "B1s"},
            "storageProfile": {"osDisk": {"osType": "Linux"}}, "networkProfile": {"networkInterfaces": [{"id": "/nic1"}]}}},
        {"id": "/x", "name": "off", "properties": {"networkProfile": {"networkInterfaces": [{"id": "/nic2"}]}}},
        {"id": "/x", "name": "gone", "properties": {"networkProfile": {"networkInterfaces": [{"id": "/nic9"}]}}}]}"#;
    const SETS: &str = r#"{"value": [{"id": "/sets/s", "name": "s"}]}"#;
    const SET: &str = r#"{"value": [{"id": "/subscriptions/sub/resourceGroups/RG2/x", "name": "s_0",
        "properties": {"networkProfile": {"networkInterfaces": [{"id": "/virtualMachineScaleSets/s/nic3"}]}}}]}"#;
    const NIC1: &str = r#"{"properties": {"primary": true, "ipConfigurations": [{"properties": {"privateIPAddress": "10.0.0.15",
        "publicIPAddress": {"properties": {"ipAddress": "192.0.2.15"}}}}]}}"#;
    const NIC3: &str = r#"{"properties": {"primary": true, "ipConfigurations": [{"properties": {"privateIPAddress": "10.0.0.16"}}]}}"#;
    let path = request.uri().path().to_owned();
    if path == "/tenant/oauth2/v2.0/token" {
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(form.contains("client_id=cl&") && form.ends_with("client_secret=se"), "{form}");
        return answer_json(r#"{"access_token": "tok", "expires_in": 3599}"#);
    }
    assert_eq!(request.headers()["authorization"], "Bearer tok");
    answer_json(match path.as_str() {
        "/subscriptions/sub/providers/Microsoft.Compute/virtualMachines" => MACHINES,
        "/subscriptions/sub/providers/Microsoft.Compute/virtualMachineScaleSets" => SETS,
        "/sets/s/virtualMachines" => SET,
        "/nic1" => NIC1,
        "/nic2" => r#"{"properties": {"ipConfigurations": []}}"#,
        "/virtualMachineScaleSets/s/nic3" => NIC3,
        _ => return status(404, ""),
    })
}

#[tokio::test]
async fn azure_machines_alone_and_in_scale_sets() {
    let base = format!("http://{}", serve(azure_answer).await);
    let mut question = azure::AzureSd {
        cloud: azure::Cloud { login: base.clone(), management: base.clone(), metadata: base },
        method: "OAuth".to_owned(),
        subscription: "sub".to_owned(),
        tenant: "tenant".to_owned(),
        client: "cl".to_owned(),
        secret: Secret::new("se"),
        resource_group: String::new(),
        port: 80,
        every: Duration::from_secs(300),
        token: None,
        interfaces: HashMap::new(),
    };
    let api = crate::discovery::testing::api();
    let found = shown(&question.ask(&api).await.unwrap());
    let named = |labels: &[&str]| {
        labels
            .iter()
            .map(|l| if l.starts_with("__") { (*l).to_owned() } else { format!("__meta_azure_{l}") })
            .collect::<Vec<_>>()
    };
    let first = [
        "__address__=10.0.0.15:80",
        "machine_computer_name=host1",
        "machine_id=/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1",
        "machine_location=west",
        "machine_name=vm1",
        "machine_os_type=Linux",
        "machine_private_ip=10.0.0.15",
        "machine_public_ip=192.0.2.15",
        "machine_resource_group=rg",
        "machine_size=B1s",
        "machine_tag_a_b=c",
        "subscription_id=sub",
        "tenant_id=tenant",
    ];
    let second = [
        "__address__=10.0.0.16:80",
        "machine_id=/subscriptions/sub/resourceGroups/RG2/x",
        "machine_name=s_0",
        "machine_private_ip=10.0.0.16",
        "machine_resource_group=RG2",
        "machine_scale_set=s",
        "subscription_id=sub",
        "tenant_id=tenant",
    ];
    assert_eq!(found, [named(&first), named(&second)]);
    assert_eq!(shown(&question.ask(&api).await.unwrap()), found);
    assert_eq!(api.metrics.counted("azure_cache_hit"), 3);
}

#[tokio::test]
async fn openstack_instances_hypervisors_and_load_balancers() {
    async fn answer(request: Request<Bytes>, base: String) -> Response<Full<Bytes>> {
        const SERVERS: &str = r#"{"servers": [{"id": "s1", "name": "vm", "status": "ACTIVE", "tenant_id": "t1", "user_id": "u1",
            "flavor": {"original_name": "m1.small"}, "image": {"id": "img"}, "metadata": {"env-x": "prod"},
            "addresses": {"private": [{"addr": "10.0.0.17"}, {"addr": "192.0.2.17"}]}}]}"#;
        const PORTS: &str = r#"{"ports": [{"id": "p1", "device_id": "s1"}]}"#;
        const FLOATING: &str = r#"{"floatingips": [
            {"tenant_id": "t1", "port_id": "p1", "fixed_ip_address": "10.0.0.17", "floating_ip_address": "192.0.2.17"},
            {"port_id": "vp", "fixed_ip_address": null, "floating_ip_address": "192.0.2.18"}]}"#;
        const HYPERVISORS: &str = r#"{"hypervisors": [{"id": 1, "host_ip": "172.16.0.1", "hypervisor_hostname": "nc1",
            "status": "enabled", "state": "up", "hypervisor_type": "QEMU"}]}"#;
        const BALANCERS: &str = r#"{"loadbalancers": [{"id": "lb0"}, {"id": "lb1", "name": "lb", "operating_status": "ONLINE",
            "provisioning_status": "ACTIVE", "availability_zone": "az1", "vip_address": "10.0.0.18", "vip_port_id": "vp",
            "provider": "amphora", "project_id": "t1", "tags": ["a", "b"]}]}"#;
        const LISTENERS: &str = r#"{"listeners": [{"protocol": "HTTP", "protocol_port": 80, "loadbalancers": [{"id": "lb0"}]},
            {"protocol": "PROMETHEUS", "protocol_port": 9091, "loadbalancers": [{"id": "lb1"}]}]}"#;
        let path = request.uri().path_and_query().unwrap().to_string();
        if path == "/v3/auth/tokens" {
            let question: Value = serde_json::from_slice(request.body()).unwrap();
            let user = json!({"name": "admin", "domain": {"name": "Default"}, "password": "pw"});
            assert_eq!(question["auth"]["identity"]["password"]["user"], user);
            assert_eq!(question["auth"]["scope"]["project"], json!({"id": "t1"}));
            let catalog = |kind: &str, at: &str| {
                json!({"type": kind, "endpoints": [{"interface": "admin", "region": "R", "url": "http://wrong"},
                    {"interface": "public", "region": "R", "url": format!("{base}/{at}")}]})
            };
            let catalog = json!({"token": {"catalog": [catalog("compute", "c/"), catalog("network", "n"), catalog("load-balancer", "l")]}});
            let mut answer = answer_json(catalog.to_string());
            answer.headers_mut().insert("x-subject-token", "tok".parse().unwrap());
            return answer;
        }
        assert_eq!(request.headers()["x-auth-token"], "tok");
        answer_json(match path.as_str() {
            "/c/servers/detail?all_tenants=true" => SERVERS,
            "/c/os-hypervisors/detail" => HYPERVISORS,
            "/n/v2.0/ports" => PORTS,
            "/n/v2.0/floatingips" => FLOATING,
            "/l/v2.0/lbaas/loadbalancers" => BALANCERS,
            "/l/v2.0/lbaas/listeners" => LISTENERS,
            _ => return status(404, ""),
        })
    }
    let server = serve(|request: Request<Bytes>| {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        answer(request, format!("http://{host}"))
    });
    let login = openstack::Login {
        endpoint: format!("http://{}/v3", server.await),
        username: "admin".to_owned(),
        password: Secret::new("pw"),
        domain: (String::new(), "Default".to_owned()),
        project: ("t1".to_owned(), String::new()),
        ..Default::default()
    };
    let of = |role: &str| openstack::OpenstackSd {
        role: role.to_owned(),
        region: "R".to_owned(),
        availability: "public".to_owned(),
        all_tenants: true,
        port: 80,
        login: login.clone(),
    };
    let want = [
        "__address__=10.0.0.17:80",
        "address_pool=private",
        "instance_flavor=m1.small",
        "instance_id=s1",
        "instance_image=img",
        "instance_name=vm",
        "instance_status=ACTIVE",
        "private_ip=10.0.0.17",
        "project_id=t1",
        "public_ip=192.0.2.17",
        "tag_env_x=prod",
        "user_id=u1",
    ];
    assert_eq!(only("__meta_openstack_", "OS_R", of("instance")).await, want);
    let want = [
        "__address__=172.16.0.1:80",
        "hypervisor_host_ip=172.16.0.1",
        "hypervisor_hostname=nc1",
        "hypervisor_id=1",
        "hypervisor_state=up",
        "hypervisor_status=enabled",
        "hypervisor_type=QEMU",
    ];
    assert_eq!(only("__meta_openstack_", "OS_R", of("hypervisor")).await, want);
    let want = [
        "__address__=10.0.0.18:9091",
        "loadbalancer_availability_zone=az1",
        "loadbalancer_floating_ip=192.0.2.18",
        "loadbalancer_id=lb1",
        "loadbalancer_name=lb",
        "loadbalancer_operating_status=ONLINE",
        "loadbalancer_provider=amphora",
        "loadbalancer_provisioning_status=ACTIVE",
        "loadbalancer_tags=a,b",
        "loadbalancer_vip=10.0.0.18",
        "project_id=t1",
    ];
    assert_eq!(only("__meta_openstack_", "OS_R", of("loadbalancer")).await, want);
}
