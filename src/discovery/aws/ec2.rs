//! `ec2_sd_configs`: the instances of a region.

use super::super::api::Api;
use super::super::polled::Ask;
use super::super::target::{Target, enclosed, host_port, items, text};
use super::super::{Mechanism, Provider, TargetGroup};
use super::Aws;
use super::service::{Common, EC2, form_filters, tags};
use crate::settings::decode::Fields;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tracing::debug;

/// `ec2_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "ec2", type_name: "aws.EC2SDConfig", decode };

const PREFIX: &str = "__meta_ec2_";

/// Which instances.
#[derive(Debug, Clone)]
pub(super) struct Ec2Sd {
    pub aws: Aws,
    pub port: u64,
    pub filters: Vec<(String, Vec<String>)>,
    /// The ids of availability zones by name, once they could be asked for.
    pub zones: Option<HashMap<String, String>>,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    decode_as(fields, dir, None)
}

/// An entry of its own list, or of `aws_sd_configs` with this role.
pub(super) fn decode_as(fields: &mut Fields<'_, '_>, dir: &Path, role: Option<&str>) -> Arc<dyn Provider> {
    let mut common = Common::take(fields, dir, "ec2", role);
    let filters = common.entry.filters(Some("EC2 SD configuration filter values cannot be empty"));
    common.provider(|aws, port| Ec2Sd { aws, port, filters, zones: None })
}

impl Ask for Ec2Sd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let region = self.aws.region(api, "EC2 SD configuration requires a region").await?;
        if self.zones.is_none() {
            match self.zones(api).await {
                Ok(zones) => self.zones = Some(zones),
                // Whoever may not see zones may see instances all the same.
                Err(reason) => debug!(error = reason, "Unable to describe availability zones"),
            }
        }
        let mut form = Map::new();
        form_filters(&self.filters, ("Filter", "Value"), &mut form);
        let pages = self.aws.pages(api, &EC2, "DescribeInstances", form.into()).await;
        let pages = pages.map_err(|e| format!("could not describe instances: {e}"))?;
        let mut targets = Vec::new();
        for reservation in pages.iter().flat_map(|page| items(page, "/reservationSet")) {
            let owner = text(reservation, "/ownerId");
            let instances = items(reservation, "/instancesSet").iter();
            targets.extend(instances.filter_map(|instance| self.target(&region, &owner, instance)));
        }
        Ok(vec![TargetGroup::of(region, targets)])
    }
}

impl Ec2Sd {
    async fn zones(&mut self, api: &Api) -> Result<HashMap<String, String>, String> {
        let answer = self.aws.call(api, &EC2, "DescribeAvailabilityZones", &json!({})).await?;
        let zones = items(&answer, "/availabilityZoneInfo").iter();
        Ok(zones.map(|zone| (text(zone, "/zoneName"), text(zone, "/zoneId"))).collect())
    }

    fn target(&self, region: &str, owner: &str, instance: &Value) -> Option<Vec<(String, String)>> {
        let in_vpc = !text(instance, "/vpcId").is_empty();
        let interfaces = items(instance, "/networkInterfaceSet").iter();
        let interfaces: Vec<&Value> =
            interfaces.filter(|interface| in_vpc && interface.pointer("/subnetId").is_some()).collect();
        let (primary, all) = ipv6_addresses(&interfaces);
        let default = primary.iter().chain(&all).find(|address| !address.is_empty());
        let private = text(instance, "/privateIpAddress");
        let host = Some(&private).filter(|private| !private.is_empty()).or(default)?;
        let mut target = Target::new(PREFIX, host_port(host, self.port));
        target.set("region", region).set_some("owner_id", owner);
        target.set_some("default_ipv6_address", default.cloned().unwrap_or_default());
        for (name, list) in [("primary_ipv6_addresses", &primary), ("ipv6_addresses", &all)] {
            if !list.is_empty() {
                target.set(name, enclosed(",", list));
            }
        }
        target.take(
            instance,
            &[
                ("instance_id", "/instanceId"),
                ("private_ip", "/privateIpAddress"),
                ("private_dns_name", "/privateDnsName"),
                ("platform", "/platform"),
                ("ami", "/imageId"),
                ("availability_zone", "/placement/availabilityZone"),
                ("instance_state", "/instanceState/name"),
                ("instance_type", "/instanceType"),
                ("instance_lifecycle", "/instanceLifecycle"),
                ("architecture", "/architecture"),
            ],
        );
        let zone =
            self.zones.as_ref().and_then(|zones| zones.get(&text(instance, "/placement/availabilityZone")));
        target.set("availability_zone_id", zone.map_or("", String::as_str));
        if !text(instance, "/ipAddress").is_empty() {
            target.take(instance, &[("public_ip", "/ipAddress"), ("public_dns_name", "/dnsName")]);
        }
        if in_vpc {
            target.take(instance, &[("vpc_id", "/vpcId"), ("primary_subnet_id", "/subnetId")]);
            let mut subnets: Vec<String> = Vec::new();
            for subnet in interfaces.iter().map(|interface| text(interface, "/subnetId")) {
                if !subnets.contains(&subnet) {
                    subnets.push(subnet);
                }
            }
            target.set("subnet_id", enclosed(",", &subnets));
        }
        tags(&mut target, "tag_", items(instance, "/tagSet"), ("/key", "/value"));
        Some(target.labels())
    }
}

/// The primary IPv6 addresses, each at the index of its device with nothing in the gaps, and all of them.
fn ipv6_addresses(interfaces: &[&Value]) -> (Vec<String>, Vec<String>) {
    /// No machine has so many devices.
    const DEVICES_MAX: usize = 1024;
    let (mut primary, mut all): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for interface in interfaces {
        for address in items(interface, "/ipv6AddressesSet") {
            let ip = text(address, "/ipv6Address");
            if ip.is_empty() {
                continue;
            }
            all.push(ip.clone());
            let index = text(interface, "/attachment/deviceIndex").parse::<usize>().ok();
            let index = index.filter(|index| *index < DEVICES_MAX);
            if let (true, Some(index)) = (text(address, "/isPrimaryIpv6") == "true", index) {
                primary.resize(primary.len().max(index + 1), String::new());
                if let Some(slot) = primary.get_mut(index) {
                    *slot = ip;
                }
            }
        }
    }
    (primary, all)
}
