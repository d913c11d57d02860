//! What is served from the first moment on, while the database is still being opened: that there is a server, that it
//! is not ready, and its own metrics. Afterwards everything goes to the router.

use super::api::Answer;
use super::app::{App, WebOptions};
use super::body::{Body, Watch};
use super::encode::Encoding;
use super::guard::Guard;
use super::notifications::Notifications;
use super::respond::{self, EXPOSITION, JSON, Reply, TEXT};
use super::{api, router, ui};
use crate::host;
use crate::telemetry::Telemetry;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use narthex_storage::ReplayProgress;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// What is there before the database is.
pub struct Front {
    /// Settings.
    pub options: WebOptions,
    /// The server's own metrics.
    pub telemetry: Arc<Telemetry>,
    /// This host's metrics.
    pub host: Arc<host::Collector>,
    /// Who may ask what; without it anybody may ask everything.
    pub guard: Option<Arc<Guard>>,
    /// What an administrator should know.
    pub notifications: Arc<Notifications>,
    replay: Arc<ReplayProgress>,
    app: OnceLock<Arc<App>>,
}

impl Front {
    /// Nothing but the front.
    #[must_use]
    pub fn new(
        options: WebOptions,
        telemetry: Arc<Telemetry>,
        guard: Option<Arc<Guard>>,
        notifications: Arc<Notifications>,
        replay: Arc<ReplayProgress>,
    ) -> Self {
        let host = Arc::new(host::Collector::new(host::HostPaths::default()));
        Self { options, telemetry, host, guard, notifications, replay, app: OnceLock::new() }
    }

    /// From now on the app answers.
    pub fn open(&self, app: Arc<App>) {
        // A second app would be a second database.
        let _ = self.app.set(app);
    }

    /// Answers one request.
    pub async fn route<B>(self: &Arc<Self>, request: Request<B>) -> Reply
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Some(app) = self.app.get() {
            return router::route(app.clone(), request).await;
        }
        let begin = Instant::now();
        let path = request.uri().path();
        let path = path.strip_prefix(self.options.route_prefix.as_str()).unwrap_or(path).to_owned();
        let encoding = Encoding::negotiate(request.headers().get(header::ACCEPT_ENCODING));
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut reply = match (path.starts_with("/api/"), request.method()) {
            (true, &Method::OPTIONS) => respond::empty(StatusCode::NO_CONTENT),
            _ => self.early(&path, reads, encoding).await,
        };
        if path.starts_with("/api/") {
            router::cors(&self.options, origin.as_ref(), reply.headers_mut());
        }
        if *request.method() == Method::HEAD {
            *reply.body_mut() = Body::default();
        }
        let handler = router::handler_name(&path);
        self.telemetry.web.request(handler, reply.status().as_u16());
        reply.map(|body| Body::Watched(Box::new(body), Watch::new(self.telemetry.clone(), handler, begin)))
    }

    async fn early(self: &Arc<Self>, path: &str, reads: bool, encoding: Option<Encoding>) -> Reply {
        match path {
            "/-/healthy" if reads => router::healthy(),
            "/metrics" if reads => self.page(encoding, |front| front.telemetry.render(None)).await,
            "/host/metrics" if reads => {
                let collect = |front: &Self| {
                    let mut page = String::new();
                    front.host.collect(&mut page);
                    page
                };
                self.page(encoding, collect).await
            }
            "/api/v1/status/walreplay" if reads => {
                data(api::status::replay_of(self.replay.state()), encoding)
            }
            "/api/v1/notifications" if reads => {
                data(api::status::notifications_of(&self.notifications), encoding)
            }
            "/api/v1/notifications/live" if reads => self.notifications.live(),
            _ if path.starts_with("/api/") || path.starts_with("/-/") => starting(),
            _ if reads => {
                ui::serve(self.options.ui_dir.as_ref(), path, encoding).await.unwrap_or_else(starting)
            }
            _ => starting(),
        }
    }

    async fn page(self: &Arc<Self>, encoding: Option<Encoding>, render: fn(&Self) -> String) -> Reply {
        let front = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            respond::packed(StatusCode::OK, EXPOSITION, render(&front).into_bytes(), encoding)
        });
        task.await.unwrap_or_else(|_| respond::worker_failed())
    }
}

fn data(answer: Answer, encoding: Option<Encoding>) -> Reply {
    respond::packed(StatusCode::OK, JSON, answer.body(), encoding)
}

fn starting() -> Reply {
    let mut reply = respond::reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, "Service Unavailable");
    reply.headers_mut().insert("x-prometheus-stopping", HeaderValue::from_static("false"));
    reply
}
