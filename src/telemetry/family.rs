//! Metrics of one name with labels whose values come at run time.

use super::metrics::{Counter, Gauge, Histogram, Page};
use super::summary::Summary;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A metric that a page can show.
pub trait Metric {
    /// What `# TYPE` says.
    const KIND: &'static str;
    /// Adds its samples to a page.
    fn show(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]);
}

impl Metric for Counter {
    const KIND: &'static str = "counter";
    fn show(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]) {
        page.sample(name, labels, self.get() as f64);
    }
}

impl Metric for Gauge {
    const KIND: &'static str = "gauge";
    fn show(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]) {
        page.sample(name, labels, self.get());
    }
}

impl Metric for Histogram {
    const KIND: &'static str = "histogram";
    fn show(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]) {
        self.samples(page, name, labels);
    }
}

impl Metric for Summary {
    const KIND: &'static str = "summary";
    fn show(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]) {
        self.samples(page, name, labels);
    }
}

/// All metrics of one name, by the values of their labels.
#[derive(Debug)]
pub struct Family<M> {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    new: fn() -> M,
    members: Mutex<BTreeMap<Vec<String>, Arc<M>>>,
}

impl<M: Metric + Default> Family<M> {
    /// A family without members; `labels` are the names of its labels. `help` has no line breaks.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::with(name, help, labels, M::default)
    }
}

impl<M: Metric> Family<M> {
    /// A family whose members `new` makes.
    #[must_use]
    pub fn with(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        new: fn() -> M,
    ) -> Self {
        Self { name, help, labels, new, members: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<String>, Arc<M>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The member with these label values, in the order of the names; made where there is none. Keep it rather than
    /// ask again in a hot place.
    pub fn of(&self, values: &[&str]) -> Arc<M> {
        let key: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        self.lock().entry(key).or_insert_with(|| Arc::new((self.new)())).clone()
    }

    /// Forgets members.
    pub fn retain(&self, keep: impl Fn(&[String]) -> bool) {
        self.lock().retain(|values, _| keep(values));
    }

    /// Adds the family to a page, members by label values. Without members it is left out, as in Prometheus.
    pub fn render(&self, page: &mut Page) {
        let members = self.lock().clone();
        if members.is_empty() {
            return;
        }
        page.family(self.name, M::KIND, self.help);
        for (values, member) in &members {
            let labels: Vec<(&str, &str)> =
                self.labels.iter().copied().zip(values.iter().map(String::as_str)).collect();
            member.show(page, self.name, &labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_made_once_shown_sorted_and_forgotten() {
        let family: Family<Counter> = Family::new("c_total", "Help.", &["a", "b"]);
        let text = || {
            let mut page = Page::default();
            family.render(&mut page);
            page.into_text()
        };
        assert_eq!(text(), "");
        family.of(&["y", "1"]).add(2);
        family.of(&["x", "2"]).add(1);
        family.of(&["y", "1"]).add(1);
        let want = "# HELP c_total Help.\n# TYPE c_total counter\nc_total{a=\"x\",b=\"2\"} 1\nc_total{a=\"y\",b=\"1\"} 3\n";
        assert_eq!(text(), want);
        family.retain(|values| values[0] == "x");
        assert!(!text().contains("y"));
    }
}
