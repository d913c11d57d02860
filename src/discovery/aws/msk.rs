//! `aws_sd_configs` with the role `msk`: the brokers and controllers of managed Kafka.

use super::super::api::Api;
use super::super::polled::Ask;
use super::super::target::{Target, host_port, items, text, texts};
use super::super::{Provider, TargetGroup};
use super::Aws;
use super::service::{Common, MSK, all_items, clusters, segment};
use crate::settings::decode::Fields;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const PREFIX: &str = "__meta_msk_";
/// The only kind of cluster that has nodes.
const PROVISIONED: &str = "PROVISIONED";

/// Which nodes.
#[derive(Debug, Clone)]
pub(super) struct MskSd {
    pub aws: Aws,
    pub port: u64,
    /// Names of resources; none for all clusters of the region.
    pub clusters: Vec<String>,
}

pub(super) fn decode_as(fields: &mut Fields<'_, '_>, dir: &Path, role: &str) -> Arc<dyn Provider> {
    let mut common = Common::take(fields, dir, "aws", Some(role));
    let clusters = clusters(&mut common, 10);
    common.provider(|aws, port| MskSd { aws, port, clusters })
}

impl Ask for MskSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let region = self.aws.region(api, "MSK SD configuration requires a region").await?;
        let mut targets = Vec::new();
        for cluster in self.clusters(api).await? {
            let arn = text(&cluster, "/clusterArn");
            let path = format!("/v1/clusters/{}/nodes", segment(&arn));
            let nodes = self.aws.pages(api, &MSK, &path, json!({"maxResults": 100})).await;
            let nodes = nodes.map_err(|e| format!("could not list nodes for cluster {arn}: {e}"))?;
            let nodes = nodes.iter().flat_map(|page| items(page, "/nodeInfoList"));
            nodes.for_each(|node| self.targets(&cluster, node, &mut targets));
        }
        Ok(vec![TargetGroup::of(region, targets)])
    }
}

impl MskSd {
    async fn clusters(&mut self, api: &Api) -> Result<Vec<Value>, String> {
        if self.clusters.is_empty() {
            let wanted = json!({"clusterTypeFilter": PROVISIONED, "maxResults": 100});
            let pages = self.aws.pages(api, &MSK, "/api/v2/clusters", wanted).await;
            return Ok(all_items(
                &pages.map_err(|e| format!("could not list clusters: {e}"))?,
                "/clusterInfoList",
            ));
        }
        let mut found = Vec::new();
        for arn in self.clusters.clone() {
            let path = format!("/api/v2/clusters/{}", segment(&arn));
            let answer = self.aws.call(api, &MSK, &path, &json!({})).await;
            let mut answer = answer.map_err(|e| format!("could not describe cluster {arn}: {e}"))?;
            let cluster = answer.pointer_mut("/clusterInfo").map(Value::take).unwrap_or_default();
            if text(&cluster, "/clusterType") == PROVISIONED {
                found.push(cluster);
            }
        }
        Ok(found)
    }

    /// A target for each endpoint of a node.
    fn targets(&self, cluster: &Value, node: &Value, out: &mut Vec<Vec<(String, String)>>) {
        let (kind, place) = if node.pointer("/brokerNodeInfo").is_some() {
            ("BROKER", "broker")
        } else if node.pointer("/controllerNodeInfo").is_some() {
            ("CONTROLLER", "controller")
        } else {
            return;
        };
        for (index, endpoint) in texts(node, &format!("/{place}NodeInfo/endpoints")).iter().enumerate() {
            let mut target = Target::new(PREFIX, host_port(endpoint, self.port));
            target.set("node_type", kind).set(&format!("{place}_endpoint_index"), index);
            target.take(
                cluster,
                &[
                    ("cluster_name", "/clusterName"),
                    ("cluster_arn", "/clusterArn"),
                    ("cluster_state", "/state"),
                    ("cluster_type", "/clusterType"),
                    ("cluster_version", "/currentVersion"),
                    ("cluster_kafka_version", "/provisioned/currentBrokerSoftwareInfo/kafkaVersion"),
                ],
            );
            let monitoring = "/provisioned/openMonitoring/prometheus";
            let software = "/provisioned/currentBrokerSoftwareInfo";
            target.set_some(
                "cluster_configuration_arn",
                text(cluster, &format!("{software}/configurationArn")),
            );
            let revision = text(cluster, &format!("{software}/configurationRevision"));
            target.set_some("cluster_configuration_revision", revision);
            let jmx = text(cluster, &format!("{monitoring}/jmxExporter/enabledInBroker"));
            target.set_some("cluster_jmx_exporter_enabled", jmx);
            target.map("cluster_tag_", cluster.pointer("/tags"));
            target.take(
                node,
                &[
                    ("node_arn", "/nodeARN"),
                    ("node_added_time", "/addedToClusterTime"),
                    ("node_instance_type", "/instanceType"),
                ],
            );
            if place == "broker" {
                target.take(
                    node,
                    &[
                        ("node_attached_eni", "/brokerNodeInfo/attachedENIId"),
                        ("broker_client_subnet", "/brokerNodeInfo/clientSubnet"),
                        ("broker_client_vpc_ip", "/brokerNodeInfo/clientVpcIpAddress"),
                    ],
                );
                // It comes as a float.
                let id = node.pointer("/brokerNodeInfo/brokerId").and_then(Value::as_f64).unwrap_or(0.0);
                target.set("broker_id", format!("{id:.0}"));
                let exporter = text(cluster, &format!("{monitoring}/nodeExporter/enabledInBroker"));
                target.set_some("broker_node_exporter_enabled", exporter);
            }
            out.push(target.labels());
        }
    }
}
