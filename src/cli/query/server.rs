//! Requests to the HTTP API of a server, and what to do when they fail.

use super::super::excerpt::{excerpt, offset};
use super::answer::Envelope;
use crate::http::{HttpClient, HttpError};
use crate::settings::HttpClientConfig;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::path::Path;
use std::time::Duration;

/// Longest query string that goes into a URL, bytes; longer ones are posted as a form.
const URL_MAX: usize = 4 << 10;
/// Bytes of an answer that is no JSON which an error shows.
const SHOWN_MAX: usize = 200;

/// How to reach a server.
#[derive(Debug, Clone)]
pub struct Access {
    /// As given: `http://host:9090/prefix`, `host:9090`.
    pub server: String,
    /// File with credentials, TLS and headers.
    pub http_config: Option<std::path::PathBuf>,
    /// Headers to add.
    pub headers: Vec<(String, String)>,
    /// Longest wait for a whole answer.
    pub timeout: Duration,
    /// Largest answer, bytes.
    pub answer_max: u64,
}

/// A request that failed, in words that say what to do.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The server's address is none.
    #[error(
        "{0:?} is no address of a server\n  write http://HOST:PORT, with the path below which the API is served if there is one"
    )]
    Address(String),
    /// The file of `--http.config.file` cannot be used.
    #[error("{0}")]
    Config(String),
    /// A header that cannot be sent.
    #[error("invalid value {0:?} for flag '--header'\n  write --header 'Name: value'")]
    Header(String),
    /// The client cannot be set up, or a secret is missing.
    #[error("{0}\n  correct the file of --http.config.file")]
    Client(HttpError),
    /// Nobody answers.
    #[error(
        "cannot reach {url}: {reason}\n  check that the server runs and that host, port and scheme are right"
    )]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        reason: String,
    },
    /// The answer takes too long.
    #[error(
        "no answer from {url} within {seconds} s\n  ask for less (a shorter range, fewer series), or raise --timeout"
    )]
    Timeout {
        /// What was asked.
        url: String,
        /// The limit.
        seconds: u64,
    },
    /// The answer is larger than allowed.
    #[error(
        "the answer is larger than {0} bytes\n  ask for less (aggregate, shorten the range, enlarge --step), or raise --max-size"
    )]
    TooLarge(u64),
    /// The answer broke off.
    #[error("the answer broke off: {0}\n  try again")]
    Broken(String),
    /// Credentials are missing or wrong.
    #[error(
        "{url} answers {status}\n  give credentials in the file of --http.config.file (basic_auth or authorization)"
    )]
    Refused {
        /// What was asked.
        url: String,
        /// The answer's status.
        status: StatusCode,
    },
    /// Something else than the API answers.
    #[error(
        "{url} answers {status} and no JSON of a Prometheus API{shown}\n  check the address; if the API is served below a path, add the path to it"
    )]
    NoApi {
        /// What was asked.
        url: String,
        /// The answer's status.
        status: StatusCode,
        /// The beginning of the answer.
        shown: String,
    },
    /// The server understood and refused.
    #[error("{kind}: {text}{place}")]
    Api {
        /// `bad_data`, `execution`, …
        kind: String,
        /// The server's words.
        text: String,
        /// The place in the expression, if the text names one.
        place: String,
    },
}

/// A server.
pub struct Server {
    client: HttpClient,
    base: String,
    headers: HeaderMap,
    timeout: Duration,
    answer_max: u64,
}

impl Server {
    /// Prepares to ask a server.
    ///
    /// # Errors
    /// The address, the file or a header cannot be used.
    pub fn new(access: &Access) -> Result<Self, QueryError> {
        let config = access.http_config.as_deref().map_or_else(|| Ok(HttpClientConfig::default()), load)?;
        let client = HttpClient::new("default", &config).map_err(QueryError::Client)?;
        let mut headers = HeaderMap::new();
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("narthex/", env!("CARGO_PKG_VERSION"))),
        );
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in &access.headers {
            let bad = || QueryError::Header(format!("{name}: {value}"));
            let name = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
            headers.append(name, HeaderValue::try_from(value.as_str()).map_err(|_| bad())?);
        }
        let (base, timeout, answer_max) = (base(&access.server)?, access.timeout, access.answer_max);
        Ok(Self { client, base, headers, timeout, answer_max })
    }

    /// Asks for a path below `/api/v1/` and gives the bytes of the answer, which `open` reads.
    ///
    /// # Errors
    /// No answer, or one that is none of the API.
    pub async fn ask(&self, path: &str, parameters: &[(&str, String)]) -> Result<Reply, QueryError> {
        let url = format!("{}/api/v1/{path}", self.base);
        self.in_time(&url, self.exchange(&url, parameters, URL_MAX)).await
    }

    /// Posts a form to a path below `/api/v1/` and gives the bytes of the answer, which `open` reads.
    ///
    /// # Errors
    /// No answer, or one that is none of the API.
    pub async fn post(&self, path: &str, parameters: &[(&str, String)]) -> Result<Reply, QueryError> {
        let url = format!("{}/api/v1/{path}", self.base);
        self.in_time(&url, self.exchange(&url, parameters, 0)).await
    }

    async fn in_time<T>(
        &self,
        url: &str,
        exchange: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        let late = || QueryError::Timeout { url: url.to_owned(), seconds: self.timeout.as_secs() };
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err(late()))
    }

    /// Gets what lies at a path of the server: status and text, whatever they are.
    ///
    /// # Errors
    /// No answer.
    pub async fn fetch(&self, path: &str) -> Result<(u16, String), QueryError> {
        let url = format!("{}{path}", self.base);
        let fetch = async {
            let uri = url.parse::<Uri>().map_err(|_| QueryError::Address(url.clone()))?;
            let response = self.client.get(&uri, &self.headers).await.map_err(|error| failed(&url, error))?;
            let status = response.status().as_u16();
            let body = self.body(response).await?;
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        self.in_time(&url, fetch).await
    }

    /// Asks by GET, and by POST what is longer than `get_max` bytes.
    async fn exchange(
        &self,
        url: &str,
        parameters: &[(&str, String)],
        get_max: usize,
    ) -> Result<Reply, QueryError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let parsed = |text: &str| text.parse::<Uri>().map_err(|_| QueryError::Address(url.to_owned()));
        let sent = if form.len() <= get_max {
            let full = if form.is_empty() { url.to_owned() } else { format!("{url}?{form}") };
            self.client.get(&parsed(&full)?, &self.headers).await
        } else {
            self.client.post_form(&parsed(url)?, &self.headers, form).await
        };
        let response = sent.map_err(|error| failed(url, error))?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(QueryError::Refused { url: url.to_owned(), status });
        }
        let body = self.body(response).await?;
        Ok(Reply { url: url.to_owned(), status, body })
    }

    async fn body(&self, response: Response<Incoming>) -> Result<Vec<u8>, QueryError> {
        let mut body = response.into_body();
        let mut out = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| QueryError::Broken(e.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            if (out.len() + data.len()) as u64 > self.answer_max {
                return Err(QueryError::TooLarge(self.answer_max));
            }
            out.extend_from_slice(&data);
        }
        Ok(out)
    }
}

