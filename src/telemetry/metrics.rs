//! Counters, gauges and histograms that are cheap to change, and the page that shows them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds to it; what is negative is taken away.
    pub fn add(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure always gives a value, so there is no error.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Upper bounds of the buckets of a [`Histogram`] that names none, seconds.
const BOUNDS: &[f64] = &[0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0];

/// Durations by size.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds.
    buckets: Vec<AtomicU64>,
    /// In the unit of `per_unit`, whole, so that adding needs no loop.
    sum: AtomicU64,
    /// Parts of the sum in one second, or in one byte.
    per_unit: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(BOUNDS)
    }
}

impl Histogram {
    /// A histogram with these upper bounds, seconds, ascending.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self::with_unit(bounds, 1e9)
    }

    /// A histogram of whole numbers such as bytes, with these upper bounds, ascending.
    #[must_use]
    pub fn of_sizes(bounds: &'static [f64]) -> Self {
        Self::with_unit(bounds, 1.0)
    }

    fn with_unit(bounds: &'static [f64], per_unit: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::default()).collect();
        Self { bounds, buckets, sum: AtomicU64::default(), per_unit }
    }

    /// Adds a duration in seconds, or a size.
    pub fn observe(&self, value: f64) {
        let place = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add((value * self.per_unit) as u64, Ordering::Relaxed);
    }

    /// All together.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / self.per_unit
    }

    /// How many durations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// Adds the histogram to a page.
    pub fn render(&self, page: &mut Page, name: &str, help: &str) {
        page.family(name, "histogram", help);
        self.samples(page, name, &[]);
    }

    /// Adds the samples of one histogram of a family to a page.
    pub fn samples(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]) {
        let mut total = 0;
        let bounds = self.bounds.iter().map(f64::to_string).chain(std::iter::once("+Inf".to_owned()));
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            total += bucket.load(Ordering::Relaxed);
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            page.sample(&format!("{name}_bucket"), &labels, total as f64);
        }
        page.sample(&format!("{name}_sum"), labels, self.sum());
        page.sample(&format!("{name}_count"), labels, total as f64);
    }
}

/// A page in the text format 0.0.4.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    /// Name and place of each family in the text.
    families: Vec<(String, usize)>,
}

impl Page {
    /// The page, families sorted by name.
    #[must_use]
    pub fn into_text(self) -> String {
        let ends = self.families.iter().skip(1).map(|(_, at)| *at).chain([self.text.len()]);
        let begin = self.families.first().map_or(self.text.len(), |(_, at)| *at);
        let mut parts: Vec<(&str, &str)> = self
            .families
            .iter()
            .zip(ends)
            .filter_map(|((name, at), end)| Some((name.as_str(), self.text.get(*at..end)?)))
            .collect();
        parts.sort_by_key(|(name, _)| *name);
        let before = self.text.get(..begin).unwrap_or_default();
        std::iter::once(before).chain(parts.iter().map(|(_, part)| *part)).collect()
    }

    /// Begins a metric. `help` has no line breaks.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.families.push((name.to_owned(), self.text.len()));
        // Writing into a String cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Adds a sample.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            let open = if i == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{open}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {}", narthex_promql::numeric::format_sample(value));
    }

    /// Adds a metric of one sample.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let histogram = Histogram::default();
        [0.0005, 0.002, 100.0].into_iter().for_each(|s| histogram.observe(s));
        let mut page = Page::default();
        histogram.render(&mut page, "h", "Help.");
        let text = page.into_text();
        for line in [
            "h_bucket{le=\"0.001\"} 1",
            "h_bucket{le=\"0.01\"} 2",
            "h_bucket{le=\"+Inf\"} 3",
            "h_sum 100.0025",
            "h_count 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
    }

    #[test]
    fn families_are_sorted_by_name() {
        let mut page = Page::default();
        page.single("b", "gauge", "B.", 1.0);
        page.single("a", "gauge", "A.", 2.0);
        let want = "# HELP a A.\n# TYPE a gauge\na 2\n# HELP b B.\n# TYPE b gauge\nb 1\n";
        assert_eq!(page.into_text(), want);
    }

    #[test]
    fn label_values_are_escaped() {
        let mut page = Page::default();
        page.sample("m", &[("a", "x\"\\\n"), ("b", "")], 1.5);
        assert_eq!(page.into_text(), "m{a=\"x\\\"\\\\\\n\",b=\"\"} 1.5\n");
    }
}
