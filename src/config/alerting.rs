//! `alerting`: who is told of alerts, and what they are told.

use super::relabel::{NameValidation, Rule};
use crate::discovery::{Discovery, StaticConfig, static_config};
use crate::settings::decode::Fields;
use crate::settings::duration::format_duration;
use crate::settings::http::HttpClientConfig;
use crate::settings::sigv4::SigV4;
use crate::settings::yaml::{Kind, Node};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

/// What every section's path ends with.
const API_PATH: &str = "api/v2/alerts";

/// The whole section.
#[derive(Debug, Clone, Default)]
pub struct AlertingConfig {
    /// Rules for alerts, whoever they go to.
    pub relabel: Arc<Vec<Rule>>,
    /// Alertmanagers.
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

/// Alertmanagers that are found and spoken to in the same way.
#[derive(Debug, Clone)]
pub struct AlertmanagerConfig {
    /// Where it stands in the file.
    pub line: usize,
    /// `http` or `https`.
    pub scheme: String,
    /// What stands before the path of the API.
    pub path_prefix: String,
    /// Limit of a request, ms.
    pub timeout_ms: i64,
    /// How to connect.
    pub http: HttpClientConfig,
    /// How requests are signed.
    pub sigv4: Option<SigV4>,
    /// Rules for the Alertmanagers that are found.
    pub relabel: Vec<Rule>,
    /// Rules for the alerts that go to them, after those for all.
    pub alert_relabel: Vec<Rule>,
    /// Alertmanagers listed here.
    pub static_configs: Vec<StaticConfig>,
    /// Where else they come from.
    pub discovery: Vec<Discovery>,
}

/// Equal when they do the same: secrets count, places in files do not.
impl PartialEq for AlertmanagerConfig {
    fn eq(&self, other: &Self) -> bool {
        self.http == other.http
            && self.sigv4 == other.sigv4
            && self.discovery == other.discovery
            && self.to_value() == other.to_value()
    }
}

impl AlertingConfig {
    pub(super) fn take(fields: &mut Fields<'_, '_>, dir: &Path, names: NameValidation) -> Self {
        let Some(node) = fields.take("alerting") else { return Self::default() };
        let mut section = Fields::of(fields.decoder, node, "config.plain");
        let null = "empty or null alert relabeling rule";
        let relabel = Rule::list(&mut section, "alert_relabel_configs", null, names);
        let mut alertmanagers = Vec::new();
        if let Some(list) = section.take("alertmanagers") {
            for item in section.decoder.list(list, "[]*config.AlertmanagerConfig") {
                let fields = Fields::of(section.decoder, item, "config.plain");
                alertmanagers.push(AlertmanagerConfig::decode(fields, item, dir, names));
            }
        }
        section.finish();
        Self { relabel: Arc::new(relabel), alertmanagers }
    }

    /// As `status/config` shows it; `None` where the file says nothing about it.
    pub(super) fn to_value(&self) -> Option<Value> {
        let mut out = Map::new();
        put_rules(&mut out, "alert_relabel_configs", &self.relabel);
        if !self.alertmanagers.is_empty() {
            let sections: Vec<Value> = self.alertmanagers.iter().map(AlertmanagerConfig::to_value).collect();
            out.insert("alertmanagers".to_owned(), sections.into());
        }
        (!out.is_empty()).then(|| out.into())
    }
}

fn put_rules(out: &mut Map<String, Value>, name: &str, rules: &[Rule]) {
    if !rules.is_empty() {
        out.insert(name.to_owned(), rules.iter().map(Rule::to_value).collect::<Vec<_>>().into());
    }
}

impl AlertmanagerConfig {
    fn decode(mut fields: Fields<'_, '_>, node: &Node, dir: &Path, names: NameValidation) -> Self {
        let scheme = fields.string("scheme", "http");
        let path_prefix = fields.string("path_prefix", "");
        let timeout_ms = fields.duration("timeout").filter(|ms| *ms > 0).unwrap_or(10_000);
        let version = fields.string("api_version", "v2");
        if version != "v2" {
            fields.fault(format!("expected Alertmanager api version to be one of [v2] but got {version}"));
        }
        let mut http = HttpClientConfig::take(&mut fields, dir);
        let sigv4 = fields.take("sigv4").filter(|node| node.kind != Kind::Null).map(|node| {
            if http.basic_auth.is_some() || http.authorization.is_some() || http.oauth2.is_some() {
                let text = "at most one of basic_auth, authorization, oauth2, & sigv4 must be configured";
                fields.decoder.fault(node.line, text);
            }
            SigV4::decode(fields.decoder, node)
        });
        if sigv4.is_some() {
            // A signature is for one address, and may bring a token that no other one is to see.
            http.follow_redirects = false;
        }
        let null = |kind: &str| format!("empty or null Alertmanager {kind} relabeling rule");
        let relabel = Rule::list(&mut fields, "relabel_configs", &null("target"), names);
        let alert_relabel = Rule::list(&mut fields, "alert_relabel_configs", &null("alert"), names);
        let static_configs = static_config::static_configs(&mut fields, relabel.is_empty());
        let discovery = Discovery::take(&mut fields, dir);
        fields.finish();
        let line = node.line;
        Self {
            line,
            scheme,
            path_prefix,
            timeout_ms,
            http,
            sigv4,
            relabel,
            alert_relabel,
            static_configs,
            discovery,
        }
    }

