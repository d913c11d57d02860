//! Binary operators: arithmetic, comparison, sets, and how vectors find their partners.

use super::{Evaluator, Outcome, check_unique, without_name};
use crate::engine::EngineError;
use crate::syntax::ast::{Binary, BinaryOp, Cardinality, Matching};
use crate::value::Column;
use hashbrown::HashMap;
use narthex_storage::{Labels, LabelsBuilder};

const MANY_TO_ONE: &str =
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
const AMBIGUOUS: &str = "multiple matches for labels: grouping labels must ensure unique matches";

impl Evaluator<'_> {
    pub(super) fn binary(&mut self, binary: &Binary) -> Result<Outcome, EngineError> {
        let left = self.eval(&binary.left)?;
        let right = self.eval(&binary.right)?;
        let op = binary.op;
        match (left, right) {
            (Outcome::Scalar(a), Outcome::Scalar(b)) => {
                let both = a.iter().zip(&b);
                Ok(Outcome::Scalar(
                    both.map(|(a, b)| compute(op, *a, *b).unwrap_or_else(|keep| f64::from(u8::from(keep))))
                        .collect(),
                ))
            }
            (Outcome::Vector(columns), Outcome::Scalar(scalar)) => {
                self.with_scalar(binary, columns, &scalar, false)
            }
            (Outcome::Scalar(scalar), Outcome::Vector(columns)) => {
                self.with_scalar(binary, columns, &scalar, true)
            }
            (Outcome::Vector(a), Outcome::Vector(b)) => {
                let held = weight(&a) + weight(&b);
                let out = if op.is_set() { self.sets(binary, a, b) } else { self.vectors(binary, &a, &b)? };
                self.release(held);
                self.hold(weight(&out))?;
                Ok(Outcome::Vector(out))
            }
            _ => Err(EngineError::Exec(
                "binary expression must contain only scalar and instant vector types".to_owned(),
            )),
        }
    }

    fn with_scalar(
        &mut self,
        binary: &Binary,
        mut columns: Vec<Column>,
        scalar: &[f64],
        swapped: bool,
    ) -> Result<Outcome, EngineError> {
        for column in &mut columns {
            for (step, other) in scalar.iter().enumerate() {
                let Some(value) = column.get(step) else { continue };
                let (a, b) = if swapped { (*other, value) } else { (value, *other) };
                match compute(binary.op, a, b) {
                    Ok(result) => column.set(step, result),
                    Err(keep) if binary.return_bool => column.set(step, f64::from(u8::from(keep))),
                    Err(true) => {}
                    Err(false) => column.unset(step),
                }
            }
        }
        columns.retain(|column| !column.is_empty());
        if drops_name(binary) {
            self.drop_names(columns).map(Outcome::Vector)
        } else {
            Ok(Outcome::Vector(columns))
        }
    }

    fn sets(&self, binary: &Binary, left: Vec<Column>, right: Vec<Column>) -> Vec<Column> {
        let steps = self.steps.count;
        // For each signature, at which steps some series of the other side is present.
        let presence = |columns: &[Column]| {
            let mut seen: HashMap<Labels, Vec<bool>> = HashMap::new();
            for column in columns {
                let steps = seen
                    .entry(signature(&column.labels, &binary.matching))
                    .or_insert_with(|| vec![false; steps]);
                steps.iter_mut().zip(&column.present).for_each(|(seen, present)| *seen |= *present);
            }
            seen
        };
        let mask = |columns: &mut Vec<Column>, other: &HashMap<Labels, Vec<bool>>, wanted: bool| {
            for column in columns.iter_mut() {
                let others = other.get(&signature(&column.labels, &binary.matching));
                for step in 0..steps {
                    let there = others.and_then(|o| o.get(step)).copied().unwrap_or(false);
                    if there != wanted {
                        column.unset(step);
                    }
                }
            }
            columns.retain(|column| !column.is_empty());
        };
        let (mut left, mut right) = (left, right);
        match binary.op {
            BinaryOp::And => mask(&mut left, &presence(&right), true),
            BinaryOp::Unless => mask(&mut left, &presence(&right), false),
            _ => {
                mask(&mut right, &presence(&left), false);
                left.extend(right);
            }
        }
        left
    }

    fn vectors(
        &self,
        binary: &Binary,
        left: &[Column],
        right: &[Column],
    ) -> Result<Vec<Column>, EngineError> {
        let matching = &binary.matching;
        let swapped = matching.card == Cardinality::OneToMany;
        // From here on the "one" side is right, as in Prometheus.
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let mut partners: HashMap<Labels, Vec<usize>> = HashMap::new();
        for (i, column) in one.iter().enumerate() {
            partners.entry(signature(&column.labels, matching)).or_default().push(i);
        }
        // A duplicate on the one side is an error even where nothing matches it.
        let side = if swapped { "left" } else { "right" };
        for (signature, group) in partners.iter().filter(|(_, group)| group.len() > 1) {
            for step in 0..self.steps.count {
                let mut present = group.iter().filter_map(|i| one.get(*i)).filter(|c| c.get(step).is_some());
                if let (Some(first), Some(second)) = (present.next(), present.next())
                    && many.iter().any(|c| c.get(step).is_some())
                {
                    return Err(EngineError::Exec(format!(
                        "found duplicate series for the match group {signature:?} on the {side} hand-side of the operation: [{:?}, {:?}];many-to-many matching not allowed: matching labels must be unique on one side",
                        second.labels, first.labels
                    )));
                }
            }
        }
        let mut out: Vec<Column> = Vec::new();
        // Per column of `out` the steps at which a pair was found.
        let mut matched: Vec<Vec<bool>> = Vec::new();
        let mut places: HashMap<(Labels, bool), usize> = HashMap::new();
        let mut taken: HashMap<Labels, Vec<bool>> = HashMap::new();
        let one_to_one = matching.card == Cardinality::OneToOne;
        for column in many {
            let key = signature(&column.labels, matching);
            let Some(group) = partners.get(&key) else { continue };
            let mut known: Option<(usize, usize)> = None;
            for step in 0..self.steps.count {
                let Some(a) = column.get(step) else { continue };
                let Some((partner, b)) = group.iter().find_map(|i| Some((*i, one.get(*i)?.get(step)?)))
                else {
                    continue;
                };
                if one_to_one {
                    let steps = taken.entry(key.clone()).or_insert_with(|| vec![false; self.steps.count]);
                    if steps.get_mut(step).is_some_and(|taken| std::mem::replace(taken, true)) {
                        return Err(EngineError::Exec(MANY_TO_ONE.to_owned()));
                    }
                }
                let place = match known {
                    Some((known_partner, place)) if known_partner == partner => place,
                    _ => {
                        let labels = one.get(partner).map_or_else(Labels::empty, |one| {
                            self.result_labels(binary, &column.labels, &one.labels)
                        });
                        let drop_name = drops_name(binary) || column.drop_name;
                        let place = *places.entry((labels.clone(), drop_name)).or_insert_with(|| {
                            let mut fresh = Column::empty(labels, self.steps.count);
                            fresh.drop_name = drop_name && self.options.delayed_name_removal;
                            out.push(fresh);
                            matched.push(vec![false; self.steps.count]);
                            out.len() - 1
                        });
                        known = Some((partner, place));
                        place
                    }
                };
                let Some((target, matched)) = out.get_mut(place).zip(matched.get_mut(place)) else {
                    continue;
                };
                // Even what a comparison filters away has to match only once.
                if matched.get_mut(step).is_some_and(|matched| std::mem::replace(matched, true)) {
                    let text = if one_to_one { MANY_TO_ONE } else { AMBIGUOUS };
                    return Err(EngineError::Exec(text.to_owned()));
                }
                let (x, y) = if swapped { (b, a) } else { (a, b) };
                let value = match compute(binary.op, x, y) {
                    Ok(value) => value,
                    Err(keep) if binary.return_bool => f64::from(u8::from(keep)),
                    Err(true) => x,
                    Err(false) => continue,
                };
                target.set(step, value);
            }
        }
        out.retain(|column| !column.is_empty());
        if !self.options.delayed_name_removal {
            check_unique(&out, self.steps.count)?;
        }
        Ok(out)
    }

    fn result_labels(&self, binary: &Binary, many: &Labels, one: &Labels) -> Labels {
        let matching = &binary.matching;
        let base = if drops_name(binary) && !self.options.delayed_name_removal {
            without_name(many)
        } else {
            many.clone()
        };
        let mut builder = LabelsBuilder::from_labels(&base);
        if matching.card == Cardinality::OneToOne {
            let listed = |name: &str| matching.labels.iter().any(|l| l == name);
            builder.retain(|name, _| listed(name) == matching.on);
        }
        for name in &matching.include {
            builder.set(name, one.get(name).unwrap_or(""));
        }
        builder.build()
    }
}

