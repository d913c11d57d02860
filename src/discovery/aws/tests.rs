use super::ec2::Ec2Sd;
use super::lightsail::LightsailSd;
use super::*;
use crate::discovery::polled::Ask;
use crate::discovery::testing::{api, decode, json, serve, shown, status};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use std::sync::Mutex;

const INSTANCES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>r</requestId>
  <reservationSet><item><ownerId>123456789012</ownerId><instancesSet>
    <item><instanceId>i-1</instanceId><imageId>ami-1</imageId><instanceState><name>running</name></instanceState>
      <privateDnsName>ip-10-0-0-1.local</privateDnsName><dnsName>ec2-1.example</dnsName>
      <instanceType>t3.micro</instanceType><placement><availabilityZone>eu-west-2a</availabilityZone></placement>
      <platform>windows</platform><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>
      <privateIpAddress>10.0.0.1</privateIpAddress><ipAddress>192.0.2.1</ipAddress>
      <architecture>x86_64</architecture><instanceLifecycle>spot</instanceLifecycle>
      <networkInterfaceSet>
        <item><subnetId>subnet-2</subnetId><attachment><deviceIndex>2</deviceIndex></attachment><ipv6AddressesSet>
          <item><ipv6Address>2001:db8::1</ipv6Address><isPrimaryIpv6>false</isPrimaryIpv6></item>
          <item><ipv6Address>2001:db8::2</ipv6Address><isPrimaryIpv6>true</isPrimaryIpv6></item>
        </ipv6AddressesSet></item>
        <item><subnetId>subnet-2</subnetId></item><item><subnetId>subnet-1</subnetId></item>
        <item><ipv6AddressesSet><item><ipv6Address>2001:db8::9</ipv6Address></item></ipv6AddressesSet></item>
      </networkInterfaceSet>
      <tagSet><item><key>Name</key><value>one &amp; only</value></item><item><key>k8s/x</key><value>y</value></item></tagSet>
    </item>
    <item><instanceId>i-2</instanceId><instanceType>t3.nano</instanceType></item>
  </instancesSet></item></reservationSet>
  <nextToken>page 2</nextToken>
</DescribeInstancesResponse>"#;

const PAGE_2: &str = r#"<DescribeInstancesResponse><reservationSet><item><instancesSet><item>
  <instanceId>i-3</instanceId><vpcId>vpc-1</vpcId><instanceType>m7g.large</instanceType>
  <networkInterfaceSet><item><subnetId>subnet-3</subnetId><ipv6AddressesSet>
    <item><ipv6Address>2001:db8::3</ipv6Address></item></ipv6AddressesSet></item></networkInterfaceSet>
</item></instancesSet></item></reservationSet></DescribeInstancesResponse>"#;

const ZONES: &str = "<R><availabilityZoneInfo><item><zoneName>eu-west-2a</zoneName>\
    <zoneId>euw2-az2</zoneId></item></availabilityZoneInfo></R>";

const ROLE: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLEKEY</AccessKeyId>\
    <SecretAccessKey>s</SecretAccessKey><SessionToken>roletoken</SessionToken>\
    <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

