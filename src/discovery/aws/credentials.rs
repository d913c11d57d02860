//! Where credentials come from: the entry, the environment, files, the container, the machine; and roles taken on.

use super::super::api::{Api, headers, query};
use super::super::target::text;
use super::super::xml;
use super::signer::token_service;
use super::{Aws, signed, with_path};
use crate::settings::Secret;
use http::{HeaderMap, HeaderName, Method, header};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Credentials are renewed this long before they end.
const AHEAD: Duration = Duration::from_secs(300);
/// What requests to the token service say that they contain.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A key, and what belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    key: String,
    secret: Secret,
    token: Option<Secret>,
    expires: Option<SystemTime>,
}

impl Credentials {
    fn lasting(key: impl Into<String>, secret: impl Into<String>, token: Option<String>) -> Self {
        Self { key: key.into(), secret: Secret::new(secret), token: token.map(Secret::new), expires: None }
    }

    /// Reads an object of `AccessKeyId`, `SecretAccessKey`, a token and `Expiration`.
    fn of(value: &Value, token: &str) -> Option<Self> {
        let (key, secret) = (text(value, "/AccessKeyId"), text(value, "/SecretAccessKey"));
        let token = Some(text(value, token)).filter(|token| !token.is_empty());
        let expires = text(value, "/Expiration").parse::<jiff::Timestamp>().ok();
        let seconds = expires.and_then(|expires| u64::try_from(expires.as_second()).ok());
        let expires = seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        let found = !key.is_empty() && !secret.is_empty();
        found.then(|| Self { expires, ..Self::lasting(key, secret, token) })
    }

    fn in_force(&self) -> bool {
        self.expires.is_none_or(|expires| expires > SystemTime::now() + AHEAD)
    }

    /// As the signing crate takes them.
    pub fn to_sign_with(&self) -> aws_credential_types::Credentials {
        let token = self.token.as_ref().map(|token| token.reveal().to_owned());
        aws_credential_types::Credentials::new(&self.key, self.secret.reveal(), token, None, "narthex")
    }
}

/// The variables of the process.
#[derive(Clone)]
pub(super) struct Environment(BTreeMap<String, String>);

/// They may hold secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}

impl Environment {
    /// As the process was started.
    pub fn system() -> Self {
        // A variable that is no UTF-8 is none of ours.
        let text = |value: std::ffi::OsString| value.into_string().ok();
        Self(std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect())
    }

    /// For tests.
    #[cfg(test)]
    pub fn of(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// A variable that is set to something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn profile<'a>(&'a self, named: &'a str) -> &'a str {
        if named.is_empty() { self.get("AWS_PROFILE").unwrap_or("default") } else { named }
    }

    /// The settings of a profile: of both files, those of credentials first.
    async fn profile_settings(&self, named: &str) -> BTreeMap<String, String> {
        let profile = self.profile(named);
        let home = PathBuf::from(self.get("HOME").unwrap_or("/")).join(".aws");
        let path = |variable, file| self.get(variable).map_or_else(|| home.join(file), PathBuf::from);
        let config = tokio::fs::read_to_string(path("AWS_CONFIG_FILE", "config")).await.unwrap_or_default();
        let keys = path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let keys = tokio::fs::read_to_string(keys).await.unwrap_or_default();
        let mut settings = section(&config, &[profile, &format!("profile {profile}")]);
        settings.extend(section(&keys, &[profile]));
        settings
    }

    /// The region of the environment, of the profile or of the machine.
    pub async fn region(&self, side: &Api, profile: &str) -> Result<String, String> {
        if let Some(region) = self.get("AWS_REGION").or(self.get("AWS_DEFAULT_REGION")) {
            return Ok(region.to_owned());
        }
        if let Some(region) = self.profile_settings(profile).await.remove("region") {
            return Ok(region);
        }
        Ok(self.machine(side, "/latest/meta-data/placement/region").await?.trim().to_owned())
    }

