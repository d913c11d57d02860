//! Which labels the series of an expression may and must have, whatever the data.

use super::metric;
use super::walk::series_argument;
use crate::syntax::ast::{
    Aggregate, AggregateOp, Binary, Call, Cardinality, Expr, ValueType, VectorSelector,
};
use narthex_storage::MatchOp;
use std::collections::BTreeSet;

/// Labels of an expression's series. The metric's name is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Labels {
    /// No label beyond these; `None` when any is possible.
    pub(super) at_most: Option<BTreeSet<String>>,
    /// Labels that no series has, where `at_most` does not say so.
    absent: BTreeSet<String>,
    /// Labels that every series has.
    present: BTreeSet<String>,
    /// Reads scraped series: they have `job` and `instance`, unless something took them away.
    pub(super) scraped: bool,
}

/// Labels that every scrape puts to its series.
const SCRAPED: [&str; 2] = ["instance", "job"];

impl Labels {
    fn none() -> Self {
        Self { at_most: Some(BTreeSet::new()), ..Self::default() }
    }

    /// Whether a series may have the label.
    pub(super) fn may_have(&self, label: &str) -> bool {
        self.at_most.as_ref().map_or_else(|| !self.absent.contains(label), |set| set.contains(label))
    }

    /// Labels that every series has.
    pub(super) fn sure(&self) -> impl Iterator<Item = &str> {
        self.present.iter().map(String::as_str).filter(|label| self.may_have(label))
    }

    /// Labels that every series has, or has unless nobody scraped it.
    pub(super) fn likely(&self) -> impl Iterator<Item = &str> {
        let scraped = SCRAPED.into_iter().filter(|label| self.scraped && self.may_have(label));
        self.sure().chain(scraped)
    }

    /// Whether there may be labels beyond these.
    pub(super) fn beyond(&self, labels: &[String]) -> bool {
        self.at_most.as_ref().is_none_or(|set| set.iter().any(|label| !labels.contains(label)))
    }

    fn add(&mut self, label: &str) {
        self.absent.remove(label);
        if let Some(set) = &mut self.at_most {
            set.insert(label.to_owned());
        }
    }

    fn remove(&mut self, label: &str) {
        self.present.remove(label);
        match &mut self.at_most {
            Some(set) => drop(set.remove(label)),
            None => drop(self.absent.insert(label.to_owned())),
        }
    }

    fn keep(&self, labels: &[String]) -> Self {
        let kept = |label: &&String| self.may_have(label);
        Self {
            at_most: Some(labels.iter().filter(kept).cloned().collect()),
            absent: BTreeSet::new(),
            present: labels.iter().filter(|label| self.present.contains(*label)).cloned().collect(),
            scraped: self.scraped,
        }
    }

    /// Of series that come from either side.
    fn either(self, other: Self) -> Self {
        let absent = self.absent.iter().filter(|l| !other.may_have(l)).cloned();
        let absent = absent.chain(other.absent.iter().filter(|l| !self.may_have(l)).cloned()).collect();
        let at_most = match (&self.at_most, &other.at_most) {
            (Some(a), Some(b)) => Some(a | b),
            _ => None,
        };
        Self {
            at_most,
            absent,
            present: &self.present & &other.present,
            scraped: self.scraped && other.scraped,
        }
    }

    /// Of series whose labels are the same on both sides.
    fn both(self, other: Self) -> Self {
        let at_most = match (&self.at_most, &other.at_most) {
            (Some(a), Some(b)) => Some(a & b),
            (Some(a), None) => Some(a.iter().filter(|l| other.may_have(l)).cloned().collect()),
            (None, Some(b)) => Some(b.iter().filter(|l| self.may_have(l)).cloned().collect()),
            (None, None) => None,
        };
        Self {
            at_most,
            absent: &self.absent | &other.absent,
            present: &self.present | &other.present,
            scraped: self.scraped || other.scraped,
        }
    }
}

/// The labels of an expression's series.
pub(super) fn of(expr: &Expr) -> Labels {
    match expr {
        Expr::Number { .. } | Expr::String { .. } => Labels::none(),
        Expr::Paren { expr, .. } | Expr::Unary { expr, .. } => of(expr),
        Expr::Vector(selector) => of_selector(selector),
        Expr::Matrix { selector, .. } => of_selector(selector),
        Expr::Subquery(e) => of(&e.expr),
        Expr::Aggregate(e) => of_aggregate(e),
        Expr::Call(e) => of_call(e),
        Expr::Binary(e) => of_binary(e),
    }
}

fn of_selector(selector: &VectorSelector) -> Labels {
    let mut labels = Labels {
        scraped: metric::name(selector).is_some_and(|name| !metric::recorded(name) && name != "ALERTS"),
        ..Labels::default()
    };
    for matcher in selector.matchers.iter().filter(|m| m.name != "__name__") {
        if matcher.op == MatchOp::Equal && matcher.value.is_empty() {
            labels.absent.insert(matcher.name.clone());
        } else if !matcher.matches_empty() {
            labels.present.insert(matcher.name.clone());
        }
    }
    labels
}

fn of_aggregate(e: &Aggregate) -> Labels {
    let inner = of(&e.expr);
    let mut labels = match e.op {
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
            return inner;
        }
        _ if e.without => {
            let mut labels = inner;
            e.grouping.iter().for_each(|label| labels.remove(label));
            labels
        }
        _ => inner.keep(&e.grouping),
    };
    if e.op == AggregateOp::CountValues
        && let Some(Expr::String { value, .. }) = e.param.as_ref().map(Expr::unwrap_parens)
    {
        labels.add(value);
    }
    labels
}

