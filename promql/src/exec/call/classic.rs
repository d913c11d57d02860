//! Telling classic histograms (`le` series) and native ones apart.

use super::super::Context;
use super::super::labels::builder;
use super::super::operator::{Collected, Meta};
use crate::functions::histogram::Bucket;
use crate::syntax::ast::Span;
use hashbrown::HashMap;
use narthex_storage::labels::quote;
use narthex_storage::{FloatHistogram, Labels};
use std::sync::Arc;

/// A classic histogram: its series by upper bound.
struct Classic {
    labels: Labels,
    drop_name: bool,
    /// Upper bound and series.
    members: Vec<(f64, usize)>,
}

/// The histograms of a vector.
pub(super) struct Histograms {
    collected: Collected,
    classics: Vec<Classic>,
    /// Series with native histograms, and the classic one of the same labels.
    natives: Vec<(usize, Meta, Option<usize>)>,
}

/// One histogram at one step.
pub(super) enum Sample<'h> {
    Native(&'h Arc<FloatHistogram>),
    Classic(&'h mut Vec<Bucket>),
}

impl Histograms {
    /// Sorts the series of a vector; `span` is the vector's place.
    pub(super) fn of(cx: &Context<'_>, series: &[Meta], collected: Collected, span: Span) -> Self {
        let named = |labels: &Labels| match labels.get("__name__") {
            // Where names are dropped at once nothing is said of them.
            Some(name) if cx.options.delayed_name_removal => format!(" for metric name {}", quote(name)),
            _ => String::new(),
        };
        let mut classics: Vec<Classic> = Vec::new();
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut natives = Vec::new();
        for (i, meta) in series.iter().enumerate() {
            let column = collected.column(i);
            if column.histograms.iter().any(Option::is_some) {
                natives.push((i, meta.clone(), None));
            }
            if column.present.iter().all(|word| *word == 0) {
                continue;
            }
            let le = meta.labels.get("le").unwrap_or_default();
            let Ok(upper) = le.parse::<f64>() else {
                let (le, named) = (quote(le), named(&meta.labels));
                cx.warn(
                    format!("bucket label \"le\" is missing or has a malformed value of {le}{named}"),
                    span,
                );
                continue;
            };
            let labels = builder(&meta.labels).remove("le").build();
            let place = *places.entry(labels.clone()).or_insert_with(|| {
                classics.push(Classic { labels, drop_name: meta.drop_name, members: Vec::new() });
                classics.len() - 1
            });
            if let Some(classic) = classics.get_mut(place) {
                classic.members.push((upper, i));
            }
        }
        for (i, meta, classic) in &mut natives {
            *classic = places.get(&meta.labels).copied();
            let Some(classic) = classic.and_then(|place| classics.get(place)) else { continue };
            let native = collected.column(*i);
            let both = (0..native.values.len()).any(|step| {
                native.histogram(step).is_some()
                    && classic
                        .members
                        .iter()
                        .any(|(_, member)| collected.column(*member).float(step).is_some())
            });
            if both {
                let named = named(&meta.labels);
                cx.warn(format!("vector contains a mix of classic and native histograms{named}"), span);
            }
        }
        Self { collected, classics, natives }
    }

    /// The output series: native ones first.
    pub(super) fn metas(&self) -> Vec<Meta> {
        let natives = self.natives.iter().map(|(_, meta, _)| meta.clone());
        let classics = self
            .classics
            .iter()
            .map(|classic| Meta { labels: classic.labels.clone(), drop_name: classic.drop_name });
        natives.chain(classics).collect()
    }

    /// Visits every histogram: the position of its output series, the step, the histogram. Where a native and a
    /// classic one meet neither is visited.
    pub(super) fn each(&self, steps: usize, mut visit: impl FnMut(usize, usize, Sample<'_>)) {
        let bucketed = |classic: &Classic, step: usize| {
            classic.members.iter().any(|(_, member)| self.collected.column(*member).float(step).is_some())
        };
        for (place, (series, _, classic)) in self.natives.iter().enumerate() {
            let column = self.collected.column(*series);
            for step in 0..steps {
                let Some(histogram) = column.histogram(step) else { continue };
                let classic = classic.and_then(|place| self.classics.get(place));
                if !classic.is_some_and(|classic| bucketed(classic, step)) {
                    visit(place, step, Sample::Native(histogram));
                }
            }
        }
        let mut buckets = Vec::new();
        for (at, classic) in self.classics.iter().enumerate() {
            let namesakes: Vec<usize> =
                self.natives.iter().filter(|(_, _, other)| *other == Some(at)).map(|(i, _, _)| *i).collect();
            for step in 0..steps {
                if namesakes.iter().any(|i| self.collected.column(*i).histogram(step).is_some()) {
                    continue;
                }
                buckets.clear();
                buckets.extend(classic.members.iter().filter_map(|(upper, member)| {
                    Some(Bucket { upper: *upper, count: self.collected.column(*member).float(step)? })
                }));
                if !buckets.is_empty() {
                    visit(self.natives.len() + at, step, Sample::Classic(&mut buckets));
                }
            }
        }
    }
}
