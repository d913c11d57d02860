//! Reads the records of a segment, around whatever is damaged.

use super::record::{self, Kind};

/// What a reader met besides records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Offset and length of each stretch that is no record, bytes.
    pub gaps: Vec<(usize, usize)>,
    /// Where the last whole record ends, when bytes that are no record follow it.
    pub torn_at: Option<usize>,
}

/// Hands each whole record to `each`; skips damaged stretches by looking for the next whole record.
pub fn read_segment<'a>(segment: &'a [u8], mut each: impl FnMut(Kind, &'a [u8])) -> Damage {
    let mut damage = Damage::default();
    let mut rest = segment;
    while !rest.is_empty() {
        if let Ok((kind, payload)) = record::take(&mut rest) {
            each(kind, payload);
            continue;
        }
        let at = segment.len() - rest.len();
        match next_record(rest) {
            Some(skip) => {
                damage.gaps.push((at, skip));
                rest = rest.get(skip..).unwrap_or_default();
            }
            None => {
                damage.torn_at = Some(at);
                break;
            }
        }
    }
    damage
}

/// The distance to the next whole record.
fn next_record(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let rest = bytes.get(at..)?;
        let step = rest.windows(2).position(|pair| pair == record::MAGIC)?;
        at += step;
        if record::take(&mut bytes.get(at..)?).is_ok() {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn three() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for payload in [&b"first"[..], b"", b"the third record"] {
            record::put(&mut bytes, Kind::Row, |out| out.extend_from_slice(payload));
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    fn a_torn_tail_ends_at_the_last_whole_record() {
        let (bytes, ends) = three();
        for len in 0..bytes.len() {
            let mut count = 0;
            let damage = read_segment(&bytes[..len], |_, _| count += 1);
            let whole = ends.iter().filter(|&&end| end <= len).count();
            assert_eq!(count, whole);
            let last = if whole == 0 { 0 } else { ends[whole - 1] };
            assert_eq!(damage.torn_at, (last < len).then_some(last));
        }
    }

    #[test]
    fn a_damaged_record_in_the_middle_costs_only_itself() {
        let (bytes, ends) = three();
        for at in ends[0]..ends[1] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x55;
            let mut seen = Vec::new();
            let damage = read_segment(&bytes, |_, payload| seen.push(payload.to_vec()));
            assert_eq!(seen, [b"first".to_vec(), b"the third record".to_vec()], "byte {at}");
            assert_eq!((damage.gaps.len(), damage.torn_at), (1, None));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_the_end(bytes in proptest::collection::vec(prop_oneof![Just(0xa7u8), Just(0x5e), any::<u8>()], 0..300)) {
            read_segment(&bytes, |_, _| {});
        }
    }
}
