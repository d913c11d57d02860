//! A range query answers at each step what an instant query answers there: for generated expressions over
//! generated samples, floats and native histograms, with holes, staleness markers and counter resets.

use narthex_promql::testing::generate::{Vocabulary, expression};
use narthex_promql::testing::{MemorySample, MemoryStore};
use narthex_promql::{Engine, EngineOptions, ParseOptions, QueryOptions, Value};
use narthex_storage::histogram::CUSTOM_BUCKETS_SCHEMA;
use narthex_storage::{Buckets, CounterResetHint, FloatHistogram, Labels, STALE_NAN};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const VOCABULARY: Vocabulary<'_> = Vocabulary {
    stable_only: false,
    metrics: &["requests_total", "temperature", "latency", "latency_bucket", "odd", "mixed"],
    labels: &[("job", &["a", "b"]), ("instance", &["0", "1"]), ("le", &["0.5", "1", "+Inf"])],
};

/// Samples of a series.
const SAMPLES: i64 = 60;
/// Time between them, ms.
const INTERVAL_MS: i64 = 20_000;
/// Steps of the range queries.
const STEPS: i64 = 7;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A histogram that a counter of observations may have reached.
fn histogram(custom: bool, grown: f64, random: &mut Random) -> FloatHistogram {
    let mut positive = Buckets::default();
    for index in 0..4 {
        if random.below(4) > 0 {
            positive.push(index, (grown * f64::from(index + 1)).floor());
        }
    }
    let mut negative = Buckets::default();
    if !custom && random.below(2) == 0 {
        negative.push(1, grown.floor());
    }
    let zero_count = if custom { 0.0 } else { (grown / 2.0).floor() };
    let count = zero_count + positive.counts.iter().chain(&negative.counts).sum::<f64>();
    FloatHistogram {
        schema: if custom { CUSTOM_BUCKETS_SCHEMA } else { random.below(3) as i32 - 1 },
        zero_threshold: if custom { 0.0 } else { 0.01 },
        zero_count,
        count,
        sum: count * 1.5,
        positive,
        negative,
        custom_values: if custom { Arc::from([0.5, 1.0, 2.5]) } else { Arc::from([]) },
        hint: CounterResetHint::Unknown,
    }
}

fn series(store: &mut MemoryStore, labels: &[(&str, &str)], kind: &str, random: &mut Random) {
    let labels = Labels::from_pairs(labels.iter().copied());
    let (mut counter, mut gauge, mut start) = (100.0, 0.0, 1);
    let mut at = random.below(15_000) as i64;
    for _ in 0..SAMPLES {
        at += INTERVAL_MS + random.below(5) as i64;
        if random.below(9) == 0 {
            // A hole, which may be longer than the lookback.
            at += random.below(400_000) as i64;
        }
        if random.below(20) == 0 {
            (counter, start) = (random.below(10) as f64, at - 5000);
        }
        counter += random.below(100) as f64 / 8.0;
        gauge += random.below(21) as f64 - 10.0;
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e300, -3.0];
        let float = |value: f64| MemorySample { value, histogram: None, start: 0 };
        let observed = |custom, random: &mut Random| MemorySample {
            value: 0.0,
            histogram: Some(Arc::new(histogram(custom, counter, random))),
            start: 0,
        };
        let sample = match kind {
            _ if random.below(25) == 0 => float(STALE_NAN),
            "counter" => MemorySample { start: if start > 1 { start } else { 0 }, ..float(counter) },
            "gauge" => float(gauge),
            "odd" => float(odd[random.below(7) as usize]),
            "exponential" => observed(false, random),
            "custom" => observed(true, random),
            _ if random.below(3) == 0 => float(gauge),
            _ => observed(random.below(2) == 0, random),
        };
        store.append(&labels, at, &sample).expect("samples in order");
    }
}

fn store(seed: u64) -> MemoryStore {
    let (mut store, mut random) = (MemoryStore::default(), Random(seed));
    for job in ["a", "b"] {
        for instance in ["0", "1"] {
            let base = [("instance", instance), ("job", job)];
            let custom = if job == "a" { "exponential" } else { "custom" };
            for (name, kind) in [
                ("requests_total", "counter"),
                ("temperature", "gauge"),
                ("odd", "odd"),
                ("latency", custom),
                ("mixed", "mixed"),
            ] {
                series(&mut store, &[&base[..], &[("__name__", name)]].concat(), kind, &mut random);
            }
            for le in ["0.5", "1", "+Inf"] {
                let labels = [&base[..], &[("__name__", "latency_bucket"), ("le", le)]].concat();
                series(&mut store, &labels, "counter", &mut random);
            }
        }
    }
    store
}

