//! What downsampled samples answer is what the raw ones answer: for generated histories, a window of whole intervals
//! that ends with one gives the same, for every function of which the engine does not warn.

use narthex_promql::{Engine, EngineOptions, ParseOptions, QueryOptions, Value};
use narthex_storage::{Db, DbOptions, DownsampleStage, Labels, Matcher, RetentionRule, STALE_NAN, WalSync};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// Length of the intervals, and how far a selector looks back.
const FIVE: i64 = 5 * MINUTE;
/// Hours of history; the rules take all but the newest few.
const HOURS: i64 = 12;

/// Of any series. The sums of its values are exact: they are small and whole.
const OF_ANY: &[&str] = &[
    "{name}{job}",
    "timestamp({name}{job})",
    "absent_over_time({name}{job}[{window}])",
    "avg_over_time({name}{job}[{window}])",
    "count_over_time({name}{job}[{window}])",
    "last_over_time({name}{job}[{window}])",
    "max_over_time({name}{job}[{window}])",
    "min_over_time({name}{job}[{window}])",
    "present_over_time({name}{job}[{window}])",
    "sum_over_time({name}{job}[{window}])",
    "ts_of_last_over_time({name}{job}[{window}])",
    "max_over_time(max_over_time({name}{job}[5m])[{window}:5m])",
    "sum by (n) (sum_over_time({name}{job}[{window}]))",
];
/// Of counters only.
const OF_COUNTERS: &[&str] = &["resets({name}{job}[{window}])"];

#[derive(Debug, Clone)]
enum Step {
    /// Samples of all series after so many seconds.
    Next { seconds: i64, up: i64 },
    /// Nothing for so many seconds.
    Hole(i64),
    /// The series end, until the next sample.
    Stale,
    /// The counter begins anew.
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => (13_i64..50, -20_i64..40).prop_map(|(seconds, up)| Step::Next { seconds, up }),
        1 => (60_i64..2_000).prop_map(Step::Hole),
        1 => Just(Step::Stale),
        1 => Just(Step::Reset),
    ]
}

fn labels(name: &str, job: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", job), ("n", "1")])
}

/// Appends a history to both jobs, with the database working as time goes on.
fn fill(db: &Db, steps: &[Step]) {
    let (mut at, mut count, mut gauge) = (0, 0, 0);
    let mut worked = 0;
    for step in steps.iter().cycle() {
        let values = match step {
            Step::Next { seconds, up } => {
                at += seconds * SECOND + up.rem_euclid(7);
                (count, gauge) = (count + up.max(&0), gauge + up - 8);
                Some((count as f64, gauge as f64))
            }
            Step::Hole(seconds) => {
                at += seconds * SECOND;
                None
            }
            Step::Stale => {
                at += SECOND;
                Some((STALE_NAN, STALE_NAN))
            }
            Step::Reset => {
                count = 0;
                None
            }
        };
        if at > HOURS * HOUR {
            break;
        }
        if let Some((count, gauge)) = values {
            let mut appender = db.appender();
            for job in ["raw", "coarse"] {
                appender.append(&labels("c_total", job), at, count).expect("samples in order");
                appender.append(&labels("g", job), at, gauge).expect("samples in order");
            }
            appender.commit().expect("a log to write to");
        }
        if at - worked > HOUR {
            db.maintain(at).expect("blocks are cut");
            worked = at;
        }
    }
    db.maintain(HOURS * HOUR).expect("blocks are cut");
}

/// An answer without the job's label, and its warnings.
fn answer(
    engine: &Engine,
    db: &Db,
    text: &str,
    at: i64,
) -> (BTreeMap<String, u64>, Vec<String>, Vec<String>) {
    let answer =
        engine.instant(db, text, at, &QueryOptions::default()).expect("a query that can be answered");
    let Value::Vector(samples) = &answer.value else { panic!("{text}: {:?}", answer.value) };
    let plain = |labels: &Labels| {
        labels.iter().filter(|(name, _)| *name != "job").map(|(n, v)| format!("{n}={v} ")).collect()
    };
    let values = samples.iter().map(|sample| (plain(&sample.labels), sample.value.to_bits())).collect();
    let (warnings, infos) = (answer.warnings, answer.infos);
    (values, warnings, infos)
}

fn rule() -> RetentionRule {
    RetentionRule {
        selectors: vec![vec![Matcher::equal("job", "coarse")]],
        keep_ms: None,
        downsample: vec![DownsampleStage { after_ms: 2 * HOUR, resolution_ms: FIVE as u32 }],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn windows_of_whole_intervals_answer_the_same(
        steps in prop::collection::vec(step(), 300..700),
        gone in (0..HOURS * HOUR, 0..HOUR),
        times in prop::collection::vec((6_i64..HOURS * 12 + 6, 1_i64..40), 12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let options = DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() };
        let db = Db::open(dir.path(), options).unwrap();
        fill(&db, &steps);
        // What was deleted before is in no interval.
        for job in ["raw", "coarse"] {
            db.delete(&[vec![Matcher::equal("job", job)]], gone.0, gone.0 + gone.1).unwrap();
        }
        db.set_retention_rules(vec![rule()], HOURS * HOUR);
        db.maintain(HOURS * HOUR).unwrap();
        prop_assert!(db.stats(1).downsampled_blocks > 1);
        let engine = Engine::new(EngineOptions { parse: ParseOptions::all(), ..EngineOptions::default() });
        let mut coarse_ones = 0;
        for (interval, window) in times {
            let at = interval * FIVE;
            for (name, forms) in [("g", &[OF_ANY][..]), ("c_total", &[OF_ANY, OF_COUNTERS][..])] {
                for form in forms.iter().copied().flatten() {
                    let text = |job: &str| {
                        let window = format!("{}m", window * 5);
                        form.replace("{name}", name).replace("{job}", &format!("{{job=\"{job}\"}}")).replace("{window}", &window)
                    };
                    let (raw, _, none) = answer(&engine, &db, &text("raw"), at);
                    let (coarse, warnings, infos) = answer(&engine, &db, &text("coarse"), at);
                    prop_assert_eq!(&raw, &coarse, "{} at {}", text("coarse"), at);
                    prop_assert!(warnings.is_empty(), "{}: {:?}", text("coarse"), warnings);
                    prop_assert!(!none.iter().any(|info| info.contains("downsampled")), "{:?}", none);
                    coarse_ones += usize::from(infos.iter().any(|info| info.contains("downsampled")));
                }
            }
        }
        prop_assert!(coarse_ones > 0, "no question met a downsampled sample");
    }
}
