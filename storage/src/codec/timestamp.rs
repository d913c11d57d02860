//! Timestamp columns: first value, first interval, then residuals to the regular grid, bit-packed.

use super::{CodecError, bits, varint};

/// Appends a strictly increasing column of milliseconds.
pub fn encode(timestamps: &[i64], out: &mut Vec<u8>) {
    varint::put(out, timestamps.len() as u64);
    let Some(&first) = timestamps.first() else { return };
    varint::put_signed(out, first);
    let step = match (timestamps.last(), timestamps.len()) {
        (Some(last), n) if n > 1 => last.wrapping_sub(first) / (n as i64 - 1),
        _ => 0,
    };
    varint::put_signed(out, step);
    let residual = |i: usize, t: i64| varint::zigzag(t.wrapping_sub(grid(first, step, i)));
    let width =
        timestamps.iter().enumerate().map(|(i, &t)| 64 - residual(i, t).leading_zeros()).max().unwrap_or(0);
    out.push(width as u8);
    bits::pack(timestamps.iter().enumerate().map(|(i, &t)| residual(i, t)), width, out);
}

/// Takes a column off the front of `bytes` and appends it to `out`.
///
/// # Errors
/// The bytes are no column.
pub fn decode(bytes: &mut &[u8], out: &mut Vec<i64>) -> Result<(), CodecError> {
    let count = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("count too large"))?;
    if count == 0 {
        return Ok(());
    }
    if count > super::value::FRAME_MAX {
        return Err(CodecError("timestamp column too long"));
    }
    let first = varint::take_signed(bytes)?;
    let step = varint::take_signed(bytes)?;
    let width = u32::from(varint::take_u8(bytes)?);
    let mut i = 0;
    bits::unpack(bytes, count, width, |residual| {
        out.push(grid(first, step, i).wrapping_add(varint::unzigzag(residual)));
        i += 1;
    })
}

fn grid(first: i64, step: i64, i: usize) -> i64 {
    first.wrapping_add(step.wrapping_mul(i as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_regular_grid_costs_no_bits_per_sample() {
        let column: Vec<i64> = (0..480).map(|i| 1_700_000_000_000 + i * 15_000).collect();
        let mut out = Vec::new();
        encode(&column, &mut out);
        assert!(out.len() < 16, "{}", out.len());
    }

    proptest! {
        #[test]
        fn columns_come_back(mut column in proptest::collection::vec(any::<i64>(), 0..480)) {
            column.sort_unstable();
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            encode(&column, &mut bytes);
            let mut rest = bytes.as_slice();
            decode(&mut rest, &mut back).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(back, column);
        }

        #[test]
        fn any_bytes_are_a_column_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&mut bytes.as_slice(), &mut Vec::new());
        }
    }
}
