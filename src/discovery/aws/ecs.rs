//! `aws_sd_configs` with the role `ecs`: the tasks of container services.

use super::super::api::Api;
use super::super::polled::Ask;
use super::super::target::{Target, host_port, items, text, texts};
use super::super::{Provider, TargetGroup};
use super::Aws;
use super::service::{Common, EC2, ECS, all_items, clusters, tags};
use crate::settings::decode::Fields;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tracing::warn;

const PREFIX: &str = "__meta_ecs_";
/// Services that one question may be about.
const SERVICES_MAX: usize = 10;
/// Other things that one question may be about.
const OTHERS_MAX: usize = 100;

/// Which tasks.
#[derive(Debug, Clone)]
pub(super) struct EcsSd {
    pub aws: Aws,
    pub port: u64,
    /// Names of resources; none for all clusters of the region.
    pub clusters: Vec<String>,
}

pub(super) fn decode_as(fields: &mut Fields<'_, '_>, dir: &Path, role: &str) -> Arc<dyn Provider> {
    let mut common = Common::take(fields, dir, "aws", Some(role));
    let clusters = clusters(&mut common, 20);
    common.provider(|mut aws, port| {
        aws.service = ECS.name;
        EcsSd { aws, port, clusters }
    })
}

/// What is known of the machines under the tasks of a service.
#[derive(Debug, Default)]
struct Machines {
    /// Instances of EC2 by container instance.
    hosts: HashMap<String, Value>,
    /// Public addresses by network interface.
    public: HashMap<String, String>,
}

impl Ask for EcsSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let region = self.aws.region(api, "ECS SD configuration requires a region").await?;
        let mut arns = self.clusters.clone();
        if arns.is_empty() {
            let pages = self.aws.pages(api, &ECS, "ListClusters", json!({})).await;
            let pages = pages.map_err(|e| format!("could not list clusters: {e}"))?;
            arns = pages.iter().flat_map(|page| texts(page, "/clusterArns")).collect();
        }
        let mut targets = Vec::new();
        let clusters = self.described(api, "clusters", &arns, &json!({})).await?;
        for cluster in &clusters {
            self.of_cluster(api, &region, cluster, &mut targets).await?;
        }
        Ok(vec![TargetGroup::of(region, targets)])
    }
}

impl EcsSd {
    /// What is called so, with tags, some at a time.
    async fn described(
        &mut self,
        api: &Api,
        what: &str,
        arns: &[String],
        more: &Value,
    ) -> Result<Vec<Value>, String> {
        let most = if what == "services" { SERVICES_MAX } else { OTHERS_MAX };
        let action = match what {
            "clusters" => "DescribeClusters",
            "services" => "DescribeServices",
            "tasks" => "DescribeTasks",
            _ => "DescribeContainerInstances",
        };
        let mut found = Vec::new();
        for some in arns.chunks(most) {
            let mut wanted = more.as_object().cloned().unwrap_or_default();
            wanted.insert(what.to_owned(), json!(some));
            if what != "containerInstances" {
                wanted.insert("include".to_owned(), json!(["TAGS"]));
            }
            let answer = self.aws.call(api, &ECS, action, &wanted.into()).await;
            let answer = answer.map_err(|e| format!("could not describe {what}: {e}"))?;
            found.extend(items(&answer, &format!("/{what}")).iter().cloned());
        }
        Ok(found)
    }

    async fn of_cluster(
        &mut self,
        api: &Api,
        region: &str,
        cluster: &Value,
        targets: &mut Vec<Vec<(String, String)>>,
    ) -> Result<(), String> {
        let arn = text(cluster, "/clusterArn");
        let of = json!({"cluster": arn});
        let pages = self.aws.pages(api, &ECS, "ListServices", of.clone()).await;
        let pages = pages.map_err(|e| format!("could not list services for cluster \"{arn}\": {e}"))?;
        let arns: Vec<String> = pages.iter().flat_map(|page| texts(page, "/serviceArns")).collect();
        for service in self.described(api, "services", &arns, &of).await? {
            let wanted = json!({"cluster": arn, "serviceName": text(&service, "/serviceName")});
            let pages = self.aws.pages(api, &ECS, "ListTasks", wanted).await;
            let pages = pages.map_err(|e| format!("could not list tasks: {e}"))?;
            let arns: Vec<String> = pages.iter().flat_map(|page| texts(page, "/taskArns")).collect();
            let tasks = self.described(api, "tasks", &arns, &of).await?;
            let machines = self.machines(api, &of, &tasks).await;
            let all = tasks.iter();
            targets.extend(all.filter_map(|task| self.target(region, (cluster, &service, task), &machines)));
        }
        Ok(())
    }

    /// Tasks are found also by those who may not look at machines.
    async fn machines(&mut self, api: &Api, cluster: &Value, tasks: &[Value]) -> Machines {
        let mut machines = Machines::default();
        match self.hosts(api, cluster, tasks).await {
            Ok(hosts) => machines.hosts = hosts,
            Err(error) => warn!(error, "Failed to describe the machines of container services"),
        }
        let interfaces: Vec<String> =
            tasks.iter().filter_map(|task| detail(task, "networkInterfaceId")).collect();
        match self.ec2(api, "DescribeNetworkInterfaces", "NetworkInterfaceId", &interfaces).await {
            Ok(pages) => {
                let found = all_items(&pages, "/networkInterfaceSet");
                let public =
                    |one: &Value| (text(one, "/networkInterfaceId"), text(one, "/association/publicIp"));
                machines.public = found.iter().map(public).collect();
            }
            Err(error) => warn!(error, "Failed to describe network interfaces"),
        }
        machines
    }

