//! One table of routes, and what is done around every request: prefix, phase, CORS, time, encoding.

use super::api::{self, ApiError, ErrorKind, Handled};
use super::app::{App, Control, Phase, WebOptions};
use super::body::{Body, Watch};
use super::encode::Encoding;
use super::input::{collect, form, json_or_form};
use super::origin;
use super::params::Params;
use super::respond::{self, EXPOSITION, HTML, JSON, Reply, TEXT, worker_failed};
use super::serve::Peer;
use super::{batch, json::Json, page, run, ui};
use crate::query::registry::{Client, Kind};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use narthex_storage::labels::quote;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use tokio::sync::oneshot;

/// Longest packed remote-write request, bytes.
const WRITE_MAX: usize = 64 << 20;

type Simple = fn(&App, &Params) -> Handled;

/// Endpoints of `/api/v1` that only read: path, whether POST works too, handler.
const SIMPLE: &[(&str, bool, Simple)] = &[
    ("alertmanagers", false, |app, _| api::alertmanagers::all(app)),
    ("alerts", false, api::rules::alerts),
    ("features", false, api::features::features),
    ("format_query", true, api::parse::format),
    ("labels", true, api::labels::names),
    ("metadata", false, api::metadata::by_metric),
    ("narthex/cardinality", false, api::cardinality::cardinality),
    ("narthex/queries/active", false, api::queries::active),
    ("narthex/flags", false, api::status::changed_flags),
    ("narthex/queries/top", false, api::queries::top),
    ("narthex/storage/damage", false, api::storage::damage),
    ("parse_query", true, api::parse::parse),
    ("query_exemplars", true, api::exemplars::exemplars),
    ("rules", false, api::rules::rules),
    ("notifications", false, api::status::notifications),
    ("scrape_pools/config", false, api::targets::pool_yaml),
    ("scrape_pools", false, |app, _| api::targets::pools(app)),
    ("series", true, api::labels::series),
    ("status/buildinfo", false, api::status::buildinfo),
    ("status/config", false, api::status::config),
    ("status/flags", false, api::status::flags),
    ("status/runtimeinfo", false, api::status::runtimeinfo),
    ("status/tsdb", false, api::status::tsdb),
    ("status/tsdb/blocks", false, api::status::blocks),
    ("status/walreplay", false, api::status::walreplay),
    ("targets", false, api::targets::all),
    ("targets/relabel_steps", false, api::targets::relabel_steps),
    ("targets/metadata", false, api::metadata::by_target),
];

type Act = fn(&App, &Params) -> api::admin::Acted;

/// Endpoints that act on the stored data, for administrators.
const ADMIN: &[(&str, Act)] = &[
    ("admin/tsdb/clean_tombstones", api::admin::clean_tombstones),
    ("admin/tsdb/delete_series", api::admin::delete_series),
    ("admin/tsdb/snapshot", api::admin::snapshot),
];

/// Endpoints that run as queries do.
const QUERIES: &[(&str, Kind)] = &[
    ("query", Kind::Instant),
    ("query_range", Kind::Range),
    ("narthex/explain", Kind::Explain),
    ("narthex/samples", Kind::Samples),
];

/// Runs the engine too, and takes a JSON object as well as a form.
const BACKTEST: &str = "narthex/rules/backtest";

/// Runs many queries.
const BATCH: &str = "narthex/batch";

/// Asks a target for its page, for administrators.
const TRY: &str = "narthex/targets/try";

/// Tells for as long as the client listens.
const LIVE: &str = "notifications/live";

/// Below it, by its number, every query that runs.
const ACTIVE: &str = "narthex/queries/active/";

/// Endpoints of Prometheus that this server does not have yet.
const NOT_YET_SERVED: &[&str] = &[
    "openapi.yaml",
    "otlp/v1/metrics",
    "read",
    "search/label_names",
    "search/label_values",
    "search/metric_names",
    "status/self_metrics",
];

