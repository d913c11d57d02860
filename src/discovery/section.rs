//! `*_sd_configs` of a section of the configuration.

use super::{MECHANISMS, Provider};
use crate::settings::decode::Fields;
use crate::settings::yaml::{Kind, Node};
use serde_json::{Map, Value};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Mechanisms that Prometheus has and this server refuses, unless they are in the table: one depends on how it was built.
const REFUSED: &[&str] = &["kubernetes", "nerve", "oci", "outscale", "serverset", "stackit"];

/// An entry of an `*_sd_configs` list.
#[derive(Debug, Clone)]
pub struct Discovery {
    mechanism: &'static str,
    /// Where it stands.
    line: usize,
    identity: u128,
    provider: Arc<dyn Provider>,
}

impl PartialEq for Discovery {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Discovery {
    /// `consul` for an entry of `consul_sd_configs`.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    /// The line of the entry.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// Equal for entries that ask for the same.
    #[must_use]
    pub fn identity(&self) -> u128 {
        self.identity
    }

    /// What it asks for.
    #[must_use]
    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// Takes all `*_sd_configs` of a section; relative paths start at `dir`. Mechanisms that are not served are faults.
    pub fn take(fields: &mut Fields<'_, '_>, dir: &Path) -> Vec<Self> {
        let mut out = Vec::new();
        for mechanism in MECHANISMS {
            let key = format!("{}_sd_configs", mechanism.name);
            let Some(list) = fields.take(&key) else { continue };
            for item in fields.decoder.list(list, &format!("[]*{}.SDConfig", mechanism.name)) {
                if item.kind == Kind::Null {
                    fields.decoder.fault(item.line, format!("empty or null section in {key}"));
                    continue;
                }
                let mut section = Fields::of(fields.decoder, item, mechanism.type_name);
                let provider = (mechanism.decode)(&mut section, dir);
                section.finish();
                let mut text = format!("{} {} ", mechanism.name, dir.display());
                write_plain(item, &mut text);
                // A hash, since the section may hold secrets.
                let identity = xxhash_rust::xxh3::xxh3_128(text.as_bytes());
                out.push(Self { mechanism: mechanism.name, line: item.line, identity, provider });
            }
        }
        let served = |name: &str| MECHANISMS.iter().any(|mechanism| mechanism.name == name);
        let refused = |key: &str| {
            key.strip_suffix("_sd_configs").is_some_and(|name| REFUSED.contains(&name) && !served(name))
        };
        for (key, line, list) in fields.take_all(refused) {
            let name = key.trim_end_matches("_sd_configs");
            for item in fields.decoder.list(list, &format!("[]*{name}.SDConfig")) {
                if item.kind == Kind::Null {
                    fields.decoder.fault(item.line, format!("empty or null section in {key}"));
                }
            }
            fields.decoder.fault(line, format!("{key}: this kind of service discovery is not served"));
        }
        out
    }

    /// As `status/config` shows them, into the section.
    pub fn to_value(all: &[Self], out: &mut Map<String, Value>) {
        for discovery in all {
            let list = out
                .entry(format!("{}_sd_configs", discovery.mechanism))
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(discovery.provider.to_value());
            }
        }
    }
}

/// A section without its lines.
fn write_plain(node: &Node, out: &mut String) {
    // Writing into a String cannot fail.
    let _ = match &node.kind {
        Kind::Null => write!(out, "~"),
        Kind::Scalar { text, .. } => write!(out, "{text:?}"),
        Kind::List(items) => {
            out.push('[');
            for item in items {
                write_plain(item, out);
                out.push(',');
            }
            write!(out, "]")
        }
        Kind::Map(entries) => {
            out.push('{');
            for (key, _, value) in entries {
                let _ = write!(out, "{key:?}:");
                write_plain(value, out);
                out.push(',');
            }
            write!(out, "}}")
        }
    };
}
