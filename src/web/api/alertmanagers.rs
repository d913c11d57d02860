//! `alertmanagers`.

use super::{Answer, Handled};
use crate::web::app::App;
use serde_json::{Value, json};

/// `GET /alertmanagers`
///
/// # Errors
/// None.
pub fn all(app: &App) -> Handled {
    let found = app.notifier.alertmanagers();
    let list = |urls: Vec<String>| urls.into_iter().map(|url| json!({"url": url})).collect::<Vec<Value>>();
    let data = json!({
        "activeAlertmanagers": list(found.active),
        "droppedAlertmanagers": list(found.dropped),
    });
    Ok(Answer::write(|json| json.value(&data)))
}
