//! Records of the log.
//!
//! ```text
//! 1 SERIES      (series u64, labels)*        labels = count varint, (name length, name, value length, value)*
//! 2 SAMPLES     first series u64, first time u64, (series zigzag, time zigzag, f64)*     differences to the first
//! 3 TOMBSTONES  (series u64, first zigzag, last zigzag)*
//! 4 EXEMPLARS   first series u64, first time u64, (series zigzag, time zigzag, f64, labels)*    differences as in SAMPLES
//! 5 marks of chunks, 6 METADATA, 14 bound of a checkpoint: not read
//! 7 HISTOGRAMS, 9 with listed bounds; 8 and 10 with float populations: as SAMPLES, a histogram for the float
//! 11 SAMPLES with start timestamps; 12 and 13 HISTOGRAMS with start timestamps:
//!    series zigzag, time zigzag, start zigzag, value
//!    | (series zigzag: difference to the one before, time zigzag: to the first, start, value)*
//! start = 0 none | 1 that of the sample before | 2, zigzag: difference to the first
//! ```

use super::super::bytes::{take_text, take_u8, take_u64};
use super::histogram;
use crate::codec::{CodecError, varint};
use crate::histogram::FloatHistogram;
use crate::labels::{Labels, LabelsBuilder};

/// What a record tells, piece by piece.
pub(in crate::prometheus) trait RecordSink {
    /// The labels of a series.
    fn series(&mut self, series: u64, labels: Labels) {
        let _ = (series, labels);
    }
    /// A float; `start` is 0 for none.
    fn float(&mut self, series: u64, timestamp: i64, value: f64, start: i64) {
        let _ = (series, timestamp, value, start);
    }
    /// A histogram; `start` is 0 for none.
    fn histogram(&mut self, series: u64, timestamp: i64, value: FloatHistogram, start: i64) {
        let _ = (series, timestamp, value, start);
    }
    /// Samples from the first to the last timestamp were deleted.
    fn tombstone(&mut self, series: u64, interval: (i64, i64)) {
        let _ = (series, interval);
    }
    /// An observation with labels of its own.
    fn exemplar(&mut self, series: u64, timestamp: i64, value: f64, labels: Labels) {
        let _ = (series, timestamp, value, labels);
    }
}

/// What a sample is.
#[derive(Clone, Copy)]
enum Value {
    Float,
    Histogram { floats: bool },
}

/// Tells `sink` what a record says. What stands before damage has been told.
pub(in crate::prometheus) fn read(record: &[u8], sink: &mut impl RecordSink) -> Result<(), CodecError> {
    let mut bytes = record;
    match take_u8(&mut bytes)? {
        1 => series(bytes, sink),
        2 => samples(bytes, Value::Float, sink),
        3 => tombstones(bytes, sink),
        4 => exemplars(bytes, sink),
        5 | 6 | 14 => Ok(()),
        7 | 9 => samples(bytes, Value::Histogram { floats: false }, sink),
        8 | 10 => samples(bytes, Value::Histogram { floats: true }, sink),
        11 => started_samples(bytes, Value::Float, sink),
        12 => started_samples(bytes, Value::Histogram { floats: false }, sink),
        13 => started_samples(bytes, Value::Histogram { floats: true }, sink),
        _ => Err(CodecError("unknown type of record")),
    }
}

fn take_labels(bytes: &mut &[u8]) -> Result<Labels, CodecError> {
    let mut labels = LabelsBuilder::new();
    for _ in 0..varint::take_count(bytes, 16)? {
        let name = take_text(bytes)?;
        labels.set(name, take_text(bytes)?);
    }
    Ok(labels.build())
}

fn series(mut bytes: &[u8], sink: &mut impl RecordSink) -> Result<(), CodecError> {
    while !bytes.is_empty() {
        let series = take_u64(&mut bytes)?;
        sink.series(series, take_labels(&mut bytes)?);
    }
    Ok(())
}

fn exemplars(bytes: &[u8], sink: &mut impl RecordSink) -> Result<(), CodecError> {
    each_after_first(bytes, |bytes, series, timestamp| {
        let value = f64::from_bits(take_u64(bytes)?);
        sink.exemplar(series, timestamp, value, take_labels(bytes)?);
        Ok(())
    })
}

