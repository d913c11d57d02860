//! Any expression over a small store, floats and histograms, with tight limits: an answer or an error, no panic,
//! and soon. Expressions are made from the bytes by the generator of well-typed ones, or are the bytes themselves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_promql::testing::generate::{Vocabulary, expression};
use narthex_promql::testing::{MemorySample, MemoryStore};
use narthex_promql::{Engine, EngineOptions, ParseOptions, QueryOptions};
use narthex_storage::{Buckets, FloatHistogram, Labels, STALE_NAN};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

const VOCABULARY: Vocabulary<'_> = Vocabulary {
    stable_only: false,
    metrics: &["a", "b", "h", "x_bucket"],
    labels: &[("job", &["a", "b"]), ("le", &["0.5", "+Inf"])],
};

/// How long an evaluation may take. Limits, not time, are to end it.
const LONGEST: Duration = Duration::from_secs(20);

static STORE: LazyLock<MemoryStore> = LazyLock::new(|| {
    let mut store = MemoryStore::default();
    let odd = [1.0, f64::NAN, 3.0, f64::INFINITY, STALE_NAN, -2.5, 0.0, 1e300, -0.0, 7.0];
    for (m, name) in VOCABULARY.metrics.iter().enumerate() {
        for (l, (label, values)) in VOCABULARY.labels.iter().enumerate() {
            for (v, value) in values.iter().enumerate() {
                let labels = Labels::from_pairs([("__name__", *name), (*label, *value)]);
                for i in 0..40i64 {
                    let float = odd[(i as usize * (m + 3) + v * 7 + l) % odd.len()];
                    let histogram = (*name == "h" && i % 5 > 0).then(|| {
                        let positive =
                            Buckets { indices: vec![0, 2, 3], counts: vec![1.0 + i as f64, 2.0, 0.5] };
                        let (schema, bounds): (_, Arc<[f64]>) =
                            if v == 0 { (i as i32 % 9, Arc::from([])) } else { (-53, Arc::from([0.5, 1.0, 2.0])) };
                        Arc::new(FloatHistogram {
                            schema,
                            count: 3.5 + i as f64,
                            sum: float,
                            positive,
                            custom_values: bounds,
                            ..FloatHistogram::default()
                        })
                    });
                    let at = i * 13_000 + (i % 7) * 90_000;
                    let start = if i % 3 == 0 { 0 } else { at - 1000 };
                    // What the store does not take is left out.
                    let _ = store.append(&labels, at, &MemorySample { value: float, histogram, start });
                }
            }
        }
    }
    store
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let text = match choice & 1 {
        0 => expression(rest, &VOCABULARY),
        _ => match std::str::from_utf8(rest) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
    };
    let engine = Engine::new(EngineOptions {
        max_samples: 200_000,
        max_bytes: 64 << 20,
        delayed_name_removal: choice & 2 != 0,
        use_start_timestamps: choice & 4 != 0,
        type_and_unit_labels: choice & 8 != 0,
        parse: ParseOptions::all(),
        ..EngineOptions::default()
    });
    let (begin, options) = (Instant::now(), QueryOptions::default());
    let _ = if choice & 16 == 0 {
        engine.instant(&*STORE, &text, 400_000, &options)
    } else {
        engine.range(&*STORE, &text, (100_000, 900_000, 37_000), &options)
    };
    assert!(begin.elapsed() < LONGEST, "{text:?} took {:?}", begin.elapsed());
});
