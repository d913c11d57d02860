//! Connections: straight to the server, or through a proxy.

use super::client::HttpError;
use crate::settings::proxy::Proxy;
use crate::telemetry::dial::{Dial, DialFailure, Dialer};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower_service::Service;

/// Why there is no connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Which servers are reached through which proxy.
pub struct Route {
    matcher: Option<Matcher>,
    /// The machine itself is reached directly, as whoever sets proxies in the environment expects.
    spare_loopback: bool,
    connect_headers: HeaderMap,
}

impl Route {
    /// As the proxy fields say.
    ///
    /// # Errors
    /// A header cannot be sent.
    pub fn new(proxy: &Proxy) -> Result<Self, HttpError> {
        let invalid = |_| HttpError::Invalid("invalid proxy_connect_header".to_owned());
        let mut connect_headers = HeaderMap::new();
        for (name, values) in &proxy.connect_headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|e| HttpError::Invalid(e.to_string()))?;
            for value in values {
                let value = HeaderValue::try_from(value.reveal()).map_err(invalid)?;
                connect_headers.append(name.clone(), value);
            }
        }
        let matcher = if proxy.from_environment {
            let variable = |name: &str| {
                let found = std::env::var(name).or_else(|_| std::env::var(name.to_lowercase()));
                found.unwrap_or_default()
            };
            let (http, https) = (variable("HTTP_PROXY"), variable("HTTPS_PROXY"));
            Some(Matcher::builder().http(http).https(https).no(variable("NO_PROXY")).build())
        } else if proxy.url.is_empty() {
            None
        } else {
            Some(Matcher::builder().all(proxy.url.reveal()).no(proxy.none_for.clone()).build())
        };
        let spare_loopback = proxy.from_environment || !proxy.none_for.is_empty();
        Ok(Self { matcher, spare_loopback, connect_headers })
    }

    /// The proxy for a server, if it is not reached directly.
    #[must_use]
    pub fn proxy(&self, uri: &Uri) -> Option<Intercept> {
        let matcher = self.matcher.as_ref()?;
        if self.spare_loopback && uri.host().is_some_and(is_loopback) {
            return None;
        }
        matcher.intercept(uri)
    }
}

fn is_loopback(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Connects along a route.
#[derive(Clone)]
pub struct Connector {
    tcp: HttpConnector,
    route: Arc<Route>,
    dialer: Dialer,
}

impl Connector {
    /// A connector whose connections are counted.
    #[must_use]
    pub fn new(tcp: HttpConnector, route: Arc<Route>, dialer: Dialer) -> Self {
        Self { tcp, route, dialer }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let (tcp, route) = (self.tcp.clone(), self.route.clone());
        let mut dial = self.dialer.attempt();
        Box::pin(async move {
            match connect(tcp, &route, server).await {
                Ok((tcp, to_proxy)) => {
                    dial.establish();
                    Ok(Stream { tcp, to_proxy, _dial: dial })
                }
                Err(error) => {
                    dial.fail(failure(&*error));
                    Err(error)
                }
            }
        })
    }
}

/// A connection to a server, and whether a proxy that has to be told about requests is at its end.
async fn connect(
    mut tcp: HttpConnector,
    route: &Route,
    server: Uri,
) -> Result<(TokioIo<TcpStream>, bool), BoxError> {
    let Some(proxy) = route.proxy(&server) else { return Ok((tcp.call(server).await?, false)) };
    if server.scheme_str() != Some("https") {
        return Ok((tcp.call(proxy.uri().clone()).await?, true));
    }
    let mut tunnel = Tunnel::new(proxy.uri().clone(), tcp).with_headers(route.connect_headers.clone());
    if let Some(auth) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(auth.clone());
    }
    Ok((tunnel.call(server).await?, false))
}

/// Why there is no connection. What the client's library says of a name is only in its text.
fn failure(error: &(dyn std::error::Error + 'static)) -> DialFailure {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return DialFailure::Refused,
            Some(io::ErrorKind::TimedOut) => return DialFailure::Timeout,
            _ if error.to_string().starts_with("dns error") => return DialFailure::Resolution,
            _ => next = error.source(),
        }
    }
    DialFailure::Unknown
}

/// A connection.
pub struct Stream {
    tcp: TokioIo<TcpStream>,
    /// The other side is a proxy that wants to be told whom each request is for.
    to_proxy: bool,
    /// Counted as closed when it goes.
    _dial: Dial,
}

impl Stream {
    /// Whether the other side has neither closed the connection nor said anything.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let read = self.tcp.inner().try_read(&mut [0]);
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.tcp.inner().connected().proxy(self.to_proxy)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Secret;

    #[test]
    fn some_servers_are_reached_directly() {
        let proxy = Proxy {
            url: Secret::new("http://user:pass@proxy:3128"),
            none_for: "example.com, 10.0.0.0/8".to_owned(),
            ..Proxy::default()
        };
        let route = Route::new(&proxy).unwrap();
        let proxied = |route: &Route, url: &str| {
            let found = route.proxy(&url.parse().unwrap());
            found.map(|proxy| (proxy.uri().to_string(), proxy.basic_auth().is_some()))
        };
        let through = Some(("http://proxy:3128/".to_owned(), true));
        for (url, want) in [
            ("http://other.org/x", &through),
            ("https://other.org:8443/x", &through),
            ("http://example.com/", &None),
            ("http://sub.example.com/", &None),
            ("http://10.1.2.3:9100/", &None),
            ("http://127.0.0.1:9100/", &None),
            ("http://localhost/", &None),
        ] {
            assert_eq!(&proxied(&route, url), want, "{url}");
        }
        let all = Route::new(&Proxy { none_for: String::new(), ..proxy }).unwrap();
        assert_eq!(proxied(&all, "http://127.0.0.1:9100/"), through);
        assert_eq!(proxied(&Route::new(&Proxy::default()).unwrap(), "http://other.org/x"), None);
    }
}
