//! Whether a request comes from a page of this server, for endpoints that act.

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, header};

/// Whether a request may act: it comes from no page at all (a command line), or from one of this server's
/// own. Browsers tell in `Sec-Fetch-Site`, and older ones in `Origin`.
#[must_use]
pub fn is_own(parts: &Parts, external_url: &str) -> bool {
    let text = |name: &str| parts.headers.get(name).map(HeaderValue::to_str);
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, Ok("same-origin" | "none"));
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else { return true };
    let Ok(Some((_, authority))) = origin.map(|origin| origin.split_once("://")) else { return false };
    // HTTP/2 names the host in the request's target.
    let target = parts.uri.authority().map(Authority::as_str);
    let host = target.or_else(|| text(header::HOST.as_str()).and_then(Result::ok));
    let external = external_url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    [host, external].into_iter().flatten().any(|own| own.eq_ignore_ascii_case(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_others_may_not_act() {
        let table: &[(&[(&'static str, &'static str)], bool)] = &[
            (&[], true),
            (&[("host", "a:9090"), ("origin", "http://a:9090")], true),
            (&[("host", "a:9090"), ("origin", "https://world.example")], true),
            (&[("host", "a:9090"), ("origin", "http://evil.example")], false),
            (&[("host", "a:9090"), ("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://proxied")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], true),
        ];
        for (headers, want) in table {
            let mut request = http::Request::delete("/x");
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(is_own(&parts, "https://world.example/x"), *want, "{headers:?}");
        }
        let request = http::Request::delete("http://a:9090/x").header("origin", "http://a:9090");
        assert!(is_own(&request.body(()).unwrap().into_parts().0, ""));
    }
}
