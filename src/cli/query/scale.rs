//! Numbers for people: SI prefixes, IEC prefixes for bytes, and ticks at round values.

/// Which prefixes a unit takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// k, M, G: powers of 1000.
    Si,
    /// Ki, Mi, Gi: powers of 1024.
    Iec,
}

/// A prefix and what it stands for.
type Prefix = (&'static str, f64);

const SI: &[Prefix] = &[
    ("p", 1e-12),
    ("n", 1e-9),
    ("µ", 1e-6),
    ("m", 1e-3),
    ("", 1.0),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];
const IEC: &[Prefix] = &[
    ("", 1.0),
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
];
/// Above and below this prefixes end and exponents begin.
const PREFIXED: std::ops::Range<f64> = 1e-12..1e22;

impl Scale {
    fn prefix(self, magnitude: f64) -> Prefix {
        let all = if self == Self::Si { SI } else { IEC };
        let fits = all.iter().rev().find(|(_, size)| magnitude >= *size);
        fits.or(all.first()).copied().unwrap_or(("", 1.0))
    }

    /// A number with four significant digits: `1.234k`, `512Mi`.
    #[must_use]
    pub fn short(self, value: f64) -> String {
        use narthex_promql::numeric::format_short_digits;
        let magnitude = value.abs();
        if value == 0.0 || !PREFIXED.contains(&magnitude) {
            return format_short_digits(value, 4);
        }
        let (prefix, size) = self.prefix(magnitude);
        // Four digits may round up to the next prefix, which four digits then show as 1000 or 1024.
        format!("{}{prefix}", format_short_digits(value / size, 4))
    }

    /// About `count` round values from `low` to `high`, with their texts, which share a prefix.
    #[must_use]
    pub fn ticks(self, low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
        let step = self.step((high - low) / count.max(1) as f64);
        if !step.is_finite() || step <= 0.0 {
            return vec![(low, self.short(low))];
        }
        let (first, last) = ((low / step).ceil(), (high / step).floor());
        // Bounds so far from 0 that a step is lost in their digits have no ticks between.
        if !(last - first).is_finite() || last - first > 4.0 * count.max(1) as f64 {
            return vec![(low, self.short(low))];
        }
        let largest = low.abs().max(high.abs());
        let (prefix, size) = if PREFIXED.contains(&largest) { self.prefix(largest) } else { ("", 1.0) };
        let decimals = decimals(step / size);
        let text = |value: f64| {
            if value == 0.0 {
                return "0".to_owned();
            }
            if !PREFIXED.contains(&largest) {
                return narthex_promql::numeric::format_short_digits(value, 4);
            }
            let number = format!("{:.decimals$}", value / size);
            let number = if number.contains('.') {
                number.trim_end_matches('0').trim_end_matches('.')
            } else {
                &number
            };
            format!("{number}{prefix}")
        };
        let mut ticks = Vec::new();
        let mut at = first;
        while at <= last {
            let value = at * step;
            ticks.push((value, text(value)));
            at += 1.0;
        }
        ticks
    }

    /// The round number that is at least `least`.
    fn step(self, least: f64) -> f64 {
        if least <= 0.0 || !least.is_finite() {
            return 0.0;
        }
        if self == Self::Iec && least >= 1.0 {
            return least.log2().ceil().exp2();
        }
        let power = 10f64.powf(least.log10().floor());
        [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|m| m * power)
            .find(|step| *step >= least)
            .unwrap_or(10.0 * power)
    }
}

/// Decimals that a multiple of the step needs: 0.25 needs two.
fn decimals(step: f64) -> usize {
    const MOST: usize = 12;
    let whole = |digits: &usize| {
        let shifted = step * 10f64.powi(*digits as i32);
        shifted >= 1.0 && (shifted - shifted.round()).abs() < 1e-6 * shifted
    };
    (0..MOST).find(whole).unwrap_or(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prefixes_follow_the_magnitude() {
        for (scale, value, want) in [
            (Scale::Si, 1234.0, "1.234k"),
            (Scale::Si, 0.0015, "1.5m"),
            (Scale::Si, -2e9, "-2G"),
            (Scale::Si, 0.0, "0"),
            (Scale::Si, 12.345, "12.35"),
            (Scale::Iec, 1536.0, "1.5Ki"),
            (Scale::Iec, 8_589_934_592.0, "8Gi"),
            (Scale::Iec, 0.5, "0.5"),
            (Scale::Si, 1e300, "1e+300"),
            (Scale::Si, f64::NAN, "NaN"),
        ] {
            assert_eq!(scale.short(value), want, "{value}");
        }
    }

    #[test]
    fn ticks_are_round() {
        let texts = |scale: Scale, low, high| -> Vec<String> {
            scale.ticks(low, high, 4).into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(texts(Scale::Si, 0.0, 1.0), ["0", "0.25", "0.5", "0.75", "1"]);
        assert_eq!(texts(Scale::Si, 0.0, 4200.0), ["0", "2k", "4k"]);
        assert_eq!(texts(Scale::Iec, 0.0, 4294967296.0), ["0", "1Gi", "2Gi", "3Gi", "4Gi"]);
        assert_eq!(texts(Scale::Si, 5.0, 5.0), ["5"]);
    }

    proptest! {
        #[test]
        fn ticks_lie_within_the_bounds_and_are_few(low in -1e30f64..1e30, width in 0f64..1e30, count in 0usize..9) {
            for scale in [Scale::Si, Scale::Iec] {
                let ticks = scale.ticks(low, low + width, count);
                prop_assert!(ticks.len() <= 4 * count.max(1) + 2);
                for (value, _) in ticks {
                    let slack = (low.abs() + width) * 1e-9;
                    prop_assert!(value >= low - slack && value <= low + width + slack);
                }
            }
        }
    }
}
