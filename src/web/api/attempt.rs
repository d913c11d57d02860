//! `narthex/targets/try`: a discovered target asked for its page now.

use super::{Answer, ApiError, ErrorKind, Handled};
use crate::web::app::App;
use narthex_storage::LabelsBuilder;
use narthex_storage::labels::quote;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Longest request, bytes.
pub const BODY_MAX: usize = 256 << 10;

/// What is asked: a job and the labels that discovery gave one of its targets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    scrape_pool: String,
    labels: BTreeMap<String, String>,
}

/// `POST /narthex/targets/try`: only what discovery found is asked, never an address of the request's own.
///
/// # Errors
/// The request is malformed, or the job has no such target.
pub async fn attempt(app: &App, body: &[u8]) -> Handled {
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_data(format!("cannot read the request: {error}")))?;
    let mut labels = LabelsBuilder::new();
    for (name, value) in &asked.labels {
        labels.set(name, value);
    }
    let Some(attempt) = app.scrape.attempt(&asked.scrape_pool, &labels.build()).await else {
        let text = format!("job {} has no target of these discovered labels", quote(&asked.scrape_pool));
        return Err(ApiError::new(ErrorKind::NotFound, text));
    };
    tracing::info!(job = asked.scrape_pool, status = attempt.status, "Target tried by request");
    Ok(Answer::write(|json| {
        json.value(&json!({
            "status": attempt.status,
            "seconds": attempt.seconds,
            "bytes": attempt.bytes,
            "samples": attempt.samples,
            "error": attempt.error,
            "head": attempt.head,
        }));
    }))
}
