//! Signs requests to services that are no mechanism: what `sigv4` of a section asks for.

use super::credentials::Environment;
use super::{Aws, service_url, signed};
use crate::discovery::SdMetrics;
use crate::discovery::api::Api;
use crate::settings::HttpClientConfig;
use crate::settings::sigv4::SigV4;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The service that is spoken to where the section names none: Amazon's own for Prometheus.
const SERVICE: &str = "aps";
/// Longest wait for one answer to the question for credentials.
const PATIENCE: Duration = Duration::from_secs(10);

/// Signs the requests of a section.
#[derive(Debug)]
pub struct Signer {
    service: String,
    side: Arc<Api>,
    /// Whoever comes meanwhile waits for the same credentials.
    aws: Mutex<Aws>,
}

impl Signer {
    /// Prepares to sign.
    ///
    /// # Errors
    /// No client can be had.
    pub fn new(config: &SigV4) -> Result<Self, String> {
        Self::within(config, Environment::system())
    }

    pub(super) fn within(config: &SigV4, environment: Environment) -> Result<Self, String> {
        let side = Arc::new(Api::new(
            "sigv4",
            &HttpClientConfig::default(),
            PATIENCE,
            Arc::new(SdMetrics::default()),
        )?);
        let aws = Aws {
            service: "",
            region: config.region.clone(),
            endpoint: String::new(),
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
            profile: config.profile.clone(),
            role_arn: config.role_arn.clone(),
            external_id: config.external_id.clone(),
            fips: config.use_fips_sts_endpoint,
            environment,
            credentials: None,
            side: Some(side.clone()),
        };
        let service = match config.service_name.as_str() {
            "" => SERVICE.to_owned(),
            name => name.to_owned(),
        };
        Ok(Self { service, side, aws: Mutex::new(aws) })
    }

    /// The headers that sign a POST of this body to this URL.
    ///
    /// # Errors
    /// There is no region, or there are no credentials.
    pub async fn sign(&self, url: &str, body: &[u8]) -> Result<HeaderMap, String> {
        let mut aws = self.aws.lock().await;
        let missing = "region not configured in sigv4 or in default credentials chain";
        let region = aws.region(&self.side, missing).await?;
        let credentials =
            aws.credentials(&self.side).await.map_err(|e| format!("could not get SigV4 credentials: {e}"))?;
        signed(&credentials, &self.service, &region, ("POST", url, body), &[])
    }

    /// The credentials were refused: the next signature has new ones.
    pub async fn forget(&self) {
        self.aws.lock().await.credentials = None;
    }
}

/// Where the token service is.
pub(super) fn token_service(region: &str, fips: bool) -> String {
    service_url(if fips { "sts-fips" } else { "sts" }, region)
}
