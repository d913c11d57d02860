//! A range vector as the answer of an instant query: `up[5m]`.

use super::downsampled;
use super::operator::Collected;
use super::scan::drop_stale;
use super::selection::{Selection, ends};
use super::subquery::{inner_steps, to_samples};
use super::{Context, Scope, Steps, same_labelset, vector, without_name};
use crate::annotations::Annotations;
use crate::engine::EngineError;
use crate::functions::smoothing;
use crate::syntax::ast::{Bounds, Expr};
use crate::value::RangeSeries;
use narthex_storage::Columns;

/// The samples of every series, sorted by labels.
pub(crate) fn range_vector<'a>(
    cx: &Context<'a>,
    expr: &'a Expr,
    at: i64,
) -> Result<Vec<RangeSeries>, EngineError> {
    let scope = Scope::at(Steps { start: at, step: 0, count: 1 });
    let mut all = match expr.unwrap_parens() {
        Expr::Matrix { selector, range_ms, .. } => {
            let selection = Selection::of(cx, selector, Some(*range_ms), "", scope)?;
            let end = selection.ends.first().copied().unwrap_or(at);
            let (mint, maxt) = selection.reach;
            let (mut all, mut notes) = (Vec::new(), Annotations::default());
            for series in &selection.series {
                cx.cancel.check()?;
                let mut samples = Columns::default();
                series.read(mint, maxt, &mut samples)?;
                drop_stale(&mut samples);
                downsampled::remark(
                    series.labels(),
                    &samples,
                    ("", Some(*range_ms)),
                    selector.span,
                    &mut notes,
                );
                if selector.bounds != Bounds::Plain {
                    samples = smoothing::extend(&samples, end - range_ms, end, selector.bounds)?;
                }
                cx.budget.progress.read(samples.len() as u64);
                hold(cx, &samples)?;
                if !samples.is_empty() {
                    all.push(RangeSeries { labels: series.labels().clone(), samples });
                }
            }
            cx.merge_notes(notes);
            all
        }
        Expr::Subquery(subquery) => {
            let steps = inner_steps(cx, subquery, scope.steps)?;
            let end = ends(&subquery.time, scope.steps).first().copied().unwrap_or(at);
            let mut inner = vector(cx, &subquery.expr, Scope { steps, needs_buckets: true, ..scope })?;
            let collected = Collected::of(cx, &mut *inner)?;
            let mut all = Vec::new();
            for (i, meta) in inner.series().iter().enumerate() {
                let mut samples = Columns::default();
                to_samples(&collected.column(i), steps, &mut samples);
                debug_assert!(samples.timestamps.last().is_none_or(|last| *last <= end));
                let labels = if meta.drop_name { without_name(&meta.labels) } else { meta.labels.clone() };
                if !samples.is_empty() {
                    all.push(RangeSeries { labels, samples });
                }
            }
            all
        }
        _ => return Err(EngineError::Exec("expected a range vector".to_owned())),
    };
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    if all.windows(2).any(|pair| matches!(pair, [a, b] if a.labels == b.labels)) {
        return Err(same_labelset());
    }
    Ok(all)
}

/// Counts samples against the limit; they stay until the answer is written.
fn hold(cx: &Context<'_>, samples: &Columns) -> Result<(), EngineError> {
    let histograms: usize = samples.histograms.iter().map(|(_, histogram)| histogram.size_bytes()).sum();
    cx.hold(samples.len(), samples.len() * 16 + histograms)
}
