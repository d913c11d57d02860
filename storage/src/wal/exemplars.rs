//! The payload of EXEMPLARS records.
//!
//! ```text
//! EXEMPLARS = exemplar*
//! exemplar  = sequence zigzag, difference to the one before in the record
//!           | series varint | [length varint, labels, when series is 0]
//!           | shape u8 | timestamp zigzag, difference to the one before in the record | value u64
//!           | length varint, labels
//! series    = id << 1 | 1: the series with this id; 0: the one whose labels follow; n << 1: the n-th one of those in
//!           the record, from 1
//! shape     = 1 when the source told the timestamp, otherwise 0
//! ```
//! An exemplar that is told twice has the same sequence; the exemplars in memory are those with the greatest ones.
//! Series are told by their labels where the head may have let go of them.

use super::record::{self, Kind};
use crate::codec::{CodecError, varint};
use crate::exemplar::Exemplar;
use crate::labels::Labels;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// A record that has grown to this goes on in another one, bytes.
const RECORD_BYTES: usize = 4 << 20;

/// Nobody lives to see a greater one; there has to be room behind it.
const SEQUENCE_MAX: u64 = u64::MAX / 2;

/// How a series is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    /// By its id, which the log or the catalogue knows.
    Id(u32),
    /// By its labels, and a number for the writer: the same series has the same one.
    Labels(u32, &'a Labels),
}

/// What is told of an exemplar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) sequence: u64,
    pub(crate) whose: Whose<'a>,
    pub(crate) exemplar: &'a Exemplar,
}

/// Appends a record with as many as fit into it; the sequence to go on with, if there are more. None when there is
/// nothing to tell.
pub(crate) fn put<'a>(out: &mut Vec<u8>, told: impl Iterator<Item = Told<'a>>) -> Option<u64> {
    let mut told = told.peekable();
    told.peek()?;
    record::put(out, Kind::Exemplars, |out| {
        let begin = out.len();
        let mut named: HashMap<u32, u64, RandomState> = HashMap::default();
        let (mut sequence, mut timestamp) = (0u64, 0i64);
        while out.len() - begin < RECORD_BYTES
            && let Some(one) = told.next()
        {
            let exemplar = one.exemplar;
            varint::put_signed(out, one.sequence.wrapping_sub(sequence).cast_signed());
            match one.whose {
                Whose::Id(id) => varint::put(out, u64::from(id) << 1 | 1),
                Whose::Labels(number, labels) => {
                    let next = named.len() as u64 + 1;
                    let place = *named.entry(number).or_insert(next);
                    if place == next {
                        varint::put(out, 0);
                        put_labels(out, labels);
                    } else {
                        varint::put(out, place << 1);
                    }
                }
            }
            out.push(u8::from(exemplar.has_timestamp));
            varint::put_signed(out, exemplar.timestamp.wrapping_sub(timestamp));
            out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
            put_labels(out, &exemplar.labels);
            (sequence, timestamp) = (one.sequence, exemplar.timestamp);
        }
    });
    told.peek().map(|next| next.sequence)
}

fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    varint::put(out, labels.encoded_len() as u64);
    out.extend_from_slice(labels.as_encoded().as_bytes());
}

fn take_labels(payload: &mut &[u8]) -> Result<Labels, CodecError> {
    let len = varint::take_count(payload, 8)?;
    let text = std::str::from_utf8(varint::take_bytes(payload, len)?).ok();
    text.and_then(Labels::from_encoded).ok_or(CodecError("damaged label set"))
}

