//! Chunks of native histograms, encodings 2 and 3, and 5 and 6 with start timestamps.
//!
//! ```text
//! samples u16 | flags u8 | layout | sample*                      encodings 2 and 3
//! (reset << 14 | samples) u16 | starts u8 | layout | sample*      encodings 5 and 6
//! sample = timestamp | count | zero count | sum | population* | [start]
//! ```
//!
//! With whole populations (2 and 5) the first sample tells its numbers, and those that follow how much the
//! differences to the sample before changed; populations are differences to the bucket before. Otherwise
//! (3 and 6) the first tells its floats and the others XORs. A sum is always an XOR. A staleness marker has
//! that as its sum and tells no populations.

use super::ChunkSink;
use super::bits::BitReader;
use super::layout::Layout;
use super::start::StartDecoder;
use super::varbit::{XorFloat, take_int, take_uint};
use crate::codec::CodecError;
use crate::histogram::{CounterResetHint, FloatHistogram};
use crate::is_stale_nan;

/// What a chunk says of the counter in it, at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counter {
    Unknown,
    WentOn,
    StartedOver,
    Gauge,
}

impl Counter {
    fn of(flags: u8) -> Self {
        match flags >> 6 {
            0 => Self::Unknown,
            1 => Self::WentOn,
            2 => Self::StartedOver,
            _ => Self::Gauge,
        }
    }

    /// How sample `number` of the chunk reads. That the chunk before is still there cannot be known, so that
    /// the first one of a counter that went on reads as unknown.
    fn hint(self, number: u32) -> CounterResetHint {
        match self {
            Self::Gauge => CounterResetHint::Gauge,
            _ if number > 0 => CounterResetHint::NotReset,
            Self::StartedOver => CounterResetHint::Reset,
            Self::Unknown | Self::WentOn => CounterResetHint::Unknown,
        }
    }
}

/// The numbers of a sample, but for its timestamp and its sum.
trait Numbers: Sized {
    /// Takes count and zero count.
    fn totals(&mut self, first: bool, bits: &mut BitReader<'_>) -> Result<(), CodecError>;
    /// Takes the populations.
    fn populations(&mut self, first: bool, bits: &mut BitReader<'_>) -> Result<(), CodecError>;
    /// Writes all of them to a histogram of the same layout.
    fn fill(&self, histogram: &mut FloatHistogram);
}

/// A number told by how much its difference to the one before changed.
#[derive(Debug, Clone, Copy, Default)]
struct Whole {
    value: i64,
    difference: i64,
}

impl Whole {
    fn take_change(&mut self, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        self.difference = self.difference.wrapping_add(take_int(bits)?);
        self.value = self.value.wrapping_add(self.difference);
        Ok(())
    }
}

struct Wholes {
    count: Whole,
    zero_count: Whole,
    /// Of the positive, then of the negative buckets: the difference to the bucket before.
    buckets: Vec<Whole>,
}

impl Numbers for Wholes {
    fn totals(&mut self, first: bool, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        for total in [&mut self.count, &mut self.zero_count] {
            if first {
                total.value = take_uint(bits)? as i64;
            } else {
                total.take_change(bits)?;
            }
        }
        Ok(())
    }

    fn populations(&mut self, first: bool, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        for bucket in &mut self.buckets {
            if first {
                bucket.value = take_int(bits)?;
            } else {
                bucket.take_change(bits)?;
            }
        }
        Ok(())
    }

    fn fill(&self, histogram: &mut FloatHistogram) {
        histogram.count = self.count.value as u64 as f64;
        histogram.zero_count = self.zero_count.value as u64 as f64;
        let mut buckets = self.buckets.iter();
        for side in [&mut histogram.positive, &mut histogram.negative] {
            let mut population = 0i64;
            for (to, bucket) in side.counts.iter_mut().zip(buckets.by_ref()) {
                population = population.wrapping_add(bucket.value);
                *to = population as f64;
            }
        }
    }
}

struct Floats {
    count: XorFloat,
    zero_count: XorFloat,
    /// Of the positive, then of the negative buckets.
    buckets: Vec<XorFloat>,
}

fn take_float(float: &mut XorFloat, first: bool, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
    if first {
        float.bits = bits.take(64)?;
        return Ok(());
    }
    float.take(bits)
}

impl Numbers for Floats {
    fn totals(&mut self, first: bool, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        take_float(&mut self.count, first, bits)?;
        take_float(&mut self.zero_count, first, bits)
    }

    fn populations(&mut self, first: bool, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        self.buckets.iter_mut().try_for_each(|bucket| take_float(bucket, first, bits))
    }

    fn fill(&self, histogram: &mut FloatHistogram) {
        histogram.count = self.count.value();
        histogram.zero_count = self.zero_count.value();
        let sides = [&mut histogram.positive, &mut histogram.negative];
        let counts = sides.into_iter().flat_map(|side| &mut side.counts);
        counts.zip(&self.buckets).for_each(|(to, bucket)| *to = bucket.value());
    }
}

/// Hands the samples to `sink`, while it says to go on.
pub(super) fn decode(
    chunk: &[u8],
    floats: bool,
    started: bool,
    sink: &mut impl ChunkSink,
) -> Result<(), CodecError> {
    let ([high, low, third], body) =
        chunk.split_first_chunk::<3>().ok_or(CodecError("chunk without a header"))?;
    let count = u32::from(u16::from_be_bytes([*high, *low]));
    let (count, flags, starts) = if started { (count & 0x3fff, *high, *third) } else { (count, *third, 0) };
    if count == 0 {
        return Ok(());
    }
    let mut bits = BitReader::new(body);
    let layout = Layout::take(&mut bits)?;
    let chunk = Chunk { count, counter: Counter::of(flags), layout, starts: StartDecoder::new(starts), bits };
    let buckets = chunk.layout.positive.len() + chunk.layout.negative.len();
    if floats {
        let zero = XorFloat::default();
        chunk.decode(Floats { count: zero, zero_count: zero, buckets: vec![zero; buckets] }, sink)
    } else {
        let zero = Whole::default();
        chunk.decode(Wholes { count: zero, zero_count: zero, buckets: vec![zero; buckets] }, sink)
    }
}

struct Chunk<'a> {
    count: u32,
    counter: Counter,
    layout: Layout,
    starts: StartDecoder,
    bits: BitReader<'a>,
}

impl Chunk<'_> {
    fn decode(mut self, mut numbers: impl Numbers, sink: &mut impl ChunkSink) -> Result<(), CodecError> {
        let (bits, empty) = (&mut self.bits, self.layout.empty());
        let mut time = Whole::default();
        let mut sum = XorFloat::default();
        for number in 0..self.count {
            let (first, before) = (number == 0, time.value);
            if first {
                time.value = take_int(bits)?;
            } else {
                time.take_change(bits)?;
            }
            numbers.totals(first, bits)?;
            take_float(&mut sum, first, bits)?;
            let stale = is_stale_nan(sum.value());
            if !stale {
                numbers.populations(first, bits)?;
            }
            let start = self.starts.take(bits, number, time.value, before)?;
            match sink.wants(time.value) {
                None => break,
                Some(false) => continue,
                Some(true) => {}
            }
            let (sum, hint) = (sum.value(), self.counter.hint(number));
            let mut histogram = FloatHistogram { sum, hint, ..FloatHistogram::default() };
            if !stale {
                histogram = FloatHistogram { sum, hint, ..empty.clone() };
                numbers.fill(&mut histogram);
            }
            if !sink.histogram(time.value, histogram, start)? {
                break;
            }
        }
        Ok(())
    }
}
