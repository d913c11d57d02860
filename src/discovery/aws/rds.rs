//! `aws_sd_configs` with the role `rds`: the instances of database clusters.

use super::super::api::Api;
use super::super::polled::Ask;
use super::super::target::{Target, host_port, text};
use super::super::{Provider, TargetGroup};
use super::Aws;
use super::names::{self, field_labels};
use super::service::{Common, RDS, clusters, form_filters, members, tags};
use crate::settings::decode::Fields;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

const PREFIX: &str = "__meta_rds_";

/// Which instances.
#[derive(Debug, Clone)]
pub(super) struct RdsSd {
    pub aws: Aws,
    pub port: u64,
    /// Names of resources; none for all clusters of the region.
    pub clusters: Vec<String>,
    pub filters: Vec<(String, Vec<String>)>,
}

pub(super) fn decode_as(fields: &mut Fields<'_, '_>, dir: &Path, role: &str) -> Arc<dyn Provider> {
    let mut common = Common::take(fields, dir, "aws", Some(role));
    let clusters = clusters(&mut common, 10);
    let filters = common.entry.filters(None);
    common.provider(|aws, port| RdsSd { aws, port, clusters, filters })
}

impl Ask for RdsSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let region = self.aws.region(api, "RDS SD configuration requires a region").await?;
        let mut targets = Vec::new();
        for page in self.clusters(api).await? {
            for cluster in members(&page, "DBClusters", "DBCluster") {
                let arn = text(cluster, "/DBClusterArn");
                for page in self.instances(api, &arn).await? {
                    let instances = members(&page, "DBInstances", "DBInstance").into_iter();
                    targets.extend(instances.map(|instance| self.target(cluster, instance)));
                }
            }
        }
        Ok(vec![TargetGroup::of(region, targets)])
    }
}

impl RdsSd {
    async fn clusters(&mut self, api: &Api) -> Result<Vec<Value>, String> {
        if self.clusters.is_empty() {
            let pages = self.aws.pages(api, &RDS, "DescribeDBClusters", json!({"MaxRecords": 100})).await;
            return pages.map_err(|e| format!("error describing all DB clusters: {e}"));
        }
        let mut found = Vec::new();
        for arn in self.clusters.clone() {
            let wanted = json!({"DBClusterIdentifier": arn, "MaxRecords": 100});
            let pages = self.aws.pages(api, &RDS, "DescribeDBClusters", wanted).await;
            let pages = pages.map_err(|e| format!("error describing DB cluster {arn}: {e}"))?;
            if pages.iter().all(|page| members(page, "DBClusters", "DBCluster").is_empty()) {
                return Err(format!("no DB cluster found for ARN {arn}"));
            }
            found.extend(pages);
        }
        Ok(found)
    }

    async fn instances(&mut self, api: &Api, arn: &str) -> Result<Vec<Value>, String> {
        let mut filters = vec![("db-cluster-id".to_owned(), vec![arn.to_owned()])];
        filters.extend(self.filters.iter().cloned());
        let mut form = Map::from_iter([("MaxRecords".to_owned(), json!(100))]);
        form_filters(&filters, ("Filters.Filter", "Values.Value"), &mut form);
        let pages = self.aws.pages(api, &RDS, "DescribeDBInstances", form.into()).await;
        pages.map_err(|e| format!("error describing DB instances: {e}"))
    }

    fn target(&self, cluster: &Value, instance: &Value) -> Vec<(String, String)> {
        let address = text(instance, "/Endpoint/Address");
        // An instance that is being made has no endpoint yet.
        let address = if address.is_empty() { address } else { host_port(&address, self.port) };
        let mut target = Target::new(PREFIX, address);
        field_labels(&mut target, "cluster_", cluster, names::RDS_CLUSTER);
        tags(&mut target, "cluster_tag_", members(cluster, "TagList", "Tag"), ("/Key", "/Value"));
        field_labels(&mut target, "instance_", instance, names::RDS_INSTANCE);
        tags(&mut target, "instance_tag_", members(instance, "TagList", "Tag"), ("/Key", "/Value"));
        let own = text(instance, "/DBInstanceIdentifier");
        let all = members(cluster, "DBClusterMembers", "DBClusterMember");
        let member = all.into_iter().find(|member| text(member, "/DBInstanceIdentifier") == own);
        if let Some(member) = member {
            target.set_some("instance_is_cluster_writer", text(member, "/IsClusterWriter"));
        }
        target.labels()
    }
}
