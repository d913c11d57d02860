//! Operations on two vectors: which series find each other.

use super::super::hint::{Finding, Severity};
use super::super::labels::{self, Labels};
use super::super::walk::Visit;
use super::names;
use crate::syntax::ast::{Binary, BinaryOp, Cardinality, Expr, Matching, ValueType};

/// The operation on two vectors that a node is, with the labels of its sides.
fn sides<'a>(visit: &Visit<'a>) -> Option<(&'a Binary, Labels, Labels)> {
    let e = visit.binary()?;
    let vectors = [&e.left, &e.right].iter().all(|side| side.value_type() == ValueType::Vector);
    // What is filled in, or joined by `or`, need not match.
    let free = e.op == BinaryOp::Or || e.matching.fill_left.is_some() || e.matching.fill_right.is_some();
    (vectors && !free).then(|| (e, labels::of(&e.left), labels::of(&e.right)))
}

/// Labels of `rich` that `poor` cannot have and that take part in the matching: those that are sure, else
/// those that are likely.
fn surplus(rich: &Labels, poor: &Labels, matching: &Matching) -> (Vec<String>, bool) {
    let counts =
        |label: &&str| !poor.may_have(label) && (matching.on == matching.labels.iter().any(|l| l == label));
    let sure: Vec<String> = rich.sure().filter(counts).map(str::to_owned).collect();
    if !sure.is_empty() {
        return (sure, true);
    }
    (rich.likely().filter(counts).map(str::to_owned).collect(), false)
}

/// Everything that `less` may have `more` may have too, and more than that.
fn wider(more: &Labels, less: &Labels) -> bool {
    let Some(set) = &less.at_most else { return false };
    set.iter().all(|label| more.may_have(label)) && more.at_most.as_ref().is_none_or(|m| m.len() > set.len())
}

pub(super) fn missing_group(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some((e, left, right)) = sides(visit) else { return };
    if e.matching.card != Cardinality::OneToOne {
        return;
    }
    let (rich, poor, word) = if wider(&left, &right) {
        (left, right, "left")
    } else if wider(&right, &left) {
        (right, left, "right")
    } else {
        return;
    };
    let Some(on) = poor.at_most.as_ref() else { return };
    let m = &e.matching;
    let (severity, message) = if m.on {
        // Without labels beyond those of on(), or with an aggregation to them, each group has one series.
        if !rich.beyond(&m.labels) || on.iter().any(|label| !m.labels.contains(label)) {
            return;
        }
        let message = format!(
            "the {word} side may have several series for each {}, and a match of one to one with several fails",
            if m.labels.is_empty() { "group".to_owned() } else { format!("({})", names(&m.labels)) }
        );
        (Severity::Warning, message)
    } else {
        let (extra, sure) = surplus(&rich, &poor, m);
        let bounded = rich.at_most.as_ref();
        let extra = match bounded {
            Some(set) if extra.is_empty() => {
                set.iter().filter(|l| !on.contains(*l) && !m.labels.contains(l)).cloned().collect()
            }
            _ => extra,
        };
        if extra.is_empty() {
            return;
        }
        let message = format!(
            "the {word} side has labels that the other side was aggregated without ({}), so no series match",
            names(&extra)
        );
        (if sure { Severity::Error } else { Severity::Warning }, message)
    };
    let shared: Vec<String> = if m.on { m.labels.clone() } else { on.iter().cloned().collect() };
    let clause = format!("on ({}) group_{word} ()", names(&shared));
    let finding = Finding::new(severity, e.span, message, format!("match with {clause}"));
    // A set operator knows no groups.
    if e.op.is_set() {
        return;
    }
    let card = if word == "left" { Cardinality::ManyToOne } else { Cardinality::OneToMany };
    let mut changed = e.clone();
    changed.matching = Matching { card, labels: shared, on: true, ..m.clone() };
    found(finding.edit(e.span, Expr::Binary(Box::new(changed)).to_string()));
}

pub(super) fn never_match(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some((e, left, right)) = sides(visit) else { return };
    let m = &e.matching;
    let result = match e.op {
        BinaryOp::Unless => "so nothing is ever taken away",
        _ => "so no series match",
    };
    if m.on {
        for label in &m.labels {
            let (poor, rich, word) = match (left.may_have(label), right.may_have(label)) {
                (false, true) => (&left, &right, "left"),
                (true, false) => (&right, &left, "right"),
                _ => continue,
            };
            let sure = rich.sure().any(|l| l == label);
            let without = poor.at_most.as_ref().map_or(String::new(), |set| {
                if set.is_empty() {
                    ", it has no labels".to_owned()
                } else {
                    format!(", it has at most ({})", names(set))
                }
            });
            let severity = if sure { Severity::Error } else { Severity::Warning };
            let effect = if sure { result } else { "so only series without it match" };
            found(Finding::new(
                severity,
                e.span,
                format!("on ({}): the {word} side has no label {label}{without}; {effect}", names(&m.labels)),
                format!("keep {label} in the aggregation of the {word} side, or leave it out of on ()"),
            ));
        }
        return;
    }
    let one_to_one = m.card == Cardinality::OneToOne;
    // That one has fewer labels than the other is the other rule's.
    if one_to_one && (wider(&left, &right) || wider(&right, &left)) {
        return;
    }
    let (of_left, sure_left) = surplus(&left, &right, m);
    let (of_right, sure_right) = surplus(&right, &left, m);
    let both_bounded = match (&left.at_most, &right.at_most) {
        (Some(a), Some(b)) => {
            let open = |label: &&String| !m.labels.contains(label);
            a.iter().filter(|l| !b.contains(*l)).any(|l| open(&l))
                && b.iter().filter(|l| !a.contains(*l)).any(|l| open(&l))
        }
        _ => false,
    };
    if of_left.is_empty() && of_right.is_empty() && !both_bounded {
        return;
    }
    let severity = if sure_left || sure_right { Severity::Error } else { Severity::Warning };
    let lacking = |extra: &[String], has: &str, lacks: &str| {
        (!extra.is_empty())
            .then(|| format!("the {has} side has ({}), the {lacks} side has not", names(extra)))
    };
    let bounded = || {
        let set = |labels: &Labels| labels.at_most.as_ref().map(names).unwrap_or_default();
        format!("the left side has at most ({}), the right side at most ({})", set(&left), set(&right))
    };
    let parts = [lacking(&of_left, "left", "right"), lacking(&of_right, "right", "left")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let differ = if parts.is_empty() { bounded() } else { parts.join("; ") };
    found(Finding::new(
        severity,
        e.span,
        format!("the labels differ, {result}: {differ}"),
        "name the labels to match by: on (…), or aggregate both sides by the same labels",
    ));
}
