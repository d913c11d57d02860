//! How Amazon's services are asked: each speaks one of three dialects, and gives long answers in pages.

use super::super::api::Api;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::target::{Target, items, text};
use super::super::{Provider, sanitize, xml};
use super::Aws;
use crate::settings::HttpClientConfig;
use crate::settings::decode::Fields;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

/// Pages of an answer, at most: a server must not keep us asking for ever.
const PAGES_MAX: usize = 1000;

/// How a service is spoken to.
#[derive(Debug, Clone, Copy)]
enum Dialect {
    /// Forms with this version of the interface; XML comes back.
    Form(&'static str),
    /// JSON; the action stands in a header behind this name.
    Json(&'static str),
    /// Paths below the address.
    Path,
}

/// A service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// As addresses and signatures name it.
    pub name: &'static str,
    dialect: Dialect,
    /// What asks for the next page.
    page: &'static str,
    /// Where an answer says that there is one.
    next: &'static str,
}

/// Virtual machines.
pub(super) const EC2: Service =
    Service { name: "ec2", dialect: Dialect::Form("2016-11-15"), page: "NextToken", next: "/nextToken" };
/// Databases.
pub(super) const RDS: Service =
    Service { name: "rds", dialect: Dialect::Form("2014-10-31"), page: "Marker", next: "/Marker" };
/// Caches that are clusters of nodes.
pub(super) const ELASTICACHE: Service =
    Service { name: "elasticache", dialect: Dialect::Form("2015-02-02"), page: "Marker", next: "/Marker" };
/// Caches without nodes.
pub(super) const SERVERLESS: Service = Service { page: "NextToken", next: "/NextToken", ..ELASTICACHE };
/// Small virtual machines.
pub(super) const LIGHTSAIL: Service = Service {
    name: "lightsail",
    dialect: Dialect::Json("Lightsail_20161128"),
    page: "pageToken",
    next: "/nextPageToken",
};
/// Containers.
pub(super) const ECS: Service = Service {
    name: "ecs",
    dialect: Dialect::Json("AmazonEC2ContainerServiceV20141113"),
    page: "nextToken",
    next: "/nextToken",
};
/// Kafka.
pub(super) const MSK: Service =
    Service { name: "kafka", dialect: Dialect::Path, page: "nextToken", next: "/nextToken" };

/// Names and values, without those that are empty.
fn encoded<'a>(pairs: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    pairs.filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
        form.append_pair(name, &value);
    });
    form.finish()
}

impl Aws {
    /// One answer of a service of the region; a form's answer without its frame.
    pub(super) async fn call(
        &mut self,
        api: &Api,
        service: &Service,
        action: &str,
        parameters: &Value,
    ) -> Result<Value, String> {
        let pairs = || {
            let pairs = parameters.as_object().into_iter().flatten();
            pairs.map(|(name, value)| (name.as_str(), text(value, "")))
        };
        match service.dialect {
            Dialect::Form(version) => {
                let begin = [("Action", action.to_owned()), ("Version", version.to_owned())];
                let form = encoded(begin.into_iter().chain(pairs()));
                let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
                let answer = self.send(api, service.name, (Method::POST, "/"), &headers, form).await?;
                let mut answer = xml::parse(&answer.text())?;
                let frame = format!("/{action}Result");
                Ok(answer.pointer_mut(&frame).map(Value::take).unwrap_or(answer))
            }
            Dialect::Json(prefix) => {
                let target = format!("{prefix}.{action}");
                let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &*target)];
                let body = parameters.to_string();
                self.send(api, service.name, (Method::POST, "/"), &headers, body).await?.json()
            }
            Dialect::Path => {
                let path = match encoded(pairs()).as_str() {
                    "" => action.to_owned(),
                    query => format!("{action}?{query}"),
                };
                self.send(api, service.name, (Method::GET, &path), &[], String::new()).await?.json()
            }
        }
    }

    /// All pages of an answer.
    pub(super) async fn pages(
        &mut self,
        api: &Api,
        service: &Service,
        action: &str,
        mut parameters: Value,
    ) -> Result<Vec<Value>, String> {
        let mut pages = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = self.call(api, service, action, &parameters).await?;
            let next = text(&page, service.next);
            pages.push(page);
            if next.is_empty() {
                break;
            }
            if let Some(parameters) = parameters.as_object_mut() {
                parameters.insert(service.page.to_owned(), json!(next));
            }
        }
        Ok(pages)
    }
}

/// A part of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The members of a list in a form's answer, where a single one looks like none: `DBClusters` and `DBCluster`.
pub(super) fn members<'a>(value: &'a Value, list: &str, member: &str) -> Vec<&'a Value> {
    match value.pointer(&format!("/{list}/{member}")) {
        Some(Value::Array(members)) => members.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// A label for each tag: objects of a key and a value.
pub(super) fn tags<'a>(
    target: &mut Target,
    prefix: &str,
    tags: impl IntoIterator<Item = &'a Value>,
    (key, value): (&str, &str),
) {
    for tag in tags {
        target.set(&format!("{prefix}{}", sanitize(&text(tag, key))), text(tag, value));
    }
}

/// All items of a list that goes over several pages.
pub(super) fn all_items(pages: &[Value], pointer: &str) -> Vec<Value> {
    pages.iter().flat_map(|page| items(page, pointer)).cloned().collect()
}

/// What the entries of all services have in common.
pub(super) struct Common<'f, 'a, 'd> {
    pub entry: Entry<'f, 'a, 'd>,
    pub aws: Aws,
    pub port: u64,
    mechanism: &'static str,
    every_ms: i64,
    http: HttpClientConfig,
}

impl<'f, 'a, 'd> Common<'f, 'a, 'd> {
    /// Reads an entry of the list of `mechanism`, or of `aws_sd_configs` with a role.
    pub fn take(
        fields: &'f mut Fields<'a, 'd>,
        dir: &'f Path,
        mechanism: &'static str,
        role: Option<&str>,
    ) -> Self {
        let mut entry = Entry::new(fields, dir);
        if let Some(role) = role {
            entry.show("role", role.into());
        }
        let aws = Aws::take(&mut entry);
        let every_ms = entry.refresh(60_000);
        let port = entry.port(80);
        let http = entry.http();
        let mechanism = if role.is_some() { "aws" } else { mechanism };
        Self { entry, aws, port, mechanism, every_ms, http }
    }

    /// The provider that asks so.
    pub fn provider<A: Ask>(self, ask: impl FnOnce(Aws, u64) -> A) -> Arc<dyn Provider> {
        self.entry.polled(self.mechanism, self.every_ms, self.http, ask(self.aws, self.port))
    }
}

/// `clusters`, and how many questions at once Prometheus may ask, which are one after the other here.
pub(super) fn clusters(common: &mut Common<'_, '_, '_>, concurrency: u64) -> Vec<String> {
    let clusters = common.entry.texts("clusters");
    let given = common.entry.fields().uint("request_concurrency").unwrap_or(concurrency);
    common.entry.show("request_concurrency", json!(given));
    clusters
}

/// `filters` as a form has them; `values` stands before the number of a value.
pub(super) fn form_filters(
    filters: &[(String, Vec<String>)],
    (filter, values): (&str, &str),
    form: &mut Map<String, Value>,
) {
    for (i, (name, of)) in (1..).zip(filters) {
        form.insert(format!("{filter}.{i}.Name"), json!(name));
        for (j, value) in (1..).zip(of) {
            form.insert(format!("{filter}.{i}.{values}.{j}"), json!(value));
        }
    }
}
