//! Answers as hyper sends them.

use super::api::{ApiError, ErrorKind};
use super::body::Body;
use super::encode::Encoding;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// An answer.
pub type Reply = Response<Body>;

/// JSON of the API.
pub const JSON: &str = "application/json";
/// Plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// A page.
pub const HTML: &str = "text/html; charset=utf-8";
/// The text exposition format.
pub const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// An answer with a body.
pub fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Body::from(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::default());
    *reply.status_mut() = status;
    reply
}

/// An error of the API.
pub fn api_error(error: &ApiError) -> Reply {
    reply(error.kind.status(), JSON, error.body())
}

/// An error of the API, packed where the client takes it and it pays.
pub fn failed(error: &ApiError, encoding: Option<Encoding>) -> Reply {
    packed(error.kind.status(), JSON, error.body(), encoding)
}

/// The answer when a worker ended without one.
pub fn worker_failed() -> Reply {
    api_error(&ApiError::new(ErrorKind::Internal, "the request's worker ended unexpectedly"))
}

/// A way to another place.
pub fn redirect(to: &str) -> Reply {
    let mut reply = empty(StatusCode::FOUND);
    if let Ok(to) = HeaderValue::from_str(to) {
        reply.headers_mut().insert(header::LOCATION, to);
    }
    reply
}

/// An answer that is packed where the client takes it and it pays.
pub fn packed(
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    encoding: Option<Encoding>,
) -> Reply {
    let mut reply = match encoding.and_then(|encoding| Some((encoding, encoding.pack(&body)?))) {
        Some((encoding, packed)) => {
            let mut reply = reply(status, content_type, packed);
            let name = HeaderValue::from_static(encoding.name());
            reply.headers_mut().insert(header::CONTENT_ENCODING, name);
            reply
        }
        None => reply(status, content_type, body),
    };
    reply.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    reply
}

/// An answer that comes in pieces, which are packed already.
pub fn pieces(content_type: &'static str, body: Body, encoding: Option<Encoding>) -> Reply {
    let mut reply = Response::new(body);
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    reply
}
