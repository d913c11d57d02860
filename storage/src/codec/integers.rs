//! Columns of integers in few bits: as offsets or as differences, the common divisor taken out, the low bits of all
//! packed at one width and the high bits of the few that have more told apart.
//!
//! ```text
//! column = shape u8 | [divisor varint] | [first zigzag] | [base zigzag] | width u8 | packed(n, width) | [patches]
//! shape  = how | patches << 2 | divided << 4
//!   how      0 offsets from base | 1 differences less base, behind first | 2 differences as zigzag, behind first
//!   patches  0 none | 1 by their places | 2 by a bitmap
//! patches by places   = count varint | high width u8 | packed(count, bits of n − 1) | packed(count, high width)
//! patches by a bitmap = high width u8 | packed(n, 1) | packed(ones, high width)
//! ```

use super::value::FRAME_MAX;
use super::{CodecError, bits, varint};

const OFFSETS: u8 = 0;
const DIFFERENCES: u8 = 1;
const ZIGZAG: u8 = 2;

const NO_PATCHES: u8 = 0;
const PLACES: u8 = 1;
const BITMAP: u8 = 2;

/// As many patches may be told by their places; of more a bitmap is shorter.
const PLACES_MAX: usize = 64;

/// The least numbers of a column that are looked at, so that all but one of them may lie far below the others.
const LOWS: usize = 4;
/// Shorter columns have no base above some of their numbers: each of those costs about 9 bytes.
const ABOVE_MIN: u64 = 32;

/// A form is costed exactly unless its numbers have so many more bits than those of another: one in eight.
const RUNNER_UP: u64 = 8;

/// How integers become small numbers.
#[derive(Debug, Clone, Copy)]
struct Form {
    how: u8,
    base: i64,
    divisor: u64,
    /// Some numbers are less than nothing, and come out as the greatest there are.
    below: bool,
}

/// The least numbers of a column, ascending.
struct Lows([i64; LOWS]);

impl Lows {
    fn new() -> Self {
        Self([i64::MAX; LOWS])
    }

    #[inline]
    fn note(&mut self, number: i64) {
        let [a, b, c, d] = self.0;
        if number >= d {
            return;
        }
        self.0 = if number < a {
            [number, a, b, c]
        } else if number < b {
            [a, number, b, c]
        } else if number < c {
            [a, b, number, c]
        } else {
            [a, b, c, number]
        };
    }

    fn least(&self) -> i64 {
        let [least, ..] = self.0;
        least
    }

    /// The one with the widest gap below it.
    fn above_the_gap(&self) -> i64 {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        pairs.max_by_key(|(below, above)| offset(**above, **below)).map_or(i64::MAX, |(_, above)| *above)
    }
}

/// The cheapest way to write a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    form: Form,
    patches: u8,
    width: u32,
    high_width: u32,
    /// Bits behind the shape, nearly.
    bits: u64,
}

impl Plan {
    /// Chooses for at most [`FRAME_MAX`] integers.
    pub(super) fn of(integers: &[i64]) -> Self {
        let (mut values, mut steps) = (Lows::new(), Lows::new());
        let mut divisor = 0;
        for pair in integers.windows(2) {
            let step = difference(pair);
            steps.note(step);
            if divisor != 1 {
                divisor = gcd(divisor, step.unsigned_abs());
            }
        }
        integers.iter().for_each(|integer| values.note(*integer));
        let (base, least) = (values.least(), steps.least());
        // What the differences have in common, offsets have too; less the least of them they may have more.
        let mut of_steps = if least == 0 { divisor } else { 0 };
        for pair in integers.windows(2) {
            if of_steps == 1 || least == 0 {
                break;
            }
            of_steps = gcd(of_steps, offset(difference(pair), least));
        }
        let form = |how, base, divisor: u64| Form { how, base, divisor: divisor.max(1), below: false };
        let summed = |form: Form| (form, form.sum_of_bits(integers));
        let differences = summed(form(DIFFERENCES, least, of_steps));
        let zigzag = summed(form(ZIGZAG, 0, divisor));
        let offsets = summed(form(OFFSETS, base, divisor));
        let above = |(form, sum): (Form, u64), lows: &Lows| form.above(lows, sum, integers).map(summed);
        let forms = [
            Some(differences),
            Some(zigzag),
            Some(offsets),
            above(differences, &steps),
            above(offsets, &values),
        ];
        let fewest = forms.iter().flatten().map(|(_, sum)| *sum).min().unwrap_or(0);
        let tried = forms.iter().flatten().filter(|(_, sum)| *sum <= fewest + fewest / RUNNER_UP + 8);
        let plans = tried.map(|(form, _)| form.plan(integers));
        plans.min_by_key(|plan| plan.bits).unwrap_or(Self {
            form: form(OFFSETS, 0, 1),
            patches: NO_PATCHES,
            width: 0,
            high_width: 0,
            bits: 0,
        })
    }

