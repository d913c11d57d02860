//! `ec2_sd_configs`: the instances of a region.

use super::super::api::{Api, query};
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::target::{Target, enclosed, host_port, items, text};
use super::super::{Mechanism, Provider, TargetGroup, sanitize, xml};
use super::Aws;
use crate::settings::decode::Fields;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tracing::debug;

/// `ec2_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "ec2", type_name: "aws.EC2SDConfig", decode };

const PREFIX: &str = "__meta_ec2_";
/// Pages of an answer, at most: a server must not keep us asking for ever.
const PAGES_MAX: usize = 1000;

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
    let mut entry = Entry::new(fields, dir);
    if let Some(role) = role {
        entry.show("role", role.into());
    }
    let aws = Aws::take(&mut entry);
    let every_ms = entry.refresh(60_000);
    let port = entry.port(80);
    let filters = entry.filters(Some("EC2 SD configuration filter values cannot be empty"));
    let http = entry.http();
    entry.polled(
        if role.is_some() { "aws" } else { "ec2" },
        every_ms,
        http,
        Ec2Sd { aws, port, filters, zones: None },
    )
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
        let mut targets = Vec::new();
        let mut page = String::new();
        for _ in 0..PAGES_MAX {
            let form = self.instances_form(&page);
            let answer = self.call(api, form).await;
            let answer = answer.map_err(|e| format!("could not describe instances: {e}"))?;
            for reservation in items(&answer, "/reservationSet") {
                let owner = text(reservation, "/ownerId");
                let instances = items(reservation, "/instancesSet").iter();
                targets.extend(instances.filter_map(|instance| self.target(&region, &owner, instance)));
            }
            page = text(&answer, "/nextToken");
            if page.is_empty() {
                break;
            }
        }
        Ok(vec![TargetGroup::of(region, targets)])
    }
}

impl Ec2Sd {
    async fn call(&mut self, api: &Api, form: String) -> Result<Value, String> {
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        let answer = self.aws.post(api, "ec2", &[("content-type", kind)], form).await?;
        xml::parse(&answer.text())
    }

    async fn zones(&mut self, api: &Api) -> Result<HashMap<String, String>, String> {
        let form = query(&[("Action", "DescribeAvailabilityZones"), ("Version", "2016-11-15")]);
        let answer = self.call(api, form).await?;
        let zones = items(&answer, "/availabilityZoneInfo").iter();
        Ok(zones.map(|zone| (text(zone, "/zoneName"), text(zone, "/zoneId"))).collect())
    }

    fn instances_form(&self, page: &str) -> String {
        let mut names = Vec::new();
        for (i, (name, values)) in self.filters.iter().enumerate() {
            names.push((format!("Filter.{}.Name", i + 1), name));
            let value = |(j, value)| (format!("Filter.{}.Value.{}", i + 1, j + 1), value);
            names.extend(values.iter().enumerate().map(value));
        }
        let mut form = vec![("Action", "DescribeInstances"), ("Version", "2016-11-15"), ("NextToken", page)];
        form.extend(names.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        query(&form)
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
        for tag in items(instance, "/tagSet") {
            target.set(&format!("tag_{}", sanitize(&text(tag, "/key"))), text(tag, "/value"));
        }
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
