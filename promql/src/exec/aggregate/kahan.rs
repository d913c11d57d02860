//! Columns of compensated sums.
//!
//! Neumaier's variant of Kahan's summation, in the order of the series, as Prometheus adds: digits have to agree.

/// One addition: the new sum and compensation.
#[inline(always)]
pub(super) fn add(sum: f64, compensation: f64, value: f64) -> (f64, f64) {
    let total = sum + value;
    // Both corrections are computed and one is chosen, so that a loop over steps needs no branch.
    let first = (sum - total) + value;
    let second = (value - total) + sum;
    let correction = if sum.abs() >= value.abs() { first } else { second };
    let compensation = if total.is_infinite() { 0.0 } else { compensation + correction };
    (total, compensation)
}

/// Sums of one group at all steps.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) sums: Vec<f64>,
    pub(super) compensations: Vec<f64>,
}

/// Adding to minus zero gives every number itself, the zeros included.
const NOTHING: f64 = -0.0;

impl Sums {
    pub(super) fn new(steps: usize) -> Self {
        Self { sums: vec![NOTHING; steps], compensations: vec![0.0; steps] }
    }

    /// Adds a column where it is present.
    pub(super) fn add(&mut self, values: &[f64], present: &[u64]) {
        let chunks = self.sums.chunks_mut(64).zip(self.compensations.chunks_mut(64)).zip(values.chunks(64));
        for (((sums, compensations), values), word) in chunks.zip(present) {
            if *word == 0 {
                continue;
            }
            let cells = sums.iter_mut().zip(compensations.iter_mut()).zip(values);
            if word.count_ones() as usize == values.len() {
                for ((sum, compensation), value) in cells {
                    (*sum, *compensation) = add(*sum, *compensation, *value);
                }
            } else {
                for (bit, ((sum, compensation), value)) in cells.enumerate() {
                    if word >> bit & 1 == 1 {
                        (*sum, *compensation) = add(*sum, *compensation, *value);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::KahanSum;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_add_as_single_numbers_do(
            columns in prop::collection::vec(prop::collection::vec((any::<f64>(), any::<bool>()), 70), 1..6),
        ) {
            let mut sums = Sums::new(70);
            let mut single: Vec<Option<KahanSum>> = vec![None; 70];
            for column in &columns {
                let values: Vec<f64> = column.iter().map(|(v, _)| *v).collect();
                let mut present = [0u64; 2];
                for (i, (value, there)) in column.iter().enumerate() {
                    if *there {
                        present[i / 64] |= 1 << (i % 64);
                        single[i].get_or_insert_default().add(*value);
                    }
                }
                sums.add(&values, &present);
            }
            for (i, want) in single.into_iter().enumerate() {
                let got = sums.sums[i] + sums.compensations[i];
                if let Some(want) = want.map(KahanSum::value) {
                    prop_assert!(got == want || (got.is_nan() && want.is_nan()), "{got} {want}");
                }
            }
        }
    }
}
