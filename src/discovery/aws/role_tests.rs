//! The roles of `aws_sd_configs` against a stand-in for their services.

use super::ecs::EcsSd;
use super::elasticache::ElastiCacheSd;
use super::msk::MskSd;
use super::rds::RdsSd;
use super::tests::aws;
use super::*;
use crate::discovery::polled::Ask;
use crate::discovery::testing::{api, serve, shown, status};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use std::sync::Mutex;

type Answer = Response<Full<Bytes>>;

/// Starts a server that answers by what the request holds (path, action and body): the first pair whose pieces are all
/// in it. Gives its address and all requests.
async fn stand_in(answers: &'static [(&'static str, &'static str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = asked.clone();
    let answer = move |request: Request<Bytes>| {
        let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert!(header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=KEY/"));
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        let (method, uri) = (request.method(), request.uri());
        let service = header("authorization").split('/').nth(3).unwrap();
        let text = format!("{service} {method} {uri} {} {body}", header("x-amz-target"));
        heard.lock().unwrap().push(text.clone());
        let fits = |(pieces, _): &&(&str, &str)| pieces.split(' ').all(|piece| text.contains(piece));
        let found = answers.iter().find(fits);
        let answer: Answer = found.map_or_else(|| status(404, &text), |(_, body)| status(200, body));
        std::future::ready(answer)
    };
    (format!("http://{}", serve(answer).await), asked)
}

/// The labels without what all of them begin with.
fn labels(found: &[crate::discovery::TargetGroup], prefix: &str) -> Vec<Vec<String>> {
    let plain = |label: &String| label.replace(&format!("__meta_{prefix}_"), "");
    shown(found).iter().map(|target| target.iter().map(plain).collect()).collect()
}

const MSK: &[(&str, &str)] = &[
    (
        "/api/v2/clusters? nextToken=two",
        r#"{"clusterInfoList": [{"clusterArn": "arn:b", "clusterName": "b"}]}"#,
    ),
    (
        "/api/v2/clusters? clusterTypeFilter=PROVISIONED",
        r#"{"nextToken": "two", "clusterInfoList": [{"clusterArn": "arn:a/x", "clusterName": "a", "state": "ACTIVE",
            "clusterType": "PROVISIONED", "currentVersion": "K1", "tags": {"t-1": "v"},
            "provisioned": {"currentBrokerSoftwareInfo": {"kafkaVersion": "3.7.x", "configurationArn": "arn:c", "configurationRevision": 2},
                "openMonitoring": {"prometheus": {"jmxExporter": {"enabledInBroker": true}, "nodeExporter": {"enabledInBroker": false}}}}}]}"#,
    ),
    (
        "/v1/clusters/arn%3Aa%2Fx/nodes",
        r#"{"nodeInfoList": [
            {"nodeARN": "arn:n", "addedToClusterTime": "2026-01-02", "instanceType": "m5.large", "brokerNodeInfo": {"brokerId": 1.0,
                "attachedENIId": "eni-1", "clientSubnet": "subnet-1", "clientVpcIpAddress": "10.0.0.1", "endpoints": ["b-1.example", "b-2.example"]}},
            {"nodeARN": "arn:k", "controllerNodeInfo": {"endpoints": ["c-1.example"]}},
            {"nodeARN": "neither"}]}"#,
    ),
    ("/v1/clusters/arn%3Ab/nodes", "{}"),
    (
        "/api/v2/clusters/arn%3Aserverless",
        r#"{"clusterInfo": {"clusterArn": "arn:serverless", "clusterType": "SERVERLESS"}}"#,
    ),
];

#[tokio::test]
async fn nodes_of_managed_kafka_have_a_target_for_each_endpoint() {
    let (url, asked) = stand_in(MSK).await;
    let mut ask = MskSd { aws: aws(&url, &[]), port: 11001, clusters: Vec::new() };
    let found = labels(&ask.ask(&api()).await.unwrap(), "msk");
    let addresses: Vec<&str> = found.iter().map(|target| target[0].as_str()).collect();
    assert_eq!(
        addresses,
        ["__address__=b-1.example:11001", "__address__=b-2.example:11001", "__address__=c-1.example:11001"]
    );
    let want = [
        "broker_client_subnet=subnet-1",
        "broker_client_vpc_ip=10.0.0.1",
        "broker_endpoint_index=1",
        "broker_id=1",
        "broker_node_exporter_enabled=false",
        "cluster_arn=arn:a/x",
        "cluster_configuration_arn=arn:c",
        "cluster_configuration_revision=2",
        "cluster_jmx_exporter_enabled=true",
        "cluster_kafka_version=3.7.x",
        "cluster_name=a",
        "cluster_state=ACTIVE",
        "cluster_tag_t_1=v",
        "cluster_type=PROVISIONED",
        "cluster_version=K1",
        "node_added_time=2026-01-02",
        "node_arn=arn:n",
        "node_attached_eni=eni-1",
        "node_instance_type=m5.large",
        "node_type=BROKER",
    ];
    assert_eq!(found[1][1..], want);
    assert!(found[2].contains(&"controller_endpoint_index=0".to_owned()), "{found:?}");
    assert!(asked.lock().unwrap().iter().all(|request| request.starts_with("kafka GET /")));
    let mut ask = MskSd { clusters: vec!["arn:serverless".to_owned()], ..ask };
    assert_eq!(labels(&ask.ask(&api()).await.unwrap(), "msk"), Vec::<Vec<String>>::new());
}

