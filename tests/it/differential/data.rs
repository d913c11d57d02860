//! The samples that expressions are generated over.
//!
//! They lie a little behind whole seconds, while queries ask at half seconds and windows are whole seconds
//! long: no sample is on the edge of a window, where releases differ. All values but the odd ones are multiples
//! of 1/64 and small enough that adding them up is exact in any order.

use crate::harness::random::Random;
use crate::harness::samples::{TimeSeries, series};

/// The first scrape, seconds.
pub const START: i64 = 1_700_000_000;
/// Scrapes of a series.
const SCRAPES: i64 = 200;
/// Time between them, seconds.
const INTERVAL: i64 = 15;
/// The last scrape, seconds.
pub const END: i64 = START + SCRAPES * INTERVAL;
/// The NaN that says that a series has ended.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// How the values of a metric go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Climbs and now and then falls to half, far from zero.
    Counter,
    /// Wanders around zero.
    Gauge,
    /// Wanders with long holes, some of which begin with a staleness marker.
    Holes,
    /// Has NaN, infinities and zeros among its values.
    Odd,
    /// One value for ever.
    Constant,
    /// A classic histogram's cumulative buckets.
    Buckets,
}

/// A metric, the values of its labels, and how it goes.
pub struct Metric {
    pub name: &'static str,
    pub labels: &'static [(&'static str, &'static [&'static str])],
    pub shape: Shape,
}

const JOBS: (&str, &[&str]) = ("job", &["api", "db"]);
const INSTANCES: (&str, &[&str]) = ("instance", &["a:1", "b:1", "c:1"]);
const LE: (&str, &[&str]) = ("le", &["0.1", "0.5", "1", "2.5", "+Inf"]);

pub const METRICS: &[Metric] = &[
    Metric {
        name: "requests_total",
        labels: &[("code", &["200", "404", "500"]), ("handler", &["/", "/x"]), INSTANCES, JOBS],
        shape: Shape::Counter,
    },
    Metric {
        name: "errors_total",
        labels: &[("code", &["404", "500"]), INSTANCES, JOBS],
        shape: Shape::Counter,
    },
    Metric {
        name: "temperature",
        labels: &[INSTANCES, JOBS, ("zone", &["", "eu", "us"])],
        shape: Shape::Gauge,
    },
    Metric { name: "memory_bytes", labels: &[INSTANCES, JOBS], shape: Shape::Gauge },
    Metric { name: "flaky", labels: &[INSTANCES, JOBS], shape: Shape::Holes },
    Metric { name: "odd", labels: &[INSTANCES, ("zone", &["eu", "us"])], shape: Shape::Odd },
    Metric { name: "limits", labels: &[JOBS, ("zone", &["", "eu", "us"])], shape: Shape::Constant },
    Metric { name: "build_info", labels: &[INSTANCES, JOBS, ("version", &["1.2"])], shape: Shape::Constant },
    Metric { name: "latency_seconds_bucket", labels: &[INSTANCES, JOBS, LE], shape: Shape::Buckets },
    Metric { name: "latency_seconds_count", labels: &[INSTANCES, JOBS], shape: Shape::Counter },
];

fn sixty_fourths(random: &mut Random, bound: usize) -> f64 {
    random.below(bound) as f64 / 64.0
}

/// The values of one series that is no bucket, one a scrape.
fn values(shape: Shape, random: &mut Random) -> Vec<Option<f64>> {
    let mut value = match shape {
        Shape::Counter => 1e6 + random.below(1000) as f64,
        Shape::Constant => 1.0 + random.below(4) as f64,
        _ => random.below(100) as f64 - 50.0,
    };
    let mut hole = 0;
    let step = |_| {
        match shape {
            Shape::Constant | Shape::Buckets => {}
            Shape::Counter if random.once_in(67) => value = (value / 2.0).floor(),
            Shape::Counter if random.once_in(3) => {}
            Shape::Counter => value += sixty_fourths(random, 4000),
            Shape::Gauge | Shape::Holes => value += sixty_fourths(random, 1280) - 10.0,
            Shape::Odd => {
                let pick = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 0.5, 2.0];
                value = if random.once_in(3) { random.pick(&pick) } else { value };
            }
        }
        if shape == Shape::Holes {
            if hole > 0 {
                hole -= 1;
                return None;
            }
            if random.once_in(25) {
                hole = random.below(30);
                return random.once_in(2).then_some(STALE);
            }
        }
        // Now and then a scrape is lost.
        (!random.once_in(41)).then_some(value)
    };
    (0..SCRAPES).map(step).collect()
}

/// The buckets of one histogram, by scrape: what was observed up to each bound.
fn buckets(bounds: usize, random: &mut Random) -> Vec<Vec<Option<f64>>> {
    let mut counts = vec![1000.0; bounds];
    let mut out = vec![Vec::new(); bounds];
    for _ in 0..SCRAPES {
        for _ in 0..random.below(6) {
            let first = random.below(bounds);
            counts.iter_mut().skip(first).for_each(|count| *count += 1.0);
        }
        for (series, count) in out.iter_mut().zip(&counts) {
            series.push(Some(*count));
        }
    }
    out
}

/// All combinations of the labels' values, the last label fastest.
fn combinations(metric: &Metric) -> Vec<Vec<(&'static str, &'static str)>> {
    let mut out: Vec<Vec<_>> = vec![vec![("__name__", metric.name)]];
    for (name, values) in metric.labels {
        let with = |labels: &Vec<_>, value: &'static str| {
            let mut labels = labels.clone();
            if !value.is_empty() {
                labels.push((*name, value));
            }
            labels
        };
        out = out.iter().flat_map(|labels| values.iter().map(move |value| with(labels, value))).collect();
    }
    out
}

/// All series, sorted by their labels: a store that answers in the order of creation answers in that of labels.
pub fn generate(seed: u64) -> Vec<TimeSeries> {
    let mut random = Random::new(seed);
    let mut out = Vec::new();
    let mut add = |labels: &[(&str, &str)], values: &[Option<f64>], skew: i64| {
        let at = |i: usize| (START + i as i64 * INTERVAL) * 1000 + 137 + skew;
        let samples: Vec<_> = values.iter().enumerate().filter_map(|(i, v)| Some((at(i), (*v)?))).collect();
        let key: Vec<_> = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        out.push((key, series(labels, &samples)));
    };
    for metric in METRICS {
        let all = combinations(metric);
        if metric.shape == Shape::Buckets {
            for histogram in all.chunks(LE.1.len()) {
                let skew = random.below(7) as i64;
                for (labels, values) in histogram.iter().zip(buckets(LE.1.len(), &mut random)) {
                    add(labels, &values, skew);
                }
            }
            continue;
        }
        for labels in all {
            let mut values = values(metric.shape, &mut random);
            match random.below(12) {
                0 => values.iter_mut().take(80).for_each(|value| *value = None),
                1 => values.truncate(120),
                _ => {}
            }
            add(&labels, &values, random.below(7) as i64);
        }
    }
    out.sort_by(|(a, _), (b, _)| a.cmp(b));
    out.into_iter().map(|(_, series)| series).collect()
}
