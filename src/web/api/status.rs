//! `status/…`: facts about the running server.

use super::{Answer, ApiError, Handled};
use crate::web::app::App;
use crate::web::notifications::Notifications;
use crate::web::params::{Params, parse_int};
use crate::web::time::rfc3339;
use narthex_storage::ReplayState;
use serde_json::json;

/// Most rows of `status/tsdb`.
const ROWS_MAX: i64 = 10_000;

/// `GET /status/config`
///
/// # Errors
/// None.
pub fn config(app: &App, _: &Params) -> Handled {
    Ok(Answer::write(|json| {
        json.raw("{\"yaml\":");
        json.string(&app.config.load().yaml);
        json.raw("}");
    }))
}

/// `GET /status/flags`
///
/// # Errors
/// None.
pub fn flags(app: &App, _: &Params) -> Handled {
    Ok(Answer::write(|json| json.value(&app.options.flags)))
}

/// `GET /narthex/flags`: which flags were given another value than their default, and what the default is.
///
/// # Errors
/// None.
pub fn changed_flags(app: &App, _: &Params) -> Handled {
    Ok(Answer::write(|json| json.value(&json!({"changed": app.options.changed_flags}))))
}

/// Facts about the build. Clients read the version as that of the Prometheus that they talk to, so it is
/// the release whose behaviour this server has; its own version stands in `revision`. There must be no
/// `features`: Grafana would take the server for Mimir.
#[must_use]
pub fn build() -> serde_json::Value {
    json!({
        "version": crate::PROMETHEUS_VERSION,
        "revision": concat!("narthex-", env!("CARGO_PKG_VERSION")),
        "branch": "HEAD",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    })
}

/// `GET /status/buildinfo`
///
/// # Errors
/// None.
pub fn buildinfo(_: &App, _: &Params) -> Handled {
    Ok(Answer::write(|json| json.value(&build())))
}

/// `GET /status/runtimeinfo`
///
/// # Errors
/// None.
pub fn runtimeinfo(app: &App, _: &Params) -> Handled {
    let config = app.config.load();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tasks = tokio::runtime::Handle::try_current().map_or(0, |h| h.metrics().num_alive_tasks());
    Ok(Answer::write(|json| {
        let mut info = json!({
            "startTime": rfc3339(app.started_ms),
            "CWD": std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default(),
            "hostname": crate::host::host_name(),
            "serverTime": rfc3339(app.now_ms()),
            "reloadConfigSuccess": config.error.is_none(),
            "lastConfigTime": rfc3339(config.loaded_ms),
            "corruptionCount": app.db.open_report().corruptions(),
            "goroutineCount": tasks,
            "GOMAXPROCS": threads,
            "GOMEMLIMIT": i64::MAX,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": app.options.retention,
        });
        // narthex's own: what is wrong with the configuration that was not taken.
        if let (Some(error), Some(fields)) = (&config.error, info.as_object_mut()) {
            fields.insert("reloadConfigError".to_owned(), json!(error));
        }
        json.value(&info);
    }))
}

/// `GET /status/tsdb`
///
/// # Errors
/// A bad limit.
pub fn tsdb(app: &App, params: &Params) -> Handled {
    let limit = match params.get("limit") {
        "" => 10,
        text => match parse_int(text) {
            Ok(limit) if limit >= 1 => limit,
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
    };
    if limit > ROWS_MAX {
        return Err(ApiError::bad_data(format!("limit must not exceed {ROWS_MAX}")));
    }
    let stats = app.db.stats(usize::try_from(limit).unwrap_or(10));
    let rows = |rows: &[(String, u64)]| {
        rows.iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>()
    };
    Ok(Answer::write(|json| {
        json.value(&json!({
            "headStats": {
                "numSeries": stats.series,
                "numLabelPairs": stats.label_pairs,
                "chunkCount": stats.chunks,
                "minTime": stats.min_time,
                "maxTime": stats.max_time,
            },
            "seriesCountByMetricName": rows(&stats.series_by_metric),
            "labelValueCountByLabelName": rows(&stats.values_by_label),
            "memoryInBytesByLabelName": rows(&stats.bytes_by_label),
            "seriesCountByLabelValuePair": rows(&stats.series_by_pair),
        }));
    }))
}

/// `GET /status/tsdb/blocks`
///
/// # Errors
/// None.
pub fn blocks(app: &App, _: &Params) -> Handled {
    let blocks: Vec<_> = app.db.block_metas();
    Ok(Answer::write(|json| json.value(&json!({ "blocks": blocks }))))
}

/// `GET /notifications`: what an administrator should know at once.
///
/// # Errors
/// None.
pub fn notifications(app: &App, _: &Params) -> Handled {
    Ok(notifications_of(&app.notifications))
}

/// The same, of a server that may still be starting.
pub fn notifications_of(notifications: &Notifications) -> Answer {
    let list = notifications.list();
    Answer::write(|json| json.value(&list))
}

/// `GET /status/walreplay`: the log has been replayed by the time that there is an app.
///
/// # Errors
/// None.
pub fn walreplay(app: &App, _: &Params) -> Handled {
    Ok(replay_of(app.db.replayed()))
}

/// How far the log is, in segments as Prometheus has it, and in bytes: there are few segments, and they are large.
pub fn replay_of(state: ReplayState) -> Answer {
    let ReplayState { first, last, current, bytes, all } = state;
    let value = json!({"min": first, "max": last, "current": current, "bytesRead": bytes, "bytesTotal": all});
    Answer::write(|json| json.value(&value))
}
