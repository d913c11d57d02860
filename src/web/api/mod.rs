//! `/api/v1`: the envelope, and one file per family of endpoints.

pub mod admin;
pub mod alertmanagers;
pub mod attempt;
pub mod cardinality;
pub mod exemplars;
pub mod features;
pub mod labels;
pub mod metadata;
pub mod parse;
pub mod queries;
pub mod query;
pub mod rules;
pub mod status;
pub mod storage;
pub mod targets;
pub mod tree;
pub mod write;

use super::json::Json;
use http::StatusCode;

/// What went wrong, as `errorType` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong.
    BadData,
    /// The query failed.
    Execution,
    /// The client went away.
    Canceled,
    /// The query took too long.
    Timeout,
    /// The server failed.
    Internal,
    /// There is no such thing.
    NotFound,
    /// Switched off or not served.
    Unavailable,
    /// Not for this origin.
    Forbidden,
}

/// `errorType` and status of each kind.
const KINDS: &[(ErrorKind, &str, StatusCode)] = &[
    (ErrorKind::BadData, "bad_data", StatusCode::BAD_REQUEST),
    (ErrorKind::Execution, "execution", StatusCode::UNPROCESSABLE_ENTITY),
    (ErrorKind::Timeout, "timeout", StatusCode::SERVICE_UNAVAILABLE),
    (ErrorKind::Internal, "internal", StatusCode::INTERNAL_SERVER_ERROR),
    (ErrorKind::NotFound, "not_found", StatusCode::NOT_FOUND),
    (ErrorKind::Unavailable, "unavailable", StatusCode::INTERNAL_SERVER_ERROR),
    (ErrorKind::Forbidden, "forbidden", StatusCode::FORBIDDEN),
];

impl ErrorKind {
    /// As the envelope names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _, _)| *kind == self).map_or("canceled", |(_, name, _)| name)
    }

    /// The HTTP status; 499, which no registry knows, for a query that was canceled.
    #[must_use]
    pub fn status(self) -> StatusCode {
        let canceled = || StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST);
        KINDS.iter().find(|(kind, _, _)| *kind == self).map_or_else(canceled, |(_, _, status)| *status)
    }
}

/// An error that the client reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ApiError {
    /// Its kind.
    pub kind: ErrorKind,
    /// What the client reads.
    pub text: String,
}

impl ApiError {
    /// An error of a kind.
    #[must_use]
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// A wrong request.
    #[must_use]
    pub fn bad_data(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadData, text)
    }

    /// A wrong parameter.
    #[must_use]
    pub fn parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter \"{name}\": {reason}"))
    }

    /// The envelope.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut json = Json::default();
        json.raw("{\"status\":\"error\",\"errorType\":");
        json.string(self.kind.name());
        json.raw(",\"error\":");
        json.string(&self.text);
        json.raw("}");
        json.into_bytes()
    }
}

impl From<narthex_storage::StorageError> for ApiError {
    fn from(error: narthex_storage::StorageError) -> Self {
        Self::new(ErrorKind::Internal, error.to_string())
    }
}

/// The warning about results that were cut.
pub const TRUNCATED: &str = "results truncated due to limit";

/// Writes the lists of warnings and infos, each only where it has an element.
pub fn write_annotations(json: &mut Json, warnings: &[String], infos: &[String]) {
    for (key, list) in [(",\"warnings\":", warnings), (",\"infos\":", infos)] {
        if !list.is_empty() {
            json.raw(key);
            json.strings(list);
        }
    }
}

/// The data of an answer, with what the client should know about it.
#[derive(Debug, Default)]
pub struct Answer {
    /// JSON of `data`; empty when there is none: then the answer has no body.
    pub data: Vec<u8>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Infos.
    pub infos: Vec<String>,
}

impl Answer {
    /// An answer whose data `write` writes.
    #[must_use]
    pub fn write(write: impl FnOnce(&mut Json)) -> Self {
        let mut json = Json::default();
        write(&mut json);
        Self { data: json.into_bytes(), ..Self::default() }
    }

    /// Adds what the store had to leave out.
    #[must_use]
    pub fn warned(mut self, warnings: Vec<String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// Adds the warning about cut results when `truncated`.
    #[must_use]
    pub fn truncated(mut self, truncated: bool) -> Self {
        if truncated {
            self.warnings.push(TRUNCATED.to_owned());
        }
        self
    }

    /// The envelope.
    #[must_use]
    pub fn body(self) -> Vec<u8> {
        let mut json = Json::default();
        json.raw("{\"status\":\"success\",\"data\":");
        json.raw_bytes(&self.data);
        write_annotations(&mut json, &self.warnings, &self.infos);
        json.raw("}");
        json.into_bytes()
    }
}

/// What a handler gives.
pub type Handled = Result<Answer, ApiError>;

/// Cuts `items` to the limit; true when something was cut.
pub fn cut<T>(items: &mut Vec<T>, limit: Option<usize>) -> bool {
    let Some(limit) = limit.filter(|limit| items.len() > *limit) else { return false };
    items.truncate(limit);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_names_kind_and_text() {
        let error = ApiError::parameter("query", "1:1: parse error: x");
        assert_eq!(
            String::from_utf8(error.body()).unwrap(),
            r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:1: parse error: x"}"#
        );
        assert_eq!(ErrorKind::Canceled.status().as_u16(), 499);
        assert_eq!(ErrorKind::Canceled.name(), "canceled");
    }

    #[test]
    fn warnings_stand_only_where_there_are_some() {
        let plain = Answer::write(|json| json.strings(["a"]));
        assert_eq!(plain.body(), br#"{"status":"success","data":["a"]}"#);
        let mut items = vec![1, 2, 3];
        let cut = cut(&mut items, Some(2));
        let warned = Answer::write(|json| json.value(&items)).truncated(cut);
        assert_eq!(
            warned.body(),
            br#"{"status":"success","data":[1,2],"warnings":["results truncated due to limit"]}"#
        );
    }
}
