//! Mechanisms that ask the API of a cloud or of a cluster: one file each.

pub mod azure;
pub mod digitalocean;
pub mod eureka;
pub mod gce;
pub mod hetzner;
pub mod ionos;
pub mod kuma;
pub mod linode;
pub mod marathon;
pub mod nomad;
pub mod openstack;
pub mod ovhcloud;
pub mod puppetdb;
pub mod scaleway;
pub mod triton;
pub mod uyuni;
pub mod vultr;

#[cfg(test)]
mod more_tests;
#[cfg(test)]
mod several_tests;
#[cfg(test)]
mod tests;

use super::api::Api;
use super::target::{Target, enclosed, host_port, items, text, texts};
use serde_json::Value;

/// Pages of an answer, at most: a server must not keep us asking for ever.
const PAGES_MAX: usize = 1000;

/// A target's labels by name.
type Labels = Vec<(String, String)>;

/// Sets a label to the list, if it has any members.
fn set_list(target: &mut Target, name: &str, separator: &str, list: &[String]) {
    if !list.is_empty() {
        target.set(name, enclosed(separator, list));
    }
}

/// The address of `host` at the port of the entry.
fn at(host: &str, port: u64) -> String {
    host_port(host, port)
}

/// All members of a list that comes in pages by number; `more` says whether another page follows this one.
async fn numbered(
    api: &Api,
    url: impl Fn(usize) -> String,
    list: &str,
    more: impl Fn(&Value) -> bool,
) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for page in 1..=PAGES_MAX {
        let answer = api.json(&url(page)).await?;
        all.extend_from_slice(items(&answer, list));
        if !more(&answer) {
            break;
        }
    }
    Ok(all)
}
