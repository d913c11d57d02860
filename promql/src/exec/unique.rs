//! Series that become equal: allowed as long as no step has two of them.

use super::labels::{one_name, without_name};
use super::operator::{Meta, Operator, Part};
use super::{Context, Scope};
use crate::batch::{Column, words};
use crate::engine::EngineError;
use hashbrown::HashMap;
use narthex_storage::Labels;

pub(crate) fn same_labelset() -> EngineError {
    EngineError::Exec("vector cannot contain metrics with the same labelset".to_owned())
}

/// When two series of the same labels are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clash {
    /// When both have a sample at one step.
    AtAStep,
    /// When both have a sample at all.
    AtAll,
}

/// Watches over series that have the same labels.
pub(crate) struct Watch {
    /// For each series with a namesake the group of those.
    groups: HashMap<usize, usize>,
    /// For each group the steps that are taken.
    taken: Vec<Vec<u64>>,
    clash: Clash,
}

impl Watch {
    /// `None` when all series differ.
    pub(crate) fn over(series: &[Meta], steps: usize, clash: Clash) -> Option<Self> {
        let mut first: HashMap<&Labels, usize> = HashMap::with_capacity(series.len());
        let mut groups: HashMap<usize, usize> = HashMap::new();
        let mut count = 0;
        for (i, meta) in series.iter().enumerate() {
            let Some(&before) = first.get(&meta.labels) else {
                first.insert(&meta.labels, i);
                continue;
            };
            let group = *groups.entry(before).or_insert_with(|| {
                count += 1;
                count - 1
            });
            groups.insert(i, group);
        }
        let taken = vec![vec![0; words(steps)]; count];
        (!groups.is_empty()).then_some(Self { groups, taken, clash })
    }

    /// Takes the steps of a series.
    pub(crate) fn check(&mut self, series: usize, column: &Column<'_>) -> Result<(), EngineError> {
        let Some(taken) = self.groups.get(&series).and_then(|group| self.taken.get_mut(*group)) else {
            return Ok(());
        };
        let clash = match self.clash {
            Clash::AtAll => !column.is_empty() && taken.iter().any(|word| *word != 0),
            Clash::AtAStep => {
                (0..taken.len()).any(|word| taken.get(word).is_some_and(|t| t & column.word(word) != 0))
            }
        };
        if clash {
            return Err(same_labelset());
        }
        for (word, taken) in taken.iter_mut().enumerate() {
            *taken |= column.word(word);
        }
        Ok(())
    }
}

/// Passes series on as long as they do not clash.
struct Unique<'a> {
    inner: Box<dyn Operator + 'a>,
    series: Vec<Meta>,
    watch: Option<Watch>,
}

impl Operator for Unique<'_> {
    fn series(&self) -> &[Meta] {
        &self.series
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        let part = self.inner.next(cx)?;
        if let (Some(watch), Some(part)) = (&mut self.watch, &part) {
            for i in 0..part.batch.len() {
                watch.check(part.first + i, &part.batch.column(i))?;
            }
        }
        Ok(part)
    }
}

/// Gives the series of an operator other labels, and watches that they stay apart.
pub(crate) fn relabelled<'a>(
    inner: Box<dyn Operator + 'a>,
    series: Vec<Meta>,
    scope: Scope,
    clash: Clash,
) -> Box<dyn Operator + 'a> {
    let watch = Watch::over(&series, scope.steps.count, clash);
    Box::new(Unique { inner, series, watch })
}

/// Drops the metric names: marks them where that is delayed, else takes them away at once.
pub(crate) fn drop_names<'a>(
    cx: &Context<'_>,
    inner: Box<dyn Operator + 'a>,
    scope: Scope,
) -> Box<dyn Operator + 'a> {
    drop_names_with(cx, inner, scope, Clash::AtAStep)
}

/// As [`drop_names`], for functions of a range, whose results may not share labels even at different steps.
pub(crate) fn drop_names_strictly<'a>(
    cx: &Context<'_>,
    inner: Box<dyn Operator + 'a>,
    scope: Scope,
) -> Box<dyn Operator + 'a> {
    drop_names_with(cx, inner, scope, Clash::AtAll)
}

fn drop_names_with<'a>(
    cx: &Context<'_>,
    inner: Box<dyn Operator + 'a>,
    scope: Scope,
    clash: Clash,
) -> Box<dyn Operator + 'a> {
    let old = inner.series();
    if cx.options.delayed_name_removal {
        let series = old.iter().map(|meta| Meta { labels: meta.labels.clone(), drop_name: true }).collect();
        return Box::new(Unique { inner, series, watch: None });
    }
    let apart = one_name(old);
    if apart && scope.names_ignored {
        return inner;
    }
    let series: Vec<Meta> = old.iter().map(|meta| Meta::of(without_name(&meta.labels))).collect();
    let watch = if apart { None } else { Watch::over(&series, scope.steps.count, clash) };
    Box::new(Unique { inner, series, watch })
}
