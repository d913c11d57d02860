//! Listens and serves connections, a bounded number at a time, until the server stops.

use super::app::App;
use super::router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::debug;

/// How long requests that are under way may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// Longest request head, bytes: room for a long query in the URL.
const HEAD_MAX: usize = 1 << 20;

/// The other end of the connection that a request came on.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves the listeners until `stop` turns true, then waits for what is under way.
pub async fn serve(app: Arc<App>, listeners: Vec<TcpListener>, stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(app.options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let tasks: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(accept(app.clone(), listener, slots.clone(), stop.clone())))
        .collect();
    for task in tasks {
        // A listener's task ends with the stop; a panic in it was logged by the hook.
        let _ = task.await;
    }
}

async fn accept(
    app: Arc<App>,
    listener: TcpListener,
    slots: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(app.options.read_timeout)
        .max_buf_size(HEAD_MAX);
    server.http2().timer(TokioTimer::new());
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
        connection(&app, &server, &graceful, (stream, Peer(peer)), slot);
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

fn connection(
    app: &Arc<App>,
    server: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    (stream, peer): (TcpStream, Peer),
    slot: OwnedSemaphorePermit,
) {
    // Answers are written in large pieces; waiting for more bytes only adds latency.
    let _ = stream.set_nodelay(true);
    let app = app.clone();
    let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        let app = app.clone();
        request.extensions_mut().insert(peer);
        async move { Ok::<_, Infallible>(router::route(app, request).await) }
    });
    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            debug!(error, "connection ended");
        }
        drop(slot);
    });
}
