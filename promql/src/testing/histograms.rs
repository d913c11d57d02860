//! Whether two native histograms are the same.

use super::compare::close;
use narthex_storage::{Buckets, FloatHistogram};

/// Equality but for empty buckets and what [`close`] forgives. The counter reset hint counts on demand.
pub(super) fn same_histogram(a: &FloatHistogram, b: &FloatHistogram, with_hint: bool) -> bool {
    a.schema == b.schema
        && a.zero_threshold == b.zero_threshold
        && close(a.count, b.count)
        && close(a.sum, b.sum)
        && close(a.zero_count, b.zero_count)
        && (!a.uses_custom_buckets() || a.custom_values == b.custom_values)
        && same_buckets(&a.positive, &b.positive)
        && same_buckets(&a.negative, &b.negative)
        && (!with_hint || a.hint == b.hint)
}

fn same_buckets(a: &Buckets, b: &Buckets) -> bool {
    let filled = |buckets: &Buckets| buckets.iter().filter(|(_, count)| *count != 0.0).collect::<Vec<_>>();
    let (a, b) = (filled(a), filled(b));
    a.len() == b.len() && a.iter().zip(&b).all(|((i, n), (j, m))| i == j && close(*n, *m))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::histogram_literal::parse;

    fn read(text: &str) -> FloatHistogram {
        parse(text).unwrap().histogram
    }

    #[test]
    fn empty_buckets_and_unasked_hints_do_not_count() {
        let a = read("count:3 sum:2 buckets:[0 1 0 2] n_buckets:[0] counter_reset_hint:gauge");
        let b = read("count:3.000001 sum:2 buckets:[1 0 2 0] offset:1");
        assert!(same_histogram(&a, &b, false) && !same_histogram(&a, &b, true));
    }

    #[test]
    fn each_part_counts() {
        let base = "schema:1 count:3 sum:2 z_bucket:1 z_bucket_w:0.5 buckets:[1]";
        for other in [
            "schema:0 count:3 sum:2 z_bucket:1 z_bucket_w:0.5 buckets:[1]",
            "schema:1 count:4 sum:2 z_bucket:1 z_bucket_w:0.5 buckets:[1]",
            "schema:1 count:3 sum:3 z_bucket:1 z_bucket_w:0.5 buckets:[1]",
            "schema:1 count:3 sum:2 z_bucket:2 z_bucket_w:0.5 buckets:[1]",
            "schema:1 count:3 sum:2 z_bucket:1 z_bucket_w:0.6 buckets:[1]",
            "schema:1 count:3 sum:2 z_bucket:1 z_bucket_w:0.5 buckets:[1] offset:1",
            "schema:1 count:3 sum:2 z_bucket:1 z_bucket_w:0.5 buckets:[1] n_buckets:[1]",
        ] {
            assert!(!same_histogram(&read(base), &read(other), false), "{other}");
        }
        let (a, b) = (read("schema:-53 custom_values:[1]"), read("schema:-53 custom_values:[2]"));
        assert!(!same_histogram(&a, &b, false));
    }
}