    /// Bytes that it takes, nearly.
    pub(super) fn bytes(&self) -> usize {
        (self.bits / 8) as usize
    }

    /// Appends the integers that it was made for.
    pub(super) fn write(&self, integers: &[i64], out: &mut Vec<u8>) {
        let Self { form, patches, width, high_width, .. } = *self;
        let Form { how, base, divisor, .. } = form;
        out.push(how | patches << 2 | u8::from(divisor != 1) << 4);
        if divisor != 1 {
            varint::put(out, divisor);
        }
        if how != OFFSETS {
            varint::put_signed(out, integers.first().copied().unwrap_or(0));
        }
        if how != ZIGZAG {
            varint::put_signed(out, base);
        }
        out.push(width as u8);
        let mut all = [0; FRAME_MAX];
        let mut places = all.iter_mut();
        let mut count = 0;
        form.each_number(integers, |number| {
            if let Some(place) = places.next() {
                *place = number;
                count += 1;
            }
        });
        let numbers = all.get(..count).unwrap_or_default();
        let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
        bits::pack(numbers.iter().map(|number| number & mask), width, out);
        let is_high = |number: &u64| *number & !mask != 0;
        let high = || numbers.iter().filter(|number| is_high(number)).map(|number| number >> width);
        match patches {
            PLACES => {
                varint::put(out, high().count() as u64);
                out.push(high_width as u8);
                let places = (0u64..).zip(numbers).filter(|(_, number)| is_high(number));
                bits::pack(places.map(|(place, _)| place), place_bits(count), out);
                bits::pack(high(), high_width, out);
            }
            BITMAP => {
                out.push(high_width as u8);
                bits::pack(numbers.iter().map(|number| u64::from(is_high(number))), 1, out);
                bits::pack(high(), high_width, out);
            }
            _ => {}
        }
    }
}

impl Form {
    /// The same with a base that a few numbers lie below, if without them the others have fewer bits. These few become
    /// the greatest numbers there are, since offsets wrap, and patches.
    fn above(self, lows: &Lows, sum: u64, integers: &[i64]) -> Option<Self> {
        let base = lows.above_the_gap();
        let gap = bits_of(base.checked_sub(self.base)?.unsigned_abs());
        let count = integers.len() as u64;
        // All others have as many bits as the gap has: unless they have much more, these are what it costs.
        if count < ABOVE_MIN || gap == 0 || sum > count * u64::from(gap + 1) {
            return None;
        }
        let mut divisor = if self.how == OFFSETS { self.divisor } else { 0 };
        for pair in integers.windows(2) {
            let number = if self.how == OFFSETS { pair.last().copied()? } else { difference(pair) };
            let distance = number.checked_sub(base)?;
            if divisor != 1 && self.how != OFFSETS {
                divisor = gcd(divisor, distance.unsigned_abs());
            }
        }
        integers.first()?.checked_sub(base)?;
        Some(Self { base, divisor: divisor.max(1), below: true, ..self })
    }