fn failed(url: &str, error: HttpError) -> QueryError {
    match error {
        HttpError::Tls(_) | HttpError::Secret { .. } => QueryError::Client(error),
        error => QueryError::Unreachable { url: url.to_owned(), reason: error.to_string() },
    }
}

/// The bytes of an answer.
#[derive(Debug)]
pub struct Reply {
    url: String,
    status: StatusCode,
    body: Vec<u8>,
}

impl Reply {
    /// The envelope of a success. `expr` is the expression that was sent, for the place of its mistake.
    ///
    /// # Errors
    /// The answer is a failure, or no envelope.
    pub fn open(&self, expr: &str) -> Result<Envelope<'_>, QueryError> {
        let envelope = serde_json::from_slice::<Envelope<'_>>(&self.body).map_err(|_| self.no_api())?;
        match envelope.status {
            "success" if envelope.data.is_some() => Ok(envelope),
            "error" => Err(QueryError::Api {
                place: place(expr, &envelope.error),
                kind: envelope.error_type,
                text: envelope.error,
            }),
            _ => Err(self.no_api()),
        }
    }

    /// The data of an envelope, read as a value of a known shape.
    ///
    /// # Errors
    /// The data have another shape.
    pub fn read<'a, T: serde::Deserialize<'a>>(&self, envelope: &Envelope<'a>) -> Result<T, QueryError> {
        let data = envelope.data.map_or("null", |data| data.get());
        serde_json::from_str(data).map_err(|_| self.no_api())
    }

    fn no_api(&self) -> QueryError {
        let text = String::from_utf8_lossy(&self.body);
        let line: String =
            text.trim().chars().take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let shown = if line.is_empty() { String::new() } else { format!(": {line}") };
        QueryError::NoApi { url: self.url.clone(), status: self.status, shown }
    }
}

fn load(file: &Path) -> Result<HttpClientConfig, QueryError> {
    HttpClientConfig::load(file).map_err(|error| QueryError::Config(error.to_string()))
}

/// The address without a slash at its end, with a scheme.
fn base(server: &str) -> Result<String, QueryError> {
    let bad = || QueryError::Address(server.to_owned());
    let full = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let uri: Uri = full.parse().map_err(|_| bad())?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
    let authority = uri.authority().filter(|authority| !authority.host().is_empty());
    match (scheme, authority, uri.query()) {
        (Some(scheme), Some(authority), None) => {
            Ok(format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/')))
        }
        _ => Err(bad()),
    }
}

/// The part of the expression that an error text like `1:5: parse error: …` names.
fn place(expr: &str, text: &str) -> String {
    let Some((before, _)) = text.split_once(": parse error") else { return String::new() };
    let mut numbers =
        before.rsplit(|c: char| !c.is_ascii_digit() && c != ':').next().unwrap_or_default().split(':').rev();
    let column = numbers.next().and_then(|n| n.parse::<usize>().ok());
    let line = numbers.next().and_then(|n| n.parse::<usize>().ok());
    match (line, column) {
        (Some(line), Some(column)) if !expr.is_empty() => {
            let at = offset(expr, line, column);
            format!("\n{}", excerpt(expr, at..at, "  ").trim_end())
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_no_scheme_and_may_have_a_path() {
        for (server, want) in [
            ("http://h:9090", Some("http://h:9090")),
            ("h:9090", Some("http://h:9090")),
            ("localhost", Some("http://localhost")),
            ("https://h/prom/", Some("https://h/prom")),
            ("", None),
            ("ftp://h", None),
            ("http://", None),
            ("http://h/?x=1", None),
        ] {
            assert_eq!(base(server).ok().as_deref(), want, "{server}");
        }
    }

    #[test]
    fn a_parse_error_shows_its_place() {
        let text = "invalid parameter \"query\": 2:3: parse error: unexpected end of input";
        assert_eq!(place("a\nb +", text), "\n  b +\n    ^");
        assert_eq!(place("a", "something else"), "");
        assert_eq!(place("", "1:1: parse error: x"), "");
    }
}
