//! Recorded answers of APIs with ways of their own.

use super::ovhcloud::OvhcloudSd;
use super::uyuni::UyuniSd;
use super::{ovhcloud, uyuni};
use crate::discovery::testing::{ask, decode, json, serve, shown, status};
use crate::settings::Secret;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

async fn ovh(request: Request<Bytes>) -> Response<Full<Bytes>> {
    const VPS: &str = r#"{"name": "vps-1", "displayName": "d", "cluster": "c", "state": "running", "zone": "Region 1",
        "netbootMode": "local", "memoryLimit": 2048, "offerType": "ssd", "vcore": 1,
        "model": {"offer": "VPS", "datacenter": ["a", "b"], "vcore": 1, "maximumAdditionnalIp": 16, "version": "2019",
                  "name": "vps-value", "disk": 40, "memory": 2048}}"#;
    const SERVER: &str = r#"{"name": "ns1", "state": "ok", "commercialRange": "r", "linkSpeed": 1000, "rack": "G1",
        "noIntervention": true, "os": "debian", "supportLevel": "pro", "serverId": 5, "reverse": "x.", "datacenter": "gra3"}"#;
    let path = request.uri().path().to_owned();
    if path == "/auth/time" {
        return json("1700000000");
    }
    assert_eq!(request.headers()["x-ovh-application"], "app");
    if path == "/vps" {
        let url = format!("http://{}/vps", request.headers()["host"].to_str().unwrap());
        let signed = format!("sec+con+GET+{url}++1700000000");
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, signed.as_bytes());
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(request.headers()["x-ovh-signature"].to_str().unwrap(), format!("$1${hex}"));
    }
    json(match path.as_str() {
        "/vps" => r#"["vps-1", "broken"]"#,
        "/vps/vps-1" => VPS,
        "/vps/vps-1/ips" => r#"["2001:db8::1", "192.0.2.1"]"#,
        "/dedicated/server" => r#"["ns1"]"#,
        "/dedicated/server/ns1" => SERVER,
        "/dedicated/server/ns1/ips" => r#"["192.0.2.2/32"]"#,
        _ => return status(404, ""),
    })
}

#[tokio::test]
async fn ovhcloud_servers_of_both_kinds() {
    let base = format!("http://{}", serve(ovh).await);
    let of = |service: &str| OvhcloudSd {
        base: base.clone(),
        service: service.to_owned(),
        application: "app".to_owned(),
        secret: Secret::new("sec"),
        consumer: Secret::new("con"),
    };
    let named = |address: &str, prefix: &str, labels: &[&str], instance: &str| {
        let labels = labels.iter().map(|label| format!("__meta_ovhcloud_{prefix}_{label}"));
        let mut all = vec![format!("__address__={address}")];
        all.extend(labels);
        all.push(format!("instance={instance}"));
        all
    };
    let found = ask(of("vps")).await.unwrap();
    assert_eq!(found[0].source, "ovhcloud_vps");
    let vps = [
        "cluster=c",
        "datacenter=[a b]",
        "disk=40",
        "display_name=d",
        "ipv4=192.0.2.1",
        "ipv6=2001:db8::1",
        "maximum_additional_ip=16",
        "memory=2048",
        "memory_limit=2048",
        "model_name=vps-value",
        "model_vcore=1",
        "name=vps-1",
        "netboot_mode=local",
        "offer=VPS",
        "offer_type=ssd",
        "state=running",
        "vcore=1",
        "version=2019",
        "zone=Region 1",
    ];
    assert_eq!(shown(&found), [named("192.0.2.1", "vps", &vps, "vps-1")]);
    let server = [
        "commercial_range=r",
        "datacenter=gra3",
        "ipv4=192.0.2.2",
        "link_speed=1000",
        "name=ns1",
        "no_intervention=true",
        "os=debian",
        "rack=G1",
        "reverse=x.",
        "server_id=5",
        "state=ok",
        "support_level=pro",
    ];
    let found = ask(of("dedicated_server")).await.unwrap();
    assert_eq!(shown(&found), [named("192.0.2.2", "dedicated_server", &server, "ns1")]);
}