/// Reads entries whose series and timestamps are told as differences from those that stand in front.
fn each_after_first(
    mut bytes: &[u8],
    mut entry: impl FnMut(&mut &[u8], u64, i64) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let (first, base) = (take_u64(&mut bytes)?, take_u64(&mut bytes)? as i64);
    while !bytes.is_empty() {
        let series = first.wrapping_add_signed(varint::take_signed(&mut bytes)?);
        let timestamp = base.wrapping_add(varint::take_signed(&mut bytes)?);
        entry(&mut bytes, series, timestamp)?;
    }
    Ok(())
}

fn tombstones(mut bytes: &[u8], sink: &mut impl RecordSink) -> Result<(), CodecError> {
    while !bytes.is_empty() {
        let series = take_u64(&mut bytes)?;
        let interval = (varint::take_signed(&mut bytes)?, varint::take_signed(&mut bytes)?);
        sink.tombstone(series, interval);
    }
    Ok(())
}

fn value(
    bytes: &mut &[u8],
    kind: Value,
    (series, timestamp, start): (u64, i64, i64),
    sink: &mut impl RecordSink,
) -> Result<(), CodecError> {
    match kind {
        Value::Float => sink.float(series, timestamp, f64::from_bits(take_u64(bytes)?), start),
        Value::Histogram { floats } => {
            sink.histogram(series, timestamp, histogram::take(bytes, floats)?, start);
        }
    }
    Ok(())
}

fn samples(bytes: &[u8], kind: Value, sink: &mut impl RecordSink) -> Result<(), CodecError> {
    each_after_first(bytes, |bytes, series, timestamp| value(bytes, kind, (series, timestamp, 0), sink))
}

fn started_samples(mut bytes: &[u8], kind: Value, sink: &mut impl RecordSink) -> Result<(), CodecError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut series = varint::take_signed(&mut bytes)? as u64;
    let (base, first_start) = (varint::take_signed(&mut bytes)?, varint::take_signed(&mut bytes)?);
    let mut start = first_start;
    value(&mut bytes, kind, (series, base, start), sink)?;
    while !bytes.is_empty() {
        series = series.wrapping_add_signed(varint::take_signed(&mut bytes)?);
        let timestamp = base.wrapping_add(varint::take_signed(&mut bytes)?);
        start = match take_u8(&mut bytes)? {
            0 => 0,
            1 => start,
            _ => first_start.wrapping_add(varint::take_signed(&mut bytes)?),
        };
        value(&mut bytes, kind, (series, timestamp, start), sink)?;
    }
    Ok(())
}