fn of_call(e: &Call) -> Labels {
    let text = |at: usize| match e.args.get(at).map(Expr::unwrap_parens) {
        Some(Expr::String { value, .. }) => Some(value.as_str()),
        _ => None,
    };
    if e.function.returns == ValueType::Scalar {
        return Labels::none();
    }
    let Some(argument) = series_argument(e) else { return Labels::none() };
    let mut labels = of(argument);
    match e.function.name {
        "absent" | "absent_over_time" => {
            let (Expr::Vector(selector) | Expr::Matrix { selector, .. }) = argument.unwrap_parens() else {
                return Labels::none();
            };
            let equal = selector.matchers.iter().filter(|m| m.op == MatchOp::Equal && m.name != "__name__");
            Labels { at_most: Some(equal.map(|m| m.name.clone()).collect()), ..Labels::default() }
        }
        "label_replace" | "label_join" => {
            let Some(target) = text(1) else { return Labels::default() };
            labels.add(target);
            labels.present.remove(target);
            labels
        }
        "histogram_quantile" | "histogram_fraction" => {
            labels.remove("le");
            labels
        }
        "histogram_quantiles" => {
            labels.remove("le");
            text(1).into_iter().for_each(|label| labels.add(label));
            labels
        }
        "info" => Labels { present: labels.present, scraped: labels.scraped, ..Labels::default() },
        _ => labels,
    }
}

fn of_binary(e: &Binary) -> Labels {
    let (left, right) = (of(&e.left), of(&e.right));
    match (e.left.value_type(), e.right.value_type()) {
        (ValueType::Scalar, ValueType::Scalar) => return Labels::none(),
        (ValueType::Scalar, _) => return right,
        (_, ValueType::Scalar) => return left,
        _ => {}
    }
    let m = &e.matching;
    let filled = m.fill_left.is_some() || m.fill_right.is_some();
    match m.card {
        Cardinality::ManyToMany => {
            if e.op == crate::syntax::ast::BinaryOp::Or {
                left.either(right)
            } else {
                left
            }
        }
        Cardinality::OneToOne if m.on && filled => left.keep(&m.labels).either(right.keep(&m.labels)),
        Cardinality::OneToOne if m.on => left.keep(&m.labels).both(right.keep(&m.labels)),
        Cardinality::OneToOne => {
            let (mut left, mut right) = (left, right);
            for label in &m.labels {
                left.remove(label);
                right.remove(label);
            }
            if filled { left.either(right) } else { left.both(right) }
        }
        Cardinality::ManyToOne | Cardinality::OneToMany => {
            let (mut many, one) =
                if m.card == Cardinality::ManyToOne { (left, right) } else { (right, left) };
            for label in &m.include {
                if one.may_have(label) {
                    many.add(label);
                } else {
                    many.remove(label);
                }
            }
            many.scraped &= !filled;
            many
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParseOptions, parse_expr};

    fn labels(text: &str) -> Labels {
        of(&parse_expr(text, &ParseOptions::all()).unwrap())
    }

    fn at_most(text: &str) -> Option<Vec<String>> {
        labels(text).at_most.map(|set| set.into_iter().collect())
    }

    #[test]
    fn bounds_follow_the_operators() {
        let table: &[(&str, Option<&[&str]>)] = &[
            ("x", None),
            ("sum(x)", Some(&[])),
            ("sum by (a, b) (x)", Some(&["a", "b"])),
            ("sum by (a) (sum by (b) (x))", Some(&[])),
            ("sum without (a) (sum by (a, b) (x))", Some(&["b"])),
            ("topk(1, sum by (a) (x))", Some(&["a"])),
            ("count_values by (a) (\"v\", x)", Some(&["a", "v"])),
            ("label_replace(sum by (a) (x), \"b\", \"$1\", \"a\", \"(.*)\")", Some(&["a", "b"])),
            ("x * on (a) y", Some(&["a"])),
            ("sum by (a) (x) * on (a) group_left (c) y", Some(&["a", "c"])),
            ("sum by (a) (x) * on (a) group_left (c) sum by (a) (y)", Some(&["a"])),
            ("sum by (a, b) (x) / sum by (a) (y)", Some(&["a"])),
            ("sum by (a) (x) or sum by (b) (y)", Some(&["a", "b"])),
            ("sum by (a) (x) or y", None),
            ("histogram_quantile(0.9, sum by (le, a) (x))", Some(&["a"])),
            ("absent(x{a=\"1\", b!=\"2\"})", Some(&["a"])),
            ("vector(1)", Some(&[])),
            ("2 * sum by (a) (x)", Some(&["a"])),
        ];
        for (text, want) in table {
            let want = want.map(|w| w.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>());
            assert_eq!(at_most(text), want, "{text}");
        }
    }

    #[test]
    fn matchers_make_labels_sure_or_impossible() {
        let found = labels("x{a=\"1\", b=~\"y.*\", c=~\"z|\", d=\"\"}");
        assert_eq!(found.sure().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!found.may_have("d") && found.may_have("c"));
        assert_eq!(labels("sum by (a, e) (x{a=\"1\"})").sure().collect::<Vec<_>>(), ["a"]);
        assert!(!labels("sum without (a) (x{a=\"1\"})").may_have("a"));
        assert_eq!(labels("sum without (job) (x)").likely().collect::<Vec<_>>(), ["instance"]);
    }
}
