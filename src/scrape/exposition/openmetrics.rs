//! OpenMetrics text 1.0, as Prometheus's scraper reads it: strict about blanks, lenient about meaning.

use super::scan::{LabelSyntax, label_set, metric_name, quoted};
use super::{Entry, ExposedExemplar, Exposition, Fault, MetricType, Sample, parse_float};
use memchr::memchr;

const LABELS: LabelSyntax = LabelSyntax { loose: false, name_inside: true, named: true };
const EXEMPLAR: LabelSyntax = LabelSyntax { loose: false, name_inside: false, named: true };

/// Reads the line at `at`.
#[inline]
pub(super) fn entry<'a>(page: &Exposition<'a>, at: usize) -> Result<(Entry<'a>, usize), Fault> {
    let body = page.body;
    match body.get(at) {
        None | Some(0) => Err(unfinished(at)),
        Some(b'#') => comment(page, at),
        Some(b'{') => {
            let end = label_set(page, at, at, LabelSyntax { named: false, ..LABELS })?;
            sample(page, at, end)
        }
        _ => {
            let mut end = metric_name(body, at);
            if end == at {
                return Err(page.expected(at, at, "expected a valid start token"));
            }
            if body.get(end) == Some(&b'{') {
                end = label_set(page, at, end, LABELS)?;
            }
            sample(page, at, end)
        }
    }
}

fn unfinished(at: usize) -> Fault {
    Fault { at, message: "data does not end with # EOF".to_owned() }
}

/// The number after one space at `at`, and where it ends.
fn number(page: &Exposition<'_>, start: usize, at: usize, what: &str) -> Result<(f64, usize), Fault> {
    let body = page.body;
    let rest = body.get(at..).unwrap_or_default();
    let len = match rest.split_first() {
        Some((b' ', rest)) => rest.iter().position(|b| matches!(b, b' ' | b'\n')).unwrap_or(rest.len()),
        _ => 0,
    };
    if len == 0 {
        return Err(page.expected(start, at, what));
    }
    let text = rest.get(1..=len).unwrap_or_default();
    let value = parse_float(text).ok_or_else(|| {
        let line = page.body.get(start..).unwrap_or_default();
        let near = page.excerpt(line, at + 1 + len - start);
        Fault {
            at: at + 1,
            message: format!("invalid float {} while parsing: {near}", page.excerpt(text, len)),
        }
    })?;
    Ok((value, at + 1 + len))
}

/// A timestamp in seconds, as milliseconds.
fn timestamp(page: &Exposition<'_>, start: usize, at: usize, what: &str) -> Result<(i64, usize), Fault> {
    let (seconds, end) = number(page, start, at, "expected timestamp or # symbol")?;
    if !seconds.is_finite() {
        return Err(Fault { at: at + 1, message: format!("invalid {what} {seconds}") });
    }
    // `as` saturates where Go's conversion would wrap: such times are out of bounds either way.
    Ok(((seconds * 1000.0) as i64, end))
}

/// The sample at `start`, whose series ends at `end`.
pub(super) fn sample<'a>(
    page: &Exposition<'a>,
    start: usize,
    end: usize,
) -> Result<(Entry<'a>, usize), Fault> {
    let body = page.body;
    let series = body.get(start..end).unwrap_or_default();
    let (value, mut at) = number(page, start, end, "expected value after metric")?;
    let mut sample = Sample { series, value, timestamp: None, exemplar: None };
    if body.get(at) == Some(&b' ') && !is_exemplar(body, at) {
        let (ms, next) = timestamp(page, start, at, "timestamp")?;
        sample.timestamp = Some(ms);
        at = next;
    }
    if is_exemplar(body, at) {
        let (exemplar, next) = exemplar(page, start, at)?;
        sample.exemplar = Some(exemplar);
        at = next;
    }
    match body.get(at) {
        Some(b'\n') => Ok((Entry::Series(sample), at + 1)),
        None => Err(unfinished(at)),
        Some(_) => Err(page.expected(start, at, "expected next entry after timestamp")),
    }
}

