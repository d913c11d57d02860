//! Arithmetic and comparison of two vectors: every series of the "many" side finds its partner.
//!
//! The "one" side is held, the other streams by. Which series match is a question of each step: several series
//! of one signature are fine as long as no step has two of them.

use super::super::labels::{LabelChoice, RESERVED, builder, without_name};
use super::super::operator::{Collected, Meta, Operator, Part};
use super::super::unique::{Clash, relabelled};
use super::super::{Context, Node, Scope};
use super::changes_metric;
use super::elements::{Element, Elements, Side};
use crate::batch::{Batch, Column, words};
use crate::budget::Charge;
use crate::engine::EngineError;
use crate::syntax::ast::{Binary, Cardinality, Matching};
use hashbrown::HashMap;
use narthex_storage::Labels;
use std::sync::Arc;

const MANY_TO_ONE: &str =
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
const AMBIGUOUS: &str = "multiple matches for labels: grouping labels must ensure unique matches";

/// The labels by which series find each other.
pub(super) fn signature_choice(matching: &Matching) -> LabelChoice {
    if matching.on {
        LabelChoice::only(&matching.labels)
    } else {
        LabelChoice::all_but(matching.labels.iter().map(String::as_str).chain(["__name__"]))
    }
}

/// Where a pair's result goes, and who may not write there as well.
#[derive(Debug, Clone, Copy)]
struct Target {
    /// Position among the output series.
    output: usize,
    /// Whose steps are taken by it: results that may not meet at a step.
    claim: usize,
}

/// A series of the "many" side with what it may become.
#[derive(Debug, Default)]
struct Row {
    signature: u32,
    /// Where the result with each partner goes: one place for all, unless labels are taken from them.
    targets: Vec<Target>,
    /// Where the result goes at steps without partner.
    filled: Option<Target>,
    /// Its output series stand here in the output.
    outputs: std::ops::Range<usize>,
}

struct Matched<'a> {
    many: Box<dyn Operator + 'a>,
    one: Option<Box<dyn Operator + 'a>>,
    held: Option<Collected>,
    elements: Elements,
    choice: LabelChoice,
    swapped: bool,
    one_to_one: bool,
    fill_one: Option<f64>,
    fill_many: Option<f64>,
    rows: Vec<Row>,
    /// For each signature the series of the "one" side.
    members: Vec<Vec<u32>>,
    /// For each series of the "one" side its signature, and where it goes at steps without partner.
    alone: Vec<(u32, Option<Target>)>,
    series: Vec<Meta>,
    steps: usize,
    /// For each claim the steps that are taken.
    claims: Vec<Vec<u64>>,
    /// For each signature the steps at which a pair was found; only kept when the "many" side can be filled.
    paired: Vec<Vec<u64>>,
    /// Steps at which the "one" side has two series of one signature, and what to say of each.
    doubles: Vec<(usize, Arc<str>)>,
    finished: bool,
}

pub(super) fn build<'a>(
    cx: &Context<'a>,
    binary: &'a Binary,
    left: Box<dyn Operator + 'a>,
    right: Box<dyn Operator + 'a>,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let matching = &binary.matching;
    let swapped = matching.card == Cardinality::OneToMany;
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let one_to_one = matching.card == Cardinality::OneToOne;
    // As in Prometheus, the sides of the fill values do not swap.
    let (fill_one, fill_many) = (matching.fill_right, matching.fill_left);
    let mut plan = Plan::new(cx, binary, many.series(), one.series());
    let choice = signature_choice(matching);
    let mut key = Vec::new();
    for meta in one.series() {
        choice.key(&meta.labels, &mut key);
        plan.add_one(&key);
    }
    let mut rows = Vec::with_capacity(many.series().len());
    let mut held = cx.charge_bytes(0)?;
    for (i, meta) in many.series().iter().enumerate() {
        cx.cancel.check()?;
        choice.key(&meta.labels, &mut key);
        rows.push(plan.row(i, &key, &choice, fill_one.is_some(), &mut held)?);
    }
    let alone = plan.alone(&choice, fill_many.is_some());
    cx.hold(0, plan.bytes())?;
    let steps = scope.steps.count;
    drop(held);
    let Plan { series, claims, members, .. } = plan;
    let (series, claims) = (series, claims.len());
    let paired = if fill_many.is_some() { vec![vec![0; words(steps)]; members.len()] } else { Vec::new() };
    let matched = Box::new(Matched {
        many,
        one: Some(one),
        held: None,
        elements: Elements::new(binary),
        choice,
        swapped,
        one_to_one,
        fill_one,
        fill_many,
        rows,
        members,
        alone,
        series: series.clone(),
        steps,
        claims: vec![vec![0; words(steps)]; claims],
        paired,
        doubles: Vec::new(),
        finished: false,
    });
    if cx.options.delayed_name_removal {
        return Ok(Node::Vector(matched));
    }
    Ok(Node::Vector(relabelled(matched, series, scope, Clash::AtAStep)))
}

