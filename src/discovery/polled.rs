//! Providers that ask an API for everything, again and again.

use super::api::Api;
use super::refresh::Refresh;
use super::{Context, Provider, Running, TargetGroup, Task};
use crate::settings::HttpClientConfig;
use serde_json::{Map, Value};
use std::fmt::Debug;
use std::time::Duration;

/// The question of a mechanism: what its entry says, and what it remembers from answer to answer.
pub trait Ask: Clone + Debug + Send + Sync + 'static {
    /// All groups that there are now.
    ///
    /// # Errors
    /// There is no answer; the last one stays in force.
    fn ask(&mut self, api: &Api) -> impl Future<Output = Result<Vec<TargetGroup>, String>> + Send;
}

/// A provider made of a question.
#[derive(Debug)]
pub struct Polled<A> {
    /// The mechanism, for metrics and the log.
    pub mechanism: &'static str,
    /// Time from question to question, ms.
    pub every_ms: i64,
    /// The longest that an answer may take, ms.
    pub timeout_ms: i64,
    /// The HTTP client.
    pub http: HttpClientConfig,
    /// What the configuration shows.
    pub shown: Map<String, Value>,
    /// The question.
    pub ask: A,
}

impl<A: Ask> Provider for Polled<A> {
    fn to_value(&self) -> Value {
        self.shown.clone().into()
    }

    fn start(&self, context: &Context) -> Result<Running, String> {
        let timeout = Duration::from_millis(u64::try_from(self.timeout_ms).unwrap_or(0).max(1));
        let api = Api::new(&format!("{}_sd", self.mechanism), &self.http, timeout, context.metrics.clone())?;
        let source = Box::new(Asking { ask: self.ask.clone(), api });
        Ok(Running::Refresh { mechanism: self.mechanism, every_ms: self.every_ms, source })
    }

    fn http(&self) -> Option<&HttpClientConfig> {
        Some(&self.http)
    }
}

struct Asking<A> {
    ask: A,
    api: Api,
}

impl<A: Ask> Refresh for Asking<A> {
    fn refresh(&mut self) -> Task<'_, Result<Vec<TargetGroup>, String>> {
        Box::pin(self.ask.ask(&self.api))
    }
}
