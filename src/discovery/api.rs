//! Questions to the APIs of others: their answers are bounded in size and time.

use super::SdMetrics;
use crate::http::HttpClient;
use crate::settings::HttpClientConfig;
use crate::settings::masked;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Largest answer, bytes: some ten thousand targets have a few MiB.
const ANSWER_MAX: usize = 64 << 20;

/// Asks one server.
pub struct Api {
    client: HttpClient,
    /// The longest that an answer may take.
    pub timeout: Duration,
    /// Metrics of discovery.
    pub metrics: Arc<SdMetrics>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// An answer that came as a whole.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Api {
    /// A client with the settings of an entry, whose connections are counted under a name.
    ///
    /// # Errors
    /// They cannot be used, for example because a certificate does not exist.
    pub fn new(
        name: &str,
        http: &HttpClientConfig,
        timeout: Duration,
        metrics: Arc<SdMetrics>,
    ) -> Result<Self, String> {
        Ok(Self { client: HttpClient::new(name, http).map_err(|e| e.to_string())?, timeout, metrics })
    }

    /// Sends a request and reads the answer, whatever its status.
    ///
    /// # Errors
    /// The URL is none, or there is no answer in time, or it is too large.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let uri: Uri = url.parse().map_err(|e| format!("parse \"{url}\": {e}"))?;
        let mut headers = headers.clone();
        headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(crate::USER_AGENT));
        let body = body.into();
        let work = async {
            let answer = self.client.request(&method, &uri, &headers, &body).await;
            collect(answer.map_err(|e| e.to_string())?).await
        };
        let name = match method {
            Method::POST => "Post",
            Method::PUT => "Put",
            _ => "Get",
        };
        let url = masked::in_errors(url);
        match tokio::time::timeout(self.timeout, work).await {
            Ok(answer) => answer.map_err(|e| format!("{name} \"{url}\": {e}")),
            Err(_) => Err(format!("{name} \"{url}\": context deadline exceeded")),
        }
    }

    /// Gets a URL.
    ///
    /// # Errors
    /// As `send`.
    pub async fn get(&self, url: &str, headers: &HeaderMap) -> Result<Answer, String> {
        self.send(Method::GET, url, headers, Bytes::new()).await
    }

    /// The JSON behind a URL.
    ///
    /// # Errors
    /// As `send`, or another status than a 2xx, or no JSON.
    pub async fn json(&self, url: &str) -> Result<Value, String> {
        self.json_with(url, &headers(&[(header::ACCEPT, "application/json")])?).await
    }

    /// The JSON behind a URL, asked for with headers.
    ///
    /// # Errors
    /// As `json`.
    pub async fn json_with(&self, url: &str, headers: &HeaderMap) -> Result<Value, String> {
        self.get(url, headers).await?.ok()?.json()
    }
}

impl Answer {
    /// Refuses an answer that says that it is none.
    ///
    /// # Errors
    /// The status is not a 2xx.
    pub fn ok(self) -> Result<Self, String> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(status_error(self.status))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|e| format!("the answer is not the JSON expected: {e}"))
    }

    /// The body as a text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, if it is there and readable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What an answer with another status than wanted amounts to.
#[must_use]
pub fn status_error(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    format!("server returned HTTP status {} {reason}", status.as_u16()).trim_end().to_owned()
}

/// Headers of a request.
///
/// # Errors
/// A value cannot be sent.
pub fn headers(list: &[(HeaderName, &str)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        let value = HeaderValue::from_str(value).map_err(|_| format!("invalid value of header {name}"))?;
        headers.insert(name.clone(), value);
    }
    Ok(headers)
}

/// Parameters of a URL, encoded, without those that are empty.
#[must_use]
pub fn query(parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    query.finish()
}

/// Reads an answer to its end, unless it is too large.
///
/// # Errors
/// It breaks off or is too large.
pub async fn collect<B>(response: Response<B>) -> Result<Answer, String>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let (parts, mut rest) = response.into_parts();
    let mut body = Vec::new();
    while let Some(frame) = rest.frame().await {
        let frame = frame.map_err(|e| format!("reading the answer: {e}"))?;
        let Ok(data) = frame.into_data() else { continue };
        if body.len() + data.len() > ANSWER_MAX {
            return Err(format!("the answer has more than {ANSWER_MAX} bytes"));
        }
        body.extend_from_slice(&data);
    }
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}