    /// Hands the small numbers of integers to `each`.
    #[inline]
    fn each_number(&self, integers: &[i64], mut each: impl FnMut(u64)) {
        let Self { how, base, divisor, below } = *self;
        let exact = Exact::by(divisor);
        let pairs = integers.windows(2).map(difference);
        match (how, divisor) {
            (OFFSETS, 1) => integers.iter().for_each(|integer| each(offset(*integer, base))),
            (OFFSETS, _) if below => {
                integers.iter().for_each(|integer| each(exact.divide_signed(offset(*integer, base))));
            }
            (OFFSETS, _) => integers.iter().for_each(|integer| each(exact.divide(offset(*integer, base)))),
            (DIFFERENCES, 1) => pairs.for_each(|step| each(offset(step, base))),
            (DIFFERENCES, _) if below => pairs.for_each(|step| each(exact.divide_signed(offset(step, base)))),
            (DIFFERENCES, _) => pairs.for_each(|step| each(exact.divide(offset(step, base)))),
            (_, 1) => pairs.for_each(|step| each(varint::zigzag(step))),
            _ => pairs.for_each(|step| each(exact.zigzag(step))),
        }
    }

    fn sum_of_bits(&self, integers: &[i64]) -> u64 {
        let mut sum = 0;
        self.each_number(integers, |number| sum += u64::from(bits_of(number)));
        sum
    }

    /// The best width, and how what is wider is told.
    fn plan(&self, integers: &[i64]) -> Plan {
        let mut of_width = [0u32; 65];
        self.each_number(integers, |number| {
            if let Some(count) = of_width.get_mut(bits_of(number) as usize) {
                *count += 1;
            }
        });
        let count: u64 = of_width.iter().map(|count| u64::from(*count)).sum();
        let widest = of_width.iter().rposition(|count| *count > 0).unwrap_or(0) as u32;
        let place = u64::from(place_bits(count as usize));
        let mut best = (count * u64::from(widest), widest, NO_PATCHES);
        let mut wider = 0;
        for width in (0..=widest).rev() {
            if wider > 0 {
                // Patches take longer to read: each has to be worth a bit more than it takes, and all together 32.
                let packed = count * u64::from(width) + wider * (u64::from(widest - width) + 1) + 32;
                // In front of both forms there is a byte or two.
                if wider <= PLACES_MAX as u64 {
                    best = best.min((packed + place * wider + 16, width, PLACES));
                }
                best = best.min((packed + count + 8, width, BITMAP));
            }
            wider += u64::from(of_width.get(width as usize).copied().unwrap_or(0));
        }
        let (bits, width, patches) = best;
        let base = if self.how == ZIGZAG { 0 } else { u64::from(bits_of(varint::zigzag(self.base))) };
        Plan { form: *self, patches, width, high_width: widest - width, bits: bits + base }
    }
}

/// Divides what a divisor divides without a rest, by a multiplication.
#[derive(Clone, Copy)]
struct Exact {
    shift: u32,
    inverse: u64,
}

impl Exact {
    fn by(divisor: u64) -> Self {
        let shift = divisor.trailing_zeros() & 63;
        let odd = divisor >> shift;
        // The inverse modulo 2^64; each step doubles the bits that are right, of which there are three.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self { shift, inverse }
    }

    #[inline]
    fn divide(self, number: u64) -> u64 {
        (number >> self.shift).wrapping_mul(self.inverse)
    }

    /// One that may be less than nothing.
    #[inline]
    fn divide_signed(self, number: u64) -> u64 {
        (number.cast_signed() >> self.shift).cast_unsigned().wrapping_mul(self.inverse)
    }

    /// A difference, divided, as zigzag.
    #[inline]
    fn zigzag(self, step: i64) -> u64 {
        let sign = step >> 63;
        let divided = self.divide(step.unsigned_abs()).cast_signed();
        varint::zigzag((divided ^ sign).wrapping_sub(sign))
    }
}