/// Hands each exemplar of a payload to `each`, with its sequence and its series. One whose series `find` does not know
/// by its id is left out; how many those are.
///
/// # Errors
/// The bytes are no such payload; what stands before was handed over.
pub(crate) fn read(
    mut payload: &[u8],
    mut find: impl FnMut(u32) -> Option<Labels>,
    mut each: impl FnMut(u64, Labels, Exemplar),
) -> Result<u64, CodecError> {
    let mut named: Vec<Labels> = Vec::new();
    let (mut sequence, mut timestamp, mut unknown) = (0u64, 0i64, 0);
    while !payload.is_empty() {
        sequence = sequence.wrapping_add(varint::take_signed(&mut payload)?.cast_unsigned());
        if sequence > SEQUENCE_MAX {
            return Err(CodecError("sequence out of bounds"));
        }
        let series = match varint::take(&mut payload)? {
            0 => {
                let labels = take_labels(&mut payload)?;
                named.push(labels.clone());
                Some(labels)
            }
            id if id & 1 == 1 => {
                find(u32::try_from(id >> 1).map_err(|_| CodecError("series id out of bounds"))?)
            }
            place => {
                let at = usize::try_from((place >> 1) - 1).ok();
                let labels = at.and_then(|at| named.get(at));
                Some(labels.ok_or(CodecError("series out of bounds"))?.clone())
            }
        };
        let has_timestamp = match varint::take_u8(&mut payload)? {
            0 => false,
            1 => true,
            _ => return Err(CodecError("unknown shape of an exemplar")),
        };
        timestamp = timestamp.wrapping_add(varint::take_signed(&mut payload)?);
        let value = f64::from_bits(varint::take_u64(&mut payload)?);
        let labels = take_labels(&mut payload)?;
        match series {
            Some(series) => each(sequence, series, Exemplar { labels, value, timestamp, has_timestamp }),
            None => unknown += 1,
        }
    }
    Ok(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels() -> impl Strategy<Value = Labels> {
        proptest::collection::btree_map("[a-c]{1,2}", "[a-zµ]{1,9}", 0..4)
            .prop_map(|pairs| Labels::from_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))))
    }

    fn exemplar() -> impl Strategy<Value = Exemplar> {
        (labels(), any::<f64>(), any::<i64>(), any::<bool>()).prop_map(
            |(labels, value, timestamp, has_timestamp)| Exemplar { labels, value, timestamp, has_timestamp },
        )
    }

    fn print(sequence: u64, series: &Labels, one: &Exemplar) -> String {
        let value = one.value.to_bits();
        format!("{sequence} {series:?} {:?} {value} {} {}", one.labels, one.timestamp, one.has_timestamp)
    }

    fn read_all(bytes: &[u8], known: &[Labels]) -> (Vec<String>, u64) {
        let (mut rest, mut all, mut unknown) = (bytes, Vec::new(), 0);
        while !rest.is_empty() {
            let (kind, payload) = record::take(&mut rest).unwrap();
            assert_eq!(kind, Kind::Exemplars);
            let find = |id: u32| known.get(id as usize).cloned();
            let each = |sequence, series: Labels, one: Exemplar| all.push(print(sequence, &series, &one));
            unknown += read(payload, find, each).unwrap();
        }
        (all, unknown)
    }

    #[test]
    fn many_go_on_in_further_records() {
        let series = Labels::from_pairs([("__name__", "a")]);
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", "x".repeat(100).as_str())]),
            value: 1.0,
            timestamp: 5,
            has_timestamp: true,
        };
        let (mut bytes, mut from, mut records) = (Vec::new(), Some(0), 0);
        while let Some(first) = from {
            let told = (first..100_000).map(|sequence| {
                let whose = Whose::Labels(3, &series);
                Told { sequence, whose, exemplar: &exemplar }
            });
            from = put(&mut bytes, told);
            records += 1;
        }
        let (all, _) = read_all(&bytes, &[]);
        assert!(records > 2);
        assert_eq!(all.len(), 100_000);
        assert_eq!(all[99_999], print(99_999, &series, &exemplar));
        assert_eq!(put(&mut bytes, std::iter::empty()), None);
    }

    proptest! {
        #[test]
        fn exemplars_come_back_and_those_of_unknown_series_are_counted(
            series in proptest::collection::vec(labels(), 1..5),
            told in proptest::collection::vec((0..=SEQUENCE_MAX, any::<bool>(), 0usize..5, exemplar()), 0..20),
        ) {
            let mut bytes = Vec::new();
            let whose = |by_id: bool, at: usize| match by_id {
                true => Whose::Id(at as u32),
                false => Whose::Labels((at % series.len()) as u32, &series[at % series.len()]),
            };
            put(&mut bytes, told.iter().map(|(sequence, by_id, at, exemplar)| {
                Told { sequence: *sequence, whose: whose(*by_id, *at), exemplar }
            }));
            let is_known = |by_id: bool, at: usize| !by_id || at < series.len();
            let want: Vec<String> = told.iter().filter(|(_, by_id, at, _)| is_known(*by_id, *at))
                .map(|(sequence, _, at, exemplar)| print(*sequence, &series[at % series.len()], exemplar)).collect();
            let unknown = (told.len() - want.len()) as u64;
            prop_assert_eq!(read_all(&bytes, &series), (want, unknown));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..200)) {
            let _ = read(&bytes, |_| None, |_, _, _| {});
        }
    }
}