/// Finds partners and lays out the output.
struct Plan<'p> {
    binary: &'p Binary,
    many: &'p [Meta],
    one: &'p [Meta],
    delayed: bool,
    signatures: HashMap<Box<[u8]>, u32>,
    one_signatures: Vec<u32>,
    /// For each signature the series of the "one" side.
    members: Vec<Vec<u32>>,
    series: Vec<Meta>,
    /// Claims by signature, and in many-to-one matching by the result's labels too.
    claims: HashMap<(u32, Option<Labels>), usize>,
    /// The outputs of the row that is being made, once there are more than a few.
    row_outputs: HashMap<Labels, usize>,
}

/// A row with no more outputs than this is looked through; one with more is asked by a map.
const FEW_OUTPUTS: usize = 8;

impl<'p> Plan<'p> {
    fn new(cx: &Context<'_>, binary: &'p Binary, many: &'p [Meta], one: &'p [Meta]) -> Self {
        Self {
            binary,
            many,
            one,
            delayed: cx.options.delayed_name_removal,
            signatures: HashMap::new(),
            one_signatures: Vec::with_capacity(one.len()),
            members: Vec::new(),
            series: Vec::new(),
            claims: HashMap::new(),
            row_outputs: HashMap::new(),
        }
    }

    fn signature(&mut self, key: &[u8]) -> u32 {
        if let Some(known) = self.signatures.get(key) {
            return *known;
        }
        // A query of 4 billion series is beyond any budget.
        let fresh = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        self.signatures.insert(key.into(), fresh);
        self.members.push(Vec::new());
        fresh
    }

    fn add_one(&mut self, key: &[u8]) {
        let signature = self.signature(key);
        let series = u32::try_from(self.one_signatures.len()).unwrap_or(u32::MAX);
        if let Some(members) = self.members.get_mut(signature as usize) {
            members.push(series);
        }
        self.one_signatures.push(signature);
    }

    fn row(
        &mut self,
        many: usize,
        key: &[u8],
        choice: &LabelChoice,
        fill: bool,
        held: &mut Charge,
    ) -> Result<Row, EngineError> {
        let begin = self.series.len();
        if !fill && !self.signatures.contains_key(key) {
            return Ok(Row { outputs: begin..begin, ..Row::default() });
        }
        let signature = self.signature(key);
        let Some(meta) = self.many.get(many) else { return Ok(Row::default()) };
        let members = self.members.get(signature as usize).map_or(&[][..], Vec::as_slice);
        let taken =
            if self.binary.matching.include.is_empty() { members.len().min(1) } else { members.len() };
        // Booked before it is made: each row may have every series as a partner. A result's labels stand among
        // the claims too.
        held.grow(0, (taken * (size_of::<Target>() + meta.labels.encoded_len() + 192)) as u64)?;
        let partners: Vec<u32> = members.iter().take(taken).copied().collect();
        let mut targets = Vec::with_capacity(taken);
        for one in partners {
            let Some(partner) = self.one.get(one as usize) else { continue };
            let labels = self.result_labels(&meta.labels, &partner.labels);
            targets.push(self.target(begin, signature, labels, meta.drop_name));
        }
        let filled = fill.then(|| {
            let labels = self.result_labels(&meta.labels, &choice.of(&meta.labels));
            self.target(begin, signature, labels, meta.drop_name)
        });
        Ok(Row { signature, targets, filled, outputs: begin..self.series.len() })
    }

