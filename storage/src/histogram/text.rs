//! Histograms as text: for people and label values, and as the test language writes them.

use super::{Bucket, Buckets, CounterResetHint, FloatHistogram};
use crate::number::format_short;
use std::fmt::{self, Display, Formatter, Write};

/// Buckets that a literal spells out at most, empty ones between populated ones included.
const LITERAL_BUCKETS_MAX: usize = 100_000;

/// Interval and population: `(0.5,1]:2`.
impl Display for Bucket {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let open = if self.lower_inclusive { '[' } else { '(' };
        let close = if self.upper_inclusive { ']' } else { ')' };
        write!(
            f,
            "{open}{},{}{close}:{}",
            format_short(self.lower),
            format_short(self.upper),
            format_short(self.count)
        )
    }
}

/// `{count:20, sum:10, [-2,-1):2, [-0.001,0.001]:2, (0.5,1]:1}`: populated buckets from the lowest up.
impl Display for FloatHistogram {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", format_short(self.count), format_short(self.sum))?;
        let zero = self.zero_bucket();
        let buckets = self.negative_buckets().rev().chain(zero).chain(self.positive_buckets());
        for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_char('}')
    }
}

impl FloatHistogram {
    /// The literal of the test language, `{{schema:1 count:3 sum:5 buckets:[1 2]}}`: keys whose values are the
    /// defaults are left out. A histogram with too large a gap between its buckets for that is written as
    /// [`Display`] writes it.
    #[must_use]
    pub fn test_expression(&self) -> String {
        let mut keys: Vec<String> = Vec::new();
        if self.schema != 0 {
            keys.push(format!("schema:{}", self.schema));
        }
        for (key, value) in [
            ("count", self.count),
            ("sum", self.sum),
            ("z_bucket", self.zero_count),
            ("z_bucket_w", self.zero_threshold),
        ] {
            if value != 0.0 {
                keys.push(format!("{key}:{}", format_short(value)));
            }
        }
        if self.uses_custom_buckets() {
            keys.push(format!("custom_values:{}", list(self.custom_values.iter().copied())));
        }
        keys.extend(match self.hint {
            CounterResetHint::Unknown => None,
            CounterResetHint::Reset => Some("counter_reset_hint:reset".to_owned()),
            CounterResetHint::NotReset => Some("counter_reset_hint:not_reset".to_owned()),
            CounterResetHint::Gauge => Some("counter_reset_hint:gauge".to_owned()),
        });
        for (offset, buckets, side) in
            [("offset", "buckets", &self.positive), ("n_offset", "n_buckets", &self.negative)]
        {
            let Some((first, counts)) = spelled_out(side) else { return self.to_string() };
            if first != 0 {
                keys.push(format!("{offset}:{first}"));
            }
            if !counts.is_empty() {
                keys.push(format!("{buckets}:{}", list(counts.into_iter())));
            }
        }
        format!("{{{{{}}}}}", keys.join(" "))
    }
}

/// The index of the first populated bucket, and all counts from there to the last one.
fn spelled_out(side: &Buckets) -> Option<(i32, Vec<f64>)> {
    let mut populated = side.iter().filter(|(_, count)| *count != 0.0);
    let Some((first, count)) = populated.next() else { return Some((0, Vec::new())) };
    let mut counts = vec![count];
    for (index, count) in populated {
        let place = usize::try_from(i64::from(index) - i64::from(first)).ok()?;
        if place >= LITERAL_BUCKETS_MAX {
            return None;
        }
        counts.resize(place, 0.0);
        counts.push(count);
    }
    Some((first, counts))
}

fn list(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<String> = values.map(format_short).collect();
    format!("[{}]", values.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{buckets, custom};
    use super::*;

    fn example() -> FloatHistogram {
        FloatHistogram {
            count: 20.0,
            sum: 10.5,
            zero_threshold: 0.001,
            zero_count: 2.0,
            positive: buckets(&[(0, 1.0), (1, 0.0), (2, 3.0)]),
            negative: buckets(&[(0, 0.5), (1, 2.0)]),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn populated_buckets_are_shown_from_the_lowest_up() {
        assert_eq!(
            example().to_string(),
            "{count:20, sum:10.5, [-2,-1):2, [-1,-0.5):0.5, [-0.001,0.001]:2, (0.5,1]:1, (2,4]:3}"
        );
        assert_eq!(
            custom(&[5.0, 10.0], &[(0, 1.0), (2, 4.0)]).to_string(),
            "{count:5, sum:0, [-Inf,5]:1, (10,+Inf]:4}"
        );
        let zero = FloatHistogram { zero_count: 1.0, sum: f64::NAN, ..FloatHistogram::default() };
        assert_eq!(zero.to_string(), "{count:0, sum:NaN, [-0,0]:1}");
    }

    #[test]
    fn literals_leave_defaults_out() {
        assert_eq!(
            example().test_expression(),
            "{{count:20 sum:10.5 z_bucket:2 z_bucket_w:0.001 buckets:[1 0 3] n_buckets:[0.5 2]}}"
        );
        let mut h = custom(&[5.0, 10.0], &[(1, 4.0)]);
        h.hint = CounterResetHint::Gauge;
        assert_eq!(
            h.test_expression(),
            "{{schema:-53 count:4 custom_values:[5 10] counter_reset_hint:gauge offset:1 buckets:[4]}}"
        );
        assert_eq!(FloatHistogram::default().test_expression(), "{{}}");
        let far =
            FloatHistogram { positive: buckets(&[(i32::MIN, 1.0), (0, 1.0)]), ..FloatHistogram::default() };
        assert!(far.test_expression().starts_with("{count:"));
    }
}
