//! `info`: labels of info metrics, by job and instance.

use super::super::labels::{LabelChoice, builder};
use super::super::operator::{Collected, Meta, Operator, Ready};
use super::super::scan;
use super::super::unique::{Clash, relabelled};
use super::super::{Context, Node, Scope, Steps, vector};
use super::arg;
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::syntax::ast::{At, Expr, TimeModifier, VectorSelector};
use hashbrown::HashMap;
use narthex_storage::{Labels, MatchOp, Matcher};
use std::collections::BTreeSet;

/// The info metric where the call names none.
const DEFAULT_METRIC: &str = "target_info";
/// The labels that say what an info series is about.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Builds a call of `info`.
pub(super) fn build<'a>(cx: &Context<'a>, args: &'a [Expr], scope: Scope) -> Result<Node<'a>, EngineError> {
    let base_expr = arg(args, 0)?;
    let matchers: Vec<Matcher> = match args.get(1).map(Expr::unwrap_parens) {
        Some(Expr::Vector(selector)) => selector.matchers.clone(),
        Some(_) => return Err(EngineError::Exec("expected label selectors only".to_owned())),
        None => vec![Matcher::equal("__name__", DEFAULT_METRIC)],
    };
    let by_data_labels = args.len() > 1;
    let mut names: Vec<Matcher> = matchers.iter().filter(|m| m.name == "__name__").cloned().collect();
    let data: Vec<Matcher> = matchers.into_iter().filter(|m| m.name != "__name__").collect();
    let mut base = vector(cx, base_expr, scope.exact())?;
    // Series of the info metric itself are passed on as they are.
    let is_info = |labels: &Labels| {
        !names.is_empty() && names.iter().all(|m| m.matches(labels.get("__name__").unwrap_or("")))
    };
    let passed: Vec<bool> = base.series().iter().map(|meta| is_info(&meta.labels)).collect();
    if names.is_empty() {
        names.push(Matcher::equal("__name__", DEFAULT_METRIC));
    }
    let Some(identity) = identity_matchers(base.series(), &passed)? else {
        let infos = Infos::default();
        let by_names = if by_data_labels { &data[..] } else { &[] };
        return combine(cx, &mut *base, &passed, &infos, by_names, scope);
    };
    let selector = VectorSelector {
        name: None,
        matchers: names.into_iter().chain(data.iter().cloned()).chain(identity).collect(),
        time: TimeModifier::default(),
        bounds: crate::syntax::ast::Bounds::default(),
        span: arg(args, 0)?.span(),
    };
    let infos = Infos::read(cx, selector, base_expr, scope)?;
    combine(cx, &mut *base, &passed, &infos, &data, scope)
}

/// Matchers for the info series that could match any base series; `None` when none could.
fn identity_matchers(series: &[Meta], passed: &[bool]) -> Result<Option<Vec<Matcher>>, EngineError> {
    let mut matchers = Vec::new();
    for label in IDENTIFYING {
        let values: BTreeSet<&str> = series
            .iter()
            .zip(passed)
            .filter(|(_, passed)| !**passed)
            .filter_map(|(meta, _)| meta.labels.get(label))
            .collect();
        if values.is_empty() {
            continue;
        }
        let pattern: Vec<String> = values.into_iter().map(escape).collect();
        let matcher = Matcher::new(MatchOp::Regex, label, pattern.join("|"));
        matchers.push(matcher.map_err(|e| EngineError::Exec(e.to_string()))?);
    }
    Ok((!matchers.is_empty()).then_some(matchers))
}

/// The text as a pattern that matches just it.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The info series that were found.
#[derive(Default)]
struct Infos {
    series: Vec<Meta>,
    /// At each step the time of the info series' sample, ms.
    times: Vec<Vec<Option<i64>>>,
    /// By metric name, instance and job.
    places: HashMap<Labels, Vec<usize>>,
    names: BTreeSet<String>,
}

impl Infos {
    fn read(
        cx: &Context<'_>,
        mut selector: VectorSelector,
        base: &Expr,
        scope: Scope,
    ) -> Result<Self, EngineError> {
        // The samples are looked for where the base expression's selector looks.
        let mut steps = scope.steps;
        if let Some(time) = first_time(base) {
            if matches!(time.at, Some(At::Timestamp(_))) {
                steps = Steps { count: 1, ..steps };
            }
            selector.time = time;
        }
        let inner = Scope { steps, ..Scope::at(steps) };
        let mut found = Self::default();
        let mut operator = scan::info_times(cx, &selector, inner)?;
        let collected = Collected::of(cx, &mut *operator)?;
        for (i, meta) in operator.series().iter().enumerate() {
            let column = collected.column(i);
            if column.is_empty() {
                continue;
            }
            let time = |step: usize| {
                let step = if steps.count == 1 { 0 } else { step };
                column.float(step).map(|seconds| (seconds * 1000.0).round() as i64)
            };
            found.times.push((0..scope.steps.count).map(time).collect());
            found
                .places
                .entry(key(meta.labels.metric_name(), &meta.labels))
                .or_default()
                .push(found.series.len());
            found.names.insert(meta.labels.metric_name().to_owned());
            found.series.push(meta.clone());
        }
        cx.hold(0, found.series.len() * (scope.steps.count * 16 + 64))?;
        Ok(found)
    }

