//! Requests with the settings of a section of the configuration.

use super::connect::{BoxError, Connector, Route, Stream};
use super::oauth2::Tokens;
use super::tls::client_config;
use crate::settings::HttpClientConfig;
use crate::settings::http::{Source, TlsConfig};
use crate::telemetry::dial::{DIALS, Dialer};
use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tower_service::Service;

/// Redirects that are followed, as in Go.
const REDIRECTS_MAX: usize = 10;
/// Idle connections are kept for this long.
const IDLE: Duration = Duration::from_secs(300);
/// A connection of HTTP/2 that is silent for this long while it is used is asked whether it lives …
const PING: Duration = Duration::from_secs(60);
/// … and closed without an answer within this.
const PONG: Duration = Duration::from_secs(15);

/// A request that brought no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(String),
    /// A secret's file cannot be read.
    #[error("unable to read {what} file {path}: {source}")]
    Secret {
        /// What it holds.
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A header cannot be sent, or a URL is none.
    #[error("{0}")]
    Invalid(String),
    /// The server cannot be reached, or hung up.
    #[error("{0}")]
    Transport(String),
    /// The token server gives no token.
    #[error("{0}")]
    Token(String),
    /// Redirects go round.
    #[error("stopped after {REDIRECTS_MAX} redirects")]
    Redirects,
}

/// A client for one section. Connections are kept and shared.
pub struct HttpClient {
    config: HttpClientConfig,
    route: Arc<Route>,
    dialer: Dialer,
    tokens: Option<Tokens>,
    built: ArcSwap<Built>,
}

/// Secrets stay out of sight.
impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

struct Built {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
    /// The TLS files and when they had changed last.
    stamps: Vec<(PathBuf, Option<SystemTime>)>,
}

impl HttpClient {
    /// A client; reads the TLS files. Its connections are counted under a name.
    ///
    /// # Errors
    /// The TLS settings cannot be used.
    pub fn new(name: &str, config: &HttpClientConfig) -> Result<Self, HttpError> {
        let route = Arc::new(Route::new(&config.proxy)?);
        let tokens = config.oauth2.as_deref().map(Tokens::new).transpose()?;
        let dialer = DIALS.of(name);
        let built = ArcSwap::from_pointee(Built::new(config, (&route, &dialer))?);
        Ok(Self { config: config.clone(), route, dialer, tokens, built })
    }

    /// Gets a URL, with redirects where the configuration allows them.
    ///
    /// # Errors
    /// No answer. An answer with an error status is an answer.
    pub async fn get(&self, url: &Uri, headers: &HeaderMap) -> Result<Response<Incoming>, HttpError> {
        self.request(&Method::GET, url, headers, &Bytes::new()).await
    }

    /// Posts a form (already encoded) to a URL. Only redirects that keep the form are followed.
    ///
    /// # Errors
    /// No answer. An answer with an error status is an answer.
    pub async fn post_form(
        &self,
        url: &Uri,
        headers: &HeaderMap,
        form: String,
    ) -> Result<Response<Incoming>, HttpError> {
        let mut headers = headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.post(url, &headers, Bytes::from(form)).await
    }

