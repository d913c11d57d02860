//! Chunks of floats, encoding 4 (Prometheus 3.x): timestamp and value share their control bits, staleness markers
//! have one of their own, and start timestamps may stand behind the samples.
//!
//! ```text
//! samples u16 | starts u8 | timestamp varint | value 64 bits | step uvarint | value
//! | (0 | 10 value of the known-changed kind | 110 change 13 bits, value | 1110 change 20 bits, value
//!    | 11110 change 64 bits, value | 11111 staleness marker)*
//! value               = 0 unchanged | 10 within the last window | 110 a new window | 111 staleness marker
//! known-changed value = 0 within the last window | 1 a new window
//! ```

use super::bits::BitReader;
use super::start::StartDecoder;
use super::varbit::XorFloat;
use super::{ChunkSink, split_count};
use crate::codec::CodecError;
use crate::sample::STALE_NAN;

struct Values {
    /// The newest value that is no staleness marker.
    base: XorFloat,
}

impl Values {
    fn take(&mut self, bits: &mut BitReader<'_>) -> Result<f64, CodecError> {
        match bits.ones(3)? {
            0 => {}
            1 => self.base.take_within(bits)?,
            2 => self.base.take_window(bits)?,
            _ => return Ok(STALE_NAN),
        }
        Ok(self.base.value())
    }

    fn take_changed(&mut self, bits: &mut BitReader<'_>) -> Result<f64, CodecError> {
        if bits.bit()? {
            self.base.take_window(bits)?
        } else {
            self.base.take_within(bits)?
        }
        Ok(self.base.value())
    }
}

/// A change of the step: two's complement, unlike in encoding 1.
fn change(bits: &mut BitReader<'_>, width: u32) -> Result<i64, CodecError> {
    let raw = bits.take(width)? as i64;
    Ok(raw << (64 - width) >> (64 - width))
}

