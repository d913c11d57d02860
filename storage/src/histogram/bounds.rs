//! Where buckets begin and end.

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram};

/// `2^(1/2^(i+1))`. The first one is a unit below the nearest double: the bounds have to be Prometheus's, to
/// the bit, and these are the factors that its bounds are made of.
const ROOTS: [f64; 8] = [
    std::f64::consts::SQRT_2.next_down(),
    1.189207115002721,
    1.0905077326652577,
    1.0442737824274138,
    1.0218971486541166,
    1.0108892860517005,
    1.0054299011128027,
    1.0027112750502025,
];

/// Bounds of the finest schema within `[0.5, 1)`; coarser schemas use every second, fourth, … of them.
const FRACTIONS: [f64; 256] = fractions();

const fn fractions() -> [f64; 256] {
    let mut table = [0.5; 256];
    let mut i = 0;
    while i < 256 {
        let mut root = 0;
        while root < 8 {
            if i & (128 >> root) != 0 {
                table[i] *= ROOTS[root];
            }
            root += 1;
        }
        i += 1;
    }
    table
}

/// The upper bound of a positive bucket: `2^(index·2^-schema)`.
///
/// The bucket below the one for infinite observations would end at +Inf by that rule. It ends at the largest
/// finite number instead.
#[must_use]
pub fn exponential_bound(index: i32, schema: i32) -> f64 {
    let (fraction, exponent) = if schema <= 0 {
        (0.5, (i64::from(index) << schema.unsigned_abs().min(16)) + 1)
    } else {
        let schema = schema.min(8);
        let within = (index & ((1 << schema) - 1)) << (8 - schema);
        let fraction = FRACTIONS.get(within as usize).copied().unwrap_or(0.5);
        (fraction, i64::from(index >> schema) + 1)
    };
    if fraction == 0.5 && exponent == 1025 {
        return f64::MAX;
    }
    scale(fraction * 2.0, exponent - 1)
}

/// `value · 2^exponent` with one rounding, for a value in `[1, 2)`.
fn scale(value: f64, exponent: i64) -> f64 {
    match exponent {
        1024.. => f64::INFINITY,
        -1022.. => value * power_of_two(exponent),
        // Subnormal: the first factor is exact, the second rounds.
        -1076.. => value * power_of_two(exponent + 100) * power_of_two(-100),
        _ => 0.0,
    }
}

/// `2^exponent` for exponents of normal numbers.
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The upper bound of a bucket among listed bounds: below the first lies -Inf, above the last +Inf.
#[must_use]
pub fn custom_bound(index: i32, bounds: &[f64]) -> f64 {
    match usize::try_from(index) {
        Ok(index) => bounds.get(index).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}

impl FloatHistogram {
    /// The upper bound of the positive bucket of an index. With `index - 1` it is the lower one.
    #[must_use]
    pub fn bound(&self, index: i32) -> f64 {
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            custom_bound(index, &self.custom_values)
        } else {
            exponential_bound(index, self.schema)
        }
    }
}

/// Whether two lists of bounds are the same.
#[must_use]
pub fn same_bounds(a: &[f64], b: &[f64]) -> bool {
    std::ptr::eq(a, b) || a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_prometheus_to_the_bit() {
        // Position in 256, bound; what Prometheus's tables say.
        let known = [
            (1, 0.5013556375251013),
            (6, 0.5081891574554764),
            (13, 0.5179128468009786),
            (31, 0.5437795304588847),
            (77, 0.6159056423670379),
            (96, 0.6484197773255048),
            (100, 0.6554806057623822),
            (127, 0.7051948041086352),
            (128, 0.7071067811865475),
            (130, 0.7109463010845827),
            (163, 0.7773944698885442),
            (192, 0.8408964152537144),
            (200, 0.8593096490612387),
            (223, 0.9145245157024483),
            (240, 0.9576032806985735),
            (247, 0.9759260581154889),
            (249, 0.9812252401044634),
            (254, 0.9945994234836328),
            (255, 0.9972960560854698),
        ];
        for (index, bound) in known {
            assert_eq!(exponential_bound(index - 256, 8), bound, "{index}");
        }
        assert_eq!(exponential_bound(-1, 1), 0.7071067811865475);
        assert_eq!(exponential_bound(3, 2), 0.8408964152537144 * 2.0);
    }

    #[test]
    fn bounds_double_with_each_octave() {
        for schema in -4..=8 {
            assert_eq!(exponential_bound(0, schema), 1.0);
        }
        assert_eq!(exponential_bound(1, 0), 2.0);
        assert_eq!(exponential_bound(-2, 0), 0.25);
        assert_eq!(exponential_bound(1, -2), 16.0);
        assert_eq!(exponential_bound(-1, -4), 2f64.powi(-16));
        assert_eq!(exponential_bound(512, 8), 4.0);
    }

    #[test]
    fn the_last_finite_bucket_ends_at_the_largest_number() {
        for (index, schema) in [(1024, 0), (256, -2), (64, -4), (1024 << 8, 8)] {
            assert_eq!(exponential_bound(index, schema), f64::MAX);
            assert_eq!(exponential_bound(index + 1, schema), f64::INFINITY);
        }
        assert_eq!(exponential_bound(i32::MAX, -4), f64::INFINITY);
    }

    #[test]
    fn bounds_go_down_to_nothing() {
        assert_eq!(exponential_bound(-1022, 0), f64::MIN_POSITIVE);
        assert_eq!(exponential_bound(-1074, 0), f64::from_bits(1));
        assert_eq!(exponential_bound(-1075, 0), 0.0);
        assert_eq!(exponential_bound(-2149, 1), f64::from_bits(1));
        assert_eq!(exponential_bound(i32::MIN, -4), 0.0);
    }

    #[test]
    fn listed_bounds_end_at_infinity() {
        let bounds = [5.0, 10.0];
        let all = [-1, 0, 1, 2, 3].map(|i| custom_bound(i, &bounds));
        assert_eq!(all, [f64::NEG_INFINITY, 5.0, 10.0, f64::INFINITY, f64::INFINITY]);
    }
}
