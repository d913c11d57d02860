//! A watch that goes on whatever happens: disconnects, expired versions, an API server that is gone.

use super::objects::trim;
use crate::telemetry::repeated::Repeated;
use futures_util::StreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;

/// First pause after a failure …
const PAUSE: Duration = Duration::from_millis(800);
/// … doubled with each one up to this.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The API server is asked to end a watch after so many seconds, so that a dead connection is noticed.
const WATCH_SECONDS: u32 = 290;

/// An error with all that led to it.
#[must_use]
pub fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        // Most errors repeat their cause, some only have it.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}

/// An object that can be watched.
pub trait Watchable: Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + 'static {}

impl<K: Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + 'static> Watchable for K {}

/// What a watch asks for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only objects with these labels.
    pub label: Option<String>,
    /// Only objects with these fields.
    pub field: Option<String>,
}

/// How a watch fares.
#[derive(Debug)]
pub enum Fares<'a> {
    /// There is no news, and why; what was told stays true as far as anybody knows.
    Failed {
        /// What happened.
        error: &'a watcher::Error,
        /// Failures before it that the log does not have, if this one belongs there.
        tell: Option<u64>,
    },
    /// There is news again, after so many failures.
    Works(u64),
}

/// Tells of all objects, and then of what happens to them, for as long as `tell` returns true. `fares` learns of
/// failures, and of their end.
pub async fn watch<K: Watchable>(
    api: Api<K>,
    wanted: Wanted,
    fares: impl Fn(Fares<'_>),
    mut tell: impl AsyncFnMut(Event<K>) -> bool,
) {
    let config = watcher::Config {
        label_selector: wanted.label,
        field_selector: wanted.field,
        timeout: Some(WATCH_SECONDS),
        ..watcher::Config::default()
    };
    let begin = || watcher(api.clone(), config.clone()).boxed();
    let (mut events, mut pause, failures) = (begin(), PAUSE, Repeated::default());
    loop {
        match events.next().await {
            Some(Ok(event)) => {
                // That it begins to ask says nothing yet.
                if !matches!(event, Event::Init) {
                    pause = PAUSE;
                    if let Some(count) = failures.worked() {
                        fares(Fares::Works(count));
                    }
                }
                if !tell(event.modify(|object| trim(object.meta_mut()))).await {
                    return;
                }
            }
            Some(Err(error)) => {
                fares(Fares::Failed { error: &error, tell: failures.failed() });
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
                if expired(&error) {
                    events = begin();
                }
            }
            None => events = begin(),
        }
    }
}

/// The version to go on from is too old. In the midst of a watch the watcher lists anew by itself.
fn expired(error: &watcher::Error) -> bool {
    const GONE: u16 = 410;
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == GONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: &'static str,
        source: Option<Box<Told>>,
    }

    #[test]
    fn a_reason_names_each_cause_once() {
        let told = |text, source: Option<Told>| Told { text, source: source.map(Box::new) };
        let deepest = told("connection refused", None);
        let error = told("list failed: client error", Some(told("client error", Some(deepest))));
        assert_eq!(reason(&error), "list failed: client error: connection refused");
    }
}