/// All services of Amazon in one, and what it was asked.
#[derive(Clone, Default)]
struct Amazon {
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Amazon {
    async fn answer(self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        let path = request.uri().path().to_owned();
        if path == "/latest/api/token" {
            assert_eq!(
                (request.method(), header("x-aws-ec2-metadata-token-ttl-seconds").is_some()),
                (&Method::PUT, true)
            );
            return status(200, "imds");
        }
        if path.starts_with("/latest/") {
            assert_eq!(header("x-aws-ec2-metadata-token").as_deref(), Some("imds"));
            let keys = r#"{"AccessKeyId": "IMDSKEY", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}"#;
            return match path.as_str() {
                "/latest/meta-data/placement/region" => status(200, "eu-west-2"),
                "/latest/meta-data/iam/security-credentials/" => status(200, "my-role\n"),
                "/latest/meta-data/iam/security-credentials/my-role" => status(200, keys),
                _ => status(404, ""),
            };
        }
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        let authorization = header("authorization").unwrap_or_default();
        self.asked.lock().unwrap().push((form.clone(), authorization));
        let has = |text: &str| form.contains(text);
        if has("Action=DescribeAvailabilityZones") {
            status(200, ZONES)
        } else if has("Action=AssumeRole&") {
            status(200, ROLE)
        } else if has("NextToken=page+2") {
            status(200, PAGE_2)
        } else if has("Action=DescribeInstances&") {
            status(200, INSTANCES)
        } else if header("x-amz-target").as_deref() == Some("Lightsail_20161128.GetInstances") {
            json(LIGHTSAIL)
        } else {
            let error = "<Response><Errors><Error><Code>AuthFailure</Code><Message>no</Message></Error></Errors></Response>";
            status(401, error)
        }
    }

    async fn start(&self) -> String {
        let amazon = self.clone();
        format!("http://{}", serve(move |request| amazon.clone().answer(request)).await)
    }

    /// Action and access key of each question.
    fn keys(&self) -> Vec<(String, String)> {
        let asked = self.asked.lock().unwrap();
        let part = |text: &str, from: &str| {
            let rest = text.split(from).nth(1).unwrap_or_default();
            rest.split(['&', '/']).next().unwrap_or_default().to_owned()
        };
        asked.iter().map(|(form, auth)| (part(form, "Action="), part(auth, "Credential="))).collect()
    }
}

pub(super) fn aws(endpoint: &str, environment: &[(&str, &str)]) -> Aws {
    Aws {
        region: "eu-west-2".to_owned(),
        endpoint: endpoint.to_owned(),
        service: "",
        access_key: "KEY".to_owned(),
        secret_key: Secret::new("secret"),
        profile: String::new(),
        role_arn: String::new(),
        external_id: String::new(),
        fips: false,
        environment: Environment::of(environment),
        credentials: None,
        side: None,
    }
}

fn ec2(aws: Aws) -> Ec2Sd {
    let filters = vec![("tag:a".to_owned(), vec!["x".to_owned(), "y".to_owned()])];
    Ec2Sd { aws, port: 80, filters, zones: None }
}

#[tokio::test]
async fn instances_of_all_pages_have_their_labels() {
    let amazon = Amazon::default();
    let found = ec2(aws(&amazon.start().await, &[])).ask(&api()).await.unwrap();
    assert_eq!(found[0].source, "eu-west-2");
    let labels = |address: &str, labels: &[&str]| {
        let named = labels.iter().map(|label| format!("__meta_ec2_{label}"));
        std::iter::once(format!("__address__={address}")).chain(named).collect::<Vec<_>>()
    };
    let first = [
        "ami=ami-1",
        "architecture=x86_64",
        "availability_zone=eu-west-2a",
        "availability_zone_id=euw2-az2",
        "default_ipv6_address=2001:db8::2",
        "instance_id=i-1",
        "instance_lifecycle=spot",
        "instance_state=running",
        "instance_type=t3.micro",
        "ipv6_addresses=,2001:db8::1,2001:db8::2,",
        "owner_id=123456789012",
        "platform=windows",
        "primary_ipv6_addresses=,,,2001:db8::2,",
        "primary_subnet_id=subnet-1",
        "private_dns_name=ip-10-0-0-1.local",
        "private_ip=10.0.0.1",
        "public_dns_name=ec2-1.example",
        "public_ip=192.0.2.1",
        "region=eu-west-2",
        "subnet_id=,subnet-2,subnet-1,",
        "tag_Name=one & only",
        "tag_k8s_x=y",
        "vpc_id=vpc-1",
    ];
    let third = [
        "default_ipv6_address=2001:db8::3",
        "instance_id=i-3",
        "instance_type=m7g.large",
        "ipv6_addresses=,2001:db8::3,",
        "region=eu-west-2",
        "subnet_id=,subnet-3,",
        "vpc_id=vpc-1",
    ];
    assert_eq!(shown(&found), [labels("10.0.0.1:80", &first), labels("[2001:db8::3]:80", &third)]);
    let asked = amazon.asked.lock().unwrap();
    let filter = "Filter.1.Name=tag%3Aa&Filter.1.Value.1=x&Filter.1.Value.2=y";
    assert!(asked[1].0.ends_with(filter), "{asked:?}");
    assert!(asked[1].1.starts_with("AWS4-HMAC-SHA256 Credential=KEY/"), "{asked:?}");
    assert!(asked[1].1.contains("/eu-west-2/ec2/aws4_request"), "{asked:?}");
}

#[tokio::test]
async fn the_machine_tells_its_region_and_lends_its_role() {
    let amazon = Amazon::default();
    let url = amazon.start().await;
    let nowhere = tempfile::tempdir().unwrap();
    let home = nowhere.path().display().to_string();
    let environment = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()), ("HOME", &home)];
    let bare = Aws {
        region: String::new(),
        access_key: String::new(),
        secret_key: Secret::default(),
        ..aws(&url, &environment)
    };
    let mut ask = ec2(bare);
    assert_eq!(ask.ask(&api()).await.unwrap()[0].source, "eu-west-2");
    ask.ask(&api()).await.unwrap();
    assert!(amazon.keys().iter().all(|(_, key)| key == "IMDSKEY"), "{:?}", amazon.keys());
}

