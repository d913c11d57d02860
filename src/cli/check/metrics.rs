//! `check metrics`: a page of metrics, linted, and its series counted.

use super::Verdict;
use super::args::MetricOptions;
use super::promlint::{Metric, problems};
use crate::scrape::exposition::{Entry, Exposition, Format, MetricType, parse_labels};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

/// Checks a page in the text format.
///
/// # Errors
/// `out` or `err` cannot be written.
pub(super) fn check(
    page: &[u8],
    options: MetricOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let families = match families(page) {
        Ok(families) => families,
        Err(error) => {
            writeln!(err, "error while linting: {error}")?;
            return Ok(Verdict::Bad);
        }
    };
    let mut verdict = Verdict::Good;
    if options.lint {
        let mut sorted: Vec<&Family> = families.iter().collect();
        sorted.sort_by(|one, other| one.metric.name.cmp(&other.metric.name));
        for family in sorted {
            for problem in problems(&family.metric) {
                verdict = Verdict::Questionable;
                writeln!(err, "{} {problem}", family.metric.name)?;
            }
        }
    }
    if options.extended {
        table(&families, out)?;
    }
    Ok(verdict)
}

/// A metric with its series.
#[derive(Default)]
struct Family {
    metric: Metric,
    series: usize,
    seen: BTreeSet<Vec<(String, String)>>,
}

fn families(page: &[u8]) -> Result<Vec<Family>, String> {
    let mut families = Families::default();
    for entry in Exposition::new(page, Format::Text).entries() {
        match entry.map_err(|error| error.to_string())? {
            Entry::Type { metric, kind } => {
                let known = (kind != MetricType::Unknown).then_some(kind);
                families.change(&name(metric), |family| family.metric.kind = known);
            }
            Entry::Help { metric, .. } => {
                families.change(&name(metric), |family| family.metric.has_help = true);
            }
            Entry::Series(sample) => {
                let mut labels = Vec::new();
                parse_labels(sample.series, |name, value| labels.push((name.to_owned(), value.to_owned())));
                families.sample(labels);
            }
            Entry::Unit { .. } | Entry::Comment | Entry::End => {}
        }
    }
    // A metric of which nothing but its type or its help is told is none.
    let mut all = families.all;
    all.retain(|family| family.series > 0);
    Ok(all)
}

fn name(written: &[u8]) -> String {
    String::from_utf8_lossy(written).into_owned()
}

#[derive(Default)]
struct Families {
    all: Vec<Family>,
    by_name: HashMap<String, usize>,
}

impl Families {
    fn at(&mut self, name: &str) -> usize {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        let metric = Metric { name: name.to_owned(), ..Metric::default() };
        self.all.push(Family { metric, ..Family::default() });
        self.by_name.insert(name.to_owned(), self.all.len() - 1);
        self.all.len() - 1
    }

    /// Changes the metric of a name.
    fn change(&mut self, name: &str, change: impl FnOnce(&mut Family)) {
        let at = self.at(name);
        if let Some(family) = self.all.get_mut(at) {
            change(family);
        }
    }

    /// The histogram or summary that a sample of this name belongs to, with the label that is its own.
    fn parent(&self, sample: &str) -> Option<(String, Option<&'static str>)> {
        let kind = |name: &str| self.by_name.get(name).and_then(|at| self.all.get(*at)?.metric.kind);
        if kind(sample) == Some(MetricType::Summary) {
            return Some((sample.to_owned(), Some("quantile")));
        }
        for (suffix, own) in [("_bucket", Some("le")), ("_sum", None), ("_count", None)] {
            let Some(parent) = sample.strip_suffix(suffix) else { continue };
            match kind(parent) {
                Some(MetricType::Histogram) => return Some((parent.to_owned(), own)),
                Some(MetricType::Summary) if own.is_none() => return Some((parent.to_owned(), None)),
                _ => {}
            }
        }
        None
    }

    fn sample(&mut self, mut labels: Vec<(String, String)>) {
        let at = labels.iter().position(|(name, _)| name == "__name__");
        let name = at.map(|at| labels.remove(at).1).unwrap_or_default();
        labels.sort();
        let parent = self.parent(&name);
        let has_parent = parent.is_some();
        let (family, own) = parent.unwrap_or((name, None));
        self.change(&family, |family| {
            let foreign = labels.iter().filter(|(label, _)| Some(label.as_str()) != own);
            family.metric.labels.extend(foreign.map(|(label, _)| label.clone()));
            family.series += 1;
            // The samples of a histogram or a summary are one metric together.
            if !has_parent && !family.seen.insert(labels) {
                family.metric.repeats = true;
            }
        });
    }
}

/// Metrics by the number of their series, the largest first.
fn table(families: &[Family], out: &mut dyn Write) -> io::Result<()> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for family in families {
        *counts.entry(&family.metric.name).or_default() += family.series;
    }
    let total: usize = counts.values().sum();
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut rows = vec![["Metric".to_owned(), "Cardinality".to_owned(), "Percentage".to_owned()]];
    rows.extend(counts.into_iter().map(|(name, count)| {
        let share = 100.0 * count as f64 / total as f64;
        [name.to_owned(), count.to_string(), format!("{share:.2}%")]
    }));
    rows.push(["Total".to_owned(), total.to_string(), "100%".to_owned()]);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or(0) + 4);
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            write!(out, "{cell:width$}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(page: &str, extended: bool) -> (Verdict, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let options = MetricOptions { lint: true, extended };
        let verdict = check(page.as_bytes(), options, &mut out, &mut err).unwrap();
        (verdict, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    const GOOD: &str = "# HELP h_seconds H.\n# TYPE h_seconds histogram\nh_seconds_bucket{le=\"1\"} 1\n\
        h_seconds_bucket{le=\"+Inf\"} 1\nh_seconds_sum 1\nh_seconds_count 1\n# HELP s_bytes S.\n# TYPE s_bytes summary\n\
        s_bytes{quantile=\"0.5\"} 1\ns_bytes_sum 1\ns_bytes_count 1\n# HELP up U.\n# TYPE up gauge\nup{a=\"1\"} 1\n\
        up{a=\"2\"} 1\n";

    #[test]
    fn histograms_and_summaries_have_labels_and_suffixes_of_their_own() {
        assert_eq!(checked(GOOD, false), (Verdict::Good, String::new(), String::new()));
    }

    #[test]
    fn problems_are_told_by_metric() {
        let (verdict, _, err) = checked("b_total 1\n# TYPE a gauge\na{le=\"1\"} 1\na{le=\"1\"} 2\n", false);
        assert_eq!(verdict, Verdict::Questionable);
        assert_eq!(
            err,
            "a metric not unique\na no help text\na non-histogram metrics should not have \"le\" label\n\
             b_total no help text\n"
        );
    }

    #[test]
    fn series_are_counted_by_metric() {
        let (_, out, _) = checked(GOOD, true);
        let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "Metric       Cardinality    Percentage",
                "h_seconds    4              44.44%",
                "s_bytes      3              33.33%",
                "up           2              22.22%",
                "Total        9              100%",
            ]
        );
    }

    #[test]
    fn a_page_that_is_none_is_bad() {
        let (verdict, _, err) = checked("a{ 1\n", false);
        assert_eq!(verdict, Verdict::Bad);
        assert!(err.starts_with("error while linting: line 1, column "), "{err}");
    }
}
