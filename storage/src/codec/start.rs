//! Start timestamps of a frame's samples, as runs: a process starts once and is scraped for days.
//!
//! ```text
//! starts = runs varint | (length varint, difference to the run before zigzag)*
//! ```

use super::{CodecError, value::FRAME_MAX, varint};

/// Appends the start timestamps, ms, 0 for none.
pub fn encode(starts: &[i64], out: &mut Vec<u8>) {
    let runs = || starts.chunk_by(|a, b| a == b);
    varint::put(out, runs().count() as u64);
    let mut previous = 0i64;
    for run in runs() {
        let start = run.first().copied().unwrap_or(0);
        varint::put(out, run.len() as u64);
        varint::put_signed(out, start.wrapping_sub(previous));
        previous = start;
    }
}

/// Takes start timestamps off the front of `bytes` and appends them to `out`.
///
/// # Errors
/// The bytes are no such list, or it is longer than a frame.
pub fn decode(bytes: &mut &[u8], out: &mut Vec<i64>) -> Result<(), CodecError> {
    let before = out.len();
    let mut start = 0i64;
    for _ in 0..varint::take_count(bytes, 16)? {
        let length = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("count too large"))?;
        if length > FRAME_MAX || out.len() - before + length > FRAME_MAX {
            return Err(CodecError("more start timestamps than samples"));
        }
        start = start.wrapping_add(varint::take_signed(bytes)?);
        out.resize(out.len() + length, start);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_start_for_all_samples_costs_a_few_bytes() {
        let mut out = Vec::new();
        encode(&[1_700_000_000_000; 480], &mut out);
        assert!(out.len() <= 10, "{}", out.len());
    }

    proptest! {
        #[test]
        fn starts_come_back(starts in proptest::collection::vec(prop_oneof![Just(0), Just(7), any::<i64>()], 0..200)) {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            encode(&starts, &mut bytes);
            let mut rest = bytes.as_slice();
            decode(&mut rest, &mut back).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(back, starts);
        }

        #[test]
        fn any_bytes_are_starts_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut out = Vec::new();
            let _ = decode(&mut bytes.as_slice(), &mut out);
            prop_assert!(out.len() <= FRAME_MAX);
        }
    }
}
