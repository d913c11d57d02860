//! `narthex/batch`: the queries of a page in one request, each under the limits of every query, answered line by line as
//! they end.

use super::api::ApiError;
use super::app::App;
use super::body::{Body, Broken, Piece};
use super::encode::{Encoding, Packer};
use super::json::Json;
use super::params::Params;
use super::respond::{self, Reply};
use super::run;
use crate::query::registry::{Client, Kind};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// Longest request, bytes.
pub const BODY_MAX: usize = 1 << 20;
/// Most queries of a request.
const QUERIES_MAX: usize = 200;
/// So many of them wait or run at once, so that others have their turn.
const AT_ONCE: usize = 4;
/// Pieces of the answer that may be on their way at once.
const PIECES_AHEAD: usize = 4;
/// A client that takes nothing for this long loses its answer.
const STALL: Duration = Duration::from_secs(60);
/// Lines of JSON.
const NDJSON: &str = "application/x-ndjson";

/// What is asked.
#[derive(Debug, Deserialize)]
struct Asked {
    queries: Vec<Map<String, Value>>,
    /// For those that name no time of their own; now, where it is left out.
    time: Option<Value>,
}

/// One of the queries.
#[derive(Debug)]
struct One {
    id: String,
    kind: Kind,
    params: Params,
}

/// Reads the request: `now_ms` is the time at which queries are evaluated that name none.
fn read(body: &[u8], now_ms: i64) -> Result<Vec<One>, ApiError> {
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_data(format!("cannot read the request: {error}")))?;
    if asked.queries.len() > QUERIES_MAX {
        let text = format!("{} queries are more than {QUERIES_MAX}", asked.queries.len());
        return Err(ApiError::parameter("queries", text));
    }
    let time = match asked.time {
        None | Some(Value::Null) => now_ms as f64 / 1000.0,
        Some(time) => time.as_f64().ok_or_else(|| ApiError::parameter("time", "must be a number"))?,
    };
    let mut names = BTreeSet::new();
    let one = |members| {
        let one = One::read(members, time)?;
        match names.insert(one.id.clone()) {
            true => Ok(one),
            false => Err(ApiError::parameter("id", format!("{:?} stands for two queries", one.id))),
        }
    };
    asked.queries.into_iter().map(one).collect()
}

impl One {
    fn read(mut members: Map<String, Value>, time: f64) -> Result<Self, ApiError> {
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(ApiError::parameter(name, "must be a text")),
        };
        let (id, query) = (text("id")?, text("expr")?);
        let ranged = ["start", "end", "step"].iter().any(|name| members.contains_key(*name));
        let mut params = Params::of_members(members).map_err(ApiError::bad_data)?;
        params.add("query", query);
        params.add("time", time.to_string());
        Ok(Self { id, kind: if ranged { Kind::Range } else { Kind::Instant }, params })
    }
}

/// Answers the queries of a request; those that run end when the client goes away.
pub fn answer(app: &Arc<App>, body: &[u8], client: &Client, encoding: Option<Encoding>) -> Reply {
    let queries = match read(body, app.now_ms()) {
        Ok(queries) => queries,
        Err(error) => return respond::failed(&error, encoding),
    };
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    let listener = sender.clone();
    let lines = Lines { packer: encoding.map(Packer::new), sender, broken: false };
    let work = run_all(app.clone(), queries, client.clone(), lines);
    tokio::spawn(async move {
        tokio::select! {
            // What is dropped with the work ends with it.
            () = listener.closed() => {}
            () = work => {}
        }
    });
    respond::pieces(NDJSON, Body::Pieces(receiver), encoding)
}

async fn run_all(app: Arc<App>, queries: Vec<One>, client: Client, lines: Lines) {
    let lines = Arc::new(Mutex::new(lines));
    let mut running = JoinSet::new();
    for one in queries {
        if running.len() >= AT_ONCE {
            running.join_next().await;
        }
        let (app, client, lines) = (app.clone(), client.clone(), lines.clone());
        running.spawn(async move {
            let reply = run::query(&app, one.kind, &one.params, client, None).await;
            lines.lock().await.line(&one.id, reply.into_body()).await;
        });
    }
    while running.join_next().await.is_some() {}
    lines.lock().await.finish().await;
}

