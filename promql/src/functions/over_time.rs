//! Functions of one window: `sum_over_time` and its kin.

use crate::numeric::{KahanSum, quantile};

/// The samples of one series within a step's range `(start, end]`; never empty, without stale markers.
pub(crate) struct Window<'a> {
    pub(crate) timestamps: &'a [i64],
    pub(crate) values: &'a [f64],
    /// Exclusive, ms.
    pub(crate) start: i64,
    /// Inclusive, ms.
    pub(crate) end: i64,
}

impl Window<'_> {
    pub(crate) fn first(&self) -> (i64, f64) {
        (self.timestamps.first().copied().unwrap_or(0), self.values.first().copied().unwrap_or(f64::NAN))
    }

    pub(crate) fn last(&self) -> (i64, f64) {
        (self.timestamps.last().copied().unwrap_or(0), self.values.last().copied().unwrap_or(f64::NAN))
    }
}

/// A function of a window, and whether its result keeps the metric's name.
pub(crate) struct OverTime {
    pub(crate) name: &'static str,
    pub(crate) keeps_name: bool,
    pub(crate) kernel: fn(&Window<'_>) -> Option<f64>,
}

const fn entry(name: &'static str, kernel: fn(&Window<'_>) -> Option<f64>) -> OverTime {
    OverTime { name, keeps_name: false, kernel }
}

/// Functions whose only argument is a range vector.
pub(crate) const OVER_TIME: &[OverTime] = &[
    entry("avg_over_time", |w| Some(mean(w.values))),
    entry("changes", |w| Some(pairs(w.values, |a, b| a != b && !(a.is_nan() && b.is_nan())))),
    entry("count_over_time", |w| Some(w.values.len() as f64)),
    entry("delta", super::rate::delta),
    entry("deriv", |w| (w.values.len() >= 2).then(|| regression(w, w.first().0).0)),
    OverTime { name: "first_over_time", keeps_name: true, kernel: |w| Some(w.first().1) },
    entry("idelta", super::rate::idelta),
    entry("increase", super::rate::increase),
    entry("irate", super::rate::irate),
    OverTime { name: "last_over_time", keeps_name: true, kernel: |w| Some(w.last().1) },
    entry("mad_over_time", |w| Some(deviation_from_median(w.values))),
    entry("max_over_time", |w| Some(extreme(w.values, |new, old| new > old))),
    entry("min_over_time", |w| Some(extreme(w.values, |new, old| new < old))),
    entry("present_over_time", |_| Some(1.0)),
    entry("rate", super::rate::rate),
    entry("resets", |w| Some(pairs(w.values, |a, b| b < a))),
    entry("stddev_over_time", |w| Some(variance(w.values).sqrt())),
    entry("stdvar_over_time", |w| Some(variance(w.values))),
    entry("sum_over_time", |w| Some(sum(w.values))),
    entry("ts_of_first_over_time", |w| Some(w.first().0 as f64 / 1000.0)),
    entry("ts_of_last_over_time", |w| Some(w.last().0 as f64 / 1000.0)),
    entry("ts_of_max_over_time", |w| Some(time_of(w, |new, old| new >= old))),
    entry("ts_of_min_over_time", |w| Some(time_of(w, |new, old| new <= old))),
];

fn sum(values: &[f64]) -> f64 {
    let mut sum = KahanSum::default();
    values.iter().for_each(|v| sum.add(*v));
    sum.value()
}

/// The mean; a running one where the sum leaves the range of a float, as in Prometheus.
fn mean(values: &[f64]) -> f64 {
    let total = sum(values);
    if total.is_finite() || values.iter().any(|v| !v.is_finite()) {
        return total / values.len() as f64;
    }
    let mut mean = 0.0;
    for (i, value) in values.iter().enumerate() {
        let n = (i + 1) as f64;
        mean += value / n - mean / n;
    }
    mean
}

fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (KahanSum::default(), KahanSum::default());
    for (i, value) in values.iter().enumerate() {
        let delta = value - mean.value();
        mean.add(delta / (i + 1) as f64);
        squares.add(delta * (value - mean.value()));
    }
    squares.value() / values.len() as f64
}

fn extreme(values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let mut best = values.first().copied().unwrap_or(f64::NAN);
    for value in values {
        if better(*value, best) || best.is_nan() {
            best = *value;
        }
    }
    best
}

fn time_of(w: &Window<'_>, better: impl Fn(f64, f64) -> bool) -> f64 {
    let (mut at, mut best) = w.first();
    for (t, value) in w.timestamps.iter().zip(w.values) {
        if better(*value, best) || best.is_nan() {
            (at, best) = (*t, *value);
        }
    }
    at as f64 / 1000.0
}

fn pairs(values: &[f64], counts: impl Fn(f64, f64) -> bool) -> f64 {
    values.windows(2).filter(|pair| matches!(pair, [a, b] if counts(*a, *b))).count() as f64
}

fn deviation_from_median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    let median = quantile(0.5, &mut sorted);
    sorted.iter_mut().for_each(|v| *v = (*v - median).abs());
    quantile(0.5, &mut sorted)
}

/// Slope and intercept of the least-squares line; `origin` is the time of the intercept, ms.
pub(crate) fn regression(w: &Window<'_>, origin: i64) -> (f64, f64) {
    let first = w.first().1;
    if w.values.iter().all(|v| *v == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let mut sums = [KahanSum::default(); 4];
    for (t, y) in w.timestamps.iter().zip(w.values) {
        let x = (t - origin) as f64 / 1000.0;
        for (sum, term) in sums.iter_mut().zip([x, *y, x * y, x * x]) {
            sum.add(term);
        }
    }
    let n = w.values.len() as f64;
    let [x, y, xy, x2] = sums.map(KahanSum::value);
    let covariance = xy - x * y / n;
    let variance = x2 - x * x / n;
    let slope = covariance / variance;
    (slope, y / n - slope * x / n)
}

/// Holt's double exponential smoothing.
pub(crate) fn smoothed(values: &[f64], smoothing: f64, trend: f64) -> Option<f64> {
    let (&first, &second) = (values.first()?, values.get(1)?);
    let (mut level, mut slope) = (first, second - first);
    let mut previous = 0.0;
    for (i, value) in values.iter().enumerate().skip(1) {
        let raw = smoothing * value;
        if i > 1 {
            slope = trend * (level - previous) + (1.0 - trend) * slope;
        }
        let next = raw + (1.0 - smoothing) * (level + slope);
        previous = level;
        level = next;
    }
    Some(level)
}
