//! `admin/tsdb/…`: what changes or copies the stored data, for administrators.

use super::{Answer, ApiError, ErrorKind};
use crate::web::app::App;
use crate::web::params::{MAX_TIME_MS, MIN_TIME_MS, Params};
use narthex_promql::parse_selector;
use narthex_storage::labels::quote;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Instant;
use tracing::info;

/// What an endpoint gives; `None` is an answer without content.
pub type Acted = Result<Option<Answer>, ApiError>;

/// `POST|PUT /admin/tsdb/delete_series`: nothing is deleted when one of the selectors is wrong.
///
/// # Errors
/// A bad parameter, or the deletion cannot be written.
pub fn delete_series(app: &App, params: &Params) -> Acted {
    let selectors: Vec<&str> = params.all("match[]").collect();
    if selectors.is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let (mint, maxt) = (params.time_or("start", MIN_TIME_MS)?, params.time_or("end", MAX_TIME_MS)?);
    let mut sets = Vec::new();
    for text in &selectors {
        sets.push(parse_selector(text).map_err(|reason| ApiError::parameter("match[]", reason))?);
    }
    app.db.delete(&sets, mint, maxt)?;
    info!(selectors = selectors.join(" or "), mint, maxt, "Series deleted by request");
    Ok(None)
}

/// `POST|PUT /admin/tsdb/clean_tombstones`
///
/// # Errors
/// A block cannot be written.
pub fn clean_tombstones(app: &App, _: &Params) -> Acted {
    let begin = Instant::now();
    let cleaned = app.db.clean_tombstones();
    app.telemetry.tombstone_cleanup.observe(begin.elapsed().as_secs_f64());
    let report = cleaned?;
    info!(
        written = report.blocks_written.len(),
        deleted = report.blocks_deleted.len(),
        "Blocks cleaned of deleted samples by request"
    );
    Ok(None)
}

/// `POST|PUT /admin/tsdb/snapshot`
///
/// # Errors
/// A bad parameter, or the snapshot cannot be written.
pub fn snapshot(app: &App, params: &Params) -> Acted {
    let skip_head = match params.get("skip_head") {
        "" => false,
        text => parse_bool(text).ok_or_else(|| {
            let reason = format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text));
            ApiError::parameter("skip_head", format!("unable to parse boolean: {reason}"))
        })?,
    };
    let name = snapshot_name(app.now_ms());
    app.db
        .snapshot(&name, skip_head)
        .map_err(|error| ApiError::new(ErrorKind::Internal, format!("create snapshot: {error}")))?;
    info!(name, skip_head, "Snapshot made by request");
    Ok(Some(Answer::write(|json| json.value(&serde_json::json!({"name": name})))))
}

/// A boolean as Go's `strconv.ParseBool` reads it.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The second, and a number that tells snapshots of one second apart.
fn snapshot_name(now_ms: i64) -> String {
    // The standard library seeds each hasher with a random number.
    let number = RandomState::new().build_hasher().finish() >> 1;
    let time = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    format!("{}-{number:016x}", time.strftime("%Y%m%dT%H%M%SZ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_named_after_the_second_and_a_number() {
        let name = snapshot_name(1_732_406_400_999);
        let (time, number) = name.split_once('-').unwrap();
        assert_eq!(time, "20241124T000000Z");
        assert!(number.len() == 16 && u64::from_str_radix(number, 16).is_ok(), "{name}");
        assert_ne!(name, snapshot_name(1_732_406_400_999));
    }

    #[test]
    fn booleans_are_those_of_go() {
        assert_eq!(["1", "t", "TRUE"].map(parse_bool), [Some(true); 3]);
        assert_eq!(["0", "f", "False"].map(parse_bool), [Some(false); 3]);
        assert_eq!(["yes", "tRUE", "2"].map(parse_bool), [None; 3]);
    }
}