    /// The path that alerts are posted to.
    #[must_use]
    pub fn alerts_path(&self) -> String {
        let parts = self.path_prefix.split('/').chain(API_PATH.split('/')).filter(|part| !part.is_empty());
        parts.fold(String::new(), |path, part| path + "/" + part)
    }

    fn to_value(&self) -> Value {
        let mut out = Map::new();
        self.http.to_value(&mut out);
        if let Some(sigv4) = &self.sigv4 {
            out.insert("sigv4".to_owned(), sigv4.to_value());
        }
        out.insert("scheme".to_owned(), json!(self.scheme));
        if !self.path_prefix.is_empty() {
            out.insert("path_prefix".to_owned(), json!(self.path_prefix));
        }
        out.insert("timeout".to_owned(), json!(format_duration(self.timeout_ms)));
        out.insert("api_version".to_owned(), json!("v2"));
        put_rules(&mut out, "relabel_configs", &self.relabel);
        put_rules(&mut out, "alert_relabel_configs", &self.alert_relabel);
        if !self.static_configs.is_empty() {
            let groups: Vec<Value> = self.static_configs.iter().map(StaticConfig::to_value).collect();
            out.insert("static_configs".to_owned(), groups.into());
        }
        Discovery::to_value(&self.discovery, &mut out);
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::path::Path;

    fn parse(alerting: &str) -> Result<Config, String> {
        let text = format!("alerting:\n{alerting}");
        Config::parse(&text, Path::new("/d"), "F", &|_| None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_section_is_read_with_its_defaults_and_shown_without_its_secrets() {
        let config = parse(
            "  alert_relabel_configs: [{action: labeldrop, regex: replica}]\n  alertmanagers:\n  \
             - path_prefix: /am/\n    basic_auth: {username: u, password: hidden}\n    \
             static_configs: [{targets: ['a:9093']}]\n    \
             file_sd_configs: [{files: [am.json]}]\n",
        )
        .unwrap();
        let section = &config.alerting.alertmanagers[0];
        assert_eq!(section.alerts_path(), "/am/api/v2/alerts");
        assert_eq!((section.timeout_ms, section.scheme.as_str(), section.line), (10_000, "http", 4));
        let yaml = config.to_yaml();
        for shown in
            ["timeout: 10s", "api_version: v2", "path_prefix: /am/", "/d/am.json", "action: labeldrop"]
        {
            assert!(yaml.contains(shown), "{shown} in {yaml}");
        }
        assert!(!yaml.contains("hidden") && yaml.contains("<secret>"), "{yaml}");
        assert!(config.unserved.is_empty(), "{:?}", config.unserved);
    }

    #[test]
    fn a_section_that_signs_shows_no_secret_and_differs_by_it() {
        let of = |key: &str| {
            let text = format!(
                "  alertmanagers: [{{sigv4: {{region: eu-west-2, access_key: AK, secret_key: {key}, service_name: x}}}}]\n"
            );
            parse(&text).unwrap()
        };
        let yaml = of("hidden").to_yaml();
        assert!(yaml.contains("access_key: AK") && yaml.contains("service_name: x"), "{yaml}");
        assert!(!yaml.contains("hidden") && yaml.contains("secret_key: <secret>"), "{yaml}");
        assert!(of("a").alerting.alertmanagers[0] != of("b").alerting.alertmanagers[0]);
    }

    #[test]
    fn sections_are_equal_by_what_they_do() {
        let of = |text: &str| parse(text).unwrap().alerting.alertmanagers[0].clone();
        let one = |password: &str, gap: &str| {
            of(&format!(
                "{gap}  alertmanagers: [{{basic_auth: {{username: u, password: {password}}}, static_configs: [{{targets: [a]}}]}}]\n"
            ))
        };
        assert!(one("a", "") == one("a", "\n\n"));
        assert!(one("a", "") != one("b", ""));
    }

    #[test]
    fn faults_have_prometheuss_texts() {
        for (section, want) in [
            ("{api_version: v1}", "expected Alertmanager api version to be one of [v2] but got v1"),
            ("{alert_relabel_configs: [null]}", "empty or null Alertmanager alert relabeling rule"),
            ("{relabel_configs: [null]}", "empty or null Alertmanager target relabeling rule"),
            ("{static_configs: [{targets: ['http://a']}]}", "\"http://a\" is not a valid hostname"),
            (
                "{sigv4: {region: x}, authorization: {credentials: x}}",
                "at most one of basic_auth, authorization, oauth2, & sigv4 must be configured",
            ),
            (
                "{sigv4: {region: x, access_key: a}}",
                "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
            ),
            ("{sigv4: {external_id: x}}", "external_id can only be used with role_arn"),
            ("{sigv4: {foo: x}}", "field foo not found in type sigv4.plain"),
            ("{foo: 1}", "field foo not found in type config.plain"),
        ] {
            let error = parse(&format!("  alertmanagers: [{section}]\n")).unwrap_err();
            assert!(error.contains(want), "{want} in {error}");
        }
    }
}
