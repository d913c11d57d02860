//! `dns_sd_configs`: targets that records of the DNS name.

mod lookup;

use super::api::Api;
use super::entry::Entry;
use super::polled::Ask;
use super::target::{Target, host_port};
use super::{Mechanism, Provider, SdMetrics, TargetGroup};
use crate::settings::HttpClientConfig;
use crate::settings::decode::Fields;
use hickory_proto::rr::{Name, RData, RecordType};
use lookup::Resolver;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tracing::error;

/// `dns_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "dns", type_name: "dns.plain", decode };

const PREFIX: &str = "__meta_dns_";

/// Names to look up.
#[derive(Debug, Clone)]
struct DnsSd {
    names: Vec<String>,
    kind: RecordType,
    port: u64,
    resolver: Resolver,
    /// What each name had when it last could be looked up.
    known: BTreeMap<String, TargetGroup>,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let names = entry.texts("names");
    let every_ms = entry.refresh(30_000);
    let kind = entry.text("type", "SRV");
    let port = entry.port(0);
    if names.is_empty() {
        entry.fault("DNS-SD config must contain at least one SRV record name");
    }
    let kind = match kind.to_uppercase().as_str() {
        "SRV" => RecordType::SRV,
        "A" => RecordType::A,
        "AAAA" => RecordType::AAAA,
        "MX" => RecordType::MX,
        "NS" => RecordType::NS,
        _ => {
            entry.fault(format!("invalid DNS-SD records type {kind}"));
            RecordType::SRV
        }
    };
    if kind != RecordType::SRV && port == 0 {
        entry.fault("a port is required in DNS-SD configs for all record types except SRV");
    }
    let ask = DnsSd { names, kind, port, resolver: Resolver::system(), known: BTreeMap::new() };
    entry.polled("dns", every_ms, HttpClientConfig::default(), ask)
}

impl Ask for DnsSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        Ok(self.look_up(&api.metrics).await)
    }
}

impl DnsSd {
    /// Looks all names up, side by side. One without an answer keeps the targets that it had.
    async fn look_up(&mut self, metrics: &SdMetrics) -> Vec<TargetGroup> {
        let mut lookups = tokio::task::JoinSet::new();
        for name in &self.names {
            let (resolver, name, kind) = (self.resolver.clone(), name.clone(), self.kind);
            lookups.spawn(async move { (resolver.look_up(&name, kind).await, name) });
        }
        while let Some(done) = lookups.join_next().await {
            let Ok((answer, name)) = done else { continue };
            metrics.count("dns_lookups");
            match answer {
                Ok(records) => {
                    self.known.insert(name.clone(), group(&name, self.port, &records));
                }
                Err(reason) => {
                    metrics.count("dns_lookup_failures");
                    error!(error = reason, "Error refreshing DNS targets");
                }
            }
        }
        self.known.values().cloned().collect()
    }
}

/// The targets of a name's records.
fn group(name: &str, port: u64, records: &[RData]) -> TargetGroup {
    let mut targets = Vec::new();
    for record in records {
        let mut named = ("", String::new());
        let mut srv_port = String::new();
        let address = match record {
            RData::SRV(srv) => {
                named = ("srv", srv.target.to_ascii());
                srv_port = srv.port.to_string();
                host_port(&rootless(&srv.target), srv.port)
            }
            RData::MX(mx) => {
                named = ("mx", mx.exchange.to_ascii());
                host_port(&rootless(&mx.exchange), port)
            }
            RData::NS(ns) => {
                named = ("ns", ns.0.to_ascii());
                host_port(&rootless(&ns.0), port)
            }
            RData::A(a) => host_port(&a.0.to_string(), port),
            RData::AAAA(aaaa) => host_port(&aaaa.0.to_string(), port),
            // An alias only says where the answer comes from.
            _ => continue,
        };
        let of = |kind: &str| if named.0 == kind { named.1.clone() } else { String::new() };
        let mut target = Target::new(PREFIX, address);
        target.set("name", name);
        target.set("srv_record_target", of("srv")).set("srv_record_port", srv_port);
        target.set("mx_record_target", of("mx")).set("ns_record_target", of("ns"));
        targets.push(target.labels());
    }
    TargetGroup::of(name, targets)
}

/// A name as addresses have it: without the dot at its end.
fn rootless(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
