//! `http_sd_configs`: target groups that a server lists as JSON.

use super::api::{Answer, Api, headers, status_error};
use super::entry::{Entry, check_url};
use super::polled::Ask;
use super::{Mechanism, Provider, StaticConfig, TargetGroup};
use crate::settings::decode::Fields;
use http::{HeaderName, StatusCode, header};
use narthex_storage::labels::quote;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// `http_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "http", type_name: "http.plain", decode };

/// Where targets are listed.
#[derive(Debug, Clone)]
struct HttpSd {
    url: String,
    every_ms: i64,
}

/// A group as the server lists it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    targets: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let every_ms = entry.refresh(60_000);
    let url = entry.text("url", "");
    if let Err(fault) = check_url(&url) {
        entry.fault(fault);
    }
    let http = entry.http();
    entry.polled("http", every_ms, http, HttpSd { url, every_ms })
}

impl Ask for HttpSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let groups = self.list(api).await;
        if groups.is_err() {
            api.metrics.count("http_failures");
        }
        groups
    }
}

impl HttpSd {
    async fn list(&self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let seconds = (self.every_ms as f64 / 1000.0).to_string();
        let interval = HeaderName::from_static("x-prometheus-refresh-interval-seconds");
        let headers = headers(&[(header::ACCEPT, "application/json"), (interval, &seconds)])?;
        let answer = api.get(&self.url, &headers).await?;
        let url = self.url.clone();
        // A long list must not keep other work of this thread waiting.
        let read = tokio::task::spawn_blocking(move || groups(&url, &answer));
        read.await.map_err(|e| e.to_string())?
    }
}

/// The groups of an answer.
fn groups(url: &str, answer: &Answer) -> Result<Vec<TargetGroup>, String> {
    if answer.status != StatusCode::OK {
        return Err(status_error(answer.status));
    }
    let content_type = answer.header("content-type").unwrap_or_default();
    if !is_json(content_type) {
        return Err(format!("unsupported content type {}", quote(content_type)));
    }
    let listed: Option<Vec<Option<Listed>>> =
        serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
    let mut groups = Vec::new();
    for (i, listed) in listed.unwrap_or_default().into_iter().enumerate() {
        let listed = listed.ok_or("nil target group item found")?;
        let labels: Vec<(String, String)> = listed.labels.unwrap_or_default().into_iter().collect();
        if labels.iter().any(|(name, _)| name.is_empty()) {
            return Err("\"\" is not a valid label name".to_owned());
        }
        let config = StaticConfig { targets: listed.targets.unwrap_or_default(), labels };
        let mut group = TargetGroup::new(format!("{url}:{i}"), &config);
        group.labels.retain(|(name, _)| name != "__meta_url");
        group.labels.push(("__meta_url".to_owned(), url.to_owned()));
        groups.push(group);
    }
    Ok(groups)
}

/// `application/json`, also with `charset=utf-8`.
fn is_json(content_type: &str) -> bool {
    let (kind, parameter) =
        content_type.trim().split_once(';').unwrap_or((content_type.trim(), "charset=utf-8"));
    let charset = parameter.trim_start().to_ascii_lowercase();
    kind.eq_ignore_ascii_case("application/json")
        && ["charset=utf-8", "charset=\"utf-8\""].contains(&charset.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn answer(status: u16, content_type: &str, body: &str) -> Result<Vec<TargetGroup>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        groups("http://sd/", &Answer { status, headers, body: body.into() })
    }

    #[test]
    fn groups_keep_their_labels_and_tell_where_they_are_from() {
        let body =
            r#"[{"targets": ["a:1", "b\ud83d\ude00:2"], "labels": {"__meta_dc": "x"}}, {"targets": null}]"#;
        let found = answer(200, "application/json; charset=utf-8", body).unwrap();
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            found,
            [
                TargetGroup {
                    source: "http://sd/:0".to_owned(),
                    targets: vec![vec![of("__address__", "a:1")], vec![of("__address__", "b😀:2")]],
                    labels: vec![of("__meta_dc", "x"), of("__meta_url", "http://sd/")],
                },
                TargetGroup {
                    source: "http://sd/:1".to_owned(),
                    targets: Vec::new(),
                    labels: vec![of("__meta_url", "http://sd/")],
                },
            ]
        );
        assert_eq!(answer(200, "application/json", "[]").unwrap(), []);
    }

    #[test]
    fn what_is_no_list_of_groups_is_refused() {
        for (status, content_type, body, want) in [
            (404, "text/plain", "", "server returned HTTP status 404 Not Found"),
            (200, "text/html", "[]", "unsupported content type \"text/html\""),
            (200, "application/json; charset=latin1", "[]", "unsupported content type"),
            (200, "application/json", "[null]", "nil target group item found"),
            (200, "application/json", "[{\"target\": []}]", "unknown field"),
            (200, "application/json", "[", "EOF"),
            (200, "application/json", "[{\"labels\": {\"a\": 1}}]", "invalid type"),
        ] {
            let error = answer(status, content_type, body).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}
