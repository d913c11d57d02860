//! `aws_sd_configs` with the role `elasticache`: nodes of cache clusters, and caches without nodes.

use super::super::api::Api;
use super::super::polled::Ask;
use super::super::target::{Target, host_port, text};
use super::super::{Provider, TargetGroup};
use super::Aws;
use super::names::{self, field_labels};
use super::service::{Common, ELASTICACHE, SERVERLESS, clusters, members, tags};
use crate::settings::decode::Fields;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const PREFIX: &str = "__meta_elasticache_";
/// Of a list in the fields of a cache, so many members get labels.
const INDEXED_MAX: usize = 100;

/// Which caches.
#[derive(Debug, Clone)]
pub(super) struct ElastiCacheSd {
    pub aws: Aws,
    /// Names of resources; none for all caches of the region.
    pub clusters: Vec<String>,
}

pub(super) fn decode_as(fields: &mut Fields<'_, '_>, dir: &Path, role: &str) -> Arc<dyn Provider> {
    let mut common = Common::take(fields, dir, "aws", Some(role));
    let clusters = clusters(&mut common, 10);
    // Caches tell their own ports.
    common.provider(|aws, _| ElastiCacheSd { aws, clusters })
}

/// The names of the chosen caches of one kind, `None` for all of them.
fn chosen(arns: &[String], kind: &str) -> Vec<Option<String>> {
    let named = arns.iter().filter(|arn| !arn.is_empty()).filter_map(|arn| {
        let mut parts = arn.split(':').skip(5);
        (parts.next()? == kind).then_some(parts.next()?.to_owned())
    });
    let named: Vec<_> = named.map(Some).collect();
    // As in Prometheus a choice without one of this kind takes all of this kind.
    if named.is_empty() { vec![None] } else { named }
}

impl Ask for ElastiCacheSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let region = self.aws.region(api, "Elasticache SD configuration requires a region").await?;
        let mut targets = Vec::new();
        for name in chosen(&self.clusters, "serverlesscache") {
            let wanted = json!({"MaxResults": 50, "ServerlessCacheName": name});
            let pages = self.aws.pages(api, &SERVERLESS, "DescribeServerlessCaches", wanted).await;
            for page in pages.map_err(|e| format!("failed to describe serverless caches: {e}"))? {
                for cache in members(&page, "ServerlessCaches", "member") {
                    let found = self.tags(api, cache).await?;
                    targets.push(serverless(cache, &found));
                }
            }
        }
        for name in chosen(&self.clusters, "replicationgroup") {
            for outside in ["false", "true"] {
                let wanted = json!({
                    "MaxRecords": 100, "ShowCacheNodeInfo": "true", "CacheClusterId": name,
                    "ShowCacheClustersNotInReplicationGroups": outside,
                });
                let pages = self.aws.pages(api, &ELASTICACHE, "DescribeCacheClusters", wanted).await;
                for page in pages.map_err(|e| format!("failed to describe cache clusters: {e}"))? {
                    for cluster in members(&page, "CacheClusters", "CacheCluster") {
                        let found = self.tags(api, cluster).await?;
                        targets.extend(nodes(cluster, &found));
                    }
                }
            }
        }
        Ok(vec![TargetGroup::of(region, targets)])
    }
}

impl ElastiCacheSd {
    async fn tags(&mut self, api: &Api, cache: &Value) -> Result<Value, String> {
        let arn = text(cache, "/ARN");
        if arn.is_empty() {
            return Ok(Value::Null);
        }
        let answer =
            self.aws.call(api, &ELASTICACHE, "ListTagsForResource", &json!({"ResourceName": arn})).await;
        answer.map_err(|e| format!("failed to list tags for resource {arn}: {e}"))
    }
}

/// Where something listens; nothing as long as it does not.
fn address(endpoint: &Value) -> String {
    let (host, port) = (text(endpoint, "/Address"), text(endpoint, "/Port"));
    if host.is_empty() || port.is_empty() { String::new() } else { host_port(&host, port) }
}

fn endpoint(value: &Value) -> &Value {
    value.pointer("/Endpoint").unwrap_or(&Value::Null)
}

fn serverless(cache: &Value, found: &Value) -> Vec<(String, String)> {
    let mut target = Target::new(PREFIX, address(endpoint(cache)));
    target.set("deployment_option", "serverless");
    field_labels(&mut target, "serverless_cache_", cache, names::SERVERLESS);
    for (label, list, member) in
        [("security_group_id", "SecurityGroupIds", "SecurityGroupId"), ("subnet_id", "SubnetIds", "SubnetId")]
    {
        for (i, id) in members(cache, list, member).into_iter().take(INDEXED_MAX).enumerate() {
            target.set(&format!("serverless_cache_{label}_{i}"), text(id, ""));
        }
    }
    tags(&mut target, "serverless_cache_tag_", members(found, "TagList", "Tag"), ("/Key", "/Value"));
    target.labels()
}

/// A target for each node of a cluster.
fn nodes(cluster: &Value, found: &Value) -> Vec<Vec<(String, String)>> {
    let target = |node: &Value| {
        let mut target = Target::new(PREFIX, address(endpoint(node)));
        target.set("deployment_option", "node");
        field_labels(&mut target, "cache_cluster_", cluster, names::CACHE_CLUSTER);
        for (list, member, prefix, fields) in names::CACHE_CLUSTER_LISTS {
            for (i, one) in members(cluster, list, member).into_iter().take(INDEXED_MAX).enumerate() {
                for (field, label) in *fields {
                    let name = format!("cache_cluster_{prefix}_{label}_{i}");
                    target.set_some(&name, text(one, &format!("/{field}")));
                }
            }
        }
        let removed = cluster.pointer("/PendingModifiedValues").unwrap_or(&Value::Null);
        let removed = members(removed, "CacheNodeIdsToRemove", "CacheNodeId");
        let removed: Vec<String> = removed.into_iter().map(|id| text(id, "")).collect();
        let name = "cache_cluster_pending_modified_values_cache_node_ids_to_remove";
        target.set_some(name, removed.join(","));
        tags(&mut target, "cache_cluster_tag_", members(found, "TagList", "Tag"), ("/Key", "/Value"));
        field_labels(&mut target, "cache_cluster_node_", node, names::CACHE_NODE);
        target.labels()
    };
    members(cluster, "CacheNodes", "CacheNode").into_iter().map(target).collect()
}
