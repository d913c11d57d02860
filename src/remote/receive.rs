//! Remote write 1.0, the receiving side: Snappy, `prometheus.WriteRequest`, all samples or none.
//!
//! Source: the Prometheus Remote-Write 1.0 specification.

use super::histogram::HistogramFault;
use super::series::TimeSeries;
use super::wire::{Reader, WireError};
use narthex_storage::{
    AppendError, Appender, Db, ExemplarAppender, Labels, STALE_NAN, StorageError, is_stale_nan,
};
use std::sync::Arc;

/// A request may not unpack to more than this, bytes.
const DECODED_MAX: usize = 256 << 20;
/// Samples this far ahead of the clock are out of bounds, ms.
const AHEAD_MAX_MS: i64 = 600_000;

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The body is not Snappy's block format.
    #[error("snappy: {0}")]
    Snappy(#[from] snap::Error),
    /// The body unpacks to too much.
    #[error("request of {0} bytes is larger than the {DECODED_MAX} bytes that are taken at once")]
    TooLarge(usize),
    /// The body is not the message.
    #[error("proto: {0}")]
    Wire(#[from] WireError),
    /// A sample does not fit the series.
    #[error("{error} (series {labels:?}, timestamp {timestamp} ms)")]
    Sample {
        /// What is wrong with it.
        error: AppendError,
        /// Its series.
        labels: Labels,
        /// Its time, ms.
        timestamp: i64,
    },
    /// A histogram contradicts itself.
    #[error("{error} (series {labels:?}, timestamp {timestamp} ms)")]
    Histogram {
        /// What is wrong with it.
        error: HistogramFault,
        /// Its series.
        labels: Labels,
        /// Its time, ms.
        timestamp: i64,
    },
    /// A sample did fit when it was read, and does not any more.
    #[error("{0} (another request, or the end of a block, came first)")]
    Late(AppendError),
    /// The store failed; the client should try again.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl WriteError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Storage(_) => true,
            Self::Sample { error, .. } => matches!(error, AppendError::Storage(_)),
            _ => false,
        }
    }
}

/// What a request brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Samples that are stored now.
    pub samples: usize,
    /// Exemplars that are stored now.
    pub exemplars: usize,
    /// Exemplars that were left out: out of order, with labels that are too long, or of a series that is not there.
    pub exemplars_refused: usize,
    /// Series with invalid labels, which were left out.
    pub invalid_series: usize,
    /// Series that would be new and for which there is no room, which were left out.
    pub refused_series: usize,
    /// The limit that they met.
    pub limit: u64,
}

impl Written {
    /// What the sender should know: not everything was taken.
    #[must_use]
    pub fn partial(&self) -> Option<String> {
        let Self { samples, refused_series, limit, .. } = self;
        (*refused_series > 0).then(|| {
            format!(
                "partial write: {samples} samples were written; {refused_series} new series were refused because the limit of {limit} series (--storage.max-series) is reached"
            )
        })
    }
}

/// Appends a request; `now_ms` bounds how far ahead samples may lie.
///
/// # Errors
/// See [`WriteError`]; nothing was stored then.
pub fn write(db: &Db, body: &[u8], now_ms: i64) -> Result<Written, WriteError> {
    let len = snap::raw::decompress_len(body)?;
    if len > DECODED_MAX {
        return Err(WriteError::TooLarge(len));
    }
    let message = snap::raw::Decoder::new().decompress_vec(body)?;
    let (mut appender, mut exemplars) = (db.appender(), db.exemplar_appender());
    let mut written = Written::default();
    let mut series = TimeSeries::default();
    let latest = now_ms.saturating_add(AHEAD_MAX_MS);
    for field in Reader::new(&message) {
        let field = field?;
        // Field 1 holds the series; 3 is metadata, which this server reads from scrapes.
        if field.number != 1 {
            continue;
        }
        if series.read(field.bytes()?)? {
            // Prometheus sends exemplars apart from the samples of their series.
            if series.samples.is_empty() && series.histograms.is_empty() && !series.exemplars.is_empty() {
                written.exemplars_refused += stage_exemplars(&mut exemplars, &mut series);
                continue;
            }
            match appender.choose(&series.labels) {
                Ok(()) => {
                    stage(&mut appender, &mut series, latest)?;
                    written.exemplars_refused += stage_exemplars(&mut exemplars, &mut series);
                }
                Err(AppendError::TooManySeries(limit)) => {
                    written.refused_series += 1;
                    written.limit = limit;
                }
                Err(error) => {
                    return Err(WriteError::Sample {
                        error,
                        labels: series.labels.to_labels(),
                        timestamp: 0,
                    });
                }
            }
        } else {
            written.invalid_series += 1;
        }
    }
    written.samples = appender.commit().map_err(|error| match error {
        AppendError::Storage(error) => WriteError::Storage(error),
        late => WriteError::Late(late),
    })?;
    let outcome = exemplars.commit().map_err(|error| match error {
        AppendError::Storage(error) => WriteError::Storage(error),
        other => WriteError::Late(other),
    })?;
    written.exemplars = outcome.stored;
    written.exemplars_refused += outcome.out_of_order + outcome.too_long;
    Ok(written)
}