    /// A document of the machine's metadata service, version 2.
    async fn machine(&self, side: &Api, path: &str) -> Result<String, String> {
        if self.get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err("the metadata service of the machine is switched off".to_owned());
        }
        let base = self.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or("http://169.254.169.254");
        let base = base.trim_end_matches('/');
        let lifetime = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
        let lifetime = headers(&[(lifetime, "21600")])?;
        let token = side.send(Method::PUT, &format!("{base}/latest/api/token"), &lifetime, "").await?.ok()?;
        let name = HeaderName::from_static("x-aws-ec2-metadata-token");
        let answer = side.get(&format!("{base}{path}"), &headers(&[(name, token.text().trim())])?).await?;
        Ok(answer.ok()?.text())
    }

    /// What the agent of the container hands out.
    async fn container(&self, side: &Api) -> Result<Option<Credentials>, String> {
        let relative = self.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let url = match (relative, self.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
            (Some(path), _) => format!("http://169.254.170.2{path}"),
            (None, Some(url)) => url.to_owned(),
            (None, None) => return Ok(None),
        };
        let token = match self.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(tokio::fs::read_to_string(file).await.map_err(|e| format!("{file}: {e}"))?),
            None => self.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(ToOwned::to_owned),
        };
        let headers = match &token {
            Some(token) => headers(&[(header::AUTHORIZATION, token.trim())])?,
            None => HeaderMap::new(),
        };
        Ok(Credentials::of(&side.json_with(&url, &headers).await?, "/Token"))
    }

    /// The role of the machine.
    async fn machine_role(&self, side: &Api) -> Result<Option<Credentials>, String> {
        const PATH: &str = "/latest/meta-data/iam/security-credentials/";
        let role = self.machine(side, PATH).await?;
        let role = role.lines().next().unwrap_or_default().trim();
        let found = self.machine(side, &format!("{PATH}{role}")).await?;
        let found: Value = serde_json::from_str(&found).map_err(|e| e.to_string())?;
        Ok(Credentials::of(&found, "/Token"))
    }

    fn token_service(&self, region: &str, fips: bool) -> String {
        let url = self.get("AWS_ENDPOINT_URL_STS").map(ToOwned::to_owned);
        with_path(url.unwrap_or_else(|| token_service(region, fips)))
    }

    /// The role that a token of the platform stands for, as in Kubernetes.
    async fn web_identity(
        &self,
        side: &Api,
        (region, fips): (&str, bool),
    ) -> Result<Option<Credentials>, String> {
        let variables = (self.get("AWS_WEB_IDENTITY_TOKEN_FILE"), self.get("AWS_ROLE_ARN"));
        let (Some(file), Some(role)) = variables else { return Ok(None) };
        let token = tokio::fs::read_to_string(file).await.map_err(|e| format!("{file}: {e}"))?;
        let form = query(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", self.get("AWS_ROLE_SESSION_NAME").unwrap_or("narthex")),
            ("WebIdentityToken", token.trim()),
        ]);
        let headers = headers(&[(header::CONTENT_TYPE, FORM)])?;
        let answer = side.send(Method::POST, &self.token_service(region, fips), &headers, form).await?;
        if !answer.status.is_success() {
            return Err(super::refusal(&answer));
        }
        let answer = xml::parse(&answer.text())?;
        let found = answer.pointer("/AssumeRoleWithWebIdentityResult/Credentials");
        Ok(found.and_then(|found| Credentials::of(found, "/SessionToken")))
    }
}

impl Aws {
    /// Credentials that are in force.
    pub(super) async fn credentials(&mut self, side: &Api) -> Result<Credentials, String> {
        if let Some(credentials) = self.credentials.as_ref().filter(|credentials| credentials.in_force()) {
            return Ok(credentials.clone());
        }
        let mut found = self.own(side).await?;
        if !self.role_arn.is_empty() {
            found = self.assume_role(side, &found).await?;
        }
        Ok(self.credentials.insert(found).clone())
    }

    /// The first that there are, in the order that Amazon's own tools have.
    async fn own(&self, side: &Api) -> Result<Credentials, String> {
        let environment = &self.environment;
        if !self.access_key.is_empty() || !self.secret_key.is_empty() {
            return Ok(Credentials::lasting(&self.access_key, self.secret_key.reveal(), None));
        }
        let keys = (environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY"));
        if let ((Some(key), Some(secret)), true) = (keys, self.profile.is_empty()) {
            let token = environment.get("AWS_SESSION_TOKEN").map(ToOwned::to_owned);
            return Ok(Credentials::lasting(key, secret, token));
        }
        if self.profile.is_empty()
            && let Some(found) = environment.web_identity(side, (&self.region, self.fips)).await?
        {
            return Ok(found);
        }
        let mut settings = environment.profile_settings(&self.profile).await;
        let keys = (settings.remove("aws_access_key_id"), settings.remove("aws_secret_access_key"));
        if let (Some(key), Some(secret)) = keys {
            return Ok(Credentials::lasting(key, secret, settings.remove("aws_session_token")));
        }
        if !self.profile.is_empty() {
            return Err(format!("profile {} has no access key", self.profile));
        }
        let found = match environment.container(side).await? {
            Some(found) => Some(found),
            None => environment.machine_role(side).await.map_err(|e| format!("no credentials found: {e}"))?,
        };
        found.ok_or_else(|| "no credentials found".to_owned())
    }

    async fn assume_role(&self, side: &Api, own: &Credentials) -> Result<Credentials, String> {
        let form = query(&[
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.role_arn),
            ("RoleSessionName", "narthex"),
            ("ExternalId", &self.external_id),
        ]);
        let url = self.environment.token_service(&self.region, self.fips);
        let headers =
            signed(own, "sts", &self.region, ("POST", &url, form.as_bytes()), &[("content-type", FORM)])?;
        let answer = side.send(Method::POST, &url, &headers, form).await?;
        if !answer.status.is_success() {
            return Err(format!("cannot assume role {}: {}", self.role_arn, super::refusal(&answer)));
        }
        let answer = xml::parse(&answer.text())?;
        let found = answer.pointer("/AssumeRoleResult/Credentials");
        let found = found.and_then(|found| Credentials::of(found, "/SessionToken"));
        found.ok_or_else(|| format!("cannot assume role {}: the answer has no credentials", self.role_arn))
    }
}

/// The settings of the first section with one of these names, in a file of `[name]` and `key = value`.
fn section(text: &str, names: &[&str]) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            inside = names.contains(&name.trim());
        } else if let (true, Some((key, value))) =
            (inside && !line.starts_with(['#', ';']), line.split_once('='))
        {
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    settings
}
