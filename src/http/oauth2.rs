//! Tokens of an `oauth2` section: asked for when needed, kept until shortly before they end.

use super::client::{HttpClient, HttpError, header_value, secret};
use super::jwt;
use crate::settings::HttpClientConfig;
use crate::settings::http::Source;
use crate::settings::oauth2::{JwtBearer, OAuth2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;

/// Largest answer of a token server, bytes.
const ANSWER_MAX: usize = 1 << 20;
/// A token is renewed this long before it ends.
const AHEAD: Duration = Duration::from_secs(10);
/// How long a statement for a token server is good for, seconds.
const STATEMENT: u64 = 3600;

/// The tokens of a section.
pub struct Tokens {
    config: OAuth2,
    client: Box<HttpClient>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The server wants the secret among the parameters rather than in a header.
    in_parameters: bool,
}

struct Token {
    header: HeaderValue,
    /// The secret that it was asked for with: another one needs another token.
    secret: String,
    ends: Option<Instant>,
}

impl Tokens {
    /// Prepares to ask the token server.
    ///
    /// # Errors
    /// The TLS settings cannot be used.
    pub fn new(config: &OAuth2) -> Result<Self, HttpError> {
        let client = HttpClientConfig {
            tls: config.tls.clone(),
            proxy: config.proxy.clone(),
            ..HttpClientConfig::default()
        };
        let client = Box::new(HttpClient::new("oauth2", &client)?);
        Ok(Self { config: config.clone(), client, state: Mutex::default() })
    }

    /// The value of the header `Authorization`.
    ///
    /// # Errors
    /// A secret cannot be read, or the server gives no token.
    pub async fn authorization(&self) -> Result<HeaderValue, HttpError> {
        let secret = self.secret().await?;
        // Whoever comes meanwhile waits for the same token.
        let mut state = self.state.lock().await;
        let good = |token: &&Token| {
            token.secret == secret && token.ends.is_none_or(|ends| ends > Instant::now() + AHEAD)
        };
        if let Some(token) = state.token.as_ref().filter(good) {
            return Ok(token.header.clone());
        }
        state.token = None;
        let token = self.ask(&mut state.in_parameters, secret).await?;
        Ok(state.token.insert(token).header.clone())
    }

    async fn secret(&self) -> Result<String, HttpError> {
        let source = match &self.config.jwt {
            Some(jwt) => (jwt.key.as_ref(), "client certificate key"),
            None => (self.config.client_secret.as_ref(), "oauth2 client secret"),
        };
        match source {
            (Some(Source::Inline(text)), _) => Ok(text.reveal().to_owned()),
            (Some(source), what) => secret(source, what).await,
            (None, _) => Ok(String::new()),
        }
    }

    /// Servers differ in where they want the secret; what a server took once is what it is asked with.
    async fn ask(&self, in_parameters: &mut bool, secret: String) -> Result<Token, HttpError> {
        let mut answer = self.ask_once(*in_parameters, &secret).await?;
        if self.config.jwt.is_none() && !*in_parameters && !answer.0.is_success() {
            *in_parameters = true;
            answer = self.ask_once(true, &secret).await?;
            *in_parameters = answer.0.is_success();
        }
        let (status, body) = answer;
        let shown = String::from_utf8_lossy(body.get(..500).unwrap_or(&body)).into_owned();
        if !status.is_success() {
            let reason = status.canonical_reason().unwrap_or_default();
            let failed =
                format!("oauth2: cannot fetch token: {} {reason}\nResponse: {shown}", status.as_u16());
            return Err(HttpError::Token(failed));
        }
        let header = authorization(&body).map_err(HttpError::Token)?;
        Ok(Token {
            header: header_value(&header.0)?,
            ends: header.1.map(|lasts| Instant::now() + lasts),
            secret,
        })
    }

    async fn ask_once(&self, in_parameters: bool, secret: &str) -> Result<(StatusCode, Bytes), HttpError> {
        let config = &self.config;
        let mut form: Vec<(&str, &str)> = Vec::new();
        let mut headers = HeaderMap::new();
        let scopes = config.scopes.join(" ");
        let statement;
        match &config.jwt {
            Some(jwt) => {
                statement = self.statement(jwt, secret, &scopes).map_err(HttpError::Token)?;
                form.push(("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"));
                form.push(("assertion", &statement));
            }
            None => {
                form.push(("grant_type", "client_credentials"));
                if !scopes.is_empty() {
                    form.push(("scope", &scopes));
                }
                if in_parameters {
                    form.extend([("client_id", config.client_id.as_str()), ("client_secret", secret)]);
                } else {
                    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
                    let pair = format!("{}:{}", encoded(&config.client_id), encoded(secret));
                    let value = header_value(&format!("Basic {}", STANDARD.encode(pair)))?;
                    headers.insert(header::AUTHORIZATION, value);
                }
            }
        }
        form.extend(config.endpoint_params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
        let url: Uri =
            config.token_url.parse().map_err(|e| HttpError::Invalid(format!("invalid token_url: {e}")))?;
        // A client that may itself ask for tokens could otherwise be a future without end.
        let form = Bytes::from(form);
        let request = Box::pin(self.client.request(&Method::POST, &url, &headers, &form));
        read(request.await?).await
    }

    /// What is signed when a key stands in for a secret.
    fn statement(&self, jwt: &JwtBearer, key: &str, scopes: &str) -> Result<String, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
        let mut claims = json!({
            "iss": or(&jwt.issuer, &self.config.client_id),
            "sub": self.config.client_id,
            "aud": or(&jwt.audience, &self.config.token_url),
            "iat": now,
            "exp": now + STATEMENT,
        });
        if let Some(claims) = claims.as_object_mut() {
            if !scopes.is_empty() {
                claims.insert("scope".to_owned(), json!(scopes));
            }
            claims.extend(jwt.claims.iter().map(|(name, value)| (name.clone(), json!(value))));
        }
        jwt::sign(&jwt.algorithm, &jwt.key_id, key, &claims)
    }
}

async fn read(response: Response<Incoming>) -> Result<(StatusCode, Bytes), HttpError> {
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
    Ok((status, body.map_err(|e| HttpError::Token(format!("oauth2: cannot fetch token: {e}")))?.to_bytes()))
}

/// The header that an answer amounts to, and how long it is good for.
fn authorization(body: &[u8]) -> Result<(String, Option<Duration>), String> {
    let answer: Value =
        serde_json::from_slice(body).map_err(|e| format!("oauth2: cannot parse json: {e}"))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    if !text("error").is_empty() {
        return Err(format!("oauth2: {:?} {:?}", text("error"), text("error_description")));
    }
    if text("access_token").is_empty() {
        return Err("oauth2: server response missing access_token".to_owned());
    }
    let scheme = match text("token_type") {
        kind if kind.is_empty() || kind.eq_ignore_ascii_case("bearer") => "Bearer",
        kind if kind.eq_ignore_ascii_case("mac") => "MAC",
        kind if kind.eq_ignore_ascii_case("basic") => "Basic",
        kind => kind,
    };
    let lasts = answer.get("expires_in").and_then(|lasts| lasts.as_u64().or(lasts.as_str()?.parse().ok()));
    // A year is as good as for ever, and cannot overflow a clock.
    let lasts =
        lasts.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.min(365 * 86_400)));
    Ok((format!("{scheme} {}", text("access_token")), lasts))
}

#[cfg(test)]
mod tests;