    /// Posts a body, whose type is among the headers. Only redirects that keep the body are followed.
    ///
    /// # Errors
    /// No answer. An answer with an error status is an answer.
    pub async fn post(
        &self,
        url: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, HttpError> {
        self.request(&Method::POST, url, headers, &body).await
    }

    /// Sends a request. Only redirects that keep the method and the body are followed.
    ///
    /// # Errors
    /// No answer. An answer with an error status is an answer.
    pub async fn request(
        &self,
        method: &Method,
        url: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Response<Incoming>, HttpError> {
        self.follow(method, (url, url.clone(), 0), headers, body).await
    }

    /// Sends a request that was meant for `first`, and was led to `url` after `sent` requests.
    pub(super) async fn follow(
        &self,
        method: &Method,
        (first, mut url, sent): (&Uri, Uri, usize),
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Response<Incoming>, HttpError> {
        let built = self.current().await?;
        for _ in sent..REDIRECTS_MAX {
            let trusted = same_host(first.authority(), url.authority());
            let mut request = self.prepare(&url, headers, trusted).await?;
            *request.method_mut() = method.clone();
            *request.body_mut() = Full::new(body.clone());
            let response = built.client.request(request).await.map_err(|e| transport(&url, &e))?;
            match redirect(&url, &response) {
                Some(next) if self.follows_redirects() && keeps(method, response.status()) => url = next?,
                _ => return Ok(response),
            }
        }
        Err(HttpError::Redirects)
    }

    pub(super) fn follows_redirects(&self) -> bool {
        self.config.follow_redirects
    }

    pub(super) fn is_proxied(&self, url: &Uri) -> bool {
        self.route.proxy(url).is_some()
    }

    /// A connection to the server of a URL, without TLS.
    pub(super) async fn dial(&self, url: &Uri) -> Result<Stream, BoxError> {
        let mut connector = Connector::new(tcp(), self.route.clone(), self.dialer.clone());
        poll_fn(|cx| connector.poll_ready(cx)).await?;
        connector.call(url.clone()).await
    }

    /// The client as its TLS files have it now.
    async fn current(&self) -> Result<Arc<Built>, HttpError> {
        let built = self.built.load_full();
        if built.stamps.is_empty() {
            return Ok(built);
        }
        let (config, route, dialer) = (self.config.clone(), self.route.clone(), self.dialer.clone());
        let task = tokio::task::spawn_blocking(move || {
            if built.stamps.iter().all(|(path, stamp)| changed_at(path) == *stamp) {
                return Ok(built);
            }
            Built::new(&config, (&route, &dialer)).map(Arc::new)
        });
        let built = task.await.map_err(|e| HttpError::Transport(e.to_string()))??;
        self.built.store(built.clone());
        Ok(built)
    }

    pub(super) async fn prepare(
        &self,
        url: &Uri,
        headers: &HeaderMap,
        trusted: bool,
    ) -> Result<Request<Full<Bytes>>, HttpError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = url.clone();
        *request.headers_mut() = headers.clone();
        // Another host must not learn what was meant for the first one.
        if trusted {
            for (name, sources) in &self.config.headers {
                let name =
                    HeaderName::try_from(name.as_str()).map_err(|e| HttpError::Invalid(e.to_string()))?;
                for source in sources {
                    let value = header_value(&secret(source, "header").await?)?;
                    request.headers_mut().append(name.clone(), value);
                }
            }
            // Who brings an authorization of his own keeps it.
            if !headers.contains_key(header::AUTHORIZATION)
                && let Some(value) = match self.authorization().await? {
                    Some(value) => Some(value),
                    None => authorization_of(url)?,
                }
            {
                request.headers_mut().insert(header::AUTHORIZATION, value);
            }
        } else {
            request.headers_mut().remove(header::AUTHORIZATION);
        }
        // A tunnel is asked for with these; without one each request has to bring them.
        if url.scheme_str() != Some("https")
            && let Some(auth) = self.route.proxy(url).as_ref().and_then(|proxy| proxy.basic_auth())
        {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, auth.clone());
        }
        Ok(request)
    }

    async fn authorization(&self) -> Result<Option<HeaderValue>, HttpError> {
        if let Some(tokens) = &self.tokens {
            return Ok(Some(tokens.authorization().await?));
        }
        let text = if let Some(auth) = &self.config.basic_auth {
            let user = secret(&auth.username, "basic auth username").await?;
            let password = secret(&auth.password, "basic auth password").await?;
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        } else if let Some(auth) = &self.config.authorization {
            let credentials = secret(&auth.credentials, "authorization credentials").await?;
            format!("{} {credentials}", auth.scheme)
        } else {
            return Ok(None);
        };
        Ok(Some(header_value(&text)?))
    }
}

impl Built {
    fn new(config: &HttpClientConfig, (route, dialer): (&Arc<Route>, &Dialer)) -> Result<Self, HttpError> {
        let tls = client_config(&config.tls)?;
        let stamps = tls_files(&config.tls).map(|path| (path.clone(), changed_at(path))).collect();
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let builder = if config.tls.server_name.is_empty() {
            builder
        } else {
            let name = ServerName::try_from(config.tls.server_name.clone())
                .map_err(|e| HttpError::Tls(format!("invalid server_name: {e}")))?;
            builder.with_server_name_resolver(FixedServerNameResolver::new(name))
        };
        let connector = Connector::new(tcp(), route.clone(), dialer.clone());
        let connector = if config.enable_http2 {
            builder.enable_http1().enable_http2().wrap_connector(connector)
        } else {
            builder.enable_http1().wrap_connector(connector)
        };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PONG)
            .build(connector);
        Ok(Self { client, stamps })
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp
}

fn tls_files(config: &TlsConfig) -> impl Iterator<Item = &PathBuf> {
    [&config.ca, &config.cert, &config.key].into_iter().flatten().filter_map(|source| match source {
        Source::File(path) => Some(path),
        Source::Inline(_) => None,
    })
}

fn changed_at(path: &std::path::Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// A secret; a file's is read anew each time, since whoever rotates it only replaces the file.
///
/// # Errors
/// The file cannot be read; `what` says what it should hold.
pub async fn secret(source: &Source, what: &'static str) -> Result<String, HttpError> {
    match source {
        Source::Inline(text) => Ok(text.reveal().to_owned()),
        Source::File(path) => {
            let text = tokio::fs::read_to_string(path).await.map_err(|source| HttpError::Secret {
                what,
                path: path.display().to_string(),
                source,
            })?;
            Ok(text.trim().to_owned())
        }
    }
}

/// A header whose value is nobody else's business.
pub(super) fn header_value(text: &str) -> Result<HeaderValue, HttpError> {
    let invalid = |_| HttpError::Invalid("invalid header field value".to_owned());
    let mut value = HeaderValue::try_from(text).map_err(invalid)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Host and port of a URL, without user and password.
pub(super) fn host_of(url: &Uri) -> &str {
    url.authority().map_or("", |authority| authority.as_str().rsplit('@').next().unwrap_or_default())
}

/// The same host, or a host below it.
fn same_host(first: Option<&Authority>, now: Option<&Authority>) -> bool {
    match (first, now) {
        (Some(first), Some(now)) => {
            now.host() == first.host() || now.host().ends_with(&format!(".{}", first.host()))
        }
        _ => false,
    }
}

/// Whether a redirect keeps the method and with it the body.
fn keeps(method: &Method, status: StatusCode) -> bool {
    const KEEPING: [StatusCode; 2] = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT];
    *method == Method::GET || KEEPING.contains(&status)
}

/// What the user and the password in a URL stand for.
fn authorization_of(url: &Uri) -> Result<Option<HeaderValue>, HttpError> {
    let Some((user, _)) = url.authority().and_then(|authority| authority.as_str().rsplit_once('@')) else {
        return Ok(None);
    };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let text: Vec<u8> = percent_decode_str(user)
        .chain(percent_encoding::percent_decode(b":"))
        .chain(percent_decode_str(password))
        .collect();
    header_value(&format!("Basic {}", STANDARD.encode(text))).map(Some)
}

/// Where a redirect leads.
pub(super) fn redirect(url: &Uri, response: &Response<Incoming>) -> Option<Result<Uri, HttpError>> {
    const STATUSES: [StatusCode; 5] = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !STATUSES.contains(&response.status()) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    Some(
        resolve(url, location)
            .ok_or_else(|| HttpError::Invalid(format!("invalid Location header \"{location}\""))),
    )
}

/// A reference against the URL that it came from.
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let uri: Uri = location.parse().ok()?;
    if uri.scheme().is_some() {
        return Some(uri);
    }
    let mut parts = base.clone().into_parts();
    let path = match uri.path_and_query() {
        Some(path) if location.starts_with('/') => path.clone(),
        _ => {
            let dir = base.path().rsplit_once('/').map_or("", |(dir, _)| dir);
            format!("{dir}/{location}").parse().ok()?
        }
    };
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

/// What went wrong, in the words that Go has for the usual cases.
pub(super) fn transport(url: &Uri, error: &(dyn std::error::Error + 'static)) -> HttpError {
    let mut deepest = error;
    let mut io = error.downcast_ref::<std::io::Error>();
    while let Some(source) = deepest.source() {
        deepest = source;
        io = io.or_else(|| deepest.downcast_ref::<std::io::Error>());
    }
    let host = host_of(url);
    let text = match io.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::ConnectionRefused) => {
            format!("dial tcp {host}: connect: connection refused")
        }
        Some(std::io::ErrorKind::ConnectionReset) => "read: connection reset by peer".to_owned(),
        Some(std::io::ErrorKind::UnexpectedEof) => "EOF".to_owned(),
        _ if deepest.to_string().contains("message completed") => "EOF".to_owned(),
        _ => deepest.to_string(),
    };
    HttpError::Transport(text)
}

#[cfg(test)]
mod tests;