/// A sample as text in which all that an answer shows is seen.
fn shown(value: f64, histogram: Option<&Arc<FloatHistogram>>) -> String {
    match histogram {
        None if value.is_nan() => "NaN".to_owned(),
        None => format!("{value:?}"),
        Some(histogram) => histogram.to_string(),
    }
}

/// The answer at one time, by labels.
fn at_a_time(value: &Value) -> BTreeMap<Labels, String> {
    match value {
        Value::Scalar { value, .. } => [(Labels::empty(), shown(*value, None))].into(),
        Value::Vector(samples) => {
            let one =
                |s: &narthex_promql::InstantSample| (s.labels.clone(), shown(s.value, s.histogram.as_ref()));
            samples.iter().map(one).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The step of a range answer, by labels.
fn at_a_step(value: &Value, at: i64) -> BTreeMap<Labels, String> {
    let Value::Matrix(all) = value else { panic!("{value:?}") };
    let one = |series: &narthex_promql::RangeSeries| {
        let place = series.samples.timestamps.iter().position(|t| *t == at)?;
        let value = shown(series.samples.values[place], series.samples.histogram(place));
        Some((series.labels.clone(), value))
    };
    all.iter().filter_map(one).collect()
}

/// Operations that put an instant vector, but no range, in an order of values.
const RANKS: &[&str] = &["topk", "bottomk", "sort"];

/// Operations whose last digit depends on the order of what they add.
const SUMS: &[&str] = &["sum", "avg", "stddev", "stdvar"];

/// What looks at the window of the whole query.
const OF_THE_WINDOW: &[&str] = &["start()", "end()", "step()", "range()"];

fn compare(bytes: &[u8], seed: u64, delayed: bool, step: i64) -> Result<(), TestCaseError> {
    let text = expression(bytes, &VOCABULARY);
    let lower = text.to_lowercase().replace(' ', "");
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // The groups of one sum come in the order of their first series, at any step of a range: what another sum
    // adds up of them may come in another order than at an instant.
    let sums: usize = SUMS.iter().map(|word| lower.matches(word).count()).sum();
    prop_assume!(!(has(OF_THE_WINDOW) || has(RANKS) && sums > 0 || sums > 1));
    let store = store(seed);
    let engine = Engine::new(EngineOptions {
        parse: ParseOptions::all(),
        delayed_name_removal: delayed,
        use_start_timestamps: seed.is_multiple_of(2),
        max_samples: 2_000_000,
        ..EngineOptions::default()
    });
    let options = QueryOptions::default();
    let begin = 400_000 + (seed % 300_000) as i64;
    let range = engine.range(&store, &text, (begin, begin + step * (STEPS - 1), step), &options);
    let times = (0..STEPS).map(|i| begin + i * step);
    let instants: Vec<_> = times.map(|at| (at, engine.instant(&store, &text, at, &options))).collect();
    match range {
        Ok(range) => {
            for (at, instant) in instants {
                let instant = match instant {
                    Ok(instant) => instant,
                    Err(error) => {
                        return Err(TestCaseError::fail(format!("{text}: fails at {at} alone: {error}")));
                    }
                };
                let (alone, step) = (at_a_time(&instant.value), at_a_step(&range.value, at));
                prop_assert_eq!(alone, step, "{} at {}", text, at);
            }
        }
        // Over a range two series of one label set are an error even if they never meet.
        Err(error) if error.to_string().contains("same labelset") => {}
        Err(error) if error.to_string().contains("too many samples") => {}
        // A subquery is evaluated at all its steps between the first window and the last, also at those that no
        // window has.
        Err(_) if text.split('[').skip(1).any(|rest| rest.split(']').next().unwrap_or("").contains(':')) => {}
        Err(error) => {
            let alike = instants.iter().any(|(_, instant)| instant.is_err());
            prop_assert!(alike, "{}: fails only over a range: {}", text, error);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        // PROPTEST_CASES multiplies the run.
        cases: ProptestConfig::default().cases * 6,
        max_global_rejects: 1_000_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_range_query_answers_at_each_step_as_an_instant_query(
        bytes in proptest::collection::vec(any::<u8>(), 1..60),
        seed in 0u64..1_000_000,
        delayed: bool,
        step in prop_oneof![Just(1_000i64), Just(15_000), Just(60_000), Just(333_333)],
    ) {
        compare(&bytes, seed, delayed, step)?;
    }
}