#[cfg(test)]
pub(in crate::prometheus) mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Told(Vec<String>);

    impl RecordSink for Told {
        fn series(&mut self, series: u64, labels: Labels) {
            self.0.push(format!("{series} {labels:?}"));
        }
        fn float(&mut self, series: u64, timestamp: i64, value: f64, start: i64) {
            self.0.push(format!("{series} {timestamp} {value} {start}"));
        }
        fn histogram(&mut self, series: u64, timestamp: i64, value: FloatHistogram, start: i64) {
            self.0.push(format!("{series} {timestamp} {value:?} {start}"));
        }
        fn tombstone(&mut self, series: u64, interval: (i64, i64)) {
            self.0.push(format!("{series} {interval:?}"));
        }
        fn exemplar(&mut self, series: u64, timestamp: i64, value: f64, labels: Labels) {
            self.0.push(format!("{series} {timestamp} {value} {labels:?}"));
        }
    }

    fn told(record: &[u8]) -> Result<Vec<String>, CodecError> {
        let mut told = Told::default();
        read(record, &mut told)?;
        Ok(told.0)
    }

    fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
        varint::put(out, labels.len() as u64);
        for text in labels.into_iter().flat_map(|(name, value)| [name, value]) {
            varint::put(out, text.len() as u64);
            out.extend(text.as_bytes());
        }
    }

    /// A record of series.
    pub(in crate::prometheus) fn series_record(series: &[(u64, Labels)]) -> Vec<u8> {
        let mut out = vec![1];
        for (number, labels) in series {
            out.extend(number.to_be_bytes());
            put_labels(&mut out, labels);
        }
        out
    }

    /// A record of exemplars.
    pub(in crate::prometheus) fn exemplars_record(exemplars: &[(u64, i64, f64, Labels)]) -> Vec<u8> {
        let mut out = vec![4];
        let (first, base, ..) = exemplars[0];
        out.extend(first.to_be_bytes());
        out.extend(base.to_be_bytes());
        for (series, timestamp, value, labels) in exemplars {
            varint::put_signed(&mut out, *series as i64 - first as i64);
            varint::put_signed(&mut out, timestamp - base);
            out.extend(value.to_bits().to_be_bytes());
            put_labels(&mut out, labels);
        }
        out
    }

    /// A record of floats.
    pub(in crate::prometheus) fn samples_record(samples: &[(u64, i64, f64)]) -> Vec<u8> {
        let mut out = vec![2];
        let (first, base, _) = samples[0];
        out.extend(first.to_be_bytes());
        out.extend(base.to_be_bytes());
        for (series, timestamp, value) in samples {
            varint::put_signed(&mut out, *series as i64 - first as i64);
            varint::put_signed(&mut out, timestamp - base);
            out.extend(value.to_bits().to_be_bytes());
        }
        out
    }

    #[test]
    fn series_and_samples_are_told() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "ü")]);
        let record = series_record(&[(7, labels.clone()), (1 << 40, Labels::empty())]);
        assert_eq!(told(&record).unwrap(), [format!("7 {labels:?}"), format!("{} {{}}", 1u64 << 40)]);
        let record = samples_record(&[(9, 1_000, 0.5), (7, 990, -1.0)]);
        assert_eq!(told(&record).unwrap(), ["9 1000 0.5 0", "7 990 -1 0"]);
        assert_eq!(told(&[2]).unwrap(), [""; 0]);
        assert!(told(&record[..record.len() - 1]).is_err());
    }

    #[test]
    fn exemplars_are_told_with_their_labels() {
        let trace = Labels::from_pairs([("trace_id", "ü7")]);
        let record = exemplars_record(&[(9, 1_000, 0.5, trace.clone()), (7, 990, -1.0, Labels::empty())]);
        assert_eq!(told(&record).unwrap(), [format!("9 1000 0.5 {trace:?}"), "7 990 -1 {}".to_owned()]);
        assert_eq!(told(&[4]).unwrap(), [""; 0]);
        assert!(told(&record[..record.len() - 1]).is_err());
    }

    #[test]
    fn start_timestamps_are_told_in_three_ways() {
        let mut record = vec![11];
        for number in [4, 100, 20] {
            varint::put_signed(&mut record, number);
        }
        record.extend(1f64.to_bits().to_be_bytes());
        for (series, time, start) in [(1, 5, &[1][..]), (1, 6, &[0]), (-1, 7, &[2, 14])] {
            varint::put_signed(&mut record, series);
            varint::put_signed(&mut record, time);
            record.extend(start);
            record.extend(2f64.to_bits().to_be_bytes());
        }
        assert_eq!(told(&record).unwrap(), ["4 100 1 20", "5 105 2 20", "6 106 2 0", "5 107 2 27"]);
    }

    #[test]
    fn a_histogram_with_listed_bounds_is_told() {
        let mut record = vec![9];
        record.extend(3u64.to_be_bytes());
        record.extend(50u64.to_be_bytes());
        for difference in [0, 2] {
            varint::put_signed(&mut record, difference);
        }
        record.push(2);
        varint::put_signed(&mut record, -53);
        record.extend(0u64.to_be_bytes());
        record.extend([0, 5]);
        record.extend(7.5f64.to_bits().to_be_bytes());
        // Two spans, of one bucket and of two; no negative ones; three populations: 1, 3, 1.
        record.extend([2, 0, 1, 2, 2, 0, 3, 2, 4, 3, 0, 2]);
        for bound in [0.5f64, 1.0] {
            record.extend(bound.to_bits().to_be_bytes());
        }
        let want = FloatHistogram {
            schema: -53,
            count: 5.0,
            sum: 7.5,
            positive: crate::Buckets { indices: vec![0, 2, 3], counts: vec![1.0, 3.0, 1.0] },
            custom_values: [0.5, 1.0].into(),
            hint: crate::CounterResetHint::NotReset,
            ..FloatHistogram::default()
        };
        assert_eq!(told(&record).unwrap(), [format!("3 52 {want:?} 0")]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(kind in 0u8..16, bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let mut record = vec![kind];
            record.extend(bytes);
            let _ = told(&record);
        }
    }
}
