//! `sort` and its kin: only an instant query has an order.

use super::operator::{Collected, Meta, Operator, Ready};
use super::{Context, Node, Scope};
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::exec::aggregate::rank;
use std::cmp::Ordering;

/// What is compared.
pub(crate) enum Order<'o> {
    /// Values; histograms, which have none, are gone by now.
    Value { descending: bool },
    /// Labels by their names, digits as numbers; all labels last.
    Labels { names: Vec<&'o str>, descending: bool },
}

/// Sorts an instant vector.
pub(crate) fn sorted<'a>(
    cx: &Context<'a>,
    mut operand: Box<dyn Operator + 'a>,
    order: &Order<'_>,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    if scope.steps.count != 1 {
        return Ok(Node::Vector(operand));
    }
    let collected = Collected::of(cx, &mut *operand)?;
    let series = operand.series();
    let mut places: Vec<usize> = (0..series.len()).filter(|i| collected.column(*i).has(0)).collect();
    let meta = |i: usize| series.get(i);
    places.sort_by(|a, b| match order {
        Order::Value { descending } => {
            let value = |i: usize| collected.column(i).float(0).unwrap_or(f64::NAN);
            rank(value(*a), value(*b), *descending)
        }
        Order::Labels { names, descending } => {
            let (Some(a), Some(b)) = (meta(*a), meta(*b)) else { return Ordering::Equal };
            let order = by_labels(a, b, names);
            if *descending { order.reverse() } else { order }
        }
    });
    let mut batch = Batch::new(places.len(), 1);
    let mut metas = Vec::with_capacity(places.len());
    for (to, from) in places.into_iter().enumerate() {
        let column = collected.column(from);
        let mut out = batch.column_mut(to);
        match (column.float(0), column.histogram(0)) {
            (Some(value), _) => out.set(0, value),
            (None, Some(histogram)) => out.set_histogram(0, histogram.clone()),
            (None, None) => {}
        }
        metas.extend(meta(from).cloned());
    }
    Ok(Context::vector(Ready::of(cx, metas, batch)?))
}

fn by_labels(a: &Meta, b: &Meta, names: &[&str]) -> Ordering {
    let value = |meta: &Meta, name: &str| meta.labels.get(name).unwrap_or("").to_owned();
    names
        .iter()
        .map(|name| natural(&value(a, name), &value(b, name)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.labels.cmp(&b.labels))
}

/// Digits compare as numbers: `node2` before `node10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    let digits = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
    loop {
        let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) else { return a.len().cmp(&b.len()) };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((da, ta), (db, tb)) = (a.split_at(digits(a)), b.split_at(digits(b)));
            let (na, nb) = (da.trim_start_matches('0'), db.trim_start_matches('0'));
            let order =
                na.len().cmp(&nb.len()).then_with(|| na.cmp(nb)).then_with(|| da.len().cmp(&db.len()));
            if order.is_ne() {
                return order;
            }
            (a, b) = (ta, tb);
        } else {
            if x != y {
                return x.cmp(&y);
            }
            (a, b) = (a.get(x.len_utf8()..).unwrap_or_default(), b.get(y.len_utf8()..).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn digits_compare_as_numbers() {
        let mut names = ["node10", "node2", "node1", "node02", "a", "node"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "node", "node1", "node2", "node02", "node10"]);
    }
}
