//! Servers on loopback for tests.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// A JSON answer.
pub fn json(text: impl Into<String>) -> Response<Full<Bytes>> {
    let response = Response::builder().header("content-type", "application/json");
    response.body(Full::new(Bytes::from(text.into()))).unwrap()
}

/// An answer with a status.
pub fn status(status: u16, text: &str) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(Bytes::from(text.to_owned()))).unwrap()
}

/// Answers the requests of one connection.
pub async fn answer<F, A>(stream: impl AsyncRead + AsyncWrite + Unpin, handler: F)
where
    F: Fn(Request<Bytes>) -> A,
    A: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(|request: Request<hyper::body::Incoming>| async {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(handler(Request::from_parts(parts, body)).await)
    });
    // A client that goes away is no fault of the server's.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A server on loopback; returns its address, `127.0.0.1:port`.
pub async fn serve<F, A>(handler: F) -> String
where
    F: Fn(Request<Bytes>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    F: Sync,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let handler = handler.clone();
            tokio::spawn(async move { answer(stream, handler).await });
        }
    });
    address
}

/// A server that knows some paths (with or without their query) and the JSON behind them; others are a 404.
pub async fn serve_paths(paths: &'static [(&'static str, &'static str)]) -> String {
    serve(move |request: Request<Bytes>| async move {
        let whole = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let found = paths.iter().find(|(path, _)| *path == whole || *path == request.uri().path());
        found.map_or_else(|| status(404, ""), |(_, body)| json(*body))
    })
    .await
}