/// Hands the samples to `sink`, while it says to go on.
pub(crate) fn decode(chunk: &[u8], sink: &mut impl ChunkSink) -> Result<(), CodecError> {
    let (samples, body) = split_count(chunk)?;
    let (header, body) = body.split_first().ok_or(CodecError("chunk without a header"))?;
    let mut starts = StartDecoder::new(*header);
    let mut bits = BitReader::new(body);
    let (mut timestamp, mut step) = (0i64, 0i64);
    let mut values = Values { base: XorFloat::default() };
    for number in 0..samples {
        let before = timestamp;
        let value = match number {
            0 => {
                timestamp = bits.varint()?;
                let first = f64::from_bits(bits.take(64)?);
                if !crate::is_stale_nan(first) {
                    values.base = XorFloat::new(first);
                }
                first
            }
            1 => {
                step = bits.uvarint()? as i64;
                timestamp = timestamp.wrapping_add(step);
                values.take(&mut bits)?
            }
            _ => {
                let control = bits.ones(5)?;
                step = step.wrapping_add(match control {
                    2 => change(&mut bits, 13)?,
                    3 => change(&mut bits, 20)?,
                    4 => change(&mut bits, 64)?,
                    _ => 0,
                });
                timestamp = timestamp.wrapping_add(step);
                match control {
                    0 => values.base.value(),
                    1 => values.take_changed(&mut bits)?,
                    5 => STALE_NAN,
                    _ => values.take(&mut bits)?,
                }
            }
        };
        let start = starts.take(&mut bits, number, timestamp, before)?;
        if !sink.float(timestamp, value, start)? {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::bits::BitWriter;
    use super::super::varbit;
    use crate::prometheus::chunk::tests::{any_floats, floats_of};
    use crate::{STALE_NAN, is_stale_nan};
    use proptest::prelude::*;

    /// The window of the newest new difference.
    struct Encoder {
        out: BitWriter,
        base: u64,
        window: Option<(u32, u32)>,
    }

    impl Encoder {
        fn difference(&mut self, value: f64, within: (u64, u32), window: (u64, u32)) {
            let difference = value.to_bits() ^ self.base;
            self.base = value.to_bits();
            let (leading, trailing) = (difference.leading_zeros().min(31), difference.trailing_zeros());
            match self.window {
                Some((l, t)) if leading >= l && trailing >= t => {
                    self.out.put(within.0, within.1);
                    self.out.put(difference >> t, 64 - l - t);
                }
                _ => {
                    self.window = Some((leading, trailing));
                    self.out.put(window.0, window.1);
                    self.out.put(u64::from(leading), 5);
                    self.out.put(u64::from(64 - leading - trailing), 6);
                    self.out.put(difference >> trailing, 64 - leading - trailing);
                }
            }
        }

        fn value(&mut self, value: f64) {
            if is_stale_nan(value) {
                self.out.put(0b111, 3);
            } else if value.to_bits() == self.base {
                self.out.put(0, 1);
            } else {
                self.difference(value, (0b10, 2), (0b110, 3));
            }
        }
    }

    fn encode(samples: &[(i64, f64, i64)]) -> Vec<u8> {
        let mut head = (samples.len() as u16).to_be_bytes().to_vec();
        head.push(0);
        let mut encoder = Encoder { out: BitWriter::behind(head), base: 0, window: None };
        let (mut before, mut step, mut start, mut distance, mut told_from) = (0i64, 0i64, 0i64, 0i64, 0usize);
        for (number, &(timestamp, value, its_start)) in samples.iter().enumerate() {
            let now = timestamp - before;
            match number {
                0 => {
                    encoder.out.put_varint(timestamp);
                    encoder.out.put(value.to_bits(), 64);
                    if !is_stale_nan(value) {
                        encoder.base = value.to_bits();
                    }
                    if its_start != 0 {
                        encoder.out.put_varint(timestamp - its_start);
                        encoder.out.bytes_mut()[2] = 0x80;
                    }
                }
                1 => {
                    encoder.out.put_uvarint(now as u64);
                    encoder.value(value);
                }
                _ => match now - step {
                    0 if is_stale_nan(value) => encoder.out.put(0b11111, 5),
                    0 if value.to_bits() == encoder.base => encoder.out.put(0, 1),
                    0 => {
                        encoder.out.put(0b10, 2);
                        encoder.difference(value, (0, 1), (1, 1));
                    }
                    change => {
                        let (prefix, width) = match change {
                            -4096..4096 => ((0b110, 3), 13),
                            -524_288..524_288 => ((0b1110, 4), 20),
                            _ => ((0b11110, 5), 64),
                        };
                        encoder.out.put(prefix.0, prefix.1);
                        encoder.out.put(change as u64, width);
                        encoder.value(value);
                    }
                },
            }
            if number > 0 && (told_from > 0 || its_start != start || number == 127) {
                let told = before - its_start;
                if told_from == 0 {
                    told_from = number;
                    encoder.out.bytes_mut()[2] |= number as u8;
                    varbit::put_int(&mut encoder.out, told);
                } else {
                    varbit::put_int(&mut encoder.out, told - distance);
                }
                distance = told;
            }
            (before, step, start) = (timestamp, now, its_start);
        }
        encoder.out.finish()
    }

    proptest! {
        #[test]
        fn samples_and_starts_come_back(
            samples in any_floats(),
            stale in proptest::collection::vec(any::<bool>(), 200),
            starts in proptest::collection::vec(prop_oneof![Just(0i64), Just(5), 1i64..1 << 40], 200),
            change_at in 0usize..200,
        ) {
            let samples: Vec<(i64, f64, i64)> = samples
                .iter()
                .enumerate()
                .map(|(n, (t, v))| {
                    let start = if n < change_at { starts[0] } else { starts[n] };
                    (*t, if stale[n] { STALE_NAN } else { *v }, start)
                })
                .collect();
            let want: Vec<_> = samples.iter().map(|(t, v, s)| (*t, v.to_bits(), *s)).collect();
            prop_assert_eq!(floats_of(4, &encode(&samples)).unwrap(), want);
        }
    }
}