    /// For each series of the "one" side where it goes when nothing of the other side is there.
    fn alone(&mut self, choice: &LabelChoice, fill: bool) -> Vec<(u32, Option<Target>)> {
        let one = self.one;
        let mut all = Vec::with_capacity(one.len());
        for (i, meta) in one.iter().enumerate() {
            let signature = self.one_signatures.get(i).copied().unwrap_or(0);
            let target = fill.then(|| {
                let labels = self.result_labels(&choice.of(&meta.labels), &meta.labels);
                let begin = self.series.len();
                self.target(begin, signature, labels, false)
            });
            all.push((signature, target));
        }
        all
    }

    /// The place of a result among those of its row, which begin at `begin`.
    fn target(&mut self, begin: usize, signature: u32, labels: Labels, dropped: bool) -> Target {
        let one_to_one = self.binary.matching.card == Cardinality::OneToOne;
        let fresh = self.claims.len();
        let by_labels = (!one_to_one).then(|| labels.clone());
        let claim = *self.claims.entry((signature, by_labels)).or_insert(fresh);
        if let Some(known) = self.output_of_row(begin, &labels) {
            return Target { output: known, claim };
        }
        let keeps = !changes_metric(self.binary);
        let drop_name = self.delayed && (self.binary.return_bool || (keeps && dropped));
        if self.series.len() - begin >= FEW_OUTPUTS {
            self.row_outputs.insert(labels.clone(), self.series.len());
        }
        self.series.push(Meta { labels, drop_name });
        Target { output: self.series.len() - 1, claim }
    }

    /// The output of these labels among those of the row that begins at `begin`.
    fn output_of_row(&mut self, begin: usize, labels: &Labels) -> Option<usize> {
        let row = self.series.get(begin..).unwrap_or_default();
        if row.len() <= FEW_OUTPUTS {
            self.row_outputs.clear();
        }
        let few = row.get(..row.len().min(FEW_OUTPUTS)).unwrap_or_default();
        let known = few.iter().position(|meta| meta.labels == *labels).map(|at| begin + at);
        known.or_else(|| self.row_outputs.get(labels).copied())
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = &self.binary.matching;
        let arithmetic = changes_metric(self.binary) && !self.binary.return_bool;
        let drops = arithmetic || self.binary.return_bool && !self.delayed;
        let listed = |name: &str| matching.labels.iter().any(|l| l == name);
        if matching.include.is_empty() {
            if matching.card != Cardinality::OneToOne {
                return if drops { without_name(many) } else { many.clone() };
            }
            let kept = many
                .iter()
                .filter(|(name, _)| listed(name) == matching.on && !(drops && RESERVED.contains(name)));
            return Labels::from_sorted(kept);
        }
        let mut labels = builder(many);
        if drops {
            labels.retain(|name, _| !RESERVED.contains(&name));
        }
        for name in &matching.include {
            labels.set(name, one.get(name).unwrap_or(""));
        }
        labels.build()
    }

    fn bytes(&self) -> usize {
        let labels: usize = self.series.iter().map(|meta| meta.labels.encoded_len() + 48).sum();
        labels + self.signatures.keys().map(|key| key.len() + 64).sum::<usize>() + self.claims.len() * 64
    }
}

impl Operator for Matched<'_> {
    fn series(&self) -> &[Meta] {
        &self.series
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        cx.cancel.check()?;
        if let Some(mut one) = self.one.take() {
            let held = Collected::of(cx, &mut *one)?;
            self.find_doubles(&held, one.series());
            self.held = Some(held);
        }
        let Some(held) = self.held.take() else { return Ok(None) };
        let part = match self.many.next(cx)? {
            Some(part) => self.join(cx, &held, &part).map(Some),
            None if !std::mem::replace(&mut self.finished, true) && self.fill_many.is_some() => {
                self.join_alone(cx, &held).map(Some)
            }
            None => Ok(None),
        };
        self.held = Some(held);
        part
    }
}

