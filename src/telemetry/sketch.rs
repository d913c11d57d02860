//! Quantiles of a stream of positive numbers in little memory: counts by size, on a logarithmic scale.
//!
//! Neighbouring sizes differ by 2^(1/8), so that a quantile is off by at most five hundredths of its value.

/// Sizes in a doubling.
const PER_DOUBLING: f64 = 8.0;
/// The smallest size that is told apart, as a power of `PER_DOUBLING` steps: about a nanosecond.
const LOWEST: i16 = -240;
/// The largest one: about 10^12.
const HIGHEST: i16 = 320;

/// Counts of numbers by size; only sizes that occur take memory, at most 561 of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Sorted by size.
    counts: Vec<(i16, u64)>,
    total: u64,
}

impl Sketch {
    /// Adds a number; one that is not above zero counts as the smallest.
    pub fn observe(&mut self, value: f64) {
        // `as` saturates, and makes 0 of NaN; both are clamped to a size that there is.
        let size = if value > 0.0 { (value.log2() * PER_DOUBLING).floor() as i16 } else { LOWEST };
        self.add(size.clamp(LOWEST, HIGHEST), 1);
    }

    fn add(&mut self, size: i16, count: u64) {
        self.total += count;
        match self.counts.binary_search_by_key(&size, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, known)) = self.counts.get_mut(at) {
                    *known += count;
                }
            }
            Err(at) => self.counts.insert(at, (size, count)),
        }
    }

    /// Adds the numbers of another one.
    pub fn merge(&mut self, other: &Self) {
        for (size, count) in &other.counts {
            self.add(*size, *count);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.clear();
        self.total = 0;
    }

    /// The number below which this share (0 to 1) of all lies; `None` when there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (share.clamp(0.0, 1.0) * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let size = self.counts.iter().find_map(|(size, count)| {
            seen += count;
            (seen >= rank).then_some(*size)
        })?;
        Some(((f64::from(size) + 0.5) / PER_DOUBLING).exp2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_off_by_at_most_five_hundredths(
            mut values in proptest::collection::vec(1e-6..1e6f64, 1..200),
            share in 0.0..=1.0f64,
        ) {
            let mut sketch = Sketch::default();
            values.iter().for_each(|value| sketch.observe(*value));
            values.sort_by(f64::total_cmp);
            let rank = ((share * values.len() as f64).ceil() as usize).max(1);
            let (want, got) = (values[rank - 1], sketch.quantile(share).unwrap());
            prop_assert!((got / want - 1.0).abs() < 0.05, "{got} for {want}");
        }

        #[test]
        fn parts_merge_into_the_whole(values in proptest::collection::vec(any::<f64>(), 0..100), at in 0..100usize) {
            let of = |values: &[f64]| {
                let mut sketch = Sketch::default();
                values.iter().for_each(|value| sketch.observe(*value));
                sketch
            };
            let (left, right) = values.split_at(at.min(values.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(merged, of(&values));
        }
    }

    #[test]
    fn nothing_has_no_quantile() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        sketch.observe(1.0);
        sketch.clear();
        assert_eq!(sketch.quantile(0.5), None);
    }
}