fn weight(columns: &[Column]) -> usize {
    columns.iter().map(Column::weight).sum()
}

fn drops_name(binary: &Binary) -> bool {
    !binary.op.is_comparison() || binary.return_bool
}

/// The labels by which two series find each other.
fn signature(labels: &Labels, matching: &Matching) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|l| l == name);
    let mut builder = LabelsBuilder::from_labels(labels);
    if matching.on {
        builder.retain(|name, _| listed(name));
    } else {
        builder.retain(|name, _| !listed(name) && name != "__name__");
    }
    builder.build()
}

/// The number of an arithmetic operation, or the verdict of a comparison.
fn compute(op: BinaryOp, a: f64, b: f64) -> Result<f64, bool> {
    match op {
        BinaryOp::Add => Ok(a + b),
        BinaryOp::Sub => Ok(a - b),
        BinaryOp::Mul => Ok(a * b),
        BinaryOp::Div => Ok(a / b),
        BinaryOp::Mod => Ok(a % b),
        BinaryOp::Pow => Ok(a.powf(b)),
        BinaryOp::Atan2 => Ok(a.atan2(b)),
        BinaryOp::Eql => Err(a == b),
        BinaryOp::Neq => Err(a != b),
        BinaryOp::Gtr => Err(a > b),
        BinaryOp::Lss => Err(a < b),
        BinaryOp::Gte => Err(a >= b),
        BinaryOp::Lte => Err(a <= b),
        _ => Err(false),
    }
}
