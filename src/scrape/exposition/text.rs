//! The text format 0.0.4.

use super::scan::{LabelSyntax, label_set, metric_name, quoted, skip_blanks};
use super::{Entry, Exposition, Fault, MetricType, Sample, parse_float, read_plain};
use memchr::memchr;

const LABELS: LabelSyntax = LabelSyntax { loose: true, name_inside: true, named: true };

/// Reads the line at `at`.
#[inline]
pub(super) fn entry<'a>(page: &Exposition<'a>, at: usize) -> Result<(Entry<'a>, usize), Fault> {
    let body = page.body;
    let start = skip_blanks(body, at);
    match body.get(start) {
        // A NUL where a line begins ends the page, as it does for Prometheus's lexer.
        None | Some(0) => Ok((Entry::End, body.len())),
        Some(b'\n') => Ok((Entry::Comment, start + 1)),
        Some(b'#') => comment(page, start),
        Some(b'{') => {
            let end = label_set(page, start, start, LabelSyntax { named: false, ..LABELS })?;
            sample(page, start, end)
        }
        _ => {
            let mut end = metric_name(body, start);
            if end == start {
                return Err(page.expected(start, start, "expected a valid start token"));
            }
            let next = skip_blanks(body, end);
            if body.get(next) == Some(&b'{') {
                end = label_set(page, start, next, LABELS)?;
            }
            sample(page, start, end)
        }
    }
}

/// Where the line that holds `at` ends, before the line break.
fn line_end(body: &[u8], at: usize) -> usize {
    body.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(body.len(), |len| at + len)
}

/// Value and timestamp after the series, which ends at `end`.
#[inline]
pub(super) fn sample<'a>(
    page: &Exposition<'a>,
    start: usize,
    end: usize,
) -> Result<(Entry<'a>, usize), Fault> {
    let body = page.body;
    let series = body.get(start..end).unwrap_or_default();
    let value_at = skip_blanks(body, end);
    let rest = body.get(value_at..).unwrap_or_default();
    if let Some((value, len)) = read_plain(rest) {
        return Ok((
            Entry::Series(Sample { series, value, timestamp: None, exemplar: None }),
            value_at + len,
        ));
    }
    let value_end = word_end(body, value_at);
    if value_end == value_at {
        return Err(page.expected(start, value_at, "expected value after metric"));
    }
    let text = body.get(value_at..value_end).unwrap_or_default();
    let value = parse_float(text).ok_or_else(|| bad_number(page, start, value_at, text, "float"))?;
    let after = skip_blanks(body, value_end);
    let mut sample = Sample { series, value, timestamp: None, exemplar: None };
    match body.get(after) {
        None => return Ok((Entry::Series(sample), body.len())),
        Some(b'\n') => return Ok((Entry::Series(sample), after + 1)),
        _ => {}
    }
    let digits_at = after + usize::from(body.get(after) == Some(&b'-'));
    let digits = body.get(digits_at..).unwrap_or_default();
    let len = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    if len == 0 {
        return Err(page.expected(start, after, "expected timestamp or new record"));
    }
    let ts_end = digits_at + len;
    let text = body.get(after..ts_end).unwrap_or_default();
    let timestamp = std::str::from_utf8(text).ok().and_then(|t| t.parse::<i64>().ok());
    sample.timestamp = Some(timestamp.ok_or_else(|| bad_number(page, start, after, text, "timestamp"))?);
    let next = skip_blanks(body, ts_end);
    match body.get(next) {
        None => Ok((Entry::Series(sample), body.len())),
        Some(b'\n') => Ok((Entry::Series(sample), next + 1)),
        Some(_) => Err(page.expected(start, next, "expected next entry after timestamp")),
    }
}

#[cold]
fn bad_number(page: &Exposition<'_>, start: usize, at: usize, text: &[u8], what: &str) -> Fault {
    let line = page.body.get(start..).unwrap_or_default();
    let near = page.excerpt(line, at + text.len() - start);
    let message = format!("invalid {what} {} while parsing: {near}", page.excerpt(text, text.len()));
    Fault { at, message }
}

/// Where a value ends: at a blank, a line break or an opening brace.
#[inline]
fn word_end(body: &[u8], at: usize) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    at + rest.iter().position(|b| matches!(b, b'{' | b' ' | b'\t' | b'\n')).unwrap_or(rest.len())
}

/// `# HELP`, `# TYPE` and comments.
fn comment<'a>(page: &Exposition<'a>, start: usize) -> Result<(Entry<'a>, usize), Fault> {
    let body = page.body;
    let end = line_end(body, start);
    let next = (end + 1).min(body.len());
    let word_at = skip_blanks(body, start + 1);
    let word = body.get(word_at..end).unwrap_or_default();
    let keyword = [&b"HELP"[..], b"TYPE"]
        .into_iter()
        .find(|k| word.starts_with(k) && matches!(word.get(k.len()), Some(b' ' | b'\t')));
    let (Some(keyword), true) = (keyword, word_at > start + 1) else { return Ok((Entry::Comment, next)) };
    let what = if keyword == b"HELP" {
        "expected metric name after HELP"
    } else {
        "expected metric name after TYPE"
    };
    let name_at = skip_blanks(body, word_at + keyword.len());
    let (name_end, quotes) = match body.get(name_at) {
        Some(b'"') => (quoted(body, name_at, false).unwrap_or(name_at), 1),
        _ => (metric_name(body, name_at), 0),
    };
    if name_end == name_at || name_end > end {
        return Err(page.expected(start, name_at, what));
    }
    let metric = body.get(name_at + quotes..name_end - quotes).unwrap_or_default();
    let rest = body.get(name_end..end).unwrap_or_default();
    // One blank parts the name from the text; more of them belong to the text.
    let text = rest.get(1..).unwrap_or_default();
    if keyword == b"TYPE" {
        let known = if text == b"untyped" { Some(MetricType::Unknown) } else { text_type(text) };
        let kind = known.ok_or_else(|| Fault {
            at: name_end,
            message: format!("invalid metric type {}", page.excerpt(text, text.len())),
        })?;
        return Ok((Entry::Type { metric, kind }, next));
    }
    if !page.utf8 && std::str::from_utf8(text).is_err() {
        let message = format!("help text {} is not a valid utf8 string", page.excerpt(text, text.len()));
        return Err(Fault { at: name_end, message });
    }
    Ok((Entry::Help { metric, text }, next))
}

/// The types that the text format has.
fn text_type(text: &[u8]) -> Option<MetricType> {
    MetricType::find(text).filter(|kind| {
        matches!(kind, MetricType::Counter | MetricType::Gauge | MetricType::Histogram | MetricType::Summary)
    })
}
