//! Why a rule has no result; the texts are Prometheus's.

use narthex_promql::EngineError;
use narthex_storage::AppendError;

/// Why the evaluation of a rule failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The query failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The query gives a text or a range of samples.
    #[error("rule result is not a vector or scalar")]
    NotAVector,
    /// Results that the rule's labels make equal.
    #[error("vector contains metrics with the same labelset after applying rule labels")]
    SameRuleLabels,
    /// Alerts that the rule's labels make equal.
    #[error("vector contains metrics with the same labelset after applying alert labels")]
    SameAlertLabels,
    /// More series than the group allows.
    #[error("exceeded limit of {limit} with {found} series")]
    TooManySeries {
        /// What the group allows.
        limit: usize,
        /// What there is.
        found: usize,
    },
    /// More alerts than the group allows.
    #[error("exceeded limit of {limit} with {found} alerts")]
    TooManyAlerts {
        /// What the group allows.
        limit: usize,
        /// What there is.
        found: usize,
    },
    /// The results cannot be stored.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl EvalError {
    /// Whether the query was ended from outside.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Canceled | EngineError::Timeout))
    }

    /// Whether the query was ended on purpose, as at a stop.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Canceled))
    }
}
