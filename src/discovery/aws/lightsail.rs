//! `lightsail_sd_configs`: the Lightsail instances of a region.

use super::super::api::Api;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::target::{Target, enclosed, host_port, items, text, texts};
use super::super::{Mechanism, Provider, TargetGroup, sanitize};
use super::Aws;
use crate::settings::decode::Fields;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// `lightsail_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "lightsail", type_name: "aws.LightsailSDConfig", decode };

const PREFIX: &str = "__meta_lightsail_";
/// Pages of an answer, at most.
const PAGES_MAX: usize = 1000;

/// Which instances.
#[derive(Debug, Clone)]
pub(super) struct LightsailSd {
    pub aws: Aws,
    pub port: u64,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    decode_as(fields, dir, None)
}

/// An entry of its own list, or of `aws_sd_configs` with this role.
pub(super) fn decode_as(fields: &mut Fields<'_, '_>, dir: &Path, role: Option<&str>) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    if let Some(role) = role {
        entry.show("role", role.into());
    }
    let aws = Aws::take(&mut entry);
    let every_ms = entry.refresh(60_000);
    let port = entry.port(80);
    let http = entry.http();
    entry.polled(if role.is_some() { "aws" } else { "lightsail" }, every_ms, http, LightsailSd { aws, port })
}

impl Ask for LightsailSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let region = self.aws.region(api, "Lightsail SD configuration requires a region").await?;
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Lightsail_20161128.GetInstances"),
        ];
        let mut targets = Vec::new();
        let mut body = json!({});
        for _ in 0..PAGES_MAX {
            let answer = self.aws.post(api, "lightsail", &headers, body.to_string()).await;
            let answer = answer.map_err(|e| format!("could not get instances: {e}"))?.json()?;
            targets.extend(items(&answer, "/instances").iter().filter_map(|one| self.target(&region, one)));
            let next = text(&answer, "/nextPageToken");
            if next.is_empty() {
                break;
            }
            body = json!({"pageToken": next});
        }
        Ok(vec![TargetGroup::of(region, targets)])
    }
}

impl LightsailSd {
    fn target(&self, region: &str, instance: &Value) -> Option<Vec<(String, String)>> {
        let private = Some(text(instance, "/privateIpAddress")).filter(|private| !private.is_empty())?;
        let mut target = Target::new(PREFIX, host_port(&private, self.port));
        target.set("region", region);
        target.take(
            instance,
            &[
                ("availability_zone", "/location/availabilityZone"),
                ("blueprint_id", "/blueprintId"),
                ("bundle_id", "/bundleId"),
                ("instance_name", "/name"),
                ("instance_state", "/state/name"),
                ("instance_support_code", "/supportCode"),
                ("private_ip", "/privateIpAddress"),
                ("public_ip", "/publicIpAddress"),
            ],
        );
        let ipv6 = texts(instance, "/ipv6Addresses");
        if !ipv6.is_empty() {
            target.set("ipv6_addresses", enclosed(",", &ipv6));
        }
        for tag in items(instance, "/tags") {
            target.set(&format!("tag_{}", sanitize(&text(tag, "/key"))), text(tag, "/value"));
        }
        Some(target.labels())
    }
}