const RDS: &[(&str, &str)] = &[
    (
        "Action=DescribeDBClusters& DBClusterIdentifier=gone",
        "<R><DescribeDBClustersResult><DBClusters/></DescribeDBClustersResult></R>",
    ),
    (
        "Action=DescribeDBClusters& Marker=next",
        "<R><DescribeDBClustersResult><DBClusters/></DescribeDBClustersResult></R>",
    ),
    (
        "Action=DescribeDBClusters&",
        "<R><DescribeDBClustersResult><Marker>next</Marker><DBClusters><DBCluster><DBClusterArn>arn:c</DBClusterArn>
            <DBClusterIdentifier>main</DBClusterIdentifier><Engine>aurora</Engine><MultiAZ>true</MultiAZ>
            <ClusterCreateTime>2026-01-02T03:04:05.678Z</ClusterCreateTime><DBSubnetGroup>default</DBSubnetGroup>
            <DBClusterMembers><DBClusterMember><DBInstanceIdentifier>one</DBInstanceIdentifier><IsClusterWriter>true</IsClusterWriter></DBClusterMember></DBClusterMembers>
            <TagList><Tag><Key>a/b</Key><Value>c</Value></Tag></TagList></DBCluster></DBClusters></DescribeDBClustersResult></R>",
    ),
    (
        "Action=DescribeDBInstances& Filters.Filter.1.Name=db-cluster-id Filters.Filter.1.Values.Value.1=arn%3Ac Filters.Filter.2.Values.Value.1=x",
        "<R><DescribeDBInstancesResult><DBInstances>
            <DBInstance><DBInstanceIdentifier>one</DBInstanceIdentifier><DBInstanceClass>db.r6g</DBInstanceClass>
                <DBSubnetGroup><DBSubnetGroupName>default</DBSubnetGroupName></DBSubnetGroup>
                <Endpoint><Address>one.example</Address><Port>5432</Port></Endpoint><TagList><Tag><Key>k</Key><Value>v</Value></Tag></TagList></DBInstance>
            <DBInstance><DBInstanceIdentifier>two</DBInstanceIdentifier></DBInstance>
            </DBInstances></DescribeDBInstancesResult></R>",
    ),
];