/// Stages the exemplars of a series, and tells how many it cannot have.
fn stage_exemplars(appender: &mut ExemplarAppender, series: &mut TimeSeries) -> usize {
    let labels = series.labels.as_encoded();
    let refused = |one| appender.stage_encoded(labels, one).is_err();
    series.exemplars.drain(..).map(refused).filter(|refused| *refused).count()
}

/// Stages the samples of the series that was chosen.
fn stage(appender: &mut Appender, series: &mut TimeSeries, latest_ms: i64) -> Result<(), WriteError> {
    let at = |timestamp: i64, result: Result<(), AppendError>| match result {
        Err(AppendError::Storage(error)) => Err(WriteError::Storage(error)),
        Err(error) => Err(WriteError::Sample { error, labels: series.labels.to_labels(), timestamp }),
        Ok(()) => Ok(()),
    };
    for &(timestamp, value) in &series.samples {
        let result = match timestamp > latest_ms {
            true => Err(AppendError::OutOfBounds),
            // Every staleness marker has the one bit pattern that readers look for.
            false if is_stale_nan(value) => appender.push(timestamp, STALE_NAN, 0),
            false => appender.push(timestamp, value, 0),
        };
        at(timestamp, result)?;
    }
    for (timestamp, histogram) in series.histograms.drain(..) {
        let histogram = histogram.map_err(|error| WriteError::Histogram {
            error,
            labels: series.labels.to_labels(),
            timestamp,
        })?;
        let result = match timestamp > latest_ms {
            true => Err(AppendError::OutOfBounds),
            false => appender.push_histogram(timestamp, Arc::new(histogram), 0),
        };
        at(timestamp, result)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::histogram::tests::{Count, Sent, integers};
    use narthex_storage::CounterResetHint::{Gauge, Unknown};
    use narthex_storage::{Columns, DbOptions, Matcher, Queryable, SelectHints};
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    struct WriteRequest {
        #[prost(message, repeated, tag = "1")]
        series: Vec<TimeSeries>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct TimeSeries {
        #[prost(message, repeated, tag = "1")]
        labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        samples: Vec<Sample>,
        #[prost(message, repeated, tag = "3")]
        exemplars: Vec<Observed>,
        #[prost(message, repeated, tag = "4")]
        histograms: Vec<Sent>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Observed {
        #[prost(message, repeated, tag = "1")]
        labels: Vec<Label>,
        #[prost(double, tag = "2")]
        value: f64,
        #[prost(int64, tag = "3")]
        timestamp: i64,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Label {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        value: String,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Sample {
        #[prost(double, tag = "1")]
        value: f64,
        #[prost(int64, tag = "2")]
        timestamp: i64,
    }

    fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
        let label = |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
        TimeSeries {
            labels: labels.iter().map(label).collect(),
            samples: samples.iter().map(|&(timestamp, value)| Sample { value, timestamp }).collect(),
            exemplars: Vec::new(),
            histograms: Vec::new(),
        }
    }

    fn observed(trace: &str, value: f64, timestamp: i64) -> Observed {
        let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
        Observed { labels: vec![label("trace_id", trace), label("none", "")], value, timestamp }
    }

    fn body(series: Vec<TimeSeries>) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(&WriteRequest { series }.encode_to_vec()).unwrap()
    }

    fn stored(db: &Db, name: &str) -> Vec<(i64, f64)> {
        let querier = db.querier(i64::MIN, i64::MAX).unwrap();
        let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
        let found = querier.select(&[Matcher::equal("__name__", name)], &hints).unwrap();
        let mut columns = Columns::default();
        found.iter().for_each(|s| s.read(i64::MIN, i64::MAX, &mut columns).unwrap());
        columns.timestamps.into_iter().zip(columns.values).collect()
    }

    fn open() -> (tempfile::TempDir, Db) {
        open_with(DbOptions::default())
    }

    fn open_with(options: DbOptions) -> (tempfile::TempDir, Db) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), options).unwrap();
        (dir, db)
    }

    #[test]
    fn beyond_the_limit_known_series_are_written_and_new_ones_are_named_as_refused() {
        let (_dir, db) = open_with(DbOptions { max_series: Some(2), ..DbOptions::default() });
        let first = body(vec![
            series(&[("__name__", "a")], &[(1000, 1.0)]),
            series(&[("__name__", "b")], &[(1000, 1.0)]),
        ]);
        assert_eq!(write(&db, &first, 5000).unwrap().partial(), None);
        let mixed = body(vec![
            series(&[("__name__", "c")], &[(2000, 1.0)]),
            series(&[("__name__", "a")], &[(2000, 2.0)]),
            series(&[("__name__", "d"), ("only_here", "x")], &[(2000, 1.0), (3000, 1.0)]),
        ]);
        let written = write(&db, &mixed, 5000).unwrap();
        assert_eq!((written.samples, written.refused_series), (1, 2));
        let text = written.partial().unwrap();
        assert!(text.contains("2 new series were refused") && text.contains("limit of 2 series"), "{text}");
        assert_eq!(stored(&db, "a"), [(1000, 1.0), (2000, 2.0)]);
        assert!(stored(&db, "c").is_empty() && stored(&db, "d").is_empty());
        assert_eq!((db.stats(9).series, db.stats(9).series_refused), (2, 2));
        assert!(
            db.stats(9).values_by_label.iter().all(|(name, _)| name != "only_here"),
            "nothing is left of it"
        );
    }

    #[test]
    fn samples_arrive_and_invalid_series_are_left_out() {
        let (_dir, db) = open();
        let request = body(vec![
            series(&[("__name__", "a"), ("x", "1")], &[(1000, 1.0), (2000, 2.5)]),
            series(&[("x", "1")], &[(1000, 1.0)]),
            series(&[("__name__", "b"), ("x", "1"), ("x", "2")], &[(1000, 1.0)]),
        ]);
        assert_eq!(
            write(&db, &request, 5000).unwrap(),
            Written { samples: 2, invalid_series: 2, ..Written::default() }
        );
        assert_eq!(stored(&db, "a"), [(1000, 1.0), (2000, 2.5)]);
        assert!(stored(&db, "b").is_empty());
    }

    #[test]
    fn one_bad_sample_refuses_the_whole_request() {
        let (_dir, db) = open();
        write(&db, &body(vec![series(&[("__name__", "a")], &[(2000, 1.0)])]), 5000).unwrap();
        let late = body(vec![
            series(&[("__name__", "b")], &[(2000, 1.0)]),
            series(&[("__name__", "a")], &[(1000, 1.0)]),
        ]);
        let error = write(&db, &late, 5000).unwrap_err();
        assert!(!error.retry());
        assert!(error.to_string().starts_with("out of order sample (series {__name__=\"a\"}"), "{error}");
        assert!(stored(&db, "b").is_empty());
        let ahead = body(vec![series(&[("__name__", "a")], &[(5001 + AHEAD_MAX_MS, 1.0)])]);
        assert!(write(&db, &ahead, 5000).unwrap_err().to_string().starts_with("out of bounds"));
    }

    #[test]
    fn histograms_arrive_beside_floats() {
        let (_dir, db) = open();
        let mut both = series(&[("__name__", "h")], &[(1000, 1.0)]);
        let gauge = Sent { hint: 3, timestamp: 4000, ..integers() };
        let float = Sent { count: Some(Count::Float(0.5)), timestamp: 2000, ..Sent::default() };
        both.histograms = vec![float, Sent { timestamp: 3000, ..integers() }, gauge];
        assert_eq!(
            write(&db, &body(vec![both]), 5000).unwrap(),
            Written { samples: 4, ..Written::default() }
        );
        let querier = db.querier(i64::MIN, i64::MAX).unwrap();
        let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
        let found = querier.select(&[Matcher::equal("__name__", "h")], &hints).unwrap();
        let mut columns = Columns::default();
        found[0].read(i64::MIN, i64::MAX, &mut columns).unwrap();
        assert_eq!(columns.timestamps, [1000, 2000, 3000, 4000]);
        let counts: Vec<_> = columns.histograms.iter().map(|(at, h)| (*at, h.count, h.hint)).collect();
        let want = [(1, 0.5, Unknown), (2, 12.0, Unknown), (3, 12.0, Gauge)];
        assert_eq!(counts, want);
    }

    #[test]
    fn exemplars_come_with_their_series_or_apart_from_its_samples() {
        let (_dir, db) = open_with(DbOptions { max_exemplars: 10, ..DbOptions::default() });
        let labels = [("__name__", "s_bucket"), ("le", "1")];
        let mut both = series(&labels, &[(1000, 1.0)]);
        both.exemplars = vec![observed("a", 0.5, 900)];
        let mut apart = series(&labels, &[]);
        apart.exemplars = vec![observed("b", 0.75, 1100), observed("c", 0.75, 1050)];
        let mut unknown = series(&[("__name__", "nobody")], &[]);
        unknown.exemplars = vec![observed("d", 1.0, 1000)];
        let want = Written { samples: 1, exemplars: 2, exemplars_refused: 2, ..Written::default() };
        assert_eq!(write(&db, &body(vec![both, apart.clone(), unknown]), 5000).unwrap(), want);
        let found = db.exemplars(0, 5000, &[vec![Matcher::equal("le", "1")]]);
        let shown: Vec<_> = found[0]
            .exemplars
            .iter()
            .map(|one| (format!("{:?}", one.labels), one.value, one.timestamp))
            .collect();
        assert_eq!(
            shown,
            [(r#"{trace_id="a"}"#.to_owned(), 0.5, 900), (r#"{trace_id="b"}"#.to_owned(), 0.75, 1100)]
        );
        assert!(stored(&db, "nobody").is_empty());
        // Sent again, they are there already, but the one that is out of order.
        let again = write(&db, &body(vec![apart]), 5000).unwrap();
        assert_eq!(again, Written { exemplars_refused: 1, ..Written::default() });
    }

    #[test]
    fn a_histogram_that_contradicts_itself_refuses_the_request() {
        let (_dir, db) = open();
        let refused = |sent: Sent| {
            let mut one = series(&[("__name__", "h")], &[]);
            one.histograms = vec![sent];
            let error = write(&db, &body(vec![one]), 5000).unwrap_err();
            assert!(!error.retry());
            error.to_string()
        };
        let count = Sent { count: Some(Count::Integer(1)), ..integers() };
        assert!(refused(count).contains("the Count field is 1"));
        assert!(refused(Sent { schema: 77, ..integers() }).contains("schema"));
        assert!(refused(Sent { timestamp: 5001 + AHEAD_MAX_MS, ..integers() }).starts_with("out of bounds"));
        assert!(refused(Sent { positive_deltas: vec![-1, 9, -5], ..integers() }).contains("negative"));
        assert!(stored(&db, "h").is_empty());
    }

    #[test]
    fn bodies_that_are_no_requests_are_refused() {
        let (_dir, db) = open();
        assert!(matches!(write(&db, b"nonsense", 0), Err(WriteError::Snappy(_))));
        let huge = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert!(matches!(write(&db, &huge, 0), Err(WriteError::TooLarge(_) | WriteError::Snappy(_))));
        let packed = snap::raw::Encoder::new().compress_vec(&[0x0a, 0x7f]).unwrap();
        assert!(matches!(write(&db, &packed, 0), Err(WriteError::Wire(WireError::Truncated(_)))));
    }
}
