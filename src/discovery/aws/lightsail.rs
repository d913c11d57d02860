//! `lightsail_sd_configs`: the Lightsail instances of a region.

use super::super::api::Api;
use super::super::polled::Ask;
use super::super::target::{Target, enclosed, host_port, items, text, texts};
use super::super::{Mechanism, Provider, TargetGroup};
use super::Aws;
use super::service::{Common, LIGHTSAIL, tags};
use crate::settings::decode::Fields;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// `lightsail_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "lightsail", type_name: "aws.LightsailSDConfig", decode };

const PREFIX: &str = "__meta_lightsail_";

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
    Common::take(fields, dir, "lightsail", role).provider(|aws, port| LightsailSd { aws, port })
}

impl Ask for LightsailSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let region = self.aws.region(api, "Lightsail SD configuration requires a region").await?;
        let pages = self.aws.pages(api, &LIGHTSAIL, "GetInstances", json!({})).await;
        let pages = pages.map_err(|e| format!("could not get instances: {e}"))?;
        let instances = pages.iter().flat_map(|page| items(page, "/instances"));
        let targets = instances.filter_map(|instance| self.target(&region, instance)).collect();
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
        tags(&mut target, "tag_", items(instance, "/tags"), ("/key", "/value"));
        Some(target.labels())
    }
}
