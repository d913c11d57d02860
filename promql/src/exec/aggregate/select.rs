//! `topk`, `bottomk`, `limitk`, `limit_ratio`: members of the groups, where they are chosen.

use super::super::operator::{Meta, Operator, Ready};
use super::super::{Context, Node, Scalars, Scope};
use super::groups::Groups;
use super::{choice, inform_ignored};
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::syntax::ast::{Aggregate, AggregateOp};
use narthex_storage::{FloatHistogram, Labels};
use std::cmp::Ordering;
use std::sync::Arc;

/// A chosen sample.
#[derive(Debug, Clone)]
struct Entry {
    series: usize,
    value: f64,
    histogram: Option<Arc<FloatHistogram>>,
}

pub(super) fn build<'a>(
    cx: &Context<'a>,
    aggregate: &'a Aggregate,
    operand: &mut dyn Operator,
    parameter: &Scalars,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let (op, steps) = (aggregate.op, scope.steps.count);
    let groups = Groups::of(operand.series(), &choice(aggregate));
    let mut held =
        cx.charge_bytes(groups.size_bytes() + groups.labels.len() * steps * size_of::<Vec<Entry>>())?;
    // The entries of each group and step: a heap for `topk` and `bottomk`, in the order of the series else.
    let mut chosen: Vec<Vec<Entry>> = vec![Vec::new(); groups.labels.len() * steps];
    let all = operand.series().len();
    let ranked = matches!(op, AggregateOp::Topk | AggregateOp::Bottomk);
    let mut ignored = false;
    let mut first_seen = Vec::new();
    let mut seen = vec![false; groups.labels.len()];
    while let Some(part) = operand.next(cx)? {
        cx.cancel.check()?;
        for i in 0..part.batch.len() {
            let column = part.batch.column(i);
            let series = part.first + i;
            let group = groups.group(series);
            let offset = match (op, operand.series().get(series)) {
                (AggregateOp::LimitRatio, Some(meta)) => hash_share(&meta.labels),
                _ => 0.0,
            };
            for step in 0..steps {
                let (value, histogram) = match (column.float(step), column.histogram(step)) {
                    (Some(value), _) => (value, None),
                    (None, Some(_)) if ranked => {
                        ignored = true;
                        continue;
                    }
                    (None, Some(histogram)) => (f64::NAN, Some(histogram.clone())),
                    (None, None) => continue,
                };
                let parameter = parameter.get(step);
                let Some(entries) = chosen.get_mut(group * steps + step) else { continue };
                let k = if parameter >= 1.0 { (parameter as usize).min(all) } else { 0 };
                let entry = Entry { series, value, histogram };
                let before = entries.len();
                match op {
                    AggregateOp::LimitRatio => {
                        let ratio = parameter.clamp(-1.0, 1.0);
                        let taken = if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio };
                        if taken && ratio != 0.0 {
                            entries.push(entry);
                        }
                    }
                    AggregateOp::Limitk if entries.len() < k => entries.push(entry),
                    AggregateOp::Limitk => {}
                    _ if entries.len() < k => heap::push(entries, entry, op == AggregateOp::Topk),
                    _ if k == 0 => {}
                    _ => heap::replace_worst(entries, entry, op == AggregateOp::Topk),
                }
                if entries.len() > before {
                    held.grow(1, size_of::<Entry>() as u64)?;
                }
                if let Some(seen) = seen.get_mut(group)
                    && !std::mem::replace(seen, true)
                {
                    first_seen.push(group);
                }
            }
        }
    }
    if ignored {
        inform_ignored(cx, op, aggregate.span);
    }
    // Which series come out, and in which order: an instant query shows the ranks.
    let mut place_of: Vec<Option<usize>> = vec![None; all];
    let mut order = Vec::new();
    if steps == 1 {
        for group in first_seen {
            let Some(entries) = chosen.get_mut(group) else { continue };
            if ranked {
                entries.sort_by(|a, b| rank(a.value, b.value, op == AggregateOp::Topk));
            }
            order.extend(entries.iter().map(|entry| entry.series));
        }
    } else {
        order.extend(chosen.iter().flatten().map(|entry| entry.series));
        order.sort_unstable();
        order.dedup();
    }
    for (place, series) in order.iter().enumerate() {
        if let Some(slot) = place_of.get_mut(*series) {
            *slot = Some(place);
        }
    }
    let mut batch = Batch::new(order.len(), steps);
    for (at, entries) in chosen.into_iter().enumerate() {
        let step = at % steps.max(1);
        for entry in entries {
            let Some(place) = place_of.get(entry.series).copied().flatten() else { continue };
            let mut column = batch.column_mut(place);
            match entry.histogram {
                Some(histogram) => column.set_histogram(step, histogram),
                None => column.set(step, entry.value),
            }
        }
    }
    let series: Vec<Meta> =
        order.iter().filter_map(|series| operand.series().get(*series).cloned()).collect();
    drop(held);
    Ok(Context::vector(Ready::of(cx, series, batch)?))
}

/// NaN comes last whichever way the values are ordered.
pub(crate) fn rank(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
    }
}

/// Where in `[0, 1]` the hash of a label set falls.
fn hash_share(labels: &Labels) -> f64 {
    let mut bytes = Vec::new();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        let len = text.len();
        if len < 255 {
            bytes.push(len as u8);
        } else {
            bytes.extend_from_slice(&[255, len as u8, (len >> 8) as u8, (len >> 16) as u8]);
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    xxhash_rust::xxh64::xxh64(&bytes, 0) as f64 / u64::MAX as f64
}

/// A binary heap with the worst entry at its root. Which of equal entries leaves depends on how the heap moves
/// them, so the moves are those of Go's `container/heap`.
mod heap {
    use super::Entry;

    /// Whether `a` leaves before `b`.
    fn worse(a: f64, b: f64, largest: bool) -> bool {
        a.is_nan() || if largest { a < b } else { a > b }
    }

    fn value(entries: &[Entry], at: usize) -> f64 {
        entries.get(at).map_or(f64::NAN, |entry| entry.value)
    }

    pub(super) fn push(entries: &mut Vec<Entry>, entry: Entry, largest: bool) {
        entries.push(entry);
        let mut child = entries.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if !worse(value(entries, child), value(entries, parent), largest) {
                break;
            }
            entries.swap(child, parent);
            child = parent;
        }
    }

    /// Puts the entry in the place of the worst one, if it is better.
    pub(super) fn replace_worst(entries: &mut [Entry], entry: Entry, largest: bool) {
        let Some(root) = entries.first_mut() else { return };
        let better = if largest { root.value < entry.value } else { root.value > entry.value };
        let number_for_nan = root.value.is_nan() && !entry.value.is_nan();
        if !(better || number_for_nan) {
            return;
        }
        *root = entry;
        let mut parent = 0;
        loop {
            let left = 2 * parent + 1;
            if left >= entries.len() {
                return;
            }
            let right = left + 1;
            let child =
                if right < entries.len() && worse(value(entries, right), value(entries, left), largest) {
                    right
                } else {
                    left
                };
            if !worse(value(entries, child), value(entries, parent), largest) {
                return;
            }
            entries.swap(parent, child);
            parent = child;
        }
    }
}
