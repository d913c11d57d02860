//! `narthex/storage/…`: what is the matter with the files on the disk.

use super::{Answer, Handled};
use crate::web::app::App;
use crate::web::params::Params;
use serde_json::{Value, json};

/// `GET /narthex/storage/damage`
///
/// # Errors
/// A bad limit.
pub fn damage(app: &App, params: &Params) -> Handled {
    let mut found = app.db.damage();
    let truncated = super::cut(&mut found, params.limit()?);
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let files: Vec<Value> = found
        .iter()
        .map(|damage| {
            json!({
                "path": damage.path.display().to_string(),
                "kind": damage.kind.as_str(),
                "min": damage.range.map(|(min, _)| seconds(min)),
                "max": damage.range.map(|(_, max)| seconds(max)),
                "offset": damage.offset,
                "bytes": damage.bytes,
                "action": damage.action.as_str(),
                "detail": damage.detail,
            })
        })
        .collect();
    Ok(Answer::write(|json| json.value(&json!({ "files": files }))).truncated(truncated))
}