#[inline]
fn difference(pair: &[i64]) -> i64 {
    match pair {
        [a, b] => b.wrapping_sub(*a),
        _ => 0,
    }
}

#[inline]
fn offset(integer: i64, base: i64) -> u64 {
    integer.wrapping_sub(base).cast_unsigned()
}

#[inline]
fn bits_of(number: u64) -> u32 {
    64 - number.leading_zeros()
}

/// Bits of a place among so many.
fn place_bits(count: usize) -> u32 {
    bits_of(count.saturating_sub(1) as u64)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Takes a column of `count` integers off the front of `bytes`, into the first places of `out`; signed ones have the
/// same bits.
///
/// # Errors
/// The bytes are no such column, or there are not so many places.
pub(super) fn decode<'a>(
    bytes: &mut &[u8],
    count: usize,
    out: &'a mut [u64; FRAME_MAX],
) -> Result<&'a mut [u64], CodecError> {
    let shape = varint::take_u8(bytes)?;
    let (how, patches) = (shape & 3, shape >> 2 & 3);
    if shape >> 5 != 0 || how > ZIGZAG || patches > BITMAP {
        return Err(CodecError("unknown shape of integers"));
    }
    let divisor = if shape & 16 == 0 { 1 } else { varint::take(bytes)? };
    let first = if how == OFFSETS { 0 } else { varint::take_signed(bytes)?.cast_unsigned() };
    let base = if how == ZIGZAG { 0 } else { varint::take_signed(bytes)?.cast_unsigned() };
    let width = u32::from(varint::take_u8(bytes)?);
    let out = out.get_mut(..count).ok_or(CodecError("frame too long"))?;
    // The first integer is not among the differences.
    let packed = out.get_mut(usize::from(how != OFFSETS)..).unwrap_or_default();
    bits::unpack(bytes, width, packed)?;
    if patches != NO_PATCHES {
        patch(bytes, patches, width, packed)?;
    }
    if how == ZIGZAG {
        packed.iter_mut().for_each(|word| *word = *word >> 1 ^ (*word & 1).wrapping_neg());
    }
    if divisor.is_power_of_two() {
        // Most divisors are, and shifts are done for several at once.
        let shift = divisor.trailing_zeros();
        if shift != 0 || base != 0 {
            packed.iter_mut().for_each(|word| *word = (*word << shift).wrapping_add(base));
        }
    } else {
        packed.iter_mut().for_each(|word| *word = word.wrapping_mul(divisor).wrapping_add(base));
    }
    if how == OFFSETS {
        return Ok(out);
    }
    add_up(first, packed);
    if let Some(place) = out.first_mut() {
        *place = first;
    }
    Ok(out)
}

/// Puts in the place of each number the sum of all up to it and of `first`.
fn add_up(first: u64, numbers: &mut [u64]) {
    let mut running = first;
    let (fours, rest) = numbers.as_chunks_mut::<4>();
    for [a, b, c, d] in fours {
        // Four sums at a time wait for only one addition.
        let two = a.wrapping_add(*b);
        let three = two.wrapping_add(*c);
        let four = c.wrapping_add(*d).wrapping_add(two);
        (*a, *b) = (running.wrapping_add(*a), running.wrapping_add(two));
        (*c, *d) = (running.wrapping_add(three), running.wrapping_add(four));
        running = *d;
    }
    for number in rest {
        running = running.wrapping_add(*number);
        *number = running;
    }
}