/// Answers one request.
pub async fn route<B>(app: Arc<App>, request: Request<B>) -> Reply
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let begin = Instant::now();
    let (parts, body) = request.into_parts();
    let prefix = app.options.route_prefix.clone();
    let Some(path) = parts.uri.path().strip_prefix(prefix.as_str()).filter(|p| p.starts_with('/')) else {
        // The bare root leads to the prefix; nothing else exists outside of it.
        return if parts.uri.path() == "/" || parts.uri.path() == prefix {
            respond::redirect(&format!("{prefix}/"))
        } else {
            not_found()
        };
    };
    let path = path.to_owned();
    let origin = parts.headers.get(header::ORIGIN).cloned();
    let head = parts.method == Method::HEAD;
    let mut reply = match path.strip_prefix("/api/v1/") {
        Some(endpoint) => {
            let mut reply = api_route(&app, endpoint, parts, body).await;
            cors(&app.options, origin.as_ref(), reply.headers_mut());
            reply
        }
        None => plain_route(&app, &path, parts).await,
    };
    if head {
        *reply.body_mut() = Body::default();
    }
    let handler = handler_name(&path);
    app.telemetry.web.request(handler, reply.status().as_u16());
    reply.map(|body| Body::Watched(Box::new(body), Watch::new(app.telemetry.clone(), handler, begin)))
}

/// The names of all routes in the server's own metrics.
static HANDLERS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    const PLAIN: &[&str] =
        &["/", "/metrics", "/host/metrics", "/version", "/-/healthy", "/-/ready", "/-/reload", "/-/quit"];
    const MORE: &[&str] =
        &["label/:name/values", "narthex/queries/active/:id", BACKTEST, BATCH, TRY, LIVE, "write"];
    let simple = SIMPLE.iter().map(|(path, _, _)| *path);
    let endpoints = simple
        .chain(ADMIN.iter().map(|(path, _)| *path))
        .chain(QUERIES.iter().map(|(path, _)| *path))
        .chain(MORE.iter().copied());
    let endpoints = endpoints.map(|path| format!("/api/v1/{path}"));
    endpoints.chain(PLAIN.iter().map(|path| (*path).to_owned())).collect()
});

/// The names of all routes in the server's own metrics.
pub fn handlers() -> impl Iterator<Item = &'static str> {
    HANDLERS.iter().map(String::as_str)
}

/// The route's name in the server's own metrics: bounded, whatever clients ask for.
pub(super) fn handler_name(path: &str) -> &'static str {
    let name = match path.strip_prefix("/api/v1/") {
        Some(endpoint) if endpoint.starts_with("label/") => "/api/v1/label/:name/values",
        Some(endpoint) if endpoint.starts_with(ACTIVE) => "/api/v1/narthex/queries/active/:id",
        _ => path,
    };
    HANDLERS.get(name).map_or("/*", String::as_str)
}

fn not_found() -> Reply {
    respond::reply(StatusCode::NOT_FOUND, TEXT, "404 page not found\n")
}

fn unavailable(app: &App) -> Reply {
    let mut reply = respond::reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, "Service Unavailable");
    let stopping = if app.phase() == Phase::Stopping { "true" } else { "false" };
    reply.headers_mut().insert("x-prometheus-stopping", HeaderValue::from_static(stopping));
    reply
}

fn method_not_allowed(allow: &'static str) -> Reply {
    let mut reply = respond::reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Method Not Allowed\n");
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    reply
}