    async fn hosts(
        &mut self,
        api: &Api,
        cluster: &Value,
        tasks: &[Value],
    ) -> Result<HashMap<String, Value>, String> {
        let mut arns: Vec<String> = tasks.iter().map(|task| text(task, "/containerInstanceArn")).collect();
        arns.sort_unstable();
        arns.dedup();
        arns.retain(|arn| !arn.is_empty());
        let containers = self.described(api, "containerInstances", &arns, cluster).await?;
        let ids: Vec<String> = containers.iter().map(|one| text(one, "/ec2InstanceId")).collect();
        let pages = self.ec2(api, "DescribeInstances", "InstanceId", &ids).await?;
        let instances = all_items(&pages, "/reservationSet");
        let instances = instances.iter().flat_map(|reservation| items(reservation, "/instancesSet"));
        let by_id: HashMap<String, &Value> =
            instances.map(|instance| (text(instance, "/instanceId"), instance)).collect();
        let host = |one: &Value| {
            let instance = by_id.get(&text(one, "/ec2InstanceId"))?;
            Some((text(one, "/containerInstanceArn"), Value::clone(instance)))
        };
        Ok(containers.iter().filter_map(host).collect())
    }

    /// Asks EC2 about some ids, if there are any.
    async fn ec2(
        &mut self,
        api: &Api,
        action: &str,
        name: &str,
        ids: &[String],
    ) -> Result<Vec<Value>, String> {
        let mut pages = Vec::new();
        for some in ids.chunks(OTHERS_MAX) {
            let form = (1..).zip(some).map(|(i, id)| (format!("{name}.{i}"), json!(id)));
            let form: Map<String, Value> = form.collect();
            pages.extend(self.aws.pages(api, &EC2, action, form.into()).await?);
        }
        Ok(pages)
    }

    fn target(
        &self,
        region: &str,
        (cluster, service, task): (&Value, &Value, &Value),
        machines: &Machines,
    ) -> Option<Vec<(String, String)>> {
        let host = machines.hosts.get(&text(task, "/containerInstanceArn"));
        let of_host = |pointer: &str| host.map(|host| text(host, pointer)).unwrap_or_default();
        // A task has an interface of its own, or that of its machine.
        let own = attachment(task).is_some();
        let (address, subnet, public) = if own {
            let interface = detail(task, "networkInterfaceId").unwrap_or_default();
            let public = machines.public.get(&interface).cloned().unwrap_or_default();
            let of_task = |name| detail(task, name).unwrap_or_default();
            (of_task("privateIPv4Address"), of_task("subnetId"), public)
        } else {
            (of_host("/privateIpAddress"), of_host("/subnetId"), of_host("/ipAddress"))
        };
        if address.is_empty() {
            return None;
        }
        let mut target = Target::new(PREFIX, host_port(&address, self.port));
        target.set("ip_address", address).set("region", region);
        target.set("network_mode", if own { "awsvpc" } else { "bridge" });
        target.set_some("subnet_id", subnet).set_some("public_ip", public);
        target.set_some("cluster", text(cluster, "/clusterName"));
        target.take(
            service,
            &[
                ("cluster_arn", "/clusterArn"),
                ("service", "/serviceName"),
                ("service_arn", "/serviceArn"),
                ("service_status", "/status"),
            ],
        );
        target.take(
            task,
            &[
                ("task_group", "/group"),
                ("task_arn", "/taskArn"),
                ("task_definition", "/taskDefinitionArn"),
                ("launch_type", "/launchType"),
                ("availability_zone", "/availabilityZone"),
                ("desired_status", "/desiredStatus"),
                ("last_status", "/lastStatus"),
                ("health_status", "/healthStatus"),
            ],
        );
        for (name, pointer) in [
            ("container_instance_arn", "/containerInstanceArn"),
            ("platform_family", "/platformFamily"),
            ("platform_version", "/platformVersion"),
        ] {
            target.set_some(name, text(task, pointer));
        }
        for (name, pointer) in [
            ("ec2_instance_id", "/instanceId"),
            ("ec2_instance_type", "/instanceType"),
            ("ec2_instance_private_ip", "/privateIpAddress"),
            ("ec2_instance_public_ip", "/ipAddress"),
        ] {
            target.set_some(name, of_host(pointer));
        }
        let pair = ("/key", "/value");
        tags(&mut target, "tag_cluster_", items(cluster, "/tags"), pair);
        tags(&mut target, "tag_service_", items(service, "/tags"), pair);
        tags(&mut target, "tag_task_", items(task, "/tags"), pair);
        tags(&mut target, "tag_ec2_", host.map_or(&[][..], |host| items(host, "/tagSet")), pair);
        Some(target.labels())
    }
}

/// The network interface of a task.
fn attachment(task: &Value) -> Option<&Value> {
    items(task, "/attachments").iter().find(|one| text(one, "/type") == "ElasticNetworkInterface")
}

/// A detail of that interface.
fn detail(task: &Value, name: &str) -> Option<String> {
    let details = items(attachment(task)?, "/details");
    details.iter().find(|detail| text(detail, "/name") == name).map(|detail| text(detail, "/value"))
}
