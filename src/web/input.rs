//! What a request brings in its body: read whole, up to a limit, as a form or as JSON.

use super::api::ApiError;
use super::params::Params;
use super::respond::{self, Reply};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Longest form, bytes.
const FORM_MAX: usize = 10 << 20;

/// The whole body; the answer to the client where it is longer than `max` bytes, or cannot be read.
pub(super) async fn collect<B>(body: B, max: usize) -> Result<Bytes, Reply>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let text = format!("request body is larger than {max} bytes");
            let mut reply = respond::api_error(&ApiError::bad_data(text));
            *reply.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            Err(reply)
        }
        Err(error) => {
            Err(respond::api_error(&ApiError::bad_data(format!("cannot read the request body: {error}"))))
        }
    }
}

/// The parameters: those of a form in the body come before those of the URL.
pub(super) async fn form<B>(parts: &Parts, query: &str, body: B) -> Result<Params, Reply>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let media = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let has_form = parts.method == Method::POST || parts.method == Method::PUT;
    if !has_form || !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Params::parse(b"", query));
    }
    Ok(Params::parse(&collect(body, FORM_MAX).await?, query))
}

/// As [`form`], and of a JSON object the members.
pub(super) async fn json_or_form<B>(parts: &Parts, query: &str, body: B) -> Result<Params, Reply>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let media = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !media.trim_start().to_ascii_lowercase().starts_with("application/json") {
        return form(parts, query, body).await;
    }
    let body = collect(body, FORM_MAX).await?;
    Params::of_json(&body).map_err(|text| respond::api_error(&ApiError::bad_data(text)))
}
