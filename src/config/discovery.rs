//! `*_sd_configs` and `static_configs`.

use super::Unserved;
use super::decode::Fields;
use super::duration::format_duration;
use super::scrape::{FileSdConfig, StaticConfig};
use super::yaml::Kind;
use narthex_storage::labels::quote;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Mechanisms that the configuration may name and that are not served yet.
const OTHERS: &[&str] = &[
    "aws",
    "azure",
    "consul",
    "digitalocean",
    "dns",
    "docker",
    "dockerswarm",
    "ec2",
    "eureka",
    "gce",
    "hetzner",
    "http",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "nerve",
    "nomad",
    "oci",
    "openstack",
    "outscale",
    "ovhcloud",
    "puppetdb",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
];

/// Takes `static_configs`. Without relabelling an address has to be one.
pub(super) fn static_configs(fields: &mut Fields<'_, '_>, addresses_final: bool) -> Vec<StaticConfig> {
    let Some(node) = fields.take("static_configs") else { return Vec::new() };
    let mut out = Vec::new();
    for item in fields.decoder.list(node, "[]*targetgroup.Group") {
        if item.kind == Kind::Null {
            fields.decoder.fault(item.line, "empty or null section in static_configs");
            continue;
        }
        let mut group = Fields::of(fields.decoder, item, "targetgroup.plain");
        let targets = group.strings("targets");
        let labels = labels(&mut group);
        if addresses_final {
            for target in targets.iter().filter(|target| target.contains('/')) {
                group.fault(format!("{} is not a valid hostname", quote(target)));
            }
        }
        group.finish();
        out.push(StaticConfig { targets, labels });
    }
    out
}

/// Takes the `labels` of a target group.
pub(super) fn labels(group: &mut Fields<'_, '_>) -> Vec<(String, String)> {
    let labels = group.string_map("labels");
    for (name, line, _) in labels.iter().filter(|(name, _, _)| name.is_empty()) {
        group.decoder.fault(*line, format!("{} is not a valid label name", quote(name)));
    }
    labels.into_iter().map(|(name, _, value)| (name, value)).collect()
}

/// Takes `file_sd_configs`; relative paths start at `dir`.
pub(super) fn file_sd_configs(fields: &mut Fields<'_, '_>, dir: &Path) -> Vec<FileSdConfig> {
    let Some(node) = fields.take("file_sd_configs") else { return Vec::new() };
    let mut out = Vec::new();
    for item in fields.decoder.list(node, "[]*file.SDConfig") {
        if item.kind == Kind::Null {
            fields.decoder.fault(item.line, "empty or null section in file_sd_configs");
            continue;
        }
        let mut section = Fields::of(fields.decoder, item, "file.plain");
        let files = section.strings("files");
        if files.is_empty() {
            section.fault("file service discovery config must contain at least one path name");
        }
        for file in files.iter().filter(|file| !is_pattern(file)) {
            section.fault(format!("path name {} is not valid for file discovery", quote(file)));
        }
        let refresh_ms = section.duration("refresh_interval").unwrap_or(300_000);
        section.finish();
        let files = files.iter().map(|file| dir.join(file).display().to_string()).collect();
        out.push(FileSdConfig { files, refresh_ms });
    }
    out
}

/// One `*` at most, in the last element, and an extension that tells the syntax.
fn is_pattern(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    let known = ["json", "yml", "yaml", "JSON", "YML", "YAML"];
    let extension = name.rsplit_once('.').is_some_and(|(_, extension)| known.contains(&extension));
    extension && file.matches('*').count() == name.matches('*').count() && name.matches('*').count() <= 1
}

/// Takes the mechanisms that are not served yet, and says so.
pub(super) fn others(fields: &mut Fields<'_, '_>, place: &str, unserved: &mut Vec<Unserved>) {
    let known = |key: &str| key.strip_suffix("_sd_configs").is_some_and(|kind| OTHERS.contains(&kind));
    for (key, line, node) in fields.take_all(known) {
        let kind = key.trim_end_matches("_sd_configs");
        for item in fields.decoder.list(node, &format!("[]*{kind}.SDConfig")) {
            if item.kind == Kind::Null {
                fields.decoder.fault(item.line, format!("empty or null section in {key}"));
            }
        }
        unserved.push(Unserved { section: format!("{key} of {place}"), line });
    }
}

pub(super) fn to_value(
    static_configs: &[StaticConfig],
    file_sd_configs: &[FileSdConfig],
    out: &mut Map<String, Value>,
) {
    if !static_configs.is_empty() {
        let groups = static_configs.iter().map(|group| {
            let mut value = Map::new();
            value.insert("targets".to_owned(), json!(group.targets));
            if !group.labels.is_empty() {
                let labels: Map<String, Value> =
                    group.labels.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
                value.insert("labels".to_owned(), labels.into());
            }
            Value::Object(value)
        });
        out.insert("static_configs".to_owned(), groups.collect::<Vec<_>>().into());
    }
    if !file_sd_configs.is_empty() {
        let groups = file_sd_configs.iter().map(
            |config| json!({"files": config.files, "refresh_interval": format_duration(config.refresh_ms)}),
        );
        out.insert("file_sd_configs".to_owned(), groups.collect::<Vec<_>>().into());
    }
}