pub(super) fn cors(options: &WebOptions, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let pattern = &options.cors_origin;
    if pattern.as_str() == ".*" {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if origin.to_str().is_ok_and(|origin| pattern.is_match(origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

async fn api_route<B>(app: &Arc<App>, endpoint: &str, parts: Parts, body: B) -> Reply
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if parts.method == Method::OPTIONS {
        return respond::empty(StatusCode::NO_CONTENT);
    }
    if app.phase() != Phase::Ready && !matches!(endpoint, "status/walreplay" | "notifications" | LIVE) {
        return unavailable(app);
    }
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    let encoding = Encoding::negotiate(parts.headers.get(header::ACCEPT_ENCODING));
    let query = parts.uri.query().unwrap_or_default().to_owned();
    if endpoint == LIVE {
        return if reads { app.notifications.live() } else { method_not_allowed("GET, OPTIONS") };
    }
    if endpoint == "write" {
        if parts.method != Method::POST {
            return method_not_allowed("POST, OPTIONS");
        }
        return write(app, parts.headers, body).await;
    }
    if let Some((_, act)) = ADMIN.iter().find(|(path, _)| *path == endpoint) {
        return admin(app, &parts, &query, body, encoding, *act).await;
    }
    if endpoint == BACKTEST {
        if parts.method != Method::POST {
            return method_not_allowed("POST, OPTIONS");
        }
        return match json_or_form(&parts, &query, body).await {
            Ok(params) => run::query(app, Kind::Backtest, &params, client(&parts), encoding).await,
            Err(reply) => reply,
        };
    }
    if endpoint == BATCH {
        if parts.method != Method::POST {
            return method_not_allowed("POST, OPTIONS");
        }
        return match collect(body, batch::BODY_MAX).await {
            Ok(body) => batch::answer(app, &body, &client(&parts), encoding),
            Err(reply) => reply,
        };
    }
    if endpoint == TRY {
        return try_target(app, &parts, body, encoding).await;
    }
    if let Some((_, kind)) = QUERIES.iter().find(|(path, _)| *path == endpoint) {
        if !(reads || parts.method == Method::POST) {
            return method_not_allowed("GET, POST, OPTIONS");
        }
        return match form(&parts, &query, body).await {
            Ok(params) => run::query(app, *kind, &params, client(&parts), encoding).await,
            Err(reply) => reply,
        };
    }
    if let Some(id) = endpoint.strip_prefix(ACTIVE) {
        return end_query(app, &parts, id, encoding);
    }
    if let Some((_, post, handler)) = SIMPLE.iter().find(|(path, _, _)| *path == endpoint) {
        let posts = *post && parts.method == Method::POST;
        if !(reads || posts) {
            return method_not_allowed(if *post { "GET, POST, OPTIONS" } else { "GET, OPTIONS" });
        }
        let handler = *handler;
        return match form(&parts, &query, body).await {
            Ok(params) => blocking(app, encoding, move |app| handler(app, &params)).await,
            Err(reply) => reply,
        };
    }
    if let Some(name) = endpoint.strip_prefix("label/").and_then(|rest| rest.strip_suffix("/values")) {
        if !reads {
            return method_not_allowed("GET, OPTIONS");
        }
        let decoded = percent_encoding::percent_decode_str(name).decode_utf8().map(String::from);
        let Ok(name) = decoded else {
            return respond::api_error(&ApiError::bad_data(format!("invalid label name: {}", quote(name))));
        };
        let params = Params::parse(b"", &query);
        return blocking(app, encoding, move |app| api::labels::values(app, &params, &name)).await;
    }
    let error = if NOT_YET_SERVED.contains(&endpoint) {
        ApiError::new(ErrorKind::NotFound, format!("/api/v1/{endpoint} is not served yet by narthex"))
    } else {
        ApiError::new(ErrorKind::NotFound, format!("there is no endpoint /api/v1/{endpoint}"))
    };
    respond::api_error(&error)
}

/// Lets an administrator act, and never a page of another origin.
async fn admin<B>(
    app: &Arc<App>,
    parts: &Parts,
    query: &str,
    body: B,
    encoding: Option<Encoding>,
    act: Act,
) -> Reply
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if parts.method != Method::POST && parts.method != Method::PUT {
        return method_not_allowed("POST, PUT, OPTIONS");
    }
    if let Some(error) = refuse_to_act(app, parts, "data can only be changed from this server's own pages") {
        return respond::failed(&error, encoding);
    }
    let params = match form(parts, query, body).await {
        Ok(params) => params,
        Err(reply) => return reply,
    };
    let app = app.clone();
    let task = tokio::task::spawn_blocking(move || match act(&app, &params) {
        Ok(None) => respond::empty(StatusCode::NO_CONTENT),
        Ok(Some(answer)) => finish(Ok(answer), encoding),
        Err(error) => finish(Err(error), encoding),
    });
    task.await.unwrap_or_else(|_| worker_failed())
}

/// Why a request may not act: it comes from a page of another origin, for which `foreign` is the text, or the
/// admin API is switched off.
fn refuse_to_act(app: &App, parts: &Parts, foreign: &str) -> Option<ApiError> {
    if !origin::is_own(parts, &app.options.external_url) {
        Some(ApiError::new(ErrorKind::Forbidden, foreign))
    } else if !app.options.enable_admin_api {
        Some(ApiError::new(ErrorKind::Unavailable, "admin APIs disabled"))
    } else {
        None
    }
}

fn finish(handled: Handled, encoding: Option<Encoding>) -> Reply {
    match handled {
        Ok(answer) if answer.data.is_empty() => respond::empty(StatusCode::NO_CONTENT),
        Ok(answer) => respond::packed(StatusCode::OK, JSON, answer.body(), encoding),
        Err(error) => respond::failed(&error, encoding),
    }
}

/// Who asks, for the list of queries and their log.
fn client(parts: &Parts) -> Client {
    let address = parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical().to_string());
    let agent = parts.headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    let agent = String::from_utf8_lossy(agent);
    Client::new(address.unwrap_or_default(), &agent, parts.method.as_str(), parts.uri.path())
}

/// Ends a query: for administrators, and never for a page of another origin.
fn end_query(app: &App, parts: &Parts, id: &str, encoding: Option<Encoding>) -> Reply {
    if parts.method != Method::DELETE {
        return method_not_allowed("DELETE, OPTIONS");
    }
    let refused = refuse_to_act(app, parts, "queries can only be ended from this server's own pages");
    finish(refused.map_or_else(|| api::queries::end(app, id), Err), encoding)
}

/// Asks a target for its page now: for administrators, and never for a page of another origin.
async fn try_target<B>(app: &Arc<App>, parts: &Parts, body: B, encoding: Option<Encoding>) -> Reply
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if parts.method != Method::POST {
        return method_not_allowed("POST, OPTIONS");
    }
    if let Some(error) = refuse_to_act(app, parts, "targets can only be tried from this server's own pages") {
        return respond::failed(&error, encoding);
    }
    match collect(body, api::attempt::BODY_MAX).await {
        Ok(body) => finish(api::attempt::attempt(app, &body).await, encoding),
        Err(reply) => reply,
    }
}