#[tokio::test]
async fn instances_of_databases_have_the_labels_of_their_cluster_too() {
    let (url, asked) = stand_in(RDS).await;
    let filters = vec![("engine".to_owned(), vec!["x".to_owned()])];
    let mut ask = RdsSd { aws: aws(&url, &[]), port: 9187, clusters: Vec::new(), filters };
    let found = labels(&ask.ask(&api()).await.unwrap(), "rds");
    let cluster = [
        "cluster_arn=arn:c",
        "cluster_cluster_create_time=2026-01-02T03:04:05Z",
        "cluster_engine=aurora",
        "cluster_identifier=main",
        "cluster_multi_az=true",
        "cluster_subnet_group=default",
        "cluster_tag_a_b=c",
    ];
    let one = [
        "instance_class=db.r6g",
        "instance_endpoint_address=one.example",
        "instance_endpoint_port=5432",
        "instance_identifier=one",
        "instance_is_cluster_writer=true",
        "instance_subnet_group=default",
        "instance_tag_k=v",
    ];
    let with = |address: &[&str], own: &[&str]| {
        let all = [address, &cluster[..], own].concat();
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    // Without an address there is nothing to scrape, which relabelling may change.
    let two = ["instance_identifier=two"];
    assert_eq!(found, [with(&["__address__=one.example:9187"], &one), with(&[], &two)]);
    assert!(asked.lock().unwrap()[0].contains("Version=2014-10-31&MaxRecords=100"));
    let mut ask = RdsSd { clusters: vec!["gone".to_owned()], ..ask };
    assert_eq!(ask.ask(&api()).await.unwrap_err(), "no DB cluster found for ARN gone");
}

const ELASTICACHE: &[(&str, &str)] = &[
    (
        "Action=DescribeServerlessCaches&",
        "<R><DescribeServerlessCachesResult><ServerlessCaches><member><ARN>arn:s</ARN><ServerlessCacheName>less</ServerlessCacheName>
            <Endpoint><Address>less.example</Address><Port>6379</Port></Endpoint>
            <ReaderEndpoint><Address>r.example</Address><Port>6380</Port></ReaderEndpoint>
            <CacheUsageLimits><DataStorage><Maximum>10</Maximum><Unit>GB</Unit></DataStorage></CacheUsageLimits>
            <SubnetIds><SubnetId>s-1</SubnetId><SubnetId>s-2</SubnetId></SubnetIds></member></ServerlessCaches></DescribeServerlessCachesResult></R>",
    ),
    (
        "Action=DescribeCacheClusters& ShowCacheClustersNotInReplicationGroups=false",
        "<R><DescribeCacheClustersResult><CacheClusters><CacheCluster><ARN>arn:n</ARN><CacheClusterId>nodes</CacheClusterId>
            <SecurityGroups><member><SecurityGroupId>sg-1</SecurityGroupId><Status>active</Status></member></SecurityGroups>
            <PendingModifiedValues><CacheNodeIdsToRemove><CacheNodeId>0001</CacheNodeId><CacheNodeId>0002</CacheNodeId></CacheNodeIdsToRemove></PendingModifiedValues>
            <CacheNodes><CacheNode><CacheNodeId>0001</CacheNodeId><Endpoint><Address>n.example</Address><Port>6379</Port></Endpoint></CacheNode></CacheNodes>
            </CacheCluster></CacheClusters></DescribeCacheClustersResult></R>",
    ),
    ("Action=DescribeCacheClusters&", "<R><DescribeCacheClustersResult><CacheClusters/></DescribeCacheClustersResult></R>"),
    (
        "Action=ListTagsForResource& arn%3An",
        "<R><ListTagsForResourceResult><TagList><Tag><Key>k</Key><Value>v</Value></Tag></TagList></ListTagsForResourceResult></R>",
    ),
    ("Action=ListTagsForResource&", "<R><ListTagsForResourceResult><TagList/></ListTagsForResourceResult></R>"),
];

#[tokio::test]
async fn caches_are_targets_with_and_without_nodes() {
    let (url, asked) = stand_in(ELASTICACHE).await;
    let mut ask = ElastiCacheSd { aws: aws(&url, &[]), clusters: Vec::new() };
    let found = labels(&ask.ask(&api()).await.unwrap(), "elasticache");
    let less = [
        "__address__=less.example:6379",
        "deployment_option=serverless",
        "serverless_cache_arn=arn:s",
        "serverless_cache_cache_usage_limit_data_storagemaximum=10",
        "serverless_cache_cache_usage_limit_data_storageunit=GB",
        "serverless_cache_endpoint_address=less.example",
        "serverless_cache_endpoint_port=6379",
        "serverless_cache_endpoint_reader_address=r.example",
        "serverless_cache_endpoint_reader_port=6380",
        "serverless_cache_name=less",
        "serverless_cache_subnet_id_0=s-1",
        "serverless_cache_subnet_id_1=s-2",
    ];
    let node = [
        "__address__=n.example:6379",
        "cache_cluster_arn=arn:n",
        "cache_cluster_cache_cluster_id=nodes",
        "cache_cluster_node_endpoint_address=n.example",
        "cache_cluster_node_endpoint_port=6379",
        "cache_cluster_node_id=0001",
        "cache_cluster_pending_modified_values_cache_node_ids_to_remove=0001,0002",
        "cache_cluster_security_group_membership_id_0=sg-1",
        "cache_cluster_security_group_membership_status_0=active",
        "cache_cluster_tag_k=v",
        "deployment_option=node",
    ];
    assert_eq!(found, [less.to_vec(), node.to_vec()]);
    asked.lock().unwrap().clear();
    let arn = "arn:aws:elasticache:eu-west-2:1:serverlesscache:less".to_owned();
    ElastiCacheSd { clusters: vec![arn], ..ask }.ask(&api()).await.unwrap();
    assert!(asked.lock().unwrap()[0].contains("ServerlessCacheName=less"), "{asked:?}");
}

const ECS: &[(&str, &str)] = &[
    (".ListClusters {\"nextToken\":\"two\"}", r#"{"clusterArns": []}"#),
    (".ListClusters", r#"{"clusterArns": ["arn:c"], "nextToken": "two"}"#),
    (
        ".DescribeClusters \"clusters\":[\"arn:c\"] TAGS",
        r#"{"clusters": [{"clusterArn": "arn:c", "clusterName": "c", "tags": [{"key": "a", "value": "1"}]}]}"#,
    ),
    (".ListServices \"cluster\":\"arn:c\"", r#"{"serviceArns": ["arn:s"]}"#),
    (
        ".DescribeServices \"services\":[\"arn:s\"]",
        r#"{"services": [{"serviceArn": "arn:s", "serviceName": "s", "clusterArn": "arn:c", "status": "ACTIVE", "tags": [{"key": "b", "value": "2"}]}]}"#,
    ),
    (".ListTasks \"serviceName\":\"s\"", r#"{"taskArns": ["arn:t1", "arn:t2", "arn:t3"]}"#),
    (
        ".DescribeTasks \"tasks\":[\"arn:t1\",\"arn:t2\",\"arn:t3\"]",
        r#"{"tasks": [
            {"taskArn": "arn:t1", "group": "service:s", "taskDefinitionArn": "arn:d", "launchType": "FARGATE", "availabilityZone": "eu-west-2a",
             "desiredStatus": "RUNNING", "lastStatus": "RUNNING", "healthStatus": "HEALTHY", "platformFamily": "Linux", "platformVersion": "1.4.0",
             "tags": [{"key": "c", "value": "3"}],
             "attachments": [{"type": "other"}, {"type": "ElasticNetworkInterface", "details": [{"name": "subnetId", "value": "subnet-1"},
                {"name": "networkInterfaceId", "value": "eni-1"}, {"name": "privateIPv4Address", "value": "10.0.0.1"}]}]},
            {"taskArn": "arn:t2", "containerInstanceArn": "arn:i"},
            {"taskArn": "arn:t3"}]}"#,
    ),
    (
        ".DescribeContainerInstances \"containerInstances\":[\"arn:i\"]",
        r#"{"containerInstances": [{"containerInstanceArn": "arn:i", "ec2InstanceId": "i-1"}]}"#,
    ),
    (
        "ec2 Action=DescribeInstances& InstanceId.1=i-1",
        "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><instanceType>m5</instanceType>
            <privateIpAddress>10.0.0.2</privateIpAddress><ipAddress>192.0.2.2</ipAddress><subnetId>subnet-2</subnetId>
            <tagSet><item><key>d</key><value>4</value></item></tagSet></item></instancesSet></item></reservationSet></R>",
    ),
    (
        "ec2 Action=DescribeNetworkInterfaces& NetworkInterfaceId.1=eni-1",
        "<R><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId>
            <association><publicIp>192.0.2.1</publicIp></association></item></networkInterfaceSet></R>",
    ),
];

#[tokio::test]
async fn tasks_of_containers_are_found_with_the_machine_under_them() {
    let (url, _) = stand_in(ECS).await;
    // EC2 is another service, with another address.
    let (ec2, asked) = stand_in(ECS).await;
    let aws = Aws { service: "ecs", ..aws(&url, &[("AWS_ENDPOINT_URL_EC2", &ec2)]) };
    let mut ask = EcsSd { aws, port: 8080, clusters: Vec::new() };
    let found = labels(&ask.ask(&api()).await.unwrap(), "ecs");
    let own = [
        "__address__=10.0.0.1:8080",
        "availability_zone=eu-west-2a",
        "cluster=c",
        "cluster_arn=arn:c",
        "desired_status=RUNNING",
        "health_status=HEALTHY",
        "ip_address=10.0.0.1",
        "last_status=RUNNING",
        "launch_type=FARGATE",
        "network_mode=awsvpc",
        "platform_family=Linux",
        "platform_version=1.4.0",
        "public_ip=192.0.2.1",
        "region=eu-west-2",
        "service=s",
        "service_arn=arn:s",
        "service_status=ACTIVE",
        "subnet_id=subnet-1",
        "tag_cluster_a=1",
        "tag_service_b=2",
        "tag_task_c=3",
        "task_arn=arn:t1",
        "task_definition=arn:d",
        "task_group=service:s",
    ];
    assert_eq!(found[0], own);
    assert_eq!(found.len(), 2, "a task without an address is none: {found:?}");
    for label in [
        "__address__=10.0.0.2:8080",
        "container_instance_arn=arn:i",
        "ec2_instance_id=i-1",
        "ec2_instance_private_ip=10.0.0.2",
        "ec2_instance_public_ip=192.0.2.2",
        "ec2_instance_type=m5",
        "network_mode=bridge",
        "public_ip=192.0.2.2",
        "subnet_id=subnet-2",
        "tag_ec2_d=4",
    ] {
        assert!(found[1].contains(&label.to_owned()), "{label} is not in {:?}", found[1]);
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
}