impl Matched<'_> {
    /// Finds the steps at which the "one" side has several series of one signature. That is an error as soon as
    /// the other side has anything at such a step, or is filled.
    fn find_doubles(&mut self, held: &Collected, series: &[Meta]) {
        // Of several at a step the one whose second series comes first is named.
        let mut pairs: Vec<Option<(u32, u32)>> = vec![None; self.steps];
        for group in self.members.iter().filter(|group| group.len() > 1) {
            for (step, named) in pairs.iter_mut().enumerate() {
                let mut present = group.iter().filter(|i| held.column(**i as usize).has(step));
                let (Some(first), Some(second)) = (present.next(), present.next()) else { continue };
                if named.is_none_or(|(_, earliest)| *second < earliest) {
                    *named = Some((*first, *second));
                }
            }
        }
        let side = if self.swapped { "left" } else { "right" };
        let mut last: Option<((u32, u32), Arc<str>)> = None;
        for (step, pair) in pairs.iter().enumerate().filter_map(|(step, pair)| Some((step, (*pair)?))) {
            if let Some((_, text)) = last.as_ref().filter(|(known, _)| *known == pair) {
                self.doubles.push((step, Arc::clone(text)));
                continue;
            }
            let (Some(a), Some(b)) = (series.get(pair.0 as usize), series.get(pair.1 as usize)) else {
                continue;
            };
            let matched = self.choice.of(&b.labels);
            // Sorted, so that the text does not depend on the order of reading.
            let (x, y) = if a.labels <= b.labels { (&a.labels, &b.labels) } else { (&b.labels, &a.labels) };
            let text: Arc<str> = format!(
                "found duplicate series for the match group {matched:?} on the {side} hand-side of the operation: [{x:?}, {y:?}];many-to-many matching not allowed: matching labels must be unique on one side",
            ).into();
            self.doubles.push((step, Arc::clone(&text)));
            last = Some((pair, text));
        }
    }

    fn join(&mut self, cx: &Context<'_>, held: &Collected, part: &Part) -> Result<Part, EngineError> {
        let rows = part.first..part.first + part.batch.len();
        let first = self.rows.get(rows.start).map_or(self.series.len(), |row| row.outputs.start);
        let end = self.rows.get(rows.end.saturating_sub(1)).map_or(first, |row| row.outputs.end);
        let mut batch = Batch::new(end.saturating_sub(first), self.steps);
        for (i, series) in rows.enumerate() {
            let column = part.batch.column(i);
            if column.is_empty() {
                continue;
            }
            self.refuse_doubles(&column)?;
            let Some(row) = self.rows.get(series) else { continue };
            let members = self.members.get(row.signature as usize).map_or(&[][..], Vec::as_slice);
            if let ([one], [target], None, true) =
                (members, &*row.targets, row.filled, self.paired.is_empty())
                && self.whole_columns(&column, &held.column(*one as usize), *target, first, &mut batch)?
            {
                continue;
            }
            self.steps_of_row(cx, series, &column, held, first, &mut batch)?;
        }
        let charge = cx.charge(&batch)?;
        Ok(Part::new(first, batch, charge))
    }

    fn refuse_doubles(&self, column: &Column<'_>) -> Result<(), EngineError> {
        match self.doubles.iter().find(|(step, _)| column.has(*step) || self.fill_many.is_some()) {
            Some((_, text)) => Err(EngineError::Exec(text.to_string())),
            None => Ok(()),
        }
    }

    /// One partner, numbers on both sides, arithmetic: columns at once.
    fn whole_columns(
        &mut self,
        many: &Column<'_>,
        one: &Column<'_>,
        target: Target,
        first: usize,
        batch: &mut Batch,
    ) -> Result<bool, EngineError> {
        let (left, right) = if self.swapped { (one, many) } else { (many, one) };
        let mut out = batch.column_mut(target.output.saturating_sub(first));
        if !self.elements.columns(left, right, &mut out) {
            return Ok(false);
        }
        let text = if self.one_to_one { MANY_TO_ONE } else { AMBIGUOUS };
        if let Some(taken) = self.claims.get_mut(target.claim) {
            for (taken, bits) in taken.iter_mut().zip(out.present.iter()) {
                if *taken & bits != 0 {
                    return Err(EngineError::Exec(text.to_owned()));
                }
                *taken |= bits;
            }
        }
        Ok(true)
    }

    fn steps_of_row(
        &mut self,
        cx: &Context<'_>,
        series: usize,
        column: &Column<'_>,
        held: &Collected,
        first: usize,
        batch: &mut Batch,
    ) -> Result<(), EngineError> {
        let Some(row) = self.rows.get(series) else { return Ok(()) };
        if row.targets.is_empty() && row.filled.is_none() {
            return Ok(());
        }
        let members = self.members.get(row.signature as usize).map_or(&[][..], Vec::as_slice);
        for step in 0..self.steps {
            let Some(mine) = side(column, step) else { continue };
            let partner = members.iter().enumerate().find_map(|(i, one)| {
                let target = row.targets.get(i).or(row.targets.last())?;
                Some((side(&held.column(*one as usize), step)?, *target))
            });
            let (theirs, target) = match (partner, row.filled, self.fill_one) {
                (Some(found), _, _) => found,
                (None, Some(target), Some(value)) => (Side::Float(value), target),
                _ => continue,
            };
            let (left, right) = if self.swapped { (theirs, mine) } else { (mine, theirs) };
            let element = self.elements.pair(cx, left, right);
            if element == Element::Refused {
                continue;
            }
            claim(&mut self.claims, target.claim, step, self.one_to_one)?;
            mark(&mut self.paired, row.signature as usize, step);
            put(batch, target.output.saturating_sub(first), step, element);
        }
        Ok(())
    }

    /// The series of the "one" side that found nobody, against the fill value.
    fn join_alone(&mut self, cx: &Context<'_>, held: &Collected) -> Result<Part, EngineError> {
        let targets = || self.alone.iter().filter_map(|(_, target)| target.as_ref());
        let first = targets().map(|target| target.output).min().unwrap_or(self.series.len());
        let end = targets().map(|target| target.output + 1).max().unwrap_or(first);
        if let Some((_, text)) = self.doubles.first() {
            return Err(EngineError::Exec(text.to_string()));
        }
        let mut batch = Batch::new(end - first, self.steps);
        for (i, (signature, target)) in self.alone.iter().enumerate() {
            let (Some(target), Some(fill)) = (target, self.fill_many) else { continue };
            let column = held.column(i);
            for step in 0..self.steps {
                let Some(mine) = side(&column, step) else { continue };
                let paired = self.paired.get(*signature as usize).and_then(|steps| steps.get(step / 64));
                if paired.is_some_and(|word| word >> (step % 64) & 1 == 1) {
                    continue;
                }
                let fill = Side::Float(fill);
                let (left, right) = if self.swapped { (mine, fill) } else { (fill, mine) };
                let element = self.elements.pair(cx, left, right);
                if element != Element::Refused {
                    claim(&mut self.claims, target.claim, step, self.one_to_one)?;
                    put(&mut batch, target.output - first, step, element);
                }
            }
        }
        let charge = cx.charge(&batch)?;
        Ok(Part::new(first, batch, charge))
    }
}

