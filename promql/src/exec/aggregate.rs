//! Aggregations: accumulators per group and step.

use super::Evaluator;
use crate::engine::EngineError;
use crate::numeric::{KahanSum, format_float, format_short, quantile};
use crate::syntax::ast::{Aggregate, AggregateOp, Span};
use crate::value::Column;
use hashbrown::HashMap;
use narthex_storage::{Labels, LabelsBuilder};

/// Running figures of one group at one step.
#[derive(Clone, Default)]
struct Cell {
    count: f64,
    sum: KahanSum,
    /// The mean once the sum has left the range of a float.
    mean: Option<f64>,
    first_mean: f64,
    squares: f64,
    extreme: f64,
}

struct Group {
    labels: Labels,
    drop_name: bool,
    members: Vec<usize>,
}

impl Evaluator<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Vec<Column>, EngineError> {
        let op = aggregate.op;
        let parameter = match (&aggregate.param, op) {
            (Some(param), AggregateOp::CountValues) => {
                let label = self.text(param)?;
                if label.is_empty() {
                    return Err(EngineError::Exec(format!("invalid label name {label:?}")));
                }
                return self.count_values(aggregate, &label);
            }
            (Some(param), _) => {
                let values = self.scalar(param)?;
                self.check_parameter(op, &values, param.span())?;
                values
            }
            (None, _) => Vec::new(),
        };
        let columns = self.vector(&aggregate.expr)?;
        let groups = group(&columns, aggregate);
        let steps = self.steps.count;
        let held: usize = columns.iter().map(Column::weight).sum();
        self.release(held);
        let selects = matches!(
            op,
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio
        );
        let out = if selects {
            self.pick(op, columns, &groups, &parameter)?
        } else {
            let mut out = Vec::with_capacity(groups.len());
            for group in groups {
                let mut column = Column::empty(group.labels, steps);
                column.drop_name = group.drop_name;
                if op == AggregateOp::Quantile {
                    quantiles(&columns, &group.members, &parameter, &mut column);
                } else {
                    reduce(op, &columns, &group.members, &mut column);
                }
                out.push(column);
            }
            out
        };
        let out: Vec<Column> = out.into_iter().filter(|c| !c.is_empty()).collect();
        self.hold(out.iter().map(Column::weight).sum())?;
        Ok(out)
    }

    /// Refuses or remarks on the parameter, whether or not there is anything to aggregate.
    fn check_parameter(&mut self, op: AggregateOp, values: &[f64], span: Span) -> Result<(), EngineError> {
        let any_nan = values.iter().any(|v| v.is_nan());
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let refuse = |text: String| Err(EngineError::Exec(text));
        match op {
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk => {
                if any_nan {
                    return refuse("Parameter value is NaN".to_owned());
                }
                if most >= i64::MAX as f64 {
                    return refuse(format!("Scalar value {} overflows int64", format_short(most)));
                }
                if least <= i64::MIN as f64 {
                    return refuse(format!("Scalar value {} underflows int64", format_short(least)));
                }
            }
            AggregateOp::LimitRatio => {
                if any_nan {
                    return refuse("Ratio value is NaN".to_owned());
                }
                for (ratio, cap) in [(most, 1.0), (least, -1.0)] {
                    if (cap > 0.0 && ratio > cap) || (cap < 0.0 && ratio < cap) {
                        let ratio = format_short(ratio);
                        let text =
                            format!("ratio value should be between -1 and 1, got {ratio}, capping to {cap}");
                        self.warn(text, span);
                    }
                }
            }
            AggregateOp::Quantile => {
                if any_nan {
                    self.warn_quantile(f64::NAN, span);
                }
                for q in [most, least].into_iter().filter(|q| q.is_finite() || !any_nan) {
                    self.warn_quantile(q, span);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Remarks on a quantile outside `[0, 1]`.
    pub(super) fn warn_quantile(&mut self, q: f64, span: Span) {
        if !(0.0..=1.0).contains(&q) {
            let text = format!("quantile value should be between 0 and 1, got {}", format_short(q));
            self.warn(text, span);
        }
    }

    /// `topk`, `bottomk`, `limitk`, `limit_ratio`: the series themselves, where they are chosen.
    fn pick(
        &self,
        op: AggregateOp,
        mut columns: Vec<Column>,
        groups: &[Group],
        parameter: &[f64],
    ) -> Result<Vec<Column>, EngineError> {
        let mut order: Vec<usize> = Vec::with_capacity(columns.len());
        for group in groups {
            for step in 0..self.steps.count {
                let k = parameter.get(step).copied().unwrap_or(f64::NAN);
                let value = |i: usize| columns.get(i).and_then(|c| c.get(step));
                let mut members: Vec<(usize, f64)> =
                    group.members.iter().filter_map(|i| Some((*i, value(*i)?))).collect();
                let chosen = if op == AggregateOp::LimitRatio {
                    let ratio = k.clamp(-1.0, 1.0);
                    members.retain(|(i, _)| columns.get(*i).is_some_and(|c| in_ratio(&c.labels, ratio)));
                    members.len()
                } else {
                    if op != AggregateOp::Limitk {
                        let up = op == AggregateOp::Topk;
                        members.sort_by(|a, b| rank(a.1, b.1, up));
                    }
                    if k < 1.0 { 0 } else { (k as usize).min(members.len()) }
                };
                if self.steps.count == 1 {
                    order.extend(members.iter().take(chosen).map(|(i, _)| *i));
                }
                for (i, _) in members.iter().skip(chosen) {
                    if let Some(column) = columns.get_mut(*i) {
                        column.unset(step);
                    }
                }
                if op == AggregateOp::LimitRatio {
                    for i in group.members.iter().filter(|i| !members.iter().any(|(m, _)| m == *i)) {
                        if let Some(column) = columns.get_mut(*i) {
                            column.unset(step);
                        }
                    }
                }
            }
        }
        if self.steps.count != 1 {
            return Ok(columns);
        }
        // An instant query gives them in their rank.
        let mut slots: Vec<Option<Column>> = columns.into_iter().map(Some).collect();
        Ok(order.into_iter().filter_map(|i| slots.get_mut(i).and_then(Option::take)).collect())
    }

    fn count_values(&mut self, aggregate: &Aggregate, label: &str) -> Result<Vec<Column>, EngineError> {
        let columns = self.vector(&aggregate.expr)?;
        let mut out: Vec<Column> = Vec::new();
        let mut places: HashMap<Labels, usize> = HashMap::new();
        for group in group(&columns, aggregate) {
            for column in group.members.iter().filter_map(|i| columns.get(*i)) {
                for step in 0..self.steps.count {
                    let Some(value) = column.get(step) else { continue };
                    let labels =
                        LabelsBuilder::from_labels(&group.labels).set(label, &format_float(value)).build();
                    let place = *places.entry(labels.clone()).or_insert_with(|| {
                        out.push(Column::empty(labels, self.steps.count));
                        out.len() - 1
                    });
                    if let Some(column) = out.get_mut(place) {
                        let count = column.get(step).unwrap_or(0.0);
                        column.set(step, count + 1.0);
                    }
                }
            }
        }
        Ok(out)
    }
}

/// NaN comes last whichever way the values are ordered.
fn rank(a: f64, b: f64, descending: bool) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Greater,
        (false, true) => std::cmp::Ordering::Less,
        _ if descending => b.total_cmp(&a),
        _ => a.total_cmp(&b),
    }
}

/// Whether the series' hash falls into the share: from below for a positive ratio, from above otherwise.
fn in_ratio(labels: &Labels, ratio: f64) -> bool {
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
    let offset = xxhash_rust::xxh64::xxh64(&bytes, 0) as f64 / u64::MAX as f64;
    if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
}

fn group(columns: &[Column], aggregate: &Aggregate) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let names = aggregate.grouping.iter().any(|l| l == "__name__");
    for (i, column) in columns.iter().enumerate() {
        let listed = |name: &str| aggregate.grouping.iter().any(|l| l == name);
        let labels = if aggregate.without {
            LabelsBuilder::from_labels(&column.labels)
                .retain(|name, _| !listed(name) && !matches!(name, "__name__" | "__type__" | "__unit__"))
                .build()
        } else if aggregate.grouping.is_empty() {
            Labels::empty()
        } else {
            LabelsBuilder::from_labels(&column.labels).retain(|name, _| listed(name)).build()
        };
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            groups.push(Group { labels, drop_name: false, members: Vec::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            // One member whose name is to go takes the group's with it.
            group.drop_name |= names && !aggregate.without && column.drop_name;
            group.members.push(i);
        }
    }
    groups
}

fn quantiles(columns: &[Column], members: &[usize], q: &[f64], out: &mut Column) {
    let mut values = Vec::with_capacity(members.len());
    for step in 0..out.values.len() {
        values.clear();
        values.extend(members.iter().filter_map(|i| columns.get(*i)?.get(step)));
        if !values.is_empty() {
            out.set(step, quantile(q.get(step).copied().unwrap_or(f64::NAN), &mut values));
        }
    }
}

fn reduce(op: AggregateOp, columns: &[Column], members: &[usize], out: &mut Column) {
    let mut cells = vec![Cell::default(); out.values.len()];
    for column in members.iter().filter_map(|i| columns.get(*i)) {
        for (step, cell) in cells.iter_mut().enumerate() {
            if let Some(value) = column.get(step) {
                cell.add(op, value);
            }
        }
    }
    for (step, cell) in cells.iter().enumerate() {
        if cell.count > 0.0 {
            out.set(step, cell.result(op));
        }
    }
}

impl Cell {
    fn add(&mut self, op: AggregateOp, value: f64) {
        self.count += 1.0;
        match op {
            AggregateOp::Sum => self.sum.add(value),
            AggregateOp::Avg => self.add_mean(value),
            AggregateOp::Stddev | AggregateOp::Stdvar => {
                let delta = value - self.first_mean;
                self.first_mean += delta / self.count;
                self.squares += delta * (value - self.first_mean);
            }
            AggregateOp::Max if self.count == 1.0 || self.extreme < value || self.extreme.is_nan() => {
                self.extreme = value;
            }
            AggregateOp::Min if self.count == 1.0 || self.extreme > value || self.extreme.is_nan() => {
                self.extreme = value;
            }
            _ => {}
        }
    }

    /// The sum while it fits a float, then a running mean, as Prometheus averages.
    fn add_mean(&mut self, value: f64) {
        if self.mean.is_none() {
            let mut sum = self.sum;
            sum.add(value);
            if self.count == 1.0 || sum.value().is_finite() || !self.sum.value().is_finite() {
                self.sum = sum;
                return;
            }
            self.mean = Some(self.sum.value() / (self.count - 1.0));
        }
        if let Some(mean) = &mut self.mean {
            if mean.is_infinite()
                && (value.is_infinite() && (*mean > 0.0) == (value > 0.0) || value.is_finite())
            {
                return;
            }
            *mean += value / self.count - *mean / self.count;
        }
    }

    fn result(&self, op: AggregateOp) -> f64 {
        match op {
            AggregateOp::Sum => self.sum.value(),
            AggregateOp::Avg => self.mean.unwrap_or_else(|| self.sum.value() / self.count),
            AggregateOp::Stdvar => self.squares / self.count,
            AggregateOp::Stddev => (self.squares / self.count).sqrt(),
            AggregateOp::Max | AggregateOp::Min => self.extreme,
            AggregateOp::Group => 1.0,
            _ => self.count,
        }
    }
}
