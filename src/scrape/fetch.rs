//! One request for a page: headers, status, unpacking within the limit.

use super::buffers;
use crate::http::kept::{Answer, Kept};
use crate::http::{HttpClient, HttpError};
use crate::settings::masked;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;
use libdeflater::DecompressionError;
use std::io::Read;

/// The limit of a page where the configuration sets none, bytes: a target must not be able to fill the
/// memory of the server.
pub const BODY_MAX: usize = 256 << 20;

/// What is set aside for an answer because it says that it is so long, bytes.
const ROOM_MAX: usize = 1 << 20;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No answer.
    #[error("Get \"{url}\": {error}")]
    Http {
        /// The URL.
        url: String,
        /// Why.
        error: HttpError,
    },
    /// The answer did not come in time.
    #[error("Get \"{0}\": context deadline exceeded")]
    Timeout(String),
    /// The server answered something else.
    #[error("server returned HTTP status {0}")]
    Status(String),
    /// The answer broke off.
    #[error("reading the answer: {0}")]
    Body(String),
    /// The page is larger than it may be.
    #[error("body size limit exceeded")]
    TooLarge,
    /// The answer is not the gzip that it says it is.
    #[error("gzip: invalid data")]
    Gzip,
}

/// What every request of a target carries.
#[must_use]
pub fn headers(accept: &str, compression: bool, timeout_ms: i64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::ACCEPT, accept);
    }
    let encoding = if compression { "gzip" } else { "identity" };
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
    let seconds = timeout_ms as f64 / 1000.0;
    if let Ok(seconds) = HeaderValue::from_str(&seconds.to_string()) {
        headers.insert("x-prometheus-scrape-timeout-seconds", seconds);
    }
    headers
}

/// Gets the page into `page`, which gets its memory only now, and tells its content type.
///
/// # Errors
/// See [`FetchError`]; the caller watches the time.
pub async fn fetch(
    (client, kept): (&HttpClient, &mut Kept),
    url: &Uri,
    headers: &HeaderMap,
    limit: u64,
    page: &mut Vec<u8>,
) -> Result<Option<String>, FetchError> {
    let answer = ask((client, kept), url, headers).await?;
    accepted(answer.response.status())?;
    take(answer, kept, limit, page).await
}

/// Asks for the page; whatever the answer is, none of its body is read yet.
pub(super) async fn ask(
    (client, kept): (&HttpClient, &mut Kept),
    url: &Uri,
    headers: &HeaderMap,
) -> Result<Answer, FetchError> {
    let masked = |error| FetchError::Http { url: masked::in_errors(&url.to_string()).into_owned(), error };
    client.get_on(kept, url, headers).await.map_err(masked)
}

/// Whether an answer of this status has a page.
pub(super) fn accepted(status: StatusCode) -> Result<(), FetchError> {
    if status == StatusCode::OK {
        return Ok(());
    }
    let reason = status.canonical_reason().unwrap_or_default();
    Err(FetchError::Status(format!("{} {reason}", status.as_u16())))
}

/// Reads the body of an answer, unpacked, into `page`, which gets its memory only now, and tells its content type.
pub(super) async fn take(
    answer: Answer,
    kept: &mut Kept,
    limit: u64,
    page: &mut Vec<u8>,
) -> Result<Option<String>, FetchError> {
    let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(BODY_MAX);
    let text = |name| answer.response.headers().get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let content_type = text(header::CONTENT_TYPE).map(str::to_owned);
    let packed = text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
    if packed {
        let mut body = buffers::BODIES.buffer();
        let read = answer.read(kept, |response| read(response, limit, &mut body)).await;
        *page = buffers::PAGES.buffer();
        let unpacked = read.and_then(|()| unpack(&body, limit, page));
        buffers::BODIES.give_back(body);
        unpacked?;
    } else {
        *page = buffers::PAGES.buffer();
        answer.read(kept, |response| read(response, limit, page)).await?;
    }
    Ok(content_type)
}

async fn read(response: Response<Incoming>, limit: usize, out: &mut Vec<u8>) -> Result<(), FetchError> {
    let mut body = response.into_body();
    out.clear();
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    out.reserve_exact(told.min(limit).min(ROOM_MAX));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| FetchError::Body(e.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        let data: Bytes = data;
        if out.len() + data.len() >= limit {
            return Err(FetchError::TooLarge);
        }
        out.extend_from_slice(&data);
    }
    Ok(())
}

/// Unpacks gzip into `out`.
fn unpack(packed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), FetchError> {
    // Another member may follow, which the fast library does not read; a false alarm only costs time.
    let body = packed.get(10..).unwrap_or_default();
    if memchr::memmem::find(body, &[0x1f, 0x8b, 8]).is_some() {
        return unpack_members(packed, limit, out);
    }
    // The size that the end of the data says, modulo 2^32; only a hint, for it can be forged.
    let said = packed.last_chunk::<4>().map_or(0, |tail| u32::from_le_bytes(*tail) as usize);
    let most = packed.len().saturating_mul(64).max(64 << 10);
    let mut room = said.min(most).max(packed.len()).max(4096);
    loop {
        room = room.min(limit);
        // What is in it already is as good as zeros.
        out.resize(room, 0);
        match buffers::with_decompressor(|decompressor| decompressor.gzip_decompress(packed, out)) {
            Ok(len) => {
                out.truncate(len);
                return if len >= limit { Err(FetchError::TooLarge) } else { Ok(()) };
            }
            Err(DecompressionError::InsufficientSpace) if room < limit => room = room.saturating_mul(4),
            Err(DecompressionError::InsufficientSpace) => return Err(FetchError::TooLarge),
            Err(DecompressionError::BadData) => return Err(FetchError::Gzip),
        }
    }
}

/// Unpacks gzip data of several members.
fn unpack_members(packed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), FetchError> {
    out.clear();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut reader = MultiGzDecoder::new(packed).take(most);
    reader.read_to_end(out).map_err(|_| FetchError::Gzip)?;
    if out.len() >= limit { Err(FetchError::TooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn pack(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_unpacked_up_to_the_limit() {
        let page = b"metric 1\n".repeat(10_000);
        let mut out = Vec::new();
        unpack(&pack(&page), BODY_MAX, &mut out).unwrap();
        assert_eq!(out, page);
        assert!(matches!(unpack(&pack(&page), page.len(), &mut out), Err(FetchError::TooLarge)));
        unpack(&pack(&page), page.len() + 1, &mut out).unwrap();
        let two = [pack(b"a 1\n"), pack(b"b 2\n")].concat();
        unpack(&two, BODY_MAX, &mut out).unwrap();
        assert_eq!(out, b"a 1\nb 2\n");
    }

    #[test]
    fn a_bomb_ends_at_the_limit_and_nonsense_is_refused() {
        let mut out = Vec::new();
        let bomb = pack(&vec![b'a'; 64 << 20]);
        assert!(matches!(unpack(&bomb, 1 << 20, &mut out), Err(FetchError::TooLarge)));
        assert!(out.capacity() < 8 << 20, "{}", out.capacity());
        assert!(matches!(unpack(b"nonsense", 1 << 20, &mut out), Err(FetchError::Gzip)));
        let cut = pack(b"a 1\n");
        assert!(matches!(unpack(&cut[..cut.len() - 9], 1 << 20, &mut out), Err(FetchError::Gzip)));
    }
}
