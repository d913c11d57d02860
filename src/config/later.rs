//! Sections that are read and checked, and that nothing in the server obeys yet.

use super::Unserved;
use super::relabel::{NameValidation, Rule};
use crate::settings::decode::Fields;
use crate::settings::http::HttpClientConfig;
use crate::settings::sigv4::SigV4;
use crate::settings::yaml::{Kind, Node};
use narthex_storage::labels::quote;
use std::path::Path;

/// A section whose fields are only known by name.
const NAMED: &[(&str, &[&str])] = &[
    ("runtime", &["gogc"]),
    (
        "otlp",
        &[
            "promote_resource_attributes",
            "promote_all_resource_attributes",
            "ignore_resource_attributes",
            "translation_strategy",
            "keep_identifying_resource_attributes",
            "convert_histograms_to_nhcb",
            "promote_scope_metadata",
            "label_name_underscore_sanitization",
            "label_name_preserve_multiple_underscores",
        ],
    ),
];

/// A list of remote ends: its name, what error texts call it, and the fields that are its own.
const REMOTE: &[(&str, &str, &[&str])] = &[
    (
        "remote_write",
        "write",
        &[
            "protobuf_message",
            "send_exemplars",
            "send_native_histograms",
            "round_robin_dns",
            "failed_request_logging",
            "queue_config",
            "metadata_config",
        ],
    ),
    (
        "remote_read",
        "read",
        &["chunked_read_limit", "read_recent", "required_matchers", "filter_external_labels"],
    ),
];

/// Takes all of these sections out of the file and adds those that are set to `unserved`.
pub(super) fn take(
    fields: &mut Fields<'_, '_>,
    dir: &Path,
    names: NameValidation,
    unserved: &mut Vec<Unserved>,
) {
    for (name, known) in NAMED {
        let Some(node) = fields.take(name) else { continue };
        let mut section = Fields::of(fields.decoder, node, "config.plain");
        section.take_all(|field| known.contains(&field));
        section.finish();
        // A runtime setting of Go has no counterpart here, now or later.
        if *name != "runtime" {
            note(unserved, name, node);
        }
    }
    for (name, short, known) in REMOTE {
        let Some(node) = fields.take(name) else { continue };
        remote(fields, dir, names, node, (name, short, known));
        note(unserved, name, node);
    }
    if let Some(node) = fields.take("tracing") {
        tracing(fields, dir, node);
        note(unserved, "tracing", node);
    }
}

fn note(unserved: &mut Vec<Unserved>, section: &str, node: &Node) {
    if node.kind != Kind::Null {
        unserved.push(Unserved { section: section.to_owned(), line: node.line });
    }
}

fn remote(
    fields: &mut Fields<'_, '_>,
    dir: &Path,
    names: NameValidation,
    node: &Node,
    (name, short, known): (&str, &str, &[&str]),
) {
    let mut seen: Vec<String> = Vec::new();
    for item in fields.decoder.list(node, "[]*config.RemoteConfig") {
        if item.kind == Kind::Null {
            fields.decoder.fault(item.line, format!("empty or null remote {short} config section"));
            continue;
        }
        let mut section = Fields::of(fields.decoder, item, "config.plain");
        if section.string("url", "").is_empty() {
            section.fault(format!("url for {name} is empty"));
        }
        let own_name = section.string("name", "");
        if !own_name.is_empty() && seen.contains(&own_name) {
            let own_name = quote(&own_name);
            section.fault(format!("found multiple remote {short} configs with job name {own_name}"));
        }
        seen.push(own_name);
        section.duration("remote_timeout");
        section.string_map("headers");
        if short == "write" {
            let null = "empty or null relabeling rule in remote write config";
            Rule::list(&mut section, "write_relabel_configs", null, names);
        }
        let http = HttpClientConfig::take(&mut section, dir);
        if short == "write" {
            ways(&mut section, &http);
        }
        section.take_all(|field| known.contains(&field));
        section.finish();
    }
}

/// Requests to a remote end are authorized in one way.
fn ways(section: &mut Fields<'_, '_>, http: &HttpClientConfig) {
    let mut configured = Vec::new();
    let own = [
        ("basic_auth", http.basic_auth.is_some()),
        ("authorization", http.authorization.is_some()),
        ("oauth2", http.oauth2.is_some()),
    ];
    configured.extend(own.iter().filter(|(_, set)| *set).map(|(name, _)| *name));
    for name in ["sigv4", "azuread", "google_iam"] {
        let Some(node) = section.take(name).filter(|node| node.kind != Kind::Null) else { continue };
        configured.push(name);
        if name == "sigv4" {
            SigV4::decode(section.decoder, node);
        }
    }
    if configured.len() > 1 {
        section.fault(format!(
            "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be configured. \
             Currently configured: [{}]",
            configured.join(" ")
        ));
    }
}

fn tracing(fields: &mut Fields<'_, '_>, dir: &Path, node: &Node) {
    let mut section = Fields::of(fields.decoder, node, "config.plain");
    let client = section.string("client_type", "grpc");
    if !matches!(client.as_str(), "grpc" | "http") {
        section.fault(format!("expected tracing client type to be to be http or grpc, but got {client}"));
    }
    if section.string("endpoint", "").is_empty() {
        section.fault("tracing endpoint must be set");
    }
    section.float("sampling_fraction");
    section.bool("insecure");
    section.string_map("headers");
    let compression = section.string("compression", "");
    if !matches!(compression.as_str(), "" | "gzip") {
        section.fault(format!("invalid compression type {compression} provided, valid options: gzip"));
    }
    section.duration("timeout");
    if let Some(node) = section.take("tls_config") {
        crate::settings::http::tls(section.decoder, node, dir);
    }
    section.finish();
}
