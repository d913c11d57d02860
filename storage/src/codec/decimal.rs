//! Decimals: doubles that are an integer divided by a power of ten, bit for bit or nearly.

use super::CodecError;
use super::value::FRAME_MAX;

/// The largest power of ten.
pub(super) const EXPONENT_MAX: usize = 16;
const POWERS: [f64; EXPONENT_MAX + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16];
/// Integers above this are not exact in a double.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;
/// Added to a double below [`ROUNDING_MAX`] it leaves no bits for fractions. As bits, added to an integer of
/// that size, it makes the double of that integer plus itself.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
const ROUNDING_MAX: f64 = 2_251_799_813_685_248.0;

/// The integer that divided by 10^exponent gives exactly these bits.
#[inline]
pub(super) fn scaled(value: f64, exponent: usize) -> Option<i64> {
    if exponent == 0 {
        return rounded(value).filter(|integer| (*integer as f64).to_bits() == value.to_bits());
    }
    let power = POWERS.get(exponent)?;
    let integer = rounded(value * power)?;
    ((integer as f64) / power).to_bits().eq(&value.to_bits()).then_some(integer)
}

/// An integer divided by 10^exponent.
#[inline]
pub(super) fn value(integer: i64, exponent: usize) -> f64 {
    integer as f64 / POWERS.get(exponent).copied().unwrap_or(1.0)
}

/// The nearest integer, if it is exact in a double. How halves are rounded does not matter: what they stand
/// for does not come back from either side.
#[inline]
fn rounded(value: f64) -> Option<i64> {
    if value.abs() < ROUNDING_MAX {
        return Some((value + ROUNDER - ROUNDER) as i64);
    }
    let rounded = value.round();
    (rounded.abs() < INTEGER_MAX).then_some(rounded as i64)
}

/// A frame that begins with more misfits is not written as decimals.
const LEADING_MISFITS_MAX: usize = 4;

/// Not an integer that is exact in a double.
const MISFIT: i64 = i64::MIN;

/// The least exponent that suits the values, all but a few misfits, and the integers that it gives; `None`
/// when there are more misfits than may be. [`bridge`] fills their places.
pub(super) fn exponent(values: &[f64], integers: &mut [i64]) -> Option<usize> {
    let misfits_max = values.len() / 16 + 2;
    let (mut exponent, mut misfits) = (0, 0);
    let mut raised_at = 0;
    // The least exponent that suits a value is at most that of the frame: raise it as values demand.
    for (i, (&value, slot)) in values.iter().zip(integers.iter_mut()).enumerate() {
        *slot = MISFIT;
        if let Some(integer) = scaled(value, exponent) {
            *slot = integer;
        } else if let Some((higher, integer)) =
            (exponent + 1..=EXPONENT_MAX).find_map(|e| Some((e, scaled(value, e)?)))
        {
            (*slot, exponent, raised_at) = (integer, higher, i);
        } else {
            misfits += 1;
            // A misfit is the costliest value: what begins with nothing else is not decimal at all.
            if misfits > misfits_max || (misfits == i + 1 && misfits > LEADING_MISFITS_MAX) {
                return None;
            }
        }
    }
    misfits = 0;
    for (i, (&value, slot)) in values.iter().zip(integers.iter_mut()).enumerate() {
        if i < raised_at {
            *slot = scaled(value, exponent).unwrap_or(MISFIT);
        }
        misfits += usize::from(*slot == MISFIT);
    }
    (misfits <= misfits_max).then_some(exponent)
}

/// Puts in the place of each misfit what goes on as the integers before it did, if that leads to the next one, so that a gap
/// does not cost a counter its even steps; else the integer before, or the next one where there is none before. Whether
/// there was no misfit.
pub(super) fn bridge(integers: &mut [i64]) -> bool {
    let mut fits = true;
    let mut previous = integers.iter().copied().find(|integer| *integer != MISFIT).unwrap_or(0);
    let (mut before, mut rest) = (previous, integers);
    while let Some((integer, behind)) = rest.split_first_mut() {
        if *integer == MISFIT {
            fits = false;
            let next = behind.iter().copied().find(|integer| *integer != MISFIT).unwrap_or(previous);
            let onward = previous + (previous - before);
            let leads = (previous.min(next)..=previous.max(next)).contains(&onward);
            *integer = if leads { onward } else { previous };
        }
        (before, previous) = (previous, *integer);
        rest = behind;
    }
    fits
}

/// As many units in the last place may lie between a value and its decimal.
const RESIDUAL_MAX: i64 = 511;
/// Values that say which exponent is tried.
const ASKED: usize = 8;

/// The least exponent with which all values are within a few units in the last place of an integer divided by 10^exponent:
/// the integers, and the units as zigzag. Sums of decimals are such values.
pub(super) fn near(values: &[f64], integers: &mut [i64], residuals: &mut [u64]) -> Option<usize> {
    let one = |value: f64, exponent: usize| {
        let integer = rounded(value * POWERS.get(exponent)?)?;
        let units = value.to_bits().wrapping_sub(self::value(integer, exponent).to_bits()).cast_signed();
        (-RESIDUAL_MAX..=RESIDUAL_MAX).contains(&units).then_some((integer, units))
    };
    let asked = values.get(..ASKED.min(values.len()))?;
    let mut exponent = 0;
    for value in asked {
        exponent = (exponent..=EXPONENT_MAX).find(|exponent| one(*value, *exponent).is_some())?;
    }
    for (value, (integer, residual)) in values.iter().zip(integers.iter_mut().zip(residuals)) {
        let (whole, units) = one(*value, exponent)?;
        (*integer, *residual) = (whole, super::varint::zigzag(units));
    }
    Some(exponent)
}

/// Appends signed integers divided by 10^exponent.
///
/// # Errors
/// The exponent is too large.
pub(super) fn divide(integers: &[u64], exponent: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    debug_assert!(integers.len() <= FRAME_MAX);
    let power = *POWERS.get(exponent).ok_or(CodecError("decimal exponent too large"))?;
    let magnitude = |word: u64| (word.cast_signed() >> 63).cast_unsigned() ^ word;
    let widest = integers.iter().fold(0, |all, word| all | magnitude(*word));
    // Integers that leave the rounding constant's exponent alone become doubles by an addition, which unlike
    // the conversion is done for several at once.
    let small = |word: u64| f64::from_bits(word.wrapping_add(ROUNDER.to_bits())) - ROUNDER;
    match (widest < ROUNDING_MAX as u64, exponent) {
        (true, 0) => out.extend(integers.iter().map(|word| small(*word))),
        (true, _) => out.extend(integers.iter().map(|word| small(*word) / power)),
        (false, _) => out.extend(integers.iter().map(|word| word.cast_signed() as f64 / power)),
    }
    Ok(())
}
