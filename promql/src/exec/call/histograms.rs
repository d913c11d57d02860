//! `histogram_quantile` and its kin.

use super::super::aggregate::warn_quantile;
use super::super::labels::builder;
use super::super::operator::{Collected, Meta, Operator, Ready};
use super::super::transform::transform;
use super::super::unique::drop_names;
use super::super::{Context, Node, Scalars, Scope, scalar, text, vector};
use super::arg;
use super::classic::{Histograms, Sample};
use crate::annotations::{Annotations, MonotonicityFix};
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::functions::histogram::{classic, native, quantile_label};
use crate::syntax::ast::{Expr, Span};
use narthex_storage::FloatHistogram;
use narthex_storage::labels::quote;

/// `histogram_avg`, `histogram_count`, `histogram_stddev`, `histogram_stdvar`, `histogram_sum`: numbers are dropped.
pub(super) fn figure<'a>(
    cx: &Context<'a>,
    name: &'static str,
    args: &'a [Expr],
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let figure: fn(&FloatHistogram) -> f64 = match name {
        "histogram_avg" => |h| h.sum / h.count,
        "histogram_count" => |h| h.count,
        "histogram_sum" => |h| h.sum,
        "histogram_stddev" => native::stddev,
        _ => native::stdvar,
    };
    let spread = matches!(name, "histogram_stddev" | "histogram_stdvar");
    let inner = Scope { wants_stats: scope.wants_stats || !spread, ..scope };
    let operand = vector(cx, arg(args, 0)?, inner)?;
    let figures = transform(operand, move |_, _, batch| {
        let mut out = Batch::new(batch.len(), batch.steps());
        for i in 0..batch.len() {
            let column = batch.column(i);
            for (step, histogram) in column.histograms.iter().enumerate() {
                if let Some(histogram) = histogram {
                    out.column_mut(i).set(step, figure(histogram));
                }
            }
        }
        *batch = out;
        Ok(())
    });
    Ok(Node::Vector(drop_names(cx, figures, scope)))
}

/// The vector that a function asks for quantiles or fractions.
fn histograms<'a>(cx: &Context<'a>, operand: &'a Expr, scope: Scope) -> Result<Histograms, EngineError> {
    let mut operator = vector(cx, operand, Scope { needs_buckets: true, ..scope.exact() })?;
    let collected = Collected::of(cx, &mut *operator)?;
    Ok(Histograms::of(cx, operator.series(), collected, operand.span()))
}

fn result<'a>(
    cx: &Context<'a>,
    metas: Vec<Meta>,
    batch: Batch,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let ready = Box::new(Ready::of(cx, metas, batch)?) as Box<dyn Operator + 'a>;
    Ok(Node::Vector(drop_names(cx, ready, scope)))
}

/// Computes one quantile of each histogram and step.
struct Quantiles<'h> {
    metas: &'h [Meta],
    scope: Scope,
    /// Names are known to annotations only while they are not dropped at once.
    named: bool,
    /// Place of remarks on native histograms, and on classic ones.
    spans: (Span, Span),
}

impl Quantiles<'_> {
    fn of(&self, q: f64, place: usize, step: usize, sample: Sample<'_>, notes: &mut Annotations) -> f64 {
        let name = match self.metas.get(place).and_then(|meta| meta.labels.get("__name__")) {
            Some(name) if self.named => name,
            _ => "",
        };
        match sample {
            Sample::Native(histogram) => {
                let (value, remark) = native::quantile(q, histogram);
                let named =
                    if name.is_empty() { String::new() } else { format!(" for metric name {}", quote(name)) };
                if let Some(what) = remark.text() {
                    notes.inform(
                        format!("input to histogram_quantile has NaN observations, result is {what}{named}"),
                        self.spans.0,
                    );
                }
                value
            }
            Sample::Classic(buckets) => {
                let (value, fix) = classic::quantile(q, buckets);
                if let Some(fix) = fix {
                    let time = self.scope.steps.time(step);
                    let fix = MonotonicityFix {
                        bounds: (fix.lowest, fix.highest),
                        max_diff: fix.max_diff,
                        samples: 1,
                        times: (time, time),
                    };
                    notes.monotonic(name, self.spans.1, fix);
                }
                value
            }
        }
    }
}

