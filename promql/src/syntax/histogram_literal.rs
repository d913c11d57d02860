//! `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}`: native histograms as the test language writes them.

use super::series_notation::number;
use narthex_storage::histogram::{
    Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN,
    FloatHistogram,
};

/// A histogram as written.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramLiteral {
    /// The value; empty buckets that were written are listed.
    pub histogram: FloatHistogram,
    /// Whether the text says what the counter reset hint is. Only then it counts when values are compared.
    pub names_hint: bool,
}

/// Reads what stands between `{{` and `}}`: `key:value` pairs, separated by white space, each key at most
/// once, all of them optional.
///
/// Whether the store would take the histogram is not asked here: expected values may be impossible ones.
///
/// # Errors
/// What is wrong with which key.
pub fn parse(body: &str) -> Result<HistogramLiteral, String> {
    let mut fields = Fields::default();
    let mut seen: Vec<&str> = Vec::new();
    let mut rest = body.trim();
    while !rest.is_empty() {
        let (key, tail) = rest.split_once(':').ok_or_else(|| format!("expected key:value, got {rest:?}"))?;
        if seen.contains(&key) {
            return Err(format!("duplicate key {key:?} in histogram"));
        }
        seen.push(key);
        let (value, tail) = split_value(key, tail)?;
        fields.set(key, value)?;
        rest = tail.trim_start();
    }
    fields.build(seen.contains(&"counter_reset_hint"))
}

/// The value of a key, which is a word or a bracketed list, and what follows it.
fn split_value<'a>(key: &str, text: &'a str) -> Result<(Value<'a>, &'a str), String> {
    let (value, tail) = match text.strip_prefix('[') {
        Some(list) => {
            let (list, tail) =
                list.split_once(']').ok_or_else(|| format!("unterminated list of {key:?} in histogram"))?;
            (Value::List(list), tail)
        }
        None => {
            let (word, tail) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
            (Value::Word(word), tail)
        }
    };
    match tail.chars().next() {
        Some(next) if !next.is_whitespace() => {
            Err(format!("expected white space after {key:?} in histogram, got {tail:?}"))
        }
        _ => Ok((value, tail)),
    }
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Word(&'a str),
    List(&'a str),
}

impl Value<'_> {
    fn number(self, key: &str) -> Result<f64, String> {
        match self {
            Value::Word(word) => number(word).ok_or_else(|| bad(key, "a number", word)),
            Value::List(list) => Err(bad(key, "a number", list)),
        }
    }

    fn integer(self, key: &str) -> Result<i32, String> {
        let (Value::Word(text) | Value::List(text)) = self;
        let parsed = if matches!(self, Value::Word(_)) { text.parse().ok() } else { None };
        parsed.ok_or_else(|| bad(key, "an integer", text))
    }

    fn numbers(self, key: &str) -> Result<Vec<f64>, String> {
        match self {
            Value::Word(word) => Err(bad(key, "a list in brackets", word)),
            Value::List(list) => {
                let each = |word| number(word).ok_or_else(|| bad(key, "numbers", word));
                list.split_whitespace().map(each).collect()
            }
        }
    }

    fn hint(self, key: &str) -> Result<CounterResetHint, String> {
        let (Value::Word(text) | Value::List(text)) = self;
        HINTS
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, hint)| *hint)
            .ok_or_else(|| bad(key, "one of unknown, reset, not_reset, gauge", text))
    }
}

const HINTS: [(&str, CounterResetHint); 4] = [
    ("unknown", CounterResetHint::Unknown),
    ("reset", CounterResetHint::Reset),
    ("not_reset", CounterResetHint::NotReset),
    ("gauge", CounterResetHint::Gauge),
];

fn bad(key: &str, wanted: &str, got: &str) -> String {
    format!("expected {wanted} for {key:?} in histogram, got {got:?}")
}

/// What the keys said so far.
#[derive(Default)]
struct Fields {
    histogram: FloatHistogram,
    positive: (i32, Vec<f64>),
    negative: (i32, Vec<f64>),
}

impl Fields {
    fn set(&mut self, key: &str, value: Value<'_>) -> Result<(), String> {
        let h = &mut self.histogram;
        match key {
            "schema" => {
                h.schema = value.integer(key)?;
                if h.schema != CUSTOM_BUCKETS_SCHEMA
                    && !(EXPONENTIAL_SCHEMA_MIN..=EXPONENTIAL_SCHEMA_MAX).contains(&h.schema)
                {
                    return Err(format!(
                        "unknown histogram schema {}, expected {EXPONENTIAL_SCHEMA_MIN} to {EXPONENTIAL_SCHEMA_MAX} or {CUSTOM_BUCKETS_SCHEMA}",
                        h.schema
                    ));
                }
            }
            "sum" => h.sum = value.number(key)?,
            "count" => h.count = value.number(key)?,
            "z_bucket" => h.zero_count = value.number(key)?,
            "z_bucket_w" => h.zero_threshold = value.number(key)?,
            "custom_values" => h.custom_values = value.numbers(key)?.into(),
            "buckets" => self.positive.1 = value.numbers(key)?,
            "offset" => self.positive.0 = value.integer(key)?,
            "n_buckets" => self.negative.1 = value.numbers(key)?,
            "n_offset" => self.negative.0 = value.integer(key)?,
            "counter_reset_hint" => h.hint = value.hint(key)?,
            _ => return Err(format!("unknown key {key:?} in histogram")),
        }
        Ok(())
    }

