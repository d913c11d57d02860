//! Remarks that an answer carries: each text once, with the place that it is about.
//!
//! Texts and the way in which counts merge are those of Prometheus 3.14 (`util/annotations`).

use crate::syntax::ast::Span;
use narthex_storage::labels::quote;
use std::collections::{BTreeMap, BTreeSet};

/// Warnings and infos of one query, or of a part of it that is merged later.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    warnings: BTreeMap<String, Span>,
    infos: BTreeMap<String, Span>,
    /// What the store had to leave out, in its words.
    of_store: BTreeSet<String>,
    /// Start timestamps that overlap, by metric name: how many.
    overlaps: BTreeMap<String, (Span, u64)>,
    /// Classic histograms made monotonic, by metric name.
    monotonic: BTreeMap<String, (Span, MonotonicityFix)>,
}

/// What had to be done to a classic histogram's buckets, merged over all its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MonotonicityFix {
    /// Lowest and highest bucket bound that was touched.
    pub(crate) bounds: (f64, f64),
    /// Largest difference.
    pub(crate) max_diff: f64,
    /// Samples that needed it.
    pub(crate) samples: u64,
    /// First and last sample time, ms.
    pub(crate) times: (i64, i64),
}

impl MonotonicityFix {
    fn merge(&mut self, other: &Self) {
        self.bounds = (self.bounds.0.min(other.bounds.0), self.bounds.1.max(other.bounds.1));
        self.max_diff = self.max_diff.max(other.max_diff);
        self.samples += other.samples;
        self.times = (self.times.0.min(other.times.0), self.times.1.max(other.times.1));
    }
}

impl Annotations {
    /// Remarks on what is probably a mistake. A text that is there already keeps its first place.
    pub(crate) fn warn(&mut self, text: impl Into<String>, span: Span) {
        self.warnings.entry(text.into()).or_insert(span);
    }

    /// Passes on what the store has to say of what it gave.
    pub(crate) fn warn_of_store(&mut self, text: String) {
        self.of_store.insert(text);
    }

    /// Remarks on what may be worth knowing.
    pub(crate) fn inform(&mut self, text: impl Into<String>, span: Span) {
        self.infos.entry(text.into()).or_insert(span);
    }

    /// A series has a sample whose start time lies before the previous sample; counts add up.
    pub(crate) fn overlap(&mut self, metric: &str, span: Span) {
        self.overlaps.entry(metric.to_owned()).or_insert((span, 0)).1 += 1;
    }

    /// A classic histogram (of this name, empty for unknown) was made monotonic.
    pub(crate) fn monotonic(&mut self, metric: &str, span: Span, fix: MonotonicityFix) {
        match self.monotonic.get_mut(metric) {
            Some((_, known)) => known.merge(&fix),
            None => drop(self.monotonic.insert(metric.to_owned(), (span, fix))),
        }
    }

    /// Takes over the remarks of a part.
    pub(crate) fn merge(&mut self, other: Self) {
        for (text, span) in other.warnings {
            self.warnings.entry(text).or_insert(span);
        }
        self.of_store.extend(other.of_store);
        for (text, span) in other.infos {
            self.infos.entry(text).or_insert(span);
        }
        for (metric, (span, count)) in other.overlaps {
            self.overlaps.entry(metric).or_insert((span, 0)).1 += count;
        }
        for (metric, (span, fix)) in other.monotonic {
            self.monotonic(&metric, span, fix);
        }
    }

    /// Whether there is nothing to say.
    pub(crate) fn is_empty(&self) -> bool {
        self.warnings.is_empty()
            && self.infos.is_empty()
            && self.of_store.is_empty()
            && self.overlaps.is_empty()
            && self.monotonic.is_empty()
    }

    /// Warnings and infos as `PromQL LEVEL: TEXT (line:column)`, counted in the query's text from 1, columns
    /// in bytes. What the store says is about no place of the text.
    pub(crate) fn render(mut self, query: &str) -> (Vec<String>, Vec<String>) {
        for (metric, (span, count)) in std::mem::take(&mut self.overlaps) {
            let times = if count > 1 { format!(" ({count} occurrences)") } else { String::new() };
            let name = quote(&metric);
            let text = format!(
                "sample has start time that overlaps with previous sample timestamp for metric {name}{times}"
            );
            self.warn(text, span);
        }
        for (metric, (span, fix)) in std::mem::take(&mut self.monotonic) {
            self.inform(fix.text(&metric), span);
        }
        let show = |level: &str, notes: BTreeMap<String, Span>| {
            let render = |(text, span): (String, Span)| {
                let (line, column) = place(query, span);
                format!("PromQL {level}: {text} ({line}:{column})")
            };
            notes.into_iter().map(render).collect::<Vec<_>>()
        };
        let mut warnings: Vec<String> = self.of_store.into_iter().collect();
        warnings.extend(show("warning", self.warnings));
        (warnings, show("info", self.infos))
    }
}

impl MonotonicityFix {
    fn text(&self, metric: &str) -> String {
        use crate::numeric::{format_short, format_short_digits};
        let named =
            if metric.is_empty() { String::new() } else { format!(" for metric name {}", quote(metric)) };
        format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){named}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            format_short(self.bounds.0),
            format_short(self.bounds.1),
            format_short_digits(self.max_diff, 2),
            self.samples,
            rfc3339(self.times.0),
            rfc3339(self.times.1),
        )
    }
}

/// Seconds precision, UTC, as Go's `time.RFC3339`.
fn rfc3339(ms: i64) -> String {
    let time = jiff::Timestamp::from_second(ms.div_euclid(1000)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn place(query: &str, span: Span) -> (usize, usize) {
    let before = query.get(..span.start as usize).unwrap_or(query);
    let line = before.matches('\n').count() + 1;
    (line, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_said_once_with_its_first_place() {
        let mut all = Annotations::default();
        all.inform("b", Span { start: 6, end: 7 });
        all.inform("b", Span { start: 0, end: 1 });
        all.inform("a", Span { start: 0, end: 1 });
        let (warnings, infos) = all.render("sum(\n x)");
        assert_eq!(infos, ["PromQL info: a (1:1)", "PromQL info: b (2:2)"]);
        assert!(warnings.is_empty());
    }

    #[test]
    fn what_the_store_says_is_passed_on_as_it_is() {
        let (mut all, mut part) = (Annotations::default(), Annotations::default());
        part.warn_of_store("a page is damaged".to_owned());
        assert!(!part.is_empty());
        all.warn("odd", Span::default());
        all.merge(part);
        assert_eq!(all.render("m").0, ["a page is damaged", "PromQL warning: odd (1:1)"]);
    }

    #[test]
    fn counts_of_parts_add_up() {
        let mut all = Annotations::default();
        let mut part = Annotations::default();
        all.overlap("m", Span::default());
        part.overlap("m", Span::default());
        all.merge(part);
        let (warnings, _) = all.render("m");
        assert_eq!(
            warnings,
            [
                "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric \"m\" (2 occurrences) (1:1)"
            ]
        );
    }
}