/// `histogram_quantile(q, v)`
pub(super) fn quantile<'a>(
    cx: &Context<'a>,
    args: &'a [Expr],
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let q_expr = arg(args, 0)?;
    let operand = arg(args, 1)?;
    let q = scalar(cx, q_expr, scope.exact())?;
    let steps = scope.steps.count;
    (0..steps).for_each(|step| warn_quantile(cx, q.get(step), q_expr.span()));
    let histograms = histograms(cx, operand, scope)?;
    let metas = histograms.metas();
    let mut batch = Batch::new(metas.len(), steps);
    let mut notes = Annotations::default();
    let named = cx.options.delayed_name_removal;
    let quantiles = Quantiles { metas: &metas, scope, named, spans: (operand.span(), operand.span()) };
    histograms.each(steps, |place, step, sample| {
        let value = quantiles.of(q.get(step), place, step, sample, &mut notes);
        batch.column_mut(place).set(step, value);
    });
    cx.merge_notes(notes);
    result(cx, metas, batch, scope)
}

/// `histogram_quantiles(v, label, q…)`: one series per quantile.
pub(super) fn quantiles<'a>(
    cx: &Context<'a>,
    args: &'a [Expr],
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let (operand, label) = (arg(args, 0)?, arg(args, 1)?);
    let label_text = text(label)?;
    let steps = scope.steps.count;
    let mut all: Vec<Scalars> = Vec::new();
    for arg in args.iter().skip(2) {
        let q = scalar(cx, arg, scope.exact())?;
        (0..steps).for_each(|step| warn_quantile(cx, q.get(step), arg.span()));
        all.push(q);
    }
    let histograms = histograms(cx, operand, scope)?;
    let bare = histograms.metas();
    let named = cx.options.delayed_name_removal;
    let quantiles = Quantiles { metas: &bare, scope, named, spans: (operand.span(), label.span()) };
    // A quantile that varies with the step names another series at each.
    let mut metas: Vec<Meta> = Vec::new();
    let mut values: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut places: hashbrown::HashMap<(usize, u64), usize> = hashbrown::HashMap::new();
    let mut notes = Annotations::default();
    for q in &all {
        histograms.each(steps, |place, step, sample| {
            let q = q.get(step);
            let value = quantiles.of(q, place, step, sample, &mut notes);
            let output = *places.entry((place, q.to_bits())).or_insert_with(|| {
                if let Some(meta) = bare.get(place) {
                    let labels = builder(&meta.labels).set(label_text, &quantile_label(q)).build();
                    metas.push(Meta { labels, drop_name: meta.drop_name });
                    values.push(Vec::new());
                }
                metas.len().saturating_sub(1)
            });
            if let Some(values) = values.get_mut(output) {
                values.push((step, value));
            }
        });
    }
    cx.merge_notes(notes);
    let mut batch = Batch::new(metas.len(), steps);
    for (place, values) in values.into_iter().enumerate() {
        let mut out = batch.column_mut(place);
        values.into_iter().for_each(|(step, value)| out.set(step, value));
    }
    result(cx, metas, batch, scope)
}

/// `histogram_fraction(lower, upper, v)`
pub(super) fn fraction<'a>(
    cx: &Context<'a>,
    args: &'a [Expr],
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let lower = scalar(cx, arg(args, 0)?, scope.exact())?;
    let upper = scalar(cx, arg(args, 1)?, scope.exact())?;
    let steps = scope.steps.count;
    let operand = arg(args, 2)?;
    let histograms = histograms(cx, operand, scope)?;
    let metas = histograms.metas();
    let mut batch = Batch::new(metas.len(), steps);
    let mut notes = Annotations::default();
    histograms.each(steps, |place, step, sample| {
        let (lower, upper) = (lower.get(step), upper.get(step));
        let value = match sample {
            Sample::Native(histogram) => {
                let (value, nan_excluded) = native::fraction(lower, upper, histogram);
                if nan_excluded {
                    let name = metas.get(place).and_then(|meta| meta.labels.get("__name__"));
                    let named = match name {
                        Some(name) if cx.options.delayed_name_removal => format!(" for metric name {}", quote(name)),
                        _ => String::new(),
                    };
                    notes.inform(
                        format!("input to histogram_fraction has NaN observations, which are excluded from all fractions{named}"),
                        operand.span(),
                    );
                }
                value
            }
            Sample::Classic(buckets) => classic::fraction(lower, upper, buckets),
        };
        batch.column_mut(place).set(step, value);
    });
    cx.merge_notes(notes);
    result(cx, metas, batch, scope)
}