    fn build(self, names_hint: bool) -> Result<HistogramLiteral, String> {
        let mut histogram = self.histogram;
        histogram.positive = consecutive(self.positive)?;
        histogram.negative = consecutive(self.negative)?;
        Ok(HistogramLiteral { histogram, names_hint })
    }
}

/// Buckets that follow one another from an index on.
fn consecutive((first, counts): (i32, Vec<f64>)) -> Result<Buckets, String> {
    let end = i32::try_from(counts.len()).ok().and_then(|n| first.checked_add(n));
    let end = end.ok_or_else(|| format!("bucket offset {first} in histogram is out of range"))?;
    Ok(Buckets { indices: (first..end).collect(), counts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_key_is_read() {
        let literal = parse(
            "schema:1 sum:-0.3 count:7 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 n_buckets:[4.1 5] n_offset:-5 counter_reset_hint:gauge",
        )
        .unwrap();
        let h = literal.histogram;
        assert!(literal.names_hint);
        assert_eq!((h.schema, h.sum, h.count, h.zero_count, h.zero_threshold), (1, -0.3, 7.0, 7.1, 0.05));
        assert_eq!(h.positive, Buckets { indices: vec![-3, -2, -1], counts: vec![5.1, 10.0, 7.0] });
        assert_eq!(h.negative, Buckets { indices: vec![-5, -4], counts: vec![4.1, 5.0] });
        assert_eq!(h.hint, CounterResetHint::Gauge);
    }

    #[test]
    fn nothing_written_is_the_empty_histogram() {
        for body in ["", " "] {
            let literal = parse(body).unwrap();
            assert_eq!(literal, HistogramLiteral { histogram: FloatHistogram::default(), names_hint: false });
        }
    }

    #[test]
    fn custom_bounds_are_read() {
        let h =
            parse("schema:-53 sum:NaN count:+Inf custom_values:[-5 2.5e1] buckets:[1 4 ]").unwrap().histogram;
        assert_eq!(*h.custom_values, [-5.0, 25.0]);
        assert!(h.sum.is_nan() && h.count.is_infinite());
        assert_eq!(h.positive.counts, [1.0, 4.0]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (body, error) in [
            ("sum:1 sum:2", "duplicate key \"sum\" in histogram"),
            ("width:1", "unknown key \"width\" in histogram"),
            ("sum", "expected key:value, got \"sum\""),
            ("sum:x", "expected a number for \"sum\" in histogram, got \"x\""),
            ("sum:[1]", "expected a number for \"sum\" in histogram, got \"1\""),
            ("offset:1.5", "expected an integer for \"offset\" in histogram, got \"1.5\""),
            ("buckets:1", "expected a list in brackets for \"buckets\" in histogram, got \"1\""),
            ("buckets:[1 2", "unterminated list of \"buckets\" in histogram"),
            ("buckets:[1]sum:2", "expected white space after \"buckets\" in histogram, got \"sum:2\""),
            ("schema:9", "unknown histogram schema 9, expected -4 to 8 or -53"),
            ("offset:2147483647 buckets:[1 2]", "bucket offset 2147483647 in histogram is out of range"),
            (
                "counter_reset_hint:maybe",
                "expected one of unknown, reset, not_reset, gauge for \"counter_reset_hint\" in histogram, got \"maybe\"",
            ),
        ] {
            assert_eq!(parse(body).unwrap_err(), error, "{body}");
        }
    }

    /// Neighbouring buckets, the first and the last of which are populated.
    fn any_buckets() -> impl Strategy<Value = Buckets> {
        (-20..20i32, prop::collection::vec(0..9u8, 0..6), 1..9u8).prop_map(|(first, middle, end)| {
            let counts: Vec<f64> = std::iter::once(end).chain(middle).chain([end]).map(f64::from).collect();
            Buckets { indices: (first..).take(counts.len()).collect(), counts }
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            schema in -4..=8i32,
            numbers in prop::array::uniform4(-1e6..1e6f64),
            positive in any_buckets(),
            negative in any_buckets(),
            (_, hint) in prop::sample::select(&HINTS[..]),
        ) {
            let [sum, count, zero_count, zero_threshold] = numbers;
            let empty = FloatHistogram::default();
            let exponential =
                FloatHistogram { schema, sum, count, zero_count, zero_threshold, positive, negative, hint, ..empty };
            let custom = FloatHistogram {
                schema: CUSTOM_BUCKETS_SCHEMA,
                custom_values: [1.5, 1e10].into(),
                zero_count: 0.0,
                zero_threshold: 0.0,
                negative: Buckets::default(),
                ..exponential.clone()
            };
            for h in [exponential, custom] {
                let text = h.test_expression();
                let body = text.trim_start_matches("{{").trim_end_matches("}}");
                prop_assert_eq!(parse(body).unwrap().histogram, h);
            }
        }

        #[test]
        fn no_text_makes_the_parser_fail_badly(body in "[a-z_:0-9 \\[\\].+-]{0,60}") {
            let _ = parse(&body);
        }
    }
}
