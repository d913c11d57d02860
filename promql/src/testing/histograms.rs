//! Whether two native histograms are the same, and how they are written.

use super::compare::close;
use narthex_storage::{Buckets, CounterResetHint, FloatHistogram};
use std::fmt::Write;

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

/// As a literal of the test language.
pub(super) fn show_histogram(histogram: &FloatHistogram) -> String {
    // Writing into a String cannot fail.
    let mut out = String::from("{{");
    let _ = write!(out, "schema:{} count:{} sum:{}", histogram.schema, histogram.count, histogram.sum);
    if histogram.zero_count != 0.0 || histogram.zero_threshold != 0.0 {
        let _ = write!(out, " z_bucket:{} z_bucket_w:{}", histogram.zero_count, histogram.zero_threshold);
    }
    if !histogram.custom_values.is_empty() {
        let _ = write!(out, " custom_values:{}", list(histogram.custom_values.iter().copied()));
    }
    show_buckets(&mut out, "", &histogram.positive);
    show_buckets(&mut out, "n_", &histogram.negative);
    let hint = match histogram.hint {
        CounterResetHint::Unknown => "",
        CounterResetHint::Reset => " counter_reset_hint:reset",
        CounterResetHint::NotReset => " counter_reset_hint:not_reset",
        CounterResetHint::Gauge => " counter_reset_hint:gauge",
    };
    out + hint + "}}"
}

fn list(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    format!("[{}]", values.join(" "))
}

fn show_buckets(out: &mut String, sign: &str, buckets: &Buckets) {
    let Some(first) = buckets.indices.first() else { return };
    let last = buckets.indices.last().unwrap_or(first);
    // A hole of millions would be no help to a reader.
    let text = if last.abs_diff(*first) < 1_000 {
        let count = |i| buckets.iter().find(|(index, _)| *index == i).map_or(0.0, |(_, count)| count);
        list((*first..=*last).map(count))
    } else {
        format!("{:?}", buckets.iter().collect::<Vec<_>>())
    };
    let _ = write!(out, " {sign}buckets:{text}");
    if *first != 0 {
        let _ = write!(out, " {sign}offset:{first}");
    }
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

    #[test]
    fn what_is_shown_reads_back() {
        for text in [
            "{{schema:0 count:0 sum:0}}",
            "{{schema:3 count:3.5 sum:-2 z_bucket:1 z_bucket_w:0.5 buckets:[1 0 2] offset:-2 n_buckets:[4] counter_reset_hint:not_reset}}",
            "{{schema:-53 count:3 sum:2 custom_values:[1 2.5] buckets:[1 0 2]}}",
        ] {
            let body = text.strip_prefix("{{").unwrap().strip_suffix("}}").unwrap();
            assert_eq!(show_histogram(&read(body)), text);
        }
    }
}
