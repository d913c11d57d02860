//! The proxy fields of a section.

use super::decode::Fields;
use super::masked;
use super::secret::Secret;
use http::Uri;
use serde_json::{Map, Value, json};

/// Through which proxy a client goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// `proxy_url`; may hold a password.
    pub url: Secret,
    /// `no_proxy`: hosts, domains and networks that are reached directly, separated by commas.
    pub none_for: String,
    /// `proxy_from_environment`
    pub from_environment: bool,
    /// `proxy_connect_header`: headers for the proxy when it is asked for a tunnel.
    pub connect_headers: Vec<(String, Vec<Secret>)>,
}

impl Proxy {
    /// Takes the fields out of a section.
    pub fn take(fields: &mut Fields<'_, '_>) -> Self {
        let url = fields.string("proxy_url", "");
        let none_for = fields.string("no_proxy", "");
        let from_environment = fields.bool("proxy_from_environment").unwrap_or(false);
        let mut connect_headers = Vec::new();
        if let Some(node) = fields.take("proxy_connect_header") {
            for (name, _, values) in fields.decoder.map(node, "map[string][]config.Secret") {
                let values = fields.decoder.list(values, "[]config.Secret");
                let values = values.iter().map(|value| Secret::new(fields.decoder.string(value)));
                connect_headers.push((name.to_owned(), values.collect()));
            }
        }
        let (has_url, has_none) = (!url.is_empty(), !none_for.is_empty());
        let faults = [
            (
                from_environment && has_url,
                "if proxy_from_environment is configured, proxy_url must not be configured",
            ),
            (
                from_environment && has_none,
                "if proxy_from_environment is configured, no_proxy must not be configured",
            ),
            (
                has_none && !has_url && !from_environment,
                "if no_proxy is configured, proxy_url must also be configured",
            ),
            (
                !connect_headers.is_empty() && !has_url && !from_environment,
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
            ),
        ];
        for (wrong, text) in faults {
            if wrong {
                fields.fault(text);
            }
        }
        if has_url {
            match url.parse::<Uri>() {
                Ok(uri) if uri.scheme_str() == Some("http") && uri.authority().is_some() => {}
                Ok(_) => fields.fault("proxy_url must be the URL of an HTTP proxy, http://HOST:PORT"),
                Err(error) => fields.fault(format!("proxy_url is no URL: {error}")),
            }
        }
        Self { url: Secret::new(url), none_for, from_environment, connect_headers }
    }

    /// As `status/config` shows it, into the section.
    pub fn to_value(&self, out: &mut Map<String, Value>) {
        if !self.url.is_empty() {
            out.insert("proxy_url".to_owned(), json!(masked::in_configuration(self.url.reveal())));
        }
        if !self.none_for.is_empty() {
            out.insert("no_proxy".to_owned(), json!(self.none_for));
        }
        if self.from_environment {
            out.insert("proxy_from_environment".to_owned(), json!(true));
        }
        if !self.connect_headers.is_empty() {
            let hidden = |values: &Vec<Secret>| json!(vec!["<secret>"; values.len()]);
            let headers: Map<String, Value> =
                self.connect_headers.iter().map(|(name, values)| (name.clone(), hidden(values))).collect();
            out.insert("proxy_connect_header".to_owned(), headers.into());
        }
    }
}