#[tokio::test]
async fn a_role_is_taken_on_with_the_keys_of_a_profile() {
    let amazon = Amazon::default();
    let url = amazon.start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials");
    std::fs::write(&file, "[default]\naws_access_key_id = NO\naws_secret_access_key = n\n\n[ops]\n# comment = 1\naws_access_key_id = FILEKEY\naws_secret_access_key = s=1\n").unwrap();
    let file = file.display().to_string();
    let environment = [
        ("AWS_ENDPOINT_URL_STS", url.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", &file),
        ("AWS_CONFIG_FILE", "/nowhere"),
        ("AWS_ACCESS_KEY_ID", "ENVKEY"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    let with_role = Aws {
        access_key: String::new(),
        secret_key: Secret::default(),
        profile: "ops".to_owned(),
        role_arn: "arn:aws:iam::1:role/r".to_owned(),
        external_id: "ext".to_owned(),
        ..aws(&url, &environment)
    };
    let mut ask = ec2(with_role.clone());
    ask.ask(&api()).await.unwrap();
    let keys = amazon.keys();
    assert_eq!(keys[0], ("AssumeRole".to_owned(), "FILEKEY".to_owned()));
    assert_eq!(keys[1], ("DescribeAvailabilityZones".to_owned(), "ROLEKEY".to_owned()));
    let role = &amazon.asked.lock().unwrap()[0].0.clone();
    assert!(role.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr") && role.contains("ExternalId=ext"));
    // Without a profile the environment comes first.
    amazon.asked.lock().unwrap().clear();
    ec2(Aws { profile: String::new(), ..with_role.clone() }).ask(&api()).await.unwrap();
    assert_eq!(amazon.keys()[0].1, "ENVKEY");
    let error = ec2(Aws { profile: "none".to_owned(), ..with_role }).ask(&api()).await.unwrap_err();
    assert_eq!(error, "could not describe instances: profile none has no access key");
}

#[tokio::test]
async fn a_section_signs_for_its_service_with_its_own_keys_or_a_role() {
    use super::signer::{Signer, token_service};
    use crate::settings::sigv4::SigV4;
    let amazon = Amazon::default();
    let url = amazon.start().await;
    let own = SigV4 {
        region: "eu-west-2".to_owned(),
        access_key: "KEY".to_owned(),
        secret_key: Secret::new("secret"),
        ..SigV4::default()
    };
    let sign = async |config: &SigV4, environment: &[(&str, &str)]| {
        let signer = Signer::within(config, Environment::of(environment)).unwrap();
        signer.sign("http://am/api/v2/alerts", b"[]").await
    };
    let text = |headers: &HeaderMap, name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    let headers = sign(&own, &[]).await.unwrap();
    let authorization = text(&headers, "authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=KEY/"), "{authorization}");
    assert!(authorization.contains("/eu-west-2/aps/aws4_request"), "{authorization}");
    assert!(text(&headers, "x-amz-date").is_some() && text(&headers, "x-amz-security-token").is_none());
    let role = SigV4 { role_arn: "arn:r".to_owned(), service_name: "other".to_owned(), ..own.clone() };
    let headers = sign(&role, &[("AWS_ENDPOINT_URL_STS", &url)]).await.unwrap();
    assert_eq!(text(&headers, "x-amz-security-token").as_deref(), Some("roletoken"));
    let authorization = text(&headers, "authorization").unwrap();
    assert!(
        authorization.contains("Credential=ROLEKEY/") && authorization.contains("/other/"),
        "{authorization}"
    );
    assert_eq!(amazon.keys(), [("AssumeRole".to_owned(), "KEY".to_owned())]);
    let nowhere = SigV4 { region: String::new(), ..own };
    let environment = [("HOME", "/nowhere"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let error = sign(&nowhere, &environment).await.unwrap_err();
    assert!(error.starts_with("region not configured in sigv4 or in default credentials chain"), "{error}");
    assert_eq!(token_service("us-east-1", true), "https://sts-fips.us-east-1.amazonaws.com");
}

const LIGHTSAIL: &str = r#"{"instances": [
  {"name": "wp", "location": {"availabilityZone": "eu-west-2a"}, "blueprintId": "wordpress", "bundleId": "nano_2_0",
   "state": {"name": "running"}, "supportCode": "1/i-1", "privateIpAddress": "10.0.0.9", "publicIpAddress": "192.0.2.9",
   "ipv6Addresses": ["2001:db8::9"], "tags": [{"key": "a b", "value": "c"}]},
  {"name": "without an address"}
]}"#;

#[tokio::test]
async fn lightsail_instances_have_their_labels() {
    let amazon = Amazon::default();
    let mut ask = LightsailSd { aws: aws(&amazon.start().await, &[]), port: 9100 };
    let found = ask.ask(&api()).await.unwrap();
    let want = [
        "__address__=10.0.0.9:9100",
        "__meta_lightsail_availability_zone=eu-west-2a",
        "__meta_lightsail_blueprint_id=wordpress",
        "__meta_lightsail_bundle_id=nano_2_0",
        "__meta_lightsail_instance_name=wp",
        "__meta_lightsail_instance_state=running",
        "__meta_lightsail_instance_support_code=1/i-1",
        "__meta_lightsail_ipv6_addresses=,2001:db8::9,",
        "__meta_lightsail_private_ip=10.0.0.9",
        "__meta_lightsail_public_ip=192.0.2.9",
        "__meta_lightsail_region=eu-west-2",
        "__meta_lightsail_tag_a_b=c",
    ];
    assert_eq!(shown(&found), [want.to_vec()]);
}

#[test]
fn filters_need_values_and_errors_are_read() {
    let fault = decode(&ec2::MECHANISM, "filters: [{name: a, values: []}]\n").unwrap_err();
    assert_eq!(fault, "EC2 SD configuration filter values cannot be empty");
    let fault = decode(&role::MECHANISM, "role: s3\n").unwrap_err();
    assert_eq!(fault, "unknown AWS SD role \"s3\"");
    for role in ["ec2", "ecs", "elasticache", "lightsail", "msk", "rds"] {
        assert_eq!(decode(&role::MECHANISM, &format!("role: {role}\n")).unwrap()["role"], role);
    }
    let shown = decode(&role::MECHANISM, "role: ecs\nclusters: [a]\nport: 1\n").unwrap();
    assert_eq!((&shown["clusters"][0], &shown["request_concurrency"]), (&"a".into(), &20.into()));
    let shown = decode(&ec2::MECHANISM, "region: r\naccess_key: a\nsecret_key: s\n").unwrap();
    assert_eq!((&shown["secret_key"], &shown["port"]), (&"<secret>".into(), &80.into()));
    let answer = |body: &str| Answer {
        status: http::StatusCode::FORBIDDEN,
        headers: HeaderMap::new(),
        body: body.into(),
    };
    let sts = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";
    for (body, want) in [
        (sts, "AccessDenied: not you"),
        (r#"{"__type": "UnauthenticatedException", "message": "who"}"#, "UnauthenticatedException: who"),
        ("?", "server returned HTTP status 403 Forbidden"),
    ] {
        assert_eq!(refusal(&answer(body)), want);
    }
    assert_eq!(service_url("ec2", "cn-north-1"), "https://ec2.cn-north-1.amazonaws.com.cn");
}
