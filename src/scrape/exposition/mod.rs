//! Exposition formats: zero-copy cursors that accept and refuse what Prometheus's scraper does.
//!
//! [`Exposition::entry`] reads one line at a byte offset and says where the next one begins. It keeps no
//! state between lines, so the layout cache may jump over lines that it knows.

mod labels;
pub mod negotiate;
mod number;
mod openmetrics;
mod scan;
mod text;

#[cfg(test)]
mod tests;

pub use labels::{parse_labels, unescape_help};
pub use negotiate::Format;
pub use number::parse_float;
pub(crate) use number::{read_number, read_plain};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names are the doc
pub enum MetricType {
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
    Unknown,
}

impl MetricType {
    const NAMES: &[(&str, Self)] = &[
        ("counter", Self::Counter),
        ("gauge", Self::Gauge),
        ("histogram", Self::Histogram),
        ("gaugehistogram", Self::GaugeHistogram),
        ("summary", Self::Summary),
        ("info", Self::Info),
        ("stateset", Self::StateSet),
        ("unknown", Self::Unknown),
    ];

    /// As the API names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("unknown", |(name, _)| name)
    }

    fn find(name: &[u8]) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| n.as_bytes() == name).map(|(_, kind)| *kind)
    }
}

impl std::fmt::Display for MetricType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One line of a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry<'a> {
    /// `# TYPE`
    Type {
        /// Name as written, escapes kept.
        metric: &'a [u8],
        /// What it is.
        kind: MetricType,
    },
    /// `# HELP`
    Help {
        /// Name as written, escapes kept.
        metric: &'a [u8],
        /// Text as written, escapes kept.
        text: &'a [u8],
    },
    /// `# UNIT`
    Unit {
        /// Name as written, escapes kept.
        metric: &'a [u8],
        /// Unit.
        unit: &'a [u8],
    },
    /// Any other comment, or a blank line.
    Comment,
    /// A sample.
    Series(Sample<'a>),
    /// `# EOF`, or the end of a text page.
    End,
}

/// A sample as exposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Name and labels as written; [`parse_labels`] reads them.
    pub series: &'a [u8],
    /// Value; every NaN is the one canonical NaN.
    pub value: f64,
    /// Milliseconds since the epoch, where the line has a timestamp.
    pub timestamp: Option<i64>,
    /// What stands behind the sample, where the format has such.
    pub exemplar: Option<ExposedExemplar<'a>>,
}

/// An exemplar as exposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExposedExemplar<'a> {
    /// Labels as written, in their braces; [`parse_labels`] reads them.
    pub labels: &'a [u8],
    /// What was observed.
    pub value: f64,
    /// Milliseconds since the epoch, where it has a timestamp.
    pub timestamp: Option<i64>,
}

/// The exemplar as it is written in what follows a series in its line; empty where there is none.
#[inline]
pub(crate) fn exemplar_text(behind_series: &[u8]) -> &[u8] {
    memchr::memchr(b'#', behind_series).and_then(|at| behind_series.get(at..)).unwrap_or_default()
}

/// A line that Prometheus's scraper refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// What was expected and what stands there.
    pub message: String,
}

/// A page, ready to be read line by line.
#[derive(Debug, Clone, Copy)]
pub struct Exposition<'a> {
    body: &'a [u8],
    format: Format,
    /// The whole page is UTF-8: its parts need no check.
    utf8: bool,
}

impl<'a> Exposition<'a> {
    /// A page in a format.
    #[must_use]
    pub fn new(body: &'a [u8], format: Format) -> Self {
        Self { body, format, utf8: is_utf8(body) }
    }

    /// The page.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Another page in the same format.
    #[must_use]
    pub fn like<'b>(&self, body: &'b [u8]) -> Exposition<'b> {
        Exposition::new(body, self.format)
    }

    /// Reads the line at `at`, and tells where the next one begins.
    ///
    /// # Errors
    /// The line is malformed.
    #[inline]
    pub fn entry(&self, at: usize) -> Result<(Entry<'a>, usize), ParseError> {
        let result = match self.format {
            Format::Text => text::entry(self, at),
            Format::OpenMetrics => openmetrics::entry(self, at),
        };
        result.map_err(|fault| self.locate(&fault))
    }

    /// Reads the line at `at` whose series is known to be its first `series_len` bytes, which a blank follows; where
    /// there is more to the series than that, the line is malformed.
    ///
    /// # Errors
    /// What follows the series is malformed.
    pub(super) fn entry_behind(
        &self,
        at: usize,
        series_len: usize,
    ) -> Result<(Entry<'a>, usize), ParseError> {
        let result = match self.format {
            Format::Text => text::sample(self, at, at + series_len),
            Format::OpenMetrics => openmetrics::sample(self, at, at + series_len),
        };
        result.map_err(|fault| self.locate(&fault))
    }

    /// All lines up to the end or the first fault.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry<'a>, ParseError>> + use<'a> {
        let (page, mut at, mut done) = (*self, 0, false);
        std::iter::from_fn(move || {
            if done {
                return None;
            }
            match page.entry(at) {
                Ok((Entry::End, _)) => None,
                Ok((entry, next)) => {
                    at = next;
                    Some(Ok(entry))
                }
                Err(error) => {
                    done = true;
                    Some(Err(error))
                }
            }
        })
    }

    #[cold]
    fn locate(&self, fault: &Fault) -> ParseError {
        let before = self.body.get(..fault.at).unwrap_or(self.body);
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        ParseError {
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: before.len() - line_start + 1,
            message: fault.message.clone(),
        }
    }

    /// A fault at a place, which shows what stands there and the line's beginning up to it.
    #[cold]
    fn expected(&self, start: usize, at: usize, what: &str) -> Fault {
        let line = self.body.get(start..).unwrap_or_default();
        let (found, near) = match self.body.get(at) {
            None => ("end of input".to_owned(), self.excerpt(line, at.saturating_sub(start))),
            Some(_) => {
                let token = self.body.get(at..).unwrap_or_default();
                let first = String::from_utf8_lossy(token.get(..token.len().min(4)).unwrap_or_default());
                let first: String = first.chars().take(1).collect();
                (narthex_storage::labels::quote(&first), self.excerpt(line, at + 1 - start.min(at)))
            }
        };
        Fault { at, message: format!("{what}, got {found} while parsing: {near}") }
    }

    /// The quoted first `len` bytes of a line, cut to what a log line can hold.
    fn excerpt(&self, line: &[u8], len: usize) -> String {
        const MAX: usize = 200;
        let text = line.get(..len.min(line.len())).unwrap_or_default();
        let cut = text.get(text.len().saturating_sub(MAX)..).unwrap_or_default();
        narthex_storage::labels::quote(&String::from_utf8_lossy(cut))
    }
}

/// Whether a page is UTF-8. Most pages are ASCII, which is told several times faster.
fn is_utf8(body: &[u8]) -> bool {
    const STEP: usize = 4096;
    let ascii = body.chunks(STEP).take_while(|chunk| chunk.is_ascii()).count() * STEP;
    body.get(ascii..).is_none_or(|rest| std::str::from_utf8(rest).is_ok())
}

/// A fault at a byte offset, before its line is known.
#[derive(Debug)]
struct Fault {
    at: usize,
    message: String,
}