/// Runs a handler where it may take its time and touch the disk.
async fn blocking(
    app: &Arc<App>,
    encoding: Option<Encoding>,
    handler: impl FnOnce(&App) -> Handled + Send + 'static,
) -> Reply {
    let app = app.clone();
    let task = tokio::task::spawn_blocking(move || finish(handler(&app), encoding));
    task.await.unwrap_or_else(|_| worker_failed())
}

async fn write<B>(app: &Arc<App>, headers: HeaderMap, body: B) -> Reply
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = match collect(body, WRITE_MAX).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let app = app.clone();
    let task = tokio::task::spawn_blocking(move || match api::write::write(&app, &headers, &body) {
        Ok(_) => respond::empty(StatusCode::NO_CONTENT),
        Err((status, text)) => respond::reply(status, TEXT, text + "\n"),
    });
    task.await.unwrap_or_else(|_| worker_failed())
}

pub(super) fn healthy() -> Reply {
    respond::reply(StatusCode::OK, TEXT, "Prometheus Server is Healthy.\n")
}

async fn plain_route(app: &Arc<App>, path: &str, parts: Parts) -> Reply {
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    let encoding = Encoding::negotiate(parts.headers.get(header::ACCEPT_ENCODING));
    match path {
        "/-/healthy" => healthy(),
        "/-/reload" | "/-/quit" => lifecycle(app, path, &parts.method).await,
        _ if app.phase() != Phase::Ready => unavailable(app),
        "/-/ready" => respond::reply(StatusCode::OK, TEXT, "Prometheus Server is Ready.\n"),
        _ if !reads => method_not_allowed("GET, HEAD"),
        "/" => ui::serve(app.options.ui_dir.as_ref(), path, encoding).await.unwrap_or_else(|| {
            respond::packed(StatusCode::OK, HTML, page::render(app).into_bytes(), encoding)
        }),
        "/version" => {
            let mut json = Json::default();
            json.value(&api::status::build());
            respond::reply(StatusCode::OK, JSON, json.into_bytes())
        }
        "/metrics" => {
            exposition(app, encoding, |app| {
                app.telemetry.web.scrapes_in_flight.add(1.0);
                let page = app.telemetry.render(Some(&app.db));
                app.telemetry.web.scrapes_in_flight.add(-1.0);
                page
            })
            .await
        }
        "/host/metrics" => {
            exposition(app, encoding, |app| {
                let mut page = String::new();
                app.host.collect(&mut page);
                page
            })
            .await
        }
        _ => ui::serve(app.options.ui_dir.as_ref(), path, encoding).await.unwrap_or_else(not_found),
    }
}