async fn xml_rpc(request: Request<Bytes>) -> Response<Full<Bytes>> {
    const GROUPS: &str = "<array><data><value><struct><member><name>id</name><value><i4>1000010000</i4></value></member>\
        <member><name>system_groups</name><value><array><data>\
        <value><struct><member><name>name</name><value><string>g1</string></value></member></struct></value>\
        <value><struct><member><name>name</name><value>g2</value></member></struct></value></data></array></value></member>\
        </struct></value></data></array>";
    const ENDPOINTS: &str = "<array><data><value><struct>\
        <member><name>system_id</name><value><int>1000010000</int></value></member>\
        <member><name>endpoint_name</name><value>ep</value></member><member><name>port</name><value><int>9100</int></value></member>\
        <member><name>path</name><value>/m</value></member><member><name>module</name><value>node</value></member>\
        <member><name>exporter_name</name><value>node_exporter</value></member>\
        <member><name>tls_enabled</name><value><boolean>1</boolean></value></member></struct></value></data></array>";
    const NETWORKS: &str = "<array><data><value><struct>\
        <member><name>system_id</name><value><int>1000010000</int></value></member>\
        <member><name>hostname</name><value>h.example</value></member>\
        <member><name>primary_fqdn</name><value>f.example</value></member></struct></value></data></array>";
    let question = String::from_utf8(request.body().to_vec()).unwrap();
    let has = |text: &str| question.contains(text);
    if has("<methodName>auth.login<") {
        assert!(has("<string>p&amp;w</string>") && has("<int>600</int>"), "{question}");
    } else if !has("<string>tok</string>") {
        let fault = "<methodResponse><fault><value><struct><member><name>faultString</name><value>no token</value>\
            </member></struct></value></fault></methodResponse>";
        return status(200, fault);
    }
    let value = if has("auth.login") {
        "<string>tok</string>"
    } else if has("listSystemGroupsForSystemsWithEntitlement") {
        GROUPS
    } else if has("listEndpoints") && has("<array><data><value><int>1000010000</int></value></data></array>")
    {
        ENDPOINTS
    } else {
        NETWORKS
    };
    status(
        200,
        &format!("<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"),
    )
}

#[tokio::test]
async fn uyuni_exporters() {
    let url = format!("http://{}/rpc/api", serve(xml_rpc).await);
    let question = UyuniSd {
        url: url.clone(),
        username: "u".to_owned(),
        password: Secret::new("p&w"),
        entitlement: "monitoring_entitled".to_owned(),
        separator: ",".to_owned(),
        token: None,
    };
    let found = ask(question.clone()).await.unwrap();
    assert_eq!(found[0].source, url);
    let want = [
        "__address__=h.example:9100",
        "__meta_uyuni_endpoint_name=ep",
        "__meta_uyuni_exporter=node_exporter",
        "__meta_uyuni_groups=g1,g2",
        "__meta_uyuni_metrics_path=/m",
        "__meta_uyuni_minion_hostname=h.example",
        "__meta_uyuni_primary_fqdn=f.example",
        "__meta_uyuni_proxy_module=node",
        "__meta_uyuni_scheme=https",
        "__meta_uyuni_system_id=1000010000",
    ];
    assert_eq!(shown(&found), [want.to_vec()]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(600);
    let error = ask(UyuniSd { token: Some(("old".to_owned(), until)), ..question }).await.unwrap_err();
    assert!(error.ends_with(": no token"), "{error}");
}

#[test]
fn faults_of_these_entries() {
    let ovh = "application_key: a\nconsumer_key: c\n";
    for (mechanism, yaml, fault) in [
        (&ovhcloud::MECHANISM, format!("{ovh}service: vps\n"), "application secret can not be empty"),
        (
            &ovhcloud::MECHANISM,
            format!("{ovh}application_secret: s\nservice: fakeservice\n"),
            "unknown service: fakeservice",
        ),
        (
            &uyuni::MECHANISM,
            "username: u\npassword: p\n".to_owned(),
            "Uyuni SD configuration requires server host",
        ),
    ] {
        assert_eq!(decode(mechanism, &yaml).unwrap_err(), fault);
    }
}
