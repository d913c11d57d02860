//! What an administrator should know at once, as a list and as a stream of server-sent events.

use super::body::{Body, Piece};
use super::respond::{self, Reply};
use super::time::rfc3339;
use crate::telemetry::Collect;
use crate::telemetry::metrics::{Counter, Page};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Changes that may wait for one subscriber; what comes beyond is lost to it.
const WAITING_MAX: usize = 10;

/// A configuration was not taken.
pub const RELOAD_FAILED: &str = "Configuration reload has failed.";
/// The database is being opened.
pub const STARTING: &str = "Prometheus is starting and replaying the write-ahead log (WAL).";
/// The server was told to stop.
pub const STOPPING: &str = "Prometheus is shutting down and gracefully stopping all operations.";

/// What is to be known now, and who is told of changes.
#[derive(Debug)]
pub struct Notifications {
    state: Mutex<State>,
    subscribers_max: usize,
    sent: Counter,
    dropped: Counter,
}

#[derive(Debug, Default)]
struct State {
    active: Vec<Notification>,
    subscribers: Vec<mpsc::Sender<Piece>>,
    closed: bool,
}

#[derive(Debug)]
struct Notification {
    text: &'static str,
    since_ms: i64,
}

impl Notification {
    fn to_value(&self, active: bool) -> Value {
        json!({"text": self.text, "date": rfc3339(self.since_ms), "active": active})
    }
}

impl Notifications {
    /// Nothing to be known yet; so many may listen at once.
    #[must_use]
    pub fn new(subscribers_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            subscribers_max,
            sent: Counter::default(),
            dropped: Counter::default(),
        }
    }

    /// Something is to be known from now on; what is known already stays as it is.
    pub fn add(&self, text: &'static str, now_ms: i64) {
        let mut state = self.lock();
        if state.active.iter().any(|known| known.text == text) {
            return;
        }
        let new = Notification { text, since_ms: now_ms };
        self.tell(&mut state, &new.to_value(true));
        state.active.push(new);
    }

    /// It is over.
    pub fn remove(&self, text: &str) {
        let mut state = self.lock();
        if let Some(at) = state.active.iter().position(|known| known.text == text) {
            let over = state.active.remove(at).to_value(false);
            self.tell(&mut state, &over);
        }
    }

    /// What is to be known now.
    #[must_use]
    pub fn list(&self) -> Vec<Value> {
        self.lock().active.iter().map(|known| known.to_value(true)).collect()
    }

    /// The stream of what is known and what changes; 204 when too many listen already.
    #[must_use]
    pub fn live(&self) -> Reply {
        let mut state = self.lock();
        let State { active, subscribers, closed } = &mut *state;
        subscribers.retain(|one| !one.is_closed());
        if *closed || subscribers.len() >= self.subscribers_max {
            return respond::empty(StatusCode::NO_CONTENT);
        }
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        for known in active.iter() {
            // There are fewer texts than places.
            let _ = sender.try_send(Ok(event(&known.to_value(true))));
        }
        subscribers.push(sender);
        let mut reply = Response::new(Body::Pieces(receiver));
        for (name, value) in
            [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")]
        {
            reply.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        reply
    }

    /// Ends all streams: nothing more will come.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.subscribers.clear();
    }

    fn tell(&self, state: &mut State, change: &Value) {
        state.subscribers.retain(|one| !one.is_closed());
        for one in &state.subscribers {
            let counter = if one.try_send(Ok(event(change))).is_ok() { &self.sent } else { &self.dropped };
            counter.add(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(change: &Value) -> Bytes {
    Bytes::from(format!("data: {change}\n\n"))
}

impl Collect for Notifications {
    fn collect(&self, page: &mut Page) {
        let listening = {
            let mut state = self.lock();
            state.subscribers.retain(|one| !one.is_closed());
            state.subscribers.len()
        };
        page.single(
            "prometheus_api_notification_active_subscribers",
            "gauge",
            "The current number of active notification subscribers.",
            listening as f64,
        );
        for (name, help, counter) in [
            (
                "prometheus_api_notification_updates_sent_total",
                "Total number of notification updates sent.",
                &self.sent,
            ),
            (
                "prometheus_api_notification_updates_dropped_total",
                "Total number of notification updates dropped.",
                &self.dropped,
            ),
        ] {
            page.single(name, "counter", help, counter.get() as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    /// Text and state of the next event.
    async fn next(body: &mut Body) -> Option<(String, bool)> {
        let data = body.frame().await?.unwrap().into_data().unwrap();
        let text = String::from_utf8(data.to_vec()).unwrap();
        let event: Value = serde_json::from_str(text.strip_prefix("data: ").unwrap()).unwrap();
        assert!(
            text.ends_with("}\n\n") && event["date"].as_str().unwrap().starts_with("1970-01-01T00:00:01")
        );
        Some((event["text"].as_str().unwrap().to_owned(), event["active"].as_bool().unwrap()))
    }

    #[tokio::test]
    async fn a_listener_hears_what_is_known_and_what_changes_until_the_end() {
        let all = Notifications::new(2);
        all.add(STARTING, 1000);
        all.add(STARTING, 5);
        let mut body = all.live().into_body();
        assert_eq!(next(&mut body).await, Some((STARTING.to_owned(), true)));
        all.remove(STARTING);
        all.remove(STARTING);
        assert_eq!(next(&mut body).await, Some((STARTING.to_owned(), false)));
        assert_eq!((all.list().len(), all.sent.get(), all.dropped.get()), (0, 1, 0));
        all.close();
        assert_eq!(next(&mut body).await, None);
        assert_eq!(all.live().status(), StatusCode::NO_CONTENT);
    }

    #[tokio::test]
    async fn listeners_are_bounded_and_so_is_what_waits_for_one() {
        let all = Notifications::new(1);
        let held = all.live();
        assert_eq!(all.live().status(), StatusCode::NO_CONTENT);
        for _ in 0..WAITING_MAX {
            all.add(RELOAD_FAILED, 0);
            all.remove(RELOAD_FAILED);
        }
        assert_eq!((all.sent.get(), all.dropped.get()), (WAITING_MAX as u64, WAITING_MAX as u64));
        drop(held);
        assert_eq!(all.live().status(), StatusCode::OK, "who has gone leaves its place");
    }
}