async fn exposition(app: &Arc<App>, encoding: Option<Encoding>, render: fn(&App) -> String) -> Reply {
    let app = app.clone();
    let task = tokio::task::spawn_blocking(move || {
        respond::packed(StatusCode::OK, EXPOSITION, render(&app).into_bytes(), encoding)
    });
    task.await.unwrap_or_else(|_| worker_failed())
}

async fn lifecycle(app: &App, path: &str, method: &Method) -> Reply {
    if method != Method::POST && method != Method::PUT {
        return respond::reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Only POST or PUT requests allowed");
    }
    if !app.options.enable_lifecycle {
        return respond::reply(StatusCode::FORBIDDEN, TEXT, "Lifecycle API is not enabled.");
    }
    if path == "/-/quit" {
        let text = if app.phase() == Phase::Stopping {
            "Termination already in progress."
        } else {
            "Requesting termination... Goodbye!"
        };
        // A full or closed channel means that the server is stopping already.
        let _ = app.control.try_send(Control::Quit);
        return respond::reply(StatusCode::OK, TEXT, text);
    }
    let (sender, receiver) = oneshot::channel();
    let sent = app.control.send(Control::Reload(sender)).await.is_ok();
    match receiver.await {
        Ok(Ok(())) if sent => respond::empty(StatusCode::OK),
        Ok(Err(error)) => {
            let text = format!("failed to reload config: {error}\n");
            respond::reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, text)
        }
        _ => unavailable(app),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_endpoint_is_served_and_listed_as_not_served() {
        for (path, _, _) in SIMPLE {
            assert!(!NOT_YET_SERVED.contains(path), "{path}");
        }
    }

    #[test]
    fn handler_names_are_bounded() {
        assert_eq!(handler_name("/api/v1/label/x/values"), handler_name("/api/v1/label/y/values"));
        assert_eq!(handler_name("/anything"), "/*");
        assert_eq!(handler_name("/api/v1/labels"), "/api/v1/labels");
        assert_eq!(handler_name("/api/v1/narthex/queries/active/7"), "/api/v1/narthex/queries/active/:id");
        assert_eq!(handler_name("/api/v1/none"), "/*");
    }
}
