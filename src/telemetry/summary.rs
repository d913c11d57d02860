//! Summaries: quantiles of the last ten minutes, a sum and a count.

use super::metrics::Page;
use super::sketch::Sketch;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Quantiles are those of this many ages …
const AGES: usize = 5;
/// … of this length each.
const AGE: Duration = Duration::from_secs(120);

/// Quantiles that most of Prometheus's summaries show.
pub const QUANTILES: &[f64] = &[0.5, 0.9, 0.99];
/// Those of scrape intervals, group evaluations and their kin.
pub const MANY_QUANTILES: &[f64] = &[0.01, 0.05, 0.5, 0.9, 0.99];

/// Quantiles of the last ten minutes.
#[derive(Debug)]
struct Recent {
    ages: [Sketch; AGES],
    current: usize,
    turned: Instant,
}

impl Default for Recent {
    fn default() -> Self {
        Self { ages: Default::default(), current: 0, turned: Instant::now() }
    }
}

impl Recent {
    /// Forgets the ages that have passed.
    fn turn(&mut self, now: Instant) {
        for _ in 0..AGES {
            if now.saturating_duration_since(self.turned) < AGE {
                return;
            }
            self.turned += AGE;
            self.current = (self.current + 1) % AGES;
            if let Some(age) = self.ages.get_mut(self.current) {
                age.clear();
            }
        }
        // Nothing was asked for longer than all ages.
        self.turned = now;
    }

    fn observe(&mut self, seconds: f64, now: Instant) {
        self.turn(now);
        if let Some(age) = self.ages.get_mut(self.current) {
            age.observe(seconds);
        }
    }

    fn whole(&mut self, now: Instant) -> Sketch {
        self.turn(now);
        let mut whole = Sketch::default();
        self.ages.iter().for_each(|age| whole.merge(age));
        whole
    }
}

/// Durations, seconds.
#[derive(Debug)]
pub struct Summary {
    quantiles: &'static [f64],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    recent: Recent,
    sum: f64,
    count: u64,
}

impl Default for Summary {
    fn default() -> Self {
        Self::new(QUANTILES)
    }
}

impl Summary {
    /// A summary that shows these quantiles; none is allowed.
    #[must_use]
    pub fn new(quantiles: &'static [f64]) -> Self {
        Self { quantiles, state: Mutex::default() }
    }

    /// Adds a duration, seconds.
    pub fn observe(&self, seconds: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sum += seconds;
        state.count += 1;
        if !self.quantiles.is_empty() {
            state.recent.observe(seconds, Instant::now());
        }
    }

    /// Adds a metric of one summary to a page.
    pub fn render(&self, page: &mut Page, name: &str, help: &str) {
        page.family(name, "summary", help);
        self.samples(page, name, &[]);
    }

    /// Adds the samples of one summary of a family to a page.
    pub fn samples(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]) {
        let (sketch, sum, count) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (state.recent.whole(Instant::now()), state.sum, state.count)
        };
        for quantile in self.quantiles {
            let shown = quantile.to_string();
            let labels: Vec<_> = labels.iter().copied().chain([("quantile", shown.as_str())]).collect();
            page.sample(name, &labels, sketch.quantile(*quantile).unwrap_or(f64::NAN));
        }
        page.sample(&format!("{name}_sum"), labels, sum);
        page.sample(&format!("{name}_count"), labels, count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_forget_what_is_older_than_ten_minutes() {
        let mut recent = Recent::default();
        let begin = recent.turned;
        recent.observe(8.0, begin);
        let at = |minutes: u64| begin + Duration::from_secs(60 * minutes);
        recent.observe(1.0, at(5));
        let median = recent.whole(at(9)).quantile(1.0).unwrap();
        assert!((7.0..9.0).contains(&median), "{median}");
        let median = recent.whole(at(11)).quantile(1.0).unwrap();
        assert!((0.9..1.1).contains(&median), "{median}");
        assert_eq!(recent.whole(at(1000)).quantile(1.0), None);
    }

    #[test]
    fn a_summary_shows_its_quantiles_sum_and_count() {
        let summary = Summary::new(&[0.9]);
        let text = |summary: &Summary| {
            let mut page = Page::default();
            summary.samples(&mut page, "s", &[("a", "b")]);
            page.into_text()
        };
        assert_eq!(text(&summary), "s{a=\"b\",quantile=\"0.9\"} NaN\ns_sum{a=\"b\"} 0\ns_count{a=\"b\"} 0\n");
        summary.observe(0.5);
        summary.observe(1.0);
        assert!(text(&summary).ends_with("s_sum{a=\"b\"} 1.5\ns_count{a=\"b\"} 2\n"), "{}", text(&summary));
    }
}
