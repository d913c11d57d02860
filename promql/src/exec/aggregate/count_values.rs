//! `count_values`: one series per group and distinct value.

use super::super::call::is_label_name;
use super::super::labels::{LabelChoice, RESERVED, builder};
use super::super::operator::{Meta, Ready};
use super::super::{Context, Node, Scope, vector};
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::numeric::format_float;
use crate::syntax::ast::Aggregate;
use hashbrown::HashMap;
use narthex_storage::Labels;
use narthex_storage::labels::quote;

pub(super) fn build<'a>(
    cx: &Context<'a>,
    aggregate: &'a Aggregate,
    label: &str,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    if !is_label_name(label) {
        return Err(EngineError::Exec(format!("invalid label name {}", quote(label))));
    }
    // The value's label takes part in the grouping, also where the clause names it.
    let choice = if aggregate.without {
        let listed = aggregate.grouping.iter().map(String::as_str);
        LabelChoice::all_but(listed.chain(RESERVED))
    } else {
        let names: Vec<String> = aggregate.grouping.iter().cloned().chain([label.to_owned()]).collect();
        LabelChoice::only(&names)
    };
    let mut operand = vector(cx, &aggregate.expr, scope.exact())?;
    let steps = scope.steps.count;
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut counts: Vec<Vec<f64>> = Vec::new();
    let mut series = Vec::new();
    let mut held = cx.charge_bytes(0)?;
    // Neighbouring steps often have the same value.
    while let Some(part) = operand.next(cx)? {
        cx.cancel.check()?;
        for i in 0..part.batch.len() {
            let column = part.batch.column(i);
            let Some(meta) = operand.series().get(part.first + i) else { continue };
            let mut last: Option<(u64, usize)> = None;
            for step in 0..steps {
                let float = column.float(step);
                let text = match (float, column.histogram(step)) {
                    (Some(value), _) => {
                        if let Some((_, place)) = last.filter(|(bits, _)| *bits == value.to_bits()) {
                            count(&mut counts, place, step);
                            continue;
                        }
                        format_float(value)
                    }
                    (None, Some(histogram)) => histogram.to_string(),
                    (None, None) => continue,
                };
                let labels = choice.of(&builder(&meta.labels).set(label, &text).build());
                let place = match places.get(&labels) {
                    Some(place) => *place,
                    None => {
                        held.grow(steps as u64, (steps * 8 + labels.encoded_len() + 64) as u64)?;
                        places.insert(labels.clone(), counts.len());
                        series.push(Meta::of(labels));
                        counts.push(vec![0.0; steps]);
                        counts.len() - 1
                    }
                };
                last = float.map(|value| (value.to_bits(), place));
                count(&mut counts, place, step);
            }
        }
    }
    let mut batch = Batch::new(series.len(), steps);
    for (place, counts) in counts.iter().enumerate() {
        let mut out = batch.column_mut(place);
        for (step, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            out.set(step, *count);
        }
    }
    Ok(Context::vector(Ready::of(cx, series, batch)?))
}

fn count(counts: &mut [Vec<f64>], place: usize, step: usize) {
    if let Some(count) = counts.get_mut(place).and_then(|counts| counts.get_mut(step)) {
        *count += 1.0;
    }
}