    /// At one step the newest of the info series of a metric that are about `labels`.
    fn newest(&self, places: &[usize], step: usize) -> Result<Option<usize>, EngineError> {
        let mut best: Option<(usize, i64)> = None;
        for place in places {
            let Some(time) = self.times.get(*place).and_then(|times| times.get(step).copied().flatten())
            else {
                continue;
            };
            best = match best {
                Some((other, known)) if known == time => {
                    let labels = |place: usize| self.series.get(place).map(|meta| meta.labels.clone());
                    let (a, b) = (labels(other).unwrap_or_default(), labels(*place).unwrap_or_default());
                    return Err(EngineError::Exec(format!(
                        "found duplicate series for info metric: existing {} @ {known}, new {} @ {time}",
                        metric_text(&a),
                        metric_text(&b)
                    )));
                }
                Some((_, known)) if known > time => best,
                _ => Some((*place, time)),
            };
        }
        Ok(best.map(|(place, _)| place))
    }
}

fn metric_text(labels: &Labels) -> String {
    format!("{labels:?}")
}

fn key(name: &str, labels: &Labels) -> Labels {
    let identity = LabelChoice::only(&IDENTIFYING.map(str::to_owned)).of(labels);
    builder(&identity).set("__name__", name).build()
}

/// The time modifiers of the first selector of an expression, with those of the subqueries around it.
fn first_time(expr: &Expr) -> Option<TimeModifier> {
    match expr {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => Some(selector.time.clone()),
        Expr::Subquery(subquery) => {
            let inner = first_time(&subquery.expr)?;
            if inner.at.is_some() {
                return Some(inner);
            }
            let outer = &subquery.time;
            let offset_ms = outer.offset_ms.saturating_add(inner.offset_ms);
            Some(TimeModifier { offset_ms, offset_expr: None, at: outer.at })
        }
        other => other.children().find_map(first_time),
    }
}

/// Gives base series the labels of their info series, step by step.
fn combine<'a>(
    cx: &Context<'a>,
    base: &mut dyn Operator,
    passed: &[bool],
    infos: &Infos,
    data: &[Matcher],
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let steps = scope.steps.count;
    let collected = Collected::of(cx, base)?;
    // Every info metric has its say, also where another series is about the same thing twice.
    for places in infos.places.values() {
        for step in 0..steps {
            infos.newest(places, step)?;
        }
    }
    let all_match_empty = data.iter().all(Matcher::matches_empty);
    let mut metas: Vec<Meta> = Vec::new();
    let mut picks: Vec<(usize, usize, usize)> = Vec::new();
    for (i, meta) in base.series().iter().enumerate() {
        let column = collected.column(i);
        // Output series of this base series by the info series that gave the labels.
        let mut outputs: HashMap<Vec<usize>, Option<usize>> = HashMap::new();
        let groups: Vec<&Vec<usize>> =
            infos.names.iter().filter_map(|name| infos.places.get(&key(name, &meta.labels))).collect();
        for step in (0..steps).filter(|step| column.has(*step)) {
            let mut sources = Vec::new();
            if !passed.get(i).copied().unwrap_or(false) {
                for places in &groups {
                    sources.extend(infos.newest(places, step)?);
                }
            }
            let output = match outputs.get(&sources) {
                Some(output) => *output,
                None => {
                    let pass = passed.get(i).copied().unwrap_or(false);
                    let output = if pass {
                        Some(meta.labels.clone())
                    } else if sources.is_empty() && !all_match_empty {
                        None
                    } else {
                        Some(enriched(&meta.labels, &sources, infos, data)?)
                    };
                    let place = output.map(|labels| {
                        metas.push(Meta { labels, drop_name: meta.drop_name });
                        metas.len() - 1
                    });
                    outputs.insert(sources, place);
                    place
                }
            };
            if let Some(output) = output {
                picks.push((i, step, output));
            }
        }
    }
    let mut batch = Batch::new(metas.len(), steps);
    for (series, step, output) in picks {
        let column = collected.column(series);
        let mut out = batch.column_mut(output);
        match (column.float(step), column.histogram(step)) {
            (Some(value), _) => out.set(step, value),
            (None, Some(histogram)) => out.set_histogram(step, histogram.clone()),
            (None, None) => {}
        }
    }
    let ready = Ready::of(cx, metas.clone(), batch)?;
    Ok(Node::Vector(relabelled(Box::new(ready), metas, scope, Clash::AtAStep)))
}

/// The labels of a base series with those of its info series that it lacks.
fn enriched(
    base: &Labels,
    sources: &[usize],
    infos: &Infos,
    data: &[Matcher],
) -> Result<Labels, EngineError> {
    let mut added: HashMap<&str, &str> = HashMap::new();
    for meta in sources.iter().filter_map(|source| infos.series.get(*source)) {
        for (name, value) in meta.labels.iter().filter(|(name, _)| *name != "__name__") {
            if !data.is_empty() && !data.iter().any(|m| m.name == name) {
                continue;
            }
            if added.get(name).is_some_and(|known| *known != value) {
                return Err(EngineError::Exec(format!("conflicting label: {name}")));
            }
            if base.get(name).is_none() {
                added.insert(name, value);
            }
        }
    }
    let mut labels = builder(base);
    added.into_iter().for_each(|(name, value)| {
        labels.set(name, value);
    });
    Ok(labels.build())
}