#[inline]
fn side<'c>(column: &Column<'c>, step: usize) -> Option<Side<'c>> {
    match column.float(step) {
        Some(value) => Some(Side::Float(value)),
        None => column.histogram(step).map(Side::Histogram),
    }
}

/// Takes a step; even what a comparison filters away has to match only once.
fn claim(claims: &mut [Vec<u64>], claim: usize, step: usize, one_to_one: bool) -> Result<(), EngineError> {
    let Some(word) = claims.get_mut(claim).and_then(|steps| steps.get_mut(step / 64)) else { return Ok(()) };
    let bit = 1 << (step % 64);
    if *word & bit != 0 {
        let text = if one_to_one { MANY_TO_ONE } else { AMBIGUOUS };
        return Err(EngineError::Exec(text.to_owned()));
    }
    *word |= bit;
    Ok(())
}

fn mark(paired: &mut [Vec<u64>], signature: usize, step: usize) {
    if let Some(word) = paired.get_mut(signature).and_then(|steps| steps.get_mut(step / 64)) {
        *word |= 1 << (step % 64);
    }
}

fn put(batch: &mut Batch, series: usize, step: usize, element: Element) {
    match element {
        Element::Float(value) => batch.column_mut(series).set(step, value),
        Element::Histogram(histogram) => batch.column_mut(series).set_histogram(step, histogram),
        Element::Filtered | Element::Refused => {}
    }
}
