//! Which format a target is asked for, and which one its answer is in.

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text 0.0.4 (and 1.0.0, which adds quoted names).
    Text,
    /// OpenMetrics text.
    OpenMetrics,
}

/// Formats by the name that the configuration gives them: name, `Accept` entry, parser.
const PROTOCOLS: &[(&str, &str, Option<Format>)] = &[
    (
        "OpenMetricsText1.0.0",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
        Some(Format::OpenMetrics),
    ),
    ("OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1", Some(Format::OpenMetrics)),
    ("PrometheusText1.0.0", "text/plain;version=1.0.0;escaping=allow-utf-8", Some(Format::Text)),
    ("PrometheusText0.0.4", "text/plain;version=0.0.4", Some(Format::Text)),
    // Never asked for: this server does not read it yet.
    ("PrometheusProto", "", None),
];

/// The `Accept` header for protocols in order of preference. Protocols that are not read are left out.
#[must_use]
pub fn accept_header<'a>(protocols: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    let mut q = 6;
    for name in protocols {
        let known = PROTOCOLS.iter().find(|(n, _, format)| *n == name && format.is_some());
        if let Some((_, accept, _)) = known {
            out.push_str(&format!("{accept};q=0.{q},"));
            q -= 1;
        }
    }
    out.push_str(&format!("*/*;q=0.{q}"));
    out
}

/// Why an answer's format is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentTypeError {
    /// There is no content type.
    #[error(
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
    )]
    Blank,
    /// The content type cannot be read.
    #[error("cannot parse Content-Type \"{0}\" and no fallback_scrape_protocol for target")]
    Unparsable(String),
    /// The content type is that of something else.
    #[error("received unsupported Content-Type \"{0}\" and no fallback_scrape_protocol specified for target")]
    Unsupported(String),
}

/// The format of an answer with this content type; `fallback` is the protocol that the configuration
/// assumes where the answer does not tell.
///
/// # Errors
/// The answer does not tell, and there is no fallback.
pub fn format_of(content_type: Option<&str>, fallback: Option<&str>) -> Result<Format, ContentTypeError> {
    let content_type = content_type.unwrap_or_default();
    let error = match media_type(content_type) {
        _ if content_type.is_empty() => ContentTypeError::Blank,
        Some("application/openmetrics-text") => return Ok(Format::OpenMetrics),
        Some("text/plain") => return Ok(Format::Text),
        Some(_) => ContentTypeError::Unsupported(content_type.to_owned()),
        None => ContentTypeError::Unparsable(content_type.to_owned()),
    };
    let fallback = PROTOCOLS.iter().find(|(name, _, _)| Some(*name) == fallback);
    fallback.and_then(|(_, _, format)| *format).ok_or(error)
}

/// The media type without its parameters; `None` when the header is malformed.
fn media_type(content_type: &str) -> Option<&str> {
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let mut parts = content_type.split(';');
    let media = parts.next()?.trim();
    let well_formed = match media.split_once('/') {
        Some((kind, subtype)) => is_token(kind) && is_token(subtype),
        None => is_token(media),
    };
    let parameters = parts.all(|part| {
        part.trim().is_empty() || part.split_once('=').is_some_and(|(name, _)| is_token(name.trim()))
    });
    (well_formed && parameters).then_some(media)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_header_is_prometheus_s() {
        let default =
            ["OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4"];
        assert_eq!(
            accept_header(default),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
    }

    #[test]
    fn content_types_choose_the_parser() {
        let table = [
            (Some("text/plain; version=0.0.4; charset=utf-8"), Ok(Format::Text)),
            (Some("application/openmetrics-text; version=1.0.0; charset=utf-8"), Ok(Format::OpenMetrics)),
            (Some("text/html"), Err(ContentTypeError::Unsupported("text/html".to_owned()))),
            (Some("te xt/;;"), Err(ContentTypeError::Unparsable("te xt/;;".to_owned()))),
            (None, Err(ContentTypeError::Blank)),
        ];
        for (content_type, want) in table {
            assert_eq!(format_of(content_type, None), want);
        }
        assert_eq!(format_of(None, Some("PrometheusText0.0.4")), Ok(Format::Text));
        assert_eq!(format_of(Some("x/y"), Some("OpenMetricsText1.0.0")), Ok(Format::OpenMetrics));
    }
}
