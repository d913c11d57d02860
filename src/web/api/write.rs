//! `write`: the door of the remote-write receiver.

use crate::remote::receive::{self, WriteError, Written};
use crate::web::app::App;
use http::{HeaderMap, StatusCode, header};
use tracing::warn;

/// Status and plain text of a write request; `Ok` carries what was written.
///
/// # Errors
/// The status and the text for the sender.
pub fn write(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Written, (StatusCode, String)> {
    if !app.options.remote_write_receiver {
        let hint = "remote write receiver needs to be enabled with --web.enable-remote-write-receiver";
        return Err((StatusCode::NOT_FOUND, hint.to_owned()));
    }
    check_headers(headers).map_err(|reason| (StatusCode::UNSUPPORTED_MEDIA_TYPE, reason))?;
    let written = receive::write(&app.db, body, app.now_ms()).map_err(|error: WriteError| {
        let status = if error.retry() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
        (status, error.to_string())
    })?;
    if written.invalid_series > 0 {
        warn!(series = written.invalid_series, "Remote write: series with invalid labels were left out");
    }
    if written.exemplars_refused > 0 {
        warn!(dropped = written.exemplars_refused, "Remote write: exemplars were left out");
    }
    if let Some(text) = written.partial() {
        app.telemetry.remote_write_refused.add(written.refused_series as u64);
        return Err((StatusCode::BAD_REQUEST, text));
    }
    Ok(written)
}

/// Content type and encoding of version 1.0; both may be left out.
fn check_headers(headers: &HeaderMap) -> Result<(), String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = text(header::CONTENT_TYPE);
    let mut parts = content_type.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    if !media.is_empty() && !media.eq_ignore_ascii_case("application/x-protobuf") {
        return Err(format!(
            "expected application/x-protobuf as the first (media) part, got {media} content-type"
        ));
    }
    for part in parts {
        match part.split_once('=') {
            Some(("proto", "prometheus.WriteRequest")) => {}
            Some(("proto", other)) => {
                return Err(format!(
                    "{other} protobuf message is not accepted by this server; accepted prometheus.WriteRequest"
                ));
            }
            Some(_) => {}
            None => {
                return Err(format!(
                    "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters to be key-values, got {part} in {content_type} content-type"
                ));
            }
        }
    }
    match text(header::CONTENT_ENCODING) {
        "" | "snappy" => Ok(()),
        other => Err(format!(
            "{other} encoding (compression) is not accepted by this server; only snappy is acceptable"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::check_headers;
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn only_snappy_protobuf_of_version_one_passes() {
        let table = [
            ("application/x-protobuf", "snappy", true),
            ("application/x-protobuf;proto=prometheus.WriteRequest", "snappy", true),
            ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy", false),
            ("application/json", "snappy", false),
            ("application/x-protobuf", "gzip", false),
        ];
        for (media, encoding, passes) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            assert_eq!(check_headers(&headers).is_ok(), passes, "{media} {encoding}");
        }
        assert!(check_headers(&HeaderMap::new()).is_ok());
    }
}