/// Takes patches off and puts the high bits on.
fn patch(bytes: &mut &[u8], patches: u8, width: u32, numbers: &mut [u64]) -> Result<(), CodecError> {
    let out = CodecError("patch out of place");
    // What a shift by more than 63 bits would lose is what no encoder writes.
    let shift = width & 63;
    let mut high = [0; PLACES_MAX];
    if patches == PLACES {
        let mut places = [0; PLACES_MAX];
        let count = varint::take_count(bytes, 1)?;
        let high_width = u32::from(varint::take_u8(bytes)?);
        let places = places.get_mut(..count).ok_or(out)?;
        let high = high.get_mut(..count).ok_or(out)?;
        bits::unpack(bytes, place_bits(numbers.len()), places)?;
        bits::unpack(bytes, high_width, high)?;
        for (place, high) in places.iter().zip(high) {
            *numbers.get_mut(*place as usize).ok_or(out)? |= *high << shift;
        }
        return Ok(());
    }
    let high_width = u32::from(varint::take_u8(bytes)?);
    let bitmap = varint::take_bytes(bytes, numbers.len().div_ceil(8))?;
    let words = || {
        let (whole, rest) = bitmap.as_chunks::<8>();
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let last = (!rest.is_empty()).then_some(u64::from_le_bytes(last));
        whole.iter().map(|word| u64::from_le_bytes(*word)).chain(last)
    };
    let mut left: usize = words().map(|word| word.count_ones() as usize).sum();
    let mut at = PLACES_MAX;
    for (numbers, mut word) in numbers.chunks_mut(64).zip(words()) {
        while word != 0 {
            if at == PLACES_MAX {
                // As many as these end at a byte.
                bits::unpack(bytes, high_width, high.get_mut(..left.min(PLACES_MAX)).unwrap_or_default())?;
                left = left.saturating_sub(PLACES_MAX);
                at = 0;
            }
            let number = numbers.get_mut(word.trailing_zeros() as usize).ok_or(out)?;
            *number |= high.get(at).copied().unwrap_or(0) << shift;
            word &= word - 1;
            at += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(integers: &[i64]) -> usize {
        let (mut bytes, mut places) = (Vec::new(), [7; FRAME_MAX]);
        Plan::of(integers).write(integers, &mut bytes);
        let len = bytes.len();
        bytes.extend_from_slice(&[0xff; 3]);
        let mut rest = bytes.as_slice();
        let back = decode(&mut rest, integers.len(), &mut places).unwrap();
        assert_eq!(back.iter().map(|word| word.cast_signed()).collect::<Vec<_>>(), integers);
        assert_eq!(rest.len(), 3);
        len
    }

    #[test]
    fn each_form_is_chosen_where_it_is_the_shortest() {
        let shape = |integers: &[i64]| {
            round_trip(integers);
            let plan = Plan::of(integers);
            (plan.form.how, plan.patches, plan.form.divisor)
        };
        let of = |value: &dyn Fn(i64) -> i64| (0..480).map(value).collect::<Vec<i64>>();
        let noise = |at: i64| {
            let mixed = at.wrapping_mul(0x5851_f42d_4c95_7f2d);
            (mixed ^ mixed >> 29).wrapping_mul(0x14f0_57b5_0d3c_9a4b) >> 40 & 63
        };
        assert_eq!(shape(&of(&noise)), (OFFSETS, NO_PATCHES, 1));
        assert_eq!(shape(&of(&|at| at * 1000 + noise(at))), (DIFFERENCES, NO_PATCHES, 1));
        assert_eq!(shape(&of(&|at| at * 4096)), (DIFFERENCES, NO_PATCHES, 1));
        assert_eq!(shape(&of(&|at| 300 * noise(at))), (OFFSETS, NO_PATCHES, 300));
        let spikes = |at: i64| noise(at) + if at % 100 == 50 { 1 << 40 } else { 0 };
        assert_eq!(shape(&of(&spikes)), (OFFSETS, PLACES, 1));
        let often = |at: i64| noise(at) + if at % 4 == 1 { 1 << 40 } else { 0 };
        assert_eq!(shape(&of(&often)), (OFFSETS, BITMAP, 1));
        let steps = |at: i64| 50_000 * (at / 60 % 2) + at / 200 * 7;
        assert_eq!(shape(&of(&steps)), (ZIGZAG, PLACES, 1));
    }

    #[test]
    fn few_that_are_wide_do_not_make_the_others_wide() {
        let mut integers = vec![5i64; 480];
        (0..480).step_by(2).for_each(|at| integers[at] = 4);
        integers[7] = i64::MAX;
        let len = round_trip(&integers);
        assert!(len < 90, "{len}");
        // The smallest is no base for the others: differences take two bits.
        integers[300] = i64::MIN;
        let len = round_trip(&integers);
        assert!(len < 170, "{len}");
    }

    #[test]
    fn a_few_that_lie_far_below_the_others_are_no_base_for_them() {
        let noise = |at: i64| (at * at * 7_919 + at * 31) % 61;
        let counter = |at: i64| at * 1_000_000 + noise(at) * 1_000;
        let steady = (0..480).map(counter).collect::<Vec<_>>();
        let without = round_trip(&steady);
        // A counter that begins anew, twice.
        let resets =
            [0, 100, 333].map(|reset| (0..480).map(move |at| if at < reset { at } else { at - reset }));
        let reset = resets.map(|ages| ages.map(counter).collect::<Vec<_>>());
        let (once, twice) = (&reset[1], [&reset[0][..240], &reset[2][..240]].concat());
        for counter in [once, &twice] {
            let (plan, len) = (Plan::of(counter), round_trip(counter));
            assert_eq!((plan.form.how, plan.form.below, plan.patches), (DIFFERENCES, true, PLACES));
            assert!(len < without + 20, "{len} and {without}");
        }
        // A gauge that is 0 now and then.
        let mut gauge: Vec<i64> = (0..480).map(|at| 5_000_000 + noise(at) * 64).collect();
        let without = round_trip(&gauge);
        for (at, more) in [(77, 14), (200, 25), (201, 36)] {
            gauge[at] = 0;
            let (plan, len) = (Plan::of(&gauge), round_trip(&gauge));
            assert_eq!((plan.form.how, plan.form.below, plan.form.divisor), (OFFSETS, true, 64));
            assert!(len < without + more, "{len} and {without}");
        }
    }

    #[test]
    fn the_ends_of_the_range_come_back() {
        round_trip(&[i64::MIN, i64::MAX]);
        round_trip(&[i64::MIN, 0]);
        round_trip(&[0, i64::MIN, i64::MIN, 0, 1]);
        round_trip(&[i64::MAX; 3]);
        round_trip(&[42]);
        round_trip(&[]);
    }

    fn integers() -> impl Strategy<Value = Vec<i64>> {
        let integer = prop_oneof![
            60 => 0i64..20, 4 => any::<i32>().prop_map(i64::from), 1 => any::<i64>(), 1 => Just(i64::MIN),
        ];
        let parts =
            (proptest::collection::vec(integer, 0..FRAME_MAX), 1i64..5000, any::<i64>(), any::<bool>());
        parts.prop_map(|(mut integers, divisor, base, adds)| {
            let mut sum = base;
            for integer in &mut integers {
                let step = integer.wrapping_mul(divisor);
                sum = if adds { sum.wrapping_add(step) } else { base.wrapping_add(step) };
                *integer = sum;
            }
            integers
        })
    }

    proptest! {
        #[test]
        fn any_integers_come_back(integers in integers()) {
            round_trip(&integers);
        }

        #[test]
        fn any_bytes_are_a_column_or_an_error(
            shape in 0u8..33, bytes in proptest::collection::vec(prop_oneof![0u8..10, any::<u8>()], 0..80), count in 0usize..600,
        ) {
            let mut places = [0; FRAME_MAX];
            let bytes = [&[shape], bytes.as_slice()].concat();
            if let Ok(back) = decode(&mut bytes.as_slice(), count, &mut places) {
                prop_assert_eq!(back.len(), count);
            }
        }
    }
}
