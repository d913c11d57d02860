//! Reads an entry of an `*_sd_configs` list and notes on the way what `status/config` shows of it.

use super::polled::{Ask, Polled};
use super::{Provider, TargetGroup};
use crate::settings::decode::Fields;
use crate::settings::duration::format_duration;
use crate::settings::http::{Source, TlsConfig, source, tls};
use crate::settings::{HttpClientConfig, Secret};
use http::Uri;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

/// The fields of an entry.
pub struct Entry<'f, 'a, 'd> {
    fields: &'f mut Fields<'a, 'd>,
    dir: &'f Path,
    shown: Map<String, Value>,
}

impl<'f, 'a, 'd> Entry<'f, 'a, 'd> {
    /// An entry whose relative paths start at `dir`.
    pub fn new(fields: &'f mut Fields<'a, 'd>, dir: &'f Path) -> Self {
        Self { fields, dir, shown: Map::new() }
    }

    /// The fields themselves, for what has a shape of its own; show it with [`Entry::show`].
    pub fn fields(&mut self) -> &mut Fields<'a, 'd> {
        self.fields
    }

    /// Something is wrong with the entry.
    pub fn fault(&mut self, message: impl Into<String>) {
        self.fields.fault(message);
    }

    /// Notes a value to show.
    pub fn show(&mut self, name: &str, value: Value) {
        self.shown.insert(name.to_owned(), value);
    }

    /// A text, or `default` where there is none.
    pub fn text(&mut self, name: &str, default: &str) -> String {
        let text = self.fields.string(name, default);
        if !text.is_empty() {
            self.show(name, json!(text));
        }
        text
    }

    /// A text that has to be there; `missing` is the fault of its absence.
    pub fn required(&mut self, name: &str, missing: &str) -> String {
        let text = self.text(name, "");
        if text.is_empty() {
            self.fault(missing);
        }
        text
    }

    /// One of several words.
    pub fn choice(
        &mut self,
        name: &str,
        default: &str,
        words: &[&str],
        fault: impl Fn(&str) -> String,
    ) -> String {
        let word = self.text(name, default);
        if !words.contains(&word.as_str()) {
            self.fault(fault(&word));
        }
        word
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Vec<String> {
        let texts = self.fields.strings(name);
        if !texts.is_empty() {
            self.show(name, json!(texts));
        }
        texts
    }

    /// A text that nobody is shown.
    pub fn secret(&mut self, name: &str) -> Secret {
        let secret = Secret::new(self.fields.string(name, ""));
        if !secret.is_empty() {
            self.show(name, json!("<secret>"));
        }
        secret
    }

    /// A secret that stands here or in a file (`name_file`); `clash` is the fault of both.
    pub fn secret_source(&mut self, name: &str, clash: &str) -> Option<Source> {
        let found = source(self.fields, self.dir, name, clash);
        match &found {
            Some(Source::Inline(_)) => self.show(name, json!("<secret>")),
            Some(Source::File(path)) => self.show(&format!("{name}_file"), json!(path.display().to_string())),
            None => {}
        }
        found
    }

    /// Yes or no.
    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        let flag = self.fields.bool(name).unwrap_or(default);
        self.show(name, json!(flag));
        flag
    }

    /// A duration, ms.
    pub fn duration(&mut self, name: &str, default_ms: i64) -> i64 {
        let ms = self.fields.duration(name).unwrap_or(default_ms);
        self.show(name, json!(format_duration(ms)));
        ms
    }

    /// `refresh_interval`, ms.
    pub fn refresh(&mut self, default_ms: i64) -> i64 {
        self.duration("refresh_interval", default_ms)
    }

    /// `port`
    pub fn port(&mut self, default: u64) -> u64 {
        let port = self.fields.uint("port").unwrap_or(default);
        self.show("port", json!(port));
        port
    }

    /// The fields of the HTTP client.
    pub fn http(&mut self) -> HttpClientConfig {
        let http = HttpClientConfig::take(self.fields, self.dir);
        http.to_value(&mut self.shown);
        http
    }

    /// `tls_config`, where an entry has no other field of the HTTP client.
    pub fn tls(&mut self) -> TlsConfig {
        let Some(node) = self.fields.take("tls_config") else { return TlsConfig::default() };
        let tls = tls(self.fields.decoder, node, self.dir);
        tls.to_value(&mut self.shown);
        tls
    }

    /// `filters`: names and their values; `empty` is the fault of a filter without values, if it is one.
    pub fn filters(&mut self, empty: Option<&str>) -> Vec<(String, Vec<String>)> {
        let Some(node) = self.fields.take("filters") else { return Vec::new() };
        let mut filters = Vec::new();
        for item in self.fields.decoder.list(node, "[]*Filter") {
            let mut filter = Fields::of(self.fields.decoder, item, "Filter");
            let (name, values) = (filter.string("name", ""), filter.strings("values"));
            if let (true, Some(fault)) = (values.is_empty(), empty) {
                filter.fault(fault);
            }
            filter.finish();
            filters.push((name, values));
        }
        let shown = filters.iter().map(|(name, values)| json!({"name": name, "values": values}));
        let shown: Vec<Value> = shown.collect();
        self.show("filters", shown.into());
        filters
    }

    /// A provider that asks again and again.
    pub fn polled<A: Ask>(
        self,
        mechanism: &'static str,
        every_ms: i64,
        http: HttpClientConfig,
        ask: A,
    ) -> Arc<dyn Provider> {
        self.polled_within(mechanism, (every_ms, every_ms), http, ask)
    }

    /// A provider that asks again and again; `times` are from question to question and until an answer, ms.
    pub fn polled_within<A: Ask>(
        self,
        mechanism: &'static str,
        times: (i64, i64),
        http: HttpClientConfig,
        ask: A,
    ) -> Arc<dyn Provider> {
        let (every_ms, timeout_ms) = times;
        Arc::new(Polled { mechanism, every_ms, timeout_ms, http, shown: self.shown, ask })
    }

    /// What has been noted.
    pub fn into_shown(self) -> Map<String, Value> {
        self.shown
    }
}

impl TargetGroup {
    /// A group of targets that have no labels in common.
    #[must_use]
    pub fn of(source: impl Into<String>, targets: Vec<Vec<(String, String)>>) -> Self {
        Self { source: source.into(), targets, labels: Vec::new() }
    }
}

/// What is wrong with the URL of an HTTP server.
///
/// # Errors
/// It is empty, has another scheme or no host, or is no URL.
pub fn check_url(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return Err("URL is missing".to_owned());
    }
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err("URL scheme must be 'http' or 'https'".to_owned());
    }
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    if authority.is_none_or(|authority| authority.rsplit('@').next().is_none_or(str::is_empty)) {
        return Err("host is missing in URL".to_owned());
    }
    url.parse::<Uri>().map(drop).map_err(|e| format!("parse \"{url}\": {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_scheme_and_a_host() {
        for (url, fault) in [
            ("", "URL is missing"),
            ("invalid", "URL scheme must be 'http' or 'https'"),
            ("ftp://example.com", "URL scheme must be 'http' or 'https'"),
            ("http://", "host is missing in URL"),
            ("https:///targets", "host is missing in URL"),
        ] {
            assert_eq!(check_url(url).unwrap_err(), fault, "{url}");
        }
        assert!(check_url("http://a b/").unwrap_err().starts_with("parse "));
        assert_eq!(check_url("HTTPS://example.com:8443/targets?a=b"), Ok(()));
    }
}
