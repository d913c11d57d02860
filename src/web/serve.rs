//! Listens and serves connections, a bounded number at a time, until the server stops.

use super::front::Front;
use super::respond::Reply;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

/// How long requests that are under way may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest request head, bytes: room for a long query in the URL.
const HEAD_MAX: usize = 1 << 20;

/// The other end of the connection that a request came on.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves the listeners until `stop` turns true, then waits for what is under way.
pub async fn serve(front: Arc<Front>, listeners: Vec<TcpListener>, stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(front.options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let tasks: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(accept(front.clone(), listener, slots.clone(), stop.clone())))
        .collect();
    for task in tasks {
        // A listener's task ends with the stop; a panic in it was logged by the hook.
        let _ = task.await;
    }
}

async fn accept(
    front: Arc<Front>,
    listener: TcpListener,
    slots: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(front.options.read_timeout)
        .max_buf_size(HEAD_MAX);
    server.http2().timer(TokioTimer::new());
    let server = Arc::new(server);
    let graceful = GracefulShutdown::new();
    loop {
        // A closed semaphore cannot happen: nobody closes it.
        let Ok(slot) = slots.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: give others time to close theirs.
                debug!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        front.telemetry.web.accepted.add(1);
        let (front, server, watcher) = (front.clone(), server.clone(), graceful.watcher());
        tokio::spawn(async move {
            connection(&front, &server, watcher, stream, Peer(peer)).await;
            front.telemetry.web.closed.add(1);
            drop(slot);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
}

/// Waits until the server is to stop, or nobody is left to say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection(
    front: &Arc<Front>,
    server: &auto::Builder<TokioExecutor>,
    watcher: Watcher,
    stream: TcpStream,
    peer: Peer,
) {
    // Answers are written in large pieces; waiting for more bytes only adds latency.
    let _ = stream.set_nodelay(true);
    if !front.guard.as_ref().is_some_and(|guard| guard.has_tls()) {
        return converse(front, server, watcher, stream, peer).await;
    }
    match tokio::time::timeout(HANDSHAKE, shake_hands(front, stream)).await {
        Ok(Ok(stream)) => converse(front, server, watcher, stream, peer).await,
        Ok(Err(error)) => debug!(peer = %peer.0, error, "TLS handshake error"),
        Err(_) => debug!(peer = %peer.0, "TLS handshake timed out"),
    }
}

async fn shake_hands(front: &Front, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
    let guard = front.guard.as_ref().ok_or("TLS config is not present")?;
    let acceptor = TlsAcceptor::from(guard.handshake().await?);
    acceptor.accept(stream).await.map_err(|e| e.to_string())
}

async fn converse<S>(
    front: &Arc<Front>,
    server: &auto::Builder<TokioExecutor>,
    watcher: Watcher,
    stream: S,
    peer: Peer,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let front = front.clone();
    let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        let front = front.clone();
        request.extensions_mut().insert(peer);
        async move { Ok::<_, Infallible>(answer(front, request).await) }
    });
    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        debug!(error, "connection ended");
    }
}

/// Answers a request, if the web configuration lets it in.
async fn answer(front: Arc<Front>, request: http::Request<hyper::body::Incoming>) -> Reply {
    let Some(guard) = front.guard.clone() else { return front.route(request).await };
    let path = request.uri().path();
    let path = path.strip_prefix(front.options.route_prefix.as_str()).unwrap_or(path);
    match guard.admit(request.method(), path, request.headers()).await {
        Ok(loaded) => loaded.dress(front.route(request).await),
        Err(refused) => refused,
    }
}