#[inline]
fn is_exemplar(body: &[u8], at: usize) -> bool {
    body.get(at..).is_some_and(|rest| rest.starts_with(b" # {"))
}

/// The exemplar at `at`, and where it ends.
fn exemplar<'a>(
    page: &Exposition<'a>,
    start: usize,
    at: usize,
) -> Result<(ExposedExemplar<'a>, usize), Fault> {
    let end = label_set(page, start, at + 3, EXEMPLAR)?;
    let labels = page.body.get(at + 3..end).unwrap_or_default();
    let (value, mut end) = number(page, start, end, "expected value after exemplar labels")?;
    let mut exemplar = ExposedExemplar { labels, value, timestamp: None };
    if page.body.get(end) == Some(&b' ') {
        let (ms, next) = timestamp(page, start, end, "exemplar timestamp")?;
        (exemplar.timestamp, end) = (Some(ms), next);
    }
    Ok((exemplar, end))
}

/// `# HELP`, `# TYPE`, `# UNIT`, `# EOF`; nothing else.
fn comment<'a>(page: &Exposition<'a>, start: usize) -> Result<(Entry<'a>, usize), Fault> {
    let body = page.body;
    let rest = body.get(start..).unwrap_or_default();
    if rest.starts_with(b"# EOF") {
        let end = start + 5;
        let end = end + usize::from(body.get(end) == Some(&b'\n'));
        return if end == body.len() {
            Ok((Entry::End, end))
        } else {
            Err(Fault { at: end, message: "unexpected data after # EOF".to_owned() })
        };
    }
    let (keyword, what) = [
        ("# HELP ", "expected metric name after HELP"),
        ("# TYPE ", "expected metric name after TYPE"),
        ("# UNIT ", "expected metric name after UNIT"),
    ]
    .into_iter()
    .find(|(keyword, _)| rest.starts_with(keyword.as_bytes()))
    .ok_or_else(|| page.expected(start, start, "expected a valid start token"))?;
    let name_at = start + keyword.len();
    let (name_end, quotes) = match body.get(name_at) {
        Some(b'"') => (quoted(body, name_at, false).unwrap_or(name_at), 1),
        _ => (metric_name(body, name_at), 0),
    };
    if name_end == name_at {
        return Err(page.expected(start, name_at, what));
    }
    let line_break = body.get(name_end..).and_then(|rest| memchr(b'\n', rest)).map(|len| name_end + len);
    let (Some(end), Some(b' ')) = (line_break, body.get(name_end)) else {
        return Err(page.expected(start, name_end, "expected text after metric name"));
    };
    let metric = body.get(name_at + quotes..name_end - quotes).unwrap_or_default();
    let text = body.get(name_end + 1..end).unwrap_or_default();
    let fault = |message: String| Fault { at: name_end + 1, message };
    let entry = match keyword {
        "# TYPE " => {
            let kind = MetricType::find(text)
                .ok_or_else(|| fault(format!("invalid metric type {}", page.excerpt(text, text.len()))))?;
            Entry::Type { metric, kind }
        }
        "# HELP " => {
            if !page.utf8 && std::str::from_utf8(text).is_err() {
                let text = page.excerpt(text, text.len());
                return Err(fault(format!("help text {text} is not a valid utf8 string")));
            }
            Entry::Help { metric, text }
        }
        _ => {
            let suffix = metric.strip_suffix(text).is_some_and(|stem| stem.ends_with(b"_"));
            if !text.is_empty() && !suffix {
                let (unit, name) = (page.excerpt(text, text.len()), page.excerpt(metric, metric.len()));
                return Err(fault(format!("unit {unit} not a suffix of metric {name}")));
            }
            Entry::Unit { metric, unit: text }
        }
    };
    Ok((entry, end + 1))
}
