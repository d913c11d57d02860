//! What the mechanisms for Amazon's services have in common: regions, signed requests; `service` says how each is asked.

mod credentials;
pub mod ec2;
mod ecs;
mod elasticache;
pub mod lightsail;
mod msk;
mod names;
mod rds;
pub mod role;
#[cfg(test)]
mod role_tests;
mod service;
pub mod signer;
#[cfg(test)]
mod tests;

use super::api::{Answer, Api};
use super::entry::Entry;
use super::target::text;
use crate::settings::{HttpClientConfig, Secret};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use credentials::{Credentials, Environment};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Whom an entry asks, and as whom.
#[derive(Debug, Clone)]
struct Aws {
    region: String,
    endpoint: String,
    /// The service that `endpoint` is for; other services that the entry needs are where they always are.
    service: &'static str,
    access_key: String,
    secret_key: Secret,
    profile: String,
    role_arn: String,
    external_id: String,
    /// The token service is the one that obeys FIPS.
    fips: bool,
    environment: Environment,
    /// Those in force.
    credentials: Option<Credentials>,
    /// The client for credentials; it knows nothing of the entry's own settings.
    side: Option<Arc<Api>>,
}

impl Aws {
    fn take(entry: &mut Entry<'_, '_, '_>) -> Self {
        Self {
            endpoint: entry.text("endpoint", ""),
            service: "",
            region: entry.text("region", ""),
            access_key: entry.text("access_key", ""),
            secret_key: entry.secret("secret_key"),
            profile: entry.text("profile", ""),
            role_arn: entry.text("role_arn", ""),
            external_id: entry.text("external_id", ""),
            fips: false,
            environment: Environment::system(),
            credentials: None,
            side: None,
        }
    }

    fn side(&mut self, api: &Api) -> Result<Arc<Api>, String> {
        if let Some(side) = &self.side {
            return Ok(side.clone());
        }
        let timeout = Duration::from_secs(10).min(api.timeout);
        let side = Arc::new(Api::new("aws", &HttpClientConfig::default(), timeout, api.metrics.clone())?);
        Ok(self.side.insert(side).clone())
    }

    /// The region of the entry, of the environment or of the machine; `missing` is the fault if there is none.
    async fn region(&mut self, api: &Api, missing: &str) -> Result<String, String> {
        if self.region.is_empty() {
            let side = self.side(api)?;
            let found = self.environment.region(&side, &self.profile).await;
            self.region = found.map_err(|reason| format!("{missing}: {reason}"))?;
        }
        Ok(self.region.clone())
    }

    /// Where a service is, if not at its usual place; `AWS_ENDPOINT_URL_EC2` and its kin say so too.
    fn endpoint_of(&self, service: &str) -> String {
        if !self.endpoint.is_empty() && [service, ""].contains(&self.service) {
            return self.endpoint.clone();
        }
        let named = format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase());
        let found = self.environment.get(&named).or(self.environment.get("AWS_ENDPOINT_URL"));
        found.unwrap_or_default().to_owned()
    }

    /// Asks a service of the region, signed.
    async fn send(
        &mut self,
        api: &Api,
        service: &str,
        (method, path): (Method, &str),
        headers: &[(&'static str, &str)],
        body: String,
    ) -> Result<Answer, String> {
        let side = self.side(api)?;
        let credentials = self.credentials(&side).await?;
        let base = match self.endpoint_of(service).as_str() {
            "" => service_url(service, &self.region),
            endpoint if endpoint.contains("://") => endpoint.to_owned(),
            host => format!("https://{host}"),
        };
        // An endpoint may have a path of its own, which the service's root is.
        let url = match path {
            "/" => with_path(base),
            path => format!("{}{path}", base.trim_end_matches('/')),
        };
        let request = (method.as_str(), url.as_str(), body.as_bytes());
        let headers = signed(&credentials, service, &self.region, request, headers)?;
        let answer = api.send(method, &url, &headers, body).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        // They may have been revoked.
        self.credentials = None;
        Err(refusal(&answer))
    }
}

/// What the service says, in the shape of its errors.
fn refusal(answer: &Answer) -> String {
    let body = answer.text();
    let (code, message) = match super::xml::parse(&body) {
        Ok(error) => {
            let of = |name: &str| {
                let ec2 = text(&error, &format!("/Errors/Error/{name}"));
                if ec2.is_empty() { text(&error, &format!("/Error/{name}")) } else { ec2 }
            };
            (of("Code"), of("Message"))
        }
        Err(_) => {
            let error = answer.json().unwrap_or_default();
            (text(&error, "/__type"), text(&error, "/message"))
        }
    };
    if code.is_empty() { super::api::status_error(answer.status) } else { format!("{code}: {message}") }
}

fn service_url(service: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{domain}")
}

/// A URL has at least the path `/`.
fn with_path(url: String) -> String {
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    if rest.contains('/') { url } else { format!("{url}/") }
}

/// The headers of a request with its signature among them.
fn signed(
    credentials: &Credentials,
    service: &str,
    region: &str,
    (method, url, body): (&str, &str, &[u8]),
    headers: &[(&'static str, &str)],
) -> Result<HeaderMap, String> {
    let identity = credentials.to_sign_with().into();
    let failed = |e: &dyn std::fmt::Display| format!("cannot sign the request: {e}");
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|e| failed(&e))?
        .into();
    let body = SignableBody::Bytes(body);
    let request = SignableRequest::new(method, url, headers.iter().copied(), body).map_err(|e| failed(&e))?;
    let (instructions, _) = sign(request, &parameters).map_err(|e| failed(&e))?.into_parts();
    let mut all = HeaderMap::new();
    for (name, value) in headers.iter().copied().chain(instructions.headers()) {
        let name = HeaderName::try_from(name).map_err(|e| failed(&e))?;
        all.insert(name, HeaderValue::try_from(value).map_err(|e| failed(&e))?);
    }
    Ok(all)
}