/// The answer, written line by line.
struct Lines {
    packer: Option<Packer>,
    sender: mpsc::Sender<Piece>,
    /// A line could not be written whole: nobody may take the rest for the answer.
    broken: bool,
}

impl Lines {
    /// Writes the envelope of a query, with its name in front.
    async fn line(&mut self, id: &str, mut body: Body) {
        let mut json = Json::default();
        json.raw("{\"id\":");
        json.string(id);
        json.raw(",");
        let (mut piece, mut opened) = (json.into_bytes(), false);
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return self.break_off().await };
            let data = frame.into_data().unwrap_or_default();
            // The brace of the envelope stands in front already.
            let data = if opened { &data[..] } else { data.get(1..).unwrap_or_default() };
            opened = true;
            piece.extend_from_slice(data);
            if !body.is_end_stream() {
                self.send(&piece, false).await;
                piece.clear();
            }
        }
        piece.push(b'\n');
        self.send(&piece, true).await;
    }

    /// Sends a piece; at the end of a line all that is packed, so that the client can go on with it.
    async fn send(&mut self, piece: &[u8], ends: bool) {
        let bytes = match &mut self.packer {
            None => piece.to_vec(),
            Some(packer) => {
                let mut packed = packer.pack(piece);
                if ends {
                    packed.extend(packer.flush());
                }
                packed
            }
        };
        self.put(bytes).await;
    }

    async fn put(&mut self, bytes: Vec<u8>) {
        if self.broken || bytes.is_empty() {
            return;
        }
        let sent = tokio::time::timeout(STALL, self.sender.send(Ok(Bytes::from(bytes)))).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.break_off().await;
        }
    }

    async fn break_off(&mut self) {
        if !std::mem::replace(&mut self.broken, true) {
            // The client may be gone.
            drop(tokio::time::timeout(STALL, self.sender.send(Err(Broken))).await);
        }
    }

    async fn finish(&mut self) {
        if let Some(packer) = self.packer.take() {
            self.put(packer.finish(&[])).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_without_a_time_get_that_of_the_request() {
        let body = br#"{"time": 12.5, "queries": [
            {"id": "a", "expr": "up"}, {"id": "b", "expr": "up", "time": 3},
            {"id": "c", "expr": "up", "start": 1, "end": 2, "step": "15s"}]}"#;
        let read = read(body, 99_000).unwrap();
        let told: Vec<_> =
            read.iter().map(|one| (one.id.as_str(), one.kind, one.params.get("time"))).collect();
        assert_eq!(
            told,
            [("a", Kind::Instant, "12.5"), ("b", Kind::Instant, "3"), ("c", Kind::Range, "12.5")]
        );
        assert_eq!((read[2].params.get("step"), read[2].params.get("query")), ("15s", "up"));
        let now = super::read(br#"{"queries": [{"id": "a", "expr": "1"}]}"#, 99_001).unwrap();
        assert_eq!(now[0].params.get("time"), "99.001");
    }

    #[test]
    fn what_cannot_be_answered_by_name_is_refused() {
        let many: Vec<Value> =
            (0..=QUERIES_MAX).map(|i| serde_json::json!({"id": i.to_string(), "expr": "1"})).collect();
        let many = serde_json::json!({"queries": many}).to_string();
        for (body, text) in [
            ("[", "cannot read the request"),
            (r#"{"queries": [{"expr": "1"}]}"#, "\"id\": must be a text"),
            (r#"{"queries": [{"id": "a"}]}"#, "\"expr\": must be a text"),
            (
                r#"{"queries": [{"id": "a", "expr": "1"}, {"id": "a", "expr": "2"}]}"#,
                "stands for two queries",
            ),
            (r#"{"queries": [{"id": "a", "expr": "1", "step": []}]}"#, "must be a text or a number"),
            (r#"{"queries": [], "time": "x"}"#, "must be a number"),
            (&many, "201 queries are more than 200"),
        ] {
            let error = read(body.as_bytes(), 0).unwrap_err();
            assert!(error.text.contains(text), "{body}: {error}");
        }
    }
}
